//! One call of the S3 API, available to all steps behind the protocol library.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;

use super::checksum::{Algorithm, Digests};
use super::refusal::Refusal;
use hardcap_core::context::Context;

/// The two ids of every response.
#[derive(Clone, Debug)]
pub(crate) struct Ids {
    /// `x-amz-request-id`: 16 capital letters and digits.
    pub(crate) request: String,
    /// `x-amz-id-2`: 76 characters of base64.
    pub(crate) host: String,
}

impl Ids {
    /// Derived from the context's request id, so that responses, records and logs can be correlated.
    pub(super) fn of(context: &Context) -> Ids {
        let plain: String = context.request_id.chars().filter(|c| *c != '-').collect();
        let request = plain.get(..16).unwrap_or(&plain).to_ascii_uppercase();
        let random: Vec<u8> =
            (0..4).flat_map(|_| *uuid::Uuid::new_v4().as_bytes()).take(57).collect();
        Ids { request, host: STANDARD.encode(random) }
    }
}

/// A call. Cheap to clone; passes through the protocol library as an extension of the request.
#[derive(Clone, Debug)]
pub(super) struct Call {
    headers: Arc<HeaderMap>,
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    context: Context,
    ids: Ids,
    access_key: OnceLock<String>,
    body_length: OnceLock<u64>,
    algorithm: OnceLock<Algorithm>,
    region: OnceLock<String>,
    digests: OnceLock<Digests>,
    refusal: Mutex<Option<Refusal>>,
}

impl Call {
    pub(super) fn new(context: Context, ids: Ids, headers: HeaderMap) -> Call {
        Call {
            headers: Arc::new(headers),
            inner: Arc::new(Inner {
                context,
                ids,
                access_key: OnceLock::new(),
                body_length: OnceLock::new(),
                algorithm: OnceLock::new(),
                region: OnceLock::new(),
                digests: OnceLock::new(),
                refusal: Mutex::new(None),
            }),
        }
    }

    /// The same call with the headers in the query of its presigned URL.
    pub(super) fn with_headers(&self, headers: HeaderMap) -> Call {
        Call { headers: Arc::new(headers), inner: self.inner.clone() }
    }

    pub(super) fn context(&self) -> &Context {
        &self.inner.context
    }

    /// The ids of the response.
    pub(super) fn ids(&self) -> &Ids {
        &self.inner.ids
    }

    /// The id of the key that signed the request, once its signature is verified.
    pub(super) fn access_key(&self) -> Option<&str> {
        self.inner.access_key.get().map(String::as_str)
    }

    pub(super) fn set_access_key(&self, id: String) {
        let _ = self.inner.access_key.set(id);
    }

    pub(super) fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// A header's value, if it is text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The declared length of the decoded body.
    pub(super) fn body_length(&self) -> Option<u64> {
        self.inner.body_length.get().copied()
    }

    pub(super) fn set_body_length(&self, length: Option<u64>) {
        if let Some(length) = length {
            let _ = self.inner.body_length.set(length);
        }
    }

    /// The region of the signature, which stands for the endpoint of the request.
    pub(super) fn region(&self) -> Option<&str> {
        self.inner.region.get().map(String::as_str)
    }

    pub(super) fn set_region(&self, region: String) {
        let _ = self.inner.region.set(region);
    }

    /// Requests a checksum of the body in addition to the declared one. Must be called before the body is read.
    pub(super) fn compute(&self, algorithm: Algorithm) {
        let _ = self.inner.algorithm.set(algorithm);
    }

    pub(super) fn computed(&self) -> Option<Algorithm> {
        self.inner.algorithm.get().copied()
    }

    /// The digests of the body, after it was read to the end and verified.
    pub(super) fn digests(&self) -> Option<&Digests> {
        self.inner.digests.get()
    }

    pub(super) fn set_digests(&self, digests: Digests) {
        // A body ends once.
        let _ = self.inner.digests.set(digests);
    }

    /// Keeps the first refusal, because the protocol library's errors cannot carry XML elements.
    pub(super) fn refuse(&self, refusal: Refusal) {
        let mut kept = self.inner.refusal.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get_or_insert(refusal);
    }

    pub(super) fn take_refusal(&self) -> Option<Refusal> {
        self.inner.refusal.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
