//! The engine: shared parts of `create` (accepts jobs), `run` (runs a generation) and `sweep` (restarts lost generations). None
//! of them relies on another to have finished.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::event::{self, Digest, JobEvent};
use super::log;
use super::outcome::JobError;
use super::ports::{EpochMillis, PortError, Ports, TableItem, Written};
use super::row::Row;
use super::settings::JobSettings;
use super::state::{JobEnd, Leftovers};
use super::work::{Job, JobKind, TypedKind, object_key};
use crate::metrics::MetricsConfig;

/// The longest id of a job, in bytes.
const ID_MAX: usize = 64;
/// The number of times that a port is called before a transient error is returned.
const TRIES: u32 = 4;
/// The wait before the first retry; it doubles.
const FIRST_WAIT: Duration = Duration::from_millis(100);

/// The job engine.
#[derive(Clone)]
pub struct Engine {
    pub(crate) ports: Ports,
    pub(super) settings: JobSettings,
    metrics: Option<MetricsConfig>,
    pub(super) kinds: BTreeMap<&'static str, Arc<dyn JobKind>>,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("kinds", &self.kinds.keys()).finish_non_exhaustive()
    }
}

/// A row and the version under which it was read or written.
#[derive(Clone, Debug)]
pub(super) struct VersionedRow {
    pub(super) row: Row,
    pub(super) version: u64,
}

/// The outcome of a conditional write.
pub(super) enum WriteOutcome {
    /// This writer wrote the version.
    Ours(VersionedRow),
    /// Another writer was faster; this is the current row.
    Others(Option<VersionedRow>),
}

impl Engine {
    /// An engine without kinds of job.
    #[must_use]
    pub fn new(ports: Ports, settings: JobSettings) -> Engine {
        Engine { ports, settings, metrics: None, kinds: BTreeMap::new() }
    }

    /// Writes metrics of ended jobs to the log.
    #[must_use]
    pub fn with_metrics(self, metrics: MetricsConfig) -> Engine {
        Engine { metrics: Some(metrics), ..self }
    }

    /// Registers a kind of job with its tools.
    #[must_use]
    pub fn with<J: Job>(mut self, tools: J::Tools) -> Engine {
        self.kinds.insert(J::KIND, Arc::new(TypedKind::<J> { tools }));
        self
    }

    /// The settings in force.
    #[must_use]
    pub fn settings(&self) -> &JobSettings {
        &self.settings
    }

    pub(super) fn now(&self) -> EpochMillis {
        self.ports.clock.now()
    }

    /// Reads the row of a job. A text that cannot be an id is not looked up.
    pub(super) async fn read(&self, id: &str) -> Result<Option<VersionedRow>, PortError> {
        let plain = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if !plain || id.len() > ID_MAX {
            return Ok(None);
        }
        let key = job_key(id);
        let item = self.with_retries(|| self.ports.rows.read(&key)).await?;
        item.as_ref().map(held).transpose()
    }

    /// Writes the next version of a row; `None` if another writer was faster.
    pub(super) async fn commit(
        &self,
        held: &VersionedRow,
        next: Row,
    ) -> Result<Option<VersionedRow>, PortError> {
        Ok(match self.exchange(held, next).await? {
            WriteOutcome::Ours(held) => Some(held),
            WriteOutcome::Others(_) => None,
        })
    }

    /// Writes the next version of a row, or returns the version of another writer.
    ///
    /// A lost response does not mean that the write failed: if the current version has this writer's mark, the write took place.
    pub(super) async fn exchange(
        &self,
        held: &VersionedRow,
        next: Row,
    ) -> Result<WriteOutcome, PortError> {
        let row = Row { writer: self.ports.clock.unique(), ..next };
        let next = VersionedRow { version: held.version + 1, row };
        let change = self.item(&next);
        let written = self.with_retries(|| self.ports.rows.write(vec![change.clone()])).await?;
        if written == Written::Yes {
            log::change(&held.row, &next.row, self.metrics.as_ref());
            return Ok(WriteOutcome::Ours(next));
        }
        Ok(match self.read(&next.row.id).await? {
            Some(there) if there.row.writer == next.row.writer => {
                log::change(&held.row, &there.row, self.metrics.as_ref());
                WriteOutcome::Ours(there)
            }
            others => WriteOutcome::Others(others),
        })
    }

    /// The item of a row.
    pub(super) fn item(&self, held: &VersionedRow) -> TableItem {
        let document = serde_json::to_string(&held.row);
        TableItem {
            key: job_key(&held.row.id),
            version: held.version,
            document: document.expect("strings, numbers and lists have a JSON form"),
            due: held.row.due(&self.settings),
            forget: held.row.forget(&self.settings),
        }
    }

    /// Ends a job and deletes its objects; `None` if another writer was faster.
    pub(super) async fn finish(
        &self,
        held: &VersionedRow,
        ending: JobEnd,
    ) -> Result<Option<VersionedRow>, PortError> {
        let Some(ended) = held.row.finish(ending, self.now()) else {
            return Ok(None);
        };
        self.end(held, ended).await
    }

    /// Writes the end of a job and deletes its objects.
    pub(super) async fn end(
        &self,
        held: &VersionedRow,
        ended: Row,
    ) -> Result<Option<VersionedRow>, PortError> {
        let Some(ended) = self.commit(held, ended).await? else {
            return Ok(None);
        };
        // A sweeper repeats this once no run can be alive; this attempt is only earlier.
        if let Err(error) = self.clear(&ended.row, Leftovers::Result).await {
            tracing::info!(
                job = ended.row.id,
                "objects of an ended job are left to the sweeper: {error}"
            );
        }
        Ok(Some(ended))
    }

    /// Deletes the objects of an ended job: all of them, or all but the result.
    pub(super) async fn clear(&self, row: &Row, until: Leftovers) -> Result<(), PortError> {
        let blobs = &self.ports.blobs;
        let prefix = object_key(&row.id, "");
        for upload in self.with_retries(|| blobs.uploads(&prefix)).await? {
            self.with_retries(|| blobs.abort(&upload)).await?;
        }
        let result = row.result.as_ref().filter(|_| until == Leftovers::Result);
        let kept = result.map(|result| object_key(&row.id, &result.name));
        for key in self.with_retries(|| blobs.list(&prefix)).await? {
            if kept.as_ref() != Some(&key) {
                self.with_retries(|| blobs.delete(&key)).await?;
            }
        }
        Ok(())
    }

    /// Invokes the generation of a row, with the state inline if it is given and fits. A permanent error of Lambda ends the job; a
    /// transient one leaves it to a sweeper.
    pub(super) async fn deliver(
        &self,
        held: VersionedRow,
        state: Option<&Bytes>,
    ) -> Result<InvokeOutcome, PortError> {
        let row = &held.row;
        let reference = JobEvent::by_reference(&row.id, row.generation, row.checkpoint.clone());
        let reference = reference.payload();
        let max = self.settings.event_max;
        let payload = state.map_or_else(
            || reference.clone(),
            |state| event::payload(&row.id, row.generation, &row.checkpoint, state, max),
        );
        let mut sent = self.with_retries(|| self.ports.invoker.invoke(payload.clone())).await;
        if matches!(sent, Err(PortError::TooLarge(_))) && payload != reference {
            sent = self.with_retries(|| self.ports.invoker.invoke(reference.clone())).await;
        }
        let problem = match sent {
            Ok(()) => {
                if let Some(handed) = row.accepted_by_lambda(row.generation, self.now()) {
                    // If the next run was faster, it has marked the row itself.
                    self.commit(&held, handed).await?;
                }
                return Ok(InvokeOutcome::Accepted);
            }
            Err(PortError::Unavailable(why)) => return Ok(InvokeOutcome::Later(why)),
            Err(PortError::TooLarge(_)) => JobError::oversize(reference.len() as u64),
            Err(PortError::Recursion(why)) => JobError::recursion(row.generation, &why),
            Err(PortError::Refused(why) | PortError::Missing(why)) => {
                JobError::new("cannot_invoke", "The job function cannot be invoked", why)
            }
        };
        self.finish(&held, JobEnd::Failed(problem)).await?;
        Ok(InvokeOutcome::Never)
    }

    /// Calls a port again after transient errors, up to [`TRIES`] times.
    pub(super) async fn with_retries<'a, T, F>(
        &'a self,
        mut ask: impl FnMut() -> F,
    ) -> Result<T, PortError>
    where
        F: Future<Output = Result<T, PortError>> + 'a,
    {
        let mut wait = FIRST_WAIT;
        for _ in 1..TRIES {
            match ask().await {
                Err(error) if error.is_transient() => self.ports.clock.wait(wait).await,
                response => return response,
            }
            wait *= 2;
        }
        ask().await
    }

    /// Reads an object and compares its digest.
    pub(super) async fn load(&self, key: &str, digest: &Digest) -> Result<LoadedObject, PortError> {
        match self.with_retries(|| self.ports.blobs.get(key)).await {
            Ok(bytes) if digest.matches(&bytes) => Ok(LoadedObject::Whole(bytes)),
            Ok(bytes) => {
                let have = Digest::of(&bytes);
                let detail = format!(
                    "The stored object has {} bytes with SHA-256 {}; expected {} bytes with {}.",
                    have.bytes, have.sha256, digest.bytes, digest.sha256
                );
                Ok(LoadedObject::Lost(JobError::new(
                    "state_changed",
                    "The stored state of the job has changed",
                    detail,
                )))
            }
            Err(PortError::Missing(_)) => {
                let detail = "The object is no longer in the bucket. The bucket's lifecycle must keep objects longer than the longest job.";
                Ok(LoadedObject::Lost(JobError::new(
                    "state_missing",
                    "The stored state of the job is missing",
                    detail,
                )))
            }
            Err(error) => Err(error),
        }
    }
}

/// The outcome of an invocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum InvokeOutcome {
    /// Lambda accepted the event.
    Accepted,
    /// A transient error; a sweeper tries again.
    Later(String),
    /// A permanent error; the job has ended.
    Never,
}

/// An object of the bucket, or why the job cannot use it.
pub(super) enum LoadedObject {
    Whole(Bytes),
    Lost(JobError),
}

/// The key of the row of a job.
pub(super) fn job_key(id: &str) -> String {
    format!("job#{id}")
}

/// The name of the object with a job's input.
pub(super) const INPUT: &str = "input";

/// The name of the object with a state. Different states have different names.
pub(super) fn state_name(generation: u64, digest: &Digest) -> String {
    format!("state-{generation}-{}", digest.sha256)
}

/// The row in an item.
pub(super) fn held(item: &TableItem) -> Result<VersionedRow, PortError> {
    let row = serde_json::from_str(&item.document);
    let row = row.map_err(|error| PortError::Refused(format!("the row {}: {error}", item.key)))?;
    Ok(VersionedRow { row, version: item.version })
}
