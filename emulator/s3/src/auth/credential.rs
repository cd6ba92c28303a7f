//! The credential of a signature: `AKID/20260221/us-east-1/s3/aws4_request`.

use crate::refusal::Refusal;
use crate::region::SigningRegion;

/// The five parts of a credential. The id may contain slashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Credential {
    pub(super) access_key_id: String,
    pub(super) day: String,
    pub(super) region: String,
    service: String,
    terminal: String,
}

/// Splits a credential; `None` if it does not have five parts.
pub(super) fn parse(text: &str) -> Option<Credential> {
    let mut parts = text.rsplitn(5, '/');
    let mut next = || parts.next().map(str::to_owned);
    let (terminal, service, region, day) = (next()?, next()?, next()?, next()?);
    let access_key_id = next().filter(|id| !id.is_empty())?;
    Some(Credential { access_key_id, day, region, service, terminal })
}

/// An invalid part of a credential.
#[derive(Clone, Debug)]
pub(super) struct CredentialError {
    message: String,
    region: Option<SigningRegion>,
}

impl CredentialError {
    /// The refusal for a header or a query.
    pub(super) fn refusal(self, wrap: impl Fn(&str) -> Refusal) -> Refusal {
        let refusal = wrap(&self.message);
        match self.region {
            Some(region) => region.add_to(refusal),
            None => refusal,
        }
    }
}

impl Credential {
    /// Checks all parts except the id.
    pub(super) fn check(&self, region: &SigningRegion) -> Result<(), CredentialError> {
        let problem = |message| Err(CredentialError { message, region: None });
        if self.day.len() != 8 || !self.day.bytes().all(|byte| byte.is_ascii_digit()) {
            return problem(format!(
                "incorrect date format \"{}\". This date in the credential must be in the format \"yyyyMMdd\".",
                self.day
            ));
        }
        if !region.accepts(&self.region) {
            return Err(CredentialError {
                message: format!(
                    "the region '{}' is wrong; expecting '{}'",
                    self.region,
                    region.name()
                ),
                region: Some(region.clone()),
            });
        }
        if self.service != "s3" {
            return problem(format!(
                "incorrect service \"{}\". This endpoint belongs to \"s3\".",
                self.service
            ));
        }
        if self.terminal != "aws4_request" {
            return problem(format!(
                "incorrect terminal \"{}\". This endpoint uses \"aws4_request\".",
                self.terminal
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(text: &str) -> Option<String> {
        let credential = parse(text)?;
        let region = SigningRegion::Endpoint("us-east-1".to_owned());
        credential.check(&region).err().map(|problem| problem.message)
    }

    #[test]
    fn each_part_of_a_credential_is_checked() {
        assert_eq!(problem("test/20260221/us-east-1/s3/aws4_request"), None);
        for (text, expected) in [
            ("test/2026-02-21/us-east-1/s3/aws4_request", "incorrect date format \"2026-02-21\""),
            ("test/20260221/eu-west-1/s3/aws4_request", "the region 'eu-west-1' is wrong"),
            ("test/20260221/us-east-1/es/aws4_request", "incorrect service \"es\""),
            ("test/20260221/us-east-1/s3/aws5_request", "incorrect terminal \"aws5_request\""),
        ] {
            let message = problem(text).unwrap_or_default();
            assert!(message.starts_with(expected), "{text}: {message}");
        }
    }

    #[test]
    fn an_access_key_id_may_contain_slashes_and_must_not_be_empty() {
        let credential = parse("a/b/20260221/us-east-1/s3/aws4_request").unwrap();
        assert_eq!(credential.access_key_id, "a/b");
        assert_eq!(parse("/20260221/us-east-1/s3/aws4_request"), None);
        assert_eq!(parse("test/20260221/us-east-1/s3"), None);
    }
}
