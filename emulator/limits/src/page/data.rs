//! The table for programs, as serializable values.

use serde::Serialize;

use crate::date::Date;
use crate::row::{KnownError, Row};
use crate::table::{KNOWN_ERRORS, Limits};

/// The version of the serialized form of [`Page`]. `docs/limits.schema.json` describes it.
///
/// A change that could break a reader increments it; an added member does not.
pub const VERSION: u32 = 1;

/// All rows with the numbers in force.
#[derive(Clone, Debug, Serialize)]
pub struct Page {
    /// [`VERSION`].
    pub version: u32,
    /// The day that selects the numbers and texts: `2022-04-22`, or `current`.
    pub date: Date,
    /// The rows, in the order of the table.
    pub rows: Vec<PageRow>,
    /// Errors that are not limits.
    pub failures: &'static [KnownError],
}

/// A row and its number in force.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct PageRow {
    /// The number in force.
    pub in_force: u64,
    /// The number of the day. It differs from `in_force` if the run overrides it.
    pub of_the_day: u64,
    /// The row.
    #[serde(flatten)]
    pub row: &'static Row,
}

/// Returns the table for programs.
#[must_use]
pub fn data(limits: &Limits) -> Page {
    let date = limits.date();
    let rows = limits
        .in_force()
        .map(|(row, in_force)| PageRow { in_force, of_the_day: row.value_at(date), row })
        .collect();
    Page { version: VERSION, date, rows, failures: KNOWN_ERRORS }
}
