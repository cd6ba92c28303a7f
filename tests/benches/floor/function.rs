//! The function behind every subject: it responds with as many bytes as its event asks for.

use std::io;
use std::net::SocketAddr;

use hardcap_tests::client::{Call, Client};

use crate::crowd;

/// The start of an event; the size of the response follows, padded to [`DIGITS`].
const START: &str = "{\"response\":\"";
const DIGITS: usize = 10;

/// The response of the function behind a REST API, around the base64 of its body.
pub(crate) const REST_START: &[u8] = b"{\"statusCode\":200,\"isBase64Encoded\":true,\"body\":\"";
pub(crate) const REST_END: &[u8] = b"\"}";
/// The size of that body.
pub(crate) const REST_BYTES: usize = 4_700_000;

/// An event of this many bytes that asks for a response of that many. The smallest event has 35 bytes.
pub(crate) fn event(bytes: usize, response: usize) -> bytes::Bytes {
    let mut event = format!("{START}{response:0DIGITS$}\",\"pad\":\"");
    let pad = bytes.saturating_sub(event.len() + 2);
    event.extend(std::iter::repeat_n('x', pad));
    event.push_str("\"}");
    event.into()
}

/// An event for a function that is held: the address of the gate.
pub(crate) fn held(gate: SocketAddr) -> bytes::Bytes {
    format!("\"{gate}\"").into()
}

/// How a function responds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// With as many bytes as its event asks for.
    Sized,
    /// Always with the same binary body, for a REST API.
    Rest,
    /// With its event.
    Echo,
    /// With its event, when the gate of the event has closed the connection.
    Held,
}

/// Takes events from the Runtime API until it is gone.
pub(crate) async fn run(mode: Mode) -> io::Result<()> {
    #[expect(clippy::disallowed_methods, reason = "the Runtime API tells its address this way")]
    let api = std::env::var("AWS_LAMBDA_RUNTIME_API").map_err(io::Error::other)?;
    let client = Client::new();
    let invocation = format!("http://{api}/2018-06-01/runtime/invocation");
    let next = Call::get(format!("{invocation}/next"));
    let mut answers = std::collections::HashMap::new();
    loop {
        // The Runtime API has ended, and the function ends with it.
        let Ok(event) = client.send(&next).await else {
            return Ok(());
        };
        let id = event.header("lambda-runtime-aws-request-id").unwrap_or_default().to_owned();
        let foreign = || io::Error::other(format!("no event of this bench: {event:?}"));
        let answer = match mode {
            Mode::Rest => answers.entry(0).or_insert_with(rest_answer).clone(),
            Mode::Sized => {
                let wanted = wanted(&event.body).ok_or_else(foreign)?;
                answers.entry(wanted).or_insert_with(|| answer(wanted)).clone()
            }
            Mode::Echo => event.body.clone(),
            Mode::Held => {
                let gate = gate(&event.body).ok_or_else(foreign)?;
                crowd::wait_at(gate)?;
                event.body.clone()
            }
        };
        client.send(&Call::post(format!("{invocation}/{id}/response"), answer)).await?;
    }
}

/// The size of the response that an event asks for.
fn wanted(event: &[u8]) -> Option<usize> {
    let digits = event.get(START.len()..START.len() + DIGITS)?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// The gate that an event names.
fn gate(event: &[u8]) -> Option<SocketAddr> {
    std::str::from_utf8(event).ok()?.trim_matches('"').parse().ok()
}

/// The response with a body of [`REST_BYTES`].
fn rest_answer() -> bytes::Bytes {
    let body: Vec<u8> = (0..REST_BYTES).map(|at| at.to_le_bytes()[0]).collect();
    let mut answer = REST_START.to_vec();
    base64_simd::STANDARD.encode_append(body, &mut answer);
    answer.extend_from_slice(REST_END);
    answer.into()
}

/// A JSON string of exactly this many bytes.
fn answer(bytes: usize) -> bytes::Bytes {
    format!("\"{}\"", "y".repeat(bytes.saturating_sub(2))).into()
}
