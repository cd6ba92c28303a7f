//! The proxy's two cookies: their names, how they are set, and their removal from requests to the upstream.

use crate::event::Request;

/// The attributes of the cookies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cookies {
    /// `__Host-` and `Secure`: browsers restrict the cookies to this host and to TLS.
    HostOnly,
    /// Without the prefix and without `Secure`, for browsers that do not treat plain HTTP on the same machine as secure.
    PlainHttp,
}

/// The names of the session cookie.
const SESSION: [&str; 2] = ["__Host-hardcap-session", "hardcap-session"];
/// The names of the cookie that binds a login form to the browser that fetched it.
const LOGIN: [&str; 2] = ["__Host-hardcap-login", "hardcap-login"];

/// The proxy's own cookies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cookie {
    /// The session's ticket.
    Session,
    /// The secret of a login form.
    Login,
}

impl Cookies {
    /// The name of a cookie.
    pub(crate) fn name(self, cookie: Cookie) -> &'static str {
        let [host_only, plain] = match cookie {
            Cookie::Session => SESSION,
            Cookie::Login => LOGIN,
        };
        match self {
            Cookies::HostOnly => host_only,
            Cookies::PlainHttp => plain,
        }
    }

    /// The value in a request. Two cookies of one name count as none, because one of them was not set by this proxy.
    pub(crate) fn value(self, request: &Request, cookie: Cookie) -> Option<&str> {
        let name = self.name(cookie);
        let lines =
            request.headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case("cookie"));
        let mut values = lines
            .flat_map(|(_, line)| line.split(';'))
            .filter_map(|pair| pair.split_once('='))
            .filter(|(known, _)| known.trim() == name)
            .map(|(_, value)| value.trim());
        let value = values.next()?;
        values.next().is_none().then_some(value)
    }

    /// `Set-Cookie` for a cookie that lasts until the browser closes.
    pub(crate) fn set(self, cookie: Cookie, value: &str) -> String {
        self.line(cookie, value, "")
    }

    /// `Set-Cookie` that removes the cookie.
    pub(crate) fn clear(self, cookie: Cookie) -> String {
        self.line(cookie, "", "; Max-Age=0")
    }

    fn line(self, cookie: Cookie, value: &str, more: &str) -> String {
        let name = self.name(cookie);
        let secure = match self {
            Cookies::HostOnly => "; Secure",
            Cookies::PlainHttp => "",
        };
        format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{more}")
    }
}

/// A `Cookie` header without the proxy's own cookies, in any spelling; `None` if no other cookie remains.
pub(crate) fn without_ours(header: &str) -> Option<String> {
    if !header.split(';').any(is_ours) {
        return Some(header.to_owned());
    }
    let others: Vec<&str> = header.split(';').filter(|pair| !is_ours(pair)).collect();
    let others = others.join(";");
    let others = others.trim_start();
    (!others.is_empty()).then(|| others.to_owned())
}

/// Whether a pair of `Cookie`, or a whole `Set-Cookie`, is one of the proxy's own cookies.
///
/// A cookie without a name is sent back as its value alone: `Set-Cookie: =a=b` becomes `Cookie: a=b`.
pub(crate) fn is_ours(pair: &str) -> bool {
    let pair = pair.trim_start_matches(|it: char| it == '=' || it.is_ascii_whitespace());
    let name = pair.split(['=', ';']).next().unwrap_or_default().trim();
    SESSION.iter().chain(&LOGIN).any(|own| name.eq_ignore_ascii_case(own))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a2_the_cookie_is_bound_to_the_host_and_to_tls() {
        let value = Cookies::HostOnly.set(Cookie::Session, "x");
        let expected = "__Host-hardcap-session=x; Path=/; HttpOnly; SameSite=Lax; Secure";
        assert_eq!(value, expected, "no Domain: the prefix forbids it");
        let cleared = Cookies::HostOnly.clear(Cookie::Session);
        assert_eq!(
            cleared,
            "__Host-hardcap-session=; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=0"
        );
    }

    #[test]
    fn a2_over_plain_http_the_cookie_has_another_name() {
        let value = Cookies::PlainHttp.set(Cookie::Session, "x");
        assert_eq!(value, "hardcap-session=x; Path=/; HttpOnly; SameSite=Lax");
    }

    #[test]
    fn a3_only_the_proxys_own_cookies_are_removed() {
        for (header, left) in [
            ("a=1", Some("a=1")),
            ("a=1;b=2;  c", Some("a=1;b=2;  c")),
            ("__Host-hardcap-session=x", None),
            ("__Host-hardcap-session=x; a=1", Some("a=1")),
            ("a=1; __Host-hardcap-session=x", Some("a=1")),
            ("a=1; __HOST-HARDCAP-SESSION=x; b=2", Some("a=1; b=2")),
            ("hardcap-session=x; hardcap-login=y; sid=1", Some("sid=1")),
            ("a=1; hardcap-session =x", Some("a=1")),
            ("hardcap-session", None),
            ("=__Host-hardcap-session=x; a=1", Some("a=1")),
            ("= hardcap-login=x", None),
            ("my-hardcap-session=1", Some("my-hardcap-session=1")),
            ("", Some("")),
        ] {
            assert_eq!(without_ours(header).as_deref(), left, "{header}");
        }
    }
}
