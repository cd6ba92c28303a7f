//! A request as the client sent it, and the measured sizes of its head.

use std::net::SocketAddr;

use bytes::Bytes;
use hardcap_limits::Bytes as ByteCount;
use http::request::Parts;

use hardcap_core::head::SentHead;

/// A request; its body is empty until it has been read.
#[derive(Clone, Debug)]
pub(crate) struct ClientRequest {
    /// The method, unchanged.
    pub(crate) method: String,
    /// The path, unchanged and percent-encoded.
    pub(crate) path: String,
    /// The query after the first `?`, unchanged.
    pub(crate) query: String,
    /// `HTTP/1.1`.
    pub(crate) protocol: &'static str,
    /// The headers in their order, with the case of their names if it is known.
    pub(crate) headers: Vec<(String, String)>,
    /// The address of the client.
    pub(crate) source_ip: String,
    /// Whether the function sees TLS.
    pub(crate) tls: bool,
    /// The body.
    pub(crate) body: Bytes,
}

impl ClientRequest {
    /// A request without its body.
    pub(crate) fn new(head: &Parts, peer: SocketAddr) -> ClientRequest {
        let (path, query) = match head.uri.path_and_query() {
            Some(target) => (target.path(), target.query().unwrap_or_default()),
            None => ("/", ""),
        };
        ClientRequest {
            method: head.method.as_str().to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            protocol: if head.version == http::Version::HTTP_10 { "HTTP/1.0" } else { "HTTP/1.1" },
            headers: headers_of(head),
            source_ip: peer.ip().to_string(),
            tls: false,
            body: Bytes::new(),
        }
    }

    /// Replaces the host that the function sees, and shows TLS.
    pub(crate) fn address_to(&mut self, host: &str) {
        self.tls = true;
        self.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("host"));
        self.headers.push(("Host".to_owned(), host.to_owned()));
    }

    /// The scheme that the client used.
    pub(crate) fn scheme(&self) -> &'static str {
        if self.tls { "https" } else { "http" }
    }

    /// The first value of a header; the name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// `Host`, with the port if there is one.
    pub(crate) fn host(&self) -> &str {
        self.header("host").unwrap_or_default()
    }

    /// The port of `Host`, or the default of the scheme.
    pub(crate) fn port(&self) -> &str {
        match self.host().rsplit_once(':') {
            Some((_, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => port,
            _ if self.tls => "443",
            _ => "80",
        }
    }
}

/// The headers with the case of their names if it is known, else in the usual case.
fn headers_of(head: &Parts) -> Vec<(String, String)> {
    match head.extensions.get::<SentHead>() {
        Some(sent) => {
            let recased =
                sent.headers.iter().map(|(name, value)| (rest_case(name), text_of(value)));
            recased.collect()
        }
        None => head
            .headers
            .iter()
            .map(|(name, value)| (title_case(name.as_str()), text_of(value.as_bytes())))
            .collect(),
    }
}

/// Recorded on 2024-07-22: `user-Agent` arrives as `User-Agent`, other names unchanged.
fn rest_case(name: &str) -> String {
    match name.to_ascii_lowercase().as_str() {
        lower @ ("authorization" | "content-type" | "host" | "user-agent") => title_case(lower),
        _ => name.to_owned(),
    }
}

/// `x-custom-header` in the usual case: `X-Custom-Header`.
fn title_case(name: &str) -> String {
    let mut first = true;
    name.chars()
        .map(|letter| {
            let cased = if first { letter.to_ascii_uppercase() } else { letter };
            first = letter == '-';
            cased
        })
        .collect()
}

/// A header's value as text: valid UTF-8 unchanged, else each byte as a character of ISO 8859-1.
///
/// UNCONFIRMED: how AWS shows values outside ASCII is not recorded.
fn text_of(value: &[u8]) -> String {
    match std::str::from_utf8(value) {
        Ok(text) => text.to_owned(),
        Err(_) => value.iter().copied().map(char::from).collect(),
    }
}

/// The size of the headers as a REST API measures it: names, values, white space and line endings.
pub(crate) fn header_bytes(head: &Parts) -> ByteCount {
    if let Some(sent) = head.extensions.get::<SentHead>() {
        return ByteCount(sent.header_bytes);
    }
    let lines = head.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4);
    ByteCount(lines.map(|line| line as u64).sum())
}

/// The size of the head as an HTTP API measures it: the request line without its line ending, and the values of the headers.
pub(crate) fn line_and_value_bytes(head: &Parts) -> ByteCount {
    let target = target_length(head);
    let line = head.method.as_str().len() as u64 + 1 + target + " HTTP/1.1".len() as u64;
    let values: u64 = head.headers.values().map(|value| value.len() as u64).sum();
    ByteCount(line + values)
}

/// The request target, path and query, in bytes.
pub(crate) fn target_length(head: &Parts) -> u64 {
    if let Some(sent) = head.extensions.get::<SentHead>() {
        return sent.target_bytes;
    }
    head.uri.path_and_query().map_or(1, |target| target.as_str().len() as u64)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A request for a test.
    pub(crate) fn received(method: &str, target: &str, headers: &[(&str, &str)]) -> ClientRequest {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        ClientRequest {
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            protocol: "HTTP/1.1",
            headers: headers
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            source_ip: "127.0.0.1".to_owned(),
            tls: false,
            body: Bytes::new(),
        }
    }

    fn parts(request: http::Request<()>) -> Parts {
        request.into_parts().0
    }

    #[test]
    fn headers_are_measured_with_separators_and_line_endings() {
        let head =
            parts(http::Request::get("/").header("a", "xyz").header("bb", "").body(()).unwrap());
        assert_eq!(header_bytes(&head).0, (1 + 2 + 3 + 2) + (2 + 2 + 2));
    }

    #[test]
    fn an_http_api_measures_the_request_line_and_the_values() {
        let head = parts(http::Request::get("/a?b=c").header("name", "12345").body(()).unwrap());
        assert_eq!(line_and_value_bytes(&head).0, "GET /a?b=c HTTP/1.1".len() as u64 + 5);
    }

    #[test]
    fn values_that_are_not_utf8_keep_one_character_for_each_byte() {
        assert_eq!(text_of(b"\xc3\xa9"), "é");
        assert_eq!(text_of(b"a\xff"), "aÿ");
    }

    #[test]
    fn a_request_that_is_addressed_to_aws_has_one_host_and_the_port_of_tls() {
        let mut request = received("GET", "/", &[("Host", "127.0.0.1:3000"), ("A", "1")]);
        request.address_to("abc123.execute-api.us-east-1.amazonaws.com");
        assert_eq!(request.host(), "abc123.execute-api.us-east-1.amazonaws.com");
        assert_eq!((request.port(), request.scheme(), request.headers.len()), ("443", "https", 2));
    }

    #[test]
    fn the_port_is_the_one_of_the_host_header() {
        assert_eq!(received("GET", "/", &[("Host", "127.0.0.1:3000")]).port(), "3000");
        assert_eq!(received("GET", "/", &[("Host", "example.org")]).port(), "80");
        assert_eq!(received("GET", "/", &[]).port(), "80");
    }
}
