//! A simulated cluster, which is slow and fails at times.

use std::fmt::Write as _;
use std::io::Read as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use hardcap_proxy::job::search::{Flavor, PointInTime, Search, SearchError, SearchFuture};
use serde_json::Value;

use super::tasks::wait;
use super::{Life, Mishap, World};

pub(crate) struct Documents {
    pub world: Arc<World>,
    pub life: Arc<Life>,
}

fn hit(number: u64) -> String {
    let text = "é\"x".repeat(usize::try_from(number % 40).unwrap_or_default());
    let source = serde_json::json!({ "number": number, "text": text });
    format!(r#"{{"_index":"logs","_id":"{number}","_source":{source},"sort":[{number}]}}"#)
}

/// The expected export. The positions of gzip members may differ, but not their content.
pub(crate) fn export_of(documents: u64, gzip: bool, stored: Option<&Bytes>) -> Option<Bytes> {
    let lines = (0..documents).fold(String::new(), |mut lines, number| {
        writeln!(lines, "{}", hit(number)).expect("a String takes everything");
        lines
    });
    if !gzip {
        return Some(lines.into());
    }
    let mut unpacked = String::new();
    let stored = stored?;
    flate2::read::MultiGzDecoder::new(&stored[..]).read_to_string(&mut unpacked).expect("gzip");
    (unpacked == lines).then(|| stored.clone())
}

impl Documents {
    async fn answer<T>(
        &self,
        answer: impl FnOnce() -> Result<T, SearchError>,
    ) -> Result<T, SearchError> {
        let pause = self.world.roll(|seeded_rng| 500 + seeded_rng.below(1_000));
        wait(Duration::from_millis(pause)).await;
        match self.world.mishap() {
            Mishap::Kill => self.life.end().await,
            Mishap::FailBefore | Mishap::FailAfter => {
                self.world.count(|counts| counts.faults += 1);
                return Err(SearchError::Again("503".to_owned()));
            }
            Mishap::Delay(span) => {
                self.world.count(|counts| counts.delays += 1);
                wait(span).await;
            }
            Mishap::None => {}
        }
        answer()
    }
}

impl Search for Documents {
    fn open<'a>(&'a self, _: &'a str) -> SearchFuture<'a, PointInTime> {
        Box::pin(
            self.answer(|| Ok(PointInTime { id: "pit".to_owned(), flavor: Flavor::OpenSearch })),
        )
    }

    fn page(&self, body: Value, _: usize) -> SearchFuture<'_, Bytes> {
        Box::pin(self.answer(move || {
            let after = body.pointer("/search_after/0").and_then(Value::as_u64);
            let first = after.map_or(0, |after| after + 1);
            let end = (first + body["size"].as_u64().unwrap_or(10)).min(self.world.plan.documents);
            let hits: Vec<String> = (first..end).map(hit).collect();
            let total = self.world.plan.documents;
            Ok(format!(
                r#"{{"pit_id":"pit","timed_out":false,"_shards":{{"failed":0}},"hits":{{"total":{{"value":{total},"relation":"eq"}},"hits":[{}]}}}}"#,
                hits.join(",")
            )
            .into())
        }))
    }

    fn close<'a>(&'a self, _: &'a PointInTime) -> BoxFuture<'a, ()> {
        Box::pin(async {
            let _ = self.answer(|| Ok(())).await;
        })
    }
}
