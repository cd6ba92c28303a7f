//! Ranks the causes of texts that several limits and failures share, by the clues in the input. Pure.

mod service;

use hardcap_limits::Limits;

use super::clues::{Clues, Front};
use super::known::Rank::{Certain, Likely, Possible};
use super::known::{Claim, Rank};

pub(super) use service::{
    customer_error, edge_invalid_json, invoke_request, post_failed, process_exit, rate_exceeded,
    target_throttled, throttling, timeout_setting, too_many_requests, upload_too_large,
};

const fn claim(
    cause: &'static str,
    rank: Rank,
    why: &'static str,
    decided_by: &'static str,
) -> Claim {
    Claim { cause, rank, why, decided_by }
}

/// Sorts the most likely first; causes of one rank keep their order.
fn ordered(mut claims: Vec<Claim>) -> Vec<Claim> {
    claims.sort_by_key(|claim| claim.rank);
    claims
}

pub(super) fn internal_error(clues: &Clues) -> Vec<Claim> {
    // A REST API responds 500, not 502, if the function did not run. Other gateways have one status for both.
    let told_apart = clues.front == Some(Front::Rest) || clues.front.is_none();
    let not_run = told_apart && clues.statuses.contains(&500) && !clues.statuses.contains(&502);
    let ran = if not_run { Possible } else { Likely };
    let other = if not_run { Likely } else { Possible };
    let mut claims = vec![
        claim(
            "function_error",
            ran,
            "the most frequent cause: the function raised an error",
            "“Lambda execution failed with status 200 due to customer function error” in the execution log, or a stack trace in the function's log",
        ),
        claim(
            "malformed_response",
            ran,
            "the function ended well, and its response is not valid for a proxy integration",
            "“Execution failed due to configuration error: Malformed Lambda proxy response” in the execution log",
        ),
        claim(
            "lambda_sync_response",
            ran,
            "a response over the limit results in this text as well",
            "“Exceeded maximum allowed payload size” in the function's log, or “Response payload size exceeded” in the access log",
        ),
        claim(
            "lambda_timeout",
            ran,
            "a function that exceeded its own timeout results in this text as well",
            "“Task timed out after” or “Status: timeout” in the function's log",
        ),
        claim(
            "out_of_memory",
            Possible,
            "a function that was killed results in this text as well",
            "“signal: killed” or “Runtime.OutOfMemory” in the function's log",
        ),
        claim(
            "missing_permission",
            other,
            "a REST API that may not invoke the function responds 500 with this text",
            "“Invalid permissions on Lambda function” in the execution log, and no START line in the function's log",
        ),
        claim(
            "lambda_concurrency",
            other,
            "a REST API whose function is throttled responds 500 with this text",
            "“Rate Exceeded” in the execution log, and the metric Throttles of the function",
        ),
        claim(
            "integration_configuration",
            Possible,
            "an integration with another method than POST results in this text",
            "the integration's httpMethod in the API's definition",
        ),
    ];
    if clues.front == Some(Front::FunctionUrl) {
        claims.retain(|claim| {
            claim.cause != "integration_configuration" && claim.cause != "missing_permission"
        });
    }
    ordered(claims)
}

pub(super) fn endpoint_timeout(clues: &Clues) -> Vec<Claim> {
    if clues.front == Some(Front::WebSocket) {
        return vec![claim(
            "websocket_timeout",
            Certain,
            "the message has a connectionId: a WebSocket API sent it",
            "",
        )];
    }
    vec![
        claim("rest_timeout", Certain, "only a REST API responds 504 with this text", ""),
        claim(
            "rest_stream_timeout",
            Possible,
            "a route that streams has the same response when nothing was sent in time",
            "responseTransferMode of the integration: STREAM or BUFFERED",
        ),
    ]
}

pub(super) fn unavailable(clues: &Clues) -> Vec<Claim> {
    let upstream = claim(
        "upstream_unavailable",
        Likely,
        "the text is the standard phrase of status 503",
        "the Server and Via headers of the response",
    );
    match clues.front {
        None if clues.is_gateway_body => http_api_unavailable(clues),
        Some(Front::HttpApi) => http_api_unavailable(clues),
        Some(Front::LoadBalancer) => vec![claim(
            "alb_target",
            Likely,
            "a load balancer without a healthy target responds 503",
            "the load balancer's access log",
        )],
        Some(Front::S3) => vec![claim(
            "s3_slow_down",
            Likely,
            "S3 responds 503 when it throttles",
            "the Code element of the error",
        )],
        Some(Front::Edge | Front::Nginx) => vec![upstream],
        Some(Front::Rest | Front::FunctionUrl | Front::WebSocket) | None => vec![
            upstream,
            claim(
                "http_timeout",
                Possible,
                "an HTTP API responds {\"message\":\"Service Unavailable\"} after 30 s",
                "the header apigw-requestid, and the duration",
            ),
        ],
    }
}

fn http_api_unavailable(clues: &Clues) -> Vec<Claim> {
    vec![
        claim(
            "http_timeout",
            if clues.latency.is_some_and(|ms| ms < 25_000) { Possible } else { Likely },
            "an HTTP API responds 503 with this text when the integration does not end in time",
            "the duration: about 30 s for a timeout",
        ),
        claim(
            "lambda_concurrency",
            Possible,
            "a throttled function may result in this text (not recorded)",
            "the metric Throttles of the function",
        ),
    ]
}

pub(super) fn entity_too_large(clues: &Clues) -> Vec<Claim> {
    let nginx = claim("nginx_body", Certain, "nginx signed the page", "");
    let proxy = claim(
        "proxy_body",
        Likely,
        "the text is the standard phrase of status 413; every web server has it",
        "the Server and Via headers of the response",
    );
    match clues.front {
        Some(Front::Nginx) => vec![nginx],
        Some(Front::LoadBalancer) => vec![
            claim(
                "alb_request_body",
                Likely,
                "a load balancer refuses request bodies above 1 MB for a Lambda target",
                "the length of the request body",
            ),
            claim(
                "alb_headers",
                Possible,
                "a load balancer responds 413 to long headers as well",
                "the length of the request headers",
            ),
        ],
        Some(Front::HttpApi) => http_api_body(clues),
        None if clues.is_gateway_body => http_api_body(clues),
        _ if clues.is_search => vec![
            claim(
                "search_content_length",
                Likely,
                "a search cluster sent the response",
                "the length of the request body",
            ),
            claim(
                "opensearch_request",
                Possible,
                "an OpenSearch Service domain refuses 10 MiB on small instance types",
                "the instance type of the domain",
            ),
            proxy,
        ],
        Some(Front::FunctionUrl) => vec![claim(
            "lambda_sync_request",
            Likely,
            "a function URL refuses events above the limit with 413",
            "the length of the request body, and of its cookies",
        )],
        _ => {
            let mut claims = vec![Claim { rank: Likely, ..proxy }];
            claims.extend(
                http_api_body(clues).into_iter().map(|one| Claim { rank: Possible, ..one }),
            );
            claims
        }
    }
}

fn http_api_body(clues: &Clues) -> Vec<Claim> {
    let body_max = Limits::current().http_request_body.max.0;
    let is_above_gateway = clues.request_bytes.is_some_and(|bytes| bytes > body_max);
    let (event, body) = if is_above_gateway { (Possible, Likely) } else { (Likely, Possible) };
    ordered(vec![
        claim(
            "lambda_sync_request",
            event,
            "a body of 6 to 10 MB fits the HTTP API, but its event does not fit Lambda",
            "the length of the request body: above 10 MB the HTTP API itself refuses",
        ),
        claim(
            "http_request_body",
            body,
            "an HTTP API refuses bodies above 10 MB with the same text",
            "the length of the request body",
        ),
    ])
}

pub(super) fn too_long(_: &Clues) -> Vec<Claim> {
    vec![claim(
        "lambda_sync_request",
        Certain,
        "a REST API responds with this text when the event is over the limit of Lambda; a body above 10 MB has another text",
        "",
    )]
}

pub(super) fn headers_too_large(clues: &Clues) -> Vec<Claim> {
    let gateway = claim(
        "http_headers",
        Likely,
        "API Gateway refuses more than 10,240 bytes of request line and headers with 431",
        "the length of the request's headers",
    );
    let server = claim(
        "proxy_body",
        Possible,
        "web servers have the same text, with limits of their own",
        "the Server header of the response",
    );
    match clues.front {
        Some(Front::Nginx) => vec![Claim {
            cause: "proxy_body",
            rank: Likely,
            why: "nginx signed the page (large_client_header_buffers)",
            ..server
        }],
        _ => vec![gateway, server],
    }
}

pub(super) fn uri_too_long(_: &Clues) -> Vec<Claim> {
    vec![
        claim(
            "rest_url",
            Likely,
            "a REST API refuses long URLs with 414",
            "the length of path and query",
        ),
        claim(
            "rest_method_arn",
            Possible,
            "with an authorizer the ARN of the method may have 1,600 bytes",
            "whether the method has an authorizer",
        ),
        claim(
            "proxy_body",
            Possible,
            "web servers have the same text, with limits of their own",
            "the Server header of the response",
        ),
    ]
}

pub(super) fn too_many(clues: &Clues) -> Vec<Claim> {
    if clues.is_search {
        return vec![claim(
            "search_overload",
            Likely,
            "a search cluster responds 429 when its queues are full",
            "the type of the error",
        )];
    }
    vec![
        claim(
            "gateway_rate",
            Likely,
            "API Gateway responds 429 when an account's, a stage's or a usage plan's rate is used up",
            "the metric Count of the API, and its usage plans",
        ),
        claim(
            "lambda_concurrency",
            Possible,
            "a function URL responds 429 when the function is throttled",
            "the metric Throttles of the function",
        ),
    ]
}

pub(super) fn quota_exceeded(clues: &Clues) -> Vec<Claim> {
    let rank = if clues.is_gateway_body || clues.is_quota { Certain } else { Likely };
    let quota = claim(
        "usage_plan_quota",
        rank,
        "API Gateway responds 429 with this text when the quota of a usage plan is used up",
        "",
    );
    if rank == Certain {
        return vec![quota];
    }
    let decided_by = "the server that sent the response, and the usage plan of the API key";
    let other = claim(
        "gateway_rate",
        Possible,
        "other rates are refused with similar texts; API Gateway has “Too Many Requests” for a rate",
        decided_by,
    );
    vec![Claim { decided_by, ..quota }, other]
}

pub(super) fn bad_gateway(clues: &Clues) -> Vec<Claim> {
    if clues.front == Some(Front::LoadBalancer) {
        return vec![
            claim(
                "alb_target",
                Likely,
                "the function failed, timed out or returned a response that is not valid for a load balancer",
                "error_reason in the load balancer's access log",
            ),
            claim(
                "alb_response",
                Possible,
                "a response above 1 MB results in this text as well",
                "LambdaResponseTooLarge as error_reason in the access log",
            ),
            claim(
                "alb_response_headers",
                Possible,
                "response headers above 32 K result in this text as well",
                "the length of the response's headers",
            ),
        ];
    }
    vec![claim(
        "upstream_unavailable",
        Likely,
        "the text is the standard phrase of status 502",
        "the Server and Via headers of the response",
    )]
}

pub(super) fn gateway_timeout(clues: &Clues) -> Vec<Claim> {
    if clues.front == Some(Front::LoadBalancer) {
        return vec![claim(
            "alb_target",
            Likely,
            "the target did not respond within the idle timeout of the load balancer",
            "target_processing_time in the access log",
        )];
    }
    vec![
        claim(
            "upstream_timeout",
            Likely,
            "the text is the standard phrase of status 504",
            "the Server and Via headers of the response",
        ),
        claim(
            "rest_timeout",
            Possible,
            "a REST API responds 504 after 29 s, with {\"message\": \"Endpoint request timed out\"}",
            "the body of the response",
        ),
    ]
}
