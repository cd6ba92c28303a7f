//! The counts of pages that end at 1 MB, at a limit, or at the last item.

use hardcap::Emulator;
use hardcap::config::{Attribute, AttributeKind, Table};
use hardcap_limits::Date;
use serde_json::{Value, json};

use super::{call, output};

/// The items of the table, each a little larger than 50 kB: 20 are less than 1 MB, and 21 are more.
const ITEMS: u64 = 30;

async fn emulator() -> Emulator {
    let attribute = |name: &str, kind| Attribute { name: name.to_owned(), kind };
    let table = Table {
        range_key: Some("at".to_owned()),
        attributes: vec![
            attribute("id", AttributeKind::String),
            attribute("at", AttributeKind::Number),
        ],
        ..Table::new("events", "id")
    };
    let emulator = Emulator::builder().limits(Date::CLASSIC).table(table).start().await;
    let emulator = emulator.expect("it starts");
    let body = "x".repeat(50_000);
    for at in 0..ITEMS {
        let at = at.to_string();
        let item = json!({ "id": { "S": "a" }, "at": { "N": at }, "n": { "N": at }, "body": { "S": body } });
        let input = json!({ "TableName": "events", "Item": item });
        output(&call(&emulator, "DynamoDB_20120810.PutItem", input).await);
    }
    emulator
}

/// A page of `Query` or `Scan`; `more` are further parameters.
async fn page(emulator: &Emulator, operation: &str, more: &Value) -> Value {
    let mut input = json!({ "TableName": "events" });
    if operation == "Query" {
        input["KeyConditionExpression"] = json!("id = :id");
        input["ExpressionAttributeValues"][":id"] = json!({ "S": "a" });
    }
    if more["FilterExpression"].is_string() {
        input["ExpressionAttributeValues"][":n"] = json!({ "N": "3" });
    }
    for (name, value) in more.as_object().into_iter().flatten() {
        input[name] = value.clone();
    }
    output(&call(emulator, &format!("DynamoDB_20120810.{operation}"), input).await)
}

#[tokio::test]
async fn scanned_count_is_the_number_of_items_before_the_end_of_the_page() {
    let emulator = emulator().await;
    for operation in ["Query", "Scan"] {
        for (more, count, scanned) in [
            (json!({}), 20, 20),
            (json!({ "Select": "COUNT" }), 20, 20),
            (json!({ "Limit": 5 }), 5, 5),
            (json!({ "Limit": 20 }), 20, 20),
            (json!({ "Limit": 21 }), 20, 20),
            (json!({ "Limit": 25 }), 20, 20),
            (json!({ "FilterExpression": "n >= :n" }), 17, 20),
            (json!({ "FilterExpression": "n < :n" }), 3, 20),
            (json!({ "FilterExpression": "n >= :n", "Limit": 5 }), 2, 5),
            (json!({ "FilterExpression": "n >= :n", "Limit": 20 }), 17, 20),
            (json!({ "FilterExpression": "n >= :n", "Limit": 21 }), 17, 20),
            (json!({ "FilterExpression": "n >= :n", "Limit": 25 }), 17, 20),
        ] {
            let page = page(&emulator, operation, &more).await;
            let counts = (page["Count"].as_u64(), page["ScannedCount"].as_u64());
            assert_eq!(counts, (Some(count), Some(scanned)), "{operation} {more}");
            let last = json!((scanned - 1).to_string());
            assert_eq!(page["LastEvaluatedKey"]["at"]["N"], last, "{operation} {more}");
        }
    }
}

#[tokio::test]
async fn the_pages_of_a_filtered_query_evaluate_every_item_once() {
    let emulator = emulator().await;
    let first = page(&emulator, "Query", &json!({ "FilterExpression": "n < :n" })).await;
    let more = json!({
        "FilterExpression": "n < :n",
        "ExclusiveStartKey": first["LastEvaluatedKey"],
    });
    let second = page(&emulator, "Query", &more).await;
    assert!(second["LastEvaluatedKey"].is_null(), "{}", second["LastEvaluatedKey"]);
    assert_eq!((second["Count"].as_u64(), second["ScannedCount"].as_u64()), (Some(0), Some(10)));
    let evaluated = first["ScannedCount"].as_u64().zip(second["ScannedCount"].as_u64());
    assert_eq!(evaluated.map(|(first, second)| first + second), Some(ITEMS));
}
