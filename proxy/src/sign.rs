//! Signature Version 4 for one request, as a pure function of the request, the time and the credentials.
//!
//! Only headers that no intermediary changes are signed: `host` and `x-amz-*`. The path is signed as it is in the request line,
//! encoded once more, as all services but S3 require, and is not normalized.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use http::header::{HeaderMap, HeaderName, HeaderValue};

/// The credential scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// `es` or `aoss`.
    pub service: String,
    /// The region of the upstream.
    pub region: String,
}

/// The signed parts of a request.
#[derive(Clone, Copy, Debug)]
pub struct Signable<'a> {
    /// The method.
    pub method: &'a str,
    /// The URL as it is sent: `https://host/path?query`.
    pub url: &'a str,
    /// The `Host` header as it is sent.
    pub host: &'a str,
    /// Further signed headers, with names in lower case.
    pub headers: &'a [(&'a str, &'a str)],
    /// The SHA-256 of the body, in lower-case hex.
    pub body_sha256: &'a str,
}

/// Why a request cannot be signed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// The signer refused the credentials or the scope.
    #[error("the signature cannot be prepared: {0}")]
    Parameters(String),
    /// The signer refused the request.
    #[error("the request cannot be signed: {0}")]
    Request(String),
    /// A header of the signature is invalid.
    #[error("`{0}` of the signature is not a header value")]
    Header(&'static str),
}

/// The headers of the signature: `authorization`, `x-amz-date`, `x-amz-content-sha256`, and the session token.
///
/// # Errors
///
/// [`SignError`] if the URL or a credential cannot be part of a signature.
pub fn signature_headers(
    signable: Signable<'_>,
    scope: &Scope,
    credentials: &Credentials,
    time: SystemTime,
) -> Result<HeaderMap, SignError> {
    let identity = credentials.clone().into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(&scope.region)
        .name(&scope.service)
        .time(time)
        .settings(settings())
        .build()
        .map_err(|error| SignError::Parameters(error.to_string()))?;
    let request = SignableRequest::new(
        signable.method,
        signable.url,
        std::iter::once(("host", signable.host)).chain(signable.headers.iter().copied()),
        SignableBody::Precomputed(signable.body_sha256.to_owned()),
    )
    .map_err(|error| SignError::Request(error.to_string()))?;
    let (instructions, _) = sign(request, &params.into())
        .map_err(|error| SignError::Request(error.to_string()))?
        .into_parts();
    let (headers, _) = instructions.into_parts();
    let mut signed = HeaderMap::with_capacity(headers.len());
    for header in headers {
        let mut value =
            HeaderValue::from_str(header.value()).map_err(|_| SignError::Header(header.name()))?;
        value.set_sensitive(header.sensitive() || header.name() == "authorization");
        signed.insert(HeaderName::from_static(header.name()), value);
    }
    Ok(signed)
}

fn settings() -> SigningSettings {
    let mut settings = SigningSettings::default();
    settings.percent_encoding_mode = PercentEncodingMode::Double;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    // OpenSearch Serverless refuses a request whose body hash is not among the signed headers.
    settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    settings
}

#[cfg(test)]
mod tests;
