//! Reports of a run: headroom by limit, refusals, errors. Pure: sums in, text out.

use std::fmt::Write as _;

use hardcap_limits::{Limits, Unit, grouped};
use indexmap::IndexMap;
use serde::Serialize;

use hardcap_core::record::{EventTotals, Totals};

mod advice;
mod gate;
mod html;
// The program `hardcap` writes the findings of `check` with it.
#[doc(hidden)]
pub mod junit;
mod saved;

pub use advice::{Advice, advice};
pub use gate::{FailOn, Gate, GateFailure, InvalidFailOn, to_junit};
pub(crate) use html::STYLE;
pub use html::to_html;
pub use saved::{SavedError, SavedRun};

/// The records of a run, summed by limit.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The date of the limits in force.
    pub limits: String,
    /// The overridden limits.
    pub overrides: Vec<Override>,
    /// The measured limits, sorted by headroom: refused ones first, then the smallest headroom.
    pub rows: Vec<Headroom>,
    /// Invocations that ended.
    pub invocations: u64,
    /// Function errors by error type.
    pub faults: IndexMap<String, u64>,
    /// Sandboxes started.
    pub cold_starts: u64,
    /// Throttled invocations.
    pub throttles: u64,
    /// Responses of gateways by status.
    pub answers: IndexMap<u16, u64>,
    /// Injected faults by kind.
    pub injected: IndexMap<String, u64>,
    /// Asynchronous events.
    pub events: EventTotals,
    /// Internal errors of hardcap. If there are any, the results of the run are unreliable.
    pub bugs: u64,
}

/// An overridden limit.
#[derive(Clone, Debug, Serialize)]
pub struct Override {
    /// The row's name.
    pub row: &'static str,
    /// The number on AWS at the date of the limits.
    pub aws: u64,
    /// The number in force.
    pub in_force: u64,
}

/// The headroom of one limit.
#[derive(Clone, Debug, Serialize)]
pub struct Headroom {
    /// The row's name.
    pub row: &'static str,
    /// The unit of the numbers.
    pub unit: Unit,
    /// The limit in force.
    pub max: u64,
    /// The largest observed quantity, including refused ones, in this unit.
    pub highest: u64,
    /// The smallest remaining share of the limit, in percent; 0 if it was exceeded.
    pub headroom_percent: u64,
    /// The number of comparisons.
    pub measured: u64,
    /// The number of refusals.
    pub refused: u64,
    /// The id of the first refused request.
    pub first_refused: Option<String>,
    /// Its route, such as `GET /hello of Api`, if it came through a gateway.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_refused_route: Option<String>,
    /// Its function, if it reached one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_refused_function: Option<String>,
}

impl Report {
    /// Creates the report of a run from its sums and the limits in force.
    #[must_use]
    pub fn new(limits: &Limits, totals: &Totals) -> Report {
        let overrides = limits
            .overridden()
            .map(|(row, in_force)| Override {
                row: row.name,
                aws: row.value_at(limits.date()),
                in_force,
            })
            .collect();
        let mut rows: Vec<Headroom> = totals
            .limits
            .iter()
            .filter_map(|(name, seen)| {
                let row = Limits::row(name.as_str())?;
                if row.is_minimum() && seen.refused == 0 {
                    return None;
                }
                Some(Headroom {
                    row: name.as_str(),
                    unit: row.unit,
                    max: seen.max,
                    highest: seen.highest,
                    headroom_percent: percent_left(seen.highest, seen.max),
                    measured: seen.measured,
                    refused: seen.refused,
                    first_refused: seen.first_refused.clone(),
                    first_refused_route: seen.first_refused_route.clone(),
                    first_refused_function: seen.first_refused_function.clone(),
                })
            })
            .collect();
        rows.sort_by_key(|row| (row.refused == 0, row.headroom_percent));
        Report {
            limits: limits.date().to_string(),
            overrides,
            rows,
            invocations: totals.invocations,
            faults: totals.faults.clone(),
            cold_starts: totals.cold_starts,
            throttles: totals.throttles,
            answers: totals.answers.clone(),
            injected: totals.injected.clone(),
            events: totals.events.clone(),
            bugs: totals.bugs,
        }
    }

    /// Whether hardcap had internal errors during the run.
    #[must_use]
    pub fn has_bugs(&self) -> bool {
        self.bugs > 0
    }

    /// The report as a table for a terminal.
    #[must_use]
    pub fn to_table(&self) -> String {
        let mut text = format!("limits of {}\n", self.limits);
        for change in &self.overrides {
            let Override { row, aws, in_force } = change;
            let _ = writeln!(
                text,
                "override  {row} = {}, AWS has {}",
                grouped(*in_force),
                grouped(*aws)
            );
        }
        if self.rows.is_empty() {
            text.push_str("no limit was measured\n");
        } else {
            let _ = writeln!(
                text,
                "\n{:<26} {:>14} {:>14} {:>9} {:>9} {:>8}",
                "limit", "highest", "of at most", "headroom", "measured", "refused"
            );
        }
        for row in &self.rows {
            let _ = writeln!(
                text,
                "{:<26} {:>14} {:>14} {:>8}% {:>9} {:>8}",
                row.row,
                row.unit.abbreviated(row.highest),
                row.unit.abbreviated(row.max),
                row.headroom_percent,
                row.measured,
                row.refused
            );
        }
        self.write_sums(&mut text);
        text
    }

    fn write_sums(&self, text: &mut String) {
        let answers: u64 = self.answers.values().sum();
        let _ = writeln!(
            text,
            "\n{}, {}, {}, {} throttled",
            counted(answers, "response", "responses"),
            counted(self.invocations, "invocation", "invocations"),
            counted(self.cold_starts, "cold start", "cold starts"),
            grouped(self.throttles)
        );
        let mut statuses: Vec<_> = self.answers.iter().collect();
        statuses.sort();
        for (status, count) in statuses {
            let _ = writeln!(text, "  {status}  {}", grouped(*count));
        }
        for (fault, count) in &self.faults {
            let _ = writeln!(text, "  {fault}  {}", grouped(*count));
        }
        if !self.injected.is_empty() {
            let injected =
                self.injected.iter().map(|(fault, n)| format!("{fault} {}", grouped(*n)));
            let _ = writeln!(text, "injected faults: {}", injected.collect::<Vec<_>>().join(", "));
        }
        self.write_events(text);
        if self.has_bugs() {
            let _ = writeln!(
                text,
                "{} of hardcap: the results of this run are unreliable. Report it with its log",
                counted(self.bugs, "internal error", "internal errors")
            );
        }
    }
}

impl Report {
    fn write_events(&self, text: &mut String) {
        let events = &self.events;
        let all = events.accepted + events.restored;
        if all == 0 {
            return;
        }
        let _ = write!(
            text,
            "{}: {} delivered",
            counted(all, "asynchronous event", "asynchronous events"),
            grouped(events.delivered)
        );
        for (count, name) in [
            (events.retries_exhausted, "retries exhausted"),
            (events.aged_out, "aged out"),
            (events.zero_concurrency, "without concurrency"),
            (events.recursive, "stopped as a loop"),
            (events.dropped, "dropped by a fault"),
            (events.pending(), "pending"),
            (events.retried, "retries"),
            (events.sent, "sent to destinations and dead letters"),
            (events.not_sent, "could not be sent"),
        ] {
            if count > 0 {
                let _ = write!(text, ", {} {name}", grouped(count));
            }
        }
        text.push('\n');
    }
}

/// `1 request`, `2,000 requests`
pub(crate) fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(number), if number == 1 { one } else { many })
}

fn percent_left(highest: u64, max: u64) -> u64 {
    let left = max.saturating_sub(highest);
    if max == 0 { 0 } else { (u128::from(left) * 100 / u128::from(max)).try_into().unwrap_or(0) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hardcap_core::clock::Clock;
    use hardcap_core::record::{Observation, Recorder};
    use hardcap_limits::Bytes;

    #[test]
    fn a_report_begins_with_the_limit_of_least_headroom_and_names_the_refused_request() {
        let recorder = Recorder::new(Clock::default());
        let limits = Limits::classic();
        recorder.admit("a", &limits.lambda_sync_request, Bytes(600)).expect("fits");
        recorder.admit("b", &limits.lambda_sync_response, Bytes(6_291_556)).expect("fits");
        recorder.admit("c", &limits.lambda_sync_response, Bytes(6_291_557)).expect_err("one over");
        recorder.record(
            "c",
            Observation::Answered {
                api: "Api".to_owned(),
                method: "GET".to_owned(),
                path: "/".to_owned(),
                status: 502,
                millis: 3,
            },
        );

        let report = Report::new(&limits, &recorder.totals());

        assert_eq!(report.rows[0].row, "lambda_sync_response");
        assert_eq!(report.rows[0].highest, 6_291_557);
        assert_eq!(report.rows[0].headroom_percent, 0);
        assert_eq!(report.rows[0].first_refused.as_deref(), Some("c"));
        assert_eq!(report.rows[1].headroom_percent, 99);
        assert!(report.to_table().contains("6,291,557 B"), "{}", report.to_table());
    }

    #[test]
    fn a_minimum_that_nothing_fell_below_is_not_in_the_report() {
        let recorder = Recorder::new(Clock::default());
        recorder.record(
            "a",
            Observation::Measured {
                row: Limits::row("s3_part_min").expect("the row exists").into(),
                observed: 8_388_608,
                max: 5_242_880,
                admitted: true,
            },
        );
        let report = Report::new(&Limits::classic(), &recorder.totals());
        assert!(report.rows.is_empty(), "{:?}", report.rows);
    }

    #[test]
    fn a_report_names_the_overridden_limits() {
        let mut limits = Limits::classic();
        limits.set("lambda_init", 500).expect("the row exists");
        let report = Report::new(&limits, &Totals::default());
        assert!(report.to_table().contains("override  lambda_init = 500, AWS has 10,000"));
    }
}
