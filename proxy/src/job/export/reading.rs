//! Reading a search page by page, until a part is full.

use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::lines::{Page, PartBuffer, Writer, whole};
use super::{Request, Tools};
use crate::job::search::{self, PointInTime, SearchError};

/// The default number of hits of a page.
const PAGE_HITS: u64 = 1000;
/// The maximum size of a page, in bytes. A larger page is requested again with half the hits.
const PAGE_BYTES: usize = 16_777_216;
/// A search and the position in it. It owns its data, because it may outlive the step that started it.
pub(super) struct SearchReader {
    pub(super) tools: Tools,
    pub(super) request: Request,
    pub(super) point: PointInTime,
    /// The sort values of the last hit that was read.
    pub(super) after: Option<Box<RawValue>>,
    pub(super) page_hits: Option<u64>,
    pub(super) total: Option<u64>,
}

impl SearchReader {
    /// Reads pages until a part is full; returns the part and the position after it.
    pub(super) async fn fill(mut self) -> Result<(PartBuffer, SearchReader), SearchError> {
        let wanted = self.request.page_size.unwrap_or(PAGE_HITS).clamp(1, 10_000);
        let mut page_hits = self.page_hits.unwrap_or(wanted).min(wanted);
        let mut lot =
            PartBuffer { writer: Writer::new(self.request.gzip), hits: 0, is_last: false };
        while !lot.is_last && lot.writer.len() < self.tools.part_bytes {
            let response = match self.tools.search.page(self.body(page_hits), PAGE_BYTES).await {
                Err(SearchError::TooLarge) if page_hits > 1 => {
                    page_hits /= 2;
                    continue;
                }
                response => response?,
            };
            let page: Page<'_> = serde_json::from_slice(&response).map_err(|error| {
                SearchError::Again(format!("the response is not a page: {error}"))
            })?;
            whole(&page)?;
            if let Some(total) = &page.hits.total {
                self.total.get_or_insert(total.value);
            }
            if let Some(id) = page.pit_id {
                self.point.id = id;
            }
            // Only an empty page is certainly the last one.
            lot.is_last = page.hits.hits.is_empty();
            if let Some(after) = lot.take(&page.hits.hits)? {
                self.after = Some(after);
            }
        }
        self.page_hits = Some(page_hits);
        Ok((lot, self))
    }

    fn body(&self, size: u64) -> Value {
        let SearchReader { request, point, after, total, .. } = self;
        let mut body = request.search.clone();
        body.insert("pit".to_owned(), search::named(point));
        body.insert("size".to_owned(), json!(size));
        body.insert("sort".to_owned(), search::sort(request.search.get("sort"), point.flavor));
        body.insert("track_total_hits".to_owned(), json!(total.is_none()));
        let after = after.as_ref().and_then(|after| serde_json::from_str(after.get()).ok());
        if let Some(after) = after {
            body.insert("search_after".to_owned(), after);
        }
        Value::Object(body)
    }
}
