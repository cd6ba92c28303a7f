//! Topics of SNS. Part of [`crate::config`].

use indexmap::IndexMap;

/// A topic of SNS with its subscriptions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Topic {
    /// The logical id in the template; empty for a topic of another template.
    pub logical_id: String,
    /// The topic's name.
    pub name: String,
    /// The attributes in the spelling of SNS: `FifoTopic`, `DisplayName` and so on.
    pub attributes: IndexMap<String, String>,
    /// The tags.
    pub tags: IndexMap<String, String>,
    /// The subscriptions that exist at the start.
    pub subscriptions: Vec<Subscription>,
}

/// A subscription of a topic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subscription {
    /// `sqs`, `lambda`, or one of the protocols that are not delivered.
    pub protocol: String,
    /// The ARN of the queue or the function.
    pub endpoint: String,
    /// The attributes in the spelling of SNS: `FilterPolicy`, `RawMessageDelivery` and so on.
    pub attributes: IndexMap<String, String>,
}
