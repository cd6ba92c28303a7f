//! The answers that stand for a stored one: where it is, until when, how long it is, and its digest.

use serde_json::{Map, Value, json};

use crate::answer::{Answer, Body, Head, Text};
use crate::delivery::{Delivery, Form};
use crate::headers::{self, Lines};
use crate::problem::{PROBLEM_TYPE, problem_kind};
use crate::store::{Link, Stored};

/// The media type of a link in place of an answer.
pub const LINK_TYPE: &str = "application/vnd.hardcap.overflow+json";

/// The status in place of an answer that cannot be delivered to this client: every client treats it as an error, and none
/// sends the request again by itself, as the clients of Elasticsearch and OpenSearch do after 502, 503 and 504.
const NOT_ACCEPTABLE: u16 = 406;
/// For programs that show the body of a 303 as an error, and for people without `curl -L`.
const NOT_FOLLOWED: &str = "The answer is too large for Lambda and is stored at `location`. Follow the redirect, or send \
    `X-Overflow: link` for this text with the status of the answer, or ask for less at a time.";

/// Headers that describe the bytes of the stored answer, or its age; they do not fit the bytes that announce it.
const OF_THE_BYTES: [&str; 9] = [
    "etag",
    "last-modified",
    "cache-control",
    "expires",
    "age",
    "pragma",
    "accept-ranges",
    "digest",
    "repr-digest",
];

/// The answer that leads to a stored one. `renew` is where its owner asks for another link.
#[must_use]
pub fn announce(
    form: &Form,
    head: &Head,
    stored: &Stored,
    link: &Link,
    renew: &str,
) -> (Answer, Delivery) {
    let mut lines: Lines = head.headers.clone();
    lines.retain(|(name, _)| {
        !name.starts_with("content-") && !OF_THE_BYTES.contains(&name.as_str())
    });
    let mut members = Map::new();
    let (status, media_type, delivery) = match form {
        Form::Redirect => {
            headers::set(&mut lines, "location", &link.location);
            members.insert("detail".to_owned(), json!(NOT_FOLLOWED));
            (303, "application/json", Delivery::Redirect)
        }
        Form::Link => (head.status, LINK_TYPE, Delivery::Link),
        Form::Problem => {
            describe(
                &mut members,
                "answer-stored",
                "The answer is too large to be shown here",
                head.status,
                "The upstream's answer is stored; `location` leads to it until `expires`, and `renew` to another link.",
            );
            if headers::get(&head.headers, "content-encoding").is_none() {
                let excerpt = String::from_utf8_lossy(&stored.excerpt).into_owned();
                members.insert("excerpt".to_owned(), Value::String(excerpt));
            }
            (head.status, PROBLEM_TYPE, Delivery::Link)
        }
        Form::Refused(reason) => {
            headers::remove(&mut lines, "location");
            let detail = format!(
                "{reason} The upstream answered with status {}, so the request took effect. The answer is stored; `location` leads to it until `expires`, and `renew` to another link.",
                head.status,
            );
            describe(
                &mut members,
                "answer-too-large",
                "The answer is too large for Lambda",
                NOT_ACCEPTABLE,
                &detail,
            );
            (NOT_ACCEPTABLE, PROBLEM_TYPE, Delivery::Refused)
        }
    };
    members.insert("location".to_owned(), json!(link.location));
    members.insert("expires".to_owned(), json!(link.expires_text()));
    members.insert("size".to_owned(), json!(stored.size));
    if let Some(sha256) = &stored.sha256 {
        members.insert("sha256".to_owned(), json!(sha256));
    }
    members.insert("renew".to_owned(), json!(renew));
    headers::set(&mut lines, "content-type", media_type);
    headers::set(&mut lines, "cache-control", "no-store");
    headers::set(&mut lines, "referrer-policy", "no-referrer");
    let body = Body::Text(Text::from(Value::Object(members).to_string()));
    (Answer { status, headers: lines, body }, delivery)
}

fn describe(members: &mut Map<String, Value>, kind: &str, title: &str, status: u16, detail: &str) {
    members.insert("type".to_owned(), json!(problem_kind(kind)));
    members.insert("title".to_owned(), json!(title));
    members.insert("status".to_owned(), json!(status));
    members.insert("detail".to_owned(), json!(detail));
}

#[cfg(test)]
mod tests;
