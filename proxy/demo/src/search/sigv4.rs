//! Signature Version 4 as the receiver computes it, only from the bytes on the wire.
//!
//! Independent of the signer that the proxy uses, so that the two can disagree. Pure.

use hmac::{Hmac, KeyInit as _, Mac as _};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use sha2::{Digest as _, Sha256};

/// The SHA-256 of no bytes, in hex.
pub const EMPTY_SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// A request as it was on the wire.
#[derive(Clone, Copy, Debug)]
pub struct WireRequest<'a> {
    /// The method, as sent.
    pub method: &'a str,
    /// The request target: path and query, exactly as sent.
    pub target: &'a str,
    /// Names and values, in the order sent.
    pub headers: &'a [(String, Vec<u8>)],
    /// The SHA-256 of the body that came, in hex.
    pub payload_sha256: &'a str,
}

/// `20150830/us-east-1/es/aws4_request`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// `20150830`
    pub date: String,
    /// `us-east-1`
    pub region: String,
    /// `es`, `aoss`
    pub service: String,
}

impl std::fmt::Display for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}/{}/aws4_request", self.date, self.region, self.service)
    }
}

/// The bytes that are encoded: all but the unreserved ones of RFC 3986.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The canonical request. `signed_headers` are names in lower case, in the order of the signature.
///
/// The received path is encoded once more, as for every service but S3: a received `%2A` is `%252A` here, and a received `*` is
/// `%2A`.
#[must_use]
pub fn canonical_request(request: &WireRequest<'_>, signed_headers: &[String]) -> String {
    let (path, query) = split_target(request.target);
    let mut canonical = format!(
        "{}\n{}\n{}\n",
        request.method,
        canonical_path(path),
        canonical_query(query.unwrap_or_default())
    );
    for name in signed_headers {
        canonical.push_str(name);
        canonical.push(':');
        canonical.push_str(&canonical_value(request.headers, name));
        canonical.push('\n');
    }
    canonical.push('\n');
    canonical.push_str(&signed_headers.join(";"));
    canonical.push('\n');
    canonical.push_str(request.payload_sha256);
    canonical
}

/// The string to sign. `date` is the value of `x-amz-date`, `20150830T123600Z`.
#[must_use]
pub fn string_to_sign(date: &str, scope: &Scope, canonical_request: &str) -> String {
    format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{}", sha256_hex(canonical_request.as_bytes()))
}

/// The signature, in hex.
#[must_use]
pub fn signature(secret: &str, scope: &Scope, string_to_sign: &str) -> String {
    let date = hmac(format!("AWS4{secret}").as_bytes(), &scope.date);
    let region = hmac(&date, &scope.region);
    let service = hmac(&region, &scope.service);
    let key = hmac(&service, "aws4_request");
    hex::encode(hmac(&key, string_to_sign))
}

/// The SHA-256 of some bytes, in hex.
#[must_use]
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// Path and query of a target; the query is `None` without a `?`.
#[must_use]
pub fn split_target(target: &str) -> (&str, Option<&str>) {
    match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    }
}

/// Percent-decodes. A `%` without two following hex digits is kept. `+` is a plus.
#[must_use]
pub fn percent_decode(text: &str) -> Vec<u8> {
    percent_encoding::percent_decode_str(text).collect()
}

/// Removes the segments `.`, `..` and empty ones, then encodes every byte but unreserved ones and slashes.
fn canonical_path(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                kept.pop();
            }
            segment => kept.push(segment),
        }
    }
    let ends_open = path.ends_with('/') || path.ends_with("/.") || path.ends_with("/..");
    let mut canonical = String::from("/");
    for (at, segment) in kept.iter().enumerate() {
        if at > 0 {
            canonical.push('/');
        }
        canonical.extend(percent_encode(segment.as_bytes(), ENCODED));
    }
    if ends_open && !kept.is_empty() {
        canonical.push('/');
    }
    canonical
}

/// Decodes and canonically encodes each name and value, and sorts them. A bare key has an empty value.
fn canonical_query(query: &str) -> String {
    let mut pairs: Vec<(String, String)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (recode(name), recode(value)))
        .collect();
    pairs.sort();
    let pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("&")
}

fn recode(text: &str) -> String {
    percent_encode(&percent_decode(text), ENCODED).to_string()
}

/// All values of a header in the order sent, trimmed, with single spaces, joined by commas.
fn canonical_value(headers: &[(String, Vec<u8>)], name: &str) -> String {
    let values: Vec<String> = headers
        .iter()
        .filter(|(other, _)| other.eq_ignore_ascii_case(name))
        .map(|(_, value)| {
            let text = String::from_utf8_lossy(value);
            text.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
        })
        .collect();
    values.join(",")
}

fn hmac(key: &[u8], message: &str) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(message.as_bytes());
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(raw: &str) -> String {
        canonical_path(raw)
    }

    #[test]
    fn a_character_that_is_encoded_on_the_wire_is_encoded_twice() {
        assert_eq!(path("/logs-*/_search"), "/logs-%2A/_search");
        assert_eq!(path("/logs-%2A/_search"), "/logs-%252A/_search");
        assert_eq!(path("/a%2Fb"), "/a%252Fb");
        assert_eq!(
            path("/%3Clogstash-%7Bnow%2Fd%7D%3E/_search"),
            "/%253Clogstash-%257Bnow%252Fd%257D%253E/_search"
        );
        assert_eq!(path("/a+b"), "/a%2Bb");
        assert_eq!(path("/é"), "/%C3%A9");
    }

    #[test]
    fn segments_that_say_nothing_are_not_signed() {
        assert_eq!(path(""), "/");
        assert_eq!(path("//a//b"), "/a/b");
        assert_eq!(path("/a/./b/"), "/a/b/");
        assert_eq!(path("/a/../b"), "/b");
        assert_eq!(path("/.."), "/");
    }

    #[test]
    fn queries_are_sorted_after_they_are_encoded_and_keep_duplicates() {
        assert_eq!(canonical_query("pretty"), "pretty=");
        assert_eq!(canonical_query("b=2&a=1&a=0&a=1"), "a=0&a=1&a=1&b=2");
        assert_eq!(canonical_query("a=x y"), "a=x%20y");
        assert_eq!(canonical_query("a=1+1"), "a=1%2B1");
        assert_eq!(canonical_query("a=%e9"), "a=%E9");
        assert_eq!(canonical_query("a=%"), "a=%25");
        assert_eq!(canonical_query("a=b=c"), "a=b%3Dc");
        assert_eq!(canonical_query("&&a&"), "a=");
    }
}
