//! HTTP Archive 1.2 as browsers and proxies write it. Pure.
//!
//! Exporters differ: Chrome omits files from `postData.text`, Safari omits whole bodies, Firefox writes `null`, mitmproxy marks
//! base64. Every entry is sent with its declared length, or left out with a reason.

use serde_json::Value;

use super::body::{BodyError, CapturedBody};
use super::{Captured, Exchange, LeftOut, header, sendable};

/// Reads every entry.
pub(super) fn read(har: &Value) -> Captured {
    let mut captured = Captured::default();
    let entries = har["log"]["entries"].as_array().map(Vec::as_slice).unwrap_or_default();
    for (index, entry) in entries.iter().enumerate() {
        match exchange(entry, index + 1, captured.room()) {
            Ok(exchange) => captured.exchanges.push(exchange),
            Err(error) => {
                captured.left_out.push(LeftOut {
                    entry: index + 1,
                    what: title(&entry["request"]),
                    reason: error.to_string(),
                });
            }
        }
    }
    captured
}

/// An entry that cannot be sent.
#[derive(Debug, thiserror::Error)]
enum EntryError {
    #[error("it has no request with a URL")]
    NoUrl,
    #[error("its request has no method")]
    NoMethod,
    #[error("`{0}` is not a method")]
    InvalidMethod(String),
    #[error("a WebSocket connection cannot be replayed")]
    WebSocket,
    #[error("a `{0}:` URL is not sent over HTTP")]
    Scheme(String),
    #[error("CONNECT opens a tunnel of a proxy")]
    Connect,
    #[error(transparent)]
    Body(#[from] BodyError),
}

fn title(request: &Value) -> String {
    let text = |name: &str| request[name].as_str().unwrap_or("?");
    crate::explain::input::shown(&format!("{} {}", text("method"), text("url")), 120)
}

fn exchange(entry: &Value, number: usize, room: u64) -> Result<Exchange, EntryError> {
    let request = &entry["request"];
    let url = request["url"].as_str().ok_or(EntryError::NoUrl)?;
    let method = request["method"].as_str().ok_or(EntryError::NoMethod)?.trim();
    http::Method::from_bytes(method.as_bytes())
        .map_err(|_| EntryError::InvalidMethod(crate::explain::input::shown(method, 40)))?;
    let scheme = url.split(':').next().unwrap_or_default().to_ascii_lowercase();
    match scheme.as_str() {
        "http" | "https" => {}
        "ws" | "wss" => return Err(EntryError::WebSocket),
        _ => return Err(EntryError::Scheme(crate::explain::input::shown(&scheme, 20))),
    }
    if method == "CONNECT" {
        return Err(EntryError::Connect);
    }
    let headers = headers(&request["headers"]);
    let post = &request["postData"];
    let kind =
        post["mimeType"].as_str().or_else(|| header(&headers, "content-type")).unwrap_or_default();
    let form = form(post, kind);
    let text = post["text"].as_str().filter(|text| !text.is_empty()).or(form.as_deref());
    let declared = header(&headers, "content-length").and_then(|length| length.parse().ok());
    let body = CapturedBody {
        text,
        is_base64: ["encoding", "_encoding", "comment"].iter().any(|name| post[*name] == "base64"),
        declared: declared.or_else(|| request["bodySize"].as_u64().filter(|size| *size > 0)),
        is_multipart: kind.to_ascii_lowercase().starts_with("multipart/"),
    };
    let (body, mut notes) = body.restore(room)?;
    let is_chunked =
        header(&headers, "transfer-encoding").is_some_and(|coding| coding.contains("chunked"));
    if body.is_empty()
        && (is_chunked
            || (post.is_object()
                && declared.is_none()
                && matches!(method, "POST" | "PUT" | "PATCH")))
    {
        notes.push(
            "the capture has neither the body nor its length; an empty body is sent".to_owned(),
        );
    }
    let status = entry["response"]["status"].as_u64();
    Ok(Exchange {
        entry: number,
        method: method.to_owned(),
        url: url.split('#').next().unwrap_or_default().to_owned(),
        headers: sendable(headers),
        body,
        notes,
        status: status
            .and_then(|status| u16::try_from(status).ok())
            .filter(|status| (100..1000).contains(status)),
        response_headers: self::headers(&entry["response"]["headers"]),
    })
}

/// Headers as a list of names and values; some exporters write an object.
fn headers(headers: &Value) -> Vec<(String, String)> {
    let pair = |name: &str, value: &Value| {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        (name.to_owned(), value)
    };
    match headers {
        Value::Array(all) => {
            all.iter().filter_map(|one| Some(pair(one["name"].as_str()?, &one["value"]))).collect()
        }
        Value::Object(all) => all.iter().map(|(name, value)| pair(name, value)).collect(),
        _ => Vec::new(),
    }
}

/// A form whose fields are there, but not its text.
fn form(post: &Value, kind: &str) -> Option<String> {
    if !kind.starts_with("application/x-www-form-urlencoded") {
        return None;
    }
    let fields = post["params"].as_array().filter(|fields| !fields.is_empty())?;
    let field = |field: &Value| {
        let text = |name: &str| field[name].as_str().unwrap_or_default().to_owned();
        format!("{}={}", text("name"), text("value"))
    };
    Some(fields.iter().map(field).collect::<Vec<_>>().join("&"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn one(request: &Value, response: &Value) -> Captured {
        read(&json!({"log": {"entries": [{"request": request, "response": response}]}}))
    }

    fn post(more: &Value) -> Exchange {
        let mut request = json!({"method": "POST", "url": "https://h/dev/a?b=c#d", "headers": [
            {"name": ":authority", "value": "h"}, {"name": "Accept", "value": "*/*"}]});
        for (name, value) in more.as_object().expect("members") {
            request[name] = value.clone();
        }
        let mut captured = one(&request, &json!({"status": 413}));
        assert_eq!(captured.left_out, [], "{request}");
        captured.exchanges.remove(0)
    }

    #[test]
    fn a_body_is_taken_from_its_text_or_from_its_length() {
        let text =
            post(&json!({"postData": {"mimeType": "text/plain", "text": "abc"}, "bodySize": 3}));
        assert_eq!(
            (text.body.as_ref(), text.notes.len(), text.url.as_str()),
            (&b"abc"[..], 0, "https://h/dev/a?b=c")
        );
        assert_eq!(text.headers, [("Accept".to_owned(), "*/*".to_owned())]);
        let binary = post(&json!({"postData": {"text": "AAE=", "encoding": "base64"}}));
        assert_eq!(binary.body.as_ref(), b"\x00\x01");
        let unknown = post(&json!({"bodySize": 7}));
        assert_eq!((unknown.body.len(), unknown.notes.len()), (7, 1));
        for nothing in
            [json!({"bodySize": -1}), json!({"bodySize": null, "postData": null}), json!({})]
        {
            assert_eq!(post(&nothing).body.len(), 0, "{nothing}");
        }
        let declared = post(
            &json!({"headers": [{"name": "content-length", "value": "7340211"}], "bodySize": -1, "postData": {}}),
        );
        assert_eq!((declared.body.len(), declared.notes.len()), (7_340_211, 1));
        let form = post(
            &json!({"postData": {"mimeType": "application/x-www-form-urlencoded", "params": [{"name": "a", "value": "1"}, {"name": "b", "value": ""}]}}),
        );
        assert_eq!(form.body.as_ref(), b"a=1&b=");
    }

    #[test]
    fn an_entry_that_cannot_be_sent_is_left_out_by_its_number() {
        let har = json!({"log": {"entries": [
            {"request": {"method": "GET", "url": "data:image/png;base64,AAAA"}},
            {"request": {"method": "GET", "url": "wss://h/dev"}},
            {"request": {"method": "GET", "url": "https://h/a"}, "response": {"status": -1}},
            {"request": null},
            {"request": {"method": "B AD", "url": "https://h/a"}},
            {"request": {"method": "POST", "url": "https://h/a", "postData": {"text": "$", "encoding": "base64"}}},
        ]}});
        let captured = read(&har);
        assert_eq!(
            captured.exchanges.iter().map(|one| (one.entry, one.status)).collect::<Vec<_>>(),
            [(3, None)]
        );
        assert_eq!(
            captured.left_out.iter().map(|one| one.entry).collect::<Vec<_>>(),
            [1, 2, 4, 5, 6]
        );
        assert!(captured.left_out[0].reason.contains("`data:`"), "{captured:?}");
        assert_eq!(read(&json!({"log": {"entries": [1, null, [], "x", {}]}})).left_out.len(), 5);
    }

    /// 64 entries that declare 256 MiB each would take 16 GiB before the first of them is sent.
    #[test]
    fn the_bodies_of_one_capture_have_a_bound_together() {
        let entry = json!({"request": {"method": "POST", "url": "https://h/a", "bodySize": 268_435_456_u64}});
        let har = json!({"log": {"entries": vec![entry; 64]}});
        let captured = read(&har);
        assert_eq!((captured.exchanges.len(), captured.left_out.len()), (2, 62));
        assert!(captured.left_out[0].reason.contains("a file of its own"));
    }

    #[test]
    fn an_invalid_status_is_not_a_response() {
        for (status, expected) in [
            (json!(-1), None),
            (json!(0), None),
            (json!(null), None),
            (json!(502), Some(502)),
            (json!(70_000), None),
        ] {
            let captured =
                one(&json!({"method": "GET", "url": "https://h/"}), &json!({"status": status}));
            assert_eq!(captured.exchanges[0].status, expected, "{status}");
        }
    }
}
