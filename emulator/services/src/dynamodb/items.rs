//! The items that a request writes: the sizes of whole items, or the item that an update changes. Pure.

use std::collections::HashMap;

use dynoxide::Item;
use dynoxide::types::item_size;
use hardcap_limits::Bytes;
use http::HeaderMap;
use serde::Deserialize;
use serde_json::Value;

/// The start of the refusal for an item that is put.
pub(super) const ITEM: &str = "Item size";
/// The start of the refusal for an item that is updated.
pub(super) const UPDATED_ITEM: &str = "Item size to update";

/// The items that a request writes.
pub(super) enum Written {
    /// No item, or none that the request alone determines.
    Nothing,
    /// The sizes of the items that are put.
    Items(Vec<Bytes>),
    /// An item that is changed in place.
    Update(Update),
}

/// The item of an `UpdateItem`, and the unchanged request.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Update {
    pub(super) table_name: String,
    pub(super) key: Item,
    #[serde(skip)]
    pub(super) body: bytes::Bytes,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Put {
    item: Item,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Batch {
    request_items: HashMap<String, Vec<BatchWrite>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct BatchWrite {
    put_request: Option<Put>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Transaction {
    transact_items: Vec<TransactionWrite>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TransactionWrite {
    put: Option<Put>,
}

/// Reads the items that a request writes. A request that cannot be parsed writes nothing: the engine refuses it.
pub(super) fn written(headers: &HeaderMap, body: &bytes::Bytes) -> Written {
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok());
    let operation = target.and_then(|target| target.split_once('.')).map_or("", |(_, name)| name);
    let items = match operation {
        "PutItem" => serde_json::from_slice(body).map(|put: Put| vec![put]),
        "BatchWriteItem" => serde_json::from_slice(body).map(|batch: Batch| {
            let writes = batch.request_items.into_values().flatten();
            writes.filter_map(|write| write.put_request).collect()
        }),
        "TransactWriteItems" => serde_json::from_slice(body).map(|transaction: Transaction| {
            transaction.transact_items.into_iter().filter_map(|write| write.put).collect()
        }),
        "UpdateItem" => {
            return match serde_json::from_slice::<Update>(body) {
                Ok(update) => Written::Update(Update { body: body.clone(), ..update }),
                Err(_) => Written::Nothing,
            };
        }
        _ => return Written::Nothing,
    };
    match items {
        Ok(items) => Written::Items(items.iter().map(|put| size(&put.item)).collect()),
        Err(_) => Written::Nothing,
    }
}

/// The actions of a transaction.
pub(super) struct Actions {
    class: &'static str,
    actions: Vec<Value>,
}

/// The actions of a `TransactWriteItems` or `TransactGetItems`; `None` of another operation, or if they cannot be parsed.
pub(super) fn actions(operation: &str, request: &[u8]) -> Option<Actions> {
    let class = match operation {
        "TransactWriteItems" => "TransactWriteItem",
        "TransactGetItems" => "TransactGetItem",
        _ => return None,
    };
    let mut request: Value = serde_json::from_slice(request).ok()?;
    let Value::Array(actions) = request["TransactItems"].take() else { return None };
    Some(Actions { class, actions })
}

impl Actions {
    pub(super) fn number(&self) -> u64 {
        self.actions.len() as u64
    }

    /// The actions as AWS showed them when its limit was lower: the class and the hash code of each (captures of `WriteRequest` in
    /// boto/boto3#483, 2016-02-22, and of `TransactGetItem` in getmoto/moto#2017, 2019). The hash codes here are checksums.
    pub(super) fn shown(&self) -> String {
        let shown = self.actions.iter().map(|action| {
            let hash = crc32fast::hash(action.to_string().as_bytes());
            format!("com.amazonaws.dynamodb.v20120810.{}@{hash:x}", self.class)
        });
        format!("[{}]", shown.collect::<Vec<_>>().join(", "))
    }
}

/// The size of an item as DynamoDB counts it: names and values, and an overhead for lists and maps.
pub(super) fn size(item: &Item) -> Bytes {
    Bytes(item_size(item) as u64)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn sizes(operation: &'static str, body: &'static str) -> Vec<u64> {
        let mut headers = HeaderMap::new();
        headers.insert("x-amz-target", HeaderValue::from_static(operation));
        match written(&headers, &bytes::Bytes::from_static(body.as_bytes())) {
            Written::Items(sizes) => sizes.iter().map(|size| size.0).collect(),
            Written::Nothing | Written::Update(_) => Vec::new(),
        }
    }

    #[test]
    fn an_item_is_as_large_as_its_names_and_values() {
        // id + 1, body + 4: 2 + 1 + 4 + 4.
        let put = r#"{"TableName":"t","Item":{"id":{"S":"1"},"body":{"S":"\u00e9\u00e9"}}}"#;
        assert_eq!(sizes("DynamoDB_20120810.PutItem", put), [11]);
    }

    #[test]
    fn every_put_of_a_batch_and_of_a_transaction_is_measured_and_nothing_else() {
        let batch = r#"{"RequestItems":{"t":[{"PutRequest":{"Item":{"id":{"S":"1"}}}},{"DeleteRequest":{"Key":{"id":{"S":"2"}}}}]}}"#;
        assert_eq!(sizes("DynamoDB_20120810.BatchWriteItem", batch), [3]);
        let transaction = r#"{"TransactItems":[{"Put":{"TableName":"t","Item":{"id":{"S":"12"}}}},{"Delete":{"TableName":"t","Key":{"id":{"S":"2"}}}}]}"#;
        assert_eq!(sizes("DynamoDB_20120810.TransactWriteItems", transaction), [4]);
        assert!(sizes("DynamoDB_20120810.GetItem", r#"{"Key":{}}"#).is_empty());
        assert!(sizes("DynamoDB_20120810.PutItem", "not json").is_empty());
    }
}
