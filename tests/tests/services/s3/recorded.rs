//! Small answers that were recorded on AWS: pages of buckets and uploads, metadata, digests, references in XML.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hardcap::Emulator;

use super::vocabulary::*;

async fn begin(emulator: &Emulator, key: &str) -> String {
    let begun = signed(emulator, ask("POST", &format!("/bucket/{key}?uploads="))).await;
    begun.element("UploadId").expect("an upload")
}

#[tokio::test]
async fn buckets_are_listed_in_pages_with_their_region() {
    let emulator = emulator().await;
    for name in ["bucket-b", "bucket-c"] {
        let created = signed(&emulator, ask("PUT", &format!("/{name}"))).await;
        assert_eq!(created.header("x-amz-bucket-arn"), Some(&*format!("arn:aws:s3:::{name}")));
    }
    let first = signed(&emulator, ask("GET", "/").parameter("max-buckets", "2")).await;
    assert_eq!(first.elements("Name"), ["bucket", "bucket-b"], "{}", first.text());
    assert_eq!(first.elements("BucketRegion"), ["us-east-1", "us-east-1"]);
    let token = first.element("ContinuationToken").expect("there is more");
    let rest =
        ask("GET", "/").parameter("max-buckets", "2").parameter("continuation-token", &token);
    let rest = signed(&emulator, rest).await;
    assert_eq!(rest.elements("Name"), ["bucket-c"]);
    assert_eq!(rest.element("ContinuationToken"), None);
    let elsewhere = ask("GET", "/").parameter("bucket-region", "eu-west-1");
    assert_eq!(signed(&emulator, elsewhere).await.elements("Name"), [""; 0]);
    let all = signed(&emulator, ask("GET", "/")).await;
    assert_eq!((all.elements("Name").len(), all.elements("BucketRegion").len()), (3, 0));
    for wrong in ["0", "10001"] {
        let answer = signed(&emulator, ask("GET", "/").parameter("max-buckets", wrong)).await;
        assert_eq!(answer.refusal(), (400, "InvalidArgument".to_owned()), "{wrong}");
    }
}

#[tokio::test]
async fn an_empty_continuation_token_is_refused() {
    let emulator = emulator().await;
    let list =
        ask("GET", "/bucket").parameter("continuation-token", "").parameter("list-type", "2");
    let answer = signed(&emulator, list).await;
    assert_eq!(answer.refusal(), (400, "InvalidArgument".to_owned()));
    assert_eq!(answer.element("ArgumentName").as_deref(), Some("continuation-token"));
}

/// The token of `test_list_objects_v2_continuation_start_after`; the delimiter of Ceph's `test_bucket_list_delimiter_empty`.
#[tokio::test]
async fn a_list_repeats_neither_an_empty_delimiter_nor_the_start_of_an_earlier_page() {
    let emulator = emulator().await;
    for key in ["a", "b", "c"] {
        signed(&emulator, ask("PUT", &format!("/bucket/{key}")).body("x")).await;
    }
    for kind in ["list-type=2", "marker=", "uploads=", "versions="] {
        let of = |delimiter: &str| {
            ask("GET", &format!("/bucket?{kind}")).parameter("delimiter", delimiter)
        };
        let empty = signed(&emulator, of("")).await;
        assert!(!empty.text().contains("<Delimiter"), "{kind}: {}", empty.text());
        let slash = signed(&emulator, of("/")).await;
        assert_eq!(slash.element("Delimiter").as_deref(), Some("/"), "{kind}: {}", slash.text());
    }
    let from = |after: &str| {
        ask("GET", "/bucket?list-type=2").parameter("start-after", after).parameter("max-keys", "1")
    };
    let first = signed(&emulator, from("a")).await;
    assert_eq!(first.element("StartAfter").as_deref(), Some("a"), "{}", first.text());
    let token = first.element("NextContinuationToken").expect("there is more");
    let next = signed(&emulator, from("a").parameter("continuation-token", &token)).await;
    assert_eq!(next.elements("Key"), ["c"], "{}", next.text());
    assert_eq!(next.element("StartAfter"), None);
}

/// `test_multipart_parts_checksum_exceptions_composite` and `_full_object`, recorded 2026-02-21.
#[tokio::test]
async fn lists_of_uploads_and_of_parts_have_the_type_of_the_checksum() {
    let emulator = emulator().await;
    for (key, kind) in [("a", Some("COMPOSITE")), ("b", Some("FULL_OBJECT")), ("c", None)] {
        let mut create = ask("POST", &format!("/bucket/{key}?uploads="));
        if let Some(kind) = kind {
            create = create.header("x-amz-checksum-algorithm", "CRC32C");
            create = create.header("x-amz-checksum-type", kind);
        }
        let id = signed(&emulator, create).await.element("UploadId").expect("an upload");
        let parts = ask("GET", &format!("/bucket/{key}")).parameter("uploadId", &id);
        let parts = signed(&emulator, parts).await;
        assert_eq!(parts.element("ChecksumType").as_deref(), kind, "{}", parts.text());
    }
    let uploads = signed(&emulator, ask("GET", "/bucket?uploads=")).await;
    assert_eq!(
        uploads.elements("ChecksumType"),
        ["COMPOSITE", "FULL_OBJECT"],
        "{}",
        uploads.text()
    );
}

#[tokio::test]
async fn a_list_of_uploads_ends_with_its_last_entry_and_refuses_the_upload_of_another_key() {
    let emulator = emulator().await;
    let (a, b) = (begin(&emulator, "a").await, begin(&emulator, "b/c").await);
    let all = signed(&emulator, ask("GET", "/bucket").parameter("uploads", "")).await;
    assert_eq!(all.element("NextKeyMarker").as_deref(), Some("b/c"), "{}", all.text());
    assert_eq!(all.element("NextUploadIdMarker"), Some(b));
    assert_eq!(all.text().matches("<Initiator><ID>").count(), 2, "{}", all.text());
    let grouped = ask("GET", "/bucket").parameter("delimiter", "/").parameter("uploads", "");
    assert_eq!(signed(&emulator, grouped).await.element("NextKeyMarker").as_deref(), Some("b/"));
    let of_other_key = ask("GET", "/bucket")
        .parameter("key-marker", "b/c")
        .parameter("upload-id-marker", &a)
        .parameter("uploads", "");
    let answer = signed(&emulator, of_other_key).await;
    assert_eq!(answer.refusal(), (400, "InvalidArgument".to_owned()));
    assert_eq!(answer.element("Message").as_deref(), Some("Invalid uploadId marker"));
}

/// `test_list_multiparts_next_marker`, recorded 2026-02-21.
#[tokio::test]
async fn uploads_of_one_key_are_listed_in_the_order_of_their_initiation() {
    let emulator = emulator().await;
    let other = begin(&emulator, "b").await;
    let mut ids = Vec::new();
    for _ in 0..12 {
        ids.push(begin(&emulator, "a").await);
    }
    let list = async |key: &str, id: &str, most: &str| {
        let list = ask("GET", "/bucket").parameter("key-marker", key);
        let list = list.parameter("max-uploads", most).parameter("upload-id-marker", id);
        signed(&emulator, list.parameter("uploads", "")).await
    };
    let all: Vec<String> = ids.iter().chain([&other]).cloned().collect();
    assert_eq!(list("", "", "1000").await.elements("UploadId"), all);
    // The marker of an upload has no effect without one of a key.
    let unmarked = list("", &ids[3], "1").await;
    assert_eq!(unmarked.elements("UploadId"), ids[..1], "{}", unmarked.text());
    assert_eq!(unmarked.element("UploadIdMarker").as_deref(), Some(""));
    let (mut found, mut key, mut id) = (Vec::new(), String::new(), String::new());
    loop {
        let page = list(&key, &id, "2").await;
        found.extend(page.elements("UploadId"));
        if page.element("IsTruncated").as_deref() == Some("false") {
            break;
        }
        (key, id) =
            (page.element("NextKeyMarker").unwrap(), page.element("NextUploadIdMarker").unwrap());
        // The next page begins at the same place if the upload of the marker has ended.
        let abort = ask("DELETE", &format!("/bucket/{key}?uploadId={id}"));
        assert_eq!(signed(&emulator, abort).await.status, 204);
    }
    assert_eq!(found, all);
}

#[tokio::test]
async fn a_part_shows_a_checksum_only_if_the_upload_has_an_algorithm() {
    let emulator = emulator().await;
    let id = begin(&emulator, "k").await;
    let part = ask("PUT", &format!("/bucket/k?partNumber=1&uploadId={id}")).body("part");
    assert_eq!(signed(&emulator, part).await.status, 200);
    let parts = signed(&emulator, ask("GET", &format!("/bucket/k?uploadId={id}"))).await;
    assert!(!parts.text().contains("Checksum"), "{}", parts.text());
    let begun = ask("POST", "/bucket/l?uploads=").header("x-amz-checksum-algorithm", "SHA256");
    let id = signed(&emulator, begun).await.element("UploadId").expect("an upload");
    let part = ask("PUT", &format!("/bucket/l?partNumber=1&uploadId={id}")).body("part");
    let part = part.header(
        "x-amz-checksum-sha256",
        &STANDARD.encode(<sha2::Sha256 as sha2::Digest>::digest("part")),
    );
    assert_eq!(signed(&emulator, part).await.status, 200);
    let parts = signed(&emulator, ask("GET", &format!("/bucket/l?uploadId={id}"))).await;
    assert!(parts.text().contains("<ChecksumSHA256>"), "{}", parts.text());
    assert_eq!(parts.element("ChecksumType").as_deref(), Some("COMPOSITE"));
}

#[tokio::test]
async fn a_wrong_digest_is_shown_as_it_was_sent() {
    let emulator = emulator().await;
    let digest = STANDARD.encode([7; 16]);
    let put = ask("PUT", "/bucket/k").header("content-md5", &digest).body("abc");
    let answer = signed(&emulator, put).await;
    assert_eq!(answer.refusal(), (400, "BadDigest".to_owned()));
    assert_eq!(answer.element("ExpectedDigest"), Some(digest));
}

#[tokio::test]
async fn encoded_words_in_metadata_are_stored_decoded() {
    let emulator = emulator().await;
    let put = ask("PUT", "/bucket/k")
        .header("x-amz-meta-plain", "=?UTF-8?B?YWJj?=")
        .header("x-amz-meta-other", "=?UTF-8?Q?caf=C3=A9?=")
        .body("x");
    assert_eq!(signed(&emulator, put).await.status, 200);
    let head = signed(&emulator, ask("HEAD", "/bucket/k")).await;
    assert_eq!(head.header("x-amz-meta-plain"), Some("abc"));
    assert_eq!(head.header("x-amz-meta-other"), Some("=?UTF-8?B?Y2Fmw6k=?="));
}

#[tokio::test]
async fn a_header_of_an_object_may_have_any_bytes() {
    let emulator = emulator().await;
    let name = "attachment; filename=\"t_—_é.pdf\"";
    let put = ask("PUT", "/bucket/k").header("content-disposition", name).body("x");
    assert_eq!(signed(&emulator, put).await.status, 200);
    let get = signed(&emulator, ask("GET", "/bucket/k")).await;
    assert_eq!(get.headers["content-disposition"].as_bytes(), name.as_bytes());
}

#[tokio::test]
async fn a_source_of_a_copy_without_a_key_is_refused_in_s3_s_words() {
    let emulator = emulator().await;
    for source in ["wrongformat", "/wrongformat", "bucket/"] {
        let copy = ask("PUT", "/bucket/k").header("x-amz-copy-source", source);
        let answer = signed(&emulator, copy).await;
        assert_eq!(answer.refusal(), (400, "InvalidArgument".to_owned()), "{source}");
        let message = answer.element("Message");
        assert_eq!(message.as_deref(), Some("Invalid copy source object key"), "{source}");
    }
}

#[tokio::test]
async fn control_characters_of_a_key_are_references_in_xml() {
    let emulator = emulator().await;
    for key in ["a%01b", "a%0Db"] {
        assert_eq!(signed(&emulator, ask("PUT", &format!("/bucket/{key}"))).await.status, 200);
    }
    let list = signed(&emulator, ask("GET", "/bucket")).await;
    assert_eq!(list.elements("Key"), ["a&#x1;b", "a&#xd;b"]);
}

#[tokio::test]
async fn the_lifecycle_and_the_governance_of_a_bucket_are_answered_as_recorded() {
    let emulator = emulator().await;
    let sdk = sdk(&emulator);
    let minimum = |text: Option<&str>| assert_eq!(text, Some("all_storage_classes_128K"));
    use aws_sdk_s3::types::{
        BucketLifecycleConfiguration, ExpirationStatus, LifecycleExpiration, LifecycleRule,
        LifecycleRuleFilter,
    };
    let rule = LifecycleRule::builder()
        .id("r")
        .status(ExpirationStatus::Enabled)
        .filter(LifecycleRuleFilter::builder().prefix("").build())
        .expiration(LifecycleExpiration::builder().days(1).build())
        .build()
        .unwrap();
    let rules = BucketLifecycleConfiguration::builder().rules(rule).build().unwrap();
    let put = sdk.put_bucket_lifecycle_configuration().bucket(BUCKET);
    let put = put.lifecycle_configuration(rules).send().await.unwrap();
    minimum(put.transition_default_minimum_object_size().map(|it| it.as_str()));
    let get = sdk.get_bucket_lifecycle_configuration().bucket(BUCKET).send().await.unwrap();
    minimum(get.transition_default_minimum_object_size().map(|it| it.as_str()));
    let delete = ask("DELETE", "/bucket/k").header("x-amz-bypass-governance-retention", "true");
    let answer = signed(&emulator, delete).await;
    assert_eq!(answer.refusal(), (400, "InvalidArgument".to_owned()));
}
