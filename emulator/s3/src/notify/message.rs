//! The messages of notifications. Pure.
//!
//! Members and values as recorded on 2025-01-21 (LocalStack's snapshots of AWS, `test_s3_notifications_sqs` and
//! `test_s3_notifications_eventbridge`). UNCONFIRMED: since 2026 the user guide shows version 2.5 for all events; its members
//! and its date are not known.

use hardcap_core::clock::EpochMillis;
use hardcap_core::config::{ACCOUNT_ID, encoded_key};
use serde_json::{Map, Value, json};

use super::{Change, Origin};
use crate::call::Ids;

/// What a message tells of a change.
pub(super) struct Facts<'a> {
    pub(super) change: Change,
    pub(super) bucket: &'a str,
    pub(super) region: &'a str,
    pub(super) key: &'a str,
    /// In bytes.
    pub(super) size: u64,
    pub(super) etag: &'a str,
    pub(super) sequencer: &'a str,
    pub(super) origin: &'a Origin,
    pub(super) at: EpochMillis,
}

/// The ARN of a bucket.
pub(super) fn arn(bucket: &str) -> String {
    format!("arn:aws:s3:::{bucket}")
}

/// The message for a function, a queue or a topic.
pub(super) fn records(of: &Facts<'_>, configuration: &str) -> String {
    let key = encoded_key(of.key);
    let (version, object) = match of.change {
        Change::Put | Change::Post | Change::Copy | Change::CompleteMultipartUpload => {
            let (size, etag, sequencer) = (of.size, of.etag, of.sequencer);
            ("2.1", json!({ "key": key, "size": size, "eTag": etag, "sequencer": sequencer }))
        }
        Change::Delete => ("2.1", json!({ "key": key, "sequencer": of.sequencer })),
        // UNCONFIRMED: the members of an object that has expired.
        Change::Expiration => ("2.3", json!({ "key": key, "sequencer": of.sequencer })),
        Change::TagsPut | Change::TagsDeleted => ("2.3", json!({ "key": key, "eTag": of.etag })),
    };
    let event = of.change.event();
    let record = json!({
        "eventVersion": version,
        "eventSource": "aws:s3",
        "awsRegion": of.region,
        "eventTime": shown_time(of.at),
        "eventName": event.strip_prefix("s3:").unwrap_or(event),
        "userIdentity": { "principalId": of.origin.principal },
        "requestParameters": { "sourceIPAddress": of.origin.address },
        "responseElements": {
            "x-amz-request-id": of.origin.ids.request,
            "x-amz-id-2": of.origin.ids.host,
        },
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": configuration,
            "bucket": {
                "name": of.bucket,
                "ownerIdentity": { "principalId": ACCOUNT_ID },
                "arn": arn(of.bucket),
            },
            "object": object,
        },
    });
    json!({ "Records": [record] }).to_string()
}

/// The `detail-type` and the `detail` of an event for a bus. Its key is not encoded.
pub(super) fn event(of: &Facts<'_>) -> (&'static str, Map<String, Value>) {
    let (kind, reason) = match of.change {
        Change::Put => ("Object Created", Some("PutObject")),
        // The reasons of the user guide, "EventBridge event message structure".
        Change::Post => ("Object Created", Some("POST Object")),
        Change::Copy => ("Object Created", Some("CopyObject")),
        Change::CompleteMultipartUpload => ("Object Created", Some("CompleteMultipartUpload")),
        Change::Delete => ("Object Deleted", Some("DeleteObject")),
        Change::Expiration => ("Object Deleted", Some("Lifecycle Expiration")),
        Change::TagsPut => ("Object Tags Added", None),
        Change::TagsDeleted => ("Object Tags Deleted", None),
    };
    let object = match kind {
        "Object Created" => {
            let (size, etag, sequencer) = (of.size, of.etag, of.sequencer);
            json!({ "key": of.key, "size": size, "etag": etag, "sequencer": sequencer })
        }
        "Object Deleted" => json!({ "key": of.key, "sequencer": of.sequencer }),
        _ => json!({ "key": of.key, "etag": of.etag }),
    };
    let mut detail = Map::new();
    detail.insert("version".to_owned(), "0".into());
    detail.insert("bucket".to_owned(), json!({ "name": of.bucket }));
    detail.insert("object".to_owned(), object);
    detail.insert("request-id".to_owned(), of.origin.ids.request.clone().into());
    detail.insert("requester".to_owned(), of.origin.requester.into());
    if of.change != Change::Expiration {
        detail.insert("source-ip-address".to_owned(), of.origin.address.into());
    }
    if let Some(reason) = reason {
        detail.insert("reason".to_owned(), reason.into());
    }
    if kind == "Object Deleted" {
        detail.insert("deletion-type".to_owned(), "Permanently Deleted".into());
    }
    (kind, detail)
}

/// The message that a queue or a topic gets when a configuration names it.
pub(super) fn test(bucket: &str, ids: &Ids, at: EpochMillis) -> String {
    let message = json!({
        "Service": "Amazon S3",
        "Event": "s3:TestEvent",
        "Time": shown_time(at),
        "Bucket": bucket,
        "RequestId": ids.request,
        "HostId": ids.host,
    });
    message.to_string()
}

/// `2026-02-21T10:30:00.123Z`
fn shown_time(at: EpochMillis) -> String {
    let utc = at.to_utc();
    let (date, time) = (utc.date(), utc.time());
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
        date.year(),
        u8::from(date.month()),
        date.day(),
        time.hour(),
        time.minute(),
        time.second(),
        time.millisecond()
    )
}

#[cfg(test)]
mod tests {
    use hardcap_core::context::Platform;
    use hardcap_core::keyring::Keyring;
    use hardcap_limits::Limits;

    use super::*;

    fn with(change: Change, key: &str, check: impl FnOnce(&Facts<'_>)) {
        let ctx = Platform::new("us-east-1", Limits::current(), Keyring::default()).context();
        let ids = Ids { request: "4442587FB7D0A2F9".to_owned(), host: "host".to_owned() };
        let (address, requester) = ("127.0.0.1", ACCOUNT_ID);
        let principal = "AWS:AIDATEST".to_owned();
        let origin = Origin { ctx, ids, principal, address, requester };
        check(&Facts {
            change,
            bucket: "photos",
            region: "us-east-1",
            key,
            size: 9,
            etag: "437b930db84b8079c2dd804a71936b5f",
            sequencer: "0055AED6DCD90281E5",
            origin: &origin,
            at: EpochMillis(1_437_521_628_123),
        });
    }

    #[test]
    fn a_created_object_is_told_with_the_members_that_were_recorded() {
        let expected = concat!(
            r#"{"Records":[{"eventVersion":"2.1","eventSource":"aws:s3","awsRegion":"us-east-1","#,
            r#""eventTime":"2015-07-21T23:33:48.123Z","eventName":"ObjectCreated:Put","#,
            r#""userIdentity":{"principalId":"AWS:AIDATEST"},"#,
            r#""requestParameters":{"sourceIPAddress":"127.0.0.1"},"#,
            r#""responseElements":{"x-amz-request-id":"4442587FB7D0A2F9","x-amz-id-2":"host"},"#,
            r#""s3":{"s3SchemaVersion":"1.0","configurationId":"id","bucket":{"name":"photos","#,
            r#""ownerIdentity":{"principalId":"000000000000"},"arn":"arn:aws:s3:::photos"},"#,
            r#""object":{"key":"a%40b+c/%C3%A9.jpg","size":9,"#,
            r#""eTag":"437b930db84b8079c2dd804a71936b5f","sequencer":"0055AED6DCD90281E5"}}}]}"#,
        );
        with(Change::Put, "a@b c/é.jpg", |facts| assert_eq!(records(facts, "id"), expected));
    }

    #[test]
    fn each_change_has_its_own_members() {
        for (change, version, object) in [
            (Change::Delete, "2.1", r#"{"key":"k","sequencer":"0055AED6DCD90281E5"}"#),
            (Change::TagsPut, "2.3", r#"{"key":"k","eTag":"437b930db84b8079c2dd804a71936b5f"}"#),
            (
                Change::TagsDeleted,
                "2.3",
                r#"{"key":"k","eTag":"437b930db84b8079c2dd804a71936b5f"}"#,
            ),
        ] {
            with(change, "k", |facts| {
                let message: Value = serde_json::from_str(&records(facts, "id")).unwrap();
                let record = &message["Records"][0];
                assert_eq!(record["eventVersion"], version, "{record}");
                assert_eq!(record["s3"]["object"].to_string(), object);
            });
        }
    }

    #[test]
    fn an_event_of_a_bus_has_the_details_that_were_recorded() {
        with(Change::Put, "a b", |facts| {
            let (kind, detail) = event(facts);
            assert_eq!(kind, "Object Created");
            let expected = concat!(
                r#"{"version":"0","bucket":{"name":"photos"},"object":{"key":"a b","size":9,"#,
                r#""etag":"437b930db84b8079c2dd804a71936b5f","sequencer":"0055AED6DCD90281E5"},"#,
                r#""request-id":"4442587FB7D0A2F9","requester":"000000000000","#,
                r#""source-ip-address":"127.0.0.1","reason":"PutObject"}"#,
            );
            assert_eq!(Value::Object(detail).to_string(), expected);
        });
        with(Change::Delete, "k", |facts| {
            let (kind, detail) = event(facts);
            assert_eq!(kind, "Object Deleted");
            assert_eq!(detail["deletion-type"], "Permanently Deleted");
            assert_eq!(
                detail["object"].to_string(),
                r#"{"key":"k","sequencer":"0055AED6DCD90281E5"}"#
            );
        });
    }
}
