//! Operations on objects.

use std::sync::Arc;

use futures_util::StreamExt as _;
use hardcap_limits::Bytes;
use http::{HeaderMap, StatusCode};
use http_body::Frame;
use http_body_util::StreamBody;
use s3s::dto::*;
use s3s::{Body, S3Response};

use super::bucket::digest_needed;
use super::range::{self, ByteRange};
use super::{Api, OperationResult, plain, tagging};
use crate::call::Call;
use crate::checksum::{self, Algorithm, Checksum, Digests};
use crate::conditions::{self, READ, ReadRefusal, WriteCondition};
use crate::notify::{self, Change};
use crate::refusal::Refusal;
use crate::store::{self, Bucket, Object, ObjectChecksum};
use crate::{attributes, lifecycle};

/// The maximum number of keys in one DeleteObjects (S3 API reference).
const DELETED_AT_ONCE_MAX: usize = 1000;

pub(super) async fn put(
    api: &Api,
    call: &Call,
    input: PutObjectInput,
) -> OperationResult<PutObjectOutput> {
    let bucket = api.store.bucket(&input.bucket)?;
    let attributes = attributes::read(call)?;
    let tags = tagging::of_call(call)?;
    let condition = WriteCondition::of(call.headers())?;
    admit_size(call, put_limit(call))?;
    // Conditions are checked before the body is read, and again before the object is stored.
    condition.check(&input.key, bucket.get(&input.key).as_deref())?;
    call.compute(Algorithm::Crc64Nvme);
    let (blob, digests) = receive(call, &bucket, input.body).await?;
    let checksum = declared_or(call, &digests, Algorithm::Crc64Nvme);
    let checksum = checksum.map(ObjectChecksum::of_bytes);
    let object = Object {
        key: input.key.as_str().into(),
        modified: call.context().clock.now(),
        attributes,
        tags,
        etag: hex::encode(digests.md5),
        checksum,
        upload: None,
        body: vec![blob],
    };
    let mut response = S3Response::new(PutObjectOutput::default());
    identify(&object, &mut response.headers);
    checksum_headers(object.checksum.as_ref(), &mut response.headers);
    expiration(&bucket, &object, &mut response.headers);
    let key = input.key;
    let notifications = api.notifier.of_call(call, &bucket, Change::Put, &object);
    bucket.put(object, move |current| condition.check(&key, current)).await?;
    notify::send(notifications).await;
    Ok(response)
}

/// The maximum size of an object in a single PUT or copy.
pub(crate) fn put_limit(call: &Call) -> &hardcap_limits::Limit<Bytes> {
    &call.context().limits.s3_put
}

/// Compares the declared size of a body with a limit.
pub(crate) fn admit_size(call: &Call, limit: &hardcap_limits::Limit<Bytes>) -> Result<(), Refusal> {
    let Some(length) = call.body_length() else { return Ok(()) };
    call.context().admit(limit, Bytes(length)).map_err(|exceeded| {
        Refusal::limit(&exceeded)
            .with("ProposedSize", length.to_string())
            .with("MaxSizeAllowed", limit.max.0.to_string())
    })
}

/// Writes a body to the store and returns its digests. The object is not visible yet.
pub(super) async fn receive(
    call: &Call,
    bucket: &Bucket,
    body: Option<StreamingBlob>,
) -> Result<(Arc<store::Blob>, Digests), Refusal> {
    let mut writer = bucket.writer();
    if let Some(mut body) = body {
        while let Some(data) = body.next().await {
            // The call already has the refusal.
            let data = data.map_err(|_| Refusal::incomplete_body())?;
            writer.write(data).await.map_err(|error| Refusal::bug(&error))?;
        }
    }
    let digests = call.digests().cloned().ok_or_else(Refusal::incomplete_body)?;
    let blob = writer.finish().await.map_err(|error| Refusal::bug(&error))?;
    Ok((blob, digests))
}

/// The checksum that the client declared, else that of `algorithm`.
pub(super) fn declared_or(
    call: &Call,
    digests: &Digests,
    algorithm: Algorithm,
) -> Option<Checksum> {
    let declared = declared(call).unwrap_or(algorithm);
    digests.checksum(declared).cloned()
}

/// The algorithm of the declared checksum.
pub(super) fn declared(call: &Call) -> Option<Algorithm> {
    let trailer = call.header("x-amz-trailer").and_then(Algorithm::find);
    trailer.or(Algorithm::ALL.into_iter().find(|a| call.headers().contains_key(a.header())))
}

/// `ETag`, and the encryption that every object has since 2023-01-05.
pub(crate) fn identify(object: &Object, headers: &mut HeaderMap) {
    attributes::insert(headers, "etag", &format!("\"{}\"", object.etag));
    attributes::insert(headers, "x-amz-server-side-encryption", "AES256");
}

/// The checksum and its type.
pub(crate) fn checksum_headers(checksum: Option<&ObjectChecksum>, headers: &mut HeaderMap) {
    if let Some(checksum) = checksum {
        attributes::insert(headers, checksum.checksum.algorithm.header(), &checksum.text());
        attributes::insert(headers, "x-amz-checksum-type", checksum.kind());
    }
}

/// The checksum of a part, numbered from 1. S3 shows it for a composite checksum only (recorded 2026-02-21:
/// `test_complete_multipart_parts_checksum_composite` and `_full_object`).
fn part_checksum_headers(object: &Object, number: i32, headers: &mut HeaderMap) {
    let index = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
    let Some((whole, index)) = object.checksum.as_ref().zip(index) else { return };
    if let Some(part) = whole.of_part(index) {
        attributes::insert(headers, part.algorithm.header(), &part.base64());
        attributes::insert(headers, "x-amz-checksum-type", whole.kind());
    }
}

/// `x-amz-expiration`, if a lifecycle rule applies to the object.
pub(crate) fn expiration(bucket: &Bucket, object: &Object, headers: &mut HeaderMap) {
    let settings = bucket.settings();
    let rules = settings.lifecycle.as_ref();
    if let Some((end, rule)) = rules.and_then(|rules| lifecycle::expiry(rules, object)) {
        let date = conditions::http_date(i64::try_from(end.0 / 1000).unwrap_or(i64::MAX));
        let value = format!("expiry-date=\"{date}\", rule-id=\"{rule}\"");
        attributes::insert(headers, "x-amz-expiration", &value);
    }
}

pub(super) async fn get(
    api: &Api,
    call: &Call,
    input: GetObjectInput,
) -> OperationResult<GetObjectOutput> {
    let overrides = ResponseOverrides {
        cache_control: input.response_cache_control,
        content_disposition: input.response_content_disposition,
        content_encoding: input.response_content_encoding,
        content_language: input.response_content_language,
        content_type: input.response_content_type,
        expires: input.response_expires,
    };
    let asked = ReadParameters { version: input.version_id, part: input.part_number, overrides };
    let (object, stretch, headers) = look_at(api, call, &input.bucket, &input.key, asked)?;
    let slices = object.slices(stretch.start, stretch.length);
    let body = StreamBody::new(store::read(slices).map(|data| data.map(Frame::data)));
    let mut response = S3Response::new(GetObjectOutput {
        body: Some(Body::http_body_unsync(body).into()),
        content_range: stretch.content_range(),
        ..Default::default()
    });
    response.headers = headers;
    Ok(response)
}

pub(super) async fn head(
    api: &Api,
    call: &Call,
    input: HeadObjectInput,
) -> OperationResult<HeadObjectOutput> {
    let overrides = ResponseOverrides {
        cache_control: input.response_cache_control,
        content_disposition: input.response_content_disposition,
        content_encoding: input.response_content_encoding,
        content_language: input.response_content_language,
        content_type: input.response_content_type,
        expires: input.response_expires,
    };
    let asked = ReadParameters { version: input.version_id, part: input.part_number, overrides };
    let (_, stretch, headers) = look_at(api, call, &input.bucket, &input.key, asked)?;
    let mut response = S3Response::new(HeadObjectOutput::default());
    response.headers = headers;
    if let Some(range) = stretch.content_range() {
        attributes::insert(&mut response.headers, "content-range", &range);
        response.extensions.insert(StatusCode::PARTIAL_CONTENT);
    }
    Ok(response)
}

/// The parameters of a read in addition to its headers.
struct ReadParameters {
    version: Option<String>,
    part: Option<i32>,
    overrides: ResponseOverrides,
}

/// Response headers that a read overrides.
struct ResponseOverrides {
    cache_control: Option<String>,
    content_disposition: Option<String>,
    content_encoding: Option<String>,
    content_language: Option<String>,
    content_type: Option<String>,
    expires: Option<Timestamp>,
}

/// The common part of GET and HEAD: everything except the body.
fn look_at(
    api: &Api,
    call: &Call,
    bucket: &str,
    key: &str,
    asked: ReadParameters,
) -> Result<(Arc<Object>, ByteRange, HeaderMap), Refusal> {
    let bucket = api.store.bucket(bucket)?;
    no_version(asked.version.as_deref())?;
    let shows_checksum = match call.header("x-amz-checksum-mode") {
        Some("ENABLED") => true,
        // As AWS responds (a fork of OpenStack Swift, `test/s3api/test_object_checksums.py`, which also runs against AWS).
        Some(_) => return Err(checksum::invalid_value("x-amz-checksum-mode")),
        None => false,
    };
    let object = bucket.get(key).ok_or_else(|| Refusal::no_such_key().with("Key", key))?;
    let now = i64::try_from(call.context().arrived.0 / 1000).unwrap_or(i64::MAX);
    conditions::read(call.headers(), &READ, &object, now).map_err(|unread| match unread {
        ReadRefusal::NotModified(_) => conditions::not_modified(&object),
        ReadRefusal::Failed(condition) => conditions::failed(condition),
    })?;
    if asked.part.is_some() && call.headers().contains_key("range") {
        return Err(Refusal::new(
            StatusCode::BAD_REQUEST,
            "InvalidRequest",
            "Cannot specify both Range header and partNumber query parameter",
        ));
    }
    let lengths: Vec<u64> = object.body.iter().map(|blob| blob.length()).collect();
    let stretch = match asked.part {
        Some(number) => range::of_part(number, &lengths)?,
        None => range::of_header(call.header("range"), object.length())?,
    };
    let mut headers = HeaderMap::new();
    attributes::write(&object.attributes, &mut headers);
    identify(&object, &mut headers);
    expiration(&bucket, &object, &mut headers);
    if !object.tags.is_empty() {
        attributes::insert(&mut headers, "x-amz-tagging-count", &object.tags.len().to_string());
    }
    let date = conditions::http_date(object.modified_seconds());
    attributes::insert(&mut headers, "last-modified", &date);
    attributes::insert(&mut headers, "accept-ranges", "bytes");
    attributes::insert(&mut headers, "content-length", &stretch.length.to_string());
    if asked.part.is_some() && object.etag.contains('-') {
        attributes::insert(&mut headers, "x-amz-mp-parts-count", &lengths.len().to_string());
    }
    if shows_checksum {
        match asked.part {
            Some(number) => part_checksum_headers(&object, number, &mut headers),
            None if stretch.partial_of.is_none() => {
                checksum_headers(object.checksum.as_ref(), &mut headers);
            }
            None => {}
        }
    }
    asked.overrides.apply(&mut headers);
    Ok((object, stretch, headers))
}

impl ResponseOverrides {
    fn apply(self, headers: &mut HeaderMap) {
        let expires = self.expires.map(|expires| {
            conditions::http_date(time::OffsetDateTime::from(expires).unix_timestamp())
        });
        for (name, value) in [
            ("cache-control", self.cache_control),
            ("content-disposition", self.content_disposition),
            ("content-encoding", self.content_encoding),
            ("content-language", self.content_language),
            ("content-type", self.content_type),
            ("expires", expires),
        ] {
            if let Some(value) = value {
                attributes::insert(headers, name, &value);
            }
        }
    }
}

/// The only version is `null`.
pub(super) fn no_version(version: Option<&str>) -> Result<(), Refusal> {
    match version {
        None | Some("null") => Ok(()),
        Some(other) => Err(Refusal::invalid_version()
            .with("ArgumentName", "versionId")
            .with("ArgumentValue", other)),
    }
}

pub(super) async fn delete(
    api: &Api,
    call: &Call,
    input: DeleteObjectInput,
) -> OperationResult<DeleteObjectOutput> {
    let bucket = api.store.bucket(&input.bucket)?;
    no_version(input.version_id.as_deref())?;
    if input.bypass_governance_retention.is_some() {
        return Err(Refusal::bypass_without_object_lock());
    }
    let condition = WriteCondition::of_deletion(call.headers(), input.version_id.as_deref())?;
    let key = input.key.clone();
    let removed = bucket.remove(&input.key, move |current| condition.check(&key, current)).await?;
    notify_of_removal(api, call, &bucket, removed).await;
    plain(DeleteObjectOutput::default())
}

/// Sends the notifications of a removal, unless the key had no object.
async fn notify_of_removal(api: &Api, call: &Call, bucket: &Bucket, removed: Option<Arc<Object>>) {
    if let Some(removed) = removed {
        notify::send(api.notifier.of_call(call, bucket, Change::Delete, &removed)).await;
    }
}

pub(super) async fn delete_many(
    api: &Api,
    call: &Call,
    input: DeleteObjectsInput,
) -> OperationResult<DeleteObjectsOutput> {
    digest_needed(call)?;
    let bucket = api.store.bucket(&input.bucket)?;
    let objects = input.delete.objects;
    if objects.is_empty() || objects.len() > DELETED_AT_ONCE_MAX {
        return Err(Refusal::malformed_xml());
    }
    let (mut deleted, mut errors) = (Vec::new(), Vec::new());
    for object in objects {
        let tag = object.e_tag.map(|tag| WriteCondition::Matches(tag.into_value()));
        let condition = tag.unwrap_or(WriteCondition::Always);
        let key = object.key.clone();
        let removed = match no_version(object.version_id.as_deref()) {
            Ok(()) => {
                bucket.remove(&object.key, move |current| condition.check(&key, current)).await
            }
            Err(refusal) => Err(refusal),
        };
        match removed {
            Ok(removed) => {
                notify_of_removal(api, call, &bucket, removed).await;
                deleted.push(DeletedObject { key: Some(object.key), ..Default::default() });
            }
            Err(refusal) => errors.push(Error {
                code: Some(refusal.code.into_owned()),
                key: Some(object.key),
                message: Some(refusal.message.into_owned()),
                version_id: object.version_id,
            }),
        }
    }
    let quiet = input.delete.quiet.unwrap_or(false);
    plain(DeleteObjectsOutput {
        deleted: (!quiet).then_some(deleted),
        errors: Some(errors),
        request_charged: None,
    })
}

pub(super) async fn put_acl(
    api: &Api,
    _call: &Call,
    input: PutObjectAclInput,
) -> OperationResult<PutObjectAclOutput> {
    let bucket = api.store.bucket(&input.bucket)?;
    bucket.get(&input.key).ok_or_else(|| Refusal::no_such_key().with("Key", input.key.clone()))?;
    Err(Refusal::acl_not_supported())
}
