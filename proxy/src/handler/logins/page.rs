//! The login pages: HTML without scripts and without further requests. `templates` has the pages.

use std::sync::LazyLock;

use askama::Template;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap, REFERRER_POLICY, RETRY_AFTER,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use sha2::{Digest as _, Sha256};

use crate::headers;
use crate::problem::ToProblem as _;
use crate::response::{Body, Response, Text};
use crate::session::{ReturnTo, SessionRefusal, User};

const STYLE: &str = include_str!("page.css");

/// Permits only this style sheet, forms to this host, and no framing.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let digest = STANDARD.encode(Sha256::digest(STYLE.trim_end()));
    format!(
        "default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; base-uri 'none'; \
         frame-ancestors 'none'"
    )
});

/// The message above the form.
#[derive(Debug)]
pub(super) enum Notice<'a> {
    /// The session has ended.
    LoggedOut,
    /// The login was refused.
    Refused(&'a SessionRefusal),
}

impl Notice<'_> {
    fn status(&self) -> u16 {
        match self {
            Notice::LoggedOut => 200,
            Notice::Refused(refusal) => refusal.describe().status,
        }
    }

    fn refusal(&self) -> Option<&SessionRefusal> {
        match self {
            Notice::LoggedOut => None,
            Notice::Refused(refusal) => Some(refusal),
        }
    }
}

/// The text of a refusal for the user.
fn text(refusal: &SessionRefusal) -> String {
    match refusal {
        SessionRefusal::WrongPassword => "The name or the password is wrong.".to_owned(),
        SessionRefusal::Locked(seconds) => {
            let minutes = seconds.div_ceil(60);
            let unit = if minutes == 1 { "minute" } else { "minutes" };
            format!("Too many attempts. Try again in {minutes} {unit}.")
        }
        SessionRefusal::Token => {
            "This page has expired, or the browser does not accept cookies. Log in again."
                .to_owned()
        }
        SessionRefusal::CrossSite => {
            "The login was sent by a page of another site. Log in on this page.".to_owned()
        }
        SessionRefusal::StoreUnavailable => {
            "The session store is temporarily unavailable. Try again in a moment.".to_owned()
        }
        other => format!("{other}."),
    }
}

/// The fields of the form.
pub(super) struct Fields<'a> {
    pub(super) token: &'a str,
    pub(super) back: &'a ReturnTo,
    pub(super) user: &'a str,
}

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage<'a> {
    style: &'static str,
    form: &'a Fields<'a>,
    logged_out: bool,
    refusal: Option<String>,
}

#[derive(Template)]
#[template(path = "welcome.html")]
struct WelcomePage<'a> {
    style: &'static str,
    user: &'a User,
    token: &'a str,
    onward: &'a str,
}

/// The login form.
pub(super) fn login(form: &Fields<'_>, notice: Option<&Notice<'_>>, more: HeaderMap) -> Response {
    let refusal = notice.and_then(Notice::refusal);
    let html = LoginPage {
        style: STYLE.trim_end(),
        form,
        logged_out: matches!(notice, Some(Notice::LoggedOut)),
        refusal: refusal.map(text),
    };
    let mut headers = more;
    if let Some(seconds) = refusal.and_then(SessionRefusal::retry_after) {
        headers.insert(RETRY_AFTER, seconds.into());
    }
    page(notice.map_or(200, Notice::status), &html, &headers)
}

/// The page for a logged-in user: continue or log out.
pub(super) fn welcome(user: &User, token: &str, onward: &str) -> Response {
    let html = WelcomePage { style: STYLE.trim_end(), user, token, onward };
    page(200, &html, &HeaderMap::new())
}

fn page(status: u16, html: &impl Template, more: &HeaderMap) -> Response {
    // A template ends without the newline of its file.
    let html = html.render().expect("texts are written to memory") + "\n";
    let mut headers = HeaderMap::new();
    for (name, value) in [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CACHE_CONTROL, "no-store"),
        (CONTENT_SECURITY_POLICY, POLICY.as_str()),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        // `no-referrer` would make the browser send `Origin: null` with the form.
        (REFERRER_POLICY, "same-origin"),
    ] {
        headers::set(&mut headers, name, value);
    }
    headers::extend(&mut headers, more);
    Response { status, headers, body: Body::Text(Text::from(html)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::Role;

    fn html(response: &Response) -> String {
        let json = response.to_json(hardcap_limits::envelope::Payload::V2);
        let envelope: serde_json::Value = serde_json::from_slice(&json).unwrap();
        envelope["body"].as_str().unwrap().to_owned()
    }

    #[test]
    fn client_input_is_escaped_on_the_page() {
        let back = ReturnTo::read("/a?q=\"><script>");
        let form = Fields { token: "t", back: &back, user: "\"><script>alert('1')</script>{main}" };
        let page = html(&login(&form, None, HeaderMap::new()));
        assert!(!page.contains("<script"), "{page}");
        assert!(
            page.contains("&#34;&#62;&#60;script&#62;alert(&#39;1&#39;)&#60;/script&#62;{main}"),
            "{page}"
        );
        assert_eq!(page.matches("<main>").count(), 1, "{page}");
    }

    #[test]
    fn the_page_loads_nothing_and_its_policy_names_its_style() {
        let back = ReturnTo::read("/");
        let response = login(&Fields { token: "t", back: &back, user: "" }, None, HeaderMap::new());
        let page = html(&response);
        for part in ["src=", "http:", "https:", "url(", "<script", " style=", "@import", "onclick"]
        {
            assert!(!page.contains(part), "{part} in {page}");
        }
        let style = page.split("<style>").nth(1).unwrap().split("</style>").next().unwrap();
        let digest = STANDARD.encode(Sha256::digest(style));
        let policy = response.headers[CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.contains(&format!("style-src 'sha256-{digest}'")), "{policy}");
        assert!(policy.starts_with("default-src 'none'"), "{policy}");
        assert!(page.len() < 5_000, "{} bytes", page.len());
    }

    #[test]
    fn every_refusal_has_its_status_its_message_and_one_focused_field() {
        let back = ReturnTo::read("/x");
        for (refusal, status, text) in [
            (SessionRefusal::WrongPassword, 401, "The name or the password is wrong."),
            (SessionRefusal::Locked(61), 429, "Try again in 2 minutes."),
            (SessionRefusal::Locked(1), 429, "Try again in 1 minute."),
            (SessionRefusal::Token, 403, "Log in again."),
            (SessionRefusal::CrossSite, 403, "sent by a page of another site"),
            (SessionRefusal::StoreUnavailable, 503, "Try again in a moment."),
        ] {
            let form = Fields { token: "t", back: &back, user: "alice" };
            let response = login(&form, Some(&Notice::Refused(&refusal)), HeaderMap::new());
            let page = html(&response);
            assert_eq!(response.status, status);
            assert!(page.contains(text) && page.contains("role=\"alert\""), "{page}");
            assert!(page.contains("value=\"alice\"") && page.contains("value=\"/x\""), "{page}");
            assert_eq!(page.matches(" autofocus").count(), 1, "{page}");
            assert_eq!(response.headers.contains_key(RETRY_AFTER), status == 429 || status == 503);
            assert!(!response.headers.contains_key("www-authenticate"));
        }
    }

    #[test]
    fn a_logged_in_user_can_continue_or_log_out() {
        let user = User { name: "alice".to_owned(), role: Role::Read };
        let page = html(&welcome(&user, "t", "/prod/a?b&c"));
        assert!(
            page.contains("href=\"/prod/a?b&#38;c\"") && page.contains("action=\"logout\""),
            "{page}"
        );
    }
}
