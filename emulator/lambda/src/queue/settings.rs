//! Validation of a function's asynchronous configuration by AWS's rules. Pure.

use hardcap_limits::{Limits, Millis};
use serde::de::IgnoredAny;

use super::destination::Target;
use crate::rules::{self, DeploymentRefusal};
use hardcap_core::config::{Config, EventInvokeConfig, Schedule};

/// The minimum rate of EventBridge.
const RATE_MIN: Millis = Millis(60_000);

/// A function's asynchronous configuration that AWS would refuse.
#[derive(Debug, thiserror::Error)]
#[error("the function `{function}`: {cause}")]
pub struct ConfigurationError {
    /// The function's name.
    pub function: String,
    /// The invalid setting.
    pub cause: SettingsError,
}

/// An invalid setting of a function's asynchronous configuration.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// AWS's refusal of the event invoke configuration.
    #[error("{0}")]
    Refused(String),
    /// An invalid schedule.
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
}

/// An invalid schedule.
#[derive(Debug, thiserror::Error)]
pub enum ScheduleError {
    /// The rate is below the minimum of EventBridge.
    #[error("the schedule `{name}` has a rate below the minimum of 1 minute")]
    Rate {
        /// The schedule's name.
        name: String,
    },
    /// The input is not JSON.
    #[error("the input of the schedule `{name}` is not JSON: {error}")]
    Input {
        /// The schedule's name.
        name: String,
        /// The error of the parser.
        error: serde_json::Error,
    },
}

/// An invalid destination.
#[derive(Debug, thiserror::Error)]
enum DestinationError {
    /// AWS's text, recorded on 2025-11-25.
    #[error("You can't specify the function as a destination for itself.")]
    Itself,
    #[error("{member} names the function `{name}`, which does not exist")]
    UnknownFunction { member: &'static str, name: String },
    #[error("{member} is `{arn}`: a bucket can only be a destination for failures")]
    BucketOnSuccess { member: &'static str, arn: String },
    #[error("{member} is `{arn}`, which is not an ARN")]
    NotAnArn { member: &'static str, arn: String },
}

/// A proposed configuration. `None` keeps Lambda's default.
#[derive(Clone, Copy, Debug, Default)]
pub struct EventSettings<'a> {
    /// `MaximumRetryAttempts`.
    pub retries: Option<i64>,
    /// `MaximumEventAgeInSeconds`.
    pub age_seconds: Option<i64>,
    /// The ARN of `OnSuccess`.
    pub on_success: Option<&'a str>,
    /// The ARN of `OnFailure`.
    pub on_failure: Option<&'a str>,
}

impl<'a> From<&'a EventInvokeConfig> for EventSettings<'a> {
    fn from(events: &'a EventInvokeConfig) -> EventSettings<'a> {
        let seconds = |age: Millis| i64::try_from(age.0 / 1000).unwrap_or(i64::MAX);
        EventSettings {
            retries: events.maximum_retry_attempts.map(i64::from),
            age_seconds: events.maximum_event_age.map(seconds),
            on_success: events.on_success.as_deref(),
            on_failure: events.on_failure.as_deref(),
        }
    }
}

/// Validates every function of a configuration.
///
/// # Errors
///
/// [`ConfigurationError`] with the function and AWS's text.
pub(super) fn check(config: &Config) -> Result<(), ConfigurationError> {
    let has = |name: &str| config.functions.iter().any(|it| it.name == name);
    for function in &config.functions {
        let settings = EventSettings::from(&function.events);
        check_settings(&settings, &function.name, &has, &config.limits)
            .map_err(|refusal| SettingsError::Refused(refusal.message()))
            .and_then(|()| Ok(function.schedules.iter().try_for_each(schedule)?))
            .map_err(|cause| ConfigurationError { function: function.name.clone(), cause })?;
    }
    Ok(())
}

/// Validates the proposal for one function. `has` returns whether a function exists.
///
/// # Errors
///
/// AWS's refusal.
pub fn check_settings(
    settings: &EventSettings<'_>,
    function: &str,
    has: &dyn Fn(&str) -> bool,
    limits: &Limits,
) -> Result<(), DeploymentRefusal> {
    let mut refusals = Vec::new();
    refusals.extend(settings.retries.and_then(|wanted| {
        let most = limits.lambda_async_retries.max.0;
        out_of_range("maximumRetryAttempts", wanted, (0, most))
    }));
    refusals.extend(settings.age_seconds.and_then(|wanted| {
        let (least, most) = (limits.lambda_async_age_min.max.0, limits.lambda_async_age.max.0);
        out_of_range("maximumEventAgeInSeconds", wanted, (least / 1000, most / 1000))
    }));
    if let Some(refusal) = rules::answer(refusals) {
        return Err(refusal);
    }
    for (member, arn) in [("OnSuccess", settings.on_success), ("OnFailure", settings.on_failure)] {
        let Some(arn) = arn.filter(|arn| !arn.is_empty()) else { continue };
        destination(member, arn, function, has)
            .map_err(|error| DeploymentRefusal::invalid_value("destination", &error.to_string()))?;
    }
    Ok(())
}

/// The usual text for a number outside the model's range; not recorded for these members.
fn out_of_range(member: &str, value: i64, (least, most): (u64, u64)) -> Option<DeploymentRefusal> {
    let bound = match u64::try_from(value) {
        Ok(value) if value > most => format!("less than or equal to {most}"),
        Ok(value) if value >= least => return None,
        _ => format!("greater than or equal to {least}"),
    };
    let text = format!(
        "Value '{value}' at '{member}' failed to satisfy constraint: Member must have value {bound}"
    );
    Some(DeploymentRefusal::constraint("event-invoke-config", &text))
}

fn destination(
    member: &'static str,
    arn: &str,
    function: &str,
    has: &dyn Fn(&str) -> bool,
) -> Result<(), DestinationError> {
    match Target::of(arn) {
        Target::Function(name) if name == function => Err(DestinationError::Itself),
        Target::Function(name) if !has(name) => {
            Err(DestinationError::UnknownFunction { member, name: name.to_owned() })
        }
        Target::Bucket(_) if member == "OnSuccess" => {
            Err(DestinationError::BucketOnSuccess { member, arn: arn.to_owned() })
        }
        Target::Function(_)
        | Target::Bucket(_)
        | Target::Queue(_)
        | Target::Topic(_)
        | Target::Bus(_) => Ok(()),
        Target::Other if arn.starts_with("arn:") => Ok(()),
        Target::Other => Err(DestinationError::NotAnArn { member, arn: arn.to_owned() }),
    }
}

fn schedule(schedule: &Schedule) -> Result<(), ScheduleError> {
    let Schedule { name, rate, input } = schedule;
    if *rate < RATE_MIN {
        return Err(ScheduleError::Rate { name: name.clone() });
    }
    if let Some(input) = input
        && let Err(error) = serde_json::from_str::<IgnoredAny>(input)
    {
        return Err(ScheduleError::Input { name: name.clone(), error });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use hardcap_core::config::Function;

    #[track_caller]
    fn check_events(events: EventInvokeConfig, expected: Result<(), &str>) {
        let mut config = Config::empty(Limits::current());
        let mut function = Function::new("f", [""]);
        function.events = events;
        config.functions = vec![function, Function::new("g", [""])];
        let expected = expected.map_err(|why| format!("the function `f`: {why}"));
        assert_eq!(check(&config).map_err(|error| error.to_string()), expected);
    }

    fn age(seconds: u64) -> EventInvokeConfig {
        let maximum_event_age = Some(Millis(seconds * 1000));
        EventInvokeConfig { maximum_event_age, ..EventInvokeConfig::default() }
    }

    fn retries(retries: u32) -> EventInvokeConfig {
        EventInvokeConfig { maximum_retry_attempts: Some(retries), ..EventInvokeConfig::default() }
    }

    fn on_failure(arn: &str) -> EventInvokeConfig {
        EventInvokeConfig { on_failure: Some(arn.to_owned()), ..EventInvokeConfig::default() }
    }

    #[test]
    fn the_maximum_event_age_is_60_to_21600_seconds() {
        // lambda_async_age and lambda_async_age_min
        check_events(age(60), Ok(()));
        check_events(age(21_600), Ok(()));
        let told = |value: &str, bound: &str| {
            format!(
                "1 validation error detected: Value '{value}' at 'maximumEventAgeInSeconds' failed to satisfy constraint: \
                 Member must have value {bound}"
            )
        };
        check_events(age(59), Err(&told("59", "greater than or equal to 60")));
        check_events(age(21_601), Err(&told("21601", "less than or equal to 21600")));
    }

    #[test]
    fn the_maximum_retry_attempts_are_0_to_2() {
        // lambda_async_retries
        check_events(retries(2), Ok(()));
        check_events(
            retries(3),
            Err(
                "1 validation error detected: Value '3' at 'maximumRetryAttempts' failed to satisfy constraint: Member must \
                 have value less than or equal to 2",
            ),
        );
    }

    #[test]
    fn a_function_cannot_be_its_own_destination_and_other_functions_must_exist() {
        let arn = |name: &str| format!("arn:aws:lambda:us-east-1:000000000000:function:{name}");
        check_events(on_failure(&arn("g")), Ok(()));
        let own = "You can't specify the function as a destination for itself.";
        check_events(on_failure(&arn("f")), Err(own));
        let missing = "OnFailure names the function `h`, which does not exist";
        check_events(on_failure(&arn("h")), Err(missing));
    }
}
