//! What is kept of sessions, users and attempts, and what a place that keeps it has to be able to do.
//!
//! There are two: [`DynamoStore`](super::dynamo::DynamoStore), and [`MemoryStore`](super::memory::MemoryStore) for tests.

use futures_util::future::BoxFuture;

use super::Role;

/// A future that a store gives back.
pub type Pending<'a, T> = BoxFuture<'a, Result<T, Outage>>;

/// A point in time, in seconds since 1970.
pub type EpochSeconds = u64;

/// The store did not do what it was asked. It is not known whether anybody is logged in, so nobody is let in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the table of sessions: {0}")]
pub struct Outage(pub String);

/// A session as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Who it is, encrypted with what the browser alone holds.
    pub sealed: Vec<u8>,
    /// When it was last used, as far as was written down.
    pub seen: EpochSeconds,
    /// When it may be forgotten.
    pub forget: EpochSeconds,
}

/// A user as they are kept.
#[derive(Clone, PartialEq, Eq)]
pub struct UserRecord {
    /// The name; see [`user_name`](super::user_name).
    pub name: String,
    /// The password, as argon2 hashed it.
    pub hash: String,
    /// What they may do.
    pub role: Role,
    /// Whether they may log in at all.
    pub enabled: bool,
    /// Changes with the password and when a user is disabled; sessions that have another one end.
    pub stamp: String,
    /// When anything about them last changed.
    pub changed: EpochSeconds,
}

impl std::fmt::Debug for UserRecord {
    /// Without the hash: it does not belong into a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UserRecord")
            .field("name", &self.name)
            .field("role", &self.role)
            .field("enabled", &self.enabled)
            .finish_non_exhaustive()
    }
}

/// What a user has to be before a change, so that of two changes at a time one is not lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before<'a> {
    /// There is none of that name.
    Nobody,
    /// Its last change was then, and it had this stamp.
    Unchanged(&'a UserRecord),
}

/// How many attempts there were, and when they are forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempts {
    /// With the one that was just counted.
    pub count: u64,
    /// When counting begins again.
    pub ends: EpochSeconds,
}

/// A place for sessions, users and attempts. What it answers is up to date: no read may be older than a write that ended.
pub trait Store: std::fmt::Debug + Send + Sync {
    /// The session of this key.
    fn session<'a>(&'a self, key: &'a str) -> Pending<'a, Option<Kept>>;

    /// Keeps a new session.
    fn keep<'a>(&'a self, key: &'a str, kept: Kept) -> Pending<'a, ()>;

    /// Writes down that a session is used; `false` when it is not there any more, and it stays so.
    fn touch<'a>(&'a self, key: &'a str, seen: EpochSeconds) -> Pending<'a, bool>;

    /// Forgets a session, if it is there.
    fn revoke<'a>(&'a self, key: &'a str) -> Pending<'a, ()>;

    /// The user of this name.
    fn user<'a>(&'a self, name: &'a str) -> Pending<'a, Option<UserRecord>>;

    /// All users, by name.
    fn users(&self) -> Pending<'_, Vec<UserRecord>>;

    /// Writes a user down; `false` when it is not what it was thought to be before.
    fn write_user<'a>(&'a self, user: &'a UserRecord, before: Before<'a>) -> Pending<'a, bool>;

    /// Counts one attempt; the first one begins a window of so many seconds.
    fn count<'a>(&'a self, key: &'a str, now: EpochSeconds, window: u64) -> Pending<'a, Attempts>;

    /// Takes one attempt back, if it is still counted.
    fn uncount<'a>(&'a self, key: &'a str) -> Pending<'a, ()>;

    /// Forgets all attempts of a key.
    fn forgive<'a>(&'a self, key: &'a str) -> Pending<'a, ()>;
}
