//! A job as JSON.

use std::time::{Duration, UNIX_EPOCH};

use aws_sdk_s3::primitives::{DateTime, DateTimeFormat};
use serde_json::{Map, Value, json};

use crate::headers;
use crate::job::ports::EpochMillis;
use crate::job::{Row, Settings};
use crate::respond::problem_kind;
use crate::store::Link;

/// What is said of a job; with the link to its result when there is one.
pub(super) fn resource(row: &Row, link: Option<&Link>, settings: &Settings) -> Value {
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
    set("created", json!(date(row.created)));
    set("updated", json!(date(row.updated)));
    set("ended", row.ended.map_or(Value::Null, |ended| json!(date(ended))));
    set("expires", json!(date(row.expires(settings))));
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
        "content_type": headers::get(&output.headers, "content-type"),
        "content_encoding": headers::get(&output.headers, "content-encoding"),
        "location": link.map(|link| link.location.as_str()),
        "location_expires": link.map(Link::expires_text),
    })
}

/// A point in time, as RFC 3339 has it.
fn date(point: EpochMillis) -> String {
    let point = UNIX_EPOCH + Duration::from_millis(point);
    let text = DateTime::from(point).fmt(DateTimeFormat::DateTime);
    text.expect("the year has four digits")
}
