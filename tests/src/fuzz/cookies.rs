//! The proxy's own cookies, which neither go upstream nor come from there.

use bytes::Bytes;
use hardcap_proxy::event::{ApiType, Query, Request};
use hardcap_proxy::headers::{self, ExtraHeaders};
use http::{HeaderMap, HeaderValue, Method};

const OURS: [&str; 4] =
    ["__Host-hardcap-session", "hardcap-session", "__Host-hardcap-login", "hardcap-login"];

/// No cookie that an upstream sets comes back under the name of a session, and no session goes upstream.
///
/// Each line of the input is a `Set-Cookie` of the upstream, and a `Cookie` of the client.
pub fn cookies(data: &[u8]) {
    let mut answered = HeaderMap::new();
    let mut sent = Vec::new();
    for line in data.split(|byte| *byte == b'\n').take(8) {
        let Ok(value) = HeaderValue::from_bytes(line) else { continue };
        answered.append("set-cookie", value);
        sent.push(("Cookie".to_owned(), String::from_utf8_lossy(line).into_owned()));
    }
    for (name, value) in &headers::for_client(&answered) {
        assert_eq!(name, "set-cookie");
        let value = headers::text_of(value);
        let stored = stored(&value);
        assert!(!has_ours(&stored), "{value:?} is stored, and sent back as {stored:?}");
        assert!(
            !value.split(';').skip(1).any(|part| {
                part.split('=').next().unwrap_or_default().trim().eq_ignore_ascii_case("domain")
            }),
            "{value:?}"
        );
    }
    let request = Request {
        api: ApiType::FunctionUrl,
        method: Method::GET,
        path: "/".to_owned(),
        query: Query::Raw(String::new()),
        headers: sent,
        body: Bytes::new(),
        source_ip: None,
        stage_prefix: String::new(),
    };
    let Ok(upstream) = headers::for_upstream(&request, false, None, &ExtraHeaders::default())
    else {
        return;
    };
    for value in upstream.get_all("cookie") {
        let text = String::from_utf8_lossy(value.as_bytes());
        assert!(!has_ours(&text), "{text:?} goes upstream");
    }
}

/// What a browser sends back of a `Set-Cookie` (RFC 6265bis, section 5.6): the name and the value trimmed, of a cookie without a
/// name the value alone.
fn stored(set_cookie: &str) -> String {
    let pair = set_cookie.split(';').next().unwrap_or_default();
    let blank = |it: char| it == ' ' || it == '\t';
    match pair.split_once('=') {
        None => pair.trim_matches(blank).to_owned(),
        Some((name, value)) => match (name.trim_matches(blank), value.trim_matches(blank)) {
            ("", value) => value.to_owned(),
            (name, value) => format!("{name}={value}"),
        },
    }
}

/// Whether a server that reads a `Cookie` header finds one of the proxy's own cookies in it.
fn has_ours(cookie: &str) -> bool {
    cookie.split(';').any(|pair| {
        let name = pair.split('=').next().unwrap_or_default().trim();
        OURS.iter().any(|own| own.eq_ignore_ascii_case(name))
    })
}
