//! Parsers of variables' values. An error says what is expected.

use std::convert::Infallible;

use http::Uri;

/// Why the value of a variable is invalid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ValueError {
    /// `ACCESS`.
    #[error(
        "`{0}` is not valid; `open` admits every client, `sessions` admits users who log in, which is the default with \
         SESSIONS_TABLE"
    )]
    Access(String),
    /// A number above zero.
    #[error("`{0}` is not a whole number above zero")]
    NotPositive(String),
    /// A number of zero or more.
    #[error("`{0}` is not a whole number of zero or more")]
    NotWhole(String),
    /// `true` or `false`.
    #[error("`{0}` is neither `true` nor `false`")]
    NotBoolean(String),
    /// `on` or `off`.
    #[error("`{0}` is neither `on` nor `off`")]
    NotOnOff(String),
    /// The service that requests are signed for.
    #[error("`{0}` is not `es`, `aoss` or `none`")]
    Service(String),
    /// A bucket whose links would have an invalid host name.
    #[error(
        "`{0}` contains a dot, so TLS would fail for the host names of its links; use a name without dots"
    )]
    DottedBucket(String),
    /// A bucket.
    #[error("`{0}` is not a bucket name: expected 3 to 63 lower-case letters, digits and `-`")]
    Bucket(String),
    /// A key prefix.
    #[error(
        "`{0}` is not a key prefix: expected letters, digits, `-`, `_` and `.` in segments between single slashes"
    )]
    KeyPrefix(String),
    /// A host that is not a cluster's.
    #[error("`{0}` is a link-local or metadata address, not the address of a cluster")]
    MetadataHost(String),
    /// A URL.
    #[error("`{0}` {1}; expected https://host or https://host/base")]
    Url(String, UrlFault),
    /// A URL with credentials. It is not repeated.
    #[error("contains a user or a password; credentials are not allowed in a URL")]
    Credentials,
    /// An origin.
    #[error(
        "`{0}` is not an origin: write https://host or https://host:8443, without a path; `*` is not allowed"
    )]
    Origin(String),
    /// An override of a limit.
    #[error("`{0}` is not NAME=NUMBER, such as rest_timeout=5000")]
    LimitOverride(String),
}

/// The error of a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UrlFault {
    /// It cannot be parsed.
    #[error("is not a URL")]
    NotAUrl,
    /// The scheme is not HTTP's.
    #[error("is neither http nor https")]
    Scheme,
    /// The URL has no host.
    #[error("has no host")]
    NoHost,
    /// It has a query, a fragment, or a path that is not a base path.
    #[error("contains more than scheme, host, port and base path")]
    Excess,
}

/// Any text.
pub(crate) fn text(text: &str) -> Result<String, Infallible> {
    Ok(text.to_owned())
}

/// The values of `ACCESS`.
pub(crate) enum AccessMode {
    Open,
    Sessions,
}

pub(crate) fn access(text: &str) -> Result<AccessMode, ValueError> {
    match text {
        "open" => Ok(AccessMode::Open),
        "sessions" => Ok(AccessMode::Sessions),
        _ => Err(ValueError::Access(text.to_owned())),
    }
}

pub(crate) fn positive(text: &str) -> Result<u64, ValueError> {
    let number = text.replace('_', "").parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| ValueError::NotPositive(text.to_owned()))
}

pub(crate) fn whole(text: &str) -> Result<u64, ValueError> {
    let number = text.replace('_', "").parse();
    number.map_err(|_| ValueError::NotWhole(text.to_owned()))
}

pub(crate) fn yes_or_no(text: &str) -> Result<bool, ValueError> {
    match text {
        "true" | "1" | "yes" => Ok(true),
        "false" | "0" | "no" => Ok(false),
        _ => Err(ValueError::NotBoolean(text.to_owned())),
    }
}

pub(crate) fn on_or_off(text: &str) -> Result<bool, ValueError> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err(ValueError::NotOnOff(text.to_owned())),
    }
}

pub(crate) fn bucket_name(text: &str) -> Result<String, ValueError> {
    if text.contains('.') {
        return Err(ValueError::DottedBucket(text.to_owned()));
    }
    let known = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if text.len() < 3 || text.len() > 63 || !text.bytes().all(known) {
        return Err(ValueError::Bucket(text.to_owned()));
    }
    Ok(text.to_owned())
}

pub(crate) fn key_prefix(text: &str) -> Result<String, ValueError> {
    let prefix = text.trim_end_matches('/');
    let safe = |segment: &str| {
        let known = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        !segment.is_empty() && segment.bytes().all(known) && segment != "." && segment != ".."
    };
    if prefix.len() > 256 || !prefix.split('/').all(safe) {
        return Err(ValueError::KeyPrefix(text.to_owned()));
    }
    Ok(prefix.to_owned())
}

pub(crate) fn upstream_url(text: &str) -> Result<Uri, ValueError> {
    let uri = web_address(text)?;
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_ascii_lowercase();
    let metadata = host.starts_with("169.254.")
        || host.starts_with("fe80:")
        || host.starts_with("fd00:ec2:")
        || host.starts_with("::ffff:169.254.")
        || host.starts_with("metadata.");
    if metadata {
        return Err(ValueError::MetadataHost(host));
    }
    Ok(uri)
}

pub(crate) fn public_url(text: &str) -> Result<String, ValueError> {
    web_address(text)?;
    Ok(text.trim_end_matches('/').to_owned())
}

pub(crate) fn web_address(text: &str) -> Result<Uri, ValueError> {
    let wrong = |fault| ValueError::Url(text.to_owned(), fault);
    let uri: Uri = text.parse().map_err(|_| wrong(UrlFault::NotAUrl))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err(wrong(UrlFault::Scheme));
    }
    if uri.host().is_none_or(str::is_empty) {
        return Err(wrong(UrlFault::NoHost));
    }
    if text.contains('@') {
        return Err(ValueError::Credentials);
    }
    if text.contains(['?', '#', '\\']) || uri.path().contains("//") || uri.path().contains("/.") {
        return Err(wrong(UrlFault::Excess));
    }
    Ok(uri)
}

pub(crate) fn origins(text: &str) -> Result<Vec<String>, ValueError> {
    let parts = text.split([',', ' ']).filter(|part| !part.is_empty());
    parts.map(origin).collect()
}

/// An origin as browsers send it: `https://host`, with a port only if it is not the default.
fn origin(text: &str) -> Result<String, ValueError> {
    let wrong = || ValueError::Origin(text.to_owned());
    let uri = web_address(text).map_err(|_| wrong())?;
    let bare = uri.path() == "/" && !text.ends_with('/') && !text.contains('*');
    if !bare || text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(wrong());
    }
    Ok(text.to_owned())
}

pub(crate) fn limit_override(part: &str) -> Result<(String, u64), ValueError> {
    let pair = part.split_once('=').and_then(|(name, value)| {
        let value = value.trim().replace('_', "").parse().ok()?;
        Some((name.trim().to_owned(), value))
    });
    pair.ok_or_else(|| ValueError::LimitOverride(part.to_owned()))
}

/// The service that requests are signed for; `None` sends them unsigned.
pub(crate) fn service(text: &str) -> Result<Option<String>, ValueError> {
    match text {
        "es" | "aoss" => Ok(Some(text.to_owned())),
        "none" => Ok(None),
        _ => Err(ValueError::Service(text.to_owned())),
    }
}
