//! The verification of signatures, as pure functions; a refusal is a value with the service's text.
//!
//! The texts are those of Amazon Elasticsearch and OpenSearch domains, as people reported them: wrong signature
//! (elasticsearch-dump#367, 2017-12-01), wrong region (vector#2403, 2020-04-22), wrong service
//! (aws-elasticsearch-connector#9, 2019-12-10), no signature (vscode-elastic#47, 2019-10-16).

use time::format_description::FormatItem;
use time::macros::format_description;
use time::{Duration, PrimitiveDateTime, UtcDateTime};

use super::sigv4::{self, Scope, WireRequest};

/// The maximum difference of a signature's time to the receiver's, in both directions.
const SKEW: Duration = Duration::minutes(5);
const AMZ_DATE: &[FormatItem<'static>] =
    format_description!("[year][month][day]T[hour][minute][second]Z");

/// A key pair as the verifier knows it.
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    /// The secret, which is never shown.
    pub secret_access_key: String,
    /// The required session token; `None` for any or none.
    pub session_token: Option<String>,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Key").finish_non_exhaustive()
    }
}

/// The parsed header `Authorization`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorization {
    /// `AKIA…`
    pub access_key_id: String,
    /// The credential scope.
    pub scope: Scope,
    /// The names of the signed headers.
    pub signed_headers: Vec<String>,
    /// In hex.
    pub signature: String,
}

/// Why a request was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No `Authorization` header.
    #[error("User: anonymous is not authorized to perform: es:ESHttp{0}")]
    Anonymous(String),
    /// The header cannot be read; the missing part.
    #[error("Authorization header requires '{0}' parameter. Authorization={1}")]
    Incomplete(&'static str, String),
    /// The header appears more than once.
    #[error("Authorization header must appear once, not {0} times.")]
    Repeated(usize),
    /// The key is unknown.
    #[error("The security token included in the request is invalid.")]
    InvalidToken,
    /// Another region's scope.
    #[error("Credential should be scoped to a valid region, not '{0}'. ")]
    WrongRegion(String),
    /// Another service's scope.
    #[error("Credential should be scoped to correct service: '{0}'. ")]
    WrongService(String),
    /// The scope's date is not the date of `x-amz-date`.
    #[error(
        "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{0}' != '{1}', from '{2}'."
    )]
    WrongDate(String, String, String),
    /// `x-amz-date` is missing or not a date.
    #[error(
        "Date must be in ISO-8601 'basic format'. Got '{0}'. See http://en.wikipedia.org/wiki/ISO_8601"
    )]
    NoDate(String),
    /// Signed too long ago.
    #[error("Signature expired: {0} is now earlier than {1} ({2} - 5 min.)")]
    Expired(String, String, String),
    /// Signed in the future.
    #[error("Signature not yet current: {0} is still later than {1} ({2} + 5 min.)")]
    NotYetCurrent(String, String, String),
    /// `host` was not signed.
    #[error("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")]
    HostNotSigned,
    /// Unsigned AWS headers, which an intermediary could have added.
    #[error("There were headers present in the request which were not signed: {0}")]
    NotSigned(String),
    /// `x-amz-content-sha256` is not the body's.
    #[error(
        "The provided 'x-amz-content-sha256' header does not match what was computed: '{0}' was sent, the body is '{1}'."
    )]
    WrongDigest(String, String),
    /// The signature is wrong.
    #[error(
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.\n\nThe Canonical String for this request should have been\n'{canonical_request}'\n\nThe String-to-Sign should have been\n'{string_to_sign}'\n"
    )]
    WrongSignature {
        /// What the receiver computed.
        canonical_request: String,
        /// What the receiver computed.
        string_to_sign: String,
    },
}

/// The expected scope and time.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The domain's region.
    pub region: &'a str,
    /// `es` or `aoss`.
    pub service: &'a str,
    /// The receiver's time.
    pub now: UtcDateTime,
}

impl Authorization {
    /// Finds and reads the header.
    ///
    /// # Errors
    ///
    /// If it is missing, repeated, or incomplete.
    pub fn of(request: &WireRequest<'_>) -> Result<Authorization, Refusal> {
        let values: Vec<&[u8]> = all(request, "authorization").collect();
        let text = match values.as_slice() {
            [] => return Err(Refusal::Anonymous(action(request.method))),
            [only] => String::from_utf8_lossy(only).into_owned(),
            several => return Err(Refusal::Repeated(several.len())),
        };
        let lacks = |part: &'static str| Refusal::Incomplete(part, without_signature(&text));
        let parameters =
            text.strip_prefix("AWS4-HMAC-SHA256").ok_or_else(|| lacks("Credential"))?;
        let parameter = |name: &'static str| {
            parameters
                .split([',', ' '])
                .filter_map(|parameter| parameter.split_once('='))
                .find(|(key, _)| *key == name)
                .map(|(_, value)| value)
                .ok_or_else(|| lacks(name))
        };
        let credential: Vec<&str> = parameter("Credential")?.split('/').collect();
        let [access_key_id, date, region, service, "aws4_request"] = credential.as_slice() else {
            return Err(lacks("Credential"));
        };
        Ok(Authorization {
            access_key_id: (*access_key_id).to_owned(),
            scope: Scope {
                date: (*date).to_owned(),
                region: (*region).to_owned(),
                service: (*service).to_owned(),
            },
            signed_headers: parameter("SignedHeaders")?.split(';').map(str::to_owned).collect(),
            signature: parameter("Signature")?.to_owned(),
        })
    }

    /// Verifies all parts of the header.
    ///
    /// # Errors
    ///
    /// The first error, in AWS's order: scope, time, key, headers, body, signature.
    pub fn verify(
        &self,
        request: &WireRequest<'_>,
        key: Option<&Key>,
        expected: &Expected<'_>,
    ) -> Result<(), Refusal> {
        let date = self.verify_scope(request, expected)?;
        let key = key.ok_or(Refusal::InvalidToken)?;
        let token = first(request, "x-amz-security-token");
        if key.session_token.is_some() && key.session_token != token {
            return Err(Refusal::InvalidToken);
        }
        self.verify_headers(request)?;
        let canonical_request = sigv4::canonical_request(request, &self.signed_headers);
        let string_to_sign = sigv4::string_to_sign(&date, &self.scope, &canonical_request);
        let signature = sigv4::signature(&key.secret_access_key, &self.scope, &string_to_sign);
        if signature != self.signature {
            return Err(Refusal::WrongSignature { canonical_request, string_to_sign });
        }
        Ok(())
    }

    /// Verifies region, service and time; returns the signature's time as sent.
    fn verify_scope(
        &self,
        request: &WireRequest<'_>,
        expected: &Expected<'_>,
    ) -> Result<String, Refusal> {
        if self.scope.region != expected.region {
            return Err(Refusal::WrongRegion(self.scope.region.clone()));
        }
        if self.scope.service != expected.service {
            return Err(Refusal::WrongService(expected.service.to_owned()));
        }
        let sent = first(request, "x-amz-date").unwrap_or_default();
        let signed_at = PrimitiveDateTime::parse(&sent, AMZ_DATE)
            .map_err(|_| Refusal::NoDate(sent.clone()))?
            .as_utc();
        if !sent.starts_with(&format!("{}T", self.scope.date)) {
            let day = sent.chars().take(8).collect();
            return Err(Refusal::WrongDate(self.scope.date.clone(), day, sent));
        }
        let now = expected.now;
        if signed_at < now - SKEW {
            return Err(Refusal::Expired(sent, amz_date(now - SKEW), amz_date(now)));
        }
        if signed_at > now + SKEW {
            return Err(Refusal::NotYetCurrent(sent, amz_date(now + SKEW), amz_date(now)));
        }
        Ok(sent)
    }

    fn verify_headers(&self, request: &WireRequest<'_>) -> Result<(), Refusal> {
        let is_signed = |name: &str| self.signed_headers.iter().any(|signed| signed == name);
        if !is_signed("host") {
            return Err(Refusal::HostNotSigned);
        }
        let mut unsigned: Vec<String> = request
            .headers
            .iter()
            .map(|(name, _)| name.to_ascii_lowercase())
            .filter(|name| name.starts_with("x-amz-") && !is_signed(name))
            .collect();
        unsigned.sort();
        unsigned.dedup();
        if !unsigned.is_empty() {
            return Err(Refusal::NotSigned(unsigned.join(", ")));
        }
        match first(request, "x-amz-content-sha256") {
            Some(sent) if sent != request.payload_sha256 => {
                Err(Refusal::WrongDigest(sent, request.payload_sha256.to_owned()))
            }
            _ => Ok(()),
        }
    }
}

fn all<'a>(request: &WireRequest<'a>, name: &str) -> impl Iterator<Item = &'a [u8]> {
    request
        .headers
        .iter()
        .filter(move |(other, _)| other.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.as_slice())
}

fn first(request: &WireRequest<'_>, name: &str) -> Option<String> {
    all(request, name).next().map(|value| String::from_utf8_lossy(value).into_owned())
}

fn amz_date(at: UtcDateTime) -> String {
    at.format(AMZ_DATE).expect("the format contains only parts of a date")
}

/// `GET` is `Get` in the name of an action.
fn action(method: &str) -> String {
    let (first, rest) = method.split_at_checked(1).unwrap_or((method, ""));
    format!("{}{}", first.to_ascii_uppercase(), rest.to_ascii_lowercase())
}

fn without_signature(authorization: &str) -> String {
    authorization.split("Signature=").next().unwrap_or_default().trim_end().to_owned()
}
