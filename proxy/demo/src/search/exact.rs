//! `/_bytes/{n}`: a body of exactly `n` bytes, generated while it is sent, with optional defects for tests.
//!
//! | parameter | meaning and default |
//! | --- | --- |
//! | `kind`, `seed` | the bytes, see [`crate::content`]; `ascii` and 0 |
//! | `status` | the status; 200 |
//! | `type` | the content type; that of the kind |
//! | `chunked` | without a length |
//! | `content_encoding` | the header `Content-Encoding`, without encoding the bytes |
//! | `gzip` | compressed, if the client accepts it |
//! | `header` | `Name:Value`; may be repeated |
//! | `delay_ms` | the wait before the response, at most a minute |
//! | `declare` | a `Content-Length` that differs from the body's |
//! | `abort_after` | breaks the connection after this many bytes |

use std::io;
use std::num::ParseIntError;

use hardcap_limits::Millis;
use http::{HeaderName, HeaderValue, StatusCode, header};

use super::reply::{Parts, Reply};
use super::service::ClientRequest;
use crate::clock;
use crate::content::{Content, ContentKind, UnknownKind};

const DELAY_MAX: u64 = 60_000;

/// A parameter that cannot be used.
#[derive(Debug, thiserror::Error)]
enum BytesError {
    #[error("[{0}] is not a number of bytes: {1}")]
    Size(String, ParseIntError),
    #[error(transparent)]
    Kind(#[from] UnknownKind),
    #[error("[{0}] is not a status of a response")]
    Status(u64),
    #[error("[delay_ms] is at most {DELAY_MAX}, not {0}")]
    Delay(u64),
    #[error("[{0}] is not Name:Value")]
    HeaderForm(String),
    #[error("[{0}: {1}] is not a header")]
    Header(String, String),
    #[error("[{0}] is [{1}]: {2}")]
    Number(String, String, ParseIntError),
}

/// Responds with the body that the target describes.
pub(super) async fn bytes(request: &ClientRequest, size: &str) -> Reply {
    match described(request, size) {
        Ok((reply, delay)) => {
            if delay.0 > 0 {
                clock::wait(delay).await;
            }
            reply
        }
        Err(error) => Reply::illegal_argument(&error.to_string()),
    }
}

fn described(request: &ClientRequest, size: &str) -> Result<(Reply, Millis), BytesError> {
    let size = size.parse().map_err(|error| BytesError::Size(size.to_owned(), error))?;
    let kind = match request.parameter("kind") {
        Some(name) => name.parse::<ContentKind>()?,
        None => ContentKind::Ascii,
    };
    let content = Content { kind, size, seed: number(request, "seed")?.unwrap_or(0) };
    let status = match number(request, "status")? {
        Some(status) => u16::try_from(status)
            .ok()
            .and_then(|status| StatusCode::from_u16(status).ok())
            .filter(|status| !status.is_informational())
            .ok_or(BytesError::Status(status))?,
        None => StatusCode::OK,
    };
    let delay = number(request, "delay_ms")?.unwrap_or(0);
    if delay > DELAY_MAX {
        return Err(BytesError::Delay(delay));
    }
    let content_type = request.parameter("type").unwrap_or_else(|| kind.content_type().to_owned());
    let mut parts: Parts = Box::new(content.chunks().map(Ok));
    if let Some(after) = number(request, "abort_after")? {
        parts = aborted(content, after);
    }
    let length = (!request.flag("chunked")).then_some(size);
    let mut reply = Reply::parts(status, &content_type, length, parts);
    reply.compressible = request.flag("gzip");
    add_headers(request, &mut reply)?;
    Ok((reply, Millis(delay)))
}

fn add_headers(request: &ClientRequest, reply: &mut Reply) -> Result<(), BytesError> {
    for (name, value) in request.query() {
        let (name, value) = match name.as_str() {
            "header" => {
                value.split_once(':').ok_or_else(|| BytesError::HeaderForm(value.clone()))?
            }
            "content_encoding" => (header::CONTENT_ENCODING.as_str(), value.as_str()),
            _ => continue,
        };
        let wrong = || BytesError::Header(name.to_owned(), value.to_owned());
        let name = HeaderName::try_from(name).map_err(|_| wrong())?;
        let value = HeaderValue::try_from(value.trim()).map_err(|_| wrong())?;
        reply.headers.append(name, value);
    }
    if let Some(declared) = number(request, "declare")? {
        reply.headers.insert(header::CONTENT_LENGTH, declared.into());
        reply.length = Some(declared);
    }
    Ok(())
}

fn aborted(content: Content, after: u64) -> Parts {
    let mut left = after;
    let mut ended = false;
    let chunks = content.chunks().map_while(move |mut chunk| {
        if ended {
            return None;
        }
        if chunk.len() as u64 <= left {
            left -= chunk.len() as u64;
            return Some(Ok(chunk));
        }
        if left > 0 {
            chunk.truncate(usize::try_from(left).unwrap_or(usize::MAX));
            left = 0;
            return Some(Ok(chunk));
        }
        ended = true;
        Some(Err(io::Error::other("the request asked to break the body here")))
    });
    Box::new(chunks)
}

fn number(request: &ClientRequest, name: &str) -> Result<Option<u64>, BytesError> {
    let Some(value) = request.parameter(name) else {
        return Ok(None);
    };
    value.parse().map(Some).map_err(|error| BytesError::Number(name.to_owned(), value, error))
}
