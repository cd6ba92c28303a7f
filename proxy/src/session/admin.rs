//! The management of users, for the program `admin`.

use super::store::{EpochSeconds, Expected, SessionStore, SessionStoreError, UserRecord};
use super::{Role, password, ticket, user_name};

/// A change of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Set a password. The user's sessions end.
    Password(String),
    /// Set a role. Sessions have it after the next lookup.
    Role(Role),
    /// Disable logins and end the sessions.
    Disable,
    /// Enable logins again, with the old password.
    Enable,
}

/// Why a user was not changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AdminError {
    /// The name has invalid characters or is too long.
    #[error(
        "`{0}` is not a user name: 1 to 64 letters, digits, `.`, `_`, `-`, `+` and `@`, the first a letter or a digit"
    )]
    Name(String),
    /// The password is too short or too long.
    #[error(transparent)]
    Password(#[from] password::BadPassword),
    /// The name is taken.
    #[error("user `{0}` already exists; use `set-password` or `set-role` to change it")]
    Exists(String),
    /// No user has the name.
    #[error("there is no user `{0}`; use `list` to show all users")]
    Unknown(String),
    /// The user was changed concurrently.
    #[error("user `{0}` was modified concurrently; use `list` to see it, and retry")]
    Conflict(String),
    /// The session store failed.
    #[error(transparent)]
    Store(#[from] SessionStoreError),
}

/// Adds a user.
///
/// # Errors
///
/// [`AdminError`].
pub async fn add(
    store: &dyn SessionStore,
    name: &str,
    role: Role,
    password: &str,
    now: EpochSeconds,
) -> Result<UserRecord, AdminError> {
    let name = valid(name)?;
    let hash = password::hash(password)?;
    let user = UserRecord { name, hash, role, enabled: true, stamp: stamp(), changed: now };
    match store.write_user(&user, Expected::Absent).await? {
        true => Ok(user),
        false => Err(AdminError::Exists(user.name)),
    }
}

/// Changes a user.
///
/// # Errors
///
/// [`AdminError`].
pub async fn change(
    store: &dyn SessionStore,
    name: &str,
    change: Change,
    now: EpochSeconds,
) -> Result<UserRecord, AdminError> {
    let name = valid(name)?;
    let Some(before) = store.user(&name).await? else {
        return Err(AdminError::Unknown(name));
    };
    let mut user = UserRecord { changed: now, ..before.clone() };
    match change {
        Change::Password(password) => {
            user.hash = password::hash(&password)?;
            user.stamp = stamp();
        }
        Change::Role(role) => user.role = role,
        Change::Disable => {
            user.enabled = false;
            user.stamp = stamp();
        }
        Change::Enable => user.enabled = true,
    }
    match store.write_user(&user, Expected::Unchanged(&before)).await? {
        true => Ok(user),
        false => Err(AdminError::Conflict(name)),
    }
}

fn valid(name: &str) -> Result<String, AdminError> {
    user_name(name).ok_or_else(|| AdminError::Name(name.to_owned()))
}

fn stamp() -> String {
    hex::encode(ticket::random::<16>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::memory::MemoryStore;

    const PASSWORD: &str = "correct horse battery";

    #[tokio::test]
    async fn users_are_added_once_and_changed() {
        let store = MemoryStore::default();
        let added = add(&store, "Alice", Role::Read, PASSWORD, 1).await.unwrap();
        assert_eq!((added.name.as_str(), added.role), ("alice", Role::Read));
        let again = add(&store, "alice", Role::Full, PASSWORD, 2).await;
        assert_eq!(again, Err(AdminError::Exists("alice".to_owned())));
        let changed = change(&store, "alice", Change::Role(Role::Full), 3).await.unwrap();
        assert_eq!((changed.role, &changed.stamp), (Role::Full, &added.stamp));
        let changed = change(&store, "alice", Change::Disable, 4).await.unwrap();
        assert!(!changed.enabled && changed.stamp != added.stamp);
        let enabled = change(&store, "alice", Change::Enable, 5).await.unwrap();
        assert!(enabled.enabled && enabled.stamp == changed.stamp, "the old sessions stay away");
        let other = change(&store, "alice", Change::Password("x".repeat(12)), 6).await.unwrap();
        assert!(other.hash != added.hash && other.stamp != enabled.stamp);
    }

    #[tokio::test]
    async fn invalid_changes_are_refused_with_the_reason() {
        let store = MemoryStore::default();
        for (result, text) in [
            (add(&store, "a/b", Role::Read, PASSWORD, 1).await, "`a/b` is not a user name"),
            (add(&store, "a", Role::Read, "short", 1).await, "at least 12"),
            (change(&store, "nobody", Change::Enable, 1).await, "no user `nobody`"),
        ] {
            let error = result.unwrap_err().to_string();
            assert!(error.contains(text), "{error}");
        }
        store.tables().outage = true;
        let error = add(&store, "a", Role::Read, PASSWORD, 1).await.unwrap_err();
        assert!(matches!(error, AdminError::Store(_)), "{error}");
    }
}
