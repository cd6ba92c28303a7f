//! The engine: what the sides of a job share. `create` takes a job on, `run` runs a generation, `sweep` sets right what
//! was lost; none of them trusts another to have finished.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::event::{self, Digest, Event};
use super::outcome::Problem;
use super::ports::{EpochMillis, Item, PortError, Ports, Written};
use super::row::Row;
use super::settings::Settings;
use super::state::{Ending, Leftovers};
use super::work::{Job, Kind, KindOf, object_key};

/// The longest id of a job, in bytes.
const ID_MAX: usize = 64;
/// How often a port is asked before its answer is taken for one.
const TRIES: u32 = 4;
/// How long to wait before asking again; it doubles.
const FIRST_WAIT: Duration = Duration::from_millis(100);

/// Jobs, with the ports that they live on.
#[derive(Clone)]
pub struct Engine {
    pub(crate) ports: Ports,
    pub(super) settings: Settings,
    pub(super) kinds: BTreeMap<&'static str, Arc<dyn Kind>>,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("kinds", &self.kinds.keys()).finish_non_exhaustive()
    }
}

/// A row, and the version under which it was read or written.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) row: Row,
    pub(super) version: u64,
}

/// What came of a write.
pub(super) enum Exchanged {
    /// The version is ours.
    Ours(Held),
    /// Somebody else wrote; this is what is there.
    Others(Option<Held>),
}

impl Engine {
    /// An engine that knows no kind of job yet.
    #[must_use]
    pub fn new(ports: Ports, settings: Settings) -> Engine {
        Engine { ports, settings, kinds: BTreeMap::new() }
    }

    /// Adds a kind of job, which works with `tools`.
    #[must_use]
    pub fn with<J: Job>(mut self, tools: J::Tools) -> Engine {
        self.kinds.insert(J::KIND, Arc::new(KindOf::<J> { tools }));
        self
    }

    /// The bounds in force.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(super) fn now(&self) -> EpochMillis {
        self.ports.clock.now()
    }

    /// Reads the row of a job; what cannot be the id of one, the table is not asked for.
    pub(super) async fn read(&self, id: &str) -> Result<Option<Held>, PortError> {
        let plain = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if !plain || id.len() > ID_MAX {
            return Ok(None);
        }
        let key = job_key(id);
        let item = self.again(|| self.ports.rows.read(&key)).await?;
        item.as_ref().map(held).transpose()
    }

    /// Writes the next version of a row; `None` when somebody else did.
    pub(super) async fn commit(&self, held: &Held, next: Row) -> Result<Option<Held>, PortError> {
        Ok(match self.exchange(held, next).await? {
            Exchanged::Ours(held) => Some(held),
            Exchanged::Others(_) => None,
        })
    }

    /// Writes the next version of a row, or says what somebody else wrote.
    ///
    /// An answer that was lost is no answer: when the write is found to be there already, and to be ours, it took place.
    pub(super) async fn exchange(&self, held: &Held, next: Row) -> Result<Exchanged, PortError> {
        let row = Row { writer: self.ports.clock.unique(), ..next };
        let next = Held { version: held.version + 1, row };
        let change = self.item(&next);
        let written = self.again(|| self.ports.rows.write(vec![change.clone()])).await?;
        if written == Written::Yes {
            tell(&held.row, &next.row);
            return Ok(Exchanged::Ours(next));
        }
        Ok(match self.read(&next.row.id).await? {
            Some(there) if there.row.writer == next.row.writer => {
                tell(&held.row, &there.row);
                Exchanged::Ours(there)
            }
            others => Exchanged::Others(others),
        })
    }

    /// A row as it is written.
    pub(super) fn item(&self, held: &Held) -> Item {
        let document = serde_json::to_string(&held.row);
        Item {
            key: job_key(&held.row.id),
            version: held.version,
            document: document.expect("strings, numbers and lists have a JSON form"),
            due: held.row.due(&self.settings),
            forget: held.row.forget(&self.settings),
        }
    }

    /// Ends a job, and clears away what it leaves; `None` when somebody else wrote its row first.
    pub(super) async fn finish(
        &self,
        held: &Held,
        ending: Ending,
    ) -> Result<Option<Held>, PortError> {
        let Some(ended) = held.row.finish(ending, self.now()) else {
            return Ok(None);
        };
        self.end(held, ended).await
    }

    /// Writes the end of a job, and clears away what it leaves.
    pub(super) async fn end(&self, held: &Held, ended: Row) -> Result<Option<Held>, PortError> {
        let Some(ended) = self.commit(held, ended).await? else {
            return Ok(None);
        };
        // A sweeper does it again when no run can be alive any more; this is only sooner.
        if let Err(error) = self.clear(&ended.row, Leftovers::Result).await {
            tracing::info!(job = ended.row.id, "left to the sweeper: {error}");
        }
        Ok(Some(ended))
    }

    /// Removes what an ended job has in the bucket: all but its result, or all.
    pub(super) async fn clear(&self, row: &Row, until: Leftovers) -> Result<(), PortError> {
        let blobs = &self.ports.blobs;
        let prefix = object_key(&row.id, "");
        for upload in self.again(|| blobs.uploads(&prefix)).await? {
            self.again(|| blobs.abort(&upload)).await?;
        }
        let result = row.result.as_ref().filter(|_| until == Leftovers::Result);
        let kept = result.map(|result| object_key(&row.id, &result.name));
        for key in self.again(|| blobs.list(&prefix)).await? {
            if kept.as_ref() != Some(&key) {
                self.again(|| blobs.delete(&key)).await?;
            }
        }
        Ok(())
    }

    /// Invokes the generation that a row names: inline when the state is at hand and fits. What Lambda does not take for good
    /// ends the job; what it does not take now is left to a sweeper.
    pub(super) async fn deliver(
        &self,
        held: Held,
        state: Option<&Bytes>,
    ) -> Result<Delivered, PortError> {
        let row = &held.row;
        let reference = Event::by_reference(&row.id, row.generation, row.checkpoint.clone());
        let reference = reference.payload();
        let max = self.settings.event_max;
        let payload = state.map_or_else(
            || reference.clone(),
            |state| event::payload(&row.id, row.generation, &row.checkpoint, state, max),
        );
        let mut sent = self.again(|| self.ports.invoker.invoke(payload.clone())).await;
        if matches!(sent, Err(PortError::TooLarge(_))) && payload != reference {
            sent = self.again(|| self.ports.invoker.invoke(reference.clone())).await;
        }
        let problem = match sent {
            Ok(()) => {
                if let Some(handed) = row.accepted_by_lambda(row.generation, self.now()) {
                    // When the next run was faster, it has said so itself.
                    self.commit(&held, handed).await?;
                }
                return Ok(Delivered::Accepted);
            }
            Err(PortError::Unavailable(why)) => return Ok(Delivered::Later(why)),
            Err(PortError::TooLarge(_)) => Problem::oversize(reference.len() as u64),
            Err(PortError::Recursion(why)) => Problem::recursion(row.generation, &why),
            Err(PortError::Refused(why) | PortError::Missing(why)) => {
                Problem::new("cannot_invoke", "The job function cannot be invoked", why)
            }
        };
        self.finish(&held, Ending::Failed(problem)).await?;
        Ok(Delivered::Never)
    }

    /// Asks a port until it gives an answer, or has been asked often enough.
    pub(super) async fn again<'a, T, F>(
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
                answer => return answer,
            }
            wait *= 2;
        }
        ask().await
    }

    /// Reads an object that has to have a digest.
    pub(super) async fn load(&self, key: &str, digest: &Digest) -> Result<Loaded, PortError> {
        match self.again(|| self.ports.blobs.get(key)).await {
            Ok(bytes) if digest.matches(&bytes) => Ok(Loaded::Whole(bytes)),
            Ok(bytes) => {
                let have = Digest::of(&bytes);
                let detail = format!(
                    "Stored are {} bytes with SHA-256 {}, expected were {} with {}.",
                    have.bytes, have.sha256, digest.bytes, digest.sha256
                );
                Ok(Loaded::Lost(Problem::new(
                    "state_changed",
                    "What the job stored has changed",
                    detail,
                )))
            }
            Err(PortError::Missing(_)) => {
                let detail = "It is not in the bucket any more. The bucket's lifecycle has to be longer than the longest job.";
                Ok(Loaded::Lost(Problem::new(
                    "state_missing",
                    "What the job stored is gone",
                    detail,
                )))
            }
            Err(error) => Err(error),
        }
    }
}

/// One line of the log for each change of a job that an operator may look for; progress alone is none.
fn tell(before: &Row, row: &Row) {
    if (before.state, before.generation) == (row.state, row.generation) {
        return;
    }
    let error = row.error.as_ref();
    let (code, title) = (error.map(|it| it.code.as_str()), error.map(|it| it.title.as_str()));
    let Row { id, kind, owner, generation, attempts, progress, .. } = row;
    let (from, state) = (before.state.name(), row.state.name());
    let (items, bytes) = (progress.items, progress.bytes);
    let spent_ms = row.ended.map(|ended| ended.saturating_sub(row.created));
    if error.is_some() {
        tracing::warn!(
            target: "job", job = id, kind, owner, from, state, generation, attempts, items, bytes, spent_ms, code, title,
            "a job has ended with an error"
        );
    } else {
        tracing::info!(
            target: "job", job = id, kind, owner, from, state, generation, attempts, items, bytes, spent_ms, "a job went on"
        );
    }
}

/// What came of an invocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Delivered {
    /// Lambda has the event.
    Accepted,
    /// Not now; a sweeper tries again.
    Later(String),
    /// The job has ended over it.
    Never,
}

/// What was read of the bucket.
pub(super) enum Loaded {
    Whole(Bytes),
    Lost(Problem),
}

/// The key of the row of a job.
pub(super) fn job_key(id: &str) -> String {
    format!("job#{id}")
}

/// The name of the object that holds what a job was asked.
pub(super) const INPUT: &str = "input";

/// The name of the object that holds a state. Whoever writes another state writes another object.
pub(super) fn state_name(generation: u64, digest: &Digest) -> String {
    format!("state-{generation}-{}", digest.sha256)
}

/// The row in an item.
pub(super) fn held(item: &Item) -> Result<Held, PortError> {
    let row = serde_json::from_str(&item.document);
    let row = row.map_err(|error| PortError::Refused(format!("the row {}: {error}", item.key)))?;
    Ok(Held { row, version: item.version })
}
