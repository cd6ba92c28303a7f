//! The refusals of S3: all codes, statuses and texts, and their XML.
//!
//! Texts marked *recorded* are in `fixtures/s3` with their date. The others are quoted from AWS's documentation and by users of
//! its SDKs; their elements are unconfirmed.

use std::borrow::Cow;
use std::fmt::Write as _;

use hardcap_limits::{Exceeded, Party};
use http::{HeaderName, HeaderValue, StatusCode};

use super::call::Ids;
use hardcap_core::faults::InjectedError;

/// An error response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// HTTP status.
    pub(crate) status: StatusCode,
    /// The error code, such as `NoSuchKey`.
    pub(crate) code: Cow<'static, str>,
    /// The message.
    pub(crate) message: Cow<'static, str>,
    /// The elements between the message and the ids, in order.
    pub(crate) elements: Vec<(Cow<'static, str>, String)>,
    /// Headers in addition to the usual ones.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
}

impl Refusal {
    /// An error without additional elements.
    pub(crate) fn new(
        status: StatusCode,
        code: impl Into<Cow<'static, str>>,
        message: impl Into<Cow<'static, str>>,
    ) -> Refusal {
        Refusal {
            status,
            code: code.into(),
            message: message.into(),
            elements: Vec::new(),
            headers: Vec::new(),
        }
    }

    /// Adds an element.
    #[must_use]
    pub(crate) fn with(
        mut self,
        name: impl Into<Cow<'static, str>>,
        value: impl Into<String>,
    ) -> Refusal {
        self.elements.push((name.into(), value.into()));
        self
    }

    /// Adds a header.
    #[must_use]
    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> Refusal {
        self.headers.push((name, value));
        self
    }

    /// The refusal of a limit of the table, with the text of its row.
    pub(crate) fn limit(exceeded: &Exceeded) -> Refusal {
        match exceeded.refusal(Party::Invoker) {
            Some(text) => Refusal::new(
                StatusCode::from_u16(text.status).unwrap_or(StatusCode::BAD_REQUEST),
                text.error_type,
                text.body,
            ),
            None => Refusal::new(StatusCode::BAD_REQUEST, "InvalidRequest", exceeded.to_string()),
        }
    }

    /// An internal error: logged with its cause, answered with AWS's fixed text.
    pub(crate) fn bug(cause: &dyn std::fmt::Display) -> Refusal {
        tracing::error!(%cause, "internal error in S3");
        Refusal::internal_error()
    }

    /// The refusal of a web page without access. AWS has no such refusal.
    pub(crate) fn page(refused: &hardcap_core::guard::GuardRefusal) -> Refusal {
        let text = format!("{refused}; or give the bucket a CORS rule for the page's origin.");
        Refusal::new(StatusCode::FORBIDDEN, "AccessDenied", text)
    }

    /// The refusal of a host that is not this machine. AWS has no such refusal.
    pub(crate) fn host(refused: &hardcap_core::guard::GuardRefusal) -> Refusal {
        Refusal::new(StatusCode::FORBIDDEN, "AccessDenied", format!("{refused}."))
    }

    /// The refusal of a location constraint, or of none, by the endpoint of another region. Recorded 2026-02-23.
    pub(crate) fn illegal_location(constraint: &str) -> Refusal {
        Refusal::new(
            StatusCode::BAD_REQUEST,
            "IllegalLocationConstraintException",
            format!(
                "The {constraint} location constraint is incompatible for the region specific endpoint this request was sent to."
            ),
        )
    }

    /// An operation or a feature of S3 that hardcap does not have. AWS's text names no operation, so users could not tell a
    /// missing feature of hardcap from an error of their own.
    pub(crate) fn not_emulated(what: &str) -> Refusal {
        Refusal::new(
            StatusCode::NOT_IMPLEMENTED,
            "NotImplemented",
            format!("{what}: hardcap's S3 does not emulate this."),
        )
    }

    /// The error of an injected fault.
    pub(crate) fn injected(failure: InjectedError) -> Refusal {
        match failure {
            InjectedError::Internal => Refusal::internal_error(),
            InjectedError::Throttle => Refusal::slow_down(),
        }
    }

    /// The body of the response.
    pub(crate) fn xml(&self, ids: &Ids) -> String {
        let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error>");
        let first = [("Code", self.code.as_ref()), ("Message", self.message.as_ref())];
        let elements = self.elements.iter().map(|(name, value)| (name.as_ref(), value.as_str()));
        let last = [("RequestId", ids.request.as_str()), ("HostId", ids.host.as_str())];
        for (name, value) in first.into_iter().chain(elements).chain(last) {
            // Writing to a string cannot fail.
            let _ = write!(xml, "<{name}>{}</{name}>", escape(value));
        }
        xml.push_str("</Error>");
        xml
    }
}

/// Escapes text for XML. Characters that XML 1.0 does not allow become references, as on AWS.
pub(super) fn escape(text: &str) -> Cow<'_, str> {
    let special =
        |c: char| matches!(c, '&' | '<' | '>' | '"' | '\r') || (c < ' ' && c != '\n' && c != '\t');
    if !text.contains(special) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            c if special(c) => {
                let _ = write!(escaped, "&#x{:x};", u32::from(c));
            }
            c => escaped.push(c),
        }
    }
    Cow::Owned(escaped)
}

/// Refusals that consist of a status, a code and a message.
macro_rules! refusals {
    ($($(#[doc = $doc:literal])+ $name:ident = $status:ident, $code:literal, $message:literal;)+) => {
        impl Refusal {
            $($(#[doc = $doc])+
            pub(crate) fn $name() -> Refusal {
                Refusal::new(StatusCode::$status, $code, $message)
            })+
        }
    };
}

refusals! {
    /// An internal error. Captured with its host id in botocore's tests, "200 error" of a copy.
    internal_error = INTERNAL_SERVER_ERROR, "InternalError",
        "We encountered an internal error. Please try again.";
    /// Too many requests for one prefix. Quoted in Apache Hadoop's guide to troubleshooting S3A, 2018.
    slow_down = SERVICE_UNAVAILABLE, "SlowDown", "Please reduce your request rate.";
    /// No credentials, or insufficient permissions.
    access_denied = FORBIDDEN, "AccessDenied", "Access Denied";
    /// Recorded 2026-02-21; `X-Amz-Expires`, `Expires`, `ServerTime` follow.
    expired = FORBIDDEN, "AccessDenied", "Request has expired";
    /// Recorded 2026-02-21; `HeadersNotSigned` follows.
    headers_not_signed = FORBIDDEN, "AccessDenied",
        "There were headers present in the request which were not signed";
    /// Recorded 2026-02-21; the canonical request follows.
    signature_does_not_match = FORBIDDEN, "SignatureDoesNotMatch",
        "The request signature we calculated does not match the signature you provided. Check your key and signing method.";
    /// `AWSAccessKeyId` follows.
    invalid_access_key_id = FORBIDDEN, "InvalidAccessKeyId",
        "The AWS Access Key Id you provided does not exist in our records.";
    /// `Token-0` follows.
    invalid_token = BAD_REQUEST, "InvalidToken",
        "The provided token is malformed or otherwise invalid.";
    /// `Token-0` follows.
    expired_token = BAD_REQUEST, "ExpiredToken", "The provided token has expired.";
    /// `RequestTime`, `ServerTime`, `MaxAllowedSkewMilliseconds` follow.
    request_time_too_skewed = FORBIDDEN, "RequestTimeTooSkewed",
        "The difference between the request time and the current time is too large.";
    /// A presigned URL whose date is in the future. Unconfirmed.
    not_yet_valid = FORBIDDEN, "AccessDenied", "Request is not valid yet";
    /// SigV2 where S3 does not accept it: in an `Authorization` header, and in regions opened since 2014.
    sigv4_only = BAD_REQUEST, "InvalidRequest",
        "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.";
    /// `ArgumentName` and `ArgumentValue` follow.
    one_auth_mechanism = BAD_REQUEST, "InvalidArgument",
        "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the Authorization header should be specified";
    /// `ArgumentName` and `ArgumentValue` follow.
    unsupported_authorization = BAD_REQUEST, "InvalidArgument", "Unsupported Authorization Type";
    /// A signature in a header without a date.
    date_missing = FORBIDDEN, "AccessDenied",
        "AWS authentication requires a valid Date or x-amz-date header";
    /// A signature in a header without a digest of the payload.
    content_sha256_missing = BAD_REQUEST, "InvalidRequest",
        "Missing required header for this request: x-amz-content-sha256";
    /// `ArgumentName` and `ArgumentValue` follow.
    content_sha256_invalid = BAD_REQUEST, "InvalidArgument",
        "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER, STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD, STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER or a valid sha256 value.";
    /// `ClientComputedContentSHA256` and `S3ComputedContentSHA256` follow.
    content_sha256_mismatch = BAD_REQUEST, "XAmzContentSHA256Mismatch",
        "The provided 'x-amz-content-sha256' header does not match what was computed.";
    /// `Content-MD5` follows.
    invalid_digest = BAD_REQUEST, "InvalidDigest", "The Content-MD5 you specified was invalid.";
    /// `ExpectedDigest` and `CalculatedDigest` follow.
    bad_digest = BAD_REQUEST, "BadDigest",
        "The Content-MD5 you specified did not match what we received.";
    /// The body was shorter than its declared length.
    incomplete_body = BAD_REQUEST, "IncompleteBody",
        "The request body terminated unexpectedly";
    /// No byte of the body arrived for the idle timeout. Text of "Error responses" in the API reference of Amazon S3.
    request_timeout = BAD_REQUEST, "RequestTimeout",
        "Your socket connection to the server was not read from or written to within the timeout period.";
    /// The length is not declared.
    missing_content_length = LENGTH_REQUIRED, "MissingContentLength",
        "You must provide the Content-Length HTTP header.";
    /// `Chunk` and `BadChunkSize` follow.
    invalid_chunk_size = FORBIDDEN, "InvalidChunkSizeError",
        "Only the last chunk is allowed to have a size less than 8192 bytes";
    /// More than one `x-amz-checksum-*` header.
    many_checksums = BAD_REQUEST, "InvalidRequest",
        "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.";
    /// An algorithm without a checksum.
    checksum_without_value = BAD_REQUEST, "InvalidRequest",
        "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found.";
    /// `x-amz-checksum-algorithm` with another value than the algorithms of S3.
    unknown_checksum_algorithm = BAD_REQUEST, "InvalidRequest",
        "Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]";
    /// `x-amz-checksum-algorithm` with several algorithms.
    many_checksum_algorithms = BAD_REQUEST, "InvalidRequest",
        "Invalid types are specified in x-amz-checksum-algorithm header.";
    /// `ArgumentName` and `ArgumentValue` follow.
    invalid_part_checksum = BAD_REQUEST, "InvalidArgument",
        "Invalid Base64 or multiple checksums present in request";
    /// The declared trailer is missing, or there is another one.
    malformed_trailer = BAD_REQUEST, "MalformedTrailerError",
        "The request contained trailing data that was not well-formed or did not conform to our published schema.";
    /// ACLs are disabled, as in all buckets since 2023-04.
    acl_not_supported = BAD_REQUEST, "AccessControlListNotSupported",
        "The bucket does not allow ACLs";
    /// `Header` follows.
    header_not_implemented = NOT_IMPLEMENTED, "NotImplemented",
        "A header you provided implies functionality that is not implemented";
    /// A form upload that cannot be parsed. S3 API reference, error responses.
    malformed_form = BAD_REQUEST, "MalformedPOSTRequest",
        "The body of your POST request is not well-formed multipart/form-data.";
    /// A form upload without a file; `ArgumentName` and `ArgumentValue` follow.
    one_file = BAD_REQUEST, "InvalidArgument",
        "POST requires exactly one file upload per request.";
    /// A form upload with an empty key; `ArgumentName` and `ArgumentValue` follow.
    empty_key = BAD_REQUEST, "InvalidArgument", "User key must have a length greater than 0.";
    /// Recorded 2026-02-21; `ProposedSize` and `MaxSizeAllowed` follow.
    entity_too_large = BAD_REQUEST, "EntityTooLarge",
        "Your proposed upload exceeds the maximum allowed size";
    /// Recorded 2026-02-21; `ProposedSize` and `MinSizeAllowed` follow.
    entity_too_small = BAD_REQUEST, "EntityTooSmall",
        "Your proposed upload is smaller than the minimum allowed size";
    /// `BucketName` follows.
    no_such_bucket = NOT_FOUND, "NoSuchBucket", "The specified bucket does not exist";
    /// `Key` follows.
    no_such_key = NOT_FOUND, "NoSuchKey", "The specified key does not exist.";
    /// `UploadId` follows.
    no_such_upload = NOT_FOUND, "NoSuchUpload",
        "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.";
    /// `BucketName` follows. Recorded 2023-07-31.
    no_such_cors = NOT_FOUND, "NoSuchCORSConfiguration", "The CORS configuration does not exist";
    /// `BucketName` follows.
    no_such_lifecycle = NOT_FOUND, "NoSuchLifecycleConfiguration",
        "The lifecycle configuration does not exist";
    /// `BucketName` follows. Recorded 2026-02-23.
    no_such_tag_set = NOT_FOUND, "NoSuchTagSet", "The TagSet does not exist";
    /// `BucketName` follows. Recorded 2026-02-21.
    no_such_bucket_policy = NOT_FOUND, "NoSuchBucketPolicy", "The bucket policy does not exist";
    /// `BucketName` follows. Recorded 2026-02-21.
    no_such_public_access_block = NOT_FOUND, "NoSuchPublicAccessBlockConfiguration",
        "The public access block configuration was not found";
    /// `BucketName` follows.
    no_such_website = NOT_FOUND, "NoSuchWebsiteConfiguration",
        "The specified bucket does not have a website configuration";
    /// `BucketName` follows.
    no_such_replication = NOT_FOUND, "ReplicationConfigurationNotFoundError",
        "The replication configuration was not found";
    /// `BucketName` follows.
    no_such_object_lock = NOT_FOUND, "ObjectLockConfigurationNotFoundError",
        "Object Lock configuration does not exist for this bucket";
    /// Retention or a legal hold of an object in a bucket without Object Lock.
    no_object_lock = BAD_REQUEST, "InvalidRequest", "Bucket is missing Object Lock Configuration";
    /// The header for a bucket without Object Lock. Recorded 2026-02-21.
    bypass_without_object_lock = BAD_REQUEST, "InvalidArgument",
        "x-amz-bypass-governance-retention is only applicable to Object Lock enabled buckets.";
    /// `ArgumentName` and `ArgumentValue` follow.
    invalid_copy_source = BAD_REQUEST, "InvalidArgument", "Invalid copy source object key";
    /// `ArgumentName` and `ArgumentValue` follow. Recorded 2026-02-23.
    invalid_tagging_header = BAD_REQUEST, "InvalidArgument",
        "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates.";
    /// Recorded 2026-02-21.
    version_2_parameters = FORBIDDEN, "AccessDenied",
        "Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters";
    /// A presigned URL of SigV2 whose `Expires` is not a number. Unconfirmed.
    version_2_expires = FORBIDDEN, "AccessDenied", "Invalid date (should be seconds since epoch)";
    /// `BucketName` follows.
    bucket_not_empty = CONFLICT, "BucketNotEmpty", "The bucket you tried to delete is not empty";
    /// `BucketName` follows.
    bucket_already_owned = CONFLICT, "BucketAlreadyOwnedByYou",
        "Your previous request to create the named bucket succeeded and you already own it.";
    /// `BucketName` follows.
    invalid_bucket_name = BAD_REQUEST, "InvalidBucketName", "The specified bucket is not valid.";
    /// `LocationConstraint` follows.
    invalid_location = BAD_REQUEST, "InvalidLocationConstraint",
        "The specified location-constraint is not valid";
    /// `Endpoint` and `Bucket` follow.
    permanent_redirect = MOVED_PERMANENTLY, "PermanentRedirect",
        "The bucket you are attempting to access must be addressed using the specified endpoint. Please send all future requests to this endpoint.";
    /// `URI` follows.
    invalid_uri = BAD_REQUEST, "InvalidURI", "Couldn't parse the specified URI.";
    /// `ActualObjectSize` and `RangeRequested` follow.
    invalid_range = RANGE_NOT_SATISFIABLE, "InvalidRange",
        "The requested range is not satisfiable";
    /// `Condition` follows. Recorded 2026-02-21.
    precondition_failed = PRECONDITION_FAILED, "PreconditionFailed",
        "At least one of the pre-conditions you specified did not hold";
    /// `Condition` and `Key` follow. Recorded 2026-02-21.
    conditional_request_conflict = CONFLICT, "ConditionalRequestConflict",
        "The conditional request cannot succeed due to a conflicting operation against this resource.";
    /// A read whose condition shows that the client has the current version.
    not_modified = NOT_MODIFIED, "NotModified", "Not Modified";
    /// XML that does not match the operation's schema. Recorded 2023-07-31.
    malformed_xml = BAD_REQUEST, "MalformedXML",
        "The XML you provided was not well-formed or did not validate against our published schema";
    /// Parts that were not uploaded, or that have another entity tag.
    invalid_part = BAD_REQUEST, "InvalidPart",
        "One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.";
    /// Parts not in ascending order.
    invalid_part_order = BAD_REQUEST, "InvalidPartOrder",
        "The list of parts was not in ascending order. Parts must be ordered by part number.";
    /// `Method` and `ResourceType` follow.
    method_not_allowed = METHOD_NOT_ALLOWED, "MethodNotAllowed",
        "The specified method is not allowed against this resource.";
    /// A copy of an object to itself that changes nothing.
    copy_to_itself = BAD_REQUEST, "InvalidRequest",
        "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.";
    /// A version id other than `null`.
    invalid_version = BAD_REQUEST, "InvalidArgument", "Invalid version id specified";
    /// A preflight without `Origin`. Recorded 2023-07-31.
    origin_needed = BAD_REQUEST, "BadRequest",
        "Insufficient information. Origin request header needed.";
    /// `Method` and `ResourceType` follow. Recorded 2023-07-31.
    cors_not_enabled = FORBIDDEN, "AccessForbidden",
        "CORSResponse: CORS is not enabled for this bucket.";
    /// `Method` and `ResourceType` follow. Recorded 2023-07-31.
    cors_no_bucket = FORBIDDEN, "AccessForbidden", "CORSResponse: Bucket not found";
    /// `Method` and `ResourceType` follow. AWS's own spelling. Recorded 2023-07-31.
    cors_not_allowed = FORBIDDEN, "AccessForbidden",
        "CORSResponse: This CORS request is not allowed. This is usually because the evalution of Origin, request method / Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the resource's CORS spec.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_between_the_message_and_the_ids() {
        let ids = Ids { request: "4442587FB7D0A2F9".to_owned(), host: "aG9zdA==".to_owned() };
        let xml = Refusal::no_such_key().with("Key", "a<b>&\"c\"\u{1}").xml(&ids);
        assert_eq!(
            xml,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>NoSuchKey</Code>\
             <Message>The specified key does not exist.</Message>\
             <Key>a&lt;b&gt;&amp;&quot;c&quot;&#x1;</Key>\
             <RequestId>4442587FB7D0A2F9</RequestId><HostId>aG9zdA==</HostId></Error>"
        );
    }
}
