//! Reserved concurrency and recursive loops: two settings without an effect on sandboxes.

use std::sync::Arc;

use axum::body::Body;
use http::Request;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Shared;
use super::answer::{
    Done, Outcome, Problem, constraint, invalid, missing, not_found, not_one_of, over_limit,
};
use super::entry::FunctionEntry;
use super::request::{input, named};
use hardcap_core::config::{Function, RecursiveLoop};
use hardcap_core::context::Context;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ConcurrencyInput {
    reserved_concurrent_executions: Option<i64>,
}

/// `PUT /2017-10-31/functions/{name}/concurrency`
pub(super) async fn put(
    shared: &Shared,
    ctx: &Context,
    name: &str,
    request: Request<Body>,
) -> Outcome {
    let wanted: ConcurrencyInput = input(request).await?;
    let _turn = shared.turn.lock().await;
    let entry = unqualified(shared, name)?;
    let wanted = wanted
        .reserved_concurrent_executions
        .ok_or_else(|| missing("reservedConcurrentExecutions"))?;
    let reserved = u32::try_from(wanted).map_err(|_| {
        constraint(format!(
            "Value '{wanted}' at 'reservedConcurrentExecutions' failed to satisfy constraint: Member must have value \
             greater than or equal to 0"
        ))
    })?;
    let reserve = shared.lambda.reserve(ctx, &entry.function.name, Some(reserved));
    reserve.map_err(|exceeded| over_limit(&exceeded, &[]))?;
    configure(shared, entry, |function| function.reserved_concurrency = Some(reserved)).await?;
    Ok(Done::Ok(json!({ "ReservedConcurrentExecutions": reserved })))
}

/// `GET /2019-09-30/functions/{name}/concurrency`
pub(super) fn get(shared: &Shared, name: &str) -> Outcome {
    let named = named(name, None, &shared.platform.region)?;
    let reserved = shared.find(&named)?.function.reserved_concurrency;
    Ok(Done::Ok(match reserved {
        Some(reserved) => json!({ "ReservedConcurrentExecutions": reserved }),
        None => json!({}),
    }))
}

/// `DELETE /2017-10-31/functions/{name}/concurrency`
pub(super) async fn delete(shared: &Shared, ctx: &Context, name: &str) -> Outcome {
    let _turn = shared.turn.lock().await;
    let entry = unqualified(shared, name)?;
    let released = shared.lambda.reserve(ctx, &entry.function.name, None);
    released.map_err(|exceeded| over_limit(&exceeded, &[]))?;
    configure(shared, entry, |function| function.reserved_concurrency = None).await?;
    Ok(Done::NoContent)
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RecursionInput {
    recursive_loop: Option<String>,
}

/// `PUT /2024-08-31/functions/{name}/recursion-config`
pub(super) async fn put_recursion(shared: &Shared, name: &str, request: Request<Body>) -> Outcome {
    let wanted: RecursionInput = input(request).await?;
    let wanted = wanted.recursive_loop.ok_or_else(|| missing("recursiveLoop"))?;
    let recursive_loop = match wanted.as_str() {
        "Allow" => RecursiveLoop::Allow,
        "Terminate" => RecursiveLoop::Terminate,
        other => return Err(not_one_of("recursiveLoop", other, "Allow, Terminate")),
    };
    let _turn = shared.turn.lock().await;
    let entry = shared.find(&named(name, None, &shared.platform.region)?)?;
    configure(shared, entry, |function| function.recursive_loop = recursive_loop).await?;
    Ok(Done::Ok(recursion(recursive_loop)))
}

/// `GET /2024-08-31/functions/{name}/recursion-config`
pub(super) fn get_recursion(shared: &Shared, name: &str) -> Outcome {
    let entry = shared.find(&named(name, None, &shared.platform.region)?)?;
    Ok(Done::Ok(recursion(entry.function.recursive_loop)))
}

fn recursion(recursive_loop: RecursiveLoop) -> Value {
    let word = match recursive_loop {
        RecursiveLoop::Allow => "Allow",
        RecursiveLoop::Terminate => "Terminate",
    };
    json!({ "RecursiveLoop": word })
}

/// The function of an operation that versions do not have. Both responses were recorded on 2023-11-20.
fn unqualified(shared: &Shared, name: &str) -> Result<FunctionEntry, Problem> {
    let named = named(name, None, &shared.platform.region)?;
    if named.qualifier.is_some() {
        return Err(invalid(
            "This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. \
             Please specify either a function name or an unqualified function ARN.",
        ));
    }
    shared.find(&named).map_err(|_| not_found(format!("Function not found: {}", named.arn())))
}

async fn configure(
    shared: &Shared,
    mut entry: FunctionEntry,
    change: impl FnOnce(&mut Function),
) -> Result<(), Problem> {
    change(Arc::make_mut(&mut entry.function));
    shared.configure(entry).await
}
