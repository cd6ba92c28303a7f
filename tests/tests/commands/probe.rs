//! `hardcap probe`: every cutoff on hardcap's own gateways is explained, whatever headers the request has.

use serde_json::Value;

use crate::project::{Project, Ran, TEMPLATE, run};

/// Probes a URL of a REST API that takes every method, with long cookies.
async fn probed(cookie_bytes: usize, more: &[&str]) -> Ran {
    let project = Project::new();
    project.write("template.yaml", &TEMPLATE.replace("Method: get", "Method: any"));
    let up = project.up_as_it_is(&[]).await;
    let ready = std::fs::read_to_string(project.path().join("ready.json")).unwrap();
    let ready: Value = serde_json::from_str(&ready).unwrap();
    let url = format!("{}/giant?size=10", ready["apis"]["Rest"].as_str().unwrap());
    let cookie = format!("Cookie: session={}", "c".repeat(cookie_bytes));
    let ran = project.run(&[&["probe", &url, "--upload", "-H", &cookie], more].concat()).await;
    up.stop().await;
    ran
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cutoff_behind_nine_kilobytes_of_cookies_is_explained() {
    let ran = probed(9_000, &["--start", "4000000", "--max", "6000000"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.printed.contains("explained by lambda_sync_request, 6,291,456 bytes: "), "{ran:?}");
    assert!(
        ran.printed.contains(
            "the failing response has these possible causes:\n  lambda_sync_request (certain)"
        ),
        "{ran:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nothing_passes_the_failing_answer_names_the_limit() {
    let ran = probed(11_000, &["--start", "10", "--max", "20"]).await;
    assert!(ran.printed.contains("nothing passes, not even 0"), "{ran:?}");
    assert!(ran.printed.contains("rest_headers (certain)"), "{ran:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_url_without_http_or_a_host_is_an_error_that_says_what_to_write() {
    let folder = tempfile::tempdir().unwrap();
    for url in ["nourl{size}", "localhost:3000/{size}", "ftp://host/{size}"] {
        let ran = run(folder.path(), &["probe", url]).await;
        assert_eq!(ran.code, Some(1), "{ran:?}");
        let why = "it does not begin with http:// or https:// and a host";
        let help = "write a URL such as http://127.0.0.1:3000/hello?size={size}";
        let expected = format!("error: `{url}` cannot be requested: {why}; {help}\n");
        assert_eq!(ran.said, expected, "{url}");
    }
    for command in ["logs", "invoke"] {
        let ran = run(folder.path(), &[command, "--url", "localhost:4566"]).await;
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(ran.said.contains("it does not begin with http://"), "{ran:?}");
        assert!(
            ran.said.contains("= help: write an address such as http://127.0.0.1:4566"),
            "{ran:?}"
        );
    }
}
