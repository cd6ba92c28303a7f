//! One row of the table: the facts about a limit, for all days.

use std::fmt;

use serde::Serialize;

use crate::date::Date;
use crate::quantity::Unit;

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
        })
    }
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
    /// The HTTP client of a load balancer.
    AlbClient,
    /// The HTTP client of CloudFront, in front of a function at the edge.
    EdgeClient,
    /// The client of a WebSocket API: a message on its connection.
    WebSocketClient,
    /// The caller of the service's own API: `Invoke`, `PutObject`, `CreateFunction`.
    Invoker,
    /// The caller that creates or changes a function, where an [`Party::Invoker`] sees something else.
    Deployer,
    /// The function, at its Runtime API.
    Function,
    /// The function's log.
    Log,
    /// The end of the REPORT line in the function's log.
    Report,
    /// The execution log or the access log of an API, where it has one.
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

/// How well a number or a text is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// Recorded from AWS by a test that stores the answer, or a full capture.
    Validated,
    /// AWS documentation, an AWS SDK model, or source published by AWS.
    Official,
    /// Reported by a user who quotes the text.
    Observed,
    /// Concluded by arithmetic or from code.
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

/// Where hardcap proves that it enforces a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(tag = "state", content = "reason", rename_all = "snake_case")]
pub enum Proof {
    /// A test crosses the limit from outside: at it, one over, and a healthy request after.
    Tested,
    /// It will be enforced; the reason says what is missing.
    Pending(&'static str),
    /// Documentation only; the reason says why hardcap does not enforce it.
    NotEmulated(&'static str),
}

impl Proof {
    /// One word of it.
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
/// `body` is a template. Filled from the numbers: `{max}` and `{observed}`; `{max_seconds}`, milliseconds shown as
/// seconds with two decimals; `{max_whole_seconds}`. The code that renders the text gives the values of
/// other names (`{request_id}`), escaped for their place. A text holds no number of its own.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Refusal {
    /// Who sees it.
    pub to: Party,
    /// The first day of this text.
    pub since: Date,
    /// The first day without it, if there is one.
    pub until: Option<Date>,
    /// Whether it is a second text for the same party and the same days. Such a text is recognized, but never rendered.
    pub alternative: bool,
    /// HTTP status, 0 where there is none (a log line).
    pub status: u16,
    /// The error code: of the header `x-amzn-errortype`, or `errorType` in the body. Empty when there is none.
    pub error_type: &'static str,
    /// The content type of the answer, empty for a log line.
    pub content_type: &'static str,
    /// The exact text, byte for byte once its placeholders are filled. For S3 the text of `<Message>`, because the XML
    /// around it names the request. Empty when only status and code are known.
    pub body: &'static str,
    /// How well the text is known.
    pub confidence: Confidence,
    /// Where the text is recorded, with its date.
    pub source: &'static str,
}

/// A failure that is not a limit, such as a malformed response: the texts by which logs and responses show it.
///
/// It is for tools that recognize texts. Nothing is enforced or rendered from it.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Failure {
    /// The name, unique among failures and rows.
    pub name: &'static str,
    /// What failed, and why.
    pub doc: &'static str,
    /// The service.
    pub scope: Scope,
    /// The texts, oldest first within a party.
    pub refusals: &'static [Refusal],
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
    /// The names of the tests that cross the limit from outside. Empty unless `proof` is [`Proof::Tested`].
    pub tests: &'static [&'static str],
}

impl Row {
    /// Whether the number is a minimum, not a maximum. A minimum has no headroom.
    #[must_use]
    pub fn is_minimum(&self) -> bool {
        self.name.ends_with("_min")
    }

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

    /// The first day from which a number is known; [`Date::EARLIEST`] when it has always been there.
    #[must_use]
    pub const fn began(&self) -> Date {
        self.history[0].since
    }

    /// What a party saw on a day: its newest text that is not younger than `date`, else its oldest. `None` if it saw nothing on
    /// that day. Alternatives are never chosen.
    #[must_use]
    pub fn refusal_at(&self, to: Party, date: Date) -> Option<&'static Refusal> {
        let of_party =
            || self.refusals.iter().filter(|refusal| refusal.to == to && !refusal.alternative);
        let begun = of_party().filter(|refusal| refusal.since <= date);
        let newest = begun.max_by_key(|refusal| refusal.since).or_else(|| of_party().next());
        newest.filter(|refusal| refusal.until.is_none_or(|end| date < end))
    }
}
