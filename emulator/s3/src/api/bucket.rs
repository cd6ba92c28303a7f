//! Operations on buckets and their configuration.

use http::StatusCode;
use s3s::dto::*;
use s3s::{S3Response, header};

use super::listing::{decode_token, encode_token};
use super::{Api, OperationResult, owner, plain, timestamp};
use crate::call::Call;
use crate::refusal::Refusal;
use crate::{attributes, cors, lifecycle, region};

pub(super) async fn list(
    api: &Api,
    _call: &Call,
    input: ListBucketsInput,
) -> OperationResult<ListBucketsOutput> {
    let prefix = input.prefix.clone().unwrap_or_default();
    let after = input.continuation_token.as_deref().map(decode_token).transpose()?;
    let max = input.max_buckets.map(buckets_at_once).transpose()?.unwrap_or(usize::MAX);
    let wanted = input.bucket_region.as_deref();
    if let Some(wanted) = wanted.filter(|wanted| *wanted != &*api.region && !region::exists(wanted))
    {
        return Err(not_a_region(wanted));
    }
    // A page, and a list by prefix, name the region of each bucket (recorded 2026-02-21).
    let is_page = input.max_buckets.is_some()
        || wanted.is_some()
        || after.is_some()
        || input.prefix.is_some();
    let mut buckets = api.store.buckets();
    buckets.retain(|bucket| {
        wanted.is_none_or(|wanted| wanted == bucket.region(&api.region))
            && bucket.name.starts_with(&prefix)
            && after.as_ref().is_none_or(|after| bucket.name > *after)
    });
    let has_more = buckets.len() > max;
    buckets.truncate(max);
    let next = buckets.last().filter(|_| has_more).map(|last| encode_token(&last.name));
    let buckets = buckets.iter().map(|bucket| Bucket {
        bucket_region: is_page.then(|| bucket.region(&api.region).to_owned()),
        creation_date: Some(timestamp(bucket.created)),
        name: Some(bucket.name.clone()),
    });
    plain(ListBucketsOutput {
        buckets: Some(buckets.collect()),
        continuation_token: next,
        owner: Some(owner()),
        prefix: input.prefix,
    })
}

/// Recorded 2026-02-21, `test_list_buckets_region_validation`.
fn not_a_region(given: &str) -> Refusal {
    Refusal::new(
        StatusCode::BAD_REQUEST,
        "InvalidArgument",
        format!("Argument value {given} is not a valid AWS Region"),
    )
    .with("ArgumentName", "bucket-region")
}

/// `max-buckets`, from 1 to 10,000 (S3 API reference, ListBuckets).
fn buckets_at_once(given: i32) -> Result<usize, Refusal> {
    usize::try_from(given).ok().filter(|given| (1..=10_000).contains(given)).ok_or_else(|| {
        Refusal::new(
            StatusCode::BAD_REQUEST,
            "InvalidArgument",
            "Argument max-buckets must be an integer between 1 and 10000",
        )
        .with("ArgumentName", "max-buckets")
        .with("ArgumentValue", given.to_string())
    })
}

pub(super) async fn create(
    api: &Api,
    call: &Call,
    input: CreateBucketInput,
) -> OperationResult<CreateBucketOutput> {
    let wanted = input.create_bucket_configuration.and_then(|c| c.location_constraint);
    let wanted = wanted.as_ref().map(|constraint| constraint.as_str());
    let endpoint = call.region().unwrap_or(&api.region);
    let location = region::new_bucket(endpoint, wanted)?;
    let kept = (location != api.region.as_ref()).then(|| location.to_owned());
    let created = api.store.create(&input.bucket, kept, call.context().arrived).await?;
    if !created {
        // Only in this region does creating one's own bucket again succeed: it predates the other regions.
        let bucket = api.store.bucket(&input.bucket)?;
        let region = bucket.region(&api.region);
        if (endpoint, region) != (region::US_EAST_1, region::US_EAST_1) {
            return Err(Refusal::bucket_already_owned().with("BucketName", input.bucket));
        }
    }
    // With a constraint, the location is an address (recorded 2026-02-21, `test_create_bucket_head_bucket`).
    let url = match location {
        region::US_EAST_1 => format!("/{}", input.bucket),
        _ => bucket_url(call, &input.bucket),
    };
    let mut response = S3Response::new(CreateBucketOutput { location: Some(url) });
    let arn = format!("arn:aws:s3:::{}", input.bucket);
    attributes::insert(&mut response.headers, "x-amz-bucket-arn", &arn);
    Ok(response)
}

/// The address of a bucket at the host of the request.
fn bucket_url(call: &Call, bucket: &str) -> String {
    let host = call.header("host").unwrap_or("localhost");
    match host.strip_prefix(bucket).is_some_and(|rest| rest.starts_with('.')) {
        true => format!("http://{host}/"),
        false => format!("http://{host}/{bucket}/"),
    }
}

pub(super) async fn head(
    api: &Api,
    _call: &Call,
    input: HeadBucketInput,
) -> OperationResult<HeadBucketOutput> {
    let bucket = api.store.bucket(&input.bucket)?;
    let mut response = S3Response::new(HeadBucketOutput::default());
    let arn = format!("arn:aws:s3:::{}", input.bucket);
    attributes::insert(&mut response.headers, "x-amz-bucket-arn", &arn);
    attributes::insert(&mut response.headers, "x-amz-bucket-region", bucket.region(&api.region));
    attributes::insert(&mut response.headers, "x-amz-access-point-alias", "false");
    attributes::insert(&mut response.headers, header::CONTENT_TYPE.as_str(), "application/xml");
    Ok(response)
}

pub(super) async fn delete(
    api: &Api,
    _call: &Call,
    input: DeleteBucketInput,
) -> OperationResult<DeleteBucketOutput> {
    api.store.delete(&input.bucket).await?;
    plain(DeleteBucketOutput::default())
}

pub(super) async fn location(
    api: &Api,
    _call: &Call,
    input: GetBucketLocationInput,
) -> OperationResult<GetBucketLocationOutput> {
    let bucket = api.store.bucket(&input.bucket)?;
    let location = bucket.location(&api.region);
    let elsewhere = (location != region::US_EAST_1).then(|| location.to_owned());
    plain(GetBucketLocationOutput {
        location_constraint: elsewhere.map(BucketLocationConstraint::from),
    })
}

pub(super) async fn put_cors(
    api: &Api,
    call: &Call,
    input: PutBucketCorsInput,
) -> OperationResult<PutBucketCorsOutput> {
    digest_needed(call)?;
    let bucket = api.store.bucket(&input.bucket)?;
    cors::check(&input.cors_configuration)?;
    bucket.change_settings(move |settings| settings.cors = Some(input.cors_configuration)).await?;
    plain(PutBucketCorsOutput::default())
}

pub(super) async fn get_cors(
    api: &Api,
    _call: &Call,
    input: GetBucketCorsInput,
) -> OperationResult<GetBucketCorsOutput> {
    let settings = api.store.bucket(&input.bucket)?.settings();
    let rules = settings.cors.clone();
    let rules =
        rules.ok_or_else(|| Refusal::no_such_cors().with("BucketName", input.bucket.clone()))?;
    plain(GetBucketCorsOutput { cors_rules: Some(rules.cors_rules) })
}

pub(super) async fn delete_cors(
    api: &Api,
    _call: &Call,
    input: DeleteBucketCorsInput,
) -> OperationResult<DeleteBucketCorsOutput> {
    let bucket = api.store.bucket(&input.bucket)?;
    bucket.change_settings(|settings| settings.cors = None).await?;
    plain(DeleteBucketCorsOutput::default())
}

pub(super) async fn put_lifecycle(
    api: &Api,
    call: &Call,
    input: PutBucketLifecycleConfigurationInput,
) -> OperationResult<PutBucketLifecycleConfigurationOutput> {
    digest_needed(call)?;
    let bucket = api.store.bucket(&input.bucket)?;
    let mut rules = input.lifecycle_configuration.ok_or_else(Refusal::malformed_xml)?;
    lifecycle::check(&mut rules, &call.context().limits.s3_lifecycle_days_min)?;
    bucket.change_settings(move |settings| settings.lifecycle = Some(rules)).await?;
    lifecycle::run(&api.store, &api.notifier, call.context().arrived).await;
    plain(PutBucketLifecycleConfigurationOutput {
        transition_default_minimum_object_size: Some(transition_minimum()),
    })
}

pub(super) async fn get_lifecycle(
    api: &Api,
    _call: &Call,
    input: GetBucketLifecycleConfigurationInput,
) -> OperationResult<GetBucketLifecycleConfigurationOutput> {
    let settings = api.store.bucket(&input.bucket)?.settings();
    let rules = settings.lifecycle.clone();
    let rules = rules
        .ok_or_else(|| Refusal::no_such_lifecycle().with("BucketName", input.bucket.clone()))?;
    plain(GetBucketLifecycleConfigurationOutput {
        rules: Some(rules.rules),
        transition_default_minimum_object_size: Some(transition_minimum()),
    })
}

/// The default of every bucket since September 2024 (S3 API reference, PutBucketLifecycleConfiguration).
fn transition_minimum() -> TransitionDefaultMinimumObjectSize {
    TransitionDefaultMinimumObjectSize::from_static(
        TransitionDefaultMinimumObjectSize::ALL_STORAGE_CLASSES_128K,
    )
}

pub(super) async fn delete_lifecycle(
    api: &Api,
    _call: &Call,
    input: DeleteBucketLifecycleInput,
) -> OperationResult<DeleteBucketLifecycleOutput> {
    let bucket = api.store.bucket(&input.bucket)?;
    bucket.change_settings(|settings| settings.lifecycle = None).await?;
    plain(DeleteBucketLifecycleOutput::default())
}

pub(super) async fn put_acl(
    api: &Api,
    _call: &Call,
    input: PutBucketAclInput,
) -> OperationResult<PutBucketAclOutput> {
    api.store.bucket(&input.bucket)?;
    Err(Refusal::acl_not_supported())
}

/// Bulk operations must declare a checksum of their body.
pub(super) fn digest_needed(call: &Call) -> Result<(), Refusal> {
    let given = call.headers().keys().any(|name| {
        let name = name.as_str();
        name == "content-md5" || name == "x-amz-trailer" || name.starts_with("x-amz-checksum-")
    });
    if given {
        return Ok(());
    }
    Err(Refusal::new(
        StatusCode::BAD_REQUEST,
        "InvalidRequest",
        "Missing required header for this request: Content-MD5 OR x-amz-checksum-*",
    ))
}
