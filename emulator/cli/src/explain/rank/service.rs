//! Texts of Lambda itself, of Lambda@Edge and of S3. Pure.

use super::super::clues::{Clues, Front};
use super::super::known::Claim;
use super::super::known::Rank::{Certain, Likely, Possible};
use super::{claim, ordered};

const FUNCTION_LOG: &str = "the function's log of the same time";

pub(in super::super) fn invoke_request(clues: &Clues) -> Vec<Claim> {
    let is_small = clues.request_bytes.is_some_and(|bytes| bytes < 1_000_000);
    let cookies = claim(
        "url_headers",
        if is_small { Likely } else { Possible },
        "function URLs respond with the same text when the request's cookies are about 10 KB long (three reports)",
        "the length of the request's Cookie header",
    );
    let certain = if is_small { Possible } else { Certain };
    let mut claims = vec![claim(
        "lambda_sync_request",
        certain,
        "the text names the limit and the operation",
        "",
    )];
    if matches!(clues.front, Some(Front::FunctionUrl)) || (clues.has_cookies && !clues.is_invoke) {
        claims.push(cookies);
    }
    ordered(claims)
}

pub(in super::super) fn too_many_requests(clues: &Clues) -> Vec<Claim> {
    if let Some(cause) = clues.throttled_by {
        return vec![claim(cause, Certain, "the Reason of the error names it", "")];
    }
    let function = claim(
        "lambda_concurrency",
        Likely,
        "Lambda refuses an invocation with this error when no concurrency is left",
        "the Reason of the error",
    );
    let calls = claim(
        "api_request_rate",
        Possible,
        "the control plane of Lambda has the same error for too many calls",
        "the operation that was called",
    );
    if clues.is_invoke { vec![Claim { rank: Certain, ..function }] } else { vec![function, calls] }
}

pub(in super::super) fn rate_exceeded(clues: &Clues) -> Vec<Claim> {
    if clues.is_query_throttle {
        let why = "the code of the error is Throttling, which the query APIs of AWS have";
        return vec![claim("api_request_rate", Certain, why, "")];
    }
    let mut claims = too_many_requests(clues);
    if clues.front == Some(Front::Rest) {
        claims
            .iter_mut()
            .filter(|one| one.cause == "lambda_concurrency")
            .for_each(|one| one.rank = Certain);
        claims.retain(|one| one.cause == "lambda_concurrency");
    }
    claims
}

/// DynamoDB has the general code for tables too, and names the throughput in the message.
pub(in super::super) fn throttling(clues: &Clues) -> Vec<Claim> {
    if clues.is_throughput {
        let why = "the message beside this code is about the throughput of a table";
        return vec![claim("provisioned_throughput", Certain, why, "")];
    }
    vec![claim("api_request_rate", Certain, "the text names it", "")]
}

pub(in super::super) fn target_throttled(_: &Clues) -> Vec<Claim> {
    let decided_by = "the metrics Throttles and ConcurrentExecutions of the function";
    let why = "the load balancer could not invoke the function: too many requests";
    vec![
        claim("lambda_concurrency", Likely, why, decided_by),
        claim("reserved_concurrency", Possible, why, decided_by),
    ]
}

pub(in super::super) fn customer_error(_: &Clues) -> Vec<Claim> {
    vec![claim(
        "function_error",
        Certain,
        "the API quotes the function's own error after these words",
        FUNCTION_LOG,
    )]
}

pub(in super::super) fn post_failed(_: &Clues) -> Vec<Claim> {
    vec![
        claim(
            "lambda_sync_response",
            Likely,
            "the Runtime API refuses a response over the limit; the Python runtime then fails with this error",
            "“Exceeded maximum allowed payload size” in the line before",
        ),
        claim(
            "function_exit",
            Possible,
            "any refusal by the Runtime API has this text",
            FUNCTION_LOG,
        ),
    ]
}

pub(in super::super) fn process_exit(_: &Clues) -> Vec<Claim> {
    vec![
        claim(
            "function_exit",
            Likely,
            "the process ended by itself",
            "the lines before it in the function's log",
        ),
        claim(
            "out_of_memory",
            Possible,
            "a process that is killed for its memory ends as well",
            "Max Memory Used beside Memory Size in the REPORT line",
        ),
    ]
}

pub(in super::super) fn edge_invalid_json(_: &Clues) -> Vec<Claim> {
    vec![
        claim(
            "edge_origin_response",
            Likely,
            "CloudFront cuts a response over 1 MB, and what is left is not JSON",
            "“the length of the body size and header was … bytes” in the function's log, in the region of the edge location",
        ),
        claim(
            "edge_invalid_response",
            Possible,
            "the function returned something else than a JSON object",
            FUNCTION_LOG,
        ),
    ]
}

pub(in super::super) fn upload_too_large(_: &Clues) -> Vec<Claim> {
    vec![
        claim(
            "s3_put",
            Likely,
            "one PUT may have 5 GB; a POST policy or a presigned length can set less",
            "ProposedSize and MaxSizeAllowed in the error",
        ),
        claim(
            "s3_part_max",
            Possible,
            "a part of a multipart upload may have 5 GiB",
            "the operation: PutObject, UploadPart or POST",
        ),
        claim(
            "s3_object",
            Possible,
            "a whole object has a limit of its own",
            "the size of the object",
        ),
    ]
}

pub(in super::super) fn timeout_setting(_: &Clues) -> Vec<Claim> {
    vec![
        claim(
            "rest_timeout",
            Likely,
            "the integration's timeout is above the quota of the account",
            "timeoutInMillis in the template",
        ),
        claim(
            "rest_timeout_min",
            Possible,
            "a timeout below the least has this text as well",
            "timeoutInMillis in the template",
        ),
    ]
}
