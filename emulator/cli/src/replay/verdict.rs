//! The verdict on a replay: whether it is reproduced, and the limits that it met. Pure.

use std::fmt::Write as _;

use hardcap_limits::Limits;
use serde::Serialize;

use hardcap_core::record::{Observation, Record};
use hardcap_limits::grouped;

/// The outcome of a replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The result is the same.
    Reproduced,
    /// The result is different.
    NotReproduced,
    /// The capture does not have enough information.
    Unknown,
}

/// A quantity and the limit that it was compared with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Crossing {
    /// The row's name.
    pub row: &'static str,
    /// The quantity, in the row's unit.
    pub observed: u64,
    /// The limit in force.
    pub max: u64,
    /// Whether it was refused.
    pub refused: bool,
}

/// The verdict on one request, event or message.
#[derive(Clone, Debug, Serialize)]
pub struct Verdict {
    /// The subject, such as `GET /giant`.
    pub what: String,
    /// The outcome.
    pub outcome: Outcome,
    /// The results there and here.
    pub happened: String,
    /// The limits that refused it here; if none did, the nearest one.
    pub crossings: Vec<Crossing>,
    /// Notes about missing parts of the capture and their replacements, a sentence each.
    pub notes: Vec<String>,
}

impl Crossing {
    /// `lambda_sync_response: 6,291,560 B of at most 6,291,556 B, 4 B over`
    fn describe(&self) -> String {
        let row = Limits::row(self.row);
        let unit = |number| row.map_or_else(|| grouped(number), |row| row.unit.abbreviated(number));
        let (over, left) = match row.is_some_and(hardcap_limits::Row::is_minimum) {
            true => {
                (self.max.saturating_sub(self.observed), self.observed.saturating_sub(self.max))
            }
            false => {
                (self.observed.saturating_sub(self.max), self.max.saturating_sub(self.observed))
            }
        };
        let is_minimum = row.is_some_and(hardcap_limits::Row::is_minimum);
        let (bound, beyond) = if is_minimum { ("at least", "under") } else { ("at most", "over") };
        let (observed, max) = (unit(self.observed), unit(self.max));
        match (self.refused, over) {
            // A quantity that is refused at its limit is not over the limit.
            (true, 0) => format!("{}: {observed} of {bound} {max}, refused", self.row),
            (true, _) => {
                format!("{}: {observed} of {bound} {max}, {} {beyond}", self.row, unit(over))
            }
            (false, _) => format!("{}: {observed} of {bound} {max}, {} left", self.row, unit(left)),
        }
    }
}

impl Verdict {
    /// The text for people.
    #[must_use]
    pub fn to_text(&self) -> String {
        let outcome = match self.outcome {
            Outcome::Reproduced => "reproduced",
            Outcome::NotReproduced => "not reproduced",
            Outcome::Unknown => "cannot be decided",
        };
        let mut text = format!("{outcome}: {}\n  {}\n", self.what, self.happened);
        for crossing in &self.crossings {
            let how = if crossing.refused { "refused by" } else { "nearest was" };
            let _ = writeln!(text, "  {how} {}", crossing.describe());
        }
        for note in &self.notes {
            let _ = writeln!(text, "  note: {note}");
        }
        text
    }
}

/// The verdict on a request that was sent again: it is reproduced if it has the same status.
///
/// A request without a response there is reproduced if it fails here.
#[must_use]
pub fn of_exchange(
    what: String,
    there: Option<u16>,
    here: u16,
    records: &[Record],
    notes: Vec<String>,
) -> Verdict {
    let same = match there {
        Some(there) => there == here,
        None => here >= 400,
    };
    let there = there.map_or_else(|| "nothing".to_owned(), |status| status.to_string());
    Verdict {
        what,
        outcome: if same { Outcome::Reproduced } else { Outcome::NotReproduced },
        happened: format!("responded {there} there, {here} here{}", faults(records)),
        crossings: crossings(records),
        notes,
    }
}

/// The verdict on an event that was sent again. An event has no information about its result, so it is reproduced if it fails: it is
/// refused, the function fails, or its response has a status of 500 or more.
#[must_use]
pub fn of_event(
    what: String,
    failure: Option<String>,
    records: &[Record],
    notes: Vec<String>,
) -> Verdict {
    let outcome = if failure.is_some() { Outcome::Reproduced } else { Outcome::NotReproduced };
    let happened = failure.unwrap_or_else(|| "the function responds to it".to_owned());
    Verdict { what, outcome, happened, crossings: crossings(records), notes }
}

fn faults(records: &[Record]) -> String {
    let faults = records.iter().filter_map(|record| match &record.what {
        Observation::Invoked { function, fault: Some(fault), .. } => {
            Some(format!("; {function}: {fault}"))
        }
        _ => None,
    });
    faults.collect()
}

/// The limits that refused; otherwise the nearest one.
fn crossings(records: &[Record]) -> Vec<Crossing> {
    let measured = records.iter().filter_map(|record| match &record.what {
        Observation::Measured { row, observed, max, admitted } => {
            Some(Crossing { row: row.as_str(), observed: *observed, max: *max, refused: !admitted })
        }
        _ => None,
    });
    let measured: Vec<Crossing> = measured.collect();
    let refused: Vec<Crossing> = measured.iter().filter(|one| one.refused).cloned().collect();
    if !refused.is_empty() {
        return refused;
    }
    let share = |one: &Crossing| u128::from(one.observed) * 1_000_000 / u128::from(one.max.max(1));
    let near = measured
        .into_iter()
        .filter(|one| !Limits::row(one.row).is_some_and(hardcap_limits::Row::is_minimum));
    near.max_by_key(share).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use hardcap_core::clock::EpochMillis;

    fn measured(row: &'static str, observed: u64, max: u64) -> Record {
        let row = Limits::row(row).expect("the row exists").into();
        let what = Observation::Measured { row, observed, max, admitted: observed <= max };
        Record { at: EpochMillis(0), request_id: "r".to_owned(), what }
    }

    #[test]
    fn a_refusal_is_named_with_the_bytes_over_the_limit() {
        let records = [
            measured("lambda_sync_request", 700, 6_291_456),
            measured("lambda_sync_response", 6_291_560, 6_291_556),
        ];
        let verdict = of_exchange("GET /giant".to_owned(), Some(502), 502, &records, Vec::new());
        assert_eq!(
            verdict.to_text(),
            "reproduced: GET /giant\n  responded 502 there, 502 here\n  \
             refused by lambda_sync_response: 6,291,560 B of at most 6,291,556 B, 4 B over\n"
        );
    }

    #[test]
    fn without_a_refusal_the_nearest_limit_is_named() {
        let records = [
            measured("lambda_sync_request", 700, 6_291_456),
            measured("lambda_sync_response", 6_291_000, 6_291_556),
        ];
        let verdict = of_exchange("GET /".to_owned(), Some(502), 200, &records, Vec::new());
        assert_eq!(verdict.outcome, Outcome::NotReproduced);
        assert!(verdict.to_text().contains("nearest was lambda_sync_response: "), "{verdict:?}");
        assert!(verdict.to_text().contains("556 B left"), "{verdict:?}");
        assert_eq!(
            of_exchange(String::new(), None, 504, &[], Vec::new()).outcome,
            Outcome::Reproduced
        );
    }
}
