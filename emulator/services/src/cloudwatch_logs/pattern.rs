//! Filter patterns of unstructured log events: all terms must be present, at least one `?term`, and no `-term`.
//!
//! Official (CloudWatch Logs user guide, filter pattern syntax): terms are case-sensitive; a term with characters other
//! than letters, digits and underscores is in double quotes. Patterns for JSON (`{ $.x = 1 }`) and for columns (`[a, b]`) and
//! regular expressions (`%x%`) are refused by name.

use crate::json_api::ApiError;

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Pattern {
    all: Vec<String>,
    any: Vec<String>,
    none: Vec<String>,
}

impl Pattern {
    pub(super) fn parse(text: &str) -> Result<Pattern, ApiError> {
        let mut pattern = Pattern::default();
        let mut rest = text.trim_start();
        if rest.starts_with(['{', '[', '%']) {
            return Err(invalid(
                "hardcap filters by terms only; it does not support patterns for JSON or columns, or regular expressions",
            ));
        }
        while !rest.is_empty() {
            let list = match rest.as_bytes()[0] {
                b'?' => &mut pattern.any,
                b'-' => &mut pattern.none,
                _ => &mut pattern.all,
            };
            rest = rest.strip_prefix(['?', '-']).unwrap_or(rest);
            let term = match rest.strip_prefix('"') {
                Some(quoted) => {
                    let Some((term, after)) = quoted.split_once('"') else {
                        return Err(invalid(
                            "Invalid filter pattern: a double quote is not closed",
                        ));
                    };
                    rest = after;
                    term
                }
                None => {
                    let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
                    let term = &rest[..end];
                    rest = &rest[end..];
                    term
                }
            };
            if !term.is_empty() {
                list.push(term.to_owned());
            }
            rest = rest.trim_start();
        }
        Ok(pattern)
    }

    pub(super) fn matches(&self, text: &str) -> bool {
        let has = |term: &String| text.contains(term.as_str());
        self.all.iter().all(has)
            && (self.any.is_empty() || self.any.iter().any(has))
            && !self.none.iter().any(has)
    }
}

fn invalid(text: &str) -> ApiError {
    ApiError::Exception("InvalidParameterException", Some(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, text: &str, expected: bool) {
        let parsed = Pattern::parse(pattern).unwrap_or_else(|error| panic!("{error:?}"));
        assert_eq!(parsed.matches(text), expected, "{pattern} on {text}");
    }

    #[test]
    fn all_terms_must_be_present_in_the_same_case() {
        check("", "anything", true);
        check("ERROR", "[ERROR] x", true);
        check("ERROR", "error", false);
        check("a b", "b then a", true);
        check("a b", "a alone", false);
        check("\"Task timed out\"", "x Task timed out after", true);
        check("\"Task timed out\"", "Task was timed out", false);
    }

    #[test]
    fn one_optional_term_and_no_excluded_term_must_be_present() {
        check("?ERROR ?WARN", "WARN y", true);
        check("?ERROR ?WARN", "INFO y", false);
        check("ERROR -EXITING", "ERROR EXITING", false);
        check("ERROR -\"now EXITING\"", "ERROR EXITING", true);
    }

    #[test]
    fn patterns_that_are_not_terms_are_refused() {
        for pattern in ["{ $.level = \"x\" }", "[a, b]", "%x%", "\"open"] {
            assert!(Pattern::parse(pattern).is_err(), "{pattern}");
        }
    }
}
