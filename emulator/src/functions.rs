//! The functions, as event sources, topics and buses invoke them.

use bytes::Bytes;
use futures_util::future::BoxFuture;
use hardcap_core::context::Context;
use hardcap_lambda::queue::{AcceptError, Queue};
use hardcap_lambda::stop::InvokeError;
use hardcap_lambda::{Invocation, InvocationEvent, Lambda};
use hardcap_limits::Millis;
use hardcap_messages::{Failure, Functions};

/// Lambda with its queue of asynchronous events.
#[derive(Debug)]
pub(crate) struct LambdaFunctions {
    pub(crate) lambda: Lambda,
    pub(crate) queue: Queue,
}

impl Functions for LambdaFunctions {
    fn timeout(&self, function: &str) -> Option<Millis> {
        Some(self.lambda.function(function)?.timeout)
    }

    fn event_max(&self) -> u64 {
        self.lambda.event_max()
    }

    fn invoke(
        &self,
        ctx: Context,
        function: String,
        event: Bytes,
    ) -> BoxFuture<'_, Result<Bytes, Failure>> {
        Box::pin(async move {
            self.lambda.admit_chain(&ctx, &function).map_err(failure)?;
            let event = InvocationEvent::Posted(event);
            let invocation = Invocation { function, version: None, event, client_context: None };
            let reply = self.lambda.invoke(&ctx, invocation).await.map_err(failure)?;
            match reply.function_error {
                Some(error) => Err(Failure::Function(error.to_string())),
                None => Ok(reply.payload),
            }
        })
    }

    fn accept(
        &self,
        ctx: Context,
        function: String,
        event: Bytes,
    ) -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(async move {
            let chain = self.lambda.admit_chain(&ctx, &function);
            let accepted = self.queue.accept(&ctx, &function, event, chain.is_err()).await;
            accepted.map_err(|error| match error {
                AcceptError::Invoke(InvokeError::Refused(exceeded)) => {
                    Failure::TooLarge(exceeded.to_string())
                }
                error => Failure::NotInvoked(error.to_string()),
            })
        })
    }
}

fn failure(error: InvokeError) -> Failure {
    match error {
        InvokeError::Throttled(reason) => Failure::Throttled(reason.to_string()),
        InvokeError::Refused(_)
        | InvokeError::FunctionNotFound { .. }
        | InvokeError::InvalidEvent { .. }
        | InvokeError::Shortage(_)
        | InvokeError::Bug(_) => Failure::NotInvoked(error.to_string()),
    }
}
