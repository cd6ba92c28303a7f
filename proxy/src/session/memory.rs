//! A session store in memory, for tests, which can simulate an outage.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::future::ready;

use super::store::{
    AttemptCount, EpochSeconds, Expected, SessionRecord, SessionStore, SessionStoreError,
    StoreFuture, UserRecord,
};

/// A session store in memory.
#[derive(Debug, Default)]
pub struct MemoryStore(Mutex<Tables>);

/// The content of a [`MemoryStore`], and the number of calls.
#[derive(Clone, Debug, Default)]
pub struct Tables {
    /// By key.
    pub sessions: BTreeMap<String, SessionRecord>,
    /// By name.
    pub users: BTreeMap<String, UserRecord>,
    /// By key.
    pub attempts: BTreeMap<String, AttemptCount>,
    /// Whether every call fails.
    pub outage: bool,
    /// The number of calls.
    pub calls: u64,
}

impl MemoryStore {
    /// The content, for reading and changing.
    pub fn tables(&self) -> MutexGuard<'_, Tables> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<T: Send + 'static>(
        &self,
        of: impl FnOnce(&mut Tables) -> T,
    ) -> StoreFuture<'static, T> {
        let mut tables = self.tables();
        tables.calls += 1;
        let outcome = match tables.outage {
            true => Err(SessionStoreError("simulated outage".to_owned())),
            false => Ok(of(&mut tables)),
        };
        Box::pin(ready(outcome))
    }
}

impl SessionStore for MemoryStore {
    fn session<'a>(&'a self, key: &'a str) -> StoreFuture<'a, Option<SessionRecord>> {
        self.with(|tables| tables.sessions.get(key).cloned())
    }

    fn keep<'a>(&'a self, key: &'a str, kept: SessionRecord) -> StoreFuture<'a, ()> {
        self.with(|tables| {
            tables.sessions.insert(key.to_owned(), kept);
        })
    }

    fn touch<'a>(&'a self, key: &'a str, seen: EpochSeconds) -> StoreFuture<'a, bool> {
        self.with(|tables| match tables.sessions.get_mut(key) {
            Some(kept) => {
                kept.seen = seen;
                true
            }
            None => false,
        })
    }

    fn revoke<'a>(&'a self, key: &'a str) -> StoreFuture<'a, ()> {
        self.with(|tables| {
            tables.sessions.remove(key);
        })
    }

    fn user<'a>(&'a self, name: &'a str) -> StoreFuture<'a, Option<UserRecord>> {
        self.with(|tables| tables.users.get(name).cloned())
    }

    fn users(&self) -> StoreFuture<'_, Vec<UserRecord>> {
        self.with(|tables| tables.users.values().cloned().collect())
    }

    fn write_user<'a>(
        &'a self,
        user: &'a UserRecord,
        before: Expected<'a>,
    ) -> StoreFuture<'a, bool> {
        self.with(|tables| {
            let known = tables.users.get(&user.name);
            let expected = match before {
                Expected::Absent => known.is_none(),
                Expected::Unchanged(then) => known == Some(then),
            };
            if expected {
                tables.users.insert(user.name.clone(), user.clone());
            }
            expected
        })
    }

    fn count<'a>(
        &'a self,
        key: &'a str,
        now: EpochSeconds,
        window: u64,
    ) -> StoreFuture<'a, AttemptCount> {
        self.with(|tables| {
            let fresh = AttemptCount { count: 0, ends: now + window };
            let attempts = tables.attempts.entry(key.to_owned()).or_insert(fresh);
            if attempts.ends <= now {
                *attempts = fresh;
            }
            attempts.count += 1;
            *attempts
        })
    }

    fn uncount<'a>(&'a self, key: &'a str) -> StoreFuture<'a, ()> {
        self.with(|tables| {
            if let Some(attempts) = tables.attempts.get_mut(key) {
                attempts.count = attempts.count.saturating_sub(1);
            }
        })
    }

    fn forgive<'a>(&'a self, key: &'a str) -> StoreFuture<'a, ()> {
        self.with(|tables| {
            tables.attempts.remove(key);
        })
    }
}
