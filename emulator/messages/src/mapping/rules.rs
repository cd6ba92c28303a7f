//! What AWS refuses in an event source mapping. The API, templates and `hardcap check` share these rules.

use hardcap_core::config::EventSourceMapping;
use hardcap_limits::{Count, Exceeded, Limits, Millis};

use super::filter::Filters;
use crate::FunctionsSlot;
use crate::queue::Queues;

/// The refusal of a mapping.
#[derive(Clone, Debug, thiserror::Error)]
pub enum MappingError {
    /// A number outside the model's range: AWS's text.
    #[error("{0}")]
    Constraint(String),
    /// Another invalid value: AWS's text.
    #[error("{0}")]
    Invalid(String),
    /// A limit of the table.
    #[error("{}", text(.0))]
    Exceeded(Exceeded),
    /// The function does not exist.
    #[error("Function does not exist")]
    NoFunction,
    /// The same queue and function have a mapping already, with this text.
    #[error("{0}")]
    Exists(String),
    /// hardcap failed.
    #[error("{0}")]
    Bug(String),
}

fn text(exceeded: &Exceeded) -> String {
    let refusal = exceeded.refusal(hardcap_limits::Party::Invoker);
    let body =
        refusal.and_then(|refusal| serde_json::from_str::<serde_json::Value>(&refusal.body).ok());
    let message = body.as_ref().and_then(|body| body["message"].as_str());
    message.map_or_else(|| exceeded.to_string(), str::to_owned)
}

/// Checks a mapping against what is running.
///
/// # Errors
///
/// [`MappingError`]: what AWS refuses.
pub(super) fn check(
    mapping: &EventSourceMapping,
    limits: &Limits,
    queues: &Queues,
    functions: &FunctionsSlot,
) -> Result<(), MappingError> {
    let Ok(visibility) = queues.visibility(&mapping.queue) else {
        // LocalStack's snapshots of AWS, test_esm_with_not_existing_sqs_queue.
        return Err(MappingError::Invalid(
            "Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. SQS Error \
             Message: The specified queue does not exist."
                .to_owned(),
        ));
    };
    let functions = functions.get();
    let timeout = functions.map(|functions| functions.timeout(&mapping.function));
    match timeout {
        Some(None) => Err(MappingError::NoFunction),
        Some(Some(timeout)) => refusal(mapping, limits, Some((visibility, timeout))),
        None => refusal(mapping, limits, None),
    }
}

/// Checks a mapping alone, and with the visibility timeout of its queue and the timeout of its function where they are known. Pure.
///
/// # Errors
///
/// [`MappingError`]: what AWS refuses.
pub fn refusal(
    mapping: &EventSourceMapping,
    limits: &Limits,
    spans: Option<(Millis, Millis)>,
) -> Result<(), MappingError> {
    range("batchSize", mapping.batch_size, (1, limits.lambda_sqs_batch.max.0))?;
    let window = limits.lambda_sqs_window.max.0;
    range("maximumBatchingWindowInSeconds", mapping.window_seconds, (0, window))?;
    if let Some(concurrency) = mapping.maximum_concurrency {
        let bounds = (limits.lambda_sqs_concurrency_min.max.0, limits.lambda_sqs_concurrency.max.0);
        range("scalingConfig.maximumConcurrency", concurrency, bounds)?;
    }
    let is_fifo = mapping.queue.ends_with(".fifo");
    if mapping.window_seconds == 0 || is_fifo {
        let plain = &limits.lambda_sqs_batch_plain;
        plain.admit(Count(mapping.batch_size)).map_err(MappingError::Exceeded)?;
    }
    if is_fifo && mapping.window_seconds > 0 {
        // UNCONFIRMED: the text. Lambda's developer guide says that FIFO queues have no batching window.
        let text = "Batching window is not supported for FIFO queues.";
        return Err(MappingError::Invalid(text.to_owned()));
    }
    // UNCONFIRMED: both texts.
    let most = limits.lambda_filters.max.0;
    if limits.lambda_filters.admit(Count(mapping.filters.len() as u64)).is_err() {
        let text = format!("The number of filters must be less than or equal to {most}.");
        return Err(MappingError::Invalid(text));
    }
    for pattern in &mapping.filters {
        let length = Count(pattern.chars().count() as u64);
        if let Err(exceeded) = limits.lambda_filter_pattern.admit(length) {
            return Err(MappingError::Constraint(format!(
                "Value at 'filterCriteria.filters.pattern' failed to satisfy constraint: Member must have length less than \
                 or equal to {}",
                exceeded.max
            )));
        }
    }
    if Filters::parse(&mapping.filters).is_none() {
        // LocalStack's snapshots of AWS, test_sqs_invalid_event_filter.
        return Err(MappingError::Invalid("Invalid filter pattern definition.".to_owned()));
    }
    if let Some((visibility, timeout)) = spans
        && visibility < timeout
    {
        let text = format!(
            "Queue visibility timeout: {} seconds is less than Function timeout: {} seconds",
            visibility.0 / 1000,
            timeout.0 / 1000
        );
        return Err(MappingError::Invalid(text));
    }
    Ok(())
}

/// The usual text for a number outside the model's range.
fn range(member: &str, value: u64, (least, most): (u64, u64)) -> Result<(), MappingError> {
    let bound = match value {
        value if value < least => format!("greater than or equal to {least}"),
        value if value > most => format!("less than or equal to {most}"),
        _ => return Ok(()),
    };
    Err(MappingError::Constraint(format!(
        "Value '{value}' at '{member}' failed to satisfy constraint: Member must have value {bound}"
    )))
}
