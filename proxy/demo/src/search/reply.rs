//! Responses: small JSON, bodies that are generated while they are sent, and errors in Elasticsearch's form.

use std::io::{self, Write as _};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use hyper::body::{Body, Frame, SizeHint};
use serde_json::json;

/// The parts of a body, generated one at a time when the connection accepts more.
pub(super) type Parts = Box<dyn Iterator<Item = io::Result<Bytes>> + Send>;

/// The body of a response.
pub(super) struct ReplyBody {
    parts: Parts,
    length: Option<u64>,
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        Poll::Ready(self.parts.next().map(|part| part.map(Frame::data)))
    }

    fn size_hint(&self) -> SizeHint {
        self.length.map(SizeHint::with_exact).unwrap_or_default()
    }
}

/// A response before it is compressed or sent.
pub(super) struct Reply {
    pub(super) status: StatusCode,
    /// Boxed, because responses are also used as errors, which should be small.
    pub(super) headers: Box<HeaderMap>,
    /// The length; `None` for a chunked body.
    pub(super) length: Option<u64>,
    pub(super) parts: Parts,
    /// Whether it may be compressed for clients that accept it.
    pub(super) compressible: bool,
}

impl Reply {
    /// A response with a body in memory.
    pub(super) fn whole(status: StatusCode, content_type: &str, body: impl Into<Bytes>) -> Reply {
        let body = body.into();
        let length = body.len() as u64;
        let parts = (!body.is_empty()).then_some(Ok(body)).into_iter();
        Reply::parts(status, content_type, Some(length), Box::new(parts))
    }

    /// A response whose body is generated while it is sent.
    pub(super) fn parts(
        status: StatusCode,
        content_type: &str,
        length: Option<u64>,
        parts: Parts,
    ) -> Reply {
        let mut headers = HeaderMap::new();
        if let Ok(content_type) = HeaderValue::from_str(content_type) {
            headers.insert(header::CONTENT_TYPE, content_type);
        }
        Reply { status, headers: Box::new(headers), length, parts, compressible: true }
    }

    /// A JSON response.
    pub(super) fn json(status: StatusCode, value: &serde_json::Value) -> Reply {
        Reply::whole(status, "application/json; charset=UTF-8", value.to_string())
    }

    /// An error in Elasticsearch's form.
    pub(super) fn error(status: StatusCode, error_type: &str, reason: &str) -> Reply {
        let cause = json!({"type": error_type, "reason": reason});
        let error = json!({
            "error": {"root_cause": [cause], "type": error_type, "reason": reason},
            "status": status.as_u16(),
        });
        Reply::json(status, &error)
    }

    /// An `illegal_argument_exception`, the error of most bad requests.
    pub(super) fn illegal_argument(reason: &str) -> Reply {
        Reply::error(StatusCode::BAD_REQUEST, "illegal_argument_exception", reason)
    }

    /// Compresses the body while it is sent, unless it is empty or already encoded.
    pub(super) fn compressed(mut self) -> Reply {
        let encoded = self.headers.contains_key(header::CONTENT_ENCODING);
        if !self.compressible || encoded || self.length == Some(0) {
            return self;
        }
        self.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        self.headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        self.length = None;
        self.parts = Box::new(Gzip::new(self.parts));
        self
    }

    /// The response for hyper. For `HEAD`, 204 and 304 there is no body.
    pub(super) fn into_response(self, head: bool) -> Response<ReplyBody> {
        let bare = self.status == StatusCode::NO_CONTENT
            || self.status == StatusCode::NOT_MODIFIED
            || self.status.is_informational();
        let mut headers = self.headers;
        let body = if head || bare {
            if let Some(length) = self.length.filter(|_| head && !bare) {
                headers.entry(header::CONTENT_LENGTH).or_insert(length.into());
            }
            ReplyBody { parts: Box::new(std::iter::empty()), length: Some(0) }
        } else {
            ReplyBody { parts: self.parts, length: self.length }
        };
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        *response.headers_mut() = *headers;
        response
    }
}

/// Whether `Accept-Encoding` permits gzip.
pub(super) fn accepts_gzip(headers: &[(String, Vec<u8>)]) -> bool {
    headers
        .iter()
        .filter(|(name, _)| name == "accept-encoding")
        .flat_map(|(_, value)| value.split(|byte| *byte == b','))
        .filter_map(|coding| std::str::from_utf8(coding).ok())
        .any(|coding| {
            let mut parts = coding.split(';').map(str::trim);
            let name = parts.next().unwrap_or_default();
            let refused = parts.any(|part| {
                part.strip_prefix("q=")
                    .and_then(|q| q.parse::<f32>().ok())
                    .is_some_and(|q| q <= 0.0)
            });
            name.eq_ignore_ascii_case("gzip") && !refused
        })
}

/// Compresses parts one by one.
struct Gzip {
    parts: Parts,
    encoder: Option<GzEncoder<Vec<u8>>>,
}

impl Gzip {
    fn new(parts: Parts) -> Gzip {
        Gzip { parts, encoder: Some(GzEncoder::new(Vec::new(), Compression::fast())) }
    }
}

impl Iterator for Gzip {
    type Item = io::Result<Bytes>;

    fn next(&mut self) -> Option<io::Result<Bytes>> {
        loop {
            let encoder = self.encoder.as_mut()?;
            match self.parts.next() {
                Some(Ok(part)) => {
                    if let Err(error) = encoder.write_all(&part) {
                        return Some(Err(error));
                    }
                    let ready = std::mem::take(encoder.get_mut());
                    if !ready.is_empty() {
                        return Some(Ok(ready.into()));
                    }
                }
                Some(Err(error)) => {
                    self.encoder = None;
                    return Some(Err(error));
                }
                None => {
                    let ended = self.encoder.take()?.finish();
                    return Some(ended.map(Bytes::from));
                }
            }
        }
    }
}
