//! The environment of a function's process: AWS's variables and the configured ones, but no variables of the parent.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use hardcap_core::config::{Credential, Function};
use indexmap::IndexMap;

/// The values that differ between sandboxes or belong to the emulator.
#[derive(Debug)]
pub(super) struct EnvironmentInputs<'a> {
    pub(super) function: &'a Function,
    pub(super) region: &'a str,
    /// The address of the sandbox's Runtime API, `127.0.0.1:PORT`.
    pub(super) runtime_api: &'a str,
    /// The endpoint for all AWS clients of the function.
    pub(super) aws_endpoint: &'a str,
    pub(super) credential: &'a Credential,
    pub(super) log_stream: &'a str,
    /// The emulator's own `PATH`.
    pub(super) host_path: &'a OsStr,
}

/// `PATH` as recorded on 2026-01-13.
const AWS_PATH: &str = "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin";

/// Names and values.
pub(super) type Variables = Vec<(OsString, OsString)>;

/// The variables of a process whose code is in `task_root`; later ones take precedence. The whole set was recorded on AWS for
/// every managed runtime by LocalStack's tests on 2023-11-20, and for Python 3.14 in a public dump of 2025-12-28.
///
/// Two differ from AWS because the programs are those of this machine. `PATH` is AWS's followed by the emulator's own, so that
/// interpreters in other folders are found. `LD_LIBRARY_PATH` names only the task root, its `lib` and that of the layers: the
/// rest of AWS's value would change the order of this machine's libraries for its programs.
pub(super) fn variables(facts: &EnvironmentInputs<'_>, task_root: &Path) -> Variables {
    let mut variables = Vec::new();
    let mut set = |name: &str, value: &OsStr| variables.push((name.into(), value.to_owned()));
    let function = facts.function;
    let credential = facts.credential;
    for (name, value) in [
        ("AWS_LAMBDA_FUNCTION_NAME", function.name.as_str()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", &function.memory_mb.to_string()),
        ("AWS_LAMBDA_FUNCTION_VERSION", function.version()),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", &log_group(&function.name)),
        ("AWS_LAMBDA_LOG_STREAM_NAME", facts.log_stream),
        ("AWS_LAMBDA_RUNTIME_API", facts.runtime_api),
        ("_HANDLER", &function.handler),
        ("LAMBDA_RUNTIME_DIR", "/var/runtime"),
        ("AWS_REGION", facts.region),
        ("AWS_DEFAULT_REGION", facts.region),
        ("AWS_ACCESS_KEY_ID", &credential.access_key_id),
        ("AWS_SECRET_ACCESS_KEY", &credential.secret_access_key),
        ("AWS_SESSION_TOKEN", credential.session_token.as_deref().unwrap_or_default()),
        ("AWS_XRAY_CONTEXT_MISSING", "LOG_ERROR"),
        ("AWS_XRAY_DAEMON_ADDRESS", "127.0.0.1:2000"),
        ("_AWS_XRAY_DAEMON_ADDRESS", "127.0.0.1"),
        ("_AWS_XRAY_DAEMON_PORT", "2000"),
        ("AWS_ENDPOINT_URL", facts.aws_endpoint),
        ("TZ", ":UTC"),
        ("LANG", "en_US.UTF-8"),
    ] {
        set(name, value.as_ref());
    }
    if let Some(execution) = execution_environment(&function.runtime) {
        set("AWS_EXECUTION_ENV", execution.as_ref());
    }
    // Lambda tells runtimes the format of the log and its least level; they write and filter their lines by them (AWS Compute
    // Blog, "Introducing advanced logging controls for AWS Lambda functions", 2023-11-16).
    if let Some(levels) = &function.logging.json {
        set("AWS_LAMBDA_LOG_FORMAT", "JSON".as_ref());
        set("AWS_LAMBDA_LOG_LEVEL", levels.application.as_ref());
    }
    set("LAMBDA_TASK_ROOT", task_root.as_os_str());
    let mut libraries = task_root.as_os_str().to_owned();
    libraries.push(":");
    libraries.push(task_root.join("lib"));
    libraries.push(":/opt/lib");
    set("LD_LIBRARY_PATH", &libraries);
    let mut path = OsString::from(AWS_PATH);
    if !facts.host_path.is_empty() {
        path.push(":");
        path.push(facts.host_path);
    }
    set("PATH", &path);
    for (name, value) in &function.environment {
        set(name, value.as_ref());
    }
    variables
}

/// The variables that a managed runtime's start script adds, unless the user has set them. A runtime client that is started
/// directly does not run that script. Same recordings. Node's `NODE_EXTRA_CA_CERTS` is omitted, because its file exists only on
/// AWS.
///
/// `layers` are the folders of layers for a sandbox without `/opt`: they replace it in the paths. With `/opt`, Python finds it
/// through `sys.path`, as on AWS.
pub(super) fn of_runtime(
    variables: &Variables,
    runtime: &str,
    task_root: &Path,
    layers: &[PathBuf],
) -> Variables {
    let mut added: Vec<(&str, OsString)> = Vec::new();
    if let Some(version) = runtime.strip_prefix("nodejs") {
        let major = version.trim_end_matches(".x");
        let opt = [PathBuf::from("/opt")];
        let layers = if layers.is_empty() { &opt } else { layers };
        let of_layer = |layer: &PathBuf| {
            let folder = layer.join("nodejs");
            [folder.join(format!("node{major}/node_modules")), folder.join("node_modules")]
        };
        let runtime = ["/var/runtime/node_modules", "/var/runtime"].map(PathBuf::from);
        let paths = layers.iter().rev().flat_map(of_layer).chain(runtime);
        added.push(("NODE_PATH", joined(paths.chain([task_root.to_owned()]))));
    } else if runtime.starts_with("python") {
        let of_layer = |layer: &PathBuf| {
            let folder = layer.join("python");
            [folder.join(format!("lib/{runtime}/site-packages")), folder]
        };
        let paths = layers.iter().rev().flat_map(of_layer);
        added.push(("PYTHONPATH", joined(paths.chain(["/var/runtime".into()]))));
    }
    if !added.is_empty() {
        added.push(("PWD", task_root.into()));
        added.push(("SHLVL", "0".into()));
    }
    added.retain(|(name, _)| !variables.iter().any(|(given, _)| given == name));
    let added = added.into_iter().map(|(name, value)| (name.into(), value));
    variables.iter().cloned().chain(added).collect()
}

/// Paths in the format of a variable.
fn joined(paths: impl Iterator<Item = PathBuf>) -> OsString {
    let mut list = OsString::new();
    for path in paths {
        if !list.is_empty() {
            list.push(":");
        }
        list.push(path);
    }
    list
}

/// Variables of the runtime that an external extension does not get (AWS, Lambda developer guide, extensions API, 2023-10-30).
const OF_THE_RUNTIME: [&str; 7] = [
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_XRAY_CONTEXT_MISSING",
    "AWS_XRAY_DAEMON_ADDRESS",
    "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT",
];

/// The variables of an external extension, selected from those of its runtime.
pub(super) fn of_extension(variables: &Variables) -> Variables {
    let given = |name: &OsStr| {
        let name = name.as_encoded_bytes();
        !name.starts_with(b"_") && !OF_THE_RUNTIME.iter().any(|other| other.as_bytes() == name)
    };
    variables.iter().filter(|(name, _)| given(name)).cloned().collect()
}

/// Variables whose values are those of this machine's programs. An image has its own (aws/aws-lambda-base-images: `ENV` of every
/// Dockerfile), and its entry point sets `_HANDLER`.
const OF_THE_IMAGE: [&str; 7] =
    ["LAMBDA_RUNTIME_DIR", "LAMBDA_TASK_ROOT", "LANG", "LD_LIBRARY_PATH", "PATH", "TZ", "_HANDLER"];

/// The variables of a container, selected from those of a process: each name once, with those that the function configures.
pub(super) fn of_image(variables: &Variables, function: &Function) -> Variables {
    let mut own: IndexMap<OsString, OsString> = variables.iter().cloned().collect();
    own.retain(|name, _| {
        let is = |other: &str| name.as_os_str() == OsStr::new(other);
        let is_configured = function.environment.keys().any(|key| is(key));
        is_configured || !OF_THE_IMAGE.into_iter().any(is)
    });
    own.into_iter().collect()
}

/// The variables of hardcap itself, for Docker's client: they say where Docker is.
pub(super) fn of_hardcap() -> Variables {
    std::env::vars_os().collect()
}

/// `/aws/lambda/NAME`
pub(super) fn log_group(function: &str) -> String {
    format!("/aws/lambda/{function}")
}

/// `AWS_EXECUTION_ENV`: the name of a managed runtime. Custom runtimes have none (recorded 2026-01-13).
fn execution_environment(runtime: &str) -> Option<String> {
    (!runtime.starts_with("provided")).then(|| format!("AWS_Lambda_{runtime}"))
}

/// The emulator's own `PATH`.
#[expect(
    clippy::disallowed_methods,
    reason = "the one variable that functions share with the emulator"
)]
pub(super) fn host_path() -> OsString {
    std::env::var_os("PATH").unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use hardcap_core::config::LogLevels;

    fn environment(function: &Function) -> HashMap<String, String> {
        texts(set(function))
    }

    fn texts(variables: Variables) -> HashMap<String, String> {
        let text = |text: OsString| text.into_string().unwrap();
        variables.into_iter().map(|(name, value)| (text(name), text(value))).collect()
    }

    fn set(function: &Function) -> Variables {
        let facts = EnvironmentInputs {
            function,
            region: "eu-west-1",
            runtime_api: "127.0.0.1:9001",
            aws_endpoint: "http://127.0.0.1:4566",
            credential: &Credential {
                access_key_id: "ASIAX".to_owned(),
                secret_access_key: "secret".to_owned(),
                session_token: Some("token".to_owned()),
            },
            log_stream: "2026/11/23/[$LATEST]0123",
            host_path: OsStr::new("/home/me/bin"),
        };
        variables(&facts, Path::new("/srv/app"))
    }

    #[test]
    fn a_custom_runtime_has_the_environment_recorded_on_2026_01_13() {
        let mut function = Function::new("echo", ["guest"]);
        function.environment.insert("STAGE".to_owned(), "test".to_owned());
        let environment = environment(&function);
        for (name, value) in [
            ("AWS_LAMBDA_FUNCTION_NAME", "echo"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
            ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
            ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/echo"),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "2026/11/23/[$LATEST]0123"),
            ("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001"),
            ("_HANDLER", "bootstrap"),
            ("LAMBDA_TASK_ROOT", "/srv/app"),
            ("LAMBDA_RUNTIME_DIR", "/var/runtime"),
            ("TZ", ":UTC"),
            ("LANG", "en_US.UTF-8"),
            ("AWS_REGION", "eu-west-1"),
            ("AWS_DEFAULT_REGION", "eu-west-1"),
            ("AWS_ACCESS_KEY_ID", "ASIAX"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("AWS_SESSION_TOKEN", "token"),
            ("AWS_ENDPOINT_URL", "http://127.0.0.1:4566"),
            ("AWS_XRAY_CONTEXT_MISSING", "LOG_ERROR"),
            ("PATH", "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin:/home/me/bin"),
            ("LD_LIBRARY_PATH", "/srv/app:/srv/app/lib:/opt/lib"),
            ("STAGE", "test"),
        ] {
            assert_eq!(environment.get(name).map(String::as_str), Some(value), "{name}");
        }
        assert!(!environment.contains_key("AWS_EXECUTION_ENV"));
        assert!(!environment.contains_key("HOME"), "nothing of the parent's environment");
    }

    #[test]
    fn a_managed_runtime_adds_the_variables_of_its_start_script_unless_they_are_set() {
        let given = vec![("PYTHONPATH".into(), "mine".into())];
        let root = Path::new("/var/task");
        let names = |runtime| {
            let variables = of_runtime(&given, runtime, root, &[]);
            variables
                .into_iter()
                .map(|(name, value)| format!("{}={}", name.display(), value.display()))
                .collect::<Vec<_>>()
        };
        assert_eq!(names("provided.al2023"), ["PYTHONPATH=mine"]);
        assert_eq!(names("python3.11"), ["PYTHONPATH=mine", "PWD=/var/task", "SHLVL=0"]);
        assert_eq!(
            names("nodejs20.x")[1],
            "NODE_PATH=/opt/nodejs/node20/node_modules:/opt/nodejs/node_modules:/var/runtime/node_modules:/var/runtime:/var/task"
        );
    }

    #[test]
    fn layers_outside_opt_are_in_the_paths_with_the_last_one_first() {
        let layers = ["/l/one", "/l/two"].map(PathBuf::from);
        let path = |runtime| {
            let variables = of_runtime(&Vec::new(), runtime, Path::new("/srv"), &layers);
            variables[0].1.clone().into_string().unwrap()
        };
        assert_eq!(
            path("python3.12"),
            "/l/two/python/lib/python3.12/site-packages:/l/two/python:/l/one/python/lib/python3.12/site-packages:/l/one/python:/var/runtime"
        );
        assert_eq!(
            path("nodejs22.x"),
            "/l/two/nodejs/node22/node_modules:/l/two/nodejs/node_modules:/l/one/nodejs/node22/node_modules:/l/one/nodejs/node_modules:/var/runtime/node_modules:/var/runtime:/srv"
        );
    }

    #[test]
    fn the_execution_environment_names_a_managed_runtime() {
        let mut function = Function::new("echo", ["python3"]);
        function.runtime = "python3.11".to_owned();
        assert_eq!(environment(&function)["AWS_EXECUTION_ENV"], "AWS_Lambda_python3.11");
    }

    #[test]
    fn a_log_in_json_is_named_to_the_runtime_with_its_level() {
        let mut function = Function::new("echo", ["guest"]);
        assert!(!environment(&function).contains_key("AWS_LAMBDA_LOG_FORMAT"));
        function.logging.json = Some(LogLevels::default());
        let environment = environment(&function);
        assert_eq!(environment["AWS_LAMBDA_LOG_FORMAT"], "JSON");
        assert_eq!(environment["AWS_LAMBDA_LOG_LEVEL"], "INFO");
    }

    #[test]
    fn an_image_keeps_its_own_variables_unless_the_function_configures_them() {
        let mut function = Function::new("echo", [""; 0]);
        function.environment.insert("PATH".to_owned(), "/app/bin".to_owned());
        function.environment.insert("AWS_REGION".to_owned(), "eu-north-1".to_owned());
        let variables = of_image(&set(&function), &function);
        assert_eq!(variables.iter().filter(|(name, _)| name == "PATH").count(), 1);
        let environment = texts(variables);
        assert_eq!(environment["PATH"], "/app/bin");
        assert_eq!(environment["AWS_REGION"], "eu-north-1");
        assert_eq!(environment["AWS_LAMBDA_RUNTIME_API"], "127.0.0.1:9001");
        for name in
            ["LD_LIBRARY_PATH", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR", "LANG", "TZ", "_HANDLER"]
        {
            assert!(!environment.contains_key(name), "{name}");
        }
    }

    #[test]
    fn configured_variables_take_precedence() {
        let mut function = Function::new("echo", ["guest"]);
        function.environment.insert("TZ".to_owned(), "Europe/Rome".to_owned());
        assert_eq!(environment(&function)["TZ"], "Europe/Rome");
    }
}
