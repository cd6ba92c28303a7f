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
