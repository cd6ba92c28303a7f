//! Rows of the services around functions: tables, parameters, secrets, queues, topics, buses, state machines.

macro_rules! other_rows {
    ($next:ident $($after:ident)*; $($earlier:tt)*) => { $next! { $($after)*; $($earlier)*

/// An item of a DynamoDB table. What 400 KB is in bytes is the common reading, not confirmed. The embedded DynamoDB can be
/// given a lower number, for puts and for UpdateItem, not a higher one.
dynamodb_item: Bytes, {
    scope: Scope::DynamoDb,
    measured: "names and values of all attributes",
    history: &[Dated::always(400 * KIB, "AWS SDK model of DynamoDB")],
    stated: "400 KB",
    refusals: &[
        Invoker.sees(400, "ValidationException",
            r#"{"__type":"com.amazon.coral.validate#ValidationException","message":"{value} has exceeded the maximum allowed size"}"#)
            .known(Observed, "public captures: `Item size` of PutItem, `Item size to update` of UpdateItem"),
    ],
    confidence: Official,
    proof: Tested,
}

/// A parameter of the standard tier.
ssm_standard: Count, {
    scope: Scope::Ssm,
    measured: "characters of the value",
    history: &[Dated::always(4096, "AWS SDK model of Systems Manager; 4096 accepted and 4097 refused in a public capture")],
    stated: "4 KB",
    refusals: &[
        Invoker.sees(400, "ValidationException",
            r#"{"__type":"ValidationException","message":"Standard tier parameters support a maximum parameter value of {max} characters. To create a larger parameter value, upgrade the parameter to use the advanced-parameter tier. For more information, see https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html"}"#)
            .known(Observed, "hashicorp/terraform-provider-aws#18521 (2021-06-11); github-aws-runners/terraform-aws-github-runner#3815 (2024-03-18)"),
    ],
    confidence: Official,
    proof: Tested,
}

/// A parameter of the advanced tier.
ssm_advanced: Count, {
    scope: Scope::Ssm,
    measured: "characters of the value",
    history: &[Dated::always(8192, "AWS SDK model of Systems Manager")],
    stated: "8 KB",
    refusals: &[
        Invoker.sees(400, "ValidationException",
            r#"{"__type":"ValidationException","message":"The specified parameter value is too large. Advanced-tier parameters support a maximum parameter value of {max} characters."}"#)
            .known(Observed, "quoted in public infrastructure code of 2026; the space between the sentences may be a line's end"),
    ],
    confidence: Official,
    proof: Tested,
}

/// A secret. The text of its refusal is not confirmed: it is the frame's text for the smallest length, turned around.
secrets_value: Bytes, {
    scope: Scope::SecretsManager,
    measured: "SecretString or SecretBinary",
    history: &[Dated::always(64 * KIB, "AWS SDK model of Secrets Manager")],
    stated: "65536",
    refusals: &[
        Invoker.sees(400, "ValidationException",
            r#"{"__type":"ValidationException","message":"1 validation error detected: Value at '{value}' failed to satisfy constraint: Member must have length less than or equal to {max}"}"#)
            .known(Unconfirmed, "after a report of the text for an empty secretString"),
    ],
    confidence: Official,
    proof: Tested,
}

/// A message of a queue. The day in August 2025 is not confirmed.
sqs_message: Bytes, {
    scope: Scope::Sqs,
    measured: "body and attributes",
    history: &[
        Dated::always(256 * KIB, "AWS, SQS developer guide"),
        Dated::since((2025, 8, 4), MIB, "LocalStack's snapshots of AWS, recorded 2025-08-19; AWS SDK model, 2025-08-25"),
    ],
    stated: "1 MiB",
    refusals: &[
        Invoker.sees(400, "InvalidParameterValue",
            "One or more parameters are invalid. Reason: Message must be shorter than {max} bytes.")
            .known(Validated, "LocalStack's snapshots of AWS, recorded 2025-08-19"),
    ],
    confidence: Validated,
    proof: NotEmulated("hardcap has no SQS"),
}

/// All messages of one batch.
sqs_batch: Bytes, {
    scope: Scope::Sqs,
    measured: "all bodies and attributes of SendMessageBatch",
    history: &[
        Dated::always(256 * KIB, "AWS, SQS developer guide"),
        Dated::since((2025, 8, 4), MIB, "LocalStack's snapshots of AWS, recorded 2025-08-19; AWS SDK model, 2025-08-25"),
    ],
    stated: "1 MiB",
    refusals: &[
        Invoker.sees(400, "AWS.SimpleQueueService.BatchRequestTooLong",
            "Batch requests cannot be longer than {max} bytes. You have sent {observed} bytes.")
            .known(Validated, "LocalStack's snapshots of AWS, recorded 2025-08-19"),
    ],
    confidence: Validated,
    proof: NotEmulated("hardcap has no SQS"),
}

/// A message of a topic.
sns_message: Bytes, {
    scope: Scope::Sns,
    measured: "the message",
    history: &[Dated::always(256 * KIB, "AWS SDK model of SNS")],
    stated: "256 KB",
    refusals: &[
        Invoker.sees(400, "InvalidParameter", "Invalid parameter: Message too long")
            .known(Validated, "LocalStack's snapshots of AWS, recorded 2024-09-04"),
    ],
    confidence: Validated,
    proof: NotEmulated("hardcap has no SNS"),
}

/// The events of one PutEvents. Events near the maximum can be lost without a word at their targets.
eventbridge_request: Bytes, {
    scope: Scope::EventBridge,
    measured: "the sum over entries of Source, DetailType, Detail, Resources, and 14 for a Time",
    history: &[
        Dated::always(256 * KIB, "AWS SDK model of EventBridge"),
        Dated::since((2026, 1, 29), MIB, "AWS, announcement of January 2026; measured to the byte on 2026-03-28"),
    ],
    stated: "1 MB",
    refusals: &[
        Invoker.sees(400, "ValidationException",
            r#"{"__type":"ValidationException","message":"Total size of the entries in the request is over the limit."}"#)
            .known(Observed, "public capture of 2026-03-28"),
    ],
    confidence: Observed,
    proof: NotEmulated("hardcap has no EventBridge"),
}

/// Input or output of a state of a state machine. Over it the execution fails; `States.ALL` does not catch it.
stepfunctions_data: Bytes, {
    scope: Scope::StepFunctions,
    measured: "the state's data as JSON",
    history: &[Dated::always(256 * KIB, "AWS SDK model of Step Functions")],
    stated: "256 KB",
    refusals: &[
        Log.sees(0, "States.DataLimitExceeded",
            "returned a result with a size exceeding the maximum number of bytes service limit")
            .known(Observed, "reports of failed executions; the text before it names the state"),
    ],
    confidence: Official,
    proof: NotEmulated("hardcap has no Step Functions"),
}

    } };
}
pub(super) use other_rows;
