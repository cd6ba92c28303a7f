//! One request to the upstream that may take as long as the function runs; its response is streamed to the bucket.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::Method;
use http::header::{CONTENT_TYPE, HeaderMap};
use serde::{Deserialize, Serialize};

use super::event::Digest;
use super::hashing::Hashing;
use super::outcome::{JobError, Output, Progress};
use super::ports::PortError;
use super::work::{Context, Job, Step, StepError};
use crate::aws::LazyAws;
use crate::body::{Gathered, UpstreamBody};
use crate::headers;
use crate::path::Target;
use crate::store::ResponseStore;
use crate::upload::{RequestBody, SourceError, UploadConfig, UploadSource, Uploaded};
use crate::upstream::{Outgoing, Upstream, UpstreamError, UpstreamResponse};

/// The size of every part but the last, in bytes; one is in memory at a time.
const PART_SIZE: usize = 8 * 1024 * 1024;
/// The maximum size of stored response headers, in bytes.
const HEADERS_MAX: usize = 16 * 1024;

/// Why a stored request cannot be sent.
#[derive(Debug, thiserror::Error)]
enum UnreadableRequest {
    #[error(transparent)]
    Method(#[from] http::method::InvalidMethod),
    #[error(transparent)]
    Body(#[from] base64::DecodeError),
}

/// A request to the upstream, unsigned.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    method: String,
    path: String,
    query: Option<String>,
    #[serde(with = "crate::headers::stored")]
    headers: HeaderMap,
    /// The body in base64; empty if it was uploaded.
    body: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    upload: Option<Uploaded>,
}

impl fmt::Debug for Request {
    /// Omits headers and bodies, which may contain secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").field("method", &self.method).finish_non_exhaustive()
    }
}

impl Request {
    /// The request that would otherwise be sent directly.
    #[must_use]
    pub fn of(outgoing: &Outgoing) -> Request {
        let (body, upload) = match &outgoing.body {
            RequestBody::Inline(bytes) => (STANDARD.encode(bytes), None),
            RequestBody::Uploaded(source) => (String::new(), Some(source.uploaded.clone())),
        };
        Request {
            method: outgoing.method.to_string(),
            path: outgoing.target.path.clone(),
            query: outgoing.target.query.clone(),
            headers: outgoing.headers.clone(),
            body,
            upload,
        }
    }

    /// The digest that identifies this request for its idempotency key.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let kind = headers::get(&self.headers, CONTENT_TYPE).unwrap_or_default();
        let query = self.query.as_deref().unwrap_or_default();
        let body = self.upload.as_ref().map_or(&self.body, |upload| &upload.sha256);
        let parts = [self.method.as_str(), self.path.as_str(), query, &kind, body.as_str()];
        Digest::of(parts.join("\n").as_bytes()).sha256
    }

    fn outgoing(
        &self,
        tools: &Tools,
        store: &ResponseStore,
    ) -> Result<Outgoing, UnreadableRequest> {
        let body = match &self.upload {
            Some(uploaded) => {
                let media_type = headers::get(&self.headers, CONTENT_TYPE);
                let media_type = media_type.unwrap_or_default().into_owned();
                let uploaded = uploaded.clone();
                let source = UploadSource::new(uploaded, media_type, &tools.uploads, store);
                RequestBody::Uploaded(Box::new(source))
            }
            None => RequestBody::Inline(Bytes::from(STANDARD.decode(&self.body)?)),
        };
        Ok(Outgoing {
            method: Method::from_bytes(self.method.as_bytes())?,
            target: Target { path: self.path.clone(), query: self.query.clone() },
            headers: self.headers.clone(),
            body,
        })
    }
}

/// The tools of a forwarded request.
#[derive(Clone)]
pub struct Tools {
    /// The upstream.
    pub upstream: Arc<Upstream>,
    /// The credentials and the bucket.
    pub aws: Arc<LazyAws>,
    /// The configuration of uploads.
    pub uploads: UploadConfig,
    /// The maximum size of the response, in bytes.
    pub result_max: u64,
}

impl fmt::Debug for Tools {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tools").finish_non_exhaustive()
    }
}

/// A forwarded request. It has one step and therefore no state.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Forward {}

impl Job for Forward {
    const KIND: &'static str = "forward";
    type Input = Request;
    type Tools = Tools;

    async fn step(&mut self, context: &Context<'_, Self>) -> Result<Step, StepError> {
        let aws = context.tools.aws.get().await;
        let outgoing = context.input.outgoing(context.tools, &aws.store).map_err(|error| {
            JobError::new("unreadable", "The request cannot be sent", error.to_string())
        })?;
        let sent = context.tools.upstream.send(&outgoing, &aws.credentials).await;
        let response = sent.map_err(|error| failure(&error, &outgoing.method))?;
        let headers = kept(&response)?;
        let UpstreamResponse { status, body, .. } = response;
        let gathered = body.gather(PART_SIZE).await;
        let stored = match gathered.map_err(|error| failure(&error.into(), &outgoing.method))? {
            Gathered::Whole(bytes) => Output::put(context, headers, bytes).await?,
            Gathered::More(body) => stream(context, headers, body, &outgoing.method).await?,
        };
        Ok(Step::Complete(Output { status: status.as_u16(), ..stored }))
    }

    fn progress(&self) -> Progress {
        Progress::default()
    }

    fn repeatable(input: &Request) -> bool {
        let method = Method::from_bytes(input.method.as_bytes());
        method.is_ok_and(|method| method.is_idempotent())
    }
}

/// Streams a response to the bucket. After an error the upload is aborted at once, or by a sweeper.
async fn stream(
    context: &Context<'_, Forward>,
    headers: HeaderMap,
    body: UpstreamBody,
    method: &Method,
) -> Result<Output, StepError> {
    let name = context.results.fresh_name();
    let id = context.results.begin(&name, &headers).await?;
    match parts(context, (&name, &id), body, method).await {
        Ok((bytes, sha256)) => Ok(Output { name, bytes, sha256, status: 200, headers }),
        Err(error) => {
            if let Err(left) = context.results.abort(&name, &id).await {
                tracing::info!("an upload is left to the sweeper: {left}");
            }
            Err(error)
        }
    }
}

async fn parts(
    context: &Context<'_, Forward>,
    (name, id): (&str, &str),
    mut body: UpstreamBody,
    method: &Method,
) -> Result<(u64, String), StepError> {
    let mut hashing = Hashing::default();
    let mut bytes = 0;
    let mut parts = Vec::new();
    let max = context.tools.result_max;
    while let Some(part) =
        body.part(PART_SIZE).await.map_err(|error| failure(&error.into(), method))?
    {
        bytes += part.len() as u64;
        if bytes > max {
            let detail = format!(
                "The response has more than {max} bytes. Request less, or raise MAX_BODY_BYTES."
            );
            return Err(
                JobError::new("result_too_large", "The response is too large", detail).into()
            );
        }
        hashing.update(&part);
        let number = i32::try_from(parts.len() + 1).unwrap_or(i32::MAX);
        parts.push(part_again(context, (name, id), number, part).await?);
    }
    context.results.complete(name, id, &parts, bytes).await?;
    Ok((bytes, hashing.hex()))
}

/// Stores a part, with one retry: repeating the whole request could cost minutes.
async fn part_again(
    context: &Context<'_, Forward>,
    (name, id): (&str, &str),
    number: i32,
    part: Bytes,
) -> Result<super::ports::Part, PortError> {
    match context.results.part(name, id, number, part.clone()).await {
        Err(error) if error.is_transient() => context.results.part(name, id, number, part).await,
        other => other,
    }
}

/// The headers of a response as they are stored.
fn kept(response: &UpstreamResponse) -> Result<HeaderMap, JobError> {
    let headers = &response.headers;
    // A byte that is not ASCII takes two in stored JSON.
    let stored =
        |value: &[u8]| value.iter().map(|byte| 1 + usize::from(!byte.is_ascii())).sum::<usize>();
    let bytes: usize =
        headers.iter().map(|(name, value)| name.as_str().len() + stored(value.as_bytes())).sum();
    if bytes <= HEADERS_MAX {
        return Ok(headers.clone());
    }
    let detail = format!("The headers have {bytes} bytes; a job stores at most {HEADERS_MAX}.");
    Err(JobError::new("headers_too_large", "The headers of the response are too large", detail))
}

fn failure(error: &UpstreamError, method: &Method) -> StepError {
    if let UpstreamError::Source(SourceError::Missing | SourceError::Changed) = error {
        let title = "The uploaded body is no longer available";
        return StepError::Failed(JobError::new("input_missing", title, error.to_string()));
    }
    let nothing_sent = matches!(error, UpstreamError::Unreachable(_) | UpstreamError::Setting(_));
    if nothing_sent || (method.is_idempotent() && !matches!(error, UpstreamError::Unsigned(_))) {
        return StepError::Again(error.to_string());
    }
    let title = "The upstream did not send a whole response";
    let detail =
        format!("{error}. It is unknown whether the request took effect, so it was not repeated.");
    StepError::Failed(JobError::new("upstream", title, detail))
}
