//! The network side of a browser, as the Fetch standard has it (<https://fetch.spec.whatwg.org/>, review draft of June 2026),
//! so that what a page would get is what a test gets, and why not is a value.
//!
//! The rules stand in the order of the standard: [`policy`] and [`cors`] decide without sending anything, [`redirect`] makes
//! the next request of an answer, and [`Browser::fetch`] is *main fetch* (4.1) and *HTTP fetch* (4.4) around them. What the
//! standard leaves out here because nothing in these tests needs it: service workers, caching, referrers, mixed content.

pub mod cors;
pub mod policy;
pub mod redirect;

mod cookies;
mod request;

use std::io::Read as _;
use std::sync::Mutex;
use std::sync::PoisonError;

use bytes::Bytes;
use http::Method;

use crate::client::{Answer, Call, Client};
use cookies::Cookies;
use cors::{Grants, Tainting};
use policy::Policy;
pub use request::{Credentials, Destination, Mode, Request};

/// How deep a browser follows (4.5, step 7).
const REDIRECTS_MAX: usize = 20;
/// The longest that Chromium and this browser keep a preflight, in seconds.
const PREFLIGHT_MAX_AGE: u64 = 7200;

/// A page: where its scripts come from, and what it forbids itself.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// `http://127.0.0.1:3000`
    pub origin: String,
    /// Its Content-Security-Policy.
    pub policy: Policy,
}

impl Page {
    /// A page of the server that a URL leads to, without a policy.
    ///
    /// # Panics
    ///
    /// When it is not a URL with a host.
    #[must_use]
    pub fn of(url: &str) -> Page {
        let origin = origin(url).unwrap_or_else(|| panic!("{url:?} has no origin"));
        Page { origin, policy: Policy::default() }
    }

    /// The same page under a Content-Security-Policy.
    #[must_use]
    pub fn with_policy(self, header: &str) -> Page {
        Page { policy: Policy::parse(header), ..self }
    }
}

/// What a script is given.
#[derive(Clone, Debug)]
pub struct Response {
    /// How much of it a script may see (2.2.6).
    pub tainting: Tainting,
    /// The status; 0 where nothing may be seen.
    pub status: u16,
    /// The headers that may be seen, in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, its content codings undone; empty where nothing may be seen.
    pub body: Bytes,
    /// `response.redirected`
    pub redirected: bool,
    /// `response.url`
    pub url: String,
}

impl Response {
    /// The first value of a header that may be seen.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Why a script gets a `TypeError` in place of a response.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// Forbidden by the page's own policy, before anything was sent there.
    #[error("the page's policy `{directive}` forbids {url}")]
    Policy {
        /// The directive that decided.
        directive: String,
        /// What was asked for.
        url: String,
    },
    /// The server did not permit the request.
    #[error("the preflight of {url}: {reason}")]
    Preflight {
        /// What was asked for.
        url: String,
        /// What was missing.
        reason: String,
    },
    /// The server did not permit the answer to be read.
    #[error("the answer of {url}: {reason}")]
    Cors {
        /// What was asked for.
        url: String,
        /// What was missing.
        reason: String,
    },
    /// A redirect that no browser follows, or one too many.
    #[error("a redirect: {0}")]
    Redirect(String),
    /// The connection, or the body.
    #[error("{0}")]
    Broken(String),
}

/// What became of one `fetch`, and everything that was sent for it, preflights too.
#[derive(Debug)]
pub struct Fetched {
    /// Every request and the status of its answer, in order.
    pub sent: Vec<(Call, u16)>,
    /// What the script gets.
    pub outcome: Result<Response, NetworkError>,
}

/// A browser: its cookies and what servers have permitted so far.
#[derive(Debug, Default)]
pub struct Browser {
    client: Client,
    cookies: Mutex<Cookies>,
    grants: Mutex<Grants>,
}

/// One fetch under way.
struct Run<'a> {
    page: &'a Page,
    request: Request,
    urls: Vec<String>,
    tainting: Tainting,
    sent: Vec<(Call, u16)>,
}

impl Browser {
    /// A browser that knows nothing yet.
    #[must_use]
    pub fn new() -> Browser {
        Browser::default()
    }

    /// Lets time pass for what is kept of preflights.
    pub fn wait(&self, seconds: u64) {
        self.grants.lock().unwrap_or_else(PoisonError::into_inner).wait(seconds);
    }

    /// What a page's request comes to: *main fetch* (4.1), again for every redirect.
    pub async fn fetch(&self, page: &Page, request: Request) -> Fetched {
        let urls = vec![request.call.url.clone()];
        let mut run = Run { page, request, urls, tainting: Tainting::Basic, sent: Vec::new() };
        let outcome = loop {
            match self.step(&mut run).await {
                Ok(Some(answer)) => break run.response(answer),
                Ok(None) => {}
                Err(error) => break Err(error),
            }
        };
        Fetched { sent: run.sent, outcome }
    }

    /// One request of it; `None` when its answer is a redirect, which is then the next request.
    async fn step(&self, run: &mut Run<'_>) -> Result<Option<Answer>, NetworkError> {
        let request = &run.request;
        let url = request.call.url.clone();
        run.page.policy.admit(request.destination, &url, &run.page.origin, run.urls.len() - 1)?;
        run.tainting = run.next_tainting()?;
        let origin = cors::serialized_origin(&run.page.origin, &run.urls);
        if run.tainting == Tainting::Cors {
            self.preflight_if_needed(run, &origin).await?;
        }
        let answer = self.send(run, &origin).await?;
        if run.tainting == Tainting::Cors {
            cors::check(&answer, &origin, run.request.credentials)
                .map_err(|reason| NetworkError::Cors { url: url.clone(), reason })?;
        }
        let Some(next) = redirect::next(&run.request.call, &answer)? else {
            return Ok(Some(answer));
        };
        if run.urls.len() > REDIRECTS_MAX {
            return Err(NetworkError::Redirect(format!("{url} is one of more than 20")));
        }
        run.urls.push(next.url.clone());
        run.request.call = next;
        Ok(None)
    }

    /// *CORS-preflight fetch* (4.8), where what is kept of earlier ones (4.9) does not cover the request.
    async fn preflight_if_needed(
        &self,
        run: &mut Run<'_>,
        origin: &str,
    ) -> Result<(), NetworkError> {
        let Request { call, credentials, mode, .. } = &run.request;
        if *mode != Mode::Cors {
            return Ok(());
        }
        let unsafe_names = cors::unsafe_header_names(&call.headers);
        let method_is_safe = cors::is_safelisted_method(&call.method);
        if method_is_safe && unsafe_names.is_empty() {
            return Ok(());
        }
        let asked =
            cors::Asked { origin, call, credentials: *credentials, unsafe_names: &unsafe_names };
        if self.grants.lock().unwrap_or_else(PoisonError::into_inner).cover(&asked) {
            return Ok(());
        }
        let preflight = asked.preflight();
        let answer = self.client.send(&preflight).await.map_err(broken)?;
        let granted = asked.granted(&answer, PREFLIGHT_MAX_AGE);
        let url = call.url.clone();
        let mut grants = self.grants.lock().unwrap_or_else(PoisonError::into_inner);
        let outcome = match granted {
            Ok(granted) => {
                grants.keep(&asked, granted);
                Ok(())
            }
            Err(reason) => {
                grants.forget(&asked);
                Err(NetworkError::Preflight { url, reason })
            }
        };
        drop(grants);
        run.sent.push((preflight, answer.status.as_u16()));
        outcome
    }

    /// *HTTP-network-or-cache fetch* (4.6) without a cache: what the browser adds to a request, and what it keeps of the answer.
    async fn send(&self, run: &mut Run<'_>, origin: &str) -> Result<Answer, NetworkError> {
        let request = &run.request;
        let mut call = request.call.clone();
        for (name, value) in request.metadata(&run.page.origin, &run.urls) {
            call = call.header(name, value);
        }
        let is_read = matches!(call.method, Method::GET | Method::HEAD);
        if run.tainting == Tainting::Cors || !is_read {
            call = call.header("origin", origin);
        }
        let with_credentials = match request.credentials {
            Credentials::Include => true,
            Credentials::SameOrigin => run.tainting == Tainting::Basic,
            Credentials::Omit => false,
        };
        if with_credentials {
            let cookies = self.cookies.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(cookies) = cookies.for_url(&call.url) {
                call = call.header("cookie", cookies);
            }
        }
        let answer = self.client.send(&call).await.map_err(broken)?;
        if with_credentials {
            let mut cookies = self.cookies.lock().unwrap_or_else(PoisonError::into_inner);
            cookies.keep(&call.url, &answer.headers);
        }
        run.sent.push((call, answer.status.as_u16()));
        Ok(answer)
    }
}

impl Run<'_> {
    /// How much of the next answer a script may see (4.1, step 12).
    fn next_tainting(&self) -> Result<Tainting, NetworkError> {
        let url = &self.request.call.url;
        let same = origin(url).is_some_and(|origin| origin == self.page.origin);
        match self.request.mode {
            _ if same && self.tainting == Tainting::Basic => Ok(Tainting::Basic),
            Mode::Navigate => Ok(Tainting::Basic),
            Mode::NoCors => Ok(Tainting::Opaque),
            Mode::Cors => Ok(Tainting::Cors),
        }
    }

    /// The filtered response (2.2.6).
    fn response(&self, answer: Answer) -> Result<Response, NetworkError> {
        let url = self.request.call.url.clone();
        let redirected = self.urls.len() > 1;
        let tainting = self.tainting;
        if tainting == Tainting::Opaque {
            let url = String::new();
            let (headers, body) = (Vec::new(), Bytes::new());
            return Ok(Response { tainting, status: 0, headers, body, redirected: false, url });
        }
        let headers = cors::visible_headers(&answer, tainting, self.request.credentials);
        let status = answer.status.as_u16();
        let body = decoded(answer).map_err(NetworkError::Broken)?;
        Ok(Response { tainting, status, headers, body, redirected, url })
    }
}

/// *Handle content codings* (2.2.6): gzip, which is what this browser asks for.
fn decoded(answer: Answer) -> Result<Bytes, String> {
    match answer.header("content-encoding") {
        None | Some("" | "identity") => Ok(answer.body),
        Some("gzip") => {
            let mut plain = Vec::new();
            let mut decoder = flate2::read::MultiGzDecoder::new(&answer.body[..]);
            decoder.read_to_end(&mut plain).map_err(|error| format!("not gzip: {error}"))?;
            Ok(plain.into())
        }
        Some(coding) => Err(format!("the content coding {coding:?} was not asked for")),
    }
}

fn broken(error: std::io::Error) -> NetworkError {
    NetworkError::Broken(error.to_string())
}

/// The serialized origin of a URL (HTML, 7.1.1): scheme, host and port, the default port left out.
#[must_use]
pub fn origin(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let authority = rest[..end].rsplit('@').next()?.to_ascii_lowercase();
    let scheme = scheme.to_ascii_lowercase();
    let default = if scheme == "https" { ":443" } else { ":80" };
    let host = authority.strip_suffix(default).unwrap_or(&authority);
    (!host.is_empty()).then(|| format!("{scheme}://{host}"))
}
