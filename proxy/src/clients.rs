//! The clients that follow a redirect, as data.
//!
//! If a client treats a 303 as success without following it, a search finds nothing and raises no exception. This is worse than
//! an error. Therefore the proxy redirects only clients that are known to follow (`clients.txt`, preceded by the rows of the
//! variable `OVERFLOW_CLIENTS`). An unknown client gets a status between 400 and 499: no client treats it as success, and none
//! repeats the request by itself, as the clients of Elasticsearch do after a 502.

use std::cmp::Ordering;

use crate::event::Request;
use crate::glob;

const BUILT_IN: &str = include_str!("clients.txt");
/// The longest part of a client's name that an error repeats, in bytes.
const NAME_MAX: usize = 100;

/// A row that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not a row: {fault}; a row is like `redirect user-agent my-tool/* *` or `refuse user-agent other/* 2..3.4`"
)]
pub struct ClientRowError {
    /// The row.
    text: String,
    fault: ClientRowFault,
}

/// The error of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum ClientRowFault {
    #[error("it does not have four words")]
    Words,
    #[error("it begins with neither `redirect` nor `refuse`")]
    Action,
    #[error("its second word is not the name of a header")]
    Header,
    #[error("its versions are neither `*` nor like `7`, `7..8.4`, `7..` or `..8`")]
    Versions,
}

/// The rows in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clients {
    /// The configured rows come first.
    rows: Vec<Row>,
}

/// One row: a client and whether it follows.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Row {
    redirects: bool,
    /// In lower case.
    header: String,
    value: String,
    versions: Versions,
}

/// A range of versions, inclusive at both ends; `8` includes 8.19.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Versions {
    from: Option<Vec<u64>>,
    to: Option<Vec<u64>>,
}

impl Clients {
    /// Reads configured rows, separated by `;` or line breaks, and appends the built-in ones.
    ///
    /// # Errors
    ///
    /// The first row that cannot be read, and why.
    pub fn read(text: &str) -> Result<Clients, ClientRowError> {
        let rows = parse(text).chain(parse(BUILT_IN));
        Ok(Clients { rows: rows.collect::<Result<_, _>>()? })
    }

    /// Whether the client of a request is known to follow a 303.
    #[must_use]
    pub fn follows(&self, request: &Request) -> bool {
        let row = self.rows.iter().find(|row| {
            let lines = request.headers.iter();
            let mut values = lines
                .filter(|(name, _)| name.eq_ignore_ascii_case(&row.header))
                .map(|(_, value)| value.trim());
            values.any(|value| row.is_of(value))
        });
        row.is_some_and(|row| row.redirects)
    }
}

impl Default for Clients {
    fn default() -> Clients {
        Clients::read("").expect("the built-in rows are rows")
    }
}

/// The client's `User-Agent`, for errors about this client.
#[must_use]
pub fn name_of(request: &Request) -> Option<String> {
    let name = request.header("user-agent").map(str::trim).filter(|name| !name.is_empty())?;
    let plain = name.chars().map(|it| if it.is_ascii_graphic() || it == ' ' { it } else { '?' });
    Some(plain.take(NAME_MAX).collect())
}

impl Row {
    fn is_of(&self, value: &str) -> bool {
        if !glob::matches(&self.value, value) {
            return false;
        }
        let before = self.value.find('*').unwrap_or(self.value.len());
        self.versions.hold(value.get(before..).unwrap_or_default())
    }
}

impl Versions {
    fn read(text: &str) -> Option<Versions> {
        if text == "*" {
            return Some(Versions::default());
        }
        let (from, to) = text.split_once("..").unwrap_or((text, text));
        let bound = |text: &str| match text {
            "" => Some(None),
            text => text.split('.').map(|part| part.parse().ok()).collect::<Option<_>>().map(Some),
        };
        let versions = Versions { from: bound(from)?, to: bound(to)? };
        (versions != Versions::default()).then_some(versions)
    }

    /// Whether the version at the start of a text is in the range. Without bounds, every text is.
    fn hold(&self, text: &str) -> bool {
        if *self == Versions::default() {
            return true;
        }
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let version: Option<Vec<u64>> =
            text[..end].trim_end_matches('.').split('.').map(|part| part.parse().ok()).collect();
        let Some(version) = version else {
            return false;
        };
        let to_bound = |bound: &Vec<u64>| {
            let mut version = version.clone();
            version.resize(version.len().max(bound.len()), 0);
            version[..bound.len()].cmp(bound)
        };
        self.from.as_ref().is_none_or(|from| to_bound(from) != Ordering::Less)
            && self.to.as_ref().is_none_or(|to| to_bound(to) != Ordering::Greater)
    }
}

fn parse(text: &str) -> impl Iterator<Item = Result<Row, ClientRowError>> {
    let lines = text.lines().map(|line| format!(" {line}"));
    let code = lines.map(|line| line.split(" #").next().unwrap_or_default().to_owned());
    let rows = code.flat_map(|line| line.split(';').map(str::to_owned).collect::<Vec<_>>());
    rows.filter(|text| !text.trim().is_empty()).map(|text| row(text.trim()))
}

fn row(text: &str) -> Result<Row, ClientRowError> {
    let wrong = |fault| ClientRowError { text: text.to_owned(), fault };
    // A space within a value is written `\ `.
    let plain = text.replace("\\ ", "\0");
    let words: Vec<String> = plain.split_whitespace().map(|word| word.replace('\0', " ")).collect();
    let [effect, header, value, versions] = words.as_slice() else {
        return Err(wrong(ClientRowFault::Words));
    };
    let redirects = match effect.as_str() {
        "redirect" => true,
        "refuse" => false,
        _ => return Err(wrong(ClientRowFault::Action)),
    };
    http::HeaderName::from_bytes(header.as_bytes()).map_err(|_| wrong(ClientRowFault::Header))?;
    let versions = Versions::read(versions).ok_or_else(|| wrong(ClientRowFault::Versions))?;
    Ok(Row { redirects, header: header.to_ascii_lowercase(), value: value.clone(), versions })
}

#[cfg(test)]
mod tests;
