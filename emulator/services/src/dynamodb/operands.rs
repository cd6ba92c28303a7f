//! Functions and operands of expressions that AWS refuses and the engine accepts. Pure.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::Value;

use super::tokens::{is_keyword, is_value, tokens};

/// The types that `attribute_type` knows, in the order of AWS's refusal. The order is that of a hash set: dynalite's tests have
/// `{B,NULL,SS,BOOL,L,BS,N,NS,S,M}` from 2015; this one is the engine's for PartiQL, recorded in eu-west-2 in October 2026.
const ATTRIBUTE_TYPES: [&str; 10] = ["N", "BS", "L", "B", "NULL", "M", "S", "SS", "NS", "BOOL"];
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
/// The types of the operands of `begins_with`.
const WITH_BEGINNING: [&str; 2] = ["S", "B"];

/// The expressions of a request, or of an action of a transaction.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Expressions {
    key_condition_expression: Option<String>,
    filter_expression: Option<String>,
    condition_expression: Option<String>,
    update_expression: Option<String>,
    expression_attribute_values: Option<HashMap<String, Value>>,
    transact_items: Option<Vec<HashMap<String, Expressions>>>,
}

/// The message of AWS for a request whose expressions have such functions or operands.
pub(super) fn refusal(operation: &str, request: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(request).ok()?;
    if !text.contains("Expression\"") {
        return None;
    }
    let message = serde_json::from_str::<Expressions>(text).ok()?.refusal()?;
    // The engine does the same for every refusal of an expression, as recorded in eu-west-2 and us-east-1 in October 2026.
    Some(match operation {
        "PutItem" | "UpdateItem" | "DeleteItem" => {
            format!("1 validation error detected: {message}")
        }
        _ => message,
    })
}

impl Expressions {
    fn refusal(&self) -> Option<String> {
        let own = [
            ("KeyConditionExpression", &self.key_condition_expression),
            ("FilterExpression", &self.filter_expression),
            ("UpdateExpression", &self.update_expression),
            ("ConditionExpression", &self.condition_expression),
        ];
        let of_own = own.iter().find_map(|(name, expression)| {
            let expression = expression.as_deref();
            let tokens = tokens(expression.filter(|text| text.len() <= EXPRESSION_MAX)?);
            let mut calls = tokens.windows(2).enumerate().filter(|(_, call)| call[1] == "(");
            let rule =
                calls.find_map(|(at, call)| self.refusal_of_call(call[0], &tokens[at + 2..]))?;
            Some(format!("Invalid {name}: {rule}"))
        });
        let mut actions = self.transact_items.iter().flatten().flat_map(HashMap::values);
        of_own.or_else(|| actions.find_map(Expressions::refusal))
    }

    /// The rule that a call breaks. `after` begins with the first operand.
    fn refusal_of_call(&self, function: &str, after: &[&str]) -> Option<String> {
        let end = after.iter().position(|token| *token == ")")?;
        let values = after[..end].iter().filter(|token| is_value(token));
        let mut values =
            values.filter_map(|name| self.expression_attribute_values.as_ref()?.get(*name));
        match function {
            "attribute_type" => values.next_back().and_then(refusal_of_type),
            "begins_with" => values.filter_map(type_of).find_map(|kind| {
                let is_allowed = WITH_BEGINNING.contains(&kind);
                (!is_allowed).then(|| incorrect_type(function, kind))
            }),
            _ => refusal_of_name(function),
        }
    }
}

/// "These function names are case-sensitive" (API reference, `UpdateItem`: both of a condition and of an update).
fn refusal_of_name(function: &str) -> Option<String> {
    let is_in_another_case =
        FUNCTIONS.iter().any(|name| *name != function && is_keyword(function, name));
    is_in_another_case.then(|| format!("Invalid function name; function: {function}"))
}

fn refusal_of_type(value: &Value) -> Option<String> {
    let Some(name) = value["S"].as_str() else {
        return Some(incorrect_type("attribute_type", type_of(value)?));
    };
    (!ATTRIBUTE_TYPES.contains(&name)).then(|| {
        let types = ATTRIBUTE_TYPES.join(",");
        format!("Invalid attribute type name found; type: {name}, valid types: {{{types}}}")
    })
}

fn incorrect_type(function: &str, kind: &str) -> String {
    format!(
        "Incorrect operand type for operator or function; operator or function: {function}, operand type: {kind}"
    )
}

/// The type of a value with one member; the engine refuses others.
fn type_of(value: &Value) -> Option<&str> {
    let mut members = value.as_object()?.keys();
    members.next().map(String::as_str).filter(|_| members.next().is_none())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_expression_over_the_maximum_size_is_left_to_the_engine() {
        let refused = |bytes: usize| {
            let expression = format!("CONTAINS({})", " ".repeat(bytes - "CONTAINS()".len()));
            let request = json!({ "FilterExpression": expression });
            refusal("Scan", request.to_string().as_bytes())
        };
        let expected = "Invalid FilterExpression: Invalid function name; function: CONTAINS";
        assert_eq!(refused(4_096).as_deref(), Some(expected));
        assert_eq!(refused(4_097), None);
    }
}
