//! Systems Manager's Parameter Store. With `--data` each parameter is a file that outlives the process.

mod input;
mod labels;
mod name;
mod render;
mod store;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Body;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use serde_json::{Value, json};

use crate::json_api::{self, ApiError, Call, ResourceError, invalid, missing};
use hardcap_core::clock::EpochMillis;
use hardcap_core::config::{Config, Parameter};
use hardcap_core::context::Platform;
use hardcap_limits::Limits;
use input::{
    ByPath, Delete, DeleteMany, Describe, Get, GetMany, History, Label, PutParameter, TagsOf,
};
use render::Shown;
use store::{DataType, ParameterStore, Put, StoredParameter, Version};

const OPERATIONS: &[&str] = &[
    "PutParameter",
    "GetParameter",
    "GetParameters",
    "GetParametersByPath",
    "GetParameterHistory",
    "DeleteParameter",
    "DeleteParameters",
    "DescribeParameters",
    "LabelParameterVersion",
    "UnlabelParameterVersion",
    "AddTagsToResource",
    "RemoveTagsFromResource",
    "ListTagsForResource",
];
/// The maximum number of names in `GetParameters` and `DeleteParameters`, and of parameters on a page by path.
const NAMES_MAX: usize = 10;
/// The maximum number of descriptions on a page.
const DESCRIPTIONS_MAX: usize = 50;

/// The service. Cheap to clone.
#[derive(Clone)]
pub struct Ssm {
    platform: Platform,
    store: Arc<Mutex<ParameterStore>>,
}

impl std::fmt::Debug for Ssm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ssm").finish_non_exhaustive()
    }
}

fn provide(
    store: &mut ParameterStore,
    platform: &Platform,
    config: &Config,
) -> Result<(), ResourceError> {
    for parameter in &config.parameters {
        let put = store.provide(parameter, &config.limits, platform.clock.now());
        put.map_err(|error| {
            let name = parameter.name.clone();
            ResourceError::Refused { kind: "parameter", name, error }
        })?;
    }
    Ok(())
}

/// AWS's refusal of a parameter of a template, if there is one.
pub fn refusal(parameter: &Parameter, limits: &Limits) -> Option<ApiError> {
    let mut store = ParameterStore::open(None).ok()?;
    store.provide(parameter, limits, EpochMillis(0)).err()
}

impl Ssm {
    /// Opens the store, with the parameters of earlier runs in `config.data` and those of the configuration.
    ///
    /// # Errors
    ///
    /// [`ResourceError`] if AWS would refuse a parameter, or the folder cannot be used.
    pub fn open(platform: &Platform, config: &Config) -> Result<Ssm, ResourceError> {
        let folder = config.data.as_ref().map(|data| data.join("ssm"));
        let mut store = ParameterStore::open(folder.as_deref())?;
        provide(&mut store, platform, config)?;
        Ok(Ssm { platform: platform.clone(), store: Arc::new(Mutex::new(store)) })
    }

    /// Returns to the parameters of the configuration.
    ///
    /// # Errors
    ///
    /// [`ResourceError`] if the disk fails.
    pub fn reset(&self, config: &Config) -> Result<(), ResourceError> {
        let mut store = self.store();
        store.clear()?;
        provide(&mut store, &self.platform, config)
    }

    /// Responds to a request with `X-Amz-Target: AmazonSSM.*`.
    pub fn handle(&self, request: Request<Body>) -> BoxFuture<'_, Response<Body>> {
        Box::pin(async move {
            let this = self.clone();
            json_api::serve_call(&self.platform, request, "message", move |call| this.run(call))
                .await
        })
    }

    fn run(&self, call: &Call) -> Result<Value, ApiError> {
        match call.operation.as_str() {
            "PutParameter" => self.put(call, call.input()?),
            "GetParameter" => self.get(&call.input()?),
            "GetParameters" => self.get_many(&call.input()?),
            "GetParametersByPath" => self.by_path(&call.input()?),
            "GetParameterHistory" => self.history(&call.input()?),
            "DeleteParameter" => self.delete(&call.input()?),
            "DeleteParameters" => self.delete_many(&call.input()?),
            "DescribeParameters" => self.describe(&call.input()?),
            "LabelParameterVersion" => self.label(call.input()?),
            "UnlabelParameterVersion" => self.unlabel(call.input()?),
            "AddTagsToResource" => self.add_tags(call.input()?),
            "RemoveTagsFromResource" => self.remove_tags(&call.input()?),
            "ListTagsForResource" => self.list_tags(&call.input()?),
            other => Err(json_api::unknown_operation("Systems Manager", other, OPERATIONS)),
        }
    }

    fn put(&self, call: &Call, input: PutParameter) -> Result<Value, ApiError> {
        if input.policies.is_some_and(|policies| !policies.is_empty()) {
            return Err(invalid(
                "hardcap does not emulate the policies of parameters; leave Policies out.",
            ));
        }
        if input.overwrite && !input.tags.is_empty() {
            return Err(invalid(
                "Invalid request: tags and overwrite can't be used together. To create a parameter with tags, please remove overwrite flag. To update tags for an existing parameter, please use AddTagsToResource or RemoveTagsFromResource.",
            ));
        }
        let mut tags = json_api::Tags::new();
        json_api::add_tags(&mut tags, input.tags);
        let put = Put {
            name: name::parse(&input.name.ok_or_else(|| missing("name"))?).name,
            value: input.value.ok_or_else(|| missing("value"))?,
            kind: input.kind,
            tier: input.tier,
            description: input.description,
            data_type: input.data_type.as_deref().map_or(Ok(DataType::Text), DataType::parse)?,
            allowed_pattern: input.allowed_pattern.filter(|pattern| !pattern.is_empty()),
            key_id: input.key_id,
            tags,
            overwrite: input.overwrite,
        };
        let mut store = self.store();
        let version = store
            .put(put, &call.ctx.limits, call.now(), |limit, seen| call.ctx.admit(limit, seen))?;
        Ok(json!({ "Version": version.number, "Tier": version.tier }))
    }

    fn get(&self, input: &Get) -> Result<Value, ApiError> {
        let name = input.name.as_deref().ok_or_else(|| missing("name"))?;
        let parameter = self.find(&self.store(), name, input.with_decryption)?;
        Ok(json!({ "Parameter": parameter }))
    }

    /// A parameter as a call names it, with its version where it names one.
    fn find(&self, store: &ParameterStore, text: &str, decrypted: bool) -> Result<Value, ApiError> {
        let named = name::parse(text);
        let Some(versions) = store.versions(&named.name) else {
            // A name that no parameter can have is refused as such.
            return Err(name::check_form(&named.name).err().unwrap_or_else(not_found));
        };
        let version = match named.selector {
            None => versions.back(),
            Some(selector) => versions.iter().find(|version| {
                version.number.to_string() == selector
                    || version.labels.iter().any(|label| label == selector)
            }),
        };
        let version = version.ok_or_else(|| no_version(&named))?;
        let mut shown = self.shown(&named.name, version).parameter(decrypted);
        if let Some(selector) = named.selector {
            shown["Selector"] = json!(format!(":{selector}"));
        }
        Ok(shown)
    }

    fn get_many(&self, input: &GetMany) -> Result<Value, ApiError> {
        let names = checked_names(&input.names)?;
        let store = self.store();
        let (mut found, mut not) = (Vec::new(), Vec::new());
        for name in names {
            match self.find(&store, name, input.with_decryption) {
                Ok(parameter) => found.push(parameter),
                Err(_) => not.push(name),
            }
        }
        Ok(json!({ "Parameters": found, "InvalidParameters": not }))
    }

    fn by_path(&self, input: &ByPath) -> Result<Value, ApiError> {
        let path = input.path.as_deref().ok_or_else(|| missing("path"))?;
        name::check_path(path)?;
        let store = self.store();
        let mut below = Vec::new();
        for (name, held, version) in store.newest() {
            if name::is_below(name, path, input.recursive)
                && input::matches_all(&input.parameter_filters, name, held, version)?
            {
                below.push((name, version));
            }
        }
        let show = |(name, version): &(&str, &Version)| {
            self.shown(name, version).parameter(input.with_decryption)
        };
        json_api::page("Parameters", &below, &input.page, NAMES_MAX, show)
    }

    fn history(&self, input: &History) -> Result<Value, ApiError> {
        let name = input.name.as_deref().ok_or_else(|| missing("name"))?;
        let store = self.store();
        let versions = store.versions(&name::parse(name).name).ok_or_else(not_found)?;
        let all: Vec<Value> = versions
            .iter()
            .map(|version| self.shown(name, version).history(input.with_decryption))
            .collect();
        Ok(json!({ "Parameters": all }))
    }

    fn delete(&self, input: &Delete) -> Result<Value, ApiError> {
        let name = input.name.as_deref().ok_or_else(|| missing("name"))?;
        if self.store().delete(&name::parse(name).name)? { Ok(json!({})) } else { Err(not_found()) }
    }

    fn delete_many(&self, input: &DeleteMany) -> Result<Value, ApiError> {
        let names = checked_names(&input.names)?;
        let mut store = self.store();
        let (mut deleted, mut not) = (Vec::new(), Vec::new());
        for name in names {
            let is_deleted = store.delete(&name::parse(name).name)?;
            if is_deleted { deleted.push(name) } else { not.push(name) }
        }
        Ok(json!({ "DeletedParameters": deleted, "InvalidParameters": not }))
    }

    fn describe(&self, input: &Describe) -> Result<Value, ApiError> {
        let store = self.store();
        let mut found = Vec::new();
        for (name, held, version) in store.newest() {
            if input::matches_all(&input.filters, name, held, version)?
                && input::matches_all(&input.parameter_filters, name, held, version)?
            {
                found.push((name, version));
            }
        }
        let show = |(name, version): &(&str, &Version)| self.shown(name, version).description();
        json_api::page("Parameters", &found, &input.page, DESCRIPTIONS_MAX, show)
    }

    fn label(&self, input: Label) -> Result<Value, ApiError> {
        let name = input.name.ok_or_else(|| missing("name"))?;
        let missing = || {
            ApiError::Exception("ParameterNotFound", Some(format!("Parameter {name} not found.")))
        };
        let labeled = self.store().edit(&name::parse(&name).name, missing, |held| {
            labels::attach(&name, held, input.parameter_version, input.labels)
        })?;
        Ok(json!({ "InvalidLabels": labeled.invalid, "ParameterVersion": labeled.version }))
    }

    fn unlabel(&self, input: Label) -> Result<Value, ApiError> {
        let name = input.name.ok_or_else(|| missing("name"))?;
        let number = input.parameter_version.ok_or_else(|| missing("parameterVersion"))?;
        let missing = || {
            ApiError::Exception("ParameterNotFound", Some(format!("Parameter {name} not found.")))
        };
        let labeled = self.store().edit(&name::parse(&name).name, missing, |held| {
            labels::remove(&name, held, number, input.labels)
        })?;
        Ok(json!({ "InvalidLabels": labeled.invalid, "RemovedLabels": labeled.changed }))
    }

    fn add_tags(&self, input: TagsOf) -> Result<Value, ApiError> {
        let name = tagged_name(&input)?;
        self.store().edit(&name, no_resource, |held| {
            json_api::add_tags(&mut held.tags, input.tags);
            Ok(json!({}))
        })
    }

    fn remove_tags(&self, input: &TagsOf) -> Result<Value, ApiError> {
        let name = tagged_name(input)?;
        self.store().edit(&name, no_resource, |held| {
            held.tags.retain(|key, _| !input.tag_keys.contains(key));
            Ok(json!({}))
        })
    }

    fn list_tags(&self, input: &TagsOf) -> Result<Value, ApiError> {
        let name = tagged_name(input)?;
        let store = self.store();
        let held: &StoredParameter = store.get(&name).ok_or_else(no_resource)?;
        Ok(json!({ "TagList": json_api::shown_tags(&held.tags) }))
    }

    fn shown<'s>(&'s self, name: &'s str, version: &'s Version) -> Shown<'s> {
        Shown { region: &self.platform.region, name, version }
    }

    fn store(&self) -> MutexGuard<'_, ParameterStore> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn checked_names(names: &[String]) -> Result<&[String], ApiError> {
    let constraint = match names.len() {
        0 => "greater than or equal to 1",
        many if many > NAMES_MAX => "less than or equal to 10",
        _ => return Ok(names),
    };
    Err(invalid(format!(
        "1 validation error detected: Value '[{}]' at 'names' failed to satisfy constraint: Member must have length \
         {constraint}",
        names.join(", ")
    )))
}

/// The parameter whose tags a call names. hardcap has no tags of other resources.
fn tagged_name(input: &TagsOf) -> Result<String, ApiError> {
    match input.resource_type.as_deref() {
        None => Err(missing("resourceType")),
        Some("Parameter") => {
            let id = input.resource_id.as_deref().ok_or_else(|| missing("resourceId"))?;
            Ok(name::parse(id).name)
        }
        Some(other) => Err(ApiError::Exception(
            "InvalidResourceType",
            Some(format!("hardcap has tags of the resource type Parameter, not of {other}.")),
        )),
    }
}

fn no_resource() -> ApiError {
    ApiError::Exception("InvalidResourceId", None)
}

/// AWS sends this exception without a message.
fn not_found() -> ApiError {
    ApiError::Exception("ParameterNotFound", None)
}

fn no_version(named: &name::Named<'_>) -> ApiError {
    let selector = named.selector.unwrap_or_default();
    let text = if selector.bytes().all(|byte| byte.is_ascii_digit()) {
        format!(
            "Systems Manager could not find version {selector} of {}. Verify the version and try again.",
            named.name
        )
    } else {
        format!(
            "Systems Manager could not find label {selector} for parameter {}. Verify the label and try again.",
            named.name
        )
    };
    ApiError::Exception("ParameterVersionNotFound", Some(text))
}
