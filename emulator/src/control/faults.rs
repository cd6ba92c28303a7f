//! `/_hardcap/faults`: what goes wrong on purpose, shown, added, replaced and taken back while everything runs.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use http::StatusCode;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::Control;
use super::api::ControlError;
use hardcap_core::faults::{Fault, FaultError, Plan};

type Answer = Result<(StatusCode, Json<Value>), ControlError>;

/// The seed, and every fault with how often it was met and struck.
pub(crate) async fn show(State(control): State<Control>) -> Json<Value> {
    Json(control.platform.faults().status())
}

/// One fault more, from the next request on.
pub(crate) async fn add(State(control): State<Control>, body: Bytes) -> Answer {
    let fault: Fault = read(&body)?;
    let fault = fault.named(|function| control.lambda.name_of(function)).map_err(bad)?;
    let id = control.platform.change_faults(|faults| faults.with(fault)).map_err(bad)?;
    Ok((StatusCode::CREATED, Json(json!({ "id": id }))))
}

/// These faults and this seed instead of all others, with every tally at its beginning.
pub(crate) async fn replace(State(control): State<Control>, body: Bytes) -> Answer {
    let plan: Plan = read(&body)?;
    let plan = plan.named(|function| control.lambda.name_of(function)).map_err(bad)?;
    change(&control, plan)
}

/// No faults any more.
pub(crate) async fn clear(State(control): State<Control>) -> Answer {
    change(&control, Plan::default())
}

/// One fault less.
pub(crate) async fn remove(State(control): State<Control>, Path(id): Path<String>) -> Answer {
    let gone = control.platform.change_faults(|faults| {
        let fewer = id.parse().ok().and_then(|id| faults.without(id));
        fewer.map(|fewer| (fewer, ())).ok_or_else(|| format!("no fault has the id {id}"))
    });
    gone.map_err(|cause| ControlError::new(StatusCode::NOT_FOUND, cause))?;
    Ok((StatusCode::OK, Json(control.platform.faults().status())))
}

/// Returns to the faults that the run began with.
pub(crate) fn reset(control: &Control) {
    let changed = change(control, control.config.faults.clone());
    debug_assert!(changed.is_ok(), "they could be when the run began");
}

fn change(control: &Control, plan: Plan) -> Answer {
    let changed = control.platform.change_faults(|faults| Ok((faults.replaced(plan)?, ())));
    changed.map_err(|error: FaultError| bad(error))?;
    Ok((StatusCode::OK, Json(control.platform.faults().status())))
}

/// The body as JSON, whatever its content type says: a fault is typed by hand.
fn read<T: DeserializeOwned>(body: &Bytes) -> Result<T, ControlError> {
    serde_json::from_slice(body).map_err(bad)
}

fn bad(cause: impl std::fmt::Display) -> ControlError {
    ControlError::new(StatusCode::BAD_REQUEST, format!("this fault cannot be: {cause}"))
}
