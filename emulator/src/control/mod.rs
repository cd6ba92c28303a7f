//! The control surface under `/_hardcap`: what a test, a script or a person asks the emulator itself.

mod api;
mod faults;
mod logs;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::response::IntoResponse as _;
use axum::routing::{delete, get, post, put};
use http::{Response, StatusCode};

use crate::dynamodb::DynamoDb;
use hardcap_core::addresses::Addresses;
use hardcap_core::config::Config;
use hardcap_core::context::Platform;
use hardcap_lambda::Lambda;
use hardcap_lambda::queue::Queue;
use hardcap_s3::S3;

/// Refuses a request that the guard does not let in.
pub(crate) fn refuse(text: &str) -> Response<Body> {
    let error = api::ControlError::new(StatusCode::FORBIDDEN, text.to_owned());
    api::shield(error.into_response())
}

/// What the routes need.
#[derive(Clone, Debug)]
pub(crate) struct Control {
    platform: Platform,
    config: Arc<Config>,
    addresses: Arc<Addresses>,
    lambda: Lambda,
    s3: S3,
    dynamodb: DynamoDb,
    queue: Queue,
}

/// What the control surface asks and changes.
pub(crate) struct Stores<'a> {
    pub(crate) lambda: &'a Lambda,
    pub(crate) s3: &'a S3,
    pub(crate) dynamodb: &'a DynamoDb,
    pub(crate) queue: &'a Queue,
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
            queue: stores.queue.clone(),
        }
    }

    /// Every route, one a line.
    pub(crate) fn router(&self) -> Router {
        Router::new()
            .route("/_hardcap", get(api::dashboard))
            .route("/_hardcap/", get(api::dashboard))
            .route("/_hardcap/health", get(api::health))
            .route("/_hardcap/limits", get(api::limits))
            .route("/_hardcap/limits/{name}", put(api::set_limit).delete(api::unset_limit))
            .route("/_hardcap/records", get(api::records))
            .route("/_hardcap/records/live", get(api::records_live))
            .route("/_hardcap/report", get(api::report))
            .route("/_hardcap/functions", get(api::functions))
            .route("/_hardcap/logs", get(logs::logs))
            .route("/_hardcap/logs/live", get(logs::live))
            .route("/_hardcap/queue", get(api::queue))
            .route("/_hardcap/clock", get(api::clock))
            .route("/_hardcap/clock/advance", post(api::advance_clock))
            .route(
                "/_hardcap/faults",
                get(faults::show).post(faults::add).put(faults::replace).delete(faults::clear),
            )
            .route("/_hardcap/faults/{id}", delete(faults::remove))
            .route("/_hardcap/keys/{access_key_id}", get(api::key))
            .route("/_hardcap/reset", post(api::reset))
            .fallback(api::unknown)
            .layer(axum::middleware::map_response(async |response| api::shield(response)))
            .with_state(self.clone())
    }
}
