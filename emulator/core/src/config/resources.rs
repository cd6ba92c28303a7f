//! Resources of services other than Lambda and API Gateway: buckets, tables, parameters, secrets. Part of [`crate::config`].

use std::fmt;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::config::{ACCOUNT_ID, BucketNotifications};

/// A bucket and its configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bucket {
    /// The bucket's name.
    pub name: String,
    /// The CORS rules, in order. The first match applies.
    pub cors: Vec<BucketCorsRule>,
    /// The lifecycle rules.
    pub lifecycle: Vec<LifecycleRule>,
    /// The notifications.
    pub notifications: BucketNotifications,
}

/// A rule of `CorsConfiguration`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BucketCorsRule {
    /// `*`, exact origins, or origins with one `*`.
    pub allowed_origins: Vec<String>,
    /// `GET`, `PUT`, `POST`, `DELETE`, `HEAD`.
    pub allowed_methods: Vec<String>,
    /// Request headers, with `*` allowed once in each.
    pub allowed_headers: Vec<String>,
    /// Response headers that scripts may read.
    pub expose_headers: Vec<String>,
    /// How long a browser may cache a preflight response, in seconds.
    pub max_age_seconds: Option<u32>,
}

/// A rule of `LifecycleConfiguration`, in whole days, rounded up to the next midnight UTC.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LifecycleRule {
    /// The prefix of the keys; empty for all keys.
    pub prefix: String,
    /// Objects expire this many days after their creation.
    pub expiration_days: Option<u32>,
    /// Incomplete multipart uploads are aborted this many days after their initiation.
    pub abort_incomplete_multipart_days: Option<u32>,
}

/// A DynamoDB table, billed by request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// The table's name.
    pub name: String,
    /// The key attributes of the table and of its indexes.
    pub attributes: Vec<Attribute>,
    /// The name of the partition key's attribute.
    pub hash_key: String,
    /// The name of the sort key's attribute, if there is one.
    pub range_key: Option<String>,
    /// Global secondary indexes.
    pub indexes: Vec<Index>,
    /// The attribute that holds the expiry time of an item, in seconds.
    pub ttl_attribute: Option<String>,
}

impl Table {
    /// A table whose partition key is a string, without a sort key.
    ///
    /// ```
    /// use hardcap_core::config::Table;
    ///
    /// let table = Table { ttl_attribute: Some("expires".to_owned()), ..Table::new("jobs", "id") };
    /// assert_eq!(table.attributes[0].name, "id");
    /// ```
    #[must_use]
    pub fn new(name: &str, hash_key: &str) -> Table {
        Table {
            name: name.to_owned(),
            attributes: vec![Attribute { name: hash_key.to_owned(), kind: AttributeKind::String }],
            hash_key: hash_key.to_owned(),
            ..Table::default()
        }
    }
}

/// An attribute that is part of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// The attribute's name.
    pub name: String,
    /// Its type.
    pub kind: AttributeKind,
}

/// The types of key attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttributeKind {
    /// `S`
    String,
    /// `N`
    Number,
    /// `B`
    Binary,
}

impl AttributeKind {
    /// AWS's spelling: `S`, `N` or `B`.
    #[must_use]
    pub fn letter(self) -> &'static str {
        match self {
            AttributeKind::String => "S",
            AttributeKind::Number => "N",
            AttributeKind::Binary => "B",
        }
    }
}

/// A global secondary index of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    /// The index's name.
    pub name: String,
    /// The name of the partition key's attribute.
    pub hash_key: String,
    /// The name of the sort key's attribute, if there is one.
    pub range_key: Option<String>,
    /// The projected attributes in addition to the keys.
    pub projection: Projection,
}

/// The attributes that an index projects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Projection {
    /// All attributes.
    #[default]
    All,
    /// Only the key attributes.
    KeysOnly,
    /// The key attributes and these.
    Include(Vec<String>),
}

/// A parameter of Systems Manager's Parameter Store.
#[derive(Clone, PartialEq, Eq)]
pub struct Parameter {
    /// `/shop/prod/upstream`, or a name without a path.
    pub name: String,
    /// The type.
    pub kind: ParameterKind,
    /// The value; the items of a [`ParameterKind::StringList`] are separated by commas.
    pub value: String,
    /// The description; may be empty.
    pub description: String,
    /// The tier, which limits the length of the value.
    pub tier: ParameterTier,
}

impl Parameter {
    /// A string parameter of the standard tier.
    #[must_use]
    pub fn new(name: &str, value: &str) -> Parameter {
        Parameter {
            name: name.to_owned(),
            kind: ParameterKind::String,
            value: value.to_owned(),
            description: String::new(),
            tier: ParameterTier::Standard,
        }
    }
}

impl fmt::Debug for Parameter {
    /// The value of a parameter of any type may be a secret, so it is never shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parameter")
            .field("name", &self.name)
            .field("kind", &self.kind)
            .field("tier", &self.tier)
            .finish_non_exhaustive()
    }
}

/// A queue of SQS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Queue {
    /// The logical id in a template; equal to `name` without a template.
    pub logical_id: String,
    /// The queue's name. That of a FIFO queue ends with `.fifo`.
    pub name: String,
    /// The attributes in the spelling of `CreateQueue`: `VisibilityTimeout`, `RedrivePolicy` as JSON.
    pub attributes: IndexMap<String, String>,
    /// The tags.
    pub tags: IndexMap<String, String>,
}

impl Queue {
    /// A queue with AWS's defaults; a FIFO queue if its name ends with `.fifo`.
    ///
    /// ```
    /// use hardcap_core::config::Queue;
    ///
    /// assert_eq!(Queue::new("orders.fifo").attributes["FifoQueue"], "true");
    /// ```
    #[must_use]
    pub fn new(name: &str) -> Queue {
        let (logical_id, name) = (name.to_owned(), name.to_owned());
        let mut queue = Queue { logical_id, name, ..Queue::default() };
        let name = &queue.name;
        if name.ends_with(".fifo") {
            queue.attributes.insert("FifoQueue".to_owned(), "true".to_owned());
        }
        queue
    }

    /// The same queue with an attribute.
    #[must_use]
    pub fn with(mut self, attribute: &str, value: &str) -> Queue {
        self.attributes.insert(attribute.to_owned(), value.to_owned());
        self
    }

    /// `arn:aws:sqs:REGION:ACCOUNT:NAME`
    #[must_use]
    pub fn arn(&self, region: &str) -> String {
        queue_arn(region, &self.name)
    }
}

/// `arn:aws:sqs:REGION:ACCOUNT:NAME`
#[must_use]
pub fn queue_arn(region: &str, name: &str) -> String {
    format!("arn:aws:sqs:{region}:{ACCOUNT_ID}:{name}")
}

/// An event source mapping: Lambda receives the messages of a queue and invokes a function with them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventSourceMapping {
    /// The UUID that AWS gives it.
    pub uuid: String,
    /// The queue's name.
    pub queue: String,
    /// The function: `NAME`, or `NAME:QUALIFIER`.
    pub function: String,
    /// `Enabled`
    pub is_enabled: bool,
    /// `BatchSize`: the most messages of one invocation.
    pub batch_size: u64,
    /// `MaximumBatchingWindowInSeconds`: how long a batch waits for more messages.
    pub window_seconds: u64,
    /// `ScalingConfig.MaximumConcurrency`
    pub maximum_concurrency: Option<u64>,
    /// `FunctionResponseTypes` has `ReportBatchItemFailures`.
    pub reports_failures: bool,
    /// `FilterCriteria`: the patterns, each as JSON.
    pub filters: Vec<String>,
}

impl EventSourceMapping {
    /// A mapping with AWS's defaults. Its UUID is derived from both names, so that it is the same in every run.
    #[must_use]
    pub fn new(queue: &str, function: &str) -> EventSourceMapping {
        let digest = hex::encode(Sha256::digest(format!("mapping\0{queue}\0{function}")));
        let uuid = format!(
            "{}-{}-4{}-8{}-{}",
            &digest[..8],
            &digest[8..12],
            &digest[12..15],
            &digest[15..18],
            &digest[18..30]
        );
        EventSourceMapping {
            uuid,
            queue: queue.to_owned(),
            function: function.to_owned(),
            is_enabled: true,
            batch_size: 10,
            window_seconds: 0,
            maximum_concurrency: None,
            reports_failures: false,
            filters: Vec::new(),
        }
    }
}

/// The types of a parameter, in AWS's spelling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ParameterKind {
    /// `String`
    String,
    /// `StringList`
    StringList,
    /// `SecureString`: readable only with `WithDecryption`.
    SecureString,
}

impl ParameterKind {
    /// AWS's spelling.
    pub fn name(self) -> &'static str {
        match self {
            ParameterKind::String => "String",
            ParameterKind::StringList => "StringList",
            ParameterKind::SecureString => "SecureString",
        }
    }
}

/// The tiers of a parameter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ParameterTier {
    /// `Standard`
    #[default]
    Standard,
    /// `Advanced`
    Advanced,
    /// `Intelligent-Tiering`: standard while the value fits, else advanced.
    #[serde(rename = "Intelligent-Tiering")]
    IntelligentTiering,
}

impl ParameterTier {
    /// AWS's spelling.
    pub fn name(self) -> &'static str {
        match self {
            ParameterTier::Standard => "Standard",
            ParameterTier::Advanced => "Advanced",
            ParameterTier::IntelligentTiering => "Intelligent-Tiering",
        }
    }
}

const SUFFIX_LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// `arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME-xxxxxx`. `life` distinguishes secrets that were created one after the
/// other with the same name; it is 0 for a secret of a template.
pub fn secret_arn(region: &str, name: &str, life: u64) -> String {
    let digest = Sha256::new().chain_update(name).chain_update(life.to_be_bytes()).finalize();
    let suffix: String = digest
        .iter()
        .take(6)
        .map(|byte| char::from(SUFFIX_LETTERS[usize::from(*byte) % SUFFIX_LETTERS.len()]))
        .collect();
    format!("arn:aws:secretsmanager:{region}:{ACCOUNT_ID}:secret:{name}-{suffix}")
}

/// A secret of Secrets Manager.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    /// The secret's name.
    pub name: String,
    /// The value. `None`: the secret has no value yet.
    pub value: Option<SecretValue>,
    /// The description; may be empty.
    pub description: String,
}

impl Secret {
    /// A secret with a text value.
    #[must_use]
    pub fn new(name: &str, text: &str) -> Secret {
        Secret {
            name: name.to_owned(),
            value: Some(SecretValue::String(text.to_owned())),
            description: String::new(),
        }
    }

    /// `arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME-xxxxxx`, the value of `Ref` in a template. The six characters are
    /// random on AWS. Here they are derived from the name, so that they are known before the start.
    #[must_use]
    pub fn arn(&self, region: &str) -> String {
        secret_arn(region, &self.name, 0)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secret").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The value of a secret.
#[derive(Clone, PartialEq, Eq)]
pub enum SecretValue {
    /// `SecretString`
    String(String),
    /// `SecretBinary`
    Binary(Vec<u8>),
}

impl fmt::Debug for SecretValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretValue(…)")
    }
}
