//! The operations, one function each, behind the protocol library's trait.

mod bucket;
mod copy;
mod listing;
mod multipart;
mod object;
mod range;

use std::future::Future;
use std::sync::Arc;

use s3s::dto;
use s3s::{S3Error, S3ErrorCode, S3Request, S3Response, S3Result};

pub(super) use object::{admit_size, expiration, identify, put_limit};

use super::call::Call;
use super::refusal::Refusal;
use super::store::Store;

/// What operations work on.
#[derive(Clone, Debug)]
pub(super) struct Api {
    pub(super) store: Arc<Store>,
    pub(super) region: Arc<str>,
}

/// What an operation gives.
type Answer<T> = Result<S3Response<T>, Refusal>;

/// An answer without headers of our own.
fn plain<T>(output: T) -> Answer<T> {
    Ok(S3Response::new(output))
}

/// Runs an operation. Its refusal stays with the call, for the library's errors have no elements.
async fn settle<T>(
    call: &Call,
    answer: impl Future<Output = Answer<T>>,
) -> S3Result<S3Response<T>> {
    answer.await.map_err(|refusal| {
        call.refuse(refusal);
        S3Error::new(S3ErrorCode::InternalError)
    })
}

/// Implements the trait by the functions below it.
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

    put_object: PutObjectInput -> PutObjectOutput = object::put;
    get_object: GetObjectInput -> GetObjectOutput = object::get;
    head_object: HeadObjectInput -> HeadObjectOutput = object::head;
    delete_object: DeleteObjectInput -> DeleteObjectOutput = object::delete;
    delete_objects: DeleteObjectsInput -> DeleteObjectsOutput = object::delete_many;
    put_object_acl: PutObjectAclInput -> PutObjectAclOutput = object::put_acl;
    copy_object: CopyObjectInput -> CopyObjectOutput = copy::copy;

    list_objects: ListObjectsInput -> ListObjectsOutput = listing::objects;
    list_objects_v2: ListObjectsV2Input -> ListObjectsV2Output = listing::objects_v2;

    create_multipart_upload: CreateMultipartUploadInput
        -> CreateMultipartUploadOutput = multipart::create;
    upload_part: UploadPartInput -> UploadPartOutput = multipart::upload_part;
    complete_multipart_upload: CompleteMultipartUploadInput
        -> CompleteMultipartUploadOutput = multipart::complete;
    abort_multipart_upload: AbortMultipartUploadInput
        -> AbortMultipartUploadOutput = multipart::abort;
    list_parts: ListPartsInput -> ListPartsOutput = listing::parts;
    list_multipart_uploads: ListMultipartUploadsInput
        -> ListMultipartUploadsOutput = listing::uploads;
}

/// A point in time as the library has it.
fn timestamp(at: hardcap_core::clock::EpochMillis) -> dto::Timestamp {
    at.to_utc().into()
}

/// The owner of everything: an id as AWS's canonical user ids look.
fn owner() -> dto::Owner {
    use sha2::{Digest as _, Sha256};
    let id = hex::encode(Sha256::digest(hardcap_core::config::ACCOUNT_ID));
    dto::Owner { display_name: None, id: Some(id) }
}
