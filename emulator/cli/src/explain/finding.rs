//! The findings in an input: a text or a report, its causes, and the excess over a limit. Pure.

use std::collections::HashMap;

use hardcap_limits::{Limits, Row, Unit};

use super::cause::{self, OtherCause};
use super::known::{Claim, Rank};
use super::pattern::Hit;
use super::recognize::{Lines, Message, TEXT};
use super::remedy::remedy;

/// A possible cause of a finding, with the reason.
#[derive(Clone, Debug)]
pub struct Cause {
    /// The row of the table, or the name of another cause.
    pub name: &'static str,
    /// The row, if it is a limit of the table.
    pub row: Option<&'static Row>,
    /// The confidence.
    pub rank: Rank,
    /// The reason for its rank.
    pub why: String,
    /// The line or fact that would decide; empty if nothing is undecided.
    pub decided_by: String,
}

/// A finding.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The recognized text, on one line, without control characters.
    pub quote: String,
    /// The first line or record with the text, from 1; `None` in a single document.
    pub line: Option<usize>,
    /// The number of occurrences.
    pub times: usize,
    /// The quantity that the input names, in [`Finding::unit`].
    pub observed: Option<u64>,
    /// The limit that the input names.
    pub max: Option<u64>,
    /// The causes, the most likely first; never empty.
    pub causes: Vec<Cause>,
    /// Further information in the input, in sentences.
    pub notes: Vec<String>,
    /// The source of the text.
    pub source: String,
    /// Whether other findings have more information.
    pub(crate) is_general: bool,
    /// The place of the last occurrence in a text.
    pub(crate) place: Option<Place>,
    /// The requests with this failure.
    pub(crate) requests: Requests,
}

/// How often texts and reports of the platform have a failure of a request, by the id of the request. The platform writes both for
/// one failure, and all attempts of an asynchronous invocation have one id.
pub(crate) type Requests = HashMap<String, Mentions>;

/// The mentions of a failure of one request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mentions {
    /// Texts such as `Task timed out after 3.00 seconds`.
    pub(crate) texts: usize,
    /// `platform.runtimeDone`.
    pub(crate) runtime: usize,
    /// `REPORT` lines and `platform.report`.
    pub(crate) reports: usize,
}

impl Mentions {
    /// The number of failures.
    fn failures(self) -> usize {
        self.texts.max(self.runtime).max(self.reports)
    }

    fn add(&mut self, other: Mentions) {
        self.texts += other.texts;
        self.runtime += other.runtime;
        self.reports += other.reports;
    }
}

/// The number of failures that two lists of requests both have counted.
fn counted_twice(counted: &mut Requests, more: Requests) -> usize {
    let mut twice = 0;
    for (request, mentions) in more {
        let known = counted.entry(request).or_default();
        let separate = known.failures() + mentions.failures();
        known.add(mentions);
        twice += separate - known.failures();
    }
    twice
}

/// The place of an occurrence, by which several texts about one failure are recognized.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The record of the message; see [`Message::record`](super::recognize::Message::record).
    pub(crate) record: usize,
    /// The index of the message.
    pub(crate) message: usize,
    /// The line, from the beginning of the input or of the message.
    pub(crate) line: usize,
    /// The offsets of the text in its message.
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// The patterns that were found in this place.
    pub(crate) patterns: Vec<usize>,
}

/// The maximum distance of one text from its repetition in the same line that is about the same failure, in bytes:
/// `EMFILE: too many open files … code: 'EMFILE'`.
const NEAR: usize = 100;

impl Place {
    pub(crate) fn of(hit: &Hit, index: usize, message: &Message, lines: &mut Lines<'_>) -> Place {
        Place {
            record: message.record,
            message: index,
            line: lines.of(hit.start),
            start: hit.start,
            end: hit.end,
            patterns: vec![hit.pattern],
        }
    }

    /// Whether a later place is about the same failure: another text in the same line or the next one, a repetition near by, or
    /// another string of the same record. An error has a code and a message.
    fn is_continued_by(&self, next: &Place) -> bool {
        if self.record != next.record {
            return false;
        }
        if self.message != next.message {
            return self.record != TEXT;
        }
        let is_new = !next.patterns.iter().any(|pattern| self.patterns.contains(pattern));
        match next.line.checked_sub(self.line) {
            Some(0) => is_new || next.start.saturating_sub(self.end) <= NEAR,
            Some(1) => is_new,
            _ => false,
        }
    }

    fn extend(&mut self, next: Place) {
        let patterns = std::mem::take(&mut self.patterns);
        *self = next;
        self.patterns.extend(patterns);
    }
}

impl Cause {
    pub(crate) fn new(claim: &Claim) -> Cause {
        Cause {
            name: claim.cause,
            row: Limits::row(claim.cause),
            rank: claim.rank,
            why: claim.why.to_owned(),
            decided_by: claim.decided_by.to_owned(),
        }
    }

    pub(crate) fn certain(name: &'static str, why: &str) -> Cause {
        Cause {
            name,
            row: Limits::row(name),
            rank: Rank::Certain,
            why: why.to_owned(),
            decided_by: String::new(),
        }
    }

    pub(crate) fn likely(name: &'static str, why: &str, decided_by: &str) -> Cause {
        let decided_by = decided_by.to_owned();
        Cause { rank: Rank::Likely, decided_by, ..Cause::certain(name, why) }
    }

    pub(crate) fn possible(name: &'static str, why: &str, decided_by: &str) -> Cause {
        Cause { rank: Rank::Possible, ..Cause::likely(name, why, decided_by) }
    }

    /// The unit of its quantities.
    fn unit(&self) -> Unit {
        match (self.row, self.other()) {
            (Some(row), _) => row.unit,
            (None, other) => other.map_or(Unit::Bytes, |other| other.unit),
        }
    }

    fn other(&self) -> Option<&'static OtherCause> {
        cause::other(self.name)
    }

    /// The description: the first paragraph of a row's text.
    #[must_use]
    pub fn about(&self) -> String {
        match (self.row, self.other()) {
            (Some(row), _) => paragraphs(row.doc).into_iter().next().unwrap_or_default(),
            (None, other) => other.map(|other| other.doc.to_owned()).unwrap_or_default(),
        }
    }

    /// The remedy.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        remedy(self.name)
    }

    /// The source of the number or the fact.
    #[must_use]
    pub fn source(&self, limits: &Limits) -> String {
        match (self.row, self.other()) {
            (Some(row), _) => {
                format!("{} ({})", row.dated_at(limits.date()).source, row.confidence)
            }
            (None, Some(other)) => other.source.to_owned(),
            (None, None) => String::new(),
        }
    }
}

impl Finding {
    /// A finding in a record that has no known text.
    pub(crate) fn of_record(
        quote: &str,
        line: Option<usize>,
        causes: Vec<Cause>,
        source: &str,
    ) -> Finding {
        Finding {
            quote: super::input::shown(quote, super::QUOTE_MAX),
            line,
            times: 1,
            observed: None,
            max: None,
            causes,
            notes: Vec::new(),
            source: source.to_owned(),
            is_general: false,
            place: None,
            requests: Requests::new(),
        }
    }

    /// The most likely cause.
    #[must_use]
    pub fn first(&self) -> &Cause {
        &self.causes[0]
    }

    /// The unit of the quantity.
    #[must_use]
    pub fn unit(&self) -> Unit {
        self.first().unit()
    }

    /// Whether there is exactly one cause.
    #[must_use]
    pub fn is_certain(&self) -> bool {
        self.causes.len() == 1 && self.first().rank == Rank::Certain
    }

    /// The excess over the limit that the input names, otherwise over the one in force; the shortfall for a minimum.
    #[must_use]
    pub fn over(&self, limits: &Limits) -> Option<u64> {
        let observed = self.observed?;
        let max = self.max.or_else(|| self.in_force(limits))?;
        if self.first().row.is_some_and(Row::is_minimum) {
            max.checked_sub(observed)
        } else {
            observed.checked_sub(max)
        }
    }

    /// The number in force of the first cause.
    #[must_use]
    pub fn in_force(&self, limits: &Limits) -> Option<u64> {
        let name = self.first().row?.name;
        limits.in_force().find(|(row, _)| row.name == name).map(|(_, max)| max)
    }
}

/// Sorts the worst first: by confidence, then by the ratio to the limit, then by the order of the input.
pub(crate) fn sort(findings: &mut [Finding], limits: &Limits) {
    findings.sort_by_key(|finding| {
        let share = finding.over(limits).zip(finding.observed).map_or(0, |(over, observed)| {
            over.saturating_mul(1000) / observed.saturating_sub(over).max(1) + 1
        });
        (finding.first().rank, finding.is_general, std::cmp::Reverse(share), finding.line)
    });
}

/// Merges equal findings.
pub(crate) fn merge(findings: Vec<Finding>) -> Vec<Finding> {
    let mut merged: Vec<Finding> = Vec::new();
    let mut index = HashMap::new();
    for finding in findings {
        let names: Vec<&str> = finding.causes.iter().map(|cause| cause.name).collect();
        // A log can name one timeout twice.
        let is_time = finding.unit() == Unit::Milliseconds;
        let key = (names, if is_time { None } else { finding.observed }, finding.max);
        match index.get(&key) {
            Some(&at) => {
                let one: &mut Finding = &mut merged[at];
                one.times += finding.times;
                match (&mut one.place, finding.place) {
                    (Some(place), Some(next)) if place.is_continued_by(&next) => {
                        one.times -= 1;
                        place.extend(next);
                    }
                    (place, next) => {
                        one.times -= counted_twice(&mut one.requests, finding.requests);
                        *place = next.or(place.take());
                    }
                }
                one.observed = one.observed.max(finding.observed);
                for note in finding.notes {
                    if !one.notes.contains(&note) && one.notes.len() < 4 {
                        one.notes.push(note);
                    }
                }
            }
            None => {
                index.insert(key, merged.len());
                merged.push(finding);
            }
        }
    }
    merged
}

/// Uses certain findings to decide uncertain ones.
pub(crate) fn decide(mut findings: Vec<Finding>) -> Vec<Finding> {
    let sure: Vec<(&'static str, Option<usize>)> = findings
        .iter()
        .filter(|one| one.is_certain() && !one.is_general)
        .map(|one| (one.first().name, one.line))
        .collect();
    if !sure.is_empty() {
        findings.retain(|one| !one.is_general);
    }
    for finding in &mut findings {
        let Some((name, line)) = sure
            .iter()
            .find(|(name, _)| finding.causes.iter().any(|cause| cause.name == *name))
            .copied()
        else {
            continue;
        };
        if finding.is_certain() {
            continue;
        }
        let why = line.map_or_else(
            || "another part of the input names it".to_owned(),
            |line| format!("line {line} names it"),
        );
        finding.causes.retain(|cause| cause.name == name);
        finding.causes[0].rank = Rank::Certain;
        finding.causes[0].why = why;
        finding.causes[0].decided_by = String::new();
    }
    absorb(findings)
}

/// A finding is redundant if another one names the same cause with numbers.
fn absorb(findings: Vec<Finding>) -> Vec<Finding> {
    let detailed: Vec<&'static str> = findings
        .iter()
        .filter(|one| one.observed.is_some() || one.max.is_some())
        .map(|one| one.first().name)
        .collect();
    let mut kept: Vec<Finding> = Vec::new();
    let mut quotes: Vec<(&'static str, String)> = Vec::new();
    for finding in findings {
        let name = finding.first().name;
        let is_bare = finding.observed.is_none() && finding.max.is_none() && finding.is_certain();
        let is_known = detailed.contains(&name)
            || kept.iter().any(|one| one.first().name == name && one.is_certain());
        if is_bare && is_known {
            quotes.push((name, finding.quote));
        } else {
            kept.push(finding);
        }
    }
    for (name, quote) in quotes {
        if let Some(one) = kept.iter_mut().find(|one| one.first().name == name) {
            let note = format!("“{quote}” in the same input is the same failure");
            if !one.quote.contains(&quote) && !one.notes.contains(&note) && one.notes.len() < 4 {
                one.notes.push(note);
            }
        }
    }
    kept
}

/// The paragraphs of a row's text, each in one line.
pub(crate) fn paragraphs(doc: &str) -> Vec<String> {
    let line = |paragraph: &str| paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
    let trimmed: Vec<&str> = doc.lines().map(str::trim).collect();
    trimmed
        .split(|line| line.is_empty())
        .map(|lines| line(&lines.join(" ")))
        .filter(|text| !text.is_empty())
        .collect()
}
