//! Rules and targets as they are kept, and the rules for their members. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use hardcap_core::clock::EpochMillis;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::error::EventsError;
use super::input::{InputTransformer, is_path};
use super::schedule::Schedule;
use super::sizes;
use crate::Target;
use crate::pattern::Pattern;

/// The maximum length of names of rules and ids of targets (SDK's model).
const NAME_MAX: usize = 64;
/// The maximum length of a pattern (SDK's model).
const PATTERN_MAX: usize = 4_096;
/// The maximum length of `Input` and of a template (SDK's model).
const INPUT_MAX: usize = 8_192;

/// Tags by key.
pub(super) type Tags = BTreeMap<String, String>;

/// `PutRule`, as far as it is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Rule {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) event_pattern: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) schedule_expression: Option<String>,
    #[serde(default)]
    pub(super) state: State,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) role_arn: Option<String>,
    #[serde(default)]
    pub(super) tags: Tags,
    #[serde(default)]
    pub(super) targets: Vec<RuleTarget>,
    /// The time from which a rate counts.
    #[serde(default = "beginning")]
    pub(super) since: EpochMillis,
}

fn beginning() -> EpochMillis {
    EpochMillis(0)
}

/// A compiled pattern. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Compiled {
    pub(super) pattern: Arc<Pattern>,
    /// The most fields that all combinations of the pattern have. Its memory is proportional to them.
    pub(super) fields: usize,
}

impl Compiled {
    fn of(pattern: Pattern) -> Compiled {
        let (combinations, widest) = pattern.size();
        Compiled { pattern: Arc::new(pattern), fields: combinations * widest }
    }
}

/// Whether a rule is in force.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum State {
    #[default]
    #[serde(rename = "ENABLED")]
    Enabled,
    #[serde(rename = "DISABLED")]
    Disabled,
    #[serde(rename = "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS")]
    EnabledWithManagementEvents,
}

/// A target of a rule.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct RuleTarget {
    #[serde(default)]
    pub(super) id: String,
    #[serde(default)]
    pub(super) arn: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) input: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) input_path: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) input_transformer: Option<InputTransformer>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) sqs_parameters: Option<SqsParameters>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) dead_letter_config: Option<DeadLetterConfig>,
    /// Members that are kept and shown, and have no effect: roles, retries, the parameters of other services.
    #[serde(flatten)]
    pub(super) rest: Map<String, Value>,
}

/// `SqsParameters`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SqsParameters {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) message_group_id: Option<String>,
}

/// `DeadLetterConfig`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DeadLetterConfig {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) arn: Option<String>,
}

impl Rule {
    pub(super) fn is_enabled(&self) -> bool {
        self.state != State::Disabled
    }

    /// The pattern of a rule that was checked when it was put.
    pub(super) fn compiled(&self) -> Option<Compiled> {
        let pattern = Pattern::parse(self.event_pattern.as_deref()?).ok()?;
        Some(Compiled::of(pattern))
    }

    pub(super) fn schedule(&self) -> Option<Schedule> {
        self.schedule_expression.as_deref().and_then(Schedule::parse)
    }

    /// Checks the rule, and compiles its pattern if it has one.
    ///
    /// # Errors
    ///
    /// AWS's refusal.
    pub(super) fn check(&self, bus: &str) -> Result<Option<Compiled>, EventsError> {
        let given = |text: &Option<String>| text.as_ref().is_some_and(|it| !it.is_empty());
        if !given(&self.event_pattern) && !given(&self.schedule_expression) {
            // UNCONFIRMED: the text.
            let text = "Parameter(s) EventPattern or ScheduleExpression must be specified.";
            return Err(EventsError::invalid(text));
        }
        let pattern = self.event_pattern.as_deref().filter(|it| !it.is_empty());
        let compiled = pattern.map(check_pattern).transpose()?;
        if let Some(expression) = self.schedule_expression.as_deref().filter(|it| !it.is_empty()) {
            if bus != "default" {
                let text = "ScheduleExpression is supported only on the default event bus.";
                return Err(EventsError::invalid(text));
            }
            if Schedule::parse(expression).is_none() {
                let text = "Parameter ScheduleExpression is not valid.";
                return Err(EventsError::invalid(text));
            }
        }
        Ok(compiled)
    }
}

/// Checks and compiles a pattern.
///
/// # Errors
///
/// AWS's refusal of a pattern.
pub(super) fn check_pattern(pattern: &str) -> Result<Compiled, EventsError> {
    if pattern.chars().count() > PATTERN_MAX {
        let rule = format!("have length less than or equal to {PATTERN_MAX}");
        return Err(EventsError::constraint(Some(pattern), "eventPattern", &rule));
    }
    Pattern::parse(pattern).map(Compiled::of).map_err(|error| {
        let text = format!("Event pattern is not valid. Reason: {error}");
        EventsError::Api("InvalidEventPatternException", text)
    })
}

/// Checks a name against the model's pattern and length.
pub(super) fn check_name(
    name: &str,
    place: &str,
    longest: usize,
    signs: &str,
) -> Result<(), EventsError> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || signs.contains(c);
    if name.is_empty() {
        let rule = "have length greater than or equal to 1";
        return Err(EventsError::constraint(Some(name), place, rule));
    }
    if !name.chars().all(is_allowed) {
        let slash = if signs.contains('/') { "/" } else { "" };
        let rule = format!("satisfy regular expression pattern: [{slash}\\.\\-_A-Za-z0-9]+");
        return Err(EventsError::constraint(Some(name), place, &rule));
    }
    if name.chars().count() > longest {
        let rule = format!("have length less than or equal to {longest}");
        return Err(EventsError::constraint(Some(name), place, &rule));
    }
    Ok(())
}

/// Checks the name of a rule.
pub(super) fn check_rule_name(name: &str) -> Result<(), EventsError> {
    check_name(name, "name", NAME_MAX, ".-_")
}

impl RuleTarget {
    /// What the ARN names; `None` for a service to which hardcap delivers nothing.
    pub(super) fn target(&self) -> Option<Target> {
        Target::of(&self.arn)
    }

    /// # Errors
    ///
    /// AWS's refusal. `number` is the place in the list, from 1.
    pub(super) fn check(&self, number: usize) -> Result<(), EventsError> {
        let RuleTarget { id, arn, .. } = self;
        check_name(id, &format!("targets.{number}.member.id"), NAME_MAX, ".-_")?;
        if arn.is_empty() {
            let place = format!("targets.{number}.member.arn");
            return Err(EventsError::constraint(None, &place, "not be null"));
        }
        if !arn.starts_with("arn:") || arn.split(':').count() < 6 {
            let text = format!(
                "Parameter {arn} is not valid. Reason: Provided Arn is not in correct format."
            );
            return Err(EventsError::invalid(text));
        }
        let inputs =
            [self.input.is_some(), self.input_path.is_some(), self.input_transformer.is_some()];
        if inputs.iter().filter(|it| **it).count() > 1 {
            return Err(EventsError::invalid(format!(
                "Only one of Input, InputPath, or InputTransformer must be provided for target {id}."
            )));
        }
        self.check_input(number)?;
        sizes::check_record("a target for other services", &self.rest)?;
        let is_fifo = matches!(self.target(), Some(Target::Queue(name)) if name.ends_with(".fifo"));
        let group = self.sqs_parameters.as_ref().and_then(|it| it.message_group_id.as_ref());
        if is_fifo && group.is_none() {
            let text = format!("Parameter(s) SqsParameters must be specified for target: {id}.");
            return Err(EventsError::invalid(text));
        }
        Ok(())
    }

    fn check_input(&self, number: usize) -> Result<(), EventsError> {
        let id = &self.id;
        let check_length = |text: &str, member: &str| match text.chars().count() > INPUT_MAX {
            true => {
                let rule = format!("have length less than or equal to {INPUT_MAX}");
                let place = format!("targets.{number}.member.{member}");
                Err(EventsError::constraint(Some(text), &place, &rule))
            }
            false => Ok(()),
        };
        if let Some(input) = &self.input {
            check_length(input, "input")?;
            if serde_json::from_str::<serde::de::IgnoredAny>(input).is_err() {
                // UNCONFIRMED: the text.
                return Err(EventsError::invalid(format!(
                    "JSON syntax error in input for target {id}"
                )));
            }
        }
        let paths = self.input_transformer.iter().flat_map(|it| it.input_paths_map.values());
        if self.input_path.iter().chain(paths).any(|path| !is_path(path)) {
            // UNCONFIRMED: the text.
            let text = format!("Invalid InputPath for target {id}.");
            return Err(EventsError::invalid(text));
        }
        if let Some(transformer) = &self.input_transformer {
            check_length(&transformer.input_template, "inputTransformer.inputTemplate")?;
            if let Some(name) = transformer.unknown_placeholder() {
                return Err(EventsError::invalid(format!(
                    "InputTemplate for target {id} contains invalid placeholder {name}."
                )));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refusal(target: Value) -> String {
        let target: RuleTarget = serde_json::from_value(target).unwrap();
        target.check(1).unwrap_err().to_string()
    }

    #[test]
    fn an_invalid_target_is_refused_with_awss_text() {
        let arn = "arn:aws:sqs:us-east-1:000000000000:q";
        let long = "i".repeat(65);
        for (target, expected) in [
            (json!({"Id": "!@#$@!#$", "Arn": arn}), "1 validation error detected: Value '!@#$@!#$' at 'targets.1.member.id' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\.\\-_A-Za-z0-9]+".to_owned()),
            (json!({"Id": long, "Arn": arn}), format!("1 validation error detected: Value '{long}' at 'targets.1.member.id' failed to satisfy constraint: Member must have length less than or equal to 64")),
            (json!({"Id": "t", "Arn": "x"}), "Parameter x is not valid. Reason: Provided Arn is not in correct format.".to_owned()),
            (json!({"Id": "t", "Arn": arn, "InputPath": "$", "InputTransformer": {"InputTemplate": "{}"}}), "Only one of Input, InputPath, or InputTransformer must be provided for target t.".to_owned()),
            (json!({"Id": "t", "Arn": arn, "InputTransformer": {"InputTemplate": "\"<notdefinedkey>\""}}), "InputTemplate for target t contains invalid placeholder notdefinedkey.".to_owned()),
            (json!({"Id": "t", "Arn": format!("{arn}.fifo")}), "Parameter(s) SqsParameters must be specified for target: t.".to_owned()),
        ] {
            assert_eq!(refusal(target), expected);
        }
    }

    #[test]
    fn members_without_effect_are_kept() {
        let given = json!({
            "Id": "t", "Arn": "arn:aws:kinesis:us-east-1:000000000000:stream/s",
            "RetryPolicy": {"MaximumRetryAttempts": 3}, "RoleArn": "r",
        });
        let target: RuleTarget = serde_json::from_value(given.clone()).unwrap();
        target.check(1).unwrap();
        assert_eq!(serde_json::to_value(&target).unwrap(), given);
    }
}
