//! Java, .NET and Ruby functions, under AWS's runtime interface clients if these are installed or packaged.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::{Package, PackagingError};
use hardcap_core::tool;

/// The class that AWS's client for Java starts with.
const JAVA_CLIENT: &str = "com.amazonaws.services.lambda.runtime.api.client.AWSLambda";

/// The missing part of a function of these runtimes.
#[derive(Debug, thiserror::Error)]
enum MissingClient {
    /// The program is not on `PATH`.
    #[error("`{0}` is not on PATH")]
    Program(&'static str),
    /// The gem is not installed.
    #[error("`aws_lambda_ric` is not on PATH (`gem install aws_lambda_ric` installs it)")]
    Gem,
    /// The package of the function does not contain this file.
    #[error("its package does not contain {0}")]
    File(String),
    /// AWS publishes no client for the runtime, or hardcap does not know it.
    #[error("no runtime interface client of AWS is known for it")]
    Unknown,
}

/// The command of a function whose runtime is not a part of hardcap.
///
/// # Errors
///
/// [`PackagingError`] that names what is missing.
pub(super) fn command(package: &Package, code: &Path) -> Result<Vec<OsString>, PackagingError> {
    let runtime = package.runtime.as_str();
    let found = if runtime.starts_with("java") {
        java(package, code)
    } else if runtime.starts_with("dotnet") {
        dotnet(package, code)
    } else if runtime.starts_with("ruby") {
        ruby(package)
    } else {
        Err(MissingClient::Unknown)
    };
    found.map_err(|missing| {
        let id = &package.logical_id;
        PackagingError::new(
            format!("the function `{id}` has the runtime {runtime}: {missing}"),
            format!(
                "see docs/runtimes.md, or name the program that polls the Runtime API: [functions.{id}] command = [\"…\"] \
                 in hardcap.toml"
            ),
        )
    })
}

fn on_path(program: &'static str) -> Result<OsString, MissingClient> {
    let found = tool::find(program).map(PathBuf::into_os_string);
    found.ok_or(MissingClient::Program(program))
}

/// Java needs `aws-lambda-java-runtime-interface-client` among the libraries of the package.
fn java(package: &Package, code: &Path) -> Result<Vec<OsString>, MissingClient> {
    let class = format!("{}.class", JAVA_CLIENT.replace('.', "/"));
    let is_client = |name: &str| name.starts_with("aws-lambda-java-runtime-interface-client");
    let entries = std::fs::read_dir(code.join("lib")).into_iter().flatten().flatten();
    let in_libraries =
        entries.into_iter().any(|entry| is_client(&entry.file_name().to_string_lossy()));
    if !in_libraries && !code.join(class).is_file() {
        return Err(MissingClient::File("aws-lambda-java-runtime-interface-client".to_owned()));
    }
    // The process starts in the folder of the code.
    let words = ["-cp", ".:lib/*", JAVA_CLIENT, &package.handler].map(OsString::from);
    Ok(std::iter::once(on_path("java")?).chain(words).collect())
}

/// .NET: an executable assembly polls by itself; a class library is started by `Amazon.Lambda.RuntimeSupport`.
fn dotnet(package: &Package, code: &Path) -> Result<Vec<OsString>, MissingClient> {
    let assembly = package.handler.split("::").next().unwrap_or_default();
    let is_library = package.handler.contains("::");
    let program = if is_library { "Amazon.Lambda.RuntimeSupport" } else { assembly };
    let program = format!("{program}.dll");
    if !code.join(&program).is_file() {
        return Err(MissingClient::File(program));
    }
    let mut command = vec![on_path("dotnet")?, "exec".into()];
    if is_library {
        command.extend(["--depsfile".into(), format!("{assembly}.deps.json").into()]);
        command.extend(["--runtimeconfig".into(), format!("{assembly}.runtimeconfig.json").into()]);
        command.extend([program.into(), (&package.handler).into()]);
    } else {
        command.push(program.into());
    }
    Ok(command)
}

/// Ruby: the program that the gem `aws_lambda_ric` installs.
fn ruby(package: &Package) -> Result<Vec<OsString>, MissingClient> {
    let client = on_path("aws_lambda_ric").map_err(|_| MissingClient::Gem)?;
    Ok(vec![client, (&package.handler).into()])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(runtime: &str, handler: &str) -> Package {
        Package { runtime: runtime.to_owned(), handler: handler.to_owned(), ..Package::new("F") }
    }

    #[test]
    fn a_package_without_the_client_of_its_runtime_is_named() {
        let code = tempfile::tempdir().unwrap();
        for (runtime, missing) in [
            ("java21", "does not contain aws-lambda-java-runtime-interface-client"),
            ("dotnet8", "does not contain Amazon.Lambda.RuntimeSupport.dll"),
            ("go1.x", "no runtime interface client of AWS is known for it"),
        ] {
            let error =
                command(&package(runtime, "A::B::C"), code.path()).expect_err("it is empty");
            assert!(error.what.contains(missing), "{runtime}: {error}");
            assert!(error.help.contains("[functions.F] command = "), "{error}");
        }
    }
}
