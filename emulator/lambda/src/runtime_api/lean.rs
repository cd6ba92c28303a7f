//! The two calls of a warm runtime, without hyper: the request for the next event and a buffered response. Everything else is
//! left to the router, with the same bytes.

use std::io;
use std::sync::Arc;

use hardcap_core::guard;
use hardcap_core::serve::lean::{Arrival, LeanConnection, LeanHead, decimal, line, text};
use http::StatusCode;

use super::{INVOCATION_ID, RESPONSE_MODE, illegal_call, next_event};
use crate::outcome::InvocationEnd;
use crate::run::NextEvent;
use crate::sandbox::Sandbox;
use crate::state::RuntimeCall;

const INVOCATION: &str = "/2018-06-01/runtime/invocation/";

/// A call that is served here.
enum Call {
    Next,
    Response { request_id: Arc<str>, length: u64 },
}

/// Serves calls until one is for the router, and returns the connection then.
pub(super) async fn serve(
    sandbox: Arc<Sandbox>,
    mut connection: LeanConnection,
) -> Option<LeanConnection> {
    loop {
        let sent = match connection.next(|head| call(&sandbox, head)).await {
            Arrival::End => return None,
            Arrival::Other => return Some(connection),
            Arrival::Request(Call::Next) => match next_event(&sandbox).await {
                Ok(event) => send_event(&mut connection, &event).await,
                Err(refusal) => connection.send(refusal).await,
            },
            Arrival::Request(Call::Response { request_id, length }) => {
                let Some(payload) = connection.body(length, |_| {}).await else {
                    return Some(connection);
                };
                let ending = InvocationEnd::Answered { payload, posted_as_stream: None };
                match sandbox.answer(&request_id, RuntimeCall::Response, ending) {
                    Ok(()) => {
                        let (status, body) = (StatusCode::ACCEPTED, br#"{"status":"OK"}"#);
                        connection.respond(status, |out| out.extend_from_slice(JSON), body).await
                    }
                    Err(illegal) => connection.send(illegal_call(illegal)).await,
                }
            }
        };
        sent.ok()?;
    }
}

/// The line of the content type.
const JSON: &[u8] = b"content-type: application/json\r\n";

/// The call, if it is served here: its response must be expected, buffered, and within the limit.
fn call(sandbox: &Sandbox, head: &LeanHead<'_>) -> Option<Call> {
    if !guard::is_of_program(&sandbox.function.resources.platform.trust, head.headers()) {
        return None;
    }
    let target = head.target.strip_prefix(INVOCATION)?;
    if head.method == "GET" {
        return (target == "next" && head.length == 0).then_some(Call::Next);
    }
    let id = target.strip_suffix("/response").filter(|_| head.method == "POST")?;
    if head.headers().any(|(name, _)| name.eq_ignore_ascii_case(RESPONSE_MODE)) {
        return None;
    }
    let request_id = sandbox.buffers_response(id, head.header(INVOCATION_ID), head.length)?;
    Some(Call::Response { request_id, length: head.length })
}

async fn send_event(connection: &mut LeanConnection, event: &NextEvent) -> io::Result<()> {
    let NextEvent { request_id, invocation_id, event, deadline, trace, client_context, arn } =
        event;
    let headers = |out: &mut Vec<u8>| {
        out.extend_from_slice(JSON);
        out.extend_from_slice(b"lambda-runtime-deadline-ms: ");
        decimal(out, deadline.0);
        out.extend_from_slice(b"\r\n");
        line(out, "lambda-runtime-invoked-function-arn", arn.as_bytes());
        let invocation_id = invocation_id.as_ref().map(|id| (INVOCATION_ID, id));
        let texts =
            [("lambda-runtime-aws-request-id", request_id), ("lambda-runtime-trace-id", trace)];
        for (name, value) in texts.into_iter().chain(invocation_id) {
            text(out, name, value);
        }
        if let Some(client_context) = client_context {
            line(out, "lambda-runtime-client-context", client_context.as_bytes());
        }
    };
    connection.respond(StatusCode::OK, headers, event).await
}
