//! What whole jobs are run on: the programs `proxy`, `job` and `sweeper`, an emulator around them, and an upstream.

use std::time::Duration;

use hardcap::Emulator;
use hardcap::config::{Bucket, Function, Queue, RecursiveLoop, Schedule, Table};
use hardcap_limits::{Date, Millis};
use hardcap_tests::client::{Answer, Call, Client};
use hardcap_tests::functions::proxy;
use hardcap_tests::process::binary;
use hardcap_tests::search::{Index, Search, SearchConfig};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

/// How many documents there are, unless a plan says otherwise.
const DOCUMENTS: u64 = 500;
const DOCUMENT_BYTES: usize = 300;
/// Far more looks than a job of some seconds takes; then it is stuck.
const LOOKS_MAX: u32 = 300;
const SWEEPER_ARN: &str = "arn:aws:lambda:us-east-1:000000000000:function:sweeper";
const DEAD_LETTERS_ARN: &str = "arn:aws:sqs:us-east-1:000000000000:dead-letters";

pub(crate) struct Stage {
    pub(crate) emulator: Emulator,
    pub(crate) search: Search,
    index: Index,
    looks_max: u32,
    pub(crate) client: Client,
}

/// What a stage is like beyond the usual.
pub(crate) struct Plan {
    pub(crate) recursive_loop: RecursiveLoop,
    /// The day of the limits.
    pub(crate) date: Date,
    pub(crate) job_timeout: Millis,
    /// How many documents the index `logs` has.
    pub(crate) documents: u64,
    /// How long the upstream takes for each search.
    pub(crate) search_takes: Millis,
    /// How often a job is looked at, ten times a second, before it is thought to be stuck.
    pub(crate) looks_max: u32,
    /// The largest asynchronous event that Lambda takes, in bytes.
    pub(crate) event_max: u64,
    pub(crate) variables: &'static [(&'static str, &'static str)],
}

impl Plan {
    pub(crate) fn usual() -> Plan {
        Plan {
            recursive_loop: RecursiveLoop::Allow,
            date: Date::CLASSIC,
            job_timeout: Millis(20_000),
            documents: DOCUMENTS,
            search_takes: Millis(0),
            looks_max: LOOKS_MAX,
            event_max: 1_500,
            variables: &[],
        }
    }
}

/// Parts of some kilobytes, so that many of them are a small export; no long waits.
const SMALL: [(&str, u64); 2] = [("s3_part_min", 1), ("lambda_async_first_wait", 100)];
const SMALL_FOR_FUNCTIONS: [(&str, &str); 4] = [
    ("JOBS_TABLE", "jobs"),
    ("JOB_FUNCTION", "job"),
    ("JOB_PART_BYTES", "3000"),
    ("JOB_GRACE_MS", "200"),
];

pub(crate) async fn stage(plan: Plan) -> Stage {
    let index = Index::new("logs", plan.documents, DOCUMENT_BYTES);
    let search = SearchConfig {
        indices: vec![index.clone()],
        search_takes: plan.search_takes,
        ..SearchConfig::default()
    };
    let search = Search::start(search).await.unwrap();
    let function = |name: &str| {
        let mut function = proxy(&search.url(), "answers");
        function.name = name.to_owned();
        let limits = format!("lambda_async_request={}", plan.event_max);
        function.environment.insert("LIMIT_OVERRIDES".to_owned(), limits);
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
    job.events.dead_letter = Some(DEAD_LETTERS_ARN.to_owned());
    let mut sweeper = program("sweeper");
    sweeper.timeout = Millis(20_000);
    sweeper.schedules =
        vec![Schedule { name: "sweep".to_owned(), rate: Millis(60_000), input: None }];
    let mut builder = Emulator::builder()
        .limits(plan.date)
        .function(function("proxy"))
        .function(job)
        .function(sweeper)
        .function_url("proxy")
        .set("lambda_async_request", plan.event_max)
        .queue(Queue::new("dead-letters"))
        .bucket(Bucket { name: "answers".to_owned(), ..Bucket::default() })
        .table(Table { ttl_attribute: Some("forget".to_owned()), ..Table::new("jobs", "pk") });
    for (row, value) in SMALL {
        builder = builder.set(row, value);
    }
    let emulator = builder.start().await.unwrap();
    search.ask_for_keys_at(format!("{}/keys", emulator.control_url()));
    Stage { emulator, search, index, looks_max: plan.looks_max, client: Client::new() }
}

impl Stage {
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.emulator.function_url("proxy").unwrap().trim_end_matches('/'))
    }

    pub(crate) async fn send(&self, call: Call) -> Answer {
        self.client.send(&call).await.expect("the function URL answers")
    }

    pub(crate) async fn export(&self, request: Value) -> String {
        let call = Call::post(self.url("/_proxy/jobs"), request.to_string());
        let accepted = self.send(call.header("content-type", "application/json")).await;
        assert_eq!(accepted.status, 202, "{accepted:?}");
        accepted.header("location").expect("a 202 says where the job is").to_owned()
    }

    pub(crate) async fn job(&self, location: &str) -> Value {
        let answer = self.send(Call::get(self.url(location))).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    /// The job once it has ended. Its state changes in a table, which tells nobody: it is looked at. Sweeps are made here,
    /// as the schedule would once a minute.
    pub(crate) async fn ended(&self, location: &str) -> Value {
        let mut job = Value::Null;
        for _ in 0..self.looks_max {
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
        panic!("it does not end: {job}\n{}", self.queue().await);
    }

    /// The queue of asynchronous events, as the control surface shows it.
    pub(crate) async fn queue(&self) -> Value {
        let queue = self.client.get(format!("{}/queue", self.emulator.control_url())).await;
        queue.expect("the control surface answers").json()
    }

    /// Fetches the result.
    pub(crate) async fn result(&self, job: &Value) -> Answer {
        assert_eq!(job["state"], "complete", "{job}");
        let link = job["result"]["location"].as_str().expect("a complete job has a link");
        let result = self.client.get(link).await.expect("S3 answers");
        assert_eq!(result.status, 200, "{result:?}");
        assert_eq!(hex::encode(result.sha256()), job["result"]["sha256"].as_str().unwrap());
        assert_eq!(result.header("content-type"), Some("application/x-ndjson"));
        result
    }

    /// Fetches the result, and compares it with what the index holds.
    pub(crate) async fn check_result(&self, job: &Value) {
        let result = self.result(job).await;
        assert_eq!(result.header("content-encoding"), None);
        self.check_lines(result.text());
    }

    /// Compares lines with what the index holds.
    pub(crate) fn check_lines(&self, text: &str) {
        let mut lines = text.lines();
        for number in 0..self.index.documents {
            let line: Value = serde_json::from_str(lines.next().expect("a line a hit")).unwrap();
            let source: Value = serde_json::from_str(&self.index.source(number)).unwrap();
            assert_eq!(line["_source"], source, "hit {number}");
        }
        assert_eq!(lines.next(), None, "and no more");
    }

    /// Ends the processes of a function as the kernel does when memory is out; how many there were. Other tests have
    /// functions of the same name, whose environment names another emulator.
    pub(crate) fn kill_functions(&self, name: &str) -> usize {
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
