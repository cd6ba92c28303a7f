//! A row of the table: the facts about one limit, for all days.

use std::fmt;

use serde::Serialize;

use crate::date::Date;
use crate::quantity::Unit;

/// The service that a limit belongs to.
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
    CloudFormation,
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Scope::Lambda => "Lambda",
            Scope::Rest => "API Gateway: REST APIs",
            Scope::HttpApi => "API Gateway: HTTP APIs",
            Scope::FunctionUrl => "Function URLs",
            Scope::Alb => "Load balancers",
            Scope::Edge => "Lambda@Edge",
            Scope::WebSocket => "API Gateway: WebSocket APIs",
            Scope::S3 => "S3",
            Scope::DynamoDb => "DynamoDB",
            Scope::Ssm => "SSM Parameter Store",
            Scope::SecretsManager => "Secrets Manager",
            Scope::Sqs => "SQS",
            Scope::Sns => "SNS",
            Scope::EventBridge => "EventBridge",
            Scope::StepFunctions => "Step Functions",
            Scope::CloudFormation => "CloudFormation",
        })
    }
}

/// The recipient of a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub enum Party {
    /// The HTTP client of a REST API.
    RestClient,
    /// The HTTP client of an HTTP API.
    HttpClient,
    /// The HTTP client of a function URL.
    UrlClient,
    /// The HTTP client of a load balancer.
    AlbClient,
    /// The HTTP client of CloudFront, in front of a Lambda@Edge function.
    EdgeClient,
    /// The client of a WebSocket API: a message on its connection.
    WebSocketClient,
    /// The caller of the service's own API: `Invoke`, `PutObject`, `CreateFunction`.
    Invoker,
    /// The caller that creates or changes a function, if it receives another text than an [`Party::Invoker`].
    Deployer,
    /// The function, at its Runtime API.
    Function,
    /// The function's log.
    Log,
    /// The last part of the REPORT line in the function's log.
    Report,
    /// The execution log or the access log of an API.
    GatewayLog,
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Party::RestClient => "client of a REST API",
            Party::HttpClient => "client of an HTTP API",
            Party::UrlClient => "client of a function URL",
            Party::AlbClient => "client of a load balancer",
            Party::EdgeClient => "client of CloudFront",
            Party::WebSocketClient => "client of a WebSocket API",
            Party::Invoker => "caller of the service",
            Party::Deployer => "deployer of the function",
            Party::Function => "function",
            Party::Log => "function's log",
            Party::Report => "REPORT line of the function's log",
            Party::GatewayLog => "API's log",
        })
    }
}

/// The confidence in a number or a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// Recorded from AWS by a test that stores the response, or a full capture.
    Validated,
    /// AWS documentation, an AWS SDK model, or source published by AWS.
    Official,
    /// Reported by a user who quotes the text.
    Observed,
    /// Derived by arithmetic or from code.
    Derived,
    /// Assumed. Do not rely on it.
    Unconfirmed,
}

impl fmt::Display for Confidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Confidence::Validated => "validated",
            Confidence::Official => "official",
            Confidence::Observed => "observed",
            Confidence::Derived => "derived",
            Confidence::Unconfirmed => "unconfirmed",
        })
    }
}

/// The proof that hardcap enforces a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(tag = "state", content = "reason", rename_all = "snake_case")]
pub enum Proof {
    /// A test crosses the limit from outside: at the limit, one over, and a healthy request afterwards.
    Tested,
    /// Not enforced yet; the reason says what is missing.
    Pending(&'static str),
    /// Not enforced; the reason says why.
    NotEmulated(&'static str),
}

impl Proof {
    /// The state of the proof in one word or two.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Proof::Tested => "tested",
            Proof::Pending(_) => "pending",
            Proof::NotEmulated(_) => "not emulated",
        }
    }
}

impl fmt::Display for Proof {
    /// `pending: with asynchronous invocation`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Proof::Tested => f.write_str(self.word()),
            Proof::Pending(reason) | Proof::NotEmulated(reason) => {
                write!(f, "{}: {reason}", self.word())
            }
        }
    }
}

/// A number and the first day on which it held.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Dated {
    /// The first day; [`Date::EARLIEST`] if the beginning is unknown.
    pub since: Date,
    /// The number, in the row's unit.
    pub value: u64,
    /// The source of the number.
    pub source: &'static str,
}

/// The text that one party receives above a limit, from one day on.
///
/// `body` is a template. The placeholders `{max}`, `{observed}`, `{max_seconds}` (milliseconds as seconds with two decimals)
/// and `{max_whole_seconds}` are filled from the numbers. The code that renders the text supplies the values of other
/// placeholders (`{request_id}`), escaped for their context. A text contains no number of its own.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct RefusalText {
    /// The recipient.
    pub to: Party,
    /// The first day of this text.
    pub since: Date,
    /// The first day without this text, if it has ended.
    pub until: Option<Date>,
    /// Whether this is a second text for the same party and days. Such a text is recognized, but never rendered.
    pub alternative: bool,
    /// The HTTP status; 0 for a log line.
    pub status: u16,
    /// The error code: the header `x-amzn-errortype`, or `errorType` in the body. Empty if there is none.
    pub error_type: &'static str,
    /// The content type of the response; empty for a log line.
    pub content_type: &'static str,
    /// The exact text, byte for byte after placeholders are filled in. For S3 the text of `<Message>`, because the XML around
    /// it names the request. Empty if only status and code are known.
    pub body: &'static str,
    /// The confidence in the text.
    pub confidence: Confidence,
    /// The source of the text, with its date.
    pub source: &'static str,
}

/// An error that is not a limit, such as a malformed response: the texts by which it is recognized in logs and responses.
///
/// It is for tools that recognize texts. hardcap does not enforce or render it.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct KnownError {
    /// The name, unique among errors and rows.
    pub name: &'static str,
    /// The error and its cause.
    pub doc: &'static str,
    /// The service.
    pub scope: Scope,
    /// The texts, oldest first within a party.
    pub refusals: &'static [RefusalText],
}

/// One limit: the facts, for all days.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Row {
    /// The name in `--set NAME=VALUE` and in reports.
    pub name: &'static str,
    /// A description of the limit.
    pub doc: &'static str,
    /// The unit of every number of the row.
    pub unit: Unit,
    /// The service.
    pub scope: Scope,
    /// The bytes or the span of time that is compared with the number.
    pub measured: &'static str,
    /// The numbers, oldest first; never empty.
    pub history: &'static [Dated],
    /// The limit as its source writes it, such as "6 MB".
    pub stated: &'static str,
    /// The text for each party, oldest first within a party.
    pub refusals: &'static [RefusalText],
    /// The confidence in the newest number.
    pub confidence: Confidence,
    /// The proof that hardcap enforces the limit.
    pub proof: Proof,
    /// The names of the tests that cross the limit from outside. Empty unless `proof` is [`Proof::Tested`].
    pub tests: &'static [&'static str],
}

impl Row {
    /// Whether the number is a minimum instead of a maximum. A minimum has no headroom.
    #[must_use]
    pub fn is_minimum(&self) -> bool {
        self.name.ends_with("_min")
    }

    /// The number on a day: the newest entry of the history that is not after `date`, else the oldest.
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

    /// The first day from which a number is known; [`Date::EARLIEST`] if the limit has always existed.
    #[must_use]
    pub const fn began(&self) -> Date {
        self.history[0].since
    }

    /// The text for a party on a day: its newest text that is not after `date`, else its oldest. `None` if it receives no text
    /// on that day. Alternatives are never returned.
    #[must_use]
    pub fn refusal_at(&self, to: Party, date: Date) -> Option<&'static RefusalText> {
        let of_party =
            || self.refusals.iter().filter(|refusal| refusal.to == to && !refusal.alternative);
        let begun = of_party().filter(|refusal| refusal.since <= date);
        let newest = begun.max_by_key(|refusal| refusal.since).or_else(|| of_party().next());
        newest.filter(|refusal| refusal.until.is_none_or(|end| date < end))
    }
}
