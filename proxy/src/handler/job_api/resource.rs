//! The JSON of a job.

use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use serde_json::{Map, Value, json};

use crate::clock;
use crate::headers;
use crate::job::{JobSettings, Row};
use crate::problem::problem_kind;
use crate::store::Link;

/// The JSON of a job, with the link to its result if there is one.
pub(super) fn resource(row: &Row, link: Option<&Link>, settings: &JobSettings) -> Value {
    let progress = &row.progress;
    let mut members = Map::new();
    let mut set = |name: &str, value: Value| {
        if !value.is_null() {
            members.insert(name.to_owned(), value);
        }
    };
    set("id", json!(row.id));
    set("kind", json!(row.kind));
    set("state", json!(row.state.name()));
    set("created", json!(clock::rfc3339(row.created)));
    set("updated", json!(clock::rfc3339(row.updated)));
    set("ended", row.ended.map_or(Value::Null, |ended| json!(clock::rfc3339(ended))));
    set("expires", json!(clock::rfc3339(row.expires(settings))));
    set("generation", json!(row.generation));
    set(
        "progress",
        json!({ "items": progress.items, "items_total": progress.items_total, "bytes": progress.bytes }),
    );
    set("error", error(row));
    set("result", result(row, link));
    Value::Object(members)
}

fn error(row: &Row) -> Value {
    row.error.as_ref().map_or(Value::Null, |problem| {
        json!({
            "type": problem_kind(&format!("job:{}", problem.code)),
            "code": problem.code,
            "title": problem.title,
            "detail": problem.detail,
        })
    })
}

fn result(row: &Row, link: Option<&Link>) -> Value {
    let Some(output) = &row.result else {
        return Value::Null;
    };
    json!({
        "status": output.status,
        "bytes": output.bytes,
        "sha256": output.sha256,
        "content_type": headers::get(&output.headers, CONTENT_TYPE),
        "content_encoding": headers::get(&output.headers, CONTENT_ENCODING),
        "location": link.map(|link| link.location.as_str()),
        "location_expires": link.map(Link::expires_text),
    })
}
