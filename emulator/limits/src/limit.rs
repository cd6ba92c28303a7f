//! A limit in force, and the error of a quantity that exceeds it.

use std::fmt;

use crate::date::Date;
use crate::quantity::{Quantity, Unit};
use crate::row::{Party, Row};

/// A row and its number in force for a run.
#[derive(Clone, Copy, Debug)]
pub struct Limit<Q> {
    /// The row.
    pub row: &'static Row,
    /// The largest accepted quantity: every limit is inclusive.
    pub max: Q,
    /// The day that selects the texts.
    pub date: Date,
}

impl<Q: Quantity> Limit<Q> {
    /// Accepts quantities up to and including the maximum.
    ///
    /// # Errors
    ///
    /// [`Exceeded`], which renders the refusal for each party.
    pub fn admit(&self, observed: Q) -> Result<(), Exceeded> {
        if observed <= self.max {
            return Ok(());
        }
        Err(self.exceeded_by(observed))
    }

    /// The refusal of a quantity that is known to exceed the limit, such as a wait that was cut off.
    pub fn exceeded_by(&self, observed: Q) -> Exceeded {
        Exceeded {
            row: self.row,
            observed: observed.number(),
            max: self.max.number(),
            date: self.date,
        }
    }

    /// Whether the limit existed on the day of the run. A row that begins later, such as one of response streaming, belongs to
    /// a feature that did not exist yet.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.row.began() <= self.date
    }

    /// The same row with a smaller number from a setting, such as a function's own timeout.
    #[must_use]
    pub fn lowered_to(&self, max: Q) -> Limit<Q> {
        Limit { max: max.min(self.max), ..*self }
    }
}

/// A quantity above its limit.
#[derive(Clone, Copy, Debug)]
pub struct Exceeded {
    /// The row.
    pub row: &'static Row,
    /// The measured quantity, in the row's unit.
    pub observed: u64,
    /// The largest accepted quantity, in the row's unit.
    pub max: u64,
    /// The day that selects the texts.
    pub date: Date,
}

impl Exceeded {
    /// The refusal for a party, with `{max}`, `{observed}` and `{max_seconds}` filled in. `None` if that party receives
    /// nothing.
    #[must_use]
    pub fn refusal(&self, to: Party) -> Option<RenderedRefusal> {
        self.refusal_with(to, &[])
    }

    /// As [`Exceeded::refusal`], with additional placeholders such as `("request_id", id)`.
    #[must_use]
    pub fn refusal_with(&self, to: Party, names: &[(&str, &str)]) -> Option<RenderedRefusal> {
        let refusal = self.row.refusal_at(to, self.date)?;
        Some(RenderedRefusal {
            status: refusal.status,
            error_type: refusal.error_type,
            content_type: refusal.content_type,
            body: self.fill(refusal.body, names),
        })
    }

    /// One pass over the template, so that braces in a value are not replaced.
    fn fill(&self, template: &str, names: &[(&str, &str)]) -> String {
        let mut text = String::with_capacity(template.len() + 32);
        let mut rest = template;
        while let Some(open) = rest.find('{') {
            text.push_str(&rest[..open]);
            rest = &rest[open..];
            let filled = rest.find('}').and_then(|close| {
                let value = self.value_of(&rest[1..close], names)?;
                Some((value, close + 1))
            });
            // A brace before an unknown name belongs to JSON.
            let (value, taken) = filled.unwrap_or_else(|| ("{".to_owned(), 1));
            text.push_str(&value);
            rest = &rest[taken..];
        }
        text.push_str(rest);
        text
    }

    fn value_of(&self, name: &str, names: &[(&str, &str)]) -> Option<String> {
        match name {
            "max" => Some(self.max.to_string()),
            "observed" => Some(self.observed.to_string()),
            "max_seconds" => Some(format!("{}.{:02}", self.max / 1000, self.max % 1000 / 10)),
            "max_whole_seconds" => Some((self.max / 1000).to_string()),
            _ => {
                let (_, value) = names.iter().find(|(given, _)| *given == name)?;
                Some((*value).to_owned())
            }
        }
    }
}

impl fmt::Display for Exceeded {
    /// `lambda_sync_response: 6291560 bytes, 4 over the limit of 6291556`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Exceeded { row, observed, max, .. } = self;
        let over = observed.saturating_sub(*max);
        let unit = match row.unit {
            Unit::Count => String::new(),
            unit => format!(" {unit}"),
        };
        write!(f, "{}: {observed}{unit}, {over} over the limit of {max}", row.name)
    }
}

impl std::error::Error for Exceeded {}

/// A refusal with all placeholders filled in, as it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenderedRefusal {
    /// The HTTP status; 0 if there is none.
    pub status: u16,
    /// The error code; empty if there is none.
    pub error_type: &'static str,
    /// The content type; empty for a log line.
    pub content_type: &'static str,
    /// The exact text.
    pub body: String,
}
