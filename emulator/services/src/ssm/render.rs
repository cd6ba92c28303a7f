//! Parameters as responses show them.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::store::Version;
use crate::json_api::seconds;
use hardcap_core::config::{ACCOUNT_ID, ParameterKind};

/// A version of a parameter, with the data of its ARN.
pub(super) struct Shown<'s> {
    pub(super) region: &'s str,
    pub(super) name: &'s str,
    pub(super) version: &'s Version,
}

impl Version {
    /// The KMS key of a secure string.
    pub(super) fn shown_key_id(&self) -> Option<&str> {
        let is_secure = self.kind == ParameterKind::SecureString;
        is_secure.then(|| self.key_id.as_deref().unwrap_or("alias/aws/ssm"))
    }
}

impl Shown<'_> {
    fn arn(&self) -> String {
        let (region, path) = (self.region, self.name.trim_start_matches('/'));
        format!("arn:aws:ssm:{region}:{ACCOUNT_ID}:parameter/{path}")
    }

    /// The form of `GetParameter`.
    pub(super) fn parameter(&self, decrypted: bool) -> Value {
        json!({
            "ARN": self.arn(),
            "DataType": self.version.data_type,
            "LastModifiedDate": seconds(self.version.modified),
            "Name": self.name,
            "Type": self.version.kind,
            "Value": self.value(decrypted),
            "Version": self.version.number,
        })
    }

    /// The form of `DescribeParameters`, without the value.
    pub(super) fn description(&self) -> Value {
        let version = self.version;
        let mut shown = json!({
            "ARN": self.arn(),
            "DataType": version.data_type,
            "LastModifiedDate": seconds(version.modified),
            "Name": self.name,
            "Policies": [],
            "Tier": version.tier,
            "Type": version.kind,
            "Version": version.number,
        });
        if !version.description.is_empty() {
            shown["Description"] = json!(version.description);
        }
        if let Some(pattern) = &version.allowed_pattern {
            shown["AllowedPattern"] = json!(pattern);
        }
        if let Some(key) = version.shown_key_id() {
            shown["KeyId"] = json!(key);
        }
        shown
    }

    /// The form of `GetParameterHistory`: the description of the version, with its value.
    pub(super) fn history(&self, decrypted: bool) -> Value {
        let mut shown = self.description();
        shown["Labels"] = json!(self.version.labels);
        shown["Value"] = self.value(decrypted);
        shown
    }

    /// A secure string without decryption is meaningless base64, like a ciphertext of KMS.
    fn value(&self, decrypted: bool) -> Value {
        if self.version.kind != ParameterKind::SecureString || decrypted {
            return json!(self.version.value);
        }
        let hidden = Sha256::new()
            .chain_update(self.name)
            .chain_update(self.version.number.to_be_bytes())
            .chain_update(&self.version.value)
            .finalize();
        json!(format!("AQICAHh{}", BASE64_STANDARD.encode(hidden)))
    }
}
