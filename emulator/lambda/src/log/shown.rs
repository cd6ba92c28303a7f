//! The part of a function's log that is shown on standard error. A function that writes without end would fill a terminal, and the
//! disk that the log is sent to. What Lambda itself logs and returns is not affected.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hardcap_core::clock::{Clock, Stopwatch};
use hardcap_core::token_bucket::TokenBucket;
use hardcap_limits::{Bytes, grouped};

/// The bytes that a function may write at once.
pub(super) const AT_ONCE: u64 = 1024 * 1024;
/// The bytes that it may write in a second afterwards.
pub(super) const IN_A_SECOND: u64 = 64 * 1024;
/// The bytes that a line has in addition to its text: its time, its level and the name of the function.
const AROUND: u64 = 64;

/// The lines of all sandboxes of a function on standard error.
#[derive(Debug)]
pub(crate) struct ShownLines {
    watch: Stopwatch,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    bucket: TokenBucket,
    /// Whether the last line was left out.
    is_closed: bool,
    /// What was left out since the last notice.
    left_out: Option<LeftOut>,
}

/// Lines that are not shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LeftOut {
    pub(super) lines: u64,
    /// The bytes of their texts.
    pub(super) bytes: u64,
}

impl Default for ShownLines {
    fn default() -> ShownLines {
        let bucket = TokenBucket::new(Bytes(AT_ONCE), Bytes(IN_A_SECOND));
        let state = Mutex::new(State { bucket, is_closed: false, left_out: None });
        ShownLines { watch: Clock::default().stopwatch(), state }
    }
}

impl ShownLines {
    /// Whether a line of a process is shown.
    pub(super) fn admit(&self, line: &[u8]) -> bool {
        self.admit_at(line, self.watch.elapsed())
    }

    fn admit_at(&self, line: &[u8], now: Duration) -> bool {
        // A terminal shows each part between carriage returns as a line.
        let parts = 1 + line.iter().filter(|byte| **byte == b'\r').count() as u64;
        let bytes = line.len() as u64 + parts * AROUND;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        // Once a line is left out, the others are too until those of one second may be shown, so that there are few notices.
        let needed = if state.is_closed { bytes.max(IN_A_SECOND) } else { bytes };
        state.is_closed = state.bucket.level_at(now) < needed;
        if state.is_closed {
            let left_out = state.left_out.get_or_insert(LeftOut { lines: 0, bytes: 0 });
            left_out.lines += 1;
            left_out.bytes += line.len() as u64;
            return false;
        }
        // The bucket has these bytes, so the delay is 0.
        let _ = state.bucket.wait(bytes, now);
        true
    }

    /// What was left out since the last call, for the notice before a line that is shown.
    pub(super) fn left_out(&self) -> Option<LeftOut> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).left_out.take()
    }
}

impl LeftOut {
    /// The notice about lines of a function.
    pub(super) fn notice(self, function: &str) -> String {
        let lines = if self.lines == 1 { "line" } else { "lines" };
        format!(
            "hardcap: {} {lines} with {} bytes are left out here: standard error shows {} bytes of a function at once, and {} in a \
             second; `hardcap logs {function}` has the newest lines",
            grouped(self.lines),
            grouped(self.bytes),
            grouped(AT_ONCE),
            grouped(IN_A_SECOND)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Duration = Duration::ZERO;

    /// A line that takes this many bytes of the bucket.
    fn line(bytes: u64) -> Vec<u8> {
        vec![b'x'; usize::try_from(bytes - 64).unwrap()]
    }

    #[test]
    fn a_mebibyte_is_shown_at_once_and_the_next_line_is_left_out() {
        let shown = ShownLines::default();
        for _ in 0..1024 {
            assert!(shown.admit_at(&line(1024), START));
        }
        assert_eq!(shown.left_out(), None);
        assert!(!shown.admit_at(&line(65), START));
        assert!(!shown.admit_at(&line(164), START));
        assert_eq!(shown.left_out(), Some(LeftOut { lines: 2, bytes: 101 }));
        assert_eq!(shown.left_out(), None, "the count begins again");
    }

    #[test]
    fn after_a_second_the_lines_of_a_second_are_shown_and_the_first_says_what_was_left_out() {
        let shown = ShownLines::default();
        assert!(shown.admit_at(&line(1024 * 1024), START));
        assert!(!shown.admit_at(&line(1000), START));
        assert!(!shown.admit_at(&line(1000), Duration::from_millis(999)));
        let second = Duration::from_secs(1);
        assert!(shown.admit_at(&line(32 * 1024), second));
        assert_eq!(shown.left_out(), Some(LeftOut { lines: 2, bytes: 2 * 936 }));
        assert!(shown.admit_at(&line(32 * 1024), second));
        assert!(!shown.admit_at(&line(65), second));
    }

    #[test]
    fn a_carriage_return_counts_as_a_line() {
        let shown = ShownLines::default();
        // 16,130 + 16,131 * 64 = 1,048,514
        assert!(shown.admit_at(&[b'\r'; 16_130], START));
        assert!(!shown.admit_at(b"", START), "62 bytes are left");
    }

    #[test]
    fn the_notice_says_how_much_is_left_out_and_where_the_lines_are() {
        let notice = LeftOut { lines: 1_234, bytes: 5_678_901 }.notice("Hello");
        assert_eq!(
            notice,
            "hardcap: 1,234 lines with 5,678,901 bytes are left out here: standard error shows 1,048,576 bytes of a function at \
             once, and 65,536 in a second; `hardcap logs Hello` has the newest lines"
        );
        let one = LeftOut { lines: 1, bytes: 1 }.notice("Hello");
        assert!(one.starts_with("hardcap: 1 line with 1 bytes are left out here"), "{one}");
    }
}
