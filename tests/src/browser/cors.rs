//! The CORS protocol (Fetch, 3.3), each rule under the name that the standard gives it.

use std::collections::BTreeSet;

use http::Method;

use super::{Credentials, origin};
use crate::client::{Answer, Call};

/// How much of an answer a script may see (2.2.5, response tainting).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tainting {
    /// Everything but cookies.
    Basic,
    /// What the server permits.
    Cors,
    /// Nothing.
    Opaque,
}

/// *Serializing a request origin* (2.2.5): the page's, or `null` once a redirect has led from one foreign origin to another.
#[must_use]
pub fn serialized_origin(page: &str, urls: &[String]) -> String {
    let origins: Vec<String> = urls.iter().filter_map(|url| origin(url)).collect();
    // *Redirect-taint*: the origin that redirected was not the page's own.
    let tainted = origins.windows(2).any(|pair| pair[0] != pair[1] && pair[0] != page);
    if tainted { "null".to_owned() } else { page.to_owned() }
}

/// *CORS check* (4.10).
///
/// # Errors
///
/// What is missing, in words.
pub fn check(answer: &Answer, origin: &str, credentials: Credentials) -> Result<(), String> {
    let status = answer.status;
    let Some(allowed) = combined(answer, "access-control-allow-origin") else {
        return Err(format!("no Access-Control-Allow-Origin (status {status})"));
    };
    let with_credentials = credentials == Credentials::Include;
    if allowed == "*" && !with_credentials {
        return Ok(());
    }
    if allowed != origin {
        return Err(format!("Access-Control-Allow-Origin is {allowed:?}, not {origin:?}"));
    }
    if !with_credentials || answer.header("access-control-allow-credentials") == Some("true") {
        return Ok(());
    }
    Err("Access-Control-Allow-Credentials is not true".to_owned())
}

/// The headers that a script may see (2.2.6, *basic* and *CORS filtered response*), names in lower case.
#[must_use]
pub fn visible_headers(
    answer: &Answer,
    tainting: Tainting,
    credentials: Credentials,
) -> Vec<(String, String)> {
    const SAFE: [&str; 7] = [
        "cache-control",
        "content-language",
        "content-length",
        "content-type",
        "expires",
        "last-modified",
        "pragma",
    ];
    let exposed = names(answer, "access-control-expose-headers");
    let all = exposed.contains("*") && credentials != Credentials::Include;
    let may = |name: &str| match tainting {
        Tainting::Basic => true,
        Tainting::Cors => all || SAFE.contains(&name) || exposed.contains(name),
        Tainting::Opaque => false,
    };
    let lines = answer.headers.iter().filter(|(name, _)| {
        !matches!(name.as_str(), "set-cookie" | "set-cookie2") && may(name.as_str())
    });
    lines
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into()))
        .collect()
}

/// *CORS-safelisted method* (2.2.1).
#[must_use]
pub fn is_safelisted_method(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::POST)
}

/// *CORS-unsafe request-header names* (2.2.2): lower case, sorted.
#[must_use]
pub fn unsafe_header_names(headers: &[(String, Vec<u8>)]) -> BTreeSet<String> {
    const SAFE_BYTES: usize = 1024;
    let safe = |(name, value): &&(String, Vec<u8>)| is_safelisted_header(name, value);
    let lower = |(name, _): &(String, Vec<u8>)| name.to_ascii_lowercase();
    let bytes: usize = headers.iter().filter(safe).map(|(_, value)| value.len()).sum();
    let counted = headers.iter().filter(|line| bytes > SAFE_BYTES || !safe(line));
    counted.map(lower).collect()
}

/// *CORS-safelisted request-header* (2.2.2).
fn is_safelisted_header(name: &str, value: &[u8]) -> bool {
    const LONGEST: usize = 128;
    let plain = !value.iter().any(|byte| is_unsafe_byte(*byte));
    let text = String::from_utf8_lossy(value);
    value.len() <= LONGEST
        && match name.to_ascii_lowercase().as_str() {
            "accept" => plain,
            "accept-language" | "content-language" => {
                value.iter().all(|byte| byte.is_ascii_alphanumeric() || b" *,-.;=".contains(byte))
            }
            "content-type" => {
                let essence =
                    text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
                let essences =
                    ["application/x-www-form-urlencoded", "multipart/form-data", "text/plain"];
                plain && essences.contains(&essence.as_str())
            }
            "range" => is_simple_range(&text),
            _ => false,
        }
}

/// `bytes=N-` or `bytes=N-M`.
fn is_simple_range(value: &str) -> bool {
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let range = value.strip_prefix("bytes=").and_then(|range| range.split_once('-'));
    range.is_some_and(|(from, to)| number(from) && (to.is_empty() || number(to)))
}

fn is_unsafe_byte(byte: u8) -> bool {
    (byte < 0x20 && byte != b'\t') || b"\"():<>?@[\\]{}\x7f".contains(&byte)
}

/// A request that a server has to be asked about first.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    pub(super) origin: &'a str,
    pub(super) call: &'a Call,
    pub(super) credentials: Credentials,
    pub(super) unsafe_names: &'a BTreeSet<String>,
}

/// What a preflight permitted.
#[derive(Debug)]
pub(super) struct Granted {
    methods: BTreeSet<String>,
    headers: BTreeSet<String>,
    max_age: u64,
}

impl Asked<'_> {
    /// The *CORS-preflight request* (4.8, steps 1 to 6): it never carries credentials.
    pub(super) fn preflight(&self) -> Call {
        let call = Call::new(Method::OPTIONS, &self.call.url)
            .header("accept", "*/*")
            .header("access-control-request-method", self.call.method.as_str());
        let names: Vec<&str> = self.unsafe_names.iter().map(String::as_str).collect();
        let call = match names.as_slice() {
            [] => call,
            names => call.header("access-control-request-headers", names.join(",")),
        };
        call.header("origin", self.origin).header("sec-fetch-mode", "cors")
    }

    /// What the answer to the preflight permits (4.8, step 7), for at most `longest` seconds.
    pub(super) fn granted(&self, answer: &Answer, longest: u64) -> Result<Granted, String> {
        check(answer, self.origin, self.credentials)?;
        if !answer.status.is_success() {
            return Err(format!("status {}", answer.status));
        }
        let plain = self.credentials != Credentials::Include;
        let methods = listed(answer, "access-control-allow-methods");
        let headers = names(answer, "access-control-allow-headers");
        let method = self.call.method.as_str();
        let method_granted = is_safelisted_method(&self.call.method)
            || methods.contains(method)
            || (plain && methods.contains("*"));
        if !method_granted {
            return Err(format!("Access-Control-Allow-Methods does not list {method}"));
        }
        for name in self.unsafe_names {
            // A wildcard never stands for `Authorization` (*CORS non-wildcard request-header name*).
            let wildcard = plain && headers.contains("*") && name != "authorization";
            if !wildcard && !headers.contains(name) {
                return Err(format!("Access-Control-Allow-Headers does not list {name}"));
            }
        }
        let max_age = answer.header("access-control-max-age").and_then(|text| text.parse().ok());
        Ok(Granted { methods, headers, max_age: max_age.unwrap_or(5).min(longest) })
    }
}

/// The *CORS-preflight cache* (4.9).
#[derive(Debug, Default)]
pub(super) struct Grants {
    now: u64,
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    origin: String,
    url: String,
    credentials: bool,
    until: u64,
    granted: Granted,
}

impl Grants {
    /// Lets time pass.
    pub(super) fn wait(&mut self, seconds: u64) {
        self.now += seconds;
        let now = self.now;
        self.entries.retain(|entry| now < entry.until);
    }

    /// Whether nothing has to be asked: every method and every name is covered by some entry.
    pub(super) fn cover(&self, asked: &Asked<'_>) -> bool {
        let include = asked.credentials == Credentials::Include;
        let of_request = |entry: &&Entry| entry.is_about(asked) && (entry.credentials || !include);
        let entries: Vec<&Entry> = self.entries.iter().filter(of_request).collect();
        let has = |set: fn(&Granted) -> &BTreeSet<String>, name: &str| {
            entries.iter().any(|entry| set(&entry.granted).contains(name))
        };
        let method = asked.call.method.as_str();
        let method_covered = is_safelisted_method(&asked.call.method)
            || has(|granted| &granted.methods, method)
            || has(|granted| &granted.methods, "*");
        let covered = |name: &String| {
            let wildcard = name != "authorization" && has(|granted| &granted.headers, "*");
            wildcard || has(|granted| &granted.headers, name)
        };
        method_covered && asked.unsafe_names.iter().all(covered)
    }

    /// Keeps what was permitted.
    pub(super) fn keep(&mut self, asked: &Asked<'_>, granted: Granted) {
        if granted.max_age == 0 {
            return;
        }
        self.entries.push(Entry {
            origin: asked.origin.to_owned(),
            url: asked.call.url.clone(),
            credentials: asked.credentials == Credentials::Include,
            until: self.now + granted.max_age,
            granted,
        });
    }

    /// *Clear cache entries*, after a preflight that failed.
    pub(super) fn forget(&mut self, asked: &Asked<'_>) {
        self.entries.retain(|entry| !entry.is_about(asked));
    }
}

impl Entry {
    fn is_about(&self, asked: &Asked<'_>) -> bool {
        self.origin == asked.origin && self.url == asked.call.url
    }
}

/// All values of a header, as *getting* (2.2.2) combines them.
fn combined(answer: &Answer, name: &str) -> Option<String> {
    let values = answer.headers.get_all(name).into_iter();
    let values: Vec<String> =
        values.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect();
    (!values.is_empty()).then(|| values.join(", "))
}

fn listed(answer: &Answer, name: &str) -> BTreeSet<String> {
    let value = combined(answer, name).unwrap_or_default();
    value.split(',').map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
}

fn names(answer: &Answer, name: &str) -> BTreeSet<String> {
    listed(answer, name).into_iter().map(|name| name.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests;
