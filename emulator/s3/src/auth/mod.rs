//! Verification of signatures.
//!
//! The protocol library can verify signatures, but with the machine's clock and fewer checks. Therefore this module verifies
//! them with the emulator's clock, and the library gets an unsigned request.

use hardcap_core::sigv4 as canonical;

mod credential;
mod form;
mod header;
mod query;
mod time;
mod version_2;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue, request};

use super::chunked::Signer;
use super::refusal::Refusal;
use super::region::SigningRegion;
use canonical::RequestSignature;
use hardcap_core::clock::{Clock, EpochMillis};
use hardcap_core::context::Context;
use hardcap_core::keyring::{Key, Keyring};
use hardcap_core::uri;

pub(super) use form::FormSignature;
pub(super) use time::format_iso;
pub(super) use version_2::FormSignature as FormSignature2;

/// The encoding of a verified request's body.
#[derive(Clone, Debug)]
pub(super) enum BodyEncoding {
    /// Unencoded, not covered by the signature.
    Unsigned,
    /// Unencoded, with this SHA-256.
    Sha256([u8; 32]),
    /// In chunks, each signed if there is a signer, followed by headers if `trailer` is set.
    Chunked {
        /// Signs the chunks, starting from the request's signature.
        signer: Option<Signer>,
        /// Whether headers follow the last chunk.
        trailer: bool,
    },
}

/// A request with a valid signature.
#[derive(Clone, Debug)]
pub(super) struct VerifiedRequest {
    /// The id of its key.
    pub(super) access_key_id: String,
    /// The region of its signature.
    pub(super) region: String,
    /// Whether the signature is in the URL.
    pub(super) presigned: bool,
    /// The encoding of its body.
    pub(super) form: BodyEncoding,
    /// Its headers, including those from query parameters.
    pub(super) headers: HeaderMap,
    /// Its query without the signature.
    pub(super) query: String,
}

/// The time at which a signature is verified.
///
/// Processes sign with the wall clock, which cannot be advanced, so the skew is measured against the wall clock. The age of a
/// signature follows the emulator's clock.
struct VerificationTime<'a> {
    clock: &'a Clock,
    wall: EpochMillis,
    shown: EpochMillis,
}

impl VerificationTime<'_> {
    /// The difference between the wall clock and the signer's date; negative if the date is in the future.
    fn skew_seconds(&self, date: &time::Time) -> i64 {
        seconds(self.wall) - date.seconds()
    }

    /// The current time, in seconds.
    fn seconds(&self) -> i64 {
        seconds(self.shown)
    }

    /// Converts a signer's date to the emulator's clock.
    fn shown_seconds(&self, date: &time::Time) -> i64 {
        self.shown_point(date.seconds())
    }

    /// Converts a wall-clock time, which may be in the future, to the emulator's clock.
    fn shown_point(&self, wall: i64) -> i64 {
        let wall = u64::try_from(wall).unwrap_or(0).saturating_mul(1000);
        seconds(self.clock.shown_at(EpochMillis(wall)))
    }

    fn server_time(&self) -> String {
        time::format_iso(self.seconds())
    }
}

fn seconds(at: EpochMillis) -> i64 {
    i64::try_from(at.0 / 1000).unwrap_or(i64::MAX)
}

/// Verifies a request in AWS's order: form of the signature, time, key, token, signed headers, signature.
///
/// # Errors
///
/// The refusal that AWS would send.
pub(super) fn verify(
    head: &request::Parts,
    bucket: Option<&str>,
    region: &SigningRegion,
    keyring: &Keyring,
    context: &Context,
) -> Result<VerifiedRequest, Refusal> {
    let raw = head.uri.query().unwrap_or_default();
    let bytes =
        uri::query(raw).ok_or_else(|| Refusal::invalid_uri().with("URI", head.uri.to_string()))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let query: Vec<_> = bytes.iter().map(|(name, value)| (text(name), text(value))).collect();
    let authorization = head.headers.get(AUTHORIZATION);
    let clock = &context.clock;
    let now = VerificationTime { clock, wall: clock.wall(), shown: clock.now() };
    let presigned = is_presigned(&query);
    let claim = match (presigned, authorization) {
        (_, Some(value)) if presigned || is_version_2(&query) => {
            return Err(Refusal::one_auth_mechanism()
                .with("ArgumentName", "Authorization")
                .with("ArgumentValue", String::from_utf8_lossy(value.as_bytes())));
        }
        (true, _) => query::claim(&query, region, &now, context)?,
        (false, Some(value)) => {
            let value = String::from_utf8_lossy(value.as_bytes());
            header::claim(&head.headers, &value, region, &now)?
        }
        (false, None) if is_version_2(&query) => {
            let wire = version_2::RawRequest { head, bucket, raw, query: &query };
            return version_2::verify(&wire, region, &now, keyring);
        }
        (false, None) => return Err(Refusal::access_denied()),
    };
    let token = if presigned {
        find(&query, "X-Amz-Security-Token")
    } else {
        head.headers.get("x-amz-security-token").and_then(|value| value.to_str().ok())
    };
    let key = key(&claim.access_key_id, token, keyring, now.wall)?;
    all_signed(&head.headers, &claim, presigned)?;
    let hoisted = hoisted(&head.headers, &query, presigned);
    let payload = payload_text(&head.headers, &query, &claim, presigned)?;
    let canonical_request = canonical::request(
        head.method.as_str(),
        &path(head.uri.path()),
        &bytes,
        (&head.headers, &claim.signed_headers),
        &payload,
    );
    let signing_key = signature(&claim, &key, &canonical_request)?;
    let given = hoisted.get("x-amz-content-sha256").and_then(|value| value.to_str().ok());
    Ok(VerifiedRequest {
        form: form(given.unwrap_or(&payload), &claim, signing_key)?,
        headers: hoisted,
        query: without_claim(raw),
        access_key_id: claim.access_key_id,
        region: claim.region,
        presigned,
    })
}

/// The canonical path: decoded, then encoded once. Unlike for other services, S3's path is not encoded twice.
fn path(raw: &str) -> String {
    let decoded = uri::decode(raw).unwrap_or_else(|| raw.as_bytes().to_vec());
    uri::encode(&decoded, true)
}

fn find<'a>(query: &'a [(String, String)], name: &str) -> Option<&'a str> {
    query.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
}

/// Any parameter of SigV4 makes a presigned URL, so that a missing parameter is reported.
fn is_presigned(query: &[(String, String)]) -> bool {
    ["X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature"]
        .into_iter()
        .any(|name| find(query, name).is_some())
}

/// Any parameter of SigV2 makes a presigned URL, so that a missing parameter is reported.
fn is_version_2(query: &[(String, String)]) -> bool {
    ["AWSAccessKeyId", "Signature", "Expires"].into_iter().any(|name| find(query, name).is_some())
}

/// The key of an id, if its token and its expiry are valid.
fn key(id: &str, token: Option<&str>, keyring: &Keyring, now: EpochMillis) -> Result<Key, Refusal> {
    let unknown = || Refusal::invalid_access_key_id().with("AWSAccessKeyId", id);
    let key = keyring.find(id).ok_or_else(unknown)?;
    match (&key.session_token, token) {
        (None, None) => {}
        // AWS reports a temporary key without its token as an unknown key.
        (Some(_), None) => return Err(unknown()),
        (Some(expected), Some(given)) if expected == given => {}
        (_, Some(given)) => return Err(Refusal::invalid_token().with("Token-0", given)),
    }
    if key.expires.is_some_and(|expires| now >= expires) {
        return Err(Refusal::expired_token().with("Token-0", token.unwrap_or_default()));
    }
    Ok(key)
}

/// The host and all `x-amz-*` headers must be signed; `Content-Type` need not be.
fn all_signed(
    headers: &HeaderMap,
    claim: &RequestSignature,
    presigned: bool,
) -> Result<(), Refusal> {
    let mut unsigned: Vec<&str> = headers
        .keys()
        .map(HeaderName::as_str)
        .filter(|name| *name == "host" || name.starts_with("x-amz-"))
        .filter(|name| !(presigned && *name == "x-amz-content-sha256"))
        .filter(|name| !claim.signs(name))
        .collect();
    if unsigned.is_empty() {
        return Ok(());
    }
    unsigned.sort_unstable();
    Err(Refusal::headers_not_signed().with("HeadersNotSigned", unsigned.join(", ")))
}

/// The payload's entry in the canonical request.
fn payload_text(
    headers: &HeaderMap,
    query: &[(String, String)],
    claim: &RequestSignature,
    presigned: bool,
) -> Result<String, Refusal> {
    let header = headers
        .get("x-amz-content-sha256")
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    if !presigned {
        return header.ok_or_else(Refusal::content_sha256_missing);
    }
    let parameter = find(query, "X-Amz-Content-Sha256").map(str::to_owned);
    let signed = header.filter(|_| claim.signs("x-amz-content-sha256"));
    Ok(parameter.or(signed).unwrap_or_else(|| "UNSIGNED-PAYLOAD".to_owned()))
}

/// Compares the signatures and returns the signing key for chunks.
fn signature(
    claim: &RequestSignature,
    key: &Key,
    canonical_request: &str,
) -> Result<[u8; 32], Refusal> {
    let string_to_sign = canonical::string_to_sign(claim, canonical_request);
    let signing_key = canonical::signing_key(&key.secret_access_key, claim);
    if canonical::signature(&signing_key, &string_to_sign) == claim.signature {
        return Ok(signing_key);
    }
    Err(Refusal::signature_does_not_match()
        .with("AWSAccessKeyId", claim.access_key_id.clone())
        .with("StringToSign", string_to_sign.clone())
        .with("SignatureProvided", claim.signature.clone())
        .with("StringToSignBytes", spaced_hex(&string_to_sign))
        .with("CanonicalRequest", canonical_request)
        .with("CanonicalRequestBytes", spaced_hex(canonical_request)))
}

fn spaced_hex(text: &str) -> String {
    let bytes: Vec<String> = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    bytes.join(" ")
}

fn form(
    payload: &str,
    claim: &RequestSignature,
    signing_key: [u8; 32],
) -> Result<BodyEncoding, Refusal> {
    let signer = || Some(Signer::new(signing_key, &claim.time, claim.scope(), &claim.signature));
    match payload {
        "UNSIGNED-PAYLOAD" => Ok(BodyEncoding::Unsigned),
        "STREAMING-UNSIGNED-PAYLOAD-TRAILER" => {
            Ok(BodyEncoding::Chunked { signer: None, trailer: true })
        }
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" => {
            Ok(BodyEncoding::Chunked { signer: signer(), trailer: false })
        }
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER" => {
            Ok(BodyEncoding::Chunked { signer: signer(), trailer: true })
        }
        digest => {
            let mut sha256 = [0; 32];
            hex::decode_to_slice(digest, &mut sha256).map_err(|_| {
                Refusal::content_sha256_invalid()
                    .with("ArgumentName", "x-amz-content-sha256")
                    .with("ArgumentValue", digest)
            })?;
            Ok(BodyEncoding::Sha256(sha256))
        }
    }
}

/// The conditional headers that a presigned URL may have as query parameters (recorded 2026-02-21).
const CONDITIONS: [&str; 4] =
    ["if-match", "if-none-match", "if-modified-since", "if-unmodified-since"];

/// Whether a query parameter of a presigned URL counts as a header. A checksum does not: the signer did not know the body, and
/// S3 does not compare it (recorded 2026-02-21, `test_presigned_url_v4_x_amz_in_qs`).
fn is_header(name: &str) -> bool {
    let is_checksum = crate::checksum::Algorithm::ALL.iter().any(|it| it.header() == name)
        || name == "x-amz-sdk-checksum-algorithm";
    let is_x_amz = name.starts_with("x-amz-") && !query::PARAMETERS.contains(&name);
    (is_x_amz && !is_checksum) || CONDITIONS.contains(&name)
}

/// The headers, including those in the query of a presigned URL: `x-amz-meta-a=b` counts as a header and takes precedence over
/// it.
fn hoisted(headers: &HeaderMap, query: &[(String, String)], presigned: bool) -> HeaderMap {
    let mut all = headers.clone();
    if !presigned {
        return all;
    }
    for (name, value) in query {
        let name = name.to_ascii_lowercase();
        if !is_header(&name) {
            continue;
        }
        let parsed = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value));
        if let (Ok(name), Ok(value)) = parsed {
            all.insert(name, value);
        }
    }
    all
}

/// The raw query without the signature, in its original order and spelling.
fn without_claim(raw: &str) -> String {
    let kept: Vec<&str> = raw
        .split('&')
        .filter(|pair| {
            let name = pair.split('=').next().unwrap_or_default().to_ascii_lowercase();
            !name.starts_with("x-amz-") && !CONDITIONS.contains(&name.as_str()) && !pair.is_empty()
        })
        .collect();
    kept.join("&")
}
