//! GetObjectAttributes. Recorded 2026-02-21: LocalStack's `test_get_object_attributes`.

use http::StatusCode;
use s3s::S3Response;
use s3s::dto::*;

use super::object::no_version;
use super::{Api, OperationResult, plain};
use crate::call::Call;
use crate::checksum::show_checksum;
use crate::conditions;
use crate::refusal::Refusal;
use crate::{attributes, store};

/// The maximum number of parts in one response (S3 API reference, `GetObjectAttributes`).
const PARTS_MAX: i32 = 1000;

pub(super) async fn get(
    api: &Api,
    call: &Call,
    input: GetObjectAttributesInput,
) -> OperationResult<GetObjectAttributesOutput> {
    no_version(input.version_id.as_deref())?;
    let object = api.store.bucket(&input.bucket)?.get(&input.key);
    let object = object.ok_or_else(|| Refusal::no_such_key().with("Key", input.key.clone()))?;
    let wanted = wanted(call)?;
    let asks = |name: &str| wanted.iter().any(|it| it == name);
    let mut output = GetObjectAttributesOutput::default();
    if asks("ETag") {
        output.e_tag = Some(ETag::Strong(object.etag.clone()));
    }
    if asks("Checksum") {
        output.checksum = object.checksum.as_ref().map(checksum);
    }
    if asks("ObjectParts") && object.etag.contains('-') {
        let (marker, most) = (input.part_number_marker, input.max_parts);
        output.object_parts = Some(parts(&object, marker, most));
    }
    if asks("StorageClass") {
        let class = object.attributes.storage_class.clone();
        output.storage_class = Some(class.unwrap_or_else(|| "STANDARD".to_owned()).into());
    }
    if asks("ObjectSize") {
        output.object_size = i64::try_from(object.length()).ok();
    }
    let mut response: S3Response<GetObjectAttributesOutput> = plain(output)?;
    let date = conditions::http_date(object.modified_seconds());
    attributes::insert(&mut response.headers, "last-modified", &date);
    Ok(response)
}

/// The requested attributes, at least one.
fn wanted(call: &Call) -> Result<Vec<String>, Refusal> {
    const KNOWN: [&str; 5] = ["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"];
    let values = call.headers().get_all("x-amz-object-attributes");
    let names: Vec<String> = values
        .iter()
        .flat_map(|value| value.to_str().unwrap_or_default().split(','))
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .collect();
    if !names.is_empty() && names.iter().all(|name| KNOWN.contains(&name.as_str())) {
        return Ok(names);
    }
    let message = "Invalid attribute name specified";
    Err(Refusal::new(StatusCode::BAD_REQUEST, "InvalidArgument", message)
        .with("ArgumentName", "x-amz-object-attributes"))
}

/// A checksum as this response has it: without the number of parts.
fn checksum(of: &store::ObjectChecksum) -> Checksum {
    let mut shown = Checksum {
        checksum_type: Some(ChecksumType::from(of.kind().to_owned())),
        ..Default::default()
    };
    show_checksum!(shown, of.checksum.algorithm, of.checksum.base64());
    shown
}

/// The number of parts, and the parts of a composite checksum with the checksum of each. For a checksum of all bytes AWS shows
/// the number alone (recorded 2026-02-21: `test_complete_multipart_parts_checksum_composite` and `_full_object`).
fn parts(
    object: &store::Object,
    marker: Option<i32>,
    most: Option<i32>,
) -> GetObjectAttributesParts {
    let total = i32::try_from(object.body.len()).unwrap_or(i32::MAX);
    let Some(checksum) = object.checksum.as_ref().filter(|checksum| checksum.parts.is_some())
    else {
        return GetObjectAttributesParts { total_parts_count: Some(total), ..Default::default() };
    };
    let marker = marker.unwrap_or(0).max(0);
    let most = most.unwrap_or(PARTS_MAX).clamp(0, PARTS_MAX);
    let last = marker.saturating_add(most).min(total);
    let listed = (1..).zip(object.body.iter().enumerate());
    let listed = listed.filter(|(number, _)| *number > marker && *number <= last);
    let listed = listed.map(|(number, (index, blob))| part(number, blob, checksum.of_part(index)));
    GetObjectAttributesParts {
        is_truncated: Some(last < total),
        max_parts: Some(most),
        next_part_number_marker: Some(last),
        part_number_marker: Some(marker),
        parts: Some(listed.collect()),
        total_parts_count: Some(total),
    }
}

/// A part with its checksum; without one if its record is of an older version of hardcap.
fn part(
    number: i32,
    blob: &store::Blob,
    checksum: Option<crate::checksum::Checksum>,
) -> ObjectPart {
    let mut shown = ObjectPart {
        part_number: Some(number),
        size: i64::try_from(blob.length()).ok(),
        ..Default::default()
    };
    if let Some(checksum) = checksum {
        show_checksum!(shown, checksum.algorithm, checksum.base64());
    }
    shown
}
