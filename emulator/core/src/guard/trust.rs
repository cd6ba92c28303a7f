//! The trusted hosts and origins of a run, and the parsing of their texts.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// An origin whose pages may call every API of the AWS port, such as `http://localhost:5173`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedOrigin(String);

/// An additional name or address of this machine, such as `hardcap` in a network of containers, or `host.docker.internal`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedHost(Host);

/// A text that is not a valid origin or host to trust. The message says what is wrong and what to write.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidTrust(String);

/// The host of a URL, without its port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Host {
    Address(IpAddr),
    /// In lower case, without a trailing dot.
    Name(String),
}

impl Host {
    /// Parses a `Host` header, or the authority of a URL; `None` if it is neither a name nor an address.
    pub(super) fn read(text: &str) -> Option<Host> {
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (address, port) = rest.split_once(']')?;
                let address = address.parse::<Ipv6Addr>().ok()?.to_canonical();
                (Host::Address(address), port.strip_prefix(':').unwrap_or(port))
            }
            None => {
                let (name, port) = text.split_once(':').unwrap_or((text, ""));
                (Host::name(name)?, port)
            }
        };
        port.bytes().all(|byte| byte.is_ascii_digit()).then_some(host)
    }

    fn name(text: &str) -> Option<Host> {
        if let Ok(address) = text.parse::<Ipv4Addr>() {
            return Some(Host::Address(address.into()));
        }
        let name = text.strip_suffix('.').unwrap_or(text);
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
        let is_name = !name.is_empty() && !name.starts_with('.') && name.bytes().all(is_part);
        is_name.then(|| Host::Name(name.to_ascii_lowercase()))
    }
}

impl FromStr for TrustedHost {
    type Err = InvalidTrust;

    fn from_str(text: &str) -> Result<TrustedHost, InvalidTrust> {
        let wrong = |what: &str| {
            Err(InvalidTrust(format!(
                "`{text}` is not a host: {what}; write a name or an address such as `hardcap` or `192.0.2.7`"
            )))
        };
        if text.contains(['*', '/', '@']) || text.contains("://") {
            return wrong("a host has no scheme, no path and no wildcard");
        }
        let bare = text.parse::<Ipv6Addr>().ok();
        let has_port =
            bare.is_none() && text.rsplit_once(':').is_some_and(|(_, port)| !port.ends_with(']'));
        let bare = bare.map(|address| Host::Address(address.to_canonical()));
        match bare.or_else(|| Host::read(text)) {
            Some(_) if has_port => wrong("a host has no port, because all of its ports are meant"),
            Some(Host::Address(address)) if address.is_unspecified() => {
                wrong("this is an address to listen on (--host), not an address that clients name")
            }
            Some(host) => Ok(TrustedHost(host)),
            None => wrong("it contains characters that are invalid in a name"),
        }
    }
}

impl FromStr for TrustedOrigin {
    type Err = InvalidTrust;

    fn from_str(text: &str) -> Result<TrustedOrigin, InvalidTrust> {
        let wrong = |what: &str| {
            InvalidTrust(format!(
                "`{text}` is not an origin that can be trusted: {what}; write SCHEME://HOST[:PORT], such as http://localhost:5173"
            ))
        };
        if text == "*" {
            return Err(wrong("it would let every web page run code on this machine"));
        }
        if text == "null" {
            return Err(wrong("any web page can open a sandboxed page, whose origin is `null`"));
        }
        let (scheme, rest) = text.split_once("://").ok_or_else(|| wrong("it has no scheme"))?;
        let is_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
        if !is_scheme {
            return Err(wrong("its scheme is invalid"));
        }
        if rest.contains(['/', '?', '#', '@']) {
            return Err(wrong("an origin has no path, no query and no user"));
        }
        let scheme = scheme.to_ascii_lowercase();
        let host =
            Host::read(rest).ok_or_else(|| wrong("its host is neither a name nor an address"))?;
        let port = rest.rsplit_once(':').map(|(_, port)| port).filter(|port| !port.ends_with(']'));
        let port = match port.map(str::parse::<u16>) {
            None => String::new(),
            Some(Ok(80)) if scheme == "http" => String::new(),
            Some(Ok(443)) if scheme == "https" => String::new(),
            Some(Ok(port)) => format!(":{port}"),
            Some(Err(_)) => return Err(wrong("its port is not a number from 0 to 65535")),
        };
        Ok(TrustedOrigin(format!("{scheme}://{host}{port}")))
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
            Host::Address(address) => write!(f, "{address}"),
            Host::Name(name) => f.write_str(name),
        }
    }
}

impl fmt::Display for TrustedOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for TrustedHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// The trusted hosts and origins of a run: the listening address and the configured ones.
#[derive(Clone, Debug)]
pub struct Trust {
    bound: IpAddr,
    region: String,
    hosts: Vec<TrustedHost>,
    origins: Vec<TrustedOrigin>,
    page_token: String,
}

impl Trust {
    /// The trust of a run that listens on `bound`, with a new token for its live page.
    pub fn new(
        bound: IpAddr,
        region: &str,
        hosts: &[TrustedHost],
        origins: &[TrustedOrigin],
    ) -> Trust {
        Trust {
            bound,
            region: region.to_owned(),
            hosts: hosts.to_vec(),
            origins: origins.to_vec(),
            page_token: uuid::Uuid::new_v4().simple().to_string(),
        }
    }

    /// The secret token in the live page. Other pages cannot read it.
    pub fn page_token(&self) -> &str {
        &self.page_token
    }

    pub(super) fn trusts(&self, origin: &str) -> bool {
        self.origins.iter().any(|trusted| trusted.0 == origin)
    }

    /// Whether a host is this machine. Names below `localhost` always resolve to loopback (RFC 6761). An address is not
    /// resolved, so a page cannot rebind it. A listener beyond loopback accepts any address, because clients may reach it
    /// through a forwarded port.
    pub(super) fn is_this_machine(&self, host: &Host) -> bool {
        let named = self.hosts.iter().any(|trusted| trusted.0 == *host);
        named
            || match host {
                Host::Address(address) => {
                    let is_forwarded = !self.bound.is_loopback();
                    !address.is_unspecified()
                        && (address.is_loopback() || *address == self.bound || is_forwarded)
                }
                Host::Name(name) => is_within(name, "localhost"),
            }
    }

    /// Whether a host is a name of S3 at AWS. Only AWS owns such names, so a client that was redirected here may still send
    /// one.
    pub(super) fn is_aws_s3(&self, host: &Host) -> bool {
        let regional = format!("s3.{}.amazonaws.com", self.region);
        match host {
            Host::Name(name) => is_within(name, "s3.amazonaws.com") || is_within(name, &regional),
            Host::Address(_) => false,
        }
    }
}

impl Default for Trust {
    fn default() -> Trust {
        Trust::new(Ipv4Addr::LOCALHOST.into(), crate::account::DEFAULT_REGION, &[], &[])
    }
}

fn is_within(name: &str, domain: &str) -> bool {
    name.strip_suffix(domain).is_some_and(|below| below.is_empty() || below.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_kept_as_browsers_send_it() {
        for (text, kept) in [
            ("http://localhost:5173", "http://localhost:5173"),
            ("HTTPS://App.Example:443", "https://app.example"),
            ("http://app.example:80", "http://app.example"),
            ("http://app.example:443", "http://app.example:443"),
            ("http://[::1]:3000", "http://[::1]:3000"),
            ("http://127.0.0.1:3000", "http://127.0.0.1:3000"),
            ("chrome-extension://abcdefghijklmnop", "chrome-extension://abcdefghijklmnop"),
        ] {
            assert_eq!(text.parse::<TrustedOrigin>().map(|it| it.to_string()).as_deref(), Ok(kept));
        }
    }

    #[test]
    fn an_origin_that_matches_every_page_or_no_page_is_an_error() {
        for (text, said) in [
            ("*", "it would let every web page run code"),
            ("null", "sandboxed"),
            ("", "no scheme"),
            ("localhost:5173", "no scheme"),
            ("http://", "neither a name nor an address"),
            ("file://", "neither a name nor an address"),
            ("http://*.example", "neither a name nor an address"),
            ("http://app.example/", "no path"),
            ("http://app.example?x", "no path"),
            ("http://me@app.example", "no user"),
            ("http://app.example:port", "neither a name nor an address"),
            ("http://app.example:65536", "not a number from 0 to 65535"),
            ("http://app.example:", "not a number from 0 to 65535"),
            ("http://a.example http://b.example", "no path"),
            ("1http://app.example", "its scheme is invalid"),
            ("http://\u{fc}.example", "neither a name nor an address"),
        ] {
            let error = text.parse::<TrustedOrigin>().unwrap_err().to_string();
            assert!(error.contains(said) && error.contains("such as"), "{text}: {error}");
        }
    }

    #[test]
    fn a_host_is_only_a_name_or_an_address() {
        for (text, kept) in [
            ("hardcap", "hardcap"),
            ("Host.Docker.Internal.", "host.docker.internal"),
            ("my_service", "my_service"),
            ("192.0.2.7", "192.0.2.7"),
            ("fd00::2", "[fd00::2]"),
            ("[fd00::2]", "[fd00::2]"),
        ] {
            assert_eq!(text.parse::<TrustedHost>().map(|it| it.to_string()).as_deref(), Ok(kept));
        }
        for (text, said) in [
            ("", "characters"),
            ("*", "no wildcard"),
            ("*.example", "no wildcard"),
            ("http://hardcap", "no scheme"),
            ("hardcap/", "no path"),
            ("hardcap:4566", "no port"),
            ("[fd00::2]:4566", "no port"),
            ("0.0.0.0", "--host"),
            ("::", "--host"),
            ("a b", "characters"),
            (".example", "characters"),
        ] {
            let error = text.parse::<TrustedHost>().unwrap_err().to_string();
            assert!(error.contains(said) && error.contains("such as"), "{text}: {error}");
        }
    }
}
