//! Rows of Lambda: what a function is made of, and the sandbox it runs in.

macro_rules! function_rows {
    ($next:ident $($after:ident)*; $($earlier:tt)*) => { $next! { $($after)*; $($earlier)*

/// The request that creates a function with its code, or gives it new code. A zip of the largest size fits it since 2025-11-25;
/// before, its base64 alone was a byte too long.
lambda_create_request: Bytes, {
    scope: Scope::Lambda,
    measured: "the body of CreateFunction and of UpdateFunctionCode",
    history: &[
        Dated::always(69_905_067, "motdotla/node-lambda#123, 2016"),
        Dated::since((2025, 11, 25), 70_167_211, "LocalStack's snapshots of AWS, recorded 2025-11-25: the first day it is known"),
    ],
    stated: "50 MB zipped, as base64",
    refusals: &[
        Invoker.sees(413, "RequestEntityTooLargeException",
            r#"{"Message":"Request must be smaller than {max} bytes for the {operation} operation"}"#)
            .known(Validated, source::LAMBDA_2025_11),
    ],
    confidence: Validated,
    proof: Tested,
}

/// A deployment package that is uploaded directly; one that comes from a bucket is measured once unpacked only.
lambda_zip: Bytes, {
    scope: Scope::Lambda,
    measured: "the zip file",
    history: &[Dated::always(50 * MIB, source::LAMBDA_2025_11)],
    stated: "50 MB",
    refusals: &[
        Invoker.sees(413, "RequestEntityTooLargeException",
            r#"{"Message":"Zipped size must be smaller than {max} bytes"}"#)
            .known(Validated, source::LAMBDA_2025_11),
    ],
    confidence: Validated,
    proof: Tested,
}

/// Code and layers of a function once unpacked. Whether exactly this many bytes pass is not recorded ("smaller than"; 262,143,000
/// were accepted on 2025-11-25).
lambda_unzipped: Bytes, {
    scope: Scope::Lambda,
    measured: "all files, layers included",
    history: &[Dated::always(250 * MIB, source::LAMBDA_2025_11)],
    stated: "250 MB",
    refusals: &[
        Invoker.sees(400, "InvalidParameterValueException",
            r#"{"Type":"User","message":"Unzipped size must be smaller than {max} bytes"}"#)
            .known(Validated, source::LAMBDA_2025_11),
    ],
    confidence: Validated,
    proof: Tested,
}

/// A container image.
lambda_image: Bytes, {
    scope: Scope::Lambda,
    measured: "the image, uncompressed, all layers",
    history: &[Dated::always(10 * GIB, source::LAMBDA_QUOTAS)],
    stated: "10 GB",
    refusals: &[],
    confidence: Official,
    proof: NotEmulated("functions run as processes, not from images"),
}

/// Code of all functions and layers of an account in a region.
lambda_code_storage: Bytes, {
    scope: Scope::Lambda,
    measured: "all versions of all functions and layers",
    history: &[
        Dated::always(75 * GIB, source::LAMBDA_GUIDE),
        Dated::since((2026, 1, 1), 300 * GIB, "AWS, Lambda quotas, 2026: the year is known, the day is not"),
    ],
    stated: "300 GB",
    refusals: &[
        Invoker.sees(400, "CodeStorageExceededException", "")
            .known(Official, source::LAMBDA_QUOTAS),
    ],
    confidence: Official,
    proof: NotEmulated("the disk of one machine is not an account"),
}

/// Layers of a function.
lambda_layers: Count, {
    scope: Scope::Lambda,
    measured: "the function's Layers",
    history: &[Dated::always(5, source::LAMBDA_2025_11)],
    stated: "5",
    refusals: &[
        Invoker.sees(400, "InvalidParameterValueException",
            r#"{"Type":"User","message":"Cannot reference more than {max} layers."}"#)
            .known(Validated, source::LAMBDA_2025_11),
    ],
    confidence: Validated,
    proof: Tested,
}

/// The name of a function.
lambda_function_name: Count, {
    scope: Scope::Lambda,
    measured: "characters of FunctionName",
    history: &[Dated::always(64, source::LAMBDA_2025_11)],
    stated: "64 characters",
    refusals: &[
        Invoker.sees(400, "InvalidParameterValueException",
            r#"{"Type":"User","message":"1 validation error detected: Value '{value}' at 'functionName' failed to satisfy constraint: Member must have length less than or equal to {max}"}"#)
            .known(Validated, source::LAMBDA_2024_03),
    ],
    confidence: Validated,
    proof: Tested,
}

/// The least memory of a function.
lambda_memory_min: Megabytes, {
    scope: Scope::Lambda,
    measured: "the function's MemorySize",
    history: &[Dated::always(128, source::LAMBDA_QUOTAS)],
    stated: "128 MB",
    refusals: &[
        Invoker.sees(400, "ValidationException",
            r#"{"message":"1 validation error detected: Value '{value}' at 'memorySize' failed to satisfy constraint: Member must have value greater than or equal to {max}"}"#)
            .known(Unconfirmed, "the usual form of the model's minimum; the text for too much is observed"),
    ],
    confidence: Official,
    proof: Tested,
}

/// The most memory of a function.
///
/// A new account may have 3,008 MB until it asks for more. Managed instances have up to 32,768 MB (2025-12-01); they are
/// not emulated.
lambda_memory_max: Megabytes, {
    scope: Scope::Lambda,
    measured: "the function's MemorySize",
    history: &[
        Dated::always(3008, "AWS, Lambda limits before December 2020"),
        Dated::since((2020, 12, 1), 10_240, "AWS, announcement of 2020-12-01; cloudtools/troposphere#1844"),
    ],
    stated: "10,240 MB",
    refusals: &[
        Invoker.sees(400, "ValidationException",
            r#"{"message":"1 validation error detected: Value '{value}' at 'memorySize' failed to satisfy constraint: Member must have value less than or equal to {max}"}"#)
            .known(Observed, "a failed deployment by CloudFormation, quoted in a public repository: `Value '5555555' at 'memorySize'`; the developer guide of 2023 has its end"),
    ],
    confidence: Official,
    proof: Tested,
}

/// The disk under /tmp that a function can have. It has the least unless it asks for more.
lambda_tmp: Megabytes, {
    scope: Scope::Lambda,
    measured: "the function's EphemeralStorage; over it, writes fail inside the function with ENOSPC",
    history: &[
        Dated::always(512, "AWS, Lambda limits before March 2022"),
        Dated::since((2022, 3, 24), 10_240, "AWS SDK for JavaScript, change of 2022-03-24"),
    ],
    stated: "10,240 MB",
    refusals: &[
        Invoker.sees(400, "ValidationException",
            r#"{"message":"1 validation error detected: Value '{value}' at 'ephemeralStorage.size' failed to satisfy constraint: Member must have value less than or equal to {max}"}"#)
            .known(Unconfirmed, "the usual form of the model's bounds, which botocore's description of Lambda has"),
    ],
    confidence: Official,
    proof: Tested,
}

/// The least disk under /tmp, and what a function has that asks for none.
lambda_tmp_min: Megabytes, {
    scope: Scope::Lambda,
    measured: "the function's EphemeralStorage",
    history: &[Dated::always(512, source::LAMBDA_QUOTAS)],
    stated: "512 MB",
    refusals: &[
        Invoker.sees(400, "ValidationException",
            r#"{"message":"1 validation error detected: Value '{value}' at 'ephemeralStorage.size' failed to satisfy constraint: Member must have value greater than or equal to {max}"}"#)
            .known(Unconfirmed, "the usual form of the model's bounds, which botocore's description of Lambda has"),
    ],
    confidence: Official,
    proof: Tested,
}

/// File descriptors of a sandbox. Over it, opening fails inside the function with EMFILE. Managed instances have 4,096.
lambda_file_descriptors: Count, {
    scope: Scope::Lambda,
    measured: "open files of one process",
    history: &[Dated::always(1024, source::LAMBDA_QUOTAS)],
    stated: "1,024",
    refusals: &[],
    confidence: Official,
    proof: Tested,
}

/// Processes and threads of a sandbox. Over it, starting one fails inside the function with EAGAIN.
///
/// A real sandbox of 2025-11-24 had NPROC 742.
lambda_processes: Count, {
    scope: Scope::Lambda,
    measured: "processes and threads together",
    history: &[Dated::always(1024, source::LAMBDA_QUOTAS)],
    stated: "1,024",
    refusals: &[],
    confidence: Official,
    proof: Tested,
}

/// Extensions of a function.
lambda_extensions: Count, {
    scope: Scope::Lambda,
    measured: "registered extensions",
    history: &[Dated::always(10, source::RIE)],
    stated: "10",
    refusals: &[
        Function.sees(403, "Extension.TooManyExtensions",
            r#"{"errorMessage":"Extension limit ({max}) reached","errorType":"Extension.TooManyExtensions"}"#)
            .known(Official, source::RIE),
    ],
    confidence: Official,
    proof: Tested,
}

/// How long a sandbox without extensions has to shut down: it is killed at once.
lambda_shutdown: Millis, {
    scope: Scope::Lambda,
    measured: "from SIGTERM to SIGKILL",
    history: &[Dated::always(0, "AWS, Lambda developer guide, extensions API, 2023-10-30")],
    stated: "0 ms",
    refusals: &[],
    confidence: Official,
    proof: Tested,
}

/// How long a sandbox with an internal extension has to shut down.
lambda_shutdown_internal: Millis, {
    scope: Scope::Lambda,
    measured: "from SIGTERM to SIGKILL",
    history: &[Dated::always(500, "AWS, Lambda developer guide, extensions API, 2023-10-30")],
    stated: "500 ms",
    refusals: &[],
    confidence: Official,
    proof: Tested,
}

/// How long a sandbox with an external extension has to shut down.
lambda_shutdown_external: Millis, {
    scope: Scope::Lambda,
    measured: "from SIGTERM to SIGKILL",
    history: &[Dated::always(2 * SECOND, "AWS, Lambda developer guide, extensions API, 2023-10-30")],
    stated: "2,000 ms",
    refusals: &[],
    confidence: Official,
    proof: Tested,
}

/// The buffer of a telemetry subscription that names none, which is also the least.
lambda_telemetry_buffer: Bytes, {
    scope: Scope::Lambda,
    measured: "events waiting to be delivered",
    history: &[Dated::always(256 * KIB, source::RIE)],
    stated: "262,144 bytes",
    refusals: &[],
    confidence: Official,
    proof: Tested,
}

/// The largest buffer of a telemetry subscription.
lambda_telemetry_buffer_max: Bytes, {
    scope: Scope::Lambda,
    measured: "maxBytes of a subscription",
    history: &[Dated::always(MIB, source::TELEMETRY)],
    stated: "1,048,576 bytes",
    refusals: &[],
    confidence: Official,
    proof: Tested,
}

/// The most events in a batch of telemetry. The least is 1,000, which is also what a subscription has that names none.
lambda_telemetry_items: Count, {
    scope: Scope::Lambda,
    measured: "maxItems of a subscription",
    history: &[Dated::always(10_000, source::TELEMETRY)],
    stated: "10,000",
    refusals: &[],
    confidence: Official,
    proof: Tested,
}

/// The longest that telemetry waits for its batch to be full. The least is 25 ms; a subscription that names none has 1,000 ms.
lambda_telemetry_timeout: Millis, {
    scope: Scope::Lambda,
    measured: "timeoutMs of a subscription",
    history: &[Dated::always(30 * SECOND, source::TELEMETRY)],
    stated: "30,000 ms",
    refusals: &[],
    confidence: Official,
    proof: Tested,
}

/// Calls a second of Lambda's control plane, GetFunction aside.
lambda_control_rate: Count, {
    scope: Scope::Lambda,
    measured: "requests in one second, of an account in a region",
    history: &[Dated::always(15, source::LAMBDA_QUOTAS)],
    stated: "15 requests a second",
    refusals: &[],
    confidence: Official,
    proof: NotEmulated("it would only hold up whoever deploys many functions to one machine"),
}

/// Calls a second of GetFunction.
lambda_get_function_rate: Count, {
    scope: Scope::Lambda,
    measured: "requests in one second, of an account in a region",
    history: &[Dated::always(100, source::LAMBDA_QUOTAS)],
    stated: "100 requests a second",
    refusals: &[],
    confidence: Official,
    proof: NotEmulated("it would only hold up whoever deploys many functions to one machine"),
}

    } };
}
pub(super) use function_rows;
