//! Inputs of the engine: the tables of the configuration, and those of `CreateTable`. Pure.

use bytes::Bytes;
use http::HeaderMap;
use serde_json::{Value, json};

use super::rewrite::described;
use hardcap_core::config::{Projection, Table};

/// A request as the engine reads it. Without a billing mode AWS takes `PROVISIONED`, and refuses a table without a throughput (dynalite's
/// test "`should return ValidationException for missing ProvisionedThroughput`", `test/createTable.js`); the engine only refuses it
/// when the request names the mode.
pub(super) fn for_engine(operation: &str, headers: &mut HeaderMap, body: Bytes) -> Bytes {
    if operation != "CreateTable" {
        return body;
    }
    let Ok(Value::Object(mut table)) = serde_json::from_slice(&body) else { return body };
    if table.get("BillingMode").is_some_and(|mode| !mode.is_null()) {
        return body;
    }
    table.insert("BillingMode".to_owned(), json!("PROVISIONED"));
    described(headers, Bytes::from(Value::Object(table).to_string()))
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
