//! Protects every port except APIs and function URLs against web pages.
//!
//! hardcap runs code for its clients and listens on a developer's machine, whose browser shows foreign pages. Such a page can
//! send requests to loopback without permission: a plain-text POST can create and invoke a function. Signatures do not help,
//! because a page can sign with the well-known keys `test`/`test`. Therefore every request is judged by headers that a page
//! cannot set: `Origin`, `Sec-Fetch-Site` and `Host`.
//!
//! - The host must be this machine. With DNS rebinding a page of `evil.example` has the same origin as the port it calls,
//!   because the owner of that name resolves it to 127.0.0.1; only `Host` shows the attack. Names below `localhost` and
//!   addresses cannot be rebound. All other names are refused unless they are configured: a name without a dot can be resolved
//!   by the network's search domain, and `*.internal` by its resolver.
//! - A page of another origin is refused by every service. Another port of loopback is another origin.
//! - A page of the port's own origin is an object of S3 or the live page. Only the control surface serves it, and only with the
//!   token in the live page's HTML.
//! - S3 has its own rules for pages (`s3/pages.rs`), because browsers legitimately fetch objects.
//!
//! Configured origins and hosts (`--allow-origin`, `--allow-host`) are trusted like programs. `judge` is pure.

mod caller;
mod cors;
mod trust;

use http::{header, request};

pub use caller::{Caller, Foreign};
pub use cors::{answers_preflight, expose, preflight};
use trust::Host;
pub use trust::Trust;
pub use trust::{InvalidTrust, TrustedHost, TrustedOrigin};

/// The target of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// An AWS API: Lambda, DynamoDB, SSM, Secrets Manager, STS, and APIs that hardcap does not have.
    Api,
    /// S3, which has its own rules for pages.
    S3,
    /// `/_hardcap/`.
    Control,
    /// The Runtime, Extensions and Telemetry APIs of a sandbox.
    Runtime,
}

/// The reason why a request is refused. Its text says how to allow it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GuardRefusal {
    /// The host is not a name of this machine.
    #[error(
        "hardcap refused this request: the host `{0}` is not a known name of this machine, and a web page could have bound it to \
         this address (DNS rebinding). Use localhost or the address; or start hardcap with --allow-host NAME, or with \
         allow_hosts in hardcap.toml"
    )]
    Host(String),
    /// A page of this foreign origin.
    #[error(
        "hardcap refused this request: it comes from a web page of the origin `{0}`, and it could run code on this \
         machine. If the page is yours, start hardcap with --allow-origin {0}, or with allow_origins in hardcap.toml"
    )]
    Origin(String),
    /// A page with the origin `null`.
    #[error(
        "hardcap refused this request: it comes from a web page whose origin is `null` (a sandboxed page or a file), which cannot \
         be allowed. Serve the page from an origin, and start hardcap with --allow-origin ORIGIN"
    )]
    NullOrigin,
    /// A page without an `Origin`, with its `Sec-Fetch-Site`.
    #[error(
        "hardcap refused this request: it comes from a web page of another site (Sec-Fetch-Site: {0}). If the page is yours, start \
         hardcap with --allow-origin ORIGIN, or with allow_origins in hardcap.toml; to look at an address yourself, type it into \
         the address bar"
    )]
    Site(String),
    /// A page of the port's own origin without the token.
    #[error(
        "hardcap refused this request: it comes from a web page of hardcap's own origin without the live page's token, such as an \
         object of S3. To allow all such pages, start hardcap with --allow-origin and that origin"
    )]
    OwnPage,
}

impl GuardRefusal {
    fn foreign(foreign: &Foreign) -> GuardRefusal {
        match foreign {
            Foreign::Origin(origin) if origin == "null" => GuardRefusal::NullOrigin,
            Foreign::Origin(origin) => GuardRefusal::Origin(origin.clone()),
            Foreign::Site(site) => GuardRefusal::Site(site.clone()),
        }
    }

    /// The refusal for a caller that is an untrusted page; `None` for any other caller.
    pub fn page(caller: &Caller) -> Option<GuardRefusal> {
        match caller {
            Caller::Program | Caller::User | Caller::TrustedPage(_) => None,
            Caller::OwnPage => Some(GuardRefusal::OwnPage),
            Caller::ForeignPage(foreign) => Some(GuardRefusal::foreign(foreign)),
        }
    }
}

/// Judges a request by its head, and returns its caller if it may be served.
///
/// # Errors
///
/// [`GuardRefusal`] if its host is not this machine, or if it comes from an untrusted page. For S3, pages are passed on.
pub fn judge(
    trust: &Trust,
    endpoint: Endpoint,
    head: &request::Parts,
) -> Result<Caller, GuardRefusal> {
    check_host(trust, endpoint, head)?;
    let caller = caller::of(&head.headers, trust);
    match (&caller, endpoint) {
        (_, Endpoint::S3) => Ok(caller),
        (Caller::OwnPage, Endpoint::Control) if has_token(trust, head) => Ok(caller),
        _ => match GuardRefusal::page(&caller) {
            Some(refused) => Err(refused),
            None => Ok(caller),
        },
    }
}

/// Whether a request is from a program and names one host, which is this machine: then [`judge`] accepts it on every surface.
pub fn is_of_program<'h>(
    trust: &Trust,
    headers: impl Iterator<Item = (&'h str, &'h [u8])>,
) -> bool {
    let mut host = None;
    for (name, value) in headers {
        let of_page = ["origin", "sec-fetch-site"];
        if of_page.iter().any(|it| name.eq_ignore_ascii_case(it)) {
            return false;
        }
        if name.eq_ignore_ascii_case("host") && host.replace(value).is_some() {
            return false;
        }
    }
    let host = host.and_then(|host| Host::read(std::str::from_utf8(host).ok()?));
    host.is_some_and(|host| trust.is_this_machine(&host))
}

/// A request names one host. A request without a host (HTTP/1.0) does not come from a browser.
fn check_host(
    trust: &Trust,
    endpoint: Endpoint,
    head: &request::Parts,
) -> Result<(), GuardRefusal> {
    let named = head.headers.get_all(header::HOST).iter();
    let named = named.map(|host| String::from_utf8_lossy(host.as_bytes()).into_owned());
    let target = head.uri.authority().map(|authority| authority.as_str().to_owned());
    let all: Vec<String> = named.chain(target).collect();
    let is_repeated = head.headers.get_all(header::HOST).iter().count() > 1;
    for text in all {
        let is_known = Host::read(&text).is_some_and(|host| {
            trust.is_this_machine(&host) || (endpoint == Endpoint::S3 && trust.is_aws_s3(&host))
        });
        if is_repeated || !is_known {
            return Err(GuardRefusal::Host(text));
        }
    }
    Ok(())
}

/// The token is a header, or a query parameter for event streams and links, where a page cannot set headers.
fn has_token(trust: &Trust, head: &request::Parts) -> bool {
    let header = head.headers.get("x-hardcap-token").map(|token| token.as_bytes());
    let query = head.uri.query().unwrap_or_default();
    let parameter = query.split('&').find_map(|pair| pair.strip_prefix("token="));
    let token = trust.page_token().as_bytes();
    header == Some(token) || parameter.map(str::as_bytes) == Some(token)
}

#[cfg(test)]
mod tests;
