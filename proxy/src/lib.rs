//! A signing reverse proxy on AWS Lambda that delivers responses of any size, through S3 if they exceed Lambda's limit.
//!
//! A request arrives as an event and is sent to one fixed upstream, signed with the function's role. The response is returned
//! unchanged: inline if it fits Lambda's envelope, otherwise through a link into S3. [`handler::Proxy`] is the path of a request,
//! one step a line. Modules are in layers, which `layers.rs` lists from the bottom to the top; a test checks that no import points
//! up. [`config`] and [`error`] combine the modules below them, [`handler`] has the routes, and [`programs`] the other programs.
//!
//! `docs/failure-modes.md` lists known failure modes and their tests. A test has the number of its failure mode at the start of its
//! name.

pub mod access_log;
pub mod announce;
pub mod aws;
pub mod body;
pub mod causes;
pub mod clients;
pub mod clock;
pub mod compress;
pub mod config;
pub mod cookie;
pub mod cors;
pub mod credentials;
pub mod deadline;
pub mod delivery;
pub mod digest;
pub mod environment;
pub mod error;
pub mod event;
pub mod handler;
pub mod headers;
pub mod http_client;
pub mod job;
pub mod key;
pub mod location;
pub mod log;
pub mod metrics;
pub mod overflow_id;
pub mod own;
pub mod path;
pub mod problem;
pub mod programs;
pub mod respond;
pub mod response;
pub mod session;
pub mod settings;
pub mod sign;
pub mod store;
pub mod upload;
pub mod upstream;

mod glob;
mod integer;
#[cfg(test)]
mod layers;
mod object;

use std::process::ExitCode;
use std::sync::Arc;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::value::RawValue;

use crate::config::Config;
use crate::event::Request;
use crate::handler::Proxy;

/// Runs the function `proxy` until Lambda ends it.
///
/// With an invalid configuration it logs all errors and returns a failure.
#[tokio::main]
pub async fn run() -> ExitCode {
    let Some(config) = configured(true).await else {
        return ExitCode::FAILURE;
    };
    let proxy = Arc::new(Proxy::new(config));
    let serve = service_fn(move |event: LambdaEvent<Request>| {
        let proxy = Arc::clone(&proxy);
        async move {
            let left = clock::until_epoch_millis(event.context.deadline);
            // Boxed, because the type of all steps together exceeds the compiler's recursion limit.
            posted(Box::pin(proxy.handle(event.payload, left)).await)
        }
    });
    match lambda_runtime::run(serve).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("the runtime API of Lambda failed: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The configuration from the environment; starts the log and reports errors in it. `serves` is whether this program responds to
/// clients.
async fn configured(serves: bool) -> Option<Config> {
    let config = match Config::from_environment().await {
        Ok(config) => config,
        Err(errors) => {
            log::start("error");
            tracing::error!("{errors}");
            return None;
        }
    };
    log::start(&config.log);
    for warning in config.warnings(serves) {
        tracing::warn!("{warning}");
    }
    Some(config)
}

/// The envelope, posted as exactly these bytes.
fn posted(json: Vec<u8>) -> Result<Box<RawValue>, Error> {
    Ok(RawValue::from_string(String::from_utf8(json)?)?)
}
