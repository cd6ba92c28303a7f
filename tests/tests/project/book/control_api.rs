//! `docs/control-api.json` describes the control surface: the same routes and methods, and responses that obey its schemas.

use hardcap_limits::Date;
use std::collections::{BTreeMap, BTreeSet};

use hardcap::Emulator;
use hardcap::config::Bucket;
use hardcap::faults::{Delay, Fault};
use hardcap_tests::client::{Answer, Call, Client, RawConnection};
use hardcap_tests::functions::guest;
use hardcap_tests::json_schema::violations;
use http::Method;
use serde_json::{Value, json};

use super::page::root;

fn document() -> Value {
    let text = std::fs::read_to_string(root().join("docs/control-api.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// An emulator that has records of many kinds.
async fn used() -> (Emulator, Client) {
    let emulator = Emulator::builder()
        .limits(Date::CLASSIC)
        .function(guest("echo"))
        .function(guest("crash"))
        .http_api("Api", &[("ANY", "/{proxy+}", "echo")])
        .bucket(Bucket { name: "files".to_owned(), ..Bucket::default() })
        .fault(Fault::new(Delay { function: None, millis: 1 }))
        .start()
        .await
        .unwrap();
    let client = Client::new();
    let aws = emulator.aws_url();
    client.get(format!("{}/x", emulator.api_url("Api").unwrap())).await.unwrap();
    let invoke = |function: &str, kind: &str| {
        let url = format!("{aws}/2015-03-31/functions/{function}/invocations");
        Call::post(url, "{}").header("x-amz-invocation-type", kind)
    };
    for (function, kind) in
        [("echo", "RequestResponse"), ("crash", "RequestResponse"), ("echo", "Event")]
    {
        client.send(&invoke(function, kind)).await.unwrap();
    }
    (emulator, client)
}

/// The path templates and methods of the document.
fn described(document: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let paths = document["paths"].as_object().unwrap();
    let methods =
        |item: &Value| item.as_object().unwrap().keys().map(|name| name.to_uppercase()).collect();
    paths.iter().map(|(path, item)| (path.clone(), methods(item))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_has_every_route_and_method_of_the_control_surface_and_no_other() {
    let (emulator, client) = used().await;
    let described = described(&document());
    let unknown = client.get(format!("{}/unknown", emulator.control_url())).await.unwrap();
    assert_eq!(unknown.status, 404, "{unknown:?}");
    let text = unknown.json()["error"].as_str().unwrap().to_owned();
    let listed: BTreeSet<String> =
        text.split_once("it has: ").unwrap().1.split(", ").map(str::to_owned).collect();
    assert_eq!(listed, described.keys().cloned().collect());
    for (path, methods) in described {
        let url = format!("{}{}", emulator.aws_url(), path.replace(['{', '}'], ""));
        let refused = client.send(&Call::new(Method::PATCH, url)).await.unwrap();
        assert_eq!(refused.status, 405, "{path}: {refused:?}");
        let allowed = refused.header("allow").unwrap_or_default().split(',');
        // HEAD comes with every GET.
        let allowed = allowed.map(str::trim).filter(|method| *method != "HEAD").map(str::to_owned);
        assert_eq!(allowed.collect::<BTreeSet<_>>(), methods, "{path}");
        assert!(refused.json()["error"].is_string(), "{refused:?}");
    }
}

/// A request for an operation of the document, with the examples of its parameters and its body.
fn request(
    base: &str,
    path: &str,
    method: &str,
    operation: &Value,
    values: &BTreeMap<&str, String>,
) -> Call {
    let (mut path, mut query) = (path.to_owned(), Vec::new());
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        let name = parameter["name"].as_str().unwrap();
        let example = parameter["example"].as_str().unwrap().to_owned();
        let value = values.get(name).unwrap_or(&example);
        match parameter["in"].as_str().unwrap() {
            "path" => path = path.replace(&format!("{{{name}}}"), value),
            _ => query.push(format!("{name}={value}")),
        }
    }
    let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
    let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
    let call = Call::new(method, format!("{base}{path}{query}"));
    let example = &operation["requestBody"]["content"]["application/json"]["example"];
    if example.is_null() { call } else { call.body(example.to_string()) }
}

/// The answer is one that the operation describes. Gives its status.
fn obeys(document: &Value, operation: &Value, answer: &Answer, what: &str) -> String {
    let status = answer.status.as_u16().to_string();
    let response = &operation["responses"][&status];
    assert!(response.is_object(), "{what}: {status} is not described: {answer:?}");
    let kind = answer.header("content-type").unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default();
    let schema = &response["content"][kind]["schema"];
    assert!(schema.is_object(), "{what}: {kind} is not described: {answer:?}");
    if kind == "application/json" {
        let wrong = violations(document, schema, &answer.json());
        assert!(wrong.is_empty(), "{what}: {wrong:#?}\n{}", answer.text());
    }
    status
}

#[tokio::test(flavor = "multi_thread")]
async fn every_described_response_is_given_and_obeys_its_schema() {
    let (emulator, client) = used().await;
    let document = document();
    let base = emulator.aws_url();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let what = format!("{method} {path}");
            let described: BTreeSet<&String> =
                operation["responses"].as_object().unwrap().keys().collect();
            if operation["responses"]["200"]["content"]["text/event-stream"].is_object() {
                live(&format!("{base}{path}"), &document).await;
                continue;
            }
            let added = Call::post(
                format!("{base}/_hardcap/faults"),
                r#"{"fault": "throttle", "function": "crash"}"#,
            );
            let id = client.send(&added).await.unwrap().json()["id"].to_string();
            let newest = emulator.recorder().newest().pop();
            let known = newest.map(|record| record.request_id).unwrap_or_default();
            let right = BTreeMap::from([("id", id), ("request_id", known)]);
            let missing = ["id", "name", "access_key_id", "request_id"]
                .map(|name| (name, "missing".to_owned()));
            let calls = [
                request(base, path, method, operation, &right),
                request(base, path, method, operation, &missing.into()),
                request(base, path, method, operation, &right).body(r#"{"unknown": 1}"#),
                request(
                    base,
                    path,
                    method,
                    operation,
                    &BTreeMap::from([("format", "table".to_owned())]),
                ),
                request(
                    base,
                    path,
                    method,
                    operation,
                    &BTreeMap::from([("format", "unknown".to_owned())]),
                ),
            ];
            let mut wrong = request(base, path, method, operation, &right);
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            if parameters.into_iter().any(|parameter| parameter["in"] == "query") {
                wrong.url += "&unknown=1";
            }
            let mut given = BTreeSet::new();
            for call in calls.into_iter().chain([wrong]) {
                let answer = client.send(&call).await.unwrap();
                given.insert(obeys(&document, operation, &answer, &what));
            }
            assert_eq!(given.iter().collect::<BTreeSet<_>>(), described, "{what}");
        }
    }
}

/// What schemathesis must not call: a stream does not end.
const STREAMS: &str = "/live$";
/// What schemathesis cannot know of the routes; each line with its reason.
const KNOWN: &str = include_str!("schemathesis.toml");

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Python: just test-all"]
async fn schemathesis_accepts_the_document() {
    let python = hardcap_tests::installed::python();
    let (emulator, _client) = used().await;
    let file = root().join("docs/control-api.json");
    let arguments = [
        "run",
        file.to_str().unwrap(),
        "--url",
        emulator.aws_url(),
        "--exclude-path-regex",
        STREAMS,
        "--phases",
        "examples,coverage,fuzzing",
        "--mode",
        "all",
        "--max-examples",
        "25",
        "--generation-deterministic",
        "--request-timeout",
        "60",
        "--no-color",
    ];
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("schemathesis.toml"), KNOWN).unwrap();
    let program = python.with_file_name("schemathesis");
    let ran = hardcap_tests::process::output(&program, arguments, folder.path()).await.unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success(), "{said}\n{}", String::from_utf8_lossy(&ran.stderr));
    println!("{said}");
    assert_eq!(emulator.totals().bugs, 0);
}

/// A stream with an invalid query is refused as JSON, as everything else is.
#[tokio::test(flavor = "multi_thread")]
async fn an_invalid_query_is_an_error_as_json() {
    let (emulator, client) = used().await;
    for (query, said) in [
        ("logs?function=a&function=b", "duplicate field `function`"),
        ("logs?functio=a", "unknown field `functio`"),
        ("logs/live?request=a", "unknown field `request`"),
        ("records/live?kept=perhaps", "kept: provided string was not `true` or `false`"),
        ("report?format=xml", "unknown variant `xml`, expected one of `json`, `table`, `html`"),
    ] {
        let answer = client.get(format!("{}/{query}", emulator.control_url())).await.unwrap();
        assert_eq!(answer.status.as_u16(), 400, "{query}: {answer:?}");
        let error = answer.json()["error"].as_str().unwrap_or_default().to_owned();
        assert!(
            error.starts_with("the query is invalid: ") && error.contains(said),
            "{query}: {error}"
        );
    }
    let path = format!("{}/requests/%FF", emulator.control_url());
    let answer = client.get(path).await.unwrap();
    assert_eq!(answer.status.as_u16(), 404, "{answer:?}");
    assert!(answer.json()["error"].is_string(), "{answer:?}");
}

/// A stream of server-sent events begins with an event whose data obeys the schema of its kind.
async fn live(url: &str, document: &Value) {
    let schema = if url.contains("/logs/") { "Line" } else { "Record" };
    let schema = json!({ "$ref": format!("#/components/schemas/{schema}") });
    let host = url.split('/').nth(2).unwrap();
    let target = url.split_once(host).unwrap().1;
    let mut stream = RawConnection::open(url).await.unwrap();
    stream.write(format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n")).await.unwrap();
    // A record comes when something happens.
    let head = stream.read_until("\r\n\r\n").await.unwrap();
    let head = String::from_utf8_lossy(&head).to_lowercase();
    assert!(head.contains("200 ok") && head.contains("text/event-stream"), "{head}");
    let aws = format!("http://{host}");
    let invoke = Call::post(format!("{aws}/2015-03-31/functions/echo/invocations"), "{}");
    Client::new().send(&invoke).await.unwrap();
    stream.read_until("data: ").await.unwrap();
    let data = stream.read_until("\n").await.unwrap();
    let data: Value = serde_json::from_slice(&data).unwrap();
    let wrong = violations(document, &schema, &data);
    assert!(wrong.is_empty(), "{url}: {wrong:#?}\n{data}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_of_every_kind_obeys_the_schema_and_one_with_another_member_does_not() {
    let document = document();
    let schema = json!({ "$ref": "#/components/schemas/Record" });
    let (emulator, _client) = used().await;
    emulator.events_ended().await;
    let records = serde_json::to_value(emulator.saved().records).unwrap();
    let mut kinds = BTreeSet::new();
    for record in records.as_array().unwrap() {
        assert_eq!(violations(&document, &schema, record), [] as [String; 0], "{record}");
        kinds.insert(record["what"].as_str().unwrap().to_owned());
        let mut more = record.clone();
        more["unknown"] = json!(1);
        assert!(!violations(&document, &schema, &more).is_empty(), "{more}");
    }
    for kind in [
        "measured",
        "answered",
        "invoked",
        "cold_start",
        "event_accepted",
        "event_ended",
        "fault_injected",
    ] {
        assert!(kinds.contains(kind), "no record of {kind}: {kinds:?}");
    }
}

#[test]
fn the_document_and_the_schema_of_hardcap_toml_describe_the_same_faults() {
    let settings = std::fs::read_to_string(root().join("docs/hardcap.schema.json")).unwrap();
    let settings: Value = serde_json::from_str(&settings).unwrap();
    let here = &document()["components"]["schemas"]["Fault"]["oneOf"];
    assert_eq!(here, &settings["properties"]["fault"]["items"]["oneOf"]);
}
