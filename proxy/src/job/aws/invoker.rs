//! The job function, invoked asynchronously.

use aws_sdk_lambda::Client;
use aws_sdk_lambda::error::{ProvideErrorMetadata as _, SdkError};
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::InvocationType;
use bytes::Bytes;

use super::failures::port_error;
use crate::job::ports::{Invoker, PortError, PortFuture};

/// A Lambda function. The SDK adds the trace of the current invocation, from which Lambda detects recursion.
#[derive(Clone, Debug)]
pub struct LambdaInvoker {
    client: Client,
    function: String,
}

impl LambdaInvoker {
    /// The function of this name.
    #[must_use]
    pub fn new(client: Client, function: &str) -> LambdaInvoker {
        LambdaInvoker { client, function: function.to_owned() }
    }
}

impl Invoker for LambdaInvoker {
    fn invoke(&self, payload: Bytes) -> PortFuture<'_, ()> {
        Box::pin(async move {
            let invoke = self
                .client
                .invoke()
                .function_name(&self.function)
                .invocation_type(InvocationType::Event)
                .payload(Blob::new(payload));
            let Err(error) = invoke.send().await else {
                return Ok(());
            };
            let text = error.message().unwrap_or_default().to_owned();
            let status = match &error {
                SdkError::ServiceError(error) => error.raw().status().as_u16(),
                _ => 0,
            };
            Err(match error.code() {
                Some("RecursiveInvocationException") => PortError::Recursion(text),
                Some("RequestTooLargeException" | "RequestEntityTooLargeException") => {
                    PortError::TooLarge(text)
                }
                _ if status == 413 => PortError::TooLarge(text),
                _ => port_error("Invoke", &error),
            })
        })
    }
}
