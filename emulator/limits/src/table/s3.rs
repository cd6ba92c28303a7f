//! Rows of S3.

macro_rules! s3_rows {
    ($next:ident $($after:ident)*; $($earlier:tt)*) => { $next! { $($after)*; $($earlier)*

/// How long a presigned URL may be made to last. Exactly this long is accepted, whatever the text says.
///
/// A URL ends earlier when the credentials that signed it do.
s3_presign_expiry: Millis, {
    scope: Scope::S3,
    measured: "X-Amz-Expires",
    history: &[Dated::always(604_800 * SECOND, source::S3_GUIDE)],
    stated: "7 days",
    refusals: &[
        Invoker.sees(400, "AuthorizationQueryParametersError",
            "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than {max_whole_seconds} seconds")
            .content_type("application/xml")
            .known(Observed, "repeated word for word by several implementations"),
    ],
    confidence: Official,
    proof: Tested,
}

/// How long a presigned URL made by the console may last.
s3_presign_expiry_console: Millis, {
    scope: Scope::S3,
    measured: "what the console offers",
    history: &[Dated::always(43_200 * SECOND, source::S3_GUIDE)],
    stated: "12 hours",
    refusals: &[],
    confidence: Official,
    proof: NotEmulated("a limit of the console, not of the service"),
}

/// The key of an object.
s3_key: Bytes, {
    scope: Scope::S3,
    measured: "the key in UTF-8",
    history: &[Dated::always(KIB, "AWS, S3 user guide, creating object key names")],
    stated: "1,024 bytes",
    refusals: &[
        Invoker.sees(400, "KeyTooLongError", "Your key is too long")
            .content_type("application/xml")
            .known(Observed, "AWS, S3 error responses; repeated by several implementations"),
    ],
    confidence: Official,
    proof: Tested,
}

/// The metadata that a client gives an object.
s3_metadata: Bytes, {
    scope: Scope::S3,
    measured: "all names and values of x-amz-meta-*, without that prefix",
    history: &[Dated::always(2 * KIB, "AWS, S3 user guide, user-defined object metadata")],
    stated: "2 KB",
    refusals: &[
        Invoker.sees(400, "MetadataTooLarge",
            "Your metadata headers exceed the maximum allowed metadata size")
            .content_type("application/xml")
            .known(Observed, "AWS, S3 error responses; repeated by several implementations"),
    ],
    confidence: Official,
    proof: Tested,
}

/// An object written with one PUT.
s3_put: Bytes, {
    scope: Scope::S3,
    measured: "the body of PutObject, decoded",
    history: &[Dated::always(5 * GIB, source::S3_GUIDE)],
    stated: "5 GB",
    refusals: &[
        Invoker.sees(400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size")
            .content_type("application/xml")
            .known(Validated, "LocalStack's snapshots of AWS S3, recorded 2026-02-21, for a POST policy; the same code is documented for PUT"),
    ],
    confidence: Unconfirmed,
    proof: Tested,
}

/// What a form may bring before its file, when an object is uploaded by POST.
///
/// AWS says "form data and boundaries"; that each part's headers and line ends count is taken from that, not recorded.
s3_post_form: Bytes, {
    scope: Scope::S3,
    measured: "the parts of the form before the contents of its file, with boundaries and headers",
    history: &[Dated::always(20 * KIB, "AWS, S3 user guide, browser-based uploads using POST; 20480 in the error of bitbucket.org site/master issue 8914")],
    stated: "20 KB",
    refusals: &[
        Invoker.sees(400, "MaxPostPreDataLengthExceeded",
            "Your POST request fields preceeding the upload file was too large.")
            .content_type("application/xml")
            .known(Observed, "bitbucket.org site/master issue 8914, with the element MaxPostPreDataLengthBytes"),
    ],
    confidence: Observed,
    proof: Tested,
}

/// The least size of a part of a multipart upload; the last part may be smaller.
s3_part_min: Bytes, {
    scope: Scope::S3,
    measured: "every part but the last, when the upload is completed",
    history: &[Dated::always(5 * MIB, source::S3_2026_02)],
    stated: "5 MiB",
    refusals: &[
        Invoker.sees(400, "EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size")
            .content_type("application/xml")
            .known(Validated, source::S3_2026_02),
    ],
    confidence: Validated,
    proof: Tested,
}

/// The largest size of a part of a multipart upload.
s3_part_max: Bytes, {
    scope: Scope::S3,
    measured: "the body of UploadPart, decoded",
    history: &[Dated::always(5 * GIB, source::S3_GUIDE)],
    stated: "5 GiB",
    refusals: &[
        Invoker.sees(400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size")
            .content_type("application/xml")
            .known(Validated, "LocalStack's snapshots of AWS S3, recorded 2026-02-21, for a POST policy; the same code is documented for parts"),
    ],
    confidence: Official,
    proof: Tested,
}

/// Parts of a multipart upload, and the highest number of a part.
s3_part_count: Count, {
    scope: Scope::S3,
    measured: "partNumber, from 1",
    history: &[Dated::always(10_000, source::S3_GUIDE)],
    stated: "10,000",
    refusals: &[
        Invoker.sees(400, "InvalidArgument",
            "Part number must be an integer between 1 and {max}, inclusive")
            .content_type("application/xml")
            .known(Observed, "repeated by several implementations"),
    ],
    confidence: Official,
    proof: Tested,
}

/// An object. What "50 TB" is in bytes is not stated: here it is what ten thousand parts of 5 GiB can hold.
s3_object: Bytes, {
    scope: Scope::S3,
    measured: "the whole object",
    history: &[
        Dated::always(5 * TIB, source::S3_GUIDE),
        Dated::since((2025, 12, 2), 10_000 * 5 * GIB, "AWS SDK model of S3 (botocore), 2025-12-02: 50 TB"),
    ],
    stated: "50 TB",
    refusals: &[
        Invoker.sees(400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size")
            .content_type("application/xml")
            .known(Unconfirmed, "believed to be as for a single PUT"),
    ],
    confidence: Derived,
    proof: Tested,
}

/// The least age at which a lifecycle rule acts: whole days, rounded up to the next midnight UTC.
s3_lifecycle_days_min: Count, {
    scope: Scope::S3,
    measured: "Days of a lifecycle rule",
    history: &[Dated::always(1, source::S3_GUIDE)],
    stated: "1 day",
    refusals: &[],
    confidence: Official,
    proof: Tested,
}

    } };
}
pub(super) use s3_rows;
