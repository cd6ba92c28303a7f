//! The control API under `/_hardcap`: the emulator's own API for tests, scripts and the live page.

mod api;
mod faults;
mod logs;
mod page;
mod request;
mod story;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::response::IntoResponse as _;
use axum::routing::{MethodRouter, delete, get, post, put};
use hardcap_limits::Millis;
use http::{Response, StatusCode};

use crate::messages::Messages;
use hardcap_core::addresses::Addresses;
use hardcap_core::config::Config;
use hardcap_core::context::Platform;
use hardcap_lambda::Lambda;
use hardcap_lambda::queue::Queue;
use hardcap_s3::S3;
use hardcap_services::dynamodb::DynamoDb;
use hardcap_services::secrets::Secrets;
use hardcap_services::ssm::Ssm;

/// The response to a request that the guard refuses.
pub(crate) fn refuse(text: &str) -> Response<Body> {
    let error = api::ControlError::new(StatusCode::FORBIDDEN, text.to_owned());
    api::shield(error.into_response())
}

/// The state of the routes. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Control {
    platform: Platform,
    config: Arc<Config>,
    addresses: Arc<Addresses>,
    lambda: Lambda,
    s3: S3,
    dynamodb: DynamoDb,
    ssm: Ssm,
    secrets: Secrets,
    queue: Queue,
    messages: Messages,
}

/// The services that the control API reads and changes.
pub(crate) struct Stores<'a> {
    pub(crate) lambda: &'a Lambda,
    pub(crate) s3: &'a S3,
    pub(crate) dynamodb: &'a DynamoDb,
    pub(crate) ssm: &'a Ssm,
    pub(crate) secrets: &'a Secrets,
    pub(crate) queue: &'a Queue,
    pub(crate) messages: &'a Messages,
}

impl Control {
    pub(crate) fn new(
        platform: &Platform,
        config: &Config,
        addresses: &Addresses,
        stores: Stores<'_>,
    ) -> Control {
        Control {
            platform: platform.clone(),
            config: Arc::new(config.clone()),
            addresses: Arc::new(addresses.clone()),
            lambda: stores.lambda.clone(),
            s3: stores.s3.clone(),
            dynamodb: stores.dynamodb.clone(),
            ssm: stores.ssm.clone(),
            secrets: stores.secrets.clone(),
            queue: stores.queue.clone(),
            messages: stores.messages.clone(),
        }
    }

    /// Advances the clock and deletes the objects and items that have expired then.
    pub(crate) async fn advance_clock(&self, span: Millis) {
        self.platform.clock.advance(span).await;
        self.s3.run_lifecycle().await;
        self.dynamodb.run_time_to_live().await;
    }

    /// Every route.
    pub(crate) fn router(&self) -> Router {
        routes()
            .into_iter()
            .fold(Router::new(), |router, (path, methods)| router.route(path, methods))
            .fallback(api::unknown)
            .method_not_allowed_fallback(api::wrong_method)
            .layer(axum::middleware::map_response(async |response| api::shield(response)))
            .with_state(self.clone())
    }
}

/// Every route, one a line. `docs/control-api.json` describes each of them.
fn routes() -> Vec<(&'static str, MethodRouter<Control>)> {
    let all_faults = get(faults::show).post(faults::add).put(faults::replace).delete(faults::clear);
    vec![
        ("/_hardcap", get(page::document)),
        ("/_hardcap/", get(page::document)),
        ("/_hardcap/page/{name}", get(page::asset)),
        ("/_hardcap/health", get(api::health)),
        ("/_hardcap/limits", get(api::limits)),
        ("/_hardcap/limits/{name}", put(api::set_limit).delete(api::unset_limit)),
        ("/_hardcap/records", get(api::records)),
        ("/_hardcap/records/live", get(api::records_live)),
        ("/_hardcap/requests/{request_id}", get(story::request)),
        ("/_hardcap/report", get(api::report)),
        ("/_hardcap/tries", get(api::tries)),
        ("/_hardcap/functions", get(api::functions)),
        ("/_hardcap/logs", get(logs::logs)),
        ("/_hardcap/logs/live", get(logs::live)),
        ("/_hardcap/queue", get(api::queue)),
        ("/_hardcap/clock", get(api::clock)),
        ("/_hardcap/clock/advance", post(api::advance_clock)),
        ("/_hardcap/faults", all_faults),
        ("/_hardcap/faults/{id}", delete(faults::remove)),
        ("/_hardcap/keys/{access_key_id}", get(api::key)),
        ("/_hardcap/reset", post(api::reset)),
    ]
}
