//! The parsers of client bytes, only for the fuzz targets of `tests/src/fuzz`. Not a public interface.

use std::io;

use bytes::Bytes;
use futures_util::stream;
use hardcap_core::context::Platform;
use http::{HeaderMap, request};

use crate::address::Address;
use crate::auth;
use crate::call::{Call, Ids};
use crate::chunked::{Decoder, Signer};
use crate::form;
use crate::refusal::Refusal;
use crate::region::SigningRegion;

/// The code of a refusal, such as `SignatureDoesNotMatch`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct RefusalCode(pub String);

impl From<Refusal> for RefusalCode {
    fn from(refusal: Refusal) -> RefusalCode {
        RefusalCode(refusal.code.into_owned())
    }
}

/// A request with a valid signature.
#[derive(Debug)]
pub struct Verified {
    /// The id of its key.
    pub access_key_id: String,
    /// Whether the signature is in the URL.
    pub presigned: bool,
    /// Its query without the signature.
    pub query: String,
}

/// Verifies the signature of a request for S3, by its header or its query, version 4 or 2.
///
/// # Errors
///
/// The code of the refusal.
pub fn verify(head: &request::Parts, platform: &Platform) -> Result<Verified, RefusalCode> {
    let address = Address::of(head, &platform.region)?;
    let bucket = address.bucket.as_deref();
    let context = platform.context();
    let region = SigningRegion::Endpoint(platform.region.to_string());
    let verified = auth::verify(head, bucket, &region, &platform.keyring, &context)?;
    Ok(Verified {
        access_key_id: verified.access_key_id,
        presigned: verified.presigned,
        query: verified.query,
    })
}

/// The signing parameters of the chunks of a body.
#[derive(Clone, Debug)]
pub struct Signing {
    /// The key of the day, region and service.
    pub key: [u8; 32],
    /// The time of the request, `20260221T101112Z`.
    pub time: String,
    /// The scope, `20260221/us-east-1/s3/aws4_request`.
    pub scope: String,
    /// The signature of the request's head.
    pub seed: String,
}

/// Decodes a body in `aws-chunked` that arrives in these pieces, and returns the data and the trailing headers.
///
/// # Errors
///
/// The code of the refusal.
pub fn decode(
    signing: Option<&Signing>,
    expects_trailer: bool,
    pieces: impl IntoIterator<Item = Bytes>,
) -> Result<(Vec<u8>, HeaderMap), RefusalCode> {
    let signer = signing.map(|it| Signer::new(it.key, &it.time, &it.scope, &it.seed));
    let mut decoder = Decoder::new(signer, expects_trailer);
    let mut data = Vec::new();
    for mut piece in pieces {
        while let Some(bytes) = decoder.next(&mut piece)? {
            data.extend_from_slice(&bytes);
        }
    }
    Ok((data, decoder.finish()?))
}

/// Parses a form that arrives in these pieces, and returns the fields before its file, with names in lower case, and the file.
///
/// # Errors
///
/// The code of the refusal.
pub async fn form(
    platform: &Platform,
    boundary: &str,
    pieces: Vec<Bytes>,
) -> Result<(Vec<(String, String)>, Vec<u8>), RefusalCode> {
    let context = platform.context();
    let ids = Ids::of(&context);
    let call = Call::new(context, ids, HeaderMap::new());
    let body = stream::iter(pieces.into_iter().map(Ok::<_, io::Error>));
    Ok(form::whole(&call, boundary, body).await?)
}
