//! What a page asks for, and what the browser says about that on its own.

use bytes::Bytes;
use http::Method;

use super::origin;
use crate::client::Call;

/// The mode of a request (2.2.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// `fetch()`, unless told otherwise.
    Cors,
    /// What pages load from anywhere: scripts, styles, images.
    NoCors,
    /// The person goes there.
    Navigate,
}

/// The credentials mode (2.2.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credentials {
    /// Cookies travel nowhere.
    Omit,
    /// `fetch()`, unless told otherwise: cookies travel within the page's origin.
    SameOrigin,
    /// Cookies travel everywhere.
    Include,
}

/// The destination (2.2.5): what the page wants to make of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Destination {
    /// Data for a script.
    Empty,
    /// A page.
    Document,
    /// A script.
    Script,
    /// A style sheet.
    Style,
    /// A font.
    Font,
    /// A worker.
    Worker,
}

impl Destination {
    /// `request.destination`, and `Sec-Fetch-Dest` but for [`Destination::Empty`].
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Destination::Empty => "empty",
            Destination::Document => "document",
            Destination::Script => "script",
            Destination::Style => "style",
            Destination::Font => "font",
            Destination::Worker => "worker",
        }
    }
}

/// A request of a page.
#[derive(Clone, Debug)]
pub struct Request {
    pub(super) call: Call,
    pub(super) mode: Mode,
    pub(super) credentials: Credentials,
    pub(super) destination: Destination,
}

impl Request {
    /// `fetch(url)`
    #[must_use]
    pub fn get(url: impl Into<String>) -> Request {
        Request::new(Method::GET, url)
    }

    /// `fetch(url, {method})`
    #[must_use]
    pub fn new(method: Method, url: impl Into<String>) -> Request {
        let call = Call::new(method, url);
        let (mode, destination) = (Mode::Cors, Destination::Empty);
        Request { call, mode, credentials: Credentials::SameOrigin, destination }
    }

    /// What a page loads as a part of itself, `<script src=…>` and the like.
    #[must_use]
    pub fn part(destination: Destination, url: impl Into<String>) -> Request {
        let call = Call::get(url);
        Request { call, mode: Mode::NoCors, credentials: Credentials::Include, destination }
    }

    /// A link that a person follows.
    #[must_use]
    pub fn navigation(url: impl Into<String>) -> Request {
        let call = Call::get(url).header("accept", "text/html,application/xhtml+xml,*/*;q=0.8");
        let destination = Destination::Document;
        Request { call, mode: Mode::Navigate, credentials: Credentials::Include, destination }
    }

    /// A form that a person sends.
    #[must_use]
    pub fn form(url: impl Into<String>, fields: &[(&str, &str)]) -> Request {
        let pairs: Vec<String> = fields
            .iter()
            .map(|(name, value)| format!("{}={}", encoded(name), encoded(value)))
            .collect();
        let mut request = Request::navigation(url);
        request.call.method = Method::POST;
        request.call = request.call.header("content-type", "application/x-www-form-urlencoded");
        request.body(pairs.join("&"))
    }

    /// `{headers}`. What a script may not set is left out, as a browser leaves it out (2.2.2, forbidden request-headers).
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Request {
        if !is_forbidden(name) {
            self.call = self.call.header(name, value);
        }
        self
    }

    /// `{body}`
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Request {
        self.call = self.call.body(body);
        self
    }

    /// `{credentials}`
    #[must_use]
    pub fn credentials(mut self, credentials: Credentials) -> Request {
        self.credentials = credentials;
        self
    }

    /// What a browser adds to every request: `Accept`, `Accept-Encoding`, and Fetch Metadata (W3C, 2.1 to 2.3).
    pub(super) fn metadata(&self, page: &str, urls: &[String]) -> Vec<(&'static str, String)> {
        let mode = match self.mode {
            Mode::Cors => "cors",
            Mode::NoCors => "no-cors",
            Mode::Navigate => "navigate",
        };
        let accepts = self.call.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("accept"));
        let mut lines = vec![
            ("accept-encoding", "gzip".to_owned()),
            ("sec-fetch-dest", self.destination.name().to_owned()),
            ("sec-fetch-mode", mode.to_owned()),
            ("sec-fetch-site", site(page, urls).to_owned()),
        ];
        if !accepts {
            lines.push(("accept", "*/*".to_owned()));
        }
        lines
    }
}

/// `Sec-Fetch-Site`: of all URLs of a request the farthest from the page. A site is here a host, whatever its port.
fn site(page: &str, urls: &[String]) -> &'static str {
    let host = |origin: &str| {
        let authority = origin.split_once("://").map_or(origin, |(_, rest)| rest);
        authority.rsplit_once(':').map_or(authority, |(host, _)| host).to_owned()
    };
    let origins: Vec<String> = urls.iter().filter_map(|url| origin(url)).collect();
    if origins.iter().all(|origin| origin == page) {
        "same-origin"
    } else if origins.iter().all(|origin| host(origin) == host(page)) {
        "same-site"
    } else {
        "cross-site"
    }
}

/// *application/x-www-form-urlencoded percent-encode* (URL, 5.2), with `%20` for a space.
fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"*-._".contains(&byte);
    let encode =
        |byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(encode).collect()
}

fn is_forbidden(name: &str) -> bool {
    const NAMES: [&str; 21] = [
        "accept-charset",
        "accept-encoding",
        "access-control-request-headers",
        "access-control-request-method",
        "connection",
        "content-length",
        "cookie",
        "cookie2",
        "date",
        "dnt",
        "expect",
        "host",
        "keep-alive",
        "origin",
        "referer",
        "set-cookie",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "via",
    ];
    let name = name.to_ascii_lowercase();
    NAMES.contains(&name.as_str()) || name.starts_with("proxy-") || name.starts_with("sec-")
}
