//! The record of an asynchronous invocation, as destinations receive it. Pure.

use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::Reply;
use hardcap_core::clock::EpochMillis;
use hardcap_core::record::Condition;

/// The data of an ended event.
pub(super) struct EndedEvent<'a> {
    pub(super) id: &'a str,
    /// The ARN with the qualifier that the invoker named, `$LATEST` without one.
    pub(super) function_arn: &'a str,
    /// The version that ran.
    pub(super) version: &'a str,
    pub(super) condition: Condition,
    /// The number of attempts that reached the function.
    pub(super) attempts: u64,
    pub(super) payload: &'a [u8],
    /// The last response; `None` if the last attempt did not reach the function.
    pub(super) reply: Option<&'a Reply>,
}

/// The members in the order recorded on 2025-11-24.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct InvocationRecord<'a> {
    version: &'static str,
    timestamp: String,
    request_context: RequestContext<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_payload: Option<Payload<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_context: Option<ResponseContext<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_payload: Option<Payload<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext<'a> {
    request_id: &'a str,
    function_arn: &'a str,
    condition: &'static str,
    approximate_invoke_count: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResponseContext<'a> {
    status_code: u16,
    executed_version: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    function_error: Option<&'static str>,
}

/// JSON unchanged; any other text as a string.
#[derive(Serialize)]
#[serde(untagged)]
enum Payload<'a> {
    Json(&'a RawValue),
    Text(String),
}

impl<'a> Payload<'a> {
    fn of(bytes: &'a [u8]) -> Payload<'a> {
        match serde_json::from_slice::<&RawValue>(bytes) {
            Ok(json) => Payload::Json(json),
            Err(_) => Payload::Text(String::from_utf8_lossy(bytes).into_owned()),
        }
    }
}

/// The record as JSON.
pub(super) fn document(ended: &EndedEvent<'_>, now: EpochMillis) -> Vec<u8> {
    document_with(ended, now, true)
}

/// The record as JSON, without the request's and the response's payload. UNCONFIRMED: the form of such a record.
pub(super) fn document_without_payloads(ended: &EndedEvent<'_>, now: EpochMillis) -> Vec<u8> {
    document_with(ended, now, false)
}

fn document_with(ended: &EndedEvent<'_>, now: EpochMillis, has_payloads: bool) -> Vec<u8> {
    let record = InvocationRecord {
        version: "1.0",
        timestamp: timestamp(now),
        request_context: RequestContext {
            request_id: ended.id,
            function_arn: ended.function_arn,
            condition: ended.condition.name(),
            approximate_invoke_count: ended.attempts,
        },
        request_payload: has_payloads.then(|| Payload::of(ended.payload)),
        response_context: ended.reply.map(|reply| ResponseContext {
            status_code: 200,
            executed_version: ended.version,
            function_error: reply.function_error.as_ref().map(|_| "Unhandled"),
        }),
        response_payload: ended
            .reply
            .filter(|_| has_payloads)
            .map(|reply| Payload::of(&reply.payload)),
    };
    serde_json::to_vec(&record).expect("texts and numbers are JSON")
}

/// The value of a dead letter's attribute `ErrorMessage`.
///
/// For a failed function its error message was recorded. UNCONFIRMED: the text for an event that never reached the function.
pub(super) fn error_message(ended: &EndedEvent<'_>) -> String {
    let Some(reply) = ended.reply else {
        return match ended.condition {
            Condition::ZeroReservedConcurrency => "Rate Exceeded.".to_owned(),
            condition => condition.name().to_owned(),
        };
    };
    let document: Value = serde_json::from_slice(&reply.payload).unwrap_or_default();
    match (document["errorMessage"].as_str(), &reply.function_error) {
        (Some(message), _) => message.to_owned(),
        (None, Some(error)) => error.to_string(),
        (None, None) => String::new(),
    }
}

/// `aws/lambda/async/NAME/2019/11/14/2019-11-14T18.16.05-UUID`: the developer guide of Lambda, "Capturing records of Lambda
/// asynchronous invocations".
pub(super) fn object_key(function: &str, now: EpochMillis) -> String {
    let format = time::macros::format_description!(
        "[year]/[month]/[day]/[year]-[month]-[day]T[hour].[minute].[second]"
    );
    let day = now.to_utc().format(format).expect("every point in time has such a form");
    format!("aws/lambda/async/{function}/{day}-{}", uuid::Uuid::new_v4())
}

fn timestamp(now: EpochMillis) -> String {
    let format = time::macros::format_description!(
        "[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z"
    );
    now.to_utc().format(format).expect("every point in time has such a form")
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::FunctionError;

    const NOW: EpochMillis = EpochMillis(1_531_822_620_383);

    fn ended<'a>(condition: Condition, attempts: u64, reply: Option<&'a Reply>) -> EndedEvent<'a> {
        let function_arn = "arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST";
        EndedEvent {
            id: "ID",
            function_arn,
            version: "$LATEST",
            condition,
            attempts,
            payload: b"{\"a\": [1,  2.0]}",
            reply,
        }
    }

    fn reply(payload: &'static [u8], failed: bool) -> Reply {
        let error = FunctionError::Reported { error_type: "E".to_owned(), message: "m".to_owned() };
        let payload = Bytes::from_static(payload);
        let function_error = failed.then_some(error);
        Reply { payload, posted_as_stream: None, function_error, log_tail: Bytes::new() }
    }

    fn text(ended: &EndedEvent<'_>) -> String {
        String::from_utf8(document(ended, NOW)).unwrap()
    }

    #[test]
    fn the_record_of_a_failure_is_that_of_2025_11_24() {
        let reply = reply(b"{\"errorMessage\":\"no\",\"errorType\":\"E\"}", true);
        assert_eq!(
            text(&ended(Condition::RetriesExhausted, 3, Some(&reply))),
            r#"{"version":"1.0","timestamp":"2018-07-17T10:17:00.383Z","requestContext":{"requestId":"ID","functionArn":"arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST","condition":"RetriesExhausted","approximateInvokeCount":3},"requestPayload":{"a": [1,  2.0]},"responseContext":{"statusCode":200,"executedVersion":"$LATEST","functionError":"Unhandled"},"responsePayload":{"errorMessage":"no","errorType":"E"}}"#
        );
    }

    #[test]
    fn the_record_of_a_success_has_no_function_error() {
        let reply = reply(b"not json", false);
        let text = text(&ended(Condition::Success, 1, Some(&reply)));
        assert!(text.ends_with(r#""responseContext":{"statusCode":200,"executedVersion":"$LATEST"},"responsePayload":"not json"}"#), "{text}");
    }

    #[test]
    fn the_record_of_an_event_without_an_attempt_has_no_response() {
        let text = text(&ended(Condition::ZeroReservedConcurrency, 0, None));
        assert!(text.ends_with(r#""condition":"ZeroReservedConcurrency","approximateInvokeCount":0},"requestPayload":{"a": [1,  2.0]}}"#), "{text}");
    }

    #[test]
    fn the_key_of_a_records_object_is_that_of_the_developer_guide() {
        let key = object_key("f", NOW);
        let prefix = "aws/lambda/async/f/2018/07/17/2018-07-17T10.17.00-";
        assert!(key.starts_with(prefix) && key.len() == prefix.len() + 36, "{key}");
    }
}
