//! The function that a request of Lambda's API names, in its path and in `Qualifier`. Pure.

use hardcap_core::function_name::{FunctionName, is_existing_function_name};

use crate::rules::{self, DeploymentRefusal};

/// The pattern of the name of a function that exists, recorded on 2025-11-25.
const NAME_PATTERN: &str = r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_\.]+)(:(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9-_]+))?";
/// The pattern of `Qualifier`, recorded on 2025-11-25 for GetFunction, DeleteFunction and Invoke.
const QUALIFIER_PATTERN: &str = r"\$(LATEST(\.PUBLISHED)?)|[a-zA-Z0-9-_$]+";
/// The maximum length of `Qualifier`, recorded on 2025-11-25.
const QUALIFIER_MAX: usize = 128;

/// The refusals of a name and a qualifier that violate their constraints. UNCONFIRMED: their order.
#[must_use]
pub fn constraints(name: &str, qualifier: Option<&str>) -> Vec<DeploymentRefusal> {
    let qualifier = qualifier.and_then(qualifier_constraint);
    let violates = !is_existing_function_name(name);
    let name = violates.then(|| DeploymentRefusal::pattern("functionName", name, NAME_PATTERN));
    qualifier.into_iter().chain(name).collect()
}

fn qualifier_constraint(qualifier: &str) -> Option<DeploymentRefusal> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_$".contains(&byte);
    let is_word = !qualifier.is_empty() && qualifier.bytes().all(is_allowed);
    if !is_word && qualifier != "$LATEST.PUBLISHED" {
        return Some(DeploymentRefusal::pattern("qualifier", qualifier, QUALIFIER_PATTERN));
    }
    (qualifier.len() > QUALIFIER_MAX)
        .then(|| DeploymentRefusal::too_long("qualifier", qualifier, QUALIFIER_MAX))
}

/// The function that a request names.
///
/// # Errors
///
/// AWS's refusal of an invalid name or qualifier, and of a name with another qualifier than `Qualifier`: recorded on 2025-11-25
/// for GetFunction, DeleteFunction and Invoke.
pub fn named(
    name: &str,
    qualifier: Option<&str>,
    region: &str,
) -> Result<FunctionName, DeploymentRefusal> {
    if let Some(refusal) = rules::answer(constraints(name, qualifier)) {
        return Err(refusal);
    }
    let mut named = FunctionName::parse(name, region);
    match (named.qualifier.as_deref(), qualifier) {
        (Some(derived), Some(given)) if derived != given => Err(DeploymentRefusal::invalid_value(
            "",
            "The derived qualifier from the function name does not match the specified qualifier.",
        )),
        (None, Some(given)) => {
            named.qualifier = Some(given.to_owned());
            Ok(named)
        }
        _ => Ok(named),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, qualifier: Option<&str>, expected: Result<&str, &str>) {
        let found = named(name, qualifier, "us-east-1");
        let found = found.map(|it| it.qualified()).map_err(|refusal| refusal.message());
        assert_eq!(found, expected.map(str::to_owned).map_err(str::to_owned), "{name}");
    }

    #[test]
    fn a_qualifier_is_in_the_name_or_beside_it_or_the_same_in_both() {
        check("f", None, Ok("f"));
        check("f", Some("1"), Ok("f:1"));
        check("f:1", Some("1"), Ok("f:1"));
        check("f:$LATEST", Some("$LATEST"), Ok("f"));
        let told =
            "The derived qualifier from the function name does not match the specified qualifier.";
        check("f:1", Some("$LATEST"), Err(told));
        check("arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST", Some("1"), Err(told));
    }

    #[test]
    fn a_name_and_a_qualifier_that_violate_their_constraints_are_refused_as_recorded_on_2025_11_25()
    {
        let of_name = |name: &str| {
            format!(
                "Value '{name}' at 'functionName' failed to satisfy constraint: Member must satisfy regular expression \
                 pattern: {NAME_PATTERN}"
            )
        };
        for name in ["*", "my-function!", "f:1:2", "f:$NEWEST", "a b", ""] {
            check(name, None, Err(&format!("1 validation error detected: {}", of_name(name))));
        }
        let of_qualifier = "Value 'invalid!' at 'qualifier' failed to satisfy constraint: Member must satisfy regular \
                            expression pattern: \\$(LATEST(\\.PUBLISHED)?)|[a-zA-Z0-9-_$]+";
        check("f", Some("invalid!"), Err(&format!("1 validation error detected: {of_qualifier}")));
        let both = format!("2 validation errors detected: {of_qualifier}; {}", of_name("*"));
        check("*", Some("invalid!"), Err(&both));
        let long = "a".repeat(129);
        let told = format!(
            "1 validation error detected: Value '{long}' at 'qualifier' failed to satisfy constraint: Member must have length \
             less than or equal to 128"
        );
        check("f", Some(&long), Err(&told));
        check("f", Some(&long[1..]), Ok(&format!("f:{}", &long[1..])));
        check("f", Some("$latest"), Ok("f:$latest"));
        check("a.b", Some("$LATEST.PUBLISHED"), Ok("a.b:$LATEST.PUBLISHED"));
    }
}
