//! One call of the S3 API, as the steps behind the protocol library see it.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;

use super::checksum::{Algorithm, Digests};
use super::refusal::Refusal;
use hardcap_core::context::Context;

/// The two ids that every answer carries.
#[derive(Clone, Debug)]
pub(crate) struct Ids {
    /// `x-amz-request-id`: 16 capital letters and digits.
    pub(crate) request: String,
    /// `x-amz-id-2`: 76 characters of base64.
    pub(crate) host: String,
}

impl Ids {
    /// Derived from the request's own id, so that answers, records and logs can be brought together.
    pub(super) fn of(context: &Context) -> Ids {
        let plain: String = context.request_id.chars().filter(|c| *c != '-').collect();
        let request = plain.get(..16).unwrap_or(&plain).to_ascii_uppercase();
        let random: Vec<u8> =
            (0..4).flat_map(|_| *uuid::Uuid::new_v4().as_bytes()).take(57).collect();
        Ids { request, host: STANDARD.encode(random) }
    }
}

/// A call: cheap to clone, travels through the protocol library as an extension of the request.
#[derive(Clone, Debug)]
pub(super) struct Call {
    headers: Arc<HeaderMap>,
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    context: Context,
    body_length: OnceLock<u64>,
    algorithm: OnceLock<Algorithm>,
    digests: OnceLock<Digests>,
    refusal: Mutex<Option<Refusal>>,
}

impl Call {
    pub(super) fn new(context: Context, headers: HeaderMap) -> Call {
        Call {
            headers: Arc::new(headers),
            inner: Arc::new(Inner {
                context,
                body_length: OnceLock::new(),
                algorithm: OnceLock::new(),
                digests: OnceLock::new(),
                refusal: Mutex::new(None),
            }),
        }
    }

    /// The same call with the headers that a presigned URL carries in its query among its own.
    pub(super) fn with_headers(&self, headers: HeaderMap) -> Call {
        Call { headers: Arc::new(headers), inner: self.inner.clone() }
    }

    pub(super) fn context(&self) -> &Context {
        &self.inner.context
    }

    pub(super) fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// A header's value, when it is text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body's length once decoded, as declared.
    pub(super) fn body_length(&self) -> Option<u64> {
        self.inner.body_length.get().copied()
    }

    pub(super) fn set_body_length(&self, length: Option<u64>) {
        if let Some(length) = length {
            let _ = self.inner.body_length.set(length);
        }
    }

    /// Asks for a checksum of the body, beside the one that the client declared. Before the body is read.
    pub(super) fn compute(&self, algorithm: Algorithm) {
        let _ = self.inner.algorithm.set(algorithm);
    }

    pub(super) fn computed(&self) -> Option<Algorithm> {
        self.inner.algorithm.get().copied()
    }

    /// What the body was, once it has been read to its end and found right.
    pub(super) fn digests(&self) -> Option<&Digests> {
        self.inner.digests.get()
    }

    pub(super) fn set_digests(&self, digests: Digests) {
        // A body ends once.
        let _ = self.inner.digests.set(digests);
    }

    /// Keeps the first refusal: the protocol library would lose its elements.
    pub(super) fn refuse(&self, refusal: Refusal) {
        let mut kept = self.inner.refusal.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get_or_insert(refusal);
    }

    pub(super) fn take_refusal(&self) -> Option<Refusal> {
        self.inner.refusal.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
