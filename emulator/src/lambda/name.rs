//! How an Invoke request names a function: by name, partial ARN or ARN, with or without a qualifier. Pure.

use crate::config::ACCOUNT_ID;

/// The only version that exists here.
pub(super) const LATEST: &str = "$LATEST";

/// A function as a request names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) region: String,
    pub(super) account: String,
    pub(super) function: String,
    pub(super) qualifier: Option<String>,
}

impl Named {
    /// Reads `name`, `ACCOUNT:function:name`, `arn:aws:lambda:REGION:ACCOUNT:function:name`, each with `:qualifier` or not.
    ///
    /// A text of another shape is a name that no function has.
    pub(super) fn parse(text: &str, region: &str) -> Named {
        let parts: Vec<&str> = text.split(':').collect();
        let named = |region: &str, account: &str, function: &str, qualifier: Option<&str>| Named {
            region: region.to_owned(),
            account: account.to_owned(),
            function: function.to_owned(),
            qualifier: qualifier.map(str::to_owned),
        };
        match parts[..] {
            [function, qualifier] => named(region, ACCOUNT_ID, function, Some(qualifier)),
            [account, "function", function] => named(region, account, function, None),
            [account, "function", function, qualifier] => {
                named(region, account, function, Some(qualifier))
            }
            ["arn", "aws", "lambda", region, account, "function", function] => {
                named(region, account, function, None)
            }
            ["arn", "aws", "lambda", region, account, "function", function, qualifier] => {
                named(region, account, function, Some(qualifier))
            }
            _ => named(region, ACCOUNT_ID, text, None),
        }
    }

    /// Whether it can exist here: this region, this account, and no version or alias.
    pub(super) fn is_local(&self, region: &str) -> bool {
        self.region == region
            && self.account == ACCOUNT_ID
            && self.qualifier.as_deref().is_none_or(|qualifier| qualifier == LATEST)
    }

    /// The ARN that AWS names when it finds nothing; since 2025-11-24 at the latest with `:$LATEST`.
    pub(super) fn arn(&self) -> String {
        let Named { region, account, function, qualifier } = self;
        let qualifier = qualifier.as_deref().unwrap_or(LATEST);
        format!("arn:aws:lambda:{region}:{account}:function:{function}:{qualifier}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, function: &str, qualifier: Option<&str>) {
        let named = Named::parse(text, "us-east-1");
        assert_eq!(named.function, function, "{text}");
        assert_eq!(named.qualifier.as_deref(), qualifier, "{text}");
        assert!(named.account == "000000000000" && named.region == "us-east-1", "{named:?}");
    }

    #[test]
    fn reads_every_form_of_a_name() {
        check("echo", "echo", None);
        check("echo:$LATEST", "echo", Some("$LATEST"));
        check("echo:3", "echo", Some("3"));
        check("000000000000:function:echo", "echo", None);
        check("000000000000:function:echo:live", "echo", Some("live"));
        check("arn:aws:lambda:us-east-1:000000000000:function:echo", "echo", None);
        check(
            "arn:aws:lambda:us-east-1:000000000000:function:echo:$LATEST",
            "echo",
            Some("$LATEST"),
        );
    }

    #[test]
    fn knows_what_cannot_exist_here() {
        let local = |text: &str| Named::parse(text, "us-east-1").is_local("us-east-1");
        assert!(local("echo") && local("echo:$LATEST"));
        assert!(!local("echo:1"));
        assert!(!local("111122223333:function:echo"));
        assert!(!local("arn:aws:lambda:eu-west-1:000000000000:function:echo"));
    }

    #[test]
    fn names_what_was_not_found_as_aws_does() {
        assert_eq!(
            Named::parse("doesnotexist", "eu-west-1").arn(),
            "arn:aws:lambda:eu-west-1:000000000000:function:doesnotexist:$LATEST"
        );
    }
}
