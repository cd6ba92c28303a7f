//! The trait of a job: a value that runs step by step and can be serialized between steps.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::HeaderMap;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::outcome::{JobError, Output, Progress, described};
use super::ports::{Blobs, Clock, EpochMillis, OpenUpload, Part, PortError};

/// A kind of job. The value is its state, from which the next generation continues.
///
/// A step that did not end is repeated from the state before it: after a crash, at the end of an invocation, or after a transient
/// error. So a step must be safe to repeat, or [`Job::repeatable`] must return `false`.
pub trait Job: Serialize + DeserializeOwned + Default + Send + Sync + 'static {
    /// The name of the kind, in rows and responses.
    const KIND: &'static str;
    /// The request for the job: stored once, encrypted with the bucket, and never part of an event.
    type Input: Serialize + DeserializeOwned + Send + Sync;
    /// The clients and settings that steps use.
    type Tools: Send + Sync + 'static;

    /// Runs one step. It must fit into one invocation; smaller steps are better.
    fn step(
        &mut self,
        context: &Context<'_, Self>,
    ) -> impl Future<Output = Result<Step, StepError>> + Send;

    /// The progress.
    fn progress(&self) -> Progress {
        Progress::default()
    }

    /// Frees what the job holds at the upstream, such as a point in time, after it ended without its last step: it failed, was
    /// cancelled, or expired. This is optional and not retried.
    fn clean_up(&mut self, tools: &Self::Tools) -> impl Future<Output = ()> + Send {
        let _ = tools;
        std::future::ready(())
    }

    /// Whether a step may be repeated if it is unknown whether it took effect.
    fn repeatable(input: &Self::Input) -> bool {
        let _ = input;
        true
    }
}

/// The result of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Another step follows.
    Continue,
    /// The job is complete, with this result.
    Complete(Output),
}

/// Why a step failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StepError {
    /// A transient error; the step is repeated.
    Again(String),
    /// A permanent error; the job fails.
    Failed(JobError),
}

impl From<PortError> for StepError {
    fn from(error: PortError) -> StepError {
        if error.is_transient() {
            return StepError::Again(error.to_string());
        }
        StepError::Failed(JobError::new(
            "storage",
            "The result cannot be stored",
            error.to_string(),
        ))
    }
}

impl From<JobError> for StepError {
    fn from(problem: JobError) -> StepError {
        StepError::Failed(problem)
    }
}

/// The context of a step.
pub struct Context<'a, J: Job> {
    /// The request for the job.
    pub input: &'a J::Input,
    /// The tools of the kind.
    pub tools: &'a J::Tools,
    /// The objects of this job.
    pub results: Results<'a>,
    /// The time at which the step is cut off.
    pub until: EpochMillis,
}

impl<J: Job> fmt::Debug for Context<'_, J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("kind", &J::KIND).finish_non_exhaustive()
    }
}

impl<J: Job> Context<'_, J> {
    /// The time left for the step.
    #[must_use]
    pub fn remaining(&self) -> Duration {
        Duration::from_millis(self.until.saturating_sub(self.results.env.clock.now()))
    }

    /// Whether another step is expected in this invocation, so that its reads can start early. A state that is handed over does not
    /// include such reads.
    #[must_use]
    pub fn has_next_step(&self) -> bool {
        let StepEnv { next_until, clock, .. } = self.results.env;
        next_until.is_some_and(|until| clock.now() < until)
    }
}

/// The environment of a step: the context without input and tools.
#[derive(Clone, Copy)]
pub(super) struct StepEnv<'a> {
    pub(super) blobs: &'a dyn Blobs,
    pub(super) clock: &'a dyn Clock,
    pub(super) id: &'a str,
    pub(super) token: &'a str,
    pub(super) until: EpochMillis,
    /// Until when another step may begin; `None` if this is the last one.
    pub(super) next_until: Option<EpochMillis>,
}

/// The objects of one job, by name.
#[derive(Clone, Copy)]
pub struct Results<'a> {
    env: StepEnv<'a>,
}

impl fmt::Debug for Results<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Results").field("job", &self.env.id).finish_non_exhaustive()
    }
}

impl Results<'_> {
    /// A name that is unique to this run.
    #[must_use]
    pub fn fresh_name(&self) -> String {
        format!("result-{}", self.env.token)
    }

    /// Stores a whole object.
    ///
    /// # Errors
    ///
    /// Those of [`Blobs`].
    pub async fn put(
        &self,
        name: &str,
        headers: &HeaderMap,
        bytes: Bytes,
    ) -> Result<(), PortError> {
        self.env.blobs.put(&self.key(name), &described(headers), bytes).await
    }

    /// Begins an object that is stored in parts and returns the upload's id. An open upload is aborted when the job ends.
    ///
    /// # Errors
    ///
    /// Those of [`Blobs`].
    pub async fn begin(&self, name: &str, headers: &HeaderMap) -> Result<String, PortError> {
        self.env.blobs.begin(&self.key(name), &described(headers)).await
    }

    /// Stores a part.
    ///
    /// # Errors
    ///
    /// Those of [`Blobs`].
    pub async fn part(
        &self,
        name: &str,
        id: &str,
        number: i32,
        bytes: Bytes,
    ) -> Result<Part, PortError> {
        self.env.blobs.part(&self.upload(name, id), number, bytes).await
    }

    /// Completes an object of `bytes` bytes. It is not an error if an earlier run has completed it.
    ///
    /// # Errors
    ///
    /// Those of [`Blobs`].
    pub async fn complete(
        &self,
        name: &str,
        id: &str,
        parts: &[Part],
        bytes: u64,
    ) -> Result<(), PortError> {
        let upload = self.upload(name, id);
        match self.env.blobs.complete(&upload, parts).await {
            Err(PortError::Missing(what)) => match self.env.blobs.size(&upload.key).await? {
                Some(size) if size == bytes => Ok(()),
                _ => Err(PortError::Missing(what)),
            },
            other => other,
        }
    }

    /// The length of an object in bytes, if it exists.
    ///
    /// # Errors
    ///
    /// Those of [`Blobs`].
    pub async fn size(&self, name: &str) -> Result<Option<u64>, PortError> {
        self.env.blobs.size(&self.key(name)).await
    }

    /// Aborts an upload.
    ///
    /// # Errors
    ///
    /// Those of [`Blobs`].
    pub async fn abort(&self, name: &str, id: &str) -> Result<(), PortError> {
        self.env.blobs.abort(&self.upload(name, id)).await
    }

    fn key(&self, name: &str) -> String {
        object_key(self.env.id, name)
    }

    fn upload(&self, name: &str, id: &str) -> OpenUpload {
        OpenUpload { key: self.key(name), id: id.to_owned() }
    }
}

/// The key of an object of a job.
pub(super) fn object_key(id: &str, name: &str) -> String {
    format!("{id}/{name}")
}

/// A kind of job, with its type erased.
pub(super) trait JobKind: Send + Sync {
    /// Continues a job from its state.
    fn resume<'a>(
        &'a self,
        input: &[u8],
        state: &[u8],
    ) -> Result<Box<dyn RunningJob + 'a>, JobError>;
}

/// A running job, with its type erased.
pub(super) trait RunningJob: Send + Sync {
    fn step<'a>(&'a mut self, env: StepEnv<'a>) -> BoxFuture<'a, Result<Step, StepError>>;
    fn clean_up(&mut self) -> BoxFuture<'_, ()>;
    fn state(&self) -> Result<Bytes, JobError>;
    fn progress(&self) -> Progress;
}

pub(super) struct TypedKind<J: Job> {
    pub(super) tools: J::Tools,
}

struct TypedJob<'a, J: Job> {
    job: J,
    input: J::Input,
    tools: &'a J::Tools,
}

impl<J: Job> JobKind for TypedKind<J> {
    fn resume<'a>(
        &'a self,
        input: &[u8],
        state: &[u8],
    ) -> Result<Box<dyn RunningJob + 'a>, JobError> {
        let unreadable = |what: &str, error: serde_json::Error| {
            let detail =
                format!("The stored {what} cannot be read as that of `{}`: {error}", J::KIND);
            JobError::new("unreadable", "The job cannot be continued", detail)
        };
        let input = serde_json::from_slice(input).map_err(|error| unreadable("input", error))?;
        let job: J = serde_json::from_slice(state).map_err(|error| unreadable("state", error))?;
        Ok(Box::new(TypedJob { job, input, tools: &self.tools }))
    }
}

impl<J: Job> RunningJob for TypedJob<'_, J> {
    fn step<'a>(&'a mut self, env: StepEnv<'a>) -> BoxFuture<'a, Result<Step, StepError>> {
        Box::pin(async move {
            let results = Results { env };
            let context =
                Context { input: &self.input, tools: self.tools, results, until: env.until };
            self.job.step(&context).await
        })
    }

    fn clean_up(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(self.job.clean_up(self.tools))
    }

    fn state(&self) -> Result<Bytes, JobError> {
        written(&self.job)
    }

    fn progress(&self) -> Progress {
        self.job.progress()
    }
}

/// The serialized form of a value.
pub(super) fn written<T: Serialize>(value: &T) -> Result<Bytes, JobError> {
    let bytes = serde_json::to_vec(value).map_err(|error| {
        JobError::new("unwritable", "The job cannot be serialized", error.to_string())
    });
    Ok(bytes?.into())
}
