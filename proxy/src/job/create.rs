//! Taking a job on, and what its owner may do with it.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::try_join_all;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::engine::{Delivered, Engine, Held, INPUT, job_key, state_name};
use super::event::Digest;
use super::outcome::Problem;
use super::ports::{Described, EpochMillis, Item, PortError, Written};
use super::row::{Accepted, Row, later};
use super::state::{Ending, State};
use super::work::{Job, object_key, written};

/// How many of an owner's jobs are listed.
const LISTED_MAX: usize = 100;
/// How often the rows are read anew when others take jobs on at the same time.
const ACCEPT_TRIES: u32 = 20;
/// The longest pause before the second time; it doubles six times.
const FIRST_PAUSE: Duration = Duration::from_millis(20);

/// For how long a repetition trusts the first request to start the job; a sweeper does when it does not.
const OVERTAKEN: Duration = Duration::from_secs(2);

/// A job to be taken on.
#[derive(Clone, Copy, Debug)]
pub struct NewJob<'a, J: Job> {
    /// Whose it is.
    pub owner: &'a str,
    /// What it is asked.
    pub input: &'a J::Input,
    /// How a repetition is recognized.
    pub key: Option<Key<'a>>,
}

/// How a repetition of a request is recognized.
#[derive(Clone, Copy, Debug)]
pub struct Key<'a> {
    /// What the client calls the request: its `Idempotency-Key`.
    pub name: &'a str,
    /// The digest of all that makes the request what it is.
    pub fingerprint: &'a str,
}

/// Why a job is not taken on.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// Jobs are switched off.
    #[error("jobs are switched off")]
    Stopped,
    /// The owner has too many.
    #[error("{0} jobs of yours have not ended yet, and more are not taken on")]
    TooMany(usize),
    /// The key was used for another request.
    #[error("the Idempotency-Key was used for another request before")]
    KeyReused,
    /// Lambda did not take it.
    #[error("the job could not be started: {0}")]
    NotStarted(String),
    /// The input cannot be written down.
    #[error("{}", .0.detail)]
    Input(Problem),
    /// A port failed.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// The jobs of one owner, the latest last.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Owned {
    jobs: Vec<Entry>,
}

impl Owned {
    /// How many are not known to have ended.
    fn open(&self) -> usize {
        self.jobs.iter().filter(|entry| !entry.ended).count()
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Entry {
    id: String,
    /// It has ended: what is terminal stays so, and need not be read again.
    ended: bool,
}

/// The job for which a key was used.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Used {
    job: String,
    fingerprint: String,
    until: EpochMillis,
}

/// What is known before the row of a job is written.
struct Draft<'a> {
    held: Held,
    key: Option<Key<'a>>,
    state: Bytes,
}

impl Engine {
    /// Takes a job on: returns when it is written down and Lambda has its event, or not at all.
    ///
    /// # Errors
    ///
    /// [`CreateError`]. After [`CreateError::NotStarted`] and [`CreateError::Port`] the same key finds the job, if there is one.
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
                // Nobody will ever look for these; the lifecycle takes what is not deleted now.
                if let Err(error) = self.clear(&draft.held.row, super::state::Leftovers::None).await
                {
                    tracing::info!("left to the lifecycle: {error}");
                }
                Err(refused)
            }
        }
    }

    /// Stores what a job is asked and begins with.
    async fn draft<'a, J: Job>(&self, new: &NewJob<'a, J>) -> Result<Draft<'a>, CreateError> {
        let input = written(new.input).map_err(CreateError::Input)?;
        let state = written(&J::default()).map_err(CreateError::Input)?;
        let accepted = Accepted {
            id: self.ports.clock.unique(),
            owner: new.owner.to_owned(),
            kind: J::KIND.to_owned(),
            input: Digest::of(&input),
            checkpoint: Digest::of(&state),
            repeatable: J::repeatable(new.input),
        };
        let mut row = Row::new(accepted, self.now(), &self.settings);
        row.writer = self.ports.clock.unique();
        let plain = Described::default();
        let objects = [(INPUT.to_owned(), input), (state_name(1, &row.checkpoint), state.clone())];
        let puts = objects.map(|(name, bytes)| {
            let (key, plain) = (object_key(&row.id, &name), &plain);
            async move { self.again(|| self.ports.blobs.put(&key, plain, bytes.clone())).await }
        });
        try_join_all(puts).await?;
        Ok(Draft { held: Held { row, version: 1 }, key: new.key, state })
    }

    /// Writes a job down, with its key and among its owner's: all of it or nothing. `Some` is the job that was there.
    async fn accept(&self, draft: &Draft<'_>) -> Result<Option<Held>, CreateError> {
        let row = &draft.held.row;
        for tried in 0..ACCEPT_TRIES {
            let owner_key = owner_key(&row.owner);
            let known = self.again(|| self.ports.rows.read(&owner_key)).await?;
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
            let written = self.again(|| self.ports.rows.write(changes.clone())).await?;
            if written == Written::Yes {
                return Ok(None);
            }
            if let Some(there) = self.read(&row.id).await? {
                // The answer to our own write was lost; the job may have moved on meanwhile.
                return Ok((there.version > 1).then_some(there));
            }
            if let Some(same) = self.known(&row.owner, draft.key).await? {
                return Ok(Some(same));
            }
            self.ports.clock.wait(pause(tried, &row.id)).await;
        }
        let why = "others take jobs on at the same time".to_owned();
        Err(CreateError::Port(PortError::Unavailable(why)))
    }

    /// The job for which a key was used before.
    async fn known(&self, owner: &str, key: Option<Key<'_>>) -> Result<Option<Held>, CreateError> {
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

    async fn used(&self, owner: &str, key: Key<'_>) -> Result<Option<(Used, u64)>, PortError> {
        let name = request_key(owner, key.name);
        let item = self.again(|| self.ports.rows.read(&name)).await?;
        item.map(|item| Ok((parsed(&item)?, item.version))).transpose()
    }

    async fn key_item(&self, key: Key<'_>, row: &Row) -> Result<Item, PortError> {
        let before = self.used(&row.owner, key).await?;
        // A key that is still in use has a version that this write does not follow: it will conflict.
        let version = match before {
            Some((used, version)) if used.until <= self.now() => version + 1,
            _ => 1,
        };
        let until = later(row.created, self.settings.retention);
        let fingerprint = key.fingerprint.to_owned();
        let used = Used { job: row.id.clone(), fingerprint, until };
        Ok(Item {
            key: request_key(&row.owner, key.name),
            version,
            document: text(&used),
            due: None,
            forget: later(until, self.settings.retention),
        })
    }

    /// The jobs of an owner. When they seem to be too many, those that had not ended are looked at.
    async fn owned(&self, item: Option<&Item>) -> Result<Owned, PortError> {
        let mut owned: Owned = item.map(parsed).transpose()?.unwrap_or_default();
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

    fn owner_item(&self, key: &str, before: Option<&Item>, mut owned: Owned, row: &Row) -> Item {
        owned.jobs.push(Entry { id: row.id.clone(), ended: false });
        while owned.jobs.len() > LISTED_MAX {
            let oldest = owned.jobs.iter().position(|entry| entry.ended).unwrap_or(0);
            owned.jobs.remove(oldest);
        }
        Item {
            key: key.to_owned(),
            version: before.map_or(1, |item| item.version + 1),
            document: text(&owned),
            due: None,
            forget: row.forget(&self.settings),
        }
    }

    /// Sees to it that Lambda has the event of a job that was accepted.
    async fn started(&self, held: Held, draft: Option<&Draft<'_>>) -> Result<Row, CreateError> {
        // A repetition that is this quick has overtaken the first request, which is about to do it itself.
        let elsewhere = draft.is_none() && self.now() < later(held.row.updated, OVERTAKEN);
        if held.row.state != State::Queued || held.row.handed || elsewhere {
            return Ok(held.row);
        }
        let id = held.row.id.clone();
        match self.deliver(held.clone(), draft.map(|draft| &draft.state)).await? {
            Delivered::Accepted => Ok(Row { handed: true, ..held.row }),
            Delivered::Later(why) => {
                if draft.is_some_and(|draft| draft.key.is_none()) {
                    // Nobody could find it again: it does not happen.
                    let problem = Problem::never_started(1, 0);
                    self.finish(&held, Ending::Failed(problem)).await?;
                }
                Err(CreateError::NotStarted(why))
            }
            Delivered::Never => {
                let ended = self.read(&id).await?.and_then(|held| held.row.error);
                let why = ended.map(|problem| problem.detail).unwrap_or_default();
                Err(CreateError::NotStarted(why))
            }
        }
    }

    /// A job of this owner. Whether there is none or it is another's, nobody can tell.
    ///
    /// # Errors
    ///
    /// [`PortError`].
    pub async fn find(&self, owner: &str, id: &str) -> Result<Option<Row>, PortError> {
        Ok(self.find_held(owner, id).await?.map(|held| held.row))
    }

    async fn find_held(&self, owner: &str, id: &str) -> Result<Option<Held>, PortError> {
        let held = self.read(id).await?;
        Ok(held.filter(|held| held.row.owner == owner))
    }

    /// Whether the time of a job's result is over.
    #[must_use]
    pub fn is_gone(&self, row: &Row) -> bool {
        self.now() >= row.expires(&self.settings)
    }

    /// The jobs of an owner that are not gone, the latest first.
    ///
    /// # Errors
    ///
    /// [`PortError`].
    pub async fn list(&self, owner: &str) -> Result<Vec<Row>, PortError> {
        let key = owner_key(owner);
        let Some(item) = self.again(|| self.ports.rows.read(&key)).await? else {
            return Ok(Vec::new());
        };
        let owned: Owned = parsed(&item)?;
        let reads = owned.jobs.iter().rev().map(|entry| self.find(owner, &entry.id));
        let rows = try_join_all(reads).await?;
        Ok(rows.into_iter().flatten().filter(|row| !self.is_gone(row)).collect())
    }

    /// Ends a job of this owner, unless it has ended. The row says how it stands now.
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
            if let Some(ended) = self.finish(&held, Ending::Cancelled).await? {
                return Ok(Some(ended.row));
            }
        }
    }

    /// The key under which the result of a complete job lies.
    #[must_use]
    pub fn result_key(&self, row: &Row) -> Option<String> {
        row.result.as_ref().map(|output| object_key(&row.id, &output.name))
    }
}

/// How long to wait before the rows are read anew: up to twice as long each time, and each job another part of it, so that
/// those who came at once do not come at once again.
fn pause(tried: u32, id: &str) -> Duration {
    let digits: Vec<u32> = id.chars().filter_map(|digit| digit.to_digit(16)).collect();
    let place = usize::try_from(tried).unwrap_or_default() % digits.len().max(1);
    let share = 1 + digits.get(place).copied().unwrap_or_default();
    FIRST_PAUSE * (1 << tried.min(6)) * share / 16
}

fn owner_key(owner: &str) -> String {
    format!("owner#{owner}")
}

/// What a client chose may be long and strange; its digest is neither.
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

fn parsed<T: for<'de> Deserialize<'de>>(item: &Item) -> Result<T, PortError> {
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
    fn those_who_come_at_once_wait_for_different_times_that_grow_and_end() {
        let (one, other) = ("0f0f0f0f-0f0f-4f0f", "f0f0f0f0-f0f0-4f0f");
        assert_eq!(pause(0, one), Duration::from_micros(1_250));
        assert_eq!(pause(0, other), Duration::from_millis(20));
        let longest = Duration::from_millis(1_280);
        for tried in 0..ACCEPT_TRIES {
            assert!(pause(tried, one) <= longest && pause(tried, other) <= longest, "{tried}");
        }
        assert!(pause(ACCEPT_TRIES, "") <= longest, "an id of another make");
    }
}
