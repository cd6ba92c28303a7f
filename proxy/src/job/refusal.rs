//! The refusals of requests about jobs.

use crate::job::create::CreateError;
use crate::job::export::ExportError;
use crate::job::ports::PortError;
use crate::job::{JobError, JobState};
use crate::problem::{ProblemDetails, ToProblem, details};

/// Why a request about a job is refused.
#[derive(Debug, thiserror::Error)]
pub enum JobRefusal {
    /// Jobs are not configured.
    #[error("JOBS_TABLE and JOB_FUNCTION are not set")]
    NotConfigured,
    /// The body of an export request is invalid.
    #[error("invalid export request: {0}")]
    BadExport(#[from] ExportError),
    /// The header `Idempotency-Key` is invalid.
    #[error("Idempotency-Key must be 1 to 255 printable ASCII characters")]
    BadKey,
    /// The user has no such job.
    #[error("there is no job {0}")]
    Unknown(String),
    /// The job has expired.
    #[error("the job {0} has expired, and its result was removed")]
    Gone(String),
    /// The job ended without a response while the client waited.
    #[error("the job {id} ended as {}: {}", state.name(), detail(problem.as_ref()))]
    Ended {
        /// The id of the job.
        id: String,
        /// The final state.
        state: JobState,
        /// The error, if there is one.
        problem: Option<JobError>,
    },
    /// The stored result differs from what the job stored.
    #[error("the result of the job {0} has changed in the bucket")]
    Changed(String),
    /// The job was not created.
    #[error(transparent)]
    Create(#[from] CreateError),
    /// A service failed.
    #[error(transparent)]
    Port(#[from] PortError),
}

fn detail(problem: Option<&JobError>) -> &str {
    problem.map_or("no reason was recorded", |problem| &problem.detail)
}

impl ToProblem for JobRefusal {
    fn describe(&self) -> ProblemDetails {
        match self {
            JobRefusal::NotConfigured => details(
                501,
                "no-jobs",
                "Jobs are not configured",
                "The operator has to set JOBS_TABLE and JOB_FUNCTION.",
            ),
            JobRefusal::BadExport(_) => details(
                400,
                "bad-export",
                "The export request is invalid",
                "Expected: {\"index\": \"logs-*\", \"search\": {\"query\": {…}}, \"gzip\": false}.",
            ),
            JobRefusal::BadKey => details(
                400,
                "bad-idempotency-key",
                "Idempotency-Key is not accepted",
                "Use a UUID, for example.",
            ),
            JobRefusal::Unknown(_) => details(
                404,
                "no-such-job",
                "There is no such job",
                "GET /_proxy/jobs lists your jobs.",
            ),
            JobRefusal::Gone(_) => {
                details(410, "job-gone", "The job has expired", "Send the request again.")
            }
            JobRefusal::Ended { .. } => details(
                502,
                "job-ended",
                "The job ended without a response",
                "GET /_proxy/jobs/{id} shows the job until it expires.",
            ),
            JobRefusal::Changed(_) => details(
                502,
                "result-changed",
                "The result has changed in the bucket",
                "Send the request again.",
            ),
            JobRefusal::Create(error) => of_create(error),
            JobRefusal::Port(_) => details(
                503,
                "jobs-unavailable",
                "Jobs are temporarily unavailable",
                "Send the request again, with the same Idempotency-Key if it had one.",
            ),
        }
    }
}

fn of_create(error: &CreateError) -> ProblemDetails {
    match error {
        CreateError::Stopped => {
            details(503, "jobs-stopped", "Jobs are switched off", "The operator has set JOBS=off.")
        }
        CreateError::TooMany(_) => details(
            429,
            "too-many-jobs",
            "Too many unfinished jobs",
            "Wait until one ends, or cancel one with DELETE /_proxy/jobs/{id}.",
        ),
        CreateError::KeyReused => details(
            422,
            "idempotency-key-reused",
            "Idempotency-Key was already used",
            "Use a new key for another request.",
        ),
        CreateError::Input(_) => {
            details(400, "bad-input", "The request cannot be stored", "No job was created.")
        }
        CreateError::NotStarted(_) | CreateError::Port(_) => details(
            503,
            "job-not-started",
            "The job could not be started",
            "Send the request again, with the same Idempotency-Key if it had one.",
        ),
    }
}
