//! The rows. To add a limit, add a row: nothing else lists them.

use std::fmt;

use crate::date::Date;
use crate::limit::{
    Bytes, Confidence, Count, Dated, Limit, Millis, Party, Proof, Quantity, Refusal, Row, Scope,
};

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
const SECOND: u64 = 1000;

/// Turns the rows into [`Limits`] (typed, for the code) and [`ROWS`] (for pages, reports and tests).
macro_rules! limits {
    ($(
        $(#[doc = $doc:literal])+
        $name:ident: $quantity:ident, { $($fact:ident: $value:expr),+ $(,)? }
    )+) => {
        #[allow(non_upper_case_globals)]
        mod row {
            use super::*;
            $(pub(super) static $name: Row = Row {
                name: stringify!($name),
                doc: concat!($($doc),+),
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
                    _ => return Err(UnknownRow { name: name.to_owned() }),
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
}

impl fmt::Display for UnknownRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there is no limit called `{}`; `hardcap limits` lists them", self.name)
    }
}

impl std::error::Error for UnknownRow {}

limits! {
    /// The event of a synchronous invocation.
    lambda_sync_request: Bytes, {
        scope: Scope::Lambda,
        measured: "the body of the Invoke request, that is the event as JSON",
        history: &[Dated { since: Date::EARLIEST, value: 6 * MIB, source: "limits.md 1.1" }],
        stated: "6 MB",
        refusals: &[
            Refusal { to: Party::Invoker, since: Date::EARLIEST, status: 413,
                error_type: "RequestEntityTooLargeException",
                body: r#"{"Message":"Request must be smaller than {max} bytes for the InvokeFunction operation"}"#,
                confidence: Confidence::Observed, source: "limits.md 1.1" },
            Refusal { to: Party::RestClient, since: Date::EARLIEST, status: 413,
                error_type: "BadRequestException", body: r#"{"message": "Request Too Long"}"#,
                confidence: Confidence::Validated, source: "limits.md 5.2" },
            Refusal { to: Party::HttpClient, since: Date::EARLIEST, status: 413,
                error_type: "", body: r#"{"message":"Request Entity Too Large"}"#,
                confidence: Confidence::Official, source: "limits.md 5.2" },
            Refusal { to: Party::UrlClient, since: Date::EARLIEST, status: 413,
                error_type: "RequestEntityTooLargeException",
                body: r#"{"Message":"Request must be smaller than {max} bytes for the InvokeFunction operation"}"#,
                confidence: Confidence::Observed, source: "limits.md 6.1" },
        ],
        confidence: Confidence::Observed,
        proof: Proof::Tested,
    }

    /// The answer of a synchronous invocation.
    lambda_sync_response: Bytes, {
        scope: Scope::Lambda,
        measured: "the bytes that the runtime posts to /response, serialized",
        history: &[Dated { since: Date::EARLIEST, value: 6 * MIB + 100, source: "limits.md 1.2" }],
        stated: "6 MB",
        refusals: &[
            Refusal { to: Party::Function, since: Date::EARLIEST, status: 413,
                error_type: "RequestEntityTooLarge",
                body: r#"{"errorMessage":"Exceeded maximum allowed payload size ({max} bytes).","errorType":"RequestEntityTooLarge"}"#,
                confidence: Confidence::Official, source: "limits.md 1.2" },
        ],
        confidence: Confidence::Official,
        proof: Proof::Tested,
    }

    /// The initialization of a sandbox, after which it is tried once more inside the invocation.
    lambda_init: Millis, {
        scope: Scope::Lambda,
        measured: "from the start of the process to its first request for an event",
        history: &[Dated { since: Date::EARLIEST, value: 10 * SECOND, source: "limits.md 4.2" }],
        stated: "10 s",
        refusals: &[],
        confidence: Confidence::Official,
        proof: Proof::Tested,
    }

    /// Concurrent executions of an account in a region.
    lambda_concurrency: Count, {
        scope: Scope::Lambda,
        measured: "executions under way",
        history: &[Dated { since: Date::EARLIEST, value: 1000, source: "limits.md 9" }],
        stated: "1,000",
        refusals: &[],
        confidence: Confidence::Official,
        proof: Proof::Tested,
    }
}
