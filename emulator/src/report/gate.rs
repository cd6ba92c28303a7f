//! The gate of a run in CI: what its report must not show. Pure.

use std::fmt;
use std::fmt::Write as _;
use std::str::FromStr;

use serde::Serialize;

use hardcap_limits::{Limits, ROWS};

use crate::report::{Headroom, Report, counted};
use crate::source::nearest::nearest;

/// The conditions under which a run fails.
#[derive(Clone, Debug, Default)]
pub struct Gate {
    /// What must not have happened.
    pub fail_on: Vec<FailOn>,
    /// The minimum headroom of every limit, in percent.
    pub min_headroom_percent: Option<u64>,
}

/// Something that must not have happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FailOn {
    /// Any limit refused a request.
    Refused,
    /// The limit of this name refused a request.
    Row(String),
    /// An invocation was throttled.
    Throttled,
    /// A function failed.
    Fault,
}

/// A text that is not a [`FailOn`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not refused, throttled, fault or the name of a limit{help}")]
pub struct InvalidFailOn {
    text: String,
    help: String,
}

impl FromStr for FailOn {
    type Err = InvalidFailOn;

    /// Reads `refused`, `throttled`, `fault`, or the name of a limit.
    fn from_str(text: &str) -> Result<FailOn, InvalidFailOn> {
        match text {
            "refused" => Ok(FailOn::Refused),
            "throttled" => Ok(FailOn::Throttled),
            "fault" => Ok(FailOn::Fault),
            row if Limits::row(row).is_some() => Ok(FailOn::Row(row.to_owned())),
            other => {
                let names = ROWS.iter().map(|row| row.name);
                let near =
                    nearest(other, ["refused", "throttled", "fault"].into_iter().chain(names));
                let help = match near {
                    Some(name) => format!("; did you mean `{name}`?"),
                    None => "; `hardcap limits` lists the names".to_owned(),
                };
                Err(InvalidFailOn { text: other.to_owned(), help })
            }
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
    /// The conditions that a run did not meet. An internal error of hardcap always counts.
    #[must_use]
    pub fn failures(&self, report: &Report) -> Vec<Failure> {
        let mut failures = Vec::new();
        let mut fail =
            |what: &str, message: String| failures.push(Failure { what: what.to_owned(), message });
        if report.has_bugs() {
            fail(
                "hardcap",
                format!(
                    "{}: the results of this run are unreliable",
                    counted(report.bugs, "internal error", "internal errors")
                ),
            );
        }
        for row in &report.rows {
            let forbidden = self.fail_on.iter().any(|fail_on| match fail_on {
                FailOn::Refused => true,
                FailOn::Row(name) => name == row.row,
                FailOn::Throttled | FailOn::Fault => false,
            });
            if forbidden && row.refused > 0 {
                fail(row.row, refused(row));
            } else if let Some(min) = self.min_headroom_percent
                && row.headroom_percent < min
            {
                let (used, left) = (quantities(row), row.headroom_percent);
                fail(row.row, format!("{used} leave {left} %, and {min} % are required"));
            }
        }
        if self.fail_on.contains(&FailOn::Throttled) && report.throttles > 0 {
            fail("throttled", counted(report.throttles, "invocation was", "invocations were"));
        }
        if self.fail_on.contains(&FailOn::Fault) {
            for (fault, count) in &report.faults {
                let count = counted(*count, "invocation", "invocations");
                fail("fault", format!("{count} failed with {fault}"));
            }
        }
        failures
    }
}

/// `6,300,068 of 6,291,556 bytes`
fn quantities(row: &Headroom) -> String {
    format!("{} of {}", crate::report::grouped(row.highest), row.unit.of(row.max))
}

/// `refused 2 requests, up to 6,300,068 of 6,291,556 bytes; the first was GET /hello of Api, function Hello, request ID`
fn refused(row: &Headroom) -> String {
    let mut text = format!(
        "refused {}, up to {}; the first was ",
        counted(row.refused, "request", "requests"),
        quantities(row)
    );
    if let Some(route) = &row.first_refused_route {
        let _ = write!(text, "{route}, ");
    }
    if let Some(function) = &row.first_refused_function {
        let _ = write!(text, "function {function}, ");
    }
    let _ = write!(text, "request {}", row.first_refused.as_deref().unwrap_or("unknown"));
    text
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
    use hardcap_core::record::{Recorder, What};
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
            "lambda_sync_response: refused 1 request, up to 6,291,557 of 6,291,556 bytes; the first was request r-1"
        );
        assert!(gate.failures(&report(&[6_291_556])).is_empty());
    }

    #[test]
    fn a_refusal_names_the_route_and_the_function_of_the_first_refused_request() {
        let (limits, recorder) = (Limits::classic(), Recorder::new(Clock::default()));
        for id in ["r-1", "r-2"] {
            let _ = recorder.admit(id, &limits.lambda_sync_response, Bytes(6_291_557));
            let (function, fault) = ("Hello".to_owned(), None);
            let (event, answer, streamed, millis) = (2, 6_291_557, false, 3);
            recorder.record(id, What::Invoked { function, event, answer, streamed, millis, fault });
            let (api, method, path) = ("Api".to_owned(), "GET".to_owned(), format!("/{id}"));
            recorder.record(id, What::Answered { api, method, path, status: 502, millis: 4 });
        }
        let gate = Gate { fail_on: vec![FailOn::Refused], min_headroom_percent: None };
        let failures = gate.failures(&Report::new(&limits, &recorder.totals()));
        assert_eq!(
            failures[0].message,
            "refused 2 requests, up to 6,291,557 of 6,291,556 bytes; the first was GET /r-1 of Api, function Hello, request r-1"
        );
        let report = Report::new(&limits, &recorder.totals());
        assert!(to_junit(&report, &failures).contains("the first was GET /r-1 of Api"));
    }

    #[test]
    fn too_little_headroom_fails() {
        let gate = Gate { fail_on: Vec::new(), min_headroom_percent: Some(10) };
        let failures = gate.failures(&report(&[6_000_000]));
        assert_eq!(
            failures[0].message,
            "6,000,000 of 6,291,556 bytes leave 4 %, and 10 % are required"
        );
        assert!(gate.failures(&report(&[5_000_000])).is_empty());
    }

    #[test]
    fn what_to_fail_on_is_a_known_word_or_a_row() {
        assert_eq!("refused".parse(), Ok(FailOn::Refused));
        assert_eq!("rest_timeout".parse(), Ok(FailOn::Row("rest_timeout".to_owned())));
        let near = "lambda_sync_respons".parse::<FailOn>().unwrap_err().to_string();
        assert!(near.ends_with("did you mean `lambda_sync_response`?"), "{near}");
        assert!("x".parse::<FailOn>().is_err());
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
