//! A multipart upload in parts of a fixed size, with few of them in memory.
//!
//! S3 compares the CRC-64/NVME of every part, and at the end that of the whole object, which follows from those of the parts.
//! SHA-256 takes longer than the transfer of the same bytes, so it is calculated only for clients that receive it.

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumType, CompletedMultipartUpload, CompletedPart};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use crc_fast::{CrcAlgorithm, checksum_combine};
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
/// The checksum of a part and of the object.
const CRC: CrcAlgorithm = CrcAlgorithm::Crc64Nvme;

/// One multipart upload.
pub(super) struct Upload<'a> {
    pub(super) store: &'a ResponseStore,
    pub(super) entry: StoreRequest<'a>,
    pub(super) upload_id: &'a str,
}

impl Upload<'_> {
    /// Uploads a body and returns once S3 has all of it.
    pub(super) async fn run(&self, mut body: UpstreamBody) -> Result<StoredResponse, PutError> {
        let mut sha256 = self.entry.needs_sha256.then(Sha256::new);
        let mut size = 0_u64;
        let mut excerpt = Bytes::new();
        let mut sending = JoinSet::new();
        let mut sent = Vec::new();
        let mut number = 0;
        if body.declared().is_some_and(|declared| declared > self.entry.max) {
            return Err(PutError::TooLarge(self.entry.max));
        }
        // Buffers are used again: the kernel takes as long to provide new ones as to fill them.
        let mut free: Vec<BytesMut> = Vec::new();
        loop {
            let mut part = free.pop().unwrap_or_else(|| BytesMut::with_capacity(PART_SIZE));
            let mut crc = crc_fast::Digest::new(CRC);
            let each = |piece: &[u8]| {
                crc.update(piece);
                if let Some(sha256) = &mut sha256 {
                    sha256.update(piece);
                }
            };
            body.fill(&mut part, PART_SIZE, each).await?;
            if part.is_empty() {
                break;
            }
            size += part.len() as u64;
            if size > self.entry.max {
                return Err(PutError::TooLarge(self.entry.max));
            }
            let part = part.freeze();
            number += 1;
            if number == 1 {
                excerpt = excerpt_of(&part);
            }
            if sending.len() == PARTS_IN_FLIGHT {
                let (done, buffer) = joined(sending.join_next().await)?;
                sent.push(done);
                free.extend(emptied(buffer));
            }
            sending.spawn(self.part(number, part, crc.finalize()));
        }
        while !sending.is_empty() {
            let (done, _) = joined(sending.join_next().await)?;
            sent.push(done);
        }
        sent.sort_by_key(|part: &SentPart| part.number);
        self.complete(&sent).await?;
        Ok(StoredResponse {
            key: self.entry.overflow_id.key.clone(),
            size,
            sha256: sha256.map(|whole| hex::encode(whole.finalize())),
            excerpt,
        })
    }

    /// Uploads a part; returns the part's bytes too, so that their memory can be used again.
    fn part(
        &self,
        number: i32,
        part: Bytes,
        crc: u64,
    ) -> impl Future<Output = Result<(SentPart, Bytes), StoreError>> + Send + 'static {
        let client = self.store.client.clone();
        let bucket = self.store.config.bucket.clone();
        let (key, upload_id) = (self.entry.overflow_id.key.clone(), self.upload_id.to_owned());
        async move {
            let response = client
                .upload_part()
                .bucket(bucket)
                .key(key)
                .upload_id(upload_id)
                .part_number(number)
                .checksum_crc64_nvme(base64(crc))
                .body(ByteStream::from(part.clone()))
                .customize()
                .disable_payload_signing()
                .send()
                .await
                .map_err(|error| StoreError::Operation("UploadPart", describe(&error)))?;
            let length = part.len() as u64;
            Ok((SentPart { number, etag: response.e_tag, crc, length }, part))
        }
    }

    async fn complete(&self, parts: &[SentPart]) -> Result<(), PutError> {
        let crc =
            parts.iter().fold(0, |whole, part| checksum_combine(CRC, whole, part.crc, part.length));
        let parts = parts.iter().map(|part| {
            CompletedPart::builder()
                .part_number(part.number)
                .set_e_tag(part.etag.clone())
                .checksum_crc64_nvme(base64(part.crc))
                .build()
        });
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts.collect()));
        self.store
            .client
            .complete_multipart_upload()
            .bucket(&self.store.config.bucket)
            .key(&self.entry.overflow_id.key)
            .upload_id(self.upload_id)
            .checksum_type(ChecksumType::FullObject)
            .checksum_crc64_nvme(base64(crc))
            .multipart_upload(parts.build())
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

/// A part that S3 has.
struct SentPart {
    number: i32,
    etag: Option<String>,
    crc: u64,
    /// In bytes.
    length: u64,
}

/// A checksum as S3 writes it.
fn base64(crc: u64) -> String {
    STANDARD.encode(crc.to_be_bytes())
}

/// The memory of a part that was sent, if the client has released it.
fn emptied(part: Bytes) -> Option<BytesMut> {
    let mut buffer = part.try_into_mut().ok()?;
    buffer.clear();
    Some(buffer)
}

type Joined = Option<Result<Result<(SentPart, Bytes), StoreError>, tokio::task::JoinError>>;

fn joined(joined: Joined) -> Result<(SentPart, Bytes), PutError> {
    match joined {
        Some(Ok(part)) => Ok(part?),
        Some(Err(error)) => Err(StoreError::Operation("UploadPart", error.to_string()).into()),
        None => unreachable!("a part is in flight"),
    }
}
