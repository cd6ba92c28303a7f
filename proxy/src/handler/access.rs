//! Authentication, authorization, and the routing of the proxy's own paths.

use http::{HeaderMap, Method};

use super::logins::{self, Route};
use super::{Proxy, renew};
use crate::access_log::AccessLog;
use crate::config::Access;
use crate::error::ProxyError;
use crate::event::Request;
use crate::handler::job_api::{Route as JobRoute, description};
use crate::job::export;
use crate::object;
use crate::own;
use crate::path::Target;
use crate::response::Response;
use crate::session::{ClientContext, Principal, SessionRefusal, Sessions, SessionsConfig};

/// A route below `/_proxy`.
enum OwnRoute<'a> {
    Login(Route),
    UserRoute(UserRoute<'a>),
    Description,
    Other,
}

/// A route to a user's own data.
enum UserRoute<'a> {
    /// A stored response.
    StoredResponse(&'a str),
    Job(JobRoute),
    Uploads,
}

impl OwnRoute<'_> {
    fn of(route: &str) -> OwnRoute<'_> {
        if let Some(route) = Route::of(route) {
            return OwnRoute::Login(route);
        }
        if let Some(id) = renew::id_of(route) {
            return OwnRoute::UserRoute(UserRoute::StoredResponse(id));
        }
        if route == "/uploads" {
            return OwnRoute::UserRoute(UserRoute::Uploads);
        }
        match JobRoute::of(route) {
            Some(JobRoute::Description) => OwnRoute::Description,
            Some(route) => OwnRoute::UserRoute(UserRoute::Job(route)),
            None => OwnRoute::Other,
        }
    }
}

impl Proxy {
    pub(super) fn client<'a>(
        &'a self,
        request: &'a Request,
        cors: &'a HeaderMap,
    ) -> ClientContext<'a> {
        ClientContext {
            request,
            public_url: self.config.public_url.as_deref(),
            allowed_origins: &self.config.allowed_origins,
            cors,
        }
    }

    /// The user of a request; `None` if a login is required.
    pub(super) async fn principal(
        &self,
        client: &ClientContext<'_>,
        line: &mut AccessLog,
    ) -> Result<Option<Principal>, ProxyError> {
        let config = match &self.config.access {
            Access::Open => return Ok(Some(Principal::Anonymous)),
            Access::Closed => return Err(ProxyError::Closed),
            Access::Sessions(config) => config,
        };
        let found = self.sessions(config).await.find(client.request).await;
        let Some(session) = found.map_err(SessionRefusal::from)? else {
            return Ok(None);
        };
        line.user = Some(session.user.name.clone());
        Ok(Some(Principal::User(session.user)))
    }

    /// Refuses requests of other sites' pages, and requests that the role does not allow.
    pub(super) fn permit(
        &self,
        client: &ClientContext<'_>,
        principal: &Principal,
        target: &Target,
    ) -> Result<(), SessionRefusal> {
        self.admit(client, principal, Some((&client.request.method, &target.path)))
    }

    /// The same for a request about jobs. An export needs the right to search its index.
    fn permit_job(
        &self,
        client: &ClientContext<'_>,
        principal: &Principal,
        route: &JobRoute,
    ) -> Result<(), SessionRefusal> {
        let export = (client.request.method == Method::POST && *route == JobRoute::All)
            .then(|| object::read::<export::Request>(&client.request.body).ok())
            .flatten();
        let search = export.map(|export| format!("/{}/_search", export.index));
        self.admit(client, principal, search.as_deref().map(|path| (&Method::POST, path)))
    }

    /// Applies the rules to the request to the upstream, if there is one. An open proxy has no rules.
    fn admit(
        &self,
        client: &ClientContext<'_>,
        principal: &Principal,
        asked: Option<(&Method, &str)>,
    ) -> Result<(), SessionRefusal> {
        let (Access::Sessions(config), Principal::User(user)) = (&self.config.access, principal)
        else {
            return Ok(());
        };
        client.admit_change()?;
        match asked {
            Some((method, path)) => Ok(config.settings.rules.admit(user.role, method, path)?),
            None => Ok(()),
        }
    }

    /// Handles a path below `/_proxy`.
    pub(super) async fn own(
        &self,
        client: &ClientContext<'_>,
        target: &Target,
        route: &str,
        line: &mut AccessLog,
    ) -> Result<Response, ProxyError> {
        let (request, cors) = (client.request, client.cors);
        match OwnRoute::of(route) {
            OwnRoute::Login(route) => self.about_logins(client, route).await,
            OwnRoute::Description => description(&request.method, cors),
            OwnRoute::Other => own::respond(route, &request.method, cors),
            OwnRoute::UserRoute(what) => match self.principal(client, line).await? {
                Some(principal) => self.user_route(client, &principal, what, line).await,
                None => Ok(client.unauthenticated(target)?),
            },
        }
    }

    async fn user_route(
        &self,
        client: &ClientContext<'_>,
        principal: &Principal,
        what: UserRoute<'_>,
        line: &mut AccessLog,
    ) -> Result<Response, ProxyError> {
        let (request, cors) = (client.request, client.cors);
        match what {
            UserRoute::StoredResponse(id) => self.renew(request, principal, id, cors, line).await,
            UserRoute::Uploads => {
                self.admit(client, principal, None)?;
                self.about_uploads(request, principal, cors).await
            }
            UserRoute::Job(route) => {
                self.permit_job(client, principal, &route)?;
                self.about_jobs(request, principal, cors, &route).await
            }
        }
    }

    async fn about_logins(
        &self,
        client: &ClientContext<'_>,
        route: Route,
    ) -> Result<Response, ProxyError> {
        match &self.config.access {
            Access::Sessions(config) => self.sessions(config).await.respond(client, route).await,
            Access::Closed => Err(ProxyError::Closed),
            Access::Open => {
                route.admit(&client.request.method)?;
                Ok(match route {
                    Route::Session => logins::open(client.cors),
                    // No login is required.
                    Route::Login | Route::Logout => client.see_other("/", &HeaderMap::new()),
                })
            }
        }
    }

    /// The sessions, created by the first request that needs them, so that a cold start makes no request.
    async fn sessions(&self, config: &SessionsConfig) -> &Sessions {
        let made = || Sessions::of(config, &self.config.overflow.region);
        self.sessions.get_or_init(made).await
    }
}
