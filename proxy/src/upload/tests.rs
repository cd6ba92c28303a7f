//! Tests of `upload`: what is taken, what is compared, and what is read.

use std::sync::Arc;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_s3::Client;
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::primitives::ByteStream;
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
use http_body_util::BodyExt as _;
use serde_json::json;

use super::*;
use crate::config::Config;
use crate::credentials::CredentialsCache;
use crate::store::ResponseStore;

const SHA256: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
const HELLO: &[u8] = b"hello";

fn config(changes: &[(&str, &str)]) -> Result<Config, crate::environment::ConfigError> {
    let base = [
        ("UPSTREAM_URL", "https://search.example"),
        ("OVERFLOW_BUCKET", "answers"),
        ("AWS_REGION", "eu-west-1"),
    ];
    Config::read(&|name| {
        let found = changes.iter().chain(&base).find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    })
}

fn uploads(changes: &[(&str, &str)]) -> UploadConfig {
    config(changes).expect("the configuration is valid").uploads
}

fn promise(length: u64, media_type: &str, sha256: &str) -> Result<Promise, UploadRefusal> {
    let body = json!({ "length": length, "type": media_type, "sha256": sha256 }).to_string();
    Promise::of(body.as_bytes(), &uploads(&[]))
}

fn ticket() -> UploadTicket {
    let promise = promise(5, "text/plain", SHA256).expect("a valid promise");
    UploadTicket { owner: "anna".to_owned(), usable_until: 1_000, promise }
}

#[test]
fn upload_settings_have_defaults_and_maxima() {
    let usual = uploads(&[]);
    assert_eq!((usual.prefix.as_str(), usual.max), ("uploads", 5_368_709_120));
    assert_eq!((usual.link_lifetime.as_secs(), usual.kept.as_secs()), (900, 3600));
    // (6 MiB - 32 KiB) / 4 * 3: what is left of an event, as base64.
    assert_eq!(usual.inline_max, 4_694_016);
    assert!(config(&[("UPLOAD_MAX_BYTES", "5368709120")]).is_ok());
    for (name, value) in [
        ("UPLOAD_MAX_BYTES", "5368709121"),
        ("UPLOAD_KEEP_SECONDS", "86401"),
        ("UPLOAD_PREFIX", "/"),
    ] {
        let errors = config(&[(name, value)]).expect_err(value);
        assert_eq!(errors.0[0].name, name);
    }
    let short = uploads(&[("UPLOAD_KEEP_SECONDS", "60")]);
    assert_eq!(short.link_lifetime.as_secs(), 60, "no link outlives the upload");
}

#[test]
fn a_promise_is_accepted_up_to_the_maximum_length() {
    let largest = promise(5_368_709_120, "text/plain", SHA256);
    assert!(largest.is_ok(), "{largest:?}");
    let over = promise(5_368_709_121, "text/plain", SHA256);
    assert!(matches!(over, Err(UploadRefusal::TooLarge { length: 5_368_709_121, .. })), "{over:?}");
}

#[test]
fn a_promise_that_a_put_cannot_meet_is_refused() {
    let long = format!("a/{}", "b".repeat(TYPE_MAX));
    let types =
        ["", "text", " text/plain", "text/plain ", "a/b;  c=d", "a/\n", "a/é", long.as_str()];
    for media_type in types {
        let refused = promise(5, media_type, SHA256);
        assert!(matches!(refused, Err(UploadRefusal::Bad(_))), "{media_type:?}: {refused:?}");
    }
    let upper = SHA256.to_uppercase();
    for sha256 in ["", "00", &SHA256[1..], &format!("{SHA256}0"), upper.as_str(), &"g".repeat(64)] {
        let refused = promise(5, "text/plain", sha256);
        assert!(matches!(refused, Err(UploadRefusal::Bad(_))), "{sha256:?}: {refused:?}");
    }
    assert!(matches!(promise(0, "text/plain", SHA256), Err(UploadRefusal::Bad(_))));
    for body in ["", "{}", "[]", r#"{"length":-1}"#, r#"{"length":5,"type":"a/b","sha256":1}"#] {
        let refused = Promise::of(body.as_bytes(), &uploads(&[]));
        assert!(matches!(refused, Err(UploadRefusal::Bad(_))), "{body}: {refused:?}");
    }
}

#[test]
fn only_a_valid_id_becomes_part_of_a_key() {
    let id = new_id();
    assert_eq!(known_id(&id).ok(), Some(id.as_str()));
    let upper = id.to_uppercase();
    let braced = format!("{{{id}}}");
    for other in ["", "..", "../jobs/x", &id[1..], upper.as_str(), braced.as_str()] {
        assert!(matches!(known_id(other), Err(UploadRefusal::BadId)), "{other:?}");
    }
}

#[test]
fn an_upload_is_usable_only_by_its_owner_until_it_expires() {
    let ticket = ticket();
    assert!(ticket.admit("1", "anna", 999).is_ok());
    assert!(matches!(ticket.admit("1", "anna", 1_000), Err(UploadRefusal::Expired(_))));
    assert!(matches!(ticket.admit("1", "bert", 999), Err(UploadRefusal::Foreign(_))));
    let foreign = ticket.admit("1", "bert", 1_000);
    assert!(matches!(foreign, Err(UploadRefusal::Foreign(_))), "no word to others: {foreign:?}");
}

#[test]
fn the_stored_object_is_compared_with_the_promise() {
    let found = |length, sha256: Option<&str>| {
        let sha256 = sha256.map(str::to_owned);
        ticket().redeem("1", Some(UploadedObject { length, sha256, etag: "\"e\"".to_owned() }))
    };
    let whole = found(5, Some(SHA256)).expect("the promised object");
    assert_eq!((whole.length, whole.etag.as_str()), (5, "\"e\""));
    assert!(matches!(ticket().redeem("1", None), Err(UploadRefusal::Missing(_))));
    assert!(matches!(found(6, Some(SHA256)), Err(UploadRefusal::Length { found: 6, .. })));
    assert!(matches!(found(5, Some(&"0".repeat(64))), Err(UploadRefusal::Digest(_))));
    assert!(matches!(found(5, None), Err(UploadRefusal::Digest(_))), "a missing digest is refused");
}

/// The body of a request, whose upload S3 returns by this rule.
fn body(rule: &Rule) -> RequestBody {
    let client = mock_client!(aws_sdk_s3, RuleMode::MatchAny, [rule]);
    let fixed = Credentials::new("AKIDEXAMPLE", "secret", None, None, "test");
    let credentials = Arc::new(CredentialsCache::new(SharedCredentialsProvider::new(fixed)));
    let config = config(&[]).expect("the configuration is valid");
    let store = ResponseStore::new(client, credentials, config.overflow);
    let etag = "\"e\"".to_owned();
    let uploaded = Uploaded { id: "1".to_owned(), length: 5, sha256: SHA256.to_owned(), etag };
    RequestBody::Uploaded(Box::new(UploadSource::new(
        uploaded,
        "text/plain".to_owned(),
        &config.uploads,
        &store,
    )))
}

fn answering(bytes: &'static [u8]) -> Rule {
    mock!(Client::get_object)
        .match_requests(|get| {
            get.if_match() == Some("\"e\"") && get.key() == Some("uploads/1/body")
        })
        .then_output(move || {
            GetObjectOutput::builder().body(ByteStream::from_static(bytes)).build()
        })
}

#[tokio::test]
async fn j10_an_upload_is_read_again_for_each_attempt() {
    let rule = answering(HELLO);
    let body = body(&rule);
    assert_eq!((body.sha256().as_str(), body.length()), (SHA256, Some(5)));
    for calls in 1..=2 {
        let read = body.open().await.expect("it is there").collect().await.expect("it is whole");
        assert_eq!((read.to_bytes().as_ref(), rule.num_calls()), (HELLO, calls));
    }
}

#[tokio::test]
async fn j10_a_flipped_byte_never_arrives_as_a_whole_body() {
    let rule = answering(b"hellp");
    let mut read = body(&rule).open().await.expect("it is there");
    let first = read.frame().await.expect("an end with its reason");
    let failure = first.expect_err("the last piece is held back");
    assert_eq!(failure.downcast_ref(), Some(&SourceError::Differs), "{failure}");
}

#[tokio::test]
async fn j10_a_replaced_or_deleted_upload_is_not_sent() {
    let refused = |status: u16, code: &str| {
        let xml = format!("<Error><Code>{code}</Code><Message>said S3</Message></Error>");
        let status = status.try_into().expect("a status");
        mock!(Client::get_object).then_http_response(move || {
            aws_sdk_s3::config::http::HttpResponse::new(status, xml.clone().into())
        })
    };
    let changed = refused(412, "PreconditionFailed");
    assert_eq!(body(&changed).open().await.err(), Some(SourceError::Changed));
    assert_eq!(changed.num_calls(), 1, "it is not asked for again");
    let gone = refused(404, "NoSuchKey");
    assert_eq!(body(&gone).open().await.err(), Some(SourceError::Missing));
    let denied = refused(403, "AccessDenied");
    let unreadable = SourceError::Unreadable("AccessDenied: said S3".to_owned());
    assert_eq!(body(&denied).open().await.err(), Some(unreadable));
}
