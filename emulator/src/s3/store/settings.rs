//! A bucket's rules as XML, the form in which operations send them and files keep them; and from a template.

use std::io;

use s3s::dto::{
    AbortIncompleteMultipartUpload, BucketLifecycleConfiguration, CORSConfiguration, CORSRule,
    ExpirationStatus, LifecycleExpiration, LifecycleRule, LifecycleRuleFilter,
};
use s3s::xml::{Deserialize, Deserializer, Serialize, Serializer};

use crate::config;

/// Writes rules.
pub(super) fn write(rules: &impl Serialize) -> io::Result<String> {
    let mut xml = Vec::new();
    rules.serialize(&mut Serializer::new(&mut xml)).map_err(io::Error::other)?;
    String::from_utf8(xml).map_err(io::Error::other)
}

/// Reads what [`write`] wrote.
pub(super) fn read<T: for<'xml> Deserialize<'xml>>(xml: &str) -> io::Result<T> {
    T::deserialize(&mut Deserializer::new(xml.as_bytes())).map_err(io::Error::other)
}

/// The cross-origin rules of a template's bucket; none when it has none.
pub(super) fn cors(bucket: &config::Bucket) -> Option<CORSConfiguration> {
    let optional = |list: &[String]| (!list.is_empty()).then(|| list.to_vec());
    let rules: Vec<CORSRule> = bucket
        .cors
        .iter()
        .map(|rule| CORSRule {
            allowed_headers: optional(&rule.allowed_headers),
            allowed_methods: rule.allowed_methods.clone(),
            allowed_origins: rule.allowed_origins.clone(),
            expose_headers: optional(&rule.expose_headers),
            id: None,
            max_age_seconds: rule.max_age_seconds.and_then(|seconds| i32::try_from(seconds).ok()),
        })
        .collect();
    (!rules.is_empty()).then_some(CORSConfiguration { cors_rules: rules })
}

/// The lifecycle of a template's bucket; none when it has none.
pub(super) fn lifecycle(bucket: &config::Bucket) -> Option<BucketLifecycleConfiguration> {
    let days = |days: Option<u32>| days.and_then(|days| i32::try_from(days).ok());
    let rules: Vec<LifecycleRule> = bucket
        .lifecycle
        .iter()
        .enumerate()
        .map(|(at, rule)| LifecycleRule {
            abort_incomplete_multipart_upload: days(rule.abort_incomplete_multipart_days).map(
                |days| AbortIncompleteMultipartUpload { days_after_initiation: Some(days) },
            ),
            expiration: days(rule.expiration_days).map(|days| LifecycleExpiration {
                days: Some(days),
                ..LifecycleExpiration::default()
            }),
            filter: Some(LifecycleRuleFilter {
                prefix: Some(rule.prefix.clone()),
                ..LifecycleRuleFilter::default()
            }),
            id: Some(format!("rule-{}", at + 1)),
            noncurrent_version_expiration: None,
            noncurrent_version_transitions: None,
            prefix: None,
            status: ExpirationStatus::from_static(ExpirationStatus::ENABLED),
            transitions: None,
        })
        .collect();
    (!rules.is_empty()).then_some(BucketLifecycleConfiguration { rules })
}
