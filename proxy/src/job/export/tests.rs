//! Exports against a cluster with a bad manner each.

use std::sync::Mutex;

use futures_util::future::BoxFuture;

use serde_json::json;

use super::*;
use crate::clock;
use crate::job::memory::{MemoryBlobs, MemoryQueue, MemoryRows};
use crate::job::ports::{Ports, SystemClock};
use crate::job::search::{Flavor, SearchFuture, sort};
use crate::job::{Engine, JobSettings, JobState, NewJob, Row};

/// Answers page after page with what it was given; then with an empty one.
struct Script {
    pages: Mutex<Vec<Result<&'static str, SearchError>>>,
    asked: Mutex<Vec<Value>>,
    opened: Mutex<u32>,
}

const EMPTY: &str = r#"{"_shards":{"failed":0},"hits":{"hits":[]}}"#;

impl Search for Script {
    fn open<'a>(&'a self, _: &'a str) -> SearchFuture<'a, PointInTime> {
        let mut opened = self.opened.lock().unwrap();
        *opened += 1;
        let id = format!("pit-{opened}");
        Box::pin(async { Ok(PointInTime { id, flavor: Flavor::Elasticsearch }) })
    }

    fn page(&self, body: Value, _: usize) -> SearchFuture<'_, Bytes> {
        self.asked.lock().unwrap().push(body);
        let mut pages = self.pages.lock().unwrap();
        let page = if pages.is_empty() { Ok(EMPTY) } else { pages.remove(0) };
        Box::pin(async { page.map(|page| Bytes::from_static(page.as_bytes())) })
    }

    fn close<'a>(&'a self, _: &'a PointInTime) -> BoxFuture<'a, ()> {
        Box::pin(async {})
    }
}

struct Exported {
    row: Row,
    bytes: Option<Bytes>,
    script: Arc<Script>,
}

type Pages = Vec<Result<&'static str, SearchError>>;

async fn export(pages: Pages, part_bytes: usize) -> Exported {
    export_within(JobSettings::new(2_000), pages, part_bytes).await
}

async fn export_within(settings: JobSettings, pages: Pages, part_bytes: usize) -> Exported {
    let script =
        Script { pages: Mutex::new(pages), asked: Mutex::default(), opened: Mutex::new(0) };
    let script = Arc::new(script);
    let blobs = Arc::new(MemoryBlobs::default());
    let queue = Arc::new(MemoryQueue::new(2_000));
    let rows = Arc::new(MemoryRows::default());
    let clock = Arc::new(SystemClock);
    let ports = Ports { rows, blobs: blobs.clone(), invoker: queue.clone(), clock };
    let tools = Tools { search: script.clone(), part_bytes, result_max: 1_000 };
    let engine = Engine::new(ports, settings).with::<Export>(tools);
    let request: Request = serde_json::from_str(r#"{"index":"logs","page_size":8}"#).unwrap();
    let new = NewJob { owner: "ada", input: &request, key: None };
    let row = engine.create::<Export>(new).await.unwrap();
    while let Some(event) = queue.take() {
        engine.run(&event, clock::epoch_millis() + 60_000).await.unwrap();
    }
    let row = engine.find("ada", &row.id).await.unwrap().unwrap();
    let bytes = engine.result_key(&row).and_then(|key| blobs.object(&key)).map(|(_, b)| b);
    assert_eq!(blobs.open_uploads(), 0);
    Exported { row, bytes, script }
}

fn code(row: &Row) -> &str {
    row.error.as_ref().map_or("", |problem| problem.code.as_str())
}

const ONE: &str =
    r#"{"pit_id":"moved","hits":{"total":{"value":2},"hits":[{"_id":"1","n":1.0,"sort":[1.50]}]}}"#;
const TWO: &str =
    "{\"hits\":{\"hits\":[{\"_id\":\"2\",\r\n \"t\":\"a\\nb\",\"sort\":[\"z\", 2]}]}}";

#[tokio::test]
async fn hits_are_written_unchanged_and_the_cursor_is_exact() {
    for part_bytes in [1, 50, 10_000] {
        let Exported { row, bytes, script } = export(vec![Ok(ONE), Ok(TWO)], part_bytes).await;
        assert_eq!(row.state, JobState::Complete, "{row:?}");
        let expected = "{\"_id\":\"1\",\"n\":1.0,\"sort\":[1.50]}\n{\"_id\":\"2\",   \"t\":\"a\\nb\",\"sort\":[\"z\", 2]}\n";
        assert_eq!(bytes.unwrap(), expected, "parts of {part_bytes}");
        let asked = script.asked.lock().unwrap().clone();
        assert_eq!(asked[0]["sort"], json!([{ "_shard_doc": "asc" }]));
        assert_eq!(asked[0]["pit"]["id"], "pit-1");
        assert_eq!(asked[1]["search_after"].to_string(), "[1.5]");
        assert_eq!(asked[1]["pit"]["id"], "moved", "the latest id is the one to use");
        assert_eq!(asked[2]["search_after"], json!(["z", 2]));
    }
}

#[tokio::test]
async fn the_last_step_of_a_generation_does_not_read_ahead() {
    let settings = JobSettings { steps_max: 1, ..JobSettings::new(2_000) };
    let Exported { row, script, .. } = export_within(settings, vec![Ok(ONE), Ok(TWO)], 1).await;
    assert_eq!((row.state, row.generation), (JobState::Complete, 4), "{row:?}");
    assert_eq!(script.asked.lock().unwrap().len(), 3, "two pages with hits, and one without");
}

#[tokio::test]
async fn a_search_without_hits_is_an_empty_object() {
    let Exported { row, bytes, .. } = export(vec![], 10).await;
    assert_eq!((row.state, bytes.unwrap().len()), (JobState::Complete, 0));
}

#[tokio::test]
async fn an_incomplete_page_is_repeated_and_missing_hits_fail_the_export() {
    let half = r#"{"timed_out":true,"hits":{"hits":[]}}"#;
    let failed = r#"{"_shards":{"failed":1},"hits":{"hits":[]}}"#;
    let Exported { row, .. } = export(vec![Ok(half), Ok(failed), Ok(ONE), Ok(TWO)], 10_000).await;
    assert_eq!((row.state, row.progress.items), (JobState::Complete, 2));
    let Exported { row, .. } = export(vec![Ok(ONE)], 10_000).await;
    assert_eq!((row.state, code(&row)), (JobState::Failed, "incomplete"));
}

#[tokio::test]
async fn a_page_that_is_too_large_is_halved() {
    let pages = vec![Err(SearchError::TooLarge), Err(SearchError::TooLarge), Ok(ONE), Ok(TWO)];
    let Exported { row, script, .. } = export(pages, 10_000).await;
    assert_eq!(row.state, JobState::Complete);
    let sizes: Vec<u64> =
        script.asked.lock().unwrap().iter().filter_map(|body| body["size"].as_u64()).collect();
    assert_eq!(sizes, [8, 4, 2, 2, 2]);
    let endless = vec![Err(SearchError::TooLarge); 9];
    assert_eq!(code(&export(endless, 10).await.row), "hit_too_large");
}

#[tokio::test]
async fn an_export_restarts_a_limited_number_of_times_after_a_lost_point_in_time() {
    let pages = vec![Ok(ONE), Err(SearchError::Lost), Ok(ONE), Ok(TWO)];
    let Exported { row, bytes, script } = export(pages, 1).await;
    assert_eq!(row.state, JobState::Complete, "{row:?}");
    assert_eq!(bytes.unwrap().iter().filter(|byte| **byte == b'\n').count(), 2, "no hit twice");
    assert_eq!(*script.opened.lock().unwrap(), 2);
    let lost = vec![Err(SearchError::Lost); 9];
    assert_eq!(code(&export(lost, 1).await.row), "export_lost");
}

#[tokio::test]
async fn an_export_that_grows_too_large_fails() {
    let long = Box::leak(
        format!(r#"{{"hits":{{"hits":[{{"t":"{}","sort":[1]}}]}}}}"#, "x".repeat(2_000))
            .into_boxed_str(),
    );
    assert_eq!(code(&export(vec![Ok(long)], 10).await.row), "result_too_large");
}

#[test]
fn a_sort_is_made_unambiguous_without_losing_what_was_asked() {
    let asked = json!({ "time": "desc" });
    let elastic = sort(Some(&asked), Flavor::Elasticsearch);
    assert_eq!(elastic, json!([{ "time": "desc" }]), "a point in time adds `_shard_doc` by itself");
    let open = sort(Some(&json!(["a", { "b": "asc" }])), Flavor::OpenSearch);
    assert_eq!(open, json!(["a", { "b": "asc" }, { "_index": "asc" }, { "_id": "asc" }]));
}
