//! `hardcap.toml`: settings for local runs that a template cannot have: commands, companion services, overrides.

mod check;
mod faults;
mod profile;

pub(crate) use check::ignored;

use std::path::{Path, PathBuf};

use hardcap_limits::{Date, InvalidDate, InvalidNumber, Limits, Millis, ROWS};
use indexmap::IndexMap;

pub use crate::packaging::Program;
use crate::rules::Ignored;
use crate::source::diagnostic::TemplateError;
use crate::source::diagnostic::{Diagnostic, Position, Source};
use crate::source::toml;
use crate::source::tree::{Mapping, MappingEntry, Node, Value};
use hardcap_core::config::{Credential, InvalidTrust, TrustedHost, TrustedOrigin, Try};
use hardcap_core::faults::FaultConfig;

/// The default time within which a companion must be ready.
const READY_WITHIN: Millis = Millis(60_000);

/// The content of `hardcap.toml`. Paths are relative to its folder.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The folder of `hardcap.toml`; `None` without a file.
    pub folder: Option<PathBuf>,
    /// `AWS::StackName`; `hardcap` by default.
    pub stack: Option<String>,
    /// The region; `us-east-1` by default.
    pub region: Option<String>,
    /// The Python interpreter for functions that are created through Lambda's API.
    pub python: Option<PathBuf>,
    /// The idle timeout of request bodies; 30 seconds by default.
    pub body_idle: Option<Millis>,
    /// The time for which a sandbox is kept idle; [`hardcap_core::config::SANDBOX_IDLE`] by default.
    pub sandbox_idle: Option<Millis>,
    /// Additional templates for local runs, with resources that are not deployed with the application.
    pub also: Vec<PathBuf>,
    /// Environment variables of all functions, which replace those of the template.
    pub environment: IndexMap<String, String>,
    /// Values of the template's parameters.
    pub parameters: IndexMap<String, String>,
    /// The values of `Fn::ImportValue`, by the name of the export.
    pub imports: IndexMap<String, String>,
    /// Values from `samconfig.toml`, for parameters without a value in this file or on the command line. Names that the template
    /// does not declare have no effect.
    pub parameter_defaults: IndexMap<String, String>,
    /// Silenced rules of `hardcap check`.
    pub ignore: Vec<Ignored>,
    /// The date of the limits: `limits = "classic"`, or `date` of `[limits]`. The command line takes precedence.
    pub date: Option<Date>,
    /// Overridden limits, in their order.
    pub limits: Vec<(String, u64)>,
    /// Key pairs that S3 accepts.
    pub credentials: Vec<Credential>,
    /// Settings of functions by logical id.
    pub functions: IndexMap<String, FunctionSettings>,
    /// The keys of JWT and Cognito authorizers, by the name of the authorizer.
    pub authorizers: IndexMap<String, AuthorizerSettings>,
    /// Companion services.
    pub companions: Vec<Companion>,
    /// Example commands for `hardcap up` and the live page.
    pub tries: Vec<Try>,
    /// Additional host names of this machine that clients may use.
    pub allow_hosts: Vec<TrustedHost>,
    /// Origins whose web pages may call the AWS APIs.
    pub allow_origins: Vec<TrustedOrigin>,
    /// Faults to inject.
    pub faults: FaultConfig,
    /// The positions of the functions' names in these faults, in the same order; the fault's position if it names none.
    pub fault_places: Vec<Position>,
}

/// The settings of one function.
#[derive(Clone, Debug)]
pub struct FunctionSettings {
    /// The position of the entry.
    pub position: Position,
    /// The program and its arguments. `None`: as the template implies.
    pub program: Option<Program>,
    /// Additional arguments for the program.
    pub arguments: Vec<String>,
    /// The folder or archive with the function's code. `None`: as the template names it.
    pub code: Option<PathBuf>,
    /// The Python interpreter, such as `.venv/bin/python`.
    pub python: Option<PathBuf>,
    /// Environment variables, which replace those of the template and those of all functions.
    pub environment: IndexMap<String, String>,
    /// Whether timeouts are enforced. False after `timeout = "off"`.
    pub has_timeouts: bool,
    /// Folders with the content of the function's layers, which AWS unpacks to `/opt`.
    pub layers: Vec<PathBuf>,
    /// Programs to run as external extensions.
    pub extensions: Vec<PathBuf>,
}

/// The keys with which the tokens of a JWT or Cognito authorizer are signed.
#[derive(Clone, Debug, Default)]
pub struct AuthorizerSettings {
    /// The file with the public keys: a JSON Web Key Set.
    pub jwks: PathBuf,
    /// The issuer of the tokens, instead of that of the template.
    pub issuer: Option<String>,
}

impl Default for FunctionSettings {
    fn default() -> FunctionSettings {
        FunctionSettings {
            position: Position::default(),
            program: None,
            arguments: Vec::new(),
            code: None,
            python: None,
            environment: IndexMap::new(),
            has_timeouts: true,
            layers: Vec::new(),
            extensions: Vec::new(),
        }
    }
}

/// A companion service, such as the upstream of a proxy.
#[derive(Clone, Debug)]
pub struct Companion {
    /// Its name, as in `${companions.NAME.url}`.
    pub name: String,
    /// The position of the entry.
    pub position: Position,
    /// The program.
    pub program: Program,
    /// Additional arguments; `${port}` is its port.
    pub arguments: Vec<String>,
    /// The working directory; the folder of `hardcap.toml` by default.
    pub cwd: Option<PathBuf>,
    /// Environment variables, in addition to hardcap's own and `PORT`.
    pub environment: IndexMap<String, String>,
    /// The port; any free one by default.
    pub port: Option<u16>,
    /// The path whose response has a status below 500 when the service is ready. `None`: it is ready when it accepts connections.
    pub ready: Option<String>,
    /// The time within which it must be ready.
    pub ready_within: Millis,
}

impl Settings {
    /// Reads the text of a `hardcap.toml`, without a profile.
    ///
    /// # Errors
    ///
    /// [`TemplateError`] for text that is not TOML, an unknown key or an invalid value, in a profile too: with its line.
    pub fn read(text: &str, path: &Path) -> Result<Settings, TemplateError> {
        Settings::read_profile(text, path, None)
    }

    /// Reads the text of a `hardcap.toml`. The keys of the profile take precedence.
    ///
    /// # Errors
    ///
    /// As [`Settings::read`], and for a profile that the file does not have.
    pub fn read_profile(
        text: &str,
        path: &Path,
        profile: Option<&str>,
    ) -> Result<Settings, TemplateError> {
        let source = Source { path, text };
        toml::parse(&source)
            .and_then(|root| profile::read(root, profile))
            .map(|settings| Settings { folder: path.parent().map(Path::to_owned), ..settings })
            .map_err(|diagnostic| source.error(diagnostic))
    }

    /// The values of parameters from all sources.
    pub(crate) fn given(&self) -> IndexMap<String, String> {
        let mut given = self.parameter_defaults.clone();
        given.extend(self.parameters.clone());
        given
    }

    /// Overrides limits as configured.
    pub fn apply_limits(&self, limits: &mut Limits) {
        for (name, value) in &self.limits {
            // `read` accepts only names that the table has.
            let known = limits.set(name, *value);
            debug_assert!(known.is_ok(), "{name} was accepted by `read`");
        }
    }
}

fn settings(root: &Node) -> Result<Settings, Diagnostic> {
    let known = [
        "stack",
        "region",
        "python",
        "body_idle_seconds",
        "sandbox_idle_seconds",
        "also",
        "allow_hosts",
        "allow_origins",
        "environment",
        "parameters",
        "imports",
        "limits",
        "check",
        "credentials",
        "functions",
        "authorizers",
        "companions",
        "try",
        "fault",
        "fault_seed",
        "profiles",
    ];
    only(root, "hardcap.toml", &known)?;
    let mut settings = Settings {
        stack: text(root, "stack")?,
        region: text(root, "region")?,
        python: text(root, "python")?.map(PathBuf::from),
        body_idle: seconds(root, "body_idle_seconds")?,
        sandbox_idle: seconds(root, "sandbox_idle_seconds")?,
        also: texts(root, "also")?.into_iter().map(PathBuf::from).collect(),
        allow_hosts: parsed(root, "allow_hosts")?,
        allow_origins: parsed(root, "allow_origins")?,
        environment: text_map(root, "environment")?,
        parameters: text_map(root, "parameters")?,
        imports: text_map(root, "imports")?,
        faults: faults::plan(root)?,
        fault_places: faults::places(root)?,
        ..Settings::default()
    };
    match root.get("limits") {
        Some(node) if matches!(node.value, Value::Text(_)) => settings.date = Some(date(node)?),
        _ => {
            for entry in section(root, "limits")? {
                match entry.key.as_str() {
                    "date" => settings.date = Some(date(&entry.value)?),
                    _ => settings.limits.push((entry.key.clone(), limit(entry)?)),
                }
            }
        }
    }
    if let Some(node) = root.get("check") {
        only(node, "`check`", &["ignore"])?;
        if let Some(rules) = node.get("ignore") {
            for rule in rules.items("`ignore`")? {
                settings.ignore.push(check::known(rule)?);
            }
        }
    }
    for entry in section(root, "credentials")? {
        settings.credentials.push(credential(entry)?);
    }
    for entry in section(root, "functions")? {
        settings.functions.insert(entry.key.clone(), function(entry)?);
    }
    for entry in section(root, "authorizers")? {
        settings.authorizers.insert(entry.key.clone(), authorizer(entry)?);
    }
    for entry in section(root, "companions")? {
        settings.companions.push(companion(entry)?);
    }
    for item in root.get("try").map_or(Ok(&[][..]), |node| node.items("`try`"))? {
        settings.tries.push(one_try(item)?);
    }
    Ok(settings)
}

/// A span of at least one second, in whole seconds.
fn seconds(root: &Node, key: &str) -> Result<Option<Millis>, Diagnostic> {
    let seconds: Option<std::num::NonZeroU32> =
        number(root, key, "a whole number of seconds, at least 1")?;
    Ok(seconds.map(|seconds| Millis(u64::from(seconds.get()) * 1000)))
}

/// `[[try]]` with `about` and `command`.
fn one_try(item: &Node) -> Result<Try, Diagnostic> {
    only(item, "`try`", &["about", "command"])?;
    let command = text(item, "command")?
        .ok_or_else(|| Diagnostic::new(item.at, "a `try` has no `command`"))?;
    Ok(Try { about: text(item, "about")?.unwrap_or_default(), command })
}

/// `classic`, `current` or `YYYY-MM-DD`.
fn date(node: &Node) -> Result<Date, Diagnostic> {
    let text = node.scalar("the date of the limits")?;
    text.parse().map_err(|error: InvalidDate| {
        Diagnostic::new(node.at, error.to_string())
            .help("write limits = \"classic\", \"current\" or a date such as \"2024-06-30\"")
    })
}

fn limit(entry: &MappingEntry) -> Result<u64, Diagnostic> {
    let Some(row) = Limits::row(&entry.key) else {
        let names = ROWS.iter().map(|row| row.name);
        return Err(Diagnostic::new(entry.at, format!("there is no limit called `{}`", entry.key))
            .help("`hardcap limits` lists them")
            .nearest(&entry.key, names));
    };
    let what = format!("the limit `{}`", entry.key);
    let invalid =
        |error: InvalidNumber| Diagnostic::new(entry.value.at, format!("{what}: {error}"));
    row.unit.parse(entry.value.scalar(&what)?).map_err(invalid)
}

/// `[credentials.AKIAEXAMPLE]` with `secret`, and `session_token` for temporary ones.
fn credential(entry: &MappingEntry) -> Result<Credential, Diagnostic> {
    let what = format!("the credentials `{}`", entry.key);
    only(&entry.value, &what, &["secret", "session_token"])?;
    let secret = text(&entry.value, "secret")?
        .ok_or_else(|| Diagnostic::new(entry.at, format!("{what} have no `secret`")))?;
    Ok(Credential {
        access_key_id: entry.key.clone(),
        secret_access_key: secret,
        session_token: text(&entry.value, "session_token")?,
    })
}

fn function(entry: &MappingEntry) -> Result<FunctionSettings, Diagnostic> {
    let what = format!("the function `{}`", entry.key);
    let known = [
        "command",
        "cargo",
        "arguments",
        "code",
        "python",
        "environment",
        "timeout",
        "layers",
        "extensions",
    ];
    only(&entry.value, &what, &known)?;
    Ok(FunctionSettings {
        position: entry.at,
        program: program(&entry.value, &what)?,
        arguments: texts(&entry.value, "arguments")?,
        code: text(&entry.value, "code")?.map(PathBuf::from),
        python: text(&entry.value, "python")?.map(PathBuf::from),
        environment: text_map(&entry.value, "environment")?,
        has_timeouts: has_timeouts(&entry.value)?,
        layers: texts(&entry.value, "layers")?.into_iter().map(PathBuf::from).collect(),
        extensions: texts(&entry.value, "extensions")?.into_iter().map(PathBuf::from).collect(),
    })
}

/// `[authorizers.NAME]` with `jwks`, and `issuer` if the tokens have another issuer than in the template.
fn authorizer(entry: &MappingEntry) -> Result<AuthorizerSettings, Diagnostic> {
    let what = format!("the authorizer `{}`", entry.key);
    only(&entry.value, &what, &["jwks", "issuer"])?;
    let jwks = text(&entry.value, "jwks")?.ok_or_else(|| {
        Diagnostic::new(entry.at, format!("{what} has no `jwks`"))
            .help("name the file with the public keys: a JSON Web Key Set")
    })?;
    Ok(AuthorizerSettings { jwks: PathBuf::from(jwks), issuer: text(&entry.value, "issuer")? })
}

/// `timeout = "off"`. Any other timeout is a property of the template, because AWS reads it there.
fn has_timeouts(node: &Node) -> Result<bool, Diagnostic> {
    match node.get("timeout") {
        None => Ok(true),
        Some(timeout) if timeout.scalar("`timeout`")? == "off" => Ok(false),
        Some(timeout) => Err(timeout
            .unexpected("`timeout`", "\"off\"")
            .help("set the function's `Timeout` in the template")),
    }
}

fn companion(entry: &MappingEntry) -> Result<Companion, Diagnostic> {
    let what = format!("the companion `{}`", entry.key);
    let known = [
        "command",
        "cargo",
        "arguments",
        "cwd",
        "environment",
        "port",
        "ready",
        "ready_within_seconds",
    ];
    let node = &entry.value;
    only(node, &what, &known)?;
    let program = program(node, &what)?.ok_or_else(|| {
        Diagnostic::new(entry.at, format!("{what} has no program"))
            .help(r#"write `command = ["program", "argument"]` or `cargo = { bin = "name" }`"#)
    })?;
    let ready = text(node, "ready")?;
    if let (Some(path), Some(at)) = (&ready, node.get("ready"))
        && !path.starts_with('/')
    {
        return Err(at.unexpected("`ready`", "a path such as `/health`"));
    }
    Ok(Companion {
        name: entry.key.clone(),
        position: entry.at,
        program,
        arguments: texts(node, "arguments")?,
        cwd: text(node, "cwd")?.map(PathBuf::from),
        environment: text_map(node, "environment")?,
        port: number(node, "port", "a port from 1 to 65535")?,
        ready,
        ready_within: number(node, "ready_within_seconds", "a whole number of seconds")?
            .map_or(READY_WITHIN, |seconds: u32| Millis(u64::from(seconds) * 1000)),
    })
}

fn program(node: &Node, what: &str) -> Result<Option<Program>, Diagnostic> {
    match (node.get("command"), node.get("cargo")) {
        (Some(command), Some(_)) => {
            Err(Diagnostic::new(command.at, format!("{what} has both `command` and `cargo`"))
                .help("keep one of them"))
        }
        (Some(command), None) => {
            match texts(node, "command")? {
                words if words.is_empty() => Err(command
                    .unexpected("`command`", r#"a list of words such as ["node", "app.mjs"]"#)),
                words => Ok(Some(Program::Command(words))),
            }
        }
        (None, Some(cargo)) => {
            only(cargo, "`cargo`", &["package", "bin"])?;
            let bin = text(cargo, "bin")?.ok_or_else(|| {
                Diagnostic::new(cargo.at, format!("`cargo` of {what} has no `bin`"))
            })?;
            Ok(Some(Program::Cargo { package: text(cargo, "package")?, bin }))
        }
        (None, None) => Ok(None),
    }
}

/// Refuses unknown keys, because a misspelled key would have no effect.
fn only(node: &Node, what: &str, known: &[&str]) -> Result<(), Diagnostic> {
    for entry in node.entries(what)? {
        if !known.contains(&entry.key.as_str()) {
            return Err(Diagnostic::new(entry.at, format!("{what} has no key `{}`", entry.key))
                .help(format!("the keys are: {}", known.join(", ")))
                .nearest(&entry.key, known.iter().copied()));
        }
    }
    Ok(())
}

fn section<'n>(root: &'n Node, key: &str) -> Result<&'n Mapping, Diagnostic> {
    root.get(key).map_or(Ok(Mapping::none()), |node| node.entries(&format!("`{key}`")))
}

fn text(node: &Node, key: &str) -> Result<Option<String>, Diagnostic> {
    let Some(value) = node.get(key) else { return Ok(None) };
    value.scalar(&format!("`{key}`")).map(|text| Some(text.to_owned()))
}

fn texts(node: &Node, key: &str) -> Result<Vec<String>, Diagnostic> {
    let Some(value) = node.get(key) else { return Ok(Vec::new()) };
    let what = format!("`{key}`");
    value.items(&what)?.iter().map(|item| item.scalar(&what).map(str::to_owned)).collect()
}

/// A list of texts that are parsed. An error has the position of its text.
fn parsed<T>(node: &Node, key: &str) -> Result<Vec<T>, Diagnostic>
where
    T: std::str::FromStr<Err = InvalidTrust>,
{
    let Some(value) = node.get(key) else { return Ok(Vec::new()) };
    let what = format!("`{key}`");
    let read = |item: &Node| {
        item.scalar(&what)?
            .parse()
            .map_err(|error: InvalidTrust| Diagnostic::new(item.at, format!("{what}: {error}")))
    };
    value.items(&what)?.iter().map(read).collect()
}

fn text_map(node: &Node, key: &str) -> Result<IndexMap<String, String>, Diagnostic> {
    section(node, key)?
        .iter()
        .map(|entry| {
            let text = entry.value.scalar(&format!("`{}`", entry.key))?;
            Ok((entry.key.clone(), text.to_owned()))
        })
        .collect()
}

fn number<N: std::str::FromStr>(
    node: &Node,
    key: &str,
    wanted: &str,
) -> Result<Option<N>, Diagnostic> {
    let Some(value) = node.get(key) else { return Ok(None) };
    let what = format!("`{key}`");
    match value.scalar(&what)?.parse() {
        Ok(number) => Ok(Some(number)),
        Err(_) => Err(value.unexpected(&what, wanted)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use hardcap_core::faults::{Fault, Kill, Phase};

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

        #[test]
        fn no_text_makes_the_parser_panic(text in any::<String>()) {
            let _ = Settings::read(&text, Path::new("hardcap.toml"));
        }

        #[test]
        fn no_text_of_toml_syntax_makes_the_parser_panic(
            text in "(\\[?\\[(try|limits|companions\\.a|functions\\.F)\\]?\\]|[a-z]{1,4} ?= ?|\\{|\\}|\"|\\[|\\]|0x1F|1e5|true|2020-01-01|#|,|\n|ü){0,30}"
        ) {
            let _ = Settings::read(&text, Path::new("hardcap.toml"));
        }
    }

    #[test]
    fn every_key_is_read() {
        let text = r#"
stack = "shop"
fault_seed = 7
region = "eu-west-1"
also = ["demo.yaml"]
allow_hosts = ["hardcap", "192.0.2.7"]
allow_origins = ["http://localhost:5173"]
[parameters]
Size = 0x10
[imports]
"users-Pool" = "eu-west-1_1"
[limits]
lambda_sync_response = 1_000
[credentials.AKIAEXAMPLE]
secret = "s"
[functions.F]
command = ["./f", "-x"]
environment = { A = "1", B = true }
layers = ["layer"]
extensions = ["./agent"]
[authorizers.Users]
jwks = "keys.json"
[companions.search]
cargo = { package = "p", bin = "search" }
arguments = ["--port", "${port}"]
port = 9200
ready = "/health"
ready_within_seconds = 5
[[try]]
about = "it"
command = "curl"
[[fault]]
fault = "kill"
phase = "busy"
function = "F"
probability = 0.25
count = 3
"#;
        let settings = Settings::read(text, Path::new("hardcap.toml"))
            .unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(settings.stack.as_deref(), Some("shop"));
        assert_eq!(settings.region.as_deref(), Some("eu-west-1"));
        assert_eq!(settings.also, [PathBuf::from("demo.yaml")]);
        assert_eq!(settings.allow_hosts.len(), 2);
        assert_eq!(settings.allow_origins, ["http://localhost:5173".parse().unwrap()]);
        assert_eq!(settings.parameters["Size"], "16");
        assert_eq!(settings.imports["users-Pool"], "eu-west-1_1");
        assert_eq!(settings.limits, [("lambda_sync_response".to_owned(), 1000)]);
        assert_eq!(settings.credentials[0].access_key_id, "AKIAEXAMPLE");
        let function = &settings.functions["F"];
        let command = vec!["./f".to_owned(), "-x".to_owned()];
        assert_eq!(function.program, Some(Program::Command(command)));
        assert_eq!(function.environment["B"], "true");
        assert_eq!(function.layers, [PathBuf::from("layer")]);
        assert_eq!(function.extensions, [PathBuf::from("./agent")]);
        assert_eq!(settings.authorizers["Users"].jwks, PathBuf::from("keys.json"));
        let companion = &settings.companions[0];
        let program = Program::Cargo { package: Some("p".to_owned()), bin: "search".to_owned() };
        assert_eq!(companion.program, program);
        assert_eq!((companion.port, companion.ready_within), (Some(9200), Millis(5000)));
        assert_eq!(companion.ready.as_deref(), Some("/health"));
        assert_eq!(settings.tries[0].command, "curl");
        let kill = Kill { function: Some("F".to_owned()), phase: Phase::Busy, after_millis: 0 };
        let fault = Fault::new(kill).probability(0.25).count(3);
        assert_eq!(settings.faults, FaultConfig { seed: 7, faults: vec![fault] });
    }
}
