//! What helps against each limit of the table. Pure.

use crate::row::{Row, Scope};

impl Row {
    /// What to do about a request that this limit refuses: imperative clauses, without a full stop.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        of_name(self.name).unwrap_or_else(|| of_scope(self.scope))
    }
}

#[expect(clippy::too_many_lines, reason = "one arm for each limit")]
fn of_name(name: &str) -> Option<&'static str> {
    Some(match name {
        "lambda_sync_response" | "rest_response" | "http_response" => {
            "store the body in S3 and answer 303 with a presigned link (hardcap's proxy does this), compress it, page it, or \
             stream it; headers, quotes and base64 count, so measure the serialized response"
        }
        "lambda_sync_request" | "rest_request_body" | "http_request_body" => {
            "upload to S3 with a presigned PUT and send the key; base64 adds a third, and headers count twice on REST"
        }
        "lambda_async_request" | "lambda_invoke_async_request" => {
            "store the data in S3 and pass a reference to it; measure the serialized event"
        }
        "lambda_environment" | "lambda_environment_request" => {
            "move values to SSM Parameter Store or Secrets Manager and keep only their names in the environment"
        }
        "lambda_timeout" | "lambda_timeout_default" => {
            "raise the function's Timeout (900 s at most), set shorter timeouts on the calls it makes, or split the work: \
             checkpoint and invoke itself again"
        }
        "rest_timeout" | "http_timeout" | "websocket_timeout" => {
            "answer 202 with a status endpoint and work asynchronously; the function went on running after the client had its \
             answer"
        }
        "rest_stream_timeout" | "rest_stream_idle" | "rest_stream_idle_edge" => {
            "send the first bytes early and never be silent for long"
        }
        "rest_timeout_ceiling" | "rest_timeout_min" => {
            "ask for a higher quota of the integration timeout (regional and private REST APIs only), or use a value in range"
        }
        "lambda_init" => {
            "load less before the first event or load it lazily, or give the function more memory (and so more CPU)"
        }
        "lambda_concurrency" | "lambda_concurrency_scaling" | "lambda_sandbox_rate" => {
            "retry with backoff, ask for a higher quota, reserve less elsewhere, or put a queue in front"
        }
        "lambda_unreserved_min" => {
            "reserve less, or ask for a higher quota of concurrent executions"
        }
        "rest_headers" | "url_headers" | "http_headers" | "alb_headers" | "alb_header"
        | "alb_request_line" => "shrink cookies and tokens, or send them in the body",
        "rest_url" | "rest_url_edge" | "rest_method_arn" => {
            "send the parameters in the body of a POST"
        }
        "lambda_zip" | "lambda_create_request" => {
            "upload the package to S3 and deploy it from there, or use a container image"
        }
        "lambda_unzipped" | "lambda_unzipped_layers" | "lambda_layers" => {
            "remove what is not needed at run time (tests, caches, debug symbols, the AWS SDK), merge layers, or use a container \
             image (10 GB)"
        }
        "lambda_code_storage" => {
            "delete old versions of functions and layers, or ask for a higher quota"
        }
        "lambda_memory_max" | "lambda_memory_min" => {
            "choose a MemorySize in range; a new account has 3,008 MB until it asks for more"
        }
        "lambda_tmp" | "lambda_tmp_min" => {
            "raise EphemeralStorage (10,240 MB at most) and delete temporary files: /tmp is kept between invocations"
        }
        "lambda_file_descriptors" => {
            "close files and sockets, and reuse clients and connections between invocations"
        }
        "lambda_processes" => "start fewer threads and processes, and wait for those that ended",
        "lambda_recursion" => {
            "break the loop: write to another bucket, queue or topic than the one that triggers the function; allow it with \
             RecursiveLoop: Allow when it is intended"
        }
        "lambda_async_retries" | "lambda_async_age" => {
            "fix the error of the function, then send the failed events again from the destination or the dead-letter queue"
        }
        "alb_request_body" => {
            "upload to S3 with a presigned PUT, or put API Gateway or a function URL in front (6 MB)"
        }
        "alb_response" | "alb_response_headers" => {
            "store the body in S3 and redirect, or put API Gateway or a function URL in front (6 MB)"
        }
        "edge_origin_response" | "edge_viewer_response" => {
            "store the body in S3 and let CloudFront fetch it, or answer from an origin without Lambda@Edge"
        }
        "edge_origin_body" | "edge_viewer_body" => {
            "upload to S3, or let the origin read the body: Lambda@Edge sees it truncated (inputTruncated)"
        }
        "websocket_message" | "websocket_frame" => {
            "split the message into parts below the limit, or send a link to S3"
        }
        _ => return None,
    })
}

fn of_scope(scope: Scope) -> &'static str {
    match scope {
        Scope::Sqs | Scope::Sns | Scope::EventBridge | Scope::StepFunctions => {
            "store the data in S3 and send a reference to it (the extended client library does this for SQS and SNS)"
        }
        Scope::DynamoDb => {
            "split the item, compress large attributes, or store them in S3 with their key in the item"
        }
        Scope::Ssm => {
            "use the advanced tier (8 KB), split the value, or use Secrets Manager (64 KB)"
        }
        Scope::SecretsManager => "split the secret, or encrypt the data and store it in S3",
        Scope::S3 => "upload in parts of 5 MiB to 5 GiB, and keep keys and metadata short",
        Scope::CloudFormation => "move resources into nested stacks, or into a stack of their own",
        Scope::Edge => "move the work to the origin, or deploy a smaller function",
        Scope::WebSocket => "send a keep-alive message, and connect again when the connection ends",
        Scope::Lambda | Scope::Rest | Scope::HttpApi | Scope::FunctionUrl | Scope::Alb => {
            "stay within the limit, or ask AWS whether the quota can be raised"
        }
    }
}
