//! What a job shows of itself: how far it is, what came of it, or why nothing did.

use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::event::Digest;
use super::ports::Described;
use super::work::{Context, Job, StepError};
use crate::headers::Lines;

/// The longest text of an error that a row keeps, in bytes: rows stay far below DynamoDB's 400 KB.
pub const DETAIL_MAX: usize = 2048;

/// How far a job is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Things that are done: hits of an export.
    pub items: u64,
    /// How many things there are, when that is known.
    pub items_total: Option<u64>,
    /// Bytes that are written.
    pub bytes: u64,
}

/// The result of a job: an object in the bucket, and what is known of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// The name of the object among those of the job.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// SHA-256 of all of it, in lower-case hex.
    pub sha256: String,
    /// The status that the upstream gave; 200 for what the job made itself.
    pub status: u16,
    /// The headers that belong to it, those that describe the bytes among them.
    pub headers: Lines,
}

impl Output {
    /// Stores a result that is at hand whole.
    ///
    /// # Errors
    ///
    /// [`StepError`] when it cannot be stored.
    pub async fn put<J: Job>(
        context: &Context<'_, J>,
        headers: Lines,
        bytes: Bytes,
    ) -> Result<Output, StepError> {
        let name = context.results.fresh_name();
        let Digest { sha256, bytes: length } = Digest::of(&bytes);
        context.results.put(&name, &headers, bytes).await?;
        Ok(Output { name, bytes: length, sha256, status: 200, headers })
    }
}

/// What of the headers is said of an object in the bucket.
#[must_use]
pub(super) fn described(headers: &Lines) -> Described {
    let get = |name| crate::headers::get(headers, name).map(str::to_owned);
    Described {
        content_type: get("content-type"),
        content_encoding: get("content-encoding"),
        content_language: get("content-language"),
        content_disposition: get("content-disposition"),
    }
}

/// Why a job failed: for its owner, and small.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The cause, one word for programs.
    pub code: String,
    /// The cause in a few words.
    pub title: String,
    /// What happened, and what can be done.
    pub detail: String,
}

impl Problem {
    /// A problem whose detail is cut to [`DETAIL_MAX`] bytes: this text is ours, or explains an error; it is no result.
    #[must_use]
    pub fn new(code: &str, title: &str, detail: impl Into<String>) -> Problem {
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
        Problem { code: code.to_owned(), title: title.to_owned(), detail }
    }

    pub(super) fn stopped() -> Problem {
        Problem::new(
            "stopped",
            "Jobs are switched off",
            "Whoever runs this proxy has switched its jobs off (JOBS=off). Send the job again when they are back.",
        )
    }

    pub(super) fn expired(age: Duration) -> Problem {
        Problem::new(
            "too_old",
            "The job took longer than a job may",
            format!(
                "It was not done {} s after it was accepted. Ask for less in one job.",
                age.as_secs()
            ),
        )
    }

    pub(super) fn too_many_generations(max: u64) -> Problem {
        Problem::new(
            "too_many_generations",
            "The job needs more invocations than a job may",
            format!("It was not done after {max} of them. Ask for less in one job."),
        )
    }

    pub(super) fn step_too_long(tries: u32, repeatable: bool) -> Problem {
        let again =
            if repeatable { "" } else { " It was not tried again, for it may have taken effect." };
        Problem::new(
            "step_too_long",
            "A step of the job takes longer than a function may run",
            format!(
                "It did not end within the time of one invocation, in {tries} tries.{again} Ask for less at a time, or give the job function a longer timeout."
            ),
        )
    }

    pub(super) fn interrupted(tries: u32, repeatable: bool) -> Problem {
        let detail = if repeatable {
            format!(
                "The function ended {tries} times without a word: it crashed, ran out of memory, or was cut off."
            )
        } else {
            "The function ended without a word while the request was under way. Whether it took effect is not known, so it was not sent again.".to_owned()
        };
        Problem::new("interrupted", "The job was interrupted", detail)
    }

    pub(super) fn never_started(generation: u64, revivals: u32) -> Problem {
        Problem::new(
            "never_started",
            "Lambda did not start the job",
            format!(
                "Generation {generation} was invoked {} times, and none of them got through.",
                u64::from(revivals) + 1
            ),
        )
    }

    pub(super) fn recursion(generation: u64, why: &str) -> Problem {
        Problem::new(
            "recursion",
            "Lambda stopped the chain of invocations",
            format!(
                "A job function invokes itself, and Lambda stops such chains unless the function has `RecursiveLoop: Allow`. It stopped generation {generation}: {why}"
            ),
        )
    }

    pub(super) fn oversize(bytes: u64) -> Problem {
        Problem::new(
            "oversize",
            "Lambda refuses the event of the job",
            format!("Even without its state, {bytes} bytes of it are too many."),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn j13_an_error_text_of_390_kb_is_cut_and_says_so() {
        let problem = Problem::new("upstream", "It failed", "é".repeat(195 * 1024));
        assert!(problem.detail.len() <= DETAIL_MAX, "{} bytes", problem.detail.len());
        assert!(problem.detail.ends_with("… (cut from 399360 bytes)"), "{}", problem.detail);
        let exact = Problem::new("upstream", "It failed", "x".repeat(DETAIL_MAX));
        assert_eq!(exact.detail, "x".repeat(DETAIL_MAX), "nothing is cut that fits");
    }
}
