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

/// Logs the explanation of a line, once per process.
pub(super) fn explain(function: &str, line: &[u8]) {
    static EXPLAINED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let Some(hint) = hint(line) else { return };
    let mut explained = EXPLAINED.lock().unwrap_or_else(PoisonError::into_inner);
    if explained.len() < EXPLAINED_MAX && explained.insert(hint.clone()) {
        tracing::warn!(function, "{hint}");
    }
}

/// The explanation of a line.
fn hint(line: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(line).ok().filter(|text| text.len() <= LINE_MAX)?;
    // Most lines contain neither of these phrases.
    if !text.contains("No module") && !text.contains("Cannot find") {
        return None;
    }
    if let Some(module) = quoted_after(text, "No module named '") {
        return Some(match module.split('.').next().unwrap_or(module) {
            "boto3" | "botocore" => BOTO3.to_owned(),
            package => format!(
                "the Python package `{package}` is not installed: run `sam build`, or `pip install -r requirements.txt` in the \
                 virtual environment of the project (.venv), and start hardcap again"
            ),
        });
    }
    let module = quoted_after(text, "Cannot find module '")
        .or_else(|| quoted_after(text, "Cannot find package '"))?;
    match module {
        "aws-sdk" => Some(SDK_V2.to_owned()),
        module if module.starts_with("@aws-sdk/") => Some(SDK_V3.to_owned()),
        // A file of the function's own, not a package.
        module if module.starts_with(['.', '/']) => None,
        module => {
            let parts = if module.starts_with('@') { 2 } else { 1 };
            let package = module.split('/').take(parts).collect::<Vec<_>>().join("/");
            Some(format!(
                "Node does not find `{package}`: the package is not installed, or the TypeScript file is not compiled. Run `sam build`, \
                 or `npm install` in the folder of the function's package.json, and start hardcap again"
            ))
        }
    }
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
        let explanation = |line: &str| hint(line.as_bytes());
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
            hint(&[b"No module named 'boto3'".to_vec(), vec![b' '; LINE_MAX]].concat()),
            None
        );
    }
}
