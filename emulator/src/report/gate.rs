//! Whether a run passes as a gate in CI: what the report must not show. Pure.

use std::fmt;
use std::fmt::Write as _;
use std::str::FromStr;

use serde::Serialize;

use crate::report::{Report, grouped};

/// What fails a run.
#[derive(Clone, Debug, Default)]
pub struct Gate {
    /// What must not have happened.
    pub fail_on: Vec<FailOn>,
    /// The least share of every limit, in percent, that must have been left over.
    pub min_headroom_percent: Option<u64>,
}

/// Something that must not have happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FailOn {
    /// Any limit refused.
    Refused,
    /// The row of this name refused.
    Row(String),
    /// An execution was refused for want of concurrency.
    Throttled,
    /// A function failed.
    Fault,
}

impl FromStr for FailOn {
    type Err = String;

    /// Reads `refused`, `throttled`, `fault`, or the name of a row.
    fn from_str(text: &str) -> Result<FailOn, String> {
        match text {
            "refused" => Ok(FailOn::Refused),
            "throttled" => Ok(FailOn::Throttled),
            "fault" => Ok(FailOn::Fault),
            row if hardcap_limits::Limits::row(row).is_some() => Ok(FailOn::Row(row.to_owned())),
            other => Err(format!(
                "`{other}` is nothing to fail on: write refused, throttled, fault, or the name of a limit"
            )),
        }
    }
}

/// One thing that failed a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// The limit or the kind of event.
    pub what: String,
    /// A sentence with the numbers.
    pub message: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.message)
    }
}

impl Gate {
    /// What a run did that it must not. A failure of hardcap itself always counts.
    #[must_use]
    pub fn failures(&self, report: &Report) -> Vec<Failure> {
        let mut failures = Vec::new();
        let mut fail =
            |what: &str, message: String| failures.push(Failure { what: what.to_owned(), message });
        if report.has_bugs() {
            fail(
                "hardcap",
                format!("failed {} times itself; the run is not to be trusted", report.bugs),
            );
        }
        for row in &report.rows {
            let forbidden = self.fail_on.iter().any(|fail_on| match fail_on {
                FailOn::Refused => true,
                FailOn::Row(name) => name == row.row,
                FailOn::Throttled | FailOn::Fault => false,
            });
            let (highest, max) = (grouped(row.highest), grouped(row.max));
            if forbidden && row.refused > 0 {
                let first = row.first_refused.as_deref().unwrap_or("?");
                fail(
                    row.row,
                    format!(
                        "refused {} times, up to {highest} of {max}; first {first}",
                        row.refused
                    ),
                );
            } else if self.min_headroom_percent.is_some_and(|min| row.headroom_percent < min) {
                fail(row.row, format!("{highest} of {max} leaves {}%", row.headroom_percent));
            }
        }
        if self.fail_on.contains(&FailOn::Throttled) && report.throttles > 0 {
            fail("throttled", format!("{} invocations found no free execution", report.throttles));
        }
        if self.fail_on.contains(&FailOn::Fault) {
            for (fault, count) in &report.faults {
                fail("fault", format!("{fault}, {count} times"));
            }
        }
        failures
    }
}

/// The report as JUnit's XML: one test case a limit, failed where the gate failed.
#[must_use]
pub fn to_junit(report: &Report, failures: &[Failure]) -> String {
    let names: Vec<&str> = report.rows.iter().map(|row| row.row).collect();
    let mut cases = names.clone();
    cases.extend(
        failures.iter().map(|failure| failure.what.as_str()).filter(|what| !names.contains(what)),
    );
    cases.dedup();
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"hardcap limits of {}\" tests=\"{}\" failures=\"{}\">\n",
        escaped(&report.limits),
        cases.len(),
        failures.len()
    );
    for case in cases {
        let _ = write!(xml, "  <testcase classname=\"hardcap\" name=\"{}\"", escaped(case));
        let of_case: Vec<_> = failures.iter().filter(|failure| failure.what == case).collect();
        if of_case.is_empty() {
            xml.push_str("/>\n");
            continue;
        }
        xml.push_str(">\n");
        for failure in of_case {
            let _ = writeln!(xml, "    <failure message=\"{}\"/>", escaped(&failure.message));
        }
        xml.push_str("  </testcase>\n");
    }
    xml.push_str("</testsuite>\n");
    xml
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use hardcap_core::clock::Clock;
    use hardcap_core::record::Recorder;
    use hardcap_limits::{Bytes, Limits};

    fn report(bytes: &[u64]) -> Report {
        let (limits, recorder) = (Limits::classic(), Recorder::new(Clock::default()));
        for &observed in bytes {
            // Whether it is refused is what the report will tell.
            let _ = recorder.admit("r-1", &limits.lambda_sync_response, Bytes(observed));
        }
        Report::new(&limits, &recorder.totals())
    }

    #[test]
    fn a_refusal_fails_only_the_gate_that_asks_for_it() {
        let refused = report(&[6_291_557]);
        assert!(Gate::default().failures(&refused).is_empty());
        let gate = Gate { fail_on: vec![FailOn::Refused], min_headroom_percent: None };
        let failures = gate.failures(&refused);
        assert_eq!(
            failures[0].to_string(),
            "lambda_sync_response: refused 1 times, up to 6,291,557 of 6,291,556; first r-1"
        );
        assert!(gate.failures(&report(&[6_291_556])).is_empty());
    }

    #[test]
    fn too_little_headroom_fails() {
        let gate = Gate { fail_on: Vec::new(), min_headroom_percent: Some(10) };
        assert_eq!(gate.failures(&report(&[6_000_000])).len(), 1);
        assert!(gate.failures(&report(&[5_000_000])).is_empty());
    }

    #[test]
    fn what_to_fail_on_is_a_known_word_or_a_row() {
        assert_eq!("refused".parse(), Ok(FailOn::Refused));
        assert_eq!("rest_timeout".parse(), Ok(FailOn::Row("rest_timeout".to_owned())));
        assert!("refsued".parse::<FailOn>().is_err());
    }

    #[test]
    fn junit_has_a_case_for_each_limit_and_for_each_failure() {
        let report = report(&[6_291_557]);
        let failures = [
            Failure {
                what: "lambda_sync_response".to_owned(),
                message: "a \"b\" & <c>".to_owned(),
            },
            Failure { what: "throttled".to_owned(), message: "3".to_owned() },
        ];
        let xml = to_junit(&report, &failures);
        assert!(xml.contains("tests=\"2\" failures=\"2\""), "{xml}");
        assert!(xml.contains("a &quot;b&quot; &amp; &lt;c&gt;"), "{xml}");
    }
}
