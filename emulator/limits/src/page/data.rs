//! The table for programs, as values that serde serializes.

use serde::Serialize;

use crate::date::Date;
use crate::row::{Failure, Row};
use crate::table::{FAILURES, Limits};

/// The version of the form in which [`Page`] is serialized. `docs/limits.schema.json` describes it.
///
/// A change that could break a reader increments it; a member that is added does not.
pub const VERSION: u32 = 1;

/// All rows, with the numbers in force.
#[derive(Clone, Debug, Serialize)]
pub struct Page {
    /// [`VERSION`]
    pub version: u32,
    /// The day whose numbers and texts are in force: `2022-04-22`, or `current`.
    pub date: Date,
    /// The rows, in the order of the table.
    pub rows: Vec<PageRow>,
    /// Failures that are not limits.
    pub failures: &'static [Failure],
}

/// A row and its number in force.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct PageRow {
    /// The number that is enforced.
    pub in_force: u64,
    /// The number of the day, which differs when the run overrides it.
    pub of_the_day: u64,
    /// The facts.
    #[serde(flatten)]
    pub row: &'static Row,
}

/// The table for programs.
#[must_use]
pub fn data(limits: &Limits) -> Page {
    let date = limits.date();
    let rows = limits
        .in_force()
        .map(|(row, in_force)| PageRow { in_force, of_the_day: row.value_at(date), row })
        .collect();
    Page { version: VERSION, date, rows, failures: FAILURES }
}
