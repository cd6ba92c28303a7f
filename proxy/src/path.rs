//! The path and query that are sent to the upstream: exactly the client's meaning, or a refusal.
//!
//! No later step changes a byte: the result is signed and sent. Paths that a signer, a proxy and a server would read differently
//! are refused, because such a difference could bypass the signature or the rules.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, percent_encode};

use crate::event::{ApiType, Query, Request};

/// The prefix of the proxy's own routes.
pub const OWN_PREFIX: &str = "/_proxy";

/// The bytes that are encoded in a name or a value: all but the unreserved ones of RFC 3986.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// The bytes that are encoded in a path: all but `pchar` of RFC 3986 and the slash.
const PATH: &AsciiSet = &RESERVED
    .remove(b'/')
    .remove(b'!')
    .remove(b'$')
    .remove(b'&')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=')
    .remove(b':')
    .remove(b'@');
/// The bytes that are encoded in a path whose escapes are kept.
const RAW_PATH: &AsciiSet = &PATH.remove(b'%');

/// Path and query, encoded, as they are sent in the request line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The path, which begins with `/`.
    pub path: String,
    /// The query, without `?`.
    pub query: Option<String>,
}

impl Target {
    /// Reads the target of a request.
    ///
    /// # Errors
    ///
    /// [`BadTarget`] if the target is ambiguous or malformed.
    pub fn of(request: &Request) -> Result<Target, BadTarget> {
        let path = canonical_path(&request.path, request.api)?;
        Ok(Target { path, query: canonical_query(&request.query)? })
    }

    /// The part after [`OWN_PREFIX`], if the path is the proxy's own in any spelling.
    #[must_use]
    pub fn own_route(&self) -> Option<String> {
        let decoded = String::from_utf8_lossy(&decode(self.path.as_bytes())).into_owned();
        let rest = decoded.strip_prefix(OWN_PREFIX)?;
        (rest.is_empty() || rest.starts_with('/')).then(|| rest.to_owned())
    }

    /// `path?query`.
    #[must_use]
    pub fn path_and_query(&self) -> String {
        match &self.query {
            Some(query) => format!("{}?{query}", self.path),
            None => self.path.clone(),
        }
    }
}

/// Why a path or a query is not sent to the upstream.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadTarget {
    /// The path does not begin with `/`.
    #[error("the path must begin with `/`")]
    NotAbsolute,
    /// A segment `.` or `..`, raw or encoded.
    #[error("the path contains a `.` or `..` segment; send the resolved path")]
    DotSegment,
    /// An empty segment, `//`.
    #[error(
        "the path contains an empty segment (`//`), which signers and servers read differently"
    )]
    EmptySegment,
    /// A backslash, `#`, or a control character.
    #[error("the path contains {0}, which is not allowed in a path")]
    Forbidden(&'static str),
    /// A `%` without two hexadecimal digits.
    #[error("the {0} contains a `%` without two hexadecimal digits")]
    BrokenEscape(&'static str),
    /// Escaped bytes that are not UTF-8.
    #[error("the query contains percent-encoded bytes that are not UTF-8")]
    QueryNotUtf8,
    /// The gateway decoded the path, so that it has more than one encoding.
    #[error(
        "this kind of API decodes paths, so {0} cannot be distinguished from its encoded form; use a REST API, \
        which keeps paths as they are sent"
    )]
    Ambiguous(&'static str),
}

fn canonical_path(raw: &str, api: ApiType) -> Result<String, BadTarget> {
    let raw = if raw.is_empty() { "/" } else { raw };
    if !raw.starts_with('/') {
        return Err(BadTarget::NotAbsolute);
    }
    let path = if api.decodes_path() { reencode(raw)? } else { complete_escapes(raw)? };
    check_characters(raw)?;
    check_characters(&String::from_utf8_lossy(&decode(path.as_bytes())))?;
    if raw.contains('#') {
        return Err(BadTarget::Forbidden("`#`"));
    }
    if raw.contains("//") {
        return Err(BadTarget::EmptySegment);
    }
    if has_dot_segment(path.as_bytes()) {
        return Err(BadTarget::DotSegment);
    }
    Ok(path)
}

/// Checks the path as it is, decoded once, and decoded twice, because a server behind the upstream may decode again.
fn has_dot_segment(path: &[u8]) -> bool {
    let once = decode(path);
    let twice = decode(&once);
    [path, &once, &twice].into_iter().any(|form| {
        form.split(|byte| *byte == b'/' || *byte == b'\\').any(|segment| {
            // Some servers remove parameters from a segment before they compare it.
            let name = segment.split(|byte| *byte == b';').next().unwrap_or_default();
            name == b"." || name == b".."
        })
    })
}

fn check_characters(text: &str) -> Result<(), BadTarget> {
    if text.contains('\\') {
        return Err(BadTarget::Forbidden("a backslash"));
    }
    if text.contains('\0') {
        return Err(BadTarget::Forbidden("a NUL"));
    }
    if text.bytes().any(|byte| byte.is_ascii_control()) {
        return Err(BadTarget::Forbidden("a control character"));
    }
    Ok(())
}

/// A path as the client sent it: escapes are checked, and bytes that a request line cannot contain are encoded.
fn complete_escapes(raw: &str) -> Result<String, BadTarget> {
    if broken_escape(raw.as_bytes()) {
        return Err(BadTarget::BrokenEscape("path"));
    }
    Ok(percent_encode(raw.as_bytes(), RAW_PATH).to_string())
}

/// A path that the gateway decoded: encoded again, if it has only one encoding.
fn reencode(decoded: &str) -> Result<String, BadTarget> {
    let bytes = decoded.as_bytes();
    if (0..bytes.len()).any(|at| is_escape(&bytes[at..])) {
        return Err(BadTarget::Ambiguous("a `%` with two hexadecimal digits"));
    }
    if slash_in_date_math(decoded) {
        return Err(BadTarget::Ambiguous("a `/` within `<…>` or `{…}`"));
    }
    Ok(percent_encode(bytes, PATH).to_string())
}

/// Whether a slash stands in date math: `<logs-{now/d}>` is one segment whose slash was sent as `%2F`.
fn slash_in_date_math(path: &str) -> bool {
    let mut depth = 0_u32;
    for character in path.chars() {
        match character {
            '<' | '{' => depth += 1,
            '>' | '}' => depth = depth.saturating_sub(1),
            '/' if depth > 0 => return true,
            _ => {}
        }
    }
    false
}

fn canonical_query(query: &Query) -> Result<Option<String>, BadTarget> {
    let parts: Vec<String> = match query {
        Query::Raw(raw) => {
            let parts = raw.split('&').filter(|part| !part.is_empty());
            parts.map(canonical_parameter).collect::<Result<_, _>>()?
        }
        Query::Decoded(pairs) => pairs
            .iter()
            .map(|(name, value)| format!("{}={}", encode_query(name), encode_query(value)))
            .collect(),
    };
    Ok((!parts.is_empty()).then(|| parts.join("&")))
}

fn canonical_parameter(part: &str) -> Result<String, BadTarget> {
    match part.split_once('=') {
        Some((name, value)) => Ok(format!("{}={}", respell(name)?, respell(value)?)),
        None => respell(part),
    }
}

/// The canonical encoding of a name or value, as signers use it: `+` is a space.
fn respell(text: &str) -> Result<String, BadTarget> {
    if broken_escape(text.as_bytes()) {
        return Err(BadTarget::BrokenEscape("query"));
    }
    let decoded = decode(text.replace('+', " ").as_bytes());
    let decoded = String::from_utf8(decoded).map_err(|_| BadTarget::QueryNotUtf8)?;
    Ok(encode_query(&decoded))
}

fn encode_query(text: &str) -> String {
    percent_encode(text.as_bytes(), RESERVED).to_string()
}

fn broken_escape(bytes: &[u8]) -> bool {
    bytes.iter().enumerate().any(|(at, byte)| *byte == b'%' && !is_escape(&bytes[at..]))
}

/// Whether bytes begin with `%` and two hexadecimal digits.
fn is_escape(bytes: &[u8]) -> bool {
    matches!(bytes, [b'%', high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit())
}

/// Decodes every `%XX`; any other `%` stays.
pub(crate) fn decode(bytes: &[u8]) -> Vec<u8> {
    percent_decode(bytes).collect()
}

/// A text, encoded as one segment of a path.
pub(crate) fn encode_segment(text: &str) -> String {
    encode_query(text)
}

#[cfg(test)]
mod tests;
