//! The routes of jobs: create, show, cancel and list.

use http::Method;
use http::header::{HeaderMap, LOCATION, RETRY_AFTER};
use serde_json::{Value, json};

use super::resource::resource;
use super::{Jobs, OPENAPI, Owner, Route, idempotency_key};
use crate::error::ProxyError;
use crate::event::Request;
use crate::headers;
use crate::job::export::{self, Export};
use crate::job::ports::PortError;
use crate::job::{Digest, JobRefusal, JobState, Key, NewJob, Row};
use crate::response::Response;
use crate::store::{Link, ResponseStore};

/// `Retry-After` of a job that has not ended, in seconds.
const LOOK_AGAIN: u64 = 2;

/// A request about jobs.
pub(crate) struct JobRequest<'a> {
    pub(crate) request: &'a Request,
    pub(crate) owner: Owner,
    /// The prefix of `/_proxy` in public addresses.
    pub(crate) public: &'a str,
    pub(crate) cors: &'a HeaderMap,
}

impl JobRequest<'_> {
    /// The URL of a job.
    pub(super) fn address(&self, row: &Row) -> String {
        format!("{}/_proxy/jobs/{}", self.public, row.id)
    }
}

/// The OpenAPI description of the routes; it needs no login.
pub(crate) fn description(method: &Method, cors: &HeaderMap) -> Result<Response, ProxyError> {
    if method != Method::GET {
        return Err(ProxyError::OwnMethod("GET"));
    }
    Ok(Response::json(200, OPENAPI.to_owned(), &[cors]))
}

impl Jobs {
    /// Handles a request about jobs.
    pub(crate) async fn respond(
        &self,
        job_request: &JobRequest<'_>,
        route: &Route,
        store: &ResponseStore,
    ) -> Result<Response, ProxyError> {
        match (route, job_request.request.method.as_str()) {
            (Route::Description, _) => description(&job_request.request.method, job_request.cors),
            (Route::All, "GET") => Ok(self.list(job_request).await?),
            (Route::All, "POST") => Ok(self.export(job_request, store).await?),
            (Route::All, _) => Err(ProxyError::OwnMethod("GET, POST")),
            (Route::One(id), "GET") => {
                let owner = &job_request.owner.0;
                let row = self.engine.find(owner, id).await.map_err(JobRefusal::from)?;
                Ok(self.show(job_request, id, row, store).await?)
            }
            (Route::One(id), "DELETE") => {
                let owner = &job_request.owner.0;
                let row = self.engine.cancel(owner, id).await.map_err(JobRefusal::from)?;
                Ok(self.show(job_request, id, row, store).await?)
            }
            (Route::One(_), _) => Err(ProxyError::OwnMethod("GET, DELETE")),
        }
    }

    async fn list(&self, job_request: &JobRequest<'_>) -> Result<Response, JobRefusal> {
        let rows = self.engine.list(&job_request.owner.0).await?;
        let settings = self.engine.settings();
        let jobs: Vec<Value> = rows.iter().map(|row| resource(row, None, settings)).collect();
        let body = json!({ "jobs": jobs }).to_string();
        Ok(Response::json(200, body, &[job_request.cors]))
    }

    async fn export(
        &self,
        job_request: &JobRequest<'_>,
        store: &ResponseStore,
    ) -> Result<Response, JobRefusal> {
        let body = &job_request.request.body;
        let input = export::read(body)?;
        let fingerprint = Digest::of(body).sha256;
        let key = idempotency_key(job_request.request)?;
        let key = key.map(|name| Key { name, fingerprint: &fingerprint });
        let new = NewJob { owner: &job_request.owner.0, input: &input, key };
        let row = self.engine.create::<Export>(new).await?;
        if row.state.is_terminal() {
            let id = row.id.clone();
            return self.show(job_request, &id, Some(row), store).await;
        }
        Ok(self.accepted(job_request, &row, &HeaderMap::new()))
    }

    /// 202, with the URL of the job and `Retry-After`.
    pub(super) fn accepted(
        &self,
        job_request: &JobRequest<'_>,
        row: &Row,
        more: &HeaderMap,
    ) -> Response {
        let mut headers = HeaderMap::new();
        headers::set(&mut headers, LOCATION, &job_request.address(row));
        headers.insert(RETRY_AFTER, LOOK_AGAIN.into());
        headers::extend(&mut headers, more);
        let body = resource(row, None, self.engine.settings()).to_string();
        Response::json(202, body, &[&headers, job_request.cors])
    }

    /// The state of a job, with a new link to its result.
    async fn show(
        &self,
        job_request: &JobRequest<'_>,
        id: &str,
        row: Option<Row>,
        store: &ResponseStore,
    ) -> Result<Response, JobRefusal> {
        let row = row.ok_or_else(|| JobRefusal::Unknown(id.to_owned()))?;
        if row.state == JobState::Expired || self.engine.is_gone(&row) {
            return Err(JobRefusal::Gone(id.to_owned()));
        }
        let link = match self.engine.result_key(&row) {
            Some(key) => Some(self.link(store, &key).await?),
            None => None,
        };
        let mut headers = HeaderMap::new();
        if !row.state.is_terminal() {
            headers.insert(RETRY_AFTER, LOOK_AGAIN.into());
        }
        let body = resource(&row, link.as_ref(), self.engine.settings()).to_string();
        Ok(Response::json(200, body, &[&headers, job_request.cors]))
    }

    pub(super) async fn link(&self, store: &ResponseStore, key: &str) -> Result<Link, JobRefusal> {
        let link = store.link(&format!("{}/{key}", self.prefix)).await;
        link.map_err(|error| JobRefusal::Port(PortError::Unavailable(error.to_string())))
    }
}
