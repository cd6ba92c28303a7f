//! Parsers of variables' values. An error says what is expected.

use http::Uri;

/// The values of `ACCESS`.
pub(crate) enum AccessMode {
    Open,
    Sessions,
}

pub(crate) fn access(text: &str) -> Result<AccessMode, String> {
    match text {
        "open" => Ok(AccessMode::Open),
        "sessions" => Ok(AccessMode::Sessions),
        _ => Err(format!(
            "`{text}` is not valid; `open` admits every client, `sessions` admits users who log in, which \
             is the default with SESSIONS_TABLE"
        )),
    }
}

pub(crate) fn positive(text: &str) -> Result<u64, String> {
    let number = text.replace('_', "").parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| format!("`{text}` is not a whole number above zero"))
}

pub(crate) fn whole(text: &str) -> Result<u64, String> {
    let number = text.replace('_', "").parse();
    number.map_err(|_| format!("`{text}` is not a whole number of zero or more"))
}

pub(crate) fn yes_or_no(text: &str) -> Result<bool, String> {
    match text {
        "true" | "1" | "yes" => Ok(true),
        "false" | "0" | "no" => Ok(false),
        _ => Err(format!("`{text}` is neither `true` nor `false`")),
    }
}

pub(crate) fn on_or_off(text: &str) -> Result<bool, String> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err(format!("`{text}` is neither `on` nor `off`")),
    }
}

pub(crate) fn bucket_name(text: &str) -> Result<String, String> {
    if text.contains('.') {
        return Err(format!(
            "`{text}` contains a dot, so TLS would fail for the host names of its links; use a name without dots"
        ));
    }
    let known = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if text.len() < 3 || text.len() > 63 || !text.bytes().all(known) {
        return Err(format!(
            "`{text}` is not a bucket name: expected 3 to 63 lower-case letters, digits and `-`"
        ));
    }
    Ok(text.to_owned())
}

pub(crate) fn key_prefix(text: &str) -> Result<String, String> {
    let prefix = text.trim_end_matches('/');
    let safe = |segment: &str| {
        let known = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        !segment.is_empty() && segment.bytes().all(known) && segment != "." && segment != ".."
    };
    if prefix.len() > 256 || !prefix.split('/').all(safe) {
        return Err(format!(
            "`{text}` is not a key prefix: expected letters, digits, `-`, `_` and `.` in segments between single slashes"
        ));
    }
    Ok(prefix.to_owned())
}

pub(crate) fn upstream_url(text: &str) -> Result<Uri, String> {
    let uri = web_address(text)?;
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_ascii_lowercase();
    let metadata = host.starts_with("169.254.")
        || host.starts_with("fe80:")
        || host.starts_with("fd00:ec2:")
        || host.starts_with("::ffff:169.254.")
        || host.starts_with("metadata.");
    if metadata {
        return Err(format!("`{host}` is a link-local or metadata address, not the address of a cluster"));
    }
    Ok(uri)
}

pub(crate) fn public_url(text: &str) -> Result<String, String> {
    web_address(text)?;
    Ok(text.trim_end_matches('/').to_owned())
}

pub(crate) fn web_address(text: &str) -> Result<Uri, String> {
    let wrong = |why: &str| format!("`{text}` {why}; expected https://host or https://host/base");
    let uri: Uri = text.parse().map_err(|_| wrong("is not a URL"))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err(wrong("is neither http nor https"));
    }
    if uri.host().is_none_or(str::is_empty) {
        return Err(wrong("has no host"));
    }
    if text.contains('@') {
        return Err("contains a user or a password; credentials are not allowed in a URL".to_owned());
    }
    if text.contains(['?', '#', '\\']) || uri.path().contains("//") || uri.path().contains("/.") {
        return Err(wrong("contains more than scheme, host, port and base path"));
    }
    Ok(uri)
}

pub(crate) fn origins(text: &str) -> Result<Vec<String>, String> {
    let parts = text.split([',', ' ']).filter(|part| !part.is_empty());
    parts.map(origin).collect()
}

/// An origin as browsers send it: `https://host`, with a port only if it is not the default.
fn origin(text: &str) -> Result<String, String> {
    let wrong = || {
        format!(
            "`{text}` is not an origin: write https://host or https://host:8443, without a path; `*` is not allowed"
        )
    };
    let uri = web_address(text).map_err(|_| wrong())?;
    let bare = uri.path() == "/" && !text.ends_with('/') && !text.contains('*');
    if !bare || text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(wrong());
    }
    Ok(text.to_owned())
}

pub(crate) fn limit_override(part: &str) -> Result<(String, u64), String> {
    let pair = part.split_once('=').and_then(|(name, value)| {
        let value = value.trim().replace('_', "").parse().ok()?;
        Some((name.trim().to_owned(), value))
    });
    pair.ok_or_else(|| format!("`{part}` is not NAME=NUMBER, such as rest_timeout=5000"))
}
