//! The routes of jobs: take one on, look at it, end it, list one's own.

use http::Method;
use serde_json::{Value, json};

use super::resource::resource;
use super::{Jobs, OPENAPI, Owner, Route, idempotency_key};
use crate::answer::{Answer, Body, Text};
use crate::error::Failure;
use crate::event::Request;
use crate::headers::Lines;
use crate::job::export::{self, Export};
use crate::job::ports::PortError;
use crate::job::{Digest, Key, NewJob, Refusal, Row, State};
use crate::object;
use crate::store::{Link, Store};

/// After how many seconds a client should look again.
const LOOK_AGAIN: u64 = 2;

/// A request about jobs.
pub(crate) struct Asking<'a> {
    pub(crate) request: &'a Request,
    pub(crate) owner: Owner,
    /// What stands before `/_proxy` in the addresses that clients use.
    pub(crate) public: &'a str,
    pub(crate) cors: &'a Lines,
}

impl Asking<'_> {
    /// Where a job is looked at.
    pub(super) fn address(&self, row: &Row) -> String {
        format!("{}/_proxy/jobs/{}", self.public, row.id)
    }
}

/// The description of the routes, for whoever asks.
pub(crate) fn description(method: &Method, cors: &Lines) -> Result<Answer, Failure> {
    if method != Method::GET {
        return Err(Failure::OwnMethod("GET"));
    }
    Ok(answer(200, Vec::new(), OPENAPI.to_owned(), cors))
}

impl Jobs {
    /// Answers a request about jobs.
    pub(crate) async fn answer(
        &self,
        asking: &Asking<'_>,
        route: &Route,
        store: &Store,
    ) -> Result<Answer, Failure> {
        match (route, asking.request.method.as_str()) {
            (Route::Description, _) => description(&asking.request.method, asking.cors),
            (Route::All, "GET") => Ok(self.list(asking).await?),
            (Route::All, "POST") => Ok(self.export(asking, store).await?),
            (Route::All, _) => Err(Failure::OwnMethod("GET, POST")),
            (Route::One(id), "GET") => {
                let owner = &asking.owner.0;
                let row = self.engine.find(owner, id).await.map_err(Refusal::from)?;
                Ok(self.show(asking, id, row, store).await?)
            }
            (Route::One(id), "DELETE") => {
                let owner = &asking.owner.0;
                let row = self.engine.cancel(owner, id).await.map_err(Refusal::from)?;
                Ok(self.show(asking, id, row, store).await?)
            }
            (Route::One(_), _) => Err(Failure::OwnMethod("GET, DELETE")),
        }
    }

    async fn list(&self, asking: &Asking<'_>) -> Result<Answer, Refusal> {
        let rows = self.engine.list(&asking.owner.0).await?;
        let settings = self.engine.settings();
        let jobs: Vec<Value> = rows.iter().map(|row| resource(row, None, settings)).collect();
        let body = json!({ "jobs": jobs }).to_string();
        Ok(answer(200, Vec::new(), body, asking.cors))
    }

    async fn export(&self, asking: &Asking<'_>, store: &Store) -> Result<Answer, Refusal> {
        let body = &asking.request.body;
        let input: export::Request = object::read(body).map_err(Refusal::BadExport)?;
        export::admit(&input).map_err(Refusal::BadExport)?;
        let fingerprint = Digest::of(body).sha256;
        let key = idempotency_key(asking.request)?;
        let key = key.map(|name| Key { name, fingerprint: &fingerprint });
        let new = NewJob { owner: &asking.owner.0, input: &input, key };
        let row = self.engine.create::<Export>(new).await?;
        if row.state.is_terminal() {
            let id = row.id.clone();
            return self.show(asking, &id, Some(row), store).await;
        }
        Ok(self.accepted(asking, &row, Vec::new()))
    }

    /// 202: where the job is, and when to look.
    pub(super) fn accepted(&self, asking: &Asking<'_>, row: &Row, more: Lines) -> Answer {
        let mut headers = vec![
            ("location".to_owned(), asking.address(row)),
            ("retry-after".to_owned(), LOOK_AGAIN.to_string()),
        ];
        headers.extend(more);
        let body = resource(row, None, self.engine.settings()).to_string();
        answer(202, headers, body, asking.cors)
    }

    /// How a job is, with a link that is made now.
    async fn show(
        &self,
        asking: &Asking<'_>,
        id: &str,
        row: Option<Row>,
        store: &Store,
    ) -> Result<Answer, Refusal> {
        let row = row.ok_or_else(|| Refusal::Unknown(id.to_owned()))?;
        if row.state == State::Expired || self.engine.is_gone(&row) {
            return Err(Refusal::Gone(id.to_owned()));
        }
        let link = match self.engine.result_key(&row) {
            Some(key) => Some(self.link(store, &key).await?),
            None => None,
        };
        let mut headers = Vec::new();
        if !row.state.is_terminal() {
            headers.push(("retry-after".to_owned(), LOOK_AGAIN.to_string()));
        }
        let body = resource(&row, link.as_ref(), self.engine.settings()).to_string();
        Ok(answer(200, headers, body, asking.cors))
    }

    pub(super) async fn link(&self, store: &Store, key: &str) -> Result<Link, Refusal> {
        let link = store.link(&format!("{}/{key}", self.prefix)).await;
        link.map_err(|error| Refusal::Port(PortError::Unavailable(error.to_string())))
    }
}

fn answer(status: u16, more: Lines, body: String, cors: &Lines) -> Answer {
    let mut headers: Lines = vec![
        ("content-type".to_owned(), "application/json".to_owned()),
        ("cache-control".to_owned(), "no-store".to_owned()),
    ];
    headers.extend(more);
    headers.extend(cors.iter().cloned());
    Answer { status, headers, body: Body::Text(Text::from(body)) }
}
