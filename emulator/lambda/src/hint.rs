//! Missing modules, explained once when a function's log shows one: those that AWS's runtimes contain and this machine lacks,
//! and packages that were not installed. Pure, except for the list of explained modules.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// The maximum length of an examined line: messages about missing modules are short, but logs may be long.
const LINE_MAX: usize = 8 * 1024;
/// The maximum number of explanations in a process.
const EXPLAINED_MAX: usize = 100;

const BOTO3: &str = "AWS's Python runtimes contain boto3, but this machine's Python does not: install it where the function's \
                     other packages are (pip install boto3)";
const SDK_V3: &str = "AWS's Node runtimes contain the AWS SDK for JavaScript v3, but this machine does not: install the clients \
                      that the function uses (npm install @aws-sdk/client-...)";
const SDK_V2: &str = "aws-sdk is version 2 of the AWS SDK for JavaScript, which AWS's runtimes contain up to nodejs16.x only: \
                      install it with the function (npm install aws-sdk), or use version 3";

/// It reads no variable for endpoints: `lib/config.js` of aws-sdk 2.1693 has none.
const V2_CALLS_AWS: &str = "a call has left for AWS, because version 2 of the AWS SDK for JavaScript does not read AWS_ENDPOINT_URL: give it \
                            the endpoint in the code (AWS.config.update({ endpoint: process.env.AWS_ENDPOINT_URL })), or use version 3";
/// Lambda developer guide, "Supported runtimes for durable functions": Node and Python runtimes include the SDK.
const DURABLE: &str = "the SDK for durable functions, which AWS's runtimes contain from python3.13 and nodejs22.x on, is not installed: \
                       hardcap does not emulate durable executions, so the function would fail with it too";

/// Logs the explanation of a line, once per process.
pub(super) fn explain(function: &str, absent_layers: &[String], line: &[u8]) {
    static EXPLAINED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let Some(hint) = hint(absent_layers, line) else { return };
    let mut explained = EXPLAINED.lock().unwrap_or_else(PoisonError::into_inner);
    if explained.len() < EXPLAINED_MAX && explained.insert(hint.clone()) {
        tracing::warn!(function, "{hint}");
    }
}

/// The explanation of a line of a function without some of its layers.
fn hint(absent_layers: &[String], line: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(line).ok().filter(|text| text.len() <= LINE_MAX)?;
    if is_followed(text, "Inaccessible host: `", ".amazonaws.com'") {
        return Some(V2_CALLS_AWS.to_owned());
    }
    // Most lines contain neither of these phrases.
    if !text.contains("No module") && !text.contains("Cannot find") {
        return None;
    }
    if let Some(module) = quoted_after(text, "No module named '") {
        return Some(match module.split('.').next().unwrap_or(module) {
            "boto3" | "botocore" => BOTO3.to_owned(),
            "aws_durable_execution_sdk_python" => DURABLE.to_owned(),
            package => match absent_layers {
                [] => format!(
                    "the Python package `{package}` is not installed: run `sam build`, or `pip install -r requirements.txt` in \
                     the virtual environment of the project (.venv), and start hardcap again"
                ),
                layers => {
                    in_a_layer(&format!("the Python package `{package}` is not installed"), layers)
                }
            },
        });
    }
    let module = quoted_after(text, "Cannot find module '")
        .or_else(|| quoted_after(text, "Cannot find package '"))?;
    match module {
        module if module == "aws-sdk" || module.starts_with("aws-sdk/") => Some(SDK_V2.to_owned()),
        module if module.starts_with("@aws-sdk/") => Some(SDK_V3.to_owned()),
        module if module.starts_with("@aws/durable-execution-sdk-js") => Some(DURABLE.to_owned()),
        // A file of the function's own, not a package.
        module if module.starts_with(['.', '/']) => None,
        module => {
            let parts = if module.starts_with('@') { 2 } else { 1 };
            let package = module.split('/').take(parts).collect::<Vec<_>>().join("/");
            Some(match absent_layers {
                [] => format!(
                    "Node does not find `{package}`: the package is not installed, or the TypeScript file is not compiled. Run `sam \
                     build`, or `npm install` in the folder of the function's package.json, and start hardcap again"
                ),
                layers => in_a_layer(&format!("Node does not find `{package}`"), layers),
            })
        }
    }
}

/// The explanation where a layer is missing, which is the usual place of a package that no file of the function requires.
fn in_a_layer(what: &str, absent_layers: &[String]) -> String {
    format!(
        "{what}. It may be in a layer that is not on this machine: {}. Name a folder with the layer's content in hardcap.toml (`layers` \
         of the function), or install the package with the function",
        absent_layers.join(", ")
    )
}

/// Whether a phrase is followed by another one.
fn is_followed(text: &str, phrase: &str, end: &str) -> bool {
    text.split_once(phrase).is_some_and(|(_, after)| after.contains(end))
}

/// The text between a phrase and the next quotation mark.
fn quoted_after<'t>(text: &'t str, phrase: &str) -> Option<&'t str> {
    let (_, after) = text.split_once(phrase)?;
    Some(after.split_once('\'')?.0).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_module_is_explained_and_a_missing_file_is_not() {
        let explanation = |line: &str| hint(&[], line.as_bytes());
        for (line, expected) in [
            (
                "[ERROR] Runtime.ImportModuleError: Unable to import module 'app': No module named 'boto3'",
                Some(BOTO3),
            ),
            ("No module named 'botocore.session'", Some(BOTO3)),
            ("Error: Cannot find module '@aws-sdk/client-s3'\\nRequire stack:", Some(SDK_V3)),
            (
                "Cannot find package '@aws-sdk/lib-dynamodb' imported from /var/task/index.mjs",
                Some(SDK_V3),
            ),
            ("Cannot find module 'aws-sdk'", Some(SDK_V2)),
            ("Cannot find module 'aws-sdk/clients/s3'", Some(SDK_V2)),
            (
                "UnknownEndpoint: Inaccessible host: `sqs.us-east-1.amazonaws.com' at port `undefined'.",
                Some(V2_CALLS_AWS),
            ),
            ("Inaccessible host: `example.com' at port `443'.", None),
            ("No module named 'aws_durable_execution_sdk_python'", Some(DURABLE)),
            ("Cannot find package '@aws/durable-execution-sdk-js' imported from x", Some(DURABLE)),
            ("Cannot find module './app'", None),
            ("Cannot find module '/var/task/app'", None),
            ("No module named ''", None),
            ("", None),
        ] {
            assert_eq!(explanation(line).as_deref(), expected, "{line}");
        }
        for (line, package) in [
            (
                "No module named 'flask'",
                "the Python package `flask` is not installed: run `sam build`",
            ),
            ("No module named 'aws_lambda_powertools.event'", "`aws_lambda_powertools`"),
            (
                "Error: Cannot find module 'node-fetch'",
                "Node does not find `node-fetch`: the package is not installed",
            ),
            ("Cannot find package '@middy/core/x' imported from /var/task/a.mjs", "`@middy/core`"),
        ] {
            assert!(explanation(line).is_some_and(|said| said.contains(package)), "{line}");
        }
        assert_eq!(
            hint(&[], &[b"No module named 'boto3'".to_vec(), vec![b' '; LINE_MAX]].concat()),
            None
        );
    }

    #[test]
    fn a_missing_package_of_a_function_without_one_of_its_layers_may_be_in_the_layer() {
        let layers = ["arn:aws:lambda:eu-west-1:123456789012:layer:Tools:7".to_owned()];
        for (line, package) in [
            (
                "No module named 'tools'",
                "the Python package `tools` is not installed. It may be in a layer",
            ),
            (
                "Error: Cannot find module 'tools/x'",
                "Node does not find `tools`. It may be in a layer",
            ),
        ] {
            let said = hint(&layers, line.as_bytes()).unwrap();
            assert!(said.starts_with(package), "{said}");
            assert!(
                said.contains(
                    "not on this machine: arn:aws:lambda:eu-west-1:123456789012:layer:Tools:7."
                ),
                "{said}"
            );
            assert!(!said.contains("sam build"), "{said}");
        }
        assert_eq!(hint(&layers, b"Cannot find module 'aws-sdk'").as_deref(), Some(SDK_V2));
    }
}
