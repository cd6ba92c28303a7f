//! Uploads in parts.

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use super::vocabulary::*;

/// Sends parts and completes them.
async fn upload(sdk: &Client, key: &str, parts: &[Vec<u8>]) -> String {
    let begun = sdk.create_multipart_upload().bucket(BUCKET).key(key).send().await.unwrap();
    let id = begun.upload_id().unwrap();
    let mut completed = CompletedMultipartUpload::builder();
    for (number, data) in (1..).zip(parts) {
        let part = sdk
            .upload_part()
            .bucket(BUCKET)
            .key(key)
            .upload_id(id)
            .part_number(number)
            .body(ByteStream::from(data.clone()))
            .send()
            .await
            .unwrap();
        completed = completed.parts(
            CompletedPart::builder().part_number(number).e_tag(part.e_tag().unwrap()).build(),
        );
    }
    let done = sdk
        .complete_multipart_upload()
        .bucket(BUCKET)
        .key(key)
        .upload_id(id)
        .multipart_upload(completed.build())
        .send()
        .await
        .unwrap();
    done.e_tag().unwrap().to_owned()
}

#[tokio::test]
async fn parts_become_one_object() {
    let emulator = emulator().await;
    let sdk = sdk(&emulator);
    let parts = [noise(5_242_880, 3), noise(5_242_881, 4), noise(1, 5)];
    let etag = upload(&sdk, "big", &parts).await;
    assert!(etag.ends_with("-3\""), "{etag}");
    let get = sdk.get_object().bucket(BUCKET).key("big").send().await.unwrap();
    assert_eq!(get.e_tag(), Some(etag.as_str()));
    assert_eq!(get.body.collect().await.unwrap().into_bytes(), parts.concat());
}

async fn begin(emulator: &hardcap::Emulator, key: &str) -> String {
    let answer = signed(emulator, ask("POST", &format!("/bucket/{key}?uploads"))).await;
    answer.element("UploadId").unwrap_or_else(|| panic!("{}", answer.text()))
}

async fn send(emulator: &hardcap::Emulator, id: &str, number: &str, data: Vec<u8>) -> Answer {
    let path = format!("/bucket/k?partNumber={number}&uploadId={id}");
    signed(emulator, ask("PUT", &path).body(data)).await
}

/// The parts as `(number, etag)`.
async fn complete(
    emulator: &hardcap::Emulator,
    id: &str,
    parts: &[(u32, &str)],
    headers: &[(&str, &str)],
) -> Answer {
    let parts: String = parts
        .iter()
        .map(|(n, tag)| format!("<Part><PartNumber>{n}</PartNumber><ETag>{tag}</ETag></Part>"))
        .collect();
    let xml = format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>");
    let wanted = ask("POST", &format!("/bucket/k?uploadId={id}")).body(xml);
    let wanted = headers.iter().fold(wanted, |ask, (name, value)| ask.header(name, value));
    signed(emulator, wanted).await
}

/// s3_part_min: 5,242,880 bytes are enough, one less is not; the last part may be smaller.
#[tokio::test]
async fn all_parts_but_the_last_have_a_least_size() {
    let emulator = emulator().await;
    let id = begin(&emulator, "k").await;
    let small = send(&emulator, &id, "1", noise(5_242_879, 1)).await;
    let tag = small.header("etag").unwrap().to_owned();
    let last = send(&emulator, &id, "2", noise(1, 2)).await;
    let last = last.header("etag").unwrap().to_owned();
    let answer = complete(&emulator, &id, &[(1, &tag), (2, &last)], &[]).await;
    assert_eq!(answer.refusal(), (400, "EntityTooSmall".to_owned()));
    assert_eq!(
        answer.element("Message").as_deref(),
        Some("Your proposed upload is smaller than the minimum allowed size")
    );
    assert_eq!(answer.element("MinSizeAllowed").as_deref(), Some("5242880"));
    assert_eq!(answer.element("PartNumber").as_deref(), Some("1"));
    assert_eq!(answer.element("ProposedSize").as_deref(), Some("5242879"));
    assert_eq!(answer.element("ETag").as_deref(), Some(tag.trim_matches('"')));
    let enough = send(&emulator, &id, "1", noise(5_242_880, 1)).await;
    let tag = enough.header("etag").unwrap();
    let answer = complete(&emulator, &id, &[(1, tag), (2, &last)], &[]).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let get = signed(&emulator, ask("GET", "/bucket/k")).await;
    assert_eq!(get.body.len(), 5_242_881);
    let seen = &emulator.totals().limits["s3_part_min"];
    assert_eq!(seen.refused, 1);
}

/// s3_part_count: numbers 1 to 10,000.
#[tokio::test]
async fn parts_are_numbered_to_ten_thousand() {
    let emulator = emulator().await;
    let id = begin(&emulator, "k").await;
    for number in ["1", "10000"] {
        assert_eq!(send(&emulator, &id, number, vec![1]).await.status, 200);
    }
    for number in ["0", "10001", "-1", "70000"] {
        let answer = send(&emulator, &id, number, vec![1]).await;
        assert_eq!(answer.refusal(), (400, "InvalidArgument".to_owned()), "{number}");
        assert_eq!(
            answer.element("Message").as_deref(),
            Some("Part number must be an integer between 1 and 10000, inclusive")
        );
    }
    let path = format!("/bucket/k?uploadId={id}");
    let listed = signed(&emulator, ask("GET", &path)).await;
    assert_eq!(listed.elements("PartNumber"), ["1", "10000"]);
}

/// s3_part_max and s3_object, with smaller numbers than AWS's.
#[tokio::test]
async fn a_part_and_an_object_have_a_largest_size() {
    let mut config = config();
    for (row, value) in [("s3_part_max", 1_000), ("s3_part_min", 10), ("s3_object", 1_500)] {
        config.limits.set(row, value).unwrap();
    }
    let emulator = start(config).await;
    let id = begin(&emulator, "k").await;
    let over = send(&emulator, &id, "1", noise(1_001, 1)).await;
    assert_eq!(over.refusal(), (400, "EntityTooLarge".to_owned()));
    let first = send(&emulator, &id, "1", noise(1_000, 1)).await;
    let first = first.header("etag").unwrap();
    let second = send(&emulator, &id, "2", noise(501, 2)).await;
    let parts = [(1, first), (2, second.header("etag").unwrap())];
    assert_eq!(
        complete(&emulator, &id, &parts, &[]).await.refusal(),
        (400, "EntityTooLarge".to_owned())
    );
    let second = send(&emulator, &id, "2", noise(500, 2)).await;
    let parts = [(1, first), (2, second.header("etag").unwrap())];
    assert_eq!(complete(&emulator, &id, &parts, &[]).await.status, 200);
}

#[tokio::test]
async fn parts_must_be_listed_as_they_are() {
    let emulator = emulator().await;
    let id = begin(&emulator, "k").await;
    let tag = send(&emulator, &id, "2", vec![1]).await.header("etag").unwrap().to_owned();
    let code = async |parts: &[(u32, &str)]| complete(&emulator, &id, parts, &[]).await.refusal().1;
    assert_eq!(code(&[]).await, "InvalidRequest");
    assert_eq!(code(&[(3, &tag)]).await, "InvalidPart");
    assert_eq!(code(&[(2, "\"other\"")]).await, "InvalidPart");
    assert_eq!(code(&[(3, &tag), (2, &tag)]).await, "InvalidPartOrder");
    assert_eq!(code(&[(2, &tag), (2, &tag)]).await, "InvalidPartOrder");
    let missing = signed(&emulator, ask("GET", "/bucket/k")).await;
    assert_eq!(missing.status, 404);
    assert_eq!(complete(&emulator, &id, &[(2, &tag)], &[]).await.status, 200);
    // A client whose answer was lost repeats its request.
    let again = complete(&emulator, &id, &[(2, &tag)], &[]).await;
    assert_eq!(again.status, 200, "{}", again.text());
    let more = complete(&emulator, &id, &[(1, &tag), (2, &tag)], &[]).await;
    assert_eq!(more.refusal(), (404, "NoSuchUpload".to_owned()));
    assert_eq!(more.element("UploadId"), Some(id.clone()));
    signed(&emulator, ask("PUT", "/bucket/k").body("another object")).await;
    let late = complete(&emulator, &id, &[(2, &tag)], &[]).await;
    assert_eq!(late.refusal(), (404, "NoSuchUpload".to_owned()));
}

#[tokio::test]
async fn an_aborted_upload_is_gone() {
    let emulator = emulator().await;
    let id = begin(&emulator, "k").await;
    send(&emulator, &id, "1", vec![1]).await;
    let listed = signed(&emulator, ask("GET", "/bucket?uploads")).await;
    assert_eq!(listed.elements("UploadId"), std::slice::from_ref(&id));
    let path = format!("/bucket/k?uploadId={id}");
    assert_eq!(signed(&emulator, ask("DELETE", &path)).await.status, 204);
    assert_eq!(signed(&emulator, ask("DELETE", &path)).await.refusal().1, "NoSuchUpload");
    assert_eq!(send(&emulator, &id, "1", vec![1]).await.refusal().1, "NoSuchUpload");
    let listed = signed(&emulator, ask("GET", "/bucket?uploads")).await;
    assert!(listed.elements("UploadId").is_empty());
}

#[tokio::test]
async fn an_upload_is_completed_on_conditions() {
    let emulator = emulator().await;
    let put = || signed(&emulator, ask("PUT", "/bucket/k").body("there"));
    let absent = [("if-none-match", "*")];
    put().await;
    let id = begin(&emulator, "k").await;
    let tag = send(&emulator, &id, "1", vec![1]).await.header("etag").unwrap().to_owned();
    let parts = [(1, tag.as_str())];
    let there = complete(&emulator, &id, &parts, &absent).await;
    assert_eq!(there.refusal(), (412, "PreconditionFailed".to_owned()));
    assert_eq!(there.element("Condition").as_deref(), Some("If-None-Match"));
    signed(&emulator, ask("DELETE", "/bucket/k")).await;
    let deleted = complete(&emulator, &id, &parts, &absent).await;
    assert_eq!(deleted.refusal(), (409, "ConditionalRequestConflict".to_owned()));
    assert_eq!(
        deleted.element("Message").as_deref(),
        Some(
            "The conditional request cannot succeed due to a conflicting operation against this resource."
        )
    );
    assert_eq!(deleted.element("Condition").as_deref(), Some("If-None-Match"));
    assert_eq!(deleted.element("Key").as_deref(), Some("k"));
    let fresh = begin(&emulator, "k").await;
    let tag = send(&emulator, &fresh, "1", vec![1]).await.header("etag").unwrap().to_owned();
    assert_eq!(complete(&emulator, &fresh, &[(1, &tag)], &absent).await.status, 200);
}

#[tokio::test]
async fn a_whole_has_a_checksum_of_its_own() {
    let emulator = emulator().await;
    let sdk = sdk(&emulator);
    let parts = [noise(5_242_880, 40), noise(123_456, 41)];
    upload(&sdk, "whole", &parts).await;
    let put = sdk.put_object().bucket(BUCKET).key("once").body(parts.concat().into());
    let put = put.checksum_algorithm(aws_sdk_s3::types::ChecksumAlgorithm::Crc64Nvme);
    let put = put.send().await.unwrap();
    let head = async |key: &str| {
        let get = ask("HEAD", &format!("/bucket/{key}")).header("x-amz-checksum-mode", "ENABLED");
        signed(&emulator, get).await
    };
    let whole = head("whole").await;
    assert_eq!(whole.header("x-amz-checksum-crc64nvme"), put.checksum_crc64_nvme());
    assert_eq!(whole.header("x-amz-checksum-type"), Some("FULL_OBJECT"));
    let part = ask("HEAD", "/bucket/whole?partNumber=2");
    let part = signed(&emulator, part).await;
    assert_eq!((part.status, part.header("x-amz-mp-parts-count")), (206, Some("2")));
    assert_eq!(part.header("content-length"), Some("123456"));
}

/// Recorded on AWS, 2026-02-21: `test_multipart_parts_checksum_exceptions_composite`.
#[tokio::test]
async fn a_composite_checksum_needs_the_checksums_of_its_parts() {
    let emulator = emulator().await;
    let begun = ask("POST", "/bucket/k?uploads=").header("x-amz-checksum-algorithm", "SHA256");
    let id = signed(&emulator, begun).await.element("UploadId").unwrap();
    // The whole needs the checksum of the part at once: floci-io/floci#3093, 2026-09.
    let unsummed = send(&emulator, &id, "1", vec![1]).await;
    assert_eq!(unsummed.refusal(), (400, "InvalidRequest".to_owned()));
    assert_eq!(
        unsummed.element("Message").as_deref(),
        Some(
            "Checksum Type mismatch occurred, expected checksum Type: sha256, actual checksum Type: null"
        )
    );
    let put = ask("PUT", &format!("/bucket/k?partNumber=1&uploadId={id}")).body(vec![1]);
    let put = put.header("x-amz-checksum-sha256", &sha256([1]));
    let tag = signed(&emulator, put).await.header("etag").unwrap().to_owned();
    let missing = complete(&emulator, &id, &[(1, &tag)], &[]).await;
    assert_eq!(missing.refusal(), (400, "InvalidRequest".to_owned()));
    assert_eq!(
        missing.element("Message").as_deref(),
        Some(
            "The upload was created using a sha256 checksum. The complete request must include the checksum for each part. It was missing for part 1 in the request."
        )
    );
    let mode =
        complete(&emulator, &id, &[(1, &tag)], &[("x-amz-checksum-type", "FULL_OBJECT")]).await;
    assert_eq!(
        mode.element("Message").as_deref(),
        Some(
            "The upload was created using the COMPOSITE checksum mode. The complete request must use the same checksum mode."
        )
    );
    let other = format!(
        "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{tag}</ETag><ChecksumCRC32>NhCmhg==</ChecksumCRC32></Part></CompleteMultipartUpload>"
    );
    let other = ask("POST", &format!("/bucket/k?uploadId={id}")).body(other);
    let other = signed(&emulator, other).await;
    assert_eq!(other.refusal(), (400, "BadDigest".to_owned()));
    assert_eq!(
        other.element("Message").as_deref(),
        Some("The crc32 you specified for part 1 did not match what we received.")
    );
    // "Invalid Base64": a fork of OpenStack Swift, `test/s3api/test_object_checksums.py`, which also runs against AWS.
    let two = format!(
        "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{tag}</ETag><ChecksumCRC32>NhCmhg==</ChecksumCRC32><ChecksumSHA256>none</ChecksumSHA256></Part></CompleteMultipartUpload>"
    );
    let two = signed(&emulator, ask("POST", &format!("/bucket/k?uploadId={id}")).body(two)).await;
    assert_eq!(two.refusal(), (400, "InvalidArgument".to_owned()));
    assert_eq!(two.element("ArgumentValue").as_deref(), Some("CRC32:NhCmhg==;SHA256:none;"));
}

/// A fork of OpenStack Swift, `test/s3api/test_object_checksums.py`, which also runs against AWS.
#[tokio::test]
async fn headers_about_checksums_have_values_that_s3_knows() {
    let emulator = emulator().await;
    let algorithms =
        ask("POST", "/bucket/k?uploads=").header("x-amz-checksum-algorithm", "CRC32,CRC32C");
    let words = "Invalid types are specified in x-amz-checksum-algorithm header.";
    let answer = signed(&emulator, algorithms).await;
    refused("algorithms", &answer, (400, "InvalidRequest", words));
    let kind = ask("POST", "/bucket/k?uploads=").header("x-amz-checksum-algorithm", "CRC32");
    let kind = signed(&emulator, kind.header("x-amz-checksum-type", "TEST")).await;
    let words = "Value for x-amz-checksum-type header is invalid.";
    refused("type", &kind, (400, "InvalidRequest", words));
    signed(&emulator, ask("PUT", "/bucket/k").body("body")).await;
    let get = |mode: &str| ask("GET", "/bucket/k").header("x-amz-checksum-mode", mode);
    let words = "Value for x-amz-checksum-mode header is invalid.";
    refused("mode", &signed(&emulator, get("INVALID")).await, (400, "InvalidRequest", words));
    let enabled = signed(&emulator, get("ENABLED")).await;
    assert_eq!(enabled.header("x-amz-checksum-type"), Some("FULL_OBJECT"));
}

fn sha256(data: impl AsRef<[u8]>) -> String {
    STANDARD.encode(Sha256::digest(data))
}

/// Recorded on AWS, 2026-02-21: `test_complete_multipart_parts_checksum_default`.
#[tokio::test]
async fn an_upload_without_an_algorithm_is_completed_without_checksums_and_types() {
    let emulator = emulator().await;
    let id = begin(&emulator, "k").await;
    let put = ask("PUT", &format!("/bucket/k?partNumber=1&uploadId={id}")).body("aaa");
    let put = put.header("x-amz-checksum-sha256", &sha256("aaa"));
    let part = signed(&emulator, put).await;
    assert_eq!(part.header("x-amz-checksum-sha256"), Some(sha256("aaa").as_str()));
    let tag = part.header("etag").unwrap().to_owned();
    for kind in ["FULL_OBJECT", "COMPOSITE"] {
        let typed = complete(&emulator, &id, &[(1, &tag)], &[("x-amz-checksum-type", kind)]).await;
        assert_eq!(typed.refusal(), (400, "InvalidRequest".to_owned()));
        assert_eq!(
            typed.element("Message").as_deref(),
            Some(
                "The upload was created using the null checksum mode. The complete request must use the same checksum mode."
            )
        );
    }
    for listed in [
        format!("<ChecksumSHA256>{}</ChecksumSHA256>", sha256("aaa")),
        "<ChecksumCRC32C>45fn2Q==</ChecksumCRC32C>".to_owned(),
    ] {
        let xml = format!(
            "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{tag}</ETag>{listed}</Part></CompleteMultipartUpload>"
        );
        let completed = ask("POST", &format!("/bucket/k?uploadId={id}")).body(xml);
        let completed = signed(&emulator, completed).await;
        assert_eq!(completed.refusal(), (400, "InvalidPart".to_owned()), "{listed}");
    }
    // S3 ignores a wrong checksum of the whole.
    let ignored = [("x-amz-checksum-crc32c", "45fn2Q==-2")];
    let completed = complete(&emulator, &id, &[(1, &tag)], &ignored).await;
    assert_eq!(completed.status, 200, "{}", completed.text());
    assert_eq!(completed.element("ChecksumCRC64NVME").as_deref(), Some("Rnr2/5P7Gsk="));
    assert_eq!(completed.element("ChecksumType").as_deref(), Some("FULL_OBJECT"));
}

/// Recorded on AWS, 2026-02-21: `test_multipart_parts_checksum_exceptions_full_object`. Values that are no digests: a fork of OpenStack
/// Swift, `test/s3api/test_object_checksums.py`, which also runs against AWS.
#[tokio::test]
async fn a_checksum_of_the_whole_is_compared_as_one_of_its_type() {
    let emulator = emulator().await;
    let begun = ask("POST", "/bucket/k?uploads=").header("x-amz-checksum-algorithm", "CRC32C");
    let begun = signed(&emulator, begun.header("x-amz-checksum-type", "FULL_OBJECT")).await;
    let id = begun.element("UploadId").unwrap();
    let tag = send(&emulator, &id, "1", b"abc".to_vec()).await.header("etag").unwrap().to_owned();
    let right = ("x-amz-checksum-crc32c", "Nks/tw==");
    let full = ("x-amz-checksum-type", "FULL_OBJECT");
    let digest = "The crc32c you specified did not match the calculated checksum.";
    for headers in [
        vec![right],
        vec![("x-amz-checksum-crc32c", "Nks/tw==-1"), full],
        vec![("x-amz-checksum-crc32c", "AAAAAA=="), full],
        vec![("x-amz-checksum-crc32", "NSRBwg=="), full],
        vec![("x-amz-checksum-crc32", "NSRBwg==")],
    ] {
        let refused = complete(&emulator, &id, &[(1, &tag)], &headers).await;
        assert_eq!(refused.refusal(), (400, "BadDigest".to_owned()), "{headers:?}");
        assert_eq!(refused.element("Message").as_deref(), Some(digest), "{headers:?}");
    }
    for value in ["Nks/tx==", "Nks/tw==-a", "short"] {
        let headers = [("x-amz-checksum-crc32c", value), full];
        let refused = complete(&emulator, &id, &[(1, &tag)], &headers).await;
        assert_eq!(refused.refusal(), (400, "InvalidRequest".to_owned()), "{value}");
        assert_eq!(
            refused.element("Message").as_deref(),
            Some("Value for x-amz-checksum-crc32c header is invalid.")
        );
    }
    let completed = complete(&emulator, &id, &[(1, &tag)], &[right, full]).await;
    assert_eq!(completed.status, 200, "{}", completed.text());
    assert_eq!(completed.element("ChecksumCRC32C").as_deref(), Some("Nks/tw=="));
}

/// An upload of two parts with an algorithm and a type, completed with the checksums of its parts, and these.
async fn with_checksums(emulator: &hardcap::Emulator, algorithm: &str, kind: &str) -> Vec<String> {
    let begun = ask("POST", "/bucket/k?uploads=").header("x-amz-checksum-algorithm", algorithm);
    let begun = signed(emulator, begun.header("x-amz-checksum-type", kind)).await;
    let id = begun.element("UploadId").unwrap_or_else(|| panic!("{}", begun.text()));
    let sdk = sdk(emulator);
    let (mut xml, mut sums) = (String::new(), Vec::new());
    for (number, data) in [(1, noise(5_242_880, 1)), (2, noise(10, 2))] {
        let part = sdk.upload_part().bucket(BUCKET).key("k").upload_id(&id).part_number(number);
        let part = part.checksum_algorithm(algorithm.into()).body(ByteStream::from(data));
        let part = part.send().await.unwrap();
        let sums_of_part = [
            part.checksum_crc32(),
            part.checksum_crc32_c(),
            part.checksum_crc64_nvme(),
            part.checksum_sha1(),
            part.checksum_sha256(),
        ];
        let sum = sums_of_part.into_iter().flatten().next().unwrap();
        let tag = part.e_tag().unwrap();
        let element = format!("Checksum{algorithm}");
        xml.push_str(&format!(
            "<Part><PartNumber>{number}</PartNumber><ETag>{tag}</ETag><{element}>{sum}</{element}></Part>"
        ));
        sums.push(sum.to_owned());
    }
    let xml = format!("<CompleteMultipartUpload>{xml}</CompleteMultipartUpload>");
    let completed = signed(emulator, ask("POST", &format!("/bucket/k?uploadId={id}")).body(xml));
    let completed = completed.await;
    assert_eq!(completed.status, 200, "{algorithm} {kind}: {}", completed.text());
    sums
}

async fn attributes(emulator: &hardcap::Emulator) -> Answer {
    let get = ask("GET", "/bucket/k?attributes=");
    signed(emulator, get.header("x-amz-object-attributes", "ObjectParts")).await
}

async fn head_of_part(emulator: &hardcap::Emulator, number: u8) -> Answer {
    let head = ask("HEAD", &format!("/bucket/k?partNumber={number}"));
    signed(emulator, head.header("x-amz-checksum-mode", "ENABLED")).await
}

/// Recorded on AWS, 2026-02-21: `test_complete_multipart_parts_checksum_composite`, and a part read by its number.
#[tokio::test]
async fn a_composite_checksum_keeps_the_checksum_of_each_part() {
    let emulator = emulator().await;
    for algorithm in ["CRC32", "CRC32C", "SHA1", "SHA256"] {
        let sums = with_checksums(&emulator, algorithm, "COMPOSITE").await;
        assert_ne!(sums[0], sums[1]);
        let shown = attributes(&emulator).await;
        assert_eq!(shown.elements(&format!("Checksum{algorithm}")), sums, "{}", shown.text());
        assert_eq!(shown.elements("PartNumber"), ["1", "2"]);
        let header = format!("x-amz-checksum-{}", algorithm.to_lowercase());
        for (number, sum) in (1..).zip(&sums) {
            let part = head_of_part(&emulator, number).await;
            assert_eq!(part.status, 206);
            assert_eq!(part.header(&header), Some(sum.as_str()), "{algorithm} {number}");
            assert_eq!(part.header("x-amz-checksum-type"), Some("COMPOSITE"));
        }
        let unasked = signed(&emulator, ask("HEAD", "/bucket/k?partNumber=1")).await;
        assert_eq!(unasked.header(&header), None);
    }
}

/// Recorded on AWS, 2026-02-21: `test_complete_multipart_parts_checksum_full_object`.
#[tokio::test]
async fn a_checksum_of_all_bytes_shows_no_checksum_of_a_part() {
    let emulator = emulator().await;
    for algorithm in ["CRC32", "CRC32C", "CRC64NVME"] {
        with_checksums(&emulator, algorithm, "FULL_OBJECT").await;
        let shown = attributes(&emulator).await;
        assert!(!shown.text().contains("Checksum"), "{}", shown.text());
        assert!(!shown.text().contains("PartNumber"), "{}", shown.text());
        let header = format!("x-amz-checksum-{}", algorithm.to_lowercase());
        let part = head_of_part(&emulator, 2).await;
        assert_eq!((part.status, part.header("x-amz-mp-parts-count")), (206, Some("2")));
        assert_eq!((part.header(&header), part.header("x-amz-checksum-type")), (None, None));
    }
}

/// The XML of the parts of an object is the same after a restart. A record of an older version has no checksums of parts.
#[tokio::test]
async fn the_checksums_of_parts_survive_a_restart_and_may_be_missing_in_older_records() {
    let folder = tempfile::tempdir().unwrap();
    let at = || hardcap::config::Config { data: Some(folder.path().to_owned()), ..config() };
    let emulator = start(at()).await;
    let sums = with_checksums(&emulator, "SHA256", "COMPOSITE").await;
    emulator.stop().await;
    let emulator = start(at()).await;
    assert_eq!(attributes(&emulator).await.elements("ChecksumSHA256"), sums);
    emulator.stop().await;
    let records = folder.path().join("s3/buckets/bucket/objects");
    let record = records.read_dir().unwrap().next().unwrap().unwrap().path();
    let mut json: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&record).unwrap()).unwrap();
    let removed = json["checksum"].as_object_mut().unwrap().remove("part_values");
    assert!(removed.is_some(), "{json}");
    std::fs::write(&record, json.to_string()).unwrap();
    let emulator = start(at()).await;
    let shown = attributes(&emulator).await;
    assert_eq!(shown.elements("PartNumber"), ["1", "2"], "{}", shown.text());
    assert!(shown.elements("ChecksumSHA256").is_empty());
    let part = head_of_part(&emulator, 2).await;
    assert_eq!((part.status, part.header("x-amz-checksum-sha256")), (206, None));
}
