//! UpdateFunctionCode and UpdateFunctionConfiguration.

use std::sync::{Arc, PoisonError};

use axum::body::Body;
use http::Request;
use serde::Deserialize;

use super::answer::{Done, Outcome, Problem, conflict, invalid, precondition_failed, unreadable};
use super::code::{self, CodeInput};
use super::configuration::{ConfigurationInput, admit, admit_runtime};
use super::entry::{FunctionEntry, Shown};
use super::request::{body_with_package, limited_body, named};
use super::{Shared, program, storage, versions};
use hardcap_core::config::ACCOUNT_ID;
use hardcap_core::context::Context;
use hardcap_lambda::rules::Proposal;
use hardcap_project::packaging::runtimes::Change;

/// The members of UpdateFunctionCode in addition to the code.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct UpdateInput {
    publish: Option<bool>,
    dry_run: Option<bool>,
    revision_id: Option<String>,
    architectures: Option<Vec<String>>,
}

/// `PUT /2015-03-31/functions/{name}/code`
pub(super) async fn code(
    shared: &Shared,
    ctx: &Context,
    name: &str,
    request: Request<Body>,
) -> Outcome {
    let (head, body) = request.into_parts();
    let limit = (&ctx.limits.lambda_create_request, "UpdateFunctionCode");
    let body = body_with_package(ctx, &head.headers, body, limit).await?;
    let input: UpdateInput = serde_json::from_slice(&body).map_err(|it| unreadable(&it))?;
    let code: CodeInput<'_> = serde_json::from_slice(&body).map_err(|it| unreadable(&it))?;
    let region = &*shared.platform.region;
    let named = named(name, None, region)?;
    let architectures = input.architectures.as_deref();
    admit(ctx, &Proposal { architectures, ..Proposal::default() })?;
    let _update = Update::begin(shared, &named.function)?;
    let _turn = shared.turn.lock().await;
    let before = shared.find(&named)?;
    admit_runtime(ctx, &before.function.runtime, Change::Code)?;
    check_revision(&before, input.revision_id.as_deref())?;
    let received = code::receive(shared, ctx, &named.function, code).await?;
    if input.dry_run == Some(true) {
        return Ok(Done::Ok(before.configuration(region, None, Shown::Settled)));
    }
    let mut function = (*before.function).clone();
    let mut about = before.about.clone();
    about.code = received.code;
    about.touch(ctx.arrived);
    if let Some(architectures) = input.architectures {
        about.architectures = architectures;
    }
    let folder = storage::code_of(&received.folder);
    program::provide(&mut function, &folder, shared).await;
    let package = Some(Arc::clone(&received.folder));
    let versions = before.versions;
    let is_published =
        versions.values().any(|version| version.about.code.folder == before.about.code.folder);
    let entry = FunctionEntry { function: Arc::new(function), about, package, versions };
    shared.deploy(&entry).await?;
    if let Some(package) = before.package.filter(|_| !is_published) {
        package.retire();
    }
    if input.publish == Some(true) {
        let published = versions::publish(shared, ctx, entry, None).await?;
        let version = published.function.version().to_owned();
        return Ok(Done::Ok(published.configuration(region, Some(&version), Shown::Creating)));
    }
    Ok(Done::Ok(entry.configuration(region, None, Shown::Updating)))
}

/// `PUT /2015-03-31/functions/{name}/configuration`
pub(super) async fn configuration(
    shared: &Shared,
    ctx: &Context,
    name: &str,
    request: Request<Body>,
) -> Outcome {
    let (head, body) = request.into_parts();
    let limit = (&ctx.limits.lambda_environment_request, "UpdateFunctionConfiguration");
    let body = limited_body(ctx, &head.headers, body, limit).await?;
    let input: ConfigurationInput = serde_json::from_slice(&body).map_err(|it| unreadable(&it))?;
    let region = &*shared.platform.region;
    let named = named(name, None, region)?;
    input.check(ctx, None)?;
    let _update = Update::begin(shared, &named.function)?;
    let _turn = shared.turn.lock().await;
    let before = shared.find(&named)?;
    check_revision(&before, input.revision_id.as_deref())?;
    let (mut function, mut about) = ((*before.function).clone(), before.about.clone());
    let (handler, runtime) = (function.handler.clone(), function.runtime.clone());
    input.apply(&mut function, &mut about);
    about.touch(ctx.arrived);
    if function.handler.is_empty() {
        return Err(invalid(
            "Runtime and Handler are mandatory parameters for functions created with deployment packages.",
        ));
    }
    let asks_for_other = function.handler != handler || function.runtime != runtime;
    if let Some(package) = before.package.as_ref().filter(|_| asks_for_other) {
        let folder = storage::code_of(package);
        program::provide(&mut function, &folder, shared).await;
    }
    let entry = FunctionEntry {
        function: Arc::new(function),
        about,
        package: before.package,
        versions: before.versions,
    };
    shared.deploy(&entry).await?;
    Ok(Done::Ok(entry.configuration(region, None, Shown::Updating)))
}

/// An update of a function. While it lasts, another one is refused.
struct Update<'s> {
    shared: &'s Shared,
    function: String,
}

impl<'s> Update<'s> {
    fn begin(shared: &'s Shared, function: &str) -> Result<Update<'s>, Problem> {
        let mut updating = shared.updating.lock().unwrap_or_else(PoisonError::into_inner);
        if updating.insert(function.to_owned()) {
            return Ok(Update { shared, function: function.to_owned() });
        }
        // The text is in the logs of many public deployments, read on 2026-11-30.
        Err(conflict(format!(
            "The operation cannot be performed at this time. An update is in progress for resource: \
             arn:aws:lambda:{}:{ACCOUNT_ID}:function:{function}",
            shared.platform.region
        )))
    }
}

impl Drop for Update<'_> {
    fn drop(&mut self) {
        let mut updating = self.shared.updating.lock().unwrap_or_else(PoisonError::into_inner);
        updating.remove(&self.function);
    }
}

impl Shared {
    /// The state of a function whose code or configuration may be changing. A version does not change.
    pub(super) fn progress(&self, entry: &FunctionEntry) -> Shown {
        let updating = self.updating.lock().unwrap_or_else(PoisonError::into_inner);
        let is_latest = entry.function.version.is_none();
        if is_latest && updating.contains(&entry.function.name) {
            Shown::InProgress
        } else {
            Shown::Settled
        }
    }
}

fn check_revision(entry: &FunctionEntry, revision: Option<&str>) -> Result<(), Problem> {
    match revision {
        Some(revision) if revision != entry.about.revision_id => Err(precondition_failed()),
        _ => Ok(()),
    }
}
