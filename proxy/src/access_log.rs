//! The access log: one line for each request, without query, headers and links.
//!
//! The line is also a document of CloudWatch's embedded metric format: its member `_aws` defines which other members are
//! metrics.

use serde_json::{Map, Value, json};

use crate::clock::{self, Instant};
use crate::delivery::{Delivery, Envelope};
use crate::event::Request;
use crate::log;
use crate::metrics::{self, Metric, MetricsConfig};
use crate::response::Response;

/// The metrics of a function.
const METRICS: [Metric; 8] = [
    ("requests", "Count"),
    ("failures", "Count"),
    ("envelope_bytes", "Bytes"),
    ("headroom", "Bytes"),
    ("headroom_percent", "Percent"),
    ("upstream_ms", "Milliseconds"),
    ("s3_ms", "Milliseconds"),
    ("total_ms", "Milliseconds"),
];

/// The fields of the line, filled in during the request.
#[derive(Debug)]
pub struct AccessLog {
    start: Instant,
    method: String,
    path: String,
    /// The logged-in user.
    pub user: Option<String>,
    /// The delivery of the response; `None` for a response of the proxy itself.
    pub delivery: Option<Delivery>,
    /// The time until the head of the upstream's response, in milliseconds.
    pub upstream_ms: Option<u64>,
    /// The time for storing the response, in milliseconds.
    pub s3_ms: Option<u64>,
    /// The error.
    pub failure: Option<String>,
}

impl AccessLog {
    /// The line of a request that began at `start`.
    #[must_use]
    pub fn new(start: Instant, request: &Request) -> AccessLog {
        AccessLog {
            start,
            method: request.method.to_string(),
            path: request.path.split('?').next().unwrap_or_default().to_owned(),
            user: None,
            delivery: None,
            upstream_ms: None,
            s3_ms: None,
            failure: None,
        }
    }

    /// Writes the line. Headroom is the difference to Lambda's limit, in bytes.
    pub fn write(
        &self,
        response: &Response,
        envelope: Envelope,
        posted: u64,
        metrics: &MetricsConfig,
    ) {
        let document = self.document(response, envelope, posted, metrics);
        tracing::info!(target: log::ACCESS, document = %document);
    }

    fn document(
        &self,
        response: &Response,
        envelope: Envelope,
        posted: u64,
        metrics: &MetricsConfig,
    ) -> Value {
        let headroom = envelope.max.saturating_sub(posted);
        let members = json!({
            "level": "INFO",
            "target": log::ACCESS,
            "function": metrics.function,
            "user": self.user,
            "method": self.method,
            "path": self.path,
            "status": response.status,
            "delivery": self.delivery.map_or("own", Delivery::name),
            "requests": 1,
            "failures": u8::from(response.status >= 500),
            "envelope_bytes": posted,
            "headroom": headroom,
            // Rounded down.
            "headroom_percent": headroom * 100 / envelope.max.max(1),
            "upstream_ms": self.upstream_ms,
            "s3_ms": self.s3_ms,
            "total_ms": clock::millis_since(self.start),
            "failure": self.failure,
        });
        let mut document = Map::new();
        if let Value::Object(members) = members {
            document.extend(members.into_iter().filter(|(_, value)| !value.is_null()));
        }
        if metrics.enabled {
            // Only `requests` also has the dimension `delivery`, because each combination of metric and dimension costs.
            let sets: [(&[&str], &[Metric]); 2] =
                [(&["function"], &METRICS), (&["function", "delivery"], &METRICS[..1])];
            document.insert(metrics::MEMBER.to_owned(), metrics::directives(&document, &sets));
        }
        Value::Object(document)
    }
}

#[cfg(test)]
mod tests {
    use hardcap_limits::envelope::Payload;

    use super::*;
    use crate::metrics::testing::check_embedded_metric_format;
    use crate::response::Body;

    fn document(change: impl FnOnce(&mut AccessLog), status: u16, enabled: bool) -> Value {
        let event = json!({ "httpMethod": "GET", "path": "/a?secret" });
        let request: Request = serde_json::from_value(event).expect("it is an event");
        let mut line = AccessLog::new(clock::instant(), &request);
        change(&mut line);
        let response = Response { status, headers: http::HeaderMap::new(), body: Body::Empty };
        let envelope = Envelope { payload: Payload::V1, max: 1_000 };
        let metrics = MetricsConfig { function: "proxy".to_owned(), enabled };
        let text = line.document(&response, envelope, 995, &metrics).to_string();
        assert!(!text.contains('\n') && !text.contains("secret"), "{text}");
        serde_json::from_str(&text).expect("a line is one document")
    }

    #[test]
    fn every_line_is_a_valid_document_of_the_embedded_metric_format() {
        check_embedded_metric_format(&document(|_| {}, 200, true));
        let full = document(
            |line| {
                line.user = Some("anna".to_owned());
                line.delivery = Some(Delivery::Redirect);
                (line.upstream_ms, line.s3_ms) = (Some(1), Some(2));
                line.failure = Some("why\n\"not\"".to_owned());
            },
            502,
            true,
        );
        check_embedded_metric_format(&full);
        assert_eq!((&full["requests"], &full["failures"]), (&json!(1), &json!(1)));
        assert_eq!((&full["headroom"], &full["headroom_percent"]), (&json!(5), &json!(0)));
        assert_eq!((&full["user"], &full["delivery"]), (&json!("anna"), &json!("redirect")));
        let metrics = full["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array().map(Vec::len);
        assert_eq!(metrics, Some(8));
    }

    #[test]
    fn without_metrics_the_line_lacks_only_the_metric_definitions() {
        let plain = document(|_| {}, 404, false);
        assert_eq!((plain.get("_aws"), &plain["failures"]), (None, &json!(0)));
        assert_eq!(plain["status"], 404);
    }
}
