//! Tests of the delivery of responses of every size, over real sockets on both sides.

use std::io::Read as _;

use crate::support::bucket::Bucket;
use crate::support::upstream::{RawUpstream, answer, head};
use crate::support::{CLASSIC, Reply, ask, config, event, get, proxy, s3};
use tokio::io::AsyncWriteExt as _;

use hardcap_proxy::handler::Proxy;
use sha2::{Digest as _, Sha256};

struct Stage {
    proxy: Proxy,
    bucket: Bucket,
    upstream: RawUpstream,
}

async fn stage(upstream: RawUpstream, changes: &[(&str, &str)]) -> Stage {
    let bucket = Bucket::keeping().await;
    let proxy = proxy(config(&upstream.url, changes), s3(&bucket.url));
    Stage { proxy, bucket, upstream }
}

/// Deterministic bytes that are neither text nor compressible.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

const BINARY: [(&str, &str); 2] = [("content-type", "application/octet-stream"), ("x-tag", "t")];

async fn binary(body: &[u8], changes: &[(&str, &str)]) -> Stage {
    stage(RawUpstream::saying(answer("200 OK", &BINARY, body)).await, changes).await
}

fn check_redirect(reply: &Reply, bucket: &Bucket, body: &[u8]) {
    assert_eq!(reply.status, 303, "{:?}", String::from_utf8_lossy(&reply.body));
    let (key, object) = bucket.only();
    let location = reply.header("location").expect("a 303 leads somewhere");
    assert!(location.starts_with(&format!("{}{key}?", bucket.url)), "{location} is not {key}");
    assert_eq!(object.bytes, body, "byte for byte");
    // A client that follows the redirect does not read the digest: it is only there if it is known anyway.
    let at_once = bucket.operations().iter().any(|it| it == "PutObject");
    let known = at_once.then(|| hex::encode(Sha256::digest(body)));
    assert_eq!(reply.json()["sha256"].as_str(), known.as_deref());
    assert_eq!(reply.json()["size"], body.len());
}

#[tokio::test]
async fn z1_one_byte_more_than_fits_overflows() {
    // {"statusCode":200,"headers":{"content-type":"application/octet-stream","x-tag":"t"},"body":"","isBase64Encoded":true}
    // takes 117 bytes; 4 * ceil(4,718,577 / 3) = 6,291,436 more make 6,291,553; with one byte more 6,291,557.
    let fits = noise(4_718_577);
    let Stage { proxy, bucket, .. } = binary(&fits, &[]).await;
    let reply = get(&proxy, "/a", &[]).await;
    assert_eq!((reply.status, reply.posted), (200, 6_291_553));
    assert_eq!(reply.body, fits);
    assert_eq!(reply.header("x-tag"), Some("t"));
    assert!(bucket.operations().is_empty());

    let over = noise(4_718_578);
    let Stage { proxy, bucket, .. } = binary(&over, &[]).await;
    let reply = get(&proxy, "/a.bin", &[]).await;
    check_redirect(&reply, &bucket, &over);
    assert_eq!(bucket.operations(), ["PutObject"], "a small one goes at once");
    assert_eq!(reply.header("x-tag"), Some("t"), "only the body overflows");
}

#[tokio::test]
async fn a_response_above_the_configured_size_goes_through_s3_even_if_it_fits() {
    let said = [("OVERFLOW_ABOVE_BYTES", "1_000")];
    for (size, above, goes_there) in
        [(1_000, said, false), (1_001, said, true)].into_iter().chain([
            (0, [("OVERFLOW_ABOVE_BYTES", "0")], false),
            (1, [("OVERFLOW_ABOVE_BYTES", "0")], true),
        ])
    {
        let body = noise(size);
        let Stage { proxy, bucket, .. } = binary(&body, &above).await;
        let reply = get(&proxy, "/a.bin", &[]).await;
        if goes_there {
            check_redirect(&reply, &bucket, &body);
        } else {
            assert_eq!((reply.status, &reply.body), (200, &body), "{size} bytes");
            assert!(bucket.operations().is_empty(), "{size} bytes");
        }
    }
}

#[tokio::test]
async fn z7_a_response_above_the_inline_bound_is_streamed_in_parts() {
    let body = noise(20 * 1024 * 1024 + 1);
    let Stage { proxy, bucket, .. } = binary(&body, &[]).await;
    let reply = get(&proxy, "/export.ndjson", &[]).await;
    check_redirect(&reply, &bucket, &body);
    let mut operations = bucket.operations();
    assert_eq!(operations.first().map(String::as_str), Some("CreateMultipartUpload"));
    assert_eq!(operations.pop().as_deref(), Some("CompleteMultipartUpload"));
    assert_eq!(operations.len(), 1 + 3, "8 MiB, 8 MiB and the rest");
}

#[tokio::test]
async fn z8_a_body_without_a_declared_length_is_delivered_at_every_size_around_the_bound() {
    for (length, overflows) in [(CLASSIC - 1000, false), (CLASSIC, true), (CLASSIC + 1, true)] {
        let body = vec![b'a'; length];
        let chunk = body.clone();
        let upstream = RawUpstream::start(move |_, _, mut socket| {
            let body = chunk.clone();
            async move {
                let head = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n";
                let _ = socket.write_all(head.as_bytes()).await;
                for piece in body.chunks(1_000_000) {
                    let _ = socket.write_all(format!("{:x}\r\n", piece.len()).as_bytes()).await;
                    let _ = socket.write_all(piece).await;
                    let _ = socket.write_all(b"\r\n").await;
                }
                let _ = socket.write_all(b"0\r\n\r\n").await;
            }
        })
        .await;
        let Stage { proxy, bucket, .. } = stage(upstream, &[]).await;
        let reply = get(&proxy, "/a", &[]).await;
        if overflows {
            check_redirect(&reply, &bucket, &body);
        } else {
            assert_eq!((reply.status, reply.body.len()), (200, length));
        }
    }
}

#[tokio::test]
async fn z8_an_upstream_that_ends_early_is_a_502_without_a_stored_object() {
    for (claimed, sent) in
        [(1000, 999), (1000, 0), (7_000_000, 6_999_999), (30_000_000, 20_000_000)]
    {
        let mut bytes = head("200 OK", &BINARY, claimed).into_bytes();
        bytes.extend(noise(sent));
        let Stage { proxy, bucket, .. } = stage(RawUpstream::saying(bytes).await, &[]).await;
        let reply = get(&proxy, "/a", &[]).await;
        assert_eq!(reply.status, 502, "{sent} of {claimed}");
        assert_eq!(reply.header("content-type"), Some("application/problem+json"));
        assert_eq!(reply.json()["type"], "urn:hardcap:problem:upstream-broken");
        assert!(bucket.objects().is_empty(), "nothing half written");
        assert_eq!(bucket.uploads_open(), 0, "{:?}", bucket.operations());
        if claimed > CLASSIC {
            assert_eq!(
                bucket.operations().last().map(String::as_str),
                Some("AbortMultipartUpload")
            );
        }
        let healthy = get(&proxy, "/_proxy/ping", &[]).await;
        assert_eq!(healthy.status, 200);
    }
}

#[tokio::test]
async fn a_body_above_the_maximum_is_refused_without_a_stored_object() {
    let max = [("MAX_BODY_BYTES", "10_000_000")];
    for length in [10_000_001, 12_000_000] {
        let Stage { proxy, bucket, .. } = binary(&noise(length), &max).await;
        let reply = get(&proxy, "/a", &[]).await;
        assert_eq!(
            (reply.status, reply.json()["type"].as_str()),
            (502, Some("urn:hardcap:problem:body-too-large"))
        );
        assert!(bucket.objects().is_empty() && bucket.uploads_open() == 0);
    }
    let body = noise(10_000_000);
    let Stage { proxy, bucket, .. } = binary(&body, &max).await;
    check_redirect(&get(&proxy, "/a", &[]).await, &bucket, &body);
}

#[tokio::test]
async fn z9_r2_a_head_never_overflows() {
    let upstream = RawUpstream::saying(head("200 OK", &BINARY, 20_000_000)).await;
    let Stage { proxy, bucket, .. } = stage(upstream, &[]).await;
    let reply = ask(&proxy, &event("HEAD", "/a", &[])).await;
    assert_eq!((reply.status, reply.body.len()), (200, 0));
    assert_eq!(reply.header("content-length"), Some("20000000"));
    assert_eq!(reply.header("x-tag"), Some("t"));
    assert!(bucket.operations().is_empty());
}

#[tokio::test]
async fn b4_the_object_carries_what_describes_the_bytes() {
    let headers = [
        ("content-type", "text/csv; charset=iso-8859-1"),
        ("content-language", "de"),
        ("content-disposition", "attachment; filename=\"x.csv\""),
        ("content-encoding", "br"),
        ("cache-control", "public"),
    ];
    for length in [5_000_000, 9_000_000] {
        let body = noise(length);
        let upstream = RawUpstream::saying(answer("200 OK", &headers, &body)).await;
        let Stage { proxy, bucket, .. } = stage(upstream, &[]).await;
        check_redirect(&get(&proxy, "/x.csv", &[]).await, &bucket, &body);
        let (key, object) = bucket.only();
        assert!(key.ends_with(".csv"), "{key}");
        for (name, value) in &headers[..4] {
            assert_eq!(
                object.headers.get(*name).map(|v| v.to_str().unwrap()),
                Some(*value),
                "{name}"
            );
        }
        assert_eq!(object.headers.get("cache-control").unwrap(), "no-store");
        assert!(object.headers.get("x-amz-acl").is_none(), "p6");
    }
}

#[tokio::test]
async fn b5_the_digest_is_stored_with_the_object() {
    let body = noise(5_000_000);
    let Stage { proxy, bucket, .. } = binary(&body, &[]).await;
    get(&proxy, "/a", &[]).await;
    let (_, object) = bucket.only();
    let sha256 = hex::encode(Sha256::digest(&body));
    assert_eq!(object.headers.get("x-amz-meta-sha256").unwrap(), sha256.as_str());
    assert!(object.headers.contains_key("x-amz-checksum-sha256"), "S3 checks it");
}

#[tokio::test]
async fn b5_a_client_that_reads_the_document_gets_the_digest_of_a_streamed_response() {
    let body = noise(9_000_000);
    let sha256 = hex::encode(Sha256::digest(&body));
    for (asked, expected) in [
        (("x-overflow", "redirect"), None),
        (("x-overflow", "link"), Some(sha256.as_str())),
        (("x-overflow", "error"), Some(sha256.as_str())),
        (("want-repr-digest", "sha-256=1"), Some(sha256.as_str())),
        (("want-repr-digest", "sha-512=1"), None),
    ] {
        let Stage { proxy, bucket, .. } = binary(&body, &[]).await;
        let reply = get(&proxy, "/a", &[asked]).await;
        assert_eq!(reply.json()["sha256"].as_str(), expected, "{asked:?}");
        let (_, object) = bucket.only();
        assert_eq!(object.bytes, body, "{asked:?}");
    }
}

#[tokio::test]
async fn b6_bytes_are_never_reserialized() {
    let body = b"{\"index\":{}}\n{\"a\":1,\"a\":2,\"n\":12345678901234567890,\"f\":1.0}\n";
    let upstream = RawUpstream::start(move |_, request, mut socket| async move {
        let reply = answer("200 OK", &[("content-type", "application/x-ndjson")], &request.body);
        let _ = socket.write_all(&reply).await;
    })
    .await;
    let Stage { proxy, upstream, .. } = stage(upstream, &[]).await;
    let mut event = event("POST", "/_bulk", &[("content-type", "application/x-ndjson")]);
    event["body"] = serde_json::json!(std::str::from_utf8(body).unwrap());
    let reply = ask(&proxy, &event).await;
    assert_eq!(reply.body, body);
    assert_eq!(upstream.received()[0].body, body);
}

#[tokio::test]
async fn c1_a_large_script_arrives_compressed_and_inline() {
    let script = b"export function observe(a){return a+1}\n".repeat(320_000);
    assert!(script.len() > 12_000_000);
    let headers = [("content-type", "application/javascript"), ("etag", "\"v1\"")];
    let upstream = RawUpstream::saying(answer("200 OK", &headers, &script)).await;
    let Stage { proxy, bucket, upstream } = stage(upstream, &[]).await;
    let asked = [("accept-encoding", "gzip, br, zstd"), ("sec-fetch-dest", "script")];
    let reply = get(&proxy, "/app.js", &asked).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("content-encoding"), Some("gzip"));
    assert_eq!(reply.header("vary"), Some("Accept-Encoding"));
    assert_eq!(reply.header("etag"), Some("W/\"v1\""));
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(&reply.body[..]).read_to_end(&mut unpacked).unwrap();
    assert_eq!(unpacked, script);
    assert!(bucket.operations().is_empty());
    assert_eq!(upstream.received()[0].header("accept-encoding"), Some("gzip"), "c3");
}

#[tokio::test]
async fn c1_c2_without_gzip_the_same_script_overflows_as_it_is() {
    let script = b"export function observe(a){return a+1}\n".repeat(320_000);
    let headers = [("content-type", "application/javascript")];
    let upstream = RawUpstream::saying(answer("200 OK", &headers, &script)).await;
    let Stage { proxy, bucket, upstream } = stage(upstream, &[]).await;
    let reply = get(&proxy, "/app.js", &[("accept-encoding", "identity;q=1, gzip;q=0")]).await;
    check_redirect(&reply, &bucket, &script);
    assert!(bucket.only().1.headers.get("content-encoding").is_none());
    assert_eq!(upstream.received()[0].header("accept-encoding"), Some("identity"), "c3");
}

#[tokio::test]
async fn c4_a_response_is_stored_uncompressed_if_time_is_short() {
    let text = b"all work and no play makes jack a dull boy\n".repeat(500_000);
    assert!(text.len() > 16 * 1024 * 1024);
    let headers = [("content-type", "text/plain")];
    let upstream = RawUpstream::saying(answer("200 OK", &headers, &text)).await;
    let Stage { proxy, bucket, .. } = stage(upstream, &[]).await;
    check_redirect(&get(&proxy, "/a", &[("accept-encoding", "gzip")]).await, &bucket, &text);

    let short = b"all work and no play makes jack a dull boy\n".repeat(200_000);
    let upstream = RawUpstream::saying(answer("200 OK", &headers, &short)).await;
    let Stage { proxy, bucket, .. } = stage(upstream, &[("GATEWAY_TIMEOUT_MS", "3000")]).await;
    check_redirect(&get(&proxy, "/a", &[("accept-encoding", "gzip")]).await, &bucket, &short);
}

#[tokio::test]
async fn x6_a_script_that_cannot_be_compressed_is_an_error_with_the_link() {
    let body = noise(5_000_000);
    let Stage { proxy, bucket, .. } = binary(&body, &[]).await;
    let reply = get(&proxy, "/app.js", &[("sec-fetch-dest", "script")]).await;
    assert_eq!((reply.status, reply.header("location")), (406, None));
    assert!(reply.json()["location"].as_str().unwrap().starts_with(&bucket.url));
    let Stage { proxy, bucket, .. } = binary(&body, &[("OVERFLOW_REDIRECT_ASSETS", "true")]).await;
    check_redirect(&get(&proxy, "/app.js", &[("sec-fetch-dest", "script")]).await, &bucket, &body);
}

#[tokio::test]
async fn r3_statuses_survive_a_large_body() {
    let body = noise(5_000_000);
    for (status, line) in [
        (201, "201 Created"),
        (202, "202 Accepted"),
        (302, "302 SearchFuture"),
        (400, "400 Bad Request"),
        (404, "404 Not SearchFuture"),
        (409, "409 Conflict"),
        (429, "429 Too Many Requests"),
        (500, "500 Internal Server Error"),
        (503, "503 Service Unavailable"),
    ] {
        let headers = [("location", "/index/_doc/1"), ("retry-after", "7")];
        let upstream = RawUpstream::saying(answer(line, &headers, &body)).await;
        let Stage { proxy, bucket, .. } = stage(upstream, &[]).await;
        let reply = ask(&proxy, &event("POST", "/a", &[("x-overflow", "link")])).await;
        assert_eq!(reply.status, status);
        assert_eq!(reply.header("location"), Some("/index/_doc/1"), "{status} keeps its own");
        assert_eq!(reply.header("retry-after"), Some("7"));
        assert!(reply.json()["location"].as_str().unwrap().starts_with(&bucket.url));
        assert_eq!(bucket.only().1.bytes, body);
    }
}

#[tokio::test]
async fn r5_a_client_gets_the_requested_form() {
    let body = noise(5_000_000);
    for (mode, status) in [("redirect", 303), ("link", 200), ("error", 406)] {
        let Stage { proxy, bucket, .. } = binary(&body, &[]).await;
        let reply = get(&proxy, "/a", &[("x-overflow", mode)]).await;
        assert_eq!(reply.status, status, "{mode}");
        assert!(reply.json()["location"].as_str().unwrap().starts_with(&bucket.url), "{mode}");
        assert_eq!(reply.header("location").is_some(), mode == "redirect");
    }
    let Stage { proxy, upstream, .. } = binary(&body, &[]).await;
    let reply = get(&proxy, "/a", &[("x-overflow", "both")]).await;
    assert_eq!(reply.status, 400);
    assert!(upstream.received().is_empty());
}

#[tokio::test]
async fn r1_every_method_is_redirected_to_a_get() {
    let body = noise(5_000_000);
    for method in ["GET", "POST", "PUT", "DELETE", "PATCH"] {
        let Stage { proxy, bucket, .. } = binary(&body, &[]).await;
        let reply = ask(&proxy, &event(method, "/a", &[])).await;
        check_redirect(&reply, &bucket, &body);
    }
}

#[tokio::test]
async fn r4_a_second_request_gets_a_second_key() {
    let Stage { proxy, bucket, .. } = binary(&noise(5_000_000), &[]).await;
    let first = get(&proxy, "/a", &[]).await;
    let second = get(&proxy, "/a", &[]).await;
    assert_ne!(first.header("location"), second.header("location"));
    assert_eq!(first.header("cache-control"), Some("no-store"));
    assert_eq!(bucket.objects().len(), 2);
}

#[tokio::test]
async fn z5_headers_that_fill_the_envelope_are_named_and_nothing_is_stored() {
    let large = "x".repeat(50_000);
    let headers = [("x-small", "s"), ("x-debug-trace", large.as_str())];
    let body = noise(100);
    let upstream = RawUpstream::saying(answer("200 OK", &headers, &body)).await;
    let limit = [("LIMIT_OVERRIDES", "lambda_sync_response=40000")];
    let Stage { proxy, bucket, .. } = stage(upstream, &limit).await;
    let reply = get(&proxy, "/a", &[]).await;
    assert_eq!(reply.status, 502);
    assert!(
        reply.json()["detail"].as_str().unwrap().contains("`x-debug-trace`"),
        "{:?}",
        reply.json()
    );
    assert!(bucket.operations().is_empty());
}

#[tokio::test]
async fn z6_a_lowered_limit_is_enforced_to_the_byte() {
    let limit = [("LIMIT_OVERRIDES", "lambda_sync_response=10000")];
    let mut boundary = None;
    for length in 9_850..9_920 {
        let body = vec![b'a'; length];
        let upstream = RawUpstream::saying(answer("200 OK", &BINARY, &body)).await;
        let Stage { proxy, bucket, .. } = stage(upstream, &limit).await;
        let reply = get(&proxy, "/a", &[]).await;
        assert!(reply.posted <= 10_000);
        if reply.status == 303 {
            assert_eq!(bucket.only().1.bytes, body);
            boundary = boundary.or(Some(length));
        } else {
            assert_eq!((reply.status, boundary), (200, None), "nothing inline beyond the boundary");
            assert_eq!(reply.body, body);
        }
    }
    // 118 bytes of envelope around a text.
    assert_eq!(boundary, Some(10_000 - 118 + 1));
}
