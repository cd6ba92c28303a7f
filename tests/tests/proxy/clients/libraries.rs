//! The search clients themselves, as they are published: above the cutoff each gets all hits or an error, and never wrong data.

use std::path::{Path, PathBuf};

use hardcap_tests::installed;
use hardcap_tests::process::Process;
use hardcap_tests::search::{Flavor, Index, SearchConfig};
use serde_json::Value;

use super::{Gateway, World};

/// 3,000 documents of 3 kB that hardly compress: a page of 500 is 1.6 MB, one of all is 9.4 MB and fits no answer of Lambda.
const DOCUMENTS: u64 = 3_000;

/// What a call above the cutoff comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Above {
    /// An error with this status, whose text says what to do.
    Refused(u64),
    /// All hits: the client follows redirects.
    Whole,
}

async fn world(flavor: Flavor) -> World {
    let index = Index { noise: true, ..Index::new("pages", DOCUMENTS, 3_000) };
    let upstream = SearchConfig { flavor, indices: vec![index], ..SearchConfig::default() };
    World::before(upstream, &[], &[]).await
}

/// The lines that a script prints.
async fn lines(program: &Path, script: &str, arguments: &[&str], modules: &Path) -> Vec<Value> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/clients").join(script);
    let script = script.to_str().unwrap();
    let modules = modules.to_str().unwrap();
    let arguments = [&[script], arguments].concat();
    let mut process = Process::start(program, &arguments, &[("NODE_PATH", modules)]).unwrap();
    let mut lines = Vec::new();
    while let Ok(line) = process.line().await {
        lines.push(serde_json::from_str(&line).unwrap());
    }
    lines
}

/// Checks the calls of the clients: all hits below the cutoff, and above it what is expected of the client and the call.
fn check(lines: &[Value], calls: usize, expected: impl Fn(&str, &str) -> Above) {
    assert_eq!(lines.len(), calls, "{lines:#?}");
    for line in lines {
        let (client, call) = (line["client"].as_str().unwrap(), line["call"].as_str().unwrap());
        if line["size"] == 500 {
            let all = if call == "search" || call == "helpers.search" { 500 } else { DOCUMENTS };
            assert_eq!(line["hits"], all, "below the cutoff: {line}");
            continue;
        }
        let error = line["error"].as_str().unwrap_or_default();
        match expected(client, call) {
            Above::Whole => assert_eq!(line["hits"], DOCUMENTS, "{line}"),
            Above::Refused(status) => {
                assert_eq!(
                    (&line["hits"], &line["status"]),
                    (&Value::Null, &status.into()),
                    "{line}"
                );
                assert!(error.contains("X-Overflow"), "it says what to do: {line}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the clients of Elasticsearch and OpenSearch: just test-all"]
async fn r5_the_javascript_clients_reject_what_they_cannot_follow() {
    let folder = installed::search_clients();
    let modules = folder.join("js/node_modules");
    for (flavor, kind, clients) in
        [(Flavor::Elasticsearch, "elasticsearch", 2), (Flavor::OpenSearch, "opensearch", 1)]
    {
        let world = world(flavor).await;
        for gateway in [Gateway::Rest, Gateway::Http, Gateway::Url] {
            let arguments = [world.base(gateway), kind];
            let lines = lines(Path::new("node"), "search.cjs", &arguments, &modules).await;
            check(&lines, clients * 6, |_, _| Above::Refused(406));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the clients of Elasticsearch and OpenSearch: just test-all"]
async fn r5_the_python_clients_follow_or_raise() {
    let folder = installed::search_clients();
    let python = |version: &str| -> PathBuf { folder.join(version).join("bin/python3") };
    for (version, flavor, kind, calls) in [
        ("python8", Flavor::Elasticsearch, "elasticsearch", 10),
        ("python7", Flavor::Elasticsearch, "elasticsearch", 8),
        ("python8", Flavor::OpenSearch, "opensearch", 10),
    ] {
        let world = world(flavor).await;
        let arguments = [world.base(Gateway::Http), kind];
        let lines = lines(&python(version), "search.py", &arguments, &folder).await;
        check(&lines, calls, |client, call| match (client, call) {
            (
                "elasticsearch8-urllib3"
                | "elasticsearch8-requests"
                | "elasticsearch8-aiohttp"
                | "elasticsearch7-urllib3",
                _,
            ) => Above::Refused(406),
            // It raises at a 303 and shows its body; its other transports have the same name and follow.
            ("opensearch-urllib3", _) => Above::Refused(303),
            _ => Above::Whole,
        });
    }
}
