//! Expressions that AWS refuses and the engine accepts. Pure.

use std::collections::HashMap;

use hardcap_limits::{Count, Limits};
use serde::Deserialize;
use serde_json::Value;

use super::conditions::{self, COMPARATORS, Placeholders, Violation};
use super::tokens::{is_keyword, tokens};

/// The functions of conditions and of updates.
const FUNCTIONS: [&str; 8] = [
    "attribute_exists",
    "attribute_not_exists",
    "attribute_type",
    "begins_with",
    "contains",
    "size",
    "if_not_exists",
    "list_append",
];
/// The maximum size of an expression in bytes (developer guide, "Constraints in Amazon DynamoDB"). The engine refuses a larger one.
const EXPRESSION_MAX: usize = 4_096;

/// The expressions of a request, or of an action of a transaction.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Expressions {
    key_condition_expression: Option<String>,
    filter_expression: Option<String>,
    condition_expression: Option<String>,
    update_expression: Option<String>,
    expression_attribute_names: Option<HashMap<String, String>>,
    expression_attribute_values: Option<HashMap<String, Value>>,
    transact_items: Option<Vec<HashMap<String, Expressions>>>,
}

/// Why AWS refuses a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The message of AWS.
    Message(String),
    /// An `IN` with too many values: the beginning of the message, and their number.
    ValuesOfIn(String, Count),
    /// An expression with too many operators, likewise.
    Operators(String, Count),
}

/// Why AWS refuses the expressions of a request.
pub(super) fn refusal(operation: &str, request: &[u8], limits: &Limits) -> Option<Refusal> {
    let text = std::str::from_utf8(request).ok()?;
    if !text.contains("Expression\"") {
        return None;
    }
    // The engine does the same for every refusal of an expression, as recorded in eu-west-2 and us-east-1 in October 2026.
    let prefix = match operation {
        "PutItem" | "UpdateItem" | "DeleteItem" => super::refusals::PREFIX,
        _ => "",
    };
    let found = serde_json::from_str::<Expressions>(text).ok()?.violation(limits)?;
    Some(match found {
        (name, Violation::Rule(rule)) => {
            Refusal::Message(format!("{prefix}Invalid {name}: {rule}"))
        }
        (name, Violation::ValuesOfIn(values)) => {
            Refusal::ValuesOfIn(format!("{prefix}Invalid {name}"), Count(values))
        }
        (name, Violation::Operators(operators)) => {
            Refusal::Operators(format!("{prefix}Invalid {name}"), Count(operators))
        }
    })
}

impl Expressions {
    /// The first violation, and the name of its expression.
    fn violation(&self, limits: &Limits) -> Option<(&'static str, Violation)> {
        let own = [
            ("KeyConditionExpression", &self.key_condition_expression),
            ("FilterExpression", &self.filter_expression),
            ("UpdateExpression", &self.update_expression),
            ("ConditionExpression", &self.condition_expression),
        ];
        let of_own = own.iter().find_map(|(name, expression)| {
            let expression = expression.as_deref();
            let tokens = tokens(expression.filter(|text| text.len() <= EXPRESSION_MAX)?);
            let calls = tokens.windows(2).filter(|call| call[1] == "(");
            let of_name = calls.map(|call| call[0]).find_map(refusal_of_name).map(Violation::Rule);
            let is_condition = *name != "UpdateExpression";
            let operators = operators(&tokens, is_condition);
            let violation = of_name
                .or_else(|| {
                    let is_over = operators > limits.dynamodb_operators.max.0;
                    is_over.then_some(Violation::Operators(operators))
                })
                .or_else(|| {
                    let in_max = limits.dynamodb_in_values.max.0;
                    is_condition.then(|| self.violation_in(&tokens, in_max)).flatten()
                });
            Some((*name, violation?))
        });
        let mut actions = self.transact_items.iter().flatten().flat_map(HashMap::values);
        of_own.or_else(|| actions.find_map(|action| action.violation(limits)))
    }

    fn violation_in(&self, condition: &[&str], in_max: u64) -> Option<Violation> {
        let (no_names, no_values) = (HashMap::new(), HashMap::new());
        let placeholders = Placeholders {
            names: self.expression_attribute_names.as_ref().unwrap_or(&no_names),
            values: self.expression_attribute_values.as_ref().unwrap_or(&no_values),
        };
        // The engine refuses another beginning of a placeholder, as AWS does first.
        let are_placeholders = placeholders.names.keys().all(|name| name.starts_with('#'))
            && placeholders.values.keys().all(|name| name.starts_with(':'));
        are_placeholders.then(|| conditions::violation(condition, &placeholders, in_max)).flatten()
    }
}

/// The operators and functions of an expression. `AND`, `OR` and `NOT` do not count, as measured on AWS in scylladb/scylladb#14473,
/// 2023-07-02. Of an update, `+` and `-` count ("`SET a = :val1 + :val2 + :val3` contains two operators": developer guide, "Constraints
/// in Amazon DynamoDB").
fn operators(tokens: &[&str], is_condition: bool) -> u64 {
    let is_operator = |token: &&&str| {
        if !is_condition {
            return matches!(**token, "+" | "-");
        }
        COMPARATORS.contains(token)
            || ["BETWEEN", "IN"].iter().any(|keyword| is_keyword(token, keyword))
    };
    let calls = tokens.windows(2).filter(|call| call[1] == "(" && FUNCTIONS.contains(&call[0]));
    u64::try_from(tokens.iter().filter(is_operator).count() + calls.count()).unwrap_or(u64::MAX)
}

/// "These function names are case-sensitive" (API reference, `UpdateItem`: both of a condition and of an update).
fn refusal_of_name(function: &str) -> Option<String> {
    let is_in_another_case =
        FUNCTIONS.iter().any(|name| *name != function && is_keyword(function, name));
    is_in_another_case.then(|| format!("Invalid function name; function: {function}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(operation: &str, request: &Value) -> Option<Refusal> {
        refusal(operation, request.to_string().as_bytes(), &Limits::current())
    }

    fn message(text: &str) -> Option<Refusal> {
        Some(Refusal::Message(text.to_owned()))
    }

    #[test]
    fn an_expression_over_the_maximum_size_is_left_to_the_engine() {
        let refused = |bytes: usize| {
            let expression = format!("CONTAINS({})", " ".repeat(bytes - "CONTAINS()".len()));
            found("Scan", &json!({ "FilterExpression": expression }))
        };
        let expected = "Invalid FilterExpression: Invalid function name; function: CONTAINS";
        assert_eq!(refused(4_096), message(expected));
        assert_eq!(refused(4_097), None);
    }

    #[test]
    fn an_expression_has_at_most_300_operators() {
        let over = |name: &str| Some(Refusal::Operators(format!("Invalid {name}"), Count(301)));
        let comparisons = |count: usize| vec!["a=:a"; count].join(" OR ");
        for (condition, count) in [
            (comparisons(300), 300),
            (comparisons(301), 301),
            (format!("{} AND NOT size(a)<:a", comparisons(298)), 300),
            (format!("{} AND NOT size(a)<:a", comparisons(299)), 301),
            (format!("{} and a between :a And :a", comparisons(300)), 301),
            (format!("a in (:a,:a) or {}", comparisons(300)), 301),
        ] {
            let scan = json!({
                "FilterExpression": condition,
                "ExpressionAttributeValues": { ":a": { "S": "a" } },
            });
            let expected = if count > 300 { over("FilterExpression") } else { None };
            assert_eq!(found("Scan", &scan), expected, "{condition}");
        }
        let sum = |count: usize| format!("SET a = b{}", "+b".repeat(count));
        let check = |expression: String| {
            let update = json!({ "Update": { "UpdateExpression": expression } });
            found("TransactWriteItems", &json!({ "TransactItems": [update] }))
        };
        assert_eq!(check(sum(300)), None);
        assert_eq!(check(sum(301)), over("UpdateExpression"));
        assert_eq!(check(format!("{} - if_not_exists(c, d)", sum(299))), over("UpdateExpression"));
        let conditions = vec!["a=:a"; 301].join(", ");
        assert_eq!(check(format!("SET {conditions}")), None);
    }

    #[test]
    fn a_placeholder_with_another_beginning_is_left_to_the_engine() {
        let scan = |name: &str| {
            let values = json!({ name: { "BOOL": true }, ":w": { "BOOL": true } });
            let filter = "a = :v OR a < :w";
            found(
                "Scan",
                &json!({ "FilterExpression": filter, "ExpressionAttributeValues": values }),
            )
        };
        assert_eq!(scan("v"), None);
        let rule = "Incorrect operand type for operator or function; operator or function: <, operand type: BOOL";
        assert_eq!(scan(":v"), message(&format!("Invalid FilterExpression: {rule}")));
    }
}
