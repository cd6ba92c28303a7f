//! `POST /2021-11-15/functions/{name}/response-streaming-invocations`: the response as an event stream.

use std::borrow::Cow;
use std::io;

use aws_smithy_eventstream::frame::write_message_to;
use aws_smithy_types::event_stream::{Header, HeaderValue as EventValue, Message};
use axum::Router;
use axum::body::Body;
use axum::extract::{self, DefaultBodyLimit, Path, Query};
use axum::http::Request;
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hardcap_limits::Date;
use http::{HeaderValue, Response, StatusCode};
use serde::Serialize;

use super::Parameters;
use crate::stop::InvokeError;
use crate::stream::{ResponseStream, StreamStart};
use crate::{FunctionError, Invocation, Lambda, Reply, naming, refusal, rules};
use hardcap_core::context::Context;

/// Since this day the last event does not contain the error of a function that failed, timed out or exceeded the limit within
/// its response: captured with a Node.js and a custom runtime (radkawar/stackd, testdata/aws/lambda/streaming.json,
/// 2026-09-15). Before, it contains the error (AWS's model of `InvokeComplete`; aws/aws-lambda-go#495, 2023-04-08).
const SILENT_SINCE: Date = Date::new(2026, 9, 15);

pub(super) fn router(lambda: Lambda) -> Router {
    Router::new()
        .route("/2021-11-15/functions/{name}/response-streaming-invocations", post(invoke))
        .layer(DefaultBodyLimit::disable())
        .with_state(lambda)
}

/// The invocation type is ignored: captured on 2026-09-15 (see [`SILENT_SINCE`]), `DryRun` and `Event` run the function too.
async fn invoke(
    extract::State(lambda): extract::State<Lambda>,
    Path(name): Path<String>,
    Query(parameters): Query<Parameters>,
    request: Request<Body>,
) -> Response<Body> {
    let (ctx, parts, body) = super::received(&lambda, request);
    if !Lambda::streams(&ctx.limits) {
        return unknown_operation(&ctx);
    }
    let qualifier = parameters.qualifier.as_deref();
    let mut violated = naming::constraints(&name, qualifier);
    let tail = super::wants_log(&parts.headers, &mut violated);
    if let Some(refused) = rules::answer(violated) {
        return refusal::render_refusal(&ctx, refused);
    }
    let posted = match super::read_event(&ctx, &parts.headers, body).await {
        Ok(posted) => posted,
        Err(refused) => return refused,
    };
    let called = match super::find(&lambda, &ctx, &name, qualifier) {
        Ok(called) => called,
        Err(refused) => return *refused,
    };
    let client_context = match super::client_context(&parts.headers) {
        Ok(client_context) => client_context,
        Err(why) => return super::invalid(&ctx, why),
    };
    let invocation = called.invocation(posted, client_context);
    match opened(&lambda, &ctx, invocation).await {
        Ok(opened) => events(&ctx, opened, &called.version, tail),
        Err(stop) => refusal::render(&ctx, &stop),
    }
}

async fn opened(
    lambda: &Lambda,
    ctx: &Context,
    invocation: Invocation,
) -> Result<StreamStart, InvokeError> {
    lambda.admit_chain(ctx, &invocation.function)?;
    lambda.invoke_streaming(ctx, invocation).await
}

/// UNCONFIRMED: AWS's error for an operation that does not exist yet.
fn unknown_operation(ctx: &Context) -> Response<Body> {
    let row = ctx.limits.lambda_stream_response.row;
    let why = format!(
        "InvokeWithResponseStream exists since {}, but this run has the limits of {}: choose a later day with `--limits`",
        row.began(),
        ctx.limits.date()
    );
    refusal::not_served(ctx, StatusCode::NOT_FOUND, "UnknownOperationException", &why)
}

/// The headers are those of Invoke. The runtime's content type has another header, because the event stream has its own type.
fn events(ctx: &Context, opened: StreamStart, version: &str, tail: bool) -> Response<Body> {
    let (content_type, state) = match opened {
        StreamStart::Stream(stream) => {
            (stream.content_type.clone(), EncoderState::Streaming(stream))
        }
        StreamStart::Whole(reply) => (Some(JSON), EncoderState::Failed(reply)),
    };
    let encoder = EventEncoder { reports_errors: ctx.limits.date() < SILENT_SINCE, tail };
    let frames = futures_util::stream::unfold(Some(state), move |state| async move {
        encoder.next(state?).await
    });
    let mut response = super::answer(ctx, StatusCode::OK, Body::from_stream(frames));
    let headers = response.headers_mut();
    headers.insert("content-type", EVENT_STREAM);
    headers.insert("x-amz-executed-version", super::executed_version(version));
    if let Some(content_type) = content_type {
        headers.insert("x-amzn-remapped-content-type", content_type);
    }
    response
}

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const EVENT_STREAM: HeaderValue = HeaderValue::from_static("application/vnd.amazon.eventstream");

/// The remaining part of the event stream.
enum EncoderState {
    /// The response, and its end.
    Streaming(ResponseStream),
    /// The error document of a function that failed before its response.
    Failed(Reply),
    /// The end.
    Ended(Reply),
}

/// Converts an invocation to events.
#[derive(Clone, Copy)]
struct EventEncoder {
    /// Whether the last event contains the error of a failed function.
    reports_errors: bool,
    /// Whether the last event contains the log tail.
    tail: bool,
}

impl EventEncoder {
    async fn next(self, state: EncoderState) -> Option<(io::Result<Bytes>, Option<EncoderState>)> {
        let (message, left) = match state {
            EncoderState::Streaming(mut stream) => match stream.next().await {
                Some(piece) => (payload_chunk(piece), Some(EncoderState::Streaming(stream))),
                None => match stream.end().await {
                    Ok(reply) => (self.invoke_complete(&reply), None),
                    Err(stop) => return Some((Err(io::Error::other(stop)), None)),
                },
            },
            EncoderState::Failed(reply) => {
                (payload_chunk(reply.payload.clone()), Some(EncoderState::Ended(reply)))
            }
            EncoderState::Ended(reply) => (self.invoke_complete(&reply), None),
        };
        Some((frame(&message), left))
    }

    fn invoke_complete(self, reply: &Reply) -> Message {
        let error = reply.function_error.as_ref().filter(|_| self.reports_errors);
        let complete = InvokeComplete {
            error_code: error.map(FunctionError::error_type),
            error_details: error
                .filter(|_| !reply.payload.is_empty())
                .map(|_| String::from_utf8_lossy(&reply.payload)),
            log_result: self.tail.then(|| STANDARD.encode(&reply.log_tail)),
        };
        let json = serde_json::to_vec(&complete).expect("a struct of texts is JSON");
        event("InvokeComplete", "application/json", json.into())
    }
}

/// The last event. Its members are absent if they are empty, as captured.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct InvokeComplete<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    error_code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_details: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    log_result: Option<String>,
}

fn payload_chunk(piece: Bytes) -> Message {
    event("PayloadChunk", "application/octet-stream", piece)
}

/// An event with the headers of the captures, in their order: kong/kong's (2024) and radkawar/stackd's (2026-09-15).
fn event(event_type: &'static str, content_type: &'static str, payload: Bytes) -> Message {
    let text = |name: &'static str, value: &'static str| {
        Header::new(name, EventValue::String(value.into()))
    };
    Message::new(payload)
        .add_header(text(":event-type", event_type))
        .add_header(text(":content-type", content_type))
        .add_header(text(":message-type", "event"))
}

fn frame(message: &Message) -> io::Result<Bytes> {
    let mut frame = Vec::with_capacity(message.payload().len() + 128);
    write_message_to(message, &mut frame).map_err(io::Error::other)?;
    Ok(frame.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The three frames of `Hello world `, `from Lambda!` and an end without a log, as sent by AWS: a fixture of the tests of
    /// kong/kong, spec/fixtures/aws-lambda.lua, 2024.
    const RECORDED: &str = "\
        000000760000005a980e72ec0b3a6576656e742d7479706507000c5061796c6f61644368756e6b0d3a636f6e74656e742d747970\
        650700186170706c69636174696f6e2f6f637465742d73747265616d0d3a6d6573736167652d747970650700056576656e744865\
        6c6c6f20776f726c642033971fd8000000760000005a980e72ec0b3a6576656e742d7479706507000c5061796c6f61644368756e\
        6b0d3a636f6e74656e742d747970650700186170706c69636174696f6e2f6f637465742d73747265616d0d3a6d6573736167652d\
        747970650700056576656e7466726f6d204c616d62646121fe88eff400000066000000541f56c8690b3a6576656e742d74797065\
        07000e496e766f6b65436f6d706c6574650d3a636f6e74656e742d747970650700106170706c69636174696f6e2f6a736f6e0d3a\
        6d6573736167652d747970650700056576656e747b7d7006d467";

    fn reply(payload: &'static [u8], function_error: Option<FunctionError>) -> Reply {
        let payload = Bytes::from_static(payload);
        Reply {
            payload,
            posted_as_stream: None,
            function_error,
            log_tail: Bytes::from_static(b"END\n"),
        }
    }

    fn frames(encoder: EventEncoder, reply: &Reply) -> String {
        let message = encoder.invoke_complete(reply);
        String::from_utf8(message.payload().to_vec()).expect("JSON")
    }

    #[test]
    fn frames_are_byte_for_byte_those_of_aws() {
        let quiet = EventEncoder { reports_errors: false, tail: false };
        let messages = [
            payload_chunk(Bytes::from_static(b"Hello world ")),
            payload_chunk(Bytes::from_static(b"from Lambda!")),
            quiet.invoke_complete(&reply(b"", None)),
        ];
        let sent: String = messages.iter().map(|it| hex::encode(frame(it).unwrap())).collect();
        assert_eq!(sent, RECORDED);
    }

    #[test]
    fn the_end_contains_the_error_and_the_log_if_they_are_requested() {
        let error = FunctionError::Reported {
            error_type: "Function.Midway".to_owned(),
            message: "it broke".to_owned(),
        };
        let failed = reply(br#"{"errorMessage":"it broke"}"#, Some(error));
        assert_eq!(
            frames(EventEncoder { reports_errors: true, tail: true }, &failed),
            r#"{"ErrorCode":"Function.Midway","ErrorDetails":"{\"errorMessage\":\"it broke\"}","LogResult":"RU5ECg=="}"#
        );
        assert_eq!(
            frames(EventEncoder { reports_errors: false, tail: true }, &failed),
            r#"{"LogResult":"RU5ECg=="}"#
        );
        assert_eq!(
            frames(EventEncoder { reports_errors: true, tail: false }, &reply(b"", None)),
            "{}"
        );
    }
}
