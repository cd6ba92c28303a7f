//! Bodies that are not what is said of them: refused, and nothing stored.

use hardcap::Emulator;
use sha2::{Digest as _, Sha256};

use super::vocabulary::*;

/// What is said of the five bytes `hello`, and what becomes of it.
const DECLARED: &[(&str, &str, Expected<'_>)] = &[
    (
        "content-md5",
        "AAAAAAAAAAAAAAAAAAAAAA==",
        (400, "BadDigest", "The Content-MD5 you specified did not match what we received."),
    ),
    ("content-md5", "short", (400, "InvalidDigest", "The Content-MD5 you specified was invalid.")),
    (
        "x-amz-checksum-crc32",
        "AAAAAA==",
        (400, "BadDigest", "The CRC32 you specified did not match the calculated checksum."),
    ),
    ("x-amz-checksum-crc32c", "AAAAAA==", (400, "BadDigest", "The CRC32C you specified")),
    ("x-amz-checksum-crc64nvme", "AAAAAAAAAAA=", (400, "BadDigest", "The CRC64NVME you")),
    ("x-amz-checksum-sha1", "AAAAAAAAAAAAAAAAAAAAAAAAAAA=", (400, "BadDigest", "The SHA1 you")),
    (
        "x-amz-checksum-sha256",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        (400, "BadDigest", "The SHA256 you specified"),
    ),
    (
        "x-amz-checksum-crc32",
        "AAAA",
        (400, "InvalidRequest", "Value for x-amz-checksum-crc32 header is invalid."),
    ),
    (
        "x-amz-sdk-checksum-algorithm",
        "CRC32",
        (400, "InvalidRequest", "no corresponding x-amz-checksum-*"),
    ),
    ("x-amz-trailer", "x-amz-checksum-odd", (400, "InvalidRequest", "x-amz-trailer")),
];

fn put() -> Ask {
    ask("PUT", "/bucket/key").body("hello")
}

async fn stored(emulator: &Emulator) -> String {
    signed(emulator, ask("GET", "/bucket/key")).await.text()
}

#[tokio::test]
async fn a_body_that_is_not_as_declared_is_not_stored() {
    let emulator = emulator().await;
    signed(&emulator, ask("PUT", "/bucket/key").body("before")).await;
    for (name, value, expected) in DECLARED {
        let answer = signed(&emulator, put().header(name, value)).await;
        refused(&format!("{name}: {value}"), &answer, *expected);
        assert_eq!(stored(&emulator).await, "before", "{name}: {value}");
    }
    let two = put()
        .header("x-amz-checksum-crc32", "NhCmhg==")
        .header("x-amz-checksum-sha1", "qvTGHdzF6KLavt4PO0gs2a6pQ00=");
    refused("two", &signed(&emulator, two).await, (400, "InvalidRequest", "Expecting a single"));
    assert_eq!(stored(&emulator).await, "before");
    // versity/versitygw#1598, 2025-10-24.
    let other = put()
        .header("x-amz-checksum-crc32", "NhCmhg==")
        .header("x-amz-sdk-checksum-algorithm", "CRC32C");
    let words = "Value for x-amz-sdk-checksum-algorithm header is invalid.";
    refused("other", &signed(&emulator, other).await, (400, "InvalidRequest", words));
    assert_eq!(stored(&emulator).await, "before");
    let named = put()
        .header("x-amz-checksum-crc32", "NhCmhg==")
        .header("x-amz-sdk-checksum-algorithm", "crc32");
    assert_eq!(signed(&emulator, named).await.status, 200);
    assert_eq!(stored(&emulator).await, "hello");
}

#[tokio::test]
async fn a_body_that_is_as_declared_is_stored() {
    let emulator = emulator().await;
    for (name, value) in [
        ("content-md5", "XUFAKrxLKna5cZ2REBfFkg=="),
        ("x-amz-checksum-crc32", "NhCmhg=="),
        ("x-amz-checksum-sha1", "qvTGHdzF6KLavt4PO0gs2a6pQ00="),
    ] {
        signed(&emulator, ask("PUT", "/bucket/key").body("before")).await;
        let answer = signed(&emulator, put().header(name, value)).await;
        assert_eq!(answer.status, 200, "{name}: {}", answer.text());
        assert_eq!(stored(&emulator).await, "hello");
    }
}

#[tokio::test]
async fn a_body_must_have_the_digest_that_was_signed() {
    let emulator = emulator().await;
    let (url, host) = (emulator.aws_url(), host(&emulator));
    let other = "0".repeat(64);
    let (ask, _) = put().signed_with_payload(&host, &Signing::now(), Some(&other));
    let answer = ask.send(url).await;
    let words = "The provided 'x-amz-content-sha256' header does not match what was computed.";
    refused("sha256", &answer, (400, "XAmzContentSHA256Mismatch", words));
    assert_eq!(answer.element("ClientComputedContentSHA256"), Some(other));
    let computed = hex::encode(Sha256::digest("hello"));
    assert_eq!(answer.element("S3ComputedContentSHA256"), Some(computed));
    let (ask, _) = put().signed_with_payload(&host, &Signing::now(), Some("no digest"));
    let answer = ask.send(url).await;
    refused("no digest", &answer, (400, "InvalidArgument", "x-amz-content-sha256 must be"));
    let missing = signed(&emulator, super::vocabulary::ask("GET", "/bucket/key")).await;
    refused("nothing was stored", &missing, (404, "NoSuchKey", ""));
    healthy(&emulator).await;
}

const SIGNED: &str = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD";
const TRAILER: &str = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER";
const UNSIGNED: &str = "STREAMING-UNSIGNED-PAYLOAD-TRAILER";

/// A body to send in chunks.
#[derive(Clone)]
struct Chunked {
    form: &'static str,
    chunks: Vec<Vec<u8>>,
    trailer: String,
    /// What is said of its length.
    length: usize,
    /// The byte of the wire that is changed on its way; from the end when negative.
    spoiled: Option<isize>,
}

impl Chunked {
    /// Each chunk signed on top of the one before.
    fn wire(&self, signing: &Signing, seed: &str) -> Vec<u8> {
        let empty = hex::encode(Sha256::digest(b""));
        let mut previous = seed.to_owned();
        let mut sign = |kind: &str, digests: String| {
            let (time, scope) = (signing.time(), signing.scope());
            let text = format!("{kind}\n{time}\n{scope}\n{previous}\n{digests}");
            previous = hex::encode(hmac(&signing.key(), text.as_bytes()));
            previous.clone()
        };
        let mut wire = Vec::new();
        let last = Vec::new();
        for chunk in self.chunks.iter().chain([&last]) {
            let digests = format!("{empty}\n{}", hex::encode(Sha256::digest(chunk)));
            let signature = sign("AWS4-HMAC-SHA256-PAYLOAD", digests);
            let extension = match self.form {
                UNSIGNED => String::new(),
                _ => format!(";chunk-signature={signature}"),
            };
            wire.extend_from_slice(format!("{:x}{extension}\r\n", chunk.len()).as_bytes());
            wire.extend_from_slice(chunk);
            wire.extend_from_slice(if chunk.is_empty() { b"" } else { b"\r\n" });
        }
        if !self.trailer.is_empty() {
            wire.extend_from_slice(format!("{}\r\n", self.trailer).as_bytes());
        }
        if self.form == TRAILER {
            let digest = hex::encode(Sha256::digest(format!("{}\n", self.trailer)));
            let signature = sign("AWS4-HMAC-SHA256-TRAILER", digest);
            wire.extend_from_slice(format!("x-amz-trailer-signature:{signature}\r\n").as_bytes());
        }
        wire.extend_from_slice(b"\r\n");
        if let Some(at) = self.spoiled {
            let at = if at < 0 { wire.len() - at.unsigned_abs() } else { at.unsigned_abs() };
            wire[at] ^= 1;
        }
        wire
    }

    async fn put(&self, emulator: &Emulator) -> Answer {
        let signing = Signing::now();
        let mut wanted = ask("PUT", "/bucket/key")
            .header("content-encoding", "aws-chunked")
            .header("x-amz-decoded-content-length", &self.length.to_string());
        if self.form != SIGNED {
            wanted = wanted.header("x-amz-trailer", "x-amz-checksum-crc32");
        }
        let (ask, seed) = wanted.signed_with_payload(&host(emulator), &signing, Some(self.form));
        let wire = self.wire(&signing, &seed);
        ask.body(wire).send(emulator.aws_url()).await
    }
}

/// Twenty thousand bytes in two chunks, with the trailer that the SDK computes for them.
async fn right(emulator: &Emulator, form: &'static str) -> Chunked {
    let data = noise(20_000, 9);
    let put = sdk(emulator).put_object().bucket(BUCKET).key("crc").body(data.clone().into());
    let put = put.send().await.expect("the SDK can put");
    let sum = put.checksum_crc32().expect("the SDK computes a CRC32");
    Chunked {
        form,
        chunks: vec![data[..10_000].to_vec(), data[10_000..].to_vec()],
        trailer: if form == SIGNED { String::new() } else { format!("x-amz-checksum-crc32:{sum}") },
        length: 20_000,
        spoiled: None,
    }
}

#[tokio::test]
async fn chunks_are_put_together() {
    let emulator = emulator().await;
    for form in [SIGNED, TRAILER, UNSIGNED] {
        let answer = right(&emulator, form).await.put(&emulator).await;
        assert_eq!(answer.status, 200, "{form}: {}", answer.text());
        let get = signed(&emulator, ask("GET", "/bucket/key")).await;
        assert_eq!(get.body, noise(20_000, 9), "{form}");
        assert_eq!(get.header("content-encoding"), None);
        signed(&emulator, ask("DELETE", "/bucket/key")).await;
    }
}

#[tokio::test]
async fn chunks_are_taken_only_as_they_were_signed() {
    let emulator = emulator().await;
    let signature = (403, "SignatureDoesNotMatch", "");
    let incomplete = (400, "IncompleteBody", "");
    let (plain, trailer, unsigned) = (
        right(&emulator, SIGNED).await,
        right(&emulator, TRAILER).await,
        right(&emulator, UNSIGNED).await,
    );
    let spoiled = |body: &Chunked, at: isize| Chunked { spoiled: Some(at), ..body.clone() };
    let wrong = "x-amz-checksum-crc32:AAAAAA==".to_owned();
    let small = vec![noise(8_191, 9), noise(11_809, 9)];
    let cases = [
        ("data", spoiled(&plain, 5_000), signature),
        ("the signature of a chunk", spoiled(&plain, 30), signature),
        ("the signature of the trailer", spoiled(&trailer, -8), signature),
        ("data, unsigned", spoiled(&unsigned, 5_000), (400, "BadDigest", "")),
        ("trailer", Chunked { trailer: wrong, ..trailer }, (400, "BadDigest", "")),
        (
            "no trailer",
            Chunked { trailer: String::new(), ..unsigned },
            (400, "MalformedTrailerError", ""),
        ),
        ("shorter", Chunked { length: 20_001, ..plain.clone() }, incomplete),
        ("longer", Chunked { length: 19_999, ..plain.clone() }, incomplete),
        (
            "small chunks",
            Chunked { chunks: small, ..plain },
            (403, "InvalidChunkSizeError", "size less than 8192 bytes"),
        ),
    ];
    for (name, body, expected) in cases {
        refused(name, &body.put(&emulator).await, expected);
        let missing = signed(&emulator, ask("GET", "/bucket/key")).await;
        assert_eq!(missing.status, 404, "{name} was stored");
    }
    healthy(&emulator).await;
}

#[tokio::test]
async fn a_body_announced_by_expect_is_stored_and_one_that_is_refused_is_not_asked_for() {
    let emulator = emulator().await;
    for size in [0, 5, 70_000, 1_500_000] {
        let body = format!("{{\"text\": \"{}\"}}", "A b".repeat(size / 3));
        let put = ask("PUT", "/bucket/key").header("expect", "100-continue").body(body.clone());
        let answer = signed(&emulator, put).await;
        assert_eq!(answer.status, 200, "{size}: {answer:?}");
        assert!(stored(&emulator).await == body, "{size} bytes came back as others");
    }
    // Unsigned, so refused by its head alone.
    let url = format!("{}/bucket/key", emulator.aws_url());
    let call = hardcap_tests::client::Call::new(http::Method::PUT, url).body(vec![b'x'; 70_000]);
    let refused = call.send_when_asked().await.unwrap();
    assert_eq!((refused.asked, refused.answer.status.as_u16()), (false, 403), "{refused:?}");
}
