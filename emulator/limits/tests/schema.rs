//! `docs/limits.schema.json` describes the output of `hardcap limits --format json`: the output obeys the schema, and an output
//! with a lost, added or changed member does not.

use std::path::Path;

use hardcap_limits::{Date, Limits, page};
use serde_json::{Map, Value, json};

fn schema() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/limits.schema.json");
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn output(limits: &Limits) -> Value {
    serde_json::to_value(page::data(limits)).expect("the page is JSON")
}

/// The part of JSON Schema that the schema uses. An unknown keyword is an error, so that everything is checked.
struct Validator {
    schema: Value,
    faults: Vec<String>,
}

impl Validator {
    fn faults(schema: &Value, value: &Value) -> Vec<String> {
        let mut validator = Validator { schema: schema.clone(), faults: Vec::new() };
        validator.check(schema, value, "$");
        validator.faults
    }

    fn check(&mut self, schema: &Value, value: &Value, place: &str) {
        for (keyword, wanted) in schema.as_object().expect("a schema is an object") {
            self.keyword(keyword, wanted, schema, value, place);
        }
    }

    fn keyword(
        &mut self,
        keyword: &str,
        wanted: &Value,
        schema: &Value,
        value: &Value,
        place: &str,
    ) {
        let holds = match keyword {
            "$schema" | "$defs" | "title" | "description" => true,
            "$ref" => {
                let name = wanted
                    .as_str()
                    .and_then(|name| name.strip_prefix("#/$defs/"))
                    .expect("a local reference");
                let definition = self.schema["$defs"][name].clone();
                assert!(definition.is_object(), "the schema does not define {name}");
                self.check(&definition, value, place);
                true
            }
            "type" => wanted == type_of(value),
            "const" => value == wanted,
            "enum" => wanted.as_array().expect("a list").contains(value),
            "minimum" => value.as_f64() >= wanted.as_f64(),
            "minItems" => value
                .as_array()
                .is_none_or(|list| list.len() as u64 >= wanted.as_u64().unwrap_or(u64::MAX)),
            "minLength" => value
                .as_str()
                .is_none_or(|text| text.len() as u64 >= wanted.as_u64().unwrap_or(u64::MAX)),
            "format" => {
                assert_eq!(wanted, "date", "a format that this test does not know");
                value.as_str().is_some_and(|day| day == "0000-01-01" || day.parse::<Date>().is_ok())
            }
            "anyOf" => {
                let mut schemas = wanted.as_array().expect("a list").iter();
                schemas.any(|one| {
                    let mut other = Validator { schema: self.schema.clone(), faults: Vec::new() };
                    other.check(one, value, place);
                    other.faults.is_empty()
                })
            }
            "items" => {
                for (at, item) in value.as_array().into_iter().flatten().enumerate() {
                    self.check(wanted, item, &format!("{place}[{at}]"));
                }
                true
            }
            "required" => {
                let names = wanted.as_array().expect("a list").iter().filter_map(Value::as_str);
                names.into_iter().all(|name| value.get(name).is_some())
            }
            "properties" => {
                for (name, schema) in wanted.as_object().expect("an object") {
                    if let Some(member) = value.get(name) {
                        self.check(schema, member, &format!("{place}.{name}"));
                    }
                }
                true
            }
            "additionalProperties" => {
                assert_eq!(wanted, false, "a form that this test does not know");
                let known = schema["properties"].as_object().expect("it has properties");
                value
                    .as_object()
                    .is_none_or(|object| object.keys().all(|name| known.contains_key(name)))
            }
            other => panic!("the schema uses `{other}`, which this test does not know"),
        };
        if !holds {
            self.faults.push(format!("{place}: {keyword} {wanted}, but it is {value}"));
        }
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

#[test]
fn the_json_of_every_day_obeys_the_schema() {
    let schema = schema();
    let mut overridden = Limits::classic();
    overridden.set("lambda_timeout", 0).expect("the row exists");
    for limits in [
        Limits::classic(),
        Limits::current(),
        Limits::at("2018-01-01".parse().expect("a day")),
        overridden,
    ] {
        assert_eq!(Validator::faults(&schema, &output(&limits)), [] as [String; 0]);
    }
}

/// Removes each member of every object of the page, replaces it by a member of another type, and adds an unknown member.
#[test]
fn json_with_a_member_lost_added_or_of_another_type_does_not_obey_the_schema() {
    let schema = schema();
    let mut page = output(&Limits::classic());
    // One tested and one untested row, with lists of one element, keep the number of cases small.
    let rows = page["rows"].as_array().expect("a list").clone();
    let of = |state: &str| {
        let mut row = rows
            .iter()
            .find(|row| row["proof"]["state"] == state && row["refusals"][0].is_object())
            .cloned()?;
        row["refusals"].as_array_mut()?.truncate(1);
        Some(row)
    };
    page["failures"] = json!([page["failures"][0]]);
    page["rows"] = json!([of("tested"), of("not_emulated")]);
    assert_eq!(Validator::faults(&schema, &page), [] as [String; 0]);

    let objects = [
        "",
        "/rows/0",
        "/rows/1",
        "/rows/0/history/0",
        "/rows/1/refusals/0",
        "/rows/0/proof",
        "/rows/1/proof",
        "/failures/0",
        "/failures/0/refusals/0",
    ];
    let mut cases = 0;
    for place in objects {
        let object = page
            .pointer(place)
            .and_then(Value::as_object)
            .unwrap_or_else(|| panic!("{place} is not an object"));
        for changed in changes(object) {
            let mut wrong = page.clone();
            let what = format!("{place} became {changed:?}");
            *wrong.pointer_mut(place).expect("it is there") = Value::Object(changed);
            assert!(!Validator::faults(&schema, &wrong).is_empty(), "accepted: {what}");
            cases += 1;
        }
    }
    assert!(cases > 80, "{cases} cases");
}

fn changes(object: &Map<String, Value>) -> Vec<Map<String, Value>> {
    let mut all = Vec::new();
    for (name, value) in object {
        let mut lost = object.clone();
        lost.remove(name);
        all.push(lost);
        let mut other = object.clone();
        other.insert(name.clone(), if value.is_string() { json!(-1) } else { json!("text") });
        all.push(other);
    }
    let mut more = object.clone();
    more.insert("more".to_owned(), json!(1));
    all.push(more);
    all
}
