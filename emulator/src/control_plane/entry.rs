//! A function as the control plane knows it: what runs, and what is only said about it.

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
use hardcap_core::config::{Cors, EventInvokeConfig, Function, InvokeMode, RecursiveLoop};
use hardcap_lambda::name::LATEST;
use hardcap_lambda::package::PackageFolder;

/// One function.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// What runs.
    pub(super) function: Arc<Function>,
    /// What is said about it.
    pub(super) about: About,
    /// Its package, when it was uploaded.
    pub(super) package: Option<Arc<PackageFolder>>,
}

/// What only the control plane knows.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct About {
    pub(super) description: String,
    pub(super) role: String,
    pub(super) architectures: Vec<String>,
    pub(super) code: Code,
    pub(super) last_modified: EpochMillis,
    pub(super) revision_id: String,
    pub(super) tags: IndexMap<String, String>,
    /// An environment was given, be it an empty one.
    pub(super) has_environment: bool,
    /// When the configuration of asynchronous events was last set, if it is.
    pub(super) events_modified: Option<EpochMillis>,
    pub(super) url: Option<Url>,
    /// The statements of the resource policy.
    #[serde(default)]
    pub(super) policy: Option<Policy>,
    /// Members that have no effect here and are shown as they were given.
    pub(super) without_effect: Map<String, Value>,
}

/// The code of a function.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Code {
    /// The SHA-256 of the package, as base64.
    pub(super) sha256: String,
    /// Bytes of the package.
    pub(super) size: u64,
    /// The name of its folder; `None` for a function that a template names.
    pub(super) folder: Option<String>,
}

/// A resource policy.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Policy {
    pub(super) statements: Vec<Value>,
    /// Another one after each change.
    pub(super) revision_id: String,
}

/// A function URL.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Url {
    pub(super) logical_id: String,
    pub(super) auth_type: String,
    pub(super) invoke_mode: InvokeMode,
    pub(super) cors: Option<Cors>,
    pub(super) created: EpochMillis,
    pub(super) modified: EpochMillis,
    /// Its port, taken again after a restart when it is free.
    pub(super) port: u16,
}

/// A function as it is written down.
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
    about: About,
}

impl Saved {
    pub(super) fn of(entry: &Entry) -> Saved {
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
            about: entry.about.clone(),
        }
    }

    /// The name of the package's folder.
    pub(super) fn folder(&self) -> Option<&str> {
        self.about.code.folder.as_deref()
    }

    /// The function, which has no program yet.
    pub(super) fn restored(self) -> (Function, About) {
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
            ..Function::new(&self.name, [""; 0])
        };
        (function, self.about)
    }
}

impl About {
    /// What is said of a function that a template names: it was deployed when the emulator started.
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
            without_effect: Map::new(),
        }
    }

    /// The function changed: whoever looked at it before has seen another one.
    pub(super) fn touch(&mut self, now: EpochMillis) {
        self.last_modified = now;
        self.revision_id = new_revision();
    }
}

/// What a function has under `/tmp` that asks for nothing else.
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

/// Where a function is in its life, which AWS tells in some answers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    /// In the answer to CreateFunction.
    Creating,
    /// In the answer to an update.
    Updating,
    /// When it is asked for.
    Settled,
    /// In lists, which say nothing of it.
    Listed,
}

impl Entry {
    /// The members of a function's configuration, as recorded on 2024-03-27. `qualifier` is what the caller named.
    pub(super) fn configuration(
        &self,
        region: &str,
        qualifier: Option<&str>,
        shown: Shown,
    ) -> Value {
        let Entry { function, about, .. } = self;
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
            "Version": LATEST,
            "TracingConfig": { "Mode": "PassThrough" },
            "RevisionId": about.revision_id,
            "PackageType": "Zip",
            "Architectures": about.architectures,
            "EphemeralStorage": { "Size": function.ephemeral_storage_mb.unwrap_or(EPHEMERAL_STORAGE_MB) },
            "SnapStart": { "ApplyOn": "None", "OptimizationStatus": "Off" },
            "LoggingConfig": { "LogFormat": "Text", "LogGroup": format!("/aws/lambda/{}", function.name) },
        });
        if about.has_environment {
            members["Environment"] = json!({ "Variables": function.environment });
        }
        if let Some(arn) = &function.events.dead_letter {
            members["DeadLetterConfig"] = json!({ "TargetArn": arn });
        }
        for (name, value) in &about.without_effect {
            members[name] = value.clone();
        }
        let state = match shown {
            Shown::Creating => json!({
                "State": "Pending",
                "StateReason": "The function is being created.",
                "StateReasonCode": "Creating",
            }),
            Shown::Updating => json!({
                "State": "Active",
                "LastUpdateStatus": "InProgress",
                "LastUpdateStatusReason": "The function is being created.",
                "LastUpdateStatusReasonCode": "Creating",
            }),
            Shown::Settled => json!({ "State": "Active", "LastUpdateStatus": "Successful" }),
            Shown::Listed => return members,
        };
        members["RuntimeVersionConfig"] = json!({ "RuntimeVersionArn": self.runtime_arn(region) });
        if let (Value::Object(members), Value::Object(state)) = (&mut members, state) {
            members.extend(state);
        }
        members
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

/// `2023-11-20T16:59:22.123456Z`, as function URLs have it.
pub(super) fn url_time(at: EpochMillis) -> String {
    let format =
        format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z");
    at.to_utc().format(&format).unwrap_or_default()
}
