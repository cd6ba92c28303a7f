//! What an SDK says, as what the engine acts upon.

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use crate::causes::with_causes;
use crate::job::ports::PortError;

/// Errors of a service that pass.
const PASSING: [&str; 18] = [
    "EC2ThrottledException",
    // The next invocation has other credentials.
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

/// Whether an error passes, is for good, or says that something is missing.
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
        // No answer, or none that can be read: it may have taken effect.
        _ => PortError::Unavailable(text),
    }
}
