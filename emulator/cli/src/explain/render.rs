//! An explanation as text for people and as JSON for programs. Pure.

use std::fmt::Write as _;

use hardcap_limits::Limits;
use serde_json::{Value, json};

use super::finding::Finding;
use super::known::Rank;
use super::{Cause, Document, Explained, InputKind, amount};

/// The version of the JSON format.
const FORMAT: u32 = 2;
/// The maximum number of findings in the text.
const SHOWN: usize = 12;

pub(crate) fn to_text(explained: &Explained, limits: &Limits) -> String {
    let mut text = String::new();
    if explained.is_explained() || explained.kind.is_known() {
        let _ = writeln!(text, "Recognized: {}", explained.kind);
    }
    for finding in explained.findings.iter().take(SHOWN) {
        text.push('\n');
        one(&mut text, finding, limits);
    }
    if let Some(more) = explained.findings.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        let _ = writeln!(text, "\nand {more} more findings, which --format json lists");
    }
    if let Some(document) = &explained.document {
        text.push('\n');
        measured(&mut text, document);
    }
    if let InputKind::Har
    | InputKind::CurlTranscript
    | InputKind::RestEvent
    | InputKind::HttpApiEvent = explained.kind
    {
        text += "\n`hardcap replay` runs it against the functions here.\n";
    }
    if !explained.is_explained() {
        text += "The input has no known text, so it is unknown whether a limit was met.\n";
        text += "Helpful inputs are the function's log with its REPORT line, the API's execution log, an access log with \
                 $context.integrationErrorMessage, or the error that the SDK printed. `hardcap limits` lists the texts.\n";
    }
    text.trim_end().to_owned()
}

fn one(text: &mut String, finding: &Finding, limits: &Limits) {
    let place = finding.line.map(|line| format!(" (line {line})")).unwrap_or_default();
    let times =
        if finding.times > 1 { format!(", {} times", finding.times) } else { String::new() };
    let _ = writeln!(text, "“{}”{place}{times}", finding.quote);
    if let [cause] = finding.causes.as_slice() {
        let rank =
            if cause.rank == Rank::Certain { String::new() } else { format!(", {}", cause.rank) };
        let _ = writeln!(text, "  {}{rank}: {}", cause.name, cause.about());
        if cause.rank != Rank::Certain {
            let _ = writeln!(text, "  because {}", cause.why);
        }
        numbers(text, finding, limits);
        details(text, "  ", cause, limits);
    } else {
        let _ = writeln!(
            text,
            "  this text has {} possible causes, the most likely first:",
            finding.causes.len()
        );
        numbers(text, finding, limits);
        for (at, cause) in finding.causes.iter().enumerate() {
            let _ = writeln!(text, "  {}. {}, {}: {}", at + 1, cause.name, cause.rank, cause.why);
            details(text, "     ", cause, limits);
        }
    }
    for note in &finding.notes {
        let _ = writeln!(text, "  note: {note}");
    }
}

fn details(text: &mut String, indent: &str, cause: &Cause, limits: &Limits) {
    if let Some(row) = cause.row {
        let _ = writeln!(text, "{indent}measured: {}", row.measured);
    }
    if !cause.decided_by.is_empty() {
        let _ = writeln!(text, "{indent}decided by: {}", cause.decided_by);
    }
    let _ = writeln!(text, "{indent}remedy: {}", cause.remedy());
    let source = cause.source(limits);
    if !source.is_empty() {
        let _ = writeln!(text, "{indent}source: {source}");
    }
}

/// The quantity, its limit, and whether the limits in force would refuse it.
fn numbers(text: &mut String, finding: &Finding, limits: &Limits) {
    let unit = finding.unit();
    let row = finding.first().row;
    let is_minimum = row.is_some_and(hardcap_limits::Row::is_minimum);
    let bound = if is_minimum { "at least" } else { "at most" };
    let there = finding.max.or_else(|| finding.in_force(limits));
    match (finding.observed, there) {
        (Some(observed), Some(max)) => {
            let over = finding.over(limits);
            let how = match (over, is_minimum) {
                (Some(0), _) => "exactly the limit".to_owned(),
                (Some(over), false) => format!("{} over", amount(unit, over)),
                (Some(under), true) => format!("{} under", amount(unit, under)),
                (None, _) => "within it".to_owned(),
            };
            let _ = writeln!(
                text,
                "  {} of {bound} {}: {how}",
                amount(unit, observed),
                amount(unit, max)
            );
        }
        (None, Some(max)) if row.is_some() => {
            let _ = writeln!(
                text,
                "  {bound} {}; the text does not contain the measured value",
                amount(unit, max)
            );
        }
        (Some(observed), None) => {
            let _ = writeln!(text, "  it was {}", amount(unit, observed));
        }
        _ => {}
    }
    if let Some(sentence) = under_the_limits_in_force(finding, limits) {
        let _ = writeln!(text, "  {sentence}");
    }
}

/// The number of the chosen date, if the input names another one.
pub(crate) fn under_the_limits_in_force(finding: &Finding, limits: &Limits) -> Option<String> {
    let (max, now) = (finding.max?, finding.in_force(limits)?);
    let name = finding.first().name;
    // A timeout in a log is that of the function, not Lambda's maximum.
    if max == now || name == "lambda_timeout" {
        return None;
    }
    let unit = finding.unit();
    let bound = if finding.first().row.is_some_and(hardcap_limits::Row::is_minimum) {
        "at least"
    } else {
        "at most"
    };
    let verdict = match finding.observed {
        Some(observed) if observed > now => {
            format!("still {} over", amount(unit, observed - now))
        }
        Some(observed) => format!("it would pass, with {} left", amount(unit, now - observed)),
        None => "another number than in the text".to_owned(),
    };
    Some(format!("under the limits of {}: {bound} {}, {verdict}", limits.date(), amount(unit, now)))
}

fn measured(text: &mut String, document: &Document) {
    for (at, one) in document.measured.iter().enumerate() {
        let _ = writeln!(text, "{}: {} ({})", one.what, one.describe(), one.row);
        if at == 0 && one.observed > one.max {
            let _ = writeln!(text, "  remedy: {}", super::remedy(one.row));
        }
    }
    if let Some(compact) = document.compact {
        let _ = writeln!(
            text,
            "  measured without its line breaks and indentation: {compact} of {} bytes in the copy",
            document.bytes
        );
    }
    if let Some(body) = document.body {
        let how = if document.is_base64 { "base64" } else { "text" };
        let _ = writeln!(text, "  body: {body} bytes, sent as {how}");
    }
    for (name, bytes) in &document.members {
        let _ = writeln!(text, "  {}: {bytes} bytes of JSON", super::input::shown(name, 60));
    }
}

pub(crate) fn to_json(explained: &Explained, limits: &Limits) -> Value {
    let findings: Vec<Value> =
        explained.findings.iter().map(|finding| finding_json(finding, limits)).collect();
    let document = explained.document.as_ref().map(|document| {
        let measured: Vec<Value> = document
            .measured
            .iter()
            .map(|one| {
                json!({
                    "row": one.row, "what": one.what, "observed": one.observed, "max": one.max,
                    "over": one.observed.saturating_sub(one.max), "do": super::remedy(one.row),
                })
            })
            .collect();
        json!({ "bytes": document.bytes, "compact": document.compact, "body": document.body, "measured": measured })
    });
    json!({
        "format": FORMAT,
        "limits": limits.date().to_string(),
        "type": explained.kind.name(),
        "explained": explained.is_explained(),
        "findings": findings,
        "document": document,
    })
}

fn finding_json(finding: &Finding, limits: &Limits) -> Value {
    let causes: Vec<Value> = finding
        .causes
        .iter()
        .map(|cause| {
            json!({
                "name": cause.name,
                "is_limit": cause.row.is_some(),
                "rank": cause.rank.to_string(),
                "about": cause.about(),
                "why": cause.why,
                "decided_by": cause.decided_by,
                "do": cause.remedy(),
                "source": cause.source(limits),
            })
        })
        .collect();
    json!({
        "quote": finding.quote,
        "line": finding.line,
        "times": finding.times,
        "observed": finding.observed,
        "max": finding.max,
        "over": finding.over(limits),
        "unit": finding.unit(),
        "in_force": finding.in_force(limits),
        "causes": causes,
        "notes": finding.notes,
        "text_source": finding.source,
    })
}
