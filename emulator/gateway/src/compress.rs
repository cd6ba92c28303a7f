//! `minimumCompressionSize` of a REST API: the gateway compresses responses for clients that accept it.

use std::io::{self, Write as _};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use http::{HeaderValue, header};

use super::response::ProxyResponse;

/// The content codings of API Gateway, without `identity`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    Gzip,
    Deflate,
}

/// Compresses a response of at least `minimum` bytes without a content coding, if the client accepts one.
pub(super) async fn apply(
    minimum: Option<u64>,
    accepted: Option<&str>,
    response: ProxyResponse,
) -> ProxyResponse {
    let large = minimum.is_some_and(|minimum| response.body.len() as u64 >= minimum);
    let encoded = response.headers.contains_key(header::CONTENT_ENCODING);
    let coding = accepted.and_then(best);
    let (true, false, Some(coding)) = (large, encoded || response.body.is_empty(), coding) else {
        return response;
    };
    let body = response.body.clone();
    match tokio::task::spawn_blocking(move || coding.encode(&body)).await {
        Ok(Ok(body)) => coding.label(response, body),
        // Memory is short, or the runtime is shutting down. The response is correct without compression too.
        _ => response,
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

    fn label(self, mut response: ProxyResponse, body: Vec<u8>) -> ProxyResponse {
        let name = match self {
            Coding::Gzip => "gzip",
            Coding::Deflate => "deflate",
        };
        response.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(name));
        response.body = Bytes::from(body);
        response
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use http::{HeaderMap, StatusCode};

    use super::*;

    fn response(body: &'static [u8]) -> ProxyResponse {
        ProxyResponse {
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            body: Bytes::from_static(body),
        }
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
    async fn a_response_is_compressed_from_the_minimum_size_on() {
        let body = b"aaaaaaaaaa";
        let below = apply(Some(11), Some("gzip"), response(body)).await;
        assert_eq!(below, response(body));
        let at = apply(Some(10), Some("gzip"), response(body)).await;
        assert_eq!(at.headers[header::CONTENT_ENCODING], "gzip");
        let mut text = Vec::new();
        flate2::read::GzDecoder::new(&at.body[..]).read_to_end(&mut text).unwrap();
        assert_eq!(text, body);
    }

    #[tokio::test]
    async fn a_response_that_is_encoded_or_not_accepted_compressed_is_unchanged() {
        assert_eq!(apply(None, Some("gzip"), response(b"aa")).await, response(b"aa"));
        assert_eq!(apply(Some(0), None, response(b"aa")).await, response(b"aa"));
        let mut encoded = response(b"aa");
        encoded.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("br"));
        let left = apply(Some(0), Some("gzip"), encoded).await;
        assert_eq!(left.body, b"aa".as_slice());
    }
}
