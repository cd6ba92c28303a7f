//! The refusals of requests about logins, and of requests that require a login.

use super::Forbidden;
use super::store::SessionStoreError;
use crate::problem::{ProblemDetails, ToProblem, details};

/// Why a request is refused.
#[derive(Debug, thiserror::Error)]
pub enum SessionRefusal {
    /// The request has no valid session.
    #[error("the request has no session, or an expired one")]
    NotLoggedIn,
    /// The name or the password is wrong.
    #[error("the name or the password is wrong")]
    WrongPassword,
    /// Too many failed logins.
    #[error("too many attempts to log in; the next one is possible in {0} s")]
    Locked(u64),
    /// A page of another site caused the request.
    #[error("the request comes from a page of another site")]
    CrossSite,
    /// The CSRF token is missing or of another browser.
    #[error("the request does not have the CSRF token of this session")]
    Token,
    /// The body of a login is invalid.
    #[error("invalid login request body: {0}")]
    Body(&'static str),
    /// The browser would not keep the cookie.
    #[error("the page was loaded without TLS, so the browser would not keep the session's cookie")]
    PlainHttp,
    /// The role does not allow it.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// The session store is unavailable. The cause is in the log and is not shown to clients.
    #[error("the session store is unavailable")]
    StoreUnavailable,
}

impl From<SessionStoreError> for SessionRefusal {
    fn from(outage: SessionStoreError) -> SessionRefusal {
        tracing::error!("{outage}");
        SessionRefusal::StoreUnavailable
    }
}

impl ToProblem for SessionRefusal {
    fn describe(&self) -> ProblemDetails {
        match self {
            SessionRefusal::NotLoggedIn => details(
                401,
                "not-logged-in",
                "You are not logged in",
                "Log in at /_proxy/login, and send the cookie with the request.",
            ),
            SessionRefusal::WrongPassword => details(
                401,
                "wrong-password",
                "The name or the password is wrong",
                "The operator can set a new password.",
            ),
            SessionRefusal::Locked(_) => details(
                429,
                "too-many-attempts",
                "Too many attempts to log in",
                "The header `Retry-After` says when the next one is possible.",
            ),
            SessionRefusal::CrossSite => details(
                403,
                "cross-site",
                "Requests of other sites are refused",
                "Pages of the origins in ALLOWED_ORIGINS are allowed. A program must send `Content-Type: application/json` or \
                 the header `osd-xsrf`.",
            ),
            SessionRefusal::Token => details(
                403,
                "bad-token",
                "The CSRF token is missing or expired",
                "GET /_proxy/session returns the token; send it as X-CSRF-Token or as the field csrf_token.",
            ),
            SessionRefusal::Body(_) => details(
                400,
                "bad-login",
                "The login request is invalid",
                "Send the fields user and password, as a form or as JSON.",
            ),
            SessionRefusal::PlainHttp => details(
                403,
                "plain-http",
                "Logins need https",
                "Use https, or a browser on the same machine.",
            ),
            SessionRefusal::Forbidden(_) => details(
                403,
                "forbidden",
                "Your role does not allow this",
                "The operator can allow it with ACCESS_RULES.",
            ),
            SessionRefusal::StoreUnavailable => details(
                503,
                "sessions-unavailable",
                "The session store is temporarily unavailable",
                "Nothing was sent to the upstream. Send the request again.",
            ),
        }
    }

    fn retry_after(&self) -> Option<u64> {
        match self {
            SessionRefusal::Locked(seconds) => Some(*seconds),
            SessionRefusal::StoreUnavailable => Some(5),
            SessionRefusal::NotLoggedIn
            | SessionRefusal::WrongPassword
            | SessionRefusal::CrossSite
            | SessionRefusal::Token
            | SessionRefusal::Body(_)
            | SessionRefusal::PlainHttp
            | SessionRefusal::Forbidden(_) => None,
        }
    }
}
