//! Tags of objects and buckets.

use http::StatusCode;
use s3s::S3Response;
use s3s::dto::*;

use super::object::no_version;
use super::{Api, OperationResult, plain};
use crate::call::Call;
use crate::notify::{self, Change};
use crate::refusal::Refusal;
use crate::store::Object;
use crate::tags::{self, TagOwner, Tags};

/// The tags that a write sets on its object.
///
/// # Errors
///
/// If the header is not a valid set of tags.
pub(super) fn of_call(call: &Call) -> Result<Tags, Refusal> {
    call.header("x-amz-tagging").map_or(Ok(Tags::new()), tags::of_header)
}

fn shown(tags: &Tags) -> TagSet {
    let tag = |(key, value): &(String, String)| Tag {
        key: Some(key.clone()),
        value: Some(value.clone()),
    };
    tags.iter().map(tag).collect()
}

pub(super) async fn put_object(
    api: &Api,
    call: &Call,
    input: PutObjectTaggingInput,
) -> OperationResult<PutObjectTaggingOutput> {
    no_version(input.version_id.as_deref())?;
    let set = tags::checked(TagOwner::Object, input.tagging.tag_set);
    change((api, call, Change::TagsPut), &input.bucket, &input.key, set).await?;
    plain(PutObjectTaggingOutput::default())
}

pub(super) async fn delete_object(
    api: &Api,
    call: &Call,
    input: DeleteObjectTaggingInput,
) -> OperationResult<DeleteObjectTaggingOutput> {
    no_version(input.version_id.as_deref())?;
    let of = (api, call, Change::TagsDeleted);
    change(of, &input.bucket, &input.key, Ok(Tags::new())).await?;
    plain(DeleteObjectTaggingOutput::default())
}

/// Replaces the tags of an object. Its date and entity tag do not change.
async fn change(
    (api, call, kind): (&Api, &Call, Change),
    bucket: &str,
    key: &str,
    set: Result<Tags, Refusal>,
) -> Result<(), Refusal> {
    let bucket = api.store.bucket(bucket)?;
    loop {
        let object = bucket.get(key).ok_or_else(|| Refusal::no_such_key().with("Key", key))?;
        let changed = Object { tags: set.clone()?, ..Object::clone(&object) };
        let is_same = move |current: Option<&Object>| match current {
            Some(current) if std::ptr::eq(current, &*object) => Ok(()),
            Some(_) | None => Err(Refusal::conditional_request_conflict()),
        };
        let notifications = api.notifier.of_call(call, &bucket, kind, &changed);
        match bucket.put(changed, is_same).await {
            // The object was replaced since: the new one is tagged.
            Err(refusal) if refusal.code == "ConditionalRequestConflict" => {}
            Ok(()) => {
                notify::send(notifications).await;
                return Ok(());
            }
            Err(refusal) => return Err(refusal),
        }
    }
}

pub(super) async fn get_object(
    api: &Api,
    _call: &Call,
    input: GetObjectTaggingInput,
) -> OperationResult<GetObjectTaggingOutput> {
    no_version(input.version_id.as_deref())?;
    let object = api.store.bucket(&input.bucket)?.get(&input.key);
    let missing = || {
        // AWS writes the bucket before the key here (recorded 2026-02-23).
        Refusal::no_such_key().with("Key", format!("{}/{}", input.bucket, input.key))
    };
    let object = object.ok_or_else(missing)?;
    plain(GetObjectTaggingOutput { tag_set: shown(&object.tags), version_id: None })
}

pub(super) async fn put_bucket(
    api: &Api,
    _call: &Call,
    input: PutBucketTaggingInput,
) -> OperationResult<PutBucketTaggingOutput> {
    let bucket = api.store.bucket(&input.bucket)?;
    let set = tags::checked(TagOwner::Bucket, input.tagging.tag_set)?;
    let set = (!set.is_empty()).then_some(set);
    bucket.change_settings(move |settings| settings.tags = set).await?;
    let mut response = S3Response::new(PutBucketTaggingOutput::default());
    response.extensions.insert(StatusCode::NO_CONTENT);
    Ok(response)
}

pub(super) async fn get_bucket(
    api: &Api,
    _call: &Call,
    input: GetBucketTaggingInput,
) -> OperationResult<GetBucketTaggingOutput> {
    let settings = api.store.bucket(&input.bucket)?.settings();
    let missing = || Refusal::no_such_tag_set().with("BucketName", input.bucket.clone());
    plain(GetBucketTaggingOutput { tag_set: shown(settings.tags.as_ref().ok_or_else(missing)?) })
}

pub(super) async fn delete_bucket(
    api: &Api,
    _call: &Call,
    input: DeleteBucketTaggingInput,
) -> OperationResult<DeleteBucketTaggingOutput> {
    let bucket = api.store.bucket(&input.bucket)?;
    bucket.change_settings(|settings| settings.tags = None).await?;
    plain(DeleteBucketTaggingOutput::default())
}
