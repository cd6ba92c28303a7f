//! What a Lambda authorizer answers, and whether that lets a request through. Pure.
//!
//! Official (API Gateway developer guide, "Output from an API Gateway Lambda authorizer" and "Working with AWS Lambda
//! authorizers for HTTP APIs"): a policy needs `principalId` and `policyDocument`, and an explicit deny wins; values of
//! the context are texts, numbers and truth values, and a REST API hands them on as texts.

use serde_json::{Map, Value};

/// What an authorizer decided, for every method of the API.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Decision {
    verdict: Verdict,
    /// What the function of the route is told.
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

impl Decision {
    /// Reads an authorizer's answer. `nested` says whether values of the context may be objects and lists.
    ///
    /// # Errors
    ///
    /// A sentence that says what is wrong; AWS answers 500.
    pub(super) fn read(payload: &[u8], simple: bool, nested: bool) -> Result<Decision, String> {
        let answer: Value = serde_json::from_slice(payload)
            .map_err(|error| format!("the authorizer's response is not JSON: {error}"))?;
        let Value::Object(answer) = answer else {
            return Err("the authorizer's response is not an object".to_owned());
        };
        let context = match answer.get("context") {
            None | Some(Value::Null) => Map::new(),
            Some(Value::Object(context)) => context.clone(),
            Some(_) => {
                return Err("`context` of the authorizer's response is not an object".to_owned());
            }
        };
        let is_nested = |value: &Value| value.is_object() || value.is_array();
        if let Some((key, _)) = context.iter().find(|(_, value)| !nested && is_nested(value)) {
            return Err(format!(
                "`{key}` in `context` of the authorizer's response is an object or a list"
            ));
        }
        if simple {
            let Some(Value::Bool(authorized)) = answer.get("isAuthorized") else {
                return Err("the authorizer's response has no `isAuthorized`".to_owned());
            };
            return Ok(Decision {
                verdict: Verdict::Simple(*authorized),
                context,
                principal: None,
            });
        }
        let Some(principal) = answer.get("principalId").and_then(Value::as_str) else {
            return Err("the authorizer's response has no `principalId`".to_owned());
        };
        let statements = answer.get("policyDocument").and_then(|policy| policy.get("Statement"));
        let statements = match statements {
            Some(Value::Array(statements)) => statements.clone(),
            Some(statement @ Value::Object(_)) => vec![statement.clone()],
            _ => {
                return Err(
                    "the authorizer's response has no `policyDocument.Statement`".to_owned()
                );
            }
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

fn statement(value: &Value) -> Result<Statement, String> {
    let texts = |key: &str| match value.get(key) {
        Some(Value::String(text)) => Ok(vec![text.clone()]),
        Some(Value::Array(items)) => {
            Ok(items.iter().filter_map(Value::as_str).map(str::to_owned).collect())
        }
        _ => Err(format!("a statement of the authorizer's policy has no `{key}`")),
    };
    if value.get("Condition").is_some_and(|condition| condition != &Value::Object(Map::new())) {
        return Err("conditions in an authorizer's policy are not evaluated here".to_owned());
    }
    let allows = match value.get("Effect").and_then(Value::as_str) {
        Some("Allow") => true,
        Some("Deny") => false,
        _ => return Err("a statement of the authorizer's policy has no `Effect`".to_owned()),
    };
    Ok(Statement { allows, actions: texts("Action")?, resources: texts("Resource")? })
}

/// Whether a pattern with `*` (any characters) and `?` (one character) is the whole text.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut at, mut of) = (0, 0);
    // Where the last `*` was, and up to where it has taken the text.
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

    fn policy(statements: &Value) -> Result<Decision, String> {
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
    fn an_answer_that_is_not_a_policy_says_what_is_missing() {
        for (answer, missing) in [
            (r#"{"policyDocument": {"Statement": []}}"#, "principalId"),
            (r#"{"principalId": "me"}"#, "policyDocument.Statement"),
            (r#"{"principalId": "me", "policyDocument": {"Statement": [{}]}}"#, "Effect"),
            (
                r#"{"principalId": "me", "policyDocument": {"Statement": []}, "context": {"a": {}}}"#,
                "`a` in `context`",
            ),
        ] {
            let why = Decision::read(answer.as_bytes(), false, false).expect_err(answer);
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
