//! The operations, one function each, called through the protocol library's trait.

mod bucket;
mod copy;
mod defaults;
mod listing;
mod multipart;
mod notifications;
mod object;
mod object_attributes;
mod part_copy;
mod range;
mod tagging;

use std::future::Future;
use std::sync::Arc;

use s3s::dto;
use s3s::{S3Error, S3ErrorCode, S3Request, S3Response, S3Result};

pub(super) use object::{admit_size, checksum_headers, expiration, identify, put_limit};

use super::call::Call;
use super::notify::Notifier;
use super::refusal::Refusal;
use super::store::ObjectStore;

/// The state that operations use.
#[derive(Clone, Debug)]
pub(super) struct Api {
    pub(super) store: Arc<ObjectStore>,
    pub(super) region: Arc<str>,
    pub(super) notifier: Notifier,
}

/// The result of an operation.
type OperationResult<T> = Result<S3Response<T>, Refusal>;

/// A response without additional headers.
fn plain<T>(output: T) -> OperationResult<T> {
    Ok(S3Response::new(output))
}

/// Runs an operation. The refusal is kept in the call, because the library's errors cannot carry XML elements.
async fn settle<T>(
    call: &Call,
    answer: impl Future<Output = OperationResult<T>>,
) -> S3Result<S3Response<T>> {
    answer.await.map_err(|refusal| {
        call.refuse(refusal);
        S3Error::new(S3ErrorCode::InternalError)
    })
}

/// Implements the trait with the functions below.
macro_rules! operations {
    ($($name:ident: $input:ident -> $output:ident = $function:path;)+) => {
        #[async_trait::async_trait]
        impl s3s::S3 for Api {
            $(async fn $name(
                &self,
                request: S3Request<dto::$input>,
            ) -> S3Result<S3Response<dto::$output>> {
                let call = request.extensions.get::<Call>().cloned();
                let call = call.ok_or_else(|| S3Error::new(S3ErrorCode::InternalError))?;
                settle(&call, $function(self, &call, request.input)).await
            })+
        }
    };
}

operations! {
    list_buckets: ListBucketsInput -> ListBucketsOutput = bucket::list;
    create_bucket: CreateBucketInput -> CreateBucketOutput = bucket::create;
    head_bucket: HeadBucketInput -> HeadBucketOutput = bucket::head;
    delete_bucket: DeleteBucketInput -> DeleteBucketOutput = bucket::delete;
    get_bucket_location: GetBucketLocationInput -> GetBucketLocationOutput = bucket::location;
    put_bucket_cors: PutBucketCorsInput -> PutBucketCorsOutput = bucket::put_cors;
    get_bucket_cors: GetBucketCorsInput -> GetBucketCorsOutput = bucket::get_cors;
    delete_bucket_cors: DeleteBucketCorsInput -> DeleteBucketCorsOutput = bucket::delete_cors;
    put_bucket_lifecycle_configuration: PutBucketLifecycleConfigurationInput
        -> PutBucketLifecycleConfigurationOutput = bucket::put_lifecycle;
    get_bucket_lifecycle_configuration: GetBucketLifecycleConfigurationInput
        -> GetBucketLifecycleConfigurationOutput = bucket::get_lifecycle;
    delete_bucket_lifecycle: DeleteBucketLifecycleInput
        -> DeleteBucketLifecycleOutput = bucket::delete_lifecycle;
    put_bucket_acl: PutBucketAclInput -> PutBucketAclOutput = bucket::put_acl;
    put_bucket_tagging: PutBucketTaggingInput -> PutBucketTaggingOutput = tagging::put_bucket;
    get_bucket_tagging: GetBucketTaggingInput -> GetBucketTaggingOutput = tagging::get_bucket;
    delete_bucket_tagging: DeleteBucketTaggingInput
        -> DeleteBucketTaggingOutput = tagging::delete_bucket;

    get_bucket_acl: GetBucketAclInput -> GetBucketAclOutput = defaults::bucket_acl;
    get_object_acl: GetObjectAclInput -> GetObjectAclOutput = defaults::object_acl;
    get_bucket_encryption: GetBucketEncryptionInput
        -> GetBucketEncryptionOutput = defaults::encryption;
    put_bucket_encryption: PutBucketEncryptionInput
        -> PutBucketEncryptionOutput = defaults::put_encryption;
    delete_bucket_encryption: DeleteBucketEncryptionInput
        -> DeleteBucketEncryptionOutput = defaults::delete_encryption;
    get_bucket_ownership_controls: GetBucketOwnershipControlsInput
        -> GetBucketOwnershipControlsOutput = defaults::ownership;
    put_bucket_ownership_controls: PutBucketOwnershipControlsInput
        -> PutBucketOwnershipControlsOutput = defaults::put_ownership;
    get_public_access_block: GetPublicAccessBlockInput
        -> GetPublicAccessBlockOutput = defaults::public_access;
    put_public_access_block: PutPublicAccessBlockInput
        -> PutPublicAccessBlockOutput = defaults::put_public_access;
    delete_public_access_block: DeletePublicAccessBlockInput
        -> DeletePublicAccessBlockOutput = defaults::delete_public_access;
    get_bucket_request_payment: GetBucketRequestPaymentInput
        -> GetBucketRequestPaymentOutput = defaults::request_payment;
    get_bucket_versioning: GetBucketVersioningInput
        -> GetBucketVersioningOutput = defaults::versioning;
    get_bucket_logging: GetBucketLoggingInput -> GetBucketLoggingOutput = defaults::logging;
    get_bucket_accelerate_configuration: GetBucketAccelerateConfigurationInput
        -> GetBucketAccelerateConfigurationOutput = defaults::acceleration;
    put_bucket_notification_configuration: PutBucketNotificationConfigurationInput
        -> PutBucketNotificationConfigurationOutput = notifications::put;
    get_bucket_notification_configuration: GetBucketNotificationConfigurationInput
        -> GetBucketNotificationConfigurationOutput = notifications::get;
    delete_bucket_policy: DeleteBucketPolicyInput
        -> DeleteBucketPolicyOutput = defaults::delete_policy;
    delete_bucket_website: DeleteBucketWebsiteInput
        -> DeleteBucketWebsiteOutput = defaults::delete_website;
    delete_bucket_replication: DeleteBucketReplicationInput
        -> DeleteBucketReplicationOutput = defaults::delete_replication;
    list_bucket_analytics_configurations: ListBucketAnalyticsConfigurationsInput
        -> ListBucketAnalyticsConfigurationsOutput = defaults::analytics;
    list_bucket_intelligent_tiering_configurations: ListBucketIntelligentTieringConfigurationsInput
        -> ListBucketIntelligentTieringConfigurationsOutput = defaults::tiering;
    list_bucket_inventory_configurations: ListBucketInventoryConfigurationsInput
        -> ListBucketInventoryConfigurationsOutput = defaults::inventory;
    list_bucket_metrics_configurations: ListBucketMetricsConfigurationsInput
        -> ListBucketMetricsConfigurationsOutput = defaults::metrics;
    get_bucket_policy: GetBucketPolicyInput -> GetBucketPolicyOutput = defaults::policy;
    get_bucket_policy_status: GetBucketPolicyStatusInput
        -> GetBucketPolicyStatusOutput = defaults::policy_status;
    get_bucket_website: GetBucketWebsiteInput -> GetBucketWebsiteOutput = defaults::website;
    get_bucket_replication: GetBucketReplicationInput
        -> GetBucketReplicationOutput = defaults::replication;
    get_object_lock_configuration: GetObjectLockConfigurationInput
        -> GetObjectLockConfigurationOutput = defaults::object_lock;
    get_object_legal_hold: GetObjectLegalHoldInput
        -> GetObjectLegalHoldOutput = defaults::legal_hold;
    get_object_retention: GetObjectRetentionInput -> GetObjectRetentionOutput = defaults::retention;

    put_object: PutObjectInput -> PutObjectOutput = object::put;
    get_object: GetObjectInput -> GetObjectOutput = object::get;
    head_object: HeadObjectInput -> HeadObjectOutput = object::head;
    delete_object: DeleteObjectInput -> DeleteObjectOutput = object::delete;
    delete_objects: DeleteObjectsInput -> DeleteObjectsOutput = object::delete_many;
    put_object_acl: PutObjectAclInput -> PutObjectAclOutput = object::put_acl;
    copy_object: CopyObjectInput -> CopyObjectOutput = copy::copy;
    get_object_attributes: GetObjectAttributesInput
        -> GetObjectAttributesOutput = object_attributes::get;
    put_object_tagging: PutObjectTaggingInput -> PutObjectTaggingOutput = tagging::put_object;
    get_object_tagging: GetObjectTaggingInput -> GetObjectTaggingOutput = tagging::get_object;
    delete_object_tagging: DeleteObjectTaggingInput
        -> DeleteObjectTaggingOutput = tagging::delete_object;

    list_objects: ListObjectsInput -> ListObjectsOutput = listing::objects;
    list_objects_v2: ListObjectsV2Input -> ListObjectsV2Output = listing::objects_v2;
    list_object_versions: ListObjectVersionsInput -> ListObjectVersionsOutput = listing::versions;

    create_multipart_upload: CreateMultipartUploadInput
        -> CreateMultipartUploadOutput = multipart::create;
    upload_part: UploadPartInput -> UploadPartOutput = multipart::upload_part;
    upload_part_copy: UploadPartCopyInput -> UploadPartCopyOutput = part_copy::copy;
    complete_multipart_upload: CompleteMultipartUploadInput
        -> CompleteMultipartUploadOutput = multipart::complete;
    abort_multipart_upload: AbortMultipartUploadInput
        -> AbortMultipartUploadOutput = multipart::abort;
    list_parts: ListPartsInput -> ListPartsOutput = listing::parts;
    list_multipart_uploads: ListMultipartUploadsInput
        -> ListMultipartUploadsOutput = listing::uploads;
}

/// Converts a point in time to the library's type, in whole seconds: AWS writes `.000Z` (recorded 2026-02-21).
fn timestamp(at: hardcap_core::clock::EpochMillis) -> dto::Timestamp {
    hardcap_core::clock::EpochMillis(at.0 / 1000 * 1000).to_utc().into()
}

/// The account itself: its canonical id (S3 API reference, `Initiator`).
fn initiator() -> dto::Initiator {
    dto::Initiator { display_name: None, id: owner().id }
}

/// The owner of all buckets and objects: an id in the form of AWS's canonical user ids.
fn owner() -> dto::Owner {
    use sha2::{Digest as _, Sha256};
    let id = hex::encode(Sha256::digest(hardcap_core::config::ACCOUNT_ID));
    dto::Owner { display_name: None, id: Some(id) }
}
