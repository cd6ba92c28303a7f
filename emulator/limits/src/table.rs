//! The table of limits: [`ROWS`] for pages, reports and tests, [`Limits`] for the code that enforces them.
//!
//! The facts are data in `emulator/limits/data/`: one file per service, one entry per limit. The build script
//! (`emulator/limits/build/`) checks them and generates the statics and the struct of this module. An error fails the build
//! with its file and line.
//!
//! # How to add a limit
//!
//! 1. Add an entry to the file of its service, where the page should show it. Nothing else lists the entries. This is a whole
//!    entry:
//!
//!    ```toml
//!    [[limit]]
//!    name = "sqs_message"              # the name in `--set NAME=NUMBER`: service, underscore, limit
//!    doc = "A message of a queue."     # what the limit is; sentences in markdown
//!    unit = "bytes"                    # bytes, milliseconds, megabytes or count
//!    measured = "body and attributes"  # which bytes or which span of time is compared with the number
//!    stated = "1 MiB"                  # the newest number as AWS writes it
//!    confidence = "validated"          # how well the newest number is known; see `Confidence`
//!    status = "not emulated"           # tested, pending or not emulated
//!    reason = "hardcap has no SQS"     # only if the limit is not tested: why
//!
//!    [[limit.number]]                  # one for each number, oldest first
//!    value = 262_144
//!    source = "@sqs_guide"             # an entry of sources.toml that several limits share
//!
//!    [[limit.number]]
//!    since = 2025-08-04                # the first day; none if the beginning is not known
//!    value = 1_048_576
//!    source = "AWS SDK model, 2025-08-25"  # document or address, and the day of publication, recording or reading
//!
//!    [[limit.text]]                    # one for each party and each wording, oldest first within a party
//!    to = "invoker"                    # rest_client, http_client, url_client, invoker, deployer, function, log, gateway_log
//!    status = 400                      # not for a log
//!    code = "InvalidParameterValue"    # error code, if there is one
//!    body = "Message must be shorter than {max} bytes."
//!    confidence = "validated"
//!    source = "LocalStack's snapshots of AWS, recorded 2025-08-19"
//!    ```
//!
//!    Every number is inclusive: the number itself is accepted. A `body` is the exact text, with placeholders in braces for
//!    what changes from one request to the next; it never holds the number itself, because `--set` changes the number. The
//!    known placeholders are in `build/check.rs`. A `content_type` is `application/json` unless the entry says otherwise.
//!
//! 2. Run `cargo test -p hardcap-limits`. It rewrites `docs/limits.md`; commit that file too.
//!
//! 3. To enforce the limit, call [`Limit::admit`] on the field of [`Limits`] that has the name of the entry, in one module of
//!    the emulator, and render the refusal from the [`Exceeded`](crate::Exceeded) that it returns. Write a test that crosses
//!    the limit from outside: at the number, one over, and a healthy request afterwards. Then replace `status` and `reason` by `status = "tested"`
//!    and `tests = ["name_of_the_test"]`.
//!
//! A text may also have `until`, the first day without it, and `alternative = true`: a second text that AWS shows on the same days. It is
//! recognized by `hardcap explain`, but never rendered.
//!
//! A failure that is not a limit, such as a malformed response, is a `[[failure]]` with `name`, `doc` and `[[failure.text]]`. It makes its
//! texts known to `hardcap explain` ([`KNOWN_ERRORS`]).
//!
//! A new service needs a file, its name in `FILES` of `build/main.rs`, and a variant of [`Scope`](crate::Scope).

use std::fmt;

use crate::date::Date;
use crate::limit::Limit;
use crate::quantity::{Bytes, Count, Megabytes, Millis};
use crate::row::{KnownError, Row};

mod relations;

// `mod row`, `ROWS` and `Limits`, generated from the data files by the build script.
include!(concat!(env!("OUT_DIR"), "/table.rs"));

impl Limits {
    /// The numbers of 2022-04-22, which many documents still quote.
    #[must_use]
    pub fn classic() -> Limits {
        Limits::at(Date::CLASSIC)
    }

    /// The newest numbers known.
    #[must_use]
    pub fn current() -> Limits {
        Limits::at(Date::LATEST)
    }

    /// The day of these numbers and texts.
    #[must_use]
    pub fn date(&self) -> Date {
        self.date
    }

    /// The overridden rows, as `(row, number in force)`.
    pub fn overridden(&self) -> impl Iterator<Item = (&'static Row, u64)> {
        let date = self.date;
        self.in_force().filter(move |(row, value)| row.value_at(date) != *value)
    }

    /// The rows whose number in force differs from that of `other`, as `(row, here, there)`.
    pub fn differences(&self, other: &Limits) -> impl Iterator<Item = (&'static Row, u64, u64)> {
        self.in_force()
            .zip(other.in_force())
            .filter(|((_, here), (_, there))| here != there)
            .map(|((row, here), (_, there))| (row, here, there))
    }

    /// The first and the last day on which a known number or text changed. On a day before the first one, the oldest facts are
    /// in force; after the last one, the newest.
    #[must_use]
    pub fn known_days() -> (Date, Date) {
        let numbers = ROWS.iter().flat_map(|row| row.history.iter().map(|number| number.since));
        let texts = ROWS.iter().flat_map(|row| row.refusals.iter());
        let texts = texts.flat_map(|text| [text.since].into_iter().chain(text.until));
        let days = numbers.chain(texts).filter(|day| *day != Date::EARLIEST);
        days.fold((Date::LATEST, Date::EARLIEST), |(first, last), day| {
            (first.min(day), last.max(day))
        })
    }

    /// The row named `name`.
    #[must_use]
    pub fn row(name: &str) -> Option<&'static Row> {
        ROWS.iter().copied().find(|row| row.name == name)
    }
}

/// A name that is not in the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownRow {
    name: String,
    nearest: Option<&'static str>,
}

impl UnknownRow {
    /// A name is similar if at most half of its letters differ.
    fn new(name: &str) -> UnknownRow {
        let rows = ROWS.iter().map(|row| (edits(name, row.name), row.name));
        let near = rows.filter(|(edits, row)| edits * 2 <= row.len().max(name.len()));
        let nearest = near.min_by_key(|(edits, _)| *edits).map(|(_, row)| row);
        UnknownRow { name: name.to_owned(), nearest }
    }
}

/// The edit distance of two names.
fn edits(from: &str, to: &str) -> usize {
    let mut above: Vec<usize> = (0..=to.len()).collect();
    for (row, letter) in from.bytes().enumerate() {
        let mut diagonal = row;
        above[0] = row + 1;
        for (column, other) in to.bytes().enumerate() {
            let changed = diagonal + usize::from(letter != other);
            diagonal = above[column + 1];
            above[column + 1] = changed.min(diagonal + 1).min(above[column] + 1);
        }
    }
    above[to.len()]
}

impl fmt::Display for UnknownRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there is no limit called `{}`; ", self.name)?;
        if let Some(nearest) = self.nearest {
            write!(f, "did you mean `{nearest}`? ")?;
        }
        f.write_str("`hardcap limits` lists them all")
    }
}

impl std::error::Error for UnknownRow {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distance_of_two_names_is_the_number_of_letters_to_edit() {
        for (from, to, letters) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("abc", "abc", 0),
            ("abc", "abd", 1),
            ("abc", "xabc", 1),
            ("abc", "ac", 1),
            ("ab", "ba", 2),
            ("flaw", "lawn", 2),
            ("kitten", "sitting", 3),
            ("sunday", "saturday", 3),
            ("intention", "execution", 5),
        ] {
            assert_eq!(edits(from, to), letters, "{from} {to}");
            assert_eq!(edits(to, from), letters, "{to} {from}");
        }
    }
}
