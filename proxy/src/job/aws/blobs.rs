//! The bucket, in S3. Every key is below one prefix.

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use super::failures::port_error;
use crate::job::ports::{Blobs, ObjectHeaders, OpenUpload, Part, PortError, PortFuture};

/// A bucket, below a prefix.
#[derive(Clone, Debug)]
pub struct S3Blobs {
    client: Client,
    bucket: String,
    prefix: String,
}

impl S3Blobs {
    /// Keys of this bucket that begin with `prefix` and a slash.
    #[must_use]
    pub fn new(client: Client, bucket: &str, prefix: &str) -> S3Blobs {
        S3Blobs { client, bucket: bucket.to_owned(), prefix: format!("{prefix}/") }
    }

    fn full(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    fn own(&self, full: Option<&str>) -> Option<String> {
        full.and_then(|full| full.strip_prefix(&self.prefix)).map(str::to_owned)
    }

    async fn keys(&self, prefix: &str) -> Result<Vec<String>, PortError> {
        let mut keys = Vec::new();
        let mut from = None;
        loop {
            let list = self.client.list_objects_v2().bucket(&self.bucket).prefix(self.full(prefix));
            let page = list.set_continuation_token(from).send().await;
            let page = page.map_err(|error| port_error("ListObjectsV2", &error))?;
            keys.extend(page.contents().iter().filter_map(|object| self.own(object.key())));
            from = page.next_continuation_token().map(str::to_owned);
            if from.is_none() {
                return Ok(keys);
            }
        }
    }

    async fn open(&self, prefix: &str) -> Result<Vec<OpenUpload>, PortError> {
        let mut uploads = Vec::new();
        let mut from = (None, None);
        loop {
            let list = self
                .client
                .list_multipart_uploads()
                .bucket(&self.bucket)
                .prefix(self.full(prefix))
                .set_key_marker(from.0)
                .set_upload_id_marker(from.1);
            let page =
                list.send().await.map_err(|error| port_error("ListMultipartUploads", &error))?;
            uploads.extend(page.uploads().iter().filter_map(|upload| {
                let id = upload.upload_id()?.to_owned();
                Some(OpenUpload { key: self.own(upload.key())?, id })
            }));
            if page.is_truncated() != Some(true) {
                return Ok(uploads);
            }
            from = (page.next_key_marker, page.next_upload_id_marker);
        }
    }
}

fn checksum(bytes: &[u8]) -> String {
    STANDARD.encode(Sha256::digest(bytes))
}

impl Blobs for S3Blobs {
    fn put<'a>(
        &'a self,
        key: &'a str,
        described: &'a ObjectHeaders,
        bytes: Bytes,
    ) -> PortFuture<'a, ()> {
        Box::pin(async move {
            let put = self
                .client
                .put_object()
                .bucket(&self.bucket)
                .key(self.full(key))
                .cache_control("no-store")
                .set_content_type(described.content_type.clone())
                .set_content_encoding(described.content_encoding.clone())
                .set_content_language(described.content_language.clone())
                .set_content_disposition(described.content_disposition.clone())
                .checksum_sha256(checksum(&bytes))
                .body(ByteStream::from(bytes))
                .customize()
                // The checksum is signed, and S3 compares it before it stores anything.
                .disable_payload_signing();
            put.send().await.map(|_| ()).map_err(|error| port_error("PutObject", &error))
        })
    }

    fn get<'a>(&'a self, key: &'a str) -> PortFuture<'a, Bytes> {
        Box::pin(async move {
            let get = self.client.get_object().bucket(&self.bucket).key(self.full(key));
            let object = get.send().await.map_err(|error| port_error("GetObject", &error))?;
            let bytes = object.body.collect().await;
            let bytes = bytes.map_err(|error| PortError::Unavailable(error.to_string()))?;
            Ok(bytes.into_bytes())
        })
    }

    fn size<'a>(&'a self, key: &'a str) -> PortFuture<'a, Option<u64>> {
        Box::pin(async move {
            let head = self.client.head_object().bucket(&self.bucket).key(self.full(key));
            match head.send().await {
                Ok(head) => Ok(head.content_length().and_then(|size| u64::try_from(size).ok())),
                Err(error) => match port_error("HeadObject", &error) {
                    PortError::Missing(_) => Ok(None),
                    error => Err(error),
                },
            }
        })
    }

    fn begin<'a>(&'a self, key: &'a str, described: &'a ObjectHeaders) -> PortFuture<'a, String> {
        Box::pin(async move {
            let begin = self
                .client
                .create_multipart_upload()
                .bucket(&self.bucket)
                .key(self.full(key))
                .cache_control("no-store")
                .set_content_type(described.content_type.clone())
                .set_content_encoding(described.content_encoding.clone())
                .set_content_language(described.content_language.clone())
                .set_content_disposition(described.content_disposition.clone())
                .checksum_algorithm(ChecksumAlgorithm::Sha256);
            let begun = begin.send().await;
            let begun = begun.map_err(|error| port_error("CreateMultipartUpload", &error))?;
            let none = || PortError::Unavailable("CreateMultipartUpload: no upload id".to_owned());
            begun.upload_id.ok_or_else(none)
        })
    }

    fn part<'a>(
        &'a self,
        upload: &'a OpenUpload,
        number: i32,
        bytes: Bytes,
    ) -> PortFuture<'a, Part> {
        Box::pin(async move {
            let checksum = checksum(&bytes);
            let part = self
                .client
                .upload_part()
                .bucket(&self.bucket)
                .key(self.full(&upload.key))
                .upload_id(&upload.id)
                .part_number(number)
                .checksum_sha256(&checksum)
                .body(ByteStream::from(bytes))
                .customize()
                .disable_payload_signing();
            let part = part.send().await.map_err(|error| port_error("UploadPart", &error))?;
            Ok(Part { number, tag: part.e_tag.unwrap_or_default(), checksum })
        })
    }

    fn complete<'a>(&'a self, upload: &'a OpenUpload, parts: &'a [Part]) -> PortFuture<'a, ()> {
        Box::pin(async move {
            let parts = parts.iter().map(|part| {
                CompletedPart::builder()
                    .part_number(part.number)
                    .e_tag(&part.tag)
                    .checksum_sha256(&part.checksum)
                    .build()
            });
            let parts = CompletedMultipartUpload::builder().set_parts(Some(parts.collect()));
            let complete = self
                .client
                .complete_multipart_upload()
                .bucket(&self.bucket)
                .key(self.full(&upload.key))
                .upload_id(&upload.id)
                .multipart_upload(parts.build());
            let done = complete.send().await;
            done.map(|_| ()).map_err(|error| port_error("CompleteMultipartUpload", &error))
        })
    }

    fn abort<'a>(&'a self, upload: &'a OpenUpload) -> PortFuture<'a, ()> {
        Box::pin(async move {
            let abort = self
                .client
                .abort_multipart_upload()
                .bucket(&self.bucket)
                .key(self.full(&upload.key))
                .upload_id(&upload.id);
            match abort.send().await {
                Ok(_) => Ok(()),
                Err(error) => match port_error("AbortMultipartUpload", &error) {
                    PortError::Missing(_) => Ok(()),
                    error => Err(error),
                },
            }
        })
    }

    fn list<'a>(&'a self, prefix: &'a str) -> PortFuture<'a, Vec<String>> {
        Box::pin(self.keys(prefix))
    }

    fn uploads<'a>(&'a self, prefix: &'a str) -> PortFuture<'a, Vec<OpenUpload>> {
        Box::pin(self.open(prefix))
    }

    fn delete<'a>(&'a self, key: &'a str) -> PortFuture<'a, ()> {
        Box::pin(async move {
            let delete = self.client.delete_object().bucket(&self.bucket).key(self.full(key));
            delete.send().await.map(|_| ()).map_err(|error| port_error("DeleteObject", &error))
        })
    }
}
