//! The gate of a CI run: the conditions that a report must fulfil. Pure.

use std::fmt;
use std::fmt::Write as _;
use std::str::FromStr;

use hardcap_limits::{Limits, ROWS, grouped};
use serde::Serialize;

use super::junit::{self, TestCase};
use crate::report::{Headroom, Report, counted};
use hardcap_core::nearest::nearest;

/// The conditions of a run.
///
/// ```
/// use hardcap::Emulator;
/// use hardcap::report::{FailOn, Gate};
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), hardcap::StartError> {
/// let emulator = Emulator::builder().start().await?;
/// let gate = Gate { fail_on: vec![FailOn::Refused], min_headroom_percent: Some(10) };
/// assert_eq!(gate.failures(&emulator.report()), []);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Gate {
    /// The events that must not occur.
    pub fail_on: Vec<FailOn>,
    /// The minimum headroom of every limit, in percent.
    pub min_headroom_percent: Option<u64>,
}

/// An event that must not occur.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FailOn {
    /// A refusal by any limit.
    Refused,
    /// A refusal by the row of this name.
    Row(String),
    /// A throttled invocation.
    Throttled,
    /// A function error.
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

/// A condition that a run does not fulfil.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GateFailure {
    /// The limit or the kind of event.
    pub what: String,
    /// A sentence with the numbers.
    pub message: String,
}

impl fmt::Display for GateFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.message)
    }
}

impl Gate {
    /// The conditions that a run does not fulfil. An internal error of hardcap always fails the gate.
    #[must_use]
    pub fn failures(&self, report: &Report) -> Vec<GateFailure> {
        let mut failures = Vec::new();
        let mut fail = |what: &str, message: String| {
            failures.push(GateFailure { what: what.to_owned(), message });
        };
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
    format!("{} of {}", grouped(row.highest), row.unit.of(row.max))
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

/// The report as JUnit's XML: one test case for each limit and for each other kind of failure.
#[must_use]
pub fn to_junit(report: &Report, failures: &[GateFailure]) -> String {
    let mut cases: Vec<TestCase> = Vec::new();
    let names = report.rows.iter().map(|row| row.row);
    for name in names.chain(failures.iter().map(|failure| failure.what.as_str())) {
        if cases.iter().any(|case| case.name == name) {
            continue;
        }
        let of_case = failures.iter().filter(|failure| failure.what == name);
        cases.push(TestCase {
            name: name.to_owned(),
            failures: of_case.map(|failure| failure.message.clone()).collect(),
            output: None,
        });
    }
    junit::document(&format!("hardcap limits of {}", report.limits), "hardcap", &cases)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hardcap_core::clock::Clock;
    use hardcap_core::record::{Observation, Recorder};
    use hardcap_limits::{Bytes, Limits};

    fn report(bytes: &[u64]) -> Report {
        let (limits, recorder) = (Limits::classic(), Recorder::new(Clock::default()));
        for &observed in bytes {
            // The report has whether the request was refused.
            let _ = recorder.admit("r-1", &limits.lambda_sync_response, Bytes(observed));
        }
        Report::new(&limits, &recorder.totals())
    }

    #[test]
    fn a_refusal_fails_only_the_gate_that_names_it() {
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
            recorder.record(
                id,
                Observation::Invoked { function, event, answer, streamed, millis, fault },
            );
            let (api, method, path) = ("Api".to_owned(), "GET".to_owned(), format!("/{id}"));
            recorder
                .record(id, Observation::Answered { api, method, path, status: 502, millis: 4 });
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
    fn a_fail_on_value_is_a_known_word_or_a_row() {
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
            GateFailure {
                what: "lambda_sync_response".to_owned(),
                message: "a \"b\" & <c>".to_owned(),
            },
            GateFailure { what: "throttled".to_owned(), message: "3".to_owned() },
        ];
        let xml = to_junit(&report, &failures);
        assert!(xml.contains("tests=\"2\" failures=\"2\""), "{xml}");
        assert!(xml.contains("a &quot;b&quot; &amp; &lt;c&gt;"), "{xml}");
    }
}
