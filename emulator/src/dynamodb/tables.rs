//! The tables of the configuration as the engine is told of them. Pure.

use serde_json::{Value, json};

use hardcap_core::config::{Projection, Table};

/// Finds what is wrong with a table before anything is started.
///
/// # Errors
///
/// A sentence without the table's name.
pub(crate) fn check(table: &Table) -> Result<(), String> {
    let letters = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    if !(3..=255).contains(&table.name.len()) || !table.name.bytes().all(letters) {
        return Err("a table's name has 3 to 255 letters, digits, `_`, `.` or `-`".to_owned());
    }
    let mut keys = vec![&table.hash_key];
    keys.extend(&table.range_key);
    for index in &table.indexes {
        keys.push(&index.hash_key);
        keys.extend(&index.range_key);
    }
    for key in &keys {
        if !table.attributes.iter().any(|attribute| attribute.name == **key) {
            return Err(format!(
                "the key attribute `{key}` is not among its attribute definitions"
            ));
        }
    }
    for attribute in &table.attributes {
        if !keys.contains(&&attribute.name) {
            let name = &attribute.name;
            return Err(format!(
                "the attribute definition `{name}` is of no key; define those alone"
            ));
        }
    }
    Ok(())
}

/// The input of `CreateTable`.
pub(super) fn definition(table: &Table) -> Value {
    let attributes: Vec<Value> = table
        .attributes
        .iter()
        .map(|attribute| {
            json!({ "AttributeName": attribute.name, "AttributeType": attribute.kind.letter() })
        })
        .collect();
    let mut definition = json!({
        "TableName": table.name,
        "AttributeDefinitions": attributes,
        "KeySchema": key_schema(&table.hash_key, table.range_key.as_deref()),
        "BillingMode": "PAY_PER_REQUEST",
    });
    if !table.indexes.is_empty() {
        let indexes = table.indexes.iter().map(|index| {
            json!({
                "IndexName": index.name,
                "KeySchema": key_schema(&index.hash_key, index.range_key.as_deref()),
                "Projection": projection(&index.projection),
            })
        });
        definition["GlobalSecondaryIndexes"] = indexes.collect();
    }
    definition
}

/// The input of `UpdateTimeToLive`, for a table that has such an attribute.
pub(super) fn time_to_live(table: &Table) -> Option<Value> {
    let attribute = table.ttl_attribute.as_ref()?;
    Some(json!({
        "TableName": table.name,
        "TimeToLiveSpecification": { "AttributeName": attribute, "Enabled": true },
    }))
}

fn key_schema(hash_key: &str, range_key: Option<&str>) -> Value {
    let mut schema = vec![json!({ "AttributeName": hash_key, "KeyType": "HASH" })];
    schema.extend(range_key.map(|key| json!({ "AttributeName": key, "KeyType": "RANGE" })));
    Value::Array(schema)
}

fn projection(projection: &Projection) -> Value {
    match projection {
        Projection::All => json!({ "ProjectionType": "ALL" }),
        Projection::KeysOnly => json!({ "ProjectionType": "KEYS_ONLY" }),
        Projection::Include(names) => {
            json!({ "ProjectionType": "INCLUDE", "NonKeyAttributes": names })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_that_aws_would_refuse_is_refused_with_what_is_wrong() {
        assert_eq!(check(&Table::new("jobs", "id")), Ok(()));
        let told = |table: &Table| check(table).unwrap_err();
        assert!(told(&Table::new("t", "id")).contains("3 to 255"));
        let without = Table { range_key: Some("at".to_owned()), ..Table::new("jobs", "id") };
        assert_eq!(told(&without), "the key attribute `at` is not among its attribute definitions");
        let unused = Table { hash_key: "other".to_owned(), ..Table::new("jobs", "id") };
        assert!(told(&unused).contains("`other`"));
    }
}
