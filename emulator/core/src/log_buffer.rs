//! The newest log lines of functions and of the platform, bounded in lines and bytes.

use std::collections::{HashMap, VecDeque};
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
    pub fn write(&self, function: &str, stream: &str, text: &[u8]) {
        let text = String::from_utf8_lossy(text).into_owned();
        let (function, stream) = (function.to_owned(), stream.to_owned());
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let line =
            Arc::new(LogLine { at: self.clock.now(), number: kept.next, function, stream, text });
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

    /// The lines that are kept of one request, oldest first: in each log stream the lines from its START line to the next one,
    /// because a sandbox runs one invocation at a time, and those of the sandbox's init before its first invocation.
    pub fn of_request(&self, request_id: &str) -> Vec<Arc<LogLine>> {
        let lines = self.lines();
        let mut found = Vec::new();
        let mut streams: HashMap<&str, Stream> = HashMap::new();
        for (at, line) in lines.iter().enumerate() {
            let stream = streams.entry(&line.stream).or_default();
            if let Some(started) = started(&line.text) {
                let had_started = std::mem::replace(&mut stream.has_started, true);
                stream.is_of_request = started == request_id;
                if stream.is_of_request && !had_started {
                    found.append(&mut stream.init);
                }
                stream.init.clear();
            }
            if stream.is_of_request || line.text.contains(request_id) {
                found.push(at);
            } else if !stream.has_started {
                stream.init.push(at);
            }
        }
        found.sort_unstable();
        found.into_iter().map(|at| Arc::clone(&lines[at])).collect()
    }

    /// The kept lines, and a receiver of all later ones.
    pub fn watch(&self) -> (VecDeque<Arc<LogLine>>, broadcast::Receiver<Arc<LogLine>>) {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        (kept.lines.clone(), self.live.subscribe())
    }
}

/// What is known of a log stream while its lines are read.
#[derive(Default)]
struct Stream {
    has_started: bool,
    is_of_request: bool,
    /// The lines before the first START line.
    init: Vec<usize>,
}

/// The request of a START line, `START RequestId: … Version: $LATEST`.
fn started(text: &str) -> Option<&str> {
    text.strip_prefix("START RequestId: ")?.split_whitespace().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_lines_are_kept_within_both_bounds() {
        let log_buffer = LogBuffer::new(Clock::default());
        for number in 0..10_010 {
            log_buffer.write("f", "s", number.to_string().as_bytes());
        }
        let lines = log_buffer.lines();
        assert_eq!((lines.len(), lines[0].text.as_str()), (10_000, "10"));
        log_buffer.write("f", "s", &vec![b'x'; 8 * 1024 * 1024]);
        assert_eq!(log_buffer.lines().len(), 1, "one line of 8 MiB leaves no room for others");
        log_buffer.clear();
        log_buffer.write("f", "s", b"after");
        log_buffer.write("f", "s", &vec![b'x'; 8 * 1024 * 1024 - 5]);
        assert_eq!(
            log_buffer.lines().len(),
            2,
            "a log_buffer that was cleared has all of its room"
        );
        log_buffer.write("f", "s", &vec![b'y'; 8 * 1024 * 1024 + 1]);
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
    fn a_request_has_the_lines_between_its_start_and_the_next_one_of_each_stream() {
        let log_buffer = LogBuffer::new(Clock::default());
        for (stream, text) in [
            ("1", "loading"),
            ("2", "loading another"),
            ("1", "START RequestId: id-a Version: $LATEST"),
            ("2", "START RequestId: id-b Version: $LATEST"),
            ("1", "one"),
            ("2", "two"),
            ("1", "END RequestId: id-a"),
            ("1", "REPORT RequestId: id-a\tDuration: 1.00 ms"),
            ("1", "START RequestId: id-b Version: $LATEST"),
            ("1", "three"),
        ] {
            log_buffer.write("f", stream, text.as_bytes());
        }
        let of = |id: &str| {
            let lines = log_buffer.of_request(id);
            lines.iter().map(|line| format!("{} {}", line.stream, line.text)).collect::<Vec<_>>()
        };
        assert_eq!(
            of("id-a"),
            [
                "1 loading",
                "1 START RequestId: id-a Version: $LATEST",
                "1 one",
                "1 END RequestId: id-a",
                "1 REPORT RequestId: id-a\tDuration: 1.00 ms",
            ]
        );
        assert_eq!(
            of("id-b"),
            [
                "2 loading another",
                "2 START RequestId: id-b Version: $LATEST",
                "2 two",
                "1 START RequestId: id-b Version: $LATEST",
                "1 three",
            ]
        );
        assert!(of("id-c").is_empty());
    }

    #[tokio::test]
    async fn a_watcher_receives_every_line_once() {
        let log_buffer = LogBuffer::new(Clock::default());
        log_buffer.write("f", "s", b"before");
        let (kept, mut live) = log_buffer.watch();
        log_buffer.write("f", "s", b"after");
        assert_eq!(kept.iter().map(|line| line.text.as_str()).collect::<Vec<_>>(), ["before"]);
        assert_eq!(live.recv().await.expect("it was sent").text, "after");
    }
}
