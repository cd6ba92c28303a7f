//! SDK errors, classified for the engine.

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use crate::causes::with_causes;
use crate::job::ports::PortError;

/// Transient error codes of AWS services.
const PASSING: [&str; 18] = [
    "EC2ThrottledException",
    // The next invocation has new credentials.
    "ExpiredToken",
    "ExpiredTokenException",
    "InternalError",
    "InternalFailure",
    "InternalServerError",
    "LimitExceededException",
    "OperationAborted",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestTimeout",
    "ServiceException",
    "ServiceUnavailable",
    "SlowDown",
    "ThrottlingException",
    "TooManyRequestsException",
    "TransactionConflictException",
    "TransactionInProgressException",
];

/// Classifies an error as transient, permanent, or missing.
pub(super) fn port_error<E, R>(what: &str, error: &SdkError<E, R>) -> PortError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
    SdkError<E, R>: std::error::Error,
{
    let code = error.code().unwrap_or_default();
    let text = match error.message() {
        Some(message) => format!("{what}: {code}: {message}"),
        None => format!("{what}: {}", with_causes(error)),
    };
    match error {
        SdkError::ServiceError(_) if matches!(code, "NoSuchKey" | "NoSuchUpload" | "NotFound") => {
            PortError::Missing(text)
        }
        SdkError::ServiceError(_) if PASSING.contains(&code) || code.is_empty() => {
            PortError::Unavailable(text)
        }
        SdkError::ServiceError(_) | SdkError::ConstructionFailure(_) => PortError::Refused(text),
        // No response, or an unreadable one: the call may have taken effect.
        _ => PortError::Unavailable(text),
    }
}
