//! The telemetry of a sandbox: lines of its processes and of the platform, for the log and for subscribers.

use std::time::Duration;

use serde::Serialize;
use serde_json::json;

use super::super::extension::Tracing;
use super::super::log::Writer;
use super::super::outcome::ReportStatus;
use super::super::run::{Measurements, NextEvent, Outcome};
use super::super::system_log::{SystemLevel, millis};
use super::super::telemetry::{Audience, EventType, SubscriptionApi};
use super::{Inner, Sandbox};

const TELEMETRY: Audience = Audience::Subscribers(SubscriptionApi::Telemetry);
const LOGS: Audience = Audience::Subscribers(SubscriptionApi::Logs);

impl Sandbox {
    /// A process has written output.
    pub(super) fn written(&self, writer: Writer, piece: &[u8]) {
        self.log.process(writer, piece, |line| self.telemetry.line(stream(writer), line));
    }

    /// Ends unfinished lines, because they belong to the ending invocation.
    pub(super) fn end_lines(&self) {
        for writer in [Writer::Runtime, Writer::Extension] {
            self.log.end_lines(writer, |line| self.telemetry.line(stream(writer), line));
        }
    }

    pub(super) fn log_extensions(&self, inner: &Inner) {
        if inner.extensions.is_empty() {
            return;
        }
        let date = self.function.resources.platform.limits().date();
        if !self.log.is_json() {
            for line in inner.extensions.lines(date) {
                self.log.platform(&line);
            }
        }
        for (name, state, events) in inner.extensions.states() {
            let record = json!({ "name": name, "state": state, "events": events });
            // AWS's table has the level by "state=success"; the states of events have other names.
            let level = if state == "Ready" { SystemLevel::Info } else { SystemLevel::Warn };
            self.log.event(level, "platform.extension", &record);
            self.telemetry.platform(Audience::Everyone, "platform.extension", &record);
        }
    }

    pub(super) fn emit_init_start(&self) {
        let record = json!({
            "initializationType": "on-demand",
            "phase": self.phase,
            "functionName": self.function.function.name,
            "functionVersion": self.function.function.version(),
        });
        // INFO would need a `runtimeVersion`.
        self.log.event(SystemLevel::Debug, "platform.initStart", &record);
        self.telemetry.platform(TELEMETRY, "platform.initStart", &record);
    }

    pub(super) fn emit_init_runtime_done(&self, status: &str, error_type: Option<&str>) {
        let record = InitDone {
            initialization_type: "on-demand",
            phase: self.phase,
            status,
            error_type,
            metrics: None,
        };
        // A failed init is logged at its end, with its reason.
        if error_type.is_none() {
            self.log.event(SystemLevel::Debug, "platform.initRuntimeDone", &record);
        }
        self.telemetry.platform(TELEMETRY, "platform.initRuntimeDone", &record);
    }

    pub(super) fn emit_init_report(&self, took: Duration, status: &str, error_type: Option<&str>) {
        let metrics = Some(InitMetrics { duration_ms: millis(took) });
        let record = InitDone {
            initialization_type: "on-demand",
            phase: self.phase,
            status,
            error_type,
            metrics,
        };
        if error_type.is_none() {
            self.log.event(SystemLevel::Debug, "platform.initReport", &record);
        }
        self.telemetry.platform(TELEMETRY, "platform.initReport", &record);
    }

    pub(super) fn emit_init_failed(&self, error_type: &str) {
        self.emit_init_runtime_done("error", Some(error_type));
        self.emit_init_report(self.started.elapsed(), "error", Some(error_type));
    }

    pub(super) fn emit_start(&self, hand_over: &NextEvent) {
        if self.telemetry.is_on() {
            let record = json!({
                "requestId": hand_over.request_id.as_ref(),
                "version": self.function.function.version(),
                "tracing": Tracing::of(&hand_over.trace),
            });
            self.telemetry.platform(TELEMETRY, "platform.start", &record);
            let record = json!({ "requestId": hand_over.request_id.as_ref() });
            self.telemetry.platform(LOGS, "platform.start", &record);
        }
    }

    /// The invocation has ended. AWS sends this when the runtime requests its next event; here it is sent with the response.
    pub(super) fn emit_end(
        &self,
        request_id: &str,
        trace: &str,
        ended: &Measurements,
        outcome: &Outcome,
    ) {
        let (status, error_type) = match &outcome.status {
            ReportStatus::Success => ("success", None),
            ReportStatus::Timeout => ("timeout", None),
            ReportStatus::Error(error_type) => ("error", Some(error_type.as_str())),
        };
        let tracing = Tracing::of(trace);
        let mut done = json!({
            "requestId": request_id,
            "status": status,
            "tracing": tracing,
            "metrics": { "durationMs": millis(outcome.duration), "producedBytes": outcome.produced },
        });
        let mut report = json!({
            "requestId": request_id,
            "status": status,
            "metrics": {
                "durationMs": millis(outcome.duration),
                "billedDurationMs": u64::try_from(outcome.billed_millis).unwrap_or(u64::MAX),
                "memorySizeMB": self.function.function.memory_mb,
                "maxMemoryUsedMB": ended.used_mb,
            },
            "tracing": tracing,
        });
        if let Some(init) = ended.init {
            report["metrics"]["initDurationMs"] = millis(init).into();
        }
        if let Some(error_type) = error_type {
            done["errorType"] = error_type.into();
            report["errorType"] = error_type.into();
        }
        self.telemetry.platform(TELEMETRY, "platform.runtimeDone", &done);
        self.telemetry.platform(TELEMETRY, "platform.report", &report);
        // The Logs API has its own word for an error, and no traces or status in its report.
        let status = if status == "error" { "failure" } else { status };
        let done = json!({ "requestId": request_id, "status": status });
        self.telemetry.platform(Audience::Logs2021, "platform.runtimeDone", &done);
        self.telemetry.platform(LOGS, "platform.end", &json!({ "requestId": request_id }));
        let report = json!({ "requestId": request_id, "metrics": report["metrics"] });
        self.telemetry.platform(LOGS, "platform.report", &report);
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct InitDone<'a> {
    initialization_type: &'a str,
    phase: &'a str,
    status: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metrics: Option<InitMetrics>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct InitMetrics {
    duration_ms: f64,
}

fn stream(writer: Writer) -> EventType {
    match writer {
        Writer::Runtime => EventType::Function,
        Writer::Extension => EventType::Extension,
    }
}
