//! `--strict-auth`: verifies signatures on the APIs that otherwise accept any key and unsigned calls.
//!
//! The texts are known from reports of AWS's clients; none is recorded.

use axum::body::Body;
use bytes::Bytes;
use hardcap_limits::Millis;
use http::request::Parts;
use http::{HeaderValue, Request, Response, StatusCode, header};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::services::sts;
use hardcap_core::clock::EpochMillis;
use hardcap_core::context::Platform;
use hardcap_core::serve::{self, RequestBody};
use hardcap_core::sigv4::{self, ALGORITHM, RequestSignature};
use hardcap_core::uri;

/// The maximum body size, above that of every API. A body is read completely before its signature is verified.
const BODY_MAX: usize = 1 << 25;
/// The maximum difference between a signature's time and the clock, in either direction.
const SKEW: Millis = Millis(5 * 60 * 1000);

/// The error format of an API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// `__type` and `message`, status 400. The text is the prefix of the type.
    Json(&'static str),
    /// `message` and the header `x-amzn-errortype`, status 403.
    Rest,
    /// An XML document, status 403.
    Query,
}

/// The reason of a refused call: its code in JSON, its code in XML, and a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Denied {
    code: &'static str,
    query_code: &'static str,
    text: String,
}

impl Denied {
    /// The error code in JSON.
    pub(crate) fn code(&self) -> &'static str {
        self.code
    }

    /// The error text.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}

fn denied(code: &'static str, query_code: &'static str, text: impl Into<String>) -> Denied {
    Denied { code, query_code, text: text.into() }
}

/// Reads a call completely and verifies its signature. Returns the call, or the response that refuses it.
pub(crate) async fn verified(
    platform: &Platform,
    request: Request<RequestBody>,
    dialect: Dialect,
) -> Result<Request<Body>, Response<Body>> {
    let (head, body) = request.into_parts();
    let Some(body) = serve::read_at_most(body, BODY_MAX).await else {
        let text =
            format!("the request is larger than {BODY_MAX} bytes, or ended before its body did");
        let denied = denied("RequestEntityTooLargeException", "RequestEntityTooLarge", text);
        return Err(render(platform, &denied, dialect));
    };
    match verify(&head, &body, platform) {
        Ok(()) => Ok(Request::from_parts(head, Body::from(body))),
        Err(denied) => Err(render(platform, &denied, dialect)),
    }
}

/// Verifies the signature of a request for a service, and returns the access key id.
pub(crate) fn signer(
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

fn verify(head: &Parts, body: &Bytes, platform: &Platform) -> Result<(), Denied> {
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

/// Refuses a call for a reason that AWS does not have, with status 403 in every format.
pub(crate) fn refuse(platform: &Platform, text: &str, dialect: Dialect) -> Response<Body> {
    let denied = denied("AccessDeniedException", "AccessDenied", text);
    let mut response = render(platform, &denied, dialect);
    *response.status_mut() = StatusCode::FORBIDDEN;
    response
}

fn render(platform: &Platform, denied: &Denied, dialect: Dialect) -> Response<Body> {
    let ctx = platform.context();
    let (status, kind, body) = match dialect {
        Dialect::Json(namespace) => {
            let code = format!("{namespace}{}", denied.code);
            let body = json!({ "__type": code, "message": denied.text }).to_string();
            // DynamoDB uses version 1.0 of the protocol, the others 1.1.
            let version = if namespace.is_empty() { "1.1" } else { "1.0" };
            (400, format!("application/x-amz-json-{version}"), body)
        }
        Dialect::Rest => {
            let body = json!({ "message": denied.text }).to_string();
            (403, "application/json".to_owned(), body)
        }
        Dialect::Query => return sts::error(&ctx, 403, denied.query_code, &denied.text),
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::FORBIDDEN);
    let headers = response.headers_mut();
    if let Ok(kind) = HeaderValue::try_from(kind) {
        headers.insert(header::CONTENT_TYPE, kind);
    }
    if dialect == Dialect::Rest {
        headers.insert("x-amzn-errortype", HeaderValue::from_static(denied.code));
    }
    if let Ok(id) = HeaderValue::from_str(&ctx.request_id) {
        headers.insert("x-amzn-requestid", id);
    }
    response
}
