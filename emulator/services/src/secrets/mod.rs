//! Secrets Manager: secrets with their versions and stages. With `--data` each secret is a file that outlives the process.

mod input;
mod store;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Body;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use futures_util::future::BoxFuture;
use hardcap_limits::{Bytes, Exceeded, Limit, Limits};
use http::{Request, Response};
use serde_json::{Value, json};

use crate::json_api::{self, ApiError, Call, ResourceError, missing, seconds};
use hardcap_core::clock::EpochMillis;
use hardcap_core::config::{Config, Secret, SecretValue};
use hardcap_core::context::Platform;
use input::{
    CreateSecret, DeleteSecret, GetSecretValue, List, MoveStage, Named, PutPolicy, PutSecretValue,
    TagsOf, UpdateSecret,
};
use store::{CURRENT, New, SecretStore, StoredSecret, Version};

const OPERATIONS: &[&str] = &[
    "CreateSecret",
    "GetSecretValue",
    "PutSecretValue",
    "UpdateSecret",
    "UpdateSecretVersionStage",
    "DescribeSecret",
    "DeleteSecret",
    "RestoreSecret",
    "ListSecrets",
    "ListSecretVersionIds",
    "TagResource",
    "UntagResource",
    "PutResourcePolicy",
    "GetResourcePolicy",
    "DeleteResourcePolicy",
];
/// The maximum number of secrets on a page.
const LIST_MAX: usize = 100;

/// The service. Cheap to clone.
#[derive(Clone)]
pub struct Secrets {
    platform: Platform,
    store: Arc<Mutex<SecretStore>>,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Secrets").finish_non_exhaustive()
    }
}

fn provide(
    store: &mut SecretStore,
    platform: &Platform,
    config: &Config,
) -> Result<(), ResourceError> {
    for secret in &config.secrets {
        add(store, secret, &config.limits, platform.clock.now()).map_err(|error| {
            let name = secret.name.clone();
            ResourceError::Refused { kind: "secret", name, error }
        })?;
    }
    Ok(())
}

/// AWS's refusal of a secret of a template, if there is one.
pub fn refusal(secret: &Secret, limits: &Limits) -> Option<ApiError> {
    let mut store = SecretStore::open("", None).ok()?;
    add(&mut store, secret, limits, EpochMillis(0)).err()
}

impl Secrets {
    /// Opens the store, with the secrets of earlier runs in `config.data` and those of the configuration.
    ///
    /// # Errors
    ///
    /// [`ResourceError`] if AWS would refuse a secret, or the folder cannot be used.
    pub fn open(platform: &Platform, config: &Config) -> Result<Secrets, ResourceError> {
        let folder = config.data.as_ref().map(|data| data.join("secrets"));
        let mut store = SecretStore::open(&config.region, folder.as_deref())?;
        provide(&mut store, platform, config)?;
        Ok(Secrets { platform: platform.clone(), store: Arc::new(Mutex::new(store)) })
    }

    /// Returns to the secrets of the configuration.
    ///
    /// # Errors
    ///
    /// [`ResourceError`] if the disk fails.
    pub fn reset(&self, config: &Config) -> Result<(), ResourceError> {
        let mut store = self.store();
        store.clear()?;
        provide(&mut store, &self.platform, config)
    }

    /// Responds to a request with `X-Amz-Target: secretsmanager.*`.
    pub fn handle(&self, request: Request<Body>) -> BoxFuture<'_, Response<Body>> {
        Box::pin(async move {
            let this = self.clone();
            json_api::serve_call(&self.platform, request, "Message", move |call| this.run(call))
                .await
        })
    }

    fn run(&self, call: &Call) -> Result<Value, ApiError> {
        self.store().forget_deleted(call.now())?;
        match call.operation.as_str() {
            "CreateSecret" => self.create(call, call.input()?),
            "GetSecretValue" => self.get(call, &call.input()?),
            "PutSecretValue" => self.put(call, call.input()?),
            "UpdateSecret" => self.update(call, call.input()?),
            "UpdateSecretVersionStage" => self.move_stage(call, &call.input()?),
            "DescribeSecret" => self.describe(&call.input()?),
            "DeleteSecret" => self.delete(call, &call.input()?),
            "RestoreSecret" => self.restore(&call.input()?),
            "ListSecrets" => self.list(&call.input()?),
            "ListSecretVersionIds" => self.versions(&call.input()?),
            "TagResource" => self.tag(call.input()?),
            "UntagResource" => self.untag(&call.input()?),
            "PutResourcePolicy" => self.put_policy(call.input()?),
            "GetResourcePolicy" => self.policy(&call.input()?),
            "DeleteResourcePolicy" => self.delete_policy(&call.input()?),
            other => Err(json_api::unknown_operation("Secrets Manager", other, OPERATIONS)),
        }
    }

    fn create(&self, call: &Call, input: CreateSecret) -> Result<Value, ApiError> {
        let name = input.name.ok_or_else(|| missing("name"))?;
        let value = input.value.value()?;
        if let Some(value) = &value {
            admit(&call.ctx.limits, value, |limit, seen| call.ctx.admit(limit, seen))?;
        }
        let token = input::token(input.client_request_token)?;
        if !input.add_replica_regions.is_empty() {
            return Err(store::invalid_parameter(
                "hardcap emulates one region; leave AddReplicaRegions out.",
            ));
        }
        let mut new = New {
            name,
            description: input.description.unwrap_or_default(),
            key_id: input.kms_key_id,
            token: Some(token),
            value,
            ..New::default()
        };
        json_api::add_tags(&mut new.tags, input.tags);
        let mut store = self.store();
        let (held, version) = store.create(new, call.now())?;
        let mut output = json!({ "ARN": held.arn, "Name": held.name });
        if let Some(version) = version {
            output["VersionId"] = json!(version);
        }
        Ok(output)
    }

    fn get(&self, call: &Call, input: &GetSecretValue) -> Result<Value, ApiError> {
        let id = input.secret_id.as_deref().ok_or_else(|| missing("secretId"))?;
        let mut store = self.store();
        let held = store.usable(id)?;
        let version = held.version(input.version_id.as_deref(), input.version_stage.as_deref())?;
        let mut output = json!({
            "ARN": held.arn,
            "CreatedDate": seconds(version.created),
            "Name": held.name,
            "VersionId": version.id,
            "VersionStages": version.stages,
        });
        match &version.value {
            SecretValue::String(text) => output["SecretString"] = json!(text),
            SecretValue::Binary(bytes) => {
                output["SecretBinary"] = json!(BASE64_STANDARD.encode(bytes));
            }
        }
        store.accessed(id, call.now())?;
        Ok(output)
    }

    fn put(&self, call: &Call, input: PutSecretValue) -> Result<Value, ApiError> {
        let id = input.secret_id.ok_or_else(|| missing("secretId"))?;
        let value = input.value.value()?.ok_or_else(|| {
            store::invalid_request("You must provide either SecretString or SecretBinary.")
        })?;
        admit(&call.ctx.limits, &value, |limit, seen| call.ctx.admit(limit, seen))?;
        let stages = input.version_stages.unwrap_or_else(|| vec![CURRENT.to_owned()]);
        let token = input::token(input.client_request_token)?;
        let mut store = self.store();
        let version = store.put(&id, Some(token), value, &stages, call.now())?;
        let held = store.usable(&id)?;
        Ok(
            json!({ "ARN": held.arn, "Name": held.name, "VersionId": version, "VersionStages": stages }),
        )
    }

    fn update(&self, call: &Call, input: UpdateSecret) -> Result<Value, ApiError> {
        let id = input.secret_id.ok_or_else(|| missing("secretId"))?;
        let value = input.value.value()?;
        if let Some(value) = &value {
            admit(&call.ctx.limits, value, |limit, seen| call.ctx.admit(limit, seen))?;
        }
        let token = input::token(input.client_request_token)?;
        let now = call.now();
        self.store().edit(&id, |held| {
            if input.description.is_some() || input.kms_key_id.is_some() {
                held.changed = now;
            }
            held.key_id = input.kms_key_id.or(held.key_id.take());
            if let Some(description) = input.description {
                held.description = description;
            }
            let mut output = json!({ "ARN": held.arn, "Name": held.name });
            if let Some(value) = value {
                let version = held.put(Some(token), value, &[CURRENT.to_owned()], now)?;
                output["VersionId"] = json!(version);
            }
            Ok(output)
        })
    }

    fn move_stage(&self, call: &Call, input: &MoveStage) -> Result<Value, ApiError> {
        let id = input.secret_id.as_deref().ok_or_else(|| missing("secretId"))?;
        let stage = input.version_stage.as_deref().ok_or_else(|| missing("versionStage"))?;
        let (to, from) =
            (input.move_to_version_id.as_deref(), input.remove_from_version_id.as_deref());
        self.store().edit(id, |held| {
            held.move_stage(stage, to, from)?;
            held.changed = call.now();
            Ok(json!({ "ARN": held.arn, "Name": held.name }))
        })
    }

    fn describe(&self, input: &Named) -> Result<Value, ApiError> {
        let id = input.secret_id.as_deref().ok_or_else(|| missing("secretId"))?;
        Ok(described(self.store().find(id)?, "VersionIdsToStages"))
    }

    fn delete(&self, call: &Call, input: &DeleteSecret) -> Result<Value, ApiError> {
        let id = input.secret_id.as_deref().ok_or_else(|| missing("secretId"))?;
        let mut store = self.store();
        let window = input.window()?;
        let (arn, name, at) = store.delete(id, window, call.now())?;
        Ok(json!({ "ARN": arn, "Name": name, "DeletionDate": seconds(at) }))
    }

    fn restore(&self, input: &Named) -> Result<Value, ApiError> {
        let id = input.secret_id.as_deref().ok_or_else(|| missing("secretId"))?;
        let mut store = self.store();
        let held = store.restore(id)?;
        Ok(json!({ "ARN": held.arn, "Name": held.name }))
    }

    fn list(&self, input: &List) -> Result<Value, ApiError> {
        for (at, filter) in input.filters.iter().enumerate() {
            filter.check(at)?;
        }
        let store = self.store();
        let all: Vec<Value> = store
            .all()
            .filter(|held| input.include_planned_deletion || held.deleted.is_none())
            .filter(|held| input.filters.iter().all(|filter| filter.matches(held)))
            .map(|held| described(held, "SecretVersionsToStages"))
            .collect();
        json_api::page("SecretList", &all, &input.page, LIST_MAX, Value::clone)
    }

    fn versions(&self, input: &Named) -> Result<Value, ApiError> {
        let id = input.secret_id.as_deref().ok_or_else(|| missing("secretId"))?;
        let store = self.store();
        let held = store.find(id)?;
        let shown = |version: &Version| {
            json!({
                "CreatedDate": seconds(version.created),
                "KmsKeyIds": [held.key_id.as_deref().unwrap_or("DefaultEncryptionKey")],
                "VersionId": version.id,
                "VersionStages": version.stages,
            })
        };
        let staged = held
            .versions
            .iter()
            .filter(|version| input.include_deprecated || !version.stages.is_empty());
        let versions: Vec<Value> = staged.map(shown).collect();
        Ok(json!({ "ARN": held.arn, "Name": held.name, "Versions": versions }))
    }

    fn tag(&self, input: TagsOf) -> Result<Value, ApiError> {
        let id = input.secret_id.as_deref().ok_or_else(|| missing("secretId"))?;
        self.store().edit(id, |held| {
            json_api::add_tags(&mut held.tags, input.tags);
            Ok(json!({}))
        })
    }

    fn untag(&self, input: &TagsOf) -> Result<Value, ApiError> {
        let id = input.secret_id.as_deref().ok_or_else(|| missing("secretId"))?;
        self.store().edit(id, |held| {
            held.tags.retain(|key, _| !input.tag_keys.contains(key));
            Ok(json!({}))
        })
    }

    fn put_policy(&self, input: PutPolicy) -> Result<Value, ApiError> {
        let id = input.secret_id.ok_or_else(|| missing("secretId"))?;
        let policy = input.resource_policy.ok_or_else(|| missing("resourcePolicy"))?;
        if serde_json::from_str::<serde_json::Map<String, Value>>(&policy).is_err() {
            let text = "This resource policy contains a syntax error.".to_owned();
            return Err(ApiError::Exception("MalformedPolicyDocumentException", Some(text)));
        }
        self.store().edit(&id, |held| {
            held.policy = Some(policy);
            Ok(json!({ "ARN": held.arn, "Name": held.name }))
        })
    }

    fn policy(&self, input: &Named) -> Result<Value, ApiError> {
        let id = input.secret_id.as_deref().ok_or_else(|| missing("secretId"))?;
        let store = self.store();
        let held = store.find(id)?;
        let mut output = json!({ "ARN": held.arn, "Name": held.name });
        if let Some(policy) = &held.policy {
            output["ResourcePolicy"] = json!(policy);
        }
        Ok(output)
    }

    fn delete_policy(&self, input: &Named) -> Result<Value, ApiError> {
        let id = input.secret_id.as_deref().ok_or_else(|| missing("secretId"))?;
        self.store().edit(id, |held| {
            held.policy = None;
            Ok(json!({ "ARN": held.arn, "Name": held.name }))
        })
    }

    fn store(&self) -> MutexGuard<'_, SecretStore> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn add(
    store: &mut SecretStore,
    secret: &Secret,
    limits: &Limits,
    now: EpochMillis,
) -> Result<(), ApiError> {
    if let Some(value) = &secret.value {
        admit(limits, value, |limit, seen| limit.admit(seen))?;
    }
    store.provide(secret, now)
}

/// Compares the size of a value with its limit.
fn admit(
    limits: &Limits,
    value: &SecretValue,
    compare: impl Fn(&Limit<Bytes>, Bytes) -> Result<(), Exceeded>,
) -> Result<(), ApiError> {
    let (member, size) = match value {
        SecretValue::String(text) => ("secretString", Bytes::of(text.as_bytes())),
        SecretValue::Binary(bytes) => ("secretBinary", Bytes::of(bytes)),
    };
    compare(&limits.secrets_value, size).map_err(|exceeded| ApiError::Refused(exceeded, member))
}

/// A secret as `DescribeSecret` and `ListSecrets` show it. They name the versions differently.
fn described(held: &StoredSecret, versions: &str) -> Value {
    let stages: serde_json::Map<String, Value> = held
        .versions
        .iter()
        .filter(|version| !version.stages.is_empty())
        .map(|version| (version.id.clone(), json!(version.stages)))
        .collect();
    let mut shown = json!({
        "ARN": held.arn,
        "Name": held.name,
        "CreatedDate": seconds(held.created),
        "LastChangedDate": seconds(held.changed),
        versions: stages.clone(),
    });
    if stages.is_empty() {
        // A secret that never had a value has no such member (recorded 2023-09-05).
        shown.as_object_mut().map(|shown| shown.shift_remove(versions));
    }
    if !held.tags.is_empty() {
        shown["Tags"] = json_api::shown_tags(&held.tags);
    }
    if let Some(key) = &held.key_id {
        shown["KmsKeyId"] = json!(key);
    }
    if !held.description.is_empty() {
        shown["Description"] = json!(held.description);
    }
    if let Some(at) = held.accessed {
        // AWS stores only the day.
        let day = EpochMillis(at.0 - at.0 % 86_400_000);
        shown["LastAccessedDate"] = seconds(day);
    }
    if let Some(at) = held.deleted {
        shown["DeletedDate"] = seconds(at);
    }
    shown
}
