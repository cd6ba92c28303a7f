//! The log of jobs: one line for each change of state or generation. The line of a job's end is also a document of CloudWatch's
//! embedded metric format.

use serde_json::{Map, Value, json};

use super::row::Row;
use crate::metrics::{self, Metric, MetricsConfig};

/// The metrics of an ended job. `jobs` is 1, and `job_failures` is 1 for a job that failed or expired.
const METRICS: [Metric; 6] = [
    ("jobs", "Count"),
    ("job_failures", "Count"),
    ("job_generations", "Count"),
    ("job_items", "Count"),
    ("job_bytes", "Bytes"),
    ("job_ms", "Milliseconds"),
];

/// Logs a change of state or generation. Progress alone is not logged.
pub(super) fn change(before: &Row, row: &Row, metrics: Option<&MetricsConfig>) {
    if (before.state, before.generation) == (row.state, row.generation) {
        return;
    }
    if row.state.is_terminal() {
        let document = ended(before, row, metrics);
        if row.error.is_some() {
            tracing::warn!(target: "job", document = %document);
        } else {
            tracing::info!(target: "job", document = %document);
        }
        return;
    }
    let Row { id, kind, owner, generation, attempts, progress, .. } = row;
    let (from, state) = (before.state.name(), row.state.name());
    let (items, bytes) = (progress.items, progress.bytes);
    tracing::info!(
        target: "job", job = id, kind, owner, from, state, generation, attempts, items, bytes, "a job changed"
    );
}

/// The line of a job that has ended.
fn ended(before: &Row, row: &Row, metrics: Option<&MetricsConfig>) -> Value {
    let spent = row.ended.map(|ended| ended.saturating_sub(row.created));
    let bytes = row.result.as_ref().map_or(row.progress.bytes, |result| result.bytes);
    let members = json!({
        "level": if row.error.is_some() { "WARN" } else { "INFO" },
        "target": "job",
        "message": "a job ended",
        "job": row.id,
        "kind": row.kind,
        "owner": row.owner,
        "from": before.state.name(),
        "state": row.state.name(),
        "generation": row.generation,
        "attempts": row.attempts,
        "items": row.progress.items,
        "bytes": row.progress.bytes,
        "spent_ms": spent,
        "code": row.error.as_ref().map(|error| &error.code),
        "title": row.error.as_ref().map(|error| &error.title),
    });
    let mut document = Map::new();
    if let Value::Object(members) = members {
        document.extend(members.into_iter().filter(|(_, value)| !value.is_null()));
    }
    if let Some(config) = metrics.filter(|config| config.enabled) {
        for (name, value) in [
            ("function", json!(config.function)),
            ("jobs", json!(1)),
            ("job_failures", json!(u8::from(row.error.is_some()))),
            ("job_generations", json!(row.generation)),
            ("job_items", json!(row.progress.items)),
            ("job_bytes", json!(bytes)),
            ("job_ms", json!(spent.unwrap_or_default())),
        ] {
            document.insert(name.to_owned(), value);
        }
        // Only `jobs` also has the dimension `state`, because each combination of metric and dimension costs.
        let sets: [(&[&str], &[Metric]); 2] =
            [(&["function", "kind"], &METRICS), (&["function", "kind", "state"], &METRICS[..1])];
        document.insert(metrics::MEMBER.to_owned(), metrics::directives(&document, &sets));
    }
    Value::Object(document)
}

#[cfg(test)]
mod tests {
    use super::super::event::Digest;
    use super::super::outcome::{JobError, Progress};
    use super::super::row::NewRow;
    use super::super::settings::JobSettings;
    use super::super::state::JobEnd;
    use super::*;
    use crate::metrics::testing::check_embedded_metric_format;

    fn running() -> Row {
        let new = NewRow {
            id: "1".to_owned(),
            owner: "user/anna".to_owned(),
            kind: "export".to_owned(),
            input: Digest::of(b""),
            checkpoint: Digest::of(b""),
            repeatable: true,
        };
        let progress = Progress { items: 7, items_total: None, bytes: 70 };
        Row { generation: 3, progress, ..Row::new(new, 1_000, &JobSettings::new(1)) }
    }

    fn line(end: JobEnd, enabled: bool) -> Value {
        let before = running();
        let after = before.finish(end, 5_000).expect("the job has not ended");
        let config = MetricsConfig { function: "job".to_owned(), enabled };
        let text = ended(&before, &after, Some(&config)).to_string();
        assert!(!text.contains('\n'), "{text}");
        serde_json::from_str(&text).expect("a line is one document")
    }

    #[test]
    fn the_line_of_an_ended_job_has_its_outcome_as_metrics() {
        let failed = line(JobEnd::Failed(JobError::new("upstream", "It failed", "why")), true);
        check_embedded_metric_format(&failed);
        assert_eq!((&failed["level"], &failed["code"]), (&json!("WARN"), &json!("upstream")));
        assert_eq!((&failed["state"], &failed["job_failures"]), (&json!("failed"), &json!(1)));
        assert_eq!((&failed["job_generations"], &failed["job_ms"]), (&json!(3), &json!(4_000)));
        assert_eq!((&failed["job_items"], &failed["job_bytes"]), (&json!(7), &json!(70)));
        let cancelled = line(JobEnd::Cancelled, true);
        check_embedded_metric_format(&cancelled);
        assert_eq!((&cancelled["level"], &cancelled["job_failures"]), (&json!("INFO"), &json!(0)));
    }

    #[test]
    fn without_metrics_the_line_has_no_metric_definitions() {
        let plain = line(JobEnd::Cancelled, false);
        assert_eq!((plain.get("_aws"), plain.get("jobs")), (None, None));
        assert_eq!((&plain["state"], &plain["spent_ms"]), (&json!("cancelled"), &json!(4_000)));
    }
}
