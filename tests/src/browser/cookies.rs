//! Cookies, as far as one test lasts: by host, whatever the port (RFC 6265, 8.5), without paths and without ends but `Max-Age=0`.

use std::collections::BTreeMap;

use http::HeaderMap;

/// The cookies of every host.
#[derive(Debug, Default)]
pub(super) struct Cookies(BTreeMap<(String, String), String>);

impl Cookies {
    /// The `Cookie` header for a URL; `None` when there is none.
    pub(super) fn for_url(&self, url: &str) -> Option<String> {
        let host = host(url)?;
        let pairs = self.0.iter().filter(|((known, _), _)| *known == host);
        let pairs: Vec<String> =
            pairs.map(|((_, name), value)| format!("{name}={value}")).collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }

    /// Keeps what an answer sets.
    pub(super) fn keep(&mut self, url: &str, headers: &HeaderMap) {
        let Some(host) = host(url) else { return };
        for line in headers.get_all("set-cookie") {
            let line = String::from_utf8_lossy(line.as_bytes()).into_owned();
            let mut parts = line.split(';').map(str::trim);
            let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else {
                continue;
            };
            let key = (host.clone(), name.to_owned());
            if parts.any(|part| part.eq_ignore_ascii_case("max-age=0")) {
                self.0.remove(&key);
            } else {
                self.0.insert(key, value.to_owned());
            }
        }
    }
}

fn host(url: &str) -> Option<String> {
    let origin = super::origin(url)?;
    let authority = origin.split_once("://")?.1.to_owned();
    Some(authority.rsplit_once(':').map_or(authority.clone(), |(host, _)| host.to_owned()))
}
