//! The verification of signatures for APIs that otherwise accept any key and unsigned calls (`--strict-auth`, and IAM
//! authorization of a gateway).
//!
//! The texts are known from reports of AWS's clients; none is recorded.

use bytes::Bytes;
use hardcap_limits::Millis;
use http::header;
use http::request::Parts;
use sha2::{Digest as _, Sha256};

use crate::clock::EpochMillis;
use crate::context::Platform;
use crate::sigv4::{self, ALGORITHM, RequestSignature};
use crate::uri;

/// The maximum difference between a signature's time and the clock, in either direction.
const SKEW: Millis = Millis(5 * 60 * 1000);

/// The reason of a refused call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    /// The error code in JSON.
    pub code: &'static str,
    /// The error code in XML.
    pub query_code: &'static str,
    /// The error text.
    pub text: String,
}

fn denied(code: &'static str, query_code: &'static str, text: impl Into<String>) -> Denied {
    Denied { code, query_code, text: text.into() }
}

/// Verifies the signature of a request for a service, and returns the access key id.
///
/// # Errors
///
/// As [`verify`], and if the signature is for another service.
pub fn signer(
    head: &Parts,
    body: &Bytes,
    platform: &Platform,
    service: &str,
) -> Result<String, Denied> {
    let query = uri::query(head.uri.query().unwrap_or_default()).unwrap_or_default();
    let claim = claim(head, &query)?;
    if claim.service != service {
        let text = format!("Credential should be scoped to correct service: '{service}'.");
        return Err(mismatch(text));
    }
    verify(head, body, platform)?;
    Ok(claim.access_key_id)
}

/// Verifies the signature of a request: its key, session token, time, signed headers and body.
///
/// The hash is that of the body, whatever `x-amz-content-sha256` has: only S3 takes `UNSIGNED-PAYLOAD` (CloudFront developer guide,
/// "Restrict access to an AWS Lambda function URL origin": Lambda does not support unsigned payloads).
///
/// # Errors
///
/// [`Denied`] with AWS's code and text if it is missing, incomplete, expired, by an unknown key or wrong.
pub fn verify(head: &Parts, body: &Bytes, platform: &Platform) -> Result<(), Denied> {
    let query = uri::query(head.uri.query().unwrap_or_default()).unwrap_or_default();
    let claim = claim(head, &query)?;
    let key = platform.keyring.find(&claim.access_key_id).ok_or_else(unknown_key)?;
    let token = head.headers.get("x-amz-security-token").map(|token| token.as_bytes().to_vec());
    let token = token.or_else(|| find(&query, "X-Amz-Security-Token").map(String::into_bytes));
    if key.session_token.as_deref().map(str::as_bytes) != token.as_deref() {
        return Err(unknown_key());
    }
    let now = platform.clock.wall();
    if key.expires.is_some_and(|expires| now >= expires) {
        let text = "The security token included in the request is expired";
        return Err(denied("ExpiredTokenException", "ExpiredToken", text));
    }
    check_time(&claim, &query, platform)?;
    if !claim.signs("host") {
        return Err(mismatch(
            "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.",
        ));
    }
    let canonical = sigv4::request(
        head.method.as_str(),
        &uri::encode(head.uri.path().as_bytes(), true),
        &query,
        (&head.headers, &claim.signed_headers),
        &hex::encode(Sha256::digest(body)),
    );
    let signing_key = sigv4::signing_key(&key.secret_access_key, &claim);
    let signature = sigv4::signature(&signing_key, &sigv4::string_to_sign(&claim, &canonical));
    if signature == claim.signature {
        return Ok(());
    }
    Err(mismatch(
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access \
         Key and signing method. Consult the service documentation for details.",
    ))
}

fn unknown_key() -> Denied {
    let text = "The security token included in the request is invalid.";
    denied("UnrecognizedClientException", "InvalidClientTokenId", text)
}

fn mismatch(text: impl Into<String>) -> Denied {
    denied("InvalidSignatureException", "SignatureDoesNotMatch", text)
}

fn incomplete(what: &str) -> Denied {
    let text = format!("the signature has no {what}");
    denied("IncompleteSignatureException", "IncompleteSignature", text)
}

/// The signature's parameters, from the header or the query.
fn claim(head: &Parts, query: &[(Vec<u8>, Vec<u8>)]) -> Result<RequestSignature, Denied> {
    let header = head.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let in_header = |name: &str| {
        let fields = header?.strip_prefix(ALGORITHM)?;
        let field = fields.split(',').find_map(|field| field.trim().strip_prefix(name))?;
        Some(field.strip_prefix('=')?.to_owned())
    };
    let presigned = find(query, "X-Amz-Signature").is_some();
    if header.is_none() && !presigned {
        let text = "Request is missing Authentication Token";
        return Err(denied(
            "MissingAuthenticationTokenException",
            "MissingAuthenticationToken",
            text,
        ));
    }
    let field = |name: &str| match presigned {
        true => find(query, &format!("X-Amz-{name}")),
        false => in_header(name),
    };
    let credential = field("Credential").ok_or_else(|| incomplete("Credential"))?;
    let mut parts = credential.rsplitn(5, '/').map(str::to_owned);
    let mut part = || parts.next().ok_or_else(|| incomplete("complete Credential"));
    let (_, service, region, day, access_key_id) = (part()?, part()?, part()?, part()?, part()?);
    let date = head.headers.get("x-amz-date").and_then(|date| date.to_str().ok());
    let time = if presigned { find(query, "X-Amz-Date") } else { date.map(str::to_owned) };
    let signed_headers = field("SignedHeaders").ok_or_else(|| incomplete("SignedHeaders"))?;
    Ok(RequestSignature {
        access_key_id,
        day,
        region,
        service,
        time: time.ok_or_else(|| incomplete("X-Amz-Date"))?,
        signed_headers: signed_headers.split(';').map(str::to_ascii_lowercase).collect(),
        signature: field("Signature").ok_or_else(|| incomplete("Signature"))?,
    })
}

fn find(query: &[(Vec<u8>, Vec<u8>)], name: &str) -> Option<String> {
    let (_, value) = query.iter().find(|(given, _)| given == name.as_bytes())?;
    Some(String::from_utf8_lossy(value).into_owned())
}

/// Checks the time of a signature. It is valid for five minutes; a presigned one has its own validity.
fn check_time(
    claim: &RequestSignature,
    query: &[(Vec<u8>, Vec<u8>)],
    platform: &Platform,
) -> Result<(), Denied> {
    let signed = parse_time(&claim.time)
        .ok_or_else(|| incomplete("X-Amz-Date of the form 20260221T101112Z"))?;
    if !claim.time.starts_with(&claim.day) {
        let (day, time) = (&claim.day, &claim.time);
        return Err(mismatch(format!(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{day}' != \
             '{}', from '{time}'.",
            time.get(..8).unwrap_or_default()
        )));
    }
    let expires = find(query, "X-Amz-Expires").and_then(|seconds| seconds.parse::<u64>().ok());
    let life = expires.map_or(SKEW, |seconds| Millis(seconds.saturating_mul(1000)));
    // Callers sign with the wall clock, which cannot be advanced.
    let now = platform.clock.wall();
    if now.since(signed) > life {
        let earliest = EpochMillis(now.0.saturating_sub(life.0));
        return Err(mismatch(format!(
            "Signature expired: {} is now earlier than {} ({} - {} min.)",
            claim.time,
            format_time(earliest),
            format_time(now),
            life.0 / 60_000
        )));
    }
    if signed.since(now) > SKEW {
        return Err(mismatch(format!(
            "Signature not yet current: {} is still later than {} ({} + 5 min.)",
            claim.time,
            format_time(now.plus(SKEW)),
            format_time(now)
        )));
    }
    Ok(())
}

fn parse_time(text: &str) -> Option<EpochMillis> {
    let format = time::macros::format_description!("[year][month][day]T[hour][minute][second]Z");
    let time = time::PrimitiveDateTime::parse(text, format).ok()?.assume_utc();
    Some(EpochMillis(u64::try_from(time.unix_timestamp()).ok()?.saturating_mul(1000)))
}

fn format_time(at: EpochMillis) -> String {
    let format = time::macros::format_description!("[year][month][day]T[hour][minute][second]Z");
    at.to_utc().format(format).unwrap_or_default()
}
