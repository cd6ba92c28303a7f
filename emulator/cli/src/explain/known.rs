//! Texts that the table of limits does not have in this form, with their causes. Pure data.
//!
//! The refusals of the table are recognized too. A text in both places is ranked as it is here.

use super::clues::Clues;
use super::rank;

/// The confidence in a cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// The text names it.
    Certain,
    /// Most inputs like this one have it.
    Likely,
    /// It cannot be excluded.
    Possible,
}

impl std::fmt::Display for Rank {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Rank::Certain => "certain",
            Rank::Likely => "likely",
            Rank::Possible => "possible",
        })
    }
}

/// A cause of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    /// A row of the table, or another cause.
    pub(crate) cause: &'static str,
    pub(crate) rank: Rank,
    /// The reason for the rank of this cause.
    pub(crate) why: &'static str,
    /// The other line or fact that would decide.
    pub(crate) decided_by: &'static str,
}

/// The causes of a text.
#[derive(Clone, Copy)]
pub(crate) enum Causes {
    /// One certain cause.
    One(&'static str),
    /// Several causes, ranked by the clues in the input.
    Ranked(fn(&Clues) -> Vec<Claim>),
}

/// A known text.
#[derive(Clone, Copy)]
pub(crate) struct Known {
    /// The text with placeholders: `{max}`, `{observed}`, and others for varying parts.
    pub(crate) words: &'static str,
    pub(crate) causes: Causes,
    /// The source of the text; empty if the cause has it.
    pub(crate) source: &'static str,
}

const fn one(words: &'static str, cause: &'static str, source: &'static str) -> Known {
    Known { words, causes: Causes::One(cause), source }
}

const fn ranked(words: &'static str, rank: fn(&Clues) -> Vec<Claim>) -> Known {
    Known { words, causes: Causes::Ranked(rank), source: "" }
}

const EDGE_RESULT: &str =
    "AWS, CloudFront developer guide, troubleshooting Lambda@Edge: x-edge-result-type and X-Cache";
const ALB_REASON: &str = "AWS, Elastic Load Balancing user guide, access logs: error reason codes";

pub(crate) static KNOWN: &[Known] = &[
    // Lambda: payloads.
    one(
        "{observed} byte payload is too large for the RequestResponse invocation type (limit {max} bytes)",
        "lambda_sync_request",
        "theburningmonk.com on the payload limit, 2020-04; a capture of 2018-07-17",
    ),
    one(
        "{observed} byte payload is too large for the Event invocation type (limit {max} bytes)",
        "lambda_async_request",
        "faultline/faultline#12 (2017-05-08), aws/aws-pdk#771 (2024-04-19), ASFHyP3/hyp3#2241 (2024-05-02)",
    ),
    ranked(
        "Request must be smaller than {max} bytes for the InvokeFunction operation",
        rank::invoke_request,
    ),
    one(
        "Request must be smaller than {max} bytes for the UpdateFunctionConfiguration operation",
        "lambda_environment_request",
        "AWS, Lambda developer guide; CloudSnorkel/cdk-github-runners#995 (2026-09-15)",
    ),
    one(
        "Request must be smaller than {max} bytes for the CreateFunction operation",
        "lambda_create_request",
        "motdotla/node-lambda#123 (2016-07-01); LocalStack's snapshots of AWS, recorded 2025-11-25",
    ),
    one(
        "Request must be smaller than {max} bytes for the UpdateFunctionCode operation",
        "lambda_create_request",
        "prisma/ecosystem-tests#1507 (2021-03-12)",
    ),
    one(
        "Request must be smaller than {max} bytes for the PublishLayerVersion operation",
        "lambda_create_request",
        "aws/aws-sdk-go#3210 (2020-03-17)",
    ),
    one(
        "Failed to post handler success response. Http response code: 413",
        "lambda_sync_response",
        "anomalyco/console#63 (2025-10-29)",
    ),
    one(
        "failed to POST to {url}: got unexpected status code: 413",
        "lambda_sync_response",
        "aws/aws-lambda-go, lambda/runtime_api_client.go",
    ),
    ranked("Failed to post invocation response", rank::post_failed),
    one(
        "SerializedRequestEntityTooLargeException",
        "lambda_async_request",
        "AWS SDK model of Lambda (botocore 1.40.61), 2025-10-28",
    ),
    one("Could not parse request body into json", "invalid_json_event", ""),
    // Lambda: time, memory, processes.
    one(
        "Task timed out after {max_seconds} seconds",
        "lambda_timeout",
        "apex/up#663 (2018-05-17); LocalStack's snapshots of AWS, 2024-04-08",
    ),
    one("Sandbox.Timedout", "lambda_timeout", "LocalStack's snapshots of AWS, recorded 2025-11-24"),
    one("Runtime exited with error: signal: killed", "out_of_memory", ""),
    one("Runtime.OutOfMemory", "out_of_memory", ""),
    one(
        "Runtime exited with error: signal: segmentation fault",
        "function_exit",
        "awslabs/aws-lambda-cpp#30 (2019-03-29), #142 (2024-06-13)",
    ),
    one(
        "Runtime exited with error: signal: aborted",
        "function_exit",
        "JCMais/node-libcurl#176 (2019-06-10)",
    ),
    one("Runtime exited with error: signal: {signal}", "function_exit", ""),
    one("JavaScript heap out of memory", "out_of_memory", ""),
    one("java.lang.OutOfMemoryError: Java heap space", "out_of_memory", ""),
    one(
        "java.lang.OutOfMemoryError: unable to create native thread",
        "lambda_processes",
        "AWS, Lambda quotas, 2026",
    ),
    one("[ERROR] MemoryError", "out_of_memory", ""),
    ranked("Runtime exited with error: exit status {code}", rank::process_exit),
    ranked("Runtime exited without providing a reason", rank::process_exit),
    ranked("Process exited before completing request", rank::process_exit),
    one(
        "no space left on device",
        "lambda_tmp",
        "humanmade/linter-bot#158 (2021-09-15); aws/aws-cdk#7316 (2020-04-11)",
    ),
    one("too many open files", "lambda_file_descriptors", "AWS, Lambda quotas, 2026"),
    one("EMFILE", "lambda_file_descriptors", "AWS, Lambda quotas, 2026"),
    one("can't start new thread", "lambda_processes", "AWS, Lambda quotas, 2026"),
    one("Resource temporarily unavailable", "lambda_processes", "AWS, Lambda quotas, 2026"),
    one("pthread_create failed", "lambda_processes", "AWS, Lambda quotas, 2026"),
    one("Unable to import module", "import_error", ""),
    one("Runtime.ImportModuleError", "import_error", ""),
    one("Runtime.HandlerNotFound", "import_error", ""),
    one("Runtime.InvalidEntrypoint", "import_error", ""),
    one(
        "Lambda has detected your function being invoked in a recursive loop",
        "lambda_recursion",
        "AWS SDK model of Lambda",
    ),
    one("RecursiveInvocationException", "lambda_recursion", "AWS SDK model of Lambda"),
    // Lambda: deployment.
    one(
        "environment variables you have provided exceeded the 4KB limit. Measured size: {observed} bytes",
        "lambda_environment",
        "CloudSnorkel/cdk-github-runners#995 (2026-09-15)",
    ),
    one(
        "environment variables you have provided exceeded the 4KB limit. String measured: {variables}",
        "lambda_environment",
        "LocalStack's snapshots of AWS, recorded 2025-11-25",
    ),
    one(
        "environment variables you have provided exceeded the 4KB limit",
        "lambda_environment",
        "LocalStack's snapshots of AWS, recorded 2025-11-25",
    ),
    one(
        "environment variables you have provided contains reserved keys",
        "reserved_environment_key",
        "",
    ),
    one(
        "Function code combined with layers exceeds the maximum allowed size of {max} bytes. The actual size is {observed} bytes",
        "lambda_unzipped_layers",
        "lambci/git-lambda-layer#27; aws/aws-sam-cli#3784",
    ),
    one(
        "Layers consume more than the available size of {max} bytes",
        "lambda_unzipped_layers",
        "bento#1 (2021-02)",
    ),
    one("Code storage limit exceeded", "lambda_code_storage", "AWS, Lambda quotas, 2026"),
    one("CodeStorageExceededException", "lambda_code_storage", "AWS SDK model of Lambda"),
    one(
        "The final policy size ({observed}) is bigger than the limit ({max})",
        "function_policy",
        "SeanRoy/lambda-maven-plugin#42 (2016-10-28), scribd/terraform-aws-datadog#61 (2024-09-30)",
    ),
    one("PolicyLengthExceededException", "function_policy", "AWS SDK model of Lambda"),
    one(
        "Queue visibility timeout: {visibility} seconds is less than Function timeout: {timeout} seconds",
        "queue_visibility",
        "18F/identity-terraform#27 (2019-10-15), winglang/wing#1507 (2023-02-12)",
    ),
    one(
        "'MemorySize' value failed to satisfy constraint: Member must have value less than or equal to {max}",
        "lambda_memory_max",
        "AWS, Lambda developer guide, troubleshooting; awslabs/cdk-serverless-clamscan#1132 (2024-03-07)",
    ),
    one(
        "at 'templateBody' failed to satisfy constraint: Member must have length less than or equal to {max}",
        "cloudformation_template",
        "",
    ),
    one(
        "Number of resources, {observed}, is greater than maximum allowed, {max}",
        "cloudformation_resources",
        "serverless/serverless#2387 (2016-10-14), clebert/aws-simple#98 (2020-06-05)",
    ),
    // Lambda: concurrency and rates.
    one(
        "ConcurrentInvocationLimitExceeded",
        "lambda_concurrency",
        "AWS SDK model of Lambda: Reason",
    ),
    one(
        "ReservedFunctionConcurrentInvocationLimitExceeded",
        "reserved_concurrency",
        "LocalStack's snapshots of AWS, recorded 2025-11-24",
    ),
    one(
        "ReservedFunctionInvocationRateLimitExceeded",
        "lambda_sandbox_rate",
        "AWS SDK model of Lambda: Reason",
    ),
    one(
        "FunctionInvocationRateLimitExceeded",
        "lambda_sandbox_rate",
        "AWS SDK model of Lambda: Reason",
    ),
    one("CallerRateLimitExceeded", "api_request_rate", "AWS SDK model of Lambda: Reason"),
    one(
        "ConcurrentSnapshotCreateLimitExceeded",
        "snapshot_creation",
        "AWS SDK model of Lambda: Reason",
    ),
    ranked("TooManyRequestsException", rank::too_many_requests),
    ranked("Rate Exceeded", rank::rate_exceeded),
    ranked("ThrottlingException", rank::throttling),
    one("<Code>Throttling</Code>", "api_request_rate", ""),
    one("(Throttling)", "api_request_rate", ""),
    // API Gateway.
    ranked("Internal server error", rank::internal_error),
    ranked("Endpoint request timed out", rank::endpoint_timeout),
    ranked("Service Unavailable", rank::unavailable),
    ranked("Service Temporarily Unavailable", rank::unavailable),
    ranked("Request Entity Too Large", rank::entity_too_large),
    ranked("Payload Too Large", rank::entity_too_large),
    ranked("Content Too Large", rank::entity_too_large),
    ranked("Request Too Long", rank::too_long),
    ranked("Request Header Fields Too Large", rank::headers_too_large),
    ranked("Request Header Or Cookie Too Large", rank::headers_too_large),
    ranked("Request URI Too Long", rank::uri_too_long),
    ranked("Request-URI Too Large", rank::uri_too_long),
    ranked("URI Too Long", rank::uri_too_long),
    ranked("Too Many Requests", rank::too_many),
    ranked("Limit Exceeded", rank::quota_exceeded),
    ranked("502 Bad Gateway", rank::bad_gateway),
    ranked("504 Gateway Time-out", rank::gateway_timeout),
    ranked("504 Gateway Timeout", rank::gateway_timeout),
    ranked("Timeout should be between {least} ms and {max} ms", rank::timeout_setting),
    one("Malformed Lambda proxy response", "malformed_response", ""),
    one("Endpoint response body before transformations: null", "malformed_response", ""),
    one("Invalid permissions on Lambda function", "missing_permission", ""),
    one(
        "The IAM role configured on the integration or API Gateway doesn't have permissions to call the integration",
        "missing_permission",
        "",
    ),
    ranked(
        "Lambda execution failed with status 200 due to customer function error",
        rank::customer_error,
    ),
    ranked("Lambda Customer Function Error", rank::customer_error),
    one("Missing Authentication Token", "no_route", ""),
    one(
        "Invalid parameter: Message too long",
        "sns_message",
        "LocalStack's snapshots of AWS, recorded 2024-09-04",
    ),
    one(
        "Message too long",
        "websocket_message",
        "API Gateway developer guide, known issues, 2023-06-29",
    ),
    one(
        "PayloadTooLargeException",
        "websocket_message",
        "AWS SDK model of the management API; gchq/sleeper#5755 (2025-10-01)",
    ),
    one("close 1009", "websocket_message", "API Gateway developer guide, known issues, 2023-06-29"),
    one(
        "closed with code 1009",
        "websocket_message",
        "API Gateway developer guide, known issues, 2023-06-29",
    ),
    one("code=1009", "websocket_message", "API Gateway developer guide, known issues, 2023-06-29"),
    one(
        "\"code\":1009",
        "websocket_message",
        "API Gateway developer guide, known issues, 2023-06-29",
    ),
    // Load balancers and the edge.
    one(
        "length of the body size and header was {observed} bytes which exceeded the CloudFront limit of {max} bytes",
        "edge_origin_response",
        "aws-amplify/amplify-hosting#2221 (2021-08-31)",
    ),
    ranked("The Lambda function returned invalid json", rank::edge_invalid_json),
    one("The Lambda function result failed validation", "edge_invalid_response", ""),
    one(
        "The Lambda function returned an invalid entry in the headers object",
        "edge_invalid_response",
        "",
    ),
    one(
        "Lambda function associated with the CloudFront distribution is invalid or doesn't have the required permissions",
        "edge_execution",
        "",
    ),
    one(
        "The Lambda function associated with the CloudFront distribution was throttled",
        "lambda_concurrency",
        "AWS, CloudFront developer guide, HTTP 503",
    ),
    one("LambdaExecutionError", "edge_execution", ""),
    one("LambdaLimitExceeded", "lambda_concurrency", EDGE_RESULT),
    one("LambdaValidationError", "edge_invalid_response", EDGE_RESULT),
    one("LambdaResponseTooLarge", "alb_response", ALB_REASON),
    one("LambdaRequestTooLarge", "alb_request_body", ALB_REASON),
    one("LambdaInvalidResponse", "alb_target", ALB_REASON),
    one("LambdaUnhandled", "function_error", ALB_REASON),
    one("LambdaAccessDenied", "missing_permission", ALB_REASON),
    ranked("LambdaThrottling", rank::target_throttled),
    // S3.
    one("Please reduce your request rate", "s3_slow_down", ""),
    one("<Code>SlowDown</Code>", "s3_slow_down", ""),
    one("(SlowDown)", "s3_slow_down", ""),
    one("RequestHeaderSectionTooLarge", "s3_request_headers", ""),
    one(
        "Your request header and the query parameters used to make the request exceed the maximum allowed size",
        "s3_request_headers",
        "",
    ),
    one("Request has expired", "presigned_expired", ""),
    one("Policy expired", "presigned_expired", ""),
    ranked("Your proposed upload exceeds the maximum allowed size", rank::upload_too_large),
    ranked("EntityTooLarge", rank::upload_too_large),
    // Services around functions.
    one("Item size has exceeded the maximum allowed size", "dynamodb_item", "captures of PutItem"),
    one(
        "Item size to update has exceeded the maximum allowed size",
        "dynamodb_item",
        "captures of UpdateItem",
    ),
    one(
        "ProvisionedThroughputExceededException",
        "provisioned_throughput",
        "AWS SDK models of DynamoDB and Kinesis",
    ),
    one(
        "The level of configured provisioned throughput for",
        "provisioned_throughput",
        "mifi/dynamodump#20 (2021-07-12), grailbio/reflow#101 (2019-02-06)",
    ),
    one("Rate exceeded for shard", "provisioned_throughput", ""),
    one(
        "Throughput exceeds the current capacity of your table or index",
        "provisioned_throughput",
        "cowinapi/developer.cowin#151 (2021-05-10), praetorian-inc/chariot-ui#684 (2024-09-06)",
    ),
    one(
        "at 'transactItems' failed to satisfy constraint: Member must have length less than or equal to {max}",
        "dynamodb_transaction",
        "getmoto/moto#2017, 2019",
    ),
    one(
        "States.DataLimitExceeded",
        "stepfunctions_data",
        "AWS, Step Functions developer guide, error names",
    ),
    one(
        "exceeding the maximum number of bytes service limit",
        "stepfunctions_data",
        "cloudstructs#163",
    ),
    one(
        "Upload too large: {observed} bytes exceeds limit of {max}",
        "cloudwatch_put_log_events",
        "",
    ),
    one(
        "RetriesExhausted",
        "lambda_async_retries",
        "LocalStack's snapshots of AWS, recorded 2025-11-24",
    ),
    one(
        "EventAgeExceeded",
        "lambda_async_age",
        "LocalStack's snapshots of AWS, recorded 2025-11-27",
    ),
    one(
        "ZeroReservedConcurrency",
        "lambda_concurrency",
        "LocalStack's snapshots of AWS, recorded 2025-11-25",
    ),
    // Other software.
    one("PayloadTooLargeError: request entity too large", "body_parser", ""),
    one("request entity too large at readStream", "body_parser", ""),
    one("Request size exceeded {max} bytes", "opensearch_request", ""),
    one(
        "entity content is too long [{observed}] for the configured buffer limit [{max}]",
        "search_client_buffer",
        "",
    ),
    one("http.max_content_length", "search_content_length", ""),
    one("circuit_breaking_exception", "search_overload", ""),
    one("es_rejected_execution_exception", "search_overload", ""),
    one("Read timeout on endpoint URL", "stopped_by_client", ""),
];
