//! What one rendering may use.

use crate::RenderError;

/// The maximum number of nodes, expressions, items and groups of characters that a rendering visits.
pub(crate) const STEPS_MAX: u64 = 2_000_000;
/// The maximum size in bytes of all values that a rendering makes, and of its text.
pub(crate) const SIZE_MAX: usize = 64 * 1024 * 1024;

/// The steps and the memory that are left.
#[derive(Debug)]
pub(crate) struct Budget {
    steps: u64,
    bytes: usize,
}

impl Budget {
    pub(crate) fn new() -> Budget {
        Budget { steps: STEPS_MAX, bytes: SIZE_MAX }
    }

    /// Counts steps.
    pub(crate) fn spend(&mut self, steps: usize) -> Result<(), RenderError> {
        let left = u64::try_from(steps).ok().and_then(|steps| self.steps.checked_sub(steps));
        self.steps = left.ok_or(RenderError::Steps(STEPS_MAX))?;
        Ok(())
    }

    /// Counts memory.
    pub(crate) fn allocate(&mut self, bytes: usize) -> Result<(), RenderError> {
        let left = self.bytes.checked_sub(bytes).ok_or(RenderError::Size(SIZE_MAX))?;
        self.bytes = left;
        Ok(())
    }

    /// Counts the reading of a text: searches visit many characters in a step.
    pub(crate) fn read(&mut self, text: &str) -> Result<(), RenderError> {
        self.spend(1 + text.len() / 64)
    }

    /// Counts a list of new items.
    pub(crate) fn items(&mut self, count: usize) -> Result<(), RenderError> {
        self.spend(1 + count / 4)?;
        self.allocate(count.saturating_mul(ITEM_SIZE))
    }
}

/// The approximate size in bytes of an item of a list.
const ITEM_SIZE: usize = 32;
/// The approximate size in bytes of a member of a map.
pub(crate) const MEMBER_SIZE: usize = 128;
