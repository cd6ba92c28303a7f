//! A function of the control plane: what runs, and what is only returned by the API.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hardcap_limits::Millis;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use time::macros::format_description;

use hardcap_core::clock::EpochMillis;
use hardcap_core::config::{Cors, EventInvokeConfig, Function, InvokeMode, Logging, RecursiveLoop};
use hardcap_lambda::package::PackageFolder;

/// One function.
#[derive(Clone, Debug)]
pub(super) struct FunctionEntry {
    /// The function as the emulator runs it.
    pub(super) function: Arc<Function>,
    /// The properties that only the API returns.
    pub(super) about: About,
    /// Its package, if it was uploaded.
    pub(super) package: Option<Arc<PackageFolder>>,
    /// Its published versions by number. A version has no versions.
    pub(super) versions: BTreeMap<u64, FunctionEntry>,
    pub(super) status: Status,
}

/// The preparation of a function's program, which may be an installation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Status {
    /// It has ended, or nothing had to be prepared.
    #[default]
    Settled,
    /// It has not ended since the function or the version was created.
    Creating,
    /// It has not ended since the function was updated.
    Updating,
    /// It failed after the creation, for this reason.
    CreationFailed(String),
    /// It failed after an update, for this reason.
    UpdateFailed(String),
}

impl Status {
    /// The status after the preparation.
    pub(super) fn ended(self, failure: Option<String>) -> Status {
        match (self, failure) {
            (Status::Creating, Some(why)) => Status::CreationFailed(why),
            (Status::Updating, Some(why)) => Status::UpdateFailed(why),
            (_, _) => Status::Settled,
        }
    }

    /// Whether the preparation has not ended.
    pub(super) fn is_preparing(&self) -> bool {
        matches!(self, Status::Creating | Status::Updating)
    }
}

/// The properties of a function that have no effect on its sandboxes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct About {
    pub(super) description: String,
    pub(super) role: String,
    pub(super) architectures: Vec<String>,
    pub(super) code: Code,
    pub(super) last_modified: EpochMillis,
    pub(super) revision_id: String,
    pub(super) tags: IndexMap<String, String>,
    /// Whether an environment was given, possibly an empty one.
    pub(super) has_environment: bool,
    /// The time of the last change of the configuration of asynchronous events; `None` without a configuration.
    pub(super) events_modified: Option<EpochMillis>,
    pub(super) url: Option<Url>,
    /// The statements of the resource policy.
    #[serde(default)]
    pub(super) policy: Option<Policy>,
    /// The number of the last published version: no number is used twice.
    #[serde(default)]
    pub(super) last_version: u64,
    /// The aliases, by name.
    #[serde(default)]
    pub(super) aliases: BTreeMap<String, Alias>,
    /// Members without an effect here, returned as they were given.
    pub(super) without_effect: Map<String, Value>,
}

/// The code of a function.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Code {
    /// The SHA-256 of the package, as base64.
    pub(super) sha256: String,
    /// The size of the package in bytes.
    pub(super) size: u64,
    /// The name of its folder; `None` for a function that a template names.
    pub(super) folder: Option<String>,
}

/// A resource policy.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Policy {
    pub(super) statements: Vec<Value>,
    /// The revision id, a new one after each change.
    pub(super) revision_id: String,
}

/// An alias: a name for a version.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Alias {
    pub(super) version: String,
    pub(super) description: String,
    /// Another version, and the share of the invocations that it gets.
    pub(super) additional: Option<(String, f64)>,
    /// The revision id, a new one after each change.
    pub(super) revision_id: String,
}

/// A function URL.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Url {
    pub(super) logical_id: String,
    /// Whether the template permits everyone to invoke it, regardless of the policy.
    #[serde(default)]
    pub(super) is_public: bool,
    /// The alias that it invokes, of a template's function with `AutoPublishAlias`.
    #[serde(default)]
    pub(super) alias: Option<String>,
    pub(super) auth_type: String,
    pub(super) invoke_mode: InvokeMode,
    pub(super) cors: Option<Cors>,
    pub(super) created: EpochMillis,
    pub(super) modified: EpochMillis,
    /// Its port, which a restart uses again if it is free.
    pub(super) port: u16,
}

/// A stored function.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Saved {
    name: String,
    handler: String,
    runtime: String,
    memory_mb: u32,
    timeout: Millis,
    ephemeral_storage_mb: Option<u32>,
    environment: IndexMap<String, String>,
    reserved_concurrency: Option<u32>,
    events: EventInvokeConfig,
    recursive_loop: RecursiveLoop,
    #[serde(default)]
    logging: Logging,
    about: About,
    #[serde(default)]
    versions: BTreeMap<u64, Saved>,
}

impl Saved {
    pub(super) fn of(entry: &FunctionEntry) -> Saved {
        let Function { name, handler, runtime, memory_mb, timeout, environment, .. } =
            &*entry.function;
        Saved {
            name: name.clone(),
            handler: handler.clone(),
            runtime: runtime.clone(),
            memory_mb: *memory_mb,
            timeout: *timeout,
            ephemeral_storage_mb: entry.function.ephemeral_storage_mb,
            environment: environment.clone(),
            reserved_concurrency: entry.function.reserved_concurrency,
            events: entry.function.events.clone(),
            recursive_loop: entry.function.recursive_loop,
            logging: entry.function.logging.clone(),
            about: entry.about.clone(),
            versions: entry.versions.iter().map(|(number, it)| (*number, Saved::of(it))).collect(),
        }
    }

    /// The names of the packages' folders: its own, and those of its versions.
    pub(super) fn folders(&self) -> Vec<&str> {
        let versions = self.versions.values().flat_map(Saved::folders);
        self.about.code.folder.as_deref().into_iter().chain(versions).collect()
    }

    /// The function and its versions, which have no program yet.
    pub(super) fn restored(mut self) -> (Function, About, BTreeMap<u64, (Function, About)>) {
        let versions = std::mem::take(&mut self.versions).into_iter().map(|(number, saved)| {
            let (function, about, _) = saved.restored();
            let function = Function { version: Some(number.to_string()), ..function };
            (number, (function, about))
        });
        let versions = versions.collect();
        let function = Function {
            handler: self.handler,
            runtime: self.runtime,
            memory_mb: self.memory_mb,
            timeout: self.timeout,
            ephemeral_storage_mb: self.ephemeral_storage_mb,
            environment: self.environment,
            reserved_concurrency: self.reserved_concurrency,
            events: self.events,
            recursive_loop: self.recursive_loop,
            logging: self.logging,
            ..Function::new(&self.name, [""; 0])
        };
        (function, self.about, versions)
    }
}

impl About {
    /// The properties of a function of the template, which was deployed when the emulator started.
    pub(super) fn of_template(function: &Function, now: EpochMillis) -> About {
        let events = &function.events;
        let configured = EventInvokeConfig { dead_letter: None, ..events.clone() };
        let has_events = configured != EventInvokeConfig::default();
        About {
            description: String::new(),
            role: format!(
                "arn:aws:iam::{}:role/{}",
                hardcap_core::config::ACCOUNT_ID,
                function.name
            ),
            architectures: vec![architecture().to_owned()],
            code: Code { sha256: STANDARD.encode(Sha256::digest([])), size: 0, folder: None },
            last_modified: now,
            revision_id: new_revision(),
            tags: IndexMap::new(),
            has_environment: !function.environment.is_empty(),
            events_modified: has_events.then_some(now),
            url: None,
            policy: None,
            last_version: 0,
            aliases: BTreeMap::new(),
            without_effect: Map::new(),
        }
    }

    /// Gives the function a new revision id after a change.
    pub(super) fn touch(&mut self, now: EpochMillis) {
        self.last_modified = now;
        self.revision_id = new_revision();
    }
}

/// The default size of `/tmp` in MB.
const EPHEMERAL_STORAGE_MB: u32 = 512;

/// The architecture of this machine, as Lambda calls it.
pub(super) fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "aarch64" => "arm64",
        arch => arch,
    }
}

pub(super) fn new_revision() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// The state of a function, which AWS returns in some responses.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    /// In the response to CreateFunction.
    Creating,
    /// In the response to an update.
    Updating,
    /// In the responses to GetFunction and GetFunctionConfiguration during an update.
    InProgress,
    /// In other responses to GetFunction and GetFunctionConfiguration, which have the [`Status`].
    Current,
    /// In lists, which do not contain it.
    Listed,
}

impl FunctionEntry {
    /// The members of a function's configuration, as recorded on 2024-03-27. `qualifier` is what the caller named.
    pub(super) fn configuration(
        &self,
        region: &str,
        qualifier: Option<&str>,
        shown: Shown,
    ) -> Value {
        let FunctionEntry { function, about, .. } = self;
        let mut arn = function.arn(region);
        if let Some(qualifier) = qualifier {
            arn = format!("{arn}:{qualifier}");
        }
        let mut members = json!({
            "FunctionName": function.name,
            "FunctionArn": arn,
            "Runtime": function.runtime,
            "Role": about.role,
            "Handler": function.handler,
            "CodeSize": about.code.size,
            "Description": about.description,
            "Timeout": function.timeout.0 / 1000,
            "MemorySize": function.memory_mb,
            "LastModified": last_modified(about.last_modified),
            "CodeSha256": about.code.sha256,
            "Version": function.version(),
            "TracingConfig": { "Mode": "PassThrough" },
            "RevisionId": about.revision_id,
            "PackageType": "Zip",
            "Architectures": about.architectures,
            "EphemeralStorage": { "Size": function.ephemeral_storage_mb.unwrap_or(EPHEMERAL_STORAGE_MB) },
            "SnapStart": { "ApplyOn": "None", "OptimizationStatus": "Off" },
            "LoggingConfig": self.logging(),
        });
        if about.has_environment {
            members["Environment"] = json!({ "Variables": function.environment });
        }
        if let Some(arn) = &function.events.dead_letter {
            members["DeadLetterConfig"] = json!({ "TargetArn": arn });
        }
        for (name, value) in about.without_effect.iter().filter(|(name, _)| *name != "LogGroup") {
            members[name] = value.clone();
        }
        if matches!(shown, Shown::Creating | Shown::Updating) {
            // Recorded on 2025-11-25: the revision id changes again when the change ends.
            members["RevisionId"] = new_revision().into();
        }
        let state = match (shown, &self.status) {
            (Shown::Listed, _) => return members,
            (Shown::Creating, _) | (Shown::Current, Status::Creating) => json!({
                "State": "Pending",
                "StateReason": "The function is being created.",
                "StateReasonCode": "Creating",
            }),
            (Shown::Updating | Shown::InProgress, _) | (Shown::Current, Status::Updating) => {
                json!({
                    "State": "Active",
                    "LastUpdateStatus": "InProgress",
                    "LastUpdateStatusReason": "The function is being created.",
                    "LastUpdateStatusReasonCode": "Creating",
                })
            }
            // The members and the code are official (botocore, `StateReasonCode`, `LastUpdateStatusReasonCode`). The reason is
            // hardcap's own, because AWS installs nothing.
            (Shown::Current, Status::CreationFailed(why)) => json!({
                "State": "Failed",
                "StateReason": why,
                "StateReasonCode": "InternalError",
            }),
            (Shown::Current, Status::UpdateFailed(why)) => json!({
                "State": "Active",
                "LastUpdateStatus": "Failed",
                "LastUpdateStatusReason": why,
                "LastUpdateStatusReasonCode": "InternalError",
            }),
            (Shown::Current, Status::Settled) => {
                json!({ "State": "Active", "LastUpdateStatus": "Successful" })
            }
        };
        members["RuntimeVersionConfig"] = json!({ "RuntimeVersionArn": self.runtime_arn(region) });
        if let (Value::Object(members), Value::Object(state)) = (&mut members, state) {
            members.extend(state);
        }
        members
    }

    /// `LoggingConfig`. The group is shown as it was given; the log is in the function's own group here.
    fn logging(&self) -> Value {
        let own = format!("/aws/lambda/{}", self.function.name);
        let group = self.about.without_effect.get("LogGroup").cloned().unwrap_or(own.into());
        match &self.function.logging.json {
            None => json!({ "LogFormat": "Text", "LogGroup": group }),
            Some(levels) => json!({
                "LogFormat": "JSON",
                "ApplicationLogLevel": levels.application,
                "SystemLogLevel": levels.system,
                "LogGroup": group,
            }),
        }
    }

    /// An ARN of the right shape, the same for the same runtime.
    fn runtime_arn(&self, region: &str) -> String {
        let digest = hex::encode(Sha256::digest(self.function.runtime.as_bytes()));
        format!("arn:aws:lambda:{region}::runtime:{digest}")
    }
}

/// `2024-03-27T09:14:33.000+0000`
fn last_modified(at: EpochMillis) -> String {
    let format = format_description!(
        "[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]+0000"
    );
    at.to_utc().format(&format).unwrap_or_default()
}

/// `2023-11-20T16:59:22.123456Z`, the format of function URLs.
pub(super) fn url_time(at: EpochMillis) -> String {
    let format =
        format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z");
    at.to_utc().format(&format).unwrap_or_default()
}
