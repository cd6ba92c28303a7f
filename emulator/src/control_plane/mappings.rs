//! Event source mappings through Lambda's API.

use axum::body::Body;
use hardcap_core::config::{EventSourceMapping, queue_arn};
use hardcap_core::function_name::{FunctionName, LATEST};
use hardcap_messages::Target;
use hardcap_messages::mapping::{Described, MappingError};
use http::Request;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Shared;
use super::answer::{
    Done, Outcome, Problem, conflict, constraint, invalid, missing, not_found, not_one_of,
};
use super::request::{input, named};
use hardcap_core::config::ACCOUNT_ID;

/// The only value of `FunctionResponseTypes`.
const REPORTS_FAILURES: &str = "ReportBatchItemFailures";

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct MappingInput {
    event_source_arn: Option<String>,
    function_name: Option<String>,
    enabled: Option<bool>,
    batch_size: Option<i64>,
    maximum_batching_window_in_seconds: Option<i64>,
    filter_criteria: Option<FilterCriteria>,
    function_response_types: Option<Vec<String>>,
    scaling_config: Option<ScalingConfig>,
    starting_position: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct FilterCriteria {
    filters: Vec<Filter>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Filter {
    pattern: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct ScalingConfig {
    maximum_concurrency: Option<i64>,
}

/// `POST /2015-03-31/event-source-mappings`
pub(super) async fn create(shared: &Shared, request: Request<Body>) -> Outcome {
    let wanted: MappingInput = input(request).await?;
    let position = wanted.starting_position.as_deref();
    position.map_or(Ok(()), check_position)?;
    let function = wanted.function_name.as_deref().ok_or_else(|| missing("functionName"))?;
    let named = named(function, None, &shared.platform.region)?;
    shared.find_qualified(&named)?;
    let arn = wanted.event_source_arn.as_deref().ok_or_else(|| missing("eventSourceArn"))?;
    let Some(Target::Queue(queue)) = Target::of(arn) else {
        let text = format!(
            "hardcap's event source mappings receive from queues of SQS; `{arn}` is not the ARN of one"
        );
        return Err(invalid(text));
    };
    if position.is_some() {
        // Reported in 2018: boto/boto3#1613, motdotla/node-lambda#466.
        return Err(invalid("StartingPosition is not valid for SQS event sources."));
    }
    let mut mapping = EventSourceMapping::new(&queue, &named.qualified());
    mapping.uuid = uuid::Uuid::new_v4().to_string();
    wanted.apply(&mut mapping)?;
    let described = shared.mappings.create(mapping)?;
    Ok(Done::Accepted(shown(shared, &described, Some("Creating"))))
}

/// `GET /2015-03-31/event-source-mappings`
pub(super) fn list(shared: &Shared, query: &str) -> Outcome {
    let pairs = hardcap_core::percent::query_pairs(query, &['&']);
    let given = |name: &str| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value);
    let region = &shared.platform.region;
    let function = given("FunctionName").map(|name| FunctionName::parse(name, region).qualified());
    let source = given("EventSourceArn");
    let is_wanted = |described: &Described| {
        let mapping = &described.mapping;
        function.as_ref().is_none_or(|function| *function == mapping.function)
            && source.is_none_or(|source| *source == queue_arn(region, &mapping.queue))
    };
    let found = shared.mappings.list();
    let found = found.iter().filter(|described| is_wanted(described));
    let found: Vec<Value> = found.map(|described| shown(shared, described, None)).collect();
    Ok(Done::Ok(json!({ "EventSourceMappings": found })))
}

/// `GET /2015-03-31/event-source-mappings/{uuid}`
pub(super) fn get(shared: &Shared, uuid: &str) -> Outcome {
    let described = shared.mappings.get(uuid).ok_or_else(absent)?;
    Ok(Done::Ok(shown(shared, &described, None)))
}

/// `PUT /2015-03-31/event-source-mappings/{uuid}`
pub(super) async fn update(shared: &Shared, uuid: &str, request: Request<Body>) -> Outcome {
    let wanted: MappingInput = input(request).await?;
    shared.mappings.get(uuid).ok_or_else(absent)?;
    let mut function = None;
    if let Some(name) = &wanted.function_name {
        let named = named(name, None, &shared.platform.region)?;
        shared.find_qualified(&named)?;
        function = Some(named.qualified());
    }
    let updated = shared.mappings.update(uuid, |mapping| {
        if let Some(function) = function {
            mapping.function = function;
        }
        wanted.apply(mapping)
    })?;
    let described = updated.ok_or_else(absent)?;
    Ok(Done::Accepted(shown(shared, &described, Some("Updating"))))
}

/// `DELETE /2015-03-31/event-source-mappings/{uuid}`
pub(super) fn delete(shared: &Shared, uuid: &str) -> Outcome {
    let removed = shared.mappings.remove(uuid)?.ok_or_else(absent)?;
    Ok(Done::Accepted(shown(shared, &removed, Some("Deleting"))))
}

impl MappingInput {
    /// Changes a mapping by the members that the request has.
    fn apply(self, mapping: &mut EventSourceMapping) -> Result<(), Problem> {
        let number = |member: &str, value: i64| {
            u64::try_from(value).map_err(|_| {
                constraint(format!(
                    "Value '{value}' at '{member}' failed to satisfy constraint: Member must have value greater than or \
                     equal to 0"
                ))
            })
        };
        if let Some(enabled) = self.enabled {
            mapping.is_enabled = enabled;
        }
        if let Some(size) = self.batch_size {
            mapping.batch_size = number("batchSize", size)?;
        }
        if let Some(window) = self.maximum_batching_window_in_seconds {
            mapping.window_seconds = number("maximumBatchingWindowInSeconds", window)?;
        }
        if let Some(scaling) = self.scaling_config {
            let concurrency = scaling.maximum_concurrency;
            let concurrency = concurrency.map(|it| number("scalingConfig.maximumConcurrency", it));
            mapping.maximum_concurrency = concurrency.transpose()?;
        }
        if let Some(types) = self.function_response_types {
            mapping.reports_failures = reports_failures(&types)?;
        }
        if let Some(criteria) = self.filter_criteria {
            let patterns =
                criteria.filters.into_iter().map(|filter| filter.pattern.unwrap_or_default());
            mapping.filters = patterns.collect();
        }
        Ok(())
    }
}

/// Whether `FunctionResponseTypes` has its only value.
///
/// UNCONFIRMED: both texts. They are those of other lists of AWS's request validation.
fn reports_failures(types: &[String]) -> Result<bool, Problem> {
    let rule = match types {
        [] => return Ok(false),
        [kind] if kind == REPORTS_FAILURES => return Ok(true),
        [_] => format!(
            "Member must satisfy constraint: [Member must satisfy enum value set: [{REPORTS_FAILURES}]]"
        ),
        _ => "Member must have length less than or equal to 1".to_owned(),
    };
    let given = types.join(", ");
    Err(constraint(format!(
        "Value '[{given}]' at 'functionResponseTypes' failed to satisfy constraint: {rule}"
    )))
}

/// Refuses a position that does not exist. The set was recorded on 2025-11-25 (LocalStack's snapshots of AWS).
fn check_position(position: &str) -> Result<(), Problem> {
    match position {
        "LATEST" | "AT_TIMESTAMP" | "TRIM_HORIZON" => Ok(()),
        other => Err(not_one_of("startingPosition", other, "LATEST, AT_TIMESTAMP, TRIM_HORIZON")),
    }
}

fn absent() -> Problem {
    not_found("The resource you requested does not exist.")
}

impl From<MappingError> for Problem {
    fn from(error: MappingError) -> Problem {
        match &error {
            MappingError::Constraint(text) => constraint(text),
            MappingError::Exists(text) => conflict(text),
            MappingError::Bug(text) => Problem::Bug(text.clone()),
            MappingError::Invalid(_) | MappingError::Exceeded(_) | MappingError::NoFunction => {
                invalid(error.to_string())
            }
        }
    }
}

/// A mapping as responses show it (LocalStack's snapshots of AWS, recorded 2025-11-25).
fn shown(shared: &Shared, described: &Described, state: Option<&str>) -> Value {
    let Described { mapping, modified, .. } = described;
    let region = &shared.platform.region;
    let settled = if mapping.is_enabled { "Enabled" } else { "Disabled" };
    let function = FunctionName::parse(&mapping.function, region);
    let arn = function.arn();
    let arn = arn.strip_suffix(LATEST).map_or(&*arn, |arn| arn.trim_end_matches(':'));
    let uuid = &mapping.uuid;
    let types: &[&str] = if mapping.reports_failures { &[REPORTS_FAILURES] } else { &[] };
    let mut shown = json!({
        "BatchSize": mapping.batch_size,
        "EventSourceArn": queue_arn(region, &mapping.queue),
        "EventSourceMappingArn": format!("arn:aws:lambda:{region}:{ACCOUNT_ID}:event-source-mapping:{uuid}"),
        "FunctionArn": arn,
        "FunctionResponseTypes": types,
        "LastModified": modified.0 / 1000,
        "MaximumBatchingWindowInSeconds": mapping.window_seconds,
        "State": state.unwrap_or(settled),
        "StateTransitionReason": "USER_INITIATED",
        "UUID": uuid,
    });
    if !mapping.filters.is_empty() {
        let filters: Vec<Value> =
            mapping.filters.iter().map(|pattern| json!({ "Pattern": pattern })).collect();
        shown["FilterCriteria"] = json!({ "Filters": filters });
    }
    if let Some(most) = mapping.maximum_concurrency {
        shown["ScalingConfig"] = json!({ "MaximumConcurrency": most });
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapping_reports_failures_if_the_list_of_response_types_has_the_only_value_once() {
        let read = |types: &[&str]| {
            let types: Vec<String> = types.iter().map(|kind| (*kind).to_owned()).collect();
            reports_failures(&types)
        };
        assert!(!read(&[]).unwrap());
        assert!(read(&["ReportBatchItemFailures"]).unwrap());
        for refused in
            [&["x"][..], &[""], &["reportBatchItemFailures"], &["ReportBatchItemFailures", "x"]]
        {
            assert!(read(refused).is_err(), "{refused:?}");
        }
    }
}
