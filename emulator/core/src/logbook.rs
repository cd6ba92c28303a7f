//! The newest lines that functions and the platform around them have logged, for whoever asks; bounded in lines and bytes.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;

use crate::clock::{Clock, EpochMillis};

/// Older lines are forgotten when there are more than this many, or more bytes than that.
const LINES_MAX: usize = 10_000;
const BYTES_MAX: usize = 8 * 1024 * 1024;
/// How far a watcher may be behind before it misses lines.
const BEHIND_MAX: usize = 1_024;

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// When it was written.
    pub at: EpochMillis,
    /// Counts all lines of a run.
    #[serde(default)]
    pub number: u64,
    /// The function's name.
    pub function: String,
    /// The log stream: that of the sandbox.
    #[serde(default)]
    pub stream: String,
    /// The line, without its end.
    pub text: String,
}

/// The lines that a terminal shows of one line of a log. AWS's Python runtime separates the lines of a traceback by carriage
/// returns, with which a terminal would write them one over the other.
pub fn shown_lines(text: &str) -> impl Iterator<Item = &str> {
    text.trim_end_matches('\r').split('\r')
}

/// Cheap to clone; all clones share one store.
#[derive(Clone, Debug)]
pub struct Logbook {
    clock: Clock,
    kept: Arc<Mutex<Kept>>,
    live: broadcast::Sender<Arc<Line>>,
}

#[derive(Debug, Default)]
struct Kept {
    lines: VecDeque<Arc<Line>>,
    bytes: usize,
    /// The number of the next line.
    next: u64,
}

impl Logbook {
    /// An empty logbook.
    pub fn new(clock: Clock) -> Logbook {
        let (live, _) = broadcast::channel(BEHIND_MAX);
        Logbook { clock, kept: Arc::default(), live }
    }

    /// A function has written a line to the log stream of its sandbox.
    pub fn write(&self, function: &str, stream: &str, text: &[u8]) {
        let text = String::from_utf8_lossy(text).into_owned();
        let (function, stream) = (function.to_owned(), stream.to_owned());
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let line =
            Arc::new(Line { at: self.clock.now(), number: kept.next, function, stream, text });
        kept.next += 1;
        kept.bytes += line.text.len();
        kept.lines.push_back(Arc::clone(&line));
        while kept.lines.len() > LINES_MAX || kept.bytes > BYTES_MAX {
            let Some(oldest) = kept.lines.pop_front() else { break };
            kept.bytes -= oldest.text.len();
        }
        // While nobody can begin to watch, so that no watcher has it twice or never. No watcher is the usual case.
        let _ = self.live.send(line);
    }

    /// The lines that are kept, oldest first.
    pub fn lines(&self) -> Vec<Arc<Line>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.lines.iter().cloned().collect()
    }

    /// The lines that are kept, and every one from now on.
    pub fn watch(&self) -> (VecDeque<Arc<Line>>, broadcast::Receiver<Arc<Line>>) {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        (kept.lines.clone(), self.live.subscribe())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_lines_are_kept_within_both_bounds() {
        let logbook = Logbook::new(Clock::default());
        for number in 0..10_010 {
            logbook.write("f", "s", number.to_string().as_bytes());
        }
        let lines = logbook.lines();
        assert_eq!((lines.len(), lines[0].text.as_str()), (10_000, "10"));
        logbook.write("f", "s", &vec![b'x'; 8 * 1024 * 1024]);
        assert_eq!(logbook.lines().len(), 1, "one line of 8 MiB leaves no room for others");
        logbook.write("f", "s", &vec![b'y'; 8 * 1024 * 1024 + 1]);
        assert!(
            logbook.lines().is_empty(),
            "one that is larger than all there is room for is not kept"
        );
    }

    #[test]
    fn carriage_returns_separate_lines_that_are_shown_and_blank_lines_stay() {
        for (text, expected) in [
            ("", &[""][..]),
            ("one", &["one"]),
            ("one\r", &["one"]),
            ("a\r  b\r\rc", &["a", "  b", "", "c"]),
        ] {
            assert_eq!(shown_lines(text).collect::<Vec<_>>(), expected, "{text:?}");
        }
    }

    #[tokio::test]
    async fn a_watcher_has_every_line_once() {
        let logbook = Logbook::new(Clock::default());
        logbook.write("f", "s", b"before");
        let (kept, mut live) = logbook.watch();
        logbook.write("f", "s", b"after");
        assert_eq!(kept.iter().map(|line| line.text.as_str()).collect::<Vec<_>>(), ["before"]);
        assert_eq!(live.recv().await.expect("it was sent").text, "after");
    }
}
