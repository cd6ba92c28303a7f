//! The signature in the fields of a form. The signed text is the form's policy.

use super::{VerificationTime, credential, spaced_hex, time};
use crate::refusal::Refusal;
use crate::region::SigningRegion;
use hardcap_core::context::Context;
use hardcap_core::keyring::Keyring;
use hardcap_core::sigv4::{self, ALGORITHM, RequestSignature};

/// The form fields that make up the signature.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FormSignature<'a> {
    pub(crate) algorithm: &'a str,
    pub(crate) credential: &'a str,
    pub(crate) date: &'a str,
    pub(crate) signature: &'a str,
    pub(crate) token: Option<&'a str>,
    /// The policy in base64, as it was signed.
    pub(crate) policy: &'a str,
}

impl FormSignature<'_> {
    /// Verifies the signature of the policy and returns the id of its key.
    ///
    /// # Errors
    ///
    /// The refusal that AWS would send.
    pub(crate) fn verify(
        &self,
        region: &SigningRegion,
        keyring: &Keyring,
        context: &Context,
    ) -> Result<String, Refusal> {
        let wrong = |name: &str, value: &str, message: &str| {
            Refusal::new(http::StatusCode::BAD_REQUEST, "InvalidArgument", message.to_owned())
                .with("ArgumentName", name)
                .with("ArgumentValue", value)
        };
        if self.algorithm != ALGORITHM {
            let message = "X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256\"";
            return Err(wrong("X-Amz-Algorithm", self.algorithm, message));
        }
        let in_credential = |what: &str| {
            let message = format!("Error parsing the X-Amz-Credential parameter; {what}");
            wrong("X-Amz-Credential", self.credential, &message)
        };
        let given = credential::parse(self.credential).ok_or_else(|| {
            in_credential(
                "the Credential is mal-formed; expecting \"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\".",
            )
        })?;
        given.check(region).map_err(|problem| problem.refusal(in_credential))?;
        let date = self.date()?;
        let claim = RequestSignature {
            access_key_id: given.access_key_id,
            day: given.day,
            region: given.region,
            service: "s3".to_owned(),
            time: date.format_long(),
            signed_headers: Vec::new(),
            signature: self.signature.to_owned(),
        };
        let key = super::key(&claim.access_key_id, self.token, keyring, context.clock.now())?;
        let signing_key = sigv4::signing_key(&key.secret_access_key, &claim);
        if sigv4::signature(&signing_key, self.policy) == claim.signature {
            return Ok(claim.access_key_id);
        }
        Err(Refusal::signature_does_not_match()
            .with("AWSAccessKeyId", claim.access_key_id)
            .with("StringToSign", self.policy)
            .with("SignatureProvided", claim.signature)
            .with("StringToSignBytes", spaced_hex(self.policy)))
    }

    /// Whether a policy with this expiration, in seconds since 1970, has expired.
    ///
    /// # Errors
    ///
    /// If the form's date is invalid.
    pub(crate) fn has_expired(&self, expiration: i64, context: &Context) -> Result<bool, Refusal> {
        let date = self.date()?;
        let clock = &context.clock;
        let now = VerificationTime { clock, wall: clock.wall(), shown: clock.now() };
        // The lifetime begins when the policy was signed, which is a time of the wall clock.
        let life = expiration.saturating_sub(date.seconds());
        Ok(now.seconds() > now.shown_seconds(&date).saturating_add(life))
    }

    fn date(&self) -> Result<time::Time, Refusal> {
        time::Time::parse(self.date).ok_or_else(|| {
            Refusal::new(
                http::StatusCode::BAD_REQUEST,
                "InvalidArgument",
                "X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"",
            )
            .with("ArgumentName", "X-Amz-Date")
            .with("ArgumentValue", self.date)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the S3 reference, browser-based upload using HTTP POST.
    #[test]
    fn the_signature_of_a_policy_is_that_of_the_s3_reference() {
        let text = include_str!("../../../../fixtures/forms/aws-example.toml");
        let example: toml::Table = text.parse().unwrap();
        let field = |name: &str| example[name].as_str().unwrap().to_owned();
        let claim = RequestSignature {
            access_key_id: field("access_key_id"),
            day: field("day"),
            region: field("region"),
            service: "s3".to_owned(),
            time: String::new(),
            signed_headers: Vec::new(),
            signature: field("signature"),
        };
        let key = sigv4::signing_key(&field("secret_access_key"), &claim);
        assert_eq!(sigv4::signature(&key, &field("policy")), claim.signature);
    }
}
