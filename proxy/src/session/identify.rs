//! How somebody proves who they are: with a password, or with whatever else implements [`Identify`].

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use super::store::{Pending, Store};
use super::{Role, Sealed, User, password, user_name};

/// What was sent to log in: the fields of a form.
#[derive(Clone, Default)]
pub struct Form(HashMap<String, String>);

impl fmt::Debug for Form {
    /// Without what is in it: one of the fields is a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Form").field("fields", &self.0.len()).finish_non_exhaustive()
    }
}

impl Form {
    /// Reads `application/x-www-form-urlencoded`. Of a field that is there twice, the first counts.
    #[must_use]
    pub fn read(body: &[u8]) -> Form {
        let mut fields = HashMap::new();
        for (name, value) in form_urlencoded::parse(body) {
            fields.entry(name.into_owned()).or_insert_with(|| value.into_owned());
        }
        Form(fields)
    }

    /// The texts of a JSON object; `None` when it is none.
    #[must_use]
    pub fn of_json(body: &[u8]) -> Option<Form> {
        let fields: HashMap<String, serde_json::Value> = serde_json::from_slice(body).ok()?;
        let texts = fields.into_iter().filter_map(|(name, value)| match value {
            serde_json::Value::String(text) => Some((name, text)),
            _ => None,
        });
        Some(Form(texts.collect()))
    }

    /// A field; empty when it is not there.
    #[must_use]
    pub fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }
}

/// Somebody who proved who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Who.
    pub user: User,
    /// What their sessions are good for: it changes when they have to log in again.
    pub stamp: String,
}

/// A way to prove who one is. The ticket, the cookie, the roles and all times are the same whatever it is.
///
/// [`Passwords`] is the only one. OpenID Connect would be another: `identify` would take the `code` and the `state` that the
/// provider sends back, and `still` would ask the provider with the refresh token, which would be kept in [`Sealed`].
pub trait Identify: std::fmt::Debug + Send + Sync {
    /// Who it is; `None` for a failed attempt, which never says why.
    fn identify<'a>(&'a self, form: &'a Form) -> Pending<'a, Option<Identity>>;

    /// What somebody who logged in earlier may do now; `None` when they have to log in again.
    fn still<'a>(&'a self, sealed: &'a Sealed) -> Pending<'a, Option<Role>>;
}

/// Names and passwords, in the table of users.
#[derive(Clone, Debug)]
pub struct Passwords(Arc<dyn Store>);

impl Passwords {
    /// The users of a store.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Passwords {
        Passwords(store)
    }
}

impl Identify for Passwords {
    fn identify<'a>(&'a self, form: &'a Form) -> Pending<'a, Option<Identity>> {
        Box::pin(async move {
            let record = match user_name(form.get("user")) {
                Some(name) => self.0.user(&name).await?,
                None => None,
            };
            let hash = record.as_ref().map(|record| record.hash.clone());
            let password = form.get("password").to_owned();
            // As much work for nobody as for somebody: who exists cannot be told from the time it takes.
            let compared = move || password::verify(&password, hash.as_deref());
            let matches = tokio::task::spawn_blocking(compared).await;
            let matches = matches.expect("argon2 does not panic, and nobody cancels it");
            Ok(record.filter(|record| matches && record.enabled).map(|record| Identity {
                user: User { name: record.name, role: record.role },
                stamp: record.stamp,
            }))
        })
    }

    fn still<'a>(&'a self, sealed: &'a Sealed) -> Pending<'a, Option<Role>> {
        Box::pin(async move {
            let record = self.0.user(&sealed.user).await?;
            let same = record.filter(|record| record.enabled && record.stamp == sealed.stamp);
            Ok(same.map(|record| record.role))
        })
    }
}
