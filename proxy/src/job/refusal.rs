//! What may be wrong with a request about a job, as problems.

use crate::job::create::CreateError;
use crate::job::ports::PortError;
use crate::job::{Problem as JobProblem, State};
use crate::problem::{Problem, Refused, row};

/// Why a request about a job is not answered with what it asks for.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// No table and no function are configured.
    #[error("JOBS_TABLE and JOB_FUNCTION are not set")]
    NotConfigured,
    /// The body of a request for an export.
    #[error("invalid export request: {0}")]
    BadExport(String),
    /// The header `Idempotency-Key`.
    #[error("Idempotency-Key has to be 1 to 255 printable characters of ASCII")]
    BadKey,
    /// It is not there, or another's.
    #[error("there is no job {0}")]
    Unknown(String),
    /// Its time is over.
    #[error("the job {0} is over, and its result is removed")]
    Gone(String),
    /// It ended while the client waited, without an answer.
    #[error("the job {id} ended as {}: {}", state.name(), detail(problem.as_ref()))]
    Ended {
        /// The job.
        id: String,
        /// How it ended.
        state: State,
        /// Why.
        problem: Option<JobProblem>,
    },
    /// What lies in the bucket is not what the job put there.
    #[error("the result of the job {0} has changed in the bucket")]
    Changed(String),
    /// The engine does not take it on.
    #[error(transparent)]
    Create(#[from] CreateError),
    /// A service failed.
    #[error(transparent)]
    Port(#[from] PortError),
}

fn detail(problem: Option<&JobProblem>) -> &str {
    problem.map_or("no reason is known", |problem| &problem.detail)
}

impl Refused for Refusal {
    fn describe(&self) -> Problem {
        match self {
            Refusal::NotConfigured => row(
                501,
                "no-jobs",
                "This proxy has no jobs",
                "The operator has to set JOBS_TABLE and JOB_FUNCTION.",
            ),
            Refusal::BadExport(_) => row(
                400,
                "bad-export",
                "The export is not understood",
                "Expected is {\"index\": \"logs-*\", \"search\": {\"query\": {…}}, \"gzip\": false}.",
            ),
            Refusal::BadKey => row(
                400,
                "bad-idempotency-key",
                "Idempotency-Key is not accepted",
                "A UUID is a good one.",
            ),
            Refusal::Unknown(_) => row(
                404,
                "no-such-job",
                "There is no such job",
                "GET /_proxy/jobs lists those there are.",
            ),
            Refusal::Gone(_) => row(410, "job-gone", "The job is over", "Send the request again."),
            Refusal::Ended { .. } => row(
                502,
                "job-ended",
                "The job ended without an answer",
                "GET /_proxy/jobs/{id} says the same for as long as it is kept.",
            ),
            Refusal::Changed(_) => row(
                502,
                "result-changed",
                "The result is not what the job stored",
                "Send the request again.",
            ),
            Refusal::Create(error) => of_create(error),
            Refusal::Port(_) => row(
                503,
                "jobs-unavailable",
                "Jobs are temporarily unavailable",
                "Send the request again, with the same Idempotency-Key if it had one.",
            ),
        }
    }
}

fn of_create(error: &CreateError) -> Problem {
    match error {
        CreateError::Stopped => {
            row(503, "jobs-stopped", "Jobs are switched off", "The operator has set JOBS=off.")
        }
        CreateError::TooMany(_) => row(
            429,
            "too-many-jobs",
            "Too many jobs at a time",
            "Wait for one to end, or cancel one with DELETE /_proxy/jobs/{id}.",
        ),
        CreateError::KeyReused => row(
            422,
            "idempotency-key-reused",
            "Idempotency-Key was used before",
            "Another request needs another key.",
        ),
        CreateError::Input(_) => {
            row(400, "bad-input", "The request cannot be written down", "Nothing was begun.")
        }
        CreateError::NotStarted(_) | CreateError::Port(_) => row(
            503,
            "job-not-started",
            "The job could not be started",
            "Send the request again, with the same Idempotency-Key if it had one.",
        ),
    }
}
