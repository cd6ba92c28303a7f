//! Expiry of objects and incomplete uploads: whole days, rounded up to the next midnight UTC.

use std::sync::Arc;

use hardcap_limits::{Count, Limit};
use s3s::dto::{BucketLifecycleConfiguration, ExpirationStatus, LifecycleRule, Tag};
use time::OffsetDateTime;

use super::notify::{self, Change, Notifier};
use super::refusal::Refusal;
use super::store::{Bucket, Object, ObjectStore, Upload};
use hardcap_core::clock::EpochMillis;

const DAY: u64 = 24 * 60 * 60 * 1000;

/// The midnight at which something from `from` expires: created 2014-01-15 10:30, 3 days, expires 2014-01-19 00:00.
fn ends(from: EpochMillis, days: u64) -> EpochMillis {
    EpochMillis(from.0.saturating_add(days.saturating_mul(DAY)).div_ceil(DAY).saturating_mul(DAY))
}

/// The next midnight after a point in time. Nothing expires in between.
pub(super) fn next_midnight(now: EpochMillis) -> EpochMillis {
    EpochMillis((now.0 / DAY + 1) * DAY)
}

/// The expiry of an object and its rule: the earliest of all matching rules.
pub(super) fn expiry<'a>(
    rules: &'a BucketLifecycleConfiguration,
    object: &Object,
) -> Option<(EpochMillis, &'a str)> {
    let of_rule = |rule: &'a LifecycleRule| {
        let expiration = rule.expiration.as_ref()?;
        let by_days = expiration
            .days
            .and_then(|days| u64::try_from(days).ok())
            .map(|days| ends(object.modified, days));
        let by_date = expiration.date.clone().map(|date| {
            let seconds = OffsetDateTime::from(date).unix_timestamp();
            EpochMillis(u64::try_from(seconds).unwrap_or(0) * 1000)
        });
        let end = by_days.or(by_date)?;
        Some((end, rule.id.as_deref().unwrap_or_default()))
    };
    let rules = rules.rules.iter().filter(|rule| is_enabled(rule) && selects(rule, object));
    rules.filter_map(of_rule).min_by_key(|(end, _)| *end)
}

/// The expiry of an incomplete upload.
fn upload_expiry(rules: &BucketLifecycleConfiguration, upload: &Upload) -> Option<EpochMillis> {
    let of_rule = |rule: &LifecycleRule| {
        let days = rule.abort_incomplete_multipart_upload.as_ref()?.days_after_initiation?;
        Some(ends(EpochMillis(upload.about.initiated), u64::try_from(days).ok()?))
    };
    let rules = rules.rules.iter().filter(|rule| is_enabled(rule));
    rules.filter(|rule| upload.about.key.starts_with(prefix(rule))).filter_map(of_rule).min()
}

fn is_enabled(rule: &LifecycleRule) -> bool {
    rule.status.as_str() == ExpirationStatus::ENABLED
}

fn prefix(rule: &LifecycleRule) -> &str {
    let filter = rule.filter.as_ref();
    let and = filter.and_then(|filter| filter.and.as_ref()?.prefix.as_deref());
    let own = filter.and_then(|filter| filter.prefix.as_deref());
    and.or(own).or(rule.prefix.as_deref()).unwrap_or_default()
}

/// Whether a rule matches an object: all conditions of its filter hold, alone or in `And`. Both bounds of the size are
/// exclusive (S3 API reference, `LifecycleRuleFilter`).
fn selects(rule: &LifecycleRule, object: &Object) -> bool {
    let length = i64::try_from(object.length()).unwrap_or(i64::MAX);
    let has = |tag: &Tag| {
        let (key, value) = (tag.key.as_deref(), tag.value.as_deref().unwrap_or_default());
        object.tags.iter().any(|(own, given)| Some(own.as_str()) == key && given == value)
    };
    let in_filter = rule.filter.as_ref().is_none_or(|filter| {
        filter.object_size_greater_than.is_none_or(|bound| length > bound)
            && filter.object_size_less_than.is_none_or(|bound| length < bound)
            && filter.tag.as_ref().is_none_or(has)
    });
    let and = rule.filter.as_ref().and_then(|filter| filter.and.as_ref());
    let in_and = and.is_none_or(|and| {
        and.object_size_greater_than.is_none_or(|bound| length > bound)
            && and.object_size_less_than.is_none_or(|bound| length < bound)
            && and.tags.iter().flatten().all(has)
    });
    in_filter && in_and && object.key.starts_with(prefix(rule))
}

/// Removes everything that has expired.
pub(super) async fn run(store: &ObjectStore, notifier: &Notifier, now: EpochMillis) {
    for bucket in store.buckets() {
        let settings = bucket.settings();
        let Some(rules) = &settings.lifecycle else { continue };
        if let Err(refusal) = run_bucket(&bucket, notifier, rules, now).await {
            tracing::error!(bucket = bucket.name, message = %refusal.message, "lifecycle expiration failed");
        }
    }
}

async fn run_bucket(
    bucket: &Arc<Bucket>,
    notifier: &Notifier,
    rules: &BucketLifecycleConfiguration,
    now: EpochMillis,
) -> Result<(), Refusal> {
    let over = |object: &Object| expiry(rules, object).is_some_and(|(end, _)| end <= now);
    let mut ended = Vec::new();
    bucket.visit(std::ops::Bound::Unbounded, |object| {
        if over(object) {
            ended.push(object.clone());
        }
        true
    });
    for object in ended {
        let modified = object.modified;
        // A replaced object stays.
        let removed = bucket
            .remove(&object.key, move |current| match current {
                Some(current) if current.modified == modified => Ok(()),
                Some(_) | None => Err(Refusal::no_such_key()),
            })
            .await;
        match removed {
            Ok(_) => notify::send(notifier.of_service(bucket, Change::Expiration, &object)).await,
            Err(refusal) if refusal.code == "NoSuchKey" => {}
            Err(refusal) => return Err(refusal),
        }
    }
    for upload in bucket.uploads() {
        if upload_expiry(rules, &upload).is_some_and(|end| end <= now) {
            bucket.end_upload(&upload).await?;
        }
    }
    Ok(())
}

/// The maximum number of rules of one bucket (S3 user guide, "Managing the lifecycle of objects").
const RULES_MAX: usize = 1000;
/// The maximum length of a rule's id (S3 API reference, `LifecycleRule`).
const ID_CHARACTERS_MAX: usize = 255;

/// Validates rules before they are stored, and assigns missing ids.
///
/// # Errors
///
/// If the schema does not allow a rule, an id is too long or repeated, or a number of days or a date is invalid.
/// `NotImplemented` for transitions, which would otherwise be ignored silently.
pub(super) fn check(
    rules: &mut BucketLifecycleConfiguration,
    days_min: &Limit<Count>,
) -> Result<(), Refusal> {
    if rules.rules.is_empty() || rules.rules.len() > RULES_MAX {
        return Err(Refusal::malformed_xml());
    }
    for rule in &mut rules.rules {
        check_form(rule)?;
        check_days(rule, days_min)?;
        check_date(rule)?;
        if rule.id.as_deref().unwrap_or_default().is_empty() {
            rule.id = Some(uuid::Uuid::new_v4().to_string());
        }
    }
    let mut ids = std::collections::HashSet::new();
    for id in rules.rules.iter().filter_map(|rule| rule.id.as_deref()) {
        if id.chars().count() > ID_CHARACTERS_MAX {
            return Err(invalid("ID length should not exceed allowed limit of 255"));
        }
        if !ids.insert(id) {
            return Err(invalid("Rule ID must be unique. Found same ID for more than one rule"));
        }
    }
    Ok(())
}

fn invalid(message: &'static str) -> Refusal {
    Refusal::new(http::StatusCode::BAD_REQUEST, "InvalidArgument", message)
}

/// The rules of the schema. Recorded 2026-02-21: LocalStack's `test_put_bucket_lifecycle_conf_exc`.
fn check_form(rule: &LifecycleRule) -> Result<(), Refusal> {
    let malformed = || Err(Refusal::malformed_xml());
    if ![ExpirationStatus::ENABLED, ExpirationStatus::DISABLED].contains(&rule.status.as_str()) {
        return malformed();
    }
    // A rule has either a filter or a prefix.
    if rule.filter.is_some() == rule.prefix.is_some() {
        return malformed();
    }
    if let Some(filter) = &rule.filter {
        let alone = [
            filter.and.is_some(),
            filter.object_size_greater_than.is_some(),
            filter.object_size_less_than.is_some(),
            filter.prefix.is_some(),
            filter.tag.is_some(),
        ];
        if alone.iter().filter(|is_there| **is_there).count() > 1 {
            return malformed();
        }
        let tags = filter.and.iter().flat_map(|and| and.tags.iter().flatten());
        let mut keys: Vec<_> = tags.filter_map(|tag| tag.key.as_deref()).collect();
        keys.sort_unstable();
        if keys.windows(2).any(|pair| pair[0] == pair[1]) {
            let message = "Duplicate Tag Keys are not allowed.";
            return Err(Refusal::new(http::StatusCode::BAD_REQUEST, "InvalidRequest", message));
        }
    }
    if let Some(expiration) = &rule.expiration {
        let kinds = [
            expiration.days.is_some(),
            expiration.date.is_some(),
            expiration.expired_object_delete_marker.is_some(),
        ];
        if kinds.iter().filter(|is_there| **is_there).count() != 1 {
            return malformed();
        }
    }
    let noncurrent = rule.noncurrent_version_expiration.as_ref();
    if noncurrent.is_some_and(|noncurrent| {
        noncurrent.noncurrent_days.is_none() && noncurrent.newer_noncurrent_versions.is_none()
    }) {
        return malformed();
    }
    if rule.transitions.is_some() || rule.noncurrent_version_transitions.is_some() {
        return Err(Refusal::not_emulated("Transitions between storage classes"));
    }
    let acts = rule.expiration.is_some()
        || rule.abort_incomplete_multipart_upload.is_some()
        || noncurrent.is_some();
    if acts {
        return Ok(());
    }
    Err(Refusal::new(
        http::StatusCode::BAD_REQUEST,
        "InvalidRequest",
        "At least one action needs to be specified in a rule",
    ))
}

fn check_days(rule: &LifecycleRule, days_min: &Limit<Count>) -> Result<(), Refusal> {
    let too_few = |days: i32| u64::try_from(days).map_or(true, |days| days < days_min.max.0);
    let days = rule.expiration.as_ref().and_then(|expiration| expiration.days);
    if days.is_some_and(too_few) {
        return Err(invalid("'Days' for Expiration action must be a positive integer"));
    }
    let abort = rule.abort_incomplete_multipart_upload.as_ref();
    if abort.is_some_and(|abort| abort.days_after_initiation.is_none_or(too_few)) {
        return Err(invalid(
            "'DaysAfterInitiation' for AbortIncompleteMultipartUpload action must be a positive integer",
        ));
    }
    let noncurrent = rule.noncurrent_version_expiration.as_ref();
    if noncurrent.is_some_and(|it| it.noncurrent_days.is_some_and(too_few)) {
        return Err(invalid(
            "'NoncurrentDays' for NoncurrentVersionExpiration action must be a positive integer",
        ));
    }
    let filter = rule.filter.as_ref();
    let by_tag = filter.is_some_and(|filter| {
        filter.tag.is_some() || filter.and.as_ref().is_some_and(|and| and.tags.is_some())
    });
    if abort.is_some() && by_tag {
        return Err(Refusal::new(
            http::StatusCode::BAD_REQUEST,
            "InvalidRequest",
            "AbortIncompleteMultipartUpload cannot be specified with Tags",
        ));
    }
    Ok(())
}

/// Recorded 2026-02-21: LocalStack's `test_put_bucket_lifecycle_conf_exc`.
fn check_date(rule: &LifecycleRule) -> Result<(), Refusal> {
    let date = rule.expiration.as_ref().and_then(|expiration| expiration.date.clone());
    let Some(date) = date.map(OffsetDateTime::from) else { return Ok(()) };
    if date.unix_timestamp_nanos() % (i128::from(DAY) * 1_000_000) == 0 {
        return Ok(());
    }
    let given = super::auth::format_iso(date.unix_timestamp()).replace('Z', ".000Z");
    Err(invalid("'Date' must be at midnight GMT")
        .with("ArgumentName", "Date")
        .with("ArgumentValue", given))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> EpochMillis {
        let time = OffsetDateTime::parse(text, &time::format_description::well_known::Rfc3339);
        EpochMillis(u64::try_from(time.unwrap().unix_timestamp()).unwrap() * 1000)
    }

    #[test]
    fn the_example_of_the_user_guide_expires_on_its_day() {
        assert_eq!(ends(at("2014-01-15T10:30:00Z"), 3), at("2014-01-19T00:00:00Z"));
    }

    #[test]
    fn a_day_is_at_least_24_hours() {
        assert_eq!(ends(at("2014-01-15T00:00:00Z"), 1), at("2014-01-16T00:00:00Z"));
        assert_eq!(ends(at("2014-01-15T00:00:01Z"), 1), at("2014-01-17T00:00:00Z"));
        assert_eq!(ends(at("2014-01-15T23:59:59Z"), 1), at("2014-01-17T00:00:00Z"));
        assert_eq!(next_midnight(at("2014-01-15T00:00:00Z")), at("2014-01-16T00:00:00Z"));
        assert_eq!(next_midnight(at("2014-01-15T23:59:59Z")), at("2014-01-16T00:00:00Z"));
    }
}
