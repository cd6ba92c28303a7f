//! The path and query that go upstream: exactly what the client meant, or a refusal.
//!
//! Nothing after this module changes a byte: what it returns is signed and sent. Paths that a signer, a proxy and a
//! server would read differently are refused, for such a difference is how one gets past a signature.

use crate::event::{FrontDoor, Query, Request};

/// Everything under this path is the proxy's own.
pub const OWN_PREFIX: &str = "/_proxy";

/// Path and query, encoded, as they stand in the request line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Begins with `/`.
    pub path: String,
    /// Without the `?`.
    pub query: Option<String>,
}

impl Target {
    /// Reads the target of a request.
    ///
    /// # Errors
    ///
    /// [`BadTarget`] when two readers could understand it differently.
    pub fn of(request: &Request) -> Result<Target, BadTarget> {
        let path = canonical_path(&request.path, request.door)?;
        Ok(Target { path, query: canonical_query(&request.query)? })
    }

    /// The part after [`OWN_PREFIX`] when the path is the proxy's own, in any spelling.
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

/// Why a path or a query is not sent upstream.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadTarget {
    /// No `/` at the start: a URL, or garbage.
    #[error("the path has to begin with `/`")]
    NotAbsolute,
    /// `.` or `..`, raw or encoded.
    #[error("the path holds a `.` or `..` segment; send the path it stands for")]
    DotSegment,
    /// `//`.
    #[error(
        "the path holds an empty segment (`//`), which a signature and a server read differently"
    )]
    EmptySegment,
    /// Backslash, `#`, or a control character.
    #[error("the path holds {0}, which cannot be part of a path")]
    Forbidden(&'static str),
    /// `%` without two hexadecimal digits.
    #[error("the {0} holds a `%` that two hexadecimal digits do not follow")]
    BrokenEscape(&'static str),
    /// Escapes that are not UTF-8.
    #[error("the query holds percent-encoded bytes that are not UTF-8")]
    QueryNotUtf8,
    /// The gateway decoded the path and its meaning is lost.
    #[error(
        "this front door decodes paths, and {0} cannot be told from its encoded form any more; \
         a REST API keeps paths as they are sent"
    )]
    Ambiguous(&'static str),
}

fn canonical_path(raw: &str, door: FrontDoor) -> Result<String, BadTarget> {
    let raw = if raw.is_empty() { "/" } else { raw };
    if !raw.starts_with('/') {
        return Err(BadTarget::NotAbsolute);
    }
    let path = if door.decodes_path() { reencode(raw)? } else { complete_escapes(raw)? };
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

/// Looks at the path as it is, once decoded and twice decoded: a server behind the upstream may decode again.
fn has_dot_segment(path: &[u8]) -> bool {
    let once = decode(path);
    let twice = decode(&once);
    [path, &once, &twice].into_iter().any(|form| {
        form.split(|byte| *byte == b'/' || *byte == b'\\').any(|segment| {
            // Some servers cut parameters off a segment before they compare it.
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

/// A path that came as it was sent: its escapes are checked, and bytes that no request line may hold are encoded.
fn complete_escapes(raw: &str) -> Result<String, BadTarget> {
    if broken_escape(raw.as_bytes()) {
        return Err(BadTarget::BrokenEscape("path"));
    }
    Ok(encode(raw.as_bytes(), |byte| byte == b'%' || in_path(byte)))
}

/// A path that the gateway decoded: encoded again where that has one meaning only.
fn reencode(decoded: &str) -> Result<String, BadTarget> {
    let bytes = decoded.as_bytes();
    let escaped = (0..bytes.len()).any(|at| escaped_byte(&bytes[at..]).is_some());
    if escaped {
        return Err(BadTarget::Ambiguous("a `%` with two hexadecimal digits"));
    }
    if slash_in_date_math(decoded) {
        return Err(BadTarget::Ambiguous("a `/` within `<…>` or `{…}`"));
    }
    Ok(encode(bytes, in_path))
}

/// `<logs-{now/d}>` is one segment whose slash was `%2F` once.
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

/// The canonical encoding of a name or value, which is what a signer makes of it: `+` is a space.
fn respell(text: &str) -> Result<String, BadTarget> {
    if broken_escape(text.as_bytes()) {
        return Err(BadTarget::BrokenEscape("query"));
    }
    let decoded = decode(text.replace('+', " ").as_bytes());
    let decoded = String::from_utf8(decoded).map_err(|_| BadTarget::QueryNotUtf8)?;
    Ok(encode_query(&decoded))
}

fn encode_query(text: &str) -> String {
    encode(text.as_bytes(), is_unreserved)
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// `pchar` of RFC 3986, and the slash.
fn in_path(byte: u8) -> bool {
    is_unreserved(byte) || b"/!$&'()*+,;=:@".contains(&byte)
}

fn broken_escape(bytes: &[u8]) -> bool {
    bytes.iter().enumerate().any(|(at, byte)| *byte == b'%' && escaped_byte(&bytes[at..]).is_none())
}

/// The byte that `%XX` at the start of `bytes` stands for.
fn escaped_byte(bytes: &[u8]) -> Option<u8> {
    let [b'%', high, low, ..] = bytes else {
        return None;
    };
    let high = char::from(*high).to_digit(16)?;
    let low = char::from(*low).to_digit(16)?;
    u8::try_from(high * 16 + low).ok()
}

fn encode(bytes: &[u8], keep: impl Fn(u8) -> bool) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut text = String::with_capacity(bytes.len());
    for &byte in bytes {
        if keep(byte) {
            text.push(char::from(byte));
        } else {
            text.push('%');
            text.push(char::from(HEX[usize::from(byte >> 4)]));
            text.push(char::from(HEX[usize::from(byte & 0xf)]));
        }
    }
    text
}

/// Every `%XX` as the byte it stands for; other `%` stay.
pub(crate) fn decode(bytes: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escaped = escaped_byte(&bytes[at..]);
        decoded.push(escaped.unwrap_or(bytes[at]));
        at += if escaped.is_some() { 3 } else { 1 };
    }
    decoded
}

#[cfg(test)]
mod tests;
