//! Findings in the forms that other programs read: SARIF, GitHub's workflow commands, JUnit. Pure.

use std::fmt::Write as _;

use serde_json::{Value, json};

use hardcap::report::junit::{self, TestCase};

use super::{Finding, Severity, Silenced, rules};

/// The page that explains the rules.
const PAGE: &str = concat!(env!("CARGO_PKG_REPOSITORY"), "/blob/main/docs/check.md");
/// Counts the incompatible changes of the JSON.
const JSON_VERSION: u32 = 1;

/// A severity as GitHub's workflow commands call it.
fn command(severity: Severity) -> &'static str {
    match severity {
        Severity::Note => "notice",
        Severity::Warning => "warning",
        Severity::Error => "error",
    }
}

/// A place taken apart: `template.yaml:12:3`.
struct At<'a> {
    file: &'a str,
    line: u64,
    column: u64,
}

impl Finding {
    fn at(&self) -> Option<At<'_>> {
        let mut parts = self.place.as_deref()?.rsplitn(3, ':');
        let column = parts.next()?.parse().ok()?;
        let line = parts.next()?.parse().ok()?;
        Some(At { file: parts.next()?, line, column })
    }
}

/// A finding as an object.
fn object(finding: &Finding) -> Value {
    let at = finding.at();
    json!({
        "severity": finding.severity,
        "rule": finding.code,
        "code": finding.code,
        "resource": finding.resource,
        "place": finding.place,
        "file": at.as_ref().map(|at| at.file),
        "line": at.as_ref().map(|at| at.line),
        "column": at.as_ref().map(|at| at.column),
        "message": finding.message,
    })
}

/// An object with the findings, their numbers, the silenced findings, and the version of this form.
#[must_use]
pub fn to_json(findings: &[Finding], silenced: &[Silenced]) -> String {
    let count = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
    let all: Vec<Value> = findings.iter().map(object).collect();
    let silenced: Vec<Value> = silenced
        .iter()
        .map(|one| {
            let mut object = object(&one.finding);
            object["reason"] = one.reason.clone().into();
            object
        })
        .collect();
    let json = json!({
        "version": JSON_VERSION,
        "errors": count(Severity::Error),
        "warnings": count(Severity::Warning),
        "notes": count(Severity::Note),
        "findings": all,
        "silenced": silenced,
    });
    format!("{json:#}\n")
}

/// SARIF 2.1.0 (OASIS, 2020-03-27), which code scanning reads.
#[must_use]
pub fn to_sarif(findings: &[Finding]) -> String {
    let mut codes: Vec<&str> = findings.iter().map(|finding| finding.code).collect();
    codes.sort_unstable();
    codes.dedup();
    let rules: Vec<Value> = codes
        .iter()
        .map(|code| {
            let mut rule = json!({ "id": code, "helpUri": format!("{PAGE}#{code}") });
            if let Some(known) = rules::find(code) {
                rule["shortDescription"] = json!({ "text": known.summary });
                rule["defaultConfiguration"] = json!({ "level": known.severity });
            }
            rule
        })
        .collect();
    let results: Vec<Value> = findings
        .iter()
        .map(|finding| {
            let mut result = json!({
                "ruleId": finding.code,
                "ruleIndex": codes.iter().position(|code| *code == finding.code),
                "level": finding.severity,
                "message": { "text": finding.message },
            });
            if let Some(at) = finding.at() {
                result["locations"] = json!([{ "physicalLocation": {
                    "artifactLocation": { "uri": uri(at.file) },
                    "region": { "startLine": at.line, "startColumn": at.column },
                }}]);
            }
            result
        })
        .collect();
    let sarif = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "hardcap",
                "version": env!("CARGO_PKG_VERSION"),
                "informationUri": env!("CARGO_PKG_REPOSITORY"),
                "rules": rules,
            }},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    });
    format!("{sarif:#}\n")
}

/// The URI of a file: relative for a relative path, so that code scanning finds the file in the repository.
fn uri(file: &str) -> String {
    let path = hardcap_core::uri::encode(file.as_bytes(), true);
    match path.strip_prefix("./") {
        Some(path) => path.to_owned(),
        None if path.starts_with('/') => format!("file://{path}"),
        None => path,
    }
}

/// Workflow commands of GitHub Actions: each finding is shown at its line of a pull request.
#[must_use]
pub fn to_github(findings: &[Finding]) -> String {
    let mut text = String::new();
    for finding in findings {
        let place = finding.at().map_or_else(String::new, |at| {
            format!("file={},line={},col={},", property(at.file), at.line, at.column)
        });
        let _ = writeln!(
            text,
            "::{} {place}title={}::{}",
            command(finding.severity),
            finding.code,
            data(&finding.message)
        );
    }
    text
}

/// Escapes the message of a workflow command.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

/// JUnit's XML: a test case for each finding, which fails if it is an error; one that passes without findings.
#[must_use]
pub fn to_junit(findings: &[Finding]) -> String {
    let case = |finding: &Finding| {
        let place = finding.place.as_deref().unwrap_or("template");
        let (failures, output) = match finding.severity {
            Severity::Error => (vec![finding.message.clone()], None),
            Severity::Warning | Severity::Note => (Vec::new(), Some(finding.message.clone())),
        };
        TestCase { name: format!("{} {place}", finding.code), failures, output }
    };
    let mut cases: Vec<TestCase> = findings.iter().map(case).collect();
    if cases.is_empty() {
        cases.push(TestCase { name: "nothing found".to_owned(), ..TestCase::default() });
    }
    junit::document("hardcap check", "hardcap.check", &cases)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings() -> Vec<Finding> {
        let place = Some("app/template.yaml:12:3".to_owned());
        let message = "50% of <it>,\nand more".to_owned();
        let (severity, code) = (Severity::Error, "environment-size");
        let error = Finding { severity, code, resource: Some("F".to_owned()), place, message };
        let warning = Finding {
            severity: Severity::Warning,
            code: "bucket-cors",
            resource: None,
            place: None,
            message: "w".to_owned(),
        };
        vec![error, warning]
    }

    #[test]
    fn sarif_has_a_result_with_its_place_for_each_finding() {
        let sarif: Value = serde_json::from_str(&to_sarif(&findings())).expect("JSON");
        let run = &sarif["runs"][0];
        assert_eq!(sarif["version"], "2.1.0");
        assert_eq!(run["tool"]["driver"]["rules"].as_array().map(Vec::len), Some(2));
        let (first, second) = (&run["results"][0], &run["results"][1]);
        assert_eq!(
            (&first["ruleId"], &first["level"]),
            (&json!("environment-size"), &json!("error"))
        );
        let at = &first["locations"][0]["physicalLocation"];
        assert_eq!(at["artifactLocation"]["uri"], "app/template.yaml");
        assert_eq!(at["region"], json!({ "startLine": 12, "startColumn": 3 }));
        assert_eq!((&second["level"], &second["locations"]), (&json!("warning"), &Value::Null));
    }

    #[test]
    fn the_uri_of_a_file_is_encoded_and_relative_where_its_path_is() {
        assert_eq!(uri("./my app/t.yaml"), "my%20app/t.yaml");
        assert_eq!(uri("../t.yaml"), "../t.yaml");
        assert_eq!(uri("/srv/t#1.yaml"), "file:///srv/t%231.yaml");
    }

    #[test]
    fn json_has_a_version_and_the_place_in_parts() {
        let json: Value = serde_json::from_str(&to_json(&findings(), &[])).expect("JSON");
        assert_eq!(
            (&json["version"], &json["errors"], &json["warnings"]),
            (&json!(1), &json!(1), &json!(1))
        );
        let first = &json["findings"][0];
        assert_eq!(
            (&first["rule"], &first["resource"], &first["file"], &first["line"]),
            (&json!("environment-size"), &json!("F"), &json!("app/template.yaml"), &json!(12))
        );
        assert_eq!(json["findings"][1]["line"], Value::Null);
    }

    #[test]
    fn github_gets_one_line_for_each_finding() {
        assert_eq!(
            to_github(&findings()),
            "::error file=app/template.yaml,line=12,col=3,title=environment-size::50%25 of <it>,%0Aand more\n\
             ::warning title=bucket-cors::w\n"
        );
    }

    #[test]
    fn junit_fails_for_errors_only() {
        let xml = to_junit(&findings());
        assert!(xml.contains("tests=\"2\" failures=\"1\""), "{xml}");
        assert!(xml.contains("<failure message=\"50% of &lt;it&gt;,"), "{xml}");
        assert!(to_junit(&[]).contains("name=\"nothing found\""));
    }
}
