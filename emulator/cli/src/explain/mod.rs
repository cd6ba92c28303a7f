//! `hardcap explain`: the limit that a log line, a captured response, an event or an error is about, the excess, and the remedy. Pure.
//!
//! First the input is recognized ([`InputKind`]), then every text and report in it is collected as a [`Finding`] with its causes.

mod access;
mod cause;
mod clues;
mod dead_letter;
mod document;
mod finding;
pub(crate) mod input;
mod insights;
mod invocation;
mod kind;
mod known;
mod packed;
mod pattern;
mod rank;
pub(crate) mod recognize;
mod remedy;
mod render;
mod sizes;
mod texts;
mod trace;

use std::collections::HashSet;

use hardcap_limits::{Limits, Unit};
use serde_json::Value;

pub use document::{Document, Measured};
pub use finding::{Cause, Finding};
pub use kind::InputKind;
pub use known::Rank;
pub use packed::unpacked;
pub use remedy::remedy;

use clues::Clues;
use finding::{Mentions, Place, Requests};
use input::{Input, shown};
use invocation::{Ending, Invocation};
use known::Claim;
use recognize::{Lines, Recognized};
use sizes::Sizes;
use texts::Occurrence;

/// The number of findings from which equal ones are merged.
const MERGED_FROM: usize = 10_000;
/// The maximum length of a quote, in characters.
const QUOTE_MAX: usize = 200;

/// The explanation of an input.
#[derive(Clone, Debug)]
pub struct Explained {
    /// The type.
    pub kind: InputKind,
    /// The findings, the worst first.
    pub findings: Vec<Finding>,
    /// The measurements, if it is a document with a limit of its own.
    pub document: Option<Document>,
}

impl Explained {
    /// Explains an input under these limits.
    #[must_use]
    pub fn new(bytes: &[u8], limits: &Limits) -> Explained {
        let input = Input::new(bytes);
        let recognized = recognize::recognize(&input);
        let clues = Clues::of(&recognized);
        let mut findings = Vec::new();
        let mut seen = HashSet::new();
        for (index, message) in recognized.messages.iter().enumerate() {
            let mut lines = Lines::new(&message.text, message.line.unwrap_or(1));
            for occurrence in texts::find(&message.text, &clues, limits) {
                let place = Place::of(&occurrence.hit, index, message, &mut lines);
                if message.is_inner && seen.contains(&(place.line, occurrence.hit.pattern)) {
                    continue;
                }
                if message.record == recognize::TEXT && !recognized.documents.is_empty() {
                    seen.insert((place.line, occurrence.hit.pattern));
                }
                findings.push(of_occurrence(occurrence, message, Some(place), limits));
            }
            let reports = invocation::of_text(&message.text, message.line);
            findings.extend(reports.iter().filter_map(|one| of_invocation(one, limits)));
            if findings.len() > MERGED_FROM {
                findings = finding::merge(findings);
            }
        }
        findings.extend(of_documents(&recognized, limits));
        findings.extend(of_access_log(&recognized, &clues, limits));
        if findings.is_empty() {
            findings.extend(of_error(&recognized).or_else(|| of_logged_error(&recognized)));
        }
        let mut findings = finding::decide(finding::merge(findings));
        finding::sort(&mut findings, limits);
        let document = whole(&recognized, &input, limits);
        Explained { kind: recognized.kind, findings, document }
    }

    /// Whether a cause was found or a document was measured.
    #[must_use]
    pub fn is_explained(&self) -> bool {
        !self.findings.is_empty() || self.document.is_some()
    }

    /// The text for people.
    #[must_use]
    pub fn to_text(&self, limits: &Limits) -> String {
        render::to_text(self, limits)
    }

    /// The JSON for programs.
    #[must_use]
    pub fn to_json(&self, limits: &Limits) -> Value {
        render::to_json(self, limits)
    }
}

/// The explanation of a failed request for the live page, as text, if there is one.
#[must_use]
pub fn text(bytes: &[u8], limits: &Limits) -> Option<String> {
    let explained = Explained::new(bytes, limits);
    explained.is_explained().then(|| explained.to_text(limits))
}

/// The whole input as a document that is measured.
fn whole(recognized: &Recognized, input: &Input, limits: &Limits) -> Option<Document> {
    let document = recognized.documents.first().filter(|document| document.line.is_none())?;
    let text = String::from_utf8_lossy(&input.bytes);
    Document::measure(recognized.kind, &text, &document.json, limits)
}

fn of_occurrence(
    occurrence: Occurrence,
    message: &recognize::Message,
    place: Option<Place>,
    limits: &Limits,
) -> Finding {
    let Occurrence { mut hit, claims, source, is_general } = occurrence;
    if hit.is_open && message.is_cut {
        hit.values.pop();
    }
    let exact = message.text.get(hit.start..hit.end).unwrap_or_default();
    let line_start = message.text[..hit.start].rfind('\n').map_or(0, |at| at + 1);
    let line = message.text[line_start..].lines().next().unwrap_or_default();
    let mention = Mentions { texts: 1, ..Mentions::default() };
    let request = invocation::request_id(line).map(|id| (id.to_owned(), mention));
    let causes: Vec<Cause> = claims.iter().map(Cause::new).collect();
    let mut notes = Vec::new();
    let mut observed = hit.number("observed");
    let mut max = hit.number("max");
    if let Some(seconds) = hit.number("max_whole_seconds") {
        max = seconds.checked_mul(1000);
    }
    if let Some(ms) = hit.seconds("max_seconds") {
        (observed, max) = (Some(ms), Some(own_timeout(ms)));
        notes.push(timeout_note(own_timeout(ms), limits));
    }
    if hit.value("variables").is_some() {
        observed = echoed(exact);
    }
    if observed.is_none() && is_of_s3(&causes) {
        let sizes = Sizes::after(&message.text, hit.start);
        observed = sizes.observed;
        max = max.or(sizes.max);
    }
    Finding {
        quote: shown(exact, QUOTE_MAX),
        line: message.line.and(place.as_ref().map(|place| place.line).or(message.line)),
        times: 1,
        observed,
        max,
        causes,
        notes,
        source,
        is_general,
        place,
        requests: request.into_iter().collect(),
    }
}

/// A function's timeout is set in whole seconds; a log can have a slightly larger number.
fn own_timeout(ms: u64) -> u64 {
    if ms >= 1000 { ms / 1000 * 1000 } else { ms }
}

fn timeout_note(own: u64, limits: &Limits) -> String {
    let most =
        limits.in_force().find(|(row, _)| row.name == "lambda_timeout").map_or(0, |(_, max)| max);
    format!(
        "the function's own timeout is {} s; Lambda allows at most {} s",
        own / 1000,
        most / 1000
    )
}

fn is_of_s3(causes: &[Cause]) -> bool {
    causes.iter().any(|cause| cause.name.starts_with("s3_"))
}

/// The length of the map of variables in a refusal; `None` if the map was cut.
fn echoed(exact: &str) -> Option<u64> {
    let echo = &exact[exact.find('{')?..];
    let parsed = |text: &str| serde_json::from_str::<Value>(text).ok();
    let json = parsed(echo).or_else(|| parsed(&echo.replace("\\\"", "\"")))?;
    Some(json.to_string().len() as u64)
}

fn of_invocation(one: &Invocation, limits: &Limits) -> Option<Finding> {
    let (cause, certain) = match one.ending() {
        Ending::Fine => return None,
        Ending::Timeout if one.is_init => ("lambda_init", true),
        Ending::Timeout => ("lambda_timeout", true),
        Ending::OutOfMemory { certain } => ("out_of_memory", certain),
        Ending::Exit => ("function_exit", true),
        Ending::Error => ("function_error", true),
    };
    let why = if one.status.is_empty() && one.was_cut() {
        "the billed duration is shorter than the duration: until about 2024 it was the timeout"
    } else {
        "the report of the platform contains the status of the invocation"
    };
    let mut cause = Cause::certain(cause, why);
    if !certain {
        // A report without a status is one of an invocation that ended well, or older than the status.
        let is_failure = !one.status.is_empty() || !one.error.is_empty();
        cause.rank = if is_failure { Rank::Likely } else { Rank::Possible };
        "the memory was used up".clone_into(&mut cause.why);
        "Error Type: Runtime.OutOfMemory or “signal: killed” in the log"
            .clone_into(&mut cause.decided_by);
    }
    let is_time = cause.row.is_some();
    let (observed, max) = match (is_time, one.is_init) {
        (true, true) => (one.whole(), None),
        (true, false) => (one.whole(), one.own_timeout()),
        _ => (None, None),
    };
    Some(Finding {
        quote: one.quote.clone(),
        line: one.line,
        times: 1,
        observed,
        max,
        causes: vec![cause],
        notes: report_notes(one, limits),
        source:
            "AWS, log lines of the platform: DataBiosphere/azul#8140 (2026-06), #7730 (2026-02)"
                .to_owned(),
        is_general: one.ending() == Ending::Error,
        place: None,
        requests: one.mention().into_iter().collect(),
    })
}

fn report_notes(one: &Invocation, limits: &Limits) -> Vec<String> {
    let mut notes = Vec::new();
    let is_timeout = one.ending() == Ending::Timeout && !one.is_init;
    if let Some(own) = one.own_timeout().filter(|_| is_timeout) {
        notes.push(timeout_note(own, limits));
    }
    if let (Some(billed), Some(init)) = (one.billed, one.init)
        && is_timeout
    {
        notes.push(format!("billed are {billed} ms: the timeout and {init} ms of initialization"));
    }
    if let (Some(size), Some(used)) = (one.memory, one.used)
        && matches!(one.ending(), Ending::OutOfMemory { .. } | Ending::Exit)
    {
        notes.push(format!("{used} MB of {size} MB were used"));
    }
    notes
}

/// Reports of the platform as JSON, and documents in a log that are over their limits.
fn of_documents(recognized: &Recognized, limits: &Limits) -> Vec<Finding> {
    let mut found = Vec::new();
    for document in &recognized.documents {
        let report = invocation::of_json(&document.json, document.line);
        found.extend(report.and_then(|report| of_invocation(&report, limits)));
        found.extend(insights::findings(&document.json, document.line));
        found.extend(trace::findings(&document.json, document.line, limits));
        found.extend(dead_letter::findings(&document.json, document.line));
        if document.line.is_none() {
            continue;
        }
        let text = document.json.to_string();
        let kind = kind::of_json(&document.json);
        let Some(measured) = Document::measure(kind, &text, &document.json, limits) else {
            continue;
        };
        for one in measured.over() {
            let why = format!("{kind}: {} was measured", one.what);
            found.push(Finding {
                quote: shown(&text, 60),
                line: document.line,
                times: 1,
                observed: Some(one.observed),
                max: Some(one.max),
                causes: vec![Cause::certain(one.row, &why)],
                notes: Vec::new(),
                source: String::new(),
                is_general: false,
                place: None,
                requests: Requests::new(),
            });
        }
    }
    found
}

fn of_access_log(recognized: &Recognized, clues: &Clues, limits: &Limits) -> Vec<Finding> {
    // The status and the length are those of a response of a gateway.
    let clues = Clues { is_gateway_body: true, ..clues.clone() };
    let mut found = Vec::new();
    for access in access_lines(recognized) {
        let message = recognize::Message {
            line: access.line,
            text: access.text.to_owned(),
            ..recognize::Message::default()
        };
        for occurrence in texts::find(access.text, &clues, limits) {
            let mut one = of_occurrence(occurrence, &message, None, limits);
            (one.observed, one.max) = (None, None);
            one.quote = format!("{}: “{}”", access.quote, access.text);
            one.causes.iter_mut().filter(|cause| cause.rank == Rank::Certain).for_each(|cause| {
                cause.rank = Rank::Likely;
                "the status and the length or the duration are those of this response"
                    .clone_into(&mut cause.why);
            });
            found.push(one);
        }
    }
    found
}

fn access_lines(recognized: &Recognized) -> Vec<access::Access> {
    if recognized.kind != InputKind::AccessLog {
        return Vec::new();
    }
    let documents = recognized.documents.iter();
    let mut lines: Vec<access::Access> =
        documents.filter_map(|one| access::of_json(&one.json, one.line)).collect();
    for message in recognized.messages.iter().filter(|message| !message.is_inner) {
        let first = message.line.unwrap_or(1);
        let last = message.text.lines().count();
        let text = message.text.lines().enumerate();
        lines.extend(text.filter_map(|(at, line)| {
            access::of_line(line, first + at, message.is_cut && at + 1 == last)
        }));
    }
    lines
}

/// An error of a function without a known text: it is the function's own error.
fn of_error(recognized: &Recognized) -> Option<Finding> {
    let json = &recognized.documents.first()?.json;
    let text = |name: &str| json[name].as_str().unwrap_or_default();
    let (name, quote, certain) = match recognized.kind {
        InputKind::FunctionError => {
            ("function_error", format!("{}: {}", text("errorType"), text("errorMessage")), true)
        }
        InputKind::StepFunctions if json["Error"].is_string() || json["error"].is_string() => (
            "step_functions_error",
            format!("{}{}: {}{}", text("Error"), text("error"), text("Cause"), text("cause")),
            true,
        ),
        _ => return None,
    };
    let claim = Claim {
        cause: name,
        rank: if certain { Rank::Certain } else { Rank::Likely },
        why: "the document is the error, and it names no limit",
        decided_by: "",
    };
    Some(Finding {
        quote: shown(&quote, QUOTE_MAX),
        line: None,
        times: 1,
        observed: None,
        max: None,
        causes: vec![Cause::new(&claim)],
        notes: Vec::new(),
        source: String::new(),
        is_general: true,
        place: None,
        requests: Requests::new(),
    })
}

/// An error that a runtime wrote into a log, with a stack and without a known text.
fn of_logged_error(recognized: &Recognized) -> Option<Finding> {
    let has_stack = |json: &Value| json["stack"].is_array() || json["stackTrace"].is_array();
    let mut documents = recognized.documents.iter();
    let logged = documents.find(|one| {
        one.line.is_some()
            && has_stack(&one.json)
            && kind::of_json(&one.json) == InputKind::FunctionError
    })?;
    let text = |name: &str| logged.json[name].as_str().unwrap_or_default();
    let quote = format!("{}: {}", text("errorType"), text("errorMessage"));
    let why = "the runtime logged an error with a stack, and its text names no limit";
    let causes = vec![Cause::certain("function_error", why)];
    let mut found = Finding::of_record(&quote, logged.line, causes, "");
    found.is_general = true;
    Some(found)
}

/// A number with its unit, for sentences.
#[must_use]
pub fn amount(unit: Unit, number: u64) -> String {
    match (unit, number) {
        (Unit::Bytes, 1) => "1 byte".to_owned(),
        _ => unit.of(number),
    }
}

#[cfg(test)]
mod tests;
