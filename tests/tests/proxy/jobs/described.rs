//! What the proxy says of its own routes is true: schemathesis asks everything that the description allows, and what it forbids.

use hardcap_tests::{installed, process};

use super::stage::{Plan, stage};

/// What schemathesis cannot know of the routes; each line with its reason.
const KNOWN: &str = include_str!("schemathesis.toml");

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Python: just test-all"]
async fn schemathesis_accepts_the_description_of_the_proxys_own_routes() {
    let python = installed::python();
    let variables = &[("JOBS_PER_OWNER", "50")];
    let stage = stage(Plan { variables, ..Plan::usual() }).await;
    let (description, url) = (stage.url("/_proxy/openapi.json"), stage.url(""));
    // The same cases in the same order every time; the stateful ones make jobs, look at them and cancel them.
    let arguments = [
        "run",
        &description,
        "--url",
        &url,
        "--phases",
        "examples,coverage,fuzzing,stateful",
        "--mode",
        "all",
        "--max-examples",
        "60",
        "--generation-deterministic",
        "--request-timeout",
        "60",
        "--no-color",
    ];
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("schemathesis.toml"), KNOWN).unwrap();
    let program = python.with_file_name("schemathesis");
    let ran = process::output(&program, arguments, folder.path()).await.unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success(), "{said}\n{}", String::from_utf8_lossy(&ran.stderr));
    println!("{said}");
    assert_eq!(stage.emulator.totals().bugs, 0);
}
