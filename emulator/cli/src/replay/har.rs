//! HTTP Archive 1.2, as browsers save it. Pure.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize;

use super::{CaptureError, Exchange, filler, sendable};

#[derive(Deserialize)]
struct Har {
    log: Log,
}

#[derive(Deserialize)]
struct Log {
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    request: Request,
    #[serde(default)]
    response: Response,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    method: String,
    url: String,
    #[serde(default)]
    headers: Vec<Header>,
    post_data: Option<PostData>,
    /// -1 when it is not known.
    #[serde(default)]
    body_size: i64,
}

#[derive(Deserialize)]
struct Header {
    name: String,
    value: String,
}

#[derive(Deserialize)]
struct PostData {
    text: Option<String>,
    /// What some recorders add for bodies that are no text.
    encoding: Option<String>,
}

#[derive(Deserialize, Default)]
struct Response {
    /// 0 where there was none.
    #[serde(default)]
    status: u16,
}

pub(super) fn read(text: &str) -> Result<Vec<Exchange>, CaptureError> {
    let har: Har =
        serde_json::from_str(text).map_err(|error| CaptureError::Har(error.to_string()))?;
    har.log.entries.into_iter().map(exchange).collect()
}

fn exchange(entry: Entry) -> Result<Exchange, CaptureError> {
    let Entry { request, response } = entry;
    let posted = match request.post_data {
        Some(PostData { text: Some(text), encoding }) if encoding.as_deref() == Some("base64") => {
            let wrong = |error| CaptureError::Har(format!("a body of {}: {error}", request.url));
            Some(Bytes::from(STANDARD.decode(text).map_err(wrong)?))
        }
        Some(PostData { text: Some(text), .. }) => Some(Bytes::from(text)),
        _ => None,
    };
    let declared = u64::try_from(request.body_size).unwrap_or(0);
    let is_filler = posted.is_none() && declared > 0;
    let headers = request.headers.into_iter().map(|header| (header.name, header.value));
    Ok(Exchange {
        method: request.method,
        url: request.url,
        headers: sendable(headers.collect()),
        body: posted.unwrap_or_else(|| filler(declared)),
        is_filler,
        status: (response.status != 0).then_some(response.status),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_with_its_body_or_as_much_filler_as_it_had() {
        let har = |more: &str| {
            format!(
                r#"{{"log":{{"version":"1.2","entries":[{{"request":{{"method":"POST","url":"https://h/dev/a?b=c","headers":[
                {{"name":":authority","value":"h"}},{{"name":"Content-Length","value":"3"}},{{"name":"Accept","value":"*/*"}}]{more}}},
                "response":{{"status":0}}}}]}}}}"#
            )
        };
        let one = |more| read(&har(more)).expect("a HAR").remove(0);
        let text = one(r#","postData":{"mimeType":"text/plain","text":"abc"},"bodySize":3"#);
        assert_eq!((text.body, text.is_filler), (Bytes::from_static(b"abc"), false));
        let binary = one(r#","postData":{"text":"AAE=","encoding":"base64"}"#);
        assert_eq!(binary.body, Bytes::from_static(b"\x00\x01"));
        let unknown = one(r#","bodySize":7"#);
        assert_eq!((unknown.body.len(), unknown.is_filler, unknown.status), (7, true, None));
        assert_eq!(unknown.headers, [("Accept".to_owned(), "*/*".to_owned())]);
        assert_eq!(one(r#","bodySize":-1"#).body.len(), 0);
    }
}
