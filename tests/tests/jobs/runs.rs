//! Whole jobs in real functions: the programs `proxy`, `job` and `sweeper`, the emulator's queue, S3 and DynamoDB.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use hardcap::Emulator;
use hardcap::config::{Bucket, Function, RecursiveLoop, Schedule, Table};
use hardcap_limits::Millis;
use hardcap_tests::client::{Answer, Call, Client};
use hardcap_tests::content::{Content, Kind};
use hardcap_tests::functions::proxy;
use hardcap_tests::process::binary;
use hardcap_tests::search::{Index, Search, SearchConfig};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

const DOCUMENTS: u64 = 500;
/// Far more than any of these jobs takes; then it is stuck.
const LOOKS_MAX: u32 = 300;
const SWEEPER_ARN: &str = "arn:aws:lambda:us-east-1:000000000000:function:sweeper";

struct Stage {
    emulator: Emulator,
    search: Search,
    client: Client,
}

/// What a stage is like beyond the usual.
struct Plan {
    recursive_loop: RecursiveLoop,
    job_timeout: Millis,
    variables: &'static [(&'static str, &'static str)],
}

impl Plan {
    fn usual() -> Plan {
        let timeout = Millis(20_000);
        Plan { recursive_loop: RecursiveLoop::Allow, job_timeout: timeout, variables: &[] }
    }
}

/// Parts of some kilobytes, so that many of them are a small export; events of little more than a kilobyte.
const SMALL: [(&str, u64); 3] =
    [("s3_part_min", 1), ("lambda_async_request", 1_500), ("lambda_async_first_wait", 100)];
const SMALL_FOR_FUNCTIONS: [(&str, &str); 5] = [
    ("JOBS_TABLE", "jobs"),
    ("JOB_FUNCTION", "job"),
    ("JOB_PART_BYTES", "3000"),
    ("JOB_GRACE_MS", "200"),
    ("LIMIT_OVERRIDES", "lambda_async_request=1500"),
];

async fn stage(plan: Plan) -> Stage {
    let index = Index::new("logs", DOCUMENTS, 300);
    let search = SearchConfig { indices: vec![index], ..SearchConfig::default() };
    let search = Search::start(search).await.unwrap();
    let function = |name: &str| {
        let mut function = proxy(&search.url(), "answers");
        function.name = name.to_owned();
        for (name, value) in SMALL_FOR_FUNCTIONS.iter().chain(plan.variables) {
            function.environment.insert((*name).to_owned(), (*value).to_owned());
        }
        function
    };
    let program = |name: &str| {
        let shell = Function::new(name, [binary("hardcap-proxy", name)]);
        Function { environment: function(name).environment, memory_mb: 128, ..shell }
    };
    let mut job = program("job");
    job.timeout = plan.job_timeout;
    job.recursive_loop = plan.recursive_loop;
    job.events.on_failure = Some(SWEEPER_ARN.to_owned());
    let mut sweeper = program("sweeper");
    sweeper.timeout = Millis(20_000);
    sweeper.schedules =
        vec![Schedule { name: "sweep".to_owned(), rate: Millis(60_000), input: None }];
    let mut builder = Emulator::builder()
        .function(function("proxy"))
        .function(job)
        .function(sweeper)
        .function_url("proxy")
        .bucket(Bucket { name: "answers".to_owned(), ..Bucket::default() })
        .table(Table { ttl_attribute: Some("forget".to_owned()), ..Table::new("jobs", "pk") });
    for (row, value) in SMALL {
        builder = builder.set(row, value);
    }
    let emulator = builder.start().await.unwrap();
    search.ask_for_keys_at(format!("{}/keys", emulator.control_url()));
    Stage { emulator, search, client: Client::new() }
}

impl Stage {
    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.emulator.function_url("proxy").trim_end_matches('/'))
    }

    async fn send(&self, call: Call) -> Answer {
        self.client.send(&call).await.expect("the function URL answers")
    }

    async fn export(&self, request: Value) -> String {
        let call = Call::post(self.url("/_proxy/jobs"), request.to_string());
        let accepted = self.send(call.header("content-type", "application/json")).await;
        assert_eq!(accepted.status, 202, "{accepted:?}");
        accepted.header("location").expect("a 202 says where the job is").to_owned()
    }

    async fn job(&self, location: &str) -> Value {
        let answer = self.send(Call::get(self.url(location))).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    /// The job once it has ended. Its state changes in a table, which tells nobody: it is looked at. Sweeps are made here,
    /// as the schedule would once a minute.
    async fn ended(&self, location: &str) -> Value {
        let mut job = Value::Null;
        for _ in 0..LOOKS_MAX {
            job = self.job(location).await;
            if !matches!(job["state"].as_str(), Some("queued" | "running")) {
                return job;
            }
            let url = self.emulator.aws_url();
            let sweep = Call::post(format!("{url}/2015-03-31/functions/sweeper/invocations"), "{}");
            let swept = self.send(sweep).await;
            assert_eq!(
                (swept.status.as_u16(), &swept.json()["failed"]),
                (200, &json!(0)),
                "{swept:?}"
            );
            hardcap_proxy::clock::wait(Duration::from_millis(100)).await;
        }
        let queue = self.client.get(format!("{}/queue", self.emulator.control_url())).await;
        panic!("it does not end: {job}\n{}", queue.expect("the control surface").text());
    }

    /// Fetches the result, and compares it with what the index holds.
    async fn check_result(&self, job: &Value) {
        assert_eq!(job["state"], "complete", "{job}");
        let link = job["result"]["location"].as_str().expect("a complete job has a link");
        let result = self.client.get(link).await.expect("S3 answers");
        assert_eq!(result.status, 200, "{result:?}");
        assert_eq!(hex::encode(result.sha256()), job["result"]["sha256"].as_str().unwrap());
        assert_eq!(result.header("content-type"), Some("application/x-ndjson"));
        let index = Index::new("logs", DOCUMENTS, 300);
        let mut lines = result.text().lines();
        for number in 0..DOCUMENTS {
            let line: Value = serde_json::from_str(lines.next().expect("a line a hit")).unwrap();
            let source: Value = serde_json::from_str(&index.source(number)).unwrap();
            assert_eq!(line["_source"], source, "hit {number}");
        }
        assert_eq!(lines.next(), None, "and no more");
    }
}

fn export() -> Value {
    json!({ "index": "logs", "page_size": 10 })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_of_forty_generations_is_whole() {
    let variables = &[("JOB_STEPS_PER_GENERATION", "1")];
    let stage = stage(Plan { variables, ..Plan::usual() }).await;
    let location = stage.export(export()).await;
    let job = stage.ended(&location).await;
    stage.check_result(&job).await;
    let generations = job["generation"].as_u64().unwrap();
    assert!(generations >= 40, "{job}");
    let totals = stage.emulator.totals();
    let events = totals.limits.get("lambda_async_request").cloned().unwrap_or_default();
    assert_eq!(events.refused, 0, "what does not fit inline goes by reference: {events:?}");
    assert!(events.highest > 1_000, "as long as it fits, it goes inline: {events:?}");
    assert!(stage.search.received().len() >= 50, "page after page");
}

#[tokio::test(flavor = "multi_thread")]
async fn j1_without_recursive_loop_allow_the_job_fails_and_says_so() {
    let variables = &[("JOB_STEPS_PER_GENERATION", "1")];
    let recursive_loop = RecursiveLoop::Terminate;
    let stage = stage(Plan { variables, recursive_loop, ..Plan::usual() }).await;
    let location = stage.export(export()).await;
    let job = stage.ended(&location).await;
    assert_eq!(
        (&job["state"], &job["error"]["code"]),
        (&json!("failed"), &json!("recursion")),
        "{job}"
    );
    let detail = job["error"]["detail"].as_str().unwrap();
    assert!(detail.contains("`RecursiveLoop: Allow`"), "{detail}");
    let generation = job["generation"].as_u64().unwrap();
    assert!((15..=18).contains(&generation), "about sixteen: {job}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_function_that_is_killed_is_begun_again_and_the_result_is_whole() {
    // One hit a page makes the export long enough to be met alive.
    let stage = stage(Plan { job_timeout: Millis(3_000), ..Plan::usual() }).await;
    let location = stage.export(json!({ "index": "logs", "page_size": 1 })).await;
    let mut killed = 0;
    while killed == 0 {
        let job = stage.job(&location).await;
        assert_ne!(job["state"], "complete", "it was too quick to be killed: {job}");
        if job["state"] == "running" {
            killed = stage.kill_functions("job");
        }
    }
    let job = stage.ended(&location).await;
    stage.check_result(&job).await;
}

impl Stage {
    /// Ends the processes of a function as the kernel does when memory is out; how many there were. Other tests have
    /// functions of the same name, whose environment names another emulator.
    fn kill_functions(&self, name: &str) -> usize {
        let here = self.emulator.aws_url();
        let processes = std::fs::read_dir("/proc").unwrap().flatten().filter(|process| {
            let program = std::fs::read_link(process.path().join("exe")).unwrap_or_default();
            let environment = std::fs::read(process.path().join("environ")).unwrap_or_default();
            program.file_name().is_some_and(|file| file == name)
                && String::from_utf8_lossy(&environment).contains(here)
        });
        let ids = processes.filter_map(|process| process.file_name().to_str()?.parse().ok());
        ids.filter_map(Pid::from_raw).filter(|id| kill_process(*id, Signal::KILL).is_ok()).count()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forwarded_request_is_answered_inline_or_through_s3_byte_for_byte() {
    let stage = stage(Plan::usual()).await;
    for size in [0, 1_000, 4_000_000, 20_000_000] {
        let content = Content { kind: Kind::Incompressible, size, seed: 5 };
        let call = Call::get(stage.url(&content.path())).header("prefer", "respond-async, wait=25");
        let digested = stage.client.fetch_digest(&call).await.unwrap();
        assert_eq!(digested.status, 200, "{size}: {digested:?}");
        assert_eq!(digested.sha256, content.digest(), "{size}: {digested:?}");
    }
    let listed = stage.job("/_proxy/jobs").await;
    let states: Vec<&Value> =
        listed["jobs"].as_array().unwrap().iter().map(|job| &job["state"]).collect();
    assert_eq!(states, ["complete"; 4], "{listed}");
}
