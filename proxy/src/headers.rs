//! Headers: those sent to the upstream, and those returned to the client.

mod allowed;
pub mod stored;

use std::borrow::Cow;

use http::header::{
    AsHeaderName, CACHE_CONTROL, CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue, SET_COOKIE,
    VARY,
};

pub use self::allowed::{ExtraHeaderError, ExtraHeaders};
use crate::cookie;
use crate::event::Request;

/// The request header with the id of an upload.
pub const UPLOAD_ID: &str = "x-upload-id";

/// Headers of one connection (RFC 9110, 7.6.1), and the older ones of proxies.
const HOP_BY_HOP: [&str; 9] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "http2-settings",
    "expect",
];

/// Headers that could set the user's identity or change the request. Only the proxy sets them.
const OURS: [&str; 21] = [
    "authorization",
    "host",
    "forwarded",
    "content-length",
    "accept-encoding",
    "x-overflow",
    UPLOAD_ID,
    // Identity.
    "remote-user",
    "remote-groups",
    "x-remote-user",
    "x-remote-groups",
    "x-authenticated-user",
    "x-webauth-user",
    "x-user",
    "x-proxy-user",
    "x-proxy-roles",
    "es-security-runas-user",
    // Overrides of the method or the path, which the rules would not see.
    "x-http-method-override",
    "x-http-method",
    "x-method-override",
    "x-original-url",
];
const OUR_PREFIXES: [&str; 9] = [
    "x-amz-",
    "x-amzn-",
    "x-forwarded-",
    "proxy-",
    "x-real-",
    "x-auth-request-",
    "x-rewrite-",
    "opendistro-security-",
    "-opendistro-security-",
];

/// A header of the client that cannot be forwarded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the header `{name}` has a name or a value that HTTP does not permit")]
pub struct BadHeader {
    name: String,
}

/// The headers of a request for the upstream, unsigned.
///
/// # Errors
///
/// [`BadHeader`] for control characters in a value or anything but a token as a name.
pub fn for_upstream(
    request: &Request,
    accepts_gzip: bool,
    user: Option<UserHeaders<'_>>,
    extra: &ExtraHeaders,
) -> Result<HeaderMap, BadHeader> {
    let named = named_in_connection(request.headers.iter().map(|(n, v)| (n.as_str(), v.as_str())));
    let mut headers = HeaderMap::with_capacity(request.headers.len() + 3);
    for (name, value) in &request.headers {
        let plain = plain_name(name);
        let bad = || BadHeader { name: name.escape_default().to_string() };
        let known = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad())?;
        let value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| bad())?;
        if !extra.allows(&plain) || named.contains(&plain) {
            continue;
        }
        if plain == "cookie" {
            // The session's cookie stays between the browser and the proxy.
            let others = std::str::from_utf8(value.as_bytes()).ok().and_then(cookie::without_ours);
            let others = others.and_then(|text| HeaderValue::from_bytes(text.as_bytes()).ok());
            headers.extend(others.map(|others| (known, others)));
            continue;
        }
        headers.append(known, value);
    }
    for (name, value) in user.into_iter().flat_map(identity) {
        headers.insert(name, value);
    }
    // Other codings have made an upstream hang (OpenSearch with zstd), and the proxy decodes only gzip.
    let encoding = if accepts_gzip { "gzip" } else { "identity" };
    headers.insert("accept-encoding", HeaderValue::from_static(encoding));
    // The gateway sets this header itself and replaces the client's.
    let plain = request.header("x-forwarded-proto") == Some("http");
    let scheme = HeaderValue::from_static(if plain { "http" } else { "https" });
    headers.insert("x-forwarded-proto", scheme);
    let address = request.source_ip.as_deref().and_then(|ip| HeaderValue::from_str(ip).ok());
    if let Some(address) = address {
        headers.insert("x-forwarded-for", address);
    }
    Ok(headers)
}

/// The user of a request, for the upstream.
#[derive(Clone, Copy, Debug)]
pub struct UserHeaders<'a> {
    /// The user.
    pub name: &'a str,
    /// The role.
    pub group: &'a str,
}

/// The identity headers. The client's were removed in every spelling. A name that a header cannot contain is left out.
fn identity(user: UserHeaders<'_>) -> impl Iterator<Item = (&'static str, HeaderValue)> {
    let lines = [("x-forwarded-user", user.name), ("x-forwarded-groups", user.group)];
    lines.into_iter().filter_map(|(name, value)| Some((name, HeaderValue::from_str(value).ok()?)))
}

/// The headers of the upstream's response for the client.
///
/// `Content-Length` is left out, because the gateway sets it. The upstream's CORS headers are replaced by the proxy's.
#[must_use]
pub fn for_client(headers: &HeaderMap) -> HeaderMap {
    let named = named_in_connection(
        headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap_or_default())),
    );
    let mut kept = HeaderMap::with_capacity(headers.len());
    for (name, value) in headers {
        let plain = name.as_str();
        let dropped = is_hop_by_hop(plain)
            || named.iter().any(|known| known == plain)
            || *name == CONTENT_LENGTH
            || plain.starts_with("access-control-")
            || plain.starts_with("proxy-");
        if dropped {
            continue;
        }
        if *name != SET_COOKIE {
            kept.append(name, value.clone());
            continue;
        }
        let cookie = text_of(value);
        // The upstream must not set the session's cookie.
        if !cookie::is_ours(&cookie) {
            append(&mut kept, SET_COOKIE, &without_domain(&cookie));
        }
    }
    kept
}

/// The first value of a name, as text.
#[must_use]
pub fn get<'a>(headers: &'a HeaderMap, name: impl AsHeaderName) -> Option<Cow<'a, str>> {
    headers.get(name).map(text_of)
}

/// Replaces all values of a name by one. A text with control characters, which a header cannot contain, is left out.
pub fn set(headers: &mut HeaderMap, name: HeaderName, text: &str) {
    headers.remove(&name);
    append(headers, name, text);
}

/// Adds a value of a name. A text with control characters, which a header cannot contain, is left out.
pub fn append(headers: &mut HeaderMap, name: HeaderName, text: &str) {
    if let Ok(value) = HeaderValue::from_bytes(text.as_bytes()) {
        headers.append(name, value);
    }
}

/// Adds all values of other headers.
pub fn extend(headers: &mut HeaderMap, more: &HeaderMap) {
    for (name, value) in more {
        headers.append(name, value.clone());
    }
}

/// Keeps a logged-in user's response out of shared caches.
pub fn make_private(headers: &mut HeaderMap) {
    const FOR_SHARED: [&str; 4] =
        ["public", "s-maxage", "proxy-revalidate", "stale-while-revalidate"];
    let directives: Vec<String> = headers
        .get_all(CACHE_CONTROL)
        .iter()
        .flat_map(|value| directives(&text_of(value)))
        .filter(|directive| {
            let name = directive.split('=').next().unwrap_or_default().trim();
            !FOR_SHARED.iter().any(|known| known.eq_ignore_ascii_case(name))
                && !name.eq_ignore_ascii_case("private")
        })
        .collect();
    let is_unstored = directives.iter().any(|it| it.eq_ignore_ascii_case("no-store"));
    let first = (!is_unstored).then(|| "private".to_owned());
    let all: Vec<String> = first.into_iter().chain(directives).collect();
    set(headers, CACHE_CONTROL, &all.join(", "));
    // CDNs prefer these to `Cache-Control` (RFC 9213; Surrogate-Control is older).
    remove_if(headers, |name| name.ends_with("cdn-cache-control") || name == "surrogate-control");
}

/// Removes all values of the names for which `is_removed` is true.
pub fn remove_if(headers: &mut HeaderMap, is_removed: impl Fn(&str) -> bool) {
    let names: Vec<HeaderName> =
        headers.keys().filter(|name| is_removed(name.as_str())).cloned().collect();
    for name in names {
        headers.remove(name);
    }
}

/// The directives of `Cache-Control`. A comma within quotes does not separate.
fn directives(value: &str) -> Vec<String> {
    let mut found = vec![String::new()];
    let mut quoted = false;
    for character in value.chars() {
        quoted ^= character == '"';
        match character {
            ',' if !quoted => found.push(String::new()),
            other => {
                if let Some(last) = found.last_mut() {
                    last.push(other);
                }
            }
        }
    }
    let trimmed = found.into_iter().map(|directive| directive.trim().to_owned());
    trimmed.filter(|directive| !directive.is_empty()).collect()
}

/// Adds a field name to `Vary`, unless `Vary` contains it or `*`.
pub fn vary(headers: &mut HeaderMap, field: &str) {
    let known = headers.get_all(VARY).iter().any(|value| {
        let listed = text_of(value);
        listed.split(',').any(|part| part.trim() == "*" || part.trim().eq_ignore_ascii_case(field))
    });
    if !known {
        append(headers, VARY, field);
    }
}

/// Whether `Accept-Encoding` permits gzip: named or covered by `*`, with a weight above zero.
#[must_use]
pub fn accepts_gzip(accept_encoding: &str) -> bool {
    let weight_of = |coding: &str| {
        let parts = accept_encoding.split(',').map(str::trim);
        parts.filter_map(weighted).find(|(name, _)| name.eq_ignore_ascii_case(coding))
    };
    let found = weight_of("gzip").or_else(|| weight_of("x-gzip")).or_else(|| weight_of("*"));
    found.is_some_and(|(_, weight)| weight > 0.0)
}

fn weighted(part: &str) -> Option<(&str, f32)> {
    let mut pieces = part.split(';').map(str::trim);
    let name = pieces.next().filter(|name| !name.is_empty())?;
    let weight = pieces.find_map(|piece| piece.strip_prefix("q=").or(piece.strip_prefix("Q=")));
    Some((name, weight.map_or(1.0, |weight| weight.trim().parse().unwrap_or(0.0))))
}

/// The name in lower case with `-` for `_`: some servers read `X_Forwarded_For` as the header it resembles.
fn plain_name(name: &str) -> String {
    name.to_ascii_lowercase().replace('_', "-")
}

fn is_hop_by_hop(plain: &str) -> bool {
    HOP_BY_HOP.contains(&plain)
}

fn is_ours(plain: &str) -> bool {
    OURS.contains(&plain) || OUR_PREFIXES.iter().any(|prefix| plain.starts_with(prefix))
}

fn named_in_connection<'a>(lines: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<String> {
    lines
        .filter(|(name, _)| name.eq_ignore_ascii_case("connection"))
        .flat_map(|(_, value)| value.split(','))
        .map(|name| plain_name(name.trim()))
        .collect()
}

/// A header value as text. Bytes that are not UTF-8 are read as Latin-1, HTTP's historical encoding.
#[must_use]
pub fn text_of(value: &HeaderValue) -> Cow<'_, str> {
    match std::str::from_utf8(value.as_bytes()) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(value.as_bytes().iter().map(|byte| char::from(*byte)).collect()),
    }
}

/// A cookie without its `Domain`: browsers would refuse the upstream's domain.
fn without_domain(cookie: &str) -> String {
    let parts = cookie.split(';').enumerate().filter(|(at, part)| {
        let name = part.split('=').next().unwrap_or_default().trim();
        *at == 0 || !name.eq_ignore_ascii_case("domain")
    });
    parts.map(|(_, part)| part).collect::<Vec<_>>().join(";")
}

/// Headers of these names and values.
#[cfg(test)]
pub(crate) fn of(pairs: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
        headers.append(name, HeaderValue::from_bytes(value.as_bytes()).expect("a value"));
    }
    headers
}

#[cfg(test)]
mod tests;
