//! Creating jobs, and the operations of their owners.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::try_join_all;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::engine::{Engine, INPUT, InvokeOutcome, VersionedRow, job_key, state_name};
use super::event::Digest;
use super::outcome::JobError;
use super::ports::{EpochMillis, ObjectHeaders, PortError, TableItem, Written};
use super::row::{NewRow, Row, later};
use super::state::{JobEnd, JobState};
use super::work::{Job, object_key, written};

/// The maximum number of listed jobs of an owner.
const LISTED_MAX: usize = 100;
/// The number of times that creation is retried after concurrent writes.
const ACCEPT_TRIES: u32 = 20;
/// The longest pause before the second attempt; it doubles six times.
const FIRST_PAUSE: Duration = Duration::from_millis(20);

/// The time for which a repeated request leaves the start to the first one. A sweeper starts the job if neither does.
const FIRST_REQUEST_PATIENCE: Duration = Duration::from_secs(2);

/// A job to create.
#[derive(Clone, Copy, Debug)]
pub struct NewJob<'a, J: Job> {
    /// The owner.
    pub owner: &'a str,
    /// The request for the job.
    pub input: &'a J::Input,
    /// The idempotency key, if there is one.
    pub key: Option<Key<'a>>,
}

/// An idempotency key.
#[derive(Clone, Copy, Debug)]
pub struct Key<'a> {
    /// The client's `Idempotency-Key`.
    pub name: &'a str,
    /// The digest of the request that the key identifies.
    pub fingerprint: &'a str,
}

/// Why a job was not created.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// Jobs are switched off.
    #[error("jobs are switched off")]
    Stopped,
    /// The owner has too many unfinished jobs.
    #[error("you already have {0} unfinished jobs, which is the maximum")]
    TooMany(usize),
    /// The key was used for another request.
    #[error("the Idempotency-Key was already used for another request")]
    KeyReused,
    /// Lambda did not accept the event.
    #[error("the job could not be started: {0}")]
    NotStarted(String),
    /// The input cannot be serialized.
    #[error("{}", .0.detail)]
    Input(JobError),
    /// A port failed.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// The jobs of one owner, the latest last.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct OwnerJobs {
    jobs: Vec<OwnerJob>,
}

impl OwnerJobs {
    /// The number of jobs that are not known to have ended.
    fn open(&self) -> usize {
        self.jobs.iter().filter(|entry| !entry.ended).count()
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct OwnerJob {
    id: String,
    /// The job has ended. A terminal state is final, so the row is not read again.
    ended: bool,
}

/// The job for which a key was used.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct UsedKey {
    job: String,
    fingerprint: String,
    until: EpochMillis,
}

/// A job before its row is written.
struct Draft<'a> {
    held: VersionedRow,
    key: Option<Key<'a>>,
    state: Bytes,
}

impl Engine {
    /// Creates a job. Returns once the row is written and Lambda has accepted the event.
    ///
    /// # Errors
    ///
    /// [`CreateError`]. After [`CreateError::NotStarted`] or [`CreateError::Port`], the same key finds the job if it exists.
    pub async fn create<J: Job>(&self, new: NewJob<'_, J>) -> Result<Row, CreateError> {
        if !self.settings.enabled {
            return Err(CreateError::Stopped);
        }
        if let Some(row) = self.known(new.owner, new.key).await? {
            return self.started(row, None).await;
        }
        let draft = self.draft::<J>(&new).await?;
        match self.accept(&draft).await {
            Ok(Some(row)) => self.started(row, None).await,
            Ok(None) => self.started(draft.held.clone(), Some(&draft)).await,
            Err(refused) => {
                // No row refers to these objects. The lifecycle removes what is not deleted here.
                if let Err(error) = self.clear(&draft.held.row, super::state::Leftovers::None).await
                {
                    tracing::info!(
                        "objects of a refused job are left to the bucket's lifecycle: {error}"
                    );
                }
                Err(refused)
            }
        }
    }

    /// Stores the input and the first state of a job.
    async fn draft<'a, J: Job>(&self, new: &NewJob<'a, J>) -> Result<Draft<'a>, CreateError> {
        let input = written(new.input).map_err(CreateError::Input)?;
        let state = written(&J::default()).map_err(CreateError::Input)?;
        let accepted = NewRow {
            id: self.ports.clock.unique(),
            owner: new.owner.to_owned(),
            kind: J::KIND.to_owned(),
            input: Digest::of(&input),
            checkpoint: Digest::of(&state),
            repeatable: J::repeatable(new.input),
        };
        let mut row = Row::new(accepted, self.now(), &self.settings);
        row.writer = self.ports.clock.unique();
        let plain = ObjectHeaders::default();
        let objects = [(INPUT.to_owned(), input), (state_name(1, &row.checkpoint), state.clone())];
        let puts =
            objects.map(|(name, bytes)| {
                let (key, plain) = (object_key(&row.id, &name), &plain);
                async move {
                    self.with_retries(|| self.ports.blobs.put(&key, plain, bytes.clone())).await
                }
            });
        try_join_all(puts).await?;
        Ok(Draft { held: VersionedRow { row, version: 1 }, key: new.key, state })
    }

    /// Writes the row, the idempotency key and the owner's list in one transaction. `Some` is the job that already existed.
    async fn accept(&self, draft: &Draft<'_>) -> Result<Option<VersionedRow>, CreateError> {
        let row = &draft.held.row;
        for tried in 0..ACCEPT_TRIES {
            let owner_key = owner_key(&row.owner);
            let known = self.with_retries(|| self.ports.rows.read(&owner_key)).await?;
            let owned = self.owned(known.as_ref()).await?;
            let open = owned.open();
            if open >= self.settings.per_owner_max {
                return Err(CreateError::TooMany(open));
            }
            let mut changes = vec![
                self.item(&draft.held),
                self.owner_item(&owner_key, known.as_ref(), owned, row),
            ];
            if let Some(key) = draft.key {
                changes.push(self.key_item(key, row).await?);
            }
            let written = self.with_retries(|| self.ports.rows.write(changes.clone())).await?;
            if written == Written::Yes {
                return Ok(None);
            }
            if let Some(there) = self.read(&row.id).await? {
                // The response to this write was lost; the job may have progressed since.
                return Ok((there.version > 1).then_some(there));
            }
            if let Some(same) = self.known(&row.owner, draft.key).await? {
                return Ok(Some(same));
            }
            self.ports.clock.wait(pause(tried, &row.id)).await;
        }
        let why = "too many concurrent job submissions; retry".to_owned();
        Err(CreateError::Port(PortError::Unavailable(why)))
    }

    /// The job for which a key was used.
    async fn known(
        &self,
        owner: &str,
        key: Option<Key<'_>>,
    ) -> Result<Option<VersionedRow>, CreateError> {
        let Some(key) = key else {
            return Ok(None);
        };
        let Some((used, _)) = self.used(owner, key).await? else {
            return Ok(None);
        };
        if used.until <= self.now() {
            return Ok(None);
        }
        if used.fingerprint != key.fingerprint {
            return Err(CreateError::KeyReused);
        }
        Ok(self.read(&used.job).await?)
    }

    async fn used(&self, owner: &str, key: Key<'_>) -> Result<Option<(UsedKey, u64)>, PortError> {
        let name = request_key(owner, key.name);
        let item = self.with_retries(|| self.ports.rows.read(&name)).await?;
        item.map(|item| Ok((parsed(&item)?, item.version))).transpose()
    }

    async fn key_item(&self, key: Key<'_>, row: &Row) -> Result<TableItem, PortError> {
        let before = self.used(&row.owner, key).await?;
        // For a key that is still in use, version 1 conflicts.
        let version = match before {
            Some((used, version)) if used.until <= self.now() => version + 1,
            _ => 1,
        };
        let until = later(row.created, self.settings.retention);
        let fingerprint = key.fingerprint.to_owned();
        let used = UsedKey { job: row.id.clone(), fingerprint, until };
        Ok(TableItem {
            key: request_key(&row.owner, key.name),
            version,
            document: text(&used),
            due: None,
            forget: later(until, self.settings.retention),
        })
    }

    /// The jobs of an owner. If the limit seems reached, the unfinished ones are read.
    async fn owned(&self, item: Option<&TableItem>) -> Result<OwnerJobs, PortError> {
        let mut owned: OwnerJobs = item.map(parsed).transpose()?.unwrap_or_default();
        if owned.open() < self.settings.per_owner_max {
            return Ok(owned);
        }
        let open = owned.jobs.iter_mut().filter(|entry| !entry.ended);
        let looks = open.map(|entry| async {
            let there = self.read(&entry.id).await?;
            entry.ended = there.is_none_or(|there| there.row.state.is_terminal());
            Ok::<(), PortError>(())
        });
        try_join_all(looks).await?;
        Ok(owned)
    }

    fn owner_item(
        &self,
        key: &str,
        before: Option<&TableItem>,
        mut owned: OwnerJobs,
        row: &Row,
    ) -> TableItem {
        owned.jobs.push(OwnerJob { id: row.id.clone(), ended: false });
        while owned.jobs.len() > LISTED_MAX {
            let oldest = owned.jobs.iter().position(|entry| entry.ended).unwrap_or(0);
            owned.jobs.remove(oldest);
        }
        TableItem {
            key: key.to_owned(),
            version: before.map_or(1, |item| item.version + 1),
            document: text(&owned),
            due: None,
            forget: row.forget(&self.settings),
        }
    }

    /// Makes sure that Lambda has the event of an accepted job.
    async fn started(
        &self,
        held: VersionedRow,
        draft: Option<&Draft<'_>>,
    ) -> Result<Row, CreateError> {
        // A repetition this soon has overtaken the first request, which is about to invoke.
        let elsewhere =
            draft.is_none() && self.now() < later(held.row.updated, FIRST_REQUEST_PATIENCE);
        if held.row.state != JobState::Queued || held.row.handed || elsewhere {
            return Ok(held.row);
        }
        let id = held.row.id.clone();
        match self.deliver(held.clone(), draft.map(|draft| &draft.state)).await? {
            InvokeOutcome::Accepted => Ok(Row { handed: true, ..held.row }),
            InvokeOutcome::Later(why) => {
                if draft.is_some_and(|draft| draft.key.is_none()) {
                    // Without a key the client cannot find the job again, so it fails.
                    let problem = JobError::never_started(1, 0);
                    self.finish(&held, JobEnd::Failed(problem)).await?;
                }
                Err(CreateError::NotStarted(why))
            }
            InvokeOutcome::Never => {
                let ended = self.read(&id).await?.and_then(|held| held.row.error);
                let why = ended.map(|problem| problem.detail).unwrap_or_default();
                Err(CreateError::NotStarted(why))
            }
        }
    }

    /// A job of this owner. A job of another owner is not distinguishable from none.
    ///
    /// # Errors
    ///
    /// [`PortError`].
    pub async fn find(&self, owner: &str, id: &str) -> Result<Option<Row>, PortError> {
        Ok(self.find_held(owner, id).await?.map(|held| held.row))
    }

    async fn find_held(&self, owner: &str, id: &str) -> Result<Option<VersionedRow>, PortError> {
        let held = self.read(id).await?;
        Ok(held.filter(|held| held.row.owner == owner))
    }

    /// Whether a job's result has expired.
    #[must_use]
    pub fn is_gone(&self, row: &Row) -> bool {
        self.now() >= row.expires(&self.settings)
    }

    /// The jobs of an owner whose results have not expired, newest first.
    ///
    /// # Errors
    ///
    /// [`PortError`].
    pub async fn list(&self, owner: &str) -> Result<Vec<Row>, PortError> {
        let key = owner_key(owner);
        let Some(item) = self.with_retries(|| self.ports.rows.read(&key)).await? else {
            return Ok(Vec::new());
        };
        let owned: OwnerJobs = parsed(&item)?;
        let reads = owned.jobs.iter().rev().map(|entry| self.find(owner, &entry.id));
        let rows = try_join_all(reads).await?;
        Ok(rows.into_iter().flatten().filter(|row| !self.is_gone(row)).collect())
    }

    /// Cancels a job of this owner, unless it has ended. Returns the row as it is now.
    ///
    /// # Errors
    ///
    /// [`PortError`].
    pub async fn cancel(&self, owner: &str, id: &str) -> Result<Option<Row>, PortError> {
        loop {
            let Some(held) = self.find_held(owner, id).await? else {
                return Ok(None);
            };
            if held.row.state.is_terminal() {
                return Ok(Some(held.row));
            }
            if let Some(ended) = self.finish(&held, JobEnd::Cancelled).await? {
                return Ok(Some(ended.row));
            }
        }
    }

    /// The key of a complete job's result.
    #[must_use]
    pub fn result_key(&self, row: &Row) -> Option<String> {
        row.result.as_ref().map(|output| object_key(&row.id, &output.name))
    }
}

/// The pause before a retry. Its maximum doubles each time, and each job waits another fraction of it, so that concurrent
/// requests spread out.
fn pause(tried: u32, id: &str) -> Duration {
    let digits: Vec<u32> = id.chars().filter_map(|digit| digit.to_digit(16)).collect();
    let place = usize::try_from(tried).unwrap_or_default() % digits.len().max(1);
    let share = 1 + digits.get(place).copied().unwrap_or_default();
    FIRST_PAUSE * (1 << tried.min(6)) * share / 16
}

fn owner_key(owner: &str) -> String {
    format!("owner#{owner}")
}

/// The key of an idempotency key's row. The digest bounds the length of a client's text.
fn request_key(owner: &str, name: &str) -> String {
    let mut digest = Sha256::new();
    digest.update(owner);
    digest.update([0]);
    digest.update(name);
    format!("request#{}", hex::encode(digest.finalize()))
}

fn text<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("strings, numbers and lists have a JSON form")
}

fn parsed<T: for<'de> Deserialize<'de>>(item: &TableItem) -> Result<T, PortError> {
    serde_json::from_str(&item.document)
        .map_err(|error| PortError::Refused(format!("the row {}: {error}", item.key)))
}

/// The key of the row of a job, for tests that look into the table.
#[must_use]
pub fn row_key(id: &str) -> String {
    job_key(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn concurrent_requests_wait_for_different_bounded_times() {
        let (one, other) = ("0f0f0f0f-0f0f-4f0f", "f0f0f0f0-f0f0-4f0f");
        assert_eq!(pause(0, one), Duration::from_micros(1_250));
        assert_eq!(pause(0, other), Duration::from_millis(20));
        let longest = Duration::from_millis(1_280);
        for tried in 0..ACCEPT_TRIES {
            assert!(pause(tried, one) <= longest && pause(tried, other) <= longest, "{tried}");
        }
        assert!(pause(ACCEPT_TRIES, "") <= longest, "an id without digits");
    }
}
