//! Causes that are not limits of the table: failures that look like a limit, and limits of other software. Pure data.

use hardcap_limits::Unit;

/// A cause of a failure that no row of the table describes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OtherCause {
    /// The name in JSON output.
    pub(crate) name: &'static str,
    /// The description.
    pub(crate) doc: &'static str,
    /// The remedy.
    pub(crate) remedy: &'static str,
    /// The source of the fact.
    pub(crate) source: &'static str,
    /// The unit of the quantities that its texts contain.
    pub(crate) unit: Unit,
}

impl OtherCause {
    const fn counted(self) -> OtherCause {
        OtherCause { unit: Unit::Count, ..self }
    }
}

/// The cause with this name.
pub(crate) fn other(name: &str) -> Option<&'static OtherCause> {
    OTHERS.iter().find(|cause| cause.name == name)
}

const fn cause(
    name: &'static str,
    doc: &'static str,
    remedy: &'static str,
    source: &'static str,
) -> OtherCause {
    OtherCause { name, doc, remedy, source, unit: Unit::Bytes }
}

pub(crate) static OTHERS: &[OtherCause] = &[
    cause(
        "function_error",
        "The function raised an error. No limit is involved.",
        "read the stack trace in the function's log and fix the error; catch it and return a status of your own if clients should see one",
        "AWS, Lambda developer guide, errors of a function",
    ),
    cause(
        "function_exit",
        "The function's process ended during the invocation.",
        "look for a crash, a call of exit or a failed native library in the lines before it; when memory was nearly used up, raise MemorySize",
        "LocalStack's snapshots of AWS, recorded 2025-11-24: Runtime.ExitError",
    ),
    cause(
        "import_error",
        "The runtime could not load the handler: a module, a file or a wrapper is missing.",
        "check the handler's name, the folder of the package and the architecture of native dependencies; `hardcap invoke` shows the same error",
        "AWS, Lambda developer guide, troubleshooting deployment",
    ),
    cause(
        "out_of_memory",
        "The function used all of its memory and was killed. This is the function's MemorySize, not a payload limit.",
        "raise MemorySize, or hold less in memory at once: stream large files and process lists in parts",
        "DataBiosphere/azul#7730 (2026-02), aws-solutions-library-samples/cloud-intelligence-dashboards-data-collection#201 (2024-09)",
    ),
    cause(
        "malformed_response",
        "The function's response is not valid for a proxy integration of the gateway.",
        "return an object with an integer statusCode, headers whose values are strings, and a body that is a string (serialize JSON yourself); on REST no other members are allowed",
        "captures of an API's execution log, 2025-05-20; vincentsarago/lambda-proxy#59 (2022-11-02)",
    ),
    cause(
        "missing_permission",
        "The gateway may not invoke the function.",
        "add a resource policy to the function: AWS::Lambda::Permission for the gateway's service principal and the ARN of the API, the alias included",
        "captures of an API's execution log, 2025-05-20",
    ),
    cause(
        "target_permission",
        "EventBridge may not call the target of the rule.",
        "allow events.amazonaws.com with the ARN of the rule as its source: AWS::Lambda::Permission of a function, the policy of a queue or a topic; give another target a role",
        "AWS, EventBridge user guide, using dead-letter queues to process undelivered events",
    ),
    cause(
        "integration_configuration",
        "The integration of the route is not configured for a Lambda function, for example with a method other than POST.",
        "set the integration's HTTP method to POST and its type to AWS_PROXY, then deploy the stage again",
        "LocalStack's snapshots of AWS, recorded 2024-03-20",
    ),
    cause(
        "no_route",
        "The API has no route for this method and path, or the stage is missing in the URL.",
        "compare the method and the path, with the stage, with the routes of the deployed API",
        "LocalStack's snapshots of AWS, recorded 2024-07-23",
    ),
    cause(
        "invalid_json_event",
        "The body of the Invoke request is not JSON.",
        "send JSON in UTF-8; with the AWS CLI v2 add --cli-binary-format raw-in-base64-out",
        "LocalStack's snapshots of AWS, recorded 2025-11-24",
    ),
    cause(
        "reserved_environment_key",
        "The environment sets a variable that Lambda reserves. No size is involved.",
        "rename the variable that the message names",
        "AWS, Lambda developer guide, environment variables",
    ),
    cause(
        "api_request_rate",
        "An AWS API was called too often in a short time.",
        "retry with exponential backoff and jitter, make fewer calls, or ask for a higher quota",
        "AWS, Lambda quotas, 2026",
    ),
    cause(
        "reserved_concurrency",
        "The function's reserved concurrency is used up. It is a setting of the function, not the quota of the account.",
        "raise the function's ReservedConcurrentExecutions or remove it, shorten the invocations, or put a queue in front",
        "AWS, Lambda developer guide, reserved concurrency",
    ),
    cause(
        "snapshot_creation",
        "Too many snapshots of SnapStart are created at once.",
        "publish fewer versions with SnapStart at a time, and retry with backoff",
        "AWS SDK model of Lambda, ThrottleReason; the number is not published",
    ),
    cause(
        "usage_plan_quota",
        "The quota of a usage plan is used up: the requests of an API key in a day, a week or a month. It is not a rate, so a retry does not help.",
        "raise the quota of the usage plan or extend the usage of the key (UpdateUsage); it begins anew with the next period",
        "AWS, API Gateway developer guide, gateway response types (QUOTA_EXCEEDED); AWS re:Post, 429 errors of API Gateway",
    ),
    cause(
        "function_policy",
        "The resource policy of the function is too long: 20,480 bytes at most. Each permission adds a statement.",
        "replace permissions for single rules, routes or log groups by one with a wildcard in its source ARN, and remove old statements",
        "AWS, Lambda quotas, 2026",
    ),
    cause(
        "queue_visibility",
        "The visibility timeout of the queue is shorter than the timeout of the function, so Lambda refuses the event source mapping.",
        "set the queue's VisibilityTimeout to the function's Timeout or more; AWS recommends six times the Timeout",
        "AWS, Lambda developer guide, using Lambda with SQS",
    ),
    cause(
        "provisioned_throughput",
        "A table or an index of DynamoDB, or a shard of a Kinesis stream, received more reads or writes than its throughput. No size is involved.",
        "retry with exponential backoff, raise the capacity or use on-demand mode, and spread the keys over more partitions",
        "AWS SDK models of DynamoDB and Kinesis: ProvisionedThroughputExceededException",
    ),
    cause(
        "nginx_body",
        "nginx refused the request body. This is not a limit of AWS Lambda or API Gateway: the default is 1 MB.",
        "raise client_max_body_size in the nginx configuration, or send less",
        "nginx documentation, client_max_body_size; 10up/ElasticPress#979 (2017-11-30)",
    ),
    cause(
        "proxy_body",
        "A proxy or a web server refused the request body. The page does not name a limit of AWS.",
        "find out which server sent the response (the `Server` and `Via` headers) and raise its limit for request bodies",
        "elasticsearch-dump/elasticsearch-dump#637 (2019-11-13)",
    ),
    cause(
        "body_parser",
        "The body parser inside the application refused the request body, not AWS: the default of Express is 100 kB.",
        "raise the parser's limit, for example express.json({ limit: '6mb' })",
        "CodeGenieApp/serverless-express#482 (2021-12-18); awslabs/aws-api-gateway-developer-portal#296 (2019-07-26)",
    ),
    cause(
        "opensearch_request",
        "An OpenSearch Service domain refused the request body: 10 MiB on small instance types, 100 MiB on larger ones.",
        "send smaller bulk requests, or choose an instance type with the larger limit",
        "elasticsearch-dump/elasticsearch-dump#616 and #955; AWS, OpenSearch Service quotas",
    ),
    cause(
        "search_content_length",
        "Elasticsearch or OpenSearch refused the request body (http.max_content_length, 100 MB by default).",
        "send smaller bulk requests; a self-managed cluster can raise http.max_content_length",
        "elastic/elasticsearch#2902 and #76705 (2021-08-19)",
    ),
    cause(
        "search_client_buffer",
        "The client of Elasticsearch or OpenSearch refused the response: its own buffer is 100 MB by default.",
        "ask for fewer hits or fields a page, or raise the buffer limit of the client",
        "Elasticsearch, low-level REST client, HeapBufferedAsyncResponseConsumer",
    ),
    cause(
        "search_overload",
        "The search cluster is out of memory or its queues are full.",
        "send less at once, retry with backoff, or add capacity",
        "Elasticsearch reference, circuit breakers and thread pools",
    ),
    cause(
        "s3_slow_down",
        "S3 throttled the requests: the rate for this prefix was too high for the moment. No size is involved.",
        "retry with exponential backoff, and spread keys over more prefixes (3,500 writes and 5,500 reads a second each)",
        "AWS, S3 user guide, performance",
    ),
    cause(
        "s3_request_headers",
        "S3 refused the headers and the query of the request: they may have 8,192 bytes together. Large cookies in front of a bucket do this.",
        "do not forward cookies to S3: in CloudFront use an origin request policy without cookies; shrink cookies and tokens",
        "nhs-england-tools/terraform-aws-opennext#22 (2024-03-13); aws-amplify/amplify-hosting#2558 (2022-02-01)",
    ),
    cause(
        "presigned_expired",
        "The presigned URL is too old, or the credentials that signed it have expired.",
        "make a fresh URL when it is needed; a URL that was signed with the credentials of a role is valid until the session ends at the latest",
        "LocalStack's snapshots of AWS S3, recorded 2026-02-21",
    ),
    cause(
        "cloudwatch_put_log_events",
        "CloudWatch Logs refused a batch of log events: PutLogEvents takes 1,048,576 bytes, 26 of them for each event.",
        "send smaller batches, and do not log whole payloads",
        "nhs-england-tools/terraform-aws-opennext#27 (2024-06-07)",
    ),
    cause(
        "cloudformation_template",
        "CloudFormation refused the template: 51,200 bytes when it is sent with the request, 1 MB from S3.",
        "upload the template to S3 (sam deploy and cdk do), or split the stack",
        "AWS, CloudFormation quotas",
    ),
    cause(
        "cloudformation_resources",
        "CloudFormation refused the template: a stack may have 500 resources, 200 until October 2020.",
        "split the stack into nested stacks or several stacks",
        "AWS, CloudFormation quotas; AWS, announcement of increased CloudFormation quotas, 2020-10",
    )
    .counted(),
    cause(
        "edge_invalid_response",
        "The Lambda@Edge function's response is not valid for CloudFront.",
        "check status, header names and values, and the size; the function's log in the region of the edge location has the reason",
        "AWS, CloudFront developer guide, HTTP 502; aws-amplify/amplify-hosting#2221 (2021-08-31)",
    ),
    cause(
        "edge_execution",
        "The Lambda@Edge function failed or may not be run by CloudFront.",
        "read the function's log in the region of the edge location; the role must trust edgelambda.amazonaws.com",
        "AWS, CloudFront developer guide, HTTP 502 and 503",
    ),
    cause(
        "alb_target",
        "The load balancer could not use the response of its target.",
        "look at the access log of the load balancer (elb_status_code, error_reason) and at the function's log",
        "AWS, Elastic Load Balancing, troubleshooting",
    ),
    cause(
        "upstream_unavailable",
        "A server responded that it is unavailable. The text alone does not name a limit of AWS.",
        "find out which server sent the response (the `Server` and `Via` headers), and read its log",
        "RFC 9110, 503",
    ),
    cause(
        "upstream_timeout",
        "A proxy in front waited too long for the server behind it. The text alone does not name a limit of AWS.",
        "find out which server sent the response (the `Server` and `Via` headers), and compare its timeout with the duration of the request",
        "RFC 9110, 504",
    ),
    cause(
        "step_functions_error",
        "The execution failed with an error of Step Functions that is not a size limit.",
        "read the cause of the failed state; Retry and Catch handle it",
        "AWS, Step Functions developer guide, error names",
    ),
    cause(
        "stopped_by_client",
        "The client stopped waiting before AWS responded.",
        "raise the read timeout of the client above the timeout of the function, or invoke asynchronously",
        "botocore, read_timeout (60 s by default)",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_other_cause_has_a_name_of_its_own_and_a_remedy() {
        for cause in OTHERS {
            assert_eq!(OTHERS.iter().filter(|one| one.name == cause.name).count(), 1, "{cause:?}");
            assert!(cause.remedy.len() > 20 && cause.doc.ends_with('.'), "{cause:?}");
        }
    }
}
