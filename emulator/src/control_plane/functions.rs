//! CreateFunction, GetFunction, GetFunctionConfiguration, DeleteFunction, and the download of a package.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use hardcap_limits::Limits;
use http::{HeaderValue, Request, Response, header};
use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::{Map, json};
use tokio_util::io::ReaderStream;

use super::Shared;
use super::answer::{Done, Outcome, Problem, conflict, invalid, missing, not_found, unreadable};
use super::code::{self, CodeInput};
use super::configuration::ConfigurationInput;
use super::entry::{About, FunctionEntry, Shown, Status, architecture, new_revision};
use super::request::{Parameters, body_with_package, named};
use super::storage::zip_of;
use super::update::{Change, Update};
use super::{program, tags, versions};
use hardcap_core::config::Function;
use hardcap_core::context::Context;
use hardcap_core::function_name::{FunctionName, LATEST};

/// The members that only CreateFunction has.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CreateInput<'a> {
    function_name: Option<String>,
    #[serde(borrow)]
    code: Option<CodeInput<'a>>,
    package_type: Option<String>,
    publish: Option<bool>,
    tags: Option<IndexMap<String, String>>,
}

/// `POST /2015-03-31/functions`
pub(super) async fn create(shared: &Arc<Shared>, ctx: &Context, request: Request<Body>) -> Outcome {
    let (head, body) = request.into_parts();
    let limit = (&ctx.limits.lambda_create_request, "CreateFunction");
    let body = body_with_package(ctx, &head.headers, body, limit).await?;
    let input: CreateInput<'_> = serde_json::from_slice(&body).map_err(|it| unreadable(&it))?;
    let mut configuration: ConfigurationInput =
        serde_json::from_slice(&body).map_err(|it| unreadable(&it))?;
    let name = input.function_name.as_deref().ok_or_else(|| missing("functionName"))?;
    configuration.check(ctx, Some(name))?;
    let named = unqualified(named(name, None, &shared.platform.region)?)?;
    let tags = input.tags.unwrap_or_default();
    tags::check(&tags)?;
    if input.package_type.as_deref() == Some("Image") {
        return Err(code::images());
    }
    let role = configuration.role.clone().ok_or_else(|| missing("role"))?;
    let code = input.code.ok_or_else(|| missing("code"))?;
    if configuration.runtime.is_none() || configuration.handler.is_none() {
        return Err(invalid(
            "Runtime and Handler are mandatory parameters for functions created with deployment packages.",
        ));
    }
    let _turn = shared.turn.lock().await;
    let exists = || conflict(format!("Function already exist: {}", named.function));
    if shared.entry(&named.function).is_some() {
        return Err(exists());
    }
    let update = Update::of(shared, &named.function).ok_or_else(exists)?;
    let received = code::receive(shared, ctx, &named.function, code).await?;
    let architectures = configuration.architectures.take();
    let mut function = Function::new(&named.function, [""; 0]);
    let mut about = About {
        description: String::new(),
        role,
        architectures: architectures.unwrap_or_else(|| vec![architecture().to_owned()]),
        code: received.code,
        last_modified: ctx.arrived,
        revision_id: new_revision(),
        tags,
        has_environment: false,
        events_modified: None,
        url: None,
        policy: None,
        last_version: 0,
        aliases: BTreeMap::new(),
        without_effect: Map::new(),
    };
    configuration.apply(&mut function, &mut about);
    let folder = super::storage::code_of(&received.folder);
    let provided = program::provide_at_once(&mut function, &folder, shared).await;
    let (status, preparation) = Status::Creating.of(provided);
    let package = Some(Arc::clone(&received.folder));
    let (function, versions) = (Arc::new(function), BTreeMap::new());
    let entry = FunctionEntry { function, about, package, versions, status };
    let change = Change { update, preparation, publishes: input.publish == Some(true) };
    shared.apply(change, &entry).await?;
    let region = &shared.platform.region;
    if input.publish == Some(true) {
        // Recorded on 2025-11-25: the answer is the version, under the unqualified ARN.
        let published = versions::publish(shared, ctx, entry, None).await?;
        return Ok(Done::Created(published.configuration(region, None, Shown::Creating)));
    }
    Ok(Done::Created(entry.configuration(region, None, Shown::Creating)))
}

/// `GET /2015-03-31/functions/{name}`
pub(super) fn get(shared: &Shared, name: &str, parameters: &Parameters) -> Outcome {
    let region = &*shared.platform.region;
    let named = named(name, parameters.qualifier.as_deref(), region)?;
    let entry = shared.find_qualified(&named)?;
    let mut code = json!({ "RepositoryType": "S3" });
    if entry.package.is_some() {
        let url = format!("{}/2015-03-31/functions/{}/code", shared.aws_url, named.function);
        code["Location"] = url.into();
    }
    let qualifier = named.qualifier.as_deref();
    let mut members = json!({
        "Configuration": entry.configuration(region, qualifier, shared.progress(&entry)),
        "Code": code,
    });
    if !entry.about.tags.is_empty() {
        members["Tags"] = json!(entry.about.tags);
    }
    if let Some(reserved) = entry.function.reserved_concurrency {
        members["Concurrency"] = json!({ "ReservedConcurrentExecutions": reserved });
    }
    Ok(Done::Ok(members))
}

/// `GET /2015-03-31/functions/{name}/configuration`
pub(super) fn get_configuration(shared: &Shared, name: &str, parameters: &Parameters) -> Outcome {
    let region = &*shared.platform.region;
    let named = named(name, parameters.qualifier.as_deref(), region)?;
    let entry = shared.find_qualified(&named)?;
    let qualifier = named.qualifier.as_deref();
    Ok(Done::Ok(entry.configuration(region, qualifier, shared.progress(&entry))))
}

/// `DELETE /2015-03-31/functions/{name}`. A version that does not exist is deleted all the same: recorded on 2023-11-20.
pub(super) async fn delete(shared: &Shared, name: &str, parameters: &Parameters) -> Outcome {
    let named = named(name, parameters.qualifier.as_deref(), &shared.platform.region)?;
    let _turn = shared.turn.lock().await;
    let entry = shared.find(&FunctionName { qualifier: None, ..named.clone() })?;
    match named.qualifier.as_deref() {
        None => {}
        Some(LATEST) => {
            return Err(invalid(
                "$LATEST version cannot be deleted without deleting the function.",
            ));
        }
        Some(qualifier) => return versions::delete(shared, entry, qualifier).await,
    }
    if let Some(url) = &entry.about.url {
        shared.urls.close(&url.logical_id);
    }
    shared.storage.forget(&named.function)?;
    shared.lambda.remove(&named.function);
    shared.forget(&named.function);
    shared.end_change(&named.function);
    if let Some(package) = &entry.package {
        package.retire();
    }
    for package in entry.versions.values().filter_map(|version| version.package.as_ref()) {
        package.retire();
    }
    Ok(Done::NoContent)
}

/// `GET /2015-03-31/functions/{name}/code`: the location that GetFunction returns. AWS returns a link to its S3.
pub(super) async fn package(shared: &Shared, name: &str) -> Result<Response<Body>, Problem> {
    let named = named(name, None, &shared.platform.region)?;
    let entry = shared.find(&named)?;
    let package = entry.package.ok_or_else(|| {
        not_found("The template's functions have no package: they run where they are.")
    })?;
    let file = tokio::fs::File::open(zip_of(&package)).await?;
    let mut response = Response::new(Body::from_stream(ReaderStream::new(file)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/zip"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(entry.about.code.size));
    Ok(response)
}

/// CreateFunction accepts no version in the name.
fn unqualified(named: FunctionName) -> Result<FunctionName, Problem> {
    if named.qualifier.is_some() {
        return Err(invalid("The function name of a new function has no qualifier."));
    }
    Ok(named)
}

impl Shared {
    /// Stores a function with its code and replaces the function of this name: new sandboxes run the new code.
    pub(super) async fn deploy(&self, entry: &FunctionEntry) -> Result<(), Problem> {
        self.store(entry).await?;
        self.lambda.deploy((*entry.function).clone(), entry.package.clone());
        Ok(())
    }

    /// Stores a function with its code. What runs is not affected.
    pub(super) async fn store(&self, entry: &FunctionEntry) -> Result<(), Problem> {
        self.announce_precedence(&entry.function.name);
        self.storage.save(entry).await?;
        if let Some(package) = &entry.package {
            package.keep();
        }
        self.know(entry.clone());
        Ok(())
    }

    /// The bytes of all packages, and the maximum of the account.
    pub(super) fn code_size(&self) -> (u64, u64) {
        let entries = self.entries();
        let used = entries.iter().map(|entry| entry.about.code.size).sum();
        let row = Limits::row("lambda_code_storage");
        (used, row.map_or(0, |row| row.value_at(self.platform.limits().date())))
    }
}
