//! A run as a self-contained HTML page: headroom by limit, refusals, requests over time. Pure.
//!
//! `templates/report.html` is the page, and this file computes what it shows. The live page has the same styles ([`STYLE`]) and
//! the same parts: sums, limits, tables, chart.

use askama::Template;
use hardcap_limits::{Limits, grouped};
use indexmap::IndexMap;

use super::advice::{Advice, advice, first_paragraph};
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
/// The columns of the table of functions, after the name.
const COLUMNS: [&str; 6] =
    ["invocations", "failed", "largest event", "largest response", "median", "slowest"];

/// The page. Texts are escaped where the template writes them.
#[derive(Template)]
#[template(path = "report.html")]
struct Page<'a> {
    style: &'static str,
    limits_in_force: &'a str,
    chips: Vec<String>,
    overrides: Vec<String>,
    failures: &'a [GateFailure],
    refused: u64,
    verdict: String,
    sums: Vec<Sum>,
    remedies: Vec<Advice>,
    refusals: Vec<RefusalRow<'a>>,
    /// The number of listed refusals and of all refusals, if not all are listed.
    refusals_shown: String,
    limits: Vec<LimitRow<'a>>,
    chart: Option<Chart>,
    columns: [&'static str; 6],
    functions: Vec<FunctionRow<'a>>,
    /// Statuses and errors with their numbers.
    endings: Vec<(String, String)>,
}

/// Renders a run as a page, with the failures of a gate.
///
/// # Panics
///
/// Never: a page is written to memory, and its texts cannot fail.
#[must_use]
pub fn to_html(run: &SavedRun, report: &Report, failures: &[GateFailure]) -> String {
    let refused = report.rows.iter().map(|row| row.refused).sum();
    let refusals = refusals(run);
    let page = Page {
        style: STYLE,
        limits_in_force: &report.limits,
        chips: chips(run, report),
        overrides: overrides(report),
        failures,
        refused,
        verdict: verdict(refused),
        sums: sums(report, refused),
        remedies: run.limits.parse().map(|date| advice(&run.records, date)).unwrap_or_default(),
        refusals_shown: match refusals.len() as u64 {
            shown if shown < refused => format!("{} of {}", grouped(shown), grouped(refused)),
            _ => String::new(),
        },
        refusals,
        limits: report.rows.iter().map(LimitRow::new).collect(),
        chart: chart(&run.records),
        columns: COLUMNS,
        functions: functions(&run.records),
        endings: endings(report),
    };
    // A template ends without the newline of its file.
    page.render().expect("texts are written to memory") + "\n"
}

fn chips(run: &SavedRun, report: &Report) -> Vec<String> {
    let mut chips = vec![format!("limits of {}", report.limits)];
    if let (Some(first), Some(last)) = (run.records.first(), run.records.last()) {
        chips.push(format!("{} to {} UTC", moment(first.at), moment(last.at)));
    }
    chips.push(format!("hardcap {}", run.version));
    chips
}

fn overrides(report: &Report) -> Vec<String> {
    let text = |change: &super::Override| {
        let (row, in_force, aws) = (change.row, grouped(change.in_force), grouped(change.aws));
        format!("{row} = {in_force}, AWS has {aws}")
    };
    report.overrides.iter().map(text).collect()
}

/// `2026-11-29 21:28:48`
fn moment(at: EpochMillis) -> String {
    let format = time::macros::format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");
    at.to_utc().format(format).unwrap_or_default()
}

fn verdict(refused: u64) -> String {
    match refused {
        0 => "No limit refused anything.".to_owned(),
        1 => "A limit refused once.".to_owned(),
        _ => format!("Limits refused {} times.", grouped(refused)),
    }
}

/// A number of the whole run.
struct Sum {
    name: &'static str,
    number: String,
    /// Whether something went wrong.
    is_bad: bool,
}

fn sums(report: &Report, refused: u64) -> Vec<Sum> {
    [
        ("requests", report.answers.values().sum(), false),
        ("invocations", report.invocations, false),
        ("refused by a limit", refused, true),
        ("functions failed", report.faults.values().sum(), true),
        ("throttled", report.throttles, true),
        ("cold starts", report.cold_starts, false),
        ("asynchronous events", report.events.accepted + report.events.restored, false),
        ("errors of hardcap", report.bugs, true),
    ]
    .into_iter()
    .map(|(name, number, counts_failures)| Sum {
        name,
        number: grouped(number),
        is_bad: counts_failures && number > 0,
    })
    .collect()
}

/// A request that a limit refused.
struct RefusalRow<'a> {
    request: String,
    request_id: &'a str,
    row: &'a str,
    measured: String,
    limit: String,
    over: String,
    /// Milliseconds since the first record.
    after: String,
}

fn refusals(run: &SavedRun) -> Vec<RefusalRow<'_>> {
    let begin = run.records.first().map_or(0, |record| record.at.0);
    let refusal = |record: &'_ Record| match &record.what {
        Observation::Measured { row, observed, max, admitted: false } => {
            Some((*row, *observed, *max))
        }
        _ => None,
    };
    let refused = run.records.iter().filter_map(|record| Some((record, refusal(record)?)));
    let rows = refused.take(REFUSALS_MAX).map(|(record, (row, observed, max))| {
        let unit = |number| match Limits::row(row.as_str()) {
            Some(row) => row.unit.abbreviated(number),
            None => grouped(number),
        };
        RefusalRow {
            request: whose(&run.records, &record.request_id),
            request_id: &record.request_id,
            row: row.as_str(),
            measured: unit(observed),
            limit: unit(max),
            over: unit(observed.saturating_sub(max)),
            after: grouped(record.at.0.saturating_sub(begin)),
        }
    });
    rows.collect()
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

/// A limit, and the most that was measured of it.
struct LimitRow<'a> {
    row: &'a str,
    doc: String,
    class: &'static str,
    /// The used share in thousandths, at most 1,000.
    bar: u64,
    share: String,
    highest: String,
    /// `most` or `least`.
    bound: &'static str,
    max: String,
    measured: String,
    refused: Option<String>,
}

impl LimitRow<'_> {
    fn new(row: &Headroom) -> LimitRow<'_> {
        let used = used_permille(row);
        let (bound, doc) = match Limits::row(row.row) {
            Some(row) if row.is_minimum() => ("least", first_sentence(row.doc)),
            Some(row) => ("most", first_sentence(row.doc)),
            None => ("most", String::new()),
        };
        LimitRow {
            row: row.row,
            doc,
            class: match used {
                _ if row.refused > 0 => " over",
                used if used >= NEAR * 10 => " near",
                _ => "",
            },
            bar: used.min(1_000),
            share: match used {
                1_000 if row.highest > row.max => "> 100 %".to_owned(),
                used => percent(used),
            },
            highest: row.unit.abbreviated(row.highest),
            bound,
            max: row.unit.abbreviated(row.max),
            measured: grouped(row.measured),
            refused: (row.refused > 0).then(|| grouped(row.refused)),
        }
    }
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
        0 => "< 0.1 %".to_owned(),
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
struct Chart {
    width: u64,
    height: u64,
    top: u64,
    bottom: u64,
    requests: String,
    /// Milliseconds.
    slowest: String,
    seconds: String,
    points: Vec<Point>,
}

struct Point {
    x: u64,
    y: u64,
    is_error: bool,
    title: String,
}

/// `None` if no request was answered.
fn chart(records: &[Record]) -> Option<Chart> {
    const WIDTH: u64 = 1_000;
    const HEIGHT: u64 = 150;
    const MARGIN: u64 = 10;
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
    let first = answered.first()?.0;
    let last = answered.last()?.0;
    let requests = grouped(answered.len() as u64);
    let slowest = answered.iter().map(|(_, millis, ..)| *millis).max().unwrap_or(0).max(1);
    let span = last.saturating_sub(first).max(1);
    let point = |(at, millis, status, title)| Point {
        x: MARGIN + (at - first) * (WIDTH - 2 * MARGIN) / span,
        y: HEIGHT - MARGIN - millis * (HEIGHT - 2 * MARGIN) / slowest,
        is_error: status >= 400,
        title,
    };
    Some(Chart {
        width: WIDTH,
        height: HEIGHT,
        top: MARGIN,
        bottom: HEIGHT - MARGIN,
        requests,
        slowest: grouped(slowest),
        seconds: grouped(span.div_ceil(1_000)),
        points: answered.into_iter().rev().take(DRAWN_MAX).map(point).collect(),
    })
}

/// Sums over the invocations of one function.
#[derive(Default)]
struct FunctionRow<'a> {
    name: &'a str,
    runs: u64,
    faults: u64,
    event_max: u64,
    answer_max: u64,
    millis: Vec<u64>,
}

impl FunctionRow<'_> {
    /// The cells of [`COLUMNS`].
    fn numbers(&self) -> [String; 6] {
        let median = self.millis.get(self.millis.len() / 2).copied().unwrap_or(0);
        let slowest = self.millis.last().copied().unwrap_or(0);
        [
            grouped(self.runs),
            grouped(self.faults),
            format!("{} B", grouped(self.event_max)),
            format!("{} B", grouped(self.answer_max)),
            format!("{} ms", grouped(median)),
            format!("{} ms", grouped(slowest)),
        ]
    }
}

fn functions(records: &[Record]) -> Vec<FunctionRow<'_>> {
    let mut functions: IndexMap<&str, FunctionRow<'_>> = IndexMap::new();
    for record in records {
        let Observation::Invoked { function, event, answer, millis, fault, .. } = &record.what
        else {
            continue;
        };
        let of = functions.entry(function).or_default();
        of.name = function;
        of.runs += 1;
        of.faults += u64::from(fault.is_some());
        of.event_max = of.event_max.max(*event);
        of.answer_max = of.answer_max.max(*answer);
        of.millis.push(*millis);
    }
    let mut functions: Vec<_> = functions.into_values().collect();
    for function in &mut functions {
        function.millis.sort_unstable();
    }
    functions
}

fn endings(report: &Report) -> Vec<(String, String)> {
    let answers = report.answers.iter().map(|(status, count)| (status.to_string(), *count));
    let faults = report.faults.iter().map(|(fault, count)| (fault.clone(), *count));
    let injected =
        report.injected.iter().map(|(fault, count)| (format!("injected: {fault}"), *count));
    let mut rows: Vec<(String, u64)> = answers.collect();
    rows.sort();
    rows.extend(faults.chain(injected));
    rows.into_iter().map(|(name, count)| (name, grouped(count))).collect()
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
            "GET /&#60;giant&#62;: 502",
            "a &#60; b",
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
        let escaped = "&#60;img src=x onerror=&#39;alert(1)&#39;&#62;&#34;&#38;";
        // The gate (twice), the refusal (request id, method, path, function, fault), the chart (method, path), the function, the
        // fault.
        assert_eq!(page.matches(escaped).count(), 11, "{page}");
    }

    #[test]
    fn the_share_of_a_limit_that_was_not_exceeded_is_never_rounded_up_to_it() {
        for (permille, shown) in
            [(0, "< 0.1 %"), (1, "0.1 %"), (999, "99.9 %"), (1_000, "100 %"), (12_345, "1,234.5 %")]
        {
            assert_eq!(percent(permille), shown);
        }
    }
}
