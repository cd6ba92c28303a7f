//! The vocabulary of the table: quantities with a unit, a row, a limit in force, and what happens when it is exceeded.

use std::fmt;

use serde::Serialize;

use crate::date::Date;

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Bytes(pub u64);

/// A span of time in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Millis(pub u64);

/// A number of things: characters, layers, concurrent executions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Count(pub u64);

impl Bytes {
    /// The length of a buffer.
    #[must_use]
    pub const fn of(buffer: &[u8]) -> Bytes {
        Bytes(buffer.len() as u64)
    }
}

/// The unit of a row's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// [`Bytes`]
    Bytes,
    /// [`Millis`]
    Milliseconds,
    /// [`Count`]
    Count,
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Unit::Bytes => "bytes",
            Unit::Milliseconds => "ms",
            Unit::Count => "",
        })
    }
}

/// A number whose unit is in its type.
pub trait Quantity: Copy + PartialOrd {
    /// The unit that the type stands for.
    const UNIT: Unit;
    /// Gives a bare number its unit.
    fn from_number(number: u64) -> Self;
    /// The bare number.
    fn number(self) -> u64;
}

macro_rules! quantity {
    ($($name:ident = $unit:ident),+) => {$(
        impl Quantity for $name {
            const UNIT: Unit = Unit::$unit;
            fn from_number(number: u64) -> Self {
                $name(number)
            }
            fn number(self) -> u64 {
                self.0
            }
        }
    )+};
}
quantity!(Bytes = Bytes, Millis = Milliseconds, Count = Count);

/// The service whose limit a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[allow(missing_docs)]
pub enum Scope {
    Lambda,
    Rest,
    HttpApi,
    FunctionUrl,
    Alb,
    Edge,
    WebSocket,
    S3,
    DynamoDb,
    Ssm,
    SecretsManager,
    Sqs,
    Sns,
    EventBridge,
    StepFunctions,
}

/// Who sees a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub enum Party {
    /// The HTTP client of a REST API.
    RestClient,
    /// The HTTP client of an HTTP API.
    HttpClient,
    /// The HTTP client of a function URL.
    UrlClient,
    /// Whoever calls the service's own API: `Invoke`, `PutObject`, `CreateFunction`.
    Invoker,
    /// The function, at its Runtime API.
    Function,
    /// The function's log.
    Log,
}

/// How well a number or a text is known. Taken over from the source, never improved here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// Recorded from AWS by a test that stores the answer, or a full capture.
    Validated,
    /// AWS documentation, an AWS SDK model, or source published by AWS.
    Official,
    /// Reported by a user who quotes the text.
    Observed,
    /// Worked out by arithmetic or by reading code.
    Derived,
    /// Believed. Do not rely on it.
    Unconfirmed,
}

/// Where hardcap proves that it enforces a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(tag = "state", content = "reason", rename_all = "snake_case")]
pub enum Proof {
    /// A test crosses the limit from outside: at it, one over, and a healthy request after.
    Tested,
    /// It will be enforced; the reason says what is missing.
    Pending(&'static str),
    /// It is a fact for the reader; the reason says why hardcap does not enforce it.
    NotEmulated(&'static str),
}

/// A value and the first day on which it held.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Dated {
    /// The first day; [`Date::EARLIEST`] when the beginning is not known.
    pub since: Date,
    /// The number, in the row's unit.
    pub value: u64,
    /// Where this number is stated.
    pub source: &'static str,
}

/// What one party sees when a limit is crossed, from one day on.
///
/// `body` is a template: `{max}` and `{observed}` are the two numbers, `{max_seconds}` the limit as seconds with two
/// decimals; other names in braces (`{request_id}`) are given by whoever renders it. A text holds no number of its own.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Refusal {
    /// Who sees it.
    pub to: Party,
    /// The first day of this text.
    pub since: Date,
    /// HTTP status, 0 where there is none (a log line).
    pub status: u16,
    /// The error code: of the header `x-amzn-errortype`, or `errorType` in the body. Empty when there is none.
    pub error_type: &'static str,
    /// The exact text, byte for byte once its placeholders are filled.
    pub body: &'static str,
    /// How well the text is known.
    pub confidence: Confidence,
    /// Where the text is recorded, with its date.
    pub source: &'static str,
}

/// One limit: the facts, for all days.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Row {
    /// The name in `--set NAME=VALUE` and in reports.
    pub name: &'static str,
    /// What the limit is.
    pub doc: &'static str,
    /// The unit of every number of the row.
    pub unit: Unit,
    /// The service.
    pub scope: Scope,
    /// Which bytes or which span of time is compared with the number.
    pub measured: &'static str,
    /// The numbers, oldest first; never empty.
    pub history: &'static [Dated],
    /// The limit as its source writes it, "6 MB".
    pub stated: &'static str,
    /// What each party sees, oldest first within a party.
    pub refusals: &'static [Refusal],
    /// How well the newest number is known.
    pub confidence: Confidence,
    /// Whether hardcap proves that it enforces it.
    pub proof: Proof,
}

impl Row {
    /// The number of a day: the newest entry of the history that is not younger than `date`, else the oldest.
    #[must_use]
    pub const fn value_at(&self, date: Date) -> u64 {
        self.dated_at(date).value
    }

    /// The entry of the history that holds on a day.
    #[must_use]
    pub const fn dated_at(&self, date: Date) -> &'static Dated {
        let mut found = &self.history[0];
        let mut at = 1;
        while at < self.history.len() {
            if self.history[at].since.not_after(date) {
                found = &self.history[at];
            }
            at += 1;
        }
        found
    }

    /// What a party saw on a day.
    #[must_use]
    pub fn refusal_at(&self, to: Party, date: Date) -> Option<&'static Refusal> {
        let mut of_party = self.refusals.iter().filter(|refusal| refusal.to == to);
        let first = of_party.next()?;
        Some(of_party.filter(|refusal| refusal.since <= date).last().unwrap_or(first))
    }
}

/// A row's number in force for a run.
#[derive(Clone, Copy, Debug)]
pub struct Limit<Q> {
    /// The facts.
    pub row: &'static Row,
    /// The largest quantity that is accepted: every limit is inclusive.
    pub max: Q,
    /// The day whose texts are shown.
    pub date: Date,
}

impl<Q: Quantity> Limit<Q> {
    /// Accepts up to and including the maximum.
    ///
    /// # Errors
    ///
    /// [`Exceeded`], which knows its row and so what each party is shown.
    pub fn admit(&self, observed: Q) -> Result<(), Exceeded> {
        if observed <= self.max {
            return Ok(());
        }
        Err(self.exceeded_by(observed))
    }

    /// The refusal of a quantity that is known to be too much, such as a wait that has been cut off.
    pub fn exceeded_by(&self, observed: Q) -> Exceeded {
        Exceeded {
            row: self.row,
            observed: observed.number(),
            max: self.max.number(),
            date: self.date,
        }
    }

    /// The same row with a smaller number that a setting asks for, such as a function's own timeout.
    #[must_use]
    pub fn lowered_to(&self, max: Q) -> Limit<Q> {
        Limit { max: if max < self.max { max } else { self.max }, ..*self }
    }
}

/// A quantity over its limit. Carries the row, so whoever shows it needs no `match`.
#[derive(Clone, Copy, Debug)]
pub struct Exceeded {
    /// The facts.
    pub row: &'static Row,
    /// What was measured, in the row's unit.
    pub observed: u64,
    /// What would have been accepted.
    pub max: u64,
    /// The day whose texts are shown.
    pub date: Date,
}

impl Exceeded {
    /// What `to` is shown, with `{max}`, `{observed}` and `{max_seconds}` filled. `None` when that party sees nothing.
    #[must_use]
    pub fn refusal(&self, to: Party) -> Option<RenderedRefusal> {
        self.refusal_with(to, &[])
    }

    /// As [`Exceeded::refusal`], with more placeholders, such as `("request_id", id)`.
    #[must_use]
    pub fn refusal_with(&self, to: Party, names: &[(&str, &str)]) -> Option<RenderedRefusal> {
        let refusal = self.row.refusal_at(to, self.date)?;
        Some(RenderedRefusal {
            status: refusal.status,
            error_type: refusal.error_type,
            body: self.fill(refusal.body, names),
        })
    }

    fn fill(&self, template: &str, names: &[(&str, &str)]) -> String {
        let seconds = format!("{}.{:02}", self.max / 1000, self.max % 1000 / 10);
        let mut text = template
            .replace("{max}", &self.max.to_string())
            .replace("{observed}", &self.observed.to_string())
            .replace("{max_seconds}", &seconds);
        for (name, value) in names {
            text = text.replace(&format!("{{{name}}}"), value);
        }
        text
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

/// A refusal with every placeholder filled: what goes on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenderedRefusal {
    /// HTTP status, 0 where there is none.
    pub status: u16,
    /// The error code, empty when there is none.
    pub error_type: &'static str,
    /// The exact text.
    pub body: String,
}
