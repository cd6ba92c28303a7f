//! Open scrolls and points in time.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Index;

/// `search.max_open_scroll_context`.
const OPEN_MAX: usize = 500;

/// Too many cursors are open. The text is that of Elasticsearch.
#[derive(Debug, thiserror::Error)]
#[error("Trying to create too many scroll contexts. Must be less than or equal to: [{OPEN_MAX}].")]
pub(super) struct TooManyCursors;

/// The position of a cursor.
#[derive(Clone, Debug)]
pub(super) struct Cursor {
    pub(super) index: Index,
    pub(super) name: String,
    pub(super) size: u64,
    /// The position of the next hit.
    pub(super) next: u64,
    pub(super) descending: bool,
}

/// All open cursors, by id. Their time to live is not modelled: they end when they are closed.
#[derive(Debug, Default)]
pub(super) struct Cursors {
    open: Mutex<HashMap<String, Cursor>>,
}

impl Cursors {
    /// Opens a cursor; an error if too many are open.
    pub(super) fn open(&self, cursor: Cursor) -> Result<String, TooManyCursors> {
        let mut open = self.lock();
        if open.len() >= OPEN_MAX {
            return Err(TooManyCursors);
        }
        let id = uuid::Uuid::new_v4().simple().to_string();
        open.insert(id.clone(), cursor);
        Ok(id)
    }

    /// The current position of a cursor.
    pub(super) fn find(&self, id: &str) -> Option<Cursor> {
        self.lock().get(id).cloned()
    }

    /// The current position of a cursor, which then advances by its page size.
    pub(super) fn advance(&self, id: &str) -> Option<Cursor> {
        let mut open = self.lock();
        let cursor = open.get_mut(id)?;
        let now = cursor.clone();
        cursor.next = cursor.next.saturating_add(cursor.size).min(cursor.index.documents);
        Some(now)
    }

    /// Closes some cursors; returns how many were open.
    pub(super) fn close(&self, ids: &[String]) -> usize {
        let mut open = self.lock();
        ids.iter().filter(|id| open.remove(*id).is_some()).count()
    }

    /// Closes all cursors; returns how many were open.
    pub(super) fn close_all(&self) -> usize {
        let mut open = self.lock();
        let count = open.len();
        open.clear();
        count
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Cursor>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
