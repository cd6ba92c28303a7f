//! `AWS::S3::Bucket`: its name, its CORS rules, its lifecycle rules and its notifications.

use super::diagnostic::{Diagnostic, Position};
use super::notifications;
use super::properties::Properties;
use super::scope::Scope;
use super::tree::MappingEntry;
use hardcap_core::config::{
    Bucket, BucketCorsRule, CorsRefusal, LifecycleRule, check_cors_rule_count,
};

pub(super) fn read(scope: &Scope<'_>, entry: &MappingEntry) -> Result<Bucket, Diagnostic> {
    let properties = Properties::of(scope, "the bucket", entry)?;
    properties.without_effect(&[
        "AbacStatus",
        "AccessControl",
        "BucketEncryption",
        "BucketName",
        "IntelligentTieringConfigurations",
        "InventoryConfigurations",
        "LoggingConfiguration",
        "MetricsConfigurations",
        "OwnershipControls",
        "PublicAccessBlockConfiguration",
        "Tags",
    ]);
    properties.not_emulated("VersioningConfiguration", "objects have one version")?;
    properties.not_emulated("ReplicationConfiguration", "nothing is replicated")?;
    properties.not_emulated("WebsiteConfiguration", "no website is served")?;
    properties.not_emulated("ObjectLockConfiguration", "objects can always be removed")?;
    let (name, notifications) =
        (scope.bucket_name(entry)?, notifications::of_bucket(&properties, entry)?);
    let mut bucket = Bucket { name, notifications, ..Bucket::default() };
    if let Some(cors) = properties.child("CorsConfiguration")? {
        for rule in cors.children("CorsRules")? {
            bucket.cors.push(cors_rule(rule)?);
        }
        check_cors_rule_count(bucket.cors.len()).map_err(|it| cors_refused(cors.at, it))?;
        cors.finish();
    }
    if let Some(lifecycle) = properties.child("LifecycleConfiguration")? {
        lifecycle.without_effect(&["TransitionDefaultMinimumObjectSize"]);
        for rule in lifecycle.children("Rules")? {
            bucket.lifecycle.extend(lifecycle_rule(rule)?);
        }
        lifecycle.finish();
    }
    properties.finish();
    Ok(bucket)
}

fn cors_rule(of: Properties<'_>) -> Result<BucketCorsRule, Diagnostic> {
    of.without_effect(&["Id"]);
    let rule = BucketCorsRule {
        allowed_origins: of.texts("AllowedOrigins")?,
        allowed_methods: of.texts("AllowedMethods")?,
        allowed_headers: of.texts("AllowedHeaders")?,
        expose_headers: of.texts("ExposedHeaders")?,
        max_age_seconds: of.number("MaxAge")?,
    };
    rule.check().map_err(|refusal| cors_refused(of.at, refusal))?;
    of.finish();
    Ok(rule)
}

/// The diagnostic of rules that S3 refuses.
fn cors_refused(at: Position, refusal: CorsRefusal) -> Diagnostic {
    match refusal {
        CorsRefusal::Schema(text) => Diagnostic::new(at, text),
        CorsRefusal::Invalid { text, remedy } => {
            Diagnostic::new(at, format!("S3 refuses a rule of `CorsRules`: {text}")).help(remedy)
        }
    }
}

/// `None` for a rule that is disabled, or whose filter is not emulated.
fn lifecycle_rule(of: Properties<'_>) -> Result<Option<LifecycleRule>, Diagnostic> {
    of.without_effect(&["Id"]);
    let status = of.required_text("Status")?;
    if status != "Enabled" && status != "Disabled" {
        return Err(Diagnostic::new(
            of.at,
            format!("`Status` of a lifecycle rule must be Enabled or Disabled, not `{status}`"),
        ));
    }
    let mut narrowed = false;
    for key in ["TagFilters", "ObjectSizeGreaterThan", "ObjectSizeLessThan"] {
        // Without its filter a rule would delete objects that AWS keeps.
        of.not_emulated(key, "the whole rule is left out")?;
        narrowed |= of.node(key)?.is_some();
    }
    of.not_emulated("ExpirationDate", "objects end by `ExpirationInDays` only")?;
    for key in [
        "Transition",
        "Transitions",
        "NoncurrentVersionExpiration",
        "NoncurrentVersionExpirationInDays",
        "NoncurrentVersionTransition",
        "NoncurrentVersionTransitions",
        "ExpiredObjectDeleteMarker",
    ] {
        of.not_emulated(key, "there is one storage class and one version")?;
    }
    let mut rule = LifecycleRule {
        prefix: of.text("Prefix")?.unwrap_or_default(),
        expiration_days: of.number("ExpirationInDays")?,
        abort_incomplete_multipart_days: None,
    };
    if let Some(abort) = of.child("AbortIncompleteMultipartUpload")? {
        rule.abort_incomplete_multipart_days = abort.number("DaysAfterInitiation")?;
        abort.finish();
    }
    of.finish();
    Ok((status == "Enabled" && !narrowed).then_some(rule))
}
