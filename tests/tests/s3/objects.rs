//! Objects through the SDK: written, read, described, copied, listed, removed.

use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;
use std::time::Duration;

use crate::vocabulary::*;

#[tokio::test]
async fn an_object_is_read_as_it_was_written() {
    let emulator = emulator().await;
    let sdk = sdk(&emulator);
    let data = noise(3_000_000, 1);
    let put = sdk
        .put_object()
        .bucket(BUCKET)
        .key("a/b")
        .content_type("text/x-odd; charset=latin-1")
        .content_encoding("gzip")
        .cache_control("no-store")
        .content_language("de")
        .content_disposition("attachment; filename=\"x\"")
        .metadata("colour", "red")
        .body(ByteStream::from(data.clone()))
        .send()
        .await
        .unwrap();
    let get = sdk.get_object().bucket(BUCKET).key("a/b").send().await.unwrap();
    assert_eq!(get.e_tag(), put.e_tag());
    assert_eq!(get.content_length(), Some(3_000_000));
    assert_eq!(get.content_type(), Some("text/x-odd; charset=latin-1"));
    assert_eq!(get.content_encoding(), Some("gzip"));
    assert_eq!(get.cache_control(), Some("no-store"));
    assert_eq!(get.content_language(), Some("de"));
    assert_eq!(get.content_disposition(), Some("attachment; filename=\"x\""));
    assert_eq!(get.metadata().unwrap()["colour"], "red");
    assert_eq!(get.accept_ranges(), Some("bytes"));
    assert_eq!(get.checksum_crc32(), put.checksum_crc32());
    assert!(get.checksum_crc32().is_some());
    let read = get.body.collect().await.unwrap().into_bytes();
    assert_eq!(read, data);
}

#[tokio::test]
async fn a_presigned_link_reads_and_writes() {
    let emulator = emulator().await;
    let sdk = sdk(&emulator);
    let minute = || PresigningConfig::expires_in(Duration::from_secs(60)).unwrap();
    let put = sdk
        .put_object()
        .bucket(BUCKET)
        .key("p")
        .content_type("text/plain")
        .presigned(minute())
        .await
        .unwrap();
    let path = put.uri().trim_start_matches(emulator.aws_url()).to_owned();
    let mut wanted = ask("PUT", &path).body("presigned");
    for (name, value) in put.headers() {
        wanted = wanted.header(name, value);
    }
    assert_eq!(wanted.send(emulator.aws_url()).await.status, 200);
    let get = sdk.get_object().bucket(BUCKET).key("p").presigned(minute()).await.unwrap();
    let path = get.uri().trim_start_matches(emulator.aws_url()).to_owned();
    let answer = ask("GET", &path).send(emulator.aws_url()).await;
    assert_eq!((answer.status, answer.text().as_str()), (200, "presigned"));
    assert_eq!(answer.header("content-type"), Some("text/plain"));
}

#[tokio::test]
async fn a_body_from_a_file_comes_in_signed_chunks() {
    let emulator = emulator().await;
    let sdk = sdk(&emulator);
    let file = tempfile::NamedTempFile::new().unwrap();
    let data = noise(6_000_001, 2);
    std::fs::write(file.path(), &data).unwrap();
    let body = ByteStream::from_path(file.path()).await.unwrap();
    sdk.put_object().bucket(BUCKET).key("file").body(body).send().await.unwrap();
    let get = sdk.get_object().bucket(BUCKET).key("file").send().await.unwrap();
    assert_eq!(get.content_encoding(), None);
    assert_eq!(get.body.collect().await.unwrap().into_bytes(), data);
}
