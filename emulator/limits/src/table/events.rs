//! Rows of Lambda: asynchronous events, and answers that are streamed.

macro_rules! event_rows {
    ($next:ident $($after:ident)*; $($earlier:tt)*) => { $next! { $($after)*; $($earlier)*

/// The event of an asynchronous invocation.
///
/// Since October 2025 a second check may refuse a smaller event whose internal form is too large
/// (`SerializedRequestEntityTooLargeException`, 413); its threshold and text are not known.
lambda_async_request: Bytes, {
    scope: Scope::Lambda,
    measured: "the body of the Invoke request, which is the event as JSON",
    history: &[
        Dated::always(128 * KIB, "faultline/faultline#12, 2017-05-08"),
        Dated::since((2018, 11, 16), 256 * KIB, source::LAMBDA_RELEASES),
        Dated::since((2025, 10, 28), MIB, "AWS SDK model of Lambda (botocore 1.40.61), 2025-10-28"),
    ],
    stated: "1 MB",
    refusals: &[
        Invoker.sees(413, "RequestEntityTooLargeException",
            r#"{"Message":"{observed} byte payload is too large for the Event invocation type (limit {max} bytes)"}"#)
            .known(Observed, "faultline/faultline#12 (2017-05-08), aws/aws-pdk#771 (2024-04-19), and with the limit of 1048576 in two repositories"),
    ],
    confidence: Official,
    proof: Tested,
}

/// The event of the deprecated InvokeAsync.
lambda_invoke_async_request: Bytes, {
    scope: Scope::Lambda,
    measured: "the body of the InvokeAsync request",
    history: &[Dated::always(256 * KIB, "AWS SDK model of Lambda (botocore 1.40.61), 2025-10-28")],
    stated: "256 KB",
    refusals: &[],
    confidence: Official,
    proof: NotEmulated("the call is deprecated"),
}

/// Retries of an event whose function failed.
lambda_async_retries: Count, {
    scope: Scope::Lambda,
    measured: "attempts after the first; then the destination record says RetriesExhausted, approximateInvokeCount 3",
    history: &[Dated::always(2, source::LAMBDA_GUIDE)],
    stated: "2",
    refusals: &[],
    confidence: Official,
    proof: Tested,
}

/// The wait before the first retry.
lambda_async_first_wait: Millis, {
    scope: Scope::Lambda,
    measured: "between the first and the second attempt",
    history: &[Dated::always(60 * SECOND, source::LAMBDA_GUIDE)],
    stated: "1 minute",
    refusals: &[],
    confidence: Official,
    proof: Tested,
}

/// The wait before the second retry.
lambda_async_second_wait: Millis, {
    scope: Scope::Lambda,
    measured: "between the second and the third attempt",
    history: &[Dated::always(120 * SECOND, source::LAMBDA_GUIDE)],
    stated: "2 minutes",
    refusals: &[],
    confidence: Official,
    proof: Tested,
}

/// The oldest that an event may become, throttles and system errors included, and the default.
lambda_async_age: Millis, {
    scope: Scope::Lambda,
    measured: "since the event was accepted; then the destination record says EventAgeExceeded",
    history: &[Dated::always(21_600 * SECOND, source::LAMBDA_MODEL)],
    stated: "6 hours",
    refusals: &[],
    confidence: Official,
    proof: Tested,
}

/// The least maximum age that an event can be given.
lambda_async_age_min: Millis, {
    scope: Scope::Lambda,
    measured: "MaximumEventAgeInSeconds",
    history: &[Dated::always(60 * SECOND, source::LAMBDA_MODEL)],
    stated: "60 s",
    refusals: &[],
    confidence: Official,
    proof: Tested,
}

/// The first wait after a throttle or a system error; each one is longer.
lambda_async_backoff_min: Millis, {
    scope: Scope::Lambda,
    measured: "before a throttled event is tried again",
    history: &[Dated::always(SECOND, source::LAMBDA_GUIDE)],
    stated: "1 s",
    refusals: &[],
    confidence: Official,
    proof: Tested,
}

/// The longest wait after a throttle or a system error.
lambda_async_backoff_max: Millis, {
    scope: Scope::Lambda,
    measured: "before a throttled event is tried again",
    history: &[Dated::always(300 * SECOND, source::LAMBDA_GUIDE)],
    stated: "5 minutes",
    refusals: &[],
    confidence: Official,
    proof: Tested,
}

/// A failure record delivered to an SNS topic: over it the payload is dropped from the record.
lambda_sns_destination: Bytes, {
    scope: Scope::Lambda,
    measured: "request and response together",
    history: &[Dated::always(256 * KIB, "AWS SDK model of Lambda (botocore 1.40.61), 2025-10-28")],
    stated: "256 KB",
    refusals: &[],
    confidence: Official,
    proof: NotEmulated("hardcap delivers to functions and to S3"),
}

/// How often one chain of requests may pass a function before Lambda stops it, unless RecursiveLoop allows it.
///
/// AWS says "approximately 16". The chain is known by the Lineage field of the trace header. The day in July 2023 is not
/// known.
lambda_recursion: Count, {
    scope: Scope::Lambda,
    measured: "invocations of one function in one chain, through SQS, SNS, S3 or Lambda",
    history: &[Dated::since((2023, 7, 1), 16, "AWS, Lambda developer guide, recursive loop detection, July 2023")],
    stated: "approximately 16",
    refusals: &[
        Invoker.sees(400, "RecursiveInvocationException",
            r#"{"Type":"User","Message":"Lambda has detected your function being invoked in a recursive loop with other Amazon Web Services resources and stopped your function's invocation."}"#)
            .known(Unconfirmed, "the code and the status are the SDK model's of Lambda; the text is the model's description of it"),
    ],
    confidence: Official,
    proof: Tested,
}

/// A streamed answer: of an InvokeWithResponseStream, a function URL that streams, a REST API that streams.
///
/// Before its first day there is no response streaming: InvokeWithResponseStream is an unknown operation, function URLs
/// answer buffered whatever their `InvokeMode`, and the Runtime API ignores the header that names a response mode.
///
/// The invoker gets the bytes up to the limit and one more, and then the end of the stream; the function is not told. A
/// capture of 2026-09-15 shows 209,715,201 bytes of a stream of 201 MiB, and AWS's emulator copies as many.
lambda_stream_response: Bytes, {
    scope: Scope::Lambda,
    measured: "all bytes that the runtime posts for the stream, the prelude of an HTTP answer among them",
    history: &[
        Dated::since((2023, 4, 7), 20 * MIB, "AWS SDK model of Lambda (botocore), 2023-04-07"),
        Dated::since((2025, 7, 31), 200 * MIB, "AWS, announcement of 200 MB for response streaming, July 2025; the day is a report's (devopsie.com, 2025-09-23)"),
    ],
    stated: "200 MB",
    refusals: &[],
    confidence: Official,
    proof: Tested,
}

/// What a stream sends before its bandwidth is capped: the depth of a bucket that fills at the capped rate.
lambda_stream_burst: Bytes, {
    scope: Scope::Lambda,
    measured: "the first bytes of the stream",
    history: &[Dated::since((2023, 4, 7), 6 * MIB, source::RIE)],
    stated: "6 MB",
    refusals: &[],
    confidence: Official,
    proof: Tested,
}

/// The bandwidth of a stream after its first bytes.
///
/// The capture of 2026-09-15 was faster: 201 MiB in 68 seconds, which is 3 MB/s.
lambda_stream_rate: Bytes, {
    scope: Scope::Lambda,
    measured: "bytes in one second",
    history: &[Dated::since((2023, 4, 7), 2 * MIB, source::RIE)],
    stated: "2 MBps",
    refusals: &[],
    confidence: Official,
    proof: Tested,
}

    } };
}
pub(super) use event_rows;
