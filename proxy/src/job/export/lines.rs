//! Hits as lines: unchanged, one a line, optionally compressed.

use std::io::Write as _;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::job::outcome::JobError;
use crate::job::search::SearchError;

/// The response to a search, as far as it is needed. Hits are copied unchanged.
#[derive(Deserialize)]
pub(super) struct Page<'a> {
    pub(super) pit_id: Option<String>,
    #[serde(default)]
    pub(super) timed_out: bool,
    #[serde(default, rename = "_shards")]
    pub(super) shards: Shards,
    #[serde(borrow)]
    pub(super) hits: Hits<'a>,
}

#[derive(Default, Deserialize)]
pub(super) struct Shards {
    #[serde(default)]
    pub(super) failed: u64,
}

#[derive(Deserialize)]
pub(super) struct Hits<'a> {
    pub(super) total: Option<Total>,
    #[serde(borrow)]
    pub(super) hits: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
pub(super) struct Total {
    pub(super) value: u64,
}

#[derive(Deserialize)]
pub(super) struct Sorted {
    pub(super) sort: Option<Box<RawValue>>,
}

/// The lines of the next part.
pub(super) struct PartBuffer {
    pub(super) writer: Writer,
    pub(super) hits: u64,
    pub(super) is_last: bool,
}

pub(super) enum Writer {
    Plain(Vec<u8>),
    /// A gzip member: concatenated members are a gzip file.
    Gzip(Box<GzEncoder<Vec<u8>>>),
}

/// Refuses a page from which the cluster left out hits.
pub(super) fn whole(page: &Page<'_>) -> Result<(), SearchError> {
    if page.timed_out || page.shards.failed > 0 {
        let failed = page.shards.failed;
        return Err(SearchError::Again(format!(
            "the page is incomplete: timed_out is {}, failed shards: {failed}",
            page.timed_out
        )));
    }
    Ok(())
}

impl PartBuffer {
    /// Adds the hits of a page and returns the sort values of the last one, if there is one.
    pub(super) fn take(
        &mut self,
        hits: &[&RawValue],
    ) -> Result<Option<Box<RawValue>>, SearchError> {
        for hit in hits {
            self.writer.line(hit.get());
        }
        self.hits += hits.len() as u64;
        let Some(last) = hits.last() else {
            return Ok(None);
        };
        let sorted: Result<Sorted, _> = serde_json::from_str(last.get());
        if let Ok(Sorted { sort: Some(sort) }) = sorted {
            return Ok(Some(sort));
        }
        let title = "The upstream does not sort";
        let detail = "A hit has no `sort`, so the next page cannot be requested.";
        Err(SearchError::Failed(JobError::new("unsorted", title, detail)))
    }
}

impl Writer {
    pub(super) fn new(gzip: bool) -> Writer {
        if gzip {
            return Writer::Gzip(Box::new(GzEncoder::new(Vec::new(), Compression::default())));
        }
        Writer::Plain(Vec::new())
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Writer::Plain(bytes) => bytes.len(),
            Writer::Gzip(encoder) => encoder.get_ref().len(),
        }
    }

    pub(super) fn line(&mut self, hit: &str) {
        // A line break between the tokens of a hit is white space; JSON strings contain none.
        let whole = memchr::memchr2(b'\n', b'\r', hit.as_bytes()).is_some();
        let joined = if whole { hit.replace(['\n', '\r'], " ") } else { String::new() };
        let text = if whole { joined.as_str() } else { hit };
        for bytes in [text.as_bytes(), b"\n"] {
            match self {
                Writer::Plain(whole) => whole.extend_from_slice(bytes),
                Writer::Gzip(encoder) => {
                    encoder.write_all(bytes).expect("writing to a Vec does not fail");
                }
            }
        }
    }

    pub(super) fn finish(self) -> Bytes {
        match self {
            Writer::Plain(bytes) => bytes.into(),
            Writer::Gzip(encoder) => {
                encoder.finish().expect("writing to a Vec does not fail").into()
            }
        }
    }
}
