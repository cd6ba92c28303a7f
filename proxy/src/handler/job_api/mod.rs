//! The HTTP interface of jobs: `/_proxy/jobs`, and `Prefer: respond-async` on requests to the upstream.

mod prefer;
mod resource;
mod routes;
mod wait;

use crate::event::Request;
use crate::job::settings::JobsConfig;
use crate::job::{Engine, JobRefusal, aws};
use crate::metrics::MetricsConfig;
use crate::session::Principal;
use crate::store::OverflowConfig;

pub use prefer::Preference;
pub(crate) use routes::{JobRequest, description};
pub(crate) use wait::{ForwardOutcome, head_of, mark};

/// The owner of jobs and stored responses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner(pub String);

/// The owner of a visitor's jobs. If the proxy is open, all clients are one owner.
#[must_use]
pub fn owner(principal: &Principal) -> Owner {
    Owner(principal.owner())
}

/// A route of jobs below `/_proxy`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// `/jobs`
    All,
    /// `/jobs/{id}`
    One(String),
    /// `/openapi.json`
    Description,
}

impl Route {
    /// The route of a path below `/_proxy`, if it is a route of jobs.
    pub(crate) fn of(path: &str) -> Option<Route> {
        match path {
            "/jobs" => Some(Route::All),
            "/openapi.json" => Some(Route::Description),
            path => {
                let id = path.strip_prefix("/jobs/")?;
                (!id.is_empty() && !id.contains('/')).then(|| Route::One(id.to_owned()))
            }
        }
    }
}

/// Access to the job engine from a request.
#[derive(Clone, Debug)]
pub struct Jobs {
    engine: Engine,
    prefix: String,
}

impl Jobs {
    /// Jobs whose objects have the prefix `prefix` and a slash.
    #[must_use]
    pub fn new(engine: Engine, prefix: &str) -> Jobs {
        Jobs { engine, prefix: prefix.to_owned() }
    }

    /// Jobs as configured.
    pub(crate) async fn of(
        config: &JobsConfig,
        overflow: &OverflowConfig,
        metrics: &MetricsConfig,
    ) -> Jobs {
        let ports = aws::ports(&config.place, overflow).await;
        let engine =
            Engine::new(ports, config.settings.clone()).with_metrics(config.metrics(metrics));
        Jobs::new(engine, &config.place.prefix)
    }
}

/// The description of the proxy's own routes, as it is checked in.
pub const OPENAPI: &str = include_str!("../../../openapi.json");

/// The header `Idempotency-Key`.
fn idempotency_key(request: &Request) -> Result<Option<&str>, JobRefusal> {
    let Some(key) = request.header("idempotency-key") else {
        return Ok(None);
    };
    let plain =
        !key.is_empty() && key.len() <= 255 && key.bytes().all(|b| (0x20..0x7f).contains(&b));
    if plain { Ok(Some(key)) } else { Err(JobRefusal::BadKey) }
}
