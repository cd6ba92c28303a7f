//! The signature in the query of a presigned URL.

use hardcap_limits::Millis;
use http::StatusCode;

use super::{VerificationTime, credential, time};
use crate::refusal::Refusal;
use crate::region::SigningRegion;
use hardcap_core::context::Context;
use hardcap_core::sigv4::{ALGORITHM, RequestSignature};

/// The maximum time that the start of a URL may be in the future, as for a signed header.
const AHEAD_SECONDS: i64 = 15 * 60;

/// The parameters of the signature, which are not parameters of the operation.
pub(super) const PARAMETERS: [&str; 7] = [
    "x-amz-algorithm",
    "x-amz-credential",
    "x-amz-signature",
    "x-amz-date",
    "x-amz-signedheaders",
    "x-amz-expires",
    "x-amz-security-token",
];

/// Parses the parameters and checks everything that does not need the secret.
///
/// # Errors
///
/// The refusal that AWS would send; [`Refusal::expired`] for an expired URL.
pub(super) fn claim(
    query: &[(String, String)],
    region: &SigningRegion,
    now: &VerificationTime<'_>,
    context: &Context,
) -> Result<RequestSignature, Refusal> {
    let find = |name: &str| query.iter().find(|(given, _)| given == name).map(|(_, value)| value);
    let all = (
        find("X-Amz-Algorithm"),
        find("X-Amz-Credential"),
        find("X-Amz-Signature"),
        find("X-Amz-Date"),
        find("X-Amz-SignedHeaders"),
        find("X-Amz-Expires"),
    );
    let (Some(algorithm), Some(given), Some(signature), Some(date), Some(signed), Some(expires)) =
        all
    else {
        return Err(wrong(
            "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.",
        ));
    };
    if algorithm != ALGORITHM {
        return Err(wrong(
            "X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256 and AWS4-ECDSA-P256-SHA256\"",
        ));
    }
    let credential = credential::parse(given).ok_or_else(|| {
        in_credential(
            "the Credential is mal-formed; expecting \"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\".",
        )
    })?;
    credential.check(region).map_err(|problem| problem.refusal(in_credential))?;
    let time = time::Time::parse(date).ok_or_else(|| {
        wrong("X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"")
    })?;
    if time.format_day() != credential.day {
        return Err(wrong(&format!(
            "Invalid credential date \"{}\". This date is not the same as X-Amz-Date: \"{}\".",
            credential.day,
            time.format_day()
        )));
    }
    valid_at(&time, expires, now, context)?;
    Ok(RequestSignature {
        access_key_id: credential.access_key_id,
        day: credential.day,
        region: credential.region,
        service: "s3".to_owned(),
        time: time.format_long(),
        signed_headers: signed.split(';').map(str::to_ascii_lowercase).collect(),
        signature: signature.clone(),
    })
}

/// Checks that the URL is valid at this time.
fn valid_at(
    time: &time::Time,
    expires: &str,
    now: &VerificationTime<'_>,
    context: &Context,
) -> Result<(), Refusal> {
    let seconds: i64 = expires.parse().map_err(|_| wrong("X-Amz-Expires should be a number"))?;
    let span = u64::try_from(seconds).map_err(|_| wrong("X-Amz-Expires must be non-negative"))?;
    context
        .admit(&context.limits.s3_presign_expiry, Millis(span.saturating_mul(1000)))
        .map_err(|exceeded| Refusal::limit(&exceeded))?;
    if now.skew_seconds(time) < -AHEAD_SECONDS {
        return Err(Refusal::not_yet_valid()
            .with("X-Amz-Expires", expires)
            .with("ServerTime", now.server_time()));
    }
    let ends = now.shown_seconds(time).saturating_add(seconds);
    if is_over(ends, now.seconds()) {
        return Err(Refusal::expired()
            .with("X-Amz-Expires", expires)
            .with("Expires", time::format_iso(ends))
            .with("ServerTime", now.server_time()));
    }
    Ok(())
}

/// Whether a URL that expires in one second has expired in another. The last second is valid.
fn is_over(ends: i64, now: i64) -> bool {
    now > ends
}

fn wrong(message: &str) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, "AuthorizationQueryParametersError", message.to_owned())
}

fn in_credential(what: &str) -> Refusal {
    wrong(&format!("Error parsing the X-Amz-Credential parameter; {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_presigned_url_of_sixty_seconds_is_valid_at_59_and_60_and_not_at_61() {
        let (dated, expires) = (1_800_000_000, 60);
        let over = |after: i64| is_over(dated + expires, dated + after);
        assert_eq!((over(0), over(59), over(60), over(61)), (false, false, false, true));
    }
}
