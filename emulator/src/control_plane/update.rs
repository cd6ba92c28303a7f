//! UpdateFunctionCode and UpdateFunctionConfiguration.

use std::ffi::OsString;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};

use axum::body::Body;
use http::Request;
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use super::answer::{Done, Outcome, Problem, conflict, invalid, precondition_failed, unreadable};
use super::code::{self, CodeInput};
use super::configuration::{ConfigurationInput, admit, admit_runtime};
use super::entry::{FunctionEntry, Shown, Status};
use super::program::Preparation;
use super::request::{body_with_package, limited_body, named};
use super::{Shared, program, storage, versions};
use hardcap_core::config::ACCOUNT_ID;
use hardcap_core::context::Context;
use hardcap_core::function_name::qualified;
use hardcap_lambda::package::PackageFolder;
use hardcap_lambda::rules::Proposal;
use hardcap_project::packaging::runtimes;

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
    shared: &Arc<Shared>,
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
    let update = Update::begin(shared, &named.function)?;
    let _turn = shared.turn.lock().await;
    let before = shared.find(&named)?;
    admit_runtime(ctx, &before.function.runtime, runtimes::Change::Code)?;
    check_revision(&before, input.revision_id.as_deref())?;
    let received = code::receive(shared, ctx, &named.function, code).await?;
    if input.dry_run == Some(true) {
        return Ok(Done::Ok(before.configuration(region, None, Shown::Current)));
    }
    let mut function = (*before.function).clone();
    let mut about = before.about.clone();
    about.code = received.code;
    about.touch(ctx.arrived);
    if let Some(architectures) = input.architectures {
        about.architectures = architectures;
    }
    let folder = storage::code_of(&received.folder);
    let provided = program::provide_at_once(&mut function, &folder, shared).await;
    let package = Some(Arc::clone(&received.folder));
    let versions = before.versions;
    let is_published =
        versions.values().any(|version| version.about.code.folder == before.about.code.folder);
    let (status, preparation) = Status::Updating.of(provided);
    let entry = FunctionEntry { function: Arc::new(function), about, package, versions, status };
    let change = Change { update, preparation, publishes: input.publish == Some(true) };
    shared.apply(change, &entry).await?;
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
    shared: &Arc<Shared>,
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
    let update = Update::begin(shared, &named.function)?;
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
    let (status, preparation) = match before.package.as_ref().filter(|_| asks_for_other) {
        Some(package) => {
            let folder = storage::code_of(package);
            Status::Updating.of(program::provide_at_once(&mut function, &folder, shared).await)
        }
        // The program is as it was, and so is what is known of it.
        None => (before.status, None),
    };
    let entry = FunctionEntry {
        function: Arc::new(function),
        about,
        package: before.package,
        versions: before.versions,
        status,
    };
    shared.apply(Change { update, preparation, publishes: false }, &entry).await?;
    Ok(Done::Ok(entry.configuration(region, None, Shown::Updating)))
}

/// A change of a function: its creation or an update. While it lasts, another one is refused.
pub(super) struct Update {
    shared: Arc<Shared>,
    function: String,
    number: u64,
    /// Cancelled when the function is deleted, or the emulator stops.
    end: CancellationToken,
}

impl Update {
    /// Begins an update of a function.
    fn begin(shared: &Arc<Shared>, function: &str) -> Result<Update, Problem> {
        let entry = shared.entry(function);
        Update::of(shared, function).ok_or_else(|| match entry {
            Some(entry) => shared.conflict_with(&entry),
            None => in_progress(shared, function),
        })
    }

    /// The change of a function, unless another one lasts.
    pub(super) fn of(shared: &Arc<Shared>, function: &str) -> Option<Update> {
        static NUMBERS: AtomicU64 = AtomicU64::new(0);
        let mut updating = shared.updating.lock().unwrap_or_else(PoisonError::into_inner);
        if updating.contains_key(function) {
            return None;
        }
        let (number, end) = (NUMBERS.fetch_add(1, Ordering::Relaxed), shared.stop.child_token());
        updating.insert(function.to_owned(), (number, end.clone()));
        Some(Update { shared: Arc::clone(shared), function: function.to_owned(), number, end })
    }
}

impl Drop for Update {
    fn drop(&mut self) {
        let mut updating = self.shared.updating.lock().unwrap_or_else(PoisonError::into_inner);
        // After a deletion, another change of a function of this name may have begun.
        if updating.get(&self.function).is_some_and(|(number, _)| *number == self.number) {
            updating.remove(&self.function);
        }
    }
}

/// The text is in the logs of many public deployments, read on 2026-11-30.
fn in_progress(shared: &Shared, function: &str) -> Problem {
    conflict(format!(
        "The operation cannot be performed at this time. An update is in progress for resource: \
         arn:aws:lambda:{}:{ACCOUNT_ID}:function:{function}",
        shared.platform.region
    ))
}

/// A checked change that takes effect.
pub(super) struct Change {
    pub(super) update: Update,
    /// The rest of the preparation of the program.
    pub(super) preparation: Option<Preparation>,
    /// Whether a version is published with it.
    pub(super) publishes: bool,
}

impl Status {
    /// The status of a function whose program is prepared, and the rest of the preparation.
    pub(super) fn of(
        self,
        provided: Result<Option<Preparation>, String>,
    ) -> (Status, Option<Preparation>) {
        match provided {
            Ok(Some(preparation)) => (self, Some(preparation)),
            Ok(None) => (self.ended(None), None),
            Err(why) => (self.ended(Some(why)), None),
        }
    }
}

impl Shared {
    /// Ends the change of a function that is deleted.
    pub(super) fn end_change(&self, function: &str) {
        let mut updating = self.updating.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, end)) = updating.remove(function) {
            end.cancel();
        }
    }

    /// Stores a changed function and deploys it, now or when its program is prepared. Until then, an updated function runs as it
    /// was ("you can still invoke it", API reference of UpdateFunctionConfiguration), and invocations of a new one wait.
    pub(super) async fn apply(
        self: &Arc<Self>,
        change: Change,
        entry: &FunctionEntry,
    ) -> Result<(), Problem> {
        let Change { update, preparation, publishes } = change;
        let Some(preparation) = preparation else { return self.deploy(entry).await };
        let name = &entry.function.name;
        let mut holds = Vec::new();
        if publishes {
            let version = (entry.about.last_version + 1).to_string();
            holds.push(self.lambda.hold(qualified(name, &version)));
        }
        if entry.status == Status::Creating {
            holds.push(self.lambda.hold(name.clone()));
            self.deploy(entry).await?;
        } else {
            self.store(entry).await?;
        }
        let (shared, package) = (Arc::clone(self), entry.package.clone());
        self.tasks.spawn(async move {
            let prepared = tokio::select! {
                prepared = preparation => prepared,
                () = update.end.cancelled() => return,
            };
            shared.finish(&update.function, package.as_ref(), &prepared).await;
            drop((holds, update));
        });
        Ok(())
    }

    /// Deploys what waits for a prepared program: the function and the version that was published with it.
    async fn finish(
        &self,
        function: &str,
        package: Option<&Arc<PackageFolder>>,
        prepared: &Result<Vec<OsString>, String>,
    ) {
        if let Err(why) = prepared {
            tracing::warn!(function, "the function has no program: {why}");
        }
        let _turn = self.turn.lock().await;
        // It may have been deleted, and another one created.
        let is_same = |entry: &FunctionEntry| {
            entry.package.as_ref().zip(package).is_some_and(|(one, other)| Arc::ptr_eq(one, other))
        };
        let Some(mut entry) = self.entry(function).filter(is_same) else { return };
        let versions = std::mem::take(&mut entry.versions);
        let deployed = |mut entry: FunctionEntry| {
            if entry.status.is_preparing() {
                let mut function = (*entry.function).clone();
                let failure = program::give(&mut function, prepared.clone()).err();
                entry.status = entry.status.ended(failure);
                self.lambda.deploy(function.clone(), entry.package.clone());
                entry.function = Arc::new(function);
            }
            entry
        };
        entry = deployed(entry);
        entry.versions =
            versions.into_iter().map(|(number, version)| (number, deployed(version))).collect();
        self.know(entry);
    }

    /// Refuses an operation of a function whose program is being prepared.
    pub(super) fn must_be_settled(&self, entry: &FunctionEntry) -> Result<(), Problem> {
        if entry.status.is_preparing() { Err(self.conflict_with(entry)) } else { Ok(()) }
    }

    /// The refusal of a change while another one of the same function lasts.
    fn conflict_with(&self, entry: &FunctionEntry) -> Problem {
        if entry.status == Status::Creating {
            // Reported on 2021-09-22 (faastjs/faast.js#758), and since by many others.
            return conflict(
                "The operation cannot be performed at this time. The function is currently in the following state: Pending",
            );
        }
        in_progress(self, &entry.function.name)
    }

    /// The state of a function whose code or configuration may be changing. A version does not change.
    pub(super) fn progress(&self, entry: &FunctionEntry) -> Shown {
        let updating = self.updating.lock().unwrap_or_else(PoisonError::into_inner);
        let is_latest = entry.function.version.is_none() && !entry.status.is_preparing();
        if is_latest && updating.contains_key(&entry.function.name) {
            Shown::InProgress
        } else {
            Shown::Current
        }
    }
}

fn check_revision(entry: &FunctionEntry, revision: Option<&str>) -> Result<(), Problem> {
    match revision {
        Some(revision) if revision != entry.about.revision_id => Err(precondition_failed()),
        _ => Ok(()),
    }
}
