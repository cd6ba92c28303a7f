//! Rows of API Gateway: REST APIs and HTTP APIs.

macro_rules! gateway_rows {
    ($next:ident $($after:ident)*; $($earlier:tt)*) => { $next! { $($after)*; $($earlier)*

/// The body of a request to a REST API.
///
/// The answer comes from in front of the API: none of its headers, no CORS, and a REQUEST_TOO_LARGE gateway response
/// does not change it. A body that passes here may still be too large as an event: see `lambda_sync_request`.
rest_request_body: Bytes, {
    scope: Scope::Rest,
    measured: "the raw HTTP body, as declared by Content-Length",
    history: &[Dated::always(10 * MIB, "the error text; API Gateway developer guide")],
    stated: "10 MB",
    refusals: &[
        RestClient.sees(413, "", "HTTP content length exceeded {max} bytes.")
            .content_type("text; charset=utf-8")
            .known(Validated, source::REST_413_CAPTURE),
    ],
    confidence: Validated,
    proof: Tested,
}

/// The headers of a request to a REST API.
///
/// Private APIs have a smaller number, which is not known. That the status belongs to the text is not confirmed.
rest_headers: Bytes, {
    scope: Scope::Rest,
    measured: "all header names and values, line ends and white space",
    history: &[Dated::always(10 * KIB, source::GATEWAY_GUIDE)],
    stated: "10240 bytes",
    refusals: &[
        RestClient.sees(431, "", "HTTP header is larger than {max} bytes.")
            .content_type("text; charset=utf-8")
            .known(Unconfirmed, "text: ntsblog.homedev.com.au, 2021-03-09; status: backbencher.dev, 2023-07-08; content type: as the 413 of the body"),
    ],
    confidence: Official,
    proof: Tested,
}

/// The URL of a request to a regional REST API. The refusal is not recorded.
rest_url: Bytes, {
    scope: Scope::Rest,
    measured: "characters of path and query, as sent",
    history: &[Dated::always(10 * KIB, source::GATEWAY_GUIDE)],
    stated: "10240 characters",
    refusals: &[
        RestClient.sees(414, "", "Request URI too long")
            .content_type("text; charset=utf-8")
            .known(Unconfirmed, "the guide has status and words for a method's ARN that is too long; believed for the URL"),
    ],
    confidence: Official,
    proof: Tested,
}

/// The URL of a request to an edge-optimized or private REST API.
rest_url_edge: Bytes, {
    scope: Scope::Rest,
    measured: "characters of path and query, as sent",
    history: &[Dated::always(8 * KIB, source::GATEWAY_GUIDE)],
    stated: "8192 characters",
    refusals: &[],
    confidence: Official,
    proof: NotEmulated("the APIs are regional"),
}

/// The ARN of a method with authorization, path parameters filled in.
rest_method_arn: Bytes, {
    scope: Scope::Rest,
    measured: "the ARN of the method that is called",
    history: &[Dated::always(1600, source::GATEWAY_GUIDE)],
    stated: "1600 bytes",
    refusals: &[
        RestClient.sees(414, "", "Request URI too long").known(Official, source::GATEWAY_GUIDE),
    ],
    confidence: Official,
    proof: NotEmulated("methods have no authorization"),
}

/// How long a REST API waits for its integration. The function runs on.
///
/// Since 2024-06-04 a quota request raises it for regional and private APIs, at the price of a lower rate; see
/// `rest_timeout_ceiling`. A run does the same with `--set rest_timeout=60000`.
rest_timeout: Millis, {
    scope: Scope::Rest,
    measured: "from the request's arrival to the integration's answer",
    history: &[Dated::always(29 * SECOND, source::GATEWAY_GUIDE)],
    stated: "29 s",
    refusals: &[
        RestClient.sees(504, "InternalServerErrorException", r#"{"message": "Endpoint request timed out"}"#)
            .known(Validated, source::REST_LAB_CAPTURE),
        Invoker.sees(400, "BadRequestException", "Timeout should be between {min} ms and {max} ms")
            .known(Observed, "aws/aws-cdk#31063: a template that asks for more"),
        GatewayLog.sees(0, "", "Execution failed due to a timeout error")
            .known(Validated, source::REST_LAB_CAPTURE),
    ],
    confidence: Validated,
    proof: Tested,
}

/// The shortest timeout that an integration of a REST API can be given.
rest_timeout_min: Millis, {
    scope: Scope::Rest,
    measured: "timeoutInMillis",
    history: &[Dated::always(50, source::GATEWAY_GUIDE)],
    stated: "50 ms",
    refusals: &[
        Invoker.sees(400, "BadRequestException", "Timeout should be between {max} ms and {upper} ms")
            .known(Observed, "aws/aws-cdk#31063"),
    ],
    confidence: Official,
    proof: Pending("with `hardcap check`"),
}

/// How far a quota request raises the timeout of a regional or private REST API.
rest_timeout_ceiling: Millis, {
    scope: Scope::Rest,
    measured: "timeoutInMillis",
    history: &[Dated::since((2024, 6, 4), 300 * SECOND, "AWS, announcement of 2024-06-04; the number from an answer on re:Post")],
    stated: "300,000 ms",
    refusals: &[],
    confidence: Observed,
    proof: NotEmulated("a quota of an account: ask for it with `--set rest_timeout=N`"),
}

/// The body of an answer of a REST API.
rest_response: Bytes, {
    scope: Scope::Rest,
    measured: "the body of the response",
    history: &[Dated::always(10 * MIB, source::GATEWAY_GUIDE)],
    stated: "10 MB",
    refusals: &[
        RestClient.sees(502, "InternalServerErrorException", r#"{"message": "Internal server error"}"#)
            .known(Unconfirmed, "believed: no integration with Lambda gets this far"),
    ],
    confidence: Official,
    proof: NotEmulated("Lambda's own limit, 6 MB, is met first"),
}

/// The largest minimumCompressionSize of a REST API; from that size on answers are compressed when the client asks.
///
/// Compression comes after Lambda, so it does not help against `lambda_sync_response`.
rest_compression: Bytes, {
    scope: Scope::Rest,
    measured: "minimumCompressionSize, from 0",
    history: &[Dated::always(10 * MIB, "LocalStack's snapshots of AWS, recorded 2025-07-04")],
    stated: "10485760",
    refusals: &[
        Invoker.sees(400, "BadRequestException",
            r#"{"message":"Invalid minimum compression size, must be between 0 and {max}"}"#)
            .known(Validated, "LocalStack's snapshots of AWS, recorded 2025-07-04"),
    ],
    confidence: Validated,
    proof: Tested,
}

/// How long a REST API may stream one answer.
///
/// So long only when the integration's timeout says so: without one it is that of a buffered answer. Before its first day
/// there is no streaming: a route with `STREAM` answers buffered. A stream that has begun is cut off without an end.
rest_stream_timeout: Millis, {
    scope: Scope::Rest,
    measured: "from the request's arrival to the end of the stream",
    history: &[Dated::since((2025, 11, 19), 900 * SECOND, source::REST_STREAMING)],
    stated: "15 minutes",
    refusals: &[
        RestClient.sees(504, "InternalServerErrorException", r#"{"message": "Endpoint request timed out"}"#)
            .known(Unconfirmed, "what a buffered answer has; for one that has not begun"),
    ],
    confidence: Official,
    proof: Tested,
}

/// The metadata with which a stream of a function begins: status, headers and cookies of an HTTP answer.
///
/// Of a function URL the number is not known; the same is taken.
rest_stream_metadata: Bytes, {
    scope: Scope::Rest,
    measured: "the JSON before the delimiter of eight zero bytes",
    history: &[Dated::since((2025, 11, 19), 16 * KIB, "AWS, API Gateway developer guide, response-transfer-mode-lambda, as quoted on 2026-03-11")],
    stated: "16 KB",
    refusals: &[
        RestClient.sees(502, "InternalServerErrorException", r#"{"message": "Internal server error"}"#)
            .known(Unconfirmed, "what a malformed answer has"),
        UrlClient.sees(502, "", "Internal Server Error")
            .known(Unconfirmed, "what a malformed answer has"),
    ],
    confidence: Unconfirmed,
    proof: Tested,
}

/// How long a stream of a regional or private REST API may be silent.
rest_stream_idle: Millis, {
    scope: Scope::Rest,
    measured: "between two pieces of the stream",
    history: &[Dated::since((2025, 11, 19), 300 * SECOND, source::REST_STREAMING)],
    stated: "5 minutes",
    refusals: &[],
    confidence: Official,
    proof: Tested,
}

/// How long a stream of an edge-optimized REST API may be silent.
rest_stream_idle_edge: Millis, {
    scope: Scope::Rest,
    measured: "between two pieces of the stream",
    history: &[Dated::since((2025, 11, 19), 30 * SECOND, source::REST_STREAMING)],
    stated: "30 s",
    refusals: &[],
    confidence: Official,
    proof: NotEmulated("the APIs are regional"),
}

/// What a stream of a REST API sends before its bandwidth is capped.
rest_stream_burst: Bytes, {
    scope: Scope::Rest,
    measured: "the first bytes of the stream",
    history: &[Dated::since((2025, 11, 19), 10 * MIB, source::REST_STREAMING)],
    stated: "10 MB",
    refusals: &[],
    confidence: Official,
    proof: Tested,
}

/// The bandwidth of a stream of a REST API after its first bytes.
rest_stream_rate: Bytes, {
    scope: Scope::Rest,
    measured: "bytes in one second",
    history: &[Dated::since((2025, 11, 19), 2 * MIB, source::REST_STREAMING)],
    stated: "2 MB/s",
    refusals: &[],
    confidence: Official,
    proof: Tested,
}

/// Requests a second of all APIs of an account in a region.
gateway_rate: Count, {
    scope: Scope::Rest,
    measured: "requests in one second, of REST, HTTP and WebSocket APIs together",
    history: &[Dated::always(10_000, source::GATEWAY_GUIDE)],
    stated: "10,000 requests a second",
    refusals: &[
        RestClient.sees(429, "", r#"{"message":"Too Many Requests"}"#)
            .known(Unconfirmed, "the status is documented, the text of a REST API is not recorded"),
        HttpClient.sees(429, "", r#"{"message":"Too Many Requests"}"#)
            .known(Observed, "reports of throttled HTTP APIs"),
    ],
    confidence: Official,
    proof: Pending("with faults and throttles asked for by a test"),
}

/// Requests that may come at once before the rate counts.
gateway_burst: Count, {
    scope: Scope::Rest,
    measured: "the depth of the token bucket",
    history: &[Dated::always(5_000, source::GATEWAY_GUIDE)],
    stated: "5,000 requests",
    refusals: &[],
    confidence: Official,
    proof: Pending("with faults and throttles asked for by a test"),
}

/// The body of a request to an HTTP API.
http_request_body: Bytes, {
    scope: Scope::HttpApi,
    measured: "the raw HTTP body",
    history: &[Dated::always(10 * MIB, source::GATEWAY_GUIDE)],
    stated: "10 MB",
    refusals: &[
        HttpClient.sees(413, "", r#"{"message":"Request Entity Too Large"}"#)
            .known(Unconfirmed, "believed to be as for an event that is too large"),
    ],
    confidence: Official,
    proof: Tested,
}

/// The head of a request to an HTTP API.
http_headers: Bytes, {
    scope: Scope::HttpApi,
    measured: "request line and header values together",
    history: &[Dated::always(10 * KIB, source::GATEWAY_GUIDE)],
    stated: "10240 bytes",
    refusals: &[
        HttpClient.sees(431, "", r#"{"message":"Request Header Fields Too Large"}"#)
            .known(Unconfirmed, "no refusal is recorded; the form is that of the API's other errors"),
    ],
    confidence: Official,
    proof: Tested,
}

/// How long an HTTP API waits for its integration. The function runs on. It cannot be raised.
http_timeout: Millis, {
    scope: Scope::HttpApi,
    measured: "from the request's arrival to the integration's answer",
    history: &[Dated::always(30 * SECOND, source::GATEWAY_GUIDE)],
    stated: "30 s",
    refusals: &[
        HttpClient.sees(503, "", r#"{"message":"Service Unavailable"}"#)
            .known(Validated, "capture with headers, cortexlabs/cortex#1225, 2020-08-13"),
    ],
    confidence: Official,
    proof: Tested,
}

/// The body of an answer of an HTTP API.
http_response: Bytes, {
    scope: Scope::HttpApi,
    measured: "the body of the response",
    history: &[Dated::always(10 * MIB, source::GATEWAY_GUIDE)],
    stated: "10 MB",
    refusals: &[
        HttpClient.sees(500, "", r#"{"message":"Internal Server Error"}"#)
            .known(Unconfirmed, "believed: no integration with Lambda gets this far"),
    ],
    confidence: Official,
    proof: NotEmulated("Lambda's own limit, 6 MB, is met first"),
}

    } };
}
pub(super) use gateway_rows;
