//! Why a request that concerns logins is refused, as problems.

use super::Forbidden;
use super::store::Outage;
use crate::problem::{Problem, Refused, row};

/// Why a request is not answered with what it asks for.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// There is no session, or none any more.
    #[error("the request comes with no session, or with one that is over")]
    NotLoggedIn,
    /// No user of that name with that password.
    #[error("there is no such user with this password")]
    WrongPassword,
    /// Too many failures.
    #[error("there were too many attempts to log in; the next one is possible in {0} s")]
    Locked(u64),
    /// A page of another site made the browser send it.
    #[error("the request comes from a page of another site")]
    CrossSite,
    /// The token of the form is missing, or another browser's.
    #[error("the request lacks the token of this session")]
    Token,
    /// The body of a login.
    #[error("invalid login request body: {0}")]
    Body(&'static str),
    /// The cookie would not be kept.
    #[error("the page was reached without TLS, so the browser would not keep the session")]
    PlainHttp,
    /// The role does not allow it.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// The session store does not answer. The cause is in the log and is not shown to clients.
    #[error("the session store is unavailable")]
    Outage,
}

impl From<Outage> for Refusal {
    fn from(outage: Outage) -> Refusal {
        tracing::error!("{outage}");
        Refusal::Outage
    }
}

impl Refused for Refusal {
    fn describe(&self) -> Problem {
        match self {
            Refusal::NotLoggedIn => row(
                401,
                "not-logged-in",
                "You are not logged in",
                "Log in at /_proxy/login, and send the cookie with the request.",
            ),
            Refusal::WrongPassword => row(
                401,
                "wrong-password",
                "The name or the password is wrong",
                "The operator can set a new password.",
            ),
            Refusal::Locked(_) => row(
                429,
                "too-many-attempts",
                "Too many attempts to log in",
                "The header `Retry-After` says when the next one is possible.",
            ),
            Refusal::CrossSite => row(
                403,
                "cross-site",
                "Another site may not do this",
                "Pages of the origins in ALLOWED_ORIGINS may. A program sends `Content-Type: application/json` or \
                 the header `osd-xsrf`.",
            ),
            Refusal::Token => row(
                403,
                "bad-token",
                "The token is missing or old",
                "GET /_proxy/session gives the token; send it as X-CSRF-Token or as the field csrf_token.",
            ),
            Refusal::Body(_) => row(
                400,
                "bad-login",
                "The login is not understood",
                "Expected are the fields user and password, as a form or as JSON.",
            ),
            Refusal::PlainHttp => row(
                403,
                "plain-http",
                "Logins need https",
                "Use https, or a browser on the same machine.",
            ),
            Refusal::Forbidden(_) => row(
                403,
                "forbidden",
                "Your role does not allow this",
                "The operator can allow it with ACCESS_RULES.",
            ),
            Refusal::Outage => row(
                503,
                "sessions-unavailable",
                "The session store is temporarily unavailable",
                "Nothing was sent to the upstream. Send the request again.",
            ),
        }
    }

    fn retry_after(&self) -> Option<u64> {
        match self {
            Refusal::Locked(seconds) => Some(*seconds),
            Refusal::Outage => Some(5),
            Refusal::NotLoggedIn
            | Refusal::WrongPassword
            | Refusal::CrossSite
            | Refusal::Token
            | Refusal::Body(_)
            | Refusal::PlainHttp
            | Refusal::Forbidden(_) => None,
        }
    }
}
