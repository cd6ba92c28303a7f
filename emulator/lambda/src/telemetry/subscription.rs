//! Subscription requests: parsing and validation. Pure.

use hardcap_limits::{Bytes, Count, Limits, Millis};
use serde::Deserialize;

/// The types of events to subscribe to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EventType {
    Platform,
    Function,
    Extension,
}

impl EventType {
    pub(super) fn name(self) -> &'static str {
        match self {
            EventType::Platform => "platform",
            EventType::Function => "function",
            EventType::Extension => "extension",
        }
    }
}

/// The API of a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SubscriptionApi {
    /// `PUT /2022-07-01/telemetry`
    Telemetry,
    /// `PUT /2020-08-15/logs`
    Logs,
}

impl SubscriptionApi {
    /// The name in errors.
    pub(crate) fn name(self) -> &'static str {
        match self {
            SubscriptionApi::Telemetry => "Telemetry",
            SubscriptionApi::Logs => "Logs",
        }
    }

    pub(super) fn subscription_event(self) -> &'static str {
        match self {
            SubscriptionApi::Telemetry => "platform.telemetrySubscription",
            SubscriptionApi::Logs => "platform.logsSubscription",
        }
    }

    fn versions(self) -> &'static [&'static str] {
        match self {
            SubscriptionApi::Telemetry => &["2022-07-01", "2022-12-13", "2025-01-29"],
            SubscriptionApi::Logs => &["2020-08-15", "2021-03-18"],
        }
    }
}

/// The delivery protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DeliveryProtocol {
    /// A POST request with a JSON array for each batch.
    Post,
    /// A PUT request; only the Logs API offers the choice.
    Put,
    /// One connection, one event per line.
    Tcp,
}

/// A valid subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Subscription {
    pub(super) streams: Vec<EventType>,
    pub(super) max_items: usize,
    pub(super) max_bytes: usize,
    pub(super) timeout: Millis,
    /// Whether the end of the runtime's work is reported: for the Logs API only with its newer schema.
    pub(super) hears_of_runtime_done: bool,
    pub(super) protocol: DeliveryProtocol,
    /// The port of the extension's listener on this machine.
    pub(super) port: u16,
    /// Path and query of the listener.
    pub(super) path: String,
}

/// The errors of a request. AWS's format is `URI port is not provided; types should not be empty` (Telemetry API reference,
/// 2022-12-13). The other texts are unconfirmed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("; "))]
pub struct SubscriptionError(Vec<String>);

impl SubscriptionError {
    pub(super) fn other_api(api: SubscriptionApi) -> SubscriptionError {
        SubscriptionError(vec![format!(
            "the extension has already subscribed with the {} API",
            api.name()
        )])
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Request {
    schema_version: Option<String>,
    destination: Destination,
    types: Vec<String>,
    buffering: Buffering,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Destination {
    protocol: String,
    #[serde(rename = "URI")]
    uri: String,
    method: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Buffering {
    max_items: Option<u64>,
    max_bytes: Option<u64>,
    timeout_ms: Option<u64>,
}

/// The minimum and the default of each value (same sources as the rows). The Logs API's default number of items is its maximum.
const ITEMS_MIN: u64 = 1_000;
const TIMEOUT_MIN: u64 = 25;
const TIMEOUT_DEFAULT: u64 = 1_000;

impl Subscription {
    /// Parses a request.
    pub(crate) fn read(
        body: &[u8],
        api: SubscriptionApi,
        limits: &Limits,
    ) -> Result<Subscription, SubscriptionError> {
        let request: Request = serde_json::from_slice(body).map_err(|error| {
            SubscriptionError(vec![format!("the request is malformed: {error}")])
        })?;
        let mut wrong = Vec::new();
        if let Some(version) = &request.schema_version
            && !api.versions().contains(&version.as_str())
        {
            wrong.push(format!("schemaVersion {version} is not supported"));
        }
        let (port, path) = destination(&request.destination, &mut wrong);
        let protocol = protocol(&request.destination, api, &mut wrong);
        let streams = streams(&request.types, &mut wrong);
        let Buffering { max_items, max_bytes, timeout_ms } = request.buffering;
        let bytes_min = limits.lambda_telemetry_buffer.max.0;
        let items_most = limits.lambda_telemetry_items.max.0;
        let items_default = if api == SubscriptionApi::Logs { items_most } else { ITEMS_MIN };
        let max_items = max_items.unwrap_or(items_default);
        let max_bytes = max_bytes.unwrap_or(bytes_min);
        let timeout = timeout_ms.unwrap_or(TIMEOUT_DEFAULT);
        for (name, asked, min, max, fits) in [
            (
                "maxItems",
                max_items,
                ITEMS_MIN,
                items_most,
                limits.lambda_telemetry_items.admit(Count(max_items)).is_ok(),
            ),
            (
                "maxBytes",
                max_bytes,
                bytes_min,
                limits.lambda_telemetry_buffer_max.max.0,
                limits.lambda_telemetry_buffer_max.admit(Bytes(max_bytes)).is_ok(),
            ),
            (
                "timeoutMs",
                timeout,
                TIMEOUT_MIN,
                limits.lambda_telemetry_timeout.max.0,
                limits.lambda_telemetry_timeout.admit(Millis(timeout)).is_ok(),
            ),
        ] {
            if asked < min || !fits {
                wrong.push(format!("buffering.{name} should be between {min} and {max}"));
            }
        }
        if !wrong.is_empty() {
            return Err(SubscriptionError(wrong));
        }
        Ok(Subscription {
            streams,
            max_items: usize::try_from(max_items).unwrap_or(usize::MAX),
            max_bytes: usize::try_from(max_bytes).unwrap_or(usize::MAX),
            timeout: Millis(timeout),
            hears_of_runtime_done: request.schema_version.as_deref() == Some("2021-03-18"),
            protocol,
            port,
            path,
        })
    }

    /// The port of the listener, and its path and query.
    pub(crate) fn address(&self) -> (u16, String) {
        (self.port, self.path.clone())
    }

    /// The maximum number of waiting events: one batch that is being filled, and one that is being delivered.
    pub(super) fn queue(&self) -> usize {
        self.max_items * 2
    }

    /// The maximum size of waiting events: AWS announces batches of up to twice `maxBytes`.
    pub(super) fn bytes(&self) -> usize {
        self.max_bytes * 2
    }
}

fn streams(types: &[String], wrong: &mut Vec<String>) -> Vec<EventType> {
    let mut streams = Vec::new();
    for name in types {
        match [EventType::Platform, EventType::Function, EventType::Extension]
            .into_iter()
            .find(|stream| stream.name() == name)
        {
            Some(stream) if !streams.contains(&stream) => streams.push(stream),
            Some(_) => {}
            None => wrong.push(format!("type {name} is not supported")),
        }
    }
    if types.is_empty() {
        wrong.push("types should not be empty".to_owned());
    }
    streams
}

fn protocol(
    destination: &Destination,
    api: SubscriptionApi,
    wrong: &mut Vec<String>,
) -> DeliveryProtocol {
    let Destination { protocol, method, .. } = destination;
    match (protocol.as_str(), method.as_deref()) {
        ("HTTP", Some("PUT")) if api == SubscriptionApi::Logs => DeliveryProtocol::Put,
        ("HTTP", None | Some("POST")) => DeliveryProtocol::Post,
        ("TCP", _) => DeliveryProtocol::Tcp,
        ("HTTP", Some(other)) => {
            wrong.push(format!("method {other:?} is not supported"));
            DeliveryProtocol::Post
        }
        (other, _) => {
            wrong.push(format!("protocol {other:?} is not supported"));
            DeliveryProtocol::Post
        }
    }
}

/// The port and the path of `http://sandbox.localdomain:8080/path`.
fn destination(destination: &Destination, wrong: &mut Vec<String>) -> (u16, String) {
    let Ok(uri) = destination.uri.parse::<http::Uri>() else {
        wrong.push("URI is not valid".to_owned());
        return (0, String::new());
    };
    if !matches!(uri.host(), Some("sandbox.localdomain" | "sandbox")) {
        wrong.push("URI host should be sandbox.localdomain".to_owned());
    }
    let port = uri.port_u16().filter(|port| *port > 0);
    if port.is_none() {
        wrong.push("URI port is not provided".to_owned());
    }
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    (port.unwrap_or(0), path.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(request: &Value) -> Result<Subscription, SubscriptionError> {
        let body = request.to_string();
        Subscription::read(body.as_bytes(), SubscriptionApi::Telemetry, &Limits::classic())
    }

    fn request(buffering: &Value) -> Value {
        json!({
            "schemaVersion": "2022-12-13",
            "types": ["platform", "function", "platform"],
            "buffering": buffering,
            "destination": {"protocol": "HTTP", "URI": "http://sandbox.localdomain:8080/logs?a=b"},
        })
    }

    #[test]
    fn missing_members_have_awss_defaults() {
        let expected = Subscription {
            streams: vec![EventType::Platform, EventType::Function],
            max_items: 1_000,
            max_bytes: 262_144,
            timeout: Millis(1_000),
            hears_of_runtime_done: false,
            protocol: DeliveryProtocol::Post,
            port: 8080,
            path: "/logs?a=b".to_owned(),
        };
        assert_eq!(read(&request(&json!({}))), Ok(expected));
    }

    #[test]
    fn buffering_has_awss_bounds() {
        for (name, least, most) in [
            ("maxItems", 1_000_u64, 10_000_u64),
            ("maxBytes", 262_144, 1_048_576),
            ("timeoutMs", 25, 30_000),
        ] {
            for good in [least, most] {
                assert!(read(&request(&json!({ name: good }))).is_ok(), "{name}: {good}");
            }
            for bad in [least - 1, most + 1] {
                let refused = read(&request(&json!({ name: bad }))).unwrap_err().to_string();
                let expected = format!("buffering.{name} should be between {least} and {most}");
                assert_eq!(refused, expected);
            }
        }
    }

    #[test]
    fn all_errors_of_a_request_are_reported_together() {
        let request = json!({
            "types": [],
            "destination": {"protocol": "HTTP", "URI": "http://sandbox.localdomain"},
        });
        let refused = read(&request).unwrap_err().to_string();
        assert_eq!(refused, "URI port is not provided; types should not be empty");
        for uri in ["http://127.0.0.1:80", "http://example.com:80", "", "sandbox:99999", "a b"] {
            let mut request = self::request(&json!({}));
            request["destination"]["URI"] = uri.into();
            assert!(read(&request).is_err(), "{uri}");
        }
    }
}
