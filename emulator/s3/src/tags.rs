//! Tags of objects and buckets: parsed from XML or a header, and validated. Pure.
//!
//! Texts were recorded on 2026-02-23: LocalStack's `TestS3BucketObjectTagging`.

use std::collections::HashSet;

use http::StatusCode;
use s3s::dto::Tag;

use super::refusal::Refusal;
use hardcap_core::uri;

/// Keys and values.
pub(super) type Tags = Vec<(String, String)>;

/// The owner of the tags. Some refusals have different texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TagOwner {
    Bucket,
    Object,
}

impl TagOwner {
    /// The maximum number of tags (S3 user guide, "Categorizing your storage using tags").
    fn most(self) -> usize {
        match self {
            TagOwner::Bucket => 50,
            TagOwner::Object => 10,
        }
    }
}

/// Validates a set of tags and sorts it by key, as AWS returns it.
///
/// # Errors
///
/// `MalformedXML`, `InvalidTag` or `BadRequest`, with AWS's text.
pub(super) fn checked(of: TagOwner, set: Vec<Tag>) -> Result<Tags, Refusal> {
    let mut tags = Tags::new();
    for tag in set {
        let (Some(key), Some(value)) = (tag.key, tag.value) else {
            return Err(Refusal::malformed_xml());
        };
        tags.push((key, value));
    }
    check(of, &tags)?;
    tags.sort();
    Ok(tags)
}

fn check(of: TagOwner, tags: &Tags) -> Result<(), Refusal> {
    if tags.len() > of.most() {
        let what = if of == TagOwner::Object { "Object tags" } else { "Bucket tag count" };
        let message = format!("{what} cannot be greater than {}", of.most());
        return Err(Refusal::new(StatusCode::BAD_REQUEST, "BadRequest", message));
    }
    let mut keys = HashSet::new();
    for (key, value) in tags {
        let invalid = |message: &'static str| {
            Refusal::new(StatusCode::BAD_REQUEST, "InvalidTag", message).with("TagKey", key)
        };
        if !keys.insert(key) {
            return Err(invalid("Cannot provide multiple Tags with the same key"));
        }
        if key.starts_with("aws:") {
            return Err(invalid(match of {
                TagOwner::Bucket => "System tags cannot be added/updated by requester",
                TagOwner::Object => "Your TagKey cannot be prefixed with aws:",
            }));
        }
        if key.is_empty() || key.chars().count() > 128 || !key.chars().all(allowed) {
            return Err(invalid("The TagKey you have provided is invalid"));
        }
        if value.chars().count() > 256 || !value.chars().all(allowed) {
            return Err(
                invalid("The TagValue you have provided is invalid").with("TagValue", value)
            );
        }
    }
    Ok(())
}

/// Letters, spaces and numbers of any script, and nine symbols (S3 API reference, `Tag`).
fn allowed(c: char) -> bool {
    c.is_alphanumeric() || c.is_whitespace() || "+-=._:/@".contains(c)
}

/// Parses `x-amz-tagging`: `key1=value1&key2=value2`, percent-encoded.
///
/// # Errors
///
/// `InvalidArgument` for another format or a repeated key; `InvalidTag` for an invalid tag.
pub(super) fn of_header(text: &str) -> Result<Tags, Refusal> {
    let invalid = || {
        Refusal::invalid_tagging_header()
            .with("ArgumentName", "x-amz-tagging")
            .with("ArgumentValue", text)
    };
    let mut tags = Tags::new();
    let pairs = uri::query(text).ok_or_else(invalid)?;
    for (name, value) in pairs {
        let utf8 = |bytes: Vec<u8>| String::from_utf8(bytes).map_err(|_| invalid());
        let (name, value) = (utf8(name)?, utf8(value)?);
        // Recorded: a comma does not separate pairs.
        if name.is_empty() || value.contains(['=', ',']) || tags.iter().any(|(key, _)| *key == name)
        {
            return Err(invalid());
        }
        tags.push((name, value));
    }
    check(TagOwner::Object, &tags)?;
    tags.sort();
    Ok(tags)
}

/// Parses the XML in a form's field `tagging`: `<Tagging><TagSet><Tag><Key>…`.
///
/// # Errors
///
/// `MalformedXML`, and as [`checked`].
pub(super) fn of_xml(text: &str) -> Result<Tags, Refusal> {
    use s3s::xml::{Deserialize as _, Deserializer};
    let read = s3s::dto::Tagging::deserialize(&mut Deserializer::new(text.as_bytes()));
    let tagging = read.map_err(|_| Refusal::malformed_xml())?;
    checked(TagOwner::Object, tagging.tag_set)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(tags: &[(&str, &str)]) -> Tags {
        tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_header_has_the_form_of_a_query() {
        for (text, expected) in [
            ("tag1=tag1&tag2=tag2&tag", of(&[("tag", ""), ("tag1", "tag1"), ("tag2", "tag2")])),
            ("wrongquery&wrongagain", of(&[("wrongagain", ""), ("wrongquery", "")])),
            ("a%20b=%C3%A9%2Fx", of(&[("a b", "\u{e9}/x")])),
            ("", of(&[])),
        ] {
            assert_eq!(of_header(text).unwrap(), expected, "{text}");
        }
        for text in ["key1=val1&key1=val2", "key1=val1,key2=val2", "=v", "k=%ff"] {
            assert_eq!(of_header(text).unwrap_err().code, "InvalidArgument", "{text}");
        }
        assert_eq!(of_header("aws:x=1").unwrap_err().code, "InvalidTag");
    }

    #[test]
    fn an_object_has_at_most_ten_tags_and_a_bucket_fifty() {
        let set = |count: usize| {
            let tag = |at: usize| Tag { key: Some(format!("k{at}")), value: Some(String::new()) };
            (0..count).map(tag).collect::<Vec<_>>()
        };
        assert_eq!(checked(TagOwner::Object, set(10)).unwrap().len(), 10);
        assert_eq!(
            checked(TagOwner::Object, set(11)).unwrap_err().message,
            "Object tags cannot be greater than 10"
        );
        assert_eq!(checked(TagOwner::Bucket, set(50)).unwrap().len(), 50);
        assert_eq!(checked(TagOwner::Bucket, set(51)).unwrap_err().code, "BadRequest");
    }

    #[test]
    fn the_tags_of_a_form_are_xml() {
        let text = "<Tagging><TagSet><Tag><Key>k</Key><Value>v</Value></Tag></TagSet></Tagging>";
        assert_eq!(of_xml(text).unwrap(), of(&[("k", "v")]));
        assert_eq!(of_xml("k=v").unwrap_err().code, "MalformedXML");
    }
}
