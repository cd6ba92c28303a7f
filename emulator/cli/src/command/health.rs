//! `hardcap health`: whether a running hardcap listens. The container image has no other HTTP client.

use std::process::ExitCode;

use bytes::Bytes;
use hardcap_limits::Millis;
use http::StatusCode;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, Error as RequestError};
use hyper_util::rt::TokioExecutor;

use super::Failure;
use super::remote;
use super::terminal;
use super::up::block_on;
use crate::client::{InvalidUrl, http_url, with_causes};
use hardcap_core::clock::Clock;

/// The maximum time for the response of a healthy emulator.
const RESPONSE_WITHIN: Millis = Millis(5_000);
/// The maximum size of the response.
const RESPONSE_BYTES: usize = 1 << 20;

/// The reason why a hardcap is not healthy.
#[derive(Debug, thiserror::Error)]
enum HealthError {
    #[error("this cannot be requested: {0}; write an address such as http://127.0.0.1:4566")]
    InvalidUrl(#[from] InvalidUrl),
    #[error("nothing responds: {}", with_causes(.0))]
    Unreachable(#[from] RequestError),
    #[error("no response within {} s", RESPONSE_WITHIN.0 / 1000)]
    TimedOut,
    #[error("the response cannot be read: {0}")]
    Unreadable(Box<dyn std::error::Error + Send + Sync>),
    #[error("{status}: {body}")]
    Unhealthy { status: StatusCode, body: String },
}

pub(super) fn health(control: &str) -> Result<ExitCode, Failure> {
    let url = remote::control(control, "health");
    let body = block_on(async {
        let asked = Clock::default().timeout(RESPONSE_WITHIN, ask(&url)).await;
        asked.unwrap_or(Err(HealthError::TimedOut))
    })?;
    let body = body.map_err(|error| Failure::new(format!("{url}: {error}")))?;
    terminal::print(&format!("{body}\n"))?;
    Ok(ExitCode::SUCCESS)
}

async fn ask(url: &str) -> Result<String, HealthError> {
    let uri = http_url(url)?;
    let client: Client<HttpConnector, Full<Bytes>> =
        Client::builder(TokioExecutor::new()).build_http();
    let response = client.get(uri).await?;
    let status = response.status();
    let body = Limited::new(response.into_body(), RESPONSE_BYTES).collect().await;
    let body = body.map_err(HealthError::Unreadable)?.to_bytes();
    let body = String::from_utf8_lossy(&body).into_owned();
    if status.is_success() { Ok(body) } else { Err(HealthError::Unhealthy { status, body }) }
}
