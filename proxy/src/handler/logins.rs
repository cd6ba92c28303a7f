//! `/_proxy/login`, `/_proxy/logout` and `/_proxy/session`.

mod page;

use aws_sdk_dynamodb::primitives::{DateTime, DateTimeFormat};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Method;
use serde_json::json;

use self::page::Notice;
use crate::answer::{Answer, Body, Text};
use crate::cookie::Cookie;
use crate::error::Failure;
use crate::headers::Lines;
use crate::session::attempts::Attempt;
use crate::session::origin::{is_loopback, scheme};
use crate::session::store::EpochSeconds;
use crate::session::ticket::random;
use crate::session::{
    Arrival, Cookies, Form, Refusal, ReturnTo, Session, Sessions, Ticket, form_token, is_form_token,
};

/// The largest body of a login or a logout, in bytes.
const BODY_MAX: usize = 16 * 1024;

/// A route below `/_proxy` that is about logins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// The form, and what it sends.
    Login,
    /// The end of a session.
    Logout,
    /// Who one is.
    Session,
}

impl Route {
    /// The route of a path below `/_proxy`, if it is one of these.
    pub(crate) fn of(path: &str) -> Option<Route> {
        match path {
            "/login" => Some(Route::Login),
            "/logout" => Some(Route::Logout),
            "/session" => Some(Route::Session),
            _ => None,
        }
    }

    /// Whether the route has this method, whoever asks.
    pub(crate) fn admit(self, method: &Method) -> Result<(), Failure> {
        let methods = match self {
            Route::Login => "GET, HEAD, POST",
            Route::Logout => "POST",
            Route::Session => "GET",
        };
        let has = methods.split(", ").any(|one| one == method.as_str());
        if has { Ok(()) } else { Err(Failure::OwnMethod(methods)) }
    }
}

/// What somebody sends to log in.
enum Login {
    /// A form on the page, which an answer shows again.
    Page(Form),
    /// A program's JSON, which gets JSON back. A page of another site cannot send it without asking.
    Json(Form),
}

impl Sessions {
    /// Answers a request about logins.
    pub(crate) async fn answer(
        &self,
        arrival: &Arrival<'_>,
        route: Route,
    ) -> Result<Answer, Failure> {
        route.admit(&arrival.request.method)?;
        match route {
            Route::Login if arrival.request.method == Method::POST => self.log_in(arrival).await,
            Route::Login => self.show_login(arrival).await,
            Route::Logout => Ok(self.log_out(arrival).await?),
            Route::Session => Ok(self.who(arrival).await?),
        }
    }

    async fn show_login(&self, arrival: &Arrival<'_>) -> Result<Answer, Failure> {
        self.admit_scheme(arrival)?;
        let back = ReturnTo::read(&arrival.parameter("return").unwrap_or_default());
        let answer = match self.find(arrival.request).await.map_err(Refusal::from) {
            Ok(Some(session)) => self.welcome(arrival, &session, &back),
            Ok(None) if arrival.parameter("logged-out").is_some() => {
                self.form(arrival, &back, "", Some(&Notice::LoggedOut))
            }
            Ok(None) => self.form(arrival, &back, "", None),
            Err(refusal) => self.form(arrival, &back, "", Some(&Notice::Refused(&refusal))),
        };
        Ok(match arrival.request.method {
            Method::HEAD => Answer { body: Body::Empty, ..answer },
            _ => answer,
        })
    }

    async fn log_in(&self, arrival: &Arrival<'_>) -> Result<Answer, Failure> {
        self.admit_scheme(arrival)?;
        match Login::read(arrival)? {
            Login::Json(form) => {
                arrival.admit_change()?;
                let (ticket, session) = self.admit(arrival, &form).await?;
                let cookie = self.settings.cookies.set(Cookie::Session, &ticket.cookie());
                Ok(json_answer(arrival, &session, &ticket, vec![cookie]))
            }
            Login::Page(form) => {
                let back = ReturnTo::read(form.get("return"));
                let admitted = async {
                    self.admit_form(arrival, &form)?;
                    self.admit(arrival, &form).await
                };
                Ok(match admitted.await {
                    Ok((ticket, _)) => arrival.see_other(back.as_str(), self.cookies(&ticket)),
                    Err(refusal) => {
                        let notice = Notice::Refused(&refusal);
                        self.form(arrival, &back, form.get("user"), Some(&notice))
                    }
                })
            }
        }
    }

    /// Looks at name and password, and begins a session.
    async fn admit(
        &self,
        arrival: &Arrival<'_>,
        form: &Form,
    ) -> Result<(Ticket, Session), Refusal> {
        let now = self.now();
        let user = form.get("user").trim().to_ascii_lowercase();
        let address = arrival.request.source_ip.as_deref();
        let counted =
            Attempt::count(&*self.store, self.settings.bounds, &user, address, now).await?;
        let attempt = counted.map_err(|locked| {
            tracing::warn!(target: "login", address, "too many attempts");
            Refusal::Locked(locked.0.saturating_sub(now).max(1))
        })?;
        let Some(identity) = self.identify.identify(form).await? else {
            // Without the name: it may be a password that was typed into the wrong field.
            tracing::warn!(target: "login", address, "a login failed");
            return Err(Refusal::WrongPassword);
        };
        attempt.succeeded(&*self.store).await?;
        tracing::info!(target: "login", address, user = identity.user.name, "logged in");
        Ok(self.begin(identity, self.ticket(arrival.request)).await?)
    }

    /// Whether the form was fetched by the browser that sends it.
    fn admit_form(&self, arrival: &Arrival<'_>, form: &Form) -> Result<(), Refusal> {
        arrival.admit_page()?;
        let cookie = self.settings.cookies.value(arrival.request, Cookie::Login);
        let own = cookie.is_some_and(|cookie| is_form_token(cookie, form.get("csrf_token")));
        if own { Ok(()) } else { Err(Refusal::Token) }
    }

    /// A browser would not send the cookie back, and a login would seem to do nothing.
    fn admit_scheme(&self, arrival: &Arrival<'_>) -> Result<(), Refusal> {
        let request = arrival.request;
        let lost = self.settings.cookies == Cookies::HostOnly
            && scheme(request) == "http"
            && !is_loopback(request);
        if lost { Err(Refusal::PlainHttp) } else { Ok(()) }
    }

    async fn log_out(&self, arrival: &Arrival<'_>) -> Result<Answer, Refusal> {
        arrival.admit_page()?;
        let request = arrival.request;
        let form = Form::read(&request.body[..request.body.len().min(BODY_MAX)]);
        let token = request.header("x-csrf-token").unwrap_or(form.get("csrf_token"));
        if let Some(ticket) = self.ticket(request) {
            if !is_form_token(&ticket.cookie(), token) {
                return Err(Refusal::Token);
            }
            self.end(&ticket).await?;
        }
        let gone = vec![self.settings.cookies.clear(Cookie::Session)];
        let wants_page = request.header("accept").is_some_and(|kinds| kinds.contains("text/html"));
        if wants_page {
            return Ok(arrival.see_other("/_proxy/login?logged-out=1", gone));
        }
        let mut headers = vec![("cache-control".to_owned(), "no-store".to_owned())];
        headers.extend(gone);
        headers.extend(arrival.cors.iter().cloned());
        Ok(Answer { status: 204, headers, body: Body::Empty })
    }

    async fn who(&self, arrival: &Arrival<'_>) -> Result<Answer, Refusal> {
        let session = self.find(arrival.request).await?.ok_or(Refusal::NotLoggedIn)?;
        let ticket = self.ticket(arrival.request).ok_or(Refusal::NotLoggedIn)?;
        Ok(json_answer(arrival, &session, &ticket, Lines::new()))
    }

    /// The form, good for the browser that gets it.
    fn form(
        &self,
        arrival: &Arrival<'_>,
        back: &ReturnTo,
        user: &str,
        notice: Option<&Notice<'_>>,
    ) -> Answer {
        let cookies = self.settings.cookies;
        // A form in another tab stays good.
        let known = cookies.value(arrival.request, Cookie::Login).filter(|value| value.len() == 43);
        let secret = known.map_or_else(|| URL_SAFE_NO_PAD.encode(random::<32>()), str::to_owned);
        let form = page::Form { token: &form_token(&secret), back, user };
        page::login(&form, notice, vec![cookies.set(Cookie::Login, &secret)])
    }

    fn welcome(&self, arrival: &Arrival<'_>, session: &Session, back: &ReturnTo) -> Answer {
        let cookie = self.settings.cookies.value(arrival.request, Cookie::Session);
        let onward = format!("{}{}", arrival.public(), back.as_str());
        page::welcome(&session.user, &form_token(cookie.unwrap_or_default()), &onward)
    }

    /// The session's cookie in place of the form's.
    fn cookies(&self, ticket: &Ticket) -> Lines {
        let cookies = self.settings.cookies;
        vec![cookies.set(Cookie::Session, &ticket.cookie()), cookies.clear(Cookie::Login)]
    }
}

impl Login {
    fn read(arrival: &Arrival<'_>) -> Result<Login, Refusal> {
        let body = &arrival.request.body;
        if body.len() > BODY_MAX {
            return Err(Refusal::Body("it is larger than 16 KiB"));
        }
        let kind = arrival.request.header("content-type").unwrap_or_default();
        match kind.split(';').next().unwrap_or_default().trim() {
            "application/x-www-form-urlencoded" => Ok(Login::Page(Form::read(body))),
            "application/json" => {
                let form = Form::of_json(body).ok_or(Refusal::Body("it is no object of JSON"))?;
                Ok(Login::Json(form))
            }
            _ => Err(Refusal::Body("its Content-Type is neither that of a form nor JSON")),
        }
    }
}

fn date(seconds: EpochSeconds) -> String {
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    DateTime::from_secs(seconds).fmt(DateTimeFormat::DateTime).unwrap_or_default()
}

fn json_answer(arrival: &Arrival<'_>, session: &Session, ticket: &Ticket, more: Lines) -> Answer {
    let body = json!({
        "access": "sessions",
        "user": session.user.name,
        "role": session.user.role.name(),
        "since": date(session.since),
        "expires": date(session.ends),
        "idle_expires": date(session.idle_ends),
        "csrf_token": form_token(&ticket.cookie()),
    });
    json_lines(200, &body.to_string(), arrival.cors, more)
}

/// What `/_proxy/session` says where nobody has to log in.
pub(crate) fn open(cors: &Lines) -> Answer {
    json_lines(200, r#"{"access":"open","user":null}"#, cors, Lines::new())
}

fn json_lines(status: u16, body: &str, cors: &Lines, more: Lines) -> Answer {
    let mut headers: Lines = vec![
        ("content-type".to_owned(), "application/json".to_owned()),
        ("cache-control".to_owned(), "no-store".to_owned()),
    ];
    headers.extend(more);
    headers.extend(cors.iter().cloned());
    Answer { status, headers, body: Body::Text(Text::from(body.to_owned())) }
}
