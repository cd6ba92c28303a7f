//! The configuration of a function's asynchronous events. All responses were recorded on 2023-11-20 and 2025-11-25.

use std::sync::Arc;

use axum::body::Body;
use hardcap_limits::Millis;
use http::Request;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Shared;
use super::answer::{Done, Outcome, Problem, invalid, not_found};
use super::entry::FunctionEntry;
use super::request::{Parameters, input, named};
use hardcap_core::config::{EventInvokeConfig, Function};
use hardcap_core::context::Context;
use hardcap_core::function_name::{FunctionName, LATEST};
use hardcap_lambda::queue::{self, EventSettings};
use hardcap_services::json_api::seconds;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct EventsInput {
    maximum_retry_attempts: Option<i64>,
    maximum_event_age_in_seconds: Option<i64>,
    destination_config: Option<Destinations>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Destinations {
    on_success: Option<Destination>,
    on_failure: Option<Destination>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Destination {
    destination: Option<String>,
}

/// Whether members that were not sent are removed or kept.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// PutFunctionEventInvokeConfig.
    Replace,
    /// UpdateFunctionEventInvokeConfig.
    Merge,
}

/// `PUT` and `POST /2019-09-25/functions/{name}/event-invoke-config`
pub(super) async fn set(
    shared: &Shared,
    ctx: &Context,
    (name, parameters): (&str, &Parameters),
    request: Request<Body>,
    how: How,
) -> Outcome {
    let input: EventsInput = input(request).await?;
    let named = named(name, parameters.qualifier.as_deref(), &shared.platform.region)?;
    check(shared, ctx, &named.function, &input)?;
    let _turn = shared.turn.lock().await;
    let no_function = |_| not_found("The function doesn't exist.");
    let mut entry = shared.find(&named).map_err(no_function)?;
    if how == How::Merge && entry.about.events_modified.is_none() {
        return Err(not_configured(&named));
    }
    let nothing = EventInvokeConfig {
        dead_letter: entry.function.events.dead_letter.clone(),
        ..EventInvokeConfig::default()
    };
    let mut events = match how {
        How::Replace => nothing,
        How::Merge => entry.function.events.clone(),
    };
    apply(input, &mut events);
    Arc::make_mut(&mut entry.function).events = events;
    entry.about.events_modified = Some(ctx.arrived);
    let shown = members(&entry, &shared.platform.region);
    shared.configure(entry).await?;
    Ok(Done::Ok(shown))
}

/// `GET /2019-09-25/functions/{name}/event-invoke-config`
pub(super) fn get(shared: &Shared, name: &str, parameters: &Parameters) -> Outcome {
    let entry = configured(shared, name, parameters)?;
    Ok(Done::Ok(members(&entry, &shared.platform.region)))
}

/// `DELETE /2019-09-25/functions/{name}/event-invoke-config`
pub(super) async fn delete(shared: &Shared, name: &str, parameters: &Parameters) -> Outcome {
    let _turn = shared.turn.lock().await;
    let mut entry = configured(shared, name, parameters)?;
    let function: &mut Function = Arc::make_mut(&mut entry.function);
    let dead_letter = function.events.dead_letter.take();
    function.events = EventInvokeConfig { dead_letter, ..EventInvokeConfig::default() };
    entry.about.events_modified = None;
    shared.configure(entry).await?;
    Ok(Done::NoContent)
}

/// `GET /2019-09-25/functions/{name}/event-invoke-config/list`
pub(super) fn list(shared: &Shared, name: &str) -> Outcome {
    let named = named(name, None, &shared.platform.region)?;
    let entry = shared.find(&named).map_err(|_| not_found("The function doesn't exist."))?;
    let configured = entry.about.events_modified.is_some();
    let all: Vec<Value> =
        configured.then(|| members(&entry, &shared.platform.region)).into_iter().collect();
    Ok(Done::Ok(json!({ "FunctionEventInvokeConfigs": all })))
}

fn check(
    shared: &Shared,
    ctx: &Context,
    function: &str,
    input: &EventsInput,
) -> Result<(), Problem> {
    let EventsInput { maximum_retry_attempts, maximum_event_age_in_seconds, destination_config } =
        input;
    if maximum_retry_attempts.is_none()
        && maximum_event_age_in_seconds.is_none()
        && destination_config.is_none()
    {
        return Err(invalid(
            "You must specify at least one of error handling or destination setting.",
        ));
    }
    let arn = |of: fn(&Destinations) -> &Option<Destination>| {
        destination_config.as_ref().and_then(|it| of(it).as_ref()?.destination.as_deref())
    };
    let settings = EventSettings {
        retries: *maximum_retry_attempts,
        age_seconds: *maximum_event_age_in_seconds,
        on_success: arn(|it| &it.on_success),
        on_failure: arn(|it| &it.on_failure),
    };
    let has = |name: &str| shared.lambda.has(name);
    Ok(queue::check_settings(&settings, function, &has, &ctx.limits)?)
}

fn apply(input: EventsInput, events: &mut EventInvokeConfig) {
    if let Some(retries) = input.maximum_retry_attempts {
        events.maximum_retry_attempts = u32::try_from(retries).ok();
    }
    if let Some(seconds) = input.maximum_event_age_in_seconds {
        events.maximum_event_age = u64::try_from(seconds).ok().map(|it| Millis(it * 1000));
    }
    if let Some(Destinations { on_success, on_failure }) = input.destination_config {
        let places = [(&mut events.on_success, on_success), (&mut events.on_failure, on_failure)];
        for (place, destination) in places {
            if let Some(Destination { destination }) = destination {
                *place = destination.filter(|arn| !arn.is_empty());
            }
        }
    }
}

fn configured(
    shared: &Shared,
    name: &str,
    parameters: &Parameters,
) -> Result<FunctionEntry, Problem> {
    let named = named(name, parameters.qualifier.as_deref(), &shared.platform.region)?;
    let entry = shared.find(&named).ok();
    let configured = entry.filter(|entry| entry.about.events_modified.is_some());
    configured.ok_or_else(|| not_configured(&named))
}

fn not_configured(named: &FunctionName) -> Problem {
    not_found(format!("The function {} doesn't have an EventInvokeConfig", named.arn()))
}

fn members(entry: &FunctionEntry, region: &str) -> Value {
    let events = &entry.function.events;
    let destination = |arn: &Option<String>| match arn {
        Some(arn) => json!({ "Destination": arn }),
        None => json!({}),
    };
    let mut members = json!({
        "LastModified": entry.about.events_modified.map(seconds),
        "FunctionArn": format!("{}:{LATEST}", entry.function.arn(region)),
        "DestinationConfig": {
            "OnSuccess": destination(&events.on_success),
            "OnFailure": destination(&events.on_failure),
        },
    });
    if let Some(retries) = events.maximum_retry_attempts {
        members["MaximumRetryAttempts"] = retries.into();
    }
    if let Some(age) = events.maximum_event_age {
        members["MaximumEventAgeInSeconds"] = (age.0 / 1000).into();
    }
    members
}
