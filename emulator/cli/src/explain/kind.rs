//! The types of input, and the recognition of the type of a JSON document. Pure.

use std::fmt;

use serde_json::Value;

/// The type of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum InputKind {
    RestEvent,
    HttpApiEvent,
    AlbEvent,
    WebSocketEvent,
    EdgeEvent,
    SqsEvent,
    SnsEvent,
    S3Event,
    StreamEvent,
    EventBridgeEvent,
    AuthorizerEvent,
    ProxyResponse,
    AlbResponse,
    EdgeResponse,
    FunctionError,
    AwsError,
    S3Error,
    QueryError,
    SearchError,
    SdkException,
    DestinationRecord,
    DeadLetter,
    StepFunctions,
    PlatformEvents,
    InsightsRecord,
    JsonLog,
    LogExport,
    AccessLog,
    Trace,
    Configuration,
    Har,
    CurlTranscript,
    HtmlPage,
    DeployLog,
    GatewayLog,
    TextLog,
    Json,
    Text,
    Empty,
}

impl InputKind {
    /// The name in JSON output.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.names().0
    }

    /// Whether the type was recognized, and is not just "JSON" or "text".
    #[must_use]
    pub fn is_known(self) -> bool {
        !matches!(
            self,
            InputKind::Json
                | InputKind::Text
                | InputKind::TextLog
                | InputKind::JsonLog
                | InputKind::Empty
        )
    }

    fn names(self) -> (&'static str, &'static str) {
        match self {
            InputKind::RestEvent => ("rest_event", "an event of API Gateway, format 1.0"),
            InputKind::HttpApiEvent => {
                ("http_api_event", "an event of an HTTP API or a function URL, format 2.0")
            }
            InputKind::AlbEvent => ("alb_event", "an event of a load balancer (ALB)"),
            InputKind::WebSocketEvent => ("websocket_event", "an event of a WebSocket API"),
            InputKind::EdgeEvent => ("edge_event", "an event of CloudFront for Lambda@Edge"),
            InputKind::SqsEvent => ("sqs_event", "a batch of SQS messages"),
            InputKind::SnsEvent => ("sns_event", "an event of SNS"),
            InputKind::S3Event => ("s3_event", "an event of S3"),
            InputKind::StreamEvent => ("stream_event", "a batch of a stream (Kinesis or DynamoDB)"),
            InputKind::EventBridgeEvent => ("eventbridge_event", "an event of EventBridge"),
            InputKind::AuthorizerEvent => ("authorizer_event", "an event for an authorizer"),
            InputKind::ProxyResponse => ("proxy_response", "a function's response to a gateway"),
            InputKind::AlbResponse => {
                ("alb_response", "a function's response to a load balancer (ALB)")
            }
            InputKind::EdgeResponse => {
                ("edge_response", "a Lambda@Edge function's response to CloudFront")
            }
            InputKind::FunctionError => ("function_error", "the error of a Lambda function"),
            InputKind::AwsError => ("aws_error", "an error of an AWS service or a gateway"),
            InputKind::S3Error => ("s3_error", "an error of S3"),
            InputKind::QueryError => ("query_error", "an error of an AWS query API"),
            InputKind::SearchError => ("search_error", "an error of Elasticsearch or OpenSearch"),
            InputKind::SdkException => ("sdk_exception", "an exception of an AWS SDK"),
            InputKind::DestinationRecord => (
                "destination_record",
                "the record of an asynchronous invocation for its destination",
            ),
            InputKind::DeadLetter => ("dead_letter", "a message of a dead-letter queue"),
            InputKind::InsightsRecord => ("insights_record", "a record of Lambda Insights"),
            InputKind::StepFunctions => {
                ("step_functions", "an error or the history of a Step Functions execution")
            }
            InputKind::PlatformEvents => {
                ("platform_events", "JSON log lines of the Lambda platform")
            }
            InputKind::JsonLog => ("json_log", "JSON log lines"),
            InputKind::LogExport => ("log_export", "an export of CloudWatch Logs"),
            InputKind::AccessLog => ("access_log", "an access log"),
            InputKind::Trace => ("trace", "an X-Ray trace"),
            InputKind::Configuration => ("configuration", "the configuration of a function"),
            InputKind::Har => ("har", "an HTTP Archive (HAR)"),
            InputKind::CurlTranscript => ("curl_transcript", "the output of curl"),
            InputKind::HtmlPage => ("html_page", "an HTML page"),
            InputKind::DeployLog => ("deploy_log", "the log of a deployment"),
            InputKind::GatewayLog => ("gateway_log", "the execution log of API Gateway"),
            InputKind::TextLog => ("text_log", "log lines"),
            InputKind::Json => ("json", "JSON of no known type"),
            InputKind::Text => ("text", "text"),
            InputKind::Empty => ("empty", "empty input"),
        }
    }
}

impl fmt::Display for InputKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.names().1)
    }
}

/// The type of one JSON document.
pub(crate) fn of_json(json: &Value) -> InputKind {
    match json {
        Value::Object(_) => of_object(json),
        Value::Array(items) => of_array(items),
        _ => InputKind::Json,
    }
}

fn of_array(items: &[Value]) -> InputKind {
    let Some(first) = items.iter().find(|item| item.is_object() || item.is_array()) else {
        return InputKind::Json;
    };
    let has = |name: &str| items.iter().any(|item| item.get(name).is_some());
    // `aws logs get-query-results` has lists of `{"field": "@message", "value": …}`.
    let is_query = |row: &Value| row.as_array().is_some_and(|row| row.iter().any(is_query_field));
    if has("@message") || has("@timestamp") || items.iter().any(is_query) {
        return InputKind::LogExport;
    }
    match of_json(first) {
        // A list of documents is read as a log.
        InputKind::Json if has("message") && has("timestamp") => InputKind::LogExport,
        kind => kind,
    }
}

fn is_query_field(field: &Value) -> bool {
    field["field"].as_str().is_some_and(|name| name.starts_with('@')) && field["value"].is_string()
}

fn of_object(json: &Value) -> InputKind {
    let has = |name: &str| json.get(name).is_some();
    let text = |name: &str| json[name].as_str().unwrap_or_default();
    if json["log"]["entries"].is_array() {
        return InputKind::Har;
    }
    if super::insights::is_record(json) {
        return InputKind::InsightsRecord;
    }
    if json["_aws"]["CloudWatchMetrics"].is_array() {
        // A line in the embedded metric format.
        return InputKind::JsonLog;
    }
    if !json["Records"].is_array() && super::dead_letter::is_message(json) {
        return InputKind::DeadLetter;
    }
    if json["Records"].is_array() {
        return of_records(&json["Records"][0]);
    }
    if has("requestContext") {
        return of_request_context(json);
    }
    let is_export = json["events"]
        .as_array()
        .is_some_and(|all| all.iter().any(|one| one.get("message").is_some()))
        || json["results"].as_array().is_some_and(|all| {
            all.iter().any(|row| row.as_array().is_some_and(|row| row.iter().any(is_query_field)))
        })
        || (has("logEvents") && has("logGroup"))
        || has("@message");
    if is_export {
        return InputKind::LogExport;
    }
    if json["events"]
        .as_array()
        .is_some_and(|all| all.iter().any(|one| one.get("previousEventId").is_some()))
        || text("Error").starts_with("States.")
        || text("error").starts_with("States.")
        || text("errorType").starts_with("States.")
        || (has("executionArn") && has("stateMachineArn"))
    {
        return InputKind::StepFunctions;
    }
    if text("type").starts_with("platform.") {
        return InputKind::PlatformEvents;
    }
    if has("detail-type") && has("source") {
        return InputKind::EventBridgeEvent;
    }
    if (text("type") == "TOKEN" || text("type") == "REQUEST") && has("methodArn") {
        return InputKind::AuthorizerEvent;
    }
    of_response(json)
}

/// Objects that are a response, an error, or a line about one.
fn of_response(json: &Value) -> InputKind {
    let has = |name: &str| json.get(name).is_some();
    let text = |name: &str| json[name].as_str().unwrap_or_default();
    if has("Segments")
        || has("Traces")
        || (has("trace_id") && (has("start_time") || has("subsegments")))
    {
        return InputKind::Trace;
    }
    let is_access_log =
        has("requestId") && has("status") && (has("ip") || has("httpMethod") || has("routeKey"));
    if is_access_log
        || super::access::has_fields(json)
        || has("integrationError")
        || has("integration_error")
        || has("integrationErrorMessage")
    {
        return InputKind::AccessLog;
    }
    let is_configuration = json["Environment"]["Variables"].is_object()
        || json["Configuration"]["Environment"]["Variables"].is_object()
        || (json["Variables"].is_object() && json.as_object().is_some_and(|all| all.len() == 1))
        || (has("FunctionName") && has("MemorySize"));
    if is_configuration {
        return InputKind::Configuration;
    }
    if (has("errorMessage") || has("errorType")) && !has("level") && !has("statusCode") {
        return InputKind::FunctionError;
    }
    if json["error"]["root_cause"].is_array()
        || (json["error"]["type"].is_string() && has("status"))
    {
        return InputKind::SearchError;
    }
    if has("level") || has("severity") || (has("timestamp") && (has("message") || has("msg"))) {
        return InputKind::JsonLog;
    }
    let is_status = matches!(&json["status"], Value::String(status) if status.len() == 3);
    if is_status && !has("statusCode") && (json["headers"].is_object() || has("body")) {
        return InputKind::EdgeResponse;
    }
    if has("statusCode") || (has("body") && (has("headers") || has("isBase64Encoded"))) {
        return if has("statusDescription") {
            InputKind::AlbResponse
        } else {
            InputKind::ProxyResponse
        };
    }
    let small = json.as_object().is_some_and(|all| all.len() <= 6);
    let is_message = !text("message").is_empty() || !text("Message").is_empty();
    let is_error = has("__type") || has("Error") || (is_message && is_plain(json));
    if small && is_error {
        return InputKind::AwsError;
    }
    InputKind::Json
}

/// Whether a document has no other members than those that errors have beside a message.
fn is_plain(json: &Value) -> bool {
    const BESIDE_MESSAGE: [&str; 13] = [
        "message",
        "Message",
        "Type",
        "type",
        "code",
        "Code",
        "Reason",
        "name",
        "status",
        "requestId",
        "RequestId",
        "connectionId",
        "retryAfterSeconds",
    ];
    json.as_object().is_some_and(|all| all.keys().all(|key| BESIDE_MESSAGE.contains(&key.as_str())))
}

fn of_records(first: &Value) -> InputKind {
    let source =
        first["eventSource"].as_str().or(first["EventSource"].as_str()).unwrap_or_default();
    match source {
        "aws:sqs" => InputKind::SqsEvent,
        "aws:sns" => InputKind::SnsEvent,
        "aws:s3" => InputKind::S3Event,
        "aws:kinesis" | "aws:dynamodb" => InputKind::StreamEvent,
        _ if first.get("cf").is_some() => InputKind::EdgeEvent,
        _ => InputKind::Json,
    }
}

fn of_request_context(json: &Value) -> InputKind {
    let context = &json["requestContext"];
    let has = |name: &str| context.get(name).is_some();
    if has("condition") || json.get("responseContext").is_some() {
        InputKind::DestinationRecord
    } else if has("elb") {
        InputKind::AlbEvent
    } else if has("connectionId") {
        InputKind::WebSocketEvent
    } else if json["version"] == "2.0" || has("http") || json.get("rawPath").is_some() {
        InputKind::HttpApiEvent
    } else {
        InputKind::RestEvent
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_event_has_its_type() {
        let cases = [
            (json!({"requestContext": {"elb": {}}, "body": ""}), InputKind::AlbEvent),
            (
                json!({"requestContext": {"connectionId": "x"}, "body": "{}"}),
                InputKind::WebSocketEvent,
            ),
            (json!({"version": "2.0", "requestContext": {}}), InputKind::HttpApiEvent),
            (
                json!({"httpMethod": "GET", "resource": "/a", "requestContext": {}}),
                InputKind::RestEvent,
            ),
            (
                json!({"requestContext": {"condition": "RetriesExhausted"}}),
                InputKind::DestinationRecord,
            ),
            (json!({"Records": [{"eventSource": "aws:sqs", "body": "x"}]}), InputKind::SqsEvent),
            (json!({"Records": [{"EventSource": "aws:sns"}]}), InputKind::SnsEvent),
            (json!({"Records": [{"cf": {}}]}), InputKind::EdgeEvent),
            (
                json!({"Messages": [{"MessageAttributes": {"ERROR_CODE": {"StringValue": "x"}}}]}),
                InputKind::DeadLetter,
            ),
            (
                json!({"event_type": "performance", "function_name": "f", "_aws": {}}),
                InputKind::InsightsRecord,
            ),
            (json!({"detail-type": "x", "source": "y", "detail": {}}), InputKind::EventBridgeEvent),
        ];
        for (json, kind) in cases {
            assert_eq!(of_json(&json), kind, "{json}");
        }
    }

    #[test]
    fn an_error_is_not_a_payload() {
        let cases = [
            (
                json!({"errorMessage": "x", "errorType": "Function.ResponseSizeTooLarge"}),
                InputKind::FunctionError,
            ),
            (json!({"Message": "Request must be smaller"}), InputKind::AwsError),
            (json!({"message": "Internal server error"}), InputKind::AwsError),
            (json!({"__type": "ValidationException", "message": "x"}), InputKind::AwsError),
            (json!({"Error": "States.DataLimitExceeded", "Cause": "x"}), InputKind::StepFunctions),
            (json!({"level": "ERROR", "message": "x", "errorMessage": "y"}), InputKind::JsonLog),
            (
                json!({"_aws": {"CloudWatchMetrics": []}, "message": "x", "Errors": 0}),
                InputKind::JsonLog,
            ),
            (json!({"statusCode": 200, "body": "x"}), InputKind::ProxyResponse),
            (
                json!({"statusCode": 200, "statusDescription": "200 OK", "body": "x"}),
                InputKind::AlbResponse,
            ),
            (json!({"status": "200", "headers": {}, "body": "x"}), InputKind::EdgeResponse),
            (json!({"a": 1}), InputKind::Json),
            (json!({"message": "all is well", "count": 3}), InputKind::Json),
            (json!([1, 2]), InputKind::Json),
            (json!("x"), InputKind::Json),
        ];
        for (json, kind) in cases {
            assert_eq!(of_json(&json), kind, "{json}");
        }
    }
}
