//! Which limit explains a cutoff: how much envelope each limit and each encoding would leave around the body. Pure.

use std::fmt;

use hardcap_limits::envelope::{base64_len, json_string_len};
use hardcap_limits::{Limits, Row};

use hardcap::report::grouped;

/// The largest envelope that is believed: headers twice, a request context, long cookies.
const ENVELOPE_MAX: u64 = 16 * 1024;

/// How a body travels inside a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// As it is, with nothing around it.
    Raw,
    /// As base64 inside JSON.
    Base64,
    /// As a JSON string.
    Text,
    /// As it is, behind the metadata of a streamed answer.
    Stream,
}

/// Which way the body goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The size is that of the answer.
    Download,
    /// The size is that of the request's body.
    Upload,
}

/// A limit that explains a cutoff, and the envelope that it implies.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// The limit.
    pub row: &'static Row,
    /// Its number in force, in bytes.
    pub max: u64,
    /// How the body would travel.
    pub encoding: Encoding,
    /// The last body that passes, encoded, in bytes.
    pub encoded: u64,
    /// The smallest envelope that fits both sides of the cutoff.
    pub envelope_min: u64,
    /// The largest.
    pub envelope_max: u64,
    /// The last body that passes, in bytes.
    pub body: u64,
}

/// The limits that a cutoff fits, most telling first.
///
/// `body` is the last body that passes; one byte more fails when `exact`, else only that a larger one does.
#[must_use]
pub fn explain(
    limits: &Limits,
    direction: Direction,
    body: &[u8],
    exact: bool,
) -> Vec<Explanation> {
    let raw = body.len() as u64;
    let candidates: &[(&str, &[Encoding])] = match direction {
        Direction::Download => &[
            ("lambda_sync_response", &[Encoding::Base64, Encoding::Text]),
            ("lambda_stream_response", &[Encoding::Stream]),
        ],
        Direction::Upload => &[
            ("rest_request_body", &[Encoding::Raw]),
            ("lambda_sync_request", &[Encoding::Base64, Encoding::Text]),
        ],
    };
    let mut found = Vec::new();
    for (name, encodings) in candidates {
        let mut in_force = limits.in_force().filter(|(row, _)| row.began() <= limits.date());
        let Some((row, max)) = in_force.find(|(row, _)| row.name == *name) else { continue };
        for &encoding in *encodings {
            let Some((encoded, next)) = encoded_lengths(encoding, body) else { continue };
            // Of a stream that is too long one byte more arrives.
            let arrives = max.saturating_add(u64::from(encoding == Encoding::Stream));
            let Some(envelope_max) = arrives.checked_sub(encoded) else { continue };
            let envelope_min = if exact { (arrives + 1).saturating_sub(next) } else { 0 };
            let believable = match encoding {
                Encoding::Raw => envelope_max == 0,
                Encoding::Base64 | Encoding::Text => {
                    (2..=ENVELOPE_MAX).contains(&envelope_max) && envelope_min <= envelope_max
                }
                Encoding::Stream => envelope_max <= ENVELOPE_MAX,
            };
            if believable {
                found.push(Explanation {
                    row,
                    max,
                    encoding,
                    encoded,
                    envelope_min,
                    envelope_max,
                    body: raw,
                });
            }
        }
    }
    found.sort_by_key(|explanation| explanation.envelope_max);
    found
}

/// The body's length once encoded, and that of the next larger body.
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
            Encoding::Text => write!(
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

    #[test]
    fn explains_the_cutoff_of_zappa_by_base64_in_an_envelope_of_144() {
        let body = vec![b'x'; 4_718_559];
        let found = explain(&Limits::classic(), Direction::Download, &body, true);
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
        let found = explain(&Limits::classic(), Direction::Download, &body, false);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].encoding, Encoding::Text);
        assert_eq!(found[0].envelope_max, 1_556);
    }

    #[test]
    fn explains_the_cut_of_a_stream_by_the_metadata_before_it() {
        let mut limits = Limits::current();
        limits.set("lambda_stream_response", 1_000_000).unwrap();
        let found = explain(&limits, Direction::Download, &vec![b'x'; 999_975], true);
        let texts: Vec<String> = found.iter().map(ToString::to_string).collect();
        let expected = "lambda_stream_response, 1,000,000 bytes: 999,975 bytes behind 26 bytes of metadata and \
                        delimiter, for one byte more than the limit arrives";
        assert_eq!(texts, [expected]);
        let mut early = Limits::classic();
        early.set("lambda_stream_response", 1_000_000).unwrap();
        assert!(explain(&early, Direction::Download, &vec![b'x'; 999_975], true).is_empty());
    }

    #[test]
    fn explains_nothing_that_no_limit_fits() {
        let found = explain(&Limits::classic(), Direction::Download, &[b'x'; 1_000_000], true);
        assert!(found.is_empty(), "{found:?}");
    }
}
