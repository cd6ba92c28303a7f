//! Addresses of all listeners. They are known only after the ports are bound, so configuration refers to them by placeholders.
//!
//! A value of a function's environment may contain these placeholders. They are replaced when the emulator listens:
//!
//! | placeholder | becomes |
//! | --- | --- |
//! | `${hardcap:aws}` | the AWS endpoint, `http://127.0.0.1:4566` |
//! | `${hardcap:control}` | the control surface, `http://127.0.0.1:4566/_hardcap` |
//! | `${hardcap:api:LogicalId}` | an API with its stage, `http://127.0.0.1:3000/prod` |
//! | `${hardcap:origin:LogicalId}` | an API without its stage: scheme, host and port |
//! | `${hardcap:url:LogicalId}` | a function URL |
//! | `${companions.NAME.url}` | a companion service, `http://127.0.0.1:PORT` |
//! | `${companions.NAME.port}` | its port |

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use indexmap::IndexMap;

/// The addresses of all listeners. URLs have no trailing slash. An unknown address is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Addresses {
    /// The AWS APIs: the value of `AWS_ENDPOINT_URL`.
    pub aws: String,
    /// The control surface.
    pub control: String,
    /// Each API by logical id, with its stage.
    pub apis: IndexMap<String, String>,
    /// Each function URL by logical id.
    pub function_urls: IndexMap<String, String>,
    /// Each companion service by name. The emulator itself has none.
    pub companions: IndexMap<String, String>,
}

impl Addresses {
    /// Replaces every known placeholder in a text. Unknown placeholders stay unchanged.
    #[must_use]
    pub fn fill(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(start) = rest.find("${") {
            let (before, placeholder) = rest.split_at(start);
            out.push_str(before);
            let Some(end) = placeholder.find('}') else {
                rest = placeholder;
                break;
            };
            match self.find(&placeholder[2..end]) {
                Some(value) => out.push_str(value),
                None => out.push_str(&placeholder[..=end]),
            }
            rest = &placeholder[end + 1..];
        }
        out.push_str(rest);
        out
    }

    fn find(&self, name: &str) -> Option<&str> {
        let found = if let Some(companion) = name.strip_prefix("companions.") {
            let (companion, what) = companion.rsplit_once('.')?;
            let url = self.companions.get(companion)?;
            match what {
                "url" => url,
                "port" => url.rsplit_once(':')?.1,
                _ => return None,
            }
        } else {
            let name = name.strip_prefix("hardcap:")?;
            match name.split_once(':').unwrap_or((name, "")) {
                ("aws", "") => &self.aws,
                ("control", "") => &self.control,
                ("api", logical_id) => self.apis.get(logical_id)?,
                ("origin", logical_id) => origin(self.apis.get(logical_id)?),
                ("url", logical_id) => self.function_urls.get(logical_id)?,
                _ => return None,
            }
        };
        (!found.is_empty()).then(|| found.trim_end_matches('/'))
    }
}

/// Scheme, host and port of a URL.
fn origin(url: &str) -> &str {
    let host = url.find("://").map_or(0, |at| at + 3);
    let end = url[host..].find('/').map_or(url.len(), |at| host + at);
    &url[..end]
}

/// The address at which this machine, and every function on it, reaches a listener: loopback for a listener on all addresses.
pub fn reachable(bound: SocketAddr) -> SocketAddr {
    let host = match bound.ip() {
        IpAddr::V4(host) if host.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(host) if host.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        host => host,
    };
    SocketAddr::new(host, bound.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses() -> Addresses {
        Addresses {
            aws: "http://127.0.0.1:4566".to_owned(),
            apis: IndexMap::from([("Api".to_owned(), "http://127.0.0.1:3000/prod".to_owned())]),
            function_urls: IndexMap::from([(
                "FnUrl".to_owned(),
                "http://127.0.0.1:3001/".to_owned(),
            )]),
            control: "http://127.0.0.1:4566/_hardcap".to_owned(),
            companions: IndexMap::from([("search".to_owned(), "http://127.0.0.1:9200".to_owned())]),
        }
    }

    #[test]
    fn placeholders_are_replaced_at_any_position() {
        for (text, filled) in [
            ("${hardcap:api:Api}/items", "http://127.0.0.1:3000/prod/items"),
            ("${hardcap:origin:Api}/dev", "http://127.0.0.1:3000/dev"),
            (
                "a ${hardcap:aws} b ${hardcap:control}",
                "a http://127.0.0.1:4566 b http://127.0.0.1:4566/_hardcap",
            ),
            ("${hardcap:url:FnUrl}/", "http://127.0.0.1:3001/"),
            ("${companions.search.url}|${companions.search.port}", "http://127.0.0.1:9200|9200"),
        ] {
            assert_eq!(addresses().fill(text), filled, "{text}");
        }
    }

    #[test]
    fn a_placeholder_of_an_unknown_address_stays() {
        let companions = addresses().companions;
        let addresses = Addresses { companions, ..Addresses::default() };
        assert_eq!(
            addresses.fill("${companions.search.url} ${hardcap:aws}"),
            "http://127.0.0.1:9200 ${hardcap:aws}"
        );
    }

    #[test]
    fn text_without_placeholders_is_unchanged() {
        for text in [
            "",
            "plain",
            "${HOME}",
            "${hardcap:api:None}",
            "${",
            "a ${hardcap:aws",
            "${companions.x.url}",
            "$}{",
        ] {
            assert_eq!(addresses().fill(text), text);
        }
    }
}
