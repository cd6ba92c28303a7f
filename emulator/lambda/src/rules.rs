//! AWS's rules for deployments: one set for the control plane, for templates and for `hardcap check`. Pure.

use hardcap_limits::envelope::json_string_len;
use hardcap_limits::{
    Bytes, Count, Date, Exceeded, Limit, Limits, Megabytes, Millis, Party, Quantity,
};
use indexmap::IndexMap;
use serde_json::{Value, json};

use hardcap_core::config::Function;
use hardcap_core::context::Context;
use hardcap_core::function_name::is_function_name;

/// Environment variables that are reserved for Lambda: AWS, Lambda developer guide, 2023-10-30.
const RESERVED_KEYS: [&str; 17] = [
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_LAMBDA_RUNTIME_API",
    "LAMBDA_TASK_ROOT",
    "LAMBDA_RUNTIME_DIR",
];
/// The beginning of AWS's refusal of one member.
const ONE_ERROR: &str = "1 validation error detected: ";
/// The pattern of a function name, recorded on 2024-03-27.
const FUNCTION_NAME_PATTERN: &str = r"(arn:(aws[a-zA-Z-]*)?:lambda:)?([a-z]{2}((-gov)|(-iso(b?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_]+)(:(\$LATEST|[a-zA-Z0-9-_]+))?";
/// The pattern of the name of a new function since this day, recorded on it.
const NEW_FUNCTION_NAME_PATTERN: &str = r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_]+)(:(\$LATEST|[a-zA-Z0-9-_]+))?";
const NEW_PATTERN_SINCE: Date = Date::new(2025, 11, 25);
/// The maximum length of a function's ARN, recorded on 2024-03-27.
const ARN_MAX: usize = 140;
/// The pattern of a handler: AWS's model of CreateFunction, 2026.
const HANDLER_PATTERN: &str = r"[^\s]+";
/// The maximum length of a handler: AWS's model of CreateFunction, 2026.
const HANDLER_MAX: usize = 128;
/// The maximum length of a description: AWS's model of CreateFunction, 2026-08-07.
const DESCRIPTION_MAX: usize = 256;
/// The architectures in the order of the recording of 2026-01-12.
const ARCHITECTURES: [&str; 2] = ["x86_64", "arm64"];

/// A proposed deployment. `None` keeps the current value or Lambda's default.
#[derive(Clone, Copy, Debug, Default)]
pub struct Proposal<'a> {
    /// The name of a new function, as it was given.
    pub name: Option<&'a str>,
    /// `Timeout`, in seconds.
    pub timeout: Option<i64>,
    /// `MemorySize`.
    pub memory_mb: Option<i64>,
    /// `EphemeralStorage: Size`.
    pub ephemeral_storage_mb: Option<i64>,
    /// `Environment: Variables`.
    pub environment: Option<&'a IndexMap<String, String>>,
    /// The number of `Layers`.
    pub layers: usize,
    /// `Handler`.
    pub handler: Option<&'a str>,
    /// `Architectures`.
    pub architectures: Option<&'a [String]>,
    /// `Description`.
    pub description: Option<&'a str>,
    /// `PackageType`.
    pub package_type: Option<&'a str>,
    /// `Mode` of `TracingConfig`.
    pub tracing_mode: Option<&'a str>,
    /// `ApplyOn` of `SnapStart`.
    pub snap_start: Option<&'a str>,
    /// `LogFormat` of `LoggingConfig`.
    pub log_format: Option<&'a str>,
    /// `ApplicationLogLevel` of `LoggingConfig`.
    pub application_log_level: Option<&'a str>,
    /// `SystemLogLevel` of `LoggingConfig`.
    pub system_log_level: Option<&'a str>,
}

impl<'a> From<&'a Function> for Proposal<'a> {
    fn from(function: &'a Function) -> Proposal<'a> {
        let declared = &function.declared;
        Proposal {
            name: Some(&function.name),
            timeout: Some(i64::try_from(function.timeout.0 / 1000).unwrap_or(i64::MAX)),
            memory_mb: Some(i64::from(function.memory_mb)),
            ephemeral_storage_mb: function.ephemeral_storage_mb.map(i64::from),
            environment: Some(&function.environment),
            layers: function.layers.len() + function.absent_layers.len(),
            // The function of a container image does not have a handler.
            handler: Some(&*function.handler).filter(|handler| !handler.is_empty()),
            architectures: declared.architectures.as_deref(),
            description: declared.description.as_deref(),
            package_type: declared.package_type.as_deref(),
            tracing_mode: declared.tracing_mode.as_deref(),
            snap_start: declared.snap_start.as_deref(),
            log_format: declared.log_format.as_deref(),
            application_log_level: declared.application_log_level.as_deref(),
            system_log_level: declared.system_log_level.as_deref(),
        }
    }
}

/// AWS's response to a refused proposal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeploymentRefusal {
    /// The id of the finding, for `hardcap check`.
    pub code: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// `x-amzn-ErrorType`.
    pub error_type: &'static str,
    /// The body of the response.
    pub body: String,
}

impl DeploymentRefusal {
    /// A member that violates its constraint, in AWS's format: `Value '0' at 'timeout' failed …`.
    pub fn constraint(code: &'static str, text: &str) -> DeploymentRefusal {
        let body = json!({ "message": format!("{ONE_ERROR}{text}") }).to_string();
        DeploymentRefusal { code, status: 400, error_type: "ValidationException", body }
    }

    /// A member that does not match its pattern.
    pub fn pattern(member: &str, value: &str, pattern: &str) -> DeploymentRefusal {
        let text = format!(
            "Value '{value}' at '{member}' failed to satisfy constraint: Member must satisfy regular expression pattern: \
             {pattern}"
        );
        DeploymentRefusal::constraint("", &text)
    }

    /// A member that is longer than `max`.
    pub fn too_long(member: &str, value: &str, max: usize) -> DeploymentRefusal {
        let text = format!(
            "Value '{value}' at '{member}' failed to satisfy constraint: Member must have length less than or equal to {max}"
        );
        DeploymentRefusal::constraint("", &text)
    }

    /// A member that must be one of a set.
    pub fn not_one_of(member: &str, value: &str, set: &str) -> DeploymentRefusal {
        let text = format!(
            "Value '{value}' at '{member}' failed to satisfy constraint: Member must satisfy enum value set: [{set}]"
        );
        DeploymentRefusal::constraint("", &text)
    }

    /// The same refusal as a finding of `hardcap check`.
    fn found_as(self, code: &'static str) -> DeploymentRefusal {
        DeploymentRefusal { code, ..self }
    }

    /// A value that Lambda itself refuses.
    pub fn invalid_value(code: &'static str, text: &str) -> DeploymentRefusal {
        let body = json!({ "Type": "User", "message": text }).to_string();
        DeploymentRefusal { code, status: 400, error_type: "InvalidParameterValueException", body }
    }

    /// A limit of the table, with the text of its row.
    pub fn of(
        code: &'static str,
        exceeded: &Exceeded,
        to: Party,
        names: &[(&str, &str)],
    ) -> DeploymentRefusal {
        match exceeded.refusal_with(to, names) {
            Some(refusal) => DeploymentRefusal {
                code,
                status: refusal.status,
                error_type: refusal.error_type,
                body: refusal.body,
            },
            None => DeploymentRefusal::invalid_value(code, &exceeded.to_string()),
        }
    }

    /// The message in the body.
    pub fn message(&self) -> String {
        let body: Value = serde_json::from_str(&self.body).unwrap_or_default();
        let message = body.get("message").or_else(|| body.get("Message"));
        message.and_then(Value::as_str).unwrap_or(&self.body).to_owned()
    }
}

/// Compares quantities with limits. Requests record the comparison, template validation does not.
pub trait Admit {
    /// Compares with a maximum.
    fn admit<Q: Quantity>(&self, limit: &Limit<Q>, observed: Q) -> Result<(), Exceeded>;
    /// Compares with a minimum.
    fn admit_least<Q: Quantity>(&self, least: &Limit<Q>, observed: Q) -> Result<(), Exceeded>;
}

impl Admit for Context {
    fn admit<Q: Quantity>(&self, limit: &Limit<Q>, observed: Q) -> Result<(), Exceeded> {
        Context::admit(self, limit, observed)
    }

    fn admit_least<Q: Quantity>(&self, least: &Limit<Q>, observed: Q) -> Result<(), Exceeded> {
        Context::admit_least(self, least, observed)
    }
}

/// Compares without recording.
#[derive(Debug)]
pub struct Unrecorded;

impl Admit for Unrecorded {
    fn admit<Q: Quantity>(&self, limit: &Limit<Q>, observed: Q) -> Result<(), Exceeded> {
        limit.admit(observed)
    }

    fn admit_least<Q: Quantity>(&self, least: &Limit<Q>, observed: Q) -> Result<(), Exceeded> {
        if observed < least.max { Err(least.exceeded_by(observed)) } else { Ok(()) }
    }
}

/// All refusals of a proposal, in AWS's order: first constraints of members, then values.
pub fn refusals(
    admit: &impl Admit,
    limits: &Limits,
    proposal: &Proposal<'_>,
) -> Vec<DeploymentRefusal> {
    let mut found = Vec::new();
    found.extend(proposal.timeout.and_then(|seconds| timeout(admit, limits, seconds)));
    found.extend(proposal.memory_mb.and_then(|memory| memory_size(admit, limits, memory)));
    let storage = proposal.ephemeral_storage_mb;
    found.extend(storage.and_then(|size| ephemeral_storage(admit, limits, size)));
    found.extend(proposal.name.and_then(|name| name_pattern(name, limits.date())));
    found.extend(proposal.environment.and_then(key_pattern));
    found.extend(proposal.handler.and_then(handler_pattern));
    found.extend(proposal.handler.and_then(handler_length));
    found.extend(proposal.architectures.and_then(architectures));
    found.extend(proposal.description.and_then(description));
    found.extend(enumerated(proposal));
    found.extend(proposal.name.and_then(|name| name_length(admit, limits, name)));
    found.extend(proposal.environment.and_then(reserved_keys));
    found.extend(proposal.environment.and_then(|map| environment_size(admit, limits, map)));
    let layers = Count(proposal.layers as u64);
    let admitted = admit.admit(&limits.lambda_layers, layers);
    found
        .extend(admitted.err().map(|it| DeploymentRefusal::of("layers", &it, Party::Invoker, &[])));
    found
}

/// The minimum of unreserved concurrency. An account with less concurrency cannot reserve any.
///
/// Reports of accounts with 10 and 50 executions quote `[10]` and `[50]`: aws-samples/siem-on-amazon-opensearch-service#175,
/// awslabs/amazon-neptune-tools#324.
pub(crate) fn unreserved_min(limits: &Limits) -> Limit<Count> {
    limits.lambda_unreserved_min.lowered_to(limits.lambda_concurrency.max)
}

/// The refusal of all reservations together, if too little concurrency remains unreserved.
pub fn reservations(limits: &Limits, reserved: u64) -> Option<DeploymentRefusal> {
    let left = Count(limits.lambda_concurrency.max.0.saturating_sub(reserved));
    if reserved == 0 {
        return None;
    }
    let exceeded = Unrecorded.admit_least(&unreserved_min(limits), left).err()?;
    Some(DeploymentRefusal::of("reserved-concurrency", &exceeded, Party::Invoker, &[]))
}

/// Combines refusals into one response: AWS reports all constraints together, but only the first value.
pub fn answer(refusals: Vec<DeploymentRefusal>) -> Option<DeploymentRefusal> {
    let texts: Vec<String> = refusals
        .iter()
        .filter(|refusal| refusal.error_type == "ValidationException")
        .map(|refusal| refusal.message().replacen(ONE_ERROR, "", 1))
        .collect();
    let first = refusals.into_iter().next()?;
    if texts.len() < 2 {
        return Some(first);
    }
    let message = format!("{} validation errors detected: {}", texts.len(), texts.join("; "));
    Some(DeploymentRefusal { body: json!({ "message": message }).to_string(), ..first })
}

/// The size of an environment as AWS measures it: the map as compact JSON.
pub fn environment_bytes(variables: &IndexMap<String, String>) -> u64 {
    let pair =
        |(key, value): (&String, &String)| json_string_len(key).0 + json_string_len(value).0 + 1;
    let commas = variables.len().saturating_sub(1) as u64;
    variables.iter().map(pair).sum::<u64>() + commas + 2
}

fn timeout(admit: &impl Admit, limits: &Limits, seconds: i64) -> Option<DeploymentRefusal> {
    let millis = Millis(u64::try_from(seconds).unwrap_or(0).saturating_mul(1000));
    let refused = |exceeded, to| {
        DeploymentRefusal::of("timeout", &exceeded, to, &[("value", seconds.to_string().as_str())])
    };
    let low = admit.admit_least(&limits.lambda_timeout_min, millis).err();
    low.map(|exceeded| refused(exceeded, Party::Invoker)).or_else(|| {
        let high = limits.lambda_timeout.admit(millis).err();
        high.map(|exceeded| refused(exceeded, Party::Deployer))
    })
}

fn memory_size(admit: &impl Admit, limits: &Limits, memory: i64) -> Option<DeploymentRefusal> {
    let observed = Megabytes(u64::try_from(memory).unwrap_or(0));
    let low = admit.admit_least(&limits.lambda_memory_min, observed);
    let exceeded = low.and_then(|()| admit.admit(&limits.lambda_memory_max, observed)).err()?;
    let value = memory.to_string();
    Some(DeploymentRefusal::of("memory", &exceeded, Party::Deployer, &[("value", &value)]))
}

fn ephemeral_storage(admit: &impl Admit, limits: &Limits, size: i64) -> Option<DeploymentRefusal> {
    let observed = Megabytes(u64::try_from(size).unwrap_or(0));
    let low = admit.admit_least(&limits.lambda_tmp_min, observed);
    let exceeded = low.and_then(|()| admit.admit(&limits.lambda_tmp, observed)).err()?;
    let value = size.to_string();
    Some(DeploymentRefusal::of(
        "ephemeral-storage",
        &exceeded,
        Party::Invoker,
        &[("value", &value)],
    ))
}

fn name_pattern(name: &str, date: Date) -> Option<DeploymentRefusal> {
    if !is_function_name(name) {
        let pattern = match date < NEW_PATTERN_SINCE {
            true => FUNCTION_NAME_PATTERN,
            false => NEW_FUNCTION_NAME_PATTERN,
        };
        let refusal = DeploymentRefusal::pattern("functionName", name, pattern);
        return Some(refusal.found_as("function-name"));
    }
    if name.contains(':') && name.len() > ARN_MAX {
        let refusal = DeploymentRefusal::too_long("functionName", name, ARN_MAX);
        return Some(refusal.found_as("function-name"));
    }
    None
}

fn name_length(admit: &impl Admit, limits: &Limits, name: &str) -> Option<DeploymentRefusal> {
    if name.contains(':') || !is_function_name(name) {
        return None;
    }
    let length = Count(name.len() as u64);
    let exceeded = admit.admit(&limits.lambda_function_name, length).err()?;
    Some(DeploymentRefusal::of("function-name", &exceeded, Party::Invoker, &[("value", name)]))
}

/// UNCONFIRMED: the text. It is that of other patterns.
fn handler_pattern(handler: &str) -> Option<DeploymentRefusal> {
    // `\s` of AWS's pattern is this set.
    let is_blank = |letter: char| " \t\n\u{b}\u{c}\r".contains(letter);
    let is_refused = handler.is_empty() || handler.contains(is_blank);
    is_refused.then(|| {
        DeploymentRefusal::pattern("handler", handler, HANDLER_PATTERN).found_as("handler")
    })
}

/// UNCONFIRMED: the text. It is that of other lengths.
fn handler_length(handler: &str) -> Option<DeploymentRefusal> {
    (handler.chars().count() > HANDLER_MAX)
        .then(|| DeploymentRefusal::too_long("handler", handler, HANDLER_MAX).found_as("handler"))
}

/// Both texts were recorded on 2026-01-12. UNCONFIRMED: an empty list, and which text comes first if both apply.
fn architectures(given: &[String]) -> Option<DeploymentRefusal> {
    let rule = match given {
        [one] if ARCHITECTURES.contains(&one.as_str()) => return None,
        [] => "Member must have length greater than or equal to 1".to_owned(),
        [_] => format!(
            "Member must satisfy constraint: [Member must satisfy enum value set: [{}], Member must not be null]",
            ARCHITECTURES.join(", ")
        ),
        _ => "Member must have length less than or equal to 1".to_owned(),
    };
    let value = given.join(", ");
    let text = format!("Value '[{value}]' at 'architectures' failed to satisfy constraint: {rule}");
    Some(DeploymentRefusal::constraint("function-property", &text))
}

/// UNCONFIRMED: the text. It is that of other lengths.
fn description(text: &str) -> Option<DeploymentRefusal> {
    (text.chars().count() > DESCRIPTION_MAX).then(|| {
        let refusal = DeploymentRefusal::too_long("description", text, DESCRIPTION_MAX);
        refusal.found_as("function-property")
    })
}

/// The members that have one of a few values: AWS's model of CreateFunction, 2026-08-07. The text of `snapStart.applyOn` was recorded on
/// 2026-01-12. UNCONFIRMED: the order of the values of the others.
fn enumerated(proposal: &Proposal<'_>) -> Vec<DeploymentRefusal> {
    let members = [
        ("packageType", proposal.package_type, &["Zip", "Image"][..]),
        ("tracingConfig.mode", proposal.tracing_mode, &["Active", "PassThrough"]),
        ("snapStart.applyOn", proposal.snap_start, &["PublishedVersions", "None"]),
        ("loggingConfig.logFormat", proposal.log_format, &["JSON", "Text"]),
        (
            "loggingConfig.applicationLogLevel",
            proposal.application_log_level,
            &["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"],
        ),
        ("loggingConfig.systemLogLevel", proposal.system_log_level, &["DEBUG", "INFO", "WARN"]),
    ];
    let mut found = Vec::new();
    for (member, value, allowed) in members {
        if let Some(value) = value.filter(|value| !allowed.contains(value)) {
            let refusal = DeploymentRefusal::not_one_of(member, value, &allowed.join(", "));
            found.push(refusal.found_as("function-property"));
        }
    }
    found
}

/// The end of the text is quoted by users. AWS does not show the map, because it may contain secrets.
fn key_pattern(variables: &IndexMap<String, String>) -> Option<DeploymentRefusal> {
    (!invalid_keys(variables).is_empty()).then(|| {
        DeploymentRefusal::constraint(
            "environment-key",
            "Value at 'environment.variables' failed to satisfy constraint: Map keys must satisfy constraint: \
             [Member must satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+]",
        )
    })
}

/// The names of variables that AWS refuses.
pub fn invalid_keys(variables: &IndexMap<String, String>) -> Vec<&str> {
    let is_key = |key: &str| {
        key.len() > 1
            && key.starts_with(|first: char| first.is_ascii_alphabetic())
            && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    variables.keys().map(String::as_str).filter(|key| !is_key(key)).collect()
}

fn reserved_keys(variables: &IndexMap<String, String>) -> Option<DeploymentRefusal> {
    let keys = variables.keys().map(String::as_str);
    let reserved: Vec<&str> = keys.filter(|key| RESERVED_KEYS.contains(key)).collect();
    if reserved.is_empty() {
        return None;
    }
    let text = format!(
        "Lambda was unable to configure your environment variables because the environment variables you have provided \
         contains reserved keys that are currently not supported for modification. Reserved keys used in this request: {}",
        reserved.join(", ")
    );
    Some(DeploymentRefusal::invalid_value("reserved-keys", &text))
}

fn environment_size(
    admit: &impl Admit,
    limits: &Limits,
    variables: &IndexMap<String, String>,
) -> Option<DeploymentRefusal> {
    let length = Bytes(environment_bytes(variables));
    let exceeded = admit.admit(&limits.lambda_environment, length).err()?;
    // Escaped twice: the map as JSON, and that text as part of a JSON string.
    let echoed = Value::from(json!(variables).to_string()).to_string();
    let echoed = echoed.strip_prefix('"').and_then(|it| it.strip_suffix('"')).unwrap_or_default();
    Some(DeploymentRefusal::of(
        "environment-size",
        &exceeded,
        Party::Invoker,
        &[("variables", echoed)],
    ))
}

#[cfg(test)]
mod tests {
    use hardcap_core::context::Platform;
    use hardcap_core::keyring::Keyring;

    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> IndexMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[track_caller]
    fn check(proposal: Proposal<'_>, expected: Option<(&str, &str)>) {
        let found = answer(refusals(&Unrecorded, &Limits::current(), &proposal));
        let found = found.map(|refusal| (refusal.error_type, refusal.message()));
        assert_eq!(found, expected.map(|(kind, text)| (kind, text.to_owned())));
    }

    #[test]
    fn a_timeout_is_1_to_900_seconds() {
        // lambda_timeout and lambda_timeout_min
        for seconds in [1, 900] {
            check(Proposal { timeout: Some(seconds), ..Proposal::default() }, None);
        }
        for (seconds, text) in [
            (
                901,
                "Value '901' at 'timeout' failed to satisfy constraint: Member must have value less than or equal to 900",
            ),
            (
                0,
                "Value '0' at 'timeout' failed to satisfy constraint: Member must have value greater than or equal to 1",
            ),
            (
                -5,
                "Value '-5' at 'timeout' failed to satisfy constraint: Member must have value greater than or equal to 1",
            ),
        ] {
            let text = format!("1 validation error detected: {text}");
            let proposal = Proposal { timeout: Some(seconds), ..Proposal::default() };
            check(proposal, Some(("ValidationException", &text)));
        }
    }

    #[test]
    fn a_handler_has_1_to_128_letters_without_blanks() {
        let handler = |text| Proposal { handler: Some(text), ..Proposal::default() };
        let long = "x".repeat(129);
        check(handler(&long[1..]), None);
        check(handler("a.b::C/d"), None);
        let length = "Member must have length less than or equal to 128";
        let pattern = "Member must satisfy regular expression pattern: [^\\s]+";
        for (text, rule) in [
            (&*long, length),
            ("", pattern),
            ("in dex.handler", pattern),
            ("index.handler\n", pattern),
        ] {
            let told = format!(
                "1 validation error detected: Value '{text}' at 'handler' failed to satisfy constraint: {rule}"
            );
            check(handler(text), Some(("ValidationException", &told)));
        }
    }

    #[test]
    fn a_function_has_one_architecture_of_two() {
        let given = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        for name in ["x86_64", "arm64"] {
            let one = given(&[name]);
            check(Proposal { architectures: Some(&one), ..Proposal::default() }, None);
        }
        for (names, shown, rule) in [
            (
                &["x86_64", "arm64"][..],
                "[x86_64, arm64]",
                "Member must have length less than or equal to 1",
            ),
            (
                &["X86_64"],
                "[X86_64]",
                "Member must satisfy constraint: [Member must satisfy enum value set: [x86_64, arm64], Member must not be null]",
            ),
            (&[], "[]", "Member must have length greater than or equal to 1"),
        ] {
            let told = format!(
                "1 validation error detected: Value '{shown}' at 'architectures' failed to satisfy constraint: {rule}"
            );
            let names = given(names);
            let proposal = Proposal { architectures: Some(&names), ..Proposal::default() };
            check(proposal, Some(("ValidationException", &told)));
        }
    }

    #[test]
    fn a_description_has_at_most_256_characters() {
        let described = |text| Proposal { description: Some(text), ..Proposal::default() };
        let long = "é".repeat(257);
        check(described(&long["é".len()..]), None);
        check(described(""), None);
        let told = format!(
            "1 validation error detected: Value '{long}' at 'description' failed to satisfy constraint: Member must have length less than \
             or equal to 256"
        );
        check(described(&long), Some(("ValidationException", &told)));
    }

    #[test]
    fn a_member_with_a_set_of_values_has_one_of_them() {
        let with = |member: &str, value: &'static str| {
            let mut proposal = Proposal::default();
            let place = match member {
                "packageType" => &mut proposal.package_type,
                "tracingConfig.mode" => &mut proposal.tracing_mode,
                "snapStart.applyOn" => &mut proposal.snap_start,
                "loggingConfig.logFormat" => &mut proposal.log_format,
                "loggingConfig.applicationLogLevel" => &mut proposal.application_log_level,
                _ => &mut proposal.system_log_level,
            };
            *place = Some(value);
            proposal
        };
        for (member, good, bad, set) in [
            ("packageType", "Image", "image", "Zip, Image"),
            ("tracingConfig.mode", "PassThrough", "On", "Active, PassThrough"),
            ("snapStart.applyOn", "None", "invalidOption", "PublishedVersions, None"),
            ("loggingConfig.logFormat", "Text", "TEXT", "JSON, Text"),
            (
                "loggingConfig.applicationLogLevel",
                "TRACE",
                "trace",
                "TRACE, DEBUG, INFO, WARN, ERROR, FATAL",
            ),
            ("loggingConfig.systemLogLevel", "WARN", "ERROR", "DEBUG, INFO, WARN"),
        ] {
            check(with(member, good), None);
            let told = format!(
                "1 validation error detected: Value '{bad}' at '{member}' failed to satisfy constraint: Member must satisfy enum value \
                 set: [{set}]"
            );
            check(with(member, bad), Some(("ValidationException", &told)));
        }
    }

    #[test]
    fn several_constraints_are_reported_together() {
        let proposal = Proposal { timeout: Some(901), memory_mb: Some(127), ..Proposal::default() };
        check(
            proposal,
            Some((
                "ValidationException",
                "2 validation errors detected: Value '901' at 'timeout' failed to satisfy constraint: Member must have \
                 value less than or equal to 900; Value '127' at 'memorySize' failed to satisfy constraint: Member must \
                 have value greater than or equal to 128",
            )),
        );
    }

    #[test]
    fn the_environment_is_measured_as_compact_json_and_echoed_in_its_order_until_2026_09_14() {
        // lambda_environment
        let map = variables(&[("A", "quote \" and ü")]);
        assert_eq!(environment_bytes(&map), r#"{"A":"quote \" and ü"}"#.len() as u64);
        assert_eq!(environment_bytes(&variables(&[])), 2);
        let value = "x".repeat(4080);
        let fits = variables(&[("LARGE_VAR", &value)]);
        check(Proposal { environment: Some(&fits), ..Proposal::default() }, None);
        let value = "\"".repeat(2039);
        let over = variables(&[("Z2", "ok"), ("A2", &value)]);
        assert_eq!(environment_bytes(&over), 4097);
        let proposal = Proposal { environment: Some(&over), ..Proposal::default() };
        let refused = "Lambda was unable to configure your environment variables because the environment variables you \
                       have provided exceeded the 4KB limit.";
        let sized = format!("{refused} Measured size: 4097 bytes");
        check(proposal, Some(("InvalidParameterValueException", &sized)));
        let day = "2026-09-14".parse().unwrap();
        let echoed = answer(refusals(&Unrecorded, &Limits::at(day), &proposal)).unwrap();
        let quotes = "\\\"".repeat(2039);
        let text = format!("{refused} String measured: {{\"Z2\":\"ok\",\"A2\":\"{quotes}\"}}");
        assert_eq!((echoed.error_type, echoed.message()), ("InvalidParameterValueException", text));
    }

    #[test]
    fn a_reserved_key_and_an_invalid_key_are_refused() {
        let reserved = variables(&[("AWS_REGION", "x"), ("TZ", "UTC"), ("AWS_ACCESS_KEY_ID", "x")]);
        check(
            Proposal { environment: Some(&reserved), ..Proposal::default() },
            Some((
                "InvalidParameterValueException",
                "Lambda was unable to configure your environment variables because the environment variables you have \
                 provided contains reserved keys that are currently not supported for modification. Reserved keys used \
                 in this request: AWS_REGION, AWS_ACCESS_KEY_ID",
            )),
        );
        for key in ["A", "1A", "_HANDLER", "A-B", "", "Ü2"] {
            let map = variables(&[(key, "x")]);
            let found = refusals(
                &Unrecorded,
                &Limits::current(),
                &Proposal { environment: Some(&map), ..Proposal::default() },
            );
            assert_eq!(found[0].error_type, "ValidationException", "{key}");
        }
    }

    #[test]
    fn a_function_name_has_at_most_64_valid_characters() {
        // lambda_function_name
        let long = "a".repeat(65);
        check(Proposal { name: Some(&long[1..]), ..Proposal::default() }, None);
        check(
            Proposal { name: Some(&long), ..Proposal::default() },
            Some((
                "InvalidParameterValueException",
                &format!(
                    "1 validation error detected: Value '{long}' at 'functionName' failed to satisfy constraint: \
                     Member must have length less than or equal to 64"
                ),
            )),
        );
        let refused = refusals(
            &Unrecorded,
            &Limits::current(),
            &Proposal { name: Some("invalid:function:name"), ..Proposal::default() },
        );
        assert!(refused[0].message().ends_with(NEW_FUNCTION_NAME_PATTERN), "{refused:?}");
    }

    #[test]
    fn a_proposal_has_the_numbers_of_the_function() {
        let function = Function {
            timeout: Millis(29_000),
            memory_mb: 256,
            ephemeral_storage_mb: Some(1_024),
            environment: variables(&[("TZ", "UTC")]),
            ..Function::new("echo", ["echo"])
        };
        let proposal = Proposal::from(&function);
        assert_eq!((proposal.name, proposal.timeout), (Some("echo"), Some(29)));
        assert_eq!((proposal.memory_mb, proposal.ephemeral_storage_mb), (Some(256), Some(1_024)));
        assert_eq!((proposal.environment, proposal.layers), (Some(&function.environment), 0));
    }

    #[test]
    fn memory_and_ephemeral_storage_are_within_their_bounds() {
        // lambda_memory_min, lambda_memory_max, lambda_tmp_min and lambda_tmp
        let memory = |size| Proposal { memory_mb: Some(size), ..Proposal::default() };
        let storage = |size| Proposal { ephemeral_storage_mb: Some(size), ..Proposal::default() };
        for size in [128, 10_240] {
            check(memory(size), None);
        }
        for size in [512, 10_240] {
            check(storage(size), None);
        }
        for (proposal, code, value) in [
            (memory(127), "memory", "'127'"),
            (memory(10_241), "memory", "'10241'"),
            (memory(-1), "memory", "'-1'"),
            (storage(511), "ephemeral-storage", "'511'"),
            (storage(10_241), "ephemeral-storage", "'10241'"),
        ] {
            let refused = answer(refusals(&Unrecorded, &Limits::current(), &proposal));
            let refused = refused.expect("it is out of bounds");
            assert_eq!((refused.code, refused.status), (code, 400), "{value}");
            assert!(refused.message().contains(value), "{}", refused.message());
        }
    }

    #[test]
    fn a_function_has_at_most_five_layers() {
        // lambda_layers
        check(Proposal { layers: 5, ..Proposal::default() }, None);
        let six = Proposal { layers: 6, ..Proposal::default() };
        let refused = answer(refusals(&Unrecorded, &Limits::current(), &six));
        assert_eq!(refused.map(|refused| refused.code), Some("layers"));
    }

    #[test]
    fn an_arn_has_at_most_140_characters_and_its_name_is_not_counted_again() {
        // The part before the name has 47.
        let arn =
            |name| format!("arn:aws:lambda:us-east-1:000000000000:function:{}", "a".repeat(name));
        let refused = |name: &str| {
            let proposal = Proposal { name: Some(name), ..Proposal::default() };
            let found = refusals(&Unrecorded, &Limits::current(), &proposal);
            found.iter().map(DeploymentRefusal::message).collect::<Vec<_>>()
        };
        assert_eq!(arn(93).len(), 140);
        assert_eq!(refused(&arn(92)), Vec::<String>::new());
        assert_eq!(refused(&arn(93)), Vec::<String>::new());
        for length in [94, 95] {
            let found = refused(&arn(length));
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(found[0].ends_with("Member must have length less than or equal to 140"));
        }
        let found = refused(&"a".repeat(141));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].ends_with("Member must have length less than or equal to 64"));
    }

    #[test]
    fn reservations_leave_a_hundred_or_all_that_a_small_account_has() {
        // lambda_unreserved_min
        let refused = |limits: &Limits, reserved| reservations(limits, reserved);
        let mut limits = Limits::current();
        assert_eq!(refused(&limits, 900), None);
        let over = refused(&limits, 901).expect("99 are left");
        assert_eq!((over.code, over.status), ("reserved-concurrency", 400));
        assert!(over.message().ends_with("below its minimum value of [100]."), "{over:?}");
        assert!(refused(&limits, 2_000).is_some());
        limits.set("lambda_concurrency", 10).unwrap();
        assert_eq!(refused(&limits, 0), None, "nothing is reserved");
        let over = refused(&limits, 1).expect("9 are left");
        assert!(over.message().ends_with("below its minimum value of [10]."), "{over:?}");
        limits.set("lambda_concurrency", 0).unwrap();
        assert_eq!(refused(&limits, 0), None, "nothing is reserved");
    }

    #[test]
    fn values_of_a_request_are_checked_like_those_of_a_template_and_recorded() {
        let platform = Platform::new("us-east-1", Limits::current(), Keyring::default());
        let ctx = platform.context();
        let proposal =
            Proposal { timeout: Some(0), memory_mb: Some(10_241), ..Proposal::default() };
        let found = refusals(&ctx, &Limits::current(), &proposal);
        assert_eq!(found, refusals(&Unrecorded, &Limits::current(), &proposal));
        assert_eq!(found.iter().map(|it| it.code).collect::<Vec<_>>(), ["timeout", "memory"]);
        assert!(!ctx.recorder.newest().is_empty());
    }

    #[test]
    fn a_key_has_two_characters_or_more_and_may_have_underscores() {
        for key in ["A1", "AB", "a_", "Z9_z"] {
            let map = variables(&[(key, "x")]);
            check(Proposal { environment: Some(&map), ..Proposal::default() }, None);
        }
        let map = variables(&[("A1", "x"), ("B", "x")]);
        let found = refusals(
            &Unrecorded,
            &Limits::current(),
            &Proposal { environment: Some(&map), ..Proposal::default() },
        );
        assert_eq!(found[0].code, "environment-key", "every key is looked at");
    }
}
