//! What is measured: the programs `proxy` and `job` in an emulator, and an upstream for them to export from.

use std::io;
use std::time::Duration;

use hardcap::config::{Bucket, Function, RecursiveLoop, Table};
use hardcap::record::Observation;
use hardcap::{Clock, Emulator};
use hardcap_limits::{Date, Millis};
use hardcap_tests::client::{Call, Client};
use hardcap_tests::process::beside;
use hardcap_tests::search::{Index, Search, SearchConfig};
use serde_json::{Value, json};

/// The bucket of results.
pub(crate) const BUCKET: &str = "answers";
/// Between two looks at a job.
const LOOK: Millis = Millis(5);

/// Whether the state of a job fits an event.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Events {
    Inline,
    ByReference,
}

/// An export that is measured.
#[derive(Clone, Debug)]
pub(crate) struct Export {
    pub(crate) index: Index,
    /// Hits of a page.
    pub(crate) page: u64,
    /// Bytes of a part, at least.
    pub(crate) part: u64,
    pub(crate) events: Events,
    /// Steps of a generation, at most.
    pub(crate) steps: u64,
}

pub(crate) struct Stage {
    pub(crate) emulator: Emulator,
    pub(crate) client: Client,
    _search: Search,
    page: u64,
}

impl Stage {
    pub(crate) async fn start(export: Export) -> io::Result<Stage> {
        let Export { index, page, part, events, steps } = export;
        let search = SearchConfig { indices: vec![index], ..SearchConfig::default() };
        let search = Search::start(search).await?;
        // Less than a reference takes is more than nothing fits into.
        let event_max = match events {
            Events::Inline => 262_144_u64,
            Events::ByReference => 1,
        };
        let variables = [
            ("ACCESS", "open".to_owned()),
            ("UPSTREAM_URL", search.url()),
            ("OVERFLOW_BUCKET", BUCKET.to_owned()),
            ("JOBS_TABLE", "jobs".to_owned()),
            ("JOB_FUNCTION", "job".to_owned()),
            ("JOB_PART_BYTES", part.to_string()),
            ("JOB_STEPS_PER_GENERATION", steps.to_string()),
            ("LIMIT_OVERRIDES", format!("lambda_async_request={event_max}")),
        ];
        let function = |name: &str| {
            let mut function = Function::new(name, [beside(name)]);
            function.environment =
                variables.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
            function.memory_mb = 128;
            function.timeout = Millis(900_000);
            function
        };
        let mut job = function("job");
        job.recursive_loop = RecursiveLoop::Allow;
        let guest = beside("guest").into_os_string();
        let builder = Emulator::builder()
            .limits(Date::CLASSIC)
            .function(function("proxy"))
            .function(job)
            .function(Function::new("echo", [guest, "echo".into()]))
            .function_url("proxy")
            .bucket(Bucket { name: BUCKET.to_owned(), ..Bucket::default() })
            .table(Table::new("jobs", "pk"))
            .set("s3_part_min", 1);
        let emulator = builder.start().await.map_err(io::Error::other)?;
        search.ask_for_keys_at(format!("{}/keys", emulator.control_url()));
        Ok(Stage { emulator, client: Client::new(), _search: search, page })
    }

    /// Hands events to a function that does nothing, one after the other, each until it has ended.
    pub(crate) async fn invoke(&self, times: u32) -> io::Result<()> {
        let mut records = self.emulator.recorder().watch();
        let url = format!("{}/2015-03-31/functions/echo/invocations", self.emulator.aws_url());
        let call = Call::post(url, "{}").header("x-amz-invocation-type", "Event");
        for _ in 0..times {
            let accepted = self.client.send(&call).await?;
            if accepted.status != 202 {
                return Err(io::Error::other(format!("not accepted: {accepted:?}")));
            }
            loop {
                let record = records.recv().await.map_err(io::Error::other)?;
                if matches!(record.what, Observation::EventEnded { .. }) {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Exports the index; how long it took, and the job.
    pub(crate) async fn export(&self) -> io::Result<(Duration, Value)> {
        self.export_of("logs").await
    }

    pub(crate) async fn export_of(&self, index: &str) -> io::Result<(Duration, Value)> {
        let clock = Clock::default();
        let url = self
            .emulator
            .function_url("proxy")
            .expect("the stage has this URL")
            .trim_end_matches('/')
            .to_owned();
        let wanted = json!({ "index": index, "page_size": self.page }).to_string();
        let call = Call::post(format!("{url}/_proxy/jobs"), wanted);
        let watch = clock.stopwatch();
        let accepted = self.client.send(&call.header("content-type", "application/json")).await?;
        let location = accepted.header("location");
        let location = location.ok_or_else(|| io::Error::other(format!("{accepted:?}")))?;
        let location = format!("{url}{location}");
        loop {
            let job = self.client.get(&location).await?.json();
            let took = watch.elapsed();
            match job["state"].as_str() {
                Some("queued" | "running") => {
                    let _: Option<()> = clock.timeout(LOOK, std::future::pending()).await;
                }
                Some("complete") => return Ok((took, job)),
                _ => return Err(io::Error::other(format!("the job failed: {job}"))),
            }
        }
    }
}
