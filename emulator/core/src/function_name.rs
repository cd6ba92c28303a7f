//! The function names in Invoke requests: name, partial ARN or ARN, with or without a qualifier. Pure.

use crate::config::ACCOUNT_ID;

/// The version that changes with each deployment.
pub const LATEST: &str = "$LATEST";

/// A parsed function name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionName {
    /// The region, `us-east-1`.
    pub region: String,
    /// The account, 12 digits.
    pub account: String,
    /// The name of the function.
    pub function: String,
    /// The version or alias, if there is one.
    pub qualifier: Option<String>,
}

impl FunctionName {
    /// Parses `name`, `ACCOUNT:function:name`, `arn:aws:lambda:REGION:ACCOUNT:function:name`, each with or without
    /// `:qualifier`.
    ///
    /// Any other text becomes a name that no function has.
    pub fn parse(text: &str, region: &str) -> FunctionName {
        let parts: Vec<&str> = text.split(':').collect();
        let named =
            |region: &str, account: &str, function: &str, qualifier: Option<&str>| FunctionName {
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

    /// Whether the name can exist here: this region, this account.
    pub fn is_local(&self, region: &str) -> bool {
        self.region == region && self.account == ACCOUNT_ID
    }

    /// The name in an invocation: `NAME`, or `NAME:QUALIFIER`; `$LATEST` is not written.
    pub fn qualified(&self) -> String {
        match self.qualifier.as_deref() {
            None | Some(LATEST) => self.function.clone(),
            Some(qualifier) => qualified(&self.function, qualifier),
        }
    }

    /// The ARN with its qualifier, `$LATEST` by default.
    pub fn arn(&self) -> String {
        let FunctionName { region, account, function, qualifier } = self;
        let qualifier = qualifier.as_deref().unwrap_or(LATEST);
        format!("arn:aws:lambda:{region}:{account}:function:{function}:{qualifier}")
    }
}

/// `NAME:QUALIFIER`, whatever qualifier the text has; `NAME` for `$LATEST`.
pub fn qualified(name: &str, qualifier: &str) -> String {
    let name = unqualified(name);
    if qualifier == LATEST { name.to_owned() } else { format!("{name}:{qualifier}") }
}

/// `NAME` of `NAME:QUALIFIER`.
pub fn unqualified(name: &str) -> &str {
    name.split_once(':').map_or(name, |(name, _)| name)
}

/// Whether a text is a function name by AWS's model: a name, a partial ARN or an ARN, with or without a qualifier.
pub fn is_function_name(text: &str) -> bool {
    let parts = name_and_qualifier(text);
    parts.is_some_and(|(name, qualifier)| is_word(name) && qualifier.is_none_or(is_qualifier))
}

/// Whether a text can name a function that exists. AWS's model permits more than for a new function: dots in the name, and
/// `$LATEST.PUBLISHED`.
pub fn is_existing_function_name(text: &str) -> bool {
    let is_dotted_word = |name: &str| is_word(&name.replace('.', "_"));
    let may_follow = |qualifier: &str| is_qualifier(qualifier) || qualifier == "$LATEST.PUBLISHED";
    let parts = name_and_qualifier(text);
    parts.is_some_and(|(name, qualifier)| is_dotted_word(name) && qualifier.is_none_or(may_follow))
}

/// The name and the qualifier of a function name, without the parts of an ARN. `None` if there are other parts.
fn name_and_qualifier(text: &str) -> Option<(&str, Option<&str>)> {
    let mut parts: &[&str] = &text.split(':').collect::<Vec<_>>();
    if let ["arn", partition, "lambda", rest @ ..] = parts {
        if !(partition.is_empty() || partition.starts_with("aws")) {
            return None;
        }
        parts = rest;
    }
    // Each of these parts is optional, and is the function's name if nothing follows.
    for is_part in [is_region, is_account, is_function_word] {
        if let [first, rest @ ..] = parts
            && !rest.is_empty()
            && is_part(first)
        {
            parts = rest;
        }
    }
    match parts {
        [name] => Some((name, None)),
        [name, qualifier] => Some((name, Some(qualifier))),
        _ => None,
    }
}

fn is_qualifier(part: &str) -> bool {
    part == LATEST || is_word(part)
}

fn is_region(part: &str) -> bool {
    part.contains('-') && part.ends_with(|last: char| last.is_ascii_digit()) && is_word(part)
}

fn is_account(part: &str) -> bool {
    part.len() == 12 && part.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_function_word(part: &str) -> bool {
    part == "function"
}

/// Letters, digits, hyphens and underscores.
fn is_word(part: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    !part.is_empty() && part.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, function: &str, qualifier: Option<&str>) {
        let named = FunctionName::parse(text, "us-east-1");
        assert_eq!(named.function, function, "{text}");
        assert_eq!(named.qualifier.as_deref(), qualifier, "{text}");
        assert!(named.account == "000000000000" && named.region == "us-east-1", "{named:?}");
    }

    #[test]
    fn every_form_of_a_name_is_parsed() {
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
    fn names_of_other_regions_and_accounts_cannot_exist() {
        let local = |text: &str| FunctionName::parse(text, "us-east-1").is_local("us-east-1");
        assert!(local("echo") && local("echo:$LATEST"));
        assert!(!local("111122223333:function:echo"));
        assert!(!local("arn:aws:lambda:eu-west-1:000000000000:function:echo"));
    }

    #[test]
    fn the_arn_of_an_unknown_function_has_a_qualifier() {
        assert_eq!(
            FunctionName::parse("doesnotexist", "eu-west-1").arn(),
            "arn:aws:lambda:eu-west-1:000000000000:function:doesnotexist:$LATEST"
        );
    }

    #[test]
    fn only_names_of_the_model_can_name_a_function() {
        for name in [
            "echo",
            "echo:$LATEST",
            "echo:live",
            "function",
            "123456789012",
            "000000000000:function:echo",
            "us-east-1:000000000000:function:echo",
            "arn:aws:lambda:us-east-1:000000000000:function:echo:1",
        ] {
            assert!(is_function_name(name), "{name}");
        }
        for name in
            ["", "a b", "a.b", "../etc", "invalid:function:name", "arn:aws:s3:::bucket", "ü"]
        {
            assert!(!is_function_name(name), "{name}");
        }
    }

    #[test]
    fn only_the_name_of_a_function_that_exists_may_have_dots_and_the_published_version() {
        for name in ["a.b", "a.b:1", "echo:$LATEST.PUBLISHED", "000000000000:function:a.b"] {
            assert!(is_existing_function_name(name) && !is_function_name(name), "{name}");
        }
        for name in
            ["", "a b", "../etc", "echo:a.b", "invalid:function:name", "arn:aws:s3:::bucket"]
        {
            assert!(!is_existing_function_name(name), "{name}");
        }
        assert!(is_existing_function_name("echo:live"));
    }
}
