//! `hardcap replay`: what failed in production fails here as well, and the limit and its bytes are named.

use serde_json::{Value, json};

use crate::project::{Project, TEMPLATE};

fn har(entries: &[(&str, &str, Option<&str>, u16)]) -> String {
    let entries: Vec<Value> = entries
        .iter()
        .map(|(method, url, body, status)| {
            let mut request = json!({ "method": method, "url": url, "headers": [{ "name": "Accept", "value": "*/*" }] });
            if let Some(body) = body {
                request["postData"] = json!({ "mimeType": "application/json", "text": body });
            }
            json!({ "request": request, "response": { "status": status } })
        })
        .collect();
    json!({ "log": { "version": "1.2", "entries": entries } }).to_string()
}

const GIANT: &str = "https://abc.execute-api.us-east-1.amazonaws.com/dev/giant?size=";

#[tokio::test(flavor = "multi_thread")]
async fn the_failed_request_of_a_har_fails_here_and_the_bytes_are_named() {
    let project = Project::new();
    let over = format!("{GIANT}4718560");
    let fits = format!("{GIANT}4718559");
    project.write("failed.har", &har(&[("GET", &fits, None, 200), ("GET", &over, None, 502)]));
    let ran = project.run(&["replay", "failed.har"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.printed.starts_with(&format!("reproduced: GET {over} through Rest\n")), "{ran:?}");
    assert!(ran.printed.contains("responded 502 there, 502 here"), "{ran:?}");
    let bytes = "refused by lambda_sync_response: 6,291,560 B of at most 6,291,556 B, 4 B over";
    assert!(ran.printed.contains(bytes), "{ran:?}");
    assert_eq!(ran.printed.matches("reproduced").count(), 1, "only what failed: {ran:?}");

    let all = project.run(&["replay", "failed.har", "--all", "--format", "json"]).await;
    let json: Value = serde_json::from_str(&all.printed).unwrap();
    let verdicts = json["verdicts"].as_array().unwrap();
    assert_eq!((all.code, verdicts.len()), (Some(0), 2), "{json}");
    assert!(verdicts.iter().all(|one| one["outcome"] == "reproduced"), "{json}");

    let roomy = ["replay", "failed.har", "--set", "lambda_sync_response=7000000"];
    let not = project.run(&roomy).await;
    assert_eq!(not.code, Some(3), "{not:?}");
    assert!(not.printed.contains("responded 502 there, 200 here"), "{not:?}");
    assert!(not.printed.contains("nearest was lambda_sync_response: 6,291,560 B"), "{not:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_of_a_rest_api_is_not_sent_to_a_function_url_whatever_its_stage_was() {
    let project = Project::new();
    let with_url = "Timeout: 30\n      FunctionUrlConfig: {AuthType: NONE}";
    project.write("template.yaml", &TEMPLATE.replace("Timeout: 30", with_url));
    let printed = |path: &str| {
        format!(
            "> GET {path} HTTP/1.1\n> Host: abc.execute-api.us-east-1.amazonaws.com\n>\n< HTTP/1.1 502 Bad Gateway\n< x-amz-apigw-id: x\n<\n"
        )
    };
    let capture = project.write("curl.txt", &printed("/Prod/giant?size=4718560"));
    let ran = project.run(&["replay", &capture]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.printed.contains("through Rest\n"), "{ran:?}");
    assert!(ran.printed.contains("responded 502 there, 502 here"), "{ran:?}");
    assert!(!ran.printed.contains("note: "), "{ran:?}");
    let capture = project.write("curl.txt", &printed("/Prod/other"));
    let ran = project.run(&["replay", &capture]).await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let reason = "a REST API responded to it, and only targets of another kind have a route for it: BehaveUrl; --api chooses";
    assert!(ran.printed.contains(reason), "{ran:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_curl_printed_is_sent_again_with_a_body_of_the_same_length() {
    let project = Project::new();
    let printed = "> POST /behave HTTP/1.1\n> Host: api.example.com\n> Content-Type: text/plain\n> Content-Length: 1001\n>\n< HTTP/1.1 413 Request Entity Too Large\n<\n";
    let capture = project.write("curl.txt", printed);
    let ran = project.run(&["replay", &capture, "--set", "http_request_body=1000"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(
        ran.printed.contains("refused by http_request_body: 1,001 B of at most 1,000 B, 1 B over"),
        "{ran:?}"
    );
    assert!(ran.printed.contains("1001 bytes of x are sent"), "{ran:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_captured_event_goes_to_the_function_of_its_route() {
    let project = Project::new();
    let event = |size: u64| {
        json!({
            "httpMethod": "GET", "resource": "/giant", "requestContext": {},
            "queryStringParameters": { "size": size.to_string() },
        })
        .to_string()
    };
    project.write("over.json", &event(4_718_560));
    let over = project.run(&["replay", "over.json"]).await;
    assert_eq!(over.code, Some(0), "{over:?}");
    assert!(over.printed.contains("for giant-of-the-stack"), "{over:?}");
    assert!(over.printed.contains("6,291,560 B of at most 6,291,556 B, 4 B over"), "{over:?}");
    project.write("fits.json", &event(4_718_559));
    let fits = project.run(&["replay", "fits.json"]).await;
    assert_eq!(fits.code, Some(3), "{fits:?}");
    assert!(fits.printed.contains("the function responds to it"), "{fits:?}");
    let other = project.run(&["replay", "over.json", "--function", "Nobody"]).await;
    assert_eq!(other.code, Some(1), "{other:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sizes_in_a_log_are_held_against_the_limits_and_nothing_is_started() {
    let folder = tempfile::tempdir().unwrap();
    let line = "2026-01-05 ERROR 300000 byte payload is too large for the Event invocation type (limit 262144 bytes)\n";
    std::fs::write(folder.path().join("error.log"), line).unwrap();
    let run = async |more: &[&str]| {
        crate::project::run(folder.path(), &[&["replay", "error.log"], more].concat()).await
    };
    let classic = run(&["--limits", "classic"]).await;
    assert_eq!(classic.code, Some(0), "{classic:?}");
    assert!(
        classic.printed.contains("300,000 B of at most 262,144 B, 37,856 B over"),
        "{classic:?}"
    );
    let current = run(&[]).await;
    assert_eq!(current.code, Some(3), "{current:?}");
    std::fs::write(
        folder.path().join("error.log"),
        "Exceeded maximum allowed payload size (6291556 bytes).",
    )
    .unwrap();
    let unknown = run(&[]).await;
    assert_eq!(unknown.code, Some(1), "{unknown:?}");
    assert!(unknown.printed.contains("cannot be decided"), "{unknown:?}");
    std::fs::write(folder.path().join("error.log"), "all is well").unwrap();
    let nothing = run(&[]).await;
    assert_eq!((nothing.code, nothing.printed.as_str()), (Some(1), ""), "{nothing:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_entry_of_another_host_does_not_stop_the_others() {
    let project = Project::new();
    let over = format!("{GIANT}4718560");
    let entries = [
        ("GET", "https://fonts.example.net/x.woff2", None, 404),
        ("GET", "data:image/png;base64,AAAA", None, 0),
        ("GET", over.as_str(), None, 502),
    ];
    project.write("mixed.har", &format!("\u{feff}{}", har(&entries)));
    let ran = project.run(&["replay", "mixed.har"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.printed.starts_with(&format!("reproduced: GET {over} through Rest\n")), "{ran:?}");
    assert!(
        ran.printed.contains("left out: entry 1, GET https://fonts.example.net/x.woff2: "),
        "{ran:?}"
    );
    assert!(ran.printed.contains("left out: entry 2, GET data:image/png;base64,AAAA: "), "{ran:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_is_sent_with_its_declared_length() {
    let project = Project::new();
    let har = json!({ "log": { "entries": [{
        "request": {
            "method": "POST", "url": "https://api.example.com/behave", "bodySize": 7_340_211,
            "headers": [{ "name": "content-length", "value": "7340211" }, { "name": "content-type", "value": "text/plain" }],
            "postData": { "mimeType": "text/plain", "text": "only the beginning" },
        },
        "response": { "status": 413, "headers": [{ "name": "apigw-requestid", "value": "x" }] },
    }] } });
    project.write("upload.har", &har.to_string());
    let ran = project.run(&["replay", "upload.har"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.printed.contains("responded 413 there, 413 here"), "{ran:?}");
    assert!(ran.printed.contains("the capture has 18 of 7340211 bytes of the body"), "{ran:?}");
    assert!(ran.printed.contains("refused by lambda_sync_request: "), "{ran:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_function_any_json_is_an_event() {
    let project = Project::new();
    project.write("task.json", r#"{"task": "export", "rows": 5}"#);
    let without = project.run(&["replay", "task.json"]).await;
    assert_eq!(without.code, Some(1), "{without:?}");
    let ran = project.run(&["replay", "task.json", "--function", "Behave"]).await;
    assert_eq!(ran.code, Some(3), "{ran:?}");
    assert!(ran.printed.contains("an event of 29 bytes for "), "{ran:?}");
}
