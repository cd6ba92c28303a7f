//! The newest log lines of functions and of the platform, bounded in lines and bytes.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;

use crate::clock::{Clock, EpochMillis};

/// The maximum number of kept lines, and of their bytes. Older lines are dropped.
const LINES_MAX: usize = 10_000;
const BYTES_MAX: usize = 8 * 1024 * 1024;
/// The number of lines that a watcher may lag behind before it misses some.
const BEHIND_MAX: usize = 1_024;

/// One log line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// The time of writing.
    pub at: EpochMillis,
    /// A number that counts all lines of a run.
    #[serde(default)]
    pub number: u64,
    /// The function's name.
    pub function: String,
    /// The log stream: one for each sandbox.
    #[serde(default)]
    pub stream: String,
    /// The id of the request that the sandbox was started for or has received last. A line of a sandbox that was started without a
    /// request has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The text, without its line end.
    pub text: String,
}

/// Splits a log line into the lines that a terminal shows. AWS's Python runtime separates the lines of a traceback by carriage
/// returns, which would make a terminal overwrite each line with the next.
pub fn shown_lines(text: &str) -> impl Iterator<Item = &str> {
    text.trim_end_matches('\r').split('\r')
}

/// The log lines of all functions. Cheap to clone; all clones share one buffer.
#[derive(Clone, Debug)]
pub struct LogBuffer {
    clock: Clock,
    kept: Arc<Mutex<KeptLines>>,
    live: broadcast::Sender<Arc<LogLine>>,
}

#[derive(Debug, Default)]
struct KeptLines {
    lines: VecDeque<Arc<LogLine>>,
    bytes: usize,
    /// The number of the next line.
    next: u64,
}

impl LogBuffer {
    /// An empty buffer.
    pub fn new(clock: Clock) -> LogBuffer {
        let (live, _) = broadcast::channel(BEHIND_MAX);
        LogBuffer { clock, kept: Arc::default(), live }
    }

    /// Adds a line of a function to the log stream of its sandbox.
    pub fn write(&self, function: &str, stream: &str, request_id: Option<&str>, text: &[u8]) {
        // Valid UTF-8 is the usual case, and costs far less than a search for what is not valid.
        let text = std::str::from_utf8(text)
            .map_or_else(|_| String::from_utf8_lossy(text).into_owned(), str::to_owned);
        let (function, stream) = (function.to_owned(), stream.to_owned());
        let request_id = request_id.map(str::to_owned);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, number) = (self.clock.now(), kept.next);
        let line = Arc::new(LogLine { at, number, function, stream, request_id, text });
        kept.next += 1;
        kept.bytes += line.text.len();
        kept.lines.push_back(Arc::clone(&line));
        while kept.lines.len() > LINES_MAX || kept.bytes > BYTES_MAX {
            let Some(oldest) = kept.lines.pop_front() else { break };
            kept.bytes -= oldest.text.len();
        }
        // Sent under the lock, so that a new watcher gets each line exactly once. Usually there is no watcher.
        let _ = self.live.send(line);
    }

    /// The kept lines, oldest first.
    pub fn lines(&self) -> Vec<Arc<LogLine>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.lines.iter().cloned().collect()
    }

    /// Removes every line.
    pub fn clear(&self) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.lines.clear();
        kept.bytes = 0;
    }

    /// The kept lines of a request, oldest first: those that carry its id, and those whose text contains it.
    pub fn of_request(&self, request_id: &str) -> Vec<Arc<LogLine>> {
        let mut lines = self.lines();
        lines.retain(|line| {
            line.request_id.as_deref() == Some(request_id) || line.text.contains(request_id)
        });
        lines
    }

    /// The kept lines, and a receiver of all later ones.
    pub fn watch(&self) -> (VecDeque<Arc<LogLine>>, broadcast::Receiver<Arc<LogLine>>) {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        (kept.lines.clone(), self.live.subscribe())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_lines_are_kept_within_both_bounds() {
        let log_buffer = LogBuffer::new(Clock::default());
        for number in 0..10_010 {
            log_buffer.write("f", "s", None, number.to_string().as_bytes());
        }
        let lines = log_buffer.lines();
        assert_eq!((lines.len(), lines[0].text.as_str()), (10_000, "10"));
        log_buffer.write("f", "s", None, &vec![b'x'; 8 * 1024 * 1024]);
        assert_eq!(log_buffer.lines().len(), 1, "one line of 8 MiB leaves no room for others");
        log_buffer.clear();
        log_buffer.write("f", "s", None, b"after");
        log_buffer.write("f", "s", None, &vec![b'x'; 8 * 1024 * 1024 - 5]);
        assert_eq!(
            log_buffer.lines().len(),
            2,
            "a log_buffer that was cleared has all of its room"
        );
        log_buffer.write("f", "s", None, &vec![b'y'; 8 * 1024 * 1024 + 1]);
        assert!(
            log_buffer.lines().is_empty(),
            "one that is larger than all there is room for is not kept"
        );
    }

    #[test]
    fn carriage_returns_split_a_line_for_terminals_and_blank_lines_stay() {
        for (text, expected) in [
            ("", &[""][..]),
            ("one", &["one"]),
            ("one\r", &["one"]),
            ("a\r  b\r\rc", &["a", "  b", "", "c"]),
        ] {
            assert_eq!(shown_lines(text).collect::<Vec<_>>(), expected, "{text:?}");
        }
    }

    #[test]
    fn a_request_has_the_lines_that_carry_its_id_and_those_that_mention_it() {
        let log_buffer = LogBuffer::new(Clock::default());
        for (stream, request_id, text) in [
            ("1", None, "loading"),
            ("1", Some("id-a"), "one"),
            ("2", Some("id-b"), "two"),
            ("2", Some("id-b"), "called by id-a"),
        ] {
            log_buffer.write("f", stream, request_id, text.as_bytes());
        }
        let of = |id: &str| {
            let lines = log_buffer.of_request(id);
            lines.iter().map(|line| line.text.clone()).collect::<Vec<_>>()
        };
        assert_eq!(of("id-a"), ["one", "called by id-a"]);
        assert_eq!(of("id-b"), ["two", "called by id-a"]);
        assert!(of("id-c").is_empty());
    }

    #[tokio::test]
    async fn a_watcher_receives_every_line_once() {
        let log_buffer = LogBuffer::new(Clock::default());
        log_buffer.write("f", "s", None, b"before");
        let (kept, mut live) = log_buffer.watch();
        log_buffer.write("f", "s", None, b"after");
        assert_eq!(kept.iter().map(|line| line.text.as_str()).collect::<Vec<_>>(), ["before"]);
        assert_eq!(live.recv().await.expect("it was sent").text, "after");
    }
}
