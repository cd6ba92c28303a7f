//! Errors of SQS: the name in JSON, the code of the query protocol, and the texts.

use std::io;

use hardcap_limits::Exceeded;

/// A kind of error.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Kind {
    /// `__type` of the JSON protocol.
    pub(super) json: &'static str,
    /// The code of the query protocol, which JSON responses have in a header.
    pub(super) query: &'static str,
    /// The HTTP status.
    pub(super) status: u16,
}

/// Declares the kinds. Names and codes are those of LocalStack's snapshots of AWS, else of the SDK's model.
macro_rules! kinds {
    ($($name:ident = $json:literal, $query:literal, $status:literal;)+) => {
        $(pub(super) const $name: Kind = Kind { json: $json, query: $query, status: $status };)+
        /// Every kind, for limits whose rows name the code only.
        const KINDS: &[&Kind] = &[$(&$name),+];
    };
}

kinds! {
    INVALID_PARAMETER = "com.amazon.coral.service#InvalidParameterValueException", "InvalidParameterValue", 400;
    MISSING_PARAMETER = "com.amazon.coral.service#MissingRequiredParameterException", "MissingParameter", 400;
    INVALID_ATTRIBUTE_NAME = "com.amazonaws.sqs#InvalidAttributeName", "InvalidAttributeName", 400;
    INVALID_ATTRIBUTE_VALUE = "com.amazonaws.sqs#InvalidAttributeValue", "InvalidAttributeValue", 400;
    NON_EXISTENT_QUEUE = "com.amazonaws.sqs#QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue", 400;
    QUEUE_NAME_EXISTS = "com.amazonaws.sqs#QueueNameExists", "QueueAlreadyExists", 400;
    QUEUE_DELETED_RECENTLY = "com.amazonaws.sqs#QueueDeletedRecently", "AWS.SimpleQueueService.QueueDeletedRecently", 400;
    PURGE_IN_PROGRESS = "com.amazonaws.sqs#PurgeQueueInProgress", "AWS.SimpleQueueService.PurgeQueueInProgress", 403;
    INVALID_CONTENTS = "com.amazonaws.sqs#InvalidMessageContents", "InvalidMessageContents", 400;
    RECEIPT_HANDLE = "com.amazonaws.sqs#ReceiptHandleIsInvalid", "ReceiptHandleIsInvalid", 404;
    OVER_LIMIT = "com.amazonaws.sqs#OverLimit", "OverLimit", 403;
    EMPTY_BATCH = "com.amazonaws.sqs#EmptyBatchRequest", "AWS.SimpleQueueService.EmptyBatchRequest", 400;
    TOO_MANY_ENTRIES = "com.amazonaws.sqs#TooManyEntriesInBatchRequest", "AWS.SimpleQueueService.TooManyEntriesInBatchRequest", 400;
    BATCH_TOO_LONG = "com.amazonaws.sqs#BatchRequestTooLong", "AWS.SimpleQueueService.BatchRequestTooLong", 400;
    BATCH_ID = "com.amazonaws.sqs#InvalidBatchEntryId", "AWS.SimpleQueueService.InvalidBatchEntryId", 400;
    BATCH_IDS_NOT_DISTINCT = "com.amazonaws.sqs#BatchEntryIdsNotDistinct", "AWS.SimpleQueueService.BatchEntryIdsNotDistinct", 400;
    INVALID_ADDRESS = "com.amazonaws.sqs#InvalidAddress", "InvalidAddress", 404;
    UNSUPPORTED = "com.amazonaws.sqs#UnsupportedOperation", "AWS.SimpleQueueService.UnsupportedOperation", 400;
    UNKNOWN_OPERATION = "com.amazon.coral.service#UnknownOperationException", "InvalidAction", 400;
    SERIALIZATION = "com.amazon.coral.service#SerializationException", "MalformedInput", 400;
    TOO_LARGE = "com.amazon.coral.service#RequestEntityTooLargeException", "RequestEntityTooLarge", 413;
    FULL = "com.amazonaws.sqs#ServiceUnavailable", "ServiceUnavailable", 503;
    FAILURE = "com.amazon.coral.service#InternalFailure", "InternalFailure", 500;
}

/// The error of an operation.
#[derive(Clone, Debug)]
pub enum SqsError {
    /// A refusal that is not a limit of the table.
    Api(ErrorKind, String),
    /// A limit of the table.
    Refused(Exceeded),
    /// hardcap failed.
    Bug(String),
}

/// A kind of error.
#[derive(Clone, Copy, Debug)]
pub struct ErrorKind(pub(super) &'static Kind);

impl SqsError {
    pub(super) fn api(kind: &'static Kind, text: impl Into<String>) -> SqsError {
        SqsError::Api(ErrorKind(kind), text.into())
    }

    /// A parameter with an invalid value.
    pub(super) fn invalid(value: &str, parameter: &str, reason: &str) -> SqsError {
        let text = format!("Value {value} for parameter {parameter} is invalid. Reason: {reason}");
        SqsError::api(&INVALID_PARAMETER, text)
    }

    /// A parameter that is missing.
    pub(super) fn missing(parameter: &str) -> SqsError {
        SqsError::api(
            &MISSING_PARAMETER,
            format!("The request must contain the parameter {parameter}."),
        )
    }

    /// An attribute of a queue that does not exist.
    pub(super) fn unknown_attribute(name: &str) -> SqsError {
        SqsError::api(&INVALID_ATTRIBUTE_NAME, format!("Unknown Attribute {name}."))
    }

    /// An attribute of a queue with an invalid value.
    pub(super) fn invalid_value(name: &str) -> SqsError {
        SqsError::api(&INVALID_ATTRIBUTE_VALUE, format!("Invalid value for the parameter {name}."))
    }

    /// As [`SqsError::invalid_value`], with a reason.
    pub(super) fn invalid_value_because(name: &str, reason: &str) -> SqsError {
        let text = format!("Invalid value for the parameter {name}. Reason: {reason}");
        SqsError::api(&INVALID_ATTRIBUTE_VALUE, text)
    }

    /// A queue that does not exist.
    pub(super) fn no_queue() -> SqsError {
        SqsError::api(&NON_EXISTENT_QUEUE, "The specified queue does not exist.")
    }

    /// AWS's text without the code.
    #[must_use]
    pub fn text(&self) -> String {
        self.parts().1
    }

    /// The kind, the text, and whether the sender is at fault.
    pub(super) fn parts(&self) -> (&'static Kind, String) {
        match self {
            SqsError::Api(kind, text) => (kind.0, text.clone()),
            SqsError::Refused(exceeded) => refused(exceeded),
            SqsError::Bug(cause) => (&FAILURE, cause.clone()),
        }
    }
}

/// The kind and the text of a limit, by the code of its row.
fn refused(exceeded: &Exceeded) -> (&'static Kind, String) {
    let Some(refusal) = exceeded.refusal(hardcap_limits::Party::Invoker) else {
        return (&FAILURE, format!("no text for {exceeded}"));
    };
    let kind = KINDS.iter().find(|kind| kind.query == refusal.error_type);
    (kind.copied().unwrap_or(&INVALID_PARAMETER), refusal.body)
}

impl std::fmt::Display for SqsError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (kind, text) = self.parts();
        write!(f, "{}: {text}", kind.query)
    }
}

impl std::error::Error for SqsError {}

impl From<Exceeded> for SqsError {
    fn from(exceeded: Exceeded) -> SqsError {
        SqsError::Refused(exceeded)
    }
}

impl From<io::Error> for SqsError {
    fn from(error: io::Error) -> SqsError {
        SqsError::Bug(error.to_string())
    }
}
