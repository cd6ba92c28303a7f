//! The head of a request as the client sent it: hyper keeps neither the case of names nor the white space, and knows no
//! target of more than 65,534 bytes.
//!
//! [`Tap`] stands between the socket and hyper and copies the bytes of each head. It is sure of a head only when no
//! bytes of another request came with it; where it is not, a surface sees what hyper parsed, with names in lower case.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use http::HeaderMap;
use http::request::Parts;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What hyper gets of a longer target. No gateway takes one of this length, so nothing that is answered was cut.
const TARGET_MAX: u64 = 60_000;
/// A head of more bytes is not copied: hyper refuses it.
const HEAD_MAX: usize = 4 * 1024 * 1024;

/// A head as it was sent: an extension of the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentHead {
    /// The request target, path and query, in bytes.
    pub target_bytes: u64,
    /// The lines of the headers with their line endings, in bytes.
    pub header_bytes: u64,
    /// Names and values in the order they came, names as they came.
    pub headers: Vec<(String, Vec<u8>)>,
}

impl SentHead {
    /// Whether hyper saw only the beginning of the target.
    pub fn is_cut(&self) -> bool {
        self.target_bytes > TARGET_MAX
    }
}

/// What was copied of the head that is being read. Cheap to clone; the tap and the service share one.
#[derive(Clone, Debug, Default)]
pub struct Heads(Arc<Mutex<Copied>>);

#[derive(Debug, Default)]
struct Copied {
    state: State,
    bytes: Vec<u8>,
    first_line_read: bool,
    spaces: u32,
    target_bytes: u64,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum State {
    /// The next byte belongs to a head.
    #[default]
    Reading,
    /// All of a head was read.
    Complete,
    /// What comes is a body, until a response is written.
    Passing,
}

impl Heads {
    /// The head of the request that hyper has just parsed, when the copy is of the same request.
    pub fn take(&self, parsed: &Parts) -> Option<SentHead> {
        let mut copied = self.copied();
        let complete = copied.state == State::Complete;
        copied.state = State::Passing;
        let bytes = std::mem::take(&mut copied.bytes);
        let target_bytes = copied.target_bytes;
        drop(copied);
        let head = complete.then(|| parse(&bytes, target_bytes)).flatten()?;
        let same_line = bytes.starts_with(parsed.method.as_str().as_bytes());
        (same_line && agree(&head.headers, &parsed.headers)).then_some(head)
    }

    fn copied(&self) -> MutexGuard<'_, Copied> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Copied {
    fn start(&mut self) {
        self.state = State::Reading;
        self.bytes.clear();
        self.first_line_read = false;
        self.spaces = 0;
        self.target_bytes = 0;
    }

    /// Copies what belongs to a head. Returns how many bytes hyper shall see: fewer where a target was cut.
    fn feed(&mut self, read: &mut [u8]) -> usize {
        if self.state != State::Reading {
            return read.len();
        }
        let mut kept = 0;
        for at in 0..read.len() {
            let byte = read[at];
            if self.state == State::Reading && !self.admit(byte) {
                continue;
            }
            read[kept] = byte;
            kept += 1;
        }
        kept
    }

    /// Takes one byte of a head; false when it is a part of the target that hyper shall not see.
    fn admit(&mut self, byte: u8) -> bool {
        if self.bytes.is_empty() && matches!(byte, b'\r' | b'\n') {
            return true;
        }
        match byte {
            _ if self.first_line_read => {}
            b'\n' => self.first_line_read = true,
            b' ' => self.spaces += 1,
            _ if self.spaces == 1 => {
                self.target_bytes += 1;
                if self.target_bytes > TARGET_MAX {
                    return false;
                }
            }
            _ => {}
        }
        self.bytes.push(byte);
        if self.bytes.ends_with(b"\r\n\r\n") || self.bytes.ends_with(b"\n\n") {
            self.state = State::Complete;
        } else if self.bytes.len() > HEAD_MAX {
            self.state = State::Passing;
        }
        true
    }
}

fn parse(head: &[u8], target_bytes: u64) -> Option<SentHead> {
    let mut lines = head.split_inclusive(|byte| *byte == b'\n');
    lines.next()?;
    let (mut headers, mut header_bytes) = (Vec::new(), 0);
    for line in lines {
        let text = line.trim_ascii();
        if text.is_empty() {
            break;
        }
        header_bytes += line.len() as u64;
        let colon = text.iter().position(|byte| *byte == b':')?;
        let name = std::str::from_utf8(&text[..colon]).ok()?.to_owned();
        headers.push((name, text[colon + 1..].trim_ascii().to_vec()));
    }
    Some(SentHead { target_bytes, header_bytes, headers })
}

fn agree(sent: &[(String, Vec<u8>)], parsed: &HeaderMap) -> bool {
    sent.len() == parsed.len()
        && sent.iter().all(|(name, value)| {
            parsed.get_all(name.as_str()).iter().any(|known| known.as_bytes() == value)
        })
}

/// A socket whose heads are copied.
#[derive(Debug)]
pub struct Tap<S> {
    socket: S,
    heads: Option<Heads>,
}

impl<S> Tap<S> {
    /// Copies the heads that are read from `socket` where there is a place for them.
    pub fn new(socket: S, heads: Option<Heads>) -> Tap<S> {
        Tap { socket, heads }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Tap<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        loop {
            ready!(Pin::new(&mut self.socket).poll_read(task, buffer))?;
            let Some(heads) = &self.heads else { return Poll::Ready(Ok(())) };
            let read = &mut buffer.filled_mut()[before..];
            let ended = read.is_empty();
            let kept = heads.copied().feed(read);
            buffer.set_filled(before + kept);
            // Nothing read means the end to hyper, so that a read that was cut whole must be followed by another.
            if ended || kept > 0 {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Tap<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        // A client sends its next head when it has an answer.
        self.heads.iter().for_each(|heads| heads.copied().start());
        Pin::new(&mut self.socket).poll_write(task, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.heads.iter().for_each(|heads| heads.copied().start());
        Pin::new(&mut self.socket).poll_write_vectored(task, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(task)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(task)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads `bytes` in pieces of `piece` bytes; what hyper would see.
    fn read(heads: &Heads, bytes: &[u8], piece: usize) -> Vec<u8> {
        let mut seen = Vec::new();
        for piece in bytes.chunks(piece) {
            let mut piece = piece.to_vec();
            let kept = heads.copied().feed(&mut piece);
            seen.extend_from_slice(&piece[..kept]);
        }
        seen
    }

    fn parsed(headers: &[(&str, &str)]) -> Parts {
        let mut request = http::Request::get("/");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn names_keep_their_case_and_every_byte_of_the_lines_is_counted() {
        let sent = b"GET /a?b HTTP/1.1\r\ntEsT-HEADeR:  aValUE \r\nHost: h\r\n\r\nbody";
        for piece in [1, 7, 1000] {
            let heads = Heads::default();
            assert_eq!(read(&heads, sent, piece), sent);
            let head = heads.take(&parsed(&[("test-header", "aValUE"), ("host", "h")])).unwrap();
            assert_eq!(head.headers[0], ("tEsT-HEADeR".to_owned(), b"aValUE".to_vec()));
            assert_eq!(head.target_bytes, "/a?b".len() as u64);
            let lines = "tEsT-HEADeR:  aValUE \r\nHost: h\r\n";
            assert_eq!(head.header_bytes, lines.len() as u64);
        }
    }

    #[test]
    fn a_target_that_hyper_cannot_take_is_cut_and_its_length_kept() {
        for piece in [1000, 1_000_000] {
            let sent = format!("GET /{} HTTP/1.1\r\nHost: h\r\n\r\n", "a".repeat(70_000));
            let heads = Heads::default();
            let seen = read(&heads, sent.as_bytes(), piece);
            let expected = format!("GET /{} HTTP/1.1\r\nHost: h\r\n\r\n", "a".repeat(59_999));
            assert_eq!(String::from_utf8(seen).unwrap(), expected);
            let head = heads.take(&parsed(&[("host", "h")])).unwrap();
            assert_eq!(head.target_bytes, 70_001);
            assert!(head.is_cut());
        }
    }

    #[test]
    fn a_copy_of_another_request_is_not_used() {
        let heads = Heads::default();
        read(&heads, b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", 1000);
        assert_eq!(heads.take(&parsed(&[("host", "other")])), None);
        assert_eq!(heads.take(&parsed(&[("host", "h")])), None);
        heads.copied().start();
        read(&heads, b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", 1000);
        assert!(heads.take(&parsed(&[("host", "h")])).is_some());
    }

    #[test]
    fn a_body_passes_untouched() {
        let heads = Heads::default();
        let sent = b"POST / HTTP/1.1\r\n\r\n\x00\xff\r\n\r\nGET / HTTP/1.1\r\n\r\n";
        assert_eq!(read(&heads, sent, 3), sent);
    }
}
