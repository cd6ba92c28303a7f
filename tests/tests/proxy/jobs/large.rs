//! An export of gigabytes through a function of 128 MB.

use std::fs::{read, read_dir, read_link, read_to_string};

use hardcap::Emulator;
use hardcap::config::{Bucket, Function, RecursiveLoop, Table};
use hardcap_limits::{Date, Millis};
use hardcap_tests::client::{Call, Client};
use hardcap_tests::export;
use hardcap_tests::functions::proxy;
use hardcap_tests::process::binary;
use hardcap_tests::search::{Index, Search, SearchConfig};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// 240,000 documents of 9 kB, which is more than 2 GiB of lines.
const DOCUMENTS: u64 = 240_000;
const DOCUMENT_BYTES: usize = 9_000;
const PAGE: u64 = 500;

fn index() -> Index {
    Index::new("wide", DOCUMENTS, DOCUMENT_BYTES)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: just test-all"]
async fn an_export_of_two_gibibytes_passes_a_function_of_128_megabytes() {
    let search = SearchConfig { indices: vec![index()], ..SearchConfig::default() };
    let search = Search::start(search).await.unwrap();
    let data = tempfile::tempdir().unwrap();
    let emulator = emulator(&search, data.path()).await;
    search.ask_for_keys_at(format!("{}/keys", emulator.control_url()));
    let client = Client::new();
    let url = emulator.function_url("proxy").unwrap().trim_end_matches('/').to_owned();

    let wanted = json!({ "index": "wide", "page_size": PAGE }).to_string();
    let call = Call::post(format!("{url}/_proxy/jobs"), wanted);
    let accepted = client.send(&call.header("content-type", "application/json")).await.unwrap();
    assert_eq!(accepted.status, 202, "{accepted:?}");
    let location = format!("{url}{}", accepted.header("location").unwrap());
    let mut peak = 0;
    let job = loop {
        let answer = client.get(&location).await.unwrap();
        let job: Value = answer.json();
        peak = peak.max(peak_megabytes("job", emulator.aws_url()).unwrap_or(0));
        if !matches!(job["state"].as_str(), Some("queued" | "running")) {
            break job;
        }
        hardcap_proxy::clock::wait(std::time::Duration::from_millis(200)).await;
    };
    assert_eq!(job["state"], "complete", "{job}");
    let bytes = job["result"]["bytes"].as_u64().unwrap();
    assert!(bytes > 2 * 1024 * 1024 * 1024, "{job}");
    println!("{bytes} bytes in {} generations; the function held {peak} MB", job["generation"]);
    assert!((1..128).contains(&peak), "the function held {peak} MB");

    let (expected, length) = plainly(&client).await;
    assert_eq!(bytes, length);
    assert_eq!(job["result"]["sha256"], json!(expected), "the bytes of a plain loop");
    let link = job["result"]["location"].as_str().unwrap();
    let stored = client.digest(&Call::get(link)).await.unwrap();
    assert_eq!((hex::encode(stored.sha256), stored.length), (expected, length), "and of S3");
}

async fn emulator(search: &Search, data: &std::path::Path) -> Emulator {
    let function = |name: &str| {
        let mut function = Function::new(name, [binary("hardcap-proxy", name)]);
        function.environment = proxy(&search.url(), "answers").environment;
        let variables = [("JOBS_TABLE", "jobs"), ("JOB_FUNCTION", "job")];
        for (name, value) in variables {
            function.environment.insert(name.to_owned(), value.to_owned());
        }
        function.memory_mb = 128;
        function.timeout = Millis(29_000);
        function
    };
    let mut job = function("job");
    job.timeout = Millis(900_000);
    job.recursive_loop = RecursiveLoop::Allow;
    let builder = Emulator::builder()
        .limits(Date::CLASSIC)
        .function(function("proxy"))
        .function(job)
        .function_url("proxy")
        .bucket(Bucket { name: "answers".to_owned(), ..Bucket::default() })
        .table(Table::new("jobs", "pk"))
        .data(data);
    builder.start().await.unwrap()
}

/// What a plain loop over the same documents makes: its digest and its length.
async fn plainly(client: &Client) -> (String, u64) {
    let open = SearchConfig { indices: vec![index()], ..SearchConfig::default() };
    let open = Search::start(open.without_verification()).await.unwrap();
    let (mut sha256, mut length) = (Sha256::new(), 0);
    let line = |bytes: &[u8]| {
        sha256.update(bytes);
        length += bytes.len() as u64;
    };
    export::plainly(client, &open.url(), "wide", PAGE, line).await.unwrap();
    (hex::encode(sha256.finalize()), length)
}

/// The most that a function's process has held, of those whose environment names this emulator.
fn peak_megabytes(name: &str, aws_url: &str) -> Option<u64> {
    let processes = read_dir("/proc").ok()?.flatten().filter(|process| {
        let program = read_link(process.path().join("exe")).unwrap_or_default();
        let environment = read(process.path().join("environ")).unwrap_or_default();
        program.file_name().is_some_and(|file| file == name)
            && String::from_utf8_lossy(&environment).contains(aws_url)
    });
    let peaks = processes.filter_map(|process| {
        let status = read_to_string(process.path().join("status")).ok()?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        peak.trim().trim_end_matches(" kB").parse::<u64>().ok()
    });
    peaks.max().map(|kilobytes| kilobytes / 1_000)
}
