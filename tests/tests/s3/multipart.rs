//! Uploads in parts.

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};

use crate::vocabulary::*;

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
