//! SigV4: canonical request, string to sign and signature. Pure.

use std::borrow::Cow;

use hmac::{Hmac, KeyInit as _, Mac as _};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, header};
use sha2::{Digest as _, Sha256};

use crate::clock::EpochMillis;
use crate::uri;

/// The room for a canonical request: that of a presigned URL has 400 to 600 bytes.
const CANONICAL_REQUEST_BYTES: usize = 768;

/// The only algorithm.
pub const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// The parameters of a signature, as a request carries them.
#[derive(Clone, Debug)]
pub struct RequestSignature {
    /// The id of the key pair.
    pub access_key_id: String,
    /// `20260221`
    pub day: String,
    /// `us-east-1`
    pub region: String,
    /// `s3`
    pub service: String,
    /// `20260221T101112Z`
    pub time: String,
    /// The names of the signed headers, in lower case, in the order given.
    pub signed_headers: Vec<String>,
    /// The signature in hexadecimal digits.
    pub signature: String,
}

impl RequestSignature {
    /// `20260221/us-east-1/s3/aws4_request`
    pub fn scope(&self) -> String {
        [&self.day, "/", &self.region, "/", &self.service, "/aws4_request"].concat()
    }

    /// Whether a header, named in lower case, is signed.
    pub fn signs(&self, header: &str) -> bool {
        self.signed_headers.iter().any(|signed| signed == header)
    }
}

/// The canonical request. `path` is encoded as the service requires, `query` is decoded. The parameter of the signature is not
/// part of it.
pub fn request(
    method: &str,
    path: &str,
    query: &[(Vec<u8>, Vec<u8>)],
    headers: (&HeaderMap, &[String]),
    payload: &str,
) -> String {
    let mut pairs: Vec<(Cow<'_, str>, Cow<'_, str>)> = query
        .iter()
        .filter(|(name, _)| name != b"X-Amz-Signature")
        .map(|(name, value)| (uri::encoded(name), uri::encoded(value)))
        .collect();
    pairs.sort_unstable();
    let (headers, signed) = headers;
    let mut names: Vec<&str> = signed.iter().map(String::as_str).collect();
    names.sort_unstable();
    let mut text = String::with_capacity(CANONICAL_REQUEST_BYTES);
    append(&mut text, &[method, "\n", path, "\n"]);
    for (at, (name, value)) in pairs.iter().enumerate() {
        append(&mut text, &[if at > 0 { "&" } else { "" }, name, "=", value]);
    }
    text.push('\n');
    for name in &names {
        append(&mut text, &[name, ":"]);
        append_header_value(&mut text, headers, name);
        text.push('\n');
    }
    append(&mut text, &["\n", &names.join(";"), "\n", payload]);
    text
}

fn append(text: &mut String, parts: &[&str]) {
    for part in parts {
        text.push_str(part);
    }
}

/// All values of a header, trimmed, with runs of spaces collapsed, joined by commas.
fn append_header_value(text: &mut String, headers: &HeaderMap, name: &str) {
    for (at, value) in headers.get_all(name).iter().enumerate() {
        if at > 0 {
            text.push(',');
        }
        let value = String::from_utf8_lossy(value.as_bytes());
        for (at, word) in value.split_ascii_whitespace().enumerate() {
            append(text, &[if at > 0 { " " } else { "" }, word]);
        }
    }
}

/// The string to sign of a canonical request.
pub fn string_to_sign(claim: &RequestSignature, canonical_request: &str) -> String {
    let digest = hex::encode(Sha256::digest(canonical_request));
    let scope = claim.scope();
    [ALGORITHM, "\n", &claim.time, "\n", &scope, "\n", &digest].concat()
}

/// The signing key of a day, a region and a service.
pub fn signing_key(secret: &str, claim: &RequestSignature) -> [u8; 32] {
    let day = hmac(format!("AWS4{secret}").as_bytes(), claim.day.as_bytes());
    let region = hmac(&day, claim.region.as_bytes());
    let service = hmac(&region, claim.service.as_bytes());
    hmac(&service, b"aws4_request")
}

/// The signature of a text, in hexadecimal digits.
pub fn signature(key: &[u8; 32], text: &str) -> String {
    hex::encode(hmac(key, text.as_bytes()))
}

/// Signs a request that hardcap itself makes: adds `x-amz-date`, `x-amz-content-sha256` and `authorization` to its head.
///
/// `key` is the id and the secret of a key pair. `scope` is the region and the service. `host` must be among the headers.
pub fn sign(
    head: &mut Parts,
    body: &[u8],
    (key, secret): (&str, &str),
    (region, service): (&str, &str),
    now: EpochMillis,
) {
    let format = time::macros::format_description!("[year][month][day]T[hour][minute][second]Z");
    let time = now.to_utc().format(format).unwrap_or_default();
    let payload = hex::encode(Sha256::digest(body));
    let mut add = |name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            head.headers.insert(name, value);
        }
    };
    add("x-amz-date", &time);
    add("x-amz-content-sha256", &payload);
    let mut claim = RequestSignature {
        access_key_id: key.to_owned(),
        day: time.get(..8).unwrap_or_default().to_owned(),
        region: region.to_owned(),
        service: service.to_owned(),
        time,
        signed_headers: ["host", "x-amz-content-sha256", "x-amz-date"].map(str::to_owned).to_vec(),
        signature: String::new(),
    };
    // S3 signs the path encoded once, the other services encode the path that is sent once more.
    let sent = head.uri.path();
    let path = match service {
        "s3" => uri::encode(&uri::decode(sent).unwrap_or_else(|| sent.into()), true),
        _ => uri::encode(sent.as_bytes(), true),
    };
    let query = uri::query(head.uri.query().unwrap_or_default()).unwrap_or_default();
    let signed = (&head.headers, claim.signed_headers.as_slice());
    let canonical = request(head.method.as_str(), &path, &query, signed, &payload);
    claim.signature = signature(&signing_key(secret, &claim), &string_to_sign(&claim, &canonical));
    let authorization = format!(
        "{ALGORITHM} Credential={key}/{}, SignedHeaders={}, Signature={}",
        claim.scope(),
        claim.signed_headers.join(";"),
        claim.signature
    );
    if let Ok(value) = HeaderValue::from_str(&authorization) {
        head.headers.insert(header::AUTHORIZATION, value);
    }
}

fn hmac(key: &[u8], data: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(data);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the S3 reference, "Signature Calculations for the Authorization Header", GET Object.
    #[test]
    fn the_signature_of_the_s3_reference_is_reproduced() {
        let mut headers = HeaderMap::new();
        headers.insert("host", "examplebucket.s3.amazonaws.com".parse().unwrap());
        headers.insert("range", "bytes=0-9".parse().unwrap());
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        headers.insert("x-amz-content-sha256", empty.parse().unwrap());
        headers.insert("x-amz-date", "20130524T000000Z".parse().unwrap());
        let claim = RequestSignature {
            access_key_id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
            day: "20130524".to_owned(),
            region: "us-east-1".to_owned(),
            service: "s3".to_owned(),
            time: "20130524T000000Z".to_owned(),
            signed_headers: ["host", "range", "x-amz-content-sha256", "x-amz-date"]
                .map(str::to_owned)
                .to_vec(),
            signature: String::new(),
        };
        let canonical = request("GET", "/test.txt", &[], (&headers, &claim.signed_headers), empty);
        let key = signing_key("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", &claim);
        assert_eq!(
            signature(&key, &string_to_sign(&claim, &canonical)),
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
        );
    }

    #[test]
    fn a_signature_names_its_scope_and_the_headers_that_are_signed() {
        let claim = RequestSignature {
            access_key_id: "AKID".to_owned(),
            day: "20260221".to_owned(),
            region: "eu-central-1".to_owned(),
            service: "lambda".to_owned(),
            time: "20260221T101112Z".to_owned(),
            signed_headers: ["host", "x-amz-date"].map(str::to_owned).to_vec(),
            signature: String::new(),
        };
        assert_eq!(claim.scope(), "20260221/eu-central-1/lambda/aws4_request");
        assert!(claim.signs("host") && claim.signs("x-amz-date"));
        assert!(!claim.signs("range") && !claim.signs("Host") && !claim.signs(""));
    }

    #[test]
    fn headers_are_trimmed_and_joined_and_queries_sorted() {
        let mut headers = HeaderMap::new();
        headers.append("x-amz-meta-a", "  one   two ".parse().unwrap());
        headers.append("x-amz-meta-a", "three".parse().unwrap());
        let query = uri::query("b=2&a=x%20y&uploads&a=1").unwrap();
        let text = request(
            "PUT",
            "/k%20%2B",
            &query,
            (&headers, &["x-amz-meta-a".to_owned()]),
            "UNSIGNED-PAYLOAD",
        );
        assert_eq!(
            text,
            "PUT\n/k%20%2B\na=1&a=x%20y&b=2&uploads=\nx-amz-meta-a:one two,three\n\nx-amz-meta-a\nUNSIGNED-PAYLOAD"
        );
    }
}
