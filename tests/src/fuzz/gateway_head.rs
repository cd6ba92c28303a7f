//! The heads of requests, as a gateway learns them from what crosses the socket.

use std::cell::RefCell;
use std::convert::Infallible;
use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use hardcap_core::head::{Heads, Lingering, SentHead, Tap};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, Uri};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::input::Input;

/// Longer inputs could hold more headers than a head may have.
const LENGTH_MAX: usize = 4_000;

/// A connection whose requests hyper parses: each has the head that was sent, and no byte is lost, invented or read twice.
///
/// `~` stands for 70,000 letters once where the first bit is set: more than hyper takes of a target.
pub fn gateway_head(data: &[u8]) {
    if data.len() > LENGTH_MAX {
        return;
    }
    let mut input = Input::new(data);
    let how = input.byte();
    let size = usize::from(input.byte()) + 1;
    let rest = input.rest();
    let mut wire = rest.to_vec();
    if how & 1 == 1
        && let Some(at) = wire.iter().position(|byte| *byte == b'~')
    {
        wire.splice(at..=at, std::iter::repeat_n(b'a', 70_000));
    }
    let passed = pass(&wire, size);
    let is_cut = passed.len() != wire.len();
    let lines = wire.iter().filter(|byte| **byte == b'\n').count();
    assert!(passed.len() <= wire.len(), "{} bytes of {}", passed.len(), wire.len());
    assert!(is_cut || passed == wire, "bytes were changed on their way");
    assert!(
        !is_cut || wire.len() > 60_000 || lines > 100,
        "something was cut of a short request of few lines"
    );

    let requests = serve(&wire, size);
    let (mut known, mut used) = (true, 0);
    for received in &requests {
        let Some(sent) = &received.sent else {
            // No client sends a longer method; from there on the connection has no heads.
            assert!(
                !known || received.method.len() > 64,
                "hyper parsed a request whose head is not known: {:?}",
                String::from_utf8_lossy(rest)
            );
            known = false;
            continue;
        };
        assert!(known, "a head after one that was not known");
        must_be(sent, received, &wire);
        used += sent.header_bytes + received.body;
    }
    assert!(used <= wire.len() as u64, "{used} bytes of {}", wire.len());
}

fn must_be(sent: &SentHead, received: &Received, wire: &[u8]) {
    let mut headers = HeaderMap::new();
    let mut least = 0;
    for (name, value) in &sent.headers {
        let line = format!("{name}:");
        assert!(
            wire.windows(line.len()).any(|window| window == line.as_bytes()),
            "{name} was not sent so"
        );
        let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(value))
        else {
            panic!("{sent:?} is not what HTTP permits");
        };
        least += line.len() + value.len() + 1;
        headers.append(name, value);
    }
    assert_eq!(headers, received.headers);
    assert!(sent.header_bytes >= least as u64, "{sent:?}");
    assert!(sent.is_cut() == (sent.target_bytes > 60_000));
    // `http` drops a fragment and takes an absolute target apart.
    if let Some(target) = received.plain_target()
        && !wire.contains(&b'#')
    {
        assert!(sent.is_cut() || sent.target_bytes == target.len() as u64, "{sent:?}: {target}");
    }
}

struct Received {
    sent: Option<SentHead>,
    method: String,
    target: Uri,
    headers: HeaderMap,
    body: u64,
}

impl Received {
    /// The path and query of a target that has nothing else.
    fn plain_target(&self) -> Option<&str> {
        let is_plain = self.target.authority().is_none() && self.target.path() != "*";
        is_plain.then(|| self.target.path_and_query().map(PathAndQuery::as_str)).flatten()
    }
}

/// What of the wire is handed on.
fn pass(wire: &[u8], size: usize) -> Vec<u8> {
    let socket = Socket { rest: wire.to_vec().into(), size };
    let mut tap = Tap::new(socket, Some(Heads::default()), Lingering::default());
    let mut context = Context::from_waker(Waker::noop());
    let mut passed = Vec::new();
    loop {
        let mut piece = [0; 64];
        let mut buffer = ReadBuf::new(&mut piece);
        match Pin::new(&mut tap).poll_read(&mut context, &mut buffer) {
            Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                passed.extend_from_slice(buffer.filled())
            }
            Poll::Ready(Ok(())) => return passed,
            other => panic!("a socket that is always ready gave {other:?}"),
        }
    }
}

/// The requests that hyper finds on the wire.
fn serve(wire: &[u8], size: usize) -> Vec<Received> {
    let heads = Heads::default();
    let requests = Rc::new(RefCell::new(Vec::new()));
    let socket = Socket { rest: wire.to_vec().into(), size };
    let tap = Tap::new(socket, Some(heads.clone()), Lingering::default());
    let found = Rc::clone(&requests);
    let service = hyper::service::service_fn(move |request: Request<Incoming>| {
        let (mut parsed, mut body) = request.into_parts();
        let sent = heads.take(&mut parsed);
        let found = Rc::clone(&found);
        async move {
            let mut length = 0;
            while let Some(Ok(frame)) = body.frame().await {
                length += frame.data_ref().map_or(0, |data| data.len() as u64);
            }
            let (target, headers) = (parsed.uri, parsed.headers);
            let method = parsed.method.as_str().to_owned();
            found.borrow_mut().push(Received { sent, method, target, headers, body: length });
            Ok::<_, Infallible>(Response::new(Empty::<bytes::Bytes>::new()))
        }
    });
    let mut http = hyper::server::conn::http1::Builder::new();
    http.max_buf_size(4 * 1024 * 1024).half_close(true);
    let mut serving = std::pin::pin!(http.serve_connection(TokioIo::new(tap), service));
    let mut context = Context::from_waker(Waker::noop());
    let mut polls = 0;
    while serving.as_mut().poll(&mut context).is_pending() {
        polls += 1;
        assert!(polls < 100_000, "the connection does not end");
    }
    requests.take()
}

/// A client that has sent everything, in pieces of at most `size` bytes, and reads what comes.
struct Socket {
    rest: std::collections::VecDeque<u8>,
    size: usize,
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let length = self.size.min(buffer.remaining()).min(self.rest.len());
        let piece: Vec<u8> = self.rest.drain(..length).collect();
        buffer.put_slice(&piece);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
