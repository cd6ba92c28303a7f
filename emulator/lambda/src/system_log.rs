//! The platform's lines of a log in JSON: events with a level, filtered by `SystemLogLevel`. A log in text has other lines: see
//! [`super::log`].
//!
//! Members and their order: captures of CloudWatch Logs of 2024-05-20 (a log tail at level DEBUG), 2024-06-17, 2026-07-09 (a
//! timeout) and 2026-10-08. Levels: AWS, Lambda developer guide, "System log level event mapping". Without tracing, events have no
//! trace. hardcap does not know `runtimeVersion` and does not measure `spans`, so it leaves them out.

use std::time::Duration;

use hardcap_limits::Date;
use serde::Serialize;
use serde_json::{Value, json};

use super::log::{Report, Status};
use hardcap_core::clock::Clock;
use hardcap_core::config::LogLevels;

/// The first day on which `platform.start` was seen with `functionArn`. It had none on 2024-06-17.
const ARN_SINCE: Date = Date::new(2026, 10, 8);

/// The level of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum SystemLevel {
    Debug,
    Info,
    Warn,
}

impl SystemLevel {
    /// `success` for an event that reports a success, WARN for each other status.
    fn of(status: Status<'_>, success: SystemLevel) -> SystemLevel {
        if status == Status::Success { success } else { SystemLevel::Warn }
    }
}

/// The platform's part of a log in JSON.
#[derive(Debug)]
pub(super) struct SystemLog {
    least: SystemLevel,
    clock: Clock,
}

impl SystemLog {
    pub(super) fn new(levels: &LogLevels, clock: &Clock) -> SystemLog {
        let least = match levels.system.as_str() {
            "DEBUG" => SystemLevel::Debug,
            "WARN" => SystemLevel::Warn,
            _ => SystemLevel::Info,
        };
        SystemLog { least, clock: clock.clone() }
    }

    /// An event as a line; `None` if its level is not logged.
    pub(super) fn line(
        &self,
        level: SystemLevel,
        kind: &str,
        record: &impl Serialize,
    ) -> Option<String> {
        #[derive(Serialize)]
        struct Document<'a, R> {
            time: String,
            r#type: &'a str,
            record: &'a R,
        }
        if level < self.least {
            return None;
        }
        let document = Document { time: event_time(&self.clock), r#type: kind, record };
        serde_json::to_string(&document).ok()
    }

    /// `platform.start`
    pub(super) fn start(&self, start: &Start<'_>) -> Option<String> {
        let mut record = json!({ "requestId": start.request_id });
        if ARN_SINCE <= start.date {
            record["functionArn"] = start.arn.into();
        }
        record["version"] = start.version.into();
        self.line(SystemLevel::Info, "platform.start", &record)
    }

    /// `platform.runtimeDone` and `platform.report`. `measured` is the duration before that of a timeout is replaced by the timeout.
    pub(super) fn end(
        &self,
        report: &Report<'_>,
        measured: Duration,
        produced: u64,
    ) -> Vec<String> {
        let mut done = json!({ "requestId": report.request_id });
        set_status(&mut done, report.status);
        done["metrics"] = json!({ "durationMs": millis(measured), "producedBytes": produced });
        let mut metrics = json!({
            "durationMs": millis(report.shown_duration()),
            "billedDurationMs": u64::try_from(report.billed_millis()).unwrap_or(u64::MAX),
            "memorySizeMB": report.memory_mb,
            "maxMemoryUsedMB": report.used_mb,
        });
        if let Some(init) = report.init {
            metrics["initDurationMs"] = millis(init).into();
        }
        let mut whole = json!({ "requestId": report.request_id, "metrics": metrics });
        set_status(&mut whole, report.status);
        let done_level = SystemLevel::of(report.status, SystemLevel::Debug);
        let report_level = SystemLevel::of(report.status, SystemLevel::Info);
        let done = self.line(done_level, "platform.runtimeDone", &done);
        done.into_iter().chain(self.line(report_level, "platform.report", &whole)).collect()
    }

    /// `platform.initRuntimeDone` of an init that failed with an error, and `platform.initReport` of each failed init.
    pub(super) fn failed_init(
        &self,
        took: Duration,
        phase: &str,
        status: Status<'_>,
    ) -> Vec<String> {
        let mut record = json!({ "initializationType": "on-demand", "phase": phase });
        set_status(&mut record, status);
        let warn = SystemLevel::Warn;
        let done = match status {
            Status::Error(_) => self.line(warn, "platform.initRuntimeDone", &record),
            Status::Success | Status::Timeout => None,
        };
        record["metrics"] = json!({ "durationMs": millis(took) });
        done.into_iter().chain(self.line(warn, "platform.initReport", &record)).collect()
    }
}

/// The content of a START line.
#[derive(Clone, Debug)]
pub(super) struct Start<'a> {
    pub(super) request_id: &'a str,
    pub(super) version: &'a str,
    /// The function's ARN without a qualifier.
    pub(super) arn: &'a str,
    /// The day of the run's limits.
    pub(super) date: Date,
}

fn set_status(record: &mut Value, status: Status<'_>) {
    let (text, error_type) = match status {
        Status::Success => ("success", None),
        Status::Timeout => ("timeout", None),
        Status::Error(error_type) => ("error", Some(error_type)),
    };
    record["status"] = text.into();
    if let Some(error_type) = error_type {
        record["errorType"] = error_type.into();
    }
}

/// The current time as events show it: `2026-10-08T07:30:28.235Z`.
pub(super) fn event_time(clock: &Clock) -> String {
    let format = time::macros::format_description!(
        "[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z"
    );
    clock.now().to_utc().format(format).unwrap_or_default()
}

/// Milliseconds with AWS's three decimals.
pub(super) fn millis(span: Duration) -> f64 {
    (span.as_secs_f64() * 1_000_000.0).round() / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "79b5e81f-9cdd-4145-b1f6-7c50ef8a2a36";

    fn system_log(level: &str) -> SystemLog {
        let levels = LogLevels { system: level.to_owned(), ..LogLevels::default() };
        SystemLog::new(&levels, &Clock::default())
    }

    /// The lines without their times.
    fn records(lines: impl IntoIterator<Item = String>) -> Vec<String> {
        lines.into_iter().map(|line| line.split_once(",\"type\":").unwrap().1.to_owned()).collect()
    }

    fn report() -> Report<'static> {
        Report {
            request_id: ID,
            duration: Duration::from_micros(1_233_960),
            timeout: Duration::from_secs(5),
            init: Some(Duration::from_micros(463_512)),
            init_is_billed: true,
            memory_mb: 256,
            used_mb: 123,
            status: Status::Success,
            has_status: true,
        }
    }

    fn start(day: &str) -> Start<'static> {
        let arn = "arn:aws:lambda:eu-central-1:825765399535:function:tenner-notifier";
        Start { request_id: ID, version: "$LATEST", arn, date: day.parse().unwrap() }
    }

    #[test]
    fn a_start_is_the_event_captured_on_2024_06_17_and_on_2026_10_08() {
        let info = system_log("INFO");
        assert_eq!(
            records(info.start(&start("2024-06-17"))),
            [format!(r#""platform.start","record":{{"requestId":"{ID}","version":"$LATEST"}}}}"#)]
        );
        assert_eq!(
            records(info.start(&start("2026-10-08"))),
            [format!(
                r#""platform.start","record":{{"requestId":"{ID}","functionArn":"arn:aws:lambda:eu-central-1:825765399535:function:tenner-notifier","version":"$LATEST"}}}}"#
            )]
        );
    }

    #[test]
    fn a_report_is_the_event_captured_on_2026_10_08() {
        let expected = format!(
            r#""platform.report","record":{{"requestId":"{ID}","metrics":{{"durationMs":1233.96,"billedDurationMs":1698,"memorySizeMB":256,"maxMemoryUsedMB":123,"initDurationMs":463.512}},"status":"success"}}}}"#
        );
        let measured = Duration::from_micros(1_233_960);
        assert_eq!(records(system_log("INFO").end(&report(), measured, 40)), [expected.as_str()]);
        let done = format!(
            r#""platform.runtimeDone","record":{{"requestId":"{ID}","status":"success","metrics":{{"durationMs":1233.96,"producedBytes":40}}}}}}"#
        );
        assert_eq!(
            records(system_log("DEBUG").end(&report(), measured, 40)),
            [done.as_str(), expected.as_str()]
        );
        assert!(system_log("WARN").end(&report(), measured, 40).is_empty());
    }

    #[test]
    fn a_timeout_has_the_events_captured_on_2026_07_09_at_every_level() {
        let timed_out = Report {
            duration: Duration::from_micros(5_001_182),
            init: None,
            memory_mb: 128,
            used_mb: 94,
            status: Status::Timeout,
            ..report()
        };
        for level in ["DEBUG", "INFO", "WARN"] {
            assert_eq!(
                records(system_log(level).end(&timed_out, Duration::from_micros(5_001_182), 0)),
                [
                    format!(
                        r#""platform.runtimeDone","record":{{"requestId":"{ID}","status":"timeout","metrics":{{"durationMs":5001.182,"producedBytes":0}}}}}}"#
                    ),
                    format!(
                        r#""platform.report","record":{{"requestId":"{ID}","metrics":{{"durationMs":5000.0,"billedDurationMs":5000,"memorySizeMB":128,"maxMemoryUsedMB":94}},"status":"timeout"}}}}"#
                    ),
                ],
                "{level}"
            );
        }
    }

    #[test]
    fn an_init_that_times_out_has_the_event_captured_on_2024_06_17() {
        let took = Duration::from_micros(10_000_487);
        assert_eq!(
            records(system_log("WARN").failed_init(took, "init", Status::Timeout)),
            [
                r#""platform.initReport","record":{"initializationType":"on-demand","phase":"init","status":"timeout","metrics":{"durationMs":10000.487}}}"#
            ]
        );
        let failed =
            system_log("WARN").failed_init(took, "invoke", Status::Error("Runtime.ExitError"));
        assert_eq!(
            records(failed)[0],
            r#""platform.initRuntimeDone","record":{"initializationType":"on-demand","phase":"invoke","status":"error","errorType":"Runtime.ExitError"}}"#
        );
    }

    #[test]
    fn an_event_below_the_level_is_not_logged() {
        for (least, logged) in [
            ("DEBUG", [true, true, true]),
            ("INFO", [false, true, true]),
            ("WARN", [false, false, true]),
        ] {
            let log = system_log(least);
            let levels = [SystemLevel::Debug, SystemLevel::Info, SystemLevel::Warn];
            let lines = levels.map(|level| log.line(level, "platform.start", &json!({})).is_some());
            assert_eq!(lines, logged, "{least}");
        }
    }
}
