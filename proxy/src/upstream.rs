//! Sends a request to the upstream, signed, and gives back the head of the answer and its body as a stream.
//!
//! The target is configuration: nothing in a request changes where it goes. The URI that is signed is the URI that is
//! sent; redirects are never followed.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use aws_sdk_s3::primitives::{DateTime, DateTimeFormat};
use bytes::Bytes;
use http::header::HeaderMap;
use http::{Method, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use sha2::{Digest as _, Sha256};
use tokio::sync::OnceCell;

use crate::body::{Gathered, UpstreamBody};
use crate::clock;
use crate::config::UpstreamConfig;
use crate::credentials::CredentialsCache;
use crate::error::with_causes;
use crate::path::Target;
use crate::sign::{self, Signable};

/// How often a request is sent again after the connection broke.
const RETRIES: u32 = 1;
/// An answer about a wrong clock is a short one.
const SKEW_ANSWER_MAX: usize = 16 * 1024;
/// More header lines than any upstream sends; hyper's own bound of 100 is not ours to keep.
const HEADER_LINES_MAX: usize = 1000;

/// Why the upstream gave no whole answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UpstreamError {
    /// No connection; nothing was sent.
    #[error("the upstream cannot be reached: {0}")]
    Unreachable(String),
    /// The connection broke, or what came was not HTTP.
    #[error("the upstream broke off: {0}")]
    Broken(String),
    /// It sent nothing for too long.
    #[error("the upstream sent nothing for {0:?}")]
    Stalled(Duration),
    /// The request could not be signed.
    #[error("the request cannot be signed: {0}")]
    Unsigned(String),
}

/// A request as it leaves.
#[derive(Debug)]
pub struct Outgoing {
    /// The method.
    pub method: Method,
    /// Path and query, below the base path.
    pub target: Target,
    /// Headers, unsigned and without `Host`.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// The answer of the upstream, its body unread.
#[derive(Debug)]
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// The headers as they came.
    pub headers: HeaderMap,
    /// The body.
    pub body: UpstreamBody,
}

/// The cluster behind the proxy.
#[derive(Debug)]
pub struct Upstream {
    config: UpstreamConfig,
    http: OnceCell<HttpClient>,
    /// Seconds by which the upstream's clock is ahead of ours, once it has complained.
    skew: AtomicI64,
}

#[derive(Debug)]
enum HttpClient {
    Plain(Client<HttpConnector, Full<Bytes>>),
    Tls(Client<HttpsConnector<HttpConnector>, Full<Bytes>>),
}

impl Upstream {
    /// Nothing is connected yet.
    #[must_use]
    pub fn new(config: UpstreamConfig) -> Upstream {
        Upstream { config, http: OnceCell::new(), skew: AtomicI64::new(0) }
    }

    /// The address, for rewriting what the upstream says about itself.
    #[must_use]
    pub fn url(&self) -> &Uri {
        &self.config.url
    }

    /// Sends a request, again where that is safe, and waits for the head of the answer.
    ///
    /// # Errors
    ///
    /// [`UpstreamError`]; a status of any kind is none.
    pub async fn send(
        &self,
        outgoing: &Outgoing,
        credentials: &CredentialsCache,
    ) -> Result<Response, UpstreamError> {
        let response = self.send_again_if_safe(outgoing, credentials).await?;
        if response.status != StatusCode::FORBIDDEN || self.config.scope.is_none() {
            return Ok(response);
        }
        match self.learn_skew(response).await? {
            Skew::None(response) => Ok(response),
            Skew::Learned => self.send_again_if_safe(outgoing, credentials).await,
        }
    }

    async fn send_again_if_safe(
        &self,
        outgoing: &Outgoing,
        credentials: &CredentialsCache,
    ) -> Result<Response, UpstreamError> {
        let mut sent = 0;
        loop {
            let failed = match self.send_once(outgoing, credentials).await {
                Ok(response) => return Ok(response),
                Err(failed) => failed,
            };
            let safe = match &failed {
                UpstreamError::Unreachable(_) => true,
                UpstreamError::Broken(_) => outgoing.method.is_idempotent(),
                UpstreamError::Stalled(_) | UpstreamError::Unsigned(_) => false,
            };
            if !safe || sent == RETRIES {
                return Err(failed);
            }
            sent += 1;
        }
    }

    async fn send_once(
        &self,
        outgoing: &Outgoing,
        credentials: &CredentialsCache,
    ) -> Result<Response, UpstreamError> {
        let request = self.signed(outgoing, credentials).await?;
        let response = match self.http().await? {
            HttpClient::Plain(client) => client.request(request).await,
            HttpClient::Tls(client) => client.request(request).await,
        };
        let (head, body) = response.map_err(|error| cause(&error))?.into_parts();
        let length = head.headers.get("content-length").and_then(|value| value.to_str().ok());
        let declared = length.and_then(|text| text.parse().ok());
        let frames = body.map_err(|error| UpstreamError::Broken(with_causes(&error)));
        let body = UpstreamBody::new(frames.boxed_unsync(), declared, self.config.idle_timeout);
        Ok(Response { status: head.status, headers: head.headers, body })
    }

    async fn signed(
        &self,
        outgoing: &Outgoing,
        credentials: &CredentialsCache,
    ) -> Result<http::Request<Full<Bytes>>, UpstreamError> {
        let base = &self.config.url;
        let host = base.authority().map(|authority| authority.as_str()).unwrap_or_default();
        let url = format!(
            "{}://{host}{}{}",
            base.scheme_str().unwrap_or("https"),
            base.path().trim_end_matches('/'),
            outgoing.target.path_and_query(),
        );
        let unsigned = |error: http::Error| UpstreamError::Unsigned(error.to_string());
        let mut request = http::Request::builder()
            .method(outgoing.method.clone())
            .uri(&url)
            .header("host", host)
            .body(Full::new(outgoing.body.clone()))
            .map_err(unsigned)?;
        request.headers_mut().extend(outgoing.headers.clone());
        if let Some(scope) = &self.config.scope {
            let credentials = credentials.current().await.map_err(UpstreamError::Unsigned)?;
            let body_sha256 = hex::encode(Sha256::digest(&outgoing.body));
            let method = outgoing.method.as_str();
            let signable = Signable { method, url: &url, host, body_sha256: &body_sha256 };
            let signature = sign::signature_headers(signable, scope, &credentials, self.time());
            request.headers_mut().extend(signature.map_err(UpstreamError::Unsigned)?);
        }
        Ok(request)
    }

    /// The upstream's time, as far as we know it.
    fn time(&self) -> SystemTime {
        let skew = self.skew.load(Ordering::Relaxed);
        let span = Duration::from_secs(skew.unsigned_abs());
        if skew < 0 { clock::now() - span } else { clock::now() + span }
    }

    /// Reads a 403. When it is about the clock, the difference is kept, and the request may be sent again: it was refused
    /// before it was looked at.
    async fn learn_skew(&self, response: Response) -> Result<Skew, UpstreamError> {
        let Response { status, headers, body } = response;
        let declared = body.declared();
        let (about_clock, body) = match body.gather(SKEW_ANSWER_MAX).await? {
            Gathered::More(body) => (false, body),
            Gathered::Whole(bytes) => {
                let about_clock = is_about_clock(&bytes);
                let frames = Full::new(bytes).map_err(|never| match never {}).boxed_unsync();
                (about_clock, UpstreamBody::new(frames, declared, self.config.idle_timeout))
            }
        };
        let theirs = headers.get("date").and_then(|value| value.to_str().ok());
        let theirs =
            theirs.and_then(|text| DateTime::from_str(text, DateTimeFormat::HttpDate).ok());
        if let (true, Some(theirs)) = (about_clock, theirs) {
            let ours = DateTime::from(clock::now()).secs();
            let skew = theirs.secs() - ours;
            if skew != self.skew.swap(skew, Ordering::Relaxed) {
                tracing::warn!(skew_seconds = skew, "the upstream's clock differs; signing again");
                return Ok(Skew::Learned);
            }
        }
        Ok(Skew::None(Response { status, headers, body }))
    }

    async fn http(&self) -> Result<&HttpClient, UpstreamError> {
        self.http.get_or_try_init(|| async { build(&self.config) }).await
    }
}

enum Skew {
    None(Response),
    Learned,
}

fn is_about_clock(answer: &[u8]) -> bool {
    let text = String::from_utf8_lossy(answer);
    ["Signature expired", "Signature not yet current", "RequestTimeTooSkewed"]
        .iter()
        .any(|known| text.contains(known))
}

fn build(config: &UpstreamConfig) -> Result<HttpClient, UpstreamError> {
    let mut tcp = HttpConnector::new();
    tcp.set_nodelay(true);
    tcp.enforce_http(false);
    tcp.set_connect_timeout(Some(config.connect_timeout));
    let mut builder = Client::builder(TokioExecutor::new());
    builder.http1_max_headers(HEADER_LINES_MAX).set_host(false);
    if config.url.scheme_str() == Some("http") {
        return Ok(HttpClient::Plain(builder.build(tcp)));
    }
    let roots = HttpsConnectorBuilder::new().with_native_roots();
    let roots = roots.map_err(|error| {
        UpstreamError::Unreachable(format!("the machine's root certificates: {error}"))
    })?;
    let tls = roots.https_only().enable_http1().wrap_connector(tcp);
    Ok(HttpClient::Tls(builder.build(tls)))
}

fn cause(error: &hyper_util::client::legacy::Error) -> UpstreamError {
    if error.is_connect() {
        UpstreamError::Unreachable(with_causes(error))
    } else {
        UpstreamError::Broken(with_causes(error))
    }
}
