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

use hardcap_limits::Millis;
use http::{HeaderName, HeaderValue, StatusCode, header};

use super::answer::{Answer, Parts};
use super::service::Asked;
use crate::clock;
use crate::content::{Content, Kind};

const DELAY_MAX: u64 = 60_000;

/// Responds with the body that the target describes.
pub(super) async fn bytes(asked: &Asked, size: &str) -> Answer {
    match described(asked, size) {
        Ok((answer, delay)) => {
            if delay.0 > 0 {
                clock::wait(delay).await;
            }
            answer
        }
        Err(reason) => Answer::illegal_argument(&reason),
    }
}

fn described(asked: &Asked, size: &str) -> Result<(Answer, Millis), String> {
    let size = size.parse().map_err(|error| format!("[{size}] is not a number of bytes: {error}"))?;
    let kind = match asked.parameter("kind") {
        Some(name) => name.parse::<Kind>().map_err(|error| error.to_string())?,
        None => Kind::Ascii,
    };
    let content = Content { kind, size, seed: number(asked, "seed")?.unwrap_or(0) };
    let status = match number(asked, "status")? {
        Some(status) => u16::try_from(status)
            .ok()
            .and_then(|status| StatusCode::from_u16(status).ok())
            .filter(|status| !status.is_informational())
            .ok_or_else(|| format!("[{status}] is not a status of a response"))?,
        None => StatusCode::OK,
    };
    let delay = number(asked, "delay_ms")?.unwrap_or(0);
    if delay > DELAY_MAX {
        return Err(format!("[delay_ms] is at most {DELAY_MAX}, not {delay}"));
    }
    let content_type = asked.parameter("type").unwrap_or_else(|| kind.content_type().to_owned());
    let mut parts: Parts = Box::new(content.chunks().map(Ok));
    if let Some(after) = number(asked, "abort_after")? {
        parts = aborted(content, after);
    }
    let length = (!asked.flag("chunked")).then_some(size);
    let mut answer = Answer::parts(status, &content_type, length, parts);
    answer.compressible = asked.flag("gzip");
    add_headers(asked, &mut answer)?;
    Ok((answer, Millis(delay)))
}

fn add_headers(asked: &Asked, answer: &mut Answer) -> Result<(), String> {
    for (name, value) in asked.query() {
        let (name, value) = match name.as_str() {
            "header" => {
                value.split_once(':').ok_or_else(|| format!("[{value}] is not Name:Value"))?
            }
            "content_encoding" => (header::CONTENT_ENCODING.as_str(), value.as_str()),
            _ => continue,
        };
        let wrong = || format!("[{name}: {value}] is not a header");
        let name = HeaderName::try_from(name).map_err(|_| wrong())?;
        let value = HeaderValue::try_from(value.trim()).map_err(|_| wrong())?;
        answer.headers.append(name, value);
    }
    if let Some(declared) = number(asked, "declare")? {
        answer.headers.insert(header::CONTENT_LENGTH, declared.into());
        answer.length = Some(declared);
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

fn number(asked: &Asked, name: &str) -> Result<Option<u64>, String> {
    let Some(value) = asked.parameter(name) else {
        return Ok(None);
    };
    value.parse().map(Some).map_err(|error| format!("[{name}] is [{value}]: {error}"))
}
