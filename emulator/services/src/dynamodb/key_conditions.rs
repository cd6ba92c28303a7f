//! Key conditions that the engine refuses in its own words. Pure.
//!
//! AWS reads a key condition with the grammar of all conditions, and then refuses what a key cannot be compared with. The texts
//! and their order are those of dynalite's tests, which run against AWS (`test/query.js`, "`should return ValidationException`
//! `for invalid operators`" and the tests after it). `Invalid operator used in KeyConditionExpression: OR` is recorded in
//! awslabs/aws-athena-query-federation#746, 2022-07-29, `: <>` in dynamoose/dynamoose#1535, 2022-10-16. That AWS writes
//! `Invalid KeyConditionExpression: ` before them since 2026, as before some other texts about key conditions, is UNCONFIRMED.

use super::tokens::{is_keyword, is_value, split, tokens};

/// The beginnings of the texts that the engine has not from AWS.
const ENGINES_OWN: [&str; 4] = [
    "Unexpected ",
    "Expected ",
    "Invalid KeyConditionExpression: Expected ",
    "Invalid KeyConditionExpression: unsupported operator",
];
/// The functions of conditions that are not for keys.
const NOT_FOR_KEYS: [&str; 4] =
    ["attribute_exists", "attribute_not_exists", "attribute_type", "contains"];
/// The beginning of the refusal of an operator.
const INVALID_OPERATOR: &str = "Invalid operator used in KeyConditionExpression: ";
/// The beginning of the refusal of operands.
const INVALID_CONDITION: &str = "Invalid condition in KeyConditionExpression: ";

/// The text of AWS for a key condition that the engine refused; `None` if the engine's text is that of AWS.
pub(super) fn in_words_of_aws(engines: &str, expression: &str) -> Option<String> {
    // The engine takes `size`, a function, for a name.
    let is_own = engines.ends_with("reserved keyword: size")
        || ENGINES_OWN.iter().any(|beginning| engines.starts_with(beginning));
    if is_own { refusal(&tokens(expression)) } else { None }
}

/// The first violation in a key condition.
fn refusal(tokens: &[&str]) -> Option<String> {
    let tokens = without_parentheses(tokens);
    if split(tokens, |token| is_keyword(token, "OR")).len() > 1 {
        return Some(format!("{INVALID_OPERATOR}OR"));
    }
    let conditions = conjunction(tokens);
    match conditions.as_slice() {
        [condition] => refusal_of_one(condition),
        conditions => conditions.iter().find_map(|condition| refusal(condition)),
    }
}

/// The first violation in a condition without `AND` and `OR`.
fn refusal_of_one(condition: &[&str]) -> Option<String> {
    let is_function = condition.get(1) == Some(&"(");
    match condition {
        [not, ..] if is_keyword(not, "NOT") => return Some(format!("{INVALID_OPERATOR}NOT")),
        [name, ..] if is_function && NOT_FOR_KEYS.contains(name) => {
            return Some(format!("{INVALID_OPERATOR}{name}"));
        }
        ["begins_with", "(", arguments @ .., ")"] => {
            let operands = split(arguments, |token| token == ",");
            return refusal_of_operands("begins_with", &operands);
        }
        _ => {}
    }
    let is_operator = |token: &str| {
        matches!(token, "=" | "<" | "<=" | ">" | ">=" | "<>")
            || ["IN", "BETWEEN", "AND"].iter().any(|keyword| is_keyword(token, keyword))
    };
    let operands = split(condition, is_operator);
    let operator = condition.get(operands.first()?.len())?.to_ascii_uppercase();
    if matches!(operator.as_str(), "IN" | "<>") {
        return Some(format!("{INVALID_OPERATOR}{operator}"));
    }
    refusal_of_operands(&operator, &operands)
}

/// A key is compared with values only, and by its name only.
fn refusal_of_operands(operator: &str, operands: &[&[&str]]) -> Option<String> {
    let operands: Vec<&[&str]> =
        operands.iter().map(|operand| without_parentheses(operand)).collect();
    let is_path = |operand: &&[&str]| {
        operand.first().is_some_and(|first| !is_value(first)) && operand.get(1) != Some(&"(")
    };
    let begins_with_key = operands.first().is_some_and(is_path);
    if matches!(operator, "BETWEEN" | "begins_with") && !begins_with_key {
        let rule = "operator must have the key attribute as its first operand";
        return Some(format!("{INVALID_CONDITION}{operator} {rule}"));
    }
    let mut paths = 0;
    for operand in &operands {
        if is_path(operand) {
            paths += 1;
            if paths > 1 {
                let rule = "Multiple attribute names used in one condition";
                return Some(format!("{INVALID_CONDITION}{rule}"));
            }
        } else if operand.get(1) == Some(&"(") {
            return Some("KeyConditionExpressions cannot contain nested operations".to_owned());
        }
    }
    (paths == 0).then(|| format!("{INVALID_CONDITION}No key attribute specified"))
}

/// The conditions that `AND` connects. The `AND` of a `BETWEEN` belongs to its condition.
fn conjunction<'t, 'e>(tokens: &'t [&'e str]) -> Vec<&'t [&'e str]> {
    let mut is_between = false;
    split(tokens, |token| {
        let is_and = is_keyword(token, "AND");
        let is_separator = is_and && !is_between;
        is_between = is_keyword(token, "BETWEEN") || (is_between && !is_and);
        is_separator
    })
}

/// The tokens in a pair of parentheses that encloses all of them.
fn without_parentheses<'t, 'e>(tokens: &'t [&'e str]) -> &'t [&'e str] {
    let ["(", inner @ .., ")"] = tokens else { return tokens };
    let mut depth = 1_i32;
    for token in inner {
        match *token {
            "(" => depth += 1,
            ")" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return tokens;
        }
    }
    without_parentheses(inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn is_refused(expression: &str, expected: &str) {
        assert_eq!(refusal(&tokens(expression)).as_deref(), Some(expected), "{expression}");
    }

    #[test]
    fn an_operator_that_is_not_for_keys_is_named() {
        for (expression, operator) in [
            ("a > b and size(b) > c or a > c", "OR"),
            ("a in (b, size(c), d)", "IN"),
            ("attribute_exists(a)", "attribute_exists"),
            ("attribute_not_exists(a)", "attribute_not_exists"),
            ("attribute_type(a, :a)", "attribute_type"),
            ("contains(a.d, b)", "contains"),
            ("not a > b", "NOT"),
            ("a <> b", "<>"),
            ("pk = :p AND (sk BETWEEN :a AND :b OR sk = :c)", "OR"),
            ("pk = :p AND sk BETWEEN :a AND :b AND NOT x = :c", "NOT"),
        ] {
            is_refused(
                expression,
                &format!("Invalid operator used in KeyConditionExpression: {operator}"),
            );
        }
    }

    #[test]
    fn a_key_is_compared_with_values_only() {
        let first = "operator must have the key attribute as its first operand";
        for (expression, rule) in [
            (":a between size(b) and size(a) and b > :b", &*format!("BETWEEN {first}")),
            ("begins_with(:a, b) and a > :b", &format!("begins_with {first}")),
            ("b > a.b", "Multiple attribute names used in one condition"),
            ("b between c[1] and d", "Multiple attribute names used in one condition"),
            ("begins_with(a, b)", "Multiple attribute names used in one condition"),
            (":b > :a AND a < :b", "No key attribute specified"),
        ] {
            is_refused(expression, &format!("Invalid condition in KeyConditionExpression: {rule}"));
        }
        for expression in
            ["size(b) > a AND b > c", "a > size(b.d)", "a between size(b) and size(a)"]
        {
            is_refused(expression, "KeyConditionExpressions cannot contain nested operations");
        }
        assert_eq!(refusal(&tokens("(pk = :p) AND (sk BETWEEN :a AND :b)")), None);
        assert_eq!(refusal(&tokens(":p = pk AND begins_with(sk, :a)")), None);
    }

    #[test]
    fn a_text_of_aws_stays() {
        let text = "Invalid KeyConditionExpression: Syntax error; token: \"<EOF>\", near: \"OR\"";
        assert_eq!(in_words_of_aws(text, "pk = :p OR"), None);
    }
}
