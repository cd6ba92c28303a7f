//! A client that sends `Expect: 100-continue`, and its body only when it is asked for it.

use std::io;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::{Answer, Call, Origin, RawConnection};

/// What a server answered to a request with `Expect: 100-continue`.
#[derive(Clone, Debug)]
pub struct Expected {
    /// Whether `100 Continue` came before the answer, so that the body was sent.
    pub asked: bool,
    /// The final answer.
    pub answer: Answer,
}

impl Call {
    /// Sends the head with `Expect: 100-continue` and waits: the body follows `100 Continue` and nothing else.
    ///
    /// # Errors
    ///
    /// When nobody listens, or what comes back is not HTTP with a declared length.
    pub async fn send_when_asked(&self) -> io::Result<Expected> {
        let (origin, target) = Origin::of(&self.url)?;
        let mut head =
            format!("{} {target} HTTP/1.1\r\nhost: {origin}\r\n", self.method).into_bytes();
        for (name, value) in &self.headers {
            head.extend_from_slice(format!("{name}: ").as_bytes());
            head.extend_from_slice(value);
            head.extend_from_slice(b"\r\n");
        }
        let length = self.body.len();
        let rest = "expect: 100-continue\r\nconnection: close\r\n\r\n";
        head.extend_from_slice(format!("content-length: {length}\r\n{rest}").as_bytes());
        let mut connection = RawConnection::open(&self.url).await?;
        connection.write(head).await?;
        let mut answer = connection.read_until("\r\n\r\n").await?;
        let asked = answer.starts_with(b"HTTP/1.1 100 ");
        if asked {
            connection.write(&self.body).await?;
            answer.clear();
        } else {
            connection.finish().await?;
        }
        answer.extend(connection.read_to_end().await?);
        Ok(Expected { asked, answer: parsed(&answer)? })
    }
}

fn parsed(bytes: &[u8]) -> io::Result<Answer> {
    let wrong = || {
        let shown = &bytes[..bytes.len().min(2_000)];
        io::Error::new(
            io::ErrorKind::InvalidData,
            format!("not a response: {}", shown.escape_ascii()),
        )
    };
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").ok_or_else(wrong)?;
    let head = std::str::from_utf8(&bytes[..end]).map_err(|_| wrong())?;
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).ok_or_else(wrong)?;
    let status = StatusCode::from_bytes(status.as_bytes()).map_err(|_| wrong())?;
    let mut headers = HeaderMap::new();
    for line in lines {
        let (name, value) = line.split_once(": ").ok_or_else(wrong)?;
        let name = HeaderName::try_from(name).map_err(|_| wrong())?;
        headers.append(name, HeaderValue::try_from(value).map_err(|_| wrong())?);
    }
    let body = Bytes::copy_from_slice(&bytes[end + 4..]);
    let declared = headers.get(http::header::CONTENT_LENGTH).and_then(|it| it.to_str().ok());
    if declared.and_then(|length| length.parse().ok()) != Some(body.len()) {
        return Err(wrong());
    }
    Ok(Answer { status, headers, body })
}
