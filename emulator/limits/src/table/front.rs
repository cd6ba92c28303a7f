//! Rows of other front doors of functions: load balancers, the edge, web sockets.

macro_rules! front_rows {
    ($next:ident $($after:ident)*; $($earlier:tt)*) => { $next! { $($after)*; $($earlier)*

/// The body of a request that a load balancer passes to a function. Whether 1 MB is 1,048,576 bytes is not confirmed.
alb_request_body: Bytes, {
    scope: Scope::Alb,
    measured: "the raw HTTP body",
    history: &[Dated::always(MIB, source::ALB_GUIDE)],
    stated: "1 MB",
    refusals: &[],
    confidence: Unconfirmed,
    proof: Pending("with load balancers; the 413 page is not recorded"),
}

/// The answer of a function behind a load balancer. Whether 1 MB is 1,048,576 bytes is not confirmed.
alb_response: Bytes, {
    scope: Scope::Alb,
    measured: "the answer as JSON",
    history: &[Dated::always(MIB, source::ALB_GUIDE)],
    stated: "1 MB",
    refusals: &[],
    confidence: Unconfirmed,
    proof: Pending("with load balancers; the 502 page is not recorded"),
}

/// The request line at a load balancer.
alb_request_line: Bytes, {
    scope: Scope::Alb,
    measured: "the request line",
    history: &[Dated::always(16 * KIB, source::ALB_GUIDE)],
    stated: "16 K",
    refusals: &[],
    confidence: Official,
    proof: Pending("with load balancers"),
}

/// One header of a request at a load balancer.
alb_header: Bytes, {
    scope: Scope::Alb,
    measured: "one header",
    history: &[Dated::always(16 * KIB, source::ALB_GUIDE)],
    stated: "16 K",
    refusals: &[],
    confidence: Official,
    proof: Pending("with load balancers"),
}

/// All headers of a request at a load balancer.
alb_headers: Bytes, {
    scope: Scope::Alb,
    measured: "the whole head of the request",
    history: &[Dated::always(64 * KIB, source::ALB_GUIDE)],
    stated: "64 K",
    refusals: &[],
    confidence: Official,
    proof: Pending("with load balancers"),
}

/// The headers of an answer at a load balancer: over it the client gets a 502 page of 122 bytes.
alb_response_headers: Bytes, {
    scope: Scope::Alb,
    measured: "all headers of the response",
    history: &[Dated::always(32 * KIB, "AWS, Elastic Load Balancing troubleshooting; brefphp/bref#1986, 2025-08-20")],
    stated: "32 K",
    refusals: &[],
    confidence: Official,
    proof: Pending("with load balancers"),
}

/// The timeout of a function at viewer events of CloudFront.
edge_viewer_timeout: Millis, {
    scope: Scope::Edge,
    measured: "the function's Timeout",
    history: &[Dated::always(5 * SECOND, source::CLOUDFRONT_GUIDE)],
    stated: "5 s",
    refusals: &[],
    confidence: Official,
    proof: NotEmulated("hardcap has no CloudFront"),
}

/// The timeout of a function at origin events of CloudFront.
edge_origin_timeout: Millis, {
    scope: Scope::Edge,
    measured: "the function's Timeout",
    history: &[Dated::always(30 * SECOND, source::CLOUDFRONT_GUIDE)],
    stated: "30 s",
    refusals: &[],
    confidence: Official,
    proof: NotEmulated("hardcap has no CloudFront"),
}

/// The memory of a function at viewer events of CloudFront.
edge_viewer_memory: Megabytes, {
    scope: Scope::Edge,
    measured: "the function's MemorySize",
    history: &[Dated::always(128, source::CLOUDFRONT_GUIDE)],
    stated: "128 MB",
    refusals: &[],
    confidence: Official,
    proof: NotEmulated("hardcap has no CloudFront"),
}

/// The request body that a function sees at viewer events. A longer one is cut and flagged with inputTruncated.
edge_viewer_body: Bytes, {
    scope: Scope::Edge,
    measured: "the body, before base64; what 40 KB is in bytes is not confirmed",
    history: &[Dated::always(40 * KIB, source::CLOUDFRONT_GUIDE)],
    stated: "40 KB",
    refusals: &[],
    confidence: Unconfirmed,
    proof: NotEmulated("hardcap has no CloudFront"),
}

/// The request body that a function sees at origin events. A longer one is cut and flagged with inputTruncated.
edge_origin_body: Bytes, {
    scope: Scope::Edge,
    measured: "the body, before base64; what 1 MB is in bytes is not confirmed",
    history: &[Dated::always(MIB, source::CLOUDFRONT_GUIDE)],
    stated: "1 MB",
    refusals: &[],
    confidence: Unconfirmed,
    proof: NotEmulated("hardcap has no CloudFront"),
}

/// An answer that a function makes at viewer events.
edge_viewer_response: Bytes, {
    scope: Scope::Edge,
    measured: "the response, headers included; what 40 KB is in bytes is not confirmed",
    history: &[Dated::always(40 * KIB, source::CLOUDFRONT_GUIDE)],
    stated: "40 KB",
    refusals: &[],
    confidence: Unconfirmed,
    proof: NotEmulated("hardcap has no CloudFront"),
}

/// An answer that a function makes at origin events.
edge_origin_response: Bytes, {
    scope: Scope::Edge,
    measured: "the response, headers included; what 1 MB is in bytes is not confirmed",
    history: &[Dated::always(MIB, source::CLOUDFRONT_GUIDE)],
    stated: "1 MB",
    refusals: &[],
    confidence: Unconfirmed,
    proof: NotEmulated("hardcap has no CloudFront"),
}

/// The deployment package of a function at viewer events.
edge_viewer_package: Bytes, {
    scope: Scope::Edge,
    measured: "the zip file",
    history: &[Dated::always(MIB, source::CLOUDFRONT_GUIDE)],
    stated: "1 MB",
    refusals: &[],
    confidence: Unconfirmed,
    proof: NotEmulated("hardcap has no CloudFront"),
}

/// The deployment package of a function at origin events.
edge_origin_package: Bytes, {
    scope: Scope::Edge,
    measured: "the zip file",
    history: &[Dated::always(50 * MIB, source::CLOUDFRONT_GUIDE)],
    stated: "50 MB",
    refusals: &[],
    confidence: Unconfirmed,
    proof: NotEmulated("hardcap has no CloudFront"),
}

/// A message of a WebSocket API. A larger one closes the connection with code 1009.
websocket_message: Bytes, {
    scope: Scope::WebSocket,
    measured: "the whole message",
    history: &[Dated::always(128 * KIB, "API Gateway developer guide, 2023-06-29; AWS SDK model of the management API")],
    stated: "128 KB",
    refusals: &[
        Invoker.sees(413, "PayloadTooLargeException", "")
            .known(Official, "AWS SDK model of the management API: POST @connections"),
    ],
    confidence: Official,
    proof: NotEmulated("hardcap has no WebSocket API"),
}

/// A frame of a WebSocket API. A larger one closes the connection with code 1009.
websocket_frame: Bytes, {
    scope: Scope::WebSocket,
    measured: "one frame",
    history: &[Dated::always(32 * KIB, source::GATEWAY_GUIDE)],
    stated: "32 KB",
    refusals: &[],
    confidence: Official,
    proof: NotEmulated("hardcap has no WebSocket API"),
}

/// How long a WebSocket connection may be idle.
websocket_idle: Millis, {
    scope: Scope::WebSocket,
    measured: "since the last message",
    history: &[Dated::always(600 * SECOND, source::GATEWAY_GUIDE)],
    stated: "10 minutes",
    refusals: &[],
    confidence: Official,
    proof: NotEmulated("hardcap has no WebSocket API"),
}

/// How long a WebSocket connection may last.
websocket_duration: Millis, {
    scope: Scope::WebSocket,
    measured: "since it was opened",
    history: &[Dated::always(7200 * SECOND, source::GATEWAY_GUIDE)],
    stated: "2 hours",
    refusals: &[],
    confidence: Official,
    proof: NotEmulated("hardcap has no WebSocket API"),
}

/// How long a WebSocket API waits for its integration. The client gets a message, not a status.
websocket_timeout: Millis, {
    scope: Scope::WebSocket,
    measured: "from the message's arrival to the integration's answer",
    history: &[Dated::always(29 * SECOND, source::GATEWAY_GUIDE)],
    stated: "29 s",
    refusals: &[],
    confidence: Observed,
    proof: NotEmulated("hardcap has no WebSocket API"),
}

    } };
}
pub(super) use front_rows;
