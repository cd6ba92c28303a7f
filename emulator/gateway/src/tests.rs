//! The gateways compared with recordings of AWS: `fixtures/events` and `fixtures/answers`.

use std::path::{Path, PathBuf};

use http_body_util::BodyExt as _;
use serde_json::Value;

use super::event::Shape;
use super::*;
use hardcap_core::clock::EpochMillis;
use hardcap_core::config::{InvokeMode, PayloadFormat, Route};
use hardcap_lambda::Envelope as _;

fn fixtures(folder: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures").join(folder);
    let folders = |path: &Path| -> Vec<PathBuf> {
        let entries = std::fs::read_dir(path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect()
    };
    let cases: Vec<_> = folders(&root).iter().flat_map(|shape| folders(shape)).collect();
    assert!(cases.len() > 10, "{cases:?}");
    cases
}

fn read(path: &Path, name: &str) -> Vec<u8> {
    let path = path.join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"))
}

fn origin(case: &Path) -> toml::Table {
    toml::from_str(std::str::from_utf8(&read(case, "origin.toml")).unwrap()).unwrap()
}

fn shape_of(case: &Path) -> Shape {
    match case.parent().and_then(Path::file_name).and_then(|name| name.to_str()) {
        Some("rest") => Shape::Rest,
        Some("http-1.0") => Shape::HttpV1,
        Some("http-2.0") => Shape::HttpV2,
        Some("url") => Shape::Url,
        other => panic!("{other:?} is not a known shape"),
    }
}

/// Head and body of a message, as it is on the wire.
fn split(message: &[u8]) -> (Vec<String>, Bytes) {
    let end = message.windows(4).position(|four| four == b"\r\n\r\n").expect("a head that ends");
    let head = std::str::from_utf8(&message[..end]).unwrap();
    (head.split("\r\n").map(str::to_owned).collect(), Bytes::copy_from_slice(&message[end + 4..]))
}

fn received(message: &[u8], source_ip: &str) -> ClientRequest {
    let (lines, body) = split(message);
    let mut line = lines[0].split(' ');
    let mut request = Request::builder().method(line.next().unwrap()).uri(line.next().unwrap());
    let mut sent = Vec::new();
    for header in &lines[1..] {
        let (name, value) = header.split_once(": ").unwrap();
        request = request.header(name, value);
        sent.push((name.to_owned(), value.as_bytes().to_vec()));
    }
    let sent = SentHead { target_bytes: 1, header_bytes: 1, headers: sent };
    let (head, ()) = request.extension(sent).body(()).unwrap().into_parts();
    let peer = SocketAddr::new(source_ip.parse().unwrap(), 1);
    ClientRequest { body, ..ClientRequest::new(&head, peer) }
}

fn frontend(shape: Shape, route: &str) -> Frontend {
    let Some((method, path)) = route.split_once(' ') else {
        let (function, invoke_mode) = ("f".to_owned(), InvokeMode::Buffered);
        return Frontend::Url {
            function,
            invoke_mode,
            authorization: Authorization::None,
            lacks_permission: false,
        };
    };
    let payload_format = if shape == Shape::HttpV2 { PayloadFormat::V2 } else { PayloadFormat::V1 };
    let routes = [Route::to_function(method, path, "f", payload_format)];
    match shape {
        Shape::Rest => Frontend::Rest {
            table: Table::new(RoutingKind::Rest, &routes),
            minimum_compression: None,
        },
        _ => Frontend::Http(Table::new(RoutingKind::Http, &routes)),
    }
}

/// The event that the gateway of a fixture makes of its request.
fn event_of(case: &Path, origin: &toml::Table) -> Value {
    let given = origin["given"].as_table().unwrap();
    let text = |name: &str| given.get(name).map_or("", |value| value.as_str().unwrap()).to_owned();
    let facts = Arc::new(ApiFacts {
        api_id: text("api_id"),
        account_id: text("account_id"),
        default_host: String::new(),
        stage: text("stage"),
        stage_variables: indexmap::IndexMap::new(),
        deployment_id: text("deployment_id"),
        binary_media_types: vec![text("binary_media_types")],
    });
    let info = RequestInfo {
        request_id: text("request_id"),
        extended_request_id: text("extended_request_id"),
        trace_root: text("trace_root"),
        arrived: EpochMillis(given["arrived"].as_integer().unwrap().try_into().unwrap()),
    };
    let received = received(&read(case, "request.http"), &text("source_ip"));
    let frontend = frontend(shape_of(case), &text("route"));
    let mut target = frontend.target(&Limits::classic(), &facts, &received).unwrap();
    if given.contains_key("resource_id") {
        target.route.resource_id = text("resource_id");
    }
    let event = GatewayEvent::new(target.shape, &facts, target.route, info, received);
    let mut json = Vec::new();
    event.describe(&mut json);
    serde_json::from_slice(&json).unwrap()
}

/// The two headers that differ on purpose: the emulator does not use TLS, and links that a function builds must work.
fn without_scheme_and_port(event: &mut Value) {
    for member in ["headers", "multiValueHeaders"] {
        let Some(headers) = event.get_mut(member).and_then(Value::as_object_mut) else { continue };
        headers.retain(|name, _| {
            let name = name.to_ascii_lowercase();
            name != "x-forwarded-proto" && name != "x-forwarded-port"
        });
    }
}

/// The first member of `expected` that is missing from `found` or differs.
fn missing(path: &str, expected: &Value, found: &Value) -> Option<String> {
    match (expected, found) {
        (Value::Object(expected), Value::Object(found)) => {
            expected.iter().find_map(|(name, value)| {
                let path = format!("{path}.{name}");
                match found.get(name) {
                    Some(found) => missing(&path, value, found),
                    None => Some(format!("{path} is absent")),
                }
            })
        }
        _ => (expected != found).then(|| format!("{path}: expected {expected}, found {found}")),
    }
}

#[test]
fn events_equal_those_recorded_from_aws() {
    for case in fixtures("events") {
        let origin = origin(&case);
        let mut expected: Value = serde_json::from_slice(&read(&case, "event.json")).unwrap();
        let mut found = event_of(&case, &origin);
        without_scheme_and_port(&mut expected);
        without_scheme_and_port(&mut found);
        if origin["whole"].as_bool().unwrap() {
            let extra = missing("", &found, &expected);
            assert_eq!(extra, None, "{case:?}: not in the recording");
        }
        assert_eq!(missing("", &expected, &found), None, "{case:?}\n{found:#}");
    }
}

#[tokio::test]
async fn function_responses_become_the_responses_recorded_from_aws() {
    for case in fixtures("answers") {
        let shape = shape_of(&case);
        let rules = ResponseRules { shape, accept: Some("*/*"), binary_media_types: &[] };
        let kind = match shape {
            Shape::Rest => GatewayKind::Rest,
            Shape::HttpV1 | Shape::HttpV2 => GatewayKind::Http,
            Shape::Url => GatewayKind::Url,
        };
        let info = RequestInfo {
            request_id: "{request_id}".to_owned(),
            extended_request_id: "{extended_request_id}".to_owned(),
            trace_root: String::new(),
            arrived: EpochMillis(0),
        };
        let response = match response::to_http(rules, &read(&case, "answer.json").into()) {
            Ok(response) => complete(kind, response, &info, Some("{trace}")),
            Err(malformed) => {
                let limits = Limits::classic();
                refusal::render(kind, &malformed.into(), &limits, &info, "{trace}")
                    .map(SentBody::from)
            }
        };
        let (expected, expected_body) = split(&read(&case, "response.http"));
        let (head, body) = response.into_parts();
        let mut found = vec![format!("HTTP/1.1 {}", head.status.as_u16())];
        found.extend(
            head.headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())),
        );
        assert_eq!(found, expected, "{case:?}");
        assert_eq!(body.collect().await.unwrap().to_bytes(), expected_body, "{case:?}");
    }
}
