//! The rules of S3 for a notification configuration. PutBucketNotificationConfiguration and templates share them. Part of
//! [`crate::config`].

use serde::{Deserialize, Serialize};

use crate::uri;

/// The events that a configuration can name (the enumeration `Event` of AWS's model of S3, botocore 1.44.8).
const EVENTS: [&str; 31] = [
    "s3:IntelligentTiering",
    "s3:LifecycleExpiration:*",
    "s3:LifecycleExpiration:Delete",
    "s3:LifecycleExpiration:DeleteMarkerCreated",
    "s3:LifecycleTransition",
    "s3:ObjectAcl:Put",
    "s3:ObjectAnnotation:*",
    "s3:ObjectAnnotation:Delete",
    "s3:ObjectAnnotation:Put",
    "s3:ObjectCreated:*",
    "s3:ObjectCreated:CompleteMultipartUpload",
    "s3:ObjectCreated:Copy",
    "s3:ObjectCreated:Post",
    "s3:ObjectCreated:Put",
    "s3:ObjectRemoved:*",
    "s3:ObjectRemoved:Delete",
    "s3:ObjectRemoved:DeleteMarkerCreated",
    "s3:ObjectRestore:*",
    "s3:ObjectRestore:Completed",
    "s3:ObjectRestore:Delete",
    "s3:ObjectRestore:Post",
    "s3:ObjectRetention:Put",
    "s3:ObjectTagging:*",
    "s3:ObjectTagging:Delete",
    "s3:ObjectTagging:Put",
    "s3:ReducedRedundancyLostObject",
    "s3:Replication:*",
    "s3:Replication:OperationFailedReplication",
    "s3:Replication:OperationMissedThreshold",
    "s3:Replication:OperationNotTracked",
    "s3:Replication:OperationReplicatedAfterThreshold",
];

/// The notifications of a bucket.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BucketNotifications {
    /// The functions, queues and topics that are notified, in order.
    pub targets: Vec<NotificationTarget>,
    /// Whether the default event bus gets every event.
    pub event_bridge: bool,
}

/// A function, a queue or a topic, and what it is notified of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotificationTarget {
    /// The id in the configuration, which each message shows.
    pub id: String,
    /// The ARN of the function, the queue or the topic.
    pub arn: String,
    /// The events, such as `s3:ObjectCreated:*`.
    pub events: Vec<String>,
    /// The prefix of the keys; `None` for no rule.
    pub prefix: Option<String>,
    /// The suffix of the keys; `None` for no rule.
    pub suffix: Option<String>,
}

/// The reason why S3 refuses a notification configuration. The text is that of S3.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotificationRefusal {
    /// `InvalidArgument`: S3 has no such event (S3 API reference, PutBucketNotificationConfiguration).
    #[error("A specified event is not supported for notifications.")]
    UnknownEvent(String),
    /// `InvalidArgument`: two configurations without filters have an event in common (minio/minio#2472).
    #[error(
        "Configurations overlap. Configurations on the same bucket cannot share a common event type."
    )]
    SharedEvent(String, String),
    /// `InvalidArgument`: two configurations have an event in common, and a key can match the filters of both
    /// (aws-solutions/aws-waf-security-automations#49).
    #[error(
        "Configuration is ambiguously defined. Cannot have overlapping suffixes in two rules if the prefixes are overlapping for the same event type."
    )]
    OverlappingFilters(String, String),
}

impl BucketNotifications {
    /// Checks the events of all targets, and that no event has two targets.
    ///
    /// # Errors
    ///
    /// [`NotificationRefusal`] for the first target that S3 refuses.
    ///
    /// ```
    /// use hardcap_core::config::{BucketNotifications, NotificationTarget};
    ///
    /// let target = |event: &str, prefix: &str| NotificationTarget {
    ///     events: vec![event.to_owned()],
    ///     prefix: Some(prefix.to_owned()),
    ///     ..NotificationTarget::default()
    /// };
    /// let targets = |targets| BucketNotifications { targets, event_bridge: false };
    /// let (images, logs) = (target("s3:ObjectCreated:*", "images/"), target("s3:ObjectCreated:Put", "logs/"));
    /// assert!(targets(vec![images.clone(), logs]).check().is_ok());
    /// assert!(targets(vec![images, target("s3:ObjectCreated:Put", "images/2/")]).check().is_err());
    /// ```
    pub fn check(&self) -> Result<(), NotificationRefusal> {
        for (index, target) in self.targets.iter().enumerate() {
            if let Some(event) = target.events.iter().find(|it| !EVENTS.contains(&it.as_str())) {
                return Err(NotificationRefusal::UnknownEvent(event.clone()));
            }
            for earlier in &self.targets[..index] {
                earlier.check_beside(target)?;
            }
        }
        Ok(())
    }

    /// The targets that are notified of an event, such as `s3:ObjectCreated:Put`, of an object.
    pub fn of<'a>(
        &'a self,
        event: &'a str,
        key: &'a str,
    ) -> impl Iterator<Item = &'a NotificationTarget> {
        self.targets.iter().filter(move |target| {
            target.events.iter().any(|it| includes(it, event)) && target.selects(key)
        })
    }
}

impl NotificationTarget {
    /// Whether the filter selects a key. Values with special characters have to be encoded as in a message (S3 user guide,
    /// "Configuring event notifications using object key name filtering"). UNCONFIRMED: that such a value selects nothing if it is
    /// not encoded, so it selects the key here.
    fn selects(&self, key: &str) -> bool {
        let encoded = encoded_key(key);
        let prefix = self.prefix.as_deref().unwrap_or_default();
        let suffix = self.suffix.as_deref().unwrap_or_default();
        (key.starts_with(prefix) || encoded.starts_with(prefix))
            && (key.ends_with(suffix) || encoded.ends_with(suffix))
    }

    fn check_beside(&self, other: &NotificationTarget) -> Result<(), NotificationRefusal> {
        let pairs = self.events.iter().flat_map(|a| other.events.iter().map(move |b| (a, b)));
        let Some((a, b)) = pairs.into_iter().find(|(a, b)| includes(a, b) || includes(b, a)) else {
            return Ok(());
        };
        let shared = (a.clone(), b.clone());
        let prefixes = [&self.prefix, &other.prefix].map(|it| it.as_deref().unwrap_or_default());
        let suffixes = [&self.suffix, &other.suffix].map(|it| it.as_deref().unwrap_or_default());
        if prefixes.iter().chain(&suffixes).all(|it| it.is_empty()) {
            return Err(NotificationRefusal::SharedEvent(shared.0, shared.1));
        }
        let [p, q] = prefixes;
        let [s, t] = suffixes;
        if (p.starts_with(q) || q.starts_with(p)) && (s.ends_with(t) || t.ends_with(s)) {
            return Err(NotificationRefusal::OverlappingFilters(shared.0, shared.1));
        }
        Ok(())
    }
}

/// A key as messages show it: encoded as in a form. Recorded on 2025-01-21: `a%40b` (LocalStack's snapshots of AWS,
/// `test_key_encoding`).
#[must_use]
pub fn encoded_key(key: &str) -> String {
    uri::encode(key.as_bytes(), true).replace("%20", "+")
}

/// Whether an event of a configuration, which may end with `*`, includes another.
fn includes(configured: &str, event: &str) -> bool {
    match configured.strip_suffix('*') {
        Some(start) => event.starts_with(start),
        None => configured == event,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(event: &str, prefix: &str, suffix: &str) -> NotificationTarget {
        let rule = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        NotificationTarget {
            events: vec![event.to_owned()],
            prefix: rule(prefix),
            suffix: rule(suffix),
            ..NotificationTarget::default()
        }
    }

    fn check(targets: &[NotificationTarget]) -> Result<(), NotificationRefusal> {
        BucketNotifications { targets: targets.to_vec(), event_bridge: false }.check()
    }

    #[test]
    fn two_targets_cannot_have_the_same_event_of_the_same_key() {
        let (created, put) = ("s3:ObjectCreated:*", "s3:ObjectCreated:Put");
        let copy = "s3:ObjectCreated:Copy";
        let same = |a: &str, b: &str| NotificationRefusal::SharedEvent(a.into(), b.into());
        let ambiguous =
            |a: &str, b: &str| NotificationRefusal::OverlappingFilters(a.into(), b.into());
        for (first, second, expected) in [
            (target(created, "", ""), target(put, "", ""), Err(same(created, put))),
            (target(put, "", ""), target(created, "", ""), Err(same(put, created))),
            (target(put, "", ""), target(copy, "", ""), Ok(())),
            (target(put, "a/", ""), target(put, "", ""), Err(ambiguous(put, put))),
            (target(put, "a/", ""), target(put, "a/b/", ""), Err(ambiguous(put, put))),
            (target(put, "a/", ""), target(put, "b/", ""), Ok(())),
            // The examples of the user guide, "Configuring event notifications using object key name filtering".
            (target(put, "images/", ".jpg"), target(put, "images/", ".png"), Ok(())),
            (
                target(created, "", ".jpg"),
                target(created, "", "pg"),
                Err(ambiguous(created, created)),
            ),
            (
                target(created, "images", ".jpg"),
                target(created, "", ".jpg"),
                Err(ambiguous(created, created)),
            ),
        ] {
            assert_eq!(check(&[first.clone(), second.clone()]), expected, "{first:?} {second:?}");
        }
    }

    #[test]
    fn an_unknown_event_is_refused() {
        assert_eq!(check(&[target("s3:ObjectAnnotation:*", "", "")]), Ok(()));
        let unknown = "s3:ObjectCreated:Write";
        let expected = Err(NotificationRefusal::UnknownEvent(unknown.to_owned()));
        assert_eq!(check(&[target(unknown, "", "")]), expected);
        assert_eq!(check(&[]), Ok(()));
    }

    #[test]
    fn a_target_is_notified_of_its_events_of_its_keys() {
        let of = |target: NotificationTarget, event: &str, key: &str| {
            let all = BucketNotifications { targets: vec![target], event_bridge: false };
            all.of(event, key).count() == 1
        };
        let images = target("s3:ObjectCreated:*", "images/", ".jpg");
        assert!(of(images.clone(), "s3:ObjectCreated:Put", "images/a.jpg"));
        assert!(!of(images.clone(), "s3:ObjectCreated:Put", "images/a.png"));
        assert!(!of(images.clone(), "s3:ObjectCreated:Put", "a.jpg"));
        assert!(!of(images, "s3:ObjectRemoved:Delete", "images/a.jpg"));
        assert!(of(target("s3:ObjectRemoved:Delete", "", ""), "s3:ObjectRemoved:Delete", "é"));
        let put = |prefix: &str, key: &str| {
            of(target("s3:ObjectCreated:*", prefix, ""), "s3:ObjectCreated:Put", key)
        };
        assert!(put("my+photos/", "my photos/a"));
        assert!(put("a%40b", "a@b"));
        assert!(put("a@b", "a@b"));
        assert!(!put("a%40b", "a b"));
    }
}
