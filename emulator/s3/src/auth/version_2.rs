//! SigV2: presigned URLs and forms, the default of boto3 and the AWS CLI v1 in us-east-1.
//!
//! The string to sign is that of "Signing and authenticating REST requests" in the S3 developer guide. Recorded on AWS,
//! 2026-02-21, on new buckets: LocalStack's `TestS3PresignedUrl` and `TestS3PresignedPost` with `[s3]`. A signed
//! `Authorization` header of SigV2 has not been recorded and is refused.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{HeaderMap, HeaderName, HeaderValue, request};
use sha1::Sha1;

use super::{BodyEncoding, VerificationTime, VerifiedRequest, find, spaced_hex, time};
use crate::refusal::Refusal;
use crate::region::SigningRegion;
use hardcap_core::context::Context;
use hardcap_core::keyring::Keyring;

/// The regions that accept SigV2: those opened before 2014 (AWS general reference, "Signature Version 2 signing process").
/// Later ones accept only SigV4.
const REGIONS: [&str; 8] = [
    "us-east-1",
    "us-west-1",
    "us-west-2",
    "eu-west-1",
    "ap-northeast-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "sa-east-1",
];

/// The query parameters that are signed with the resource (S3 developer guide, and botocore's `QSAOfInterest`).
const SUBRESOURCES: [&str; 33] = [
    "accelerate",
    "acl",
    "analytics",
    "cors",
    "defaultObjectAcl",
    "delete",
    "inventory",
    "lifecycle",
    "location",
    "logging",
    "metrics",
    "notification",
    "partNumber",
    "policy",
    "replication",
    "requestPayment",
    "response-cache-control",
    "response-content-disposition",
    "response-content-encoding",
    "response-content-language",
    "response-content-type",
    "response-expires",
    "restore",
    "select",
    "select-type",
    "tagging",
    "torrent",
    "uploadId",
    "uploads",
    "versionId",
    "versioning",
    "versions",
    "website",
];

/// A request as it was sent.
pub(super) struct RawRequest<'a> {
    pub(super) head: &'a request::Parts,
    /// The bucket from the host name, if it is there.
    pub(super) bucket: Option<&'a str>,
    pub(super) raw: &'a str,
    pub(super) query: &'a [(String, String)],
}

/// Verifies a presigned URL.
///
/// # Errors
///
/// The refusal that AWS would send.
pub(super) fn verify(
    wire: &RawRequest<'_>,
    region: &SigningRegion,
    now: &VerificationTime<'_>,
    keyring: &Keyring,
) -> Result<VerifiedRequest, Refusal> {
    if !REGIONS.contains(&region.name()) {
        return Err(Refusal::sigv4_only());
    }
    let given = (
        find(wire.query, "AWSAccessKeyId"),
        find(wire.query, "Signature"),
        find(wire.query, "Expires"),
    );
    let (Some(id), Some(signature), Some(expires)) = given else {
        return Err(Refusal::version_2_parameters());
    };
    let ends: i64 = expires.parse().map_err(|_| Refusal::version_2_expires())?;
    if now.seconds() > now.shown_point(ends) {
        return Err(Refusal::expired()
            .with("Expires", time::format_iso(ends))
            .with("ServerTime", now.server_time()));
    }
    let headers = merged(&wire.head.headers, wire.query);
    let token = headers.get("x-amz-security-token").and_then(|token| token.to_str().ok());
    let key = super::key(id, token, keyring, now.wall)?;
    let text = string_to_sign(wire, &headers, expires);
    // An unencoded `+` is a space.
    let signature = signature.replace(' ', "+");
    if sign(&key.secret_access_key, &text) != signature {
        return Err(Refusal::signature_does_not_match()
            .with("AWSAccessKeyId", id)
            .with("StringToSign", text.clone())
            .with("SignatureProvided", signature)
            .with("StringToSignBytes", spaced_hex(&text)));
    }
    Ok(VerifiedRequest {
        access_key_id: id.to_owned(),
        region: region.name().to_owned(),
        presigned: true,
        form: BodyEncoding::Unsigned,
        headers,
        query: without_claim(wire.raw),
    })
}

fn sign(secret: &str, text: &str) -> String {
    let mut mac = Hmac::<Sha1>::new_from_slice(secret.as_bytes()).expect("a key of any length");
    mac.update(text.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

/// The headers, including those in the query of a presigned URL: `x-amz-*`, the content type and the digest.
fn merged(headers: &HeaderMap, query: &[(String, String)]) -> HeaderMap {
    let mut all = headers.clone();
    for (name, value) in query {
        let name = name.to_ascii_lowercase();
        let is_header =
            name.starts_with("x-amz-") || ["content-type", "content-md5"].contains(&name.as_str());
        // A header takes precedence over the query, because it is what the client really sends.
        if !is_header || headers.contains_key(&name) {
            continue;
        }
        let parsed = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value));
        if let (Ok(name), Ok(value)) = parsed {
            all.append(name, value);
        }
    }
    all
}

fn string_to_sign(wire: &RawRequest<'_>, headers: &HeaderMap, expires: &str) -> String {
    let text = |name: &str| {
        let value = headers.get(name);
        value
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
            .unwrap_or_default()
    };
    let (method, md5, kind) = (&wire.head.method, text("content-md5"), text("content-type"));
    let mut signed = format!("{method}\n{md5}\n{kind}\n{expires}\n");
    let mut amazon = BTreeMap::<&str, Vec<String>>::new();
    for (name, value) in headers.iter().filter(|(name, _)| name.as_str().starts_with("x-amz-")) {
        let value = String::from_utf8_lossy(value.as_bytes()).trim().to_owned();
        amazon.entry(name.as_str()).or_default().push(value);
    }
    for (name, values) in amazon {
        let _ = writeln!(signed, "{name}:{}", values.join(","));
    }
    signed.push_str(&resource(wire));
    signed
}

/// `/bucket/key?acl&uploadId=1`: the path as it was sent, preceded by the bucket of the host, and the subresources.
fn resource(wire: &RawRequest<'_>) -> String {
    let path = wire.head.uri.path();
    let mut resource = match wire.bucket {
        // In path style the bucket is the first segment.
        Some(bucket) if path.split('/').nth(1) != Some(bucket) || is_virtual_host(wire, bucket) => {
            format!("/{bucket}{path}")
        }
        _ => path.to_owned(),
    };
    let mut named: Vec<_> = wire
        .query
        .iter()
        .filter(|(name, _)| SUBRESOURCES.contains(&name.as_str()))
        .map(|(name, value)| {
            // A subresource without a value is signed without an equals sign.
            if value.is_empty() { name.clone() } else { format!("{name}={value}") }
        })
        .collect();
    named.sort();
    if !named.is_empty() {
        let _ = write!(resource, "?{}", named.join("&"));
    }
    resource
}

fn is_virtual_host(wire: &RawRequest<'_>, bucket: &str) -> bool {
    let host = wire.head.headers.get(http::header::HOST).and_then(|host| host.to_str().ok());
    host.or(wire.head.uri.host()).is_some_and(|host| host.starts_with(&format!("{bucket}.")))
}

/// The raw query without the signature and without headers, in its original order and spelling.
fn without_claim(raw: &str) -> String {
    let is_claim = |pair: &&str| {
        let name = pair.split('=').next().unwrap_or_default();
        let lower = name.to_ascii_lowercase();
        ["AWSAccessKeyId", "Signature", "Expires"].contains(&name)
            || lower.starts_with("x-amz-")
            || ["content-type", "content-md5"].contains(&lower.as_str())
    };
    raw.split('&').filter(|pair| !pair.is_empty() && !is_claim(pair)).collect::<Vec<_>>().join("&")
}

/// The form fields that make up the signature.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FormSignature<'a> {
    pub(crate) access_key_id: &'a str,
    pub(crate) signature: &'a str,
    pub(crate) token: Option<&'a str>,
    /// The policy in base64, as it was signed.
    pub(crate) policy: &'a str,
}

impl FormSignature<'_> {
    /// Verifies the signature of the policy.
    ///
    /// # Errors
    ///
    /// The refusal that AWS would send.
    pub(crate) fn verify(
        &self,
        region: &SigningRegion,
        keyring: &Keyring,
        context: &Context,
    ) -> Result<(), Refusal> {
        if !REGIONS.contains(&region.name()) {
            return Err(Refusal::sigv4_only());
        }
        let key = super::key(self.access_key_id, self.token, keyring, context.clock.wall())?;
        if sign(&key.secret_access_key, self.policy) == self.signature {
            return Ok(());
        }
        Err(Refusal::signature_does_not_match()
            .with("AWSAccessKeyId", self.access_key_id)
            .with("StringToSign", self.policy)
            .with("SignatureProvided", self.signature)
            .with("StringToSignBytes", spaced_hex(self.policy)))
    }

    /// Whether a policy with this expiration, in seconds since 1970, has expired by the emulator's clock.
    pub(crate) fn has_expired(expiration: i64, context: &Context) -> bool {
        let clock = &context.clock;
        let now = VerificationTime { clock, wall: clock.wall(), shown: clock.now() };
        now.seconds() > now.shown_point(expiration)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the S3 developer guide, "Signing and authenticating REST requests", with a query string. Later editions
    /// renamed the bucket and kept the signature.
    #[test]
    fn the_signature_of_the_developer_guides_example_is_reproduced() {
        const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
        let get = "GET\n\n\n1175139620\n/johnsmith/photos/puppy.jpg";
        assert_eq!(sign(SECRET, get), "NpgCjnDzrM+WFzoENXmpNDUsSn8=");
    }

    #[test]
    fn headers_in_the_query_are_signed_as_headers() {
        let request = http::Request::put(
            "/bucket/a%20b?content-type=a%2Fb&x-amz-meta-B=2&acl&versionId=3&other=1",
        )
        .header("host", "localhost")
        .header("x-amz-meta-a", " 1 ");
        let (head, ()) = request.body(()).unwrap().into_parts();
        let query: Vec<_> = [
            ("content-type", "a/b"),
            ("x-amz-meta-B", "2"),
            ("acl", ""),
            ("versionId", "3"),
            ("other", "1"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        let wire = RawRequest { head: &head, bucket: Some("bucket"), raw: "", query: &query };
        let headers = merged(&head.headers, &query);
        assert_eq!(
            string_to_sign(&wire, &headers, "9"),
            "PUT\n\na/b\n9\nx-amz-meta-a:1\nx-amz-meta-b:2\n/bucket/a%20b?acl&versionId=3"
        );
    }
}
