//! gzip, for responses that do not fit otherwise.

use std::io::Write as _;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::headers::{self, Lines};

/// The largest body that is buffered and compressed, in bytes. Beyond it a redirect costs less time and memory.
pub const INPUT_MAX: usize = 16 * MEBIBYTE;
const MEBIBYTE: usize = 1024 * 1024;

/// Whether a response can be compressed: a text type, not encoded yet, and without `no-transform`.
#[must_use]
pub fn is_compressible(lines: &Lines) -> bool {
    let encoded = headers::get(lines, "content-encoding")
        .is_some_and(|coding| !coding.trim().eq_ignore_ascii_case("identity"));
    let fixed = headers::get(lines, "cache-control").is_some_and(|value| {
        value.split(',').any(|part| part.trim().eq_ignore_ascii_case("no-transform"))
    });
    let content_type = headers::get(lines, "content-type").unwrap_or_default();
    !encoded && !fixed && is_text_like(content_type)
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
pub fn mark(lines: &mut Lines) {
    headers::set(lines, "content-encoding", "gzip");
    headers::vary(lines, "Accept-Encoding");
    // These describe the uncompressed bytes.
    headers::remove(lines, "accept-ranges");
    headers::remove(lines, "content-md5");
    headers::remove(lines, "digest");
    headers::remove(lines, "content-digest");
    let strong = headers::get(lines, "etag").filter(|etag| !etag.starts_with("W/"));
    if let Some(weak) = strong.map(|etag| format!("W/{etag}")) {
        headers::set(lines, "etag", weak);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn typed(content_type: &str) -> Lines {
        vec![("content-type".to_owned(), content_type.to_owned())]
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
        encoded.push(("content-encoding".to_owned(), "br".to_owned()));
        assert!(!is_compressible(&encoded));
        let mut fixed = typed("text/plain");
        fixed.push(("cache-control".to_owned(), "public, No-Transform".to_owned()));
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
        lines.push(("etag".to_owned(), "\"abc\"".to_owned()));
        lines.push(("accept-ranges".to_owned(), "bytes".to_owned()));
        mark(&mut lines);
        assert_eq!(headers::get(&lines, "etag"), Some("W/\"abc\""));
        assert_eq!(headers::get(&lines, "vary"), Some("Accept-Encoding"));
        assert_eq!(headers::get(&lines, "content-encoding"), Some("gzip"));
        assert_eq!(headers::get(&lines, "accept-ranges"), None);
    }
}
