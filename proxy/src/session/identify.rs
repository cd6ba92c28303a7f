//! Authentication: passwords, or another implementation of [`Identify`].

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use super::store::{SessionStore, StoreFuture};
use super::{Role, SessionData, User, password, user_name};

/// The fields of a login form.
#[derive(Clone, Default)]
pub struct LoginForm(HashMap<String, String>);

impl fmt::Debug for LoginForm {
    /// Omits the fields, because one of them is a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Form").field("fields", &self.0.len()).finish_non_exhaustive()
    }
}

impl LoginForm {
    /// Reads `application/x-www-form-urlencoded`. The first value of a repeated field is used.
    #[must_use]
    pub fn read(body: &[u8]) -> LoginForm {
        let mut fields = HashMap::new();
        for (name, value) in form_urlencoded::parse(body) {
            fields.entry(name.into_owned()).or_insert_with(|| value.into_owned());
        }
        LoginForm(fields)
    }

    /// Reads the strings of a JSON object; `None` for other JSON.
    #[must_use]
    pub fn of_json(body: &[u8]) -> Option<LoginForm> {
        let fields: HashMap<String, serde_json::Value> = serde_json::from_slice(body).ok()?;
        let texts = fields.into_iter().filter_map(|(name, value)| match value {
            serde_json::Value::String(text) => Some((name, text)),
            _ => None,
        });
        Some(LoginForm(texts.collect()))
    }

    /// The value of a field; empty if it is missing.
    #[must_use]
    pub fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }
}

/// An authenticated user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The user.
    pub user: User,
    /// The stamp of the user's sessions. A new stamp ends the sessions with the old one.
    pub stamp: String,
}

/// A method of authentication. Tickets, cookies, roles and lifetimes do not depend on it.
///
/// [`Passwords`] is the only implementation. For OpenID Connect, `identify` would receive the provider's `code` and `state`, and
/// `still` would use the refresh token, stored in [`SessionData`].
pub trait Identify: std::fmt::Debug + Send + Sync {
    /// Authenticates a user; `None` for a failed attempt, without a reason.
    fn identify<'a>(&'a self, form: &'a LoginForm) -> StoreFuture<'a, Option<Identity>>;

    /// The current role of a logged-in user; `None` if they must log in again.
    fn still<'a>(&'a self, sealed: &'a SessionData) -> StoreFuture<'a, Option<Role>>;
}

/// Names and passwords, in the table of users.
#[derive(Clone, Debug)]
pub struct Passwords(Arc<dyn SessionStore>);

impl Passwords {
    /// The users of a store.
    #[must_use]
    pub fn new(store: Arc<dyn SessionStore>) -> Passwords {
        Passwords(store)
    }
}

impl Identify for Passwords {
    fn identify<'a>(&'a self, form: &'a LoginForm) -> StoreFuture<'a, Option<Identity>> {
        Box::pin(async move {
            let record = match user_name(form.get("user")) {
                Some(name) => self.0.user(&name).await?,
                None => None,
            };
            let hash = record.as_ref().map(|record| record.hash.clone());
            let password = form.get("password").to_owned();
            // An unknown user takes the same time, so that the time does not reveal which users exist.
            let compared = move || password::verify(&password, hash.as_deref());
            let matches = tokio::task::spawn_blocking(compared).await;
            let matches = matches.expect("argon2 does not panic and is not cancelled");
            Ok(record.filter(|record| matches && record.enabled).map(|record| Identity {
                user: User { name: record.name, role: record.role },
                stamp: record.stamp,
            }))
        })
    }

    fn still<'a>(&'a self, sealed: &'a SessionData) -> StoreFuture<'a, Option<Role>> {
        Box::pin(async move {
            let record = self.0.user(&sealed.user).await?;
            let same = record.filter(|record| record.enabled && record.stamp == sealed.stamp);
            Ok(same.map(|record| record.role))
        })
    }
}
