//! The progress, the result and the error of a job.

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use serde::{Deserialize, Serialize};

use super::event::Digest;
use super::ports::ObjectHeaders;
use super::work::{Context, Job, StepError};

/// The longest detail of an error in a row, in bytes. Rows stay far below DynamoDB's 400 KB.
pub const DETAIL_MAX: usize = 2048;

/// The progress of a job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Finished items, such as hits of an export.
    pub items: u64,
    /// The total number of items, if it is known.
    pub items_total: Option<u64>,
    /// Written bytes.
    pub bytes: u64,
}

/// The result of a job: an object in the bucket and its description.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// The name of the object.
    pub name: String,
    /// The length in bytes.
    pub bytes: u64,
    /// The SHA-256 in lower-case hex.
    pub sha256: String,
    /// The upstream's status; 200 for a result that the job produced.
    pub status: u16,
    /// The headers of the result, including those that describe the bytes.
    #[serde(with = "crate::headers::stored")]
    pub headers: HeaderMap,
}

impl Output {
    /// Stores a whole result.
    ///
    /// # Errors
    ///
    /// [`StepError`] when it cannot be stored.
    pub async fn put<J: Job>(
        context: &Context<'_, J>,
        headers: HeaderMap,
        bytes: Bytes,
    ) -> Result<Output, StepError> {
        let name = context.results.fresh_name();
        let Digest { sha256, bytes: length } = Digest::of(&bytes);
        context.results.put(&name, &headers, bytes).await?;
        Ok(Output { name, bytes: length, sha256, status: 200, headers })
    }
}

/// The headers that are stored with an object in the bucket.
#[must_use]
pub(super) fn described(headers: &HeaderMap) -> ObjectHeaders {
    let get = |name: &str| crate::headers::get(headers, name).map(Cow::into_owned);
    ObjectHeaders {
        content_type: get("content-type"),
        content_encoding: get("content-encoding"),
        content_language: get("content-language"),
        content_disposition: get("content-disposition"),
    }
}

/// The error of a job, for its owner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobError {
    /// The code of the cause, for programs.
    pub code: String,
    /// The title of the cause.
    pub title: String,
    /// The event and the remedy, for the owner of the job.
    pub detail: String,
}

impl JobError {
    /// An error whose detail is cut to [`DETAIL_MAX`] bytes.
    #[must_use]
    pub fn new(code: &str, title: &str, detail: impl Into<String>) -> JobError {
        let mut detail = detail.into();
        if detail.len() > DETAIL_MAX {
            let whole = detail.len();
            let mut end = DETAIL_MAX - 64;
            while !detail.is_char_boundary(end) {
                end -= 1;
            }
            detail.truncate(end);
            detail = format!("{detail}… (cut from {whole} bytes)");
        }
        JobError { code: code.to_owned(), title: title.to_owned(), detail }
    }

    pub(super) fn stopped() -> JobError {
        JobError::new(
            "stopped",
            "Jobs are switched off",
            "The operator has switched jobs off (JOBS=off). Send the job again later.",
        )
    }

    pub(super) fn expired(age: Duration) -> JobError {
        JobError::new(
            "too_old",
            "The job exceeded the maximum age",
            format!(
                "The job was not complete {} s after it was accepted. Request less in one job.",
                age.as_secs()
            ),
        )
    }

    pub(super) fn too_many_generations(max: u64) -> JobError {
        JobError::new(
            "too_many_generations",
            "The job exceeded the maximum number of invocations",
            format!("The job was not complete after {max} invocations. Request less in one job."),
        )
    }

    pub(super) fn step_too_long(tries: u32, repeatable: bool) -> JobError {
        let again =
            if repeatable { "" } else { " It was not repeated, because it may have taken effect." };
        JobError::new(
            "step_too_long",
            "A step of the job takes longer than one invocation",
            format!(
                "The step did not end within one invocation, in {tries} attempts.{again} Request less at a time, or increase the timeout of the job function."
            ),
        )
    }

    pub(super) fn interrupted(tries: u32, repeatable: bool) -> JobError {
        let detail = if repeatable {
            format!(
                "The function ended {tries} times without a report: it crashed, ran out of memory, or timed out."
            )
        } else {
            "The function ended without a report while the request was running. It is unknown whether the request took effect, so it was not repeated.".to_owned()
        };
        JobError::new("interrupted", "The job was interrupted", detail)
    }

    pub(super) fn never_started(generation: u64, revivals: u32) -> JobError {
        JobError::new(
            "never_started",
            "Lambda did not start the job",
            format!(
                "Generation {generation} was invoked {} times without being started.",
                u64::from(revivals) + 1
            ),
        )
    }

    pub(super) fn recursion(generation: u64, why: &str) -> JobError {
        JobError::new(
            "recursion",
            "Lambda stopped the recursive invocations",
            format!(
                "The job function invokes itself, which Lambda stops unless the function has `RecursiveLoop: Allow`. Lambda stopped generation {generation}: {why}"
            ),
        )
    }

    pub(super) fn oversize(bytes: u64) -> JobError {
        JobError::new(
            "oversize",
            "The event of the job is too large for Lambda",
            format!("The event has {bytes} bytes without the job's state."),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn j13_an_error_text_of_390_kb_is_truncated_and_marked() {
        let problem = JobError::new("upstream", "It failed", "é".repeat(195 * 1024));
        assert!(problem.detail.len() <= DETAIL_MAX, "{} bytes", problem.detail.len());
        assert!(problem.detail.ends_with("… (cut from 399360 bytes)"), "{}", problem.detail);
        let exact = JobError::new("upstream", "It failed", "x".repeat(DETAIL_MAX));
        assert_eq!(exact.detail, "x".repeat(DETAIL_MAX), "a text that fits is not cut");
    }
}
