//! An event: the entry of `PutEvents` that it comes from, and its JSON. Pure.

use hardcap_core::clock::EpochMillis;
use hardcap_core::config::ACCOUNT_ID;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The bytes that a time counts in the size of an entry (EventBridge user guide, calculating the size of an entry).
const TIME_SIZE: usize = 14;

/// An entry of `PutEvents`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Entry {
    /// Seconds since 1970.
    pub time: Option<f64>,
    /// The source; those of AWS begin with `aws.`.
    pub source: Option<String>,
    /// The ARNs of what the event is about.
    pub resources: Option<Vec<String>>,
    /// The kind of event.
    pub detail_type: Option<String>,
    /// A JSON object.
    pub detail: Option<String>,
    /// The name or the ARN of the bus; `None` means the default bus.
    pub event_bus_name: Option<String>,
    /// The chain of requests.
    pub trace_header: Option<String>,
}

/// The reason why an entry is refused: the code and the text of its result.
pub(super) type EntryError = (&'static str, String);

/// An event as targets get it, in the order of AWS's members.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Event {
    version: &'static str,
    pub(super) id: String,
    #[serde(rename = "detail-type")]
    pub(super) detail_type: String,
    pub(super) source: String,
    account: &'static str,
    pub(super) time: String,
    region: String,
    pub(super) resources: Vec<String>,
    pub(super) detail: Map<String, Value>,
}

impl Entry {
    /// The bytes that are compared with the limit of a request.
    #[must_use]
    pub fn size(&self) -> usize {
        let length = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        let resources: usize = self.resources.iter().flatten().map(String::len).sum();
        self.time.map_or(0, |_| TIME_SIZE)
            + length(&self.source)
            + length(&self.detail_type)
            + length(&self.detail)
            + resources
    }

    /// The event of an entry of an application. Texts: LocalStack's snapshots of AWS, `test_put_events_without_source` and its like.
    pub(super) fn event(self, region: &str, now: EpochMillis) -> Result<Event, EntryError> {
        let missing = |member: &str| {
            let text = format!(
                "Parameter {member} is not valid. Reason: {member} is a required argument."
            );
            ("InvalidArgument", text)
        };
        let given = |value: Option<String>| value.filter(|text| !text.is_empty());
        let source = given(self.source).ok_or_else(|| missing("Source"))?;
        let detail_type = given(self.detail_type).ok_or_else(|| missing("DetailType"))?;
        let detail = given(self.detail).ok_or_else(|| missing("Detail"))?;
        if source.starts_with("aws.") {
            // UNCONFIRMED: the text.
            let text = "Not authorized for the source.".to_owned();
            return Err(("NotAuthorizedForSourceException", text));
        }
        let malformed = |_| ("MalformedDetail", "Detail is malformed.".to_owned());
        let detail: Map<String, Value> = serde_json::from_str(&detail).map_err(malformed)?;
        let at = self.time.map_or(now, of_seconds);
        let resources = self.resources.unwrap_or_default();
        Ok(Event::new(region, (source, detail_type), resources, detail, at))
    }
}

impl Event {
    /// An event with a new id.
    pub(super) fn new(
        region: &str,
        (source, detail_type): (String, String),
        resources: Vec<String>,
        detail: Map<String, Value>,
        at: EpochMillis,
    ) -> Event {
        Event {
            version: "0",
            id: uuid::Uuid::new_v4().to_string(),
            detail_type,
            source,
            account: ACCOUNT_ID,
            time: shown_time(at),
            region: region.to_owned(),
            resources,
            detail,
        }
    }

    /// The event of a schedule (EventBridge user guide; LocalStack's snapshots of AWS, `tests_schedule_rate_target_sqs`).
    pub(super) fn of_schedule(region: &str, rule_arn: String, at: EpochMillis) -> Event {
        let kind = ("aws.events".to_owned(), "Scheduled Event".to_owned());
        Event::new(region, kind, vec![rule_arn], Map::new(), at)
    }

    /// The event as JSON.
    pub(super) fn json(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}

/// `2026-11-30T20:00:00Z`
pub(super) fn shown_time(at: EpochMillis) -> String {
    let format =
        time::macros::format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
    at.to_utc().format(format).unwrap_or_default()
}

/// Whole milliseconds between 1970 and the year 9999.
fn of_seconds(seconds: f64) -> EpochMillis {
    const LATEST: f64 = 253_402_300_799.0;
    let seconds = if seconds.is_nan() { 0.0 } else { seconds.clamp(0.0, LATEST) };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the range is checked"
    )]
    EpochMillis((seconds * 1_000.0) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: EpochMillis = EpochMillis(1_796_068_800_999);

    fn entry(source: &str, detail_type: &str, detail: &str) -> Entry {
        let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Entry {
            source: given(source),
            detail_type: given(detail_type),
            detail: given(detail),
            ..Entry::default()
        }
    }

    #[test]
    fn an_event_has_awss_members_in_their_order() {
        let mut event =
            entry("s", "t", "{\"b\" : 1.50, \"a\": []}").event("us-east-1", NOW).unwrap();
        event.id = "ID".to_owned();
        assert_eq!(
            serde_json::to_string(&event).unwrap(),
            r#"{"version":"0","id":"ID","detail-type":"t","source":"s","account":"000000000000","time":"2026-11-30T20:00:00Z","region":"us-east-1","resources":[],"detail":{"b":1.5,"a":[]}}"#
        );
        let timed = Entry { time: Some(0.5), ..entry("s", "t", "{}") };
        assert_eq!(timed.event("r", NOW).unwrap().time, "1970-01-01T00:00:00Z");
        let timed = Entry { time: Some(1e300), ..entry("s", "t", "{}") };
        assert_eq!(timed.event("r", NOW).unwrap().time, "9999-12-31T23:59:59Z");
    }

    #[test]
    fn an_invalid_entry_has_awss_code_and_text() {
        for (given, code, text) in [
            (
                entry("", "t", "{}"),
                "InvalidArgument",
                "Parameter Source is not valid. Reason: Source is a required argument.",
            ),
            (
                entry("s", "", "{}"),
                "InvalidArgument",
                "Parameter DetailType is not valid. Reason: DetailType is a required argument.",
            ),
            (
                entry("s", "t", ""),
                "InvalidArgument",
                "Parameter Detail is not valid. Reason: Detail is a required argument.",
            ),
            (entry("s", "t", "[]"), "MalformedDetail", "Detail is malformed."),
            (entry("s", "t", "\"x\""), "MalformedDetail", "Detail is malformed."),
            (entry("s", "t", "{"), "MalformedDetail", "Detail is malformed."),
            (
                entry("aws.s3", "t", "{}"),
                "NotAuthorizedForSourceException",
                "Not authorized for the source.",
            ),
        ] {
            assert_eq!(given.event("us-east-1", NOW).unwrap_err(), (code, text.to_owned()));
        }
    }

    #[test]
    fn the_size_of_an_entry_is_that_of_the_user_guide() {
        let full = Entry {
            time: Some(1.0),
            resources: Some(vec!["arn".to_owned(), "\u{e9}".to_owned()]),
            ..entry("src", "type", "{\"a\":1}")
        };
        assert_eq!(full.size(), 14 + 3 + 4 + 7 + 3 + 2);
        assert_eq!(Entry::default().size(), 0);
    }
}
