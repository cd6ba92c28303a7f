//! The members of answers, compared with those that were recorded from AWS.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{Plane, ROLE, guest};

fn recorded(name: &str) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/control_plane");
    let path = folder.join("function_lifecycle").join(name);
    let text = std::fs::read_to_string(&path);
    let text = text.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The same members with the same values, except where the recording names what differs: `<size>`.
fn compare(shown: &Value, recorded: &Value, place: &str) {
    match (shown, recorded) {
        (Value::Object(shown), Value::Object(recorded)) => {
            let mut names: Vec<_> = shown.keys().collect();
            let mut wanted: Vec<_> = recorded.keys().collect();
            names.sort();
            wanted.sort();
            assert_eq!(names, wanted, "members of {place}");
            for (name, value) in shown {
                compare(value, &recorded[name], &format!("{place}.{name}"));
            }
        }
        (Value::Array(shown), Value::Array(recorded)) => {
            assert_eq!(shown.len(), recorded.len(), "{place}");
            for (one, other) in shown.iter().zip(recorded) {
                compare(one, other, place);
            }
        }
        (shown, Value::String(text)) if text.contains('<') => {
            let begin = text.split('<').next().unwrap_or_default();
            let shown = shown.as_str().map_or_else(|| shown.to_string(), str::to_owned);
            assert!(shown.starts_with(begin) && shown.len() > begin.len(), "{place}: {shown}");
        }
        _ => assert_eq!(shown, recorded, "{place}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_states_of_a_function_have_the_members_recorded_on_2024_03_27() {
    let plane = Plane::start().await;
    let functions = "/2015-03-31/functions";
    let zip = STANDARD.encode(guest());
    let create = json!({
        "FunctionName": "f1",
        "Role": ROLE,
        "Runtime": "python3.12",
        "Handler": "handler.handler",
        "MemorySize": 256,
        "Timeout": 5,
        "Environment": { "Variables": {} },
        "Code": { "ZipFile": zip },
    });
    let answer = plane.send("POST", functions, create.to_string()).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    compare(&answer.json(), &recorded("create.json"), "create");
    let modified = answer.json()["LastModified"].as_str().expect("a time").to_owned();
    assert_eq!(modified.len(), "2024-03-27T09:14:33.000+0000".len(), "{modified}");

    let one = format!("{functions}/f1");
    compare(&plane.send("GET", &one, "").await.json(), &recorded("get.json"), "get");
    let change = json!({
        "Runtime": "python3.11",
        "Description": "Changed-Description",
        "MemorySize": 512,
        "Timeout": 10,
        "Environment": { "Variables": { "ENV_A": "a" } },
    });
    let answer = plane.send("PUT", &format!("{one}/configuration"), change.to_string()).await;
    compare(&answer.json(), &recorded("update_configuration.json"), "update configuration");
    let code = json!({ "ZipFile": zip }).to_string();
    let answer = plane.send("PUT", &format!("{one}/code"), code).await;
    compare(&answer.json(), &recorded("update_code.json"), "update code");

    let answer = plane.send("DELETE", &one, "").await;
    assert_eq!((answer.status.as_u16(), answer.body.len()), (204, 0), "{answer:?}");
    let answer = plane.send("DELETE", &one, "").await;
    assert_eq!(answer.status, 404, "{answer:?}");
    assert_eq!(answer.header("x-amzn-errortype"), Some("ResourceNotFoundException"));
    compare(&answer.json(), &recorded("missing.json"), "missing");
}
