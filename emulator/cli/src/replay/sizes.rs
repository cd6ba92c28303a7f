//! A capture that has sizes and refusals only: whether the limits in force would refuse the same. Pure.

use hardcap_limits::{Limits, Row};

use super::verdict::{Crossing, Outcome, Verdict};
use crate::explain::{Document, Explained, Match};
use hardcap::report::grouped;

/// What the limits in force say to each refusal, and to a document that was measured.
#[must_use]
pub fn verdicts(explained: &Explained, limits: &Limits) -> Vec<Verdict> {
    let matches = explained.matches.iter().map(|one| of_match(one, limits));
    let document = explained.document.iter().map(|document| of_document(document, limits));
    matches.chain(document).collect()
}

fn of_match(one: &Match, limits: &Limits) -> Verdict {
    let row = one.row;
    let max = in_force(limits, row);
    let there = one.max.map_or_else(String::new, |max| format!(" of at most {}", grouped(max)));
    let what = format!("a refusal by {}", row.name);
    let Some(observed) = one.observed else {
        return Verdict {
            what,
            outcome: Outcome::Unknown,
            happened: format!(
                "the capture does not say how much it was{there}; here the limit is {}",
                grouped(max)
            ),
            crossings: Vec::new(),
        };
    };
    let refused = if row.is_minimum() { observed < max } else { observed > max };
    Verdict {
        what,
        outcome: if refused { Outcome::Reproduced } else { Outcome::NotReproduced },
        happened: format!("{}{there} there; limits of {} here", grouped(observed), limits.date()),
        crossings: vec![Crossing { row: row.name, observed, max, refused }],
    }
}

fn of_document(document: &Document, limits: &Limits) -> Verdict {
    let (row, max) = document.against(limits);
    let refused = document.bytes > max;
    Verdict {
        what: format!("{} of {} bytes", document.kind, grouped(document.bytes)),
        outcome: if refused { Outcome::Reproduced } else { Outcome::NotReproduced },
        happened: format!("measured as it stands, under the limits of {}", limits.date()),
        crossings: vec![Crossing { row, observed: document.bytes, max, refused }],
    }
}

fn in_force(limits: &Limits, wanted: &Row) -> u64 {
    limits.in_force().find(|(row, _)| row.name == wanted.name).map_or(0, |(_, max)| max)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes(text: &str, limits: &Limits) -> Vec<Outcome> {
        let explained = Explained::new(text, limits);
        verdicts(&explained, limits).iter().map(|verdict| verdict.outcome).collect()
    }

    #[test]
    fn a_size_in_a_message_is_held_against_the_limits_of_the_day() {
        let line = "RequestEntityTooLargeException: 300000 byte payload is too large for the Event invocation type (limit 262144 bytes)";
        let classic = Limits::classic();
        assert_eq!(outcomes(line, &classic), [Outcome::Reproduced]);
        let current = Limits::at("current".parse().expect("a day"));
        assert_eq!(outcomes(line, &current), [Outcome::NotReproduced], "1 MB since October 2025");
        let explained = Explained::new(line, &classic);
        let text = verdicts(&explained, &classic)[0].to_text();
        assert!(
            text.contains("lambda_async_request: 300,000 B of at most 262,144 B, 37,856 B over"),
            "{text}"
        );
    }

    #[test]
    fn a_refusal_without_a_size_cannot_be_told() {
        let line = "Exceeded maximum allowed payload size (6291556 bytes).";
        assert_eq!(outcomes(line, &Limits::classic()), [Outcome::Unknown]);
    }

    #[test]
    fn an_answer_is_measured_as_it_stands() {
        let answer =
            |bytes: usize| format!(r#"{{"statusCode":200,"body":"{}"}}"#, "x".repeat(bytes - 28));
        assert_eq!(answer(6_291_557).len(), 6_291_557);
        assert_eq!(outcomes(&answer(6_291_557), &Limits::classic()), [Outcome::Reproduced]);
        assert_eq!(outcomes(&answer(6_291_556), &Limits::classic()), [Outcome::NotReproduced]);
    }
}
