//! A request at the door: where it comes from, and how it wants to hear a no.

use http::Method;

use super::origin::{self, Source};
use super::{Refusal, ReturnTo};
use crate::answer::{Answer, Body};
use crate::event::{Query, Request};
use crate::headers::Lines;
use crate::path::Target;

/// A request, and what the proxy was told that matters for it.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    /// The request.
    pub request: &'a Request,
    /// The address that clients use, if it is configured.
    pub public_url: Option<&'a str>,
    /// Origins whose pages may call the proxy.
    pub allowed_origins: &'a [String],
    /// What an answer carries so that those can read it.
    pub cors: &'a Lines,
}

impl Arrival<'_> {
    /// What stands before a path in the addresses that clients use.
    pub(crate) fn public(&self) -> &str {
        self.public_url.unwrap_or(&self.request.stage_prefix)
    }

    /// Refuses what a page of another site may have made the browser send.
    ///
    /// # Errors
    ///
    /// [`Refusal::CrossSite`].
    pub(crate) fn admit_change(&self) -> Result<(), Refusal> {
        let source = Source::of(self.request, self.public_url, self.allowed_origins);
        let harmless = !origin::changes(&self.request.method);
        if harmless || origin::is_trusted(self.request, source) {
            return Ok(());
        }
        Err(Refusal::CrossSite)
    }

    /// Refuses a page of another site, whatever it asks for.
    pub(crate) fn admit_page(&self) -> Result<(), Refusal> {
        match Source::of(self.request, self.public_url, self.allowed_origins) {
            Source::Foreign => Err(Refusal::CrossSite),
            Source::Own | Source::Allowed | Source::Unknown => Ok(()),
        }
    }

    /// Whether a person waits for a page, and can be sent to another one.
    pub(crate) fn is_navigation(&self) -> bool {
        let request = self.request;
        let looks = request.method == Method::GET || request.method == Method::HEAD;
        let wants_page = match request.header("sec-fetch-mode") {
            Some(mode) => mode == "navigate",
            None => request.header("accept").is_some_and(|accept| accept.contains("text/html")),
        };
        looks && wants_page
    }

    /// The answer to a request without a session: the login for people, a 401 for scripts.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotLoggedIn`] for scripts.
    pub(crate) fn turn_away(&self, target: &Target) -> Result<Answer, Refusal> {
        if !self.is_navigation() {
            return Err(Refusal::NotLoggedIn);
        }
        let back = ReturnTo::target(target).encoded();
        Ok(self.see_other(&format!("/_proxy/login?return={back}"), Lines::new()))
    }

    /// 303 to a path of this proxy.
    pub(crate) fn see_other(&self, path: &str, more: Lines) -> Answer {
        let mut headers: Lines = vec![
            ("location".to_owned(), format!("{}{path}", self.public())),
            ("cache-control".to_owned(), "no-store".to_owned()),
        ];
        headers.extend(more);
        headers.extend(self.cors.iter().cloned());
        Answer { status: 303, headers, body: Body::Empty }
    }

    /// The first value of a parameter, decoded.
    pub(crate) fn parameter(&self, name: &str) -> Option<String> {
        match &self.request.query {
            Query::Raw(raw) => form_urlencoded::parse(raw.as_bytes())
                .find(|(known, _)| known == name)
                .map(|(_, value)| value.into_owned()),
            Query::Decoded(pairs) => {
                pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::testing::request;

    /// Where a request without a session is sent, or `None` when it hears 401.
    fn sent_to(method: &str, headers: &[(&str, &str)]) -> Option<String> {
        let mut request = request(method, "/logs/_search", headers);
        request.query = Query::Raw("q=a+b&v".to_owned());
        let target = Target::of(&request).unwrap();
        let cors = Lines::new();
        let arrival =
            Arrival { request: &request, public_url: None, allowed_origins: &[], cors: &cors };
        match arrival.turn_away(&target) {
            Ok(answer) => {
                assert_eq!(answer.status, 303);
                assert_eq!(crate::headers::get(&answer.headers, "cache-control"), Some("no-store"));
                crate::headers::get(&answer.headers, "location").map(str::to_owned)
            }
            Err(refusal) => {
                assert!(matches!(refusal, Refusal::NotLoggedIn), "{refusal}");
                None
            }
        }
    }

    #[test]
    fn a5_people_are_sent_to_the_login_and_scripts_hear_401() {
        let html = ("accept", "text/html,application/xhtml+xml,*/*;q=0.8");
        let json = ("accept", "application/json");
        let mode = |mode| ("sec-fetch-mode", mode);
        for (method, headers, page) in [
            ("GET", &[mode("navigate"), html][..], true),
            ("GET", &[mode("navigate")], true),
            ("HEAD", &[mode("navigate"), html], true),
            ("GET", &[html], true),
            ("POST", &[mode("navigate"), html], false),
            ("DELETE", &[html], false),
            ("GET", &[mode("cors"), html], false),
            ("GET", &[mode("no-cors"), html], false),
            ("GET", &[mode("same-origin"), html], false),
            ("GET", &[json], false),
            ("GET", &[("accept", "*/*")], false),
            ("GET", &[], false),
            ("OPTIONS", &[html], false),
        ] {
            assert_eq!(sent_to(method, headers).is_some(), page, "{method} {headers:?}");
        }
    }

    #[test]
    fn a5_the_login_leads_back_to_where_one_was_going() {
        assert_eq!(
            sent_to("GET", &[("accept", "text/html")]).as_deref(),
            Some("/_proxy/login?return=%2Flogs%2F_search%3Fq%3Da%2520b%26v")
        );
    }
}
