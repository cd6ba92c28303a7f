//! The Telemetry API and the Logs API of one sandbox: `PUT /2022-07-01/telemetry` and `PUT /2020-08-15/logs`.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::routing::put;
use http::{Request, Response, StatusCode};

use super::extension_api::{BODY_BYTES, identifier, refused};
use super::runtime_api::{json, refusal};
use super::sandbox::Sandbox;
use super::telemetry::{Subscription, SubscriptionApi, SubscriptionRefusal};
use hardcap_core::serve;

pub(super) fn routes() -> Router<Arc<Sandbox>> {
    Router::new()
        .route("/2022-07-01/telemetry", put(telemetry))
        .route("/2022-07-01/telemetry/", put(telemetry))
        .route("/2020-08-15/logs", put(logs))
        .route("/2020-08-15/logs/", put(logs))
}

async fn telemetry(sandbox: State<Arc<Sandbox>>, request: Request<Body>) -> Response<Body> {
    subscribe(&sandbox, request, SubscriptionApi::Telemetry).await
}

async fn logs(sandbox: State<Arc<Sandbox>>, request: Request<Body>) -> Response<Body> {
    subscribe(&sandbox, request, SubscriptionApi::Logs).await
}

async fn subscribe(
    sandbox: &Sandbox,
    request: Request<Body>,
    api: SubscriptionApi,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let name = match identifier(&parts.headers).and_then(|id| sandbox.extension_name(id)) {
        Ok(name) => name,
        Err(why) => return refused(&why),
    };
    let body = serve::read_at_most(body, BODY_BYTES).await.unwrap_or_default();
    let limits = sandbox.function.resources.platform.limits();
    let subscribed = Subscription::read(&body, api, &limits)
        .map_err(SubscriptionRefusal::SubscriptionError)
        .and_then(|subscription| sandbox.telemetry.subscribe(&name, api, subscription));
    match subscribed {
        Ok(()) => json(StatusCode::OK, r#""OK""#),
        Err(SubscriptionRefusal::SubscriptionError(invalid)) => {
            let error_type = match api {
                SubscriptionApi::Telemetry => "ValidationError",
                SubscriptionApi::Logs => "Logs.ValidationError",
            };
            refusal(StatusCode::BAD_REQUEST, error_type, &invalid.to_string())
        }
        // The text of the tests of AWS's Runtime Interface Emulator, read 2026-01-02.
        Err(SubscriptionRefusal::Closed) => {
            let error_type = format!("{}.SubscriptionClosed", api.name());
            let message = format!("{} API subscription is closed already", api.name());
            refusal(StatusCode::FORBIDDEN, &error_type, &message)
        }
    }
}
