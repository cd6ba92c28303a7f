//! People log in: who they are, what proves it, and what they may do.
//!
//! A login gives the browser a [`Ticket`] in a cookie; the table has what belongs to it, encrypted. A request brings the
//! ticket back, [`Sessions::find`] says whose it is, [`Rules`] whether they may do this. The table is asked at most once in
//! five minutes for each session; so long may a session outlive its end in another environment of the function.
//!
//! [`Identify`] is where another way to prove who one is would take the place of passwords.

pub mod admin;
mod arrival;
pub(crate) mod attempts;
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
pub use arrival::Arrival;
pub use identify::{Form, Identify, Identity, Passwords};
pub use refusal::Refusal;
pub use return_to::ReturnTo;
pub use rules::{Forbidden, Rules};
pub use service::{Session, Sessions};
pub(crate) use settings::read;
pub use settings::{SessionsConfig, Settings};
pub use ticket::{Sealed, Ticket, form_token, is_form_token};

/// What a user may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Look, and search.
    Read,
    /// Change as well.
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

/// A name that is no role.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no role; there are `read` and `full`")]
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

/// Someone who is logged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The name.
    pub name: String,
    /// What they may do.
    pub role: Role,
}

/// Whom a request is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Visitor {
    /// Whoever it is: the proxy is open to everyone.
    Anyone,
    /// Someone who is logged in.
    User(User),
}

impl Visitor {
    /// The user, where there are users.
    #[must_use]
    pub fn user(&self) -> Option<&User> {
        match self {
            Visitor::Anyone => None,
            Visitor::User(user) => Some(user),
        }
    }

    /// What their jobs and stored answers are kept under. No user has the name of everyone.
    #[must_use]
    pub fn owner(&self) -> String {
        match self {
            Visitor::Anyone => "open".to_owned(),
            Visitor::User(user) => format!("user/{}", user.name),
        }
    }
}

/// The name of a user as it is kept, or `None` for a text that is no such name: 1 to 64 letters of ASCII, digits, `.`, `_`,
/// `-`, `+` and `@`, the first a letter or a digit. Capitals count as small letters.
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
pub(crate) mod testing {
    //! Requests for the tests of this module.

    use bytes::Bytes;

    use crate::event::{FrontDoor, Query, Request};

    pub(crate) fn request(method: &str, path: &str, headers: &[(&str, &str)]) -> Request {
        let headers = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        Request {
            door: FrontDoor::FunctionUrl,
            method: method.parse().expect("a method"),
            path: path.to_owned(),
            query: Query::Raw(String::new()),
            headers,
            body: Bytes::new(),
            source_ip: Some("192.0.2.9".to_owned()),
            stage_prefix: String::new(),
        }
    }
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
    fn nobody_owns_what_everyone_owns() {
        let user = Visitor::User(User { name: "open".to_owned(), role: Role::Read });
        assert_ne!(user.owner(), Visitor::Anyone.owner());
    }
}
