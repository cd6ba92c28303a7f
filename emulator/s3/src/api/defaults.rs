//! Settings that tools query first, answered like those of a new bucket on AWS: ACLs disabled, SSE-S3, public access blocked,
//! no versions, and no policy, website, logging, replication or Object Lock.
//!
//! Recorded 2026-02-21: LocalStack's `test_s3_default_bucket_encryption`, `test_crud_bucket_ownership_controls`,
//! `test_crud_public_access_block`, `test_bucket_policy_crud`, `test_bucket_versioning_crud`, `test_put_bucket_logging`,
//! `test_bucket_acceleration_configuration_crud`. Settings that would have an effect are refused by name; settings that equal
//! the default are accepted.

use http::StatusCode;
use s3s::dto::*;

use super::object::no_version;
use super::{Api, OperationResult, owner, plain};
use crate::call::Call;
use crate::refusal::Refusal;
use crate::store::PublicAccess;

fn grants() -> Grants {
    let Owner { display_name, id } = owner();
    let grantee = Grantee {
        display_name,
        email_address: None,
        id,
        type_: Type::from_static(Type::CANONICAL_USER),
        uri: None,
    };
    let permission = Permission::from_static(Permission::FULL_CONTROL);
    vec![Grant { grantee: Some(grantee), permission: Some(permission) }]
}

pub(super) async fn bucket_acl(
    api: &Api,
    _call: &Call,
    input: GetBucketAclInput,
) -> OperationResult<GetBucketAclOutput> {
    api.store.bucket(&input.bucket)?;
    plain(GetBucketAclOutput { grants: Some(grants()), owner: Some(owner()) })
}

pub(super) async fn object_acl(
    api: &Api,
    _call: &Call,
    input: GetObjectAclInput,
) -> OperationResult<GetObjectAclOutput> {
    no_version(input.version_id.as_deref())?;
    let object = api.store.bucket(&input.bucket)?.get(&input.key);
    object.ok_or_else(|| Refusal::no_such_key().with("Key", input.key))?;
    plain(GetObjectAclOutput {
        grants: Some(grants()),
        owner: Some(owner()),
        request_charged: None,
    })
}

pub(super) async fn encryption(
    api: &Api,
    _call: &Call,
    input: GetBucketEncryptionInput,
) -> OperationResult<GetBucketEncryptionOutput> {
    api.store.bucket(&input.bucket)?;
    let by_default = ServerSideEncryptionByDefault {
        kms_master_key_id: None,
        sse_algorithm: ServerSideEncryption::from_static(ServerSideEncryption::AES256),
    };
    let rule = ServerSideEncryptionRule {
        apply_server_side_encryption_by_default: Some(by_default),
        bucket_key_enabled: Some(false),
    };
    plain(GetBucketEncryptionOutput {
        server_side_encryption_configuration: Some(ServerSideEncryptionConfiguration {
            rules: vec![rule],
        }),
    })
}

/// Every bucket has SSE-S3, so only that setting is accepted.
pub(super) async fn put_encryption(
    api: &Api,
    _call: &Call,
    input: PutBucketEncryptionInput,
) -> OperationResult<PutBucketEncryptionOutput> {
    api.store.bucket(&input.bucket)?;
    let rules = input.server_side_encryption_configuration.rules;
    let [rule] = rules.as_slice() else { return Err(Refusal::malformed_xml()) };
    let Some(by_default) = &rule.apply_server_side_encryption_by_default else {
        return Err(Refusal::malformed_xml());
    };
    if by_default.sse_algorithm.as_str() != ServerSideEncryption::AES256 {
        return Err(Refusal::not_emulated("PutBucketEncryption with keys of KMS"));
    }
    if by_default.kms_master_key_id.is_some() {
        return Err(Refusal::new(
            StatusCode::BAD_REQUEST,
            "InvalidArgument",
            "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse",
        )
        .with("ArgumentName", "ApplyServerSideEncryptionByDefault"));
    }
    plain(PutBucketEncryptionOutput::default())
}

pub(super) async fn delete_encryption(
    api: &Api,
    _call: &Call,
    input: DeleteBucketEncryptionInput,
) -> OperationResult<DeleteBucketEncryptionOutput> {
    api.store.bucket(&input.bucket)?;
    plain(DeleteBucketEncryptionOutput::default())
}

pub(super) async fn ownership(
    api: &Api,
    _call: &Call,
    input: GetBucketOwnershipControlsInput,
) -> OperationResult<GetBucketOwnershipControlsOutput> {
    api.store.bucket(&input.bucket)?;
    let enforced = ObjectOwnership::from_static(ObjectOwnership::BUCKET_OWNER_ENFORCED);
    plain(GetBucketOwnershipControlsOutput {
        ownership_controls: Some(OwnershipControls {
            rules: vec![OwnershipControlsRule { object_ownership: enforced }],
        }),
    })
}

/// Every bucket has `BucketOwnerEnforced`; other values would enable ACLs.
pub(super) async fn put_ownership(
    api: &Api,
    _call: &Call,
    input: PutBucketOwnershipControlsInput,
) -> OperationResult<PutBucketOwnershipControlsOutput> {
    api.store.bucket(&input.bucket)?;
    let [rule] = input.ownership_controls.rules.as_slice() else {
        return Err(Refusal::malformed_xml());
    };
    match rule.object_ownership.as_str() {
        ObjectOwnership::BUCKET_OWNER_ENFORCED => {
            plain(PutBucketOwnershipControlsOutput::default())
        }
        ObjectOwnership::BUCKET_OWNER_PREFERRED | ObjectOwnership::OBJECT_WRITER => {
            Err(Refusal::not_emulated("PutBucketOwnershipControls that enables ACLs"))
        }
        _ => Err(Refusal::malformed_xml()),
    }
}

pub(super) async fn public_access(
    api: &Api,
    _call: &Call,
    input: GetPublicAccessBlockInput,
) -> OperationResult<GetPublicAccessBlockOutput> {
    let settings = api.store.bucket(&input.bucket)?.settings();
    let PublicAccess::Blocked([acls, ignored, policy, buckets]) = settings.public_access else {
        return Err(Refusal::no_such_public_access_block().with("BucketName", input.bucket));
    };
    plain(GetPublicAccessBlockOutput {
        public_access_block_configuration: Some(PublicAccessBlockConfiguration {
            block_public_acls: Some(acls),
            block_public_policy: Some(policy),
            ignore_public_acls: Some(ignored),
            restrict_public_buckets: Some(buckets),
        }),
    })
}

pub(super) async fn put_public_access(
    api: &Api,
    _call: &Call,
    input: PutPublicAccessBlockInput,
) -> OperationResult<PutPublicAccessBlockOutput> {
    let bucket = api.store.bucket(&input.bucket)?;
    let given = input.public_access_block_configuration;
    let blocked = [
        given.block_public_acls,
        given.ignore_public_acls,
        given.block_public_policy,
        given.restrict_public_buckets,
    ];
    let blocked = PublicAccess::Blocked(blocked.map(|it| it.unwrap_or(false)));
    bucket.change_settings(move |settings| settings.public_access = blocked).await?;
    plain(PutPublicAccessBlockOutput::default())
}

pub(super) async fn delete_public_access(
    api: &Api,
    _call: &Call,
    input: DeletePublicAccessBlockInput,
) -> OperationResult<DeletePublicAccessBlockOutput> {
    let bucket = api.store.bucket(&input.bucket)?;
    bucket.change_settings(|settings| settings.public_access = PublicAccess::Deleted).await?;
    plain(DeletePublicAccessBlockOutput::default())
}

pub(super) async fn request_payment(
    api: &Api,
    _call: &Call,
    input: GetBucketRequestPaymentInput,
) -> OperationResult<GetBucketRequestPaymentOutput> {
    api.store.bucket(&input.bucket)?;
    let payer = Payer::from_static(Payer::BUCKET_OWNER);
    plain(GetBucketRequestPaymentOutput { payer: Some(payer) })
}

/// Operations on a bucket with an empty response: nothing is configured, or there is nothing to delete.
macro_rules! empty {
    ($($name:ident: $input:ident -> $output:ident;)+) => {
        $(pub(super) async fn $name(api: &Api, _call: &Call, input: $input) -> OperationResult<$output> {
            api.store.bucket(&input.bucket)?;
            plain($output::default())
        })+
    };
}

empty! {
    versioning: GetBucketVersioningInput -> GetBucketVersioningOutput;
    logging: GetBucketLoggingInput -> GetBucketLoggingOutput;
    acceleration: GetBucketAccelerateConfigurationInput -> GetBucketAccelerateConfigurationOutput;
    delete_policy: DeleteBucketPolicyInput -> DeleteBucketPolicyOutput;
    delete_website: DeleteBucketWebsiteInput -> DeleteBucketWebsiteOutput;
    delete_replication: DeleteBucketReplicationInput -> DeleteBucketReplicationOutput;
}

/// Lists of configurations; always empty.
macro_rules! no_configurations {
    ($($name:ident: $input:ident -> $output:ident;)+) => {
        $(pub(super) async fn $name(api: &Api, _call: &Call, input: $input) -> OperationResult<$output> {
            api.store.bucket(&input.bucket)?;
            plain($output { is_truncated: Some(false), ..Default::default() })
        })+
    };
}

no_configurations! {
    analytics: ListBucketAnalyticsConfigurationsInput -> ListBucketAnalyticsConfigurationsOutput;
    tiering: ListBucketIntelligentTieringConfigurationsInput
        -> ListBucketIntelligentTieringConfigurationsOutput;
    inventory: ListBucketInventoryConfigurationsInput -> ListBucketInventoryConfigurationsOutput;
    metrics: ListBucketMetricsConfigurationsInput -> ListBucketMetricsConfigurationsOutput;
}

/// Configurations that no bucket has, and the error for each.
macro_rules! absent {
    ($($name:ident: $input:ident -> $output:ident = $refusal:ident;)+) => {
        $(pub(super) async fn $name(api: &Api, _call: &Call, input: $input) -> OperationResult<$output> {
            api.store.bucket(&input.bucket)?;
            Err(Refusal::$refusal().with("BucketName", input.bucket))
        })+
    };
}

absent! {
    policy: GetBucketPolicyInput -> GetBucketPolicyOutput = no_such_bucket_policy;
    policy_status: GetBucketPolicyStatusInput -> GetBucketPolicyStatusOutput
        = no_such_bucket_policy;
    website: GetBucketWebsiteInput -> GetBucketWebsiteOutput = no_such_website;
    replication: GetBucketReplicationInput -> GetBucketReplicationOutput = no_such_replication;
    object_lock: GetObjectLockConfigurationInput -> GetObjectLockConfigurationOutput
        = no_such_object_lock;
    legal_hold: GetObjectLegalHoldInput -> GetObjectLegalHoldOutput = no_object_lock;
    retention: GetObjectRetentionInput -> GetObjectRetentionOutput = no_object_lock;
}
