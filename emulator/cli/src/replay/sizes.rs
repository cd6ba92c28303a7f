//! A capture with sizes and errors only: whether the limits in force refuse the same. Pure.

use hardcap_limits::{Limits, Row};

use super::verdict::{Crossing, Outcome, Verdict};
use crate::explain::{Document, Explained, Finding};
use hardcap_limits::grouped;

/// The verdicts of the limits in force on all findings and on a measured document, the worst first.
#[must_use]
pub fn verdicts(explained: &Explained, limits: &Limits) -> Vec<Verdict> {
    let findings = explained.findings.iter().map(|one| of_finding(one, limits));
    let document = explained.document.iter().flat_map(|document| of_document(document, limits));
    findings.chain(document).collect()
}

fn of_finding(finding: &Finding, limits: &Limits) -> Verdict {
    let place = finding.line.map(|line| format!(" (line {line})")).unwrap_or_default();
    let what = format!("“{}”{place}", finding.quote);
    let notes = finding.notes.clone();
    let unknown = |happened: String| Verdict {
        what: what.clone(),
        outcome: Outcome::Unknown,
        happened,
        crossings: Vec::new(),
        notes: notes.clone(),
    };
    let cause = finding.first();
    if finding.causes.len() > 1 {
        let names: Vec<String> =
            finding.causes.iter().map(|cause| format!("{} ({})", cause.name, cause.rank)).collect();
        return unknown(format!(
            "the text has several possible causes: {}; `hardcap explain` names what would decide between them",
            names.join(", ")
        ));
    }
    let Some(row) = cause.row else {
        return unknown(format!(
            "{}: {} It has no size that could be compared; remedy: {}",
            cause.name,
            cause.about(),
            cause.remedy()
        ));
    };
    let max = finding.in_force(limits).unwrap_or(0);
    let bound = if row.is_minimum() { "at least" } else { "at most" };
    let there =
        finding.max.map_or_else(String::new, |max| format!(" of {bound} {}", row.unit.of(max)));
    match finding.observed {
        None => unknown(format!(
            "{}: the capture does not contain the measured value{there}; here the limit is {}",
            row.name,
            row.unit.of(max)
        )),
        Some(observed) if row.name == "lambda_timeout" => unknown(format!(
            "{}: it ended after {}{there}, which is the function's own timeout; replay the event to see how long the function runs here",
            row.name,
            row.unit.of(observed)
        )),
        Some(observed) => {
            let refused = refused(row, observed, max);
            Verdict {
                what,
                outcome: if refused { Outcome::Reproduced } else { Outcome::NotReproduced },
                happened: format!(
                    "{}{there} there; limits of {} here",
                    row.unit.of(observed),
                    limits.date()
                ),
                crossings: vec![Crossing { row: row.name, observed, max, refused }],
                notes,
            }
        }
    }
}

fn refused(row: &Row, observed: u64, max: u64) -> bool {
    if row.is_minimum() { observed < max } else { observed > max }
}

fn of_document(document: &Document, limits: &Limits) -> Vec<Verdict> {
    let measured = document.measured.iter().map(|one| {
        let refused = one.observed > one.max;
        let crossing = Crossing { row: one.row, observed: one.observed, max: one.max, refused };
        Verdict {
            what: format!("{}: {} of {} bytes", document.kind, one.what, grouped(one.observed)),
            outcome: if refused { Outcome::Reproduced } else { Outcome::NotReproduced },
            happened: format!("measured as it stands, under the limits of {}", limits.date()),
            crossings: vec![crossing],
            notes: Vec::new(),
        }
    });
    measured.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str, limits: &Limits) -> Vec<Verdict> {
        verdicts(&Explained::new(text.as_bytes(), limits), limits)
    }

    fn outcomes(text: &str, limits: &Limits) -> Vec<Outcome> {
        of(text, limits).iter().map(|verdict| verdict.outcome).collect()
    }

    #[test]
    fn a_size_in_a_message_is_held_against_the_limits_of_the_day() {
        let line = "RequestEntityTooLargeException: 300000 byte payload is too large for the Event invocation type (limit 262144 bytes)";
        let classic = Limits::classic();
        assert_eq!(outcomes(line, &classic), [Outcome::Reproduced]);
        assert_eq!(
            outcomes(line, &Limits::current()),
            [Outcome::NotReproduced],
            "1 MB since October 2025"
        );
        let text = of(line, &classic)[0].to_text();
        assert!(
            text.contains("lambda_async_request: 300,000 B of at most 262,144 B, 37,856 B over"),
            "{text}"
        );
    }

    #[test]
    fn a_line_that_fits_today_does_not_hide_one_that_does_not() {
        let line = |bytes: u64| {
            format!(
                "{bytes} byte payload is too large for the Event invocation type (limit 262144 bytes)\n"
            )
        };
        let log = line(264_496) + &line(1_115_107);
        assert_eq!(
            outcomes(&log, &Limits::current()),
            [Outcome::Reproduced, Outcome::NotReproduced]
        );
    }

    #[test]
    fn a_refusal_without_a_size_cannot_be_decided() {
        for line in [
            "Exceeded maximum allowed payload size (6291556 bytes).",
            r#"{"errorMessage":"Response payload size exceeded maximum allowed payload size (6291556 bytes).","errorType":"Function.ResponseSizeTooLarge"}"#,
            r#"{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: 1 Error: Task timed out after 3.00 seconds"}"#,
            r#"{"message": "Internal server error"}"#,
        ] {
            assert_eq!(outcomes(line, &Limits::classic()), [Outcome::Unknown], "{line}");
        }
    }

    #[test]
    fn a_minimum_is_missed_from_below() {
        let line = "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [10].";
        let text = of(line, &Limits::current())[0].to_text();
        assert!(text.contains("of at least 10"), "{text}");
    }

    #[test]
    fn a_response_is_measured_as_it_stands() {
        let answer =
            |bytes: usize| format!(r#"{{"statusCode":200,"body":"{}"}}"#, "x".repeat(bytes - 28));
        assert_eq!(answer(6_291_557).len(), 6_291_557);
        assert_eq!(outcomes(&answer(6_291_557), &Limits::classic()), [Outcome::Reproduced]);
        assert_eq!(outcomes(&answer(6_291_556), &Limits::classic()), [Outcome::NotReproduced]);
    }
}
