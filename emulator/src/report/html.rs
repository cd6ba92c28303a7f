//! A run as a self-contained HTML page: headroom by limit, refusals, requests over time. Pure.
//!
//! The live page has the same styles ([`STYLE`]) and the same parts: sums, limits, tables, chart.

use std::fmt::Write as _;

use hardcap_limits::{Limits, grouped};
use indexmap::IndexMap;

use super::advice::{advice, first_paragraph};
use super::{GateFailure, Headroom, Report, SavedRun};
use hardcap_core::clock::EpochMillis;
use hardcap_core::record::{Observation, Record};

/// The styles of the live page and of the report.
pub(crate) const STYLE: &str = include_str!("style.css");

/// The maximum number of refusals that are listed.
const REFUSALS_MAX: usize = 200;
/// The maximum number of requests in the chart: the latest ones.
const DRAWN_MAX: usize = 2_000;
/// The share of a limit, in percent, from which it is highlighted as near.
const NEAR: u64 = 90;

/// Renders a run as a page, with the failures of a gate.
#[must_use]
pub fn to_html(run: &SavedRun, report: &Report, failures: &[GateFailure]) -> String {
    let mut html = String::with_capacity(32 * 1024);
    let _ = write!(
        html,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>hardcap report, limits of {}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main class=\"stack\">\n",
        text(&report.limits),
    );
    header(&mut html, run, report);
    verdict(&mut html, report, failures);
    sums(&mut html, report);
    remedies(&mut html, run);
    refusals(&mut html, run, report);
    limits(&mut html, report);
    requests(&mut html, &run.records);
    functions(&mut html, &run.records);
    endings(&mut html, report);
    html.push_str(
        "<footer class=\"soft small\">Sums and limits cover the whole run. Refusals, requests and functions are from its \
         newest 10,000 records.</footer>\n</main>\n</body>\n</html>\n",
    );
    html
}

fn header(html: &mut String, run: &SavedRun, report: &Report) {
    html.push_str("<header class=\"title\"><span class=\"mark\" aria-hidden=\"true\"></span><h1>hardcap report</h1>");
    let mut chip = |class: &str, said: &str| {
        let _ = write!(html, "<span class=\"chip{class}\">{}</span>", text(said));
    };
    chip("", &format!("limits of {}", report.limits));
    if let (Some(first), Some(last)) = (run.records.first(), run.records.last()) {
        chip("", &format!("{} to {} UTC", moment(first.at), moment(last.at)));
    }
    chip("", &format!("hardcap {}", run.version));
    for change in &report.overrides {
        let (row, in_force, aws) = (change.row, grouped(change.in_force), grouped(change.aws));
        chip(" near", &format!("{row} = {in_force}, AWS has {aws}"));
    }
    html.push_str("</header>\n");
}

/// `2026-11-29 21:28:48`
fn moment(at: EpochMillis) -> String {
    let format = time::macros::format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");
    at.to_utc().format(format).unwrap_or_default()
}

fn verdict(html: &mut String, report: &Report, failures: &[GateFailure]) {
    let refused: u64 = report.rows.iter().map(|row| row.refused).sum();
    if failures.is_empty() {
        let said = match refused {
            0 => "No limit refused anything.".to_owned(),
            1 => "A limit refused once.".to_owned(),
            _ => format!("Limits refused {} times.", grouped(refused)),
        };
        let class = if refused == 0 { "notice good" } else { "notice over" };
        let _ = writeln!(html, "<p class=\"{class} strong\">{said}</p>");
        return;
    }
    html.push_str("<div class=\"notice over\"><p class=\"strong\">The gate failed.</p><ul>");
    for GateFailure { what, message } in failures {
        let _ = write!(html, "<li><code>{}</code> {}</li>", text(what), text(message));
    }
    html.push_str("</ul></div>\n");
}

fn sums(html: &mut String, report: &Report) {
    let sum = |numbers: &mut dyn Iterator<Item = u64>| numbers.sum::<u64>();
    let refused = sum(&mut report.rows.iter().map(|row| row.refused));
    let sums = [
        ("requests", sum(&mut report.answers.values().copied()), false),
        ("invocations", report.invocations, false),
        ("refused by a limit", refused, true),
        ("functions failed", sum(&mut report.faults.values().copied()), true),
        ("throttled", report.throttles, true),
        ("cold starts", report.cold_starts, false),
        ("asynchronous events", report.events.accepted + report.events.restored, false),
        ("errors of hardcap", report.bugs, true),
    ];
    html.push_str("<dl class=\"card sums\">\n");
    for (name, number, is_bad) in sums {
        let class = if is_bad && number > 0 { " class=\"over\"" } else { "" };
        let _ = writeln!(html, "<div><dt>{name}</dt><dd{class}>{}</dd></div>", grouped(number));
    }
    html.push_str("</dl>\n");
}

fn card(html: &mut String, id: &str, title: &str, about: &str) {
    let _ = writeln!(
        html,
        "<section class=\"card\" aria-labelledby=\"{id}\">\n<div class=\"head\"><h2 id=\"{id}\">{title}</h2>\
         <span class=\"soft small\">{about}</span></div>"
    );
}

/// The remedies for each limit that refused something.
fn remedies(html: &mut String, run: &SavedRun) {
    let Ok(date) = run.limits.parse() else { return };
    let advice = advice(&run.records, date);
    if advice.is_empty() {
        return;
    }
    card(html, "remedies", "What to do", "");
    html.push_str("<ul class=\"body stack\">\n");
    for one in advice {
        let _ = writeln!(
            html,
            "<li class=\"notice over\"><p><code class=\"strong\">{}</code> {}</p><p>{}</p><p class=\"soft small\">Measured: {}.</p>\
             <p><span class=\"strong\">Do:</span> {}.</p></li>",
            text(one.row),
            text(&one.numbers),
            text(&one.about),
            text(one.measured),
            text(one.remedy),
        );
    }
    html.push_str("</ul>\n</section>\n");
}

fn refusals(html: &mut String, run: &SavedRun, report: &Report) {
    let refused: Vec<_> = run
        .records
        .iter()
        .filter_map(|record| match &record.what {
            Observation::Measured { row, observed, max, admitted: false } => {
                Some((record, *row, *observed, *max))
            }
            _ => None,
        })
        .collect();
    if refused.is_empty() {
        return;
    }
    let all: u64 = report.rows.iter().map(|row| row.refused).sum();
    let shown = refused.len().min(REFUSALS_MAX) as u64;
    let about =
        if shown < all { format!("{} of {}", grouped(shown), grouped(all)) } else { String::new() };
    card(html, "refusals", "Refusals", &about);
    html.push_str(
        "<table class=\"stacks\"><caption>Refusals</caption>\n<thead><tr><th>request</th><th>limit</th><th class=\"number\">measured</th>\
         <th class=\"number\">limit in force</th><th class=\"number\">over by</th><th class=\"number\">after</th></tr></thead>\n<tbody>\n",
    );
    let begin = run.records.first().map_or(0, |record| record.at.0);
    for (record, row, observed, max) in refused.iter().take(REFUSALS_MAX) {
        let unit = |number| match Limits::row(row.as_str()) {
            Some(row) => row.unit.abbreviated(number),
            None => grouped(number),
        };
        let request = whose(&run.records, &record.request_id);
        let _ = writeln!(
            html,
            "<tr><td>{}<small><code>{}</code></small></td><td data-name=\"limit\"><code>{}</code></td><td class=\"number\" data-name=\"measured\">{}</td>\
             <td class=\"number\" data-name=\"limit in force\">{}</td><td class=\"number over strong\" data-name=\"over by\">{}</td>\
             <td class=\"number\" data-name=\"after\">{} ms</td></tr>",
            text(&request),
            text(&record.request_id),
            text(row.as_str()),
            unit(*observed),
            unit(*max),
            unit(observed.saturating_sub(*max)),
            grouped(record.at.0.saturating_sub(begin)),
        );
    }
    html.push_str("</tbody></table>\n</section>\n");
}

/// A summary of a request from its other records: `GET /giant: 502; giant: Sandbox.Timedout`.
fn whose(records: &[Record], request_id: &str) -> String {
    let (mut answered, mut failed) = (Vec::new(), Vec::new());
    for record in records.iter().filter(|record| record.request_id == request_id) {
        match &record.what {
            Observation::Answered { method, path, status, .. } => {
                answered.push(format!("{method} {path}: {status}"));
            }
            Observation::Invoked { function, fault: Some(fault), .. } => {
                failed.push(format!("{function}: {fault}"));
            }
            _ => {}
        }
    }
    answered.append(&mut failed);
    answered.join("; ")
}

fn limits(html: &mut String, report: &Report) {
    card(html, "limits", "Limits", "the fullest first");
    if report.rows.is_empty() {
        html.push_str("<p class=\"body\">No limit was measured.</p>\n</section>\n");
        return;
    }
    html.push_str("<div>\n");
    for row in &report.rows {
        limit(html, row);
    }
    html.push_str("</div>\n</section>\n");
}

fn limit(html: &mut String, row: &Headroom) {
    let used = used_permille(row);
    let share = if row.highest > row.max && used == 1_000 {
        "&gt; 100 %".to_owned()
    } else {
        percent(used)
    };
    let class = match used {
        _ if row.refused > 0 => " over",
        used if used >= NEAR * 10 => " near",
        _ => "",
    };
    let (bound, doc) = match Limits::row(row.row) {
        Some(row) if row.is_minimum() => ("least", first_sentence(row.doc)),
        Some(row) => ("most", first_sentence(row.doc)),
        None => ("most", String::new()),
    };
    let refused = match row.refused {
        0 => String::new(),
        refused => format!(", <span class=\"over strong\">{} refused</span>", grouped(refused)),
    };
    let bar = match used.min(1_000) {
        0 => String::new(),
        used => format!("<i style=\"width:{}.{}%\"></i>", used / 10, used % 10),
    };
    let _ = writeln!(
        html,
        "<div class=\"limit\"><div class=\"what\"><code>{}</code><small>{}</small></div>\
         <span class=\"gauge{class}\">{bar}</span><span class=\"number percent{class}\">{}</span>\
         <div class=\"numbers\"><span class=\"number\">{}</span><small class=\"number\"> of at {bound} {}</small>\
         <small>{} measured{refused}</small></div></div>",
        text(row.row),
        text(&doc),
        share,
        row.unit.abbreviated(row.highest),
        row.unit.abbreviated(row.max),
        grouped(row.measured),
    );
}

/// The used share of a limit in thousandths, rounded down.
fn used_permille(row: &Headroom) -> u64 {
    if row.max == 0 {
        return 1_000;
    }
    let used = u128::from(row.highest) * 1_000 / u128::from(row.max);
    u64::try_from(used).unwrap_or(u64::MAX)
}

/// `99.9 %`, `< 0.1 %`
fn percent(permille: u64) -> String {
    match permille {
        0 => "&lt; 0.1 %".to_owned(),
        whole if whole.is_multiple_of(10) => format!("{} %", grouped(whole / 10)),
        part => format!("{}.{} %", grouped(part / 10), part % 10),
    }
}

/// The first sentence of a row's documentation.
fn first_sentence(doc: &str) -> String {
    let line = first_paragraph(doc);
    line.split_once(". ").map(|(sentence, _)| format!("{sentence}.")).unwrap_or(line)
}

/// The chart: each request is a point at its time and its duration.
fn requests(html: &mut String, records: &[Record]) {
    const WIDTH: u64 = 1_000;
    const HEIGHT: u64 = 150;
    let answered: Vec<_> = records
        .iter()
        .filter_map(|record| match &record.what {
            Observation::Answered { method, path, status, millis, .. } => Some((
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
    card(html, "latency", "Latency", &format!("the slowest took {} ms", grouped(slowest)));
    let _ = writeln!(
        html,
        "<div class=\"chart\"><svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"Latency of {} requests over time\">\n\
         <line class=\"grid\" x1=\"0\" x2=\"{WIDTH}\" y1=\"10\" y2=\"10\"/><line class=\"grid\" x1=\"0\" x2=\"{WIDTH}\" y1=\"{1}\" y2=\"{1}\"/>",
        grouped(answered.len() as u64),
        HEIGHT - 10,
    );
    for (at, millis, status, title) in answered.iter().rev().take(DRAWN_MAX) {
        let x = 10 + (at - first) * (WIDTH - 20) / span;
        let y = HEIGHT - 10 - millis * (HEIGHT - 20) / slowest;
        let class = if *status >= 400 { " class=\"bad\"" } else { "" };
        let _ = writeln!(
            html,
            "<circle{class} cx=\"{x}\" cy=\"{y}\" r=\"4\"><title>{}</title></circle>",
            text(title)
        );
    }
    let _ = writeln!(
        html,
        "</svg><p class=\"axis\"><span>0 s</span><span>{} s</span></p></div>\n</section>",
        grouped(span.div_ceil(1_000))
    );
}

/// Sums over the invocations of one function.
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
        let Observation::Invoked { function, event, answer, millis, fault, .. } = &record.what
        else {
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
    const COLUMNS: [&str; 6] =
        ["invocations", "failed", "largest event", "largest response", "median", "slowest"];
    card(html, "functions", "Functions", "");
    html.push_str(
        "<table class=\"stacks\"><caption>Functions</caption>\n<thead><tr><th>function</th>",
    );
    for column in COLUMNS {
        let _ = write!(html, "<th class=\"number\">{column}</th>");
    }
    html.push_str("</tr></thead>\n<tbody>\n");
    for (name, mut of) in functions {
        of.millis.sort_unstable();
        let median = of.millis.get(of.millis.len() / 2).copied().unwrap_or(0);
        let slowest = of.millis.last().copied().unwrap_or(0);
        let numbers = [
            grouped(of.runs),
            grouped(of.faults),
            format!("{} B", grouped(of.event_max)),
            format!("{} B", grouped(of.answer_max)),
            format!("{} ms", grouped(median)),
            format!("{} ms", grouped(slowest)),
        ];
        let _ = write!(html, "<tr><td><code>{}</code></td>", text(name));
        for (column, number) in COLUMNS.iter().zip(numbers) {
            let _ = write!(html, "<td class=\"number\" data-name=\"{column}\">{number}</td>");
        }
        html.push_str("</tr>\n");
    }
    html.push_str("</tbody></table>\n</section>\n");
}

fn endings(html: &mut String, report: &Report) {
    let answers = report.answers.iter().map(|(status, count)| (status.to_string(), *count));
    let faults = report.faults.iter().map(|(fault, count)| (fault.clone(), *count));
    let injected =
        report.injected.iter().map(|(fault, count)| (format!("injected: {fault}"), *count));
    let mut rows: Vec<(String, u64)> = answers.collect();
    rows.sort();
    rows.extend(faults.chain(injected));
    if rows.is_empty() {
        return;
    }
    card(html, "endings", "Statuses and errors", "");
    html.push_str("<table><caption>Statuses and errors</caption><tbody>\n");
    for (name, count) in rows {
        let _ = writeln!(
            html,
            "<tr><td><code>{}</code></td><td class=\"number\">{}</td></tr>",
            text(&name),
            grouped(count)
        );
    }
    html.push_str("</tbody></table>\n</section>\n");
}

/// Escapes a text for HTML, between tags and in attributes.
fn text(raw: &str) -> String {
    raw.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use hardcap_core::clock::Clock;
    use hardcap_core::record::Recorder;
    use hardcap_limits::Bytes;

    fn page_of(recorder: &Recorder, failures: &[GateFailure]) -> String {
        let saved = SavedRun::new(&Limits::classic(), recorder);
        to_html(&saved, &saved.report().expect("known limits"), failures)
    }

    #[test]
    fn the_page_has_each_refusal_with_its_bytes_and_its_request_and_loads_nothing() {
        let recorder = Recorder::new(Clock::default());
        let limits = Limits::classic();
        recorder
            .admit("r-1", &limits.lambda_sync_response, Bytes(6_291_557))
            .expect_err("one over");
        let answered = Observation::Answered {
            api: "Api".to_owned(),
            method: "GET".to_owned(),
            path: "/<giant>".to_owned(),
            status: 502,
            millis: 12,
        };
        recorder.record("r-1", answered);
        let failure = GateFailure { what: "x".to_owned(), message: "a < b".to_owned() };
        let page = page_of(&recorder, &[failure]);
        for wanted in [
            "6,291,557 B",
            "6,291,556 B",
            ">1 B<",
            "r-1",
            "GET /&lt;giant&gt;: 502",
            "a &lt; b",
            "presigned link",
        ] {
            assert!(page.contains(wanted), "{wanted} is missing:\n{page}");
        }
        for foreign in ["http:", "https:", "<script", "src=", "@import"] {
            assert!(!page.contains(foreign), "{foreign}:\n{page}");
        }
    }

    #[test]
    fn the_page_of_an_empty_run_says_that_nothing_was_measured_or_refused() {
        let page = page_of(&Recorder::new(Clock::default()), &[]);
        assert!(page.contains("No limit refused anything."), "{page}");
        assert!(page.contains("No limit was measured."), "{page}");
        assert!(page.ends_with("</html>\n"), "{page}");
    }

    #[test]
    fn texts_of_requests_functions_and_failures_are_escaped() {
        const HOSTILE: &str = "<img src=x onerror='alert(1)'>\"&";
        let recorder = Recorder::new(Clock::default());
        let hostile = || HOSTILE.to_owned();
        let limits = Limits::classic();
        recorder
            .admit(HOSTILE, &limits.lambda_init, hardcap_limits::Millis(99_999))
            .expect_err("over");
        recorder.record(
            HOSTILE,
            Observation::Answered {
                api: hostile(),
                method: hostile(),
                path: hostile(),
                status: 500,
                millis: 1,
            },
        );
        recorder.record(
            HOSTILE,
            Observation::Invoked {
                function: hostile(),
                event: 1,
                answer: 1,
                streamed: false,
                millis: 1,
                fault: Some(hostile()),
            },
        );
        let failure = GateFailure { what: hostile(), message: hostile() };
        let page = page_of(&recorder, &[failure]);
        assert!(!page.contains("<img"), "{page}");
        let escaped = "&lt;img src=x onerror=&#39;alert(1)&#39;&gt;&quot;&amp;";
        // The gate (twice), the refusal (request id, method, path, function, fault), the chart (method, path), the function, the
        // fault.
        assert_eq!(page.matches(escaped).count(), 11, "{page}");
    }

    #[test]
    fn the_share_of_a_limit_that_was_not_exceeded_is_never_rounded_up_to_it() {
        for (permille, shown) in [
            (0, "&lt; 0.1 %"),
            (1, "0.1 %"),
            (999, "99.9 %"),
            (1_000, "100 %"),
            (12_345, "1,234.5 %"),
        ] {
            assert_eq!(percent(permille), shown);
        }
    }
}
