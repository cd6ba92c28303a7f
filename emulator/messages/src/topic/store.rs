//! The topics and their subscriptions. With `--data` each topic is one record.

use std::collections::HashMap;
use std::io;
use std::path::Path;

use hardcap_core::config::{self, ACCOUNT_ID};
use hardcap_core::durable::DurableMap;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::error::SnsError;
use super::filter::Filter;
use super::subscription::{Of, Subscription, check_endpoint};

/// The maximum number of topics (SNS quotas: 100,000 standard topics of an account).
const TOPICS_MAX: usize = 100_000;
/// The maximum number of subscriptions of a topic that hardcap keeps. AWS's is 12,500,000.
const SUBSCRIPTIONS_MAX: usize = 10_000;
/// The maximum number of tags of a topic (AWS tagging best practices: 50 a resource).
const TAGS_MAX: usize = 50;
/// The maximum size of the attributes and tags of a topic, and of the endpoint and attributes of a subscription, in bytes. The number
/// is hardcap's.
const TEXTS_MAX: usize = 64 * 1024;
/// The attributes that a topic can be given after its creation.
const ATTRIBUTES: [&str; 9] = [
    "ArchivePolicy",
    "ContentBasedDeduplication",
    "DeliveryPolicy",
    "DisplayName",
    "FifoThroughputScope",
    "KmsMasterKeyId",
    "Policy",
    "SignatureVersion",
    "TracingConfig",
];

/// Texts by name.
pub(super) type Texts = IndexMap<String, String>;

/// A topic.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Topic {
    /// The attributes that were given.
    pub(super) attributes: Texts,
    pub(super) tags: Texts,
    pub(super) subscriptions: Vec<Subscription>,
    /// The number of subscriptions that were deleted.
    deleted: usize,
}

impl Topic {
    pub(super) fn is_fifo(&self) -> bool {
        self.is_set("FifoTopic")
    }

    pub(super) fn deduplicates_by_content(&self) -> bool {
        self.is_set("ContentBasedDeduplication")
    }

    fn is_set(&self, attribute: &str) -> bool {
        self.attributes.get(attribute).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    fn of(&self) -> Of {
        Of { is_fifo: self.is_fifo() }
    }

    /// The attributes of `GetTopicAttributes` (LocalStack's snapshots of AWS, `test_create_topic_with_attributes`).
    pub(super) fn shown(&self, arn: &str) -> IndexMap<&str, String> {
        let pending = self.subscriptions.iter().filter(|it| it.is_pending()).count();
        let mut shown: IndexMap<&str, String> = IndexMap::from([
            ("TopicArn", arn.to_owned()),
            ("Owner", ACCOUNT_ID.to_owned()),
            ("Policy", default_policy(arn)),
            ("DisplayName", String::new()),
            ("EffectiveDeliveryPolicy", effective_delivery_policy()),
            ("SubscriptionsPending", pending.to_string()),
            ("SubscriptionsConfirmed", (self.subscriptions.len() - pending).to_string()),
            ("SubscriptionsDeleted", self.deleted.to_string()),
        ]);
        for (name, value) in self.attributes.iter().filter(|(name, _)| *name != "FifoTopic") {
            shown.insert(name, value.clone());
        }
        if self.is_fifo() {
            shown.insert("FifoTopic", "true".to_owned());
            shown.entry("ContentBasedDeduplication").or_insert_with(|| "false".to_owned());
        }
        shown
    }
}

/// All topics.
#[derive(Debug)]
pub(super) struct Store {
    region: String,
    topics: DurableMap<Topic>,
    /// The filters of subscriptions, by topic and id.
    filters: HashMap<(String, String), Filter>,
}

impl Store {
    /// Opens the store, with the topics of earlier runs if there is a folder.
    pub(super) fn open(region: &str, root: Option<&Path>) -> io::Result<Store> {
        let topics: DurableMap<Topic> = DurableMap::open(root)?;
        let mut store = Store { region: region.to_owned(), topics, filters: HashMap::new() };
        let names: Vec<String> = store.topics.iter().map(|(name, _)| name.to_owned()).collect();
        names.iter().for_each(|name| store.read_filters(name));
        Ok(store)
    }

    fn read_filters(&mut self, name: &str) {
        self.filters.retain(|(topic, _), _| topic != name);
        let Some(topic) = self.topics.get(name) else { return };
        for subscription in &topic.subscriptions {
            if let Ok(Some(filter)) = subscription.filter() {
                self.filters.insert((name.to_owned(), subscription.id.clone()), filter);
            }
        }
    }

    fn put(&mut self, name: &str, topic: Topic) -> Result<(), SnsError> {
        self.topics.put(name, topic)?;
        self.read_filters(name);
        Ok(())
    }

    /// The ARN of a topic.
    pub(super) fn arn(&self, name: &str) -> String {
        format!("arn:aws:sns:{}:{ACCOUNT_ID}:{name}", self.region)
    }

    /// The name in the ARN of a topic of this region and account.
    pub(super) fn name_of<'a>(&self, arn: &'a str) -> Option<&'a str> {
        arn.strip_prefix(&self.arn("")).filter(|name| !name.contains(':'))
    }

    /// The name of the topic of an ARN.
    ///
    /// # Errors
    ///
    /// AWS's refusal of a text that is not an ARN, or of a topic that does not exist.
    pub(super) fn existing<'a>(&self, member: &str, arn: &'a str) -> Result<&'a str, SnsError> {
        check_arn(member, arn)?;
        let name = self.name_of(arn).ok_or_else(SnsError::no_topic)?;
        self.topics.get(name).map(|_| name).ok_or_else(SnsError::no_topic)
    }

    pub(super) fn get(&self, name: &str) -> Option<&Topic> {
        self.topics.get(name)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Topic)> {
        self.topics.iter()
    }

    pub(super) fn filter(&self, topic: &str, subscription: &str) -> Option<&Filter> {
        self.filters.get(&(topic.to_owned(), subscription.to_owned()))
    }

    /// Creates a topic, or finds the one of the same name, attributes and tags.
    pub(super) fn create(
        &mut self,
        name: &str,
        attributes: Texts,
        tags: Texts,
    ) -> Result<(), SnsError> {
        let is_fifo = attributes.get("FifoTopic").is_some_and(|it| it.eq_ignore_ascii_case("true"));
        check_name(name, is_fifo)?;
        for (attribute, value) in attributes.iter().filter(|(name, _)| *name != "FifoTopic") {
            check_attribute(attribute, value, is_fifo)
                .map_err(|text| SnsError::invalid(format!("Attributes Reason: {text}")))?;
        }
        if let Some(topic) = self.topics.get(name) {
            let is_same =
                |(name, value): (&String, &String)| topic.attributes.get(name) == Some(value);
            if !attributes.iter().all(is_same) {
                let text = "Attributes Reason: Topic already exists with different attributes";
                return Err(SnsError::invalid(text));
            }
            if !tags.iter().all(|(key, value)| topic.tags.get(key) == Some(value)) {
                let text = "Tags Reason: Topic already exists with different tags";
                return Err(SnsError::invalid(text));
            }
            return Ok(());
        }
        if self.topics.iter().count() >= TOPICS_MAX {
            let text = "The number of topics is at the maximum".to_owned();
            return Err(SnsError::Api(403, "TopicLimitExceeded", text));
        }
        let topic = Topic { attributes, tags, ..Topic::default() };
        check_size(&topic)?;
        self.put(name, topic)
    }

    /// Deletes a topic with its subscriptions, if it exists.
    pub(super) fn delete(&mut self, name: &str) -> Result<(), SnsError> {
        self.topics.remove(name)?;
        self.read_filters(name);
        Ok(())
    }

    /// Removes every topic.
    pub(super) fn clear(&mut self) -> io::Result<()> {
        self.filters.clear();
        self.topics.clear()
    }

    /// Creates a topic of the template with its subscriptions, or gives those that exist the attributes of the template.
    pub(super) fn provide(&mut self, topic: &config::Topic) -> Result<(), SnsError> {
        let config::Topic { name, attributes, tags, subscriptions, .. } = topic;
        match self.topics.get(name).is_some() {
            false => self.create(name, attributes.clone(), tags.clone())?,
            true => {
                for (attribute, value) in attributes.iter().filter(|(it, _)| *it != "FifoTopic") {
                    self.set_attribute(name, attribute, value)?;
                }
            }
        }
        for config::Subscription { protocol, endpoint, attributes } in subscriptions {
            let id = self.subscribe(name, (protocol, endpoint), &Texts::new())?;
            let arn = format!("{}:{id}", self.arn(name));
            self.set_subscription_attributes(&arn, attributes)?;
        }
        Ok(())
    }

    /// Changes a topic. If `change` fails, nothing is changed.
    pub(super) fn change<T>(
        &mut self,
        name: &str,
        change: impl FnOnce(&mut Topic) -> Result<T, SnsError>,
    ) -> Result<T, SnsError> {
        let mut topic = self.topics.get(name).cloned().ok_or_else(SnsError::no_topic)?;
        let value = change(&mut topic)?;
        check_size(&topic)?;
        self.put(name, topic)?;
        Ok(value)
    }

    pub(super) fn set_attribute(
        &mut self,
        name: &str,
        attribute: &str,
        value: &str,
    ) -> Result<(), SnsError> {
        self.change(name, |topic| {
            check_attribute(attribute, value, topic.is_fifo()).map_err(SnsError::invalid)?;
            topic.attributes.insert(attribute.to_owned(), value.to_owned());
            Ok(())
        })
    }

    /// Adds a subscription, or finds that of the same endpoint. Returns its id.
    pub(super) fn subscribe(
        &mut self,
        name: &str,
        (protocol, endpoint): (&str, &str),
        attributes: &Texts,
    ) -> Result<String, SnsError> {
        let topic = self.topics.get(name).ok_or_else(SnsError::no_topic)?;
        check_endpoint(topic.of(), protocol, endpoint).map_err(SnsError::invalid)?;
        let mut subscription = Subscription {
            id: uuid::Uuid::new_v4().to_string(),
            protocol: protocol.to_owned(),
            endpoint: endpoint.to_owned(),
            attributes: Texts::new(),
        };
        let reason = |text: String| match text.as_str() {
            "Filter policy scope MessageAttributes does not support nested filter policy" => {
                SnsError::invalid(text)
            }
            _ => SnsError::invalid(format!("Attributes Reason: {text}")),
        };
        subscription.set(topic.of(), attributes).map_err(reason)?;
        let is_same = |it: &&Subscription| it.protocol == protocol && it.endpoint == endpoint;
        if let Some(existing) = topic.subscriptions.iter().find(is_same) {
            let mut given = subscription.attributes.iter();
            let shown = existing.shown();
            if given.any(|(name, value)| shown.get(name.as_str()) != Some(value)) {
                let text =
                    "Attributes Reason: Subscription already exists with different attributes";
                return Err(SnsError::invalid(text));
            }
            return Ok(existing.id.clone());
        }
        if topic.subscriptions.len() >= SUBSCRIPTIONS_MAX {
            let text =
                format!("hardcap keeps at most {SUBSCRIPTIONS_MAX} subscriptions of a topic");
            return Err(SnsError::Api(403, "SubscriptionLimitExceeded", text));
        }
        let id = subscription.id.clone();
        self.change(name, |topic| {
            topic.subscriptions.push(subscription);
            Ok(())
        })?;
        Ok(id)
    }

    /// The topic and the place of a subscription.
    pub(super) fn subscription(&self, arn: &str) -> Result<(String, usize), SnsError> {
        check_arn("SubscriptionArn", arn)?;
        let (topic, id) = arn.rsplit_once(':').ok_or_else(SnsError::no_subscription)?;
        let name = self.name_of(topic).ok_or_else(SnsError::no_subscription)?;
        let topic = self.topics.get(name).ok_or_else(SnsError::no_subscription)?;
        let at = topic.subscriptions.iter().position(|it| it.id == id);
        at.map(|at| (name.to_owned(), at)).ok_or_else(SnsError::no_subscription)
    }

    pub(super) fn set_subscription_attributes(
        &mut self,
        arn: &str,
        attributes: &Texts,
    ) -> Result<(), SnsError> {
        let (name, at) = self.subscription(arn)?;
        self.change(&name, |topic| {
            let of = topic.of();
            topic.subscriptions[at].set(of, attributes).map_err(SnsError::invalid)
        })
    }

    /// Removes a subscription, if it exists.
    pub(super) fn unsubscribe(&mut self, arn: &str) -> Result<(), SnsError> {
        let Ok((name, at)) = self.subscription(arn) else { return Ok(()) };
        self.change(&name, |topic| {
            topic.subscriptions.remove(at);
            topic.deleted += 1;
            Ok(())
        })
    }
}

/// Refuses a text that is not an ARN.
pub(super) fn check_arn(member: &str, arn: &str) -> Result<(), SnsError> {
    match arn.split(':').count() {
        6.. => Ok(()),
        count => Err(SnsError::invalid(format!(
            "{member} Reason: An ARN must have at least 6 elements, not {count}"
        ))),
    }
}

/// The texts of a topic and of each of its subscriptions are bounded. Filter policies have a maximum of their own.
fn check_size(topic: &Topic) -> Result<(), SnsError> {
    if topic.tags.len() > TAGS_MAX {
        // The code is that of the SDK's model. UNCONFIRMED: the text.
        let text = "Could not complete request: tag quota of per resource exceeded".to_owned();
        return Err(SnsError::Api(400, "TagLimitExceeded", text));
    }
    let bytes = |texts: &Texts| -> usize {
        let sizes = texts.iter().filter(|(name, _)| *name != "FilterPolicy");
        sizes.map(|(name, text)| name.len() + text.len()).sum()
    };
    let largest = topic.subscriptions.iter().map(|it| it.endpoint.len() + bytes(&it.attributes));
    let largest =
        largest.max().unwrap_or_default().max(bytes(&topic.attributes) + bytes(&topic.tags));
    match largest > TEXTS_MAX {
        true => Err(SnsError::invalid(format!(
            "hardcap keeps at most {TEXTS_MAX} bytes of texts of a topic or a subscription, not {largest}"
        ))),
        false => Ok(()),
    }
}

fn check_name(name: &str, is_fifo: bool) -> Result<(), SnsError> {
    let base = name.strip_suffix(".fifo");
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let is_valid = base.is_some() == is_fifo
        && (1..=256).contains(&name.len())
        && base.unwrap_or(name).chars().all(is_allowed)
        && base != Some("");
    if is_valid { Ok(()) } else { Err(SnsError::invalid("Topic Name")) }
}

fn check_attribute(name: &str, value: &str, is_fifo: bool) -> Result<(), String> {
    let is_feedback = name.ends_with("FeedbackRoleArn") || name.ends_with("FeedbackSampleRate");
    let only_fifo = ["ContentBasedDeduplication", "FifoThroughputScope", "ArchivePolicy"];
    match name {
        _ if !ATTRIBUTES.contains(&name) && !is_feedback => Err("AttributeName".to_owned()),
        _ if only_fifo.contains(&name) && !is_fifo => Err("AttributeName".to_owned()),
        "Policy" if serde_json::from_str::<Value>(value).is_err() => {
            Err("Policy Error: null".to_owned())
        }
        _ => Ok(()),
    }
}

fn default_policy(arn: &str) -> String {
    json!({
        "Version": "2008-10-17",
        "Id": "__default_policy_ID",
        "Statement": [{
            "Sid": "__default_statement_ID",
            "Effect": "Allow",
            "Principal": {"AWS": "*"},
            "Action": [
                "SNS:GetTopicAttributes", "SNS:SetTopicAttributes", "SNS:AddPermission", "SNS:RemovePermission",
                "SNS:DeleteTopic", "SNS:Subscribe", "SNS:ListSubscriptionsByTopic", "SNS:Publish",
            ],
            "Resource": arn,
            "Condition": {"StringEquals": {"AWS:SourceOwner": ACCOUNT_ID}},
        }],
    })
    .to_string()
}

fn effective_delivery_policy() -> String {
    json!({"http": {
        "defaultHealthyRetryPolicy": {
            "minDelayTarget": 20, "maxDelayTarget": 20, "numRetries": 3, "numMaxDelayRetries": 0,
            "numNoDelayRetries": 0, "numMinDelayRetries": 0, "backoffFunction": "linear",
        },
        "disableSubscriptionOverrides": false,
        "defaultRequestPolicy": {"headerContentType": "text/plain; charset=UTF-8"},
    }})
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUEUE: &str = "arn:aws:sqs:us-east-1:000000000000:q";

    fn texts(all: &[(&str, &str)]) -> Texts {
        all.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn store() -> Store {
        let mut store = Store::open("us-east-1", None).unwrap();
        store.create("t", texts(&[("DisplayName", "one")]), texts(&[("k", "v")])).unwrap();
        store
    }

    #[test]
    fn the_texts_of_a_topic_are_bounded() {
        let mut store = store();
        let texts = |pairs: &[(&str, usize)]| -> Texts {
            let text = |(name, length): &(&str, usize)| ((*name).to_owned(), "x".repeat(*length));
            pairs.iter().map(text).collect()
        };
        let too_large = |created: Result<(), SnsError>| {
            created.unwrap_err().to_string().contains("hardcap keeps at most 65536 bytes")
        };
        // The name of the attribute has 11 bytes.
        assert!(too_large(store.create("s", texts(&[("DisplayName", 65_526)]), Texts::new())));
        store.create("s", texts(&[("DisplayName", 65_525)]), Texts::new()).unwrap();
        assert!(too_large(store.set_attribute("s", "DisplayName", &"x".repeat(65_526))));
        let tags: Texts = (0..51).map(|n| (n.to_string(), String::new())).collect();
        assert!(store.create("u", Texts::new(), tags).is_err());
        let tags: Texts = (0..50).map(|n| (n.to_string(), String::new())).collect();
        store.create("u", Texts::new(), tags).unwrap();
    }

    #[test]
    fn a_topic_is_created_once_with_its_attributes_and_tags() {
        let mut store = store();
        store.create("t", Texts::new(), Texts::new()).unwrap();
        store.create("t", texts(&[("DisplayName", "one")]), texts(&[("k", "v")])).unwrap();
        let different = store.create("t", texts(&[("DisplayName", "two")]), Texts::new());
        assert_eq!(
            different.unwrap_err().to_string(),
            "Invalid parameter: Attributes Reason: Topic already exists with different attributes"
        );
        let different = store.create("t", Texts::new(), texts(&[("k", "w")]));
        assert_eq!(
            different.unwrap_err().to_string(),
            "Invalid parameter: Tags Reason: Topic already exists with different tags"
        );
    }

    #[test]
    fn the_name_of_a_fifo_topic_ends_with_fifo() {
        let mut store = store();
        let fifo = texts(&[("FifoTopic", "true")]);
        for (name, attributes) in [
            ("x", &fifo),
            ("x.fifo", &Texts::new()),
            ("", &Texts::new()),
            (".fifo", &fifo),
            ("a b", &Texts::new()),
        ] {
            let refused = store.create(name, attributes.clone(), Texts::new()).unwrap_err();
            assert_eq!(refused.to_string(), "Invalid parameter: Topic Name", "{name}");
        }
        store.create("x.fifo", fifo, Texts::new()).unwrap();
        store.create(&"a".repeat(256), Texts::new(), Texts::new()).unwrap();
        store.create(&"a".repeat(257), Texts::new(), Texts::new()).unwrap_err();
    }

    #[test]
    fn the_same_endpoint_is_subscribed_once() {
        let mut store = store();
        let raw = texts(&[("RawMessageDelivery", "true")]);
        let id = store.subscribe("t", ("sqs", QUEUE), &raw).unwrap();
        for same in [&raw, &Texts::new()] {
            assert_eq!(store.subscribe("t", ("sqs", QUEUE), same).unwrap(), id);
        }
        let other = texts(&[("RawMessageDelivery", "false")]);
        assert_eq!(
            store.subscribe("t", ("sqs", QUEUE), &other).unwrap_err().to_string(),
            "Invalid parameter: Attributes Reason: Subscription already exists with different attributes"
        );
        let arn = format!("{}:{id}", store.arn("t"));
        store.unsubscribe(&arn).unwrap();
        store.unsubscribe(&arn).unwrap();
        assert_eq!(store.get("t").unwrap().shown("a")["SubscriptionsDeleted"], "1");
        assert_eq!(
            store.subscription(&arn).unwrap_err().to_string(),
            "Subscription does not exist"
        );
    }

    #[test]
    fn topics_subscriptions_and_filters_outlive_the_store() {
        let root = tempfile::tempdir().unwrap();
        let mut store = Store::open("us-east-1", Some(root.path())).unwrap();
        store.create("t", Texts::new(), Texts::new()).unwrap();
        let filter = texts(&[("FilterPolicy", r#"{"a":["x"]}"#)]);
        let id = store.subscribe("t", ("sqs", QUEUE), &filter).unwrap();
        let store = Store::open("us-east-1", Some(root.path())).unwrap();
        assert!(store.filter("t", &id).is_some());
        assert_eq!(store.get("t").unwrap().subscriptions[0].endpoint, QUEUE);
    }

    #[test]
    fn a_text_that_is_not_an_arn_is_named() {
        let store = store();
        for (arn, expected) in [
            (
                "x",
                "Invalid parameter: TopicArn Reason: An ARN must have at least 6 elements, not 1",
            ),
            ("", "Invalid parameter: TopicArn Reason: An ARN must have at least 6 elements, not 1"),
            (
                "a:b",
                "Invalid parameter: TopicArn Reason: An ARN must have at least 6 elements, not 2",
            ),
            ("arn:aws:sns:us-east-1:000000000000:none", "Topic does not exist"),
            ("arn:aws:sns:eu-west-1:000000000000:t", "Topic does not exist"),
        ] {
            assert_eq!(store.existing("TopicArn", arn).unwrap_err().to_string(), expected);
        }
        assert_eq!(store.existing("TopicArn", &store.arn("t")).unwrap(), "t");
    }
}
