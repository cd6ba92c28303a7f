//! The limit that explains a cutoff, by the envelope that each limit and each encoding would leave around the body. Pure.

use std::fmt;

use hardcap_limits::envelope::{base64_len, json_string_len};
use hardcap_limits::{Limits, Row};

use hardcap_limits::grouped;

/// The largest plausible envelope of a request without long headers: a request context, paths, addresses.
const ENVELOPE_BASE: u64 = 16 * 1024;
/// The maximum number of copies of a header in an event, including escapes: a REST API has `headers` and `multiValueHeaders`.
const HEADER_TIMES: u64 = 3;

/// The encoding of a body inside a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Unchanged, without an envelope.
    Raw,
    /// As base64 inside JSON.
    Base64,
    /// As a JSON string.
    Text,
    /// As a JSON string without a character above ASCII, as Python writes it up to 3.11: `\u00e4`.
    AsciiText,
    /// Unchanged, after the metadata of a streamed response.
    Stream,
}

/// The direction of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The size is that of the response.
    Download,
    /// The size is that of the request body.
    Upload,
}

/// A limit that explains a cutoff, and the envelope that it implies.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// The limit.
    pub row: &'static Row,
    /// Its number in force, in bytes.
    pub max: u64,
    /// The encoding of the body.
    pub encoding: Encoding,
    /// The last body that passes, encoded, in bytes.
    pub encoded: u64,
    /// The smallest envelope that fits both sides of the cutoff.
    pub envelope_min: u64,
    /// The largest.
    pub envelope_max: u64,
    /// The last body that passes, in bytes.
    pub body: u64,
    /// Whether the encoded body is within the limit.
    pub fits: bool,
    /// Whether one byte more fails, as in [`Edge::exact`].
    pub exact: bool,
}

/// A cutoff that was found.
#[derive(Clone, Copy, Debug)]
pub struct Edge<'b> {
    /// The direction of the body.
    pub direction: Direction,
    /// The last body that passes.
    pub body: &'b [u8],
    /// Whether one byte more fails; otherwise a larger body fails.
    pub exact: bool,
    /// The size of the headers and the URL beside the body, in bytes.
    pub around: u64,
}

/// The rows that can cause a cutoff, and the encoding of the body inside them.
const DOWNLOAD: &[(&str, &[Encoding])] = &[
    ("lambda_sync_response", &[Encoding::Base64, Encoding::Text, Encoding::AsciiText]),
    ("lambda_stream_response", &[Encoding::Stream]),
];
const UPLOAD: &[(&str, &[Encoding])] = &[
    ("rest_request_body", &[Encoding::Raw]),
    ("http_request_body", &[Encoding::Raw]),
    ("lambda_sync_request", &[Encoding::Base64, Encoding::Text]),
];

/// The limits that a cutoff fits, the most likely first.
#[must_use]
pub fn explain(limits: &Limits, edge: &Edge<'_>) -> Vec<Explanation> {
    let room = ENVELOPE_BASE.saturating_add(edge.around.saturating_mul(HEADER_TIMES));
    let mut found: Vec<Explanation> =
        candidates(limits, edge).into_iter().filter(|one| one.is_believable(room)).collect();
    found.sort_by_key(|explanation| explanation.envelope_max);
    found.dedup_by_key(|one| (one.row.name, one.envelope_max));
    found
}

/// The envelope of each limit and each encoding, plausible or not.
#[must_use]
pub fn candidates(limits: &Limits, edge: &Edge<'_>) -> Vec<Explanation> {
    let rows = match edge.direction {
        Direction::Download => DOWNLOAD,
        Direction::Upload => UPLOAD,
    };
    let mut found = Vec::new();
    for (name, encodings) in rows {
        let mut in_force = limits.in_force().filter(|(row, _)| row.began() <= limits.date());
        let Some((row, max)) = in_force.find(|(row, _)| row.name == *name) else { continue };
        for &encoding in *encodings {
            let Some((encoded, next)) = encoded_lengths(encoding, edge.body) else { continue };
            // One byte above the limit arrives of a stream that is too long.
            let arrives = max.saturating_add(u64::from(encoding == Encoding::Stream));
            let fits = encoded <= arrives;
            found.push(Explanation {
                row,
                max,
                encoding,
                encoded,
                envelope_min: if edge.exact { (arrives + 1).saturating_sub(next) } else { 0 },
                envelope_max: arrives.saturating_sub(encoded),
                body: edge.body.len() as u64,
                fits,
                exact: edge.exact,
            });
        }
    }
    found
}

impl Explanation {
    fn is_believable(&self, room: u64) -> bool {
        self.fits
            && match self.encoding {
                Encoding::Raw => self.envelope_max == 0,
                Encoding::Base64 | Encoding::Text | Encoding::AsciiText => {
                    (2..=room).contains(&self.envelope_max)
                        && self.envelope_min <= self.envelope_max
                }
                Encoding::Stream => self.envelope_max <= room,
            }
    }

    /// The arithmetic of a limit that does not explain the cutoff.
    #[must_use]
    pub fn arithmetic(&self) -> String {
        let how = match self.encoding {
            Encoding::Raw => "as it is",
            Encoding::Base64 => "as base64",
            Encoding::Text => "as JSON text",
            Encoding::AsciiText => "as JSON text in ASCII",
            Encoding::Stream => "as a stream",
        };
        let (encoded, max) = (grouped(self.encoded), grouped(self.max));
        if self.fits {
            let left = grouped(self.max.saturating_sub(self.encoded));
            format!("{}, {max} bytes: {encoded} bytes {how} leave {left} bytes", self.row.name)
        } else {
            let over = grouped(self.encoded - self.max);
            format!("{}, {max} bytes: {encoded} bytes {how} are {over} bytes over", self.row.name)
        }
    }
}

/// The encoded size of the body, and that of the next larger body.
fn encoded_lengths(encoding: Encoding, body: &[u8]) -> Option<(u64, u64)> {
    let raw = body.len() as u64;
    match encoding {
        Encoding::Raw | Encoding::Stream => Some((raw, raw + 1)),
        Encoding::Base64 => Some((base64_len(raw).0, base64_len(raw + 1).0)),
        Encoding::Text => {
            let text = std::str::from_utf8(body).ok()?;
            let encoded = json_string_len(text).0 - 2;
            Some((encoded, encoded + 1))
        }
        Encoding::AsciiText => {
            let text = std::str::from_utf8(body).ok().filter(|text| !text.is_ascii())?;
            // A character of the basic plane takes `\\u` and four digits, any other two of them.
            let wide = |c: char| c.len_utf16() as u64 * 6 - c.len_utf8() as u64;
            let more: u64 = text.chars().filter(|c| !c.is_ascii()).map(wide).sum();
            let encoded = json_string_len(text).0 - 2 + more;
            Some((encoded, encoded + 1))
        }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Explanation { row, max, encoded, envelope_min, envelope_max, body, .. } = self;
        write!(f, "{}, {} bytes: ", row.name, grouped(*max))?;
        let envelope = if envelope_min == envelope_max {
            grouped(*envelope_max)
        } else {
            format!("{} to {}", grouped(*envelope_min), grouped(*envelope_max))
        };
        match self.encoding {
            Encoding::Raw => write!(f, "exactly the body, {} bytes", grouped(*body)),
            Encoding::Stream => write!(
                f,
                "{} bytes behind {envelope} bytes of metadata and delimiter, for one byte more than the limit arrives",
                grouped(*body)
            ),
            Encoding::Base64 => write!(
                f,
                "4 * ceil({} / 3) = {} characters of base64 in an envelope of {envelope} bytes",
                grouped(*body),
                grouped(*encoded)
            ),
            Encoding::Text | Encoding::AsciiText => write!(
                f,
                "{} bytes of text, {} once escaped as JSON, in an envelope of {envelope} bytes",
                grouped(*body),
                grouped(*encoded)
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn download(limits: &Limits, body: &[u8], exact: bool) -> Vec<Explanation> {
        explain(limits, &Edge { direction: Direction::Download, body, exact, around: 0 })
    }

    #[test]
    fn explains_the_cutoff_of_zappa_by_base64_in_an_envelope_of_144() {
        let body = vec![b'x'; 4_718_559];
        let found = download(&Limits::classic(), &body, true);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!((found[0].envelope_min, found[0].envelope_max), (141, 144));
        assert_eq!(
            found[0].to_string(),
            "lambda_sync_response, 6,291,556 bytes: 4 * ceil(4,718,559 / 3) = 6,291,412 characters of base64 \
             in an envelope of 141 to 144 bytes"
        );
    }

    #[test]
    fn explains_a_text_body_by_what_its_escapes_cost() {
        // 3,145,000 quotes take two bytes each.
        let body = vec![b'"'; 3_145_000];
        let found = download(&Limits::classic(), &body, false);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].encoding, Encoding::Text);
        assert_eq!(found[0].envelope_max, 1_556);
    }

    #[test]
    fn explains_the_cut_of_a_stream_by_the_metadata_before_it() {
        let mut limits = Limits::current();
        limits.set("lambda_stream_response", 1_000_000).unwrap();
        let found = download(&limits, &[b'x'; 999_975], true);
        let texts: Vec<String> = found.iter().map(ToString::to_string).collect();
        let expected = "lambda_stream_response, 1,000,000 bytes: 999,975 bytes behind 26 bytes of metadata and \
                        delimiter, for one byte more than the limit arrives";
        assert_eq!(texts, [expected]);
        let mut early = Limits::classic();
        early.set("lambda_stream_response", 1_000_000).unwrap();
        assert!(download(&early, &[b'x'; 999_975], true).is_empty());
    }

    #[test]
    fn explains_nothing_that_no_limit_fits() {
        let found = download(&Limits::classic(), &[b'x'; 1_000_000], true);
        assert!(found.is_empty(), "{found:?}");
    }

    #[test]
    fn long_headers_make_room_for_a_long_envelope() {
        let limits = Limits::classic();
        // 9,000 bytes of cookies stand twice in the event of a REST API.
        let body = vec![b'x'; 6_291_456 - 19_500];
        let edge = Edge { direction: Direction::Upload, body: &body, exact: true, around: 9_100 };
        let found = explain(&limits, &edge);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!((found[0].row.name, found[0].envelope_max), ("lambda_sync_request", 19_500));
        assert!(explain(&limits, &Edge { around: 100, ..edge }).is_empty());
    }

    #[test]
    fn the_gateway_of_an_http_api_is_a_candidate() {
        let body = vec![b'x'; 10_485_760];
        let edge = Edge { direction: Direction::Upload, body: &body, exact: true, around: 0 };
        let names: Vec<_> =
            explain(&Limits::current(), &edge).iter().map(|one| one.row.name).collect();
        assert_eq!(names, ["rest_request_body", "http_request_body"]);
    }

    #[test]
    fn text_that_python_escapes_is_explained() {
        // Each `ä` has two bytes in UTF-8 and six as an escape.
        let body = "ä".repeat(1_048_576);
        let found = download(&Limits::classic(), body.as_bytes(), false);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!((found[0].encoding, found[0].encoded), (Encoding::AsciiText, 6_291_456));
    }

    #[test]
    fn a_cutoff_without_an_explanation_shows_its_arithmetic() {
        let edge =
            Edge { direction: Direction::Upload, body: &[b'x'; 7_000_000], exact: true, around: 0 };
        assert!(explain(&Limits::classic(), &edge).is_empty());
        let lines: Vec<String> =
            candidates(&Limits::classic(), &edge).iter().map(Explanation::arithmetic).collect();
        assert!(lines.contains(&"lambda_sync_request, 6,291,456 bytes: 7,000,000 bytes as JSON text are 708,544 bytes over".to_owned()), "{lines:?}");
        assert!(lines.contains(&"rest_request_body, 10,485,760 bytes: 7,000,000 bytes as it is leave 3,485,760 bytes".to_owned()), "{lines:?}");
    }
}
