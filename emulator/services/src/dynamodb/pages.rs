//! The pages of `Query` and `Scan`: the number of items that a page evaluated.
//!
//! The engine ends a page before the item that would make it larger than 1 MB, but counts that item in `ScannedCount`. Its
//! `Count`, `LastEvaluatedKey` and consumed capacity are those of the items before it.

use bytes::Bytes;
use dynoxide::Database;
use http::HeaderMap;
use serde::Deserialize;
use serde_json::{Value, json};

use super::engine::with_stack;
use super::rewrite::replaced;
use super::ttl::{input, shown};

/// The parameters whose conditions discard evaluated items.
const FILTERS: [&str; 3] = ["FilterExpression", "QueryFilter", "ScanFilter"];

/// The members of a page that tell how many items were evaluated.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Page {
    count: u64,
    scanned_count: u64,
    last_evaluated_key: Option<Value>,
}

/// Whether the responses of an operation are pages of items.
pub(super) fn has(operation: &str) -> bool {
    matches!(operation, "Query" | "Scan")
}

/// A page as clients read it.
pub(super) fn for_client(
    database: &Database,
    operation: &str,
    request: &[u8],
    headers: &mut HeaderMap,
    body: Bytes,
) -> Bytes {
    let Ok(page) = serde_json::from_slice::<Page>(&body) else { return body };
    let Some(evaluated) = evaluated(database, operation, request, &page) else { return body };
    // An attribute of this name has an object as its value, so the text occurs once.
    let member = |count: u64| format!("\"ScannedCount\":{count}");
    replaced(&member(page.scanned_count), &member(evaluated), headers, body)
}

/// The number of items that a page evaluated, if the engine's own number can be another one.
///
/// "If you did not use a filter in the request, then `ScannedCount` is the same as `Count`" (API reference, `QueryOutput`).
fn evaluated(database: &Database, operation: &str, request: &[u8], page: &Page) -> Option<u64> {
    let last = page.last_evaluated_key.as_ref()?;
    if page.count == page.scanned_count {
        return None;
    }
    let request: Value = serde_json::from_slice(request).ok()?;
    if FILTERS.iter().all(|filter| request[filter].is_null()) {
        return Some(page.count);
    }
    let before = page.scanned_count.checked_sub(1)?;
    let is_at_limit = request["Limit"].as_u64() == Some(page.scanned_count);
    if is_at_limit && last_key_of(database, operation, request, before).as_ref() != Some(last) {
        return None;
    }
    Some(before)
}

/// The last key of the same request with another limit. The page of a limit that it has reached ends one item earlier with a
/// limit of one less; a page that ended before its last item ends at the same item.
fn last_key_of(
    database: &Database,
    operation: &str,
    mut request: Value,
    limit: u64,
) -> Option<Value> {
    request["Limit"] = json!(limit);
    with_stack(|| {
        let last = match operation {
            "Query" => database.query(input(request).ok()?).ok()?.last_evaluated_key,
            _ => database.scan(input(request).ok()?).ok()?.last_evaluated_key,
        };
        shown(&last?).ok()
    })
    .flatten()
}
