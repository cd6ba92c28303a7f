//! The members that CreateFunction and UpdateFunctionConfiguration share: parsed, checked and applied to a function.

use hardcap_limits::Millis;
use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::answer::{Problem, constraint, invalid, not_built};
use super::entry::About;
use hardcap_core::config::{Function, Logging};
use hardcap_core::context::Context;
use hardcap_lambda::rules::{self, Proposal};
use hardcap_project::packaging::runtimes::{self, Change};

/// The members as they were sent. `None` changes nothing.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ConfigurationInput {
    pub(super) role: Option<String>,
    pub(super) handler: Option<String>,
    pub(super) runtime: Option<String>,
    description: Option<String>,
    timeout: Option<i64>,
    memory_size: Option<i64>,
    environment: Option<Environment>,
    dead_letter_config: Option<DeadLetter>,
    ephemeral_storage: Option<EphemeralStorage>,
    layers: Option<Vec<String>>,
    file_system_configs: Option<Vec<Value>>,
    image_config: Option<Value>,
    pub(super) revision_id: Option<String>,
    /// A member of CreateFunction only.
    pub(super) architectures: Option<Vec<String>>,
    vpc_config: Option<Value>,
    tracing_config: Option<Value>,
    snap_start: Option<Map<String, Value>>,
    logging_config: Option<LoggingInput>,
    #[serde(rename = "KMSKeyArn")]
    kms_key_arn: Option<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct LoggingInput {
    log_format: Option<String>,
    application_log_level: Option<String>,
    system_log_level: Option<String>,
    log_group: Option<String>,
}

impl LoggingInput {
    /// Applies the sent members. Recorded on 2025-11-25: JSON without levels is `INFO`, and text has no levels.
    fn apply(self, logging: &mut Logging) {
        match self.log_format.as_deref() {
            Some("JSON") => {
                logging.json.get_or_insert_default();
            }
            Some(_) => logging.json = None,
            None => {}
        }
        if let Some(levels) = &mut logging.json {
            set(&mut levels.application, self.application_log_level);
            set(&mut levels.system, self.system_log_level);
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Environment {
    variables: Option<IndexMap<String, String>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DeadLetter {
    target_arn: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct EphemeralStorage {
    size: i64,
}

impl ConfigurationInput {
    /// Refuses what AWS refuses, and what hardcap does not implement. `name` is that of a new function.
    pub(super) fn check(&self, ctx: &Context, name: Option<&str>) -> Result<(), Problem> {
        let environment = self.environment.as_ref().and_then(|it| it.variables.as_ref());
        let tracing = self.tracing_config.as_ref().and_then(|it| it.get("Mode")?.as_str());
        let snap_start = self.snap_start.as_ref().and_then(|it| it.get("ApplyOn")?.as_str());
        let logging = self.logging_config.as_ref();
        let proposal = Proposal {
            name,
            timeout: self.timeout,
            memory_mb: self.memory_size,
            ephemeral_storage_mb: self.ephemeral_storage.as_ref().map(|storage| storage.size),
            environment,
            layers: self.layers.as_ref().map_or(0, Vec::len),
            handler: self.handler.as_deref(),
            architectures: self.architectures.as_deref().filter(|_| name.is_some()),
            description: self.description.as_deref(),
            package_type: None,
            tracing_mode: tracing,
            snap_start,
            log_format: logging.and_then(|it| it.log_format.as_deref()),
            application_log_level: logging.and_then(|it| it.application_log_level.as_deref()),
            system_log_level: logging.and_then(|it| it.system_log_level.as_deref()),
        };
        admit(ctx, &proposal)?;
        if let Some(role) = self.role.as_deref().filter(|role| !is_role(role)) {
            return Err(constraint(format!(
                "Value '{role}' at 'role' failed to satisfy constraint: Member must satisfy regular expression pattern: \
                 arn:(aws[a-zA-Z-]*)?:iam::\\d{{12}}:role/?[a-zA-Z_0-9+=,.@\\-_/]+"
            )));
        }
        if let Some(runtime) = &self.runtime {
            let change = if name.is_some() { Change::Create } else { Change::Configure };
            admit_runtime(ctx, runtime, change)?;
        }
        if let Some(layer) = self.layers.iter().flatten().next() {
            // No layer exists, because hardcap does not implement PublishLayerVersion.
            return Err(invalid(format!("Layer version {layer} does not exist.")));
        }
        if self.image_config.as_ref().is_some_and(|config| !config.is_null()) {
            return Err(super::code::images());
        }
        if self.file_system_configs.as_ref().is_some_and(|configs| !configs.is_empty()) {
            return Err(not_built("file systems of functions", "leave FileSystemConfigs out"));
        }
        Ok(())
    }

    /// Applies the sent and checked members to a function.
    pub(super) fn apply(self, function: &mut Function, about: &mut About) {
        set(&mut about.role, self.role);
        set(&mut about.description, self.description);
        set(&mut function.handler, self.handler);
        set(&mut function.runtime, self.runtime);
        set(&mut function.timeout, self.timeout.and_then(whole::<u64>).map(|it| Millis(it * 1000)));
        set(&mut function.memory_mb, self.memory_size.and_then(whole));
        if let Some(EphemeralStorage { size }) = self.ephemeral_storage {
            function.ephemeral_storage_mb = whole(size);
        }
        if let Some(environment) = self.environment {
            function.environment = environment.variables.unwrap_or_default();
            about.has_environment = true;
        }
        if let Some(DeadLetter { target_arn }) = self.dead_letter_config {
            function.events.dead_letter = target_arn.filter(|arn| !arn.is_empty());
        }
        let snap_start = self.snap_start.map(|mut it| {
            it.insert("OptimizationStatus".to_owned(), Value::from("Off"));
            Value::Object(it)
        });
        if let Some(logging) = self.logging_config {
            if let Some(group) = &logging.log_group {
                about.without_effect.insert("LogGroup".to_owned(), Value::from(group.as_str()));
            }
            logging.apply(&mut function.logging);
        }
        for (name, value) in [
            ("VpcConfig", self.vpc_config),
            ("TracingConfig", self.tracing_config),
            ("SnapStart", snap_start),
            ("KMSKeyArn", self.kms_key_arn),
        ] {
            if let Some(value) = value.filter(|value| !value.is_null()) {
                about.without_effect.insert(name.to_owned(), value);
            }
        }
    }
}

/// Refuses a proposal that breaks a rule of AWS.
pub(super) fn admit(ctx: &Context, proposal: &Proposal<'_>) -> Result<(), Problem> {
    let refusals = rules::refusals(ctx, &ctx.limits, proposal);
    rules::answer(refusals).map_or(Ok(()), |refusal| Err(refusal.into()))
}

/// Refuses a change with a runtime that does not exist, or that AWS no longer accepts on the day of the run.
pub(super) fn admit_runtime(ctx: &Context, runtime: &str, change: Change) -> Result<(), Problem> {
    if runtime.starts_with("arn:") {
        return Err(not_built("runtimes that an ARN names", "give the function a runtime of AWS"));
    }
    let day = ctx.limits.date().to_string();
    runtimes::refusal(runtime, &day, change).map_or(Ok(()), |text| Err(invalid(text)))
}

fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

fn whole<T: TryFrom<i64>>(number: i64) -> Option<T> {
    T::try_from(number).ok()
}

/// `arn:aws:iam::123456789012:role/any/path`
fn is_role(text: &str) -> bool {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let ["arn", partition, "iam", "", account, role] = parts[..] else { return false };
    let is_letter = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-/".contains(c);
    partition.starts_with("aws")
        && account.len() == 12
        && account.bytes().all(|byte| byte.is_ascii_digit())
        && role.strip_prefix("role").is_some_and(|name| {
            name.len() > 1 && name.starts_with('/') && name.chars().all(is_letter)
        })
}
