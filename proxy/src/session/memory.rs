//! A store in memory, for tests; it can fail like one that is far away.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::future::ready;

use super::store::{Attempts, Before, EpochSeconds, Kept, Outage, Pending, Store, UserRecord};

/// Everything in memory.
#[derive(Debug, Default)]
pub struct MemoryStore(Mutex<Tables>);

/// What a [`MemoryStore`] has, and how often it was asked.
#[derive(Clone, Debug, Default)]
pub struct Tables {
    /// By key.
    pub sessions: BTreeMap<String, Kept>,
    /// By name.
    pub users: BTreeMap<String, UserRecord>,
    /// By key.
    pub attempts: BTreeMap<String, Attempts>,
    /// While it is set, everything fails.
    pub outage: bool,
    /// How many calls there were.
    pub calls: u64,
}

impl MemoryStore {
    /// A look at everything, and a hand in it.
    pub fn tables(&self) -> MutexGuard<'_, Tables> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<T: Send + 'static>(&self, of: impl FnOnce(&mut Tables) -> T) -> Pending<'static, T> {
        let mut tables = self.tables();
        tables.calls += 1;
        let outcome = match tables.outage {
            true => Err(Outage("it is down".to_owned())),
            false => Ok(of(&mut tables)),
        };
        Box::pin(ready(outcome))
    }
}

impl Store for MemoryStore {
    fn session<'a>(&'a self, key: &'a str) -> Pending<'a, Option<Kept>> {
        self.with(|tables| tables.sessions.get(key).cloned())
    }

    fn keep<'a>(&'a self, key: &'a str, kept: Kept) -> Pending<'a, ()> {
        self.with(|tables| {
            tables.sessions.insert(key.to_owned(), kept);
        })
    }

    fn touch<'a>(&'a self, key: &'a str, seen: EpochSeconds) -> Pending<'a, bool> {
        self.with(|tables| match tables.sessions.get_mut(key) {
            Some(kept) => {
                kept.seen = seen;
                true
            }
            None => false,
        })
    }

    fn revoke<'a>(&'a self, key: &'a str) -> Pending<'a, ()> {
        self.with(|tables| {
            tables.sessions.remove(key);
        })
    }

    fn user<'a>(&'a self, name: &'a str) -> Pending<'a, Option<UserRecord>> {
        self.with(|tables| tables.users.get(name).cloned())
    }

    fn users(&self) -> Pending<'_, Vec<UserRecord>> {
        self.with(|tables| tables.users.values().cloned().collect())
    }

    fn write_user<'a>(&'a self, user: &'a UserRecord, before: Before<'a>) -> Pending<'a, bool> {
        self.with(|tables| {
            let known = tables.users.get(&user.name);
            let expected = match before {
                Before::Nobody => known.is_none(),
                Before::Unchanged(then) => known == Some(then),
            };
            if expected {
                tables.users.insert(user.name.clone(), user.clone());
            }
            expected
        })
    }

    fn count<'a>(&'a self, key: &'a str, now: EpochSeconds, window: u64) -> Pending<'a, Attempts> {
        self.with(|tables| {
            let fresh = Attempts { count: 0, ends: now + window };
            let attempts = tables.attempts.entry(key.to_owned()).or_insert(fresh);
            if attempts.ends <= now {
                *attempts = fresh;
            }
            attempts.count += 1;
            *attempts
        })
    }

    fn uncount<'a>(&'a self, key: &'a str) -> Pending<'a, ()> {
        self.with(|tables| {
            if let Some(attempts) = tables.attempts.get_mut(key) {
                attempts.count = attempts.count.saturating_sub(1);
            }
        })
    }

    fn forgive<'a>(&'a self, key: &'a str) -> Pending<'a, ()> {
        self.with(|tables| {
            tables.attempts.remove(key);
        })
    }
}
