//! The configuration of a template's bucket, as types of the S3 API.

use s3s::dto::{
    AbortIncompleteMultipartUpload, BucketLifecycleConfiguration, CORSConfiguration, CORSRule,
    ExpirationStatus, LifecycleExpiration, LifecycleRule, LifecycleRuleFilter,
};

use hardcap_core::config;

/// The CORS configuration of a template's bucket; `None` if it has none.
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

/// The notifications of a template's bucket; `None` if it has none.
pub(super) fn notifications(bucket: &config::Bucket) -> Option<config::BucketNotifications> {
    let notifications = &bucket.notifications;
    (*notifications != config::BucketNotifications::default()).then(|| notifications.clone())
}

/// The lifecycle configuration of a template's bucket; `None` if it has none.
pub(super) fn lifecycle(bucket: &config::Bucket) -> Option<BucketLifecycleConfiguration> {
    let days = |days: Option<u32>| days.and_then(|days| i32::try_from(days).ok());
    let rules: Vec<LifecycleRule> = bucket
        .lifecycle
        .iter()
        .enumerate()
        .map(|(at, rule)| LifecycleRule {
            abort_incomplete_multipart_upload: days(rule.abort_incomplete_multipart_days)
                .map(|days| AbortIncompleteMultipartUpload { days_after_initiation: Some(days) }),
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
