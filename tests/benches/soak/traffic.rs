//! One round of traffic: one request of every kind, with sizes around the limits.

use std::fmt;
use std::io;

use hardcap_tests::client::{Call, Client};
use http::Method;
use serde_json::{Value, json};

/// The addresses of a hardcap that runs.
#[derive(Clone, Debug)]
pub(crate) struct Targets {
    aws: String,
    apis: Vec<String>,
}

impl Targets {
    /// From the content of a `--ready-file`.
    ///
    /// # Errors
    ///
    /// When it is not such a file.
    pub(crate) fn read(text: &[u8]) -> io::Result<Targets> {
        let ready: Value = serde_json::from_slice(text)?;
        let aws = ready["aws"].as_str().ok_or_else(|| io::Error::other("no AWS address"))?;
        let apis = ready["apis"].as_object().into_iter().flat_map(|apis| apis.values());
        let urls = apis.filter_map(|api| api["url"].as_str().or(api.as_str()));
        Ok(Targets { aws: aws.to_owned(), apis: urls.map(str::to_owned).collect() })
    }

    fn invoke(&self, event: &Value) -> Call {
        let url = format!("{}/2015-03-31/functions/behave/invocations", self.aws);
        Call::post(url, event.to_string())
    }
}

/// How the requests were answered.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    succeeded: u64,
    /// 4xx: refused for its size, throttled, not found.
    refused: u64,
    /// 5xx, most of them injected.
    failed: u64,
    /// No answer at all.
    unanswered: u64,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts { succeeded, refused, failed, unanswered } = self;
        write!(
            f,
            "{succeeded} succeeded, {refused} refused (4xx), {failed} failed (5xx), {unanswered} unanswered"
        )
    }
}

/// Sizes of bodies in bytes; the last ones are at and above the limits.
const SIZES: [usize; 8] = [1, 1_000, 10_000, 100_000, 1_000_000, 4_718_592, 6_291_456, 6_291_557];

pub(crate) async fn round(targets: &Targets, round: u64, counts: &mut Counts) {
    let size = SIZES[usize::try_from(round).unwrap_or(0) % SIZES.len()];
    let key = round % 50;
    let object = format!("{}/soak/{key}", targets.aws);
    let item = json!({"TableName": "soak", "Item": {"id": {"S": key.to_string()}, "n": {"N": round.to_string()}}});
    let dynamodb = Call::post(format!("{}/", targets.aws), item.to_string())
        .header("x-amz-target", "DynamoDB_20120810.PutItem")
        .header("content-type", "application/x-amz-json-1.0");
    let mut calls = vec![
        targets.invoke(&json!({"size": size})),
        targets.invoke(&json!({"print": "a line of the soak", "size": 10})),
        targets.invoke(&json!({"print": "later"})).header("x-amz-invocation-type", "Event"),
        targets.invoke(&json!({"error": "on purpose"})).header(
            "x-amz-invocation-type",
            if round.is_multiple_of(10) { "Event" } else { "RequestResponse" },
        ),
        Call::new(Method::PUT, &object).body(vec![b'x'; size]),
        Call::get(&object),
        Call::new(Method::DELETE, format!("{}/soak/{}", targets.aws, (round + 25) % 50)),
        dynamodb,
        Call::get(format!("{}/_hardcap/records", targets.aws)),
    ];
    if round.is_multiple_of(40) {
        calls.push(targets.invoke(&json!({"hang": true})));
    }
    for api in &targets.apis {
        let api = api.trim_end_matches('/');
        for path in ["http", "rest", "unknown"] {
            calls.push(Call::post(format!("{api}/{path}"), vec![b'x'; size]));
        }
    }
    let sent = calls.into_iter().map(|call| async move { Client::new().send(&call).await });
    for answer in futures(sent).await {
        match answer.map(|answer| answer.status.as_u16()) {
            Ok(200..400) => counts.succeeded += 1,
            Ok(400..500) => counts.refused += 1,
            Ok(_) => counts.failed += 1,
            Err(_) => counts.unanswered += 1,
        }
    }
}

/// All of them at the same time.
async fn futures<F>(all: impl Iterator<Item = F>) -> Vec<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let mut tasks: tokio::task::JoinSet<F::Output> = all.collect();
    let mut outputs = Vec::new();
    while let Some(Ok(output)) = tasks.join_next().await {
        outputs.push(output);
    }
    outputs
}
