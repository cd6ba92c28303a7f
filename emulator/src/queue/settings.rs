//! What AWS would refuse of a function's asynchronous configuration. Pure.

use hardcap_limits::{Limits, Millis};
use serde::de::IgnoredAny;

use super::destination::Target;
use crate::config::{Config, Function, Schedule};

/// EventBridge knows no shorter rate.
const RATE_MIN: Millis = Millis(60_000);

/// Checks every function.
///
/// # Errors
///
/// A sentence that names the function, the value and what is allowed.
pub(super) fn check(config: &Config) -> Result<(), String> {
    for function in &config.functions {
        numbers(function, &config.limits)
            .and_then(|()| destinations(function, config))
            .and_then(|()| function.schedules.iter().try_for_each(schedule))
            .map_err(|why| format!("the function `{}`: {why}", function.name))?;
    }
    Ok(())
}

fn numbers(function: &Function, limits: &Limits) -> Result<(), String> {
    let (retries, oldest) = (limits.lambda_async_retries, limits.lambda_async_age);
    let youngest = limits.lambda_async_age_min.max;
    if let Some(wanted) = function.events.maximum_retry_attempts
        && u64::from(wanted) > retries.max.0
    {
        return Err(format!("MaximumRetryAttempts is 0 to {}, not {wanted}", retries.max.0));
    }
    if let Some(wanted) = function.events.maximum_event_age
        && (wanted < youngest || wanted > oldest.max)
    {
        return Err(format!(
            "MaximumEventAgeInSeconds is {} to {}, not {}",
            youngest.0 / 1000,
            oldest.max.0 / 1000,
            wanted.0 / 1000
        ));
    }
    Ok(())
}

fn destinations(function: &Function, config: &Config) -> Result<(), String> {
    let events = &function.events;
    for (kind, arn) in [("OnSuccess", &events.on_success), ("OnFailure", &events.on_failure)] {
        let Some(arn) = arn else { continue };
        match Target::of(arn) {
            // AWS's words, recorded on 2025-11-25.
            Target::Function(name) if name == function.name => {
                return Err(
                    "You can't specify the function as a destination for itself.".to_owned()
                );
            }
            Target::Function(name) if !config.functions.iter().any(|it| it.name == name) => {
                return Err(format!("{kind} names the function `{name}`, which does not exist"));
            }
            Target::Bucket(_) if kind == "OnSuccess" => {
                return Err(format!(
                    "{kind} is `{arn}`: a bucket can be a destination of failures only"
                ));
            }
            Target::Function(_) | Target::Bucket(_) => {}
            Target::Other if arn.starts_with("arn:") => {}
            Target::Other => return Err(format!("{kind} is `{arn}`, which is no ARN")),
        }
    }
    Ok(())
}

fn schedule(schedule: &Schedule) -> Result<(), String> {
    let Schedule { name, rate, input } = schedule;
    if *rate < RATE_MIN {
        return Err(format!("the schedule `{name}` has a rate below 1 minute"));
    }
    if let Some(input) = input
        && let Err(error) = serde_json::from_str::<IgnoredAny>(input)
    {
        return Err(format!("the input of the schedule `{name}` is no JSON: {error}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::EventInvokeConfig;

    #[track_caller]
    fn check_events(events: EventInvokeConfig, expected: Result<(), &str>) {
        let mut config = Config::empty(Limits::current());
        let mut function = Function::new("f", [""]);
        function.events = events;
        config.functions = vec![function, Function::new("g", [""])];
        let expected = expected.map_err(|why| format!("the function `f`: {why}"));
        assert_eq!(check(&config), expected);
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
    fn the_oldest_age_is_60_to_21600_seconds() {
        // lambda_async_age and lambda_async_age_min
        check_events(age(60), Ok(()));
        check_events(age(21_600), Ok(()));
        check_events(age(59), Err("MaximumEventAgeInSeconds is 60 to 21600, not 59"));
        check_events(age(21_601), Err("MaximumEventAgeInSeconds is 60 to 21600, not 21601"));
    }

    #[test]
    fn the_retries_are_0_to_2() {
        // lambda_async_retries
        check_events(retries(2), Ok(()));
        check_events(retries(3), Err("MaximumRetryAttempts is 0 to 2, not 3"));
    }

    #[test]
    fn a_function_cannot_be_its_own_destination_and_others_must_exist() {
        let arn = |name: &str| format!("arn:aws:lambda:us-east-1:000000000000:function:{name}");
        check_events(on_failure(&arn("g")), Ok(()));
        let own = "You can't specify the function as a destination for itself.";
        check_events(on_failure(&arn("f")), Err(own));
        let missing = "OnFailure names the function `h`, which does not exist";
        check_events(on_failure(&arn("h")), Err(missing));
    }
}
