//! The origin of a request, and the form of the response if it is denied.

use http::Method;
use http::header::{CACHE_CONTROL, HeaderMap, LOCATION};

use super::origin::{self, OriginKind};
use super::{ReturnTo, SessionRefusal};
use crate::event::{Query, Request};
use crate::headers;
use crate::path::Target;
use crate::response::{Body, Response};

/// A request with the settings that concern its origin.
#[derive(Clone, Copy, Debug)]
pub struct ClientContext<'a> {
    /// The request.
    pub request: &'a Request,
    /// The public address, if it is configured.
    pub public_url: Option<&'a str>,
    /// The origins whose pages may call the proxy.
    pub allowed_origins: &'a [String],
    /// The CORS headers of the response.
    pub cors: &'a HeaderMap,
}

impl ClientContext<'_> {
    /// The prefix of paths in public addresses.
    pub(crate) fn public(&self) -> &str {
        self.public_url.unwrap_or(&self.request.stage_prefix)
    }

    /// Refuses a changing request that a page of another site may have caused.
    ///
    /// # Errors
    ///
    /// [`SessionRefusal::CrossSite`].
    pub(crate) fn admit_change(&self) -> Result<(), SessionRefusal> {
        let source = OriginKind::of(self.request, self.public_url, self.allowed_origins);
        let harmless = !origin::changes(&self.request.method);
        if harmless || origin::is_trusted(self.request, source) {
            return Ok(());
        }
        Err(SessionRefusal::CrossSite)
    }

    /// Refuses any request of another site's page.
    pub(crate) fn admit_page(&self) -> Result<(), SessionRefusal> {
        match OriginKind::of(self.request, self.public_url, self.allowed_origins) {
            OriginKind::Foreign => Err(SessionRefusal::CrossSite),
            OriginKind::Own | OriginKind::Allowed | OriginKind::Unknown => Ok(()),
        }
    }

    /// Whether the request is a navigation of a browser, which can be redirected to a page.
    pub(crate) fn is_navigation(&self) -> bool {
        let request = self.request;
        let looks = request.method == Method::GET || request.method == Method::HEAD;
        let wants_page = match request.header("sec-fetch-mode") {
            Some(mode) => mode == "navigate",
            None => request.header("accept").is_some_and(|accept| accept.contains("text/html")),
        };
        looks && wants_page
    }

    /// The response to a request without a session: the login page for navigations, 401 for programs.
    ///
    /// # Errors
    ///
    /// [`SessionRefusal::NotLoggedIn`] for programs.
    pub(crate) fn unauthenticated(&self, target: &Target) -> Result<Response, SessionRefusal> {
        if !self.is_navigation() {
            return Err(SessionRefusal::NotLoggedIn);
        }
        let back = ReturnTo::target(target).encoded();
        Ok(self.see_other(&format!("/_proxy/login?return={back}"), &HeaderMap::new()))
    }

    /// A 303 to a path of this proxy.
    pub(crate) fn see_other(&self, path: &str, more: &HeaderMap) -> Response {
        let mut headers = HeaderMap::new();
        headers::set(&mut headers, LOCATION, &format!("{}{path}", self.public()));
        headers::set(&mut headers, CACHE_CONTROL, "no-store");
        headers::extend(&mut headers, more);
        headers::extend(&mut headers, self.cors);
        Response { status: 303, headers, body: Body::Empty }
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
    use crate::event::testing::request;

    /// The redirect of a request without a session, or `None` for a 401.
    fn sent_to(method: &str, headers: &[(&str, &str)]) -> Option<String> {
        let mut request = request(method, "/logs/_search", headers);
        request.query = Query::Raw("q=a+b&v".to_owned());
        let target = Target::of(&request).unwrap();
        let cors = HeaderMap::new();
        let client = ClientContext {
            request: &request,
            public_url: None,
            allowed_origins: &[],
            cors: &cors,
        };
        match client.unauthenticated(&target) {
            Ok(response) => {
                assert_eq!(response.status, 303);
                assert_eq!(response.headers[CACHE_CONTROL], "no-store");
                headers::get(&response.headers, LOCATION).map(std::borrow::Cow::into_owned)
            }
            Err(refusal) => {
                assert!(matches!(refusal, SessionRefusal::NotLoggedIn), "{refusal}");
                None
            }
        }
    }

    #[test]
    fn a5_navigations_are_redirected_to_the_login_and_programs_get_401() {
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
    fn a5_the_login_returns_to_the_requested_path() {
        assert_eq!(
            sent_to("GET", &[("accept", "text/html")]).as_deref(),
            Some("/_proxy/login?return=%2Flogs%2F_search%3Fq%3Da%2520b%26v")
        );
    }
}
