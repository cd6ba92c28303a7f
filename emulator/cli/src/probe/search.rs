//! The search for a cutoff: the next size to try, given the sizes that passed and failed. Pure.

/// A search for a cutoff: doubles the size until a request fails, then halves the gap.
#[derive(Clone, Debug)]
pub struct Search {
    passed: Option<u64>,
    failed: Option<u64>,
    start: u64,
    max: u64,
}

/// The result of a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// `passes` is the largest size that passes; one more fails.
    Cutoff {
        /// The last size that passes.
        passes: u64,
    },
    /// Not even the smallest size passes.
    NothingPasses {
        /// The size that failed.
        failed: u64,
    },
    /// Even the largest size passes.
    EverythingPasses {
        /// The largest size.
        max: u64,
    },
}

impl Search {
    /// Begins at `start` and never tries more than `max`.
    #[must_use]
    pub fn new(start: u64, max: u64) -> Search {
        Search { passed: None, failed: None, start: start.min(max), max }
    }

    /// The size to try next.
    ///
    /// # Errors
    ///
    /// The result, if the search is over.
    pub fn next(&self) -> Result<u64, Found> {
        match (self.passed, self.failed) {
            (None, None) => Ok(self.start),
            // The start was too large. A response without a body has the size 0.
            (None, Some(0)) => Err(Found::NothingPasses { failed: 0 }),
            (None, Some(_)) => Ok(0),
            (Some(passed), None) if passed == self.max => {
                Err(Found::EverythingPasses { max: self.max })
            }
            (Some(passed), None) => Ok(passed.saturating_mul(2).clamp(1, self.max)),
            (Some(passed), Some(failed)) if failed - passed == 1 => {
                Err(Found::Cutoff { passes: passed })
            }
            (Some(passed), Some(failed)) => Ok(passed + (failed - passed) / 2),
        }
    }

    /// Adds the outcome at a size from [`Search::next`].
    pub fn note(&mut self, size: u64, passed: bool) {
        let side = if passed { &mut self.passed } else { &mut self.failed };
        *side = Some(size);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn find(start: u64, max: u64, passes: impl Fn(u64) -> bool) -> (Found, u32) {
        let mut search = Search::new(start, max);
        for tries in 0..200 {
            match search.next() {
                Ok(size) => search.note(size, passes(size)),
                Err(found) => return (found, tries),
            }
        }
        panic!("the search does not end: {search:?}");
    }

    proptest! {
        #[test]
        fn finds_every_cutoff_in_few_tries(cutoff in 0_u64..100_000_000, start in 0_u64..1_000_000) {
            let (found, tries) = find(start, 200_000_000, |size| size <= cutoff);
            prop_assert_eq!(found, Found::Cutoff { passes: cutoff });
            prop_assert!(tries <= 60, "{} tries", tries);
        }
    }

    #[test]
    fn a_search_without_a_cutoff_is_reported() {
        assert_eq!(find(1024, 5_000, |_| true).0, Found::EverythingPasses { max: 5_000 });
        assert_eq!(find(1024, 5_000, |_| false).0, Found::NothingPasses { failed: 0 });
    }
}
