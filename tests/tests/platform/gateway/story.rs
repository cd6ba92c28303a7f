//! The control API for one request and for one run: payloads, log lines, advice, run ids, and the live page's files.

use hardcap::Emulator;
use hardcap_limits::{Date, Limits};
use hardcap_tests::client::{Answer, Call, Client, RawConnection};
use hardcap_tests::functions::guest;
use serde_json::{Value, json};

use super::{all_gateways, mirror, post};

/// Everything that is kept of the request with this id.
async fn story(emulator: &Emulator, id: &str) -> Value {
    control(emulator, &format!("requests/{id}")).await.json()
}

async fn control(emulator: &Emulator, path: &str) -> Answer {
    let answer = Client::new().get(format!("{}/{path}", emulator.control_url())).await;
    answer.expect("the control surface answers")
}

/// The id of the newest request that a gateway answered.
fn newest(emulator: &Emulator) -> String {
    emulator.recorder().newest().pop().expect("something was recorded").request_id
}

fn text<'s>(story: &'s Value, part: &str) -> &'s str {
    story["payloads"][part]["text"].as_str().unwrap_or_else(|| panic!("no {part}: {story}"))
}

#[tokio::test]
async fn the_story_of_a_request_has_its_event_its_responses_its_log_and_its_limits() {
    let emulator = all_gateways(mirror("body")).start().await.unwrap();
    let url = format!("{}/a?b=1", emulator.api_url("Http").unwrap());
    let call = Call::post(&url, "hello").header("content-type", "text/plain").header("x-own", "1");
    assert_eq!(Client::new().send(&call).await.unwrap().text(), "hello");
    let id = newest(&emulator);
    let story = story(&emulator, &id).await;

    let request = text(&story, "request");
    assert!(request.starts_with("POST /a?b=1\n") && request.contains("x-own: 1\n"), "{request}");
    let event: Value = serde_json::from_str(text(&story, "event")).unwrap();
    assert_eq!((&event["rawPath"], &event["body"]), (&json!("/a"), &json!("hello")), "{event}");
    let answer: Value = serde_json::from_str(text(&story, "answer")).unwrap();
    assert_eq!(answer["body"], "hello");
    let head = text(&story, "response_head");
    assert!(head.starts_with("200 OK\n"), "{head}");
    assert!(head.contains("content-type: application/octet-stream\n"), "{head}");
    assert_eq!(text(&story, "response_body"), "hello");

    let lines = story["logs"]["lines"].as_array().unwrap();
    let start = format!("START RequestId: {id} Version: $LATEST");
    assert!(lines.iter().any(|line| line["text"] == start), "{story}");
    assert_eq!(story["logs"]["left_off"], 0);
    let logs = control(&emulator, &format!("logs?request={id}")).await.json();
    assert_eq!(logs["lines"], story["logs"]["lines"]);

    let records = story["records"].as_array().unwrap();
    assert!(records.iter().all(|record| record["request_id"] == id.as_str()), "{story}");
    let measured = records.iter().find(|record| record["row"] == "lambda_sync_response");
    assert_eq!(measured.unwrap()["max"], 6_291_556, "{story}");
    assert_eq!((&story["advice"], &story["explained"]), (&json!([]), &Value::Null));
}

#[tokio::test]
async fn the_story_of_a_refused_request_has_the_numbers_and_a_remedy() {
    let emulator = all_gateways(mirror("body")).start().await.unwrap();
    let url = format!("{}/a", emulator.api_url("Rest").unwrap());
    let refused = post(&url, "text/plain", vec![b'x'; 6_291_557]).await;
    assert_eq!(refused.status, 413, "{refused:?}");
    let story = story(&emulator, &newest(&emulator)).await;
    let advice = &story["advice"][0];
    assert_eq!(advice["row"], "lambda_sync_request", "{story}");
    let numbers = advice["numbers"].as_str().unwrap();
    assert!(
        numbers.contains("of at most 6,291,456 bytes") && numbers.ends_with("over"),
        "{numbers}"
    );
    assert!(advice["remedy"].as_str().unwrap().contains("presigned PUT"), "{story}");
    assert_eq!(story["payloads"]["event"], Value::Null, "an event that is refused is not built");
    assert_eq!(text(&story, "response_body"), r#"{"message": "Request Too Long"}"#);
}

#[tokio::test]
async fn a_story_has_the_first_16_kib_of_a_large_payload_and_its_whole_length() {
    let emulator = all_gateways(mirror("body")).start().await.unwrap();
    let url = format!("{}/a", emulator.api_url("Http").unwrap());
    let body = "é".repeat(1_000_000);
    let answer = post(&url, "text/plain; charset=utf-8", body.clone()).await;
    assert_eq!(answer.text(), body);
    let large = story(&emulator, &newest(&emulator)).await;
    let response = &large["payloads"]["response_body"];
    assert_eq!((&response["bytes"], &response["kept"]), (&json!(2_000_000), &json!(16_384)));
    assert_eq!(response["text"].as_str().unwrap(), "é".repeat(8_192));

    let answer = post(&url, "application/octet-stream", vec![0xff, 0x00, b'<']).await;
    assert_eq!(answer.body[..], [0xff, 0x00, b'<']);
    let large = story(&emulator, &newest(&emulator)).await;
    let response = &large["payloads"]["response_body"];
    assert_eq!(response, &json!({ "bytes": 3, "kept": 3, "base64": "/wA8" }));
}

#[tokio::test]
async fn a_story_has_the_first_piece_of_a_streamed_response() {
    let emulator = Emulator::builder()
        .limits(Date::CLASSIC)
        .function(guest("stream"))
        .streaming_function_url("stream")
        .limits("current".parse().unwrap())
        .start()
        .await
        .unwrap();
    let body = json!({ "prelude": { "statusCode": 201 }, "first": "one" });
    let answer =
        post(emulator.function_url("stream").unwrap(), "application/json", body.to_string()).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let id = newest(&emulator);
    let story = story(&emulator, &id).await;
    assert!(text(&story, "response_head").starts_with("201 Created\n"), "{story}");
    assert!(text(&story, "response_body").starts_with("one"), "{story}");
}

#[tokio::test]
async fn the_story_of_a_failed_function_has_the_explanation_of_the_program() {
    fn explain(evidence: &[u8], limits: &Limits) -> Option<String> {
        let text = String::from_utf8_lossy(evidence);
        text.contains("too bad").then(|| format!("explained under {}", limits.date()))
    }
    let emulator = Emulator::builder()
        .limits(Date::CLASSIC)
        .function(guest("behave"))
        .configure(|config| config.explain = Some(explain))
        .start()
        .await
        .unwrap();
    let invoke = format!("{}/2015-03-31/functions/behave/invocations", emulator.aws_url());
    for (event, explained) in [
        (json!({ "print": "fine" }), Value::Null),
        (json!({ "print": "hello", "error": "too bad" }), json!("explained under 2022-04-22")),
    ] {
        let answer = Client::new().send(&Call::post(&invoke, event.to_string())).await.unwrap();
        let id = answer.header("x-amzn-requestid").unwrap();
        let story = story(&emulator, id).await;
        assert_eq!(story["explained"], explained, "{story}");
        let printed = story["logs"]["lines"].as_array().unwrap();
        assert!(printed.iter().any(|line| line["text"] == event["print"]), "{story}");
    }
}

#[tokio::test]
async fn an_unknown_request_is_404_and_the_error_names_what_is_kept() {
    let emulator = all_gateways(mirror("body")).start().await.unwrap();
    let answer = control(&emulator, "requests/none").await;
    assert_eq!(answer.status, 404);
    let error = answer.json()["error"].as_str().unwrap().to_owned();
    assert!(error.contains("`none`") && error.contains("10,000 records"), "{error}");
}

/// The data of the next event of a stream of server-sent events, when it has this name.
async fn event(stream: &mut RawConnection, name: &str) -> Value {
    stream.read_until(&format!("event: {name}\ndata: ")).await.expect("it can be read");
    let data = stream.read_until("\n").await.expect("it can be read");
    serde_json::from_slice(&data).expect("the data of an event are JSON")
}

#[tokio::test]
async fn a_reset_begins_another_run_and_a_watcher_gets_each_run_from_its_beginning() {
    let emulator = all_gateways(mirror("body")).start().await.unwrap();
    let url = format!("{}/a", emulator.api_url("Http").unwrap());
    post(&url, "text/plain", "one").await;
    let id = newest(&emulator);
    let first = control(&emulator, "health").await.json()["run"].clone();
    assert_eq!(control(&emulator, "records").await.json()["run"], first["id"]);

    let mut stream = RawConnection::open(emulator.control_url()).await.unwrap();
    let head = "GET /_hardcap/records/live?kept=true HTTP/1.1\r\nhost: localhost\r\n\r\n";
    stream.write(head).await.unwrap();
    let begun = event(&mut stream, "run").await;
    assert_eq!(begun["run"], first);
    assert_eq!(begun["records"].as_array().unwrap().len(), emulator.recorder().newest().len());
    post(&url, "text/plain", "two").await;
    assert_eq!(event(&mut stream, "record").await["what"], "measured");

    let reset = Call::post(format!("{}/reset", emulator.control_url()), "");
    let reset = Client::new().send(&reset).await.unwrap().json();
    assert_ne!(reset["run"]["id"], first["id"]);
    let begun = event(&mut stream, "run").await;
    assert_eq!(begun, json!({ "run": reset["run"], "records": [] }));
    assert_eq!(control(&emulator, "health").await.json()["run"], reset["run"]);
    assert_eq!(control(&emulator, &format!("requests/{id}")).await.status, 404);

    post(&url, "text/plain", "three").await;
    let record = event(&mut stream, "record").await;
    assert_eq!(emulator.recorder().newest()[0].request_id, record["request_id"].as_str().unwrap());
}

#[tokio::test]
async fn commands_to_try_have_the_addresses_of_the_run() {
    let emulator = all_gateways(mirror("body")).start().await.unwrap();
    let tries = control(&emulator, "tries").await.json();
    let commands: Vec<_> =
        tries["tries"].as_array().unwrap().iter().map(|one| &one["command"]).collect();
    let rest = format!("curl -i '{}/proxy'", emulator.api_url("Rest").unwrap());
    assert_eq!(commands[0], &json!(rest), "{tries}");
    let url = emulator.function_url("body").unwrap().trim_end_matches('/');
    assert_eq!(commands[2], &json!(format!("curl -i '{url}/'")), "{tries}");
}

#[tokio::test]
async fn the_report_is_a_page_without_scripts() {
    let emulator = all_gateways(mirror("body")).start().await.unwrap();
    post(&format!("{}/a", emulator.api_url("Http").unwrap()), "text/plain", "one").await;
    let report = control(&emulator, "report?format=html").await;
    assert_eq!(report.header("content-type"), Some("text/html; charset=utf-8"));
    let policy = report.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'; style-src 'unsafe-inline'"), "{policy}");
    assert!(report.text().contains("lambda_sync_response"), "{report:?}");
    assert!(!report.text().contains("<script"), "{report:?}");
    let wrong = control(&emulator, "report?format=pdf").await;
    assert_eq!(wrong.status, 400, "{wrong:?}");
    assert!(wrong.text().contains("expected one of `json`, `table`, `html`"), "{wrong:?}");
}

#[tokio::test]
async fn the_live_page_runs_only_scripts_of_its_own_nonce_and_has_all_that_it_names() {
    let emulator = Emulator::builder().limits(Date::CLASSIC).start().await.unwrap();
    let page = control(&emulator, "").await;
    let again = control(&emulator, "").await;
    let policy = |page: &Answer| page.header("content-security-policy").unwrap().to_owned();
    assert_ne!(policy(&page), policy(&again), "each document has a nonce of its own");
    let policy = policy(&page);
    let nonce = policy.split("script-src 'nonce-").nth(1).unwrap().split('\'').next().unwrap();
    assert_eq!(nonce.len(), 32, "{policy}");
    assert!(!policy.contains("unsafe") && policy.starts_with("default-src 'none'"), "{policy}");
    let html = page.text();
    assert!(!html.contains("{{"), "{html}");
    let tags = html
        .split('<')
        .filter(|tag| tag.starts_with("script") || tag.starts_with("link rel=\"stylesheet"));
    let tags: Vec<_> = tags.collect();
    assert!(tags.len() >= 4, "{html}");
    for tag in tags {
        assert!(tag.contains(&format!("nonce=\"{nonce}\"")), "{tag}");
    }

    let (_, map) = html.split_once("{\"imports\": ").unwrap();
    let imports: Value = serde_json::from_str(map.split_once("}</script>").unwrap().0).unwrap();
    let modules = imports.as_object().unwrap().values().map(|url| url.as_str().unwrap().to_owned());
    let styles = ["style.css", "page.css"].map(|name| format!("/_hardcap/page/{name}"));
    let mut scripts = 0;
    for path in modules.chain(styles) {
        let file = Client::new().get(format!("{}{path}", emulator.aws_url())).await.unwrap();
        assert_eq!(file.status, 200, "{path}: {file:?}");
        let kind = file.header("content-type").unwrap();
        let expected = if path.contains(".css") {
            "text/css; charset=utf-8"
        } else {
            "text/javascript; charset=utf-8"
        };
        assert_eq!(kind, expected, "{path}");
        for foreign in ["http://", "https://", "innerHTML", "eval("] {
            let is_ours = !["preact.js", "hooks.js", "htm.js"].iter().any(|it| path.contains(it));
            assert!(!is_ours || !file.text().contains(foreign), "{path} has {foreign}");
        }
        scripts += usize::from(expected.contains("javascript"));
    }
    assert!(scripts >= 14, "{imports}");
    // A page of S3 has the same origin, and not the token.
    let own = Call::get(format!("{}/page/app.js", emulator.control_url()))
        .header("sec-fetch-site", "same-origin");
    assert_eq!(Client::new().send(&own).await.unwrap().status, 403);
    assert_eq!(control(&emulator, "page/none.js").await.status, 404);
}

/// The texts of the vendored libraries are those of their packages, byte for byte.
#[test]
fn the_libraries_of_the_live_page_are_unchanged_and_their_licences_are_there() {
    use sha2::Digest as _;
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../emulator/src/control/page/vendor");
    let notes = std::fs::read_to_string(folder.join("README.md")).unwrap();
    for name in ["preact.js", "hooks.js", "htm.js"] {
        let digest = hex::encode(sha2::Sha256::digest(std::fs::read(folder.join(name)).unwrap()));
        assert!(notes.contains(&digest), "{name} has {digest}:\n{notes}");
    }
    for (licence, words) in
        [("LICENSE-preact", "The MIT License"), ("LICENSE-htm", "Apache License")]
    {
        let text = std::fs::read_to_string(folder.join(licence)).unwrap();
        assert!(text.contains(words), "{licence}");
    }
}
