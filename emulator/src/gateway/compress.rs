//! `minimumCompressionSize` of a REST API: answers are compressed after Lambda, for clients that accept it.

use std::io::{self, Write as _};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use http::{HeaderValue, header};

use super::answer::Answer;

/// The two codings that API Gateway has beside `identity`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    Gzip,
    Deflate,
}

/// Compresses an answer of at least `minimum` bytes that is not encoded yet, when the client accepts a coding.
pub(super) async fn apply(minimum: Option<u64>, accepted: Option<&str>, answer: Answer) -> Answer {
    let large = minimum.is_some_and(|minimum| answer.body.len() as u64 >= minimum);
    let encoded = answer.headers.contains_key(header::CONTENT_ENCODING);
    let coding = accepted.and_then(best);
    let (true, false, Some(coding)) = (large, encoded || answer.body.is_empty(), coding) else {
        return answer;
    };
    let body = answer.body.clone();
    match tokio::task::spawn_blocking(move || coding.encode(&body)).await {
        Ok(Ok(body)) => coding.label(answer, body),
        // Memory that cannot be had, or a runtime that ends: the answer is right without compression too.
        _ => answer,
    }
}

/// The first of gzip and deflate that `Accept-Encoding` allows.
fn best(accepted: &str) -> Option<Coding> {
    let quality = |coding: &str| {
        let mut choices = accepted.split(',').map(|choice| {
            let (name, parameters) = choice.split_once(';').unwrap_or((choice, ""));
            (name.trim(), parameters.trim())
        });
        let named = choices.clone().find(|(name, _)| name.eq_ignore_ascii_case(coding));
        let (_, parameters) = named.or_else(|| choices.find(|(name, _)| *name == "*"))?;
        match parameters.strip_prefix("q=") {
            Some(quality) => quality.trim().parse::<f32>().ok().filter(|quality| *quality > 0.0),
            None => Some(1.0),
        }
    };
    match (quality("gzip"), quality("deflate")) {
        (Some(gzip), Some(deflate)) if deflate > gzip => Some(Coding::Deflate),
        (Some(_), _) => Some(Coding::Gzip),
        (None, Some(_)) => Some(Coding::Deflate),
        (None, None) => None,
    }
}

impl Coding {
    fn encode(self, body: &[u8]) -> io::Result<Vec<u8>> {
        match self {
            Coding::Gzip => {
                let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
                encoder.write_all(body)?;
                encoder.finish()
            }
            Coding::Deflate => {
                let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
                encoder.write_all(body)?;
                encoder.finish()
            }
        }
    }

    fn label(self, mut answer: Answer, body: Vec<u8>) -> Answer {
        let name = match self {
            Coding::Gzip => "gzip",
            Coding::Deflate => "deflate",
        };
        answer.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(name));
        answer.body = Bytes::from(body);
        answer
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use http::{HeaderMap, StatusCode};

    use super::*;

    fn answer(body: &'static [u8]) -> Answer {
        Answer { status: StatusCode::OK, headers: HeaderMap::new(), body: Bytes::from_static(body) }
    }

    #[test]
    fn the_coding_is_the_one_that_the_client_prefers() {
        assert_eq!(best("gzip, deflate"), Some(Coding::Gzip));
        assert_eq!(best("gzip;q=0.2, deflate;q=0.5"), Some(Coding::Deflate));
        assert_eq!(best("identity;q=1, gzip;q=0"), None);
        assert_eq!(best("br"), None);
        assert_eq!(best("*"), Some(Coding::Gzip));
        assert_eq!(best(""), None);
    }

    #[tokio::test]
    async fn an_answer_is_compressed_from_the_smallest_size_on() {
        let body = b"aaaaaaaaaa";
        let below = apply(Some(11), Some("gzip"), answer(body)).await;
        assert_eq!(below, answer(body));
        let at = apply(Some(10), Some("gzip"), answer(body)).await;
        assert_eq!(at.headers[header::CONTENT_ENCODING], "gzip");
        let mut text = Vec::new();
        flate2::read::GzDecoder::new(&at.body[..]).read_to_end(&mut text).unwrap();
        assert_eq!(text, body);
    }

    #[tokio::test]
    async fn what_is_encoded_or_not_asked_for_stays() {
        assert_eq!(apply(None, Some("gzip"), answer(b"aa")).await, answer(b"aa"));
        assert_eq!(apply(Some(0), None, answer(b"aa")).await, answer(b"aa"));
        let mut encoded = answer(b"aa");
        encoded.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("br"));
        let left = apply(Some(0), Some("gzip"), encoded).await;
        assert_eq!(left.body, b"aa".as_slice());
    }
}
