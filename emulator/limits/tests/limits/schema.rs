//! `docs/limits.schema.json` describes the output of `hardcap limits --format json`: the output obeys the schema, and an output
//! with a lost, added or changed member does not.

#[expect(
    unreachable_pub,
    reason = "the module is public where it belongs, in the crate of the tests"
)]
#[path = "../../../../tests/src/json_schema.rs"]
mod json_schema;

use std::path::Path;

use hardcap_limits::{Limits, page};
use serde_json::{Map, Value, json};

use json_schema::violations;

fn schema() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/limits.schema.json");
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn output(limits: &Limits) -> Value {
    serde_json::to_value(page::data(limits)).expect("the page is JSON")
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
        assert_eq!(violations(&schema, &schema, &output(&limits)), [] as [String; 0]);
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
    assert_eq!(violations(&schema, &schema, &page), [] as [String; 0]);

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
            assert!(!violations(&schema, &schema, &wrong).is_empty(), "accepted: {what}");
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
