//! Tests of whole explanations. The corpus in `fixtures/reports` has more.

use super::*;

fn explain(text: &str) -> Explained {
    Explained::new(text.as_bytes(), &Limits::current())
}

fn names(explained: &Explained) -> Vec<&'static str> {
    explained.findings.iter().flat_map(|one| one.causes.iter().map(|cause| cause.name)).collect()
}

#[test]
fn every_line_counts_and_the_worst_comes_first() {
    let line = |bytes: u64| {
        format!(
            "ERROR {bytes} byte payload is too large for the Event invocation type (limit 262144 bytes)\n"
        )
    };
    let explained = explain(&(line(264_496) + &line(1_115_107) + &line(264_496)));
    let observed: Vec<_> =
        explained.findings.iter().map(|one| (one.observed, one.line, one.times)).collect();
    assert_eq!(observed, [(Some(1_115_107), Some(2), 1), (Some(264_496), Some(1), 2)]);
    let text = explained.to_text(&Limits::current());
    assert!(
        text.contains("1,115,107 bytes of at most 262,144 bytes: 852,963 bytes over"),
        "{text}"
    );
    assert!(text.contains("at most 1,048,576 bytes, still 66,531 bytes over"), "{text}");
    assert!(text.contains("it would pass, with 784,080 bytes left"), "{text}");
}

#[test]
fn an_ambiguous_text_has_a_remedy_for_every_cause() {
    let explained = explain(r#"{"message": "Internal server error"}"#);
    let found = names(&explained);
    for cause in [
        "function_error",
        "malformed_response",
        "lambda_sync_response",
        "lambda_timeout",
        "missing_permission",
    ] {
        assert!(found.contains(&cause), "{cause}: {found:?}");
    }
    let text = explained.to_text(&Limits::current());
    assert_eq!(text.matches("     remedy: ").count(), found.len(), "{text}");
    assert_eq!(text.matches("     decided by: ").count(), found.len(), "{text}");
}

#[test]
fn a_line_that_decides_leaves_one_cause() {
    let log = "Execution log for request 1\n… Execution failed due to configuration error: Malformed Lambda proxy response\n\
               … Method completed with status: 502\n{\"message\": \"Internal server error\"}";
    assert_eq!(names(&explain(log)), ["malformed_response"], "{:?}", explain(log));
}

#[test]
fn the_explanation_of_a_timeout_has_the_timeout_of_the_function() {
    let explained = explain("2018-05-17T06:46:28.161Z 1111 Task timed out after 18.02 seconds");
    let finding = &explained.findings[0];
    assert_eq!(
        (finding.first().name, finding.observed, finding.max),
        ("lambda_timeout", Some(18_020), Some(18_000))
    );
    let text = explained.to_text(&Limits::current());
    assert!(text.contains("the function's own timeout is 18 s"), "{text}");
}

#[test]
fn an_unknown_text_is_not_explained() {
    for text in
        ["", "all is well", "{\"a\": 1}", "[1,2,3]", "\u{0}\u{1}\u{2}", "GET /items 200 12 ms"]
    {
        let explained = explain(text);
        assert!(!explained.is_explained(), "{text:?}: {explained:?}");
        assert!(explained.to_text(&Limits::current()).contains("has no known text"), "{text:?}");
    }
}

#[test]
fn nothing_that_a_terminal_obeys_is_printed() {
    let pasted =
        "\x1b]0;title\x07\x1b[31mTask timed out after 3.00 sec\x1b[0monds\x1b[2J \u{202e}x";
    let explained = explain(pasted);
    assert_eq!(names(&explained), ["lambda_timeout"]);
    for text in
        [explained.to_text(&Limits::current()), explained.to_json(&Limits::current()).to_string()]
    {
        assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
    }
}

#[test]
fn a_limit_that_did_not_exist_on_the_date_is_not_a_cause() {
    let text = r#"{"message": "Endpoint request timed out"}"#;
    assert_eq!(names(&explain(text)), ["rest_timeout", "rest_stream_timeout"]);
    let classic = Explained::new(text.as_bytes(), &Limits::classic());
    assert_eq!(names(&classic), ["rest_timeout"]);
}

#[test]
fn a_long_log_is_read_in_pieces_with_the_right_lines() {
    let ordinary = "2026-01-01T00:00:00Z INFO ok\n".repeat(100_000);
    let line = "ERROR 300000 byte payload is too large for the Event invocation type (limit 262144 bytes)\n";
    let explained = explain(&(ordinary.clone() + line + &ordinary + &line.repeat(3)));
    let found = &explained.findings[0];
    assert_eq!((found.line, found.times, found.observed), (Some(100_001), 4, Some(300_000)));
}

#[test]
fn a_body_that_only_a_gateway_writes_is_not_taken_for_another_server() {
    assert_eq!(
        names(&explain(r#"{"message":"Service Unavailable"}"#)),
        ["http_timeout", "lambda_concurrency"]
    );
    assert_eq!(
        names(&explain(r#"{"message":"Request Entity Too Large"}"#)),
        ["lambda_sync_request", "http_request_body"]
    );
    assert_eq!(names(&explain("503 Service Unavailable"))[0], "upstream_unavailable");
}

/// The first cause and the number of occurrences of each finding.
fn counted(text: &str) -> Vec<(&'static str, usize)> {
    explain(text).findings.iter().map(|one| (one.first().name, one.times)).collect()
}

#[test]
fn a_number_at_the_cut_end_of_an_input_is_not_read() {
    let cut = "REPORT RequestId: 8f5f0c3e-1111-2222-3333-444455556668\tDuration: 1200.00 ms\tBilled Duration: 1";
    assert!(!explain(cut).is_explained(), "{:?}", explain(cut));
    let text = "'MemorySize' value failed to satisfy constraint: Member must have value less than or equal to 1024";
    let max = |text: &str| explain(text).findings[0].max;
    assert_eq!((max(text), max(&format!("{text}\n"))), (None, Some(1024)));
    let entity = "<Error><Code>EntityTooLarge</Code><ProposedSize>536870";
    assert_eq!(explain(entity).findings[0].observed, None);
    let line = "192.0.2.1 - - [29/Nov/2026:15:00:00 +0000] \"GET /a HTTP/1.1\" 504 41";
    assert!(!explain(line).is_explained(), "{:?}", explain(line));
    assert_eq!(names(&explain(&format!("{line}\n")))[0], "rest_timeout");
}

#[test]
fn the_reason_of_too_many_requests_decides_the_limit() {
    for (reason, cause) in clues::THROTTLE_REASONS {
        for text in [
            format!(r#"{{"Message":"Rate Exceeded.","Type":"User","Reason":"{reason}"}}"#),
            format!(
                "TooManyRequestsException: Rate Exceeded. {{ Reason: '{reason}', Type: 'User' }}"
            ),
        ] {
            assert_eq!(counted(&text), [(cause, 1)], "{text}");
        }
    }
    let reserved = r#"{"message":"Rate Exceeded.","Reason":"ReservedFunctionConcurrentInvocationLimitExceeded"}"#;
    let text = explain(reserved).to_text(&Limits::current());
    assert!(text.contains("raise the function's ReservedConcurrentExecutions"), "{text}");
}

#[test]
fn a_description_has_no_placeholders() {
    let is_placeholder = |text: &str| {
        let mut inside = text.split('{').skip(1).filter_map(|rest| Some(rest.split_once('}')?.0));
        inside.any(|name| {
            !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c == '_')
        })
    };
    let rows = hardcap_limits::ROWS.iter().map(|row| row.name);
    for name in rows.chain(cause::OTHERS.iter().map(|other| other.name)) {
        let cause = Cause::certain(name, "");
        assert!(!is_placeholder(&cause.about()), "{name}: {}", cause.about());
        assert!(!is_placeholder(cause.remedy()), "{name}: {}", cause.remedy());
    }
}

#[test]
fn an_error_with_a_code_and_a_message_counts_once() {
    for text in [
        "Error: EMFILE: too many open files, open 'x'",
        "{ [Error: EMFILE: too many open files, open 'x'] errno: -24, code: 'EMFILE' }",
        r#"{"errorType":"Error","errorMessage":"EMFILE: too many open files, open 'x'","trace":["Error: EMFILE: too many open files, open 'x'"]}"#,
        r#"2026-01-01 ERROR {"errorMessage":"EMFILE: too many open files, open 'x'"}"#,
        "TooManyRequestsException: Rate Exceeded.",
        "Runtime.ImportModuleError: Unable to import module 'x'",
        "<Error><Code>EntityTooLarge</Code><Message>Your proposed upload exceeds the maximum allowed size</Message></Error>",
        "<Error>\n  <Code>EntityTooLarge</Code>\n  <Message>Your proposed upload exceeds the maximum allowed size</Message>\n</Error>",
        r#"{"requestId":"1","ip":"192.0.2.1","status":"504","responseLength":"41","error":"Endpoint request timed out"}"#,
        r#"{"requestId":"1","ip":"192.0.2.1","status":"504","responseLength":"33","error":"Endpoint request timed out"}"#,
    ] {
        let found = counted(text);
        assert!(matches!(found.as_slice(), [(_, 1)]), "{text}: {found:?}");
    }
}

#[test]
fn two_errors_with_a_code_and_a_message_count_twice() {
    let line = "Error: EMFILE: too many open files, open 'x'\n";
    assert_eq!(counted(&line.repeat(2)), [("lambda_file_descriptors", 2)]);
    let lines = "Error: EMFILE\ntoo many open files\n";
    assert_eq!(counted(&lines.repeat(3)), [("lambda_file_descriptors", 3)]);
    let records = r#"{"events":[{"message":"EMFILE: too many open files"},{"message":"EMFILE: too many open files"}]}"#;
    assert_eq!(counted(records), [("lambda_file_descriptors", 2)]);
    let list = r#"["EMFILE: too many open files","EMFILE: too many open files"]"#;
    assert_eq!(counted(list), [("lambda_file_descriptors", 2)]);
}

#[test]
fn the_quota_of_a_usage_plan_is_not_a_rate() {
    let quota = explain(r#"{"message":"Limit Exceeded"}"#);
    assert_eq!(names(&quota), ["usage_plan_quota"]);
    assert_eq!(names(&explain(r#"{"message":"Too Many Requests"}"#))[0], "gateway_rate");
}

#[test]
fn throttling_by_a_query_api_is_not_an_error_of_s3_or_lambda() {
    let xml = explain(
        "<ErrorResponse><Error><Type>Sender</Type><Code>Throttling</Code><Message>Rate exceeded</Message></Error></ErrorResponse>",
    );
    assert_eq!((xml.kind, names(&xml)), (InputKind::QueryError, vec!["api_request_rate"]));
    let sdk = "botocore.exceptions.ClientError: An error occurred (Throttling) when calling the DescribeStacks operation (reached max retries: 4): Rate exceeded";
    assert_eq!(counted(sdk), [("api_request_rate", 1)]);
}

#[test]
fn a_503_of_33_bytes_in_an_access_log_is_the_timeout_of_an_http_api() {
    for text in [
        "1.2.3.4 - - [01/Jan/2026:10:00:00 +0000] \"GET /x HTTP/1.1\" 503 33 abc=",
        r#"{"status":"503","responseLength":"33","integrationLatency":"30000","protocol":"HTTP/1.1","routeKey":"GET /x"}"#,
        r#"{"status":"503","responseLength":"33","integrationLatency":"30000"}"#,
    ] {
        let explained = explain(text);
        assert_eq!(names(&explained), ["http_timeout", "lambda_concurrency"], "{text}");
        assert_eq!(explained.kind, InputKind::AccessLog, "{text}");
    }
}

#[test]
fn the_sizes_of_an_error_of_s3_are_those_that_it_contains() {
    let sizes = |text: &str| {
        let found = explain(text).findings;
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        (found[0].first().name, found[0].observed, found[0].max)
    };
    assert_eq!(
        sizes(
            "<Error><Code>KeyTooLongError</Code><Message>Your key is too long</Message><Size>1025</Size><MaxSizeAllowed>1024</MaxSizeAllowed></Error>"
        ),
        ("s3_key", Some(1025), Some(1024))
    );
    assert_eq!(
        sizes(
            "<Error><Code>EntityTooLarge</Code><Message>Your proposed upload exceeds the maximum allowed size</Message><ProposedSize>5368709121</ProposedSize><MaxSizeAllowed>5368709120</MaxSizeAllowed></Error>"
        ),
        ("s3_put", Some(5_368_709_121), Some(5_368_709_120))
    );
    assert_eq!(
        sizes(
            "<Error><Code>EntityTooSmall</Code><Message>Your proposed upload is smaller than the minimum allowed size</Message><ProposedSize>5242879</ProposedSize><MinSizeAllowed>5242880</MinSizeAllowed></Error>"
        ),
        ("s3_part_min", Some(5_242_879), Some(5_242_880))
    );
}

#[test]
fn frequent_errors_around_functions_are_known() {
    for (text, cause) in [
        (
            "ProvisionedThroughputExceededException: The level of configured provisioned throughput for the table was exceeded.",
            "provisioned_throughput",
        ),
        (
            "RequestId: 8f5f Error: Runtime exited with error: signal: segmentation fault\nRuntime.ExitError",
            "function_exit",
        ),
        (
            "RequestId: 8f5f Error: Runtime exited with error: signal: aborted (core dumped)",
            "function_exit",
        ),
        (
            "http 2026-01-01T10:00:00.000000Z app/lb/50dc 192.0.2.1:2817 - -1 -1 -1 502 - 34 366 \"GET http://h:80/ HTTP/1.1\" \"curl\" - - arn:aws:elasticloadbalancing:eu-west-1:1:targetgroup/t/73e2 \"Root=1\" \"-\" \"-\" 0 2026-01-01T10:00:00.000000Z \"forward\" \"-\" \"LambdaResponseTooLarge\" \"-\" \"-\"",
            "alb_response",
        ),
        (
            "#Fields: date time x-edge-location x-edge-result-type\n2026-01-01\t10:00:00\tFRA2\tLambdaLimitExceeded\n",
            "lambda_concurrency",
        ),
        (r#"{"status":"429","error.responseType":"THROTTLED"}"#, "gateway_rate"),
        (r#"{"status":"429","error.responseType":"QUOTA_EXCEEDED"}"#, "usage_plan_quota"),
        ("The final policy size (20501) is bigger than the limit (20480).", "function_policy"),
        (
            "Template format error: Number of resources, 501, is greater than maximum allowed, 500",
            "cloudformation_resources",
        ),
        (
            "Queue visibility timeout: 30 seconds is less than Function timeout: 60 seconds",
            "queue_visibility",
        ),
    ] {
        let found = counted(text);
        assert_eq!(found, [(cause, 1)], "{text}");
    }
    let text = explain("Number of resources, 501, is greater than maximum allowed, 500\n")
        .to_text(&Limits::current());
    assert!(text.contains("  501 of at most 500: 1 over\n"), "{text}");
}

/// Lambda writes both, and all attempts of an asynchronous invocation have the id of the first one.
#[test]
fn a_text_and_a_report_about_one_request_are_one_failure() {
    let id = "8f6f1c0e-1111-4222-8333-abcdefabcdef";
    let text =
        |id: &str| format!("2026-11-20T10:00:03.012Z {id} Task timed out after 3.00 seconds\n\n");
    let report = |id: &str| {
        format!(
            "REPORT RequestId: {id}\tDuration: 3000.00 ms\tBilled Duration: 3000 ms\tMemory Size: 128 MB\tMax Memory Used: 40 MB\tStatus: timeout\n"
        )
    };
    let both = text(id) + &report(id);
    assert_eq!(counted(&both), [("lambda_timeout", 1)]);
    let notes = &explain(&both).findings[0].notes;
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert_eq!(counted(&both.repeat(3)), [("lambda_timeout", 3)], "three attempts");
    let other = "00000000-1111-4222-8333-abcdefabcdef";
    assert_eq!(counted(&(text(id) + &report(other))), [("lambda_timeout", 2)]);
    let memory = format!(
        "REPORT RequestId: {id}\tDuration: 812.20 ms\tBilled Duration: 813 ms\tMemory Size: 128 MB\tMax Memory Used: 128 MB\tStatus: error\tError Type: Runtime.OutOfMemory\n"
    );
    assert_eq!(counted(&memory), [("out_of_memory", 1)]);
    let event = |kind: &str| {
        format!(
            r#"{{"time":"2026-11-20T10:00:03.012Z","type":"platform.{kind}","record":{{"requestId":"{id}","status":"timeout","metrics":{{"durationMs":3000.0}}}}}}"#
        )
    };
    let events = format!("{}\n{}\n", event("runtimeDone"), event("report"));
    assert_eq!(counted(&events), [("lambda_timeout", 1)]);
}

#[test]
fn a_throttled_table_is_not_a_rate_of_calls() {
    for text in [
        "An error occurred (ThrottlingException) when calling the PutItem operation (reached max retries: 9): The level of configured provisioned throughput for the table was exceeded.",
        "ThrottlingException: Throughput exceeds the current capacity of your table or index. DynamoDB is automatically scaling your table or index so please try again shortly.",
    ] {
        assert_eq!(counted(text), [("provisioned_throughput", 1)], "{text}");
    }
    let other = "An error occurred (ThrottlingException) when calling the GetParameter operation: Rate exceeded";
    assert_eq!(names(&explain(other))[0], "api_request_rate");
}

#[test]
fn the_execution_log_of_a_usage_plan_decides_between_quota_and_rate() {
    let log = "(a1) Usage Plan check failed: Limit Exceeded\n(a1) Gateway response type: QUOTA_EXCEEDED with status code: 429\n";
    let explained = explain(log);
    assert_eq!(explained.kind, InputKind::GatewayLog);
    assert_eq!(names(&explained), ["usage_plan_quota"]);
}

#[test]
fn the_error_of_a_runtime_in_a_log_is_the_functions_own() {
    let line = r#"2026-11-20T10:00:00.099Z 1 ERROR Invoke Error {"errorType":"Error","errorMessage":"boom","stack":["Error: boom"]}"#;
    let report = "REPORT RequestId: 1 Duration: 12.11 ms Billed Duration: 13 ms Memory Size: 128 MB Max Memory Used: 65 MB";
    let log = format!("{line}\n{report}\n");
    assert_eq!(counted(&log), [("function_error", 1)]);
    assert!(!explain(report).is_explained());
}
