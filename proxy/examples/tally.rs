//! The function `job` with a third kind of job: `tally`, which counts the hits of a search by the value of a field.
//!
//! Deploy this program in place of `job`. A job is created with `Engine::create::<Tally>`; the test does so in memory.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;

use hardcap_proxy::job::search::{PointInTime, Search, named, sort};
use hardcap_proxy::job::{Context, Job, JobError, Output, Progress, Step, StepError};
use hardcap_proxy::programs::jobs::run_job_with;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The number of hits of a page.
const PAGE_HITS: u64 = 1_000;
/// The maximum size of a page, in bytes.
const PAGE_BYTES: usize = 8 * 1024 * 1024;

/// The request for a tally.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Request {
    index: String,
    field: String,
}

/// The state of a tally: the position in the search, and the counts so far.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Tally {
    point: Option<PointInTime>,
    after: Option<Value>,
    hits: u64,
    counts: BTreeMap<String, u64>,
}

/// A page of hits, as far as it is needed.
#[derive(Deserialize)]
struct Page {
    pit_id: Option<String>,
    hits: Hits,
}

#[derive(Deserialize)]
struct Hits {
    hits: Vec<Hit>,
}

#[derive(Deserialize)]
struct Hit {
    #[serde(default, rename = "_source")]
    source: Value,
    sort: Option<Value>,
}

impl Job for Tally {
    const KIND: &'static str = "tally";
    type Input = Request;
    type Tools = Arc<dyn Search>;

    /// Counts one page. A repeated step counts it from the state before, so no hit counts twice.
    async fn step(&mut self, context: &Context<'_, Self>) -> Result<Step, StepError> {
        let mut point = match &self.point {
            Some(point) => point.clone(),
            None => {
                let opened = context.tools.open(&context.input.index).await?;
                self.point.insert(opened).clone()
            }
        };
        let page = context.tools.page(self.search(&point, context.input), PAGE_BYTES).await?;
        let page: Page = serde_json::from_slice(&page)
            .map_err(|error| StepError::Again(format!("the response is not a page: {error}")))?;
        for hit in &page.hits.hits {
            let value = hit.source.get(&context.input.field).map_or("missing".to_owned(), text);
            *self.counts.entry(value).or_default() += 1;
        }
        self.hits += page.hits.hits.len() as u64;
        let Some(last) = page.hits.hits.last() else {
            let result = self.result(context).await?;
            self.clean_up(context.tools).await;
            return Ok(Step::Complete(result));
        };
        let no_sort =
            || JobError::new("unsorted", "The upstream does not sort", "A hit has no `sort`.");
        self.after = Some(last.sort.clone().ok_or_else(no_sort)?);
        point.id = page.pit_id.unwrap_or(point.id);
        self.point = Some(point);
        Ok(Step::Continue)
    }

    fn progress(&self) -> Progress {
        Progress { items: self.hits, ..Progress::default() }
    }

    async fn clean_up(&mut self, search: &Arc<dyn Search>) {
        if let Some(point) = self.point.take() {
            search.close(&point).await;
        }
    }
}

impl Tally {
    fn search(&self, point: &PointInTime, request: &Request) -> Value {
        let mut body = json!({
            "pit": named(point),
            "size": PAGE_HITS,
            "sort": sort(None, point.flavor),
            "_source": [request.field],
            "track_total_hits": false,
        });
        if let Some(after) = &self.after {
            body["search_after"] = after.clone();
        }
        body
    }

    async fn result(&self, context: &Context<'_, Self>) -> Result<Output, StepError> {
        let headers =
            HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
        Output::put(context, headers, json!(self.counts).to_string().into()).await
    }
}

/// A value as the name of a count.
fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn main() -> ExitCode {
    run_job_with(|engine, search| engine.with::<Tally>(search))
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use futures_util::future::{BoxFuture, ready};
    use hardcap_limits::Limits;
    use hardcap_proxy::job::memory::{MemoryBlobs, MemoryQueue, MemoryRows};
    use hardcap_proxy::job::ports::{Clock as _, Ports, SystemClock};
    use hardcap_proxy::job::search::{Flavor, SearchFuture};
    use hardcap_proxy::job::{Engine, JobSettings, NewJob};

    use super::*;

    /// A cluster of documents `{"level": "info"}` and, every third, `{"level": "warn"}`.
    struct Cluster {
        documents: u64,
        open: Mutex<i32>,
    }

    impl Search for Cluster {
        fn open<'a>(&'a self, _: &'a str) -> SearchFuture<'a, PointInTime> {
            *self.open.lock().expect("no test panics with the lock") += 1;
            Box::pin(ready(Ok(PointInTime { id: "p".to_owned(), flavor: Flavor::OpenSearch })))
        }

        fn page(&self, body: Value, _: usize) -> SearchFuture<'_, bytes::Bytes> {
            let from = body["search_after"][0].as_u64().map_or(0, |last| last + 1);
            let to = (from + body["size"].as_u64().expect("a size")).min(self.documents);
            let level = |number: u64| if number.is_multiple_of(3) { "warn" } else { "info" };
            let hit =
                |number: u64| json!({ "_source": { "level": level(number) }, "sort": [number] });
            let hits: Vec<Value> = (from..to).map(hit).collect();
            Box::pin(ready(Ok(json!({ "hits": { "hits": hits } }).to_string().into())))
        }

        fn close<'a>(&'a self, _: &'a PointInTime) -> BoxFuture<'a, ()> {
            *self.open.lock().expect("no test panics with the lock") -= 1;
            Box::pin(ready(()))
        }
    }

    #[tokio::test]
    async fn a_tally_counts_every_hit_once_over_several_generations() {
        let event_max = Limits::classic().lambda_async_request.max.0;
        let (blobs, queue) =
            (Arc::new(MemoryBlobs::default()), Arc::new(MemoryQueue::new(event_max)));
        let ports = Ports {
            rows: Arc::new(MemoryRows::default()),
            blobs: blobs.clone(),
            invoker: queue.clone(),
            clock: Arc::new(SystemClock),
        };
        // Two pages in each invocation.
        let settings = JobSettings { steps_max: 2, ..JobSettings::new(event_max) };
        let cluster = Arc::new(Cluster { documents: 5_500, open: Mutex::default() });
        let engine = Engine::new(ports, settings).with::<Tally>(cluster.clone());
        let request = Request { index: "logs".to_owned(), field: "level".to_owned() };
        let new = NewJob { owner: "me", input: &request, key: None };
        let row = engine.create::<Tally>(new).await.expect("the job is created");
        while let Some(event) = queue.take() {
            engine.run(&event, SystemClock.now() + 60_000).await.expect("the generation runs");
        }
        let row = engine.find("me", &row.id).await.expect("memory works").expect("the job exists");
        let key = engine.result_key(&row).unwrap_or_else(|| panic!("{row:?}"));
        let (_, counts) = blobs.object(&key).expect("the result is stored");
        assert_eq!(counts, r#"{"info":3666,"warn":1834}"#);
        assert_eq!((row.generation, row.progress.items), (4, 5_500));
        assert_eq!(*cluster.open.lock().expect("no test panics with the lock"), 0);
    }
}
