//! gzip, for responses that do not fit otherwise.

use std::io::Write as _;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{ACCEPT_RANGES, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderMap};

use crate::headers;

/// The largest body that is buffered and compressed, in bytes. Beyond it a redirect costs less time and memory.
pub const INPUT_MAX: usize = 16 * MEBIBYTE;
const MEBIBYTE: usize = 1024 * 1024;

/// Whether a response can be compressed: a text type, not encoded yet, and without `no-transform`.
#[must_use]
pub fn is_compressible(headers: &HeaderMap) -> bool {
    let encoded = headers::get(headers, CONTENT_ENCODING)
        .is_some_and(|coding| !coding.trim().eq_ignore_ascii_case("identity"));
    let fixed = headers::get(headers, CACHE_CONTROL).is_some_and(|value| {
        value.split(',').any(|part| part.trim().eq_ignore_ascii_case("no-transform"))
    });
    let content_type = headers::get(headers, CONTENT_TYPE).unwrap_or_default();
    !encoded && !fixed && is_text_like(&content_type)
}

fn is_text_like(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let ends = ["+json", "+xml", "json", "javascript", "/xml", "/wasm", "/yaml", "/cbor", "/csv"];
    essence.starts_with("text/") || ends.iter().any(|end| essence.ends_with(end))
}

/// The gzip of `body`, or `None` if it is longer than `room`.
#[must_use]
pub fn gzip(body: &[u8], room: usize) -> Option<Bytes> {
    const STEP: usize = 64 * 1024;
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    for piece in body.chunks(STEP) {
        encoder.write_all(piece).expect("writing to a Vec does not fail");
        if encoder.get_ref().len() > room {
            return None;
        }
    }
    let packed = encoder.finish().expect("writing to a Vec does not fail");
    (packed.len() <= room).then(|| Bytes::from(packed))
}

/// Adapts the headers of a response that was compressed.
pub fn mark(headers: &mut HeaderMap) {
    headers::set(headers, CONTENT_ENCODING, "gzip");
    headers::vary(headers, "Accept-Encoding");
    // These describe the uncompressed bytes.
    headers.remove(ACCEPT_RANGES);
    for name in ["content-md5", "digest", "content-digest"] {
        headers.remove(name);
    }
    let weak = headers::get(headers, ETAG)
        .filter(|etag| !etag.starts_with("W/"))
        .map(|etag| format!("W/{etag}"));
    if let Some(weak) = weak {
        headers::set(headers, ETAG, &weak);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn typed(content_type: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers::set(&mut headers, CONTENT_TYPE, content_type);
        headers
    }

    #[test]
    fn c1_text_is_compressible_and_compressed_types_are_not() {
        for yes in [
            "application/json; charset=UTF-8",
            "application/x-ndjson",
            "application/vnd.elasticsearch+json;compatible-with=8",
            "text/html",
            "application/javascript",
            "image/svg+xml",
        ] {
            assert!(is_compressible(&typed(yes)), "{yes}");
        }
        for no in ["image/png", "application/octet-stream", "application/zip", ""] {
            assert!(!is_compressible(&typed(no)), "{no}");
        }
        let mut encoded = typed("text/plain");
        headers::set(&mut encoded, CONTENT_ENCODING, "br");
        assert!(!is_compressible(&encoded));
        let mut fixed = typed("text/plain");
        headers::set(&mut fixed, CACHE_CONTROL, "public, No-Transform");
        assert!(!is_compressible(&fixed));
    }

    #[test]
    fn a_compressed_body_decompresses_to_the_same_bytes() {
        let body = b"{\"hits\":[]}".repeat(100_000);
        let packed = gzip(&body, body.len()).expect("it shrinks");
        let mut unpacked = Vec::new();
        flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut unpacked).unwrap();
        assert_eq!(unpacked, body);
    }

    #[test]
    fn a_gzip_longer_than_the_room_is_dropped() {
        let body = b"{\"hits\":[]}".repeat(100_000);
        let exact = gzip(&body, usize::MAX).expect("there is room").len();
        assert!(gzip(&body, exact).is_some(), "exactly enough room");
        assert!(gzip(&body, exact - 1).is_none(), "one byte too few");
    }

    #[test]
    fn c1_a_strong_etag_is_weakened_and_vary_is_set() {
        let mut lines = typed("text/plain");
        headers::set(&mut lines, ETAG, "\"abc\"");
        headers::set(&mut lines, ACCEPT_RANGES, "bytes");
        mark(&mut lines);
        assert_eq!(headers::get(&lines, "etag").as_deref(), Some("W/\"abc\""));
        assert_eq!(headers::get(&lines, "vary").as_deref(), Some("Accept-Encoding"));
        assert_eq!(headers::get(&lines, "content-encoding").as_deref(), Some("gzip"));
        assert_eq!(headers::get(&lines, "accept-ranges").as_deref(), None);
    }
}
