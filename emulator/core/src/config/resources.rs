//! What services keep for functions: buckets, tables, parameters, secrets. Part of [`crate::config`].

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::config::ACCOUNT_ID;

/// A bucket and its rules.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bucket {
    /// The bucket's name.
    pub name: String,
    /// The cross-origin rules, in order: the first that matches answers.
    pub cors: Vec<BucketCorsRule>,
    /// When objects end.
    pub lifecycle: Vec<LifecycleRule>,
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
    /// How long a browser may keep the answer, in seconds.
    pub max_age_seconds: Option<u32>,
}

/// A rule of `LifecycleConfiguration`. Whole days, rounded up to the next midnight UTC.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LifecycleRule {
    /// Only keys that begin so; all when empty.
    pub prefix: String,
    /// Objects end this many days after they were created.
    pub expiration_days: Option<u32>,
    /// Uploads that were not completed end this many days after they began.
    pub abort_incomplete_multipart_days: Option<u32>,
}

/// A DynamoDB table, billed by request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// The table's name.
    pub name: String,
    /// The attributes that keys are made of, of the table and of its indexes; no others.
    pub attributes: Vec<Attribute>,
    /// The name of the partition key's attribute.
    pub hash_key: String,
    /// The name of the sort key's attribute, where there is one.
    pub range_key: Option<String>,
    /// Global secondary indexes.
    pub indexes: Vec<Index>,
    /// The attribute that holds the second after which an item may be deleted.
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

/// An attribute that a key is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// The attribute's name.
    pub name: String,
    /// Its type.
    pub kind: AttributeKind,
}

/// The types that a key can have.
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
    /// As AWS writes it: `S`, `N` or `B`.
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
    /// The name of the sort key's attribute, where there is one.
    pub range_key: Option<String>,
    /// Which attributes the index holds beside the keys.
    pub projection: Projection,
}

/// Which attributes an index holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Projection {
    /// All.
    #[default]
    All,
    /// Those of the keys.
    KeysOnly,
    /// Those of the keys, and these.
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
    /// Empty when there is none.
    pub description: String,
    /// The tier, which says how long the value may be.
    pub tier: ParameterTier,
}

impl Parameter {
    /// A string of the standard tier.
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
    /// A parameter's value may be a secret whatever its type: it is never shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parameter")
            .field("name", &self.name)
            .field("kind", &self.kind)
            .field("tier", &self.tier)
            .finish_non_exhaustive()
    }
}

/// The types of a parameter, written as AWS writes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ParameterKind {
    /// `String`
    String,
    /// `StringList`
    StringList,
    /// `SecureString`: only readable with `WithDecryption`.
    SecureString,
}

impl ParameterKind {
    /// As AWS writes it.
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
    /// `Intelligent-Tiering`: standard as long as the value fits it.
    #[serde(rename = "Intelligent-Tiering")]
    IntelligentTiering,
}

impl ParameterTier {
    /// As AWS writes it.
    pub fn name(self) -> &'static str {
        match self {
            ParameterTier::Standard => "Standard",
            ParameterTier::Advanced => "Advanced",
            ParameterTier::IntelligentTiering => "Intelligent-Tiering",
        }
    }
}

const SUFFIX_LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// `arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME-xxxxxx`; `life` tells apart the secrets
/// that have the name one after the other; a template's is 0.
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
    /// The value; none yet when `None`.
    pub value: Option<SecretValue>,
    /// Empty when there is none.
    pub description: String,
}

impl Secret {
    /// A secret that is a text.
    #[must_use]
    pub fn new(name: &str, text: &str) -> Secret {
        Secret {
            name: name.to_owned(),
            value: Some(SecretValue::String(text.to_owned())),
            description: String::new(),
        }
    }

    /// `arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME-xxxxxx`, which is what `Ref` gives in a template. The six
    /// characters, random on AWS, follow from the name here, so that they are known before anything runs.
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

/// What a secret holds.
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
