//! HTTP/1.1 as far as this bench needs it: one message at a time on a connection, with a declared length, into a buffer that
//! is used again.

use std::io::{self, IoSlice, Write as _};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The size of a new buffer, and the least room for a read.
const ROOM: usize = 4 * 1024;

/// A message: head and body, in a buffer that only grows.
#[derive(Debug, Default)]
pub(crate) struct Received {
    buffer: Vec<u8>,
    head: usize,
    end: usize,
}

impl Received {
    /// The first line and the headers.
    pub(crate) fn head(&self) -> &[u8] {
        &self.buffer[..self.head]
    }

    /// Replaces the message by a body that is written here.
    pub(crate) fn rewrite(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        self.buffer.clear();
        write(&mut self.buffer);
        (self.head, self.end) = (0, self.buffer.len());
    }

    /// The body.
    pub(crate) fn body(&self) -> &[u8] {
        &self.buffer[self.head..self.end]
    }
}

/// A connection, and the message that was received last.
#[derive(Debug)]
pub(crate) struct Wire {
    pub(crate) stream: TcpStream,
    pub(crate) received: Received,
}

impl Wire {
    pub(crate) fn new(stream: TcpStream) -> Wire {
        Wire { stream, received: Received::default() }
    }

    /// Receives the next message whole.
    ///
    /// # Errors
    ///
    /// If the connection ends, or if more than one message arrives.
    pub(crate) async fn receive(&mut self) -> io::Result<()> {
        let Received { buffer, head, end } = &mut self.received;
        let mut filled = 0;
        (*head, *end) = (0, ROOM);
        while *head == 0 || filled < *end {
            if buffer.len() < (*end).max(filled + 1) {
                buffer.resize((*end).max(filled + ROOM), 0);
            }
            let read = self.stream.read(&mut buffer[filled..]).await?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            filled += read;
            if *head == 0
                && let Some(at) = memchr::memmem::find(&buffer[..filled], b"\r\n\r\n")
            {
                *head = at + 4;
                *end = *head + content_length(&buffer[..*head]);
            }
        }
        if filled > *end {
            return Err(io::Error::other("more than one message"));
        }
        Ok(())
    }
}

/// Sends a 200 with headers, each with its line end, and a body.
pub(crate) async fn respond(stream: &mut TcpStream, headers: &str, body: &[u8]) -> io::Result<()> {
    let mut head = io::Cursor::new([0; 512]);
    let length = body.len();
    write!(
        head,
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n{headers}content-length: {length}\r\n\r\n"
    )?;
    let head_bytes = usize::try_from(head.position()).unwrap_or_default();
    let head = &head.get_ref()[..head_bytes];
    let sent = stream.write_vectored(&[IoSlice::new(head), IoSlice::new(body)]).await?;
    if sent < head.len() {
        stream.write_all(&head[sent..]).await?;
    }
    stream.write_all(&body[sent.saturating_sub(head.len())..]).await
}

/// The declared length of the body; 0 without one.
pub(crate) fn content_length(head: &[u8]) -> usize {
    const NAME: &[u8] = b"\ncontent-length:";
    let mut lines = memchr::memchr_iter(b'\n', head);
    let value = lines.find_map(|at| {
        let line = head.get(at..at + NAME.len())?;
        line.eq_ignore_ascii_case(NAME).then_some(&head[at + NAME.len()..])
    });
    let digits = value.unwrap_or_default().iter().skip_while(|byte| **byte == b' ');
    digits
        .take_while(|byte| byte.is_ascii_digit())
        .fold(0, |number, digit| number * 10 + usize::from(digit - b'0'))
}
