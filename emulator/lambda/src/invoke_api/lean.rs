//! Synchronous Invoke requests without options, without hyper. Everything else is left to the router, with the same bytes.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use hardcap_core::context::Context;
use hardcap_core::function_name::LATEST;
use hardcap_core::guard::{self, Trust};
use hardcap_core::serve::lean::{Arrival, LeanConnection, LeanHead, text};
use http::StatusCode;

use super::{reply_headers, respond};
use crate::{Invocation, InvocationEvent, Lambda, refusal};

/// An invocation that is served here.
struct SimpleInvoke {
    ctx: Context,
    function: String,
    length: u64,
    /// Whether the client wants the log tail.
    tail: bool,
}

/// Serves Invoke requests until another request arrives, and returns the connection then.
pub fn serve(
    lambda: Lambda,
    trust: Arc<Trust>,
    mut connection: LeanConnection,
) -> BoxFuture<'static, Option<LeanConnection>> {
    Box::pin(async move {
        loop {
            let invoke = match connection.next(|head| simple(&lambda, &trust, head)).await {
                Arrival::End => return None,
                Arrival::Other => return Some(connection),
                Arrival::Request(invoke) => invoke,
            };
            let SimpleInvoke { ctx, function, length, tail } = invoke;
            let Some(posted) = connection.body(length, |_| {}).await else {
                return Some(connection);
            };
            let event = InvocationEvent::Posted(posted);
            let invocation = Invocation { function, version: None, event, client_context: None };
            let sent = match respond(&lambda, &ctx, invocation).await {
                Ok(reply) => {
                    let write = |out: &mut Vec<u8>| {
                        reply_headers(&ctx, &reply, LATEST, tail, |name, value| {
                            text(out, name, value)
                        });
                    };
                    connection.respond(StatusCode::OK, write, &reply.payload).await
                }
                Err(stop) => connection.send(refusal::render(&ctx, &stop)).await,
            };
            sent.ok()?;
        }
    })
}

/// The headers that change what is done with a request.
const OPTIONS: [&str; 2] = ["x-amz-invocation-type", "x-amz-client-context"];

fn simple(lambda: &Lambda, trust: &Trust, head: &LeanHead<'_>) -> Option<SimpleInvoke> {
    let target = head.target.strip_prefix("/2015-03-31/functions/")?;
    let function = target.strip_suffix("/invocations").filter(|_| head.method == "POST")?;
    let has_option =
        head.headers().any(|(name, _)| OPTIONS.iter().any(|it| name.eq_ignore_ascii_case(it)));
    let tail = match head.header("x-amz-log-type") {
        None | Some("None") => false,
        Some("Tail") => true,
        // The router refuses it.
        Some(_) => return None,
    };
    // A version or an alias needs its own answer.
    let has_option = has_option || function.contains(':');
    if has_option || !guard::is_of_program(trust, head.headers()) || !lambda.has(function) {
        return None;
    }
    let mut ctx = lambda.context();
    if head.length > ctx.limits.lambda_sync_request.max.0 {
        return None;
    }
    if let Some(trace) = head.header("x-amzn-trace-id") {
        ctx.trace = trace.into();
    }
    Some(SimpleInvoke { ctx, function: function.to_owned(), length: head.length, tail })
}
