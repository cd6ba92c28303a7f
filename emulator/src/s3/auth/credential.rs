//! The credential of a claim: `AKID/20260221/us-east-1/s3/aws4_request`.

use crate::s3::refusal::Refusal;

/// A credential's five parts; the id may hold slashes of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Credential {
    pub(super) access_key_id: String,
    pub(super) day: String,
    pub(super) region: String,
    service: String,
    terminal: String,
}

/// Takes a credential apart; `None` when it has not five parts.
pub(super) fn parse(text: &str) -> Option<Credential> {
    let mut parts = text.rsplitn(5, '/');
    let mut next = || parts.next().map(str::to_owned);
    let (terminal, service, region, day) = (next()?, next()?, next()?, next()?);
    let access_key_id = next().filter(|id| !id.is_empty())?;
    Some(Credential { access_key_id, day, region, service, terminal })
}

/// What is wrong with a credential that has its five parts.
#[derive(Clone, Debug)]
pub(super) struct Problem {
    message: String,
    region: Option<String>,
}

impl Problem {
    /// As a header's or a query's error.
    pub(super) fn refusal(self, wrap: impl Fn(&str) -> Refusal) -> Refusal {
        let refusal = wrap(&self.message);
        match self.region {
            // SDKs read it and try again with this region.
            Some(region) => refusal.with("Region", region),
            None => refusal,
        }
    }
}

impl Credential {
    /// Checks everything but the id.
    pub(super) fn check(&self, region: &str) -> Result<(), Problem> {
        let problem = |message| Err(Problem { message, region: None });
        if self.day.len() != 8 || !self.day.bytes().all(|byte| byte.is_ascii_digit()) {
            return problem(format!(
                "incorrect date format \"{}\". This date in the credential must be in the format \"yyyyMMdd\".",
                self.day
            ));
        }
        if self.region != region {
            return Err(Problem {
                message: format!("the region '{}' is wrong; expecting '{region}'", self.region),
                region: Some(region.to_owned()),
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
