//! The plain loop: the same pages, fetched one after the other into memory, and put as one object.

use std::io;
use std::time::Duration;

use hardcap::Clock;
use hardcap_tests::client::Call;
use hardcap_tests::export;
use hardcap_tests::search::sigv4::{self, Scope, WireRequest};
use hardcap_tests::search::{Index, Search, SearchConfig};
use http::Method;
use time::UtcDateTime;
use time::macros::format_description;

use crate::stage::{BUCKET, Stage};

/// How long it took, and how many bytes it put.
pub(crate) async fn export(stage: &Stage, index: Index, page: u64) -> io::Result<(Duration, u64)> {
    let open = SearchConfig { indices: vec![index], ..SearchConfig::default() };
    let open = Search::start(open.without_verification()).await?;
    let watch = Clock::default().stopwatch();
    let mut lines = Vec::new();
    let line = |bytes: &[u8]| lines.extend_from_slice(bytes);
    export::plainly(&stage.client, &open.url(), "logs", page, line).await?;
    let bytes = lines.len() as u64;
    let put = signed(stage.emulator.aws_url(), lines).map_err(io::Error::other)?;
    let answer = stage.client.send(&put).await?;
    if answer.status != 200 {
        return Err(io::Error::other(format!("it was not put: {answer:?}")));
    }
    Ok((watch.elapsed(), bytes))
}

/// `PUT /answers/plain`, signed with the key that every local cloud knows.
fn signed(aws_url: &str, body: Vec<u8>) -> Result<Call, time::error::Format> {
    let now = UtcDateTime::from_unix_timestamp(
        i64::try_from(Clock::default().now().0 / 1_000).unwrap_or_default(),
    )
    .unwrap_or(UtcDateTime::UNIX_EPOCH);
    let at = now.format(format_description!("[year][month][day]T[hour][minute][second]Z"))?;
    let (date, region, service) = (at[..8].to_owned(), "us-east-1".to_owned(), "s3".to_owned());
    let scope = Scope { date, region, service };
    let target = format!("/{BUCKET}/plain");
    let host = aws_url.trim_start_matches("http://");
    let headers =
        [("host", host), ("x-amz-content-sha256", "UNSIGNED-PAYLOAD"), ("x-amz-date", at.as_str())]
            .map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()));
    let names = headers.each_ref().map(|(name, _)| name.clone());
    let wire = WireRequest {
        method: "PUT",
        target: &target,
        headers: &headers,
        payload_sha256: "UNSIGNED-PAYLOAD",
    };
    let canonical = sigv4::canonical_request(&wire, &names);
    let signature =
        sigv4::signature("test", &scope, &sigv4::string_to_sign(&at, &scope, &canonical));
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential=test/{scope}, SignedHeaders={}, Signature={signature}",
        names.join(";")
    );
    let mut call = Call::new(Method::PUT, format!("{aws_url}{target}")).body(body);
    call.headers.extend(headers);
    Ok(call.header("authorization", authorization))
}
