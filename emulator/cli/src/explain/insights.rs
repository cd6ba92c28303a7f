//! Records of Lambda Insights about invocations. Pure.
//!
//! The members are those of the CloudWatch user guide, "Metrics collected by Lambda Insights". A record has no status, so what it
//! shows is possible at most.

use serde_json::Value;

use super::finding::{Cause, Finding};

/// A pair of members, the one that is used up when it reaches the other one, and the cause.
struct Resource {
    used: &'static str,
    size: &'static str,
    cause: &'static str,
    decided_by: &'static str,
}

const RESOURCES: [Resource; 2] = [
    Resource {
        used: "used_memory_max",
        size: "total_memory",
        cause: "out_of_memory",
        decided_by: "the REPORT line of this request: Error Type: Runtime.OutOfMemory, or no Status",
    },
    Resource {
        used: "fd_use",
        size: "fd_max",
        cause: "lambda_file_descriptors",
        decided_by: "“EMFILE” or “too many open files” in the function's log",
    },
];
const SOURCE: &str = "AWS, CloudWatch user guide, metrics collected by Lambda Insights";

/// Whether a document is such a record: `"event_type": "performance"`.
pub(crate) fn is_record(json: &Value) -> bool {
    json["event_type"] == "performance" && json["function_name"].is_string()
}

/// What is used up.
pub(crate) fn findings(json: &Value, line: Option<usize>) -> Vec<Finding> {
    if !is_record(json) {
        return Vec::new();
    }
    let number = |name: &str| json[name].as_f64();
    let mut found = Vec::new();
    for Resource { used, size, cause, decided_by } in RESOURCES {
        let (Some(of), Some(all)) = (number(used), number(size)) else { continue };
        if all > 0.0 && of >= all {
            let quote = format!("{used}: {}, {size}: {}", json[used], json[size]);
            let why = format!("{used} has reached {size}");
            let causes = vec![Cause::possible(cause, &why, decided_by)];
            found.push(Finding::of_record(&quote, line, causes, SOURCE));
        }
    }
    if number("tmp_free") == Some(0.0) && number("tmp_max").is_some_and(|max| max > 0.0) {
        let quote = format!("tmp_free: 0, tmp_max: {}", json["tmp_max"]);
        let decided_by = "“no space left on device” in the function's log";
        let causes = vec![Cause::possible("lambda_tmp", "/tmp is full", decided_by)];
        found.push(Finding::of_record(&quote, line, causes, SOURCE));
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn causes(json: &Value) -> Vec<&'static str> {
        findings(json, None).iter().map(|one| one.first().name).collect()
    }

    #[test]
    fn a_resource_is_used_up_at_its_size() {
        let record = |used: u64| {
            json!({
                "event_type": "performance", "function_name": "f", "total_memory": 128,
                "used_memory_max": used, "tmp_free": 1, "tmp_max": 512, "fd_use": 0, "fd_max": 1024,
            })
        };
        assert_eq!(causes(&record(127)), [""; 0]);
        assert_eq!(causes(&record(128)), ["out_of_memory"]);
        let mut full = record(1);
        full["tmp_free"] = json!(0);
        full["fd_use"] = json!(1024);
        assert_eq!(causes(&full), ["lambda_file_descriptors", "lambda_tmp"]);
        full["event_type"] = json!("other");
        assert_eq!(causes(&full), [""; 0]);
    }
}
