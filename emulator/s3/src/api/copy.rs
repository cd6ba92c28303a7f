//! CopyObject: source and copy share their bytes.

use std::sync::Arc;

use futures_util::TryStreamExt as _;
use http::StatusCode;
use s3s::S3Response;
use s3s::crypto::{Checksum as _, Md5};
use s3s::dto::*;

use super::object::{expiration, identify, no_version, put_limit};
use super::{Api, OperationResult, tagging, timestamp};
use crate::attributes;
use crate::call::Call;
use crate::checksum::{Algorithm, Hasher, show_checksum};
use crate::conditions::{self, COPY_SOURCE, ReadRefusal, WriteCondition};
use crate::notify::{self, Change};
use crate::refusal::Refusal;
use crate::store::{self, Object, ObjectChecksum};

pub(super) async fn copy(
    api: &Api,
    call: &Call,
    input: CopyObjectInput,
) -> OperationResult<CopyObjectOutput> {
    let bucket = api.store.bucket(&input.bucket)?;
    let replaces = is_replace(call, "x-amz-metadata-directive", "Unknown metadata directive.")?;
    let replaces_tags = is_replace(call, "x-amz-tagging-directive", "Unknown tagging directive.")?;
    let source = source(api, call, &input.copy_source)?;
    let length = hardcap_limits::Bytes(source.length());
    call.context().admit(put_limit(call), length).map_err(|exceeded| too_large(exceeded.max))?;
    let itself = matches!(&input.copy_source, CopySource::Bucket { bucket, key, .. }
        if **bucket == *input.bucket && **key == *input.key);
    if itself && !replaces && input.storage_class.is_none() {
        return Err(Refusal::copy_to_itself());
    }
    let mut attributes = if replaces { attributes::read(call)? } else { source.attributes.clone() };
    attributes.storage_class = call.header("x-amz-storage-class").map(str::to_owned);
    attributes::check_storage_class(attributes.storage_class.as_deref())?;
    let tags = if replaces_tags { tagging::of_call(call)? } else { source.tags.clone() };
    let condition = WriteCondition::of(call.headers())?;
    let (etag, checksum) = digests(&source, Algorithm::named(call.headers())?).await?;
    let object = Object {
        key: input.key.as_str().into(),
        modified: call.context().clock.now(),
        attributes,
        tags,
        etag,
        checksum,
        upload: None,
        body: source.body.clone(),
    };
    let mut result = CopyObjectResult {
        e_tag: Some(ETag::Strong(object.etag.clone())),
        last_modified: Some(timestamp(object.modified)),
        ..Default::default()
    };
    if let Some(checksum) = &object.checksum {
        show_checksum!(result, checksum.checksum.algorithm, checksum.text());
        result.checksum_type = Some(ChecksumType::from(checksum.kind().to_owned()));
    }
    let mut response = S3Response::new(CopyObjectOutput {
        copy_object_result: Some(result),
        ..Default::default()
    });
    identify(&object, &mut response.headers);
    response.headers.remove("etag");
    expiration(&bucket, &object, &mut response.headers);
    let key = input.key;
    let notifications = api.notifier.of_call(call, &bucket, Change::Copy, &object);
    bucket.put(object, move |current| condition.check(&key, current)).await?;
    notify::send(notifications).await;
    Ok(response)
}

/// Whether a directive of the copy is `REPLACE`; the default is `COPY` (S3 API reference, CopyObject).
///
/// # Errors
///
/// A directive with another value. The text of the metadata directive is that of MinIO. UNCONFIRMED: both texts on AWS.
fn is_replace(call: &Call, name: &'static str, unknown: &'static str) -> Result<bool, Refusal> {
    match call.header(name) {
        None | Some("COPY") => Ok(false),
        Some("REPLACE") => Ok(true),
        Some(other) => Err(Refusal::new(StatusCode::BAD_REQUEST, "InvalidArgument", unknown)
            .with("ArgumentName", name)
            .with("ArgumentValue", other)),
    }
}

/// The source object, if the conditions allow the copy.
pub(super) fn source(api: &Api, call: &Call, source: &CopySource) -> Result<Arc<Object>, Refusal> {
    let CopySource::Bucket { bucket, key, version_id } = source else {
        return Err(Refusal::header_not_implemented().with("Header", "x-amz-copy-source"));
    };
    no_version(version_id.as_deref())?;
    let object = api.store.bucket(bucket)?.get(key);
    let object = object.ok_or_else(|| Refusal::no_such_key().with("Key", &**key))?;
    let now = i64::try_from(call.context().arrived.0 / 1000).unwrap_or(i64::MAX);
    conditions::read(call.headers(), &COPY_SOURCE, &object, now).map_err(
        |unread| match unread {
            ReadRefusal::NotModified(condition) | ReadRefusal::Failed(condition) => {
                conditions::failed(condition)
            }
        },
    )?;
    Ok(object)
}

/// The source exceeds the maximum size of a copy.
pub(super) fn too_large(max: u64) -> Refusal {
    Refusal::new(
        StatusCode::BAD_REQUEST,
        "InvalidRequest",
        format!(
            "The specified copy source is larger than the maximum allowable size for a copy source: {max}"
        ),
    )
}

/// A copy is one piece even if its source was uploaded in parts, so neither the entity tag nor the composite checksum of the
/// source apply. The checksum algorithm is the one that the copy names, else that of the source.
async fn digests(
    source: &Object,
    wanted: Option<Algorithm>,
) -> Result<(String, Option<ObjectChecksum>), Refusal> {
    let has = source.checksum.as_ref().map(|checksum| checksum.checksum.algorithm);
    let of_parts = |checksum: &ObjectChecksum| checksum.parts.is_some();
    if !source.etag.contains('-')
        && !source.checksum.as_ref().is_some_and(of_parts)
        && (wanted.is_none() || wanted == has)
    {
        return Ok((source.etag.clone(), source.checksum.clone()));
    }
    let mut md5 = Md5::new();
    let algorithm = wanted.or(has).unwrap_or(Algorithm::Crc64Nvme);
    let mut hasher = Hasher::new(algorithm);
    let mut data = std::pin::pin!(store::read(source.slices(0, source.length())));
    while let Some(piece) = data.try_next().await.map_err(|error| Refusal::bug(&error))? {
        md5.update(&piece);
        hasher.update(&piece);
    }
    let checksum = ObjectChecksum::of_bytes(hasher.finish());
    Ok((hex::encode(md5.finalize()), Some(checksum)))
}
