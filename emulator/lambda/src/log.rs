//! The log of a sandbox: lines of its processes and of the platform, and the log tail.

mod shown;

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use hardcap_limits::{Date, Limit, Limits, Party};
use serde::Serialize;

use super::system_log::{Start, SystemLevel, SystemLog};
use hardcap_core::clock::Clock;
use hardcap_core::config::Logging;
use hardcap_core::log_buffer::LogBuffer;

use self::shown::LeftOut;
pub(crate) use self::shown::ShownLines;

/// The size of the kept log of one invocation. The log tail is far shorter unless a run overrides its row.
const KEPT_BYTES: usize = 64 * 1024;
/// The maximum length of a line. A longer line is split, so that a function cannot fill the memory with one line.
const LINE_BYTES: usize = 64 * 1024;

/// The log of one execution environment. It outlives the processes that write to it.
#[derive(Debug)]
pub(super) struct Log {
    function: Arc<str>,
    stream: Arc<str>,
    log_buffer: LogBuffer,
    shown: Arc<ShownLines>,
    /// The layers of the function that are not on this machine. A package that is missing may be in one.
    absent_layers: Vec<String>,
    /// The platform's lines of a log in JSON; `None` for a log in text.
    system: Option<SystemLog>,
    text: Mutex<LogText>,
}

/// The origin of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Writer {
    Runtime,
    Extension,
}

#[derive(Debug, Default)]
struct LogText {
    /// The request that the sandbox was started for or has received last.
    request_id: Option<Arc<str>>,
    /// The text since the end of the last invocation; of a long log only its end.
    tail: Vec<u8>,
    /// The unfinished lines of the runtime and of the extensions.
    unfinished: [Vec<u8>; 2],
}

impl Log {
    pub(super) fn new(function: &str, stream: &str, log_buffer: LogBuffer) -> Log {
        Log {
            function: function.into(),
            stream: stream.into(),
            log_buffer,
            shown: Arc::default(),
            absent_layers: Vec::new(),
            system: None,
            text: Mutex::default(),
        }
    }

    /// The log with the bounds on standard error that all sandboxes of its function share.
    pub(super) fn shown_within(self, shown: &Arc<ShownLines>) -> Log {
        Log { shown: Arc::clone(shown), ..self }
    }

    /// The log of a function without these layers.
    pub(super) fn without_layers(self, absent_layers: &[String]) -> Log {
        Log { absent_layers: absent_layers.to_vec(), ..self }
    }

    /// The same log in the format of a function.
    pub(super) fn in_format(mut self, logging: &Logging, clock: &Clock) -> Log {
        self.system = logging.json.as_ref().map(|levels| SystemLog::new(levels, clock));
        self
    }

    /// The first line of an invocation; `None` if its level is not logged.
    pub(super) fn start_line(&self, start: &Start<'_>) -> Option<String> {
        match &self.system {
            Some(system) => system.start(start),
            None => Some(start_line(start.request_id, start.version)),
        }
    }

    /// The last lines of an invocation, after those of its error.
    pub(super) fn end_lines_of(
        &self,
        report: &Report<'_>,
        measured: Duration,
        produced: u64,
    ) -> Vec<String> {
        match &self.system {
            Some(system) => system.end(report, measured, produced),
            None => vec![end_line(report.request_id), report.line()],
        }
    }

    /// Writes the end of an init that failed.
    pub(super) fn failed_init(&self, took: Duration, phase: &str, status: Status<'_>) {
        match &self.system {
            Some(system) => {
                for line in system.failed_init(took, phase, status) {
                    self.platform(&line);
                }
            }
            None => self.platform(&init_report_line(took, phase, status)),
        }
    }

    /// Whether the log is in JSON.
    pub(super) fn is_json(&self) -> bool {
        self.system.is_some()
    }

    /// Writes an event that a log in text does not have.
    pub(super) fn event(&self, level: SystemLevel, kind: &str, record: &impl Serialize) {
        if let Some(line) = self.system.as_ref().and_then(|it| it.line(level, kind, record)) {
            self.platform(&line);
        }
    }

    /// Sets the request that the sandbox is started for. The lines of its init carry the request's id.
    pub(super) fn start_for(&self, request_id: &Arc<str>) {
        self.lock().request_id = Some(Arc::clone(request_id));
    }

    /// Writes a line of the platform that is not part of an invocation, or an error.
    pub(super) fn platform(&self, line: &str) {
        let mut text = self.lock();
        self.end_unfinished(&mut text);
        text.keep(line.as_bytes());
        self.show(&text, line.as_bytes());
        super::hint::explain(&self.function, &self.absent_layers, line.as_bytes());
    }

    /// Writes the first line of an invocation. The event is handed over before the line is shown, because the runtime waits for
    /// it, but no line of the function precedes it.
    pub(super) fn begin<'l>(
        &self,
        request_id: &Arc<str>,
        line: impl Into<Option<&'l str>>,
        hand_over: impl FnOnce(),
    ) {
        let line = line.into();
        let mut text = self.lock();
        self.end_unfinished(&mut text);
        text.request_id = Some(Arc::clone(request_id));
        if let Some(line) = line {
            text.keep(line.as_bytes());
        }
        hand_over();
        if let Some(line) = line {
            self.show(&text, line.as_bytes());
        }
    }

    /// Writes the last lines of an invocation. `reply` gets the log tail, and is called before the lines are shown.
    pub(super) fn end(
        &self,
        lines: &[String],
        limit: &Limit<hardcap_limits::Bytes>,
        reply: impl FnOnce(Bytes),
    ) {
        let mut text = self.lock();
        self.end_unfinished(&mut text);
        for line in lines {
            text.keep(line.as_bytes());
        }
        let tail = std::mem::take(&mut text.tail);
        let start = tail.len().saturating_sub(usize::try_from(limit.max.0).unwrap_or(usize::MAX));
        reply(Bytes::from(tail).slice(start..));
        for line in lines {
            self.show(&text, line.as_bytes());
        }
    }

    /// Writes output of a process in pieces. `on_line` gets each complete line.
    pub(super) fn process(&self, writer: Writer, mut written: &[u8], on_line: impl Fn(&[u8])) {
        let mut text = self.lock();
        while let Some(end) = written.iter().position(|&byte| byte == b'\n') {
            let mut line = std::mem::take(&mut text.unfinished[writer as usize]);
            let line = if line.is_empty() {
                &written[..end]
            } else {
                line.extend_from_slice(&written[..end]);
                &line
            };
            self.line(&mut text, line);
            on_line(line);
            written = &written[end + 1..];
        }
        let unfinished = &mut text.unfinished[writer as usize];
        unfinished.extend_from_slice(written);
        if unfinished.len() >= LINE_BYTES {
            let line = std::mem::take(unfinished);
            self.line(&mut text, &line);
            on_line(&line);
        }
    }

    /// Writes the unfinished line of a process as a line.
    pub(super) fn end_lines(&self, writer: Writer, on_line: impl Fn(&[u8])) {
        let mut text = self.lock();
        let line = std::mem::take(&mut text.unfinished[writer as usize]);
        if !line.is_empty() {
            self.line(&mut text, &line);
            on_line(&line);
        }
    }

    fn end_unfinished(&self, text: &mut LogText) {
        for at in 0..text.unfinished.len() {
            let line = std::mem::take(&mut text.unfinished[at]);
            if !line.is_empty() {
                self.line(text, &line);
            }
        }
    }

    /// Writes a line of a process.
    fn line(&self, text: &mut LogText, line: &[u8]) {
        text.keep(line);
        self.log_line(text, line);
        if self.shown.admit(line) {
            self.show_line(text, line);
        }
        super::hint::explain(&self.function, &self.absent_layers, line);
    }

    /// Shows a line of the platform.
    fn show(&self, text: &LogText, line: &[u8]) {
        self.log_line(text, line);
        self.show_line(text, line);
    }

    fn log_line(&self, text: &LogText, line: &[u8]) {
        self.log_buffer.write(&self.function, &self.stream, text.request_id.as_deref(), line);
    }

    /// Shows a line on standard error, after the notice about the lines before it that are not shown.
    fn show_line(&self, text: &LogText, line: &[u8]) {
        let (function, request_id) = (&*self.function, text.request_id.as_deref());
        if let Some(left_out) = self.shown.left_out() {
            let LeftOut { lines, bytes } = left_out;
            let notice = left_out.notice(function);
            tracing::warn!(
                target: "hardcap::function",
                function,
                left_out_lines = lines,
                left_out_bytes = bytes,
                "{notice}"
            );
        }
        let line = match std::str::from_utf8(line) {
            Ok(line) => line.into(),
            Err(_) => String::from_utf8_lossy(line),
        };
        tracing::info!(target: "hardcap::function", function, request_id, "{line}");
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, LogText> {
        self.text.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LogText {
    fn keep(&mut self, line: &[u8]) {
        self.tail.extend_from_slice(line);
        self.tail.push(b'\n');
        if self.tail.len() > 2 * KEPT_BYTES {
            let excess = self.tail.len() - KEPT_BYTES;
            self.tail.drain(..excess);
        }
    }
}

/// `START RequestId: … Version: $LATEST`
fn start_line(request_id: &str, version: &str) -> String {
    format!("START RequestId: {request_id} Version: {version}")
}

/// `END RequestId: …`
fn end_line(request_id: &str) -> String {
    format!("END RequestId: {request_id}")
}

/// The content of a REPORT line.
#[derive(Clone, Debug)]
pub(super) struct Report<'a> {
    pub(super) request_id: &'a str,
    pub(super) duration: Duration,
    /// The function's timeout, which is the billed duration of a timeout.
    pub(super) timeout: Duration,
    /// The duration of init, for the first invocation of a sandbox.
    pub(super) init: Option<Duration>,
    /// Whether init is billed: always for custom runtimes, for others since 2025-08-01.
    pub(super) init_is_billed: bool,
    pub(super) memory_mb: u32,
    pub(super) used_mb: u64,
    /// The status of the invocation.
    pub(super) status: Status<'a>,
    /// Whether the line contains the status: see [`has_status`].
    pub(super) has_status: bool,
}

/// The status of an invocation or an init in log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status<'a> {
    /// Success: no status is shown.
    Success,
    /// `Status: timeout`
    Timeout,
    /// `Status: error`, and the error type.
    Error(&'a str),
}

impl Report<'_> {
    /// The shown duration. Since the line has a status, that of a timeout is exactly the timeout (DataBiosphere/azul#6323,
    /// 2025-12-04: 31000.00 ms); before, it was the measured duration (apex/up#663, 2018-05-17: 18018.26 ms).
    pub(super) fn shown_duration(&self) -> Duration {
        if self.has_status { self.billed_duration() } else { self.duration }
    }

    /// The billed duration in milliseconds, rounded up. A timeout is billed as the timeout, even if it was noticed later.
    pub(super) fn billed_millis(&self) -> u128 {
        let duration = self.billed_duration();
        whole_millis_up(match self.init {
            Some(init) if self.init_is_billed => duration + init,
            Some(_) | None => duration,
        })
    }

    fn billed_duration(&self) -> Duration {
        if self.status == Status::Timeout { self.timeout } else { self.duration }
    }

    /// The line, without its end. A successful one ends with a tab (recorded 2023-09-04), one with a status does not.
    pub(super) fn line(&self) -> String {
        let mut line = format!(
            "REPORT RequestId: {}\tDuration: {:.2} ms\tBilled Duration: {} ms\t\
             Memory Size: {} MB\tMax Memory Used: {} MB\t",
            self.request_id,
            millis(self.shown_duration()),
            self.billed_millis(),
            self.memory_mb,
            self.used_mb,
        );
        if let Some(init) = self.init {
            let _ = write!(line, "Init Duration: {:.2} ms\t", millis(init));
        }
        let status = if self.has_status { self.status } else { Status::Success };
        match status {
            Status::Success => {}
            Status::Timeout => line.push_str("Status: timeout"),
            Status::Error(error_type) => {
                let _ = write!(line, "Status: error\tError Type: {error_type}");
            }
        }
        line
    }
}

/// Whether a REPORT line contains the status. Captures of 2018 and 2023 have no status; the table has the first day with one.
pub(super) fn has_status(limits: &Limits) -> bool {
    let text = limits.lambda_timeout.row.refusal_at(Party::Report, limits.date());
    text.is_some_and(|text| text.since <= limits.date())
}

/// `INIT_REPORT Init Duration: 10000.09 ms\tPhase: init\tStatus: timeout`. Only a failed init has this line.
fn init_report_line(duration: Duration, phase: &str, status: Status<'_>) -> String {
    let mut line =
        format!("INIT_REPORT Init Duration: {:.2} ms\tPhase: {phase}\t", millis(duration));
    match status {
        Status::Success => {}
        Status::Timeout => line.push_str("Status: timeout"),
        Status::Error(error_type) => {
            let _ = write!(line, "Status: error\tError Type: {error_type}");
        }
    }
    line
}

/// Whether init is part of the billed duration.
///
/// For custom runtimes it always was (a capture of 2024-04). For managed ones it was not on 2023-09-04, and is since AWS's
/// announcement for 2025-08-01.
pub(super) fn init_is_billed(runtime: &str, date: Date) -> bool {
    runtime.starts_with("provided") || Date::new(2025, 8, 1) <= date
}

fn millis(span: Duration) -> f64 {
    span.as_secs_f64() * 1000.0
}

fn whole_millis_up(span: Duration) -> u128 {
    span.as_nanos().div_ceil(1_000_000)
}

#[cfg(test)]
mod tests {
    use hardcap_limits::Limits;

    use super::*;
    use hardcap_core::clock::Clock;

    const ID: &str = "8a3d29ff-89aa-11e8-a040-2759dd9dfff0";

    fn tail(log: &Log, line: &str) -> Bytes {
        let mut end = Bytes::new();
        log.end(&[line.to_owned()], &Limits::classic().lambda_log_tail, |tail| end = tail);
        end
    }

    fn report() -> Report<'static> {
        Report {
            request_id: ID,
            duration: Duration::from_micros(3_010),
            timeout: Duration::from_secs(3),
            init: None,
            init_is_billed: false,
            memory_mb: 128,
            used_mb: 36,
            status: Status::Success,
            has_status: true,
        }
    }

    #[test]
    fn the_report_of_a_cold_start_is_the_line_recorded_on_2023_09_04() {
        let cold = Report { init: Some(Duration::from_micros(110_100)), ..report() };
        assert_eq!(
            cold.line(),
            format!(
                "REPORT RequestId: {ID}\tDuration: 3.01 ms\tBilled Duration: 4 ms\tMemory Size: 128 MB\t\
                 Max Memory Used: 36 MB\tInit Duration: 110.10 ms\t"
            )
        );
    }

    #[test]
    fn a_warm_report_has_no_init() {
        assert_eq!(
            report().line(),
            format!(
                "REPORT RequestId: {ID}\tDuration: 3.01 ms\tBilled Duration: 4 ms\tMemory Size: 128 MB\t\
                 Max Memory Used: 36 MB\t"
            )
        );
    }

    #[test]
    fn the_report_of_a_timeout_bills_init_and_ends_with_the_status() {
        // The timeout is noticed 18 ms late; neither the duration nor the bill contains them.
        let timed_out = Report {
            duration: Duration::from_millis(600_018),
            timeout: Duration::from_secs(600),
            init: Some(Duration::from_micros(476_750)),
            init_is_billed: true,
            memory_mb: 1024,
            used_mb: 1035,
            status: Status::Timeout,
            ..report()
        };
        assert_eq!(
            timed_out.line(),
            format!(
                "REPORT RequestId: {ID}\tDuration: 600000.00 ms\tBilled Duration: 600477 ms\t\
                 Memory Size: 1024 MB\tMax Memory Used: 1035 MB\tInit Duration: 476.75 ms\tStatus: timeout"
            )
        );
    }

    #[test]
    fn the_report_of_a_timeout_of_2018_has_the_measured_duration_and_no_status() {
        // apex/up#663, 2018-05-17, without the space after "18000 ms"
        let timed_out = Report {
            duration: Duration::from_micros(18_018_260),
            timeout: Duration::from_secs(18),
            memory_mb: 512,
            used_mb: 82,
            status: Status::Timeout,
            has_status: false,
            ..report()
        };
        assert_eq!(
            timed_out.line(),
            format!(
                "REPORT RequestId: {ID}\tDuration: 18018.26 ms\tBilled Duration: 18000 ms\tMemory Size: 512 MB\t\
                 Max Memory Used: 82 MB\t"
            )
        );
    }

    #[test]
    fn a_report_has_a_status_since_2025_12_04() {
        let on = |day: &str| has_status(&Limits::at(day.parse().unwrap()));
        assert_eq!(["2018-05-17", "classic", "2025-12-03"].map(on), [false; 3]);
        assert_eq!(["2025-12-04", "current"].map(on), [true; 2]);
    }

    #[test]
    fn the_report_of_an_error_has_its_type() {
        let failed = Report { status: Status::Error("Runtime.ExitError"), ..report() };
        assert!(
            failed.line().ends_with("36 MB\tStatus: error\tError Type: Runtime.ExitError"),
            "{}",
            failed.line()
        );
    }

    #[test]
    fn a_failed_init_is_reported_with_its_phase() {
        assert_eq!(
            init_report_line(Duration::from_micros(10_000_090), "init", Status::Timeout),
            "INIT_REPORT Init Duration: 10000.09 ms\tPhase: init\tStatus: timeout"
        );
        assert_eq!(
            init_report_line(
                Duration::from_micros(80_490),
                "invoke",
                Status::Error("Runtime.ExitError")
            ),
            "INIT_REPORT Init Duration: 80.49 ms\tPhase: invoke\tStatus: error\tError Type: Runtime.ExitError"
        );
    }

    #[test]
    fn lines_are_assembled_from_pieces_and_an_unfinished_one_ends_with_the_invocation() {
        let log = Log::new("echo", "stream", LogBuffer::new(Clock::default()));
        let lines = std::cell::RefCell::new(Vec::new());
        let on_line =
            |line: &[u8]| lines.borrow_mut().push(String::from_utf8_lossy(line).into_owned());
        log.process(Writer::Runtime, b"one\ntw", on_line);
        log.process(Writer::Extension, b"beside", on_line);
        log.process(Writer::Runtime, b"o\nthr", on_line);
        log.end_lines(Writer::Extension, on_line);
        assert_eq!(*lines.borrow(), ["one", "two", "beside"]);
        assert_eq!(tail(&log, "END"), "one\ntwo\nbeside\nthr\nEND\n");
        assert_eq!(tail(&log, "END"), "END\n");
    }

    #[test]
    fn every_line_carries_the_request_of_its_time() {
        let log_buffer = LogBuffer::new(Clock::default());
        let log = Log::new("echo", "stream", log_buffer.clone());
        log.process(Writer::Runtime, b"before any request\n", |_| {});
        log.start_for(&"id-a".into());
        log.process(Writer::Runtime, b"loading\n", |_| {});
        log.begin(&"id-a".into(), "START", || {});
        log.process(Writer::Runtime, b"one\ntwo", |_| {});
        tail(&log, "END");
        log.process(Writer::Extension, b"after the end\n", |_| {});
        log.process(Writer::Runtime, b"unfinished", |_| {});
        log.begin(&"id-b".into(), "START", || {});
        log.platform("hardcap: killed");
        let lines = log_buffer.lines();
        let lines = lines.iter().map(|it| (it.request_id.as_deref(), it.text.as_str()));
        let (a, b) = (Some("id-a"), Some("id-b"));
        assert_eq!(
            lines.collect::<Vec<_>>(),
            [
                (None, "before any request"),
                (a, "loading"),
                (a, "START"),
                (a, "one"),
                (a, "two"),
                (a, "END"),
                (a, "after the end"),
                (a, "unfinished"),
                (b, "START"),
                (b, "hardcap: killed"),
            ]
        );
    }

    #[test]
    fn the_tail_is_the_last_4096_bytes() {
        let log = Log::new("echo", "stream", LogBuffer::new(Clock::default()));
        for _ in 0..1_000 {
            log.process(Writer::Runtime, &[b'x'; 999], |_| {});
            log.process(Writer::Runtime, b"\n", |_| {});
        }
        let tail = tail(&log, "END");
        assert_eq!(tail.len(), 4096);
        assert!(tail.ends_with(b"x\nEND\n"));
    }

    #[test]
    fn a_line_over_the_maximum_length_is_split() {
        let log = Log::new("echo", "stream", LogBuffer::new(Clock::default()));
        for _ in 0..1_000 {
            log.process(Writer::Runtime, &[b'x'; 1024], |_| {});
            assert!(log.lock().unfinished[0].len() <= 65 * 1024);
        }
    }
}
