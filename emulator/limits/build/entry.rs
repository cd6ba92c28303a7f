//! The TOML schema of the data files: the keys of an entry and their types. The rules between them are in [`crate::check`].

use serde::Deserialize;
use toml::Spanned;
use toml::value::Datetime;

/// A data file: the limits of one service.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ServiceFile {
    pub(crate) service: Service,
    #[serde(rename = "limit")]
    pub(crate) limits: Vec<RowEntry>,
    #[serde(rename = "failure", default)]
    pub(crate) failures: Vec<KnownError>,
}

/// An error that is not a limit, with the texts by which it is recognized.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KnownError {
    pub(crate) name: Spanned<String>,
    pub(crate) doc: Spanned<String>,
    #[serde(rename = "text")]
    pub(crate) texts: Vec<Text>,
}

/// One limit.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RowEntry {
    pub(crate) name: Spanned<String>,
    pub(crate) doc: Spanned<String>,
    pub(crate) unit: Unit,
    pub(crate) measured: Spanned<String>,
    pub(crate) stated: Spanned<String>,
    pub(crate) confidence: Confidence,
    pub(crate) status: Spanned<Status>,
    pub(crate) reason: Option<Spanned<String>>,
    pub(crate) tests: Option<Vec<Spanned<String>>>,
    #[serde(rename = "number")]
    pub(crate) numbers: Vec<Number>,
    #[serde(rename = "text", default)]
    pub(crate) texts: Vec<Text>,
}

/// A number, and the first day on which it held.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Number {
    pub(crate) since: Option<Spanned<Datetime>>,
    pub(crate) value: Spanned<u64>,
    pub(crate) source: Spanned<String>,
}

/// The text that one party receives, and the first day of this text.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Text {
    pub(crate) to: Spanned<Party>,
    pub(crate) since: Option<Spanned<Datetime>>,
    pub(crate) until: Option<Spanned<Datetime>>,
    #[serde(default)]
    pub(crate) alternative: bool,
    pub(crate) status: Option<Spanned<u16>>,
    #[serde(default)]
    pub(crate) code: String,
    pub(crate) content_type: Option<Spanned<String>>,
    pub(crate) body: Spanned<String>,
    pub(crate) confidence: Confidence,
    pub(crate) source: Spanned<String>,
}

/// An enum of the crate: its spelling in TOML and the name of each variant in generated code.
macro_rules! spelled {
    ($(#[doc = $doc:literal] $name:ident { $($text:literal = $variant:ident),+ $(,)? })+) => {$(
        #[doc = $doc]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
        pub(crate) enum $name {
            $(#[serde(rename = $text)] $variant),+
        }
    )+};
}

spelled! {
    /// The service of a file: `crate::row::Scope`.
    Service {
        "lambda" = Lambda, "rest_api" = Rest, "http_api" = HttpApi, "function_url" = FunctionUrl, "alb" = Alb,
        "edge" = Edge, "websocket_api" = WebSocket, "s3" = S3, "dynamodb" = DynamoDb, "ssm" = Ssm,
        "secrets_manager" = SecretsManager, "sqs" = Sqs, "sns" = Sns, "event_bridge" = EventBridge,
        "step_functions" = StepFunctions, "cloud_formation" = CloudFormation,
    }
    /// The unit of an entry's numbers: `crate::quantity::Unit`.
    Unit { "bytes" = Bytes, "milliseconds" = Milliseconds, "megabytes" = Megabytes, "count" = Count }
    /// The confidence in a fact: `crate::row::Confidence`.
    Confidence {
        "validated" = Validated, "official" = Official, "observed" = Observed, "derived" = Derived,
        "unconfirmed" = Unconfirmed,
    }
    /// Whether hardcap enforces the limit: `crate::row::Proof`.
    Status { "tested" = Tested, "pending" = Pending, "not emulated" = NotEmulated }
    /// The recipient of a text: `crate::row::Party`.
    Party {
        "rest_client" = RestClient, "http_client" = HttpClient, "url_client" = UrlClient, "alb_client" = AlbClient,
        "edge_client" = EdgeClient, "websocket_client" = WebSocketClient, "invoker" = Invoker, "deployer" = Deployer,
        "function" = Function, "log" = Log, "report" = Report, "gateway_log" = GatewayLog,
    }
}

impl Party {
    /// Whether the party reads a log or a message. Its texts then have neither a status nor a content type.
    pub(crate) fn is_log(self) -> bool {
        matches!(self, Party::Log | Party::Report | Party::GatewayLog | Party::WebSocketClient)
    }
}
