//! Rows of Lambda: an invocation, what it may bring, return and take.

macro_rules! lambda_rows {
    ($next:ident $($after:ident)*; $($earlier:tt)*) => { $next! { $($after)*; $($earlier)*

/// The event of a synchronous invocation.
///
/// Whether exactly this many bytes pass is not confirmed ("limit" in one text, "smaller than" in the other); AWS's own
/// test tool accepts them. Two texts exist for the same breach, and which size gets which is not known: the other is
/// `{observed} byte payload is too large for the RequestResponse invocation type (limit {max} bytes)`, seen for 6,291,478
/// to 6,991,583 bytes. A REST API now and then answers 500 instead of 413.
lambda_sync_request: Bytes, {
    scope: Scope::Lambda,
    measured: "the body of the Invoke request, which is the event as JSON",
    history: &[Dated::always(6 * MIB, "both error texts since 2018-07-17; AWS SDK model of Lambda")],
    stated: "6 MB",
    refusals: &[
        Invoker.sees(413, "RequestEntityTooLargeException",
            r#"{"Message":"Request must be smaller than {max} bytes for the InvokeFunction operation"}"#)
            .known(Observed, "Zac Charles, request payload size limit, 2022-08-24; many reports since"),
        RestClient.sees(413, "BadRequestException", r#"{"message": "Request Too Long"}"#)
            .known(Validated, source::REST_413_CAPTURE),
        HttpClient.sees(413, "", r#"{"message":"Request Entity Too Large"}"#)
            .known(Official, source::NET_TOOL),
        UrlClient.sees(413, "RequestEntityTooLargeException",
            r#"{"Message":"Request must be smaller than {max} bytes for the InvokeFunction operation"}"#)
            .known(Observed, "public capture of a function URL, 2026"),
        GatewayLog.sees(0, "",
            "Execution failed: {observed} byte payload is too large for the RequestResponse invocation type (limit {max} bytes)")
            .known(Observed, "theburningmonk.com on the payload limit, 2020-04"),
    ],
    confidence: Observed,
    proof: Tested,
}

/// The answer of a synchronous invocation: 100 bytes more than the event may have.
///
/// A string costs its two quotes, an escape or a line of base64 what it takes as JSON, headers what they take.
/// The function gets 413, then 403 for anything else it says about that invocation; the invoker gets a 200.
lambda_sync_response: Bytes, {
    scope: Scope::Lambda,
    measured: "the bytes that the runtime posts to /response, serialized",
    history: &[Dated::always(6 * MIB + 100, "AWS, source of the Runtime Interface Emulator: 6 MiB + 100; the Zappa report of 2017 agrees to the byte")],
    stated: "6 MB",
    refusals: &[
        Function.sees(413, "RequestEntityTooLarge",
            r#"{"errorMessage":"Exceeded maximum allowed payload size ({max} bytes).","errorType":"RequestEntityTooLarge"}"#)
            .known(Official, "AWS, source of the Runtime Interface Emulator; anomalyco/console#63 (2025-10-29) has it from production"),
        Invoker.sees(200, "", r#"{"errorMessage":"body size is too long"}"#)
            .known(Observed, "dynamic-image-transformation-for-amazon-cloudfront#35, 2018-07-08; Sean Coates, 2017"),
        Invoker.sees(200, "Function.ResponseSizeTooLarge",
            r#"{"errorMessage":"Response payload size ({observed} bytes) exceeded maximum allowed payload size ({max} bytes).","errorType":"Function.ResponseSizeTooLarge"}"#)
            .since((2019, 3, 1)).known(Observed, "aws/aws-lambda-dotnet, CustomRuntimeTests of 2019-03-01"),
        Invoker.sees(200, "Function.ResponseSizeTooLarge",
            r#"{"errorMessage":"Response payload size exceeded maximum allowed payload size ({max} bytes).","errorType":"Function.ResponseSizeTooLarge"}"#)
            .since((2021, 6, 2)).known(Validated, source::LAMBDA_2025_11),
        RestClient.sees(502, "InternalServerErrorException", r#"{"message": "Internal server error"}"#)
            .known(Validated, source::REST_502_CAPTURE),
        HttpClient.sees(500, "", r#"{"message":"Internal Server Error"}"#)
            .known(Observed, source::HTTP_500_REPORT),
        UrlClient.sees(502, "", "Internal Server Error")
            .known(Unconfirmed, "recorded 2025-11-24 for a function that raises; believed for this"),
        Log.sees(0, "", "body size is too long")
            .known(Observed, "Sean Coates on the Lambda payload size, 2017: what `zappa tail` showed"),
        Log.sees(0, "Function.ResponseSizeTooLarge",
            "Response payload size ({observed} bytes) exceeded maximum allowed payload size ({max} bytes).")
            .since((2019, 3, 1)).known(Unconfirmed, "the invoker's text of the day; the log line is not recorded"),
        Log.sees(0, "Function.ResponseSizeTooLarge",
            "Response payload size exceeded maximum allowed payload size ({max} bytes).")
            .since((2021, 6, 2)).known(Unconfirmed, "the invoker's text of the day; the log line is not recorded"),
        GatewayLog.sees(0, "",
            "Lambda Customer Function Error:Response payload size exceeded maximum allowed payload size ({max} bytes).")
            .since((2021, 6, 2)).known(Validated, source::REST_502_CAPTURE),
    ],
    confidence: Official,
    proof: Tested,
}

/// The longest timeout that a function can have, and the timeout itself once a function's own is put in its place.
///
/// Managed instances run up to 90 minutes when invoked asynchronously (2026-06-18); they are not emulated.
lambda_timeout: Millis, {
    scope: Scope::Lambda,
    measured: "from the moment the function is given the event",
    history: &[
        Dated::always(300 * SECOND, "AWS, Lambda developer guide, release history, 2015-10-08"),
        Dated::since((2018, 10, 10), 900 * SECOND, source::LAMBDA_RELEASES),
    ],
    stated: "900 s (15 minutes)",
    refusals: &[
        Invoker.sees(200, "", r#"{"errorMessage":"{timestamp} {request_id} Task timed out after {max_seconds} seconds"}"#)
            .known(Validated, "LocalStack's snapshots of AWS, recorded 2024-04-08; a capture of 2018-07-17"),
        Invoker.sees(200, "Sandbox.Timedout",
            r#"{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: {request_id} Error: Task timed out after {max_seconds} seconds"}"#)
            .since((2025, 11, 24)).known(Validated, "LocalStack's snapshots of AWS, recorded 2025-11-24: the first day it is known; the change came after 2024-04-08"),
        Deployer.sees(400, "ValidationException",
            r#"{"message":"1 validation error detected: Value '{value}' at 'timeout' failed to satisfy constraint: Member must have value less than or equal to {max_whole_seconds}"}"#)
            .known(Observed, "failed deployments quoted in public repositories, code and text: `Value '1200' at 'timeout'`, `Value '300000' at 'timeout'`"),
        RestClient.sees(502, "InternalServerErrorException", r#"{"message": "Internal server error"}"#)
            .known(Validated, source::REST_LAB_CAPTURE),
        HttpClient.sees(500, "", r#"{"message":"Internal Server Error"}"#)
            .known(Official, source::NET_TOOL),
        UrlClient.sees(502, "", "Internal Server Error")
            .known(Unconfirmed, "recorded 2025-11-24 for a function that raises; believed for this"),
        Log.sees(0, "", "{timestamp} {request_id} Task timed out after {max_seconds} seconds")
            .known(Observed, "log captures since 2018; whether it changed with the payload is not known"),
    ],
    confidence: Official,
    proof: Tested,
}

/// The timeout of a function that names none.
lambda_timeout_default: Millis, {
    scope: Scope::Lambda,
    measured: "the function's Timeout",
    history: &[Dated::always(3 * SECOND, source::LAMBDA_QUOTAS)],
    stated: "3 s",
    refusals: &[],
    confidence: Official,
    proof: NotEmulated("a default, not a limit: nothing is refused by it"),
}

/// The shortest timeout that a function can have.
lambda_timeout_min: Millis, {
    scope: Scope::Lambda,
    measured: "the function's Timeout",
    history: &[Dated::always(SECOND, source::LAMBDA_MODEL)],
    stated: "1 s",
    refusals: &[
        Invoker.sees(400, "ValidationException",
            r#"{"message":"1 validation error detected: Value '{value}' at 'timeout' failed to satisfy constraint: Member must have value greater than or equal to {max_whole_seconds}"}"#)
            .known(Unconfirmed, "the usual form of the model's minimum; the text for too much is observed"),
    ],
    confidence: Official,
    proof: Tested,
}

/// The initialization of a sandbox. When it takes longer it is started again inside the invocation, under its timeout.
lambda_init: Millis, {
    scope: Scope::Lambda,
    measured: "from the start of the process to its first request for an event",
    history: &[Dated::always(10 * SECOND, "AWS, Lambda developer guide, runtime environment")],
    stated: "10 s",
    refusals: &[
        Log.sees(0, "", "INIT_REPORT Init Duration: {duration} ms\tPhase: init\tStatus: timeout")
            .known(Observed, "many log captures, such as `Init Duration: 10000.09 ms`"),
    ],
    confidence: Official,
    proof: Tested,
}

/// Concurrent executions of an account in a region. A function's own share (reserved concurrency) gives the same error,
/// with another `{reason}`.
lambda_concurrency: Count, {
    scope: Scope::Lambda,
    measured: "executions under way",
    history: &[Dated::always(1000, source::LAMBDA_QUOTAS)],
    stated: "1,000",
    refusals: &[
        Invoker.sees(429, "TooManyRequestsException",
            r#"{"Reason":"{reason}","Type":"User","message":"Rate Exceeded."}"#)
            .known(Validated, source::LAMBDA_2025_11),
        RestClient.sees(500, "InternalServerErrorException", r#"{"message": "Internal server error"}"#)
            .known(Derived, "status and log: captures of 2025-05-20; the body is that of the API's other errors"),
        HttpClient.sees(503, "", r#"{"message":"Service Unavailable"}"#)
            .known(Unconfirmed, "500 or 503: nothing is recorded"),
        UrlClient.sees(429, "TooManyRequestsException",
            r#"{"Reason":"{reason}","Type":"User","message":"Rate Exceeded."}"#)
            .known(Unconfirmed, "the status is documented; the body is believed to be the invoker's"),
        GatewayLog.sees(0, "", "Execution failed due to configuration error: Rate Exceeded.")
            .known(Validated, source::REST_LAB_CAPTURE),
    ],
    confidence: Official,
    proof: Tested,
}

/// Concurrency that reservations must leave to functions without one.
lambda_unreserved_min: Count, {
    scope: Scope::Lambda,
    measured: "the account's concurrency less all reservations",
    history: &[Dated::always(100, source::LAMBDA_2025_11)],
    stated: "100",
    refusals: &[
        Invoker.sees(400, "InvalidParameterValueException",
            r#"{"Type":"User","message":"Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [{max}]."}"#)
            .known(Validated, source::LAMBDA_2025_11),
    ],
    confidence: Validated,
    proof: Tested,
}

/// Execution environments that a function may add every ten seconds.
lambda_concurrency_scaling: Count, {
    scope: Scope::Lambda,
    measured: "sandboxes started for one function within 10 s",
    history: &[Dated::always(1000, source::LAMBDA_QUOTAS)],
    stated: "1,000 every 10 s",
    refusals: &[],
    confidence: Official,
    proof: NotEmulated("a laptop does not start a thousand sandboxes in ten seconds"),
}

/// Synchronous requests a second that one execution environment serves.
lambda_sandbox_rate: Count, {
    scope: Scope::Lambda,
    measured: "requests in one second, for each concurrent execution",
    history: &[Dated::always(10, source::LAMBDA_QUOTAS)],
    stated: "10 requests a second",
    refusals: &[],
    confidence: Official,
    proof: Pending("with faults and throttles asked for by a test"),
}

/// The log that Invoke returns when asked for its tail.
lambda_log_tail: Bytes, {
    scope: Scope::Lambda,
    measured: "the log of one invocation, before base64; what is longer loses its beginning",
    history: &[Dated::always(4 * KIB, source::LAMBDA_MODEL)],
    stated: "4 KB",
    refusals: &[],
    confidence: Official,
    proof: Tested,
}

/// The client context of an invocation. The text of its refusal is not known.
lambda_client_context: Bytes, {
    scope: Scope::Lambda,
    measured: "the header X-Amz-Client-Context, as base64",
    history: &[Dated::always(3583, source::LAMBDA_MODEL)],
    stated: "3,583 bytes",
    refusals: &[
        Invoker.sees(400, "InvalidRequestContentException", "")
            .known(Unconfirmed, "only the number is documented"),
    ],
    confidence: Official,
    proof: Pending("its refusal is not recorded"),
}

/// Request line and header values of an Invoke request. The text of its refusal is not known.
lambda_request_head: Bytes, {
    scope: Scope::Lambda,
    measured: "request line and header values together",
    history: &[Dated::always(MIB, source::LAMBDA_QUOTAS)],
    stated: "1 MB",
    refusals: &[],
    confidence: Official,
    proof: Pending("its refusal is not recorded"),
}

/// Environment variables of a function.
lambda_environment: Bytes, {
    scope: Scope::Lambda,
    measured: "the map of variables as compact JSON in UTF-8, names, quotes, commas and brackets included",
    history: &[Dated::always(4 * KIB, source::LAMBDA_2025_11)],
    stated: "4 KB",
    refusals: &[
        Invoker.sees(400, "InvalidParameterValueException",
            r#"{"Type":"User","message":"Lambda was unable to configure your environment variables because the environment variables you have provided exceeded the 4KB limit. String measured: {variables}"}"#)
            .known(Validated, source::LAMBDA_2025_11),
    ],
    confidence: Validated,
    proof: Tested,
}

/// The request that sets the environment, which fails before the environment itself is measured.
lambda_environment_request: Bytes, {
    scope: Scope::Lambda,
    measured: "the body of UpdateFunctionConfiguration",
    history: &[Dated::always(5 * KIB, source::LAMBDA_GUIDE)],
    stated: "5120 bytes",
    refusals: &[
        Invoker.sees(413, "RequestEntityTooLargeException",
            r#"{"Message":"Request must be smaller than {max} bytes for the UpdateFunctionConfiguration operation"}"#)
            .known(Official, source::LAMBDA_GUIDE),
    ],
    confidence: Official,
    proof: Tested,
}

    } };
}
pub(super) use lambda_rows;
