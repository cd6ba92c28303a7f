//! Conditional requests: `If-Match` and the other conditions of reads and writes. Pure.

use http::{HeaderMap, HeaderValue, header};
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

use super::refusal::Refusal;
use super::store::Object;

/// The header names of the conditions.
pub(super) struct ConditionNames {
    if_match: &'static str,
    if_none_match: &'static str,
    if_modified_since: &'static str,
    if_unmodified_since: &'static str,
}

/// The conditions of a read.
pub(super) const READ: ConditionNames = ConditionNames {
    if_match: "If-Match",
    if_none_match: "If-None-Match",
    if_modified_since: "If-Modified-Since",
    if_unmodified_since: "If-Unmodified-Since",
};

/// The conditions on the source of a copy, spelled as in errors (recorded 2025-11-12).
pub(super) const COPY_SOURCE: ConditionNames = ConditionNames {
    if_match: "x-amz-copy-source-If-Match",
    if_none_match: "x-amz-copy-source-If-None-Match",
    if_modified_since: "x-amz-copy-source-If-Modified-Since",
    if_unmodified_since: "x-amz-copy-source-If-Unmodified-Since",
};

/// The outcome of a failed condition of a read.
pub(super) enum ReadRefusal {
    /// The client has the current version: 304.
    NotModified(&'static str),
    /// A precondition failed: 412.
    Failed(&'static str),
}

/// Evaluates the conditions of a read. A tag takes precedence over a date of the same kind. Dates after `now` are ignored.
pub(super) fn read(
    headers: &HeaderMap,
    names: &ConditionNames,
    object: &Object,
    now_seconds: i64,
) -> Result<(), ReadRefusal> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let date = |name: &str| text(name).and_then(parse_date).filter(|date| *date <= now_seconds);
    let modified = object.modified_seconds();
    if let Some(tags) = text(names.if_match) {
        if !matches(tags, &object.etag) {
            return Err(ReadRefusal::Failed(names.if_match));
        }
    } else if date(names.if_unmodified_since).is_some_and(|date| modified > date) {
        return Err(ReadRefusal::Failed(names.if_unmodified_since));
    }
    if let Some(tags) = text(names.if_none_match) {
        if matches(tags, &object.etag) {
            return Err(ReadRefusal::NotModified(names.if_none_match));
        }
    } else if date(names.if_modified_since).is_some_and(|date| modified <= date) {
        return Err(ReadRefusal::NotModified(names.if_modified_since));
    }
    Ok(())
}

/// 412 with the name of the condition.
pub(super) fn failed(condition: &'static str) -> Refusal {
    Refusal::precondition_failed().with("Condition", condition)
}

/// 304 with the headers that a cache needs.
pub(super) fn not_modified(object: &Object) -> Refusal {
    let value = |text: String| HeaderValue::try_from(text).expect("a tag and a date are ASCII");
    Refusal::not_modified()
        .header(header::ETAG, value(format!("\"{}\"", object.etag)))
        .header(header::LAST_MODIFIED, value(http_date(object.modified_seconds())))
}

/// The condition of a write on the existing object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum WriteCondition {
    /// No condition.
    Always,
    /// `If-None-Match: *`
    Absent,
    /// `If-Match`; `*` matches every object.
    Matches(String),
}

impl WriteCondition {
    /// Parses the conditions of a write.
    ///
    /// # Errors
    ///
    /// If a condition is only valid for reads.
    pub(super) fn of(headers: &HeaderMap) -> Result<WriteCondition, Refusal> {
        let text = |name| {
            headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        let refused = |header: &str, why: &str| {
            Err(Refusal::header_not_implemented()
                .with("Header", header)
                .with("additionalMessage", why))
        };
        match (text(header::IF_MATCH), text(header::IF_NONE_MATCH)) {
            (None, None) => Ok(WriteCondition::Always),
            (Some(_), Some(_)) => refused(
                "If-Match,If-None-Match",
                "Multiple conditional request headers present in the request",
            ),
            (None, Some(tag)) if tag == "*" => Ok(WriteCondition::Absent),
            (None, Some(_)) => refused(
                "If-None-Match",
                "We don't accept the provided value of If-None-Match header for this API",
            ),
            (Some(tag), None) if tag == "*" => refused(
                "If-Match",
                "We don't accept the provided value of If-Match header for this API",
            ),
            (Some(tag), None) => Ok(WriteCondition::Matches(tag)),
        }
    }

    /// Parses the conditions of DeleteObject, which accepts `If-Match: *` (S3 API reference, DeleteObject).
    ///
    /// # Errors
    ///
    /// As [`WriteCondition::of`]. If a version is named beside `If-Match`: seen on AWS on 2026-03-06 (localstack/localstack#13894);
    /// UNCONFIRMED: the element `Header`.
    pub(super) fn of_deletion(
        headers: &HeaderMap,
        version: Option<&str>,
    ) -> Result<WriteCondition, Refusal> {
        let tag = headers.get(header::IF_MATCH);
        if tag.is_some() && version.is_some() {
            return Err(Refusal::header_not_implemented().with("Header", "If-Match"));
        }
        match tag {
            Some(tag) if tag == "*" && !headers.contains_key(header::IF_NONE_MATCH) => {
                Ok(WriteCondition::Matches("*".to_owned()))
            }
            _ => WriteCondition::of(headers),
        }
    }

    /// Evaluates the condition against the existing object. A missing object is 404 for every `If-Match`: for `*` too, where the
    /// S3 user guide says 412 (measured on AWS on 2026-03-06, localstack/localstack#13894, and on 2026-08-23,
    /// ministackorg/ministack#1475).
    pub(super) fn check(&self, key: &str, current: Option<&Object>) -> Result<(), Refusal> {
        match (self, current) {
            (WriteCondition::Always, _) | (WriteCondition::Absent, None) => Ok(()),
            (WriteCondition::Absent, Some(_)) => Err(failed("If-None-Match")),
            (WriteCondition::Matches(_), None) => Err(Refusal::no_such_key().with("Key", key)),
            (WriteCondition::Matches(tag), Some(object)) if matches(tag, &object.etag) => Ok(()),
            (WriteCondition::Matches(_), Some(_)) => Err(failed("If-Match")),
        }
    }
}

/// Whether a list of quoted or unquoted tags, or `*`, contains this tag.
fn matches(tags: &str, etag: &str) -> bool {
    tags.split(',').map(str::trim).any(|tag| tag == "*" || tag.trim_matches('"') == etag)
}

/// Parses `Wed, 21 Oct 2015 07:28:00 GMT`; `None` for anything else, which is ignored.
fn parse_date(text: &str) -> Option<i64> {
    let format = format_description!(
        "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
    );
    PrimitiveDateTime::parse(text, format).ok().map(|date| date.assume_utc().unix_timestamp())
}

/// Formats `Wed, 21 Oct 2015 07:28:00 GMT`.
pub(super) fn http_date(seconds: i64) -> String {
    let format = format_description!(
        "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
    );
    let date = OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    date.format(format).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use hardcap_core::clock::EpochMillis;

    const NOW: i64 = 1_445_412_480 + 100;

    fn object() -> Object {
        Object {
            key: "k".into(),
            modified: EpochMillis(1_445_412_480_900),
            attributes: crate::store::Attributes::default(),
            tags: Vec::new(),
            etag: "abc".to_owned(),
            checksum: None,
            upload: None,
            body: Vec::new(),
        }
    }

    fn verdict(conditions: &[(&'static str, &str)]) -> &'static str {
        let mut headers = HeaderMap::new();
        for (name, value) in conditions {
            headers.insert(*name, value.parse().unwrap());
        }
        match read(&headers, &READ, &object(), NOW) {
            Ok(()) => "200",
            Err(ReadRefusal::NotModified(_)) => "304",
            Err(ReadRefusal::Failed(name)) => name,
        }
    }

    #[test]
    fn conditions_of_reads_are_evaluated_as_http_specifies() {
        let (at, before) = ("Wed, 21 Oct 2015 07:28:00 GMT", "Wed, 21 Oct 2015 07:27:59 GMT");
        assert_eq!(verdict(&[]), "200");
        assert_eq!(verdict(&[("if-match", "\"abc\"")]), "200");
        assert_eq!(verdict(&[("if-match", "\"x\", abc")]), "200");
        assert_eq!(verdict(&[("if-match", "\"x\"")]), "If-Match");
        assert_eq!(verdict(&[("if-none-match", "\"abc\"")]), "304");
        assert_eq!(verdict(&[("if-none-match", "*")]), "304");
        assert_eq!(verdict(&[("if-none-match", "\"x\"")]), "200");
        assert_eq!(verdict(&[("if-modified-since", at)]), "304");
        assert_eq!(verdict(&[("if-modified-since", before)]), "200");
        assert_eq!(verdict(&[("if-unmodified-since", at)]), "200");
        assert_eq!(verdict(&[("if-unmodified-since", before)]), "If-Unmodified-Since");
        assert_eq!(verdict(&[("if-match", "abc"), ("if-unmodified-since", before)]), "200");
        assert_eq!(verdict(&[("if-none-match", "x"), ("if-modified-since", at)]), "200");
        assert_eq!(verdict(&[("if-modified-since", "Thu, 01 Jan 2099 00:00:00 GMT")]), "200");
        assert_eq!(verdict(&[("if-modified-since", "yesterday")]), "200");
    }

    #[test]
    fn writes_require_absence_or_one_tag() {
        let of = |name: &'static str, value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().unwrap());
            WriteCondition::of(&headers).map_err(|refusal| refusal.status.as_u16())
        };
        assert_eq!(of("if-none-match", "*"), Ok(WriteCondition::Absent));
        assert_eq!(of("if-none-match", "\"abc\""), Err(501));
        assert_eq!(of("if-match", "*"), Err(501));
        let check = |write: &WriteCondition, current: Option<&Object>| {
            write.check("k", current).map_err(|refusal| refusal.status.as_u16())
        };
        let object = object();
        assert_eq!(check(&WriteCondition::Absent, None), Ok(()));
        assert_eq!(check(&WriteCondition::Absent, Some(&object)), Err(412));
        assert_eq!(check(&WriteCondition::Matches("\"abc\"".to_owned()), Some(&object)), Ok(()));
        assert_eq!(check(&WriteCondition::Matches("x".to_owned()), Some(&object)), Err(412));
        assert_eq!(check(&WriteCondition::Matches("x".to_owned()), None), Err(404));
    }

    #[test]
    fn a_deletion_accepts_every_tag_but_no_version_beside_it() {
        let of = |name: &'static str, value: &str, version: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().unwrap());
            WriteCondition::of_deletion(&headers, version).map_err(|it| it.status.as_u16())
        };
        let any = WriteCondition::Matches("*".to_owned());
        assert_eq!(of("if-match", "*", None), Ok(any.clone()));
        assert_eq!(of("if-match", "*", Some("null")), Err(501));
        assert_eq!(of("x-other", "*", Some("null")), Ok(WriteCondition::Always));
        assert_eq!(any.check("k", Some(&object())).map_err(|it| it.status.as_u16()), Ok(()));
        assert_eq!(any.check("k", None).map_err(|it| it.status.as_u16()), Err(404));
    }
}
