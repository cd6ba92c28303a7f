//! The stored data of sessions, users and login attempts, and the interface of a store.
//!
//! There are two stores: [`DynamoStore`](super::dynamo::DynamoStore), and [`MemoryStore`](super::memory::MemoryStore) for tests.

use futures_util::future::BoxFuture;

use super::Role;

/// The future of a call to a store.
pub type StoreFuture<'a, T> = BoxFuture<'a, Result<T, SessionStoreError>>;

/// A point in time, in seconds since 1970.
pub type EpochSeconds = u64;

/// A call to the store failed. It is unknown who is logged in, so requests are refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the session store is unavailable: {0}")]
pub struct SessionStoreError(pub String);

/// A stored session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRecord {
    /// The session's data, encrypted with the secret of the browser's ticket.
    pub sealed: Vec<u8>,
    /// The time of the last recorded use of the session.
    pub seen: EpochSeconds,
    /// The time from which the store may delete the session.
    pub forget: EpochSeconds,
}

/// A stored user.
#[derive(Clone, PartialEq, Eq)]
pub struct UserRecord {
    /// The name; see [`user_name`](super::user_name).
    pub name: String,
    /// The argon2 hash of the password.
    pub hash: String,
    /// The role.
    pub role: Role,
    /// Whether the user may log in.
    pub enabled: bool,
    /// Changes with the password and when a user is disabled; sessions that have another one end.
    pub stamp: String,
    /// The time of the last change of the user.
    pub changed: EpochSeconds,
}

impl std::fmt::Debug for UserRecord {
    /// Omits the hash, which must not be logged.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UserRecord")
            .field("name", &self.name)
            .field("role", &self.role)
            .field("enabled", &self.enabled)
            .finish_non_exhaustive()
    }
}

/// The expected state of a user before a change, so that concurrent changes are not lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected<'a> {
    /// No user has the name.
    Absent,
    /// The user is unchanged since it was read.
    Unchanged(&'a UserRecord),
}

/// The number of attempts in a window, and its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttemptCount {
    /// The number, including the current attempt.
    pub count: u64,
    /// The end of the window.
    pub ends: EpochSeconds,
}

/// A store of sessions, users and attempts. Reads are strongly consistent.
pub trait SessionStore: std::fmt::Debug + Send + Sync {
    /// The session of this key.
    fn session<'a>(&'a self, key: &'a str) -> StoreFuture<'a, Option<SessionRecord>>;

    /// Stores a new session.
    fn keep<'a>(&'a self, key: &'a str, kept: SessionRecord) -> StoreFuture<'a, ()>;

    /// Records the use of a session; `false` if it no longer exists, in which case it is not restored.
    fn touch<'a>(&'a self, key: &'a str, seen: EpochSeconds) -> StoreFuture<'a, bool>;

    /// Deletes a session, if it exists.
    fn revoke<'a>(&'a self, key: &'a str) -> StoreFuture<'a, ()>;

    /// The user of this name.
    fn user<'a>(&'a self, name: &'a str) -> StoreFuture<'a, Option<UserRecord>>;

    /// All users, by name.
    fn users(&self) -> StoreFuture<'_, Vec<UserRecord>>;

    /// Stores a user; `false` if the user is not in the expected state.
    fn write_user<'a>(
        &'a self,
        user: &'a UserRecord,
        before: Expected<'a>,
    ) -> StoreFuture<'a, bool>;

    /// Counts one attempt. The first one begins a window of `window` seconds.
    fn count<'a>(
        &'a self,
        key: &'a str,
        now: EpochSeconds,
        window: u64,
    ) -> StoreFuture<'a, AttemptCount>;

    /// Removes one attempt from the count, if it is still counted.
    fn uncount<'a>(&'a self, key: &'a str) -> StoreFuture<'a, ()>;

    /// Deletes all attempts of a key.
    fn forgive<'a>(&'a self, key: &'a str) -> StoreFuture<'a, ()>;
}
