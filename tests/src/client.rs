//! A small HTTP client that sends exactly what it is told and shows everything it got.
//!
//! hyper keeps the request target as it is given, so a path of `/a%2Fb/*?x=%2A&pretty` arrives as that. Connections are
//! kept alive for the next call to the same address.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::sync::{Mutex, PoisonError};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use sha2::{Digest as _, Sha256};
use tokio::net::TcpStream;

mod expect;
mod fetch;
mod raw;

pub use expect::Expected;
pub use fetch::Fetched;
pub use raw::RawConnection;

/// How many unused connections are kept for one address.
const IDLE_MAX: usize = 32;
/// The most that [`Answer`] holds; larger bodies are for [`Client::digest`].
const BODY_MAX: usize = 128 * 1024 * 1024;

/// `http://127.0.0.1:3000`, taken apart: where to connect.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    /// The name or address.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl Origin {
    /// Splits an `http` URL into where it leads and what is asked for there. The target stays as it is written.
    ///
    /// # Errors
    ///
    /// When it is not an absolute `http` URL.
    pub fn of(url: &str) -> io::Result<(Origin, String)> {
        let wrong = |what: &str| {
            io::Error::new(io::ErrorKind::InvalidInput, format!("{what} in the URL {url:?}"))
        };
        let rest = url.strip_prefix("http://").ok_or_else(|| wrong("no http://"))?;
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(end);
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) => (host, port.parse().map_err(|_| wrong("a wrong port"))?),
            None => (authority, 80),
        };
        if host.is_empty() {
            return Err(wrong("no host"));
        }
        let target = match target {
            "" => "/".to_owned(),
            query if query.starts_with('?') => format!("/{query}"),
            target => target.to_owned(),
        };
        Ok((Origin { host: host.to_owned(), port }, target))
    }

    /// Connects, with `TCP_NODELAY`. Names under `.localhost` are this machine, as browsers have it.
    ///
    /// # Errors
    ///
    /// When nobody listens there.
    pub async fn connect(&self) -> io::Result<TcpStream> {
        let local = self.host == "localhost" || self.host.ends_with(".localhost");
        let host = if local { "127.0.0.1" } else { &self.host };
        let stream = TcpStream::connect((host, self.port)).await.map_err(|error| {
            io::Error::new(error.kind(), format!("cannot connect to {self}: {error}"))
        })?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            80 => f.write_str(&self.host),
            port => write!(f, "{}:{port}", self.host),
        }
    }
}

/// A request, exactly as it will be sent.
#[derive(Clone, Debug)]
pub struct Call {
    /// The method.
    pub method: Method,
    /// The whole URL; path and query reach the wire as written.
    pub url: String,
    /// Headers in order, repeated ones too. `host` and `content-length` are added where they are missing.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body.
    pub body: Bytes,
}

impl Call {
    /// A request without a body.
    #[must_use]
    pub fn new(method: Method, url: impl Into<String>) -> Call {
        Call { method, url: url.into(), headers: Vec::new(), body: Bytes::new() }
    }

    /// `GET`.
    #[must_use]
    pub fn get(url: impl Into<String>) -> Call {
        Call::new(Method::GET, url)
    }

    /// `POST` of a body.
    #[must_use]
    pub fn post(url: impl Into<String>, body: impl Into<Bytes>) -> Call {
        Call::new(Method::POST, url).body(body)
    }

    /// One more header, behind those that are there.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl AsRef<[u8]>) -> Call {
        self.headers.push((name.into(), value.as_ref().to_vec()));
        self
    }

    /// Another body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Call {
        self.body = body.into();
        self
    }

    fn request(&self, origin: &Origin, target: &str) -> io::Result<http::Request<Full<Bytes>>> {
        let wrong = |error: http::Error| {
            io::Error::new(io::ErrorKind::InvalidInput, format!("cannot send {self:?}: {error}"))
        };
        let uri = Uri::try_from(target).map_err(|error| wrong(error.into()))?;
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            let name = HeaderName::try_from(name).map_err(|error| wrong(error.into()))?;
            let value = HeaderValue::try_from(value.as_slice()).map_err(|e| wrong(e.into()))?;
            headers.append(name, value);
        }
        if !headers.contains_key(http::header::HOST) {
            let host = HeaderValue::try_from(origin.to_string()).map_err(|e| wrong(e.into()))?;
            headers.insert(http::header::HOST, host);
        }
        let mut request = http::Request::new(Full::new(self.body.clone()));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        Ok(request)
    }
}

/// What came back, whole.
#[derive(Clone)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers, in order, repeated ones too.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Answer {
    /// The first value of a header, when it is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as text.
    ///
    /// # Panics
    ///
    /// When it is not UTF-8; the message shows the answer.
    #[must_use]
    #[track_caller]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    /// The body as JSON.
    ///
    /// # Panics
    ///
    /// When it is not JSON; the message shows the answer.
    #[must_use]
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    /// The SHA-256 of the body.
    #[must_use]
    pub fn sha256(&self) -> [u8; 32] {
        Sha256::digest(&self.body).into()
    }
}

/// Shows status, headers and the first part of the body.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 2_000;
        writeln!(f, "{}", self.status)?;
        for (name, value) in &self.headers {
            writeln!(f, "{name}: {}", String::from_utf8_lossy(value.as_bytes()))?;
        }
        let shown = &self.body[..self.body.len().min(SHOWN)];
        writeln!(f, "\n{}", shown.escape_ascii())?;
        if shown.len() < self.body.len() {
            writeln!(f, "… {} bytes in all", self.body.len())?;
        }
        Ok(())
    }
}

/// An answer of which only the digest was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digested {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body's length.
    pub length: u64,
    /// The body's SHA-256.
    pub sha256: [u8; 32],
}

/// The client. Calls may be made at the same time; each then has a connection of its own.
#[derive(Debug, Default)]
pub struct Client {
    idle: Mutex<HashMap<Origin, Vec<SendRequest<Full<Bytes>>>>>,
}

impl Client {
    /// A client without connections.
    #[must_use]
    pub fn new() -> Client {
        Client::default()
    }

    /// `GET`; see [`Client::send`].
    ///
    /// # Errors
    ///
    /// As [`Client::send`].
    pub async fn get(&self, url: impl Into<String>) -> io::Result<Answer> {
        self.send(&Call::get(url)).await
    }

    /// Sends, and reads the whole answer. Redirects are answers like others; see [`Client::fetch`].
    ///
    /// # Errors
    ///
    /// When nobody listens, the connection breaks, the body is cut short, or is larger than 128 MiB.
    pub async fn send(&self, call: &Call) -> io::Result<Answer> {
        let (origin, sender, response) = self.start(call).await?;
        let (head, mut body) = response.into_parts();
        let declared = body.size_hint().exact().unwrap_or(0).min(BODY_MAX as u64);
        let mut whole = BytesMut::with_capacity(usize::try_from(declared).unwrap_or(0));
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| broken(call, &error))?;
            let Ok(data) = frame.into_data() else { continue };
            if whole.len() + data.len() > BODY_MAX {
                return Err(io::Error::other(format!(
                    "the body of {} {} is larger than {BODY_MAX} bytes",
                    call.method, call.url
                )));
            }
            whole.extend_from_slice(&data);
        }
        self.keep(origin, sender);
        Ok(Answer { status: head.status, headers: head.headers, body: whole.freeze() })
    }

    /// Sends, and reads the answer without holding it: for bodies of any size.
    ///
    /// # Errors
    ///
    /// As [`Client::send`], without the bound on the size.
    pub async fn digest(&self, call: &Call) -> io::Result<Digested> {
        let (origin, sender, response) = self.start(call).await?;
        let (head, mut body) = response.into_parts();
        let mut sha256 = Sha256::new();
        let mut length = 0;
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| broken(call, &error))?;
            let Ok(data) = frame.into_data() else { continue };
            length += data.len() as u64;
            sha256.update(&data);
        }
        self.keep(origin, sender);
        let sha256 = sha256.finalize().into();
        Ok(Digested { status: head.status, headers: head.headers, length, sha256 })
    }

    async fn start(
        &self,
        call: &Call,
    ) -> io::Result<(Origin, SendRequest<Full<Bytes>>, http::Response<Incoming>)> {
        let (origin, target) = Origin::of(&call.url)?;
        let request = call.request(&origin, &target)?;
        // A kept connection may have been closed by the other side meanwhile: then the request was not sent.
        while let Some(mut sender) = self.take(&origin) {
            if sender.ready().await.is_err() {
                continue;
            }
            match sender.try_send_request(request.clone()).await {
                Ok(response) => return Ok((origin, sender, response)),
                Err(mut failed) => {
                    if failed.take_message().is_none() {
                        return Err(broken(call, failed.error()));
                    }
                }
            }
        }
        let stream = origin.connect().await?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| broken(call, &error))?;
        tokio::spawn(connection);
        let response = sender.send_request(request).await.map_err(|error| broken(call, &error))?;
        Ok((origin, sender, response))
    }

    fn take(&self, origin: &Origin) -> Option<SendRequest<Full<Bytes>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).get_mut(origin)?.pop()
    }

    fn keep(&self, origin: Origin, sender: SendRequest<Full<Bytes>>) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = idle.entry(origin).or_default();
        if kept.len() < IDLE_MAX && !sender.is_closed() {
            kept.push(sender);
        }
    }
}

fn broken(call: &Call, error: &hyper::Error) -> io::Error {
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}"));
    io::Error::other(format!(
        "{} {} broke: {error}{}",
        call.method,
        call.url,
        cause.unwrap_or_default()
    ))
}
