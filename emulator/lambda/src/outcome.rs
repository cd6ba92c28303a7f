//! The end of an invocation, and its results for the invoker, the log and the report. Pure.

use bytes::Bytes;
use hardcap_limits::{Exceeded, Party};
use http::HeaderValue;
use serde::{Deserialize, Serialize};

use super::FunctionError;
use super::kernel::Exit;
use super::log::Status;
use hardcap_core::clock::EpochMillis;

/// The end of an invocation: exactly one of these.
#[derive(Clone, Debug)]
pub(super) enum InvocationEnd {
    /// The runtime posted a response.
    Answered {
        payload: Bytes,
        /// The content type of a response that was posted as a stream.
        posted_as_stream: Option<HeaderValue>,
    },
    /// The runtime posted a response that was streamed up to its limit.
    Streamed(Option<Exceeded>),
    /// The runtime reported an error, whose bytes are passed to the invoker.
    Reported {
        body: Bytes,
        /// The header `Lambda-Runtime-Function-Error-Type`.
        error_type: Option<String>,
    },
    /// The response was over the limit. `then` is the further behaviour of the runtime.
    TooLarge { exceeded: Exceeded, then: AfterRefusal },
    /// The function's own timeout.
    TimedOut(Exceeded),
    /// The process ended without a response.
    Exited(Exit),
    /// The process was killed because of its memory use.
    OutOfMemory(Exceeded),
    /// An extension ended, and with it the sandbox: `Extension.Crash` and similar.
    Extension { error_type: &'static str, message: String },
    /// The process could not be started: `fork/exec /var/task/bootstrap: no such file or directory`.
    NotStarted(String),
    /// The runtime violated the protocol, such as `Runtime.TruncatedResponse`.
    Broken(&'static str),
}

/// The behaviour of a runtime after its response was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AfterRefusal {
    WentOn,
    Exited(Exit),
    TimedOut,
}

/// The results of an invocation for each party.
#[derive(Debug)]
pub(super) struct InvocationResult {
    /// The payload for the invoker.
    pub(super) payload: Bytes,
    /// As in [`InvocationEnd::Answered`].
    pub(super) posted_as_stream: Option<HeaderValue>,
    /// The function error, if the function failed.
    pub(super) function_error: Option<FunctionError>,
    /// The platform's log lines before END.
    pub(super) lines: Vec<String>,
    /// The status of the REPORT line.
    pub(super) status: ReportStatus,
}

impl InvocationResult {
    fn success(payload: Bytes) -> InvocationResult {
        InvocationResult {
            payload,
            posted_as_stream: None,
            function_error: None,
            lines: Vec::new(),
            status: ReportStatus::Success,
        }
    }
}

/// An owned [`Status`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ReportStatus {
    Success,
    Timeout,
    Error(String),
}

impl ReportStatus {
    pub(super) fn as_status(&self) -> Status<'_> {
        match self {
            ReportStatus::Success => Status::Success,
            ReportStatus::Timeout => Status::Timeout,
            ReportStatus::Error(error_type) => Status::Error(error_type),
        }
    }
}

/// The error type of a truncated response.
pub(super) const TRUNCATED_RESPONSE: &str = "Runtime.TruncatedResponse";
const EXIT_ERROR: &str = "Runtime.ExitError";
const INVALID_ENTRYPOINT: &str = "Runtime.InvalidEntrypoint";

impl InvocationEnd {
    /// Determines the results for each party.
    pub(super) fn conclude(self, request_id: &str, now: EpochMillis) -> InvocationResult {
        match self {
            InvocationEnd::Answered { payload, posted_as_stream } => {
                InvocationResult { posted_as_stream, ..InvocationResult::success(payload) }
            }
            InvocationEnd::Streamed(None) => InvocationResult::success(Bytes::new()),
            // Captured on 2026-09-15: the function gets no error, and its REPORT line has no status.
            InvocationEnd::Streamed(Some(exceeded)) => InvocationResult {
                function_error: Some(FunctionError::ResponseTooLarge(exceeded)),
                lines: vec![format!("hardcap: {exceeded}")],
                ..InvocationResult::success(Bytes::new())
            },
            InvocationEnd::Reported { body, error_type } => reported(body, error_type),
            InvocationEnd::TooLarge { exceeded, then } => {
                too_large(exceeded, then, request_id, now)
            }
            InvocationEnd::TimedOut(exceeded) => timed_out(exceeded, request_id, now),
            InvocationEnd::Exited(exit) => platform_error(EXIT_ERROR, exit.message(), request_id),
            InvocationEnd::OutOfMemory(exceeded) => out_of_memory(exceeded, request_id, now),
            InvocationEnd::Extension { error_type, message } => {
                platform_error(error_type, message, request_id)
            }
            InvocationEnd::NotStarted(message) => {
                platform_error(INVALID_ENTRYPOINT, message, request_id)
            }
            // The text after "Error:" is unconfirmed for these; the type is official.
            InvocationEnd::Broken(error_type) => {
                platform_error(error_type, error_type.to_owned(), request_id)
            }
        }
    }
}

/// An error document of the platform, with its members in the recorded order.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ErrorDocument<'a> {
    error_type: &'a str,
    error_message: &'a str,
}

/// The known members of an error that a runtime posts. It may contain anything and is not trusted.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct PostedError {
    error_type: String,
    error_message: String,
}

/// The type of a posted error: that of its document, else that of its header.
pub(super) fn reported_type(body: &[u8], header: Option<&str>) -> String {
    let posted: PostedError = serde_json::from_slice(body).unwrap_or_default();
    match header {
        _ if !posted.error_type.is_empty() => posted.error_type,
        Some(header) => header.to_owned(),
        None => "Runtime.Unknown".to_owned(),
    }
}

fn reported(body: Bytes, header: Option<String>) -> InvocationResult {
    let error_type = reported_type(&body, header.as_deref());
    let posted: PostedError = serde_json::from_slice(&body).unwrap_or_default();
    // The runtime logs the error itself. A REPORT line with a status is not recorded for it.
    InvocationResult {
        function_error: Some(FunctionError::Reported { error_type, message: posted.error_message }),
        ..InvocationResult::success(body)
    }
}

fn too_large(
    exceeded: Exceeded,
    then: AfterRefusal,
    request_id: &str,
    now: EpochMillis,
) -> InvocationResult {
    let mut lines = vec![format!("hardcap: {exceeded}")];
    lines.extend(shown(&exceeded, Party::Log, request_id, now));
    let status = match then {
        AfterRefusal::WentOn => ReportStatus::Error("Function.ResponseSizeTooLarge".to_owned()),
        AfterRefusal::TimedOut => ReportStatus::Timeout,
        AfterRefusal::Exited(exit) => {
            lines.extend(error_lines(EXIT_ERROR, &exit.message(), request_id));
            ReportStatus::Error(EXIT_ERROR.to_owned())
        }
    };
    let shown = shown(&exceeded, Party::Invoker, request_id, now).unwrap_or_default();
    let function_error = Some(FunctionError::ResponseTooLarge(exceeded));
    InvocationResult { function_error, lines, status, ..InvocationResult::success(shown.into()) }
}

fn timed_out(exceeded: Exceeded, request_id: &str, now: EpochMillis) -> InvocationResult {
    let document = shown(&exceeded, Party::Invoker, request_id, now).unwrap_or_default();
    InvocationResult {
        function_error: Some(FunctionError::TimedOut(exceeded)),
        lines: shown(&exceeded, Party::Log, request_id, now).into_iter().collect(),
        status: ReportStatus::Timeout,
        ..InvocationResult::success(document.into())
    }
}

/// The texts and the error type are those of the day: first `Runtime.ExitError`, later `Runtime.OutOfMemory`.
fn out_of_memory(exceeded: Exceeded, request_id: &str, now: EpochMillis) -> InvocationResult {
    let names = [("request_id", request_id)];
    let refusal = exceeded.refusal_with(Party::Invoker, &names);
    let (error_type, body) = refusal.map(|it| (it.error_type, it.body)).unwrap_or_default();
    let mut lines: Vec<String> =
        shown(&exceeded, Party::Log, request_id, now).into_iter().collect();
    lines.push(error_type.to_owned());
    let message = Exit::KILLED.message();
    InvocationResult {
        lines,
        function_error: Some(FunctionError::Exited { error_type: error_type.to_owned(), message }),
        status: ReportStatus::Error(error_type.to_owned()),
        ..InvocationResult::success(body.into())
    }
}

fn platform_error(error_type: &str, message: String, request_id: &str) -> InvocationResult {
    let error_message = format!("RequestId: {request_id} Error: {message}");
    let document = ErrorDocument { error_type, error_message: &error_message };
    let document = serde_json::to_vec(&document).expect("two strings are JSON");
    InvocationResult {
        lines: error_lines(error_type, &message, request_id),
        function_error: Some(FunctionError::Exited { error_type: error_type.to_owned(), message }),
        status: ReportStatus::Error(error_type.to_owned()),
        ..InvocationResult::success(document.into())
    }
}

/// `RequestId: … Error: Runtime exited with error: exit status 1`, and the type on a separate line.
fn error_lines(error_type: &str, message: &str, request_id: &str) -> Vec<String> {
    vec![format!("RequestId: {request_id} Error: {message}"), error_type.to_owned()]
}

/// The text of a limit for a party, with the placeholders of its template.
fn shown(exceeded: &Exceeded, to: Party, request_id: &str, now: EpochMillis) -> Option<String> {
    let timestamp = timestamp(now);
    let names = [("request_id", request_id), ("timestamp", &timestamp)];
    exceeded.refusal_with(to, &names).map(|refusal| refusal.body)
}

/// `2018-07-17T10:17:00.383Z`
fn timestamp(now: EpochMillis) -> String {
    let format = time::macros::format_description!(
        "[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z"
    );
    now.to_utc().format(format).expect("every point in time has such a form")
}

#[cfg(test)]
mod tests {
    use hardcap_limits::{Limits, Megabytes, Millis};

    use super::*;

    const ID: &str = "8a3d29ff-89aa-11e8-a040-2759dd9dfff0";
    const NOW: EpochMillis = EpochMillis(1_531_822_620_383);

    fn conclude(ending: InvocationEnd) -> InvocationResult {
        ending.conclude(ID, NOW)
    }

    fn text(payload: &Bytes) -> &str {
        std::str::from_utf8(payload).unwrap()
    }

    #[test]
    fn a_response_is_unchanged() {
        let payload = Bytes::from_static(b" {\"a\" :1}\n");
        let conclusion = conclude(InvocationEnd::Answered { payload, posted_as_stream: None });
        assert_eq!(text(&conclusion.payload), " {\"a\" :1}\n");
        assert!(conclusion.function_error.is_none());
    }

    #[test]
    fn an_exit_is_the_document_recorded_on_2025_11_24() {
        for (exit, message) in [
            (Exit::Clean, "Runtime exited without providing a reason"),
            (Exit::Status(127), "Runtime exited with error: exit status 127"),
        ] {
            let conclusion = conclude(InvocationEnd::Exited(exit));
            let expected = format!(
                r#"{{"errorType":"Runtime.ExitError","errorMessage":"RequestId: {ID} Error: {message}"}}"#
            );
            assert_eq!(text(&conclusion.payload), expected);
            let expected = [format!("RequestId: {ID} Error: {message}"), EXIT_ERROR.to_owned()];
            assert_eq!(conclusion.lines, expected);
            assert_eq!(conclusion.status, ReportStatus::Error("Runtime.ExitError".to_owned()));
        }
    }

    #[test]
    fn a_reported_error_is_unchanged_and_its_known_members_are_parsed() {
        let posted = r#"{"errorMessage":"Handler fails", "errorType":"Exception","requestId":""}"#;
        let body = Bytes::from_static(posted.as_bytes());
        let conclusion = conclude(InvocationEnd::Reported { body, error_type: None });
        assert_eq!(text(&conclusion.payload), posted);
        let Some(FunctionError::Reported { error_type, message }) = conclusion.function_error
        else {
            panic!("{:?}", conclusion.function_error)
        };
        assert_eq!((error_type.as_str(), message.as_str()), ("Exception", "Handler fails"));
    }

    #[test]
    fn an_error_that_is_not_json_keeps_the_type_of_its_header() {
        let body = Bytes::from_static(b"\xff oops");
        let error_type = Some("Function.Oops".to_owned());
        let conclusion = conclude(InvocationEnd::Reported { body: body.clone(), error_type });
        assert_eq!(conclusion.payload, body);
        assert_eq!(conclusion.function_error.unwrap().error_type(), "Function.Oops");
    }

    #[test]
    fn the_timestamp_of_an_old_timeout_has_milliseconds() {
        assert_eq!(timestamp(NOW), "2018-07-17T10:17:00.383Z");
    }

    #[test]
    fn the_log_of_a_too_large_answer_names_both_numbers() {
        let exceeded =
            Limits::classic().lambda_sync_response.exceeded_by(hardcap_limits::Bytes(6_291_560));
        let conclusion = conclude(InvocationEnd::TooLarge { exceeded, then: AfterRefusal::WentOn });
        assert!(
            conclusion.lines[0].contains("6291560") && conclusion.lines[0].contains("6291556"),
            "{:?}",
            conclusion.lines
        );
    }

    #[test]
    fn the_text_of_a_timeout_is_that_of_its_day() {
        let line = format!("2018-07-17T10:17:00.383Z {ID} Task timed out after 1.00 seconds");
        let old = format!(r#"{{"errorMessage":"{line}"}}"#);
        let new = format!(
            r#"{{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: {ID} Error: Task timed out after 1.00 seconds"}}"#
        );
        // Since 2026-05-22 only the REPORT line shows it.
        for (date, payload, lines) in [
            ("2018-07-17", &old, vec![line.clone()]),
            ("2026-05-21", &new, vec![line.clone()]),
            ("2026-05-22", &new, Vec::new()),
            ("current", &new, Vec::new()),
        ] {
            let limits = Limits::at(date.parse().unwrap());
            let limit = limits.lambda_timeout.lowered_to(Millis(1_000));
            let conclusion = conclude(InvocationEnd::TimedOut(limit.exceeded_by(Millis(1_001))));
            assert_eq!(text(&conclusion.payload), payload, "{date}");
            assert_eq!(conclusion.lines, lines, "{date}");
            assert_eq!(conclusion.status, ReportStatus::Timeout, "{date}");
        }
    }

    #[test]
    fn a_function_out_of_memory_has_the_error_type_of_its_day() {
        for (date, error_type) in [
            ("2022-01-05", "Runtime.ExitError"),
            ("2025-08-04", "Runtime.ExitError"),
            ("2025-08-05", "Runtime.OutOfMemory"),
            ("current", "Runtime.OutOfMemory"),
        ] {
            let limits = Limits::at(date.parse().unwrap());
            let limit = limits.lambda_memory_max.lowered_to(Megabytes(128));
            let conclusion =
                conclude(InvocationEnd::OutOfMemory(limit.exceeded_by(Megabytes(131))));
            let message =
                format!("RequestId: {ID} Error: Runtime exited with error: signal: killed");
            let expected = format!(r#"{{"errorType":"{error_type}","errorMessage":"{message}"}}"#);
            assert_eq!(text(&conclusion.payload), expected, "{date}");
            assert_eq!(conclusion.lines, [message, error_type.to_owned()], "{date}");
            assert_eq!(conclusion.status, ReportStatus::Error(error_type.to_owned()), "{date}");
        }
    }

    #[test]
    fn a_too_large_answer_is_the_document_recorded_on_2025_11_24() {
        let limits = Limits::current();
        let exceeded = limits.lambda_sync_response.exceeded_by(hardcap_limits::Bytes(7_340_034));
        let conclusion = conclude(InvocationEnd::TooLarge { exceeded, then: AfterRefusal::WentOn });
        assert_eq!(
            text(&conclusion.payload),
            r#"{"errorMessage":"Response payload size exceeded maximum allowed payload size (6291556 bytes).","errorType":"Function.ResponseSizeTooLarge"}"#
        );
    }
}
