//! The table. To add a limit, add a row to the file of its service: nothing else lists them.
//!
//! The rows are in `table/`, and every number of a limit is written there and nowhere else.

use std::fmt;

use crate::date::Date;
use crate::limit::Limit;
use crate::quantity::{Bytes, Count, Megabytes, Millis, Quantity};
use crate::row::Row;

mod events;
mod front;
mod function;
mod gateway;
mod lambda;
mod others;
mod relations;
mod s3;
mod source;

use events::event_rows;
use front::front_rows;
use function::function_rows;
use gateway::gateway_rows;
use lambda::lambda_rows;
use others::other_rows;
use s3::s3_rows;

/// Turns the rows into [`Limits`] (typed, for the code) and [`ROWS`] (for pages, reports and tests).
macro_rules! limits {
    (; $(
        $(#[doc = $doc:literal])+
        $name:ident: $quantity:ident, { $($fact:ident: $value:expr),+ $(,)? }
    )+) => {
        #[allow(non_upper_case_globals)]
        mod row {
            use super::{Bytes, Count, Megabytes, Millis, Quantity, Row, source};
            use crate::row::Confidence::{Derived, Observed, Official, Unconfirmed, Validated};
            use crate::row::Party::{
                Deployer, Function, GatewayLog, HttpClient, Invoker, Log, RestClient, UrlClient,
            };
            use crate::row::Proof::{NotEmulated, Pending, Tested};
            use crate::row::{Dated, Scope};

            const KIB: u64 = 1024;
            const MIB: u64 = 1024 * KIB;
            const GIB: u64 = 1024 * MIB;
            const TIB: u64 = 1024 * GIB;
            const SECOND: u64 = 1000;

            $(pub(super) static $name: Row = Row {
                name: stringify!($name),
                doc: concat!($($doc, "\n"),+),
                unit: <$quantity as Quantity>::UNIT,
                $($fact: $value),+
            };)+
        }

        /// All rows, in the order of the table.
        pub static ROWS: &[&Row] = &[$(&row::$name),+];

        /// The limits that one run enforces: the numbers of a day, and what the run overrides.
        #[derive(Clone, Debug)]
        pub struct Limits {
            date: Date,
            $($(#[doc = $doc])+ pub $name: Limit<$quantity>),+
        }

        impl Limits {
            /// The numbers and texts of a day.
            #[must_use]
            pub fn at(date: Date) -> Limits {
                Limits {
                    date,
                    $($name: Limit {
                        row: &row::$name,
                        max: $quantity(row::$name.value_at(date)),
                        date,
                    }),+
                }
            }

            /// Enforces another number for the row called `name`, in the row's unit.
            ///
            /// # Errors
            ///
            /// [`UnknownRow`] when the table has no row of that name; it names the nearest one.
            pub fn set(&mut self, name: &str, value: u64) -> Result<(), UnknownRow> {
                match name {
                    $(stringify!($name) => self.$name.max = $quantity(value),)+
                    _ => return Err(UnknownRow::new(name)),
                }
                Ok(())
            }

            /// The number in force of every row, in the order of the table.
            pub fn in_force(&self) -> impl Iterator<Item = (&'static Row, u64)> {
                [$((self.$name.row, self.$name.max.number())),+].into_iter()
            }
        }
    };
}

impl Limits {
    /// The numbers of 2022-04-22, which most people still quote: the default.
    #[must_use]
    pub fn classic() -> Limits {
        Limits::at(Date::CLASSIC)
    }

    /// The newest numbers known.
    #[must_use]
    pub fn current() -> Limits {
        Limits::at(Date::LATEST)
    }

    /// The day whose numbers and texts these are.
    #[must_use]
    pub fn date(&self) -> Date {
        self.date
    }

    /// The rows whose number in force is not the number of the day, as `(row, in force)`.
    pub fn overridden(&self) -> impl Iterator<Item = (&'static Row, u64)> {
        let date = self.date;
        self.in_force().filter(move |(row, value)| row.value_at(date) != *value)
    }

    /// The rows whose number in force is not that of `other`, as `(row, here, there)`: what the first line of a run says.
    pub fn differences(&self, other: &Limits) -> impl Iterator<Item = (&'static Row, u64, u64)> {
        self.in_force()
            .zip(other.in_force())
            .filter(|((_, here), (_, there))| here != there)
            .map(|((row, here), (_, there))| (row, here, there))
    }

    /// The row called `name`.
    #[must_use]
    pub fn row(name: &str) -> Option<&'static Row> {
        ROWS.iter().copied().find(|row| row.name == name)
    }
}

/// A name that no row has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownRow {
    name: String,
    nearest: Option<&'static str>,
}

impl UnknownRow {
    /// A row is near when at most half of the letters differ; a wild guess would only mislead.
    fn new(name: &str) -> UnknownRow {
        let rows = ROWS.iter().map(|row| (edits(name, row.name), row.name));
        let near = rows.filter(|(edits, row)| edits * 2 <= row.len().max(name.len()));
        let nearest = near.min_by_key(|(edits, _)| *edits).map(|(_, row)| row);
        UnknownRow { name: name.to_owned(), nearest }
    }
}

/// How many letters must be changed, added or taken away to make one name the other.
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

// The services in the order of the table. Each adds its rows and hands all of them to the next; `limits!` is the last.
lambda_rows! { function_rows event_rows gateway_rows s3_rows front_rows other_rows limits; }
