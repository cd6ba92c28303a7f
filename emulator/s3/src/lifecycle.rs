//! When objects and unfinished uploads end: whole days, rounded up to the next midnight UTC.

use std::sync::Arc;

use hardcap_limits::{Count, Limit};
use s3s::dto::{BucketLifecycleConfiguration, ExpirationStatus, LifecycleRule};
use time::OffsetDateTime;

use super::refusal::Refusal;
use super::store::{Bucket, Object, Store, Upload};
use hardcap_core::clock::EpochMillis;

const DAY: u64 = 24 * 60 * 60 * 1000;

/// The midnight at which something that began at `from` ends: created 2014-01-15 10:30, 3 days, ends 2014-01-19 00:00.
fn ends(from: EpochMillis, days: u64) -> EpochMillis {
    EpochMillis(from.0.saturating_add(days.saturating_mul(DAY)).div_ceil(DAY).saturating_mul(DAY))
}

/// The next midnight after a point in time: nothing ends in between.
pub(super) fn next_midnight(now: EpochMillis) -> EpochMillis {
    EpochMillis((now.0 / DAY + 1) * DAY)
}

/// When an object ends, and by which rule: the soonest of all rules for it.
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

/// When an unfinished upload ends.
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

/// Whether a rule is about an object. Objects here have no tags, so a rule for tagged ones is about none.
fn selects(rule: &LifecycleRule, object: &Object) -> bool {
    let length = i64::try_from(object.length()).unwrap_or(i64::MAX);
    let filter = rule.filter.as_ref();
    let and = filter.and_then(|filter| filter.and.as_ref());
    let tagged = filter.is_some_and(|filter| filter.tag.is_some())
        || and.is_some_and(|and| and.tags.as_ref().is_some_and(|tags| !tags.is_empty()));
    let greater = filter.and_then(|filter| {
        filter.object_size_greater_than.or(filter.and.as_ref()?.object_size_greater_than)
    });
    let less = filter.and_then(|filter| {
        filter.object_size_less_than.or(filter.and.as_ref()?.object_size_less_than)
    });
    !tagged
        && object.key.starts_with(prefix(rule))
        && greater.is_none_or(|bound| length > bound)
        && less.is_none_or(|bound| length < bound)
}

/// Removes what has ended by now.
pub(super) async fn run(store: &Store, now: EpochMillis) {
    for bucket in store.buckets() {
        let settings = bucket.settings();
        let Some(rules) = &settings.lifecycle else { continue };
        if let Err(refusal) = run_bucket(&bucket, rules, now).await {
            tracing::error!(bucket = bucket.name, message = %refusal.message, "the lifecycle failed");
        }
    }
}

async fn run_bucket(
    bucket: &Arc<Bucket>,
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
        // Written anew meanwhile, it stays.
        let removed = bucket
            .remove(&object.key, move |current| match current {
                Some(current) if current.modified == modified => Ok(()),
                _ => Err(Refusal::no_such_key()),
            })
            .await;
        match removed {
            Err(refusal) if refusal.code != "NoSuchKey" => return Err(refusal),
            _ => {}
        }
    }
    for upload in bucket.uploads() {
        if upload_expiry(rules, &upload).is_some_and(|end| end <= now) {
            bucket.end_upload(&upload).await?;
        }
    }
    Ok(())
}

/// Checks rules before they are stored, and gives those an id that have none.
///
/// # Errors
///
/// No rules, a rule that does nothing, days that are none.
pub(super) fn check(
    rules: &mut BucketLifecycleConfiguration,
    days_min: &Limit<Count>,
) -> Result<(), Refusal> {
    let invalid = |message: &'static str| {
        Err(Refusal::new(http::StatusCode::BAD_REQUEST, "InvalidArgument", message))
    };
    if rules.rules.is_empty() {
        return Err(Refusal::malformed_xml());
    }
    let too_few = |days: i32| u64::try_from(days).map_or(true, |days| days < days_min.max.0);
    for rule in &mut rules.rules {
        let days = rule.expiration.as_ref().and_then(|expiration| expiration.days);
        if days.is_some_and(too_few) {
            return invalid("'Days' for Expiration action must be a positive integer");
        }
        let abort = rule.abort_incomplete_multipart_upload.as_ref();
        if abort.is_some_and(|abort| abort.days_after_initiation.is_some_and(too_few)) {
            return invalid(
                "'DaysAfterInitiation' for AbortIncompleteMultipartUpload action must be a positive integer",
            );
        }
        if rule.filter.is_none() && rule.prefix.is_none() {
            return Err(Refusal::malformed_xml());
        }
        if rule.id.as_deref().unwrap_or_default().is_empty() {
            rule.id = Some(uuid::Uuid::new_v4().to_string());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> EpochMillis {
        let time = OffsetDateTime::parse(text, &time::format_description::well_known::Rfc3339);
        EpochMillis(u64::try_from(time.unwrap().unix_timestamp()).unwrap() * 1000)
    }

    #[test]
    fn the_example_of_the_user_guide() {
        assert_eq!(ends(at("2014-01-15T10:30:00Z"), 3), at("2014-01-19T00:00:00Z"));
    }

    #[test]
    fn a_day_is_never_shorter_than_a_day() {
        assert_eq!(ends(at("2014-01-15T00:00:00Z"), 1), at("2014-01-16T00:00:00Z"));
        assert_eq!(ends(at("2014-01-15T00:00:01Z"), 1), at("2014-01-17T00:00:00Z"));
        assert_eq!(ends(at("2014-01-15T23:59:59Z"), 1), at("2014-01-17T00:00:00Z"));
        assert_eq!(next_midnight(at("2014-01-15T00:00:00Z")), at("2014-01-16T00:00:00Z"));
        assert_eq!(next_midnight(at("2014-01-15T23:59:59Z")), at("2014-01-16T00:00:00Z"));
    }
}
