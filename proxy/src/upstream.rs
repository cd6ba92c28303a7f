//! Sends a request to the upstream, signed, and gives back the head of the answer and its body as a stream.
//!
//! The target is configuration: nothing in a request changes where it goes. The URI that is signed is the URI that is
//! sent; redirects are never followed.

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
use crate::credentials::CredentialsCache;
use crate::http_client::{HttpClient, OutgoingBody};
use crate::path::Target;
use crate::settings::{self, Lifetimes, Setting, SettingConfig, SettingError};
use crate::sign::{self, Scope, Signable};
use crate::upload::{RequestBody, SourceError};

/// How often a request is sent again after the connection broke.
const RETRIES: u32 = 1;
/// What a gateway passes on. A 101 would make something else of the connection.
const STATUSES: Range<u16> = 200..600;
/// An answer about a wrong clock is a short one.
const SKEW_ANSWER_MAX: usize = 16 * 1024;

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
    /// Its user and password are not to be had.
    #[error("the setting UPSTREAM_BASIC_AUTH has no value: {0}")]
    Setting(#[from] SettingError),
    /// Its body was uploaded, and cannot be read.
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

/// What the proxy stands in front of.
#[derive(Clone, Debug)]
pub struct UpstreamConfig {
    /// Scheme, authority and base path.
    pub url: Uri,
    /// What requests are signed for; `None` sends them unsigned.
    pub scope: Option<Scope>,
    /// Where the user and the password are kept that it asks for, where it does.
    pub basic_auth: Option<SettingConfig>,
    /// How long a connection may take to be made.
    pub connect_timeout: Duration,
    /// How long the upstream may pause within an answer.
    pub idle_timeout: Duration,
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
    pub body: RequestBody,
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
    /// The user and the password that it asks for, where it does.
    basic_auth: Option<Setting>,
    /// Seconds by which the upstream's clock is ahead of ours, once it has complained.
    skew: AtomicI64,
}

impl Upstream {
    /// Nothing is connected yet.
    #[must_use]
    pub fn new(config: UpstreamConfig) -> Upstream {
        let setting = |config| Setting::new(config, Lifetimes::default());
        let basic_auth = config.basic_auth.clone().map(setting);
        Upstream { config, basic_auth, http: OnceCell::new(), skew: AtomicI64::new(0) }
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

    /// What is refused for its password is sent again with a newer one, if there is one: it was not looked at any further.
    async fn send_with_password(
        &self,
        setting: &Setting,
        outgoing: &Outgoing,
        credentials: &CredentialsCache,
    ) -> Result<Response, UpstreamError> {
        let used = setting.get(credentials).await?;
        let response = self.send_again_if_safe(outgoing, credentials).await?;
        if response.status != StatusCode::UNAUTHORIZED {
            return Ok(response);
        }
        match setting.renewed(&used, credentials).await {
            Ok(Some(_)) => self.send_again_if_safe(outgoing, credentials).await,
            Ok(None) => Ok(response),
            Err(error) => {
                tracing::warn!("the upstream refuses the password, and there is no other: {error}");
                Ok(response)
            }
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
    ) -> Result<Response, UpstreamError> {
        let request = self.signed(outgoing, credentials).await?;
        let response = self.http().await?.request(request).await;
        let (head, body) = response.map_err(|error| cause(&error))?.into_parts();
        if !STATUSES.contains(&head.status.as_u16()) {
            return Err(UpstreamError::Broken(format!(
                "{} is no status of an answer",
                head.status
            )));
        }
        let length = head.headers.get("content-length").and_then(|value| value.to_str().ok());
        let declared = length.and_then(|text| text.parse().ok());
        let frames = body.map_err(|error| BodyError::Broken(with_causes(&error)));
        let body = UpstreamBody::new(frames.boxed_unsync(), declared, self.config.idle_timeout);
        Ok(Response { status: head.status, headers: head.headers, body })
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
        let unsigned = |error: http::Error| UpstreamError::Unsigned(error.to_string());
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
            let credentials = credentials.current().await.map_err(UpstreamError::Unsigned)?;
            let body_sha256 = outgoing.body.sha256();
            let method = outgoing.method.as_str();
            let signable =
                Signable { method, url: &url, host, headers: &[], body_sha256: &body_sha256 };
            let signature = sign::signature_headers(signable, scope, &credentials, self.time());
            request.headers_mut().extend(signature.map_err(UpstreamError::Unsigned)?);
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
        let config = &self.config;
        let made = || async { HttpClient::new(&config.url, config.connect_timeout) };
        self.http.get_or_try_init(made).await.map_err(UpstreamError::Unreachable)
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

fn cause(error: &hyper_util::client::legacy::Error) -> UpstreamError {
    if let Some(source) = source_error(error) {
        UpstreamError::Source(source.clone())
    } else if error.is_connect() {
        UpstreamError::Unreachable(with_causes(error))
    } else {
        UpstreamError::Broken(with_causes(error))
    }
}

/// The failure of an upload that was being read, among the causes of an error.
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
