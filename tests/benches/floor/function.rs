//! The function behind every subject: it responds with as many bytes as its event asks for.

use std::io;

use hardcap_tests::client::{Call, Client};

/// The start of an event; the size of the response follows, padded to [`DIGITS`].
const START: &str = "{\"response\":\"";
const DIGITS: usize = 10;

/// An event of this many bytes that asks for a response of that many. The smallest event has 35 bytes.
pub(crate) fn event(bytes: usize, response: usize) -> bytes::Bytes {
    let mut event = format!("{START}{response:0DIGITS$}\",\"pad\":\"");
    let pad = bytes.saturating_sub(event.len() + 2);
    event.extend(std::iter::repeat_n('x', pad));
    event.push_str("\"}");
    event.into()
}

/// Takes events from the Runtime API until it is gone.
pub(crate) async fn run() -> io::Result<()> {
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
        let wanted = event.body.get(START.len()..START.len() + DIGITS);
        let wanted: usize = wanted
            .and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok())
            .ok_or_else(|| io::Error::other(format!("no event of this bench: {event:?}")))?;
        let answer = answers.entry(wanted).or_insert_with(|| answer(wanted)).clone();
        client.send(&Call::post(format!("{invocation}/{id}/response"), answer)).await?;
    }
}

/// A JSON string of exactly this many bytes.
fn answer(bytes: usize) -> bytes::Bytes {
    format!("\"{}\"", "y".repeat(bytes.saturating_sub(2))).into()
}
