//! The platform's reports about invocations: `REPORT` and `INIT_REPORT` lines, and `platform.report` events. Pure.

use serde_json::Value;

use super::finding::Mentions;
use super::recognize::Lines;

/// The end of an invocation or an initialization.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Invocation {
    /// The line of the report, from 1.
    pub(crate) line: Option<usize>,
    /// The text that was read.
    pub(crate) quote: String,
    /// Whether it is an initialization.
    pub(crate) is_init: bool,
    /// Milliseconds; `Duration`, or `Init Duration` of an initialization.
    pub(crate) duration: Option<f64>,
    /// Milliseconds.
    pub(crate) billed: Option<u64>,
    /// Milliseconds of the initialization inside an invocation.
    pub(crate) init: Option<f64>,
    /// Megabytes.
    pub(crate) memory: Option<u64>,
    /// Megabytes.
    pub(crate) used: Option<u64>,
    /// `timeout`, `error`, `failure`.
    pub(crate) status: String,
    /// `Runtime.OutOfMemory`.
    pub(crate) error: String,
    /// The id of the request; empty if it has none.
    pub(crate) request: String,
    /// Whether it is the event in which the runtime ends, before the report.
    pub(crate) is_runtime: bool,
}

/// The fields of a line.
const FIELDS: [&str; 8] = [
    "Init Duration: ",
    "Billed Duration: ",
    "Duration: ",
    "Max Memory Used: ",
    "Memory Size: ",
    "Status: ",
    "Error Type: ",
    "Phase: ",
];

/// Every report in a text.
pub(crate) fn of_text(text: &str, first_line: Option<usize>) -> Vec<Invocation> {
    let mut found = Vec::new();
    let mut lines = first_line.map(|first| Lines::new(text, first));
    for (at, _) in text.match_indices("REPORT") {
        let rest = &text[at..];
        let is_report =
            rest.starts_with("REPORT RequestId:") || rest.starts_with("REPORT Init Duration:");
        if !is_report || (at > 0 && text.as_bytes()[at - 1].is_ascii_alphanumeric()) {
            continue;
        }
        let line = lines.as_mut().map(|lines| lines.of(at));
        let is_init = text[..at].ends_with("INIT_");
        found.extend(of_line(until_next(rest), line, is_init));
    }
    found
}

/// A report ends where the next line of the platform begins, because it may be wrapped.
fn until_next(rest: &str) -> &str {
    let rest = &rest[..rest.floor_char_boundary(600)];
    let ends = ["START RequestId", "END RequestId", "REPORT", "INIT_START", "XRAY TraceId", "\"}"];
    let end = ends.iter().filter_map(|end| rest[6..].find(end).map(|at| at + 6)).min();
    &rest[..end.unwrap_or(rest.len())]
}

fn of_line(text: &str, line: Option<usize>, is_init: bool) -> Option<Invocation> {
    let flat = text.replace("\\t", " ").replace("\\n", " ");
    let flat = flat.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut one = Invocation { line, is_init, ..Invocation::default() };
    one.request = request_id(&flat).unwrap_or_default().to_owned();
    // Lambda writes the initialization last. The Runtime Interface Emulator of AWS, which AWS SAM uses, writes it first, and the
    // size of the memory as the memory used (its source, `interop/sandbox_model.go`).
    let is_emulated = !is_init
        && matches!(flat.split_once("Init Duration: "), Some((before, _)) if !before.contains("Duration: "));
    let mut rest = flat.as_str();
    while let Some((at, field)) = next_field(rest) {
        let value = &rest[at + field.len()..];
        let word = value.split([' ', '"', ',']).next().unwrap_or_default();
        match field {
            "Init Duration: " if is_init => one.duration = measured(value, "ms"),
            "Init Duration: " => one.init = measured(value, "ms"),
            "Billed Duration: " => one.billed = measured(value, "ms"),
            "Duration: " => one.duration = measured(value, "ms"),
            "Max Memory Used: " => one.used = measured(value, "MB"),
            "Memory Size: " => one.memory = measured(value, "MB"),
            "Status: " => word.clone_into(&mut one.status),
            "Error Type: " => word.clone_into(&mut one.error),
            _ => {}
        }
        rest = value;
    }
    one.duration.filter(|ms| is_plausible(*ms))?;
    if is_emulated {
        one.used = None;
    }
    one.quote = super::input::shown(&flat, 200);
    Some(one)
}

/// The first id of a request in a text: `8f6f1c0e-1111-4222-8333-abcdefabcdef`.
pub(crate) fn request_id(text: &str) -> Option<&str> {
    let is_of_id = |c: char| c.is_ascii_hexdigit() || c == '-';
    text.split(|c| !is_of_id(c)).find(|word| {
        let lengths = word.split('-').map(str::len);
        word.len() == 36 && lengths.eq([8, 4, 4, 4, 12])
    })
}

/// A number with its unit. A report that was cut can have the first digits of a number, without a unit.
fn measured<N: std::str::FromStr>(value: &str, unit: &str) -> Option<N> {
    let (number, rest) = value.split_once(' ')?;
    number.parse().ok().filter(|_| rest.starts_with(unit))
}

/// The first field.
fn next_field(text: &str) -> Option<(usize, &'static str)> {
    let found = FIELDS.iter().filter_map(|field| text.find(field).map(|at| (at, *field)));
    // "Billed Duration: " begins before the "Duration: " inside of it.
    found.min_by_key(|(at, field)| (*at, std::cmp::Reverse(field.len())))
}

/// `platform.report`, `platform.runtimeDone` and `platform.initReport`.
pub(crate) fn of_json(json: &Value, line: Option<usize>) -> Option<Invocation> {
    let kind = json["type"].as_str()?;
    let is_init = kind.starts_with("platform.init");
    if !matches!(
        kind,
        "platform.report"
            | "platform.runtimeDone"
            | "platform.initReport"
            | "platform.initRuntimeDone"
    ) {
        return None;
    }
    let record = &json["record"];
    let metrics = &record["metrics"];
    let text = |name: &str| record[name].as_str().unwrap_or_default().to_owned();
    let duration = metrics["durationMs"].as_f64().filter(|ms| is_plausible(*ms));
    let mut quote = format!("{kind}: status {}", text("status"));
    if let Some(ms) = duration {
        quote += &format!(", durationMs {ms}");
    }
    Some(Invocation {
        line,
        quote: super::input::shown(&quote, 200),
        is_init,
        duration,
        billed: metrics["billedDurationMs"].as_u64(),
        init: metrics["initDurationMs"].as_f64().filter(|ms| is_plausible(*ms)),
        memory: metrics["memorySizeMB"].as_u64(),
        used: metrics["maxMemoryUsedMB"].as_u64(),
        status: text("status"),
        error: text("errorType"),
        request: text("requestId"),
        is_runtime: kind == "platform.runtimeDone",
    })
}

fn is_plausible(ms: f64) -> bool {
    (0.0..1e12).contains(&ms)
}

/// The failure of an invocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The timeout of the function or of the initialization.
    Timeout,
    /// It was out of memory.
    OutOfMemory { certain: bool },
    /// The process ended.
    Exit,
    /// Another failure.
    Error,
    /// The log has no sign of a failure.
    Fine,
}

impl Invocation {
    /// The failure.
    pub(crate) fn ending(&self) -> Ending {
        let full = self
            .memory
            .zip(self.used)
            .is_some_and(|(size, used)| used.saturating_mul(100) >= size.saturating_mul(97));
        match (self.status.as_str(), self.error.as_str()) {
            ("timeout", _) => Ending::Timeout,
            (_, "Runtime.OutOfMemory") => Ending::OutOfMemory { certain: true },
            (_, "Sandbox.Timedout") => Ending::Timeout,
            ("error" | "failure", _) if full => Ending::OutOfMemory { certain: false },
            (_, "Runtime.ExitError") => Ending::Exit,
            ("error" | "failure", _) => Ending::Error,
            _ if self.was_cut() => Ending::Timeout,
            // A function that uses all of its memory is about to be killed.
            _ if self.memory.zip(self.used).is_some_and(|(size, used)| used >= size) => {
                Ending::OutOfMemory { certain: false }
            }
            _ => Ending::Fine,
        }
    }

    /// Until about 2024, the billed duration of a timeout was the timeout, and the duration was longer.
    #[expect(clippy::cast_precision_loss, reason = "durations are far below 2^52")]
    pub(crate) fn was_cut(&self) -> bool {
        let billed = self.billed.zip(self.duration);
        self.error.is_empty() && billed.is_some_and(|(billed, duration)| (billed as f64) < duration)
    }

    /// What it counts for its request.
    pub(crate) fn mention(&self) -> Option<(String, Mentions)> {
        let (runtime, reports) = if self.is_runtime { (1, 0) } else { (0, 1) };
        let mentions = Mentions { texts: 0, runtime, reports };
        (!self.request.is_empty()).then(|| (self.request.clone(), mentions))
    }

    /// The duration in whole milliseconds.
    pub(crate) fn whole(&self) -> Option<u64> {
        self.duration.and_then(whole)
    }

    /// The timeout, which is set in whole seconds.
    pub(crate) fn own_timeout(&self) -> Option<u64> {
        self.whole().map(|ms| if ms >= 1000 { ms / 1000 * 1000 } else { ms })
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "durations are between 0 and 1e12"
)]
fn whole(ms: f64) -> Option<u64> {
    is_plausible(ms).then_some(ms as u64)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn one(text: &str) -> Invocation {
        let mut all = of_text(text, Some(1));
        assert_eq!(all.len(), 1, "{text}: {all:?}");
        all.remove(0)
    }

    #[test]
    fn a_timeout_is_read_however_it_was_copied() {
        for text in [
            "REPORT RequestId: 1-2\tDuration: 5000.00 ms\tBilled Duration: 5579 ms\tMemory Size: 3008 MB\tMax Memory Used: 113 MB\tInit Duration: 578.07 ms\tStatus: timeout",
            "REPORT RequestId: 1-2\n  Duration: 5000.00 ms\n Billed Duration: 5579 ms Memory Size: 3008 MB Max Memory Used: 113 MB\nInit Duration: 578.07 ms Status: timeout\nSTART RequestId: 2",
            "REPORT RequestId: 1-2\\tDuration: 5000.00 ms\\tBilled Duration: 5579 ms\\tMemory Size: 3008 MB\\tMax Memory Used: 113 MB\\tInit Duration: 578.07 ms\\tStatus: timeout\\n",
        ] {
            let report = one(text);
            assert_eq!(
                (report.billed, report.used, report.init),
                (Some(5579), Some(113), Some(578.07)),
                "{report:?}"
            );
            assert_eq!(
                (report.ending(), report.own_timeout()),
                (Ending::Timeout, Some(5000)),
                "{report:?}"
            );
        }
    }

    #[test]
    fn a_timeout_of_the_old_format_is_recognized_by_the_billed_duration() {
        let old = one(
            "REPORT RequestId: 1 Duration: 31012.52 ms Billed Duration: 31000 ms Memory Size: 128 MB Max Memory Used: 61 MB",
        );
        assert_eq!((old.ending(), old.own_timeout()), (Ending::Timeout, Some(31_000)));
        let fine = one(
            "REPORT RequestId: 1 Duration: 3000.02 ms Billed Duration: 3001 ms Memory Size: 128 MB Max Memory Used: 61 MB",
        );
        assert_eq!(fine.ending(), Ending::Fine);
    }

    #[test]
    fn a_report_that_was_cut_is_not_read_as_a_failure() {
        let whole = "REPORT RequestId: 1 Duration: 1200.00 ms Billed Duration: 1201 ms Memory Size: 128 MB Max Memory Used: 61 MB";
        for end in "REPORT RequestId: 1 Duration: ".len()..=whole.len() {
            for report in of_text(&whole[..end], None) {
                assert_eq!(report.ending(), Ending::Fine, "{}: {report:?}", &whole[..end]);
                assert_eq!(report.whole(), Some(1200), "{}: {report:?}", &whole[..end]);
            }
        }
    }

    #[test]
    fn exhausted_memory_is_not_a_timeout() {
        let line = |end: &str| {
            one(&format!(
                "REPORT RequestId: 1 Duration: 11481.00 ms Billed Duration: 11481 ms Memory Size: 128 MB Max Memory Used: {end}"
            ))
        };
        assert_eq!(
            line("128 MB Status: error Error Type: Runtime.OutOfMemory").ending(),
            Ending::OutOfMemory { certain: true }
        );
        assert_eq!(
            line("127 MB Status: error Error Type: Runtime.ExitError").ending(),
            Ending::OutOfMemory { certain: false }
        );
        assert_eq!(
            line("64 MB Status: error Error Type: Runtime.ExitError").ending(),
            Ending::Exit
        );
        assert_eq!(line("128 MB").ending(), Ending::OutOfMemory { certain: false });
        assert_eq!(line("64 MB").ending(), Ending::Fine);
    }

    #[test]
    fn a_platform_event_is_read_like_a_report_line() {
        let json = json!({"type": "platform.report", "record": {"status": "timeout", "metrics": {"durationMs": 5000.0, "billedDurationMs": 5579}}});
        let report = of_json(&json, Some(3)).expect("a report");
        assert_eq!(
            (report.ending(), report.own_timeout(), report.line),
            (Ending::Timeout, Some(5000), Some(3))
        );
        assert_eq!(of_json(&json!({"type": "platform.start"}), None), None);
        let init = one("INIT_REPORT Init Duration: 10000.09 ms Phase: init Status: timeout");
        assert!(init.is_init && init.whole() == Some(10_000), "{init:?}");
    }

    /// The line is that of `sam local invoke` 1.160.
    #[test]
    fn the_memory_in_a_report_of_the_runtime_interface_emulator_is_not_read() {
        let emulated = one(
            "REPORT RequestId: b8e7a2d6-5c9f-4f4f-a3cb-64b3c06e0cd0\tInit Duration: 0.04 ms\tDuration: 122.31 ms\tBilled Duration: 123 ms\tMemory Size: 128 MB\tMax Memory Used: 128 MB\t",
        );
        assert_eq!((emulated.ending(), emulated.used), (Ending::Fine, None));
        assert_eq!(emulated.request, "b8e7a2d6-5c9f-4f4f-a3cb-64b3c06e0cd0");
    }

    #[test]
    fn other_text_is_not_a_report_line() {
        for text in [
            "REPORT",
            "REPORT RequestId:",
            "REPORT RequestId: Duration: x ms",
            "XREPORT RequestId: Duration: 1 ms",
            "REPORT RequestId: 1 Duration: -5 ms",
            "REPORT RequestId: 1 Duration: 1e400 ms",
        ] {
            assert_eq!(of_text(text, None), [], "{text}");
        }
    }
}
