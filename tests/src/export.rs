//! An export as anybody would write it: a loop over the pages of a search. What the job's export is compared with.

use std::io;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::client::{Call, Client};

/// The part of a page that an export is made of.
#[derive(Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    hits: Hits<'a>,
}

#[derive(Deserialize)]
struct Hits<'a> {
    #[serde(borrow)]
    hits: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Sort {
    sort: Value,
}

/// Hands every hit of an index to `line`, in order, each with its line end. The search has to be one that verifies nobody.
///
/// # Errors
///
/// When the search cannot be reached, or answers other than a page.
pub async fn plainly(
    client: &Client,
    search_url: &str,
    index: &str,
    page_size: u64,
    mut line: impl FnMut(&[u8]),
) -> io::Result<()> {
    let open = Call::post(format!("{search_url}/{index}/_search/point_in_time?keep_alive=5m"), "");
    let opened: Value = serde_json::from_slice(&client.send(&open).await?.body)?;
    let mut after = None;
    loop {
        let mut body = json!({
            "size": page_size, "pit": { "id": opened["pit_id"], "keep_alive": "5m" },
            "sort": [{ "_shard_doc": "asc" }],
        });
        if let Some(after) = after {
            body["search_after"] = after;
        }
        let search = Call::post(format!("{search_url}/_search"), body.to_string());
        let answer = client.send(&search.header("content-type", "application/json")).await?;
        let page: Page<'_> = serde_json::from_slice(&answer.body)?;
        let Some(last) = page.hits.hits.last() else { return Ok(()) };
        for hit in &page.hits.hits {
            line(hit.get().as_bytes());
            line(b"\n");
        }
        after = Some(serde_json::from_str::<Sort>(last.get())?.sort);
    }
}
