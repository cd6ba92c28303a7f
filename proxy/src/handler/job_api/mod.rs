//! Jobs as clients see them: `/_proxy/jobs`, and `Prefer: respond-async` on any request to the upstream.

mod prefer;
mod resource;
mod routes;
mod wait;

use crate::event::Request;
use crate::job::settings::JobsConfig;
use crate::job::{Engine, Refusal, aws};
use crate::session::Visitor;
use crate::store::OverflowConfig;

pub use prefer::Preference;
pub(crate) use routes::{Asking, description};
pub(crate) use wait::{Came, head_of, mark};

/// Whose jobs a request is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner(pub String);

/// The owner of what a visitor asks for: everyone is the same one where the proxy is open to everyone.
#[must_use]
pub fn owner(visitor: &Visitor) -> Owner {
    Owner(visitor.owner())
}

/// A route below `/_proxy` that is about jobs.
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
    /// The route of a path below `/_proxy`, if it is one of these.
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

/// How jobs are reached from a request.
#[derive(Clone, Debug)]
pub struct Jobs {
    engine: Engine,
    prefix: String,
}

impl Jobs {
    /// Jobs whose objects have keys that begin with `prefix` and a slash.
    #[must_use]
    pub fn new(engine: Engine, prefix: &str) -> Jobs {
        Jobs { engine, prefix: prefix.to_owned() }
    }

    /// Jobs where a configuration says they are.
    pub(crate) async fn of(config: &JobsConfig, overflow: &OverflowConfig) -> Jobs {
        let ports = aws::ports(&config.place, overflow).await;
        Jobs::new(Engine::new(ports, config.settings.clone()), &config.place.prefix)
    }
}

/// The description of the proxy's own routes, as it is checked in.
pub const OPENAPI: &str = include_str!("../../../openapi.json");

/// A name that a client chose, and that is sent on as it is.
fn idempotency_key(request: &Request) -> Result<Option<&str>, Refusal> {
    let Some(key) = request.header("idempotency-key") else {
        return Ok(None);
    };
    let plain =
        !key.is_empty() && key.len() <= 255 && key.bytes().all(|b| (0x20..0x7f).contains(&b));
    if plain { Ok(Some(key)) } else { Err(Refusal::BadKey) }
}
