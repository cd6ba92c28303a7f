//! The pages of the login: HTML that needs no script and loads nothing.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use crate::answer::{Answer, Body, Text};
use crate::headers::Lines;
use crate::problem::Refused as _;
use crate::session::{Refusal, ReturnTo, User};

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");

/// Nothing but this one style sheet; a form that leads here; no page around this one.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let digest = STANDARD.encode(Sha256::digest(STYLE.trim_end()));
    format!(
        "default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; base-uri 'none'; \
         frame-ancestors 'none'"
    )
});

/// What a page says above the form.
#[derive(Debug)]
pub(super) enum Notice<'a> {
    /// The session was ended.
    LoggedOut,
    /// Why there is none.
    Refused(&'a Refusal),
}

impl Notice<'_> {
    fn status(&self) -> u16 {
        match self {
            Notice::LoggedOut => 200,
            Notice::Refused(refusal) => refusal.describe().status,
        }
    }

    fn text(&self) -> String {
        let Notice::Refused(refusal) = self else {
            return "You are logged out.".to_owned();
        };
        match refusal {
            Refusal::WrongPassword => "The name or the password is wrong.".to_owned(),
            Refusal::Locked(seconds) => {
                let minutes = seconds.div_ceil(60);
                let unit = if minutes == 1 { "minute" } else { "minutes" };
                format!("Too many attempts. Try again in {minutes} {unit}.")
            }
            Refusal::Token => {
                "This page was out of date, or the browser keeps no cookies. Please log in again."
                    .to_owned()
            }
            Refusal::CrossSite => {
                "Another site sent you here with a form. Log in on this page.".to_owned()
            }
            Refusal::Outage => {
                "Logins cannot be looked up just now. Try again in a moment.".to_owned()
            }
            other => format!("{other}."),
        }
    }
}

/// The form, and what is in it.
pub(super) struct Form<'a> {
    pub(super) token: &'a str,
    pub(super) back: &'a ReturnTo,
    pub(super) user: &'a str,
}

/// The login form.
pub(super) fn login(form: &Form<'_>, notice: Option<&Notice<'_>>, more: Lines) -> Answer {
    let refused = matches!(notice, Some(Notice::Refused(_)));
    let said = notice.map_or_else(String::new, |notice| {
        let (class, role) = if refused { ("notice bad", "alert") } else { ("notice", "status") };
        format!("<p class=\"{class}\" role=\"{role}\" id=\"said\">{}</p>\n", escape(&notice.text()))
    });
    let described = if refused { " aria-describedby=\"said\"" } else { "" };
    // Where the name is known, the password is what is typed next.
    let (at_user, at_password) =
        if form.user.is_empty() { (" autofocus", "") } else { ("", " autofocus") };
    let main = format!(
        "<h1>Log in</h1>\n\
         {said}\
         <form method=\"post\" action=\"login\">\n\
         <input type=\"hidden\" name=\"csrf_token\" value=\"{token}\">\n\
         <input type=\"hidden\" name=\"return\" value=\"{back}\">\n\
         <label for=\"user\">Name</label>\n\
         <input id=\"user\" name=\"user\" value=\"{user}\" autocomplete=\"username\" autocapitalize=\"none\" \
         spellcheck=\"false\" maxlength=\"64\" required{described}{at_user}>\n\
         <label for=\"password\">Password</label>\n\
         <input id=\"password\" name=\"password\" type=\"password\" autocomplete=\"current-password\" \
         maxlength=\"1024\" required{described}{at_password}>\n\
         <button type=\"submit\">Log in</button>\n\
         </form>",
        token = escape(form.token),
        back = escape(form.back.as_str()),
        user = escape(form.user),
    );
    let mut headers = more;
    if let Some(Notice::Refused(refusal)) = notice
        && let Some(seconds) = refusal.retry_after()
    {
        headers.push(("retry-after".to_owned(), seconds.to_string()));
    }
    page(notice.map_or(200, Notice::status), "Log in", &main, headers)
}

/// For who is logged in already: onward, or out.
pub(super) fn welcome(user: &User, token: &str, onward: &str) -> Answer {
    let main = format!(
        "<h1>Logged in</h1>\n\
         <p>You are <strong>{name}</strong>, with the role {role}.</p>\n\
         <a class=\"button\" href=\"{onward}\">Continue</a>\n\
         <form method=\"post\" action=\"logout\">\n\
         <input type=\"hidden\" name=\"csrf_token\" value=\"{token}\">\n\
         <button class=\"quiet\" type=\"submit\">Log out</button>\n\
         </form>",
        name = escape(&user.name),
        role = user.role,
        onward = escape(onward),
        token = escape(token),
    );
    page(200, "Logged in", &main, Lines::new())
}

fn page(status: u16, title: &str, main: &str, more: Lines) -> Answer {
    let html = PAGE
        .replacen("{title}", title, 1)
        .replacen("{style}", STYLE.trim_end(), 1)
        .replacen("{main}", main, 1);
    let line = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let mut headers = vec![
        line("content-type", "text/html; charset=utf-8"),
        line("cache-control", "no-store"),
        line("content-security-policy", &POLICY),
        line("x-content-type-options", "nosniff"),
        line("x-frame-options", "DENY"),
        // `no-referrer` would make the browser send `Origin: null` with the form.
        line("referrer-policy", "same-origin"),
    ];
    headers.extend(more);
    Answer { status, headers, body: Body::Text(Text::from(html)) }
}

/// A text as the content of an element or of a quoted attribute.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::headers::get;
    use crate::session::Role;

    fn html(answer: &Answer) -> String {
        let json = answer.to_json(hardcap_limits::envelope::Payload::V2);
        let envelope: serde_json::Value = serde_json::from_slice(&json).unwrap();
        envelope["body"].as_str().unwrap().to_owned()
    }

    #[test]
    fn what_a_client_wrote_is_text_on_the_page() {
        let back = ReturnTo::read("/a?q=\"><script>");
        let form = Form { token: "t", back: &back, user: "\"><script>alert('1')</script>{main}" };
        let page = html(&login(&form, None, Lines::new()));
        assert!(!page.contains("<script"), "{page}");
        assert!(
            page.contains("&quot;&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;{main}"),
            "{page}"
        );
        assert_eq!(page.matches("<main>").count(), 1, "{page}");
    }

    #[test]
    fn the_page_loads_nothing_and_its_policy_names_its_style() {
        let back = ReturnTo::read("/");
        let answer = login(&Form { token: "t", back: &back, user: "" }, None, Lines::new());
        let page = html(&answer);
        for part in ["src=", "http:", "https:", "url(", "<script", " style=", "@import", "onclick"]
        {
            assert!(!page.contains(part), "{part} in {page}");
        }
        let style = page.split("<style>").nth(1).unwrap().split("</style>").next().unwrap();
        let digest = STANDARD.encode(Sha256::digest(style));
        let policy = get(&answer.headers, "content-security-policy").unwrap();
        assert!(policy.contains(&format!("style-src 'sha256-{digest}'")), "{policy}");
        assert!(policy.starts_with("default-src 'none'"), "{policy}");
        assert!(page.len() < 5_000, "{} bytes", page.len());
    }

    #[test]
    fn every_state_says_what_it_is_and_where_to_type() {
        let back = ReturnTo::read("/x");
        for (refusal, status, text) in [
            (Refusal::WrongPassword, 401, "The name or the password is wrong."),
            (Refusal::Locked(61), 429, "Try again in 2 minutes."),
            (Refusal::Locked(1), 429, "Try again in 1 minute."),
            (Refusal::Token, 403, "Please log in again."),
            (Refusal::CrossSite, 403, "Another site sent you here"),
            (Refusal::Outage, 503, "Try again in a moment."),
        ] {
            let form = Form { token: "t", back: &back, user: "alice" };
            let answer = login(&form, Some(&Notice::Refused(&refusal)), Lines::new());
            let page = html(&answer);
            assert_eq!(answer.status, status);
            assert!(page.contains(text) && page.contains("role=\"alert\""), "{page}");
            assert!(page.contains("value=\"alice\"") && page.contains("value=\"/x\""), "{page}");
            assert_eq!(page.matches(" autofocus").count(), 1, "{page}");
            assert_eq!(
                get(&answer.headers, "retry-after").is_some(),
                status == 429 || status == 503
            );
            assert_eq!(get(&answer.headers, "www-authenticate"), None);
        }
    }

    #[test]
    fn who_is_logged_in_can_go_on_or_out() {
        let user = User { name: "alice".to_owned(), role: Role::Read };
        let page = html(&welcome(&user, "t", "/prod/a?b&c"));
        assert!(
            page.contains("href=\"/prod/a?b&amp;c\"") && page.contains("action=\"logout\""),
            "{page}"
        );
    }
}
