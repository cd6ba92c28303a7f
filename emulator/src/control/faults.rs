//! `/_hardcap/faults`: lists, adds, replaces and removes the faults of a running emulator.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use http::StatusCode;
use serde_json::{Value, json};

use super::Control;
use super::api::ControlError;
use super::request::{Name, body};
use hardcap_core::faults::{Fault, FaultConfig, FaultError};

type FaultResponse = Result<(StatusCode, Json<Value>), ControlError>;

/// The seed, and every fault with the numbers of its occasions and injections.
pub(crate) async fn show(State(control): State<Control>) -> Json<Value> {
    Json(control.platform.faults().status())
}

/// Adds a fault, from the next request on.
pub(crate) async fn add(State(control): State<Control>, posted: Bytes) -> FaultResponse {
    let fault: Fault = body(&posted).map_err(bad)?;
    let fault = fault.named(|function| control.lambda.name_of(function)).map_err(bad)?;
    let id = control.platform.change_faults(|faults| faults.with(fault)).map_err(bad)?;
    Ok((StatusCode::CREATED, Json(json!({ "id": id }))))
}

/// Replaces all faults and the seed. Every count starts again.
pub(crate) async fn replace(State(control): State<Control>, posted: Bytes) -> FaultResponse {
    let plan: FaultConfig = body(&posted).map_err(bad)?;
    let plan = plan.named(|function| control.lambda.name_of(function)).map_err(bad)?;
    change(&control, plan)
}

/// Removes all faults.
pub(crate) async fn clear(State(control): State<Control>) -> FaultResponse {
    change(&control, FaultConfig::default())
}

/// Removes one fault.
pub(crate) async fn remove(State(control): State<Control>, Name(id): Name) -> FaultResponse {
    let gone = control.platform.change_faults(|faults| {
        let fewer = id.parse().ok().and_then(|id| faults.without(id));
        fewer.map(|fewer| (fewer, ())).ok_or_else(|| format!("there is no fault with the id {id}"))
    });
    gone.map_err(|cause| ControlError::new(StatusCode::NOT_FOUND, cause))?;
    Ok((StatusCode::OK, Json(control.platform.faults().status())))
}

/// Returns to the faults of the configuration.
pub(crate) fn reset(control: &Control) {
    let changed = change(control, control.config.faults.clone());
    debug_assert!(changed.is_ok(), "they were valid at the start");
}

fn change(control: &Control, plan: FaultConfig) -> FaultResponse {
    let changed = control.platform.change_faults(|faults| Ok((faults.replaced(plan)?, ())));
    changed.map_err(|error: FaultError| bad(error))?;
    Ok((StatusCode::OK, Json(control.platform.faults().status())))
}

fn bad(cause: impl std::fmt::Display) -> ControlError {
    ControlError::new(StatusCode::BAD_REQUEST, format!("invalid fault: {cause}"))
}
