//! The response of a Lambda authorizer, and whether it allows a request. Pure.
//!
//! Official (API Gateway developer guide, "Output from an API Gateway Lambda authorizer" and "Working with AWS Lambda
//! authorizers for HTTP APIs"): a policy needs `principalId` and `policyDocument`, and an explicit deny wins; values of
//! the context are texts, numbers and booleans, and a REST API passes them as texts.

use serde_json::{Map, Value};

/// The decision of an authorizer, for every method of the API.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Decision {
    verdict: Verdict,
    /// The context, which the event of the route's function contains.
    pub(super) context: Map<String, Value>,
    /// The caller's name, in a policy.
    pub(super) principal: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
enum Verdict {
    /// `isAuthorized`.
    Simple(bool),
    Policy(Vec<Statement>),
}

#[derive(Clone, Debug, PartialEq)]
struct Statement {
    allows: bool,
    actions: Vec<String>,
    resources: Vec<String>,
}

/// Whether a method may be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    Allow,
    /// No statement allows it.
    ImplicitDeny,
    /// A statement denies it.
    ExplicitDeny,
}

/// An invalid response of an authorizer. The client receives a 500; the text is for the log.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InvalidDecision {
    /// It is not JSON.
    #[error("the authorizer's response is not JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// It is JSON, but not an object.
    #[error("the authorizer's response is not an object")]
    NotAnObject,
    /// Its context is not an object.
    #[error("`context` of the authorizer's response is not an object")]
    Context,
    /// A value of its context is an object or a list, which a REST API does not accept.
    #[error("`{0}` in `context` of the authorizer's response is an object or a list")]
    NestedContext(String),
    /// A member is missing or has another type.
    #[error("the authorizer's response has no `{0}`")]
    Missing(&'static str),
    /// A member of a statement is missing or has another type.
    #[error("a statement of the authorizer's policy has no `{0}`")]
    MissingInStatement(&'static str),
    /// A statement has a condition. hardcap does not evaluate it, so the result would be a guess.
    #[error(
        "the authorizer's policy has a `Condition`, which hardcap does not evaluate; remove it"
    )]
    Condition,
}

impl Decision {
    /// Reads the response of an authorizer. `nested`: whether values of the context may be objects and lists.
    ///
    /// # Errors
    ///
    /// [`InvalidDecision`]; API Gateway then responds with 500.
    pub(super) fn read(
        payload: &[u8],
        simple: bool,
        nested: bool,
    ) -> Result<Decision, InvalidDecision> {
        let Value::Object(answer) = serde_json::from_slice(payload)? else {
            return Err(InvalidDecision::NotAnObject);
        };
        let context = match answer.get("context") {
            None | Some(Value::Null) => Map::new(),
            Some(Value::Object(context)) => context.clone(),
            Some(_) => return Err(InvalidDecision::Context),
        };
        let is_nested = |value: &Value| value.is_object() || value.is_array();
        if let Some((key, _)) = context.iter().find(|(_, value)| !nested && is_nested(value)) {
            return Err(InvalidDecision::NestedContext(key.clone()));
        }
        if simple {
            let Some(Value::Bool(authorized)) = answer.get("isAuthorized") else {
                return Err(InvalidDecision::Missing("isAuthorized"));
            };
            return Ok(Decision {
                verdict: Verdict::Simple(*authorized),
                context,
                principal: None,
            });
        }
        let Some(principal) = answer.get("principalId").and_then(Value::as_str) else {
            return Err(InvalidDecision::Missing("principalId"));
        };
        let statements = answer.get("policyDocument").and_then(|policy| policy.get("Statement"));
        let statements = match statements {
            Some(Value::Array(statements)) => statements.clone(),
            Some(statement @ Value::Object(_)) => vec![statement.clone()],
            _ => return Err(InvalidDecision::Missing("policyDocument.Statement")),
        };
        let statements = statements.iter().map(statement).collect::<Result<_, _>>()?;
        Ok(Decision {
            verdict: Verdict::Policy(statements),
            context,
            principal: Some(principal.to_owned()),
        })
    }

    /// Whether the method of this ARN may be called.
    pub(super) fn effect(&self, arn: &str) -> Effect {
        let statements = match &self.verdict {
            Verdict::Simple(true) => return Effect::Allow,
            Verdict::Simple(false) => return Effect::ImplicitDeny,
            Verdict::Policy(statements) => statements,
        };
        let applies = |statement: &&Statement| {
            let action =
                |pattern: &String| matches(&pattern.to_ascii_lowercase(), "execute-api:invoke");
            statement.actions.iter().any(action)
                && statement.resources.iter().any(|pattern| matches(pattern, arn))
        };
        let mut effect = Effect::ImplicitDeny;
        for statement in statements.iter().filter(applies) {
            if !statement.allows {
                return Effect::ExplicitDeny;
            }
            effect = Effect::Allow;
        }
        effect
    }
}

fn statement(value: &Value) -> Result<Statement, InvalidDecision> {
    let texts = |key: &'static str| match value.get(key) {
        Some(Value::String(text)) => Ok(vec![text.clone()]),
        Some(Value::Array(items)) => {
            Ok(items.iter().filter_map(Value::as_str).map(str::to_owned).collect())
        }
        _ => Err(InvalidDecision::MissingInStatement(key)),
    };
    if value.get("Condition").is_some_and(|condition| condition != &Value::Object(Map::new())) {
        return Err(InvalidDecision::Condition);
    }
    let allows = match value.get("Effect").and_then(Value::as_str) {
        Some("Allow") => true,
        Some("Deny") => false,
        _ => return Err(InvalidDecision::MissingInStatement("Effect")),
    };
    Ok(Statement { allows, actions: texts("Action")?, resources: texts("Resource")? })
}

/// Whether a pattern with `*` (any characters) and `?` (one character) is the whole text.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut at, mut of) = (0, 0);
    // The position of the last `*`, and the end of the text that it matches.
    let mut star: Option<(usize, usize)> = None;
    while at < text.len() {
        match pattern.get(of) {
            Some(b'*') => {
                star = Some((of, at));
                of += 1;
            }
            Some(byte) if *byte == b'?' || *byte == text[at] => {
                at += 1;
                of += 1;
            }
            _ => match star {
                Some((before, taken)) => {
                    star = Some((before, taken + 1));
                    of = before + 1;
                    at = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern[of..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ARN: &str = "arn:aws:execute-api:us-east-1:000000000000:abc/prod/GET/items/1";

    fn policy(statements: &Value) -> Result<Decision, InvalidDecision> {
        let answer = json!({"principalId": "me", "policyDocument": {"Statement": statements}});
        Decision::read(answer.to_string().as_bytes(), false, false)
    }

    #[track_caller]
    fn check(statements: &Value, expected: Effect) {
        let decision = policy(statements).unwrap_or_else(|why| panic!("{statements}: {why}"));
        assert_eq!(decision.effect(ARN), expected, "{statements}");
    }

    #[test]
    fn a_method_is_allowed_by_a_statement_and_a_deny_wins() {
        let allow = |resource: &str| json!({"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": resource});
        check(&json!([allow(ARN)]), Effect::Allow);
        check(&json!([allow("*")]), Effect::Allow);
        check(&json!(allow("arn:aws:execute-api:*:*:abc/*/GET/items/?")), Effect::Allow);
        check(&json!([allow("arn:aws:execute-api:*:*:abc/*/POST/*")]), Effect::ImplicitDeny);
        check(&json!([]), Effect::ImplicitDeny);
        let deny = json!({"Effect": "Deny", "Action": ["execute-api:*"], "Resource": ["*"]});
        check(&json!([allow("*"), deny]), Effect::ExplicitDeny);
        let other = json!({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"});
        check(&json!([other]), Effect::ImplicitDeny);
    }

    #[test]
    fn a_simple_answer_needs_a_truth_value() {
        let read = |text: &str| Decision::read(text.as_bytes(), true, true);
        assert_eq!(read(r#"{"isAuthorized": true}"#).unwrap().effect(ARN), Effect::Allow);
        assert_eq!(read(r#"{"isAuthorized": false}"#).unwrap().effect(ARN), Effect::ImplicitDeny);
        for wrong in [r#"{"isAuthorized": "true"}"#, "{}", "[]", "x", "null"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_error_of_a_response_that_is_not_a_policy_names_the_missing_member() {
        for (answer, missing) in [
            (r#"{"policyDocument": {"Statement": []}}"#, "principalId"),
            (r#"{"principalId": "me"}"#, "policyDocument.Statement"),
            (r#"{"principalId": "me", "policyDocument": {"Statement": [{}]}}"#, "Effect"),
            (
                r#"{"principalId": "me", "policyDocument": {"Statement": []}, "context": {"a": {}}}"#,
                "`a` in `context`",
            ),
        ] {
            let invalid = Decision::read(answer.as_bytes(), false, false).expect_err(answer);
            let why = invalid.to_string();
            assert!(why.contains(missing), "{answer}: {why}");
        }
    }

    #[test]
    fn patterns_take_any_text_or_one_character() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("a*c", "abbc", true),
            ("a*c", "abbd", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*a*b*", "xxaxxbxx", true),
            ("", "a", false),
            ("a**", "a", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} on {text}");
        }
    }
}
