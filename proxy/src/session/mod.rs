//! Logins: users, sessions, roles and access rules.
//!
//! A login gives the browser a [`SessionTicket`] in a cookie; the table stores the session's data, encrypted. A request sends the
//! ticket, [`Sessions::find`] returns its session, and [`Rules`] decide whether the request is allowed. The table is read at most
//! once in five minutes for each session. A session may therefore outlive its end for as long in another execution environment.
//!
//! Another method of authentication would implement [`Identify`] in place of passwords.

pub mod admin;
pub(crate) mod attempts;
mod client;
pub mod dynamo;
mod identify;
pub mod memory;
pub(crate) mod origin;
pub mod password;
mod refusal;
mod return_to;
mod rules;
mod service;
mod settings;
pub mod store;
pub(crate) mod ticket;

use std::fmt;
use std::str::FromStr;

pub use crate::cookie::Cookies;
pub use client::ClientContext;
pub use identify::{Identify, Identity, LoginForm, Passwords};
pub use refusal::SessionRefusal;
pub use return_to::ReturnTo;
pub use rules::{Forbidden, Rules};
pub use service::{Session, Sessions};
pub(crate) use settings::read;
pub use settings::{SessionSettings, SessionsConfig};
pub use ticket::{SessionData, SessionTicket, form_token, is_form_token};

/// The rights of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// View and search.
    Read,
    /// Also change.
    Full,
}

impl Role {
    /// The name in rules, in the table and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Role::Read => "read",
            Role::Full => "full",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// An unknown role.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a role; expected `read` or `full`")]
pub struct UnknownRole(String);

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(name: &str) -> Result<Role, UnknownRole> {
        match name {
            "read" => Ok(Role::Read),
            "full" => Ok(Role::Full),
            _ => Err(UnknownRole(name.to_owned())),
        }
    }
}

/// A logged-in user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The name.
    pub name: String,
    /// The role.
    pub role: Role,
}

/// The user of a request, or any client of an open proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Principal {
    /// Any client; the proxy is open.
    Anonymous,
    /// A logged-in user.
    User(User),
}

impl Principal {
    /// The user, unless the proxy is open.
    #[must_use]
    pub fn user(&self) -> Option<&User> {
        match self {
            Principal::Anonymous => None,
            Principal::User(user) => Some(user),
        }
    }

    /// The owner of jobs and stored responses. It differs from that of an open proxy for every user name.
    #[must_use]
    pub fn owner(&self) -> String {
        match self {
            Principal::Anonymous => "open".to_owned(),
            Principal::User(user) => format!("user/{}", user.name),
        }
    }
}

/// The stored form of a user name, in lower case; `None` for an invalid name. A valid one has 1 to 64 ASCII letters, digits, `.`,
/// `_`, `-`, `+` and `@`, and begins with a letter or a digit.
#[must_use]
pub fn user_name(text: &str) -> Option<String> {
    let name = text.trim().to_ascii_lowercase();
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"._-+@".contains(&byte);
    let valid = (1..=64).contains(&name.len())
        && name.bytes().all(known)
        && name.as_bytes()[0].is_ascii_alphanumeric();
    valid.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_users_are_plain_and_small() {
        assert_eq!(user_name(" Alice@Example.org ").as_deref(), Some("alice@example.org"));
        for text in ["", " ", "-a", "a b", "a/b", "é", "a\0", &"a".repeat(65), "@", "a:b"] {
            assert_eq!(user_name(text), None, "{text}");
        }
    }

    #[test]
    fn no_user_owns_the_jobs_of_an_open_proxy() {
        let user = Principal::User(User { name: "open".to_owned(), role: Role::Read });
        assert_ne!(user.owner(), Principal::Anonymous.owner());
    }
}
