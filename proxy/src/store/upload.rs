//! A multipart upload in parts of a fixed size, with few of them in memory.

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use tokio::task::JoinSet;

use super::{
    PutError, ResponseStore, StoreError, StoreRequest, StoredResponse, describe, excerpt_of,
    operation,
};
use crate::body::UpstreamBody;
use crate::clock;

/// The size of every part but the last, in bytes; S3 requires 5 MiB. A few are in memory at a time.
pub(super) const PART_SIZE: usize = 8 * 1024 * 1024;
/// The number of concurrent uploads of parts.
const PARTS_IN_FLIGHT: usize = 2;

/// One multipart upload.
pub(super) struct Upload<'a> {
    pub(super) store: &'a ResponseStore,
    pub(super) entry: StoreRequest<'a>,
    pub(super) upload_id: &'a str,
}

impl Upload<'_> {
    /// Uploads a body and returns once S3 has all of it.
    pub(super) async fn run(&self, mut body: UpstreamBody) -> Result<StoredResponse, PutError> {
        let mut whole = Sha256::new();
        let mut size = 0_u64;
        let mut excerpt = Bytes::new();
        let mut parts = JoinSet::new();
        let mut completed = Vec::new();
        let mut number = 0;
        if body.declared().is_some_and(|declared| declared > self.entry.max) {
            return Err(PutError::TooLarge(self.entry.max));
        }
        while let Some(part) = body.part(PART_SIZE).await? {
            size += part.len() as u64;
            if size > self.entry.max {
                return Err(PutError::TooLarge(self.entry.max));
            }
            whole.update(&part);
            number += 1;
            if number == 1 {
                excerpt = excerpt_of(&part);
            }
            if parts.len() == PARTS_IN_FLIGHT {
                completed.push(joined(parts.join_next().await)?);
            }
            parts.spawn(self.part(number, part));
        }
        while !parts.is_empty() {
            completed.push(joined(parts.join_next().await)?);
        }
        completed.sort_by_key(CompletedPart::part_number);
        self.complete(completed).await?;
        let sha256 = hex::encode(whole.finalize());
        Ok(StoredResponse {
            key: self.entry.overflow_id.key.clone(),
            size,
            sha256: Some(sha256),
            excerpt,
        })
    }

    fn part(
        &self,
        number: i32,
        part: Bytes,
    ) -> impl Future<Output = Result<CompletedPart, StoreError>> + Send + 'static {
        let client = self.store.client.clone();
        let bucket = self.store.config.bucket.clone();
        let (key, upload_id) = (self.entry.overflow_id.key.clone(), self.upload_id.to_owned());
        async move {
            let checksum = STANDARD.encode(Sha256::digest(&part));
            let sent = client
                .upload_part()
                .bucket(bucket)
                .key(key)
                .upload_id(upload_id)
                .part_number(number)
                .checksum_sha256(&checksum)
                .body(ByteStream::from(part))
                .customize()
                .disable_payload_signing()
                .send()
                .await
                .map_err(|error| StoreError::Operation("UploadPart", describe(&error)))?;
            Ok(CompletedPart::builder()
                .part_number(number)
                .set_e_tag(sent.e_tag)
                .checksum_sha256(checksum)
                .build())
        }
    }

    async fn complete(&self, parts: Vec<CompletedPart>) -> Result<(), PutError> {
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        self.store
            .client
            .complete_multipart_upload()
            .bucket(&self.store.config.bucket)
            .key(&self.entry.overflow_id.key)
            .upload_id(self.upload_id)
            .multipart_upload(parts)
            .send()
            .await
            .map_err(|error| operation("CompleteMultipartUpload", &error))?;
        Ok(())
    }

    /// Aborts the upload. If that fails, the bucket's lifecycle removes the parts, and the log has a warning.
    pub(super) async fn abort(&self) {
        let abort = self
            .store
            .client
            .abort_multipart_upload()
            .bucket(&self.store.config.bucket)
            .key(&self.entry.overflow_id.key)
            .upload_id(self.upload_id)
            .send();
        let until = clock::instant() + self.entry.deadline.margin / 2;
        let failed = match clock::before(until, abort).await {
            Ok(Ok(_)) => return,
            Ok(Err(error)) => describe(&error),
            Err(clock::Late) => "no time was left".to_owned(),
        };
        tracing::warn!(
            key = self.entry.overflow_id.key,
            failed,
            "an upload could not be aborted and is left to the bucket's lifecycle"
        );
    }
}

type Joined = Option<Result<Result<CompletedPart, StoreError>, tokio::task::JoinError>>;

fn joined(joined: Joined) -> Result<CompletedPart, PutError> {
    match joined {
        Some(Ok(part)) => Ok(part?),
        Some(Err(error)) => Err(StoreError::Operation("UploadPart", error.to_string()).into()),
        None => unreachable!("a part is in flight"),
    }
}
