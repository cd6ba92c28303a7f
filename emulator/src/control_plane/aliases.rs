//! Aliases: CreateAlias, GetAlias, ListAliases, UpdateAlias, DeleteAlias. All responses were recorded on 2025-11-25:
//! LocalStack's `TestLambdaAlias`.

use std::collections::BTreeMap;

use axum::body::Body;
use http::Request;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Shared;
use super::answer::{
    Done, Outcome, Problem, conflict, invalid, missing, not_found, precondition_failed, validation,
};
use super::entry::{Alias, FunctionEntry, new_revision};
use super::list::page;
use super::request::{Parameters, function_not_found, input, named};
use hardcap_core::function_name::{FunctionName, LATEST};
use hardcap_lambda::AliasTarget;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AliasInput {
    name: Option<String>,
    function_version: Option<String>,
    description: Option<String>,
    routing_config: Option<RoutingConfig>,
    revision_id: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RoutingConfig {
    additional_version_weights: Option<BTreeMap<String, f64>>,
}

impl Alias {
    /// The versions that invocations through the alias run.
    pub(super) fn target(&self) -> AliasTarget {
        AliasTarget { version: self.version.clone(), additional: self.additional.clone() }
    }

    fn points_to(&self, version: &str) -> bool {
        self.version == version || self.additional.as_ref().is_some_and(|(it, _)| it == version)
    }

    fn members(&self, entry: &FunctionEntry, name: &str, region: &str) -> Value {
        let mut members = json!({
            "AliasArn": format!("{}:{name}", entry.function.arn(region)),
            "Name": name,
            "FunctionVersion": self.version,
            "Description": self.description,
            "RevisionId": self.revision_id,
        });
        if let Some((version, weight)) = &self.additional {
            let weights = json!({ version.as_str(): weight });
            members["RoutingConfig"] = json!({ "AdditionalVersionWeights": weights });
        }
        members
    }
}

/// `POST /2015-03-31/functions/{name}/aliases`
pub(super) async fn create(shared: &Shared, function: &str, request: Request<Body>) -> Outcome {
    let input: AliasInput = input(request).await?;
    let region = &*shared.platform.region;
    let named = named(function, None, region)?;
    let name = input.name.ok_or_else(|| missing("name"))?;
    check_name(&name)?;
    let version = input.function_version.ok_or_else(|| missing("functionVersion"))?;
    let additional = additional(&version, input.routing_config)?.flatten();
    let _turn = shared.turn.lock().await;
    let versioned = FunctionName { qualifier: Some(version.clone()), ..named.clone() };
    let mut entry = shared.find(&named).map_err(|_| function_not_found(&versioned))?;
    let alias = Alias {
        version,
        description: input.description.unwrap_or_default(),
        additional,
        revision_id: new_revision(),
    };
    check_versions(&entry, &named, &alias)?;
    if entry.about.aliases.contains_key(&name) {
        let arn = format!("{}:{name}", entry.function.arn(region));
        return Err(conflict(format!("Alias already exists: {arn}")));
    }
    let shown = alias.members(&entry, &name, region);
    entry.about.aliases.insert(name.clone(), alias.clone());
    shared.configure(entry).await?;
    shared.lambda.point_alias(&named.function, &name, alias.target());
    Ok(Done::Created(shown))
}

/// `GET /2015-03-31/functions/{name}/aliases/{alias}`
pub(super) fn get(shared: &Shared, function: &str, name: &str) -> Outcome {
    let region = &*shared.platform.region;
    let named = named(function, None, region)?;
    let absent = || {
        let arn = FunctionName { qualifier: Some(name.to_owned()), ..named.clone() }.arn();
        not_found(format!("Cannot find alias arn: {arn}"))
    };
    let entry = shared.find(&named).map_err(|_| absent())?;
    let alias = entry.about.aliases.get(name).ok_or_else(absent)?;
    Ok(Done::Ok(alias.members(&entry, name, region)))
}

/// `GET /2015-03-31/functions/{name}/aliases`, all or those of one version.
pub(super) fn list(shared: &Shared, function: &str, parameters: &Parameters) -> Outcome {
    let region = &*shared.platform.region;
    let entry = shared.find(&named(function, None, region)?)?;
    let version = parameters.function_version.as_deref();
    let wanted = |alias: &Alias| version.is_none_or(|version| alias.points_to(version));
    let aliases = entry.about.aliases.iter().filter(|(_, alias)| wanted(alias));
    let shown = aliases.map(|(name, alias)| (name.clone(), alias.members(&entry, name, region)));
    Ok(Done::Ok(page("Aliases", shown.collect(), parameters)?))
}

/// `PUT /2015-03-31/functions/{name}/aliases/{alias}`: members that are not given are kept.
pub(super) async fn update(
    shared: &Shared,
    function: &str,
    name: &str,
    request: Request<Body>,
) -> Outcome {
    let input: AliasInput = input(request).await?;
    let region = &*shared.platform.region;
    let named = named(function, None, region)?;
    let _turn = shared.turn.lock().await;
    let absent = || {
        let arn = FunctionName { qualifier: Some(name.to_owned()), ..named.clone() }.arn();
        not_found(format!("Alias not found: {arn}"))
    };
    let mut entry = shared.find(&named).map_err(|_| absent())?;
    let mut alias = entry.about.aliases.get(name).cloned().ok_or_else(absent)?;
    if input.revision_id.is_some_and(|revision| revision != alias.revision_id) {
        return Err(precondition_failed());
    }
    alias.version = input.function_version.unwrap_or(alias.version);
    alias.description = input.description.unwrap_or(alias.description);
    if let Some(additional) = additional(&alias.version, input.routing_config)? {
        alias.additional = additional;
    }
    check_versions(&entry, &named, &alias)?;
    alias.revision_id = new_revision();
    let shown = alias.members(&entry, name, region);
    entry.about.aliases.insert(name.to_owned(), alias.clone());
    shared.configure(entry).await?;
    shared.lambda.point_alias(&named.function, name, alias.target());
    Ok(Done::Ok(shown))
}

/// `DELETE /2015-03-31/functions/{name}/aliases/{alias}`: an alias that does not exist is deleted too.
pub(super) async fn delete(shared: &Shared, function: &str, name: &str) -> Outcome {
    let named = named(function, None, &shared.platform.region)?;
    let _turn = shared.turn.lock().await;
    let mut entry = shared.find(&named)?;
    if entry.about.aliases.remove(name).is_some() {
        shared.configure(entry).await?;
        shared.lambda.remove_alias(&named.function, name);
    }
    Ok(Done::NoContent)
}

/// The aliases that point to a version.
pub(super) fn of_version<'a>(entry: &'a FunctionEntry, version: &str) -> Vec<&'a str> {
    let aliases = entry.about.aliases.iter().filter(|(_, alias)| alias.points_to(version));
    aliases.map(|(name, _)| name.as_str()).collect()
}

fn check_name(name: &str) -> Result<(), Problem> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    let is_number = name.bytes().all(|byte| byte.is_ascii_digit());
    if is_number || !name.bytes().all(is_allowed) {
        return Err(validation(format!(
            "1 validation error detected: Value '{name}' at 'name' failed to satisfy constraint: Member must satisfy regular \
             expression pattern: (?!^[0-9]+$)([a-zA-Z0-9-_]+)"
        )));
    }
    Ok(())
}

/// The additional version of `RoutingConfig`; `None` without a routing, `Some(None)` for an empty one.
fn additional(
    version: &str,
    routing: Option<RoutingConfig>,
) -> Result<Option<Option<(String, f64)>>, Problem> {
    let Some(weights) = routing.and_then(|routing| routing.additional_version_weights) else {
        return Ok(None);
    };
    let shown = || {
        let shown: Vec<String> =
            weights.iter().map(|(it, weight)| format!("{it}={weight:?}")).collect();
        shown.join(", ")
    };
    let refused = |rule: &str| {
        let value = shown();
        Err(validation(format!(
            "1 validation error detected: Value '{{{value}}}' at 'routingConfig.additionalVersionWeights' failed to satisfy \
             constraint: {rule}"
        )))
    };
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !weights.keys().all(|key| is_number(key)) {
        return refused(
            "Map keys must satisfy constraint: [Member must have length less than or equal to 1024, Member must have length \
             greater than or equal to 1, Member must satisfy regular expression pattern: [0-9]+]",
        );
    }
    if !weights.values().all(|weight| (0.0..=1.0).contains(weight)) {
        return refused(
            "Map value must satisfy constraint: [Member must have value less than or equal to 1.0, Member must have value \
             greater than or equal to 0.0, Member must not be null]",
        );
    }
    if weights.len() > 1 {
        return Err(invalid(
            "Number of items in AdditionalVersionWeights cannot be greater than 1",
        ));
    }
    if weights.contains_key(version) {
        return Err(invalid(format!(
            "Invalid function version {version}. Function version {version} is already included in routing configuration."
        )));
    }
    Ok(Some(weights.into_iter().next()))
}

/// Refuses an alias of missing versions, and one of two versions of which one is `$LATEST`.
fn check_versions(
    entry: &FunctionEntry,
    named: &FunctionName,
    alias: &Alias,
) -> Result<(), Problem> {
    if alias.additional.is_some() && alias.version == LATEST {
        return Err(invalid(
            "$LATEST is not supported for an alias pointing to more than 1 version",
        ));
    }
    let additional = alias.additional.as_ref().map(|(version, _)| version);
    for version in std::iter::once(&alias.version).chain(additional) {
        if version != LATEST && entry.version(version).is_none() {
            let qualifier = Some(version.clone());
            return Err(function_not_found(&FunctionName { qualifier, ..named.clone() }));
        }
    }
    Ok(())
}
