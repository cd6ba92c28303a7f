//! Tests of `store`: the errors of S3, the cleanup, and the links.

use std::sync::atomic::{AtomicUsize, Ordering};

use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::{BehaviorVersion, Region};
use aws_sdk_s3::operation::abort_multipart_upload::AbortMultipartUploadOutput;
use aws_sdk_s3::operation::complete_multipart_upload::CompleteMultipartUploadOutput;
use aws_sdk_s3::operation::create_multipart_upload::CreateMultipartUploadOutput;
use aws_sdk_s3::operation::put_object::PutObjectOutput;
use aws_sdk_s3::operation::upload_part::UploadPartOutput;
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
use hardcap_limits::Limits;
use http_body_util::{BodyExt as _, Full};

use super::upload::PART_SIZE;
use super::*;
use crate::config::Config;

fn overflow(changes: &[(&str, &str)]) -> OverflowConfig {
    let base = [
        ("UPSTREAM_URL", "https://search.example"),
        ("OVERFLOW_BUCKET", "answers"),
        ("AWS_REGION", "eu-west-1"),
    ];
    let read = Config::read(&|name| {
        let found = changes.iter().chain(&base).find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    });
    read.expect("the configuration is valid").overflow
}

fn store(client: Client) -> ResponseStore {
    let fixed = Credentials::new("AKIDEXAMPLE", "secret", None, None, "test");
    let credentials = CredentialsCache::new(SharedCredentialsProvider::new(fixed));
    ResponseStore::new(client, Arc::new(credentials), overflow(&[]))
}

fn client(rules: &[&Rule]) -> Client {
    mock_client!(aws_sdk_s3, RuleMode::MatchAny, rules, |config| config
        .retry_config(RetryConfig::standard().with_initial_backoff(Duration::from_millis(1))))
}

fn refused(status: u16, code: &str) -> aws_sdk_s3::config::http::HttpResponse {
    let xml = format!("<Error><Code>{code}</Code><Message>said S3</Message></Error>");
    aws_sdk_s3::config::http::HttpResponse::new(status.try_into().unwrap(), xml.into())
}

fn whole(length: usize) -> Gathered {
    Gathered::Whole(Bytes::from(vec![1; length]))
}

/// A body that is read like one from an upstream.
fn stream(length: usize) -> Gathered {
    let frames = Full::new(Bytes::from(vec![1; length])).map_err(|never| match never {});
    let idle = Duration::from_secs(5);
    Gathered::More(UpstreamBody::new(frames.boxed_unsync(), Some(length as u64), idle))
}

async fn put(client: Client, body: Gathered) -> Result<StoredResponse, PutError> {
    put_with(client, body, false).await
}

async fn put_with(
    client: Client,
    body: Gathered,
    needs_sha256: bool,
) -> Result<StoredResponse, PutError> {
    let deadline = Deadline::new(clock::instant(), Duration::from_secs(60), None);
    let headers = http::HeaderMap::new();
    let overflow_id = OverflowId { key: "overflow/1".to_owned(), mark: "m".to_owned() };
    let (overflow_id, headers, max) = (&overflow_id, &headers, 1 << 30);
    let entry = StoreRequest { overflow_id, headers, max, deadline, needs_sha256 };
    store(client).put(entry, body).await
}

fn created() -> Rule {
    mock!(Client::create_multipart_upload)
        .then_output(|| CreateMultipartUploadOutput::builder().upload_id("u").build())
}

fn aborted() -> Rule {
    mock!(Client::abort_multipart_upload)
        .then_output(|| AbortMultipartUploadOutput::builder().build())
}

fn part() -> Rule {
    mock!(Client::upload_part).then_output(|| UploadPartOutput::builder().e_tag("e").build())
}

fn said(failure: &PutError) -> String {
    assert!(matches!(failure, PutError::Store(StoreError::Operation(..))), "{failure:?}");
    failure.to_string()
}

#[tokio::test]
async fn p9_a_refused_put_is_an_error_and_is_not_repeated() {
    let denied = mock!(Client::put_object).then_http_response(|| refused(403, "AccessDenied"));
    let failure = put(client(&[&denied]), whole(10)).await.unwrap_err();
    assert_eq!(said(&failure), "PutObject failed: AccessDenied: said S3");
    assert_eq!(denied.num_calls(), 1);
}

#[tokio::test]
async fn p9_a_put_is_tried_three_times_while_s3_is_busy() {
    let busy = mock!(Client::put_object)
        .sequence()
        .http_response(|| refused(503, "SlowDown"))
        .repeatedly()
        .build();
    let failure = put(client(&[&busy]), whole(10)).await.unwrap_err();
    assert_eq!(said(&failure), "PutObject failed: SlowDown: said S3");
    assert_eq!(busy.num_calls(), 3);
}

#[tokio::test]
async fn a_put_succeeds_once_s3_has_recovered() {
    let recovers = mock!(Client::put_object)
        .sequence()
        .http_response(|| refused(503, "SlowDown"))
        .times(2)
        .output(|| PutObjectOutput::builder().build())
        .build();
    let stored = put(client(&[&recovers]), whole(3)).await.expect("the third try succeeds");
    assert_eq!((stored.size, recovers.num_calls()), (3, 3));
    assert_eq!(stored.sha256, Some(hex::encode(Sha256::digest([1, 1, 1]))));
}

#[tokio::test]
async fn p9_an_upload_that_cannot_begin_is_an_error() {
    let denied =
        mock!(Client::create_multipart_upload).then_http_response(|| refused(404, "NoSuchBucket"));
    let failure = put(client(&[&denied]), stream(9_000_000)).await.unwrap_err();
    assert_eq!(said(&failure), "CreateMultipartUpload failed: NoSuchBucket: said S3");
}

#[tokio::test]
async fn z7_a_part_that_fails_in_the_middle_aborts_the_upload() {
    let (create, abort) = (created(), aborted());
    let complete = mock!(Client::complete_multipart_upload)
        .then_output(|| CompleteMultipartUploadOutput::builder().build());
    let first = mock!(Client::upload_part)
        .match_requests(|request| request.part_number() == Some(1))
        .then_output(|| UploadPartOutput::builder().e_tag("e").build());
    let second = mock!(Client::upload_part)
        .match_requests(|request| request.part_number() == Some(2))
        .then_http_response(|| refused(403, "AccessDenied"));
    let third = part();
    let client = client(&[&create, &first, &second, &third, &abort, &complete]);
    let failure = put(client, stream(40_000_000)).await.unwrap_err();
    assert_eq!(said(&failure), "UploadPart failed: AccessDenied: said S3");
    assert_eq!((abort.num_calls(), complete.num_calls()), (1, 0));
}

#[tokio::test]
async fn p9_an_upload_that_cannot_be_completed_is_aborted() {
    let (create, part, abort) = (created(), part(), aborted());
    let complete =
        mock!(Client::complete_multipart_upload).then_http_response(|| refused(400, "InvalidPart"));
    let failure = put(client(&[&create, &part, &abort, &complete]), stream(9_000_000)).await;
    assert_eq!(said(&failure.unwrap_err()), "CompleteMultipartUpload failed: InvalidPart: said S3");
    assert_eq!((part.num_calls(), abort.num_calls()), (2, 1));
}

#[tokio::test]
async fn an_abort_that_fails_does_not_hide_the_first_error() {
    let create = created();
    let part = mock!(Client::upload_part).then_http_response(|| refused(403, "AccessDenied"));
    let abort =
        mock!(Client::abort_multipart_upload).then_http_response(|| refused(404, "NoSuchUpload"));
    let failure = put(client(&[&create, &part, &abort]), stream(9_000_000)).await.unwrap_err();
    assert_eq!(said(&failure), "UploadPart failed: AccessDenied: said S3");
    assert_eq!(abort.num_calls(), 1);
}

#[tokio::test]
async fn z7_a_throttled_part_is_repeated_alone() {
    let (create, abort) = (created(), aborted());
    let first = mock!(Client::upload_part)
        .match_requests(|request| request.part_number() == Some(1))
        .then_output(|| UploadPartOutput::builder().e_tag("e").build());
    let second = mock!(Client::upload_part)
        .match_requests(|request| request.part_number() == Some(2))
        .sequence()
        .http_response(|| refused(503, "SlowDown"))
        .times(2)
        .output(|| UploadPartOutput::builder().e_tag("e").build())
        .build();
    let complete = mock!(Client::complete_multipart_upload)
        .then_output(|| CompleteMultipartUploadOutput::builder().build());
    let client = client(&[&create, &first, &second, &abort, &complete]);
    let stored = put(client, stream(9_000_000)).await.expect("the third try succeeds");
    assert_eq!(stored.size, 9_000_000);
    let calls = [&create, &first, &second, &complete, &abort].map(Rule::num_calls);
    assert_eq!(calls, [1, 1, 3, 1, 0]);
}

/// The checksum of `length` bytes of the value 1, as S3 writes it.
fn crc(length: usize) -> String {
    let crc = crc_fast::checksum(crc_fast::CrcAlgorithm::Crc64Nvme, &vec![1; length]);
    STANDARD.encode(crc.to_be_bytes())
}

#[tokio::test]
async fn s3_gets_the_checksum_of_every_part_and_that_of_the_whole() {
    let (first, last) = (8 * 1024 * 1024, 611_392);
    let part = |number, length| {
        mock!(Client::upload_part)
            .match_requests(move |request| {
                request.part_number() == Some(number)
                    && request.checksum_crc64_nvme() == Some(&crc(length))
                    && request.checksum_sha256().is_none()
                    && request.body().size_hint() == (length as u64, Some(length as u64))
            })
            .then_output(|| UploadPartOutput::builder().e_tag("e").build())
    };
    let complete = mock!(Client::complete_multipart_upload)
        .match_requests(move |request| {
            let parts = request.multipart_upload().map(|upload| upload.parts()).unwrap_or_default();
            let sums: Vec<_> = parts.iter().filter_map(|part| part.checksum_crc64_nvme()).collect();
            request.checksum_crc64_nvme() == Some(&crc(9_000_000))
                && request.checksum_type() == Some(&ChecksumType::FullObject)
                && sums == [crc(first), crc(last)]
        })
        .then_output(|| CompleteMultipartUploadOutput::builder().build());
    let (create, one, two) = (created(), part(1, first), part(2, last));
    let client = client(&[&create, &one, &two, &complete]);
    let stored = put(client, stream(9_000_000)).await.expect("the checksums are right");
    assert_eq!((stored.size, stored.sha256), (9_000_000, None));
    assert_eq!(stored.excerpt, vec![1; 1024]);
}

#[tokio::test]
async fn the_sha256_of_a_body_in_parts_is_calculated_if_it_is_needed() {
    let (create, part) = (created(), part());
    let complete = mock!(Client::complete_multipart_upload)
        .then_output(|| CompleteMultipartUploadOutput::builder().build());
    let stored = put_with(client(&[&create, &part, &complete]), stream(9_000_000), true).await;
    let expected = hex::encode(Sha256::digest(vec![1; 9_000_000]));
    assert_eq!(stored.expect("S3 accepts everything").sha256, Some(expected));
}

#[tokio::test]
async fn an_expired_token_is_named_and_not_retried() {
    let expired = mock!(Client::put_object).then_http_response(|| refused(400, "ExpiredToken"));
    let failure = put(client(&[&expired]), whole(10)).await.unwrap_err();
    assert_eq!(said(&failure), "PutObject failed: ExpiredToken: said S3");
    assert_eq!(expired.num_calls(), 1);
}

#[test]
fn parts_are_large_enough_for_s3_and_few_enough_for_any_response() {
    let limits = Limits::classic();
    assert!(PART_SIZE as u64 >= limits.s3_part_min.max.0);
    assert!(PART_SIZE as u64 * limits.s3_part_count.max.0 > 5 * 1024 * 1024 * 1024);
}

/// Provides credentials with these lifetimes in seconds, the next ones at each call.
#[derive(Debug)]
struct Provider {
    lives: Vec<u64>,
    asked: Arc<AtomicUsize>,
}

impl ProvideCredentials for Provider {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        let at = self.asked.fetch_add(1, Ordering::SeqCst).min(self.lives.len() - 1);
        let expiry = clock::now() + Duration::from_secs(self.lives[at]);
        let key = format!("AKID{at}");
        future::ProvideCredentials::ready(Ok(Credentials::new(
            key,
            "canary-secret",
            Some("canary-token".to_owned()),
            Some(expiry),
            "test",
        )))
    }
}

/// A link with credentials of these lifetimes, and the number of times that they were fetched.
async fn link(lives: &[u64], changes: &[(&str, &str)]) -> (Result<Link, StoreError>, usize) {
    let asked = Arc::new(AtomicUsize::new(0));
    let provider = Provider { lives: lives.to_vec(), asked: Arc::clone(&asked) };
    let credentials = Arc::new(CredentialsCache::new(SharedCredentialsProvider::new(provider)));
    credentials.current().await.expect("there are credentials");
    let config = overflow(changes);
    let s3 = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(config.region.clone()))
        .force_path_style(config.force_path_style)
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    let store = ResponseStore::new(Client::from_conf(s3), credentials, config);
    (store.link("overflow/1.csv").await, asked.load(Ordering::SeqCst))
}

fn parameter<'a>(link: &'a Link, name: &str) -> Option<&'a str> {
    let query = link.location.split_once('?').expect("it has a query").1;
    query
        .split('&')
        .filter_map(|part| part.split_once('='))
        .find(|(n, _)| *n == name)
        .map(|(_, v)| v)
}

#[tokio::test]
async fn p1_credentials_that_last_sign_a_link_of_full_length() {
    let (link, asked) = link(&[3600], &[]).await;
    let link = link.expect("there is a link");
    assert_eq!((parameter(&link, "X-Amz-Expires"), asked), (Some("60"), 1));
}

#[tokio::test]
async fn p1_credentials_that_end_too_soon_are_fetched_again_first() {
    let (link, asked) = link(&[80, 3600], &[]).await;
    let link = link.expect("there is a link");
    assert_eq!((parameter(&link, "X-Amz-Expires"), asked), (Some("60"), 2));
    assert!(parameter(&link, "X-Amz-Credential").unwrap().starts_with("AKID1"));
}

#[tokio::test]
async fn p1_a_link_ends_with_its_credentials_if_no_others_last_longer() {
    let (link, _) = link(&[20], &[]).await;
    let link = link.expect("there is a link");
    let seconds: u64 = parameter(&link, "X-Amz-Expires").unwrap().parse().unwrap();
    assert!((18..=20).contains(&seconds), "{seconds}");
    let ends = link.expires.duration_since(clock::now()).unwrap();
    assert!(ends <= Duration::from_secs(20), "the end of the link: {ends:?}");
}

#[tokio::test]
async fn p1_without_lasting_credentials_there_is_no_link() {
    let (link, _) = link(&[0], &[]).await;
    assert!(matches!(link, Err(StoreError::NoLink(_))), "{link:?}");
}

#[tokio::test]
async fn x7_a_link_names_the_bucket_and_its_region_in_the_host() {
    let (link, _) = link(&[3600], &[]).await;
    let link = link.expect("there is a link");
    let expected = "https://answers.s3.eu-west-1.amazonaws.com/overflow/1.csv?";
    assert!(link.location.starts_with(expected), "{link:?}");
    let (link, _) = self::link(&[3600], &[("S3_FORCE_PATH_STYLE", "true")]).await;
    let expected = "https://s3.eu-west-1.amazonaws.com/answers/overflow/1.csv?";
    assert!(link.unwrap().location.starts_with(expected));
}

#[tokio::test]
async fn j11_p7_a_link_contains_only_the_signature() {
    let (link, _) = link(&[3600], &[]).await;
    let link = link.expect("there is a link");
    let query = link.location.split_once('?').unwrap().1;
    let mut names: Vec<&str> = query.split('&').filter_map(|part| part.split('=').next()).collect();
    names.sort_unstable();
    let expected = [
        "X-Amz-Algorithm",
        "X-Amz-Credential",
        "X-Amz-Date",
        "X-Amz-Expires",
        "X-Amz-Security-Token",
        "X-Amz-Signature",
        "X-Amz-SignedHeaders",
        "x-id",
    ];
    assert_eq!(names, expected);
    assert_eq!(parameter(&link, "X-Amz-SignedHeaders"), Some("host"));
}

#[tokio::test]
async fn p5_no_debug_output_shows_a_secret() {
    let (link, _) = link(&[3600], &[]).await;
    let text = format!("{:?}", link.unwrap());
    assert!(!text.contains("canary") && !text.contains("X-Amz"), "{text}");
}
