//! Exports: all hits of a search as one object, one JSON document a line, read with `search_after` and a point in time.
//!
//! One step writes one part of the upload, of whole pages. The state is the position in the search and the parts so far. A
//! repeated step writes the same part again.

mod ahead;
mod lines;
mod reading;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::hashing::Hashing;
use super::outcome::{JobError, Output, Progress};
use super::ports::{Part, PortError};
use super::search::{PointInTime, Search, SearchError};
use super::work::{Context, Job, Results, Step, StepError};
use crate::object::{self, ObjectError};
use ahead::ReadAhead;
use lines::PartBuffer;
use reading::SearchReader;

/// The maximum number of parts of an upload in S3.
const PARTS_MAX: usize = 10_000;
/// The number of times that an export restarts because its point in time or its upload was lost.
const RESTARTS_MAX: u32 = 2;

/// The request for an export.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The index, or several with commas and stars.
    pub index: String,
    /// The members of the search's body: `query`, `sort`, `_source` and the like.
    #[serde(default)]
    pub search: Map<String, Value>,
    /// The number of hits of a page.
    #[serde(default, deserialize_with = "crate::integer::optional")]
    pub page_size: Option<u64>,
    /// Whether the result is compressed.
    #[serde(default)]
    pub gzip: bool,
}

/// The tools of an export.
#[derive(Clone)]
pub struct Tools {
    /// The cluster.
    pub search: Arc<dyn Search>,
    /// The minimum size of a part, in bytes; S3 requires 5 MiB.
    pub part_bytes: usize,
    /// The maximum size of the result, in bytes.
    pub result_max: u64,
}

impl fmt::Debug for Tools {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tools").field("part_bytes", &self.part_bytes).finish_non_exhaustive()
    }
}

/// The state of an export.
#[derive(Default, Serialize, Deserialize)]
pub struct Export {
    point: Option<PointInTime>,
    /// The sort values of the last stored hit, unchanged.
    after: Option<Box<RawValue>>,
    page_hits: Option<u64>,
    total: Option<u64>,
    hits: u64,
    bytes: u64,
    hashing: Hashing,
    upload: Option<Upload>,
    done: Option<Output>,
    restarts: u32,
    /// The read of the next part, during the upload of this one. Without it the next step reads the same pages.
    #[serde(skip)]
    ahead: ReadAhead,
}

impl fmt::Debug for Export {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Export { hits, bytes, restarts, .. } = self;
        let mut debug = f.debug_struct("Export");
        debug.field("hits", hits).field("bytes", bytes).field("restarts", restarts);
        debug.finish_non_exhaustive()
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Upload {
    name: String,
    id: String,
    parts: Vec<Part>,
}

/// Why a request for an export is invalid.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The body is not the expected object.
    #[error(transparent)]
    Body(#[from] ObjectError),
    /// The index is not one.
    #[error("`{}` is not an index", .0.escape_default())]
    Index(String),
    /// A member of `search` is reserved.
    #[error("`search` contains `{0}`, which the export sets itself")]
    Reserved(&'static str),
    /// The page size is out of range.
    #[error("`page_size` is not between 1 and 10000")]
    PageSize,
}

/// Reads a request for an export.
///
/// # Errors
///
/// [`ExportError`].
pub fn read(body: &[u8]) -> Result<Request, ExportError> {
    let request: Request = object::read(body)?;
    let index = request.index.as_str();
    let odd = |c: char| c.is_control() || matches!(c, '/' | '\\' | '?' | '#' | '%' | ' ' | '"');
    // A name that begins with `_` is a route of the cluster.
    if index.is_empty()
        || index.chars().count() > 1024
        || index.starts_with(['_', '.'])
        || index.contains(odd)
    {
        return Err(ExportError::Index(request.index));
    }
    for ours in ["pit", "search_after", "size", "from", "scroll", "track_total_hits"] {
        if request.search.contains_key(ours) {
            return Err(ExportError::Reserved(ours));
        }
    }
    if request.page_size.is_some_and(|size| !(1..=10_000).contains(&size)) {
        return Err(ExportError::PageSize);
    }
    Ok(request)
}

impl Job for Export {
    const KIND: &'static str = "export";
    type Input = Request;
    type Tools = Tools;

    async fn step(&mut self, context: &Context<'_, Self>) -> Result<Step, StepError> {
        if let Some(output) = self.done.clone() {
            self.clean_up(context.tools).await;
            return Ok(Step::Complete(output));
        }
        let filled = match self.ahead.take() {
            Some(ahead) => ahead.await,
            None => match self.reading(context).await {
                Ok(reading) => reading.fill().await,
                Err(error) => Err(error),
            },
        };
        match filled {
            Ok((lot, reading)) => self.store_and_read_on(context, lot, reading).await,
            Err(SearchError::Lost) if self.point.take().is_some() => self.restart(context).await,
            Err(error) => Err(error.into()),
        }
    }

    async fn clean_up(&mut self, tools: &Tools) {
        if let Some(point) = self.point.take() {
            tools.search.close(&point).await;
        }
    }

    fn progress(&self) -> Progress {
        Progress { items: self.hits, items_total: self.total, bytes: self.bytes }
    }
}

impl Export {
    /// The reader of the search at its current position; opens a point in time if there is none.
    async fn reading(&mut self, context: &Context<'_, Self>) -> Result<SearchReader, SearchError> {
        let point = match &self.point {
            Some(point) => point.clone(),
            None => {
                let opened = context.tools.search.open(&context.input.index).await?;
                self.point.insert(opened).clone()
            }
        };
        Ok(SearchReader {
            tools: context.tools.clone(),
            request: context.input.clone(),
            point,
            after: self.after.clone(),
            page_hits: self.page_hits,
            total: self.total,
        })
    }

    /// Stores a part and reads the next one during the upload.
    async fn store_and_read_on(
        &mut self,
        context: &Context<'_, Self>,
        lot: PartBuffer,
        reading: SearchReader,
    ) -> Result<Step, StepError> {
        self.point = Some(reading.point.clone());
        self.after.clone_from(&reading.after);
        self.page_hits = reading.page_hits;
        self.total = reading.total;
        let has_next_step = !lot.is_last && context.has_next_step();
        let mut ahead = ReadAhead::default();
        if has_next_step {
            ahead = ReadAhead::of(reading.fill());
        }
        let stored = ahead.during(self.store(context, lot)).await;
        // Without an upload the export was restarted, so the read is not used.
        if self.upload.is_some() {
            self.ahead = ahead;
        }
        stored
    }

    /// Stores a part, and completes the object after the last one.
    async fn store(
        &mut self,
        context: &Context<'_, Self>,
        lot: PartBuffer,
    ) -> Result<Step, StepError> {
        let PartBuffer { writer, hits, is_last } = lot;
        let bytes = if hits == 0 && self.bytes > 0 { Bytes::new() } else { writer.finish() };
        self.hits += hits;
        self.bytes += bytes.len() as u64;
        self.hashing.update(&bytes);
        self.admit(context.tools, is_last)?;
        let headers = headers(context.input.gzip);
        if is_last && self.upload.is_none() {
            self.done = Some(Output::put(context, headers, bytes).await?);
            return Ok(Step::Continue);
        }
        let results = context.results;
        let mut upload = match self.upload.take() {
            Some(upload) => upload,
            None => {
                let name = results.fresh_name();
                let id = results.begin(&name, &headers).await?;
                Upload { name, id, parts: Vec::new() }
            }
        };
        let whole = self.bytes;
        match send(results, &mut upload, bytes, is_last.then_some(whole)).await {
            Ok(()) => {}
            // An earlier run has ended the upload. If it completed the object, the result is whole.
            Err(PortError::Missing(_))
                if is_last && results.size(&upload.name).await? == Some(whole) => {}
            Err(PortError::Missing(_)) => return self.restart(context).await,
            Err(error) => return Err(error.into()),
        }
        if is_last {
            let (name, sha256) = (upload.name, self.hashing.hex());
            self.done = Some(Output { name, bytes: whole, sha256, status: 200, headers });
        } else {
            self.upload = Some(upload);
        }
        Ok(Step::Continue)
    }

    fn admit(&self, tools: &Tools, is_last: bool) -> Result<(), JobError> {
        let title = "The export is too large";
        if self.bytes > tools.result_max {
            let detail = format!(
                "The result has more than {} bytes. Narrow the search, or raise MAX_BODY_BYTES.",
                tools.result_max
            );
            return Err(JobError::new("result_too_large", title, detail));
        }
        if self.upload.as_ref().is_some_and(|upload| upload.parts.len() >= PARTS_MAX) {
            let detail = format!(
                "The result has more than {PARTS_MAX} parts. Narrow the search, or compress the result."
            );
            return Err(JobError::new("result_too_large", title, detail));
        }
        match self.total {
            Some(total) if is_last && total != self.hits => {
                let detail = format!(
                    "The search has {total} hits, but {} were read. Use a `sort` without ties to read them all.",
                    self.hits
                );
                Err(JobError::new("incomplete", "The export is incomplete", detail))
            }
            _ => Ok(()),
        }
    }

    /// Restarts the export after its point in time or its upload was lost.
    async fn restart(&mut self, context: &Context<'_, Self>) -> Result<Step, StepError> {
        if self.restarts >= RESTARTS_MAX {
            let tries = self.restarts + 1;
            let detail = format!("The point in time or the upload was lost {tries} times.");
            let title = "The progress of the export was lost";
            return Err(JobError::new("export_lost", title, detail).into());
        }
        self.clean_up(context.tools).await;
        if let Some(upload) = &self.upload {
            context.results.abort(&upload.name, &upload.id).await?;
        }
        *self = Export { restarts: self.restarts + 1, ..Export::default() };
        Ok(Step::Continue)
    }
}

/// Stores a part. After the last one, completes the object, which has `whole` bytes.
async fn send(
    results: Results<'_>,
    upload: &mut Upload,
    bytes: Bytes,
    whole: Option<u64>,
) -> Result<(), PortError> {
    if !bytes.is_empty() {
        let number = i32::try_from(upload.parts.len() + 1).unwrap_or(i32::MAX);
        upload.parts.push(results.part(&upload.name, &upload.id, number, bytes).await?);
    }
    match whole {
        Some(whole) => results.complete(&upload.name, &upload.id, &upload.parts, whole).await,
        None => Ok(()),
    }
}

fn headers(gzip: bool) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    if gzip {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    headers
}

#[cfg(test)]
mod tests;
