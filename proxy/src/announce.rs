//! Responses in place of a stored one: its location, expiry, length and digest.

use http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, LOCATION, REFERRER_POLICY};
use serde_json::{Map, Value, json};

use crate::delivery::{Delivery, OverflowForm};
use crate::headers;
use crate::problem::{PROBLEM_TYPE, problem_kind};
use crate::response::{Body, Head, Response, Text};
use crate::store::{Link, StoredResponse};

/// The media type of a link in place of a response.
pub const LINK_TYPE: &str = "application/vnd.hardcap.overflow+json";

/// The status in place of a response that this client cannot receive. Every client treats it as an error, and none repeats the
/// request by itself, as the clients of Elasticsearch and OpenSearch do after 502, 503 and 504.
const NOT_ACCEPTABLE: u16 = 406;
/// The text for programs that show the body of a 303 as an error, and for users of curl without `-L`.
const NOT_FOLLOWED: &str = "The response is too large for Lambda and is stored at `location`. Follow the redirect, send \
    `X-Overflow: link` for this text with the status of the response, or request less at a time.";

/// Headers that describe the bytes of the stored response or its age. They do not apply to the announcement.
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

/// The response that leads to a stored one. `renew` is the URL at which its owner requests another link.
#[must_use]
pub fn announce(
    form: &OverflowForm,
    head: &Head,
    stored: &StoredResponse,
    link: &Link,
    renew: &str,
) -> (Response, Delivery) {
    let mut headers = head.headers.clone();
    headers::remove_if(&mut headers, |name| {
        name.starts_with("content-") || OF_THE_BYTES.contains(&name)
    });
    let mut members = Map::new();
    let (status, media_type, delivery) = match form {
        OverflowForm::Redirect => {
            headers::set(&mut headers, LOCATION, &link.location);
            members.insert("detail".to_owned(), json!(NOT_FOLLOWED));
            (303, "application/json", Delivery::Redirect)
        }
        OverflowForm::Link => (head.status, LINK_TYPE, Delivery::Link),
        OverflowForm::Problem => {
            describe(
                &mut members,
                "answer-stored",
                "The response is too large to be shown here",
                head.status,
                "The upstream's response is stored at `location` until `expires`; `renew` gives another link.",
            );
            if !head.headers.contains_key(CONTENT_ENCODING) {
                let excerpt = String::from_utf8_lossy(&stored.excerpt).into_owned();
                members.insert("excerpt".to_owned(), Value::String(excerpt));
            }
            (head.status, PROBLEM_TYPE, Delivery::Link)
        }
        OverflowForm::Refused(reason) => {
            headers.remove(LOCATION);
            let detail = format!(
                "{reason} The upstream responded with status {}, so the request took effect. The response is stored at `location` until `expires`; `renew` gives another link.",
                head.status,
            );
            describe(
                &mut members,
                "answer-too-large",
                "The response is too large for Lambda",
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
    headers::set(&mut headers, CONTENT_TYPE, media_type);
    headers::set(&mut headers, CACHE_CONTROL, "no-store");
    headers::set(&mut headers, REFERRER_POLICY, "no-referrer");
    let body = Body::Text(Text::from(Value::Object(members).to_string()));
    (Response { status, headers, body }, delivery)
}

fn describe(members: &mut Map<String, Value>, kind: &str, title: &str, status: u16, detail: &str) {
    members.insert("type".to_owned(), json!(problem_kind(kind)));
    members.insert("title".to_owned(), json!(title));
    members.insert("status".to_owned(), json!(status));
    members.insert("detail".to_owned(), json!(detail));
}

#[cfg(test)]
mod tests;
