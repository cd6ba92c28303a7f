//! `/_proxy/login`, `/_proxy/logout` and `/_proxy/session`.

mod page;

use aws_sdk_dynamodb::primitives::{DateTime, DateTimeFormat};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Method;
use http::header::{CACHE_CONTROL, HeaderMap, SET_COOKIE};
use serde_json::json;

use self::page::Notice;
use crate::cookie::Cookie;
use crate::error::ProxyError;
use crate::headers;
use crate::response::{Body, Response};
use crate::session::attempts::Attempt;
use crate::session::origin::{is_loopback, scheme};
use crate::session::store::EpochSeconds;
use crate::session::ticket::random;
use crate::session::{
    ClientContext, Cookies, LoginForm, ReturnTo, Session, SessionRefusal, SessionTicket, Sessions,
    form_token, is_form_token,
};

/// The largest body of a login or a logout, in bytes.
const BODY_MAX: usize = 16 * 1024;

/// A route of logins below `/_proxy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// The login form and its submission.
    Login,
    /// Ends a session.
    Logout,
    /// Shows the session.
    Session,
}

impl Route {
    /// The route of a path below `/_proxy`, if it is a route of logins.
    pub(crate) fn of(path: &str) -> Option<Route> {
        match path {
            "/login" => Some(Route::Login),
            "/logout" => Some(Route::Logout),
            "/session" => Some(Route::Session),
            _ => None,
        }
    }

    /// Refuses methods that the route does not have.
    pub(crate) fn admit(self, method: &Method) -> Result<(), ProxyError> {
        let methods = match self {
            Route::Login => "GET, HEAD, POST",
            Route::Logout => "POST",
            Route::Session => "GET",
        };
        let has = methods.split(", ").any(|one| one == method.as_str());
        if has { Ok(()) } else { Err(ProxyError::OwnMethod(methods)) }
    }
}

/// The body of a login.
enum Login {
    /// The submitted form; on failure the page is shown again.
    Page(LoginForm),
    /// JSON of a program, which gets JSON back. A page of another site cannot send it without a preflight.
    Json(LoginForm),
}

impl Sessions {
    /// Handles a request about logins.
    pub(crate) async fn respond(
        &self,
        client: &ClientContext<'_>,
        route: Route,
    ) -> Result<Response, ProxyError> {
        route.admit(&client.request.method)?;
        match route {
            Route::Login if client.request.method == Method::POST => self.log_in(client).await,
            Route::Login => self.show_login(client).await,
            Route::Logout => Ok(self.log_out(client).await?),
            Route::Session => Ok(self.who(client).await?),
        }
    }

    async fn show_login(&self, client: &ClientContext<'_>) -> Result<Response, ProxyError> {
        self.admit_scheme(client)?;
        let back = ReturnTo::read(&client.parameter("return").unwrap_or_default());
        let response = match self.find(client.request).await.map_err(SessionRefusal::from) {
            Ok(Some(session)) => self.welcome(client, &session, &back),
            Ok(None) if client.parameter("logged-out").is_some() => {
                self.form(client, &back, "", Some(&Notice::LoggedOut))
            }
            Ok(None) => self.form(client, &back, "", None),
            Err(refusal) => self.form(client, &back, "", Some(&Notice::Refused(&refusal))),
        };
        Ok(match client.request.method {
            Method::HEAD => Response { body: Body::Empty, ..response },
            _ => response,
        })
    }

    async fn log_in(&self, client: &ClientContext<'_>) -> Result<Response, ProxyError> {
        self.admit_scheme(client)?;
        match Login::read(client)? {
            Login::Json(form) => {
                client.admit_change()?;
                let (ticket, session) = self.admit(client, &form).await?;
                let cookie = self.settings.cookies.set(Cookie::Session, &ticket.cookie());
                Ok(json_response(client, &session, &ticket, &cookies([cookie])))
            }
            Login::Page(form) => {
                let back = ReturnTo::read(form.get("return"));
                let admitted = async {
                    self.admit_form(client, &form)?;
                    self.admit(client, &form).await
                };
                Ok(match admitted.await {
                    Ok((ticket, _)) => client.see_other(back.as_str(), &self.cookies(&ticket)),
                    Err(refusal) => {
                        let notice = Notice::Refused(&refusal);
                        self.form(client, &back, form.get("user"), Some(&notice))
                    }
                })
            }
        }
    }

    /// Checks name and password and begins a session.
    async fn admit(
        &self,
        client: &ClientContext<'_>,
        form: &LoginForm,
    ) -> Result<(SessionTicket, Session), SessionRefusal> {
        let now = self.now();
        let user = form.get("user").trim().to_ascii_lowercase();
        let address = client.request.source_ip.as_deref();
        let counted =
            Attempt::count(&*self.store, self.settings.bounds, &user, address, now).await?;
        let attempt = counted.map_err(|locked| {
            tracing::warn!(target: "login", address, "too many attempts");
            SessionRefusal::Locked(locked.0.saturating_sub(now).max(1))
        })?;
        let Some(identity) = self.identify.identify(form).await? else {
            // The name is not logged, because it may be a password typed into the wrong field.
            tracing::warn!(target: "login", address, "a login failed");
            return Err(SessionRefusal::WrongPassword);
        };
        attempt.succeeded(&*self.store).await?;
        tracing::info!(target: "login", address, user = identity.user.name, "logged in");
        Ok(self.begin(identity, self.ticket(client.request)).await?)
    }

    /// Checks that the browser that sends the form is the one that fetched it.
    fn admit_form(
        &self,
        client: &ClientContext<'_>,
        form: &LoginForm,
    ) -> Result<(), SessionRefusal> {
        client.admit_page()?;
        let cookie = self.settings.cookies.value(client.request, Cookie::Login);
        let own = cookie.is_some_and(|cookie| is_form_token(cookie, form.get("csrf_token")));
        if own { Ok(()) } else { Err(SessionRefusal::Token) }
    }

    /// Refuses plain HTTP, over which the browser would not return the cookie.
    fn admit_scheme(&self, client: &ClientContext<'_>) -> Result<(), SessionRefusal> {
        let request = client.request;
        let lost = self.settings.cookies == Cookies::HostOnly
            && scheme(request) == "http"
            && !is_loopback(request);
        if lost { Err(SessionRefusal::PlainHttp) } else { Ok(()) }
    }

    async fn log_out(&self, client: &ClientContext<'_>) -> Result<Response, SessionRefusal> {
        client.admit_page()?;
        let request = client.request;
        let form = LoginForm::read(&request.body[..request.body.len().min(BODY_MAX)]);
        let token = request.header("x-csrf-token").unwrap_or(form.get("csrf_token"));
        if let Some(ticket) = self.ticket(request) {
            if !is_form_token(&ticket.cookie(), token) {
                return Err(SessionRefusal::Token);
            }
            self.end(&ticket).await?;
        }
        let gone = cookies([self.settings.cookies.clear(Cookie::Session)]);
        let wants_page = request.header("accept").is_some_and(|kinds| kinds.contains("text/html"));
        if wants_page {
            return Ok(client.see_other("/_proxy/login?logged-out=1", &gone));
        }
        let mut headers = gone;
        headers::set(&mut headers, CACHE_CONTROL, "no-store");
        headers::extend(&mut headers, client.cors);
        Ok(Response { status: 204, headers, body: Body::Empty })
    }

    async fn who(&self, client: &ClientContext<'_>) -> Result<Response, SessionRefusal> {
        let session = self.find(client.request).await?.ok_or(SessionRefusal::NotLoggedIn)?;
        let ticket = self.ticket(client.request).ok_or(SessionRefusal::NotLoggedIn)?;
        Ok(json_response(client, &session, &ticket, &HeaderMap::new()))
    }

    /// The login page, bound to this browser.
    fn form(
        &self,
        client: &ClientContext<'_>,
        back: &ReturnTo,
        user: &str,
        notice: Option<&Notice<'_>>,
    ) -> Response {
        let cookies = self.settings.cookies;
        // The secret is reused so that a form in another tab stays valid.
        let known = cookies.value(client.request, Cookie::Login).filter(|value| value.len() == 43);
        let secret = known.map_or_else(|| URL_SAFE_NO_PAD.encode(random::<32>()), str::to_owned);
        let form = page::Fields { token: &form_token(&secret), back, user };
        page::login(&form, notice, self::cookies([cookies.set(Cookie::Login, &secret)]))
    }

    fn welcome(&self, client: &ClientContext<'_>, session: &Session, back: &ReturnTo) -> Response {
        let cookie = self.settings.cookies.value(client.request, Cookie::Session);
        let onward = format!("{}{}", client.public(), back.as_str());
        page::welcome(&session.user, &form_token(cookie.unwrap_or_default()), &onward)
    }

    /// Sets the session's cookie and removes the form's.
    fn cookies(&self, ticket: &SessionTicket) -> HeaderMap {
        let names = self.settings.cookies;
        cookies([names.set(Cookie::Session, &ticket.cookie()), names.clear(Cookie::Login)])
    }
}

impl Login {
    fn read(client: &ClientContext<'_>) -> Result<Login, SessionRefusal> {
        let body = &client.request.body;
        if body.len() > BODY_MAX {
            return Err(SessionRefusal::Body("it is larger than 16 KiB"));
        }
        let kind = client.request.header("content-type").unwrap_or_default();
        match kind.split(';').next().unwrap_or_default().trim() {
            "application/x-www-form-urlencoded" => Ok(Login::Page(LoginForm::read(body))),
            "application/json" => {
                let form = LoginForm::of_json(body)
                    .ok_or(SessionRefusal::Body("it is not a JSON object"))?;
                Ok(Login::Json(form))
            }
            _ => Err(SessionRefusal::Body("its Content-Type is neither that of a form nor JSON")),
        }
    }
}

fn date(seconds: EpochSeconds) -> String {
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    DateTime::from_secs(seconds).fmt(DateTimeFormat::DateTime).unwrap_or_default()
}

fn json_response(
    client: &ClientContext<'_>,
    session: &Session,
    ticket: &SessionTicket,
    more: &HeaderMap,
) -> Response {
    let body = json!({
        "access": "sessions",
        "user": session.user.name,
        "role": session.user.role.name(),
        "since": date(session.since),
        "expires": date(session.ends),
        "idle_expires": date(session.idle_ends),
        "csrf_token": form_token(&ticket.cookie()),
    });
    Response::json(200, body.to_string(), &[more, client.cors])
}

/// The response of `/_proxy/session` if the proxy is open.
pub(crate) fn open(cors: &HeaderMap) -> Response {
    Response::json(200, r#"{"access":"open","user":null}"#.to_owned(), &[cors])
}

/// `Set-Cookie` for each cookie.
fn cookies<const N: usize>(cookies: [String; N]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for cookie in cookies {
        headers::append(&mut headers, SET_COOKIE, &cookie);
    }
    headers
}
