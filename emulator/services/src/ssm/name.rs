//! Names of parameters: AWS's rules, and the forms with a version or as an ARN. Pure.

use crate::json_api::{ApiError, invalid};

/// The maximum number of levels of a path.
const LEVELS_MAX: usize = 15;

/// Refuses a name that a new parameter cannot have.
///
/// # Errors
///
/// A `ValidationException`, `AccessDeniedException` or `HierarchyLevelLimitExceededException` with AWS's text.
pub(super) fn check(name: &str) -> Result<(), ApiError> {
    let path = name.starts_with('/');
    if name.contains('/') && !path {
        return Err(invalid("Parameter name must be a fully qualified name"));
    }
    let lower = name.trim_start_matches('/').to_ascii_lowercase();
    if path && lower.starts_with("aws") {
        let text = format!("No access to reserved parameter name: {name}.");
        return Err(ApiError::Exception("AccessDeniedException", Some(text)));
    }
    if lower.starts_with("aws") || lower.starts_with("ssm") {
        return Err(invalid(form(if path { "\"ssm\"" } else { "\"aws\" or \"ssm\"" })));
    }
    let letters = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
    };
    let parts: Vec<&str> = name.strip_prefix('/').unwrap_or(name).split('/').collect();
    if !parts.iter().all(|part| letters(part)) {
        return Err(invalid(form("\"ssm\"")));
    }
    if parts.len() > LEVELS_MAX {
        let text = format!(
            "A hierarchy can have a maximum of {LEVELS_MAX} levels; `{name}` has {}.",
            parts.len()
        );
        return Err(ApiError::Exception("HierarchyLevelLimitExceededException", Some(text)));
    }
    Ok(())
}

/// Refuses an invalid name. Reserved names are valid.
///
/// # Errors
///
/// A `ValidationException` with AWS's text.
pub(super) fn check_form(name: &str) -> Result<(), ApiError> {
    match check(name) {
        Err(ApiError::Exception("ValidationException", text)) => {
            Err(ApiError::Exception("ValidationException", text))
        }
        _ => Ok(()),
    }
}

fn form(prefixes: &str) -> String {
    format!(
        "Parameter name: can't be prefixed with {prefixes} (case-insensitive). If formed as a path, it can consist of \
         sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, numbers and the following \
         3 symbols .-_"
    )
}

/// Refuses a path that `GetParametersByPath` cannot search.
pub(super) fn check_path(path: &str) -> Result<(), ApiError> {
    let letters = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-/".contains(&byte);
    if path.starts_with('/') && !path.contains("//") && path.bytes().all(letters) {
        return Ok(());
    }
    Err(invalid(
        "The parameter doesn't meet the parameter name requirements. The parameter name must begin with a forward \
         slash \"/\". It can't be prefixed with \"aws\" or \"ssm\" (case-insensitive). It must use only letters, \
         numbers, or the following symbols: . (period), - (hyphen), _ (underscore). Special characters are not \
         allowed. All sub-paths, if specified, must use the forward slash symbol \"/\". Valid example: \
         /get/parameters2-/by1./path0_.",
    ))
}

/// Whether a parameter is below a path, at any level or directly.
pub(super) fn is_below(name: &str, path: &str, recursive: bool) -> bool {
    let path = path.trim_end_matches('/');
    let below = name.strip_prefix(path).and_then(|rest| rest.strip_prefix('/'));
    below.is_some_and(|rest| recursive || !rest.contains('/'))
}

/// The parsed name of a parameter in a call.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Named<'n> {
    /// The parameter's name.
    pub(super) name: String,
    /// The version or label after the colon.
    pub(super) selector: Option<&'n str>,
}

/// Parses `name`, `name:3`, or an ARN with either.
pub(super) fn parse(text: &str) -> Named<'_> {
    let (rest, arn) = match text.strip_prefix("arn:") {
        Some(arn) => (arn.splitn(5, ':').nth(4).unwrap_or_default(), true),
        None => (text, false),
    };
    let (name, selector) = match rest.split_once(':') {
        Some((name, selector)) => (name, Some(selector)),
        None => (rest, None),
    };
    let name = match name.strip_prefix("parameter/") {
        // The slash between `parameter` and the name in an ARN is part of a name that is a path.
        Some(path) if arn && path.contains('/') => format!("/{path}"),
        Some(single) if arn => single.to_owned(),
        _ => name.to_owned(),
    };
    Named { name, selector }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(error: Result<(), ApiError>) -> String {
        match error {
            Err(ApiError::Exception(code, text)) => format!("{code}: {}", text.unwrap_or_default()),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn names_are_letters_digits_and_three_symbols_below_at_most_fifteen_slashes() {
        for name in
            ["a", "/a", "/shop/prod/data-base_1.url", "/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15"]
        {
            assert!(check(name).is_ok(), "{name}: {}", shown(check(name)));
        }
        for (name, expected) in [
            ("shop/url", "ValidationException: Parameter name must be a fully qualified name"),
            ("/a b", "ValidationException: Parameter name: can't be prefixed with \"ssm\""),
            ("/a//b", "ValidationException: Parameter name: can't be prefixed with \"ssm\""),
            (
                "AwsThing",
                "ValidationException: Parameter name: can't be prefixed with \"aws\" or \"ssm\"",
            ),
            ("/aws/x", "AccessDeniedException: No access to reserved parameter name: /aws/x."),
            ("/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16", "HierarchyLevelLimitExceededException: "),
        ] {
            assert!(shown(check(name)).starts_with(expected), "{name}: {}", shown(check(name)));
        }
    }

    #[test]
    fn a_parameter_is_named_plainly_with_a_version_or_by_arn() {
        let named = |name: &str, selector| Named { name: name.to_owned(), selector };
        assert_eq!(parse("/a/b"), named("/a/b", None));
        assert_eq!(parse("a:3"), named("a", Some("3")));
        assert_eq!(parse("arn:aws:ssm:us-east-1:000000000000:parameter/a"), named("a", None));
        assert_eq!(
            parse("arn:aws:ssm:us-east-1:000000000000:parameter/a/b:2"),
            named("/a/b", Some("2"))
        );
    }

    #[test]
    fn a_path_contains_parameters_below_it_and_not_those_with_the_same_prefix() {
        assert!(is_below("/shop/a", "/shop", false));
        assert!(is_below("/shop/a", "/shop/", false));
        assert!(is_below("/shop/a/b", "/shop", true));
        assert!(!is_below("/shop/a/b", "/shop", false));
        assert!(!is_below("/shopping/a", "/shop", true));
        assert!(is_below("/a", "/", false));
        assert!(!is_below("a", "/", true));
    }
}
