//! `hardcap health`: whether a running hardcap listens. A container has no other program to ask with.

use std::process::ExitCode;

use bytes::Bytes;
use hardcap_limits::Millis;
use http::Uri;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use super::Failure;
use super::remote;
use super::terminal;
use super::up::block_on;
use hardcap_core::clock::Clock;

/// An emulator that takes longer to say that it is well is not.
const ANSWER_WITHIN: Millis = Millis(5_000);
/// No description of where everything listens is longer.
const ANSWER_BYTES: usize = 1 << 20;

pub(super) fn health(control: &str) -> Result<ExitCode, Failure> {
    let url = remote::control(control, "health");
    let said = block_on(async {
        let answer = Clock::default().timeout(ANSWER_WITHIN, ask(&url)).await;
        answer.unwrap_or_else(|| Err(format!("no answer within {} s", ANSWER_WITHIN.0 / 1000)))
    })?;
    let said = said.map_err(|cause| Failure::new(format!("{url}: {cause}")))?;
    terminal::print(&format!("{said}\n"))?;
    Ok(ExitCode::SUCCESS)
}

async fn ask(url: &str) -> Result<String, String> {
    let uri: Uri = url.parse().map_err(|error| format!("this is no URL: {error}"))?;
    let client: Client<HttpConnector, Empty<Bytes>> =
        Client::builder(TokioExecutor::new()).build_http();
    let answer = client.get(uri).await.map_err(|error| {
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        format!("nobody answers: {}", cause.unwrap_or_else(|| error.to_string()))
    })?;
    let status = answer.status();
    let body = Limited::new(answer.into_body(), ANSWER_BYTES).collect().await;
    let body = body.map_err(|error| format!("its answer cannot be read: {error}"))?.to_bytes();
    let text = String::from_utf8_lossy(&body).into_owned();
    if status.is_success() { Ok(text) } else { Err(format!("{status}: {text}")) }
}
