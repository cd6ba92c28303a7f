//! The framing of HTTP/1 requests by hyper's rules: where each head begins and each body ends.
//!
//! Pure: bytes in, heads out. hyper gets a head once it is complete, and a head of many lines without those that do not frame its body:
//! hyper allocates room for as many lines as it accepts with every request. The rules are those of hyper 1.12.0 (`proto/h1/role.rs` and `proto/h1/decode.rs`, MIT licence). A
//! property test compares this module with hyper over real sockets. Only the client's bytes matter, so responses such as `100
//! Continue` cannot confuse it. If a request is not one that hyper accepts, the framing is [`FramingState::Lost`] for the rest of the
//! connection: all bytes pass, and no further head is reported.

use std::collections::VecDeque;

use bytes::{Buf as _, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::{HEAD_MAX, Head, SentHead, TARGET_MAX};

/// The longest recognized method. The longest registered one has 17 letters.
const METHOD_MAX: usize = 64;
/// The number of header lines that hyper accepts without a setting (`DEFAULT_MAX_HEADERS` in `proto/h1/role.rs`).
const HYPER_LINES_MAX: usize = 100;
/// The maximum number of header lines: a gateway's 10,240 bytes can contain 2,560 headers of the shortest kind.
const LINES_MAX: usize = 10_000;
/// The headers by which hyper frames a body and keeps or ends a connection.
const FRAMING: [&str; 5] =
    ["connection", "content-length", "expect", "transfer-encoding", "upgrade"];
/// An incomplete head of fewer bytes is checked after every read, a longer one each time that it has doubled.
const CHECKED_BELOW: usize = 1024;

/// The requests of one connection, as far as they have been read.
#[derive(Debug, Default)]
pub(super) struct Framing {
    state: FramingState,
    /// The head that is being read, without the cut part of its target.
    head: Partial,
    /// Whether the beginning of that head came with an earlier read. hyper has not seen it.
    withheld: bool,
    /// Bytes for hyper, before those of the next read.
    released: BytesMut,
    /// The heads that were read and not yet taken by the service.
    pub(super) heads: VecDeque<Head>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum FramingState {
    /// The next byte belongs to a head.
    #[default]
    Head,
    /// This many bytes of a body follow.
    Sized(u64),
    /// The next byte belongs to a chunked body.
    Chunked(Chunked),
    /// The beginning of the next head is unknown.
    Lost,
}

#[derive(Debug, Default)]
struct Partial {
    bytes: Vec<u8>,
    first_line_read: bool,
    spaces: u32,
    target_bytes: u64,
    /// The beginning of the current line.
    line: usize,
    /// The length at which it was last known that the bytes may become a head.
    checked: usize,
}

/// The meaning of one byte of a head.
#[derive(PartialEq, Eq)]
enum HeadStep {
    /// The head continues.
    Keep,
    /// The byte belongs to the part of the target that hyper must not see.
    Cut,
    /// The head is complete.
    Complete,
    /// The bytes are not a head.
    Broken,
}

impl Framing {
    /// Reads bytes of the connection in order. Returns the number of bytes for hyper, moved to the front. They follow those of
    /// [`Framing::released`].
    pub(super) fn feed(&mut self, read: &mut [u8]) -> usize {
        let (mut at, mut kept, mut start) = (0, 0, 0);
        while at < read.len() {
            let taken = match self.state {
                FramingState::Head => {
                    if self.head.bytes.is_empty() {
                        start = kept;
                    }
                    let step = self.head.take(read[at]);
                    if step != HeadStep::Cut {
                        read[kept] = read[at];
                        kept += 1;
                    }
                    at += 1;
                    if matches!(step, HeadStep::Complete | HeadStep::Broken) {
                        kept = self.end_head(&step, read, start, kept);
                    }
                    continue;
                }
                FramingState::Sized(left) => {
                    let taken = usize::try_from(left).unwrap_or(usize::MAX).min(read.len() - at);
                    self.state = sized(left - taken as u64);
                    taken
                }
                FramingState::Chunked(chunked) => {
                    let (taken, state) = chunked.skip(&read[at..]);
                    self.state = state;
                    taken
                }
                FramingState::Lost => read.len() - at,
            };
            if at != kept {
                read.copy_within(at..at + taken, kept);
            }
            at += taken;
            kept += taken;
        }
        if self.state == FramingState::Head && !self.head.bytes.is_empty() {
            if !self.head.may_become_one() {
                return self.end_head(&HeadStep::Broken, read, start, kept);
            }
            self.withheld = true;
            return start;
        }
        kept
    }

    /// A head is complete or broken: what hyper gets of it. `read[start..kept]` are its bytes of this read.
    fn end_head(&mut self, step: &HeadStep, read: &mut [u8], start: usize, kept: usize) -> usize {
        let partial = std::mem::take(&mut self.head);
        let withheld = std::mem::take(&mut self.withheld);
        let complete = if *step == HeadStep::Complete { complete(&partial) } else { None };
        let mut reduced = None;
        match complete {
            Some((head, state)) => {
                reduced = head.reduced.as_ref().map(|reduced| reduced.bytes.clone());
                self.heads.push_back(head);
                self.state = state;
            }
            None => self.state = FramingState::Lost,
        }
        match reduced {
            None if !withheld => kept,
            None => {
                self.released.extend_from_slice(&partial.bytes);
                start
            }
            Some(reduced) if withheld => {
                self.released.extend_from_slice(&reduced);
                start
            }
            Some(reduced) => {
                let end = start + reduced.len();
                read[start..end].copy_from_slice(&reduced);
                end
            }
        }
    }

    /// The client has sent its last byte: hyper gets what it has sent of a head.
    pub(super) fn end(&mut self) {
        if self.withheld {
            self.mark_lost();
        }
    }

    /// Adds bytes of a read behind those that hyper gets before it.
    pub(super) fn release(&mut self, read: &[u8]) {
        self.released.extend_from_slice(read);
    }

    /// Whether there are bytes for hyper before those of the next read.
    pub(super) fn has_released(&self) -> bool {
        !self.released.is_empty()
    }

    /// Gives hyper at most `room` of the released bytes.
    pub(super) fn take_released(&mut self, room: usize, mut give: impl FnMut(&[u8])) {
        let length = room.min(self.released.len());
        give(&self.released[..length]);
        self.released.advance(length);
        if self.released.is_empty() {
            self.released = BytesMut::new();
        }
    }

    /// Reports no further heads, because they would not be those that hyper sees. hyper gets all bytes.
    pub(super) fn mark_lost(&mut self) {
        let mut released = std::mem::take(&mut self.released);
        if self.withheld {
            released.extend_from_slice(&self.head.bytes);
        }
        *self = Framing { state: FramingState::Lost, released, ..Framing::default() };
    }
}

fn sized(left: u64) -> FramingState {
    if left == 0 { FramingState::Head } else { FramingState::Sized(left) }
}

impl Partial {
    fn take(&mut self, byte: u8) -> HeadStep {
        if self.bytes.is_empty() && matches!(byte, b'\r' | b'\n') {
            return HeadStep::Keep;
        }
        if !self.first_line_read {
            match byte {
                b'\n' => self.first_line_read = true,
                b' ' => self.spaces += 1,
                _ if self.spaces == 0 && self.bytes.len() >= METHOD_MAX => {
                    self.bytes.push(byte);
                    return HeadStep::Broken;
                }
                _ if self.spaces == 1 => {
                    self.target_bytes += 1;
                    if self.target_bytes > TARGET_MAX {
                        return HeadStep::Cut;
                    }
                }
                _ => {}
            }
        }
        self.bytes.push(byte);
        if byte == b'\n' {
            // An empty line ends the head, also after a bare line feed.
            if matches!(self.bytes[self.line..], [b'\n'] | [b'\r', b'\n']) {
                return HeadStep::Complete;
            }
            self.line = self.bytes.len();
        }
        if self.bytes.len() > HEAD_MAX { HeadStep::Broken } else { HeadStep::Keep }
    }
}

impl Partial {
    /// Whether further bytes can make a head of this. hyper refuses what cannot become one before it is complete.
    fn may_become_one(&mut self) -> bool {
        if self.bytes.len() >= CHECKED_BELOW && self.bytes.len() < self.checked * 2 {
            return true;
        }
        self.checked = self.bytes.len();
        let mut fields = vec![httparse::EMPTY_HEADER; self.bytes.len() / 2 + 1];
        httparse::Request::new(&mut fields).parse(&self.bytes).is_ok()
    }
}

/// A head as it was sent and the framing of its body; `None` if hyper refuses it.
fn complete(partial: &Partial) -> Option<(Head, FramingState)> {
    let lines = memchr::memchr_iter(b'\n', &partial.bytes).count();
    if lines > LINES_MAX + 2 {
        return None;
    }
    let mut fields = vec![httparse::EMPTY_HEADER; lines];
    let mut parsed = httparse::Request::new(&mut fields);
    let whole =
        parsed.parse(&partial.bytes).ok()? == httparse::Status::Complete(partial.bytes.len());
    let (method, target, version) = (parsed.method?, parsed.path?, parsed.version?);
    if !whole {
        return None;
    }
    let body = body_of(parsed.headers, version)?;
    let chunked = matches!(body, FramingState::Chunked(_));
    let as_parsed = as_hyper_parses(parsed.headers.iter(), chunked)?;
    let mut headers = Vec::with_capacity(parsed.headers.len());
    let mut has_length = chunked;
    for field in parsed.headers.iter() {
        if field.name.eq_ignore_ascii_case("content-length")
            && std::mem::replace(&mut has_length, true)
        {
            continue;
        }
        headers.push((field.name.to_owned(), field.value.to_vec()));
    }
    let first_line = memchr::memchr(b'\n', &partial.bytes)? + 1;
    let last_line = partial.bytes.len() - partial.line;
    let header_bytes = (partial.bytes.len() - first_line - last_line) as u64;
    let sent = SentHead { target_bytes: partial.target_bytes, header_bytes, headers };
    let reduced = if parsed.headers.len() > HYPER_LINES_MAX {
        Some(Reduced::of(&partial.bytes[..first_line], parsed.headers, chunked)?)
    } else {
        None
    };
    let (method, target) = (method.to_owned(), target.to_owned());
    Some((Head { method, target, as_parsed, reduced, sent }, body))
}

/// The headers as hyper gives them: one length, and none if there is a transfer coding.
fn as_hyper_parses<'a>(
    fields: impl Iterator<Item = &'a httparse::Header<'a>>,
    chunked: bool,
) -> Option<HeaderMap> {
    let mut parsed = HeaderMap::new();
    for field in fields {
        let name = HeaderName::from_bytes(field.name.as_bytes()).ok()?;
        if name == header::CONTENT_LENGTH && (chunked || parsed.contains_key(&name)) {
            continue;
        }
        parsed.append(name, HeaderValue::from_bytes(field.value).ok()?);
    }
    Some(parsed)
}

/// A head of more lines than hyper accepts, without those that hyper does not need.
#[derive(Debug)]
pub(super) struct Reduced {
    /// The head for hyper. It is shorter than the one that was sent.
    bytes: Vec<u8>,
    pub(super) as_parsed: HeaderMap,
}

impl Reduced {
    fn of(first_line: &[u8], fields: &[httparse::Header<'_>], chunked: bool) -> Option<Reduced> {
        let frames = |field: &&httparse::Header<'_>| {
            FRAMING.iter().any(|name| field.name.eq_ignore_ascii_case(name))
        };
        let mut bytes = first_line.to_vec();
        for field in fields.iter().filter(frames) {
            bytes.extend_from_slice(field.name.as_bytes());
            bytes.push(b':');
            bytes.extend_from_slice(field.value);
            bytes.push(b'\n');
        }
        bytes.push(b'\n');
        Some(Reduced { bytes, as_parsed: as_hyper_parses(fields.iter().filter(frames), chunked)? })
    }
}

/// The framing of the body that follows these headers; `None` if hyper refuses the request.
fn body_of(headers: &[httparse::Header<'_>], minor_version: u8) -> Option<FramingState> {
    let (mut length, mut coding) = (None, None);
    for field in headers {
        if field.name.eq_ignore_ascii_case("transfer-encoding") {
            coding = Some(is_chunked(field.value));
        } else if field.name.eq_ignore_ascii_case("content-length") && coding.is_none() {
            let declared = digits(field.value)?;
            if length.is_some_and(|known| known != declared) {
                return None;
            }
            length = Some(declared);
        }
    }
    match (coding, length) {
        (Some(true), _) if minor_version == 1 => Some(FramingState::Chunked(Chunked::Start)),
        (Some(_), _) => None,
        // hyper reserves the two largest numbers and refuses them as lengths.
        (None, Some(length)) if length > u64::MAX - 2 => None,
        (None, length) => Some(sized(length.unwrap_or(0))),
    }
}

/// Whether `chunked` is the last transfer coding.
fn is_chunked(value: &[u8]) -> bool {
    let last = value.rsplit(|&byte| byte == b',').next().unwrap_or_default();
    last.trim_ascii().eq_ignore_ascii_case(b"chunked")
}

fn digits(value: &[u8]) -> Option<u64> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(value).ok()?.parse().ok()
}

/// A position in a chunked body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Chunked {
    /// Before the first digit of a size.
    Start,
    /// Among the digits of a size.
    Size(u64),
    /// In the white space after a size.
    Blank(u64),
    /// In the extensions of a chunk.
    Extension(u64),
    /// Before the line feed after a size.
    SizeLineFeed(u64),
    /// This many bytes of a chunk follow.
    Data(u64),
    DataReturn,
    DataLineFeed,
    /// At the beginning of a trailer line, which may be the final empty line.
    TrailerStart,
    Trailer,
    TrailerLineFeed,
    EndLineFeed,
}

impl Chunked {
    /// Skips bytes of the body: their number, and the state after them.
    fn skip(mut self, bytes: &[u8]) -> (usize, FramingState) {
        let mut at = 0;
        while at < bytes.len() {
            if let Chunked::Data(left) = self {
                let taken = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len() - at);
                at += taken;
                let left = left - taken as u64;
                self = if left == 0 { Chunked::DataReturn } else { Chunked::Data(left) };
                continue;
            }
            let state = self.step(bytes[at]);
            at += 1;
            match state {
                FramingState::Chunked(next) => self = next,
                ended => return (at, ended),
            }
        }
        (at, FramingState::Chunked(self))
    }

    fn step(self, byte: u8) -> FramingState {
        let next = match (self, byte) {
            (Chunked::Start, _) => more(0, byte),
            (Chunked::Size(size) | Chunked::Blank(size), b'\t' | b' ') => {
                Some(Chunked::Blank(size))
            }
            (Chunked::Size(size) | Chunked::Blank(size), b';') => Some(Chunked::Extension(size)),
            (Chunked::Size(size) | Chunked::Blank(size) | Chunked::Extension(size), b'\r') => {
                Some(Chunked::SizeLineFeed(size))
            }
            (Chunked::Size(size), _) => more(size, byte),
            (Chunked::Extension(size), _) if byte != b'\n' => Some(Chunked::Extension(size)),
            (Chunked::SizeLineFeed(0), b'\n') | (Chunked::TrailerLineFeed, b'\n') => {
                Some(Chunked::TrailerStart)
            }
            (Chunked::SizeLineFeed(size), b'\n') => Some(Chunked::Data(size)),
            (Chunked::DataReturn, b'\r') => Some(Chunked::DataLineFeed),
            (Chunked::DataLineFeed, b'\n') => Some(Chunked::Start),
            (Chunked::TrailerStart, b'\r') => Some(Chunked::EndLineFeed),
            (Chunked::Trailer, b'\r') => Some(Chunked::TrailerLineFeed),
            (Chunked::TrailerStart | Chunked::Trailer, _) => Some(Chunked::Trailer),
            (Chunked::EndLineFeed, b'\n') => return FramingState::Head,
            _ => None,
        };
        next.map_or(FramingState::Lost, FramingState::Chunked)
    }
}

/// One more digit of a size.
fn more(size: u64, byte: u8) -> Option<Chunked> {
    let digit = char::from(byte).to_digit(16)?;
    let size = size.checked_mul(16)?.checked_add(u64::from(digit))?;
    Some(Chunked::Size(size))
}
