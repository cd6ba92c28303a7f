//! The body of a request: decoded, and verified against its declared length and digests at its end.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, Method, header, request};
use http_body::{Body, Frame, SizeHint};
use s3s::crypto::{Checksum as _, Md5};
use sha2::{Digest as _, Sha256};

use super::auth::BodyEncoding;
use super::call::Call;
use super::checksum::{self, DeclaredDigests, Digests, Hasher};
use super::chunked::Decoder;
use super::refusal::Refusal;
use hardcap_core::serve::{self, BodyError, RequestBody};

/// A body that yields its decoded bytes, and an error instead of its end if it differs from its declaration.
pub(super) struct Payload {
    call: Call,
    body: Option<RequestBody>,
    decoder: Option<Decoder>,
    input: Bytes,
    declared: DeclaredDigests,
    /// The declared length of the decoded body; `None` only without a body.
    length: Option<u64>,
    received: u64,
    sha256: Option<([u8; 32], Sha256)>,
    md5: Md5,
    /// Created with the first byte, because an operation can request a digest until then.
    hashers: Option<Vec<Hasher>>,
}

/// The body was incomplete or differed from its declaration. The call has the refusal.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct PayloadError(String);

impl Payload {
    /// Checks the declarations before the body is read.
    ///
    /// # Errors
    ///
    /// If there is no length, or a digest is malformed.
    pub(super) fn new(
        call: &Call,
        head: &request::Parts,
        body: RequestBody,
        form: BodyEncoding,
    ) -> Result<Payload, Refusal> {
        let headers = call.headers();
        // The checksum headers of CompleteMultipartUpload are those of the object, not of the body.
        let completes = head.method == Method::POST
            && head.uri.query().is_some_and(|query| query.contains("uploadId="));
        let declared =
            if completes { DeclaredDigests::default() } else { DeclaredDigests::read(headers)? };
        let length = length(headers, &body, &form)?;
        let (decoder, sha256) = match form {
            BodyEncoding::Unsigned => (None, None),
            BodyEncoding::Sha256(expected) => (None, Some((expected, Sha256::new()))),
            BodyEncoding::Chunked { signer, trailer } => {
                if trailer && declared.trailer.is_none() && headers.contains_key("x-amz-trailer") {
                    return Err(Refusal::malformed_trailer());
                }
                (Some(Decoder::new(signer, trailer)), None)
            }
        };
        Ok(Payload {
            call: call.clone(),
            body: Some(body),
            decoder,
            input: Bytes::new(),
            declared,
            length,
            received: 0,
            sha256,
            md5: Md5::new(),
            hashers: None,
        })
    }

    /// The declared length of the decoded body.
    pub(super) fn length(&self) -> Option<u64> {
        self.length
    }

    fn data(&mut self, data: &Bytes) -> Result<(), Refusal> {
        self.received += data.len() as u64;
        if self.length.is_some_and(|length| self.received > length) {
            return Err(Refusal::incomplete_body());
        }
        self.md5.update(data);
        if let Some((_, hasher)) = &mut self.sha256 {
            hasher.update(data);
        }
        for hasher in self.hashers() {
            hasher.update(data);
        }
        Ok(())
    }

    fn hashers(&mut self) -> &mut Vec<Hasher> {
        self.hashers.get_or_insert_with(|| {
            let declared = self.declared.algorithm();
            let asked = self.call.computed().filter(|asked| Some(*asked) != declared);
            declared.into_iter().chain(asked).map(Hasher::new).collect()
        })
    }

    /// Verifies all declarations at the end of the body.
    fn finish(&mut self) -> Result<(), Refusal> {
        let trailers = match &mut self.decoder {
            Some(decoder) => decoder.finish()?,
            None => HeaderMap::new(),
        };
        if self.length.is_some_and(|length| self.received != length) {
            return Err(Refusal::incomplete_body());
        }
        if let Some((expected, hasher)) = self.sha256.take() {
            let calculated: [u8; 32] = hasher.finalize().into();
            if calculated != expected {
                return Err(Refusal::content_sha256_mismatch()
                    .with("ClientComputedContentSHA256", hex::encode(expected))
                    .with("S3ComputedContentSHA256", hex::encode(calculated)));
            }
        }
        let md5: [u8; 16] = std::mem::replace(&mut self.md5, Md5::new()).finalize();
        if let Some(expected) = self.declared.md5.filter(|expected| *expected != md5) {
            use base64::Engine as _;
            let base64 = |value| base64::engine::general_purpose::STANDARD.encode(value);
            return Err(Refusal::bad_digest()
                .with("ExpectedDigest", base64(expected))
                .with("CalculatedDigest", base64(md5)));
        }
        let checksums = std::mem::take(self.hashers()).into_iter().map(Hasher::finish).collect();
        let digests = Digests { md5, checksums };
        self.checksum(&digests, &trailers)?;
        self.call.set_digests(digests);
        Ok(())
    }

    fn checksum(&self, calculated: &Digests, trailers: &HeaderMap) -> Result<(), Refusal> {
        let trailer = match self.declared.trailer {
            Some(algorithm) => {
                let value =
                    trailers.get(algorithm.header()).ok_or_else(Refusal::malformed_trailer)?;
                Some(algorithm.decode(value.to_str().unwrap_or_default())?)
            }
            None => None,
        };
        let expected = self.declared.checksum.as_ref().or(trailer.as_ref());
        match expected {
            Some(expected) if calculated.checksum(expected.algorithm) != Some(expected) => {
                Err(checksum::mismatch(expected.algorithm))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn broken(&mut self, refusal: Refusal) -> Poll<Option<Result<Frame<Bytes>, PayloadError>>> {
        let error = PayloadError(refusal.code.to_string());
        self.call.refuse(refusal);
        Poll::Ready(Some(Err(error)))
    }
}

/// The declared length of the decoded body.
fn length(
    headers: &HeaderMap,
    body: &RequestBody,
    form: &BodyEncoding,
) -> Result<Option<u64>, Refusal> {
    if matches!(form, BodyEncoding::Chunked { .. }) {
        let decoded = headers.get("x-amz-decoded-content-length");
        let decoded = decoded.and_then(|value| value.to_str().ok()?.parse().ok());
        return decoded.map(Some).ok_or_else(Refusal::missing_content_length);
    }
    if body.is_end_stream() {
        return Ok(Some(0));
    }
    serve::declared_length(headers).map(Some).ok_or_else(Refusal::missing_content_length)
}

impl Body for Payload {
    type Data = Bytes;
    type Error = PayloadError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, PayloadError>>> {
        let this = self.get_mut();
        loop {
            let decoded = match &mut this.decoder {
                Some(decoder) => decoder.next(&mut this.input),
                None => Ok(Some(std::mem::take(&mut this.input)).filter(|data| !data.is_empty())),
            };
            match decoded
                .and_then(|data| data.map(|data| this.data(&data).map(|()| data)).transpose())
            {
                Ok(Some(data)) => return Poll::Ready(Some(Ok(Frame::data(data)))),
                Ok(None) => {}
                Err(refusal) => return this.broken(refusal),
            }
            let Some(body) = &mut this.body else { return Poll::Ready(None) };
            match std::task::ready!(Pin::new(body).poll_frame(context)) {
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        this.input = data;
                    }
                }
                Some(Err(error)) => {
                    this.body = None;
                    tracing::debug!(%error, "an incomplete request body");
                    return this.broken(match error {
                        BodyError::Idle(_) => Refusal::request_timeout(),
                        BodyError::Http(_) => Refusal::incomplete_body(),
                    });
                }
                None => {
                    this.body = None;
                    return match this.finish() {
                        Ok(()) => Poll::Ready(None),
                        Err(refusal) => this.broken(refusal),
                    };
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        // The digests are only compared when the body is polled to its end, so an empty body is polled too.
        self.body.is_none() && self.input.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        match self.length {
            Some(length) => SizeHint::with_exact(length.saturating_sub(self.received)),
            None => SizeHint::default(),
        }
    }
}

/// The headers for the library: those of the decoded body, without the ones that this crate evaluates.
pub(super) fn decoded_headers(headers: &HeaderMap, length: Option<u64>) -> HeaderMap {
    let mut decoded = headers.clone();
    for name in OURS {
        decoded.remove(name);
    }
    let metadata: Vec<_> =
        decoded.keys().filter(|name| name.as_str().starts_with("x-amz-meta-")).cloned().collect();
    for name in metadata {
        decoded.remove(name);
    }
    if let Some(length) = length {
        decoded.insert(header::CONTENT_LENGTH, length.into());
    }
    decoded
}

/// Headers that the library would refuse or change although AWS ignores them. This crate evaluates them.
const OURS: [&str; 16] = [
    "authorization",
    "cache-control",
    "content-encoding",
    "content-md5",
    "content-type",
    "expires",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-unmodified-since",
    "range",
    "transfer-encoding",
    "x-amz-content-sha256",
    "x-amz-decoded-content-length",
    "x-amz-security-token",
    "x-amz-trailer",
];
