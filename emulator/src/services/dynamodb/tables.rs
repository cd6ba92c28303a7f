//! The tables of the configuration as inputs of the engine. Pure.

use serde_json::{Value, json};

use hardcap_core::config::{Projection, Table};

/// The error of a table that DynamoDB would refuse.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TableError {
    /// The name is too short or too long, or has other characters.
    #[error("a table's name has 3 to 255 letters, digits, `_`, `.` or `-`")]
    Name,
    /// A key attribute has no definition.
    #[error("the key attribute `{0}` is not among its attribute definitions")]
    UndefinedKey(String),
    /// A definition belongs to no key.
    #[error("the attribute definition `{0}` is not part of a key; define key attributes only")]
    UnusedDefinition(String),
}

/// Validates a table before the start.
///
/// # Errors
///
/// [`TableError`] for the first violation.
pub(crate) fn check(table: &Table) -> Result<(), TableError> {
    let letters = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    if !(3..=255).contains(&table.name.len()) || !table.name.bytes().all(letters) {
        return Err(TableError::Name);
    }
    let mut keys = vec![&table.hash_key];
    keys.extend(&table.range_key);
    for index in &table.indexes {
        keys.push(&index.hash_key);
        keys.extend(&index.range_key);
    }
    for key in &keys {
        if !table.attributes.iter().any(|attribute| attribute.name == **key) {
            return Err(TableError::UndefinedKey((*key).clone()));
        }
    }
    for attribute in &table.attributes {
        if !keys.contains(&&attribute.name) {
            return Err(TableError::UnusedDefinition(attribute.name.clone()));
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
        let error = |table: &Table| check(table).unwrap_err().to_string();
        assert!(error(&Table::new("t", "id")).contains("3 to 255"));
        let without = Table { range_key: Some("at".to_owned()), ..Table::new("jobs", "id") };
        assert_eq!(
            error(&without),
            "the key attribute `at` is not among its attribute definitions"
        );
        let unused = Table { hash_key: "other".to_owned(), ..Table::new("jobs", "id") };
        assert!(error(&unused).contains("`other`"));
    }
}
