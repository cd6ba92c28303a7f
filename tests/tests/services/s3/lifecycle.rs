//! Objects and unfinished uploads end at midnights of the emulator's clock.

use aws_sdk_s3::primitives::ByteStream;
use hardcap::Emulator;
use hardcap::config::LifecycleRule;
use hardcap_limits::Millis;

use super::vocabulary::*;

const DAY: u64 = 24 * 60 * 60 * 1000;

/// Moves the emulator's clock to this long after the next midnight.
async fn to_midnight_and(emulator: &Emulator, beyond: u64) {
    let now = emulator.clock().now().0;
    emulator.clock().advance(Millis(DAY - now % DAY + beyond)).await;
}

async fn with_rule(rule: LifecycleRule) -> Emulator {
    let mut config = config();
    config.buckets[0].lifecycle = vec![rule];
    let emulator = start(config).await;
    // Noon, so that rounding up to a midnight is seen.
    to_midnight_and(&emulator, DAY / 2).await;
    emulator
}

async fn status(emulator: &Emulator, key: &str) -> u16 {
    signed(emulator, ask("HEAD", &format!("/bucket/{key}"))).await.status
}

/// s3_lifecycle_days_min: nothing ends before a whole day and the next midnight.
#[tokio::test]
async fn an_object_ends_at_the_midnight_after_its_days() {
    let rule = LifecycleRule {
        prefix: "overflow/".to_owned(),
        expiration_days: Some(1),
        abort_incomplete_multipart_days: None,
    };
    let emulator = with_rule(rule).await;
    let put = signed(&emulator, ask("PUT", "/bucket/overflow/a").body("x")).await;
    let expires = put.header("x-amz-expiration").expect("a rule is about it").to_owned();
    assert!(expires.contains("00:00:00 GMT\", rule-id=\"rule-1\""), "{expires}");
    signed(&emulator, ask("PUT", "/bucket/kept/a").body("x")).await;
    to_midnight_and(&emulator, 1_000).await;
    assert_eq!(status(&emulator, "overflow/a").await, 200, "half a day old");
    to_midnight_and(&emulator, 0).await;
    assert_eq!(status(&emulator, "overflow/a").await, 404, "the second midnight has passed");
    assert_eq!(status(&emulator, "kept/a").await, 200);
    let kept = signed(&emulator, ask("GET", "/bucket/kept/a")).await;
    assert_eq!(kept.header("x-amz-expiration"), None);
}

#[tokio::test]
async fn an_unfinished_upload_ends_too() {
    let rule = LifecycleRule {
        prefix: String::new(),
        expiration_days: None,
        abort_incomplete_multipart_days: Some(1),
    };
    let emulator = with_rule(rule).await;
    let sdk = sdk(&emulator);
    let begun = sdk.create_multipart_upload().bucket(BUCKET).key("k").send().await.unwrap();
    let id = begun.upload_id().unwrap();
    let part = || async {
        let part = sdk.upload_part().bucket(BUCKET).key("k").upload_id(id).part_number(1);
        part.body(ByteStream::from_static(b"x")).send().await
    };
    part().await.unwrap();
    to_midnight_and(&emulator, 1_000).await;
    part().await.expect("half a day old");
    to_midnight_and(&emulator, 1_000).await;
    let error = part().await.unwrap_err().into_service_error();
    assert_eq!(error.meta().code(), Some("NoSuchUpload"));
    let listed = sdk.list_multipart_uploads().bucket(BUCKET).send().await.unwrap();
    assert!(listed.uploads().is_empty());
}

#[tokio::test]
async fn rules_are_put_read_and_removed() {
    let emulator = emulator().await;
    let put = async |days: &str| {
        use base64::Engine as _;
        use sha2::{Digest as _, Sha256};
        let xml = format!(
            "<LifecycleConfiguration><Rule><ID>one</ID><Filter><Prefix>tmp/</Prefix></Filter><Status>Enabled</Status><Expiration><Days>{days}</Days></Expiration></Rule></LifecycleConfiguration>"
        );
        let sum = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(&xml));
        let wanted = ask("PUT", "/bucket?lifecycle").body(xml);
        signed(&emulator, wanted.header("x-amz-checksum-sha256", &sum)).await
    };
    let get = || signed(&emulator, ask("GET", "/bucket?lifecycle"));
    assert_eq!(get().await.refusal(), (404, "NoSuchLifecycleConfiguration".to_owned()));
    assert_eq!(put("0").await.refusal(), (400, "InvalidArgument".to_owned()));
    assert_eq!(put("1").await.status, 200);
    let rules = get().await;
    assert_eq!(rules.element("Days").as_deref(), Some("1"));
    assert_eq!(rules.element("Prefix").as_deref(), Some("tmp/"));
    assert_eq!(signed(&emulator, ask("DELETE", "/bucket?lifecycle")).await.status, 204);
    assert_eq!(get().await.status, 404);
}
