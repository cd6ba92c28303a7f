//! The table for programs: whatever serializes writes it.

use serde::Serialize;

use crate::date::Date;
use crate::row::Row;
use crate::table::Limits;

/// All rows, with the numbers in force.
#[derive(Clone, Debug, Serialize)]
pub struct Page {
    /// The day whose numbers and texts are in force: `2022-04-22`, or `current`.
    pub date: Date,
    /// The rows, in the order of the table.
    pub rows: Vec<PageRow>,
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
    Page { date, rows }
}
