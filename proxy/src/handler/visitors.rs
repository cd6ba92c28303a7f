//! Who is at the door, what they may do, and the proxy's own routes.

use http::Method;

use super::logins::{self, Route};
use super::{Proxy, again};
use crate::answer::Answer;
use crate::config::Access;
use crate::error::Failure;
use crate::event::Request;
use crate::handler::job_api::{Route as JobRoute, description};
use crate::headers::Lines;
use crate::job::export;
use crate::line::AccessLine;
use crate::object;
use crate::own;
use crate::path::Target;
use crate::session::{Arrival, Refusal, Sessions, SessionsConfig, Visitor};

/// A path below `/_proxy`.
enum Own<'a> {
    Login(Route),
    Somebodys(Somebodys<'a>),
    Description,
    Other,
}

/// What only its owner gets.
enum Somebodys<'a> {
    /// A stored answer.
    Answer(&'a str),
    Job(JobRoute),
    Uploads,
}

impl Own<'_> {
    fn of(route: &str) -> Own<'_> {
        if let Some(route) = Route::of(route) {
            return Own::Login(route);
        }
        if let Some(id) = again::id_of(route) {
            return Own::Somebodys(Somebodys::Answer(id));
        }
        if route == "/uploads" {
            return Own::Somebodys(Somebodys::Uploads);
        }
        match JobRoute::of(route) {
            Some(JobRoute::Description) => Own::Description,
            Some(route) => Own::Somebodys(Somebodys::Job(route)),
            None => Own::Other,
        }
    }
}

impl Proxy {
    pub(super) fn arrival<'a>(&'a self, request: &'a Request, cors: &'a Lines) -> Arrival<'a> {
        Arrival {
            request,
            public_url: self.config.public_url.as_deref(),
            allowed_origins: &self.config.allowed_origins,
            cors,
        }
    }

    /// Whom a request is of; `None` for somebody who has to log in.
    pub(super) async fn visitor(
        &self,
        arrival: &Arrival<'_>,
        line: &mut AccessLine,
    ) -> Result<Option<Visitor>, Failure> {
        let config = match &self.config.access {
            Access::Open => return Ok(Some(Visitor::Anyone)),
            Access::Closed => return Err(Failure::Closed),
            Access::Sessions(config) => config,
        };
        let found = self.sessions(config).await.find(arrival.request).await;
        let Some(session) = found.map_err(Refusal::from)? else {
            return Ok(None);
        };
        line.user = Some(session.user.name.clone());
        Ok(Some(Visitor::User(session.user)))
    }

    /// Refuses what a page of another site makes a browser do, and what a role does not allow.
    pub(super) fn permit(
        &self,
        arrival: &Arrival<'_>,
        visitor: &Visitor,
        target: &Target,
    ) -> Result<(), Refusal> {
        self.admit(arrival, visitor, Some((&arrival.request.method, &target.path)))
    }

    /// The same for a request about jobs. An export is a search, and whoever may not search there may not export.
    fn permit_job(
        &self,
        arrival: &Arrival<'_>,
        visitor: &Visitor,
        route: &JobRoute,
    ) -> Result<(), Refusal> {
        let export = (arrival.request.method == Method::POST && *route == JobRoute::All)
            .then(|| object::read::<export::Request>(&arrival.request.body).ok())
            .flatten();
        let search = export.map(|export| format!("/{}/_search", export.index));
        self.admit(arrival, visitor, search.as_deref().map(|path| (&Method::POST, path)))
    }

    /// What is asked of the upstream, if anything, is looked at by the rules. An open proxy has none.
    fn admit(
        &self,
        arrival: &Arrival<'_>,
        visitor: &Visitor,
        asked: Option<(&Method, &str)>,
    ) -> Result<(), Refusal> {
        let (Access::Sessions(config), Visitor::User(user)) = (&self.config.access, visitor) else {
            return Ok(());
        };
        arrival.admit_change()?;
        match asked {
            Some((method, path)) => Ok(config.settings.rules.admit(user.role, method, path)?),
            None => Ok(()),
        }
    }

    /// Answers a path below `/_proxy`.
    pub(super) async fn own(
        &self,
        arrival: &Arrival<'_>,
        target: &Target,
        route: &str,
        line: &mut AccessLine,
    ) -> Result<Answer, Failure> {
        let (request, cors) = (arrival.request, arrival.cors);
        match Own::of(route) {
            Own::Login(route) => self.about_logins(arrival, route).await,
            Own::Description => description(&request.method, cors),
            Own::Other => own::answer(route, &request.method, cors),
            Own::Somebodys(what) => match self.visitor(arrival, line).await? {
                Some(visitor) => self.somebodys(arrival, &visitor, what, line).await,
                None => Ok(arrival.turn_away(target)?),
            },
        }
    }

    async fn somebodys(
        &self,
        arrival: &Arrival<'_>,
        visitor: &Visitor,
        what: Somebodys<'_>,
        line: &mut AccessLine,
    ) -> Result<Answer, Failure> {
        let (request, cors) = (arrival.request, arrival.cors);
        match what {
            Somebodys::Answer(id) => self.again(request, visitor, id, cors, line).await,
            Somebodys::Uploads => {
                self.admit(arrival, visitor, None)?;
                self.about_uploads(request, visitor, cors).await
            }
            Somebodys::Job(route) => {
                self.permit_job(arrival, visitor, &route)?;
                self.about_jobs(request, visitor, cors, &route).await
            }
        }
    }

    async fn about_logins(&self, arrival: &Arrival<'_>, route: Route) -> Result<Answer, Failure> {
        match &self.config.access {
            Access::Sessions(config) => self.sessions(config).await.answer(arrival, route).await,
            Access::Closed => Err(Failure::Closed),
            Access::Open => {
                route.admit(&arrival.request.method)?;
                Ok(match route {
                    Route::Session => logins::open(arrival.cors),
                    // Nobody has to log in: onward.
                    Route::Login | Route::Logout => arrival.see_other("/", Lines::new()),
                })
            }
        }
    }

    /// Sessions are looked at by the first request that needs them: a cold start asks nobody.
    async fn sessions(&self, config: &SessionsConfig) -> &Sessions {
        let made = || Sessions::of(config, &self.config.overflow.region);
        self.sessions.get_or_init(made).await
    }
}
