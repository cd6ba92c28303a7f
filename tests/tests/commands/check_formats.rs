//! `hardcap check --format sarif`: the log has the structure that SARIF 2.1.0 requires (OASIS standard of 2020-03-27, sections 3.13 to
//! 3.49), written here by hand.

use hardcap_tests::json_schema::violations;
use serde_json::{Value, json};

use crate::project::Project;

/// An object of these members and no others.
fn object(required: &[&str], properties: Value) -> Value {
    json!({
        "type": "object",
        "required": required,
        "properties": properties,
        "additionalProperties": false,
    })
}

/// The part of SARIF that hardcap writes. Members and their types are those of the standard; others are not accepted.
fn sarif() -> Value {
    let text = json!({"type": "string", "minLength": 1});
    let message = object(&["text"], json!({"text": text}));
    let level = json!({"enum": ["none", "note", "warning", "error"]});
    let rule = object(
        &["id"],
        json!({
            "id": text,
            "helpUri": text,
            "shortDescription": message,
            "defaultConfiguration": object(&[], json!({"level": level})),
        }),
    );
    let result = object(
        &["message"],
        json!({
            "ruleId": {"type": "string"},
            "ruleIndex": {"type": "integer", "minimum": 0},
            "level": level,
            "message": message,
            "locations": {"type": "array", "items": location()},
        }),
    );
    let driver = object(
        &["name"],
        json!({
            "name": text,
            "version": {"type": "string"},
            "informationUri": {"type": "string"},
            "rules": {"type": "array", "items": rule},
        }),
    );
    let run = object(
        &["tool"],
        json!({
            "tool": object(&["driver"], json!({"driver": driver})),
            "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
            "results": {"type": "array", "items": result},
        }),
    );
    object(
        &["version", "runs"],
        json!({
            "$schema": {"type": "string"},
            "version": {"const": "2.1.0"},
            "runs": {"type": "array", "minItems": 1, "items": run},
        }),
    )
}

fn location() -> Value {
    let position = json!({"type": "integer", "minimum": 1});
    let uri = json!({"uri": {"type": "string", "minLength": 1}});
    let region = json!({"startLine": position, "startColumn": position});
    let physical = json!({
        "artifactLocation": object(&[], uri),
        "region": object(&["startLine"], region),
    });
    object(&[], json!({"physicalLocation": object(&["artifactLocation"], physical)}))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sarif_of_check_has_the_structure_of_the_standard_and_consistent_rules() {
    let project = Project::new();
    let template =
        crate::project::TEMPLATE.replace("Timeout: 30", "Timeout: 901\n      MemorySize: 64");
    project.write("template.yaml", &template);
    std::fs::create_dir(project.path().join("my app")).unwrap();
    project.write("my app/template.yaml", &template);
    for (file, uri) in
        [("template.yaml", "template.yaml"), ("my app/template.yaml", "my%20app/template.yaml")]
    {
        let ran = project.run(&["check", file, "--format", "sarif"]).await;
        let log: Value =
            serde_json::from_str(&ran.printed).unwrap_or_else(|error| panic!("{error}: {ran:?}"));
        let wrong = violations(&sarif(), &sarif(), &log);
        assert!(wrong.is_empty(), "{wrong:#?}");
        let run = &log["runs"][0];
        let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
        let results = run["results"].as_array().unwrap();
        assert!(results.len() >= 2, "{log}");
        for result in results {
            let at = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
            assert_eq!(rules[at]["id"], result["ruleId"], "{result}");
            let location = &result["locations"][0]["physicalLocation"];
            assert_eq!(location["artifactLocation"]["uri"], uri, "{result}");
        }
    }
}
