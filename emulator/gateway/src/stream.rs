//! Streamed responses: of a function URL with `RESPONSE_STREAM`, and of a REST API's route with `STREAM`.
//!
//! A stream begins with metadata (status, headers, cookies) as JSON and eight zero bytes; the rest is the body. If the function
//! fails in the middle, the body ends there like a complete one: observed on a function URL (vytskalt in
//! by-nir/aws-lambda-zig#3, 2024-11-05).

use std::io;
use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use hardcap_limits::{Bytes as ByteCount, Limit, Millis};
use http::{HeaderValue, StatusCode, header};

use super::event::{GatewayEvent, RequestInfo, Shape};
use super::frontend::RequestTarget;
use super::refusal::GatewayError;
use super::response::{self, MalformedResponse, ProxyResponse};
use super::{Gateway, HttpResponse, complete};
use hardcap_core::clock::Stopwatch;
use hardcap_core::context::Context;
use hardcap_core::payloads::Part;
use hardcap_core::token_bucket::TokenBucket;
use hardcap_lambda::stream::{ResponseStream, StreamStart};
use hardcap_lambda::{Invocation, Reply};

/// The content type of a response that begins with metadata.
const INTEGRATION_RESPONSE: &str = "application/vnd.awslambda.http-integration-response";
const OCTETS: HeaderValue = HeaderValue::from_static("application/octet-stream");
const DELIMITER: [u8; 8] = [0; 8];

impl Gateway {
    /// The steps of a request with a streamed response.
    pub(super) async fn stream(
        &self,
        ctx: &Context,
        info: &RequestInfo,
        target: RequestTarget,
        event: GatewayEvent,
    ) -> Result<HttpResponse, GatewayError> {
        let watch = ctx.clock.stopwatch();
        let shape = target.shape;
        let invocation = Invocation {
            function: target.function,
            event: hardcap_lambda::InvocationEvent::Envelope(Box::new(event)),
            version: None,
            client_context: None,
        };
        let begun = self.in_time(ctx, target.wait, self.begin(ctx, shape, invocation));
        let StartedStream { response, rest, stream } = begun.await??;
        let bounds = target.wait.map(|until| Bounds::new(ctx, until, watch));
        let remaining = Remaining {
            ctx: ctx.clone(),
            api: self.logical_id.clone(),
            rest,
            stream,
            bounds,
            is_kept: false,
        };
        let pieces = futures_util::stream::unfold(Some(remaining), |remaining| async move {
            remaining?.next().await
        });
        let head = complete(self.frontend.kind(), response, info, Some(&ctx.trace));
        Ok(head.map(|_| Body::from_stream(pieces)))
    }

    /// Waits for the head of the response.
    async fn begin(
        &self,
        ctx: &Context,
        shape: Shape,
        invocation: Invocation,
    ) -> Result<StartedStream, GatewayError> {
        match self.lambda.invoke_streaming(ctx, invocation).await? {
            StreamStart::Stream(stream) => begun(ctx, shape, stream).await,
            StreamStart::Whole(Reply { function_error: Some(error), .. }) => {
                Err(GatewayError::FunctionError(error))
            }
            StreamStart::Whole(_) => {
                Err(MalformedResponse("nothing was streamed".to_owned()).into())
            }
        }
    }
}

/// A streamed response whose head has been read.
struct StartedStream {
    /// The head, without a body.
    response: ProxyResponse,
    /// The part of the body that arrived with the head.
    rest: Bytes,
    stream: ResponseStream,
}

async fn begun(
    ctx: &Context,
    shape: Shape,
    mut stream: ResponseStream,
) -> Result<StartedStream, GatewayError> {
    let has_metadata = shape == Shape::Rest || is_integration(stream.content_type.as_ref());
    if !has_metadata {
        // Official: the client gets the content type of the runtime.
        let response = raw(stream.content_type.clone().unwrap_or(OCTETS));
        return Ok(StartedStream { response, rest: Bytes::new(), stream });
    }
    let limit = &ctx.limits.rest_stream_metadata;
    let mut start = BytesMut::new();
    let at = loop {
        if let Some(at) = delimiter(&start) {
            break at;
        }
        admit_metadata(ctx, limit, start.len().saturating_sub(DELIMITER.len()))?;
        match stream.next().await {
            Some(piece) => start.extend_from_slice(&piece),
            // Observed in middyjs/middy#1189 (2024-03-14): without a body, a runtime does not send the metadata either.
            None if start.is_empty() && shape != Shape::Rest => {
                return Ok(StartedStream { response: raw(OCTETS), rest: Bytes::new(), stream });
            }
            None => return Err(no_delimiter().into()),
        }
    };
    admit_metadata(ctx, limit, at)?;
    let start = start.freeze();
    let response = response::head(shape, &start[..at])?;
    Ok(StartedStream { response, rest: start.slice(at + DELIMITER.len()..), stream })
}

/// Compares the size of the metadata with its limit. Only an excess is recorded, because every response has metadata.
fn admit_metadata(
    ctx: &Context,
    limit: &Limit<ByteCount>,
    length: usize,
) -> Result<(), GatewayError> {
    let length = ByteCount(length as u64);
    if limit.admit(length).is_ok() {
        return Ok(());
    }
    Ok(ctx.admit(limit, length)?)
}

/// The response of a buffered function URL whose runtime streams.
///
/// According to the notes on captures of 2026-09-15 (radkawar/stackd, testdata/aws/lambda/urls_http.json), metadata becomes the
/// head, and the body after it is not forwarded; without metadata, everything is the body.
pub(super) fn collected(
    content_type: &HeaderValue,
    posted: &Bytes,
) -> Result<ProxyResponse, MalformedResponse> {
    if is_integration(Some(content_type)) && !posted.is_empty() {
        let at = delimiter(posted).ok_or_else(no_delimiter)?;
        return response::head(Shape::Url, &posted[..at]);
    }
    let mut response = raw(OCTETS);
    response.body = posted.clone();
    Ok(response)
}

fn raw(content_type: HeaderValue) -> ProxyResponse {
    let mut response = ProxyResponse::new(StatusCode::OK);
    response.headers.insert(header::CONTENT_TYPE, content_type);
    response
}

fn is_integration(content_type: Option<&HeaderValue>) -> bool {
    content_type.is_some_and(|content_type| content_type == INTEGRATION_RESPONSE)
}

fn delimiter(start: &[u8]) -> Option<usize> {
    start.windows(DELIMITER.len()).position(|bytes| bytes == DELIMITER)
}

/// UNCONFIRMED: AWS's response.
fn no_delimiter() -> MalformedResponse {
    MalformedResponse("the stream has no metadata followed by eight zero bytes".to_owned())
}

/// The limits of a REST API for one stream.
struct Bounds {
    until: Limit<Millis>,
    /// Since the invocation.
    watch: Stopwatch,
    idle: Limit<Millis>,
    longest_silence: Millis,
    bandwidth: TokenBucket,
    /// Since the body began.
    begun: Stopwatch,
}

/// A stream was cut off: the client sees an incomplete body.
#[derive(Debug, thiserror::Error)]
#[error("the stream was cut off: {0}")]
struct StreamCut(hardcap_limits::Exceeded);

impl Bounds {
    fn new(ctx: &Context, until: Limit<Millis>, watch: Stopwatch) -> Bounds {
        let limits = &ctx.limits;
        Bounds {
            until,
            watch,
            idle: limits.rest_stream_idle,
            longest_silence: Millis(0),
            bandwidth: TokenBucket::new(limits.rest_stream_burst.max, limits.rest_stream_rate.max),
            begun: ctx.clock.stopwatch(),
        }
    }

    /// The next piece, within the limits.
    async fn next(
        &mut self,
        ctx: &Context,
        stream: &mut ResponseStream,
    ) -> Result<Option<Bytes>, StreamCut> {
        let left = Millis(self.until.max.0.saturating_sub(self.watch.elapsed_millis().0));
        let silence = ctx.clock.stopwatch();
        let piece = ctx.clock.timeout(left.min(self.idle.max), stream.next()).await;
        self.longest_silence = self.longest_silence.max(silence.elapsed_millis());
        piece.ok_or_else(|| {
            let (limit, waited) = if left <= self.idle.max {
                (&self.until, self.watch.elapsed_millis())
            } else {
                (&self.idle, silence.elapsed_millis())
            };
            // The clock rounds to whole milliseconds. A wait that timed out took longer than its limit.
            let waited = waited.max(Millis(limit.max.0.saturating_add(1)));
            let _ = ctx.admit(limit, waited);
            StreamCut(limit.exceeded_by(waited))
        })
    }

    fn wait(&mut self, piece: &Bytes) -> Duration {
        self.bandwidth.wait(piece.len() as u64, self.begun.elapsed())
    }

    /// Records the measurements of a stream within its limits.
    fn kept(&self, ctx: &Context) {
        let _ = ctx.admit(&self.until, self.watch.elapsed_millis().min(self.until.max));
        let _ = ctx.admit(&self.idle, self.longest_silence.min(self.idle.max));
    }
}

/// The part of a streamed response that has not been sent yet.
struct Remaining {
    ctx: Context,
    api: String,
    rest: Bytes,
    stream: ResponseStream,
    /// `None` for a function URL, which has no limits of its own.
    bounds: Option<Bounds>,
    /// Whether a piece has been kept for the story of the request.
    is_kept: bool,
}

impl Remaining {
    async fn next(mut self) -> Option<(io::Result<Bytes>, Option<Remaining>)> {
        let piece = match std::mem::take(&mut self.rest) {
            rest if !rest.is_empty() => Some(rest),
            _ => match &mut self.bounds {
                None => self.stream.next().await,
                Some(bounds) => match bounds.next(&self.ctx, &mut self.stream).await {
                    Ok(piece) => piece,
                    Err(cut) => {
                        tracing::warn!(api = self.api, request_id = %self.ctx.request_id, "{cut}");
                        return Some((Err(io::Error::other(cut)), None));
                    }
                },
            },
        };
        let Some(piece) = piece else {
            self.ended().await;
            return None;
        };
        if !std::mem::replace(&mut self.is_kept, true) {
            self.ctx.keep(Part::ResponseBody, &piece);
        }
        if let Some(bounds) = &mut self.bounds {
            let wait = bounds.wait(&piece);
            self.ctx.clock.pause(wait).await;
        }
        Some((Ok(piece), Some(self)))
    }

    async fn ended(self) {
        let Remaining { ctx, api, stream, bounds, .. } = self;
        if let Some(bounds) = bounds {
            bounds.kept(&ctx);
        }
        let request_id = &ctx.request_id;
        match stream.end().await {
            Ok(Reply { function_error: Some(error), .. }) => {
                tracing::warn!(api, %request_id, %error, "the function failed during its response");
            }
            Ok(_) => {}
            Err(stop) => tracing::warn!(api, %request_id, %stop, "the end of a response was lost"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collected_stream_is_its_metadata_or_all_of_it() {
        let posted = Bytes::from_static(b"{\"statusCode\":201}\0\0\0\0\0\0\0\0body");
        let integration = HeaderValue::from_static(INTEGRATION_RESPONSE);
        let response = collected(&integration, &posted).unwrap();
        assert_eq!((response.status.as_u16(), &response.body[..]), (201, &b""[..]));
        let response = collected(&HeaderValue::from_static("text/plain"), &posted).unwrap();
        assert_eq!((response.status.as_u16(), &response.body), (200, &posted));
        assert_eq!(response.headers[header::CONTENT_TYPE], "application/octet-stream");
        assert!(collected(&integration, &Bytes::from_static(b"{}")).is_err());
    }

    #[test]
    fn the_delimiter_is_eight_zero_bytes_in_a_row() {
        assert_eq!(delimiter(b"{}\0\0\0\0\0\0\0\0"), Some(2));
        assert_eq!(delimiter(b"{}\0\0\0\0\0\0\0x"), None);
        assert_eq!(delimiter(b""), None);
    }
}
