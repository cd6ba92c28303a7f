//! The signature in an `Authorization` header.

use http::{HeaderMap, StatusCode, header};

use super::{VerificationTime, credential, time};
use crate::refusal::Refusal;
use crate::region::SigningRegion;
use hardcap_core::sigv4::{ALGORITHM, RequestSignature};

/// The maximum difference between the request's time and the current time (S3 reference, RequestTimeTooSkewed).
const SKEW_SECONDS: i64 = 15 * 60;

/// Parses the header and checks everything that does not need the secret.
///
/// # Errors
///
/// The refusal that AWS would send.
pub(super) fn claim(
    headers: &HeaderMap,
    value: &str,
    region: &SigningRegion,
    now: &VerificationTime<'_>,
) -> Result<RequestSignature, Refusal> {
    let (scheme, rest) = value.split_once(' ').unwrap_or((value, ""));
    if scheme == "AWS" {
        return Err(Refusal::sigv4_only());
    }
    if scheme != ALGORITHM {
        return Err(Refusal::unsupported_authorization()
            .with("ArgumentName", "Authorization")
            .with("ArgumentValue", value));
    }
    let part = |name: &str| {
        let mut parts = rest.split(',').map(str::trim);
        parts.find_map(|part| part.strip_prefix(name)?.strip_prefix('='))
    };
    let given = part("Credential").ok_or_else(|| malformed("the Credential field is missing."))?;
    let signed = part("SignedHeaders").filter(|text| !text.is_empty());
    let signed = signed.ok_or_else(|| malformed("the SignedHeaders field is missing."))?;
    let signature = part("Signature").filter(|text| !text.is_empty());
    let signature = signature.ok_or_else(|| malformed("the Signature field is missing."))?;
    let credential = credential::parse(given).ok_or_else(|| {
        malformed(
            "the Credential is mal-formed; expecting \"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\".",
        )
    })?;
    credential.check(region).map_err(|problem| problem.refusal(malformed))?;
    let time = date(headers)?;
    skew(&time, now)?;
    if time.format_day() != credential.day {
        return Err(malformed(&format!(
            "Invalid credential date \"{}\". This date is not the same as X-Amz-Date: \"{}\".",
            credential.day,
            time.format_day()
        )));
    }
    Ok(RequestSignature {
        access_key_id: credential.access_key_id,
        day: credential.day,
        region: credential.region,
        service: "s3".to_owned(),
        time: time.format_long(),
        signed_headers: signed.split(';').map(str::to_ascii_lowercase).collect(),
        signature: signature.to_owned(),
    })
}

fn malformed(what: &str) -> Refusal {
    Refusal::new(
        StatusCode::BAD_REQUEST,
        "AuthorizationHeaderMalformed",
        format!("The authorization header is malformed; {what}"),
    )
}

fn date(headers: &HeaderMap) -> Result<time::Time, Refusal> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let given = text("x-amz-date").or_else(|| text(header::DATE.as_str()));
    given
        .and_then(|given| time::Time::parse(given).or_else(|| time::Time::parse_http(given)))
        .ok_or_else(Refusal::date_missing)
}

fn skew(time: &time::Time, now: &VerificationTime<'_>) -> Result<(), Refusal> {
    if now.skew_seconds(time).abs() <= SKEW_SECONDS {
        return Ok(());
    }
    Err(Refusal::request_time_too_skewed()
        .with("RequestTime", time.format_long())
        .with("ServerTime", now.server_time())
        .with("MaxAllowedSkewMilliseconds", (SKEW_SECONDS * 1000).to_string()))
}
