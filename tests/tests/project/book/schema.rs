//! `docs/hardcap.schema.json` describes `hardcap.toml`: exactly the keys that the program knows, and values that it accepts.

use std::collections::BTreeSet;
use std::path::Path;

use hardcap_limits::ROWS;
use hardcap_project::settings::Settings;
use hardcap_tests::json_schema::violations;
use serde_json::{Map, Value, json};

use super::page::{Page, root};
use super::pages::pages;

const SCHEMA: &str = "docs/hardcap.schema.json";
/// No table has it, and no name of a key is near.
const UNKNOWN: &str = "zzzzzzzzzzzz";

fn schema() -> Value {
    let text = std::fs::read_to_string(root().join(SCHEMA)).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// A step from a table of the file into another.
#[derive(Clone, Debug)]
enum Step {
    Key(String),
    Item,
}

/// A table that the schema describes: where it is, its keys, and what it must have so that the program looks at its keys.
struct Table {
    steps: Vec<Step>,
    keys: BTreeSet<String>,
    given: Map<String, Value>,
}

/// Every table with fixed keys in the schema.
fn tables(root: &Value, schema: &Value, steps: &[Step], found: &mut Vec<Table>) {
    if let Some(name) = schema["$ref"].as_str() {
        // A profile has the tables of the file itself.
        let Some(name) = name.strip_prefix("#/definitions/") else { return };
        return tables(root, &root["definitions"][name], steps, found);
    }
    for one in
        schema["oneOf"].as_array().into_iter().flatten().filter(|one| one["type"] == "object")
    {
        tables(root, one, steps, found);
    }
    let into = |step: Step| [steps, &[step]].concat();
    if let Some(properties) = schema["properties"].as_object() {
        let given = properties.iter().filter(|(_, value)| !value["const"].is_null());
        found.push(Table {
            steps: steps.to_vec(),
            keys: properties.keys().cloned().collect(),
            given: given.map(|(name, value)| (name.clone(), value["const"].clone())).collect(),
        });
        for (name, value) in properties {
            tables(root, value, &into(Step::Key(name.clone())), found);
        }
    }
    if schema["additionalProperties"].is_object() {
        tables(root, &schema["additionalProperties"], &into(Step::Key("A".to_owned())), found);
    }
    if schema["items"].is_object() {
        tables(root, &schema["items"], &into(Step::Item), found);
    }
}

/// The keys that the program knows in a table, by the error for one that it does not know.
fn known(table: &Table) -> BTreeSet<String> {
    let mut members = table.given.clone();
    members.insert(UNKNOWN.to_owned(), json!(1));
    let mut value = Value::Object(members);
    for step in table.steps.iter().rev() {
        value = match step {
            Step::Key(name) => json!({ name: value }),
            Step::Item => json!([value]),
        };
    }
    let text = toml::to_string(&value).unwrap();
    let error = Settings::read(&text, Path::new("hardcap.toml")).expect_err(&text).to_string();
    assert!(error.contains(UNKNOWN), "{error}");
    // Of hardcap.toml itself; of a fault, whose other keys belong to every fault.
    let list = error.split_once("the keys are: ").map(|(_, list)| (list, vec![]));
    let common = || ["fault", "probability", "count"].map(str::to_owned).to_vec();
    let of_fault = || error.split_once("expected ").map(|(_, list)| (list, common()));
    let (list, mut keys) = list.or_else(of_fault).unwrap_or_else(|| panic!("{error}"));
    let list = list.lines().next().unwrap_or_default().replace("one of ", "").replace(" or ", ", ");
    keys.extend(list.split(", ").map(|key| key.trim().trim_matches('`').to_owned()));
    keys.into_iter().collect()
}

#[test]
fn the_schema_has_every_key_that_the_program_knows_and_no_other() {
    let schema = schema();
    let mut found = Vec::new();
    tables(&schema, &schema, &[], &mut found);
    let mut compared = 0;
    for table in found {
        let limits = matches!(&table.steps[..], [Step::Key(name)] if name == "limits");
        let expected = if limits {
            ROWS.iter().map(|row| row.name.to_owned()).chain(["date".to_owned()]).collect()
        } else {
            known(&table)
        };
        assert_eq!(table.keys, expected, "{:?} {:?}", table.steps, table.given);
        compared += 1;
    }
    assert!(compared >= 16, "{compared} tables");
}

/// Adds rows that are new to the table of limits and fails once, so a stale schema is never merged.
#[test]
fn the_limits_of_the_schema_are_those_of_the_table() {
    let mut schema = schema();
    let entry = |row: &hardcap_limits::Row| {
        let first = row.doc.split("\n\n").next().unwrap_or_default().replace('\n', " ");
        let unit = serde_json::to_value(row.unit).unwrap();
        let unit = unit.as_str().unwrap_or_default();
        let text = if unit == "count" { first } else { format!("{first} In {unit}.") };
        json!({ "type": ["integer", "string"], "minimum": 0, "description": text })
    };
    let place = &mut schema["properties"]["limits"]["oneOf"][1]["properties"];
    let date = ("date".to_owned(), place["date"].clone());
    let rows = ROWS.iter().map(|row| (row.name.to_owned(), entry(row)));
    let fresh: Map<String, Value> = [date].into_iter().chain(rows).collect();
    if *place != Value::Object(fresh.clone()) {
        *place = Value::Object(fresh);
        let text = format!("{}\n", serde_json::to_string_pretty(&schema).unwrap());
        std::fs::write(root().join(SCHEMA), text).unwrap();
        panic!("{SCHEMA} was stale; it has been written again: look at it and commit it");
    }
}

/// Every block of the book that is a `hardcap.toml`, and the files of the repository.
fn files() -> Vec<(String, String)> {
    let own = ["hardcap.toml", "emulator/cli/src/command/init/hardcap.toml"];
    let own =
        own.map(|path| (path.to_owned(), std::fs::read_to_string(root().join(path)).unwrap()));
    let mut files: Vec<_> = own.into();
    for path in pages().into_iter().chain(["README.md".to_owned(), "SECURITY.md".to_owned()]) {
        for fence in Page::read(&path).fences {
            let named = fence.wish.file.as_deref().unwrap_or("hardcap.toml");
            if fence.language == "toml" && named == "hardcap.toml" {
                files.push((format!("{path}:{}", fence.line), fence.text));
            }
        }
    }
    files
}

/// The keys of a file, each with the tables above it; names that users choose are `A`.
fn keys(
    schema: &Value,
    root: &Value,
    value: &toml::Value,
    path: &str,
    found: &mut BTreeSet<String>,
) {
    let schema = match schema["$ref"].as_str() {
        Some("#") => root,
        Some(name) => &root["definitions"][name.strip_prefix("#/definitions/").unwrap()],
        None => schema,
    };
    match value {
        toml::Value::Table(table) => {
            for (key, value) in table {
                let one = |schema: &Value| schema["properties"].get(key).cloned();
                // One of several shapes: the table among them, or the fault of this name.
                let of_fault = || {
                    let kinds = schema["oneOf"].as_array()?;
                    let kind = kinds.iter().find(|kind| {
                        kind["properties"].is_object()
                            && kind["properties"]["fault"]["const"].as_str()
                                == table.get("fault").and_then(toml::Value::as_str)
                    })?;
                    one(kind)
                };
                let (name, below) = match one(schema).or_else(of_fault) {
                    Some(below) => (key.as_str(), below),
                    None => ("A", schema["additionalProperties"].clone()),
                };
                let path = format!("{path}.{name}");
                found.insert(path.clone());
                keys(&below, root, value, &path, found);
            }
        }
        toml::Value::Array(items) => {
            for item in items {
                keys(&schema["items"], root, item, path, found);
            }
        }
        _ => {}
    }
}

#[test]
fn every_shown_hardcap_toml_is_accepted_by_the_schema_and_the_program() {
    let schema = schema();
    let files = files();
    for (place, text) in &files {
        let table: toml::Value =
            toml::from_str(text).unwrap_or_else(|error| panic!("{place}: {error}"));
        let value = serde_json::to_value(&table).unwrap();
        let wrong = violations(&schema, &schema, &value);
        assert!(wrong.is_empty(), "{place}: {wrong:#?}");
        let read = Settings::read(text, Path::new("hardcap.toml"));
        assert!(read.is_ok(), "{place}: {}", read.unwrap_err());
    }
    assert!(files.len() > 12, "{} files", files.len());
}

#[test]
fn the_reference_shows_every_key_of_hardcap_toml() {
    let schema = schema();
    let mut shown = BTreeSet::new();
    for (place, text) in
        files().iter().filter(|(place, _)| place.starts_with("docs/hardcap-toml.md"))
    {
        let table: toml::Value =
            toml::from_str(text).unwrap_or_else(|error| panic!("{place}: {error}"));
        keys(&schema, &schema, &table, "", &mut shown);
    }
    let mut found = Vec::new();
    tables(&schema, &schema, &[], &mut found);
    for table in found {
        let path: String = table.steps.iter().fold(String::new(), |path, step| match step {
            Step::Key(name) => format!("{path}.{name}"),
            Step::Item => path,
        });
        if path == ".limits" {
            continue;
        }
        for key in table.keys {
            let key = format!("{path}.{key}");
            assert!(shown.contains(&key), "docs/hardcap-toml.md does not show {key}");
        }
    }
}

#[test]
fn the_program_refuses_every_file_that_the_schema_refuses() {
    let schema = schema();
    for text in [
        "stak = 'x'",
        "sandbox_idle_seconds = 0",
        "body_idle_seconds = 'soon'",
        "also = 'x'",
        "try = [{about = 'x'}]",
        "[limits]\nlambda_sync_respons = 1",
        "[limits]\nlambda_sync_response = -1",
        "[credentials.A]\nsession_token = 'x'",
        "[functions.A]\ncommand = []",
        "[functions.A]\ncommand = ['a']\ncargo = {bin = 'a'}",
        "[functions.A]\ncargo = {package = 'a'}",
        "[companions.A]\nport = 1",
        "[companions.A]\ncommand = ['a']\nport = 65536",
        "[companions.A]\ncommand = ['a']\nready = 'health'",
        "[[fault]]\nfault = 'explode'",
        "[[fault]]\nfault = 'kill'",
        "[[fault]]\nfault = 'kill'\nphase = 'idle'",
        "[[fault]]\nfault = 'throttle'\nprobability = 2",
        "[[fault]]\nfault = 'throttle'\nmillis = 2",
        "[[fault]]\nfault = 'slow'\nservice = 's3'\nmillis = 86400001",
        "[[fault]]\nfault = 'fail'\nservice = 'sqs'",
    ] {
        let value = serde_json::to_value(toml::from_str::<toml::Value>(text).unwrap()).unwrap();
        assert!(!violations(&schema, &schema, &value).is_empty(), "the schema accepts: {text}");
        let read = Settings::read(text, Path::new("hardcap.toml"));
        assert!(read.is_err(), "the program accepts: {text}");
    }
}
