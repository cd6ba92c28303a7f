//! The client of the upstream: sends a signed request and returns the head of the response with its body as a stream.
//!
//! The target is configuration; a request cannot change it. The signed URI is the sent URI. Redirects are not followed.

use std::error::Error;
use std::ops::Range;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use aws_sdk_s3::primitives::{DateTime, DateTimeFormat};
use http::header::{AUTHORIZATION, HeaderMap};
use http::{Method, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full};
use tokio::sync::OnceCell;

use crate::body::{BodyError, Gathered, UpstreamBody};
use crate::causes::with_causes;
use crate::clock;
use crate::credentials::{CredentialsCache, NoCredentials};
use crate::http_client::{HttpClient, OutgoingBody};
use crate::path::Target;
use crate::settings::{self, Lifetimes, Setting, SettingConfig, SettingError};
use crate::sign::{self, Scope, SignError, Signable};
use crate::upload::{RequestBody, SourceError};

/// The number of times that a request is repeated after the connection broke.
const RETRIES: u32 = 1;
/// The statuses that a gateway passes on. A 101 would change the protocol of the connection.
const STATUSES: Range<u16> = 200..600;
/// The maximum size of a response about a wrong clock, in bytes.
const SKEW_RESPONSE_MAX: usize = 16 * 1024;

/// Why the upstream did not send a whole response.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UpstreamError {
    /// No connection was made; nothing was sent.
    #[error("the upstream cannot be reached: {0}")]
    Unreachable(String),
    /// The connection broke, or the data was not HTTP.
    #[error("the connection to the upstream broke: {0}")]
    Broken(String),
    /// The upstream paused for longer than the idle timeout.
    #[error("the upstream sent nothing for {0:?}")]
    Stalled(Duration),
    /// The request could not be signed.
    #[error("the request cannot be signed: {0}")]
    Unsigned(#[from] UnsignedError),
    /// The user and the password for the upstream could not be loaded.
    #[error("the setting UPSTREAM_BASIC_AUTH has no value: {0}")]
    Setting(#[from] SettingError),
    /// The upload that is the body cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
}

impl From<BodyError> for UpstreamError {
    fn from(error: BodyError) -> UpstreamError {
        match error {
            BodyError::Broken(why) => UpstreamError::Broken(why),
            BodyError::Stalled(span) => UpstreamError::Stalled(span),
        }
    }
}

/// Why a request could not be signed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnsignedError {
    /// The function has no credentials.
    #[error(transparent)]
    Credentials(#[from] NoCredentials),
    /// The signer refused the request.
    #[error(transparent)]
    Signature(#[from] SignError),
    /// The request is not valid HTTP.
    #[error("{0}")]
    Request(String),
}

/// The configuration of the upstream.
#[derive(Clone, Debug)]
pub struct UpstreamConfig {
    /// Scheme, authority and base path.
    pub url: Uri,
    /// The credential scope; `None` sends requests unsigned.
    pub scope: Option<Scope>,
    /// The reference to the user and the password, if the upstream requires them.
    pub basic_auth: Option<SettingConfig>,
    /// The timeout of making a connection.
    pub connect_timeout: Duration,
    /// The longest pause within a response.
    pub idle_timeout: Duration,
}

/// An outgoing request.
#[derive(Debug)]
pub struct Outgoing {
    /// The method.
    pub method: Method,
    /// Path and query, below the base path.
    pub target: Target,
    /// Headers, unsigned and without `Host`.
    pub headers: HeaderMap,
    /// The body.
    pub body: RequestBody,
}

/// The response of the upstream, with its body unread.
#[derive(Debug)]
pub struct UpstreamResponse {
    /// The status.
    pub status: StatusCode,
    /// The headers, unchanged.
    pub headers: HeaderMap,
    /// The body.
    pub body: UpstreamBody,
}

/// The cluster behind the proxy.
#[derive(Debug)]
pub struct Upstream {
    config: UpstreamConfig,
    http: OnceCell<HttpClient>,
    /// The user and the password, if the upstream requires them.
    basic_auth: Option<Setting>,
    /// The seconds by which the upstream's clock is ahead, once it has refused a signature for its time.
    skew: AtomicI64,
}

impl Upstream {
    /// An upstream without connections.
    #[must_use]
    pub fn new(config: UpstreamConfig) -> Upstream {
        let setting = |config| Setting::new(config, Lifetimes::default());
        let basic_auth = config.basic_auth.clone().map(setting);
        Upstream { config, basic_auth, http: OnceCell::new(), skew: AtomicI64::new(0) }
    }

    /// The address, for rewriting the upstream's redirects.
    #[must_use]
    pub fn url(&self) -> &Uri {
        &self.config.url
    }

    /// Sends a request, repeats it if that is safe, and waits for the head of the response.
    ///
    /// # Errors
    ///
    /// [`UpstreamError`]. A response of any status is not an error.
    pub async fn send(
        &self,
        outgoing: &Outgoing,
        credentials: &CredentialsCache,
    ) -> Result<UpstreamResponse, UpstreamError> {
        if let Some(setting) = &self.basic_auth {
            return self.send_with_password(setting, outgoing, credentials).await;
        }
        let response = self.send_again_if_safe(outgoing, credentials).await?;
        if response.status != StatusCode::FORBIDDEN || self.config.scope.is_none() {
            return Ok(response);
        }
        match self.learn_skew(response).await? {
            Skew::None(response) => Ok(response),
            Skew::Learned => self.send_again_if_safe(outgoing, credentials).await,
        }
    }

    /// After a 401, repeats the request with a newer password, if there is one: the upstream has not processed it.
    async fn send_with_password(
        &self,
        setting: &Setting,
        outgoing: &Outgoing,
        credentials: &CredentialsCache,
    ) -> Result<UpstreamResponse, UpstreamError> {
        let used = setting.get(credentials).await?;
        let response = self.send_again_if_safe(outgoing, credentials).await?;
        if response.status != StatusCode::UNAUTHORIZED {
            return Ok(response);
        }
        match setting.renewed(&used, credentials).await {
            Ok(Some(_)) => self.send_again_if_safe(outgoing, credentials).await,
            Ok(None) => Ok(response),
            Err(error) => {
                tracing::warn!(
                    "the upstream refused the password, and it could not be refreshed: {error}"
                );
                Ok(response)
            }
        }
    }

    async fn send_again_if_safe(
        &self,
        outgoing: &Outgoing,
        credentials: &CredentialsCache,
    ) -> Result<UpstreamResponse, UpstreamError> {
        let mut sent = 0;
        loop {
            let failed = match self.send_once(outgoing, credentials).await {
                Ok(response) => return Ok(response),
                Err(failed) => failed,
            };
            let safe = match &failed {
                UpstreamError::Unreachable(_) => true,
                UpstreamError::Broken(_) => outgoing.method.is_idempotent(),
                UpstreamError::Stalled(_)
                | UpstreamError::Unsigned(_)
                | UpstreamError::Setting(_)
                | UpstreamError::Source(_) => false,
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
    ) -> Result<UpstreamResponse, UpstreamError> {
        let request = self.signed(outgoing, credentials).await?;
        let response = self.http().await?.request(request).await;
        let (head, body) = response.map_err(|error| cause(&error))?.into_parts();
        if !STATUSES.contains(&head.status.as_u16()) {
            return Err(UpstreamError::Broken(format!(
                "{} is not a status of a final response",
                head.status
            )));
        }
        let length = head.headers.get("content-length").and_then(|value| value.to_str().ok());
        let declared = length.and_then(|text| text.parse().ok());
        let frames = body.map_err(|error| BodyError::Broken(with_causes(&error)));
        let body = UpstreamBody::new(frames.boxed_unsync(), declared, self.config.idle_timeout);
        Ok(UpstreamResponse { status: head.status, headers: head.headers, body })
    }

    async fn signed(
        &self,
        outgoing: &Outgoing,
        credentials: &CredentialsCache,
    ) -> Result<http::Request<OutgoingBody>, UpstreamError> {
        let base = &self.config.url;
        let host = base.authority().map(|authority| authority.as_str()).unwrap_or_default();
        let url = format!(
            "{}://{host}{}{}",
            base.scheme_str().unwrap_or("https"),
            base.path().trim_end_matches('/'),
            outgoing.target.path_and_query(),
        );
        let unsigned = |error: http::Error| UnsignedError::Request(error.to_string());
        let mut request = http::Request::builder()
            .method(outgoing.method.clone())
            .uri(&url)
            .header("host", host)
            .body(outgoing.body.open().await?)
            .map_err(unsigned)?;
        request.headers_mut().extend(outgoing.headers.clone());
        if let Some(length) = outgoing.body.length() {
            request.headers_mut().insert("content-length", length.into());
        }
        if let Some(scope) = &self.config.scope {
            let credentials = credentials.current().await.map_err(UnsignedError::from)?;
            let body_sha256 = outgoing.body.sha256();
            let method = outgoing.method.as_str();
            let signable =
                Signable { method, url: &url, host, headers: &[], body_sha256: &body_sha256 };
            let signature = sign::signature_headers(signable, scope, &credentials, self.time());
            request.headers_mut().extend(signature.map_err(UnsignedError::from)?);
        }
        if let Some(setting) = &self.basic_auth {
            let value = setting.get(credentials).await?;
            let header = settings::basic::authorization(&value.secret).ok_or_else(|| {
                let why = "is neither user:password nor an object with username and password";
                SettingError::Unusable(setting.reference().to_string(), why)
            })?;
            request.headers_mut().insert(AUTHORIZATION, header);
        }
        Ok(request)
    }

    /// The upstream's time, by the known difference.
    fn time(&self) -> SystemTime {
        let skew = self.skew.load(Ordering::Relaxed);
        let span = Duration::from_secs(skew.unsigned_abs());
        if skew < 0 { clock::now() - span } else { clock::now() + span }
    }

    /// Reads a 403. If it is about the clock, stores the difference; the request may be repeated, because the upstream has not
    /// processed it.
    async fn learn_skew(&self, response: UpstreamResponse) -> Result<Skew, UpstreamError> {
        let UpstreamResponse { status, headers, body } = response;
        let declared = body.declared();
        let (about_clock, body) = match body.gather(SKEW_RESPONSE_MAX).await? {
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
                tracing::warn!(
                    skew_seconds = skew,
                    "the upstream's clock differs from the function's; the request is signed again"
                );
                return Ok(Skew::Learned);
            }
        }
        Ok(Skew::None(UpstreamResponse { status, headers, body }))
    }

    async fn http(&self) -> Result<&HttpClient, UpstreamError> {
        let config = &self.config;
        let made = || async { HttpClient::new(&config.url, config.connect_timeout) };
        let client = self.http.get_or_try_init(made).await;
        client.map_err(|error| UpstreamError::Unreachable(error.to_string()))
    }
}

enum Skew {
    None(UpstreamResponse),
    Learned,
}

fn is_about_clock(response: &[u8]) -> bool {
    let text = String::from_utf8_lossy(response);
    ["Signature expired", "Signature not yet current", "RequestTimeTooSkewed"]
        .iter()
        .any(|known| text.contains(known))
}

fn cause(error: &hyper_util::client::legacy::Error) -> UpstreamError {
    if let Some(source) = source_error(error) {
        UpstreamError::Source(source.clone())
    } else if error.is_connect() {
        UpstreamError::Unreachable(with_causes(error))
    } else {
        UpstreamError::Broken(with_causes(error))
    }
}

/// The error of an upload among the causes of an error.
fn source_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a SourceError> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        cause = error.source();
    }
    None
}
