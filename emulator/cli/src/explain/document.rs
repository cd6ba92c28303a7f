//! Measures a captured document: a proxy response or an event. Pure.

use std::fmt;

use hardcap_limits::Limits;
use serde::Deserialize;
use serde_json::value::RawValue;

use hardcap::report::grouped;

/// What a JSON document is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// What a function answers to a gateway: it has a `statusCode` or a `body` and no request.
    ProxyResponse,
    /// What a gateway hands to a function: it has a `requestContext`.
    Event,
    /// Any other JSON.
    Payload,
}

/// A document, and where its bytes are.
#[derive(Clone, Debug)]
pub struct Document {
    /// What it is.
    pub kind: Kind,
    /// Its length as it stands, in bytes: what Lambda would measure.
    pub bytes: u64,
    /// The largest members, with the bytes that each takes as JSON, largest first.
    pub members: Vec<(String, u64)>,
    /// The body decoded, in bytes, when there is one.
    pub body: Option<u64>,
    /// Whether the body is base64.
    pub is_base64: bool,
}

#[derive(Deserialize)]
struct Members<'d>(#[serde(borrow)] indexmap::IndexMap<String, &'d RawValue>);

impl Document {
    /// Reads a JSON object; `None` when the text is none.
    #[must_use]
    pub fn read(text: &str) -> Option<Document> {
        let text = text.trim();
        let Members(members) = serde_json::from_str(text).ok()?;
        let has = |name: &str| members.contains_key(name);
        let kind = if has("requestContext") {
            Kind::Event
        } else if has("statusCode") || has("body") {
            Kind::ProxyResponse
        } else {
            Kind::Payload
        };
        let is_base64 =
            members.get("isBase64Encoded").is_some_and(|raw| raw.get().trim_matches('"') == "true");
        let body = members.get("body").and_then(|raw| decoded_len(raw, is_base64));
        let mut sizes: Vec<_> =
            members.iter().map(|(name, raw)| (name.clone(), raw.get().len() as u64)).collect();
        sizes.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
        sizes.truncate(5);
        Some(Document { kind, bytes: text.len() as u64, members: sizes, body, is_base64 })
    }

    /// The limit that applies, its number in force, and by how much the document is over or under it.
    #[must_use]
    pub fn against(&self, limits: &Limits) -> (&'static str, u64) {
        let name = match self.kind {
            Kind::Event => "lambda_sync_request",
            Kind::ProxyResponse | Kind::Payload => "lambda_sync_response",
        };
        let max = limits.in_force().find(|(row, _)| row.name == name).map_or(0, |(_, max)| max);
        (name, max)
    }

    /// What to read, in lines.
    #[must_use]
    pub fn describe(&self, limits: &Limits) -> String {
        let (row, max) = self.against(limits);
        let verdict = if self.bytes > max {
            format!("{} over", grouped(self.bytes - max))
        } else {
            format!("{} left", grouped(max - self.bytes))
        };
        let mut text = format!(
            "{}: {} bytes of at most {} ({row}), {verdict}",
            self.kind,
            grouped(self.bytes),
            grouped(max)
        );
        if let Some(body) = self.body {
            let how = if self.is_base64 { "base64" } else { "text" };
            text += &format!("\n  body: {} bytes, sent as {how}", grouped(body));
        }
        for (name, bytes) in &self.members {
            text += &format!("\n  {name}: {} bytes of JSON", grouped(*bytes));
        }
        text
    }
}

fn decoded_len(raw: &RawValue, is_base64: bool) -> Option<u64> {
    let text: std::borrow::Cow<'_, str> = serde_json::from_str(raw.get()).ok()?;
    if !is_base64 {
        return Some(text.len() as u64);
    }
    let padding = text.bytes().rev().take_while(|byte| *byte == b'=').count() as u64;
    Some((text.len() as u64 / 4 * 3).saturating_sub(padding))
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::ProxyResponse => "a function's answer",
            Kind::Event => "an event",
            Kind::Payload => "a payload",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measures_the_answer_of_zappa_to_the_byte() {
        let base64 = "eHh4".repeat(1_572_853) + "eA==";
        let text = format!(
            "{{\"body\": \"{base64}\", \"isBase64Encoded\": \"true\", \"statusCode\": 200, \"headers\": \
             {{\"Content-Type\": \"text/html; charset=utf-8\", \"Content-Length\": \"4718560\"}}}}"
        );
        let document = Document::read(&text).expect("an object");
        assert_eq!(document.kind, Kind::ProxyResponse);
        assert_eq!(document.bytes, 6_291_560);
        assert_eq!(document.body, Some(4_718_560));
        assert!(
            document
                .describe(&Limits::classic())
                .contains("6,291,560 bytes of at most 6,291,556 (lambda_sync_response), 4 over"),
            "{}",
            document.describe(&Limits::classic())
        );
    }

    #[test]
    fn tells_an_event_from_an_answer() {
        let event = Document::read(r#"{"version":"2.0","requestContext":{},"body":"a\"b"}"#)
            .expect("an object");
        assert_eq!((event.kind, event.body), (Kind::Event, Some(3)));
        assert!(Document::read("[1]").is_none());
        assert!(Document::read("not JSON").is_none());
    }
}
