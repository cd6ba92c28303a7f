//! What a run showed of its limits: how near each came, what was refused, what went wrong. Pure: sums in, text out.

use std::fmt::Write as _;

use hardcap_limits::{Limits, Unit};
use indexmap::IndexMap;
use serde::Serialize;

use hardcap_core::record::{EventTotals, Totals};

mod advice;
pub mod gate;
mod html;
pub mod saved;

pub use advice::{Advice, advice};
pub(crate) use html::STYLE;
pub use html::page;

/// A run, folded by limit.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The day whose limits were in force.
    pub limits: String,
    /// The numbers that were not the day's own.
    pub overrides: Vec<Override>,
    /// Every limit that was measured, the fullest first.
    pub rows: Vec<Headroom>,
    /// Invocations that ended.
    pub invocations: u64,
    /// Of those, the failed ones by error type.
    pub faults: IndexMap<String, u64>,
    /// Sandboxes started.
    pub cold_starts: u64,
    /// Invocations refused for want of concurrency.
    pub throttles: u64,
    /// What gateways answered, by status.
    pub answers: IndexMap<u16, u64>,
    /// Faults that struck because they were asked for, by name.
    pub injected: IndexMap<String, u64>,
    /// Asynchronous events, by how they ended.
    pub events: EventTotals,
    /// Failures of hardcap itself: with any, the run is not to be trusted.
    pub bugs: u64,
}

/// A number that a run enforced instead of the day's own.
#[derive(Clone, Debug, Serialize)]
pub struct Override {
    /// The row's name.
    pub row: &'static str,
    /// The number of the day.
    pub aws: u64,
    /// The number in force.
    pub in_force: u64,
}

/// How near a run came to a limit.
#[derive(Clone, Debug, Serialize)]
pub struct Headroom {
    /// The row's name.
    pub row: &'static str,
    /// The unit of the numbers.
    pub unit: Unit,
    /// The limit in force.
    pub max: u64,
    /// The most that was seen, refused or not.
    pub highest: u64,
    /// What was left of the limit at its fullest, in percent; 0 when it was crossed.
    pub headroom_percent: u64,
    /// How often it was measured.
    pub measured: u64,
    /// How often it refused.
    pub refused: u64,
    /// The id of the request that was refused first.
    pub first_refused: Option<String>,
    /// Its route, such as `GET /hello of Api`, if it came through a gateway.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_refused_route: Option<String>,
    /// Its function, if it reached one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_refused_function: Option<String>,
}

impl Report {
    /// Folds the sums of a run under the limits in force.
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

    /// Whether hardcap itself failed during the run.
    #[must_use]
    pub fn has_bugs(&self) -> bool {
        self.bugs > 0
    }

    /// As people read it in a terminal.
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
                with_unit(row.highest, row.unit),
                with_unit(row.max, row.unit),
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
            let struck = self.injected.iter().map(|(fault, n)| format!("{fault} {}", grouped(*n)));
            let _ = writeln!(text, "faults asked for: {}", struck.collect::<Vec<_>>().join(", "));
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

/// `6,291,556 B`.
pub fn with_unit(number: u64, unit: Unit) -> String {
    match unit {
        Unit::Bytes => format!("{} B", grouped(number)),
        Unit::Milliseconds => format!("{} ms", grouped(number)),
        Unit::Megabytes => format!("{} MB", grouped(number)),
        Unit::Count => grouped(number),
    }
}

/// `6291556` as `6,291,556`.
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use hardcap_core::clock::Clock;
    use hardcap_core::record::{Recorder, What};
    use hardcap_limits::Bytes;

    #[test]
    fn names_the_fullest_limit_first_and_the_request_that_was_refused() {
        let recorder = Recorder::new(Clock::default());
        let limits = Limits::classic();
        recorder.admit("a", &limits.lambda_sync_request, Bytes(600)).expect("fits");
        recorder.admit("b", &limits.lambda_sync_response, Bytes(6_291_556)).expect("fits");
        recorder.admit("c", &limits.lambda_sync_response, Bytes(6_291_557)).expect_err("one over");
        recorder.record(
            "c",
            What::Answered {
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
    fn a_minimum_that_nothing_fell_below_is_not_a_limit_that_came_near() {
        let recorder = Recorder::new(Clock::default());
        recorder.record(
            "a",
            What::Measured {
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
    fn says_which_numbers_were_overridden() {
        let mut limits = Limits::classic();
        limits.set("lambda_init", 500).expect("the row exists");
        let report = Report::new(&limits, &Totals::default());
        assert!(report.to_table().contains("override  lambda_init = 500, AWS has 10,000"));
    }

    #[test]
    fn groups_digits_by_three() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1000), "1,000");
        assert_eq!(grouped(6_291_556), "6,291,556");
    }
}
