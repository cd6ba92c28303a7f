//! The Extensions API of one sandbox, `/2020-01-01/extension/…`, on the port of its Runtime API.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::routing::{get, post};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::extension::{ExtensionRefusal, ExtensionState};
use super::runtime_api::{accepted, json, refusal, text};
use super::sandbox::Sandbox;
use hardcap_core::config::ACCOUNT_ID;
use hardcap_core::serve;

const NAME: &str = "lambda-extension-name";
const IDENTIFIER: &str = "lambda-extension-identifier";
const EVENT_IDENTIFIER: &str = "lambda-extension-event-identifier";
const ACCEPT_FEATURE: &str = "lambda-extension-accept-feature";
const ERROR_TYPE: &str = "lambda-extension-function-error-type";
/// The maximum size of a registration, a subscription or an error report. AWS publishes no number.
pub(super) const BODY_BYTES: usize = 64 * 1024;

pub(super) fn routes() -> Router<Arc<Sandbox>> {
    Router::new()
        .route("/2020-01-01/extension/register", post(register))
        .route("/2020-01-01/extension/event/next", get(next))
        .route("/2020-01-01/extension/init/error", post(init_error))
        .route("/2020-01-01/extension/exit/error", post(exit_error))
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Registration {
    events: Vec<String>,
    configuration_keys: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RegistrationResponse<'a> {
    function_name: &'a str,
    function_version: &'a str,
    handler: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    account_id: Option<&'a str>,
}

async fn register(State(sandbox): State<Arc<Sandbox>>, request: Request<Body>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let name = text(&parts.headers, NAME).unwrap_or_default();
    let Some(body) = serve::read_at_most(body, BODY_BYTES).await else {
        return refused(&ExtensionRefusal::Format(
            "the request is cut short or too long".to_owned(),
        ));
    };
    let registered = read(&body).and_then(|asked| sandbox.register(&name, &asked.events));
    let id = match registered {
        Ok(id) => id,
        Err(why) => return refused(&why),
    };
    let features = text(&parts.headers, ACCEPT_FEATURE).unwrap_or_default();
    let wants_account = features.split(',').any(|feature| feature.trim() == "accountId");
    let function = &sandbox.function.function;
    let document = RegistrationResponse {
        function_name: &function.name,
        function_version: function.version(),
        handler: &function.handler,
        account_id: wants_account.then_some(ACCOUNT_ID),
    };
    let document = serde_json::to_string(&document).expect("texts are JSON");
    with_header(json(StatusCode::OK, document), IDENTIFIER, id)
}

fn read(body: &[u8]) -> Result<Registration, ExtensionRefusal> {
    // Requires an object: serde would also accept an array of the values.
    let asked: Registration = serde_json::from_slice::<serde_json::Map<_, _>>(body)
        .and_then(|object| serde_json::from_value(object.into()))
        .map_err(|error| ExtensionRefusal::Format(error.to_string()))?;
    if !asked.configuration_keys.is_empty() {
        let why = "configurationKeys are deprecated; use environment variables instead";
        return Err(ExtensionRefusal::Format(why.to_owned()));
    }
    Ok(asked)
}

async fn next(State(sandbox): State<Arc<Sandbox>>, headers: HeaderMap) -> Response<Body> {
    let event = match identifier(&headers).and_then(|id| sandbox.extension_next(id)) {
        Ok(event) => event.await,
        Err(why) => return refused(&why),
    };
    match event {
        Ok(notice) => {
            let document = serde_json::to_string(&notice).expect("texts and numbers are JSON");
            with_header(json(StatusCode::OK, document), EVENT_IDENTIFIER, Uuid::new_v4())
        }
        // The sandbox is being ended: the request gets no response until its processes have ended.
        Err(_) => {
            sandbox.serving.cancelled().await;
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            refusal(status, "InternalServerError", "Internal Server Error")
        }
    }
}

async fn init_error(sandbox: State<Arc<Sandbox>>, request: Request<Body>) -> Response<Body> {
    failed(&sandbox, request, ExtensionState::InitError).await
}

async fn exit_error(sandbox: State<Arc<Sandbox>>, request: Request<Body>) -> Response<Body> {
    failed(&sandbox, request, ExtensionState::ExitError).await
}

async fn failed(
    sandbox: &Sandbox,
    request: Request<Body>,
    stage: ExtensionState,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    // The content of the report is not shown to the function.
    serve::discard(body).await;
    let reported = identifier(&parts.headers).and_then(|id| {
        let error_type = text(&parts.headers, ERROR_TYPE).filter(|it| !it.is_empty());
        let error_type = error_type.ok_or(ExtensionRefusal::ErrorTypeMissing)?;
        sandbox.extension_failed(id, stage, error_type)
    });
    match reported {
        Ok(()) => accepted(),
        Err(why) => refused(&why),
    }
}

/// The extension that sent the request.
pub(super) fn identifier(headers: &HeaderMap) -> Result<Uuid, ExtensionRefusal> {
    let identifier = text(headers, IDENTIFIER).filter(|it| !it.is_empty());
    let identifier = identifier.ok_or(ExtensionRefusal::IdentifierMissing)?;
    identifier.parse().map_err(|_| ExtensionRefusal::IdentifierInvalid)
}

pub(super) fn refused(why: &ExtensionRefusal) -> Response<Body> {
    let (error_type, message) = why.texts();
    refusal(StatusCode::FORBIDDEN, error_type, &message)
}

fn with_header(mut response: Response<Body>, name: &'static str, id: Uuid) -> Response<Body> {
    if let Ok(id) = HeaderValue::from_str(&id.to_string()) {
        response.headers_mut().insert(name, id);
    }
    response
}
