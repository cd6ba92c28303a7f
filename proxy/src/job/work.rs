//! What a job is: a value that takes one step after the other, and can be written down between any two of them.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::outcome::{Output, Problem, Progress, described};
use super::ports::{Blobs, Clock, EpochMillis, OpenUpload, Part, PortError};
use crate::headers::Lines;

/// A sort of work. The value itself is the state: it is what the next generation continues from.
///
/// A step is taken again from the state before it whenever it did not end: after a crash, at the end of the time, on a
/// fault of the network. So a step should change the world in a way that bears repetition, or the input should say that it
/// does not ([`Job::repeatable`]).
pub trait Job: Serialize + DeserializeOwned + Default + Send + Sync + 'static {
    /// Its name in rows and on the wire.
    const KIND: &'static str;
    /// What it was asked: stored once, encrypted with the bucket, and never part of an event.
    type Input: Serialize + DeserializeOwned + Send + Sync;
    /// What it works with: clients, settings.
    type Tools: Send + Sync + 'static;

    /// Takes one step. What it does has to fit into one invocation; smaller is better.
    fn step(
        &mut self,
        context: &Context<'_, Self>,
    ) -> impl Future<Output = Result<Step, StepError>> + Send;

    /// How far it is.
    fn progress(&self) -> Progress {
        Progress::default()
    }

    /// Gives back what the job holds at the upstream, such as a point in time, when it has ended without its last step: it
    /// failed, was cancelled, or expired. Nothing depends on it, and it is not tried again.
    fn let_go(&mut self, tools: &Self::Tools) -> impl Future<Output = ()> + Send {
        let _ = tools;
        std::future::ready(())
    }

    /// Whether a step may be taken a second time when nobody knows what came of the first.
    fn repeatable(input: &Self::Input) -> bool {
        let _ = input;
        true
    }
}

/// What came of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// There is more to do.
    Continue,
    /// That was all, and this is the result.
    Complete(Output),
}

/// Why a step has come to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StepError {
    /// It is worth trying again.
    Again(String),
    /// The job fails.
    Failed(Problem),
}

impl From<PortError> for StepError {
    fn from(error: PortError) -> StepError {
        if error.is_transient() {
            return StepError::Again(error.to_string());
        }
        StepError::Failed(Problem::new("storage", "The result cannot be stored", error.to_string()))
    }
}

impl From<Problem> for StepError {
    fn from(problem: Problem) -> StepError {
        StepError::Failed(problem)
    }
}

/// What a step is handed.
pub struct Context<'a, J: Job> {
    /// What the job was asked.
    pub input: &'a J::Input,
    /// What it works with.
    pub tools: &'a J::Tools,
    /// The objects of this job.
    pub results: Results<'a>,
    /// When the step is cut off.
    pub until: EpochMillis,
}

impl<J: Job> fmt::Debug for Context<'_, J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("kind", &J::KIND).finish_non_exhaustive()
    }
}

impl<J: Job> Context<'_, J> {
    /// What is left of the step's time.
    #[must_use]
    pub fn remaining(&self) -> Duration {
        Duration::from_millis(self.until.saturating_sub(self.results.ground.clock.now()))
    }

    /// Whether another step follows in this invocation, as far as that can be said now: then what it will need may be
    /// begun already. A state that is handed over knows nothing of it.
    #[must_use]
    pub fn goes_on(&self) -> bool {
        let Ground { next_until, clock, .. } = self.results.ground;
        next_until.is_some_and(|until| clock.now() < until)
    }
}

/// Where a step stands: everything it is handed but input and tools.
#[derive(Clone, Copy)]
pub(super) struct Ground<'a> {
    pub(super) blobs: &'a dyn Blobs,
    pub(super) clock: &'a dyn Clock,
    pub(super) id: &'a str,
    pub(super) token: &'a str,
    pub(super) until: EpochMillis,
    /// Until when another step may begin after this one; `None` when this is the last in any case.
    pub(super) next_until: Option<EpochMillis>,
}

/// The objects of one job. A step names them; where they lie, it does not know.
#[derive(Clone, Copy)]
pub struct Results<'a> {
    ground: Ground<'a>,
}

impl fmt::Debug for Results<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Results").field("job", &self.ground.id).finish_non_exhaustive()
    }
}

impl Results<'_> {
    /// A name that no other run of the job uses.
    #[must_use]
    pub fn fresh_name(&self) -> String {
        format!("result-{}", self.ground.token)
    }

    /// Stores a whole object.
    ///
    /// # Errors
    ///
    /// Those of [`Blobs`].
    pub async fn put(&self, name: &str, headers: &Lines, bytes: Bytes) -> Result<(), PortError> {
        self.ground.blobs.put(&self.key(name), &described(headers), bytes).await
    }

    /// Begins an object that is stored in parts, and gives its id. What is begun and never ended is cleared away with the job.
    ///
    /// # Errors
    ///
    /// Those of [`Blobs`].
    pub async fn begin(&self, name: &str, headers: &Lines) -> Result<String, PortError> {
        self.ground.blobs.begin(&self.key(name), &described(headers)).await
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
        self.ground.blobs.part(&self.upload(name, id), number, bytes).await
    }

    /// Makes an object of `bytes` bytes of the parts. That a run made it before which could not say so is no error.
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
        match self.ground.blobs.complete(&upload, parts).await {
            Err(PortError::Missing(what)) => match self.ground.blobs.size(&upload.key).await? {
                Some(size) if size == bytes => Ok(()),
                _ => Err(PortError::Missing(what)),
            },
            other => other,
        }
    }

    /// The length of an object, when there is one.
    ///
    /// # Errors
    ///
    /// Those of [`Blobs`].
    pub async fn size(&self, name: &str) -> Result<Option<u64>, PortError> {
        self.ground.blobs.size(&self.key(name)).await
    }

    /// Ends an upload whose parts are not wanted.
    ///
    /// # Errors
    ///
    /// Those of [`Blobs`].
    pub async fn abort(&self, name: &str, id: &str) -> Result<(), PortError> {
        self.ground.blobs.abort(&self.upload(name, id)).await
    }

    fn key(&self, name: &str) -> String {
        object_key(self.ground.id, name)
    }

    fn upload(&self, name: &str, id: &str) -> OpenUpload {
        OpenUpload { key: self.key(name), id: id.to_owned() }
    }
}

/// The key of an object of a job.
pub(super) fn object_key(id: &str, name: &str) -> String {
    format!("{id}/{name}")
}

/// A [`Job`] whose type is forgotten.
pub(super) trait Kind: Send + Sync {
    /// Continues a job from its state.
    fn resume<'a>(&'a self, input: &[u8], state: &[u8]) -> Result<Box<dyn Work + 'a>, Problem>;
}

/// A job under way, whose type is forgotten.
pub(super) trait Work: Send + Sync {
    fn step<'a>(&'a mut self, ground: Ground<'a>) -> BoxFuture<'a, Result<Step, StepError>>;
    fn let_go(&mut self) -> BoxFuture<'_, ()>;
    fn state(&self) -> Result<Bytes, Problem>;
    fn progress(&self) -> Progress;
}

pub(super) struct KindOf<J: Job> {
    pub(super) tools: J::Tools,
}

struct WorkOf<'a, J: Job> {
    job: J,
    input: J::Input,
    tools: &'a J::Tools,
}

impl<J: Job> Kind for KindOf<J> {
    fn resume<'a>(&'a self, input: &[u8], state: &[u8]) -> Result<Box<dyn Work + 'a>, Problem> {
        let unreadable = |what: &str, error: serde_json::Error| {
            let detail = format!("What was stored of it is no {what} of `{}`: {error}", J::KIND);
            Problem::new("unreadable", "The job cannot be continued", detail)
        };
        let input = serde_json::from_slice(input).map_err(|error| unreadable("input", error))?;
        let job: J = serde_json::from_slice(state).map_err(|error| unreadable("state", error))?;
        Ok(Box::new(WorkOf { job, input, tools: &self.tools }))
    }
}

impl<J: Job> Work for WorkOf<'_, J> {
    fn step<'a>(&'a mut self, ground: Ground<'a>) -> BoxFuture<'a, Result<Step, StepError>> {
        Box::pin(async move {
            let results = Results { ground };
            let context =
                Context { input: &self.input, tools: self.tools, results, until: ground.until };
            self.job.step(&context).await
        })
    }

    fn let_go(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(self.job.let_go(self.tools))
    }

    fn state(&self) -> Result<Bytes, Problem> {
        written(&self.job)
    }

    fn progress(&self) -> Progress {
        self.job.progress()
    }
}

/// A value as it is stored.
pub(super) fn written<T: Serialize>(value: &T) -> Result<Bytes, Problem> {
    let bytes = serde_json::to_vec(value).map_err(|error| {
        Problem::new("unwritable", "The job cannot be written down", error.to_string())
    });
    Ok(bytes?.into())
}
