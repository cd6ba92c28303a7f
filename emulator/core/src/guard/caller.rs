//! The caller of a request: a program, the user of a browser, or a web page with its origin.
//!
//! Browsers state the origin of a request in headers that a page cannot set: `Origin` on all requests except plain GET and HEAD
//! (Fetch standard, "Origin header"), and `Sec-Fetch-Site` on all requests to loopback (Fetch Metadata Request Headers, W3C,
//! sent by Chromium since 76, Firefox since 90, Safari since 16.4). Programs send neither. Node's `fetch` sends
//! `Sec-Fetch-Mode`, so that header is not evaluated.

use http::{HeaderMap, HeaderValue, header};

use super::trust::Trust;

/// The caller of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// A program: an SDK, curl, a function.
    Program,
    /// The user of a browser, by typing the address or opening a bookmark (`Sec-Fetch-Site: none`).
    User,
    /// A page of the AWS port's own origin: the live page, or an object of S3.
    OwnPage,
    /// A page of a trusted origin, with the value of its `Origin` if it sends one.
    TrustedPage(Option<HeaderValue>),
    /// Any other page, and the header that shows it.
    ForeignPage(Foreign),
}

/// The evidence that a page is foreign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Foreign {
    /// Its `Origin`.
    Origin(String),
    /// The `Sec-Fetch-Site` of a request without an `Origin`.
    Site(String),
}

/// Determines the caller from the headers of a request.
pub(super) fn of(headers: &HeaderMap, trust: &Trust) -> Caller {
    let site = one(headers, "sec-fetch-site");
    match (one(headers, "origin"), site) {
        (None, None) => Caller::Program,
        (None, Some("none")) => Caller::User,
        (None, Some("same-origin")) => Caller::OwnPage,
        // Images and links have no `Origin`. A page can suppress the referrer but cannot forge it.
        (None, Some(_)) if referrer(headers).is_some_and(|origin| trust.trusts(origin)) => {
            Caller::TrustedPage(None)
        }
        (None, Some(site)) => Caller::ForeignPage(Foreign::Site(site.to_owned())),
        (Some(origin), _) if trust.trusts(origin) => {
            Caller::TrustedPage(headers.get(header::ORIGIN).cloned())
        }
        (Some(origin), None | Some("same-origin")) if is_own(origin, headers) => Caller::OwnPage,
        (Some(origin), _) => Caller::ForeignPage(Foreign::Origin(origin.to_owned())),
    }
}

/// The single value of a header. `?` if it is repeated or not text: no browser sends that, and nothing trusts it.
fn one<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    let is_one = values.next().is_none();
    Some(first.to_str().ok().filter(|_| is_one).unwrap_or("?"))
}

fn is_own(origin: &str, headers: &HeaderMap) -> bool {
    let host = one(headers, "host").unwrap_or_default();
    origin.strip_prefix("http://").is_some_and(|own| own.eq_ignore_ascii_case(host))
}

/// The origin of the page that `Referer` names.
fn referrer(headers: &HeaderMap) -> Option<&str> {
    let referrer = one(headers, "referer")?;
    let host = referrer.find("://")? + 3;
    let end = referrer[host..].find('/').map_or(referrer.len(), |at| host + at);
    Some(&referrer[..end])
}
