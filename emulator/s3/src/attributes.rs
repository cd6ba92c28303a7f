//! Client-supplied attributes of an object: parsed from request headers and written to response headers, byte for byte.

use hardcap_limits::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::call::Call;
use super::mail;
use super::refusal::Refusal;
use super::store::Attributes;
use hardcap_core::config::ACCOUNT_ID;

/// The headers that describe a body. They are kept unchanged.
const KEPT: [&str; 6] = [
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-type",
    "expires",
];
/// The default content type of S3.
const DEFAULT_CONTENT_TYPE: &str = "binary/octet-stream";
const METADATA_PREFIX: &str = "x-amz-meta-";

/// Parses the attributes to store.
///
/// # Errors
///
/// If the metadata exceeds its limit, or the storage class does not exist.
pub(super) fn read(call: &Call) -> Result<Attributes, Refusal> {
    let headers = call.headers();
    let mut attributes = Attributes::default();
    for name in KEPT {
        let value = joined(headers, name);
        let value = if name == "content-encoding" { without_aws_chunked(value) } else { value };
        let value = value.or((name == "content-type").then(|| DEFAULT_CONTENT_TYPE.to_owned()));
        attributes.headers.extend(value.map(|value| (name.to_owned(), value)));
    }
    for name in headers.keys() {
        let Some(short) = name.as_str().strip_prefix(METADATA_PREFIX) else { continue };
        let value = joined(headers, name.as_str()).unwrap_or_default();
        attributes.metadata.push((short.to_owned(), value));
    }
    attributes.metadata.sort();
    let size: usize = attributes.metadata.iter().map(|(n, v)| n.len() + v.chars().count()).sum();
    let limit = &call.context().limits.s3_metadata;
    call.context().admit(limit, Bytes(size as u64)).map_err(|exceeded| {
        Refusal::limit(&exceeded)
            .with("Size", size.to_string())
            .with("MaxSizeAllowed", limit.max.0.to_string())
    })?;
    for (_, value) in &mut attributes.metadata {
        *value = mail::decoded(value);
    }
    attributes.storage_class = call.header("x-amz-storage-class").map(str::to_owned);
    check_storage_class(attributes.storage_class.as_deref())?;
    Ok(attributes)
}

/// Removes the headers of attributes that are not ASCII: they are bytes to S3, and [`read`] keeps them.
pub(super) fn remove_bytes(headers: &mut HeaderMap) {
    for name in KEPT {
        if headers.get_all(name).iter().any(|value| value.to_str().is_err()) {
            headers.remove(name);
        }
    }
}

/// Refuses the source of a copy that names no key.
///
/// # Errors
///
/// `InvalidArgument` for a source that is not `BUCKET/KEY`.
pub(super) fn check_copy_source(call: &Call) -> Result<(), Refusal> {
    let Some(source) = call.header("x-amz-copy-source") else { return Ok(()) };
    let path = source.trim_start_matches('/').replace("%2F", "/").replace("%2f", "/");
    match path.split_once('/') {
        Some((bucket, key)) if !bucket.is_empty() && !key.is_empty() => Ok(()),
        _ if path.starts_with("arn:") => Ok(()),
        _ => Err(Refusal::invalid_copy_source()
            .with("ArgumentName", "x-amz-copy-source")
            .with("ArgumentValue", "x-amz-copy-source")),
    }
}

/// Refuses storage classes that do not exist or that hardcap does not emulate.
///
/// # Errors
///
/// `InvalidStorageClass`; `NotImplemented` for archives, whose objects must be restored before they are read.
pub(super) fn check_storage_class(class: Option<&str>) -> Result<(), Refusal> {
    match class {
        Some("GLACIER" | "DEEP_ARCHIVE") => {
            Err(Refusal::not_emulated("The storage classes GLACIER and DEEP_ARCHIVE"))
        }
        Some(class) if !STORAGE_CLASSES.contains(&class) => Err(Refusal::new(
            StatusCode::BAD_REQUEST,
            "InvalidStorageClass",
            "The storage class you specified is not valid",
        )),
        Some(_) | None => Ok(()),
    }
}

const STORAGE_CLASSES: [&str; 6] = [
    "STANDARD",
    "STANDARD_IA",
    "ONEZONE_IA",
    "INTELLIGENT_TIERING",
    "REDUCED_REDUNDANCY",
    "GLACIER_IR",
];

/// Writes the attributes to a response.
pub(super) fn write(attributes: &Attributes, headers: &mut HeaderMap) {
    for (name, value) in &attributes.headers {
        insert(headers, name, value);
    }
    for (name, value) in &attributes.metadata {
        insert(headers, &format!("{METADATA_PREFIX}{name}"), &mail::encoded(value));
    }
    let unusual = attributes.storage_class.as_deref().filter(|class| *class != "STANDARD");
    if let Some(class) = unusual {
        insert(headers, "x-amz-storage-class", class);
    }
}

/// Sets a header from Latin-1 characters. A value that is not a valid header cannot occur, because it was one in the request.
pub(super) fn insert(headers: &mut HeaderMap, name: &str, value: &str) {
    let bytes: Vec<u8> =
        value.chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')).collect();
    let parsed = (HeaderName::try_from(name), HeaderValue::from_bytes(&bytes));
    if let (Ok(name), Ok(value)) = parsed {
        headers.insert(name, value);
    }
}

/// All values of a header, joined by commas, each byte as a Latin-1 character.
fn joined(headers: &HeaderMap, name: &str) -> Option<String> {
    let values: Vec<String> = headers
        .get_all(name)
        .iter()
        .map(|value| value.as_bytes().iter().copied().map(char::from).collect())
        .collect();
    (!values.is_empty()).then(|| values.join(","))
}

/// Removes `aws-chunked`, which describes the transfer and not the content.
fn without_aws_chunked(value: Option<String>) -> Option<String> {
    let value = value?;
    let kept: Vec<&str> = value
        .split(',')
        .map(str::trim)
        .filter(|coding| !coding.eq_ignore_ascii_case("aws-chunked") && !coding.is_empty())
        .collect();
    if kept.len() == value.split(',').count() {
        return Some(value);
    }
    (!kept.is_empty()).then(|| kept.join(","))
}

/// Refuses headers that would otherwise be ignored silently, and those of ACLs.
///
/// # Errors
///
/// `AccessControlListNotSupported`, `NotImplemented`; `AccessDenied` for the bucket of another owner.
pub(super) fn refuse_unsupported(headers: &HeaderMap, creates_bucket: bool) -> Result<(), Refusal> {
    let text = |name: &str| {
        headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    for name in ["x-amz-expected-bucket-owner", "x-amz-source-expected-bucket-owner"] {
        let Some(owner) = text(name) else { continue };
        // Recorded 2026-02-21.
        if owner.len() != 12 || !owner.bytes().all(|byte| byte.is_ascii_digit()) {
            let message = format!(
                "The value of the expected bucket owner parameter must be an AWS Account ID... [{owner}]"
            );
            return Err(Refusal::new(
                StatusCode::BAD_REQUEST,
                "InvalidBucketOwnerAWSAccountID",
                message,
            ));
        }
        if owner != ACCOUNT_ID {
            return Err(Refusal::access_denied());
        }
    }
    let grants = headers.keys().any(|name| name.as_str().starts_with("x-amz-grant-"));
    let acl = text("x-amz-acl").is_some_and(|acl| {
        acl != "bucket-owner-full-control" && !(creates_bucket && acl == "private")
    });
    if (acl || grants) && creates_bucket {
        return Err(Refusal::new(
            StatusCode::BAD_REQUEST,
            "InvalidBucketAclWithObjectOwnership",
            "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting",
        ));
    }
    if acl || grants {
        return Err(Refusal::acl_not_supported());
    }
    let kms = text("x-amz-server-side-encryption").filter(|kind| kind != "AES256");
    let unsupported = UNSUPPORTED
        .iter()
        .find_map(|prefix| headers.keys().find(|name| name.as_str().starts_with(prefix)))
        .map(HeaderName::as_str)
        .or(kms.is_some().then_some("x-amz-server-side-encryption"));
    match unsupported {
        Some(name) => Err(Refusal::header_not_implemented().with("Header", name)),
        None => Ok(()),
    }
}

/// Prefixes of headers for features that are not emulated.
const UNSUPPORTED: [&str; 9] = [
    "x-amz-bucket-object-lock-enabled",
    "x-amz-copy-source-server-side-encryption-customer-",
    // Conditions of DeleteObject for directory buckets, refused in this order (recorded 2026-02-21).
    "x-amz-if-match-last-modified-time",
    "x-amz-if-match-size",
    "x-amz-object-lock-",
    "x-amz-server-side-encryption-aws-kms-",
    "x-amz-server-side-encryption-customer-",
    "x-amz-website-redirect-location",
    "x-amz-write-offset-bytes",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_transfer_encoding_is_removed() {
        let check = |value: &str| without_aws_chunked(Some(value.to_owned()));
        assert_eq!(check("aws-chunked"), None);
        assert_eq!(check("gzip, aws-chunked").as_deref(), Some("gzip"));
        assert_eq!(check("aws-chunked,gzip,br").as_deref(), Some("gzip,br"));
        assert_eq!(check("gzip,  br").as_deref(), Some("gzip,  br"));
    }

    #[test]
    fn features_that_are_not_emulated_are_refused_by_name() {
        let check = |name: &'static str, value: &str, creates: bool| {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().unwrap());
            refuse_unsupported(&headers, creates).err().map(|r| r.code.into_owned())
        };
        let code = |text: &str| Some(text.to_owned());
        assert_eq!(check("x-amz-acl", "public-read", false), code("AccessControlListNotSupported"));
        assert_eq!(check("x-amz-acl", "private", false), code("AccessControlListNotSupported"));
        assert_eq!(check("x-amz-acl", "bucket-owner-full-control", false), None);
        assert_eq!(check("x-amz-acl", "private", true), None);
        assert_eq!(
            check("x-amz-acl", "public-read", true),
            code("InvalidBucketAclWithObjectOwnership")
        );
        assert_eq!(check("x-amz-grant-read", "id=1", false), code("AccessControlListNotSupported"));
        assert_eq!(check("x-amz-server-side-encryption", "aws:kms", false), code("NotImplemented"));
        assert_eq!(check("x-amz-server-side-encryption", "AES256", false), None);
        assert_eq!(check("x-amz-if-match-size", "10", false), code("NotImplemented"));
        assert_eq!(
            check("x-amz-expected-bucket-owner", "1", false),
            code("InvalidBucketOwnerAWSAccountID")
        );
        assert_eq!(
            check("x-amz-expected-bucket-owner", "000000000001", false),
            code("AccessDenied")
        );
        assert_eq!(check("x-amz-expected-bucket-owner", "000000000000", false), None);
    }
}
