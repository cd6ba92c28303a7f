//! A run as one page of HTML that needs nothing else: how near each limit came, what was refused, and when. Pure.

use std::fmt::Write as _;

use hardcap_limits::Limits;
use indexmap::IndexMap;

use super::{Headroom, Report, grouped, with_unit};
use crate::report::gate::Failure;
use crate::report::saved::Saved;
use hardcap_core::record::{Record, What};

/// More refusals than this are only counted.
const REFUSALS_MAX: usize = 200;
/// More requests than this are not drawn one by one: of many, the latest.
const DRAWN_MAX: usize = 2_000;

/// The page of a run; `failures` is what a gate found.
#[must_use]
pub fn page(run: &Saved, report: &Report, failures: &[Failure]) -> String {
    let mut html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>hardcap: limits of {}</title>\n<style>\n{}</style>\n</head>\n<body>\n",
        text(&report.limits),
        include_str!("page.css")
    );
    let (date, version) = (text(&report.limits), text(&run.version));
    let _ = writeln!(
        html,
        "<h1>How near the limits came</h1>\n<p class=\"about\">limits of {date}, hardcap {version}</p>"
    );
    verdict(&mut html, report, failures);
    tiles(&mut html, report);
    refusals(&mut html, run);
    limits(&mut html, report);
    requests(&mut html, &run.records);
    functions(&mut html, &run.records);
    sums(&mut html, report);
    html.push_str(
        "<footer>Sums cover the whole run; refusals, requests and functions are from its newest records.</footer>\n\
         </body>\n</html>\n",
    );
    html
}

fn verdict(html: &mut String, report: &Report, failures: &[Failure]) {
    let refused: u64 = report.rows.iter().map(|row| row.refused).sum();
    if failures.is_empty() {
        let said = match refused {
            0 => "No limit refused anything.".to_owned(),
            1 => "A limit refused once.".to_owned(),
            _ => format!("Limits refused {} times.", grouped(refused)),
        };
        let class = if refused == 0 { "verdict" } else { "verdict failed" };
        let _ = writeln!(html, "<div class=\"{class}\">{said}</div>");
        return;
    }
    html.push_str("<div class=\"verdict failed\">The gate failed.<ul>");
    for failure in failures {
        let _ = write!(
            html,
            "<li><code>{}</code> {}</li>",
            text(&failure.what),
            text(&failure.message)
        );
    }
    html.push_str("</ul></div>\n");
}

fn tiles(html: &mut String, report: &Report) {
    let sum = |numbers: &mut dyn Iterator<Item = u64>| numbers.sum::<u64>();
    let refused = sum(&mut report.rows.iter().map(|row| row.refused));
    let tiles = [
        ("requests answered", sum(&mut report.answers.values().copied()), false),
        ("invocations", report.invocations, false),
        ("refusals", refused, refused > 0),
        ("functions failed", sum(&mut report.faults.values().copied()), true),
        ("throttled", report.throttles, true),
        ("cold starts", report.cold_starts, false),
        ("asynchronous events", report.events.accepted + report.events.restored, false),
        ("failures of hardcap", report.bugs, true),
    ];
    html.push_str("<div class=\"tiles\">\n");
    for (name, number, bad) in tiles {
        let class = if bad && number > 0 { "tile bad" } else { "tile" };
        let _ = writeln!(
            html,
            "<div class=\"{class}\"><b>{}</b><span>{name}</span></div>",
            grouped(number)
        );
    }
    html.push_str("</div>\n");
}

fn limits(html: &mut String, report: &Report) {
    html.push_str("<h2>Limits</h2>\n");
    if report.rows.is_empty() {
        html.push_str("<p>No limit was measured.</p>\n");
        return;
    }
    html.push_str(
        "<table>\n<tr><th>limit</th><th>used</th><th class=\"n\">highest</th><th class=\"n\">of at most</th>\
         <th class=\"n\">left</th><th class=\"n\">measured</th><th class=\"n\">refused</th></tr>\n",
    );
    for row in &report.rows {
        limit(html, row);
    }
    html.push_str("</table>\n");
    for change in &report.overrides {
        let _ = writeln!(
            html,
            "<p>Overridden: <code>{}</code> was {}; AWS has {}.</p>",
            text(change.row),
            grouped(change.in_force),
            grouped(change.aws)
        );
    }
}

fn limit(html: &mut String, row: &Headroom) {
    let used = 100 - row.headroom_percent.min(100);
    let class = match row.headroom_percent {
        _ if row.refused > 0 => "bar full",
        0..10 => "bar full",
        10..30 => "bar near",
        _ => "bar",
    };
    let doc = Limits::row(row.row).map_or("", |row| row.doc.trim());
    let doc = doc.split_once(". ").map_or(doc, |(first_sentence, _)| first_sentence);
    let refused = match row.refused {
        0 => "0".to_owned(),
        refused => format!("<span class=\"full-text\">{}</span>", grouped(refused)),
    };
    let _ = writeln!(
        html,
        "<tr><td><code>{}</code><small>{}</small></td><td><div class=\"{class}\"><i style=\"width:{used}%\"></i></div></td>\
         <td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}%</td><td class=\"n\">{}</td><td class=\"n\">{refused}</td></tr>",
        text(row.row),
        text(doc),
        with_unit(row.highest, row.unit),
        with_unit(row.max, row.unit),
        row.headroom_percent,
        grouped(row.measured),
    );
}

fn refusals(html: &mut String, run: &Saved) {
    let refused: Vec<_> = run
        .records
        .iter()
        .filter_map(|record| match &record.what {
            What::Measured { row, observed, max, admitted: false } => {
                Some((record, *row, *observed, *max))
            }
            _ => None,
        })
        .collect();
    if refused.is_empty() {
        return;
    }
    html.push_str(
        "<h2>Refusals</h2>\n<table>\n<tr><th>when</th><th>limit</th><th class=\"n\">measured</th><th class=\"n\">of at most</th>\
         <th class=\"n\">over</th><th>request</th></tr>\n",
    );
    let begin = run.records.first().map_or(0, |record| record.at.0);
    for (record, row, observed, max) in refused.iter().take(REFUSALS_MAX) {
        let unit = |number| match Limits::row(row.as_str()) {
            Some(row) => with_unit(number, row.unit),
            None => grouped(number),
        };
        let _ = writeln!(
            html,
            "<tr><td class=\"n\">+{} ms</td><td><code>{}</code></td><td class=\"n\">{}</td><td class=\"n\">{}</td>\
             <td class=\"n full-text\">{}</td><td><code>{}</code><small>{}</small></td></tr>",
            grouped(record.at.0.saturating_sub(begin)),
            text(row.as_str()),
            unit(*observed),
            unit(*max),
            unit(observed.saturating_sub(*max)),
            text(&record.request_id),
            text(&whose(&run.records, &record.request_id)),
        );
    }
    html.push_str("</table>\n");
    if let Some(more) = refused.len().checked_sub(REFUSALS_MAX).filter(|more| *more > 0) {
        let _ = writeln!(html, "<p>And {} more.</p>", grouped(more as u64));
    }
}

/// What is known of a request from its other records: `GET /giant, 502; giant failed`.
fn whose(records: &[Record], request_id: &str) -> String {
    let mut said = Vec::new();
    for record in records.iter().filter(|record| record.request_id == request_id) {
        match &record.what {
            What::Answered { method, path, status, .. } => {
                said.push(format!("{method} {path}: {status}"));
            }
            What::Invoked { function, fault: Some(fault), .. } => {
                said.push(format!("{function}: {fault}"));
            }
            _ => {}
        }
    }
    said.join("; ")
}

/// Every request as a point: when it was answered, and how long it took.
fn requests(html: &mut String, records: &[Record]) {
    const WIDTH: u64 = 1_000;
    const HEIGHT: u64 = 180;
    let answered: Vec<_> = records
        .iter()
        .filter_map(|record| match &record.what {
            What::Answered { method, path, status, millis, .. } => Some((
                record.at.0,
                *millis,
                *status,
                format!("{method} {path}: {status}, {millis} ms"),
            )),
            _ => None,
        })
        .collect();
    let Some((first, _, _, _)) = answered.first() else { return };
    let last = answered.last().map_or(*first, |(at, ..)| *at);
    let slowest = answered.iter().map(|(_, millis, ..)| *millis).max().unwrap_or(0).max(1);
    let span = last.saturating_sub(*first).max(1);
    let _ = write!(
        html,
        "<h2>Requests</h2>\n<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"how long each request took\">\n\
         <line class=\"axis\" x1=\"10\" y1=\"{1}\" x2=\"{0}\" y2=\"{1}\" transform=\"translate(0 -20)\"/>\n\
         <text x=\"10\" y=\"14\">{2} ms</text><text x=\"10\" y=\"{3}\">0 s</text>\
         <text x=\"{0}\" y=\"{3}\" text-anchor=\"end\" dx=\"-10\">{4} s</text>\n",
        WIDTH,
        HEIGHT,
        grouped(slowest),
        HEIGHT - 6,
        span.div_ceil(1_000),
    );
    for (at, millis, status, title) in answered.iter().rev().take(DRAWN_MAX) {
        let x = 10 + (at - first) * (WIDTH - 20) / span;
        let y = HEIGHT - 20 - millis * (HEIGHT - 45) / slowest;
        let class = if *status >= 400 { " class=\"bad\"" } else { "" };
        let _ = writeln!(
            html,
            "<circle{class} cx=\"{x}\" cy=\"{y}\" r=\"4\"><title>{}</title></circle>",
            text(title)
        );
    }
    html.push_str("</svg>\n");
}

/// What is known of one function.
#[derive(Default)]
struct Function {
    runs: u64,
    faults: u64,
    event_max: u64,
    answer_max: u64,
    millis: Vec<u64>,
}

fn functions(html: &mut String, records: &[Record]) {
    let mut functions: IndexMap<&str, Function> = IndexMap::new();
    for record in records {
        let What::Invoked { function, event, answer, millis, fault, .. } = &record.what else {
            continue;
        };
        let of = functions.entry(function).or_default();
        of.runs += 1;
        of.faults += u64::from(fault.is_some());
        of.event_max = of.event_max.max(*event);
        of.answer_max = of.answer_max.max(*answer);
        of.millis.push(*millis);
    }
    if functions.is_empty() {
        return;
    }
    html.push_str(
        "<h2>Functions</h2>\n<table>\n<tr><th>function</th><th class=\"n\">runs</th><th class=\"n\">failed</th>\
         <th class=\"n\">largest event</th><th class=\"n\">largest answer</th><th class=\"n\">median</th><th class=\"n\">slowest</th></tr>\n",
    );
    for (name, mut of) in functions {
        of.millis.sort_unstable();
        let median = of.millis.get(of.millis.len() / 2).copied().unwrap_or(0);
        let slowest = of.millis.last().copied().unwrap_or(0);
        let _ = writeln!(
            html,
            "<tr><td><code>{}</code></td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{} B</td>\
             <td class=\"n\">{} B</td><td class=\"n\">{} ms</td><td class=\"n\">{} ms</td></tr>",
            text(name),
            grouped(of.runs),
            grouped(of.faults),
            grouped(of.event_max),
            grouped(of.answer_max),
            grouped(median),
            grouped(slowest),
        );
    }
    html.push_str("</table>\n");
}

fn sums(html: &mut String, report: &Report) {
    let answers = report.answers.iter().map(|(status, count)| (status.to_string(), *count));
    let faults = report.faults.iter().map(|(fault, count)| (fault.clone(), *count));
    let mut rows: Vec<(String, u64)> = answers.collect();
    rows.sort();
    rows.extend(faults);
    if rows.is_empty() {
        return;
    }
    html.push_str("<h2>Answers and faults</h2>\n<table>\n");
    for (name, count) in rows {
        let _ = writeln!(
            html,
            "<tr><td><code>{}</code></td><td class=\"n\">{}</td></tr>",
            text(&name),
            grouped(count)
        );
    }
    html.push_str("</table>\n");
}

/// Text as HTML shows it.
fn text(raw: &str) -> String {
    raw.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use hardcap_core::clock::Clock;
    use hardcap_core::record::Recorder;
    use hardcap_limits::Bytes;

    fn page_of(recorder: &Recorder, failures: &[Failure]) -> String {
        let saved = Saved::new(&Limits::classic(), recorder);
        page(&saved, &saved.report().expect("known limits"), failures)
    }

    #[test]
    fn the_page_of_a_run_names_the_refusal_its_bytes_and_its_request_and_loads_nothing() {
        let recorder = Recorder::new(Clock::default());
        let limits = Limits::classic();
        recorder
            .admit("r-1", &limits.lambda_sync_response, Bytes(6_291_557))
            .expect_err("one over");
        let answered = What::Answered {
            api: "Api".to_owned(),
            method: "GET".to_owned(),
            path: "/<giant>".to_owned(),
            status: 502,
            millis: 12,
        };
        recorder.record("r-1", answered);
        let failure = Failure { what: "x".to_owned(), message: "a < b".to_owned() };
        let page = page_of(&recorder, &[failure]);
        for wanted in
            ["6,291,557 B", "6,291,556 B", ">1 B<", "r-1", "GET /&lt;giant&gt;: 502", "a &lt; b"]
        {
            assert!(page.contains(wanted), "{wanted} is missing:\n{page}");
        }
        for foreign in ["http:", "https:", "<script", "src=", "@import"] {
            assert!(!page.contains(foreign), "{foreign}:\n{page}");
        }
    }

    #[test]
    fn the_page_of_a_run_in_which_nothing_happened_says_so() {
        let page = page_of(&Recorder::new(Clock::default()), &[]);
        assert!(page.contains("No limit refused anything."), "{page}");
        assert!(page.contains("No limit was measured."), "{page}");
        assert!(page.ends_with("</html>\n"), "{page}");
    }
}
