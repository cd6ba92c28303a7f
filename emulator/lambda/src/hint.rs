//! Modules of AWS's runtimes that this machine may lack, explained once when a function's log shows that one is missing. Pure,
//! except for the list of explained modules.

use std::sync::atomic::{AtomicBool, Ordering};

/// The maximum length of an examined line: messages about missing modules are short, but logs may be long.
const LINE_MAX: usize = 8 * 1024;

const BOTO3: &str = "AWS's Python runtimes contain boto3, but this machine's Python does not: install it where the function's \
                     other packages are (pip install boto3)";
const SDK_V3: &str = "AWS's Node runtimes contain the AWS SDK for JavaScript v3, but this machine does not: install the clients \
                      that the function uses (npm install @aws-sdk/client-...)";
const SDK_V2: &str = "aws-sdk is version 2 of the AWS SDK for JavaScript, which AWS's runtimes contain up to nodejs16.x only: \
                      install it with the function (npm install aws-sdk), or use version 3";

/// The texts for a missing module, and their explanations.
const HINTS: [(&str, &str); 6] = [
    ("No module named 'boto3", BOTO3),
    ("No module named 'botocore", BOTO3),
    ("Cannot find module '@aws-sdk/", SDK_V3),
    ("Cannot find package '@aws-sdk/", SDK_V3),
    ("Cannot find module 'aws-sdk'", SDK_V2),
    ("Cannot find package 'aws-sdk'", SDK_V2),
];

/// Logs the explanation of a line, once per process.
pub(super) fn explain(function: &str, line: &[u8]) {
    static EXPLAINED: [AtomicBool; HINTS.len()] = [const { AtomicBool::new(false) }; HINTS.len()];
    let Some(at) = hint(line) else { return };
    if !EXPLAINED[at].swap(true, Ordering::Relaxed) {
        tracing::warn!(function, "{}", HINTS[at].1);
    }
}

/// The explanation of a line.
fn hint(line: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(line).ok().filter(|text| text.len() <= LINE_MAX)?;
    // Most lines contain neither of these phrases.
    if !text.contains("No module") && !text.contains("Cannot find") {
        return None;
    }
    HINTS.iter().position(|(missing, _)| text.contains(missing))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_missing_module_of_awss_runtimes_is_explained() {
        let explanation = |line: &str| hint(line.as_bytes()).map(|at| HINTS[at].1);
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
            ("No module named 'flask'", None),
            ("Cannot find module './app'", None),
            ("", None),
        ] {
            assert_eq!(explanation(line), expected, "{line}");
        }
        assert_eq!(
            hint(&[b"No module named 'boto3'".to_vec(), vec![b' '; LINE_MAX]].concat()),
            None
        );
    }
}
