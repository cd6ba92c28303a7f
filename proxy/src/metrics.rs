//! Metrics in CloudWatch's embedded metric format: a log line that is one JSON document, whose member `_aws` defines which other
//! members are metrics.

use serde_json::{Map, Value, json};

use crate::clock;

/// The member that makes a document one of the embedded metric format.
pub(crate) const MEMBER: &str = "_aws";
/// The namespace of all metrics.
const NAMESPACE: &str = "HardcapProxy";

/// Which metrics are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricsConfig {
    /// The name of the function, a dimension of the metrics.
    pub function: String,
    /// Whether log lines contain metrics.
    pub enabled: bool,
}

/// The name of a metric, and its unit in CloudWatch's spelling.
pub(crate) type Metric = (&'static str, &'static str);

/// The metric definitions of a document: sets of dimensions with their metrics. A metric that the document lacks is left out.
pub(crate) fn directives(document: &Map<String, Value>, sets: &[(&[&str], &[Metric])]) -> Value {
    let directive = |(dimensions, metrics): &(&[&str], &[Metric])| {
        let present = metrics.iter().filter(|(name, _)| document.contains_key(*name));
        let metrics: Vec<Value> =
            present.map(|(name, unit)| json!({ "Name": name, "Unit": unit })).collect();
        json!({ "Namespace": NAMESPACE, "Dimensions": [dimensions], "Metrics": metrics })
    };
    json!({
        "Timestamp": clock::epoch_millis(),
        "CloudWatchMetrics": sets.iter().map(directive).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
pub(crate) mod testing {
    //! The check of a document, for unit tests.

    use super::*;

    const UNITS: [&str; 27] = [
        "Seconds",
        "Microseconds",
        "Milliseconds",
        "Bytes",
        "Kilobytes",
        "Megabytes",
        "Gigabytes",
        "Terabytes",
        "Bits",
        "Kilobits",
        "Megabits",
        "Gigabits",
        "Terabits",
        "Percent",
        "Count",
        "Bytes/Second",
        "Kilobytes/Second",
        "Megabytes/Second",
        "Gigabytes/Second",
        "Terabytes/Second",
        "Bits/Second",
        "Kilobits/Second",
        "Megabits/Second",
        "Gigabits/Second",
        "Terabits/Second",
        "Count/Second",
        "None",
    ];

    /// The requirements of AWS's page "Specification: Embedded metric format" (read on 2026-11-25): the schema at its end, and
    /// that referenced members are in the root, metrics as numbers, dimensions as texts.
    pub(crate) fn check_embedded_metric_format(document: &Value) {
        let aws = document["_aws"].as_object().expect("`_aws` is an object");
        assert_eq!(aws.keys().collect::<Vec<_>>(), ["Timestamp", "CloudWatchMetrics"]);
        assert!(aws["Timestamp"].as_u64().is_some_and(|at| at > 1_700_000_000_000), "{aws:?}");
        for directive in aws["CloudWatchMetrics"].as_array().expect("a list of directives") {
            let directive = directive.as_object().expect("a directive is an object");
            let mut names: Vec<_> = directive.keys().map(String::as_str).collect();
            names.sort_unstable();
            assert_eq!(names, ["Dimensions", "Metrics", "Namespace"]);
            let namespace = directive["Namespace"].as_str().expect("a text");
            assert!((1..=1024).contains(&namespace.len()), "{namespace}");
            let sets = directive["Dimensions"].as_array().expect("a list of sets");
            assert!(!sets.is_empty());
            for set in sets {
                let set = set.as_array().expect("a set is a list");
                assert!(set.len() <= 30, "{set:?}");
                for name in set {
                    let name = name.as_str().expect("a reference is a text");
                    assert!((1..=250).contains(&name.len()), "{name}");
                    let value = document[name].as_str().expect("a dimension is a text in the root");
                    assert!((1..=1024).contains(&value.len()) && value.is_ascii(), "{value}");
                }
            }
            let metrics = directive["Metrics"].as_array().expect("a list of definitions");
            assert!((1..=100).contains(&metrics.len()), "{metrics:?}");
            for metric in metrics {
                let name = metric["Name"].as_str().expect("a metric has a name");
                assert!((1..=1024).contains(&name.len()), "{name}");
                assert!(UNITS.contains(&metric["Unit"].as_str().expect("a unit")), "{metric}");
                assert!(
                    document[name].is_number(),
                    "{name} is not a number in the root: {document}"
                );
            }
        }
    }
}
