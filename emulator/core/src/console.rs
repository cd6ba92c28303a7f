//! Standard error: a bounded queue and one thread that writes it. A slow reader of standard error never delays a request or a
//! log line, and a closed one ends nothing.
//!
//! Lines that do not fit are dropped and counted. Their number is written when the queue has room again.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd as _;
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use crate::clock::Clock;

/// The maximum number of bytes in the queue. A text that is larger is queued alone.
const QUEUED_MAX: usize = 4 * 1024 * 1024;
/// The room that the queue keeps when it is empty, in bytes.
const KEPT_ROOM: usize = 16 * 1024;
/// The pause after a write. An invocation writes several lines, and a thread that is woken for each costs more than all of them.
const REST: Duration = Duration::from_millis(1);

/// The queue in front of standard error.
static STANDARD_ERROR: LazyLock<Queue> = LazyLock::new(|| {
    let queue = Queue::default();
    let output = io::stderr().as_fd().try_clone_to_owned().map(File::from);
    match output {
        Ok(output) => queue.start(output),
        // The stream is closed: nothing can be written.
        Err(_) => queue.lock().broken = true,
    }
    queue
});

/// Formats the notice of dropped lines as one line, with its end.
pub type Notice = fn(&str) -> String;

/// The format of the notice of dropped lines; plain text if it is not set.
static NOTICE: OnceLock<Notice> = OnceLock::new();

/// Sets the format of the notice of dropped lines. Only the first call has an effect.
pub fn set_notice(format: Notice) {
    let _ = NOTICE.set(format);
}

/// Queues a text, usually whole lines. Never waits and never fails.
pub fn write(text: &[u8]) {
    STANDARD_ERROR.push(text);
}

/// Waits until the queue is written, for at most `span`.
pub fn flush(within: Duration) {
    STANDARD_ERROR.flush(within);
}

/// Standard error as a writer for a log. Each call of `write` queues one text.
#[derive(Clone, Copy, Debug)]
pub struct StandardError;

impl Write for StandardError {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        write(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A queue and the thread that writes it. Cheap to clone.
#[derive(Clone, Debug, Default)]
struct Queue(Arc<(Mutex<Waiting>, Condvar)>);

#[derive(Debug, Default)]
struct Waiting {
    /// The queued texts, one after the other.
    text: Vec<u8>,
    dropped: u64,
    state: Writer,
    /// Standard error is closed.
    broken: bool,
}

/// The state of the thread that writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Writer {
    /// It has not looked into the queue yet, or is about to look again.
    #[default]
    Busy,
    /// It writes.
    Writes,
    /// It waits for a text, and must be woken.
    Idle,
}

impl Queue {
    fn start(&self, output: impl Write + Send + 'static) {
        let queue = self.clone();
        let thread = std::thread::Builder::new().name("stderr".to_owned());
        if thread.spawn(move || queue.empty_into(output)).is_err() {
            self.lock().broken = true;
        }
    }

    fn push(&self, text: &[u8]) {
        let mut waiting = self.lock();
        if waiting.broken {
            return;
        }
        if !waiting.text.is_empty() && waiting.text.len() + text.len() > QUEUED_MAX {
            waiting.dropped += 1;
            return;
        }
        waiting.note_dropped();
        waiting.text.extend_from_slice(text);
        let is_idle = waiting.state == Writer::Idle;
        if is_idle {
            waiting.state = Writer::Busy;
        }
        drop(waiting);
        if is_idle {
            self.0.1.notify_all();
        }
    }

    /// Writes everything that is queued at once, then rests: a text that follows wakes no thread.
    fn empty_into(&self, mut output: impl Write) {
        let mut texts = Vec::new();
        let mut waiting = self.lock();
        loop {
            waiting.note_dropped();
            if waiting.text.is_empty() {
                waiting.state = Writer::Idle;
                waiting = self.0.1.wait(waiting).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            std::mem::swap(&mut texts, &mut waiting.text);
            waiting.state = Writer::Writes;
            drop(waiting);
            let written = output.write_all(&texts);
            texts.clear();
            texts.shrink_to(KEPT_ROOM);
            waiting = self.lock();
            waiting.state = Writer::Busy;
            if written.is_err() {
                *waiting = Waiting { broken: true, ..Waiting::default() };
                self.0.1.notify_all();
                return;
            }
            // For one that flushes.
            self.0.1.notify_all();
            let rested = self.0.1.wait_timeout(waiting, REST);
            waiting = rested.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn flush(&self, within: Duration) {
        let watch = Clock::default().stopwatch();
        let mut waiting = self.lock();
        waiting.note_dropped();
        // Ends the rest of the thread.
        self.0.1.notify_all();
        while waiting.state == Writer::Writes || !waiting.text.is_empty() {
            let Some(left) = within.checked_sub(watch.elapsed()) else { return };
            let woken = self.0.1.wait_timeout(waiting, left);
            waiting = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn note_dropped(&mut self) {
        if self.dropped > 0 {
            let dropped = std::mem::take(&mut self.dropped);
            self.text.extend_from_slice(&dropped_notice(dropped));
        }
    }
}

fn dropped_notice(dropped: u64) -> Vec<u8> {
    let lines = if dropped == 1 { "line was" } else { "lines were" };
    let notice = format!("{dropped} {lines} dropped here, because standard error was not read");
    match NOTICE.get() {
        Some(format) => format(&notice).into_bytes(),
        None => format!("hardcap: {notice}\n").into_bytes(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stalled_reader_delays_no_writer() {
        let (reader, writer) = io::pipe().unwrap();
        let queue = Queue::default();
        queue.start(writer);
        for number in 0..100_000 {
            queue.push(format!("{number} {}\n", "x".repeat(100)).as_bytes());
        }
        assert!(queue.lock().text.len() <= QUEUED_MAX);
        assert!(queue.lock().dropped > 0);
        let watch = Clock::default().stopwatch();
        queue.flush(Duration::from_millis(50));
        assert!(watch.elapsed() < Duration::from_secs(10));
        drop(reader);
        queue.flush(Duration::from_secs(30));
        assert!(queue.lock().broken);
        queue.push(b"nothing is kept for a reader that is gone");
        assert_eq!(queue.lock().text.len(), 0);
    }

    #[test]
    fn a_text_that_is_larger_than_the_queue_is_written() {
        let (mut reader, writer) = io::pipe().unwrap();
        let queue = Queue::default();
        queue.push(&[b'a'; QUEUED_MAX + 1]);
        queue.push(b"dropped\n");
        queue.start(writer);
        let mut text = vec![0; QUEUED_MAX + 1];
        io::Read::read_exact(&mut reader, &mut text).unwrap();
        assert!(text.iter().all(|&byte| byte == b'a'));
        queue.flush(Duration::from_secs(30));
        drop(queue);
        let expected = "hardcap: 1 line was dropped here, because standard error was not read\n";
        let mut text = vec![0; expected.len()];
        io::Read::read_exact(&mut reader, &mut text).unwrap();
        assert_eq!(String::from_utf8(text).unwrap(), expected);
    }

    #[test]
    fn the_number_of_dropped_lines_precedes_the_next_line() {
        let (mut reader, writer) = io::pipe().unwrap();
        let queue = Queue::default();
        queue.push(&[b'a'; QUEUED_MAX]);
        queue.push(b"lost\n");
        queue.push(b"lost\n");
        queue.start(writer);
        let mut text = vec![0; QUEUED_MAX];
        io::Read::read_exact(&mut reader, &mut text).unwrap();
        queue.push(b"next\n");
        let expected =
            "hardcap: 2 lines were dropped here, because standard error was not read\nnext\n";
        let mut text = vec![0; expected.len()];
        io::Read::read_exact(&mut reader, &mut text).unwrap();
        assert_eq!(String::from_utf8(text).unwrap(), expected);
    }
}
