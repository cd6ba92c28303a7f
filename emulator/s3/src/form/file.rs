//! The file of a form, streamed to the store.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::Stream;
use http_body::Body as _;
use multer::Field;
use s3s::crypto::{Checksum as _, Md5};

use super::fields::malformed;
use super::policy::SizeRange;
use crate::api::put_limit;
use crate::call::Call;
use crate::checksum::{self, Algorithm, DeclaredDigests, Hasher};
use crate::refusal::Refusal;
use crate::store::{Blob, Bucket, ObjectChecksum};
use hardcap_core::serve::{BodyError, RequestBody};

/// The body of a form upload as the parser reads it.
pub(super) struct FormBody {
    body: Option<RequestBody>,
}

impl FormBody {
    pub(super) fn new(body: RequestBody) -> FormBody {
        FormBody { body: Some(body) }
    }
}

impl Stream for FormBody {
    type Item = Result<Bytes, BodyError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let Some(body) = &mut self.body else { return Poll::Ready(None) };
            match std::task::ready!(Pin::new(body).poll_frame(context)) {
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        return Poll::Ready(Some(Ok(data)));
                    }
                }
                Some(Err(error)) => {
                    self.body = None;
                    return Poll::Ready(Some(Err(error)));
                }
                None => {
                    self.body = None;
                    return Poll::Ready(None);
                }
            }
        }
    }
}

/// A file in the store that is not visible yet.
pub(super) struct ReceivedFile {
    pub(super) blob: Arc<Blob>,
    pub(super) etag: String,
    pub(super) checksum: Option<ObjectChecksum>,
}

impl ReceivedFile {
    /// Reads a file and verifies its size and digests against the form.
    ///
    /// # Errors
    ///
    /// If the size exceeds the policy's range or the limit of a single upload, or a digest differs.
    pub(super) async fn read(
        call: &Call,
        bucket: &Bucket,
        file: &mut Field<'_>,
        sizes: Option<SizeRange>,
    ) -> Result<ReceivedFile, Refusal> {
        let declared = DeclaredDigests::read(call.headers())?;
        let limit = put_limit(call);
        let most = sizes.map_or(limit.max.0, |sizes| sizes.max.min(limit.max.0));
        let algorithm = declared.algorithm().unwrap_or(Algorithm::Crc64Nvme);
        let (mut md5, mut hasher) = (Md5::new(), Hasher::new(algorithm));
        let mut writer = bucket.writer();
        let mut size = 0;
        while let Some(data) = file.chunk().await.map_err(|error| malformed(&error))? {
            size += data.len() as u64;
            // The rest of a file that is too large is counted, because the refusal contains its size.
            if size <= most {
                md5.update(&data);
                hasher.update(&data);
                writer.write(data).await.map_err(|error| Refusal::bug(&error))?;
            }
        }
        if let Some(sizes) = sizes {
            sizes.admit(size)?;
        }
        call.set_body_length(Some(size));
        crate::api::admit_size(call, limit)?;
        let checksum = hasher.finish();
        let md5: [u8; 16] = md5.finalize();
        if declared.checksum.as_ref().is_some_and(|declared| *declared != checksum) {
            return Err(checksum::mismatch(algorithm));
        }
        if declared.md5.is_some_and(|declared| declared != md5) {
            return Err(Refusal::bad_digest());
        }
        let blob = writer.finish().await.map_err(|error| Refusal::bug(&error))?;
        let checksum = Some(ObjectChecksum::of_bytes(checksum));
        Ok(ReceivedFile { blob, etag: hex::encode(md5), checksum })
    }
}

impl SizeRange {
    /// Compares the file's size with the policy's range. Both texts were recorded on 2026-02-21.
    fn admit(self, size: u64) -> Result<(), Refusal> {
        if size > self.max {
            return Err(Refusal::entity_too_large()
                .with("ProposedSize", size.to_string())
                .with("MaxSizeAllowed", self.max.to_string()));
        }
        if size < self.min {
            return Err(Refusal::entity_too_small()
                .with("ProposedSize", size.to_string())
                .with("MinSizeAllowed", self.min.to_string()));
        }
        Ok(())
    }
}
