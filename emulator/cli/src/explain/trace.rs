//! Segments of X-Ray traces. Pure.
//!
//! The members are those of the X-Ray developer guide, "X-Ray segment documents": `throttle` is "a request was throttled (response
//! status code is 429 Too Many Requests)", `fault` an exception, `cause` its reason.

use hardcap_limits::Limits;
use serde_json::Value;

use super::finding::{Cause, Finding};

const SOURCE: &str = "AWS, X-Ray developer guide, segment documents";
/// Subsegments within one another that are read.
const DEPTH_MAX: usize = 32;
/// A 504 this many milliseconds before the timeout of an API is one of the timeout: an estimate.
const BEFORE_TIMEOUT_MS: u64 = 500;

/// Throttles, timeouts of an API and exceptions in a segment and its subsegments. Exceptions whose text is known are found as
/// texts.
pub(crate) fn findings(json: &Value, line: Option<usize>, limits: &Limits) -> Vec<Finding> {
    let mut found = Vec::new();
    if json["trace_id"].is_string() && json["start_time"].is_number() {
        of_segment(json, line, limits, &mut found, 0);
    }
    found
}

fn of_segment(
    segment: &Value,
    line: Option<usize>,
    limits: &Limits,
    found: &mut Vec<Finding>,
    depth: usize,
) {
    let before = found.len();
    for inner in segment["subsegments"].as_array().into_iter().flatten() {
        if depth < DEPTH_MAX {
            of_segment(inner, line, limits, found, depth + 1);
        }
    }
    let is_found_inside = found.len() > before;
    let own = throttle(segment, line).or_else(|| api_timeout(segment, line, limits));
    let own = own.or_else(|| exception(segment, line));
    found.extend(own.filter(|_| !is_found_inside));
}

fn text<'a>(segment: &'a Value, name: &str) -> &'a str {
    segment[name].as_str().unwrap_or_default()
}

fn throttle(segment: &Value, line: Option<usize>) -> Option<Finding> {
    if segment["throttle"] != true {
        return None;
    }
    let (name, origin) = (text(segment, "name"), text(segment, "origin"));
    let why = "the segment of the service that was called has `throttle`";
    let cause = if name == "Lambda" || origin.starts_with("AWS::Lambda") {
        Cause::likely("lambda_concurrency", why, "the metric Throttles of the function")
    } else if name == "DynamoDB" || origin.starts_with("AWS::DynamoDB") {
        let decided_by = "the metric ThrottledRequests of the table";
        Cause::likely("provisioned_throughput", why, decided_by)
    } else {
        Cause::likely("api_request_rate", why, "the service and the operation of the segment")
    };
    Some(Finding::of_record(&format!("{name}: throttle"), line, vec![cause], SOURCE))
}

/// A response 504 of a stage of API Gateway at its timeout.
fn api_timeout(segment: &Value, line: Option<usize>, limits: &Limits) -> Option<Finding> {
    let is_stage = text(segment, "origin") == "AWS::ApiGateway::Stage";
    if !is_stage || segment["http"]["response"]["status"] != 504 {
        return None;
    }
    let seconds = |name: &str| segment[name].as_f64();
    let lasted = millis(seconds("end_time")? - seconds("start_time")?)?;
    let (_, max) = limits.in_force().find(|(row, _)| row.name == "rest_timeout")?;
    if lasted + BEFORE_TIMEOUT_MS < max {
        return None;
    }
    let why = "the stage responded 504 after its timeout";
    let decided_by = "“Execution failed due to a timeout error” in the execution log";
    let quote = format!("{}: status 504 after {lasted} ms", text(segment, "name"));
    let causes = vec![Cause::likely("rest_timeout", why, decided_by)];
    let mut found = Finding::of_record(&quote, line, causes, SOURCE);
    found.observed = Some(lasted);
    Some(found)
}

/// The first exception of a segment that failed.
fn exception(segment: &Value, line: Option<usize>) -> Option<Finding> {
    let first = &segment["cause"]["exceptions"][0];
    let (kind, message) = (text(first, "type"), text(first, "message"));
    if segment["fault"] != true || (kind.is_empty() && message.is_empty()) {
        return None;
    }
    let why = "the segment has an exception, and its text names no limit";
    let cause = Cause::likely("function_error", why, "the function's log of the same request");
    let mut found = Finding::of_record(&format!("{kind}: {message}"), line, vec![cause], SOURCE);
    found.is_general = true;
    Some(found)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "durations are between 0 and 1e9 seconds"
)]
fn millis(seconds: f64) -> Option<u64> {
    (0.0..1e9).contains(&seconds).then_some((seconds * 1000.0).round() as u64)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn causes(json: &Value) -> Vec<&'static str> {
        let found = findings(json, None, &Limits::current());
        found.iter().map(|one| one.first().name).collect()
    }

    #[test]
    fn a_throttle_is_that_of_the_service_that_was_called() {
        for (name, origin, cause) in [
            ("f", "AWS::Lambda", "lambda_concurrency"),
            ("DynamoDB", "AWS::DynamoDB::Table", "provisioned_throughput"),
            ("S3", "", "api_request_rate"),
        ] {
            let called = json!({ "name": name, "origin": origin, "throttle": true });
            let segment = json!({
                "trace_id": "1-5", "start_time": 1.0, "name": "caller", "fault": true,
                "cause": { "exceptions": [{ "type": "E", "message": "m" }] }, "subsegments": [called],
            });
            assert_eq!(causes(&segment), [cause]);
        }
    }

    #[test]
    fn a_504_of_a_stage_is_a_timeout_only_after_its_duration() {
        let stage = |end: f64, status: u16| {
            json!({
                "trace_id": "1-5", "start_time": 1.7e9, "end_time": end, "name": "api/prod",
                "origin": "AWS::ApiGateway::Stage", "http": { "response": { "status": status } },
            })
        };
        assert_eq!(causes(&stage(1.7e9 + 29.01, 504)), ["rest_timeout"]);
        assert_eq!(causes(&stage(1.7e9 + 5.0, 504)), [""; 0]);
        assert_eq!(causes(&stage(1.7e9 + 29.01, 200)), [""; 0]);
    }

    #[test]
    fn a_segment_without_a_fault_has_no_finding() {
        let segment = json!({ "trace_id": "1-5", "start_time": 1.0, "name": "f" });
        assert_eq!(causes(&segment), [""; 0]);
    }
}
