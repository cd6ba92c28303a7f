//! The part of JSON Schema that the schemas of this repository use. A keyword that is not known here panics, so that nothing in
//! a schema goes unchecked.
//!
//! A library for all of JSON Schema would enable features of crates that the shipped programs use too.

use serde_json::Value;

/// What a value violates in a schema, one sentence each; nothing where it obeys.
///
/// `$ref` is looked up in `root`.
///
/// # Panics
///
/// When the schema uses a keyword or a form that is not known here, or refers to nothing.
#[must_use]
pub fn violations(root: &Value, schema: &Value, value: &Value) -> Vec<String> {
    let mut check = Check { root, found: Vec::new() };
    check.schema(schema, value, "$");
    check.found
}

struct Check<'r> {
    root: &'r Value,
    found: Vec<String>,
}

impl Check<'_> {
    fn schema(&mut self, schema: &Value, value: &Value, place: &str) {
        for (keyword, wanted) in schema.as_object().expect("a schema is an object") {
            if !self.keyword(keyword, wanted, schema, value, place) {
                self.found.push(format!("{place}: {keyword} {wanted}, but it is {value}"));
            }
        }
    }

    fn obeys(&self, schema: &Value, value: &Value) -> bool {
        violations(self.root, schema, value).is_empty()
    }

    fn keyword(
        &mut self,
        keyword: &str,
        wanted: &Value,
        schema: &Value,
        value: &Value,
        place: &str,
    ) -> bool {
        match keyword {
            "$schema" | "$defs" | "definitions" | "title" | "description" | "default" => true,
            "$ref" => {
                let pointer = wanted.as_str().and_then(|name| name.strip_prefix('#'));
                let definition = pointer.and_then(|pointer| self.root.pointer(pointer));
                let definition = definition.unwrap_or_else(|| panic!("nothing is called {wanted}"));
                self.schema(definition, value, place);
                true
            }
            "type" => types(wanted).iter().any(|kind| is_of_type(value, kind)),
            "const" => value == wanted,
            "enum" => list(wanted).contains(value),
            "minimum" => value.as_f64().is_none_or(|number| Some(number) >= wanted.as_f64()),
            "maximum" => value.as_f64().is_none_or(|number| Some(number) <= wanted.as_f64()),
            "minItems" => value.as_array().is_none_or(|items| items.len() >= length(wanted)),
            "minLength" => value.as_str().is_none_or(|text| text.len() >= length(wanted)),
            "pattern" => {
                assert_eq!(wanted, "^/", "a pattern that is not known here");
                value.as_str().is_none_or(|text| text.starts_with('/'))
            }
            "format" => {
                assert_eq!(wanted, "date", "a format that is not known here");
                value.as_str().is_some_and(is_date)
            }
            "anyOf" => list(wanted).iter().any(|one| self.obeys(one, value)),
            "oneOf" => list(wanted).iter().filter(|one| self.obeys(one, value)).count() == 1,
            "not" => !self.obeys(wanted, value),
            "items" => {
                for (at, item) in value.as_array().into_iter().flatten().enumerate() {
                    self.schema(wanted, item, &format!("{place}[{at}]"));
                }
                true
            }
            "required" => {
                let mut names = list(wanted).iter().filter_map(Value::as_str);
                !value.is_object() || names.all(|name| value.get(name).is_some())
            }
            "properties" => {
                for (name, schema) in wanted.as_object().expect("an object") {
                    if let Some(member) = value.get(name) {
                        self.schema(schema, member, &format!("{place}.{name}"));
                    }
                }
                true
            }
            "additionalProperties" => self.others(wanted, schema, value, place),
            other => panic!("the schema uses `{other}`, which is not known here"),
        }
    }

    /// The members of an object that `properties` does not name.
    fn others(&mut self, wanted: &Value, schema: &Value, value: &Value, place: &str) -> bool {
        let known = |name: &str| schema["properties"].get(name).is_some();
        let members = value.as_object().into_iter().flatten();
        let mut others = members.filter(|(name, _)| !known(name)).peekable();
        match wanted {
            Value::Bool(false) => others.peek().is_none(),
            Value::Object(_) => {
                for (name, member) in others {
                    self.schema(wanted, member, &format!("{place}.{name}"));
                }
                true
            }
            _ => panic!("additionalProperties has a form that is not known here: {wanted}"),
        }
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

fn length(value: &Value) -> usize {
    value.as_u64().and_then(|length| usize::try_from(length).ok()).expect("a length")
}

fn types(wanted: &Value) -> Vec<&str> {
    match wanted {
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        kind => vec![kind.as_str().expect("the name of a type")],
    }
}

fn is_of_type(value: &Value, kind: &str) -> bool {
    match kind {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("there is no type `{other}`"),
    }
}

/// `YYYY-MM-DD`.
fn is_date(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
    let numbers: Vec<u32> = parts.iter().filter_map(|part| part.parse().ok()).collect();
    lengths == [4, 2, 2] && matches!(numbers[..], [_, 1..=12, 1..=31])
}
