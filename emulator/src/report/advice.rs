//! Advice for each limit that refused a request: the numbers, the measured quantity, the remedy, the source. Pure.

use hardcap_limits::{Date, Limits, Row, Unit};
use serde::Serialize;

use hardcap_core::record::{Observation, Record};

/// The error type of an invocation that exceeded its function's timeout.
const TIMED_OUT: &str = "Sandbox.Timedout";

/// A refusal, explained from the limits table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Advice {
    /// The row's name.
    pub row: &'static str,
    /// A description of the limit, on one line.
    pub about: String,
    /// The numbers as a sentence: `6,291,557 bytes of at most 6,291,556 bytes: 1 byte over`.
    pub numbers: String,
    /// The quantity that is compared with the limit.
    pub measured: &'static str,
    /// The remedy.
    pub remedy: &'static str,
    /// The source of the number, and the confidence in it.
    pub source: String,
}

/// Advice for every limit that refused something in these records: once for each limit, in the order of the records.
#[must_use]
pub fn advice(records: &[Record], date: Date) -> Vec<Advice> {
    let mut found: Vec<Advice> = Vec::new();
    for record in records {
        let one = match &record.what {
            Observation::Measured { row, observed, max, admitted: false } => {
                Limits::row(row.as_str())
                    .map(|row| Advice::of(row, numbers(row, *observed, *max), date))
            }
            Observation::Invoked { fault: Some(fault), millis, .. } if fault == TIMED_OUT => {
                let text =
                    format!("the function was ended after {}", Unit::Milliseconds.of(*millis));
                Limits::row("lambda_timeout").map(|row| Advice::of(row, text, date))
            }
            _ => None,
        };
        found.extend(one.filter(|one| found.iter().all(|known| known.row != one.row)));
    }
    found
}

impl Advice {
    fn of(row: &'static Row, numbers: String, date: Date) -> Advice {
        Advice {
            row: row.name,
            about: first_paragraph(row.doc),
            numbers,
            measured: row.measured,
            remedy: row.remedy(),
            source: format!("{} ({})", row.dated_at(date).source, row.confidence),
        }
    }
}

fn numbers(row: &Row, observed: u64, max: u64) -> String {
    let (bound, distance, side) = if row.is_minimum() {
        ("at least", max.saturating_sub(observed), "under")
    } else {
        ("at most", observed.saturating_sub(max), "over")
    };
    let distance = match (row.unit, distance) {
        (Unit::Bytes, 1) => "1 byte".to_owned(),
        (unit, distance) => unit.of(distance),
    };
    format!("{} of {bound} {}: {distance} {side}", row.unit.of(observed), row.unit.of(max))
}

/// The first paragraph of a text, on one line.
pub(super) fn first_paragraph(doc: &str) -> String {
    let lines = doc.trim().lines().map(str::trim).take_while(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use hardcap_limits::{Bytes, Count};

    use super::*;
    use hardcap_core::clock::Clock;
    use hardcap_core::record::Recorder;

    #[test]
    fn a_refusal_is_explained_with_its_numbers_and_a_remedy() {
        let recorder = Recorder::new(Clock::default());
        let limits = Limits::classic();
        for bytes in [6_291_557, 7_000_000, 10] {
            let _ = recorder.admit("a", &limits.lambda_sync_response, Bytes(bytes));
        }
        let found = advice(&recorder.newest(), limits.date());
        let [one] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!(one.row, "lambda_sync_response");
        assert_eq!(one.numbers, "6,291,557 bytes of at most 6,291,556 bytes: 1 byte over");
        assert!(one.remedy.contains("presigned link"), "{one:?}");
        assert!(one.about.starts_with("The response of a synchronous invocation."), "{one:?}");
        assert!(!one.about.contains('\n') && !one.source.is_empty(), "{one:?}");
    }

    #[test]
    fn a_minimum_and_a_timeout_are_explained_and_other_function_errors_are_not() {
        let recorder = Recorder::new(Clock::default());
        let limits = Limits::classic();
        let row = Limits::row("s3_part_min").expect("the row exists");
        let what =
            Observation::Measured { row: row.into(), observed: 1, max: 5_242_880, admitted: false };
        recorder.record("a", what);
        let invoked = |fault: &str| Observation::Invoked {
            function: "f".to_owned(),
            event: 2,
            answer: 0,
            streamed: false,
            millis: 3_001,
            fault: Some(fault.to_owned()),
        };
        recorder.record("a", invoked("Sandbox.Timedout"));
        recorder.record("a", invoked("ValueError"));
        let _ = recorder.admit("a", &limits.lambda_concurrency, Count(1));
        let found = advice(&recorder.newest(), limits.date());
        let numbers: Vec<_> = found.iter().map(|one| one.numbers.as_str()).collect();
        assert_eq!(
            numbers,
            [
                "1 bytes of at least 5,242,880 bytes: 5,242,879 bytes under",
                "the function was ended after 3,001 ms"
            ]
        );
    }
}
