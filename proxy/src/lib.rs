//! A signing reverse proxy on AWS Lambda that delivers answers too large for Lambda through S3.
//!
//! A request arrives as an event, goes to one fixed upstream, signed with the function's own role, and its answer comes
//! back as it was: inline while it fits the envelope that Lambda accepts, through a link into S3 when it does not.
//! [`handler::Proxy`] is the path of a request, one step a line; the modules below are in the order of that path.

pub mod announce;
pub mod answer;
pub mod aws;
pub mod body;
pub mod clock;
pub mod compress;
pub mod config;
pub mod cors;
pub mod credentials;
pub mod deadline;
pub mod delivery;
pub mod error;
pub mod event;
pub mod handler;
pub mod headers;
pub mod key;
pub mod line;
pub mod own;
pub mod path;
pub mod respond;
pub mod sign;
pub mod store;
pub mod upstream;

use std::process::ExitCode;
use std::sync::Arc;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::value::RawValue;

use crate::config::Config;
use crate::event::Request;
use crate::handler::Proxy;

/// Runs the function `proxy` until Lambda ends it.
///
/// With a wrong configuration it says all that is wrong, and ends with a failure.
pub async fn run() -> ExitCode {
    let config = match Config::from_environment() {
        Ok(config) => config,
        Err(mistakes) => {
            start_log("error");
            tracing::error!("{mistakes}");
            return ExitCode::FAILURE;
        }
    };
    start_log(&config.log);
    for warning in config.warnings() {
        tracing::warn!("{warning}");
    }
    let proxy = Arc::new(Proxy::new(config));
    let serve = service_fn(move |event: LambdaEvent<Request>| {
        let proxy = Arc::clone(&proxy);
        async move {
            let left = clock::until_epoch_millis(event.context.deadline);
            // Boxed: the type of all steps together is deeper than the compiler likes.
            posted(Box::pin(proxy.handle(event.payload, left)).await)
        }
    });
    match lambda_runtime::run(serve).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("the runtime API of Lambda: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The envelope as the runtime posts it: these bytes, not another serialization of them.
fn posted(json: Vec<u8>) -> Result<Box<RawValue>, Error> {
    Ok(RawValue::from_string(String::from_utf8(json)?)?)
}

fn start_log(filter: &str) {
    let filter = tracing_subscriber::EnvFilter::new(filter);
    tracing_subscriber::fmt().json().flatten_event(true).with_env_filter(filter).init();
}
