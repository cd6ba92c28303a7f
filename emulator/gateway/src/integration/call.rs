//! Calls of services: signed as API Gateway signs them, and handed to the AWS port within the process.

use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use hardcap_core::context::Context;
use hardcap_core::keyring::PUBLISHED_KEY;
use hardcap_core::serve::{self, ReadError, RequestBody};
use hardcap_core::sigv4;
use hardcap_limits::{Bytes as ByteCount, Limit};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, header};

use super::Answer;
use crate::Gateway;
use crate::frontend::RequestTarget;
use crate::refusal::GatewayError;
use hardcap_core::percent;

/// What a gateway calls: the API of a service, by its name.
pub(crate) type Handle =
    dyn Fn(&str, Request<RequestBody>) -> BoxFuture<'static, Response<Body>> + Send + Sync;

/// The services that integrations call.
#[derive(Clone)]
pub struct Backends {
    /// The host and the port of the AWS APIs.
    pub host: String,
    /// Handles a request for a service as the AWS port does.
    pub handle: Arc<Handle>,
}

impl std::fmt::Debug for Backends {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Backends").field("host", &self.host).finish_non_exhaustive()
    }
}

/// A request to a service.
#[derive(Debug)]
pub(super) struct ServiceRequest {
    /// The name in the signature.
    pub(super) service: String,
    pub(super) method: Method,
    /// The path, percent-encoded.
    pub(super) path: String,
    /// The parameters of the query, decoded.
    pub(super) query: Vec<(String, String)>,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Bytes,
}

impl ServiceRequest {
    /// Whether a function is to be invoked asynchronously.
    pub(super) fn is_asynchronous(&self) -> bool {
        self.headers.iter().any(|(name, value)| {
            name.eq_ignore_ascii_case("x-amz-invocation-type")
                && value.eq_ignore_ascii_case("event")
        })
    }
}

impl Gateway {
    /// Calls a service, waits for at most the gateway's timeout, and reads an answer of at most `max`.
    pub(super) async fn call(
        &self,
        ctx: &Context,
        request: ServiceRequest,
        target: &RequestTarget,
        max: &Limit<ByteCount>,
    ) -> Result<Answer, GatewayError> {
        let Some(backends) = &self.backends else {
            let cause = "this gateway has no services".to_owned();
            return Err(GatewayError::IntegrationFailed(cause));
        };
        let service = request.service.clone();
        let request = self.signed(ctx, backends, request)?;
        let response = (backends.handle)(&service, request);
        let answer = async {
            let (head, body) = response.await.into_parts();
            let body = serve::read_body(&head.headers, body, max).await;
            body.map(|body| Answer { status: head.status, headers: head.headers, body })
        };
        match self.in_time(ctx, target.wait, answer).await? {
            Ok(answer) => {
                ctx.admit(max, ByteCount::of(&answer.body))?;
                Ok(answer)
            }
            Err(ReadError::TooLarge(exceeded)) => {
                ctx.admit(max, ByteCount(exceeded.observed))?;
                Err(exceeded.into())
            }
            Err(ReadError::CutShort(cause) | ReadError::Idle(cause)) => {
                Err(GatewayError::IntegrationFailed(cause))
            }
        }
    }

    fn signed(
        &self,
        ctx: &Context,
        backends: &Backends,
        request: ServiceRequest,
    ) -> Result<Request<RequestBody>, GatewayError> {
        let failed = |cause: String| GatewayError::IntegrationFailed(cause);
        let pairs = request.query.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let query = percent::encode_query(pairs);
        let target = match query.as_str() {
            "" => request.path.clone(),
            query => format!("{}?{query}", request.path),
        };
        let built = Request::builder().method(request.method).uri(&target).body(());
        let (mut head, ()) =
            built.map_err(|error| failed(format!("the URI `{target}`: {error}")))?.into_parts();
        head.headers = headers(&request.headers)?;
        let host = HeaderValue::from_str(&backends.host);
        head.headers.insert(header::HOST, host.map_err(|error| failed(error.to_string()))?);
        if let Ok(trace) = HeaderValue::from_str(&ctx.trace) {
            head.headers.insert("x-amzn-trace-id", trace);
        }
        head.headers.insert(header::CONTENT_LENGTH, request.body.len().into());
        let key = self.platform.keyring.find(PUBLISHED_KEY);
        let secret = key.map(|key| key.secret_access_key).unwrap_or_default();
        sigv4::sign(
            &mut head,
            &request.body,
            (PUBLISHED_KEY, &secret),
            (&self.platform.region, &request.service),
            self.platform.clock.wall(),
        );
        Ok(Request::from_parts(head, RequestBody::whole(request.body)))
    }
}

fn headers(pairs: &[(String, String)]) -> Result<HeaderMap, GatewayError> {
    let mut headers = HeaderMap::with_capacity(pairs.len() + 8);
    for (name, value) in pairs {
        let read = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value));
        let (Ok(name), Ok(value)) = read else {
            let cause = format!("the header `{name}` is not one that HTTP allows");
            return Err(GatewayError::IntegrationFailed(cause));
        };
        headers.append(name, value);
    }
    Ok(headers)
}
