//! Who sends a request: a program, the user of a browser, or a web page, and of which origin.
//!
//! Every browser says where a request comes from in headers that a page cannot set: `Origin` on everything but a plain GET or
//! HEAD (Fetch standard, "Origin header"), and `Sec-Fetch-Site` on everything that goes to loopback (Fetch Metadata Request
//! Headers, W3C, sent by Chromium since 76, Firefox since 90, Safari since 16.4). Programs send neither; Node's `fetch` sends
//! `Sec-Fetch-Mode`, which for this reason does not count.

use http::{HeaderMap, HeaderValue, header};

use super::trust::Trust;

/// Who sends a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// No browser: an SDK, curl, a function.
    Program,
    /// The user of a browser, who typed the address or opened a bookmark (`Sec-Fetch-Site: none`).
    User,
    /// A page of the AWS port's own origin: the live page, or an object of S3.
    OwnPage,
    /// A page of an origin that is trusted; the value of its `Origin`, if it sends one.
    TrustedPage(Option<HeaderValue>),
    /// Any other page: how it shows.
    ForeignPage(Foreign),
}

/// What shows that a page is foreign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Foreign {
    /// Its `Origin`.
    Origin(String),
    /// The `Sec-Fetch-Site` of a request without an `Origin`.
    Site(String),
}

/// Tells who sends a request with these headers.
pub(super) fn of(headers: &HeaderMap, trust: &Trust) -> Caller {
    let site = one(headers, "sec-fetch-site");
    match (one(headers, "origin"), site) {
        (None, None) => Caller::Program,
        (None, Some("none")) => Caller::User,
        (None, Some("same-origin")) => Caller::OwnPage,
        // An image or a link has no `Origin`. A page can leave the referrer out, and cannot forge it.
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

/// The one value of a header; `?` where it is repeated or not text, which no browser sends and nothing trusts.
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
