//! The figures as the measured part of `docs/speed.md`, between its two markers.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::path::Path;

use crate::chart;
use crate::crowd::Crowd;
use crate::measure::{Figures, Outcome, Process, Time};
use crate::subject::SubjectKind;

const BEGIN: &str = "<!-- measured: begin -->\n";
const END: &str = "<!-- measured: end -->\n";

/// Replaces the measured part of the page, and the charts beside it.
///
/// # Errors
///
/// If a file cannot be read or written, or the page has no markers.
pub(crate) fn write(figures: &Figures, docs: &Path) -> io::Result<()> {
    let page = docs.join("speed.md");
    let text = std::fs::read_to_string(&page)?;
    let parts = text.split_once(BEGIN).and_then(|(before, rest)| {
        let (_, after) = rest.split_once(END)?;
        Some((before, after))
    });
    let (before, after) =
        parts.ok_or_else(|| io::Error::other(format!("{} has no markers", page.display())))?;
    std::fs::write(&page, format!("{before}{BEGIN}\n{}\n{END}{after}", measured(figures)))?;
    let sizes = chart::Chart {
        title: "An invocation by the size of its event",
        unit: "bytes",
        points: &figures.sizes,
    };
    std::fs::write(docs.join("speed-sizes.svg"), sizes.svg())?;
    let objects = chart::Chart {
        title: "A PUT by the size of its object",
        unit: "bytes",
        points: &figures.object_sizes,
    };
    std::fs::write(docs.join("speed-objects.svg"), objects.svg())?;
    let clients = chart::Chart {
        title: "An invocation of 1 KB by the number of clients",
        unit: "clients",
        points: &figures.clients,
    };
    std::fs::write(docs.join("speed-clients.svg"), clients.svg())
}

fn measured(figures: &Figures) -> String {
    let mut page = format!("Machine: {}. ", figures.machine);
    let versions: Vec<&str> = figures.versions.values().map(String::as_str).collect();
    let _ = writeln!(
        page,
        "Versions: {}. The run took {} seconds.\n",
        versions.join(", "),
        figures.seconds
    );
    let missing = |kind: &&SubjectKind| !figures.versions.contains_key(kind.name());
    let missing: Vec<&str> = (SubjectKind::FUNCTIONS.iter().chain(&SubjectKind::STORES[2..]))
        .filter(missing)
        .map(|kind| kind.name())
        .collect();
    if !missing.is_empty() {
        let _ = writeln!(page, "Missing in this run: {}.\n", missing.join(", "));
    }
    let kinds = table(&mut page, figures, &SubjectKind::FUNCTIONS, &figures.loads);
    page += "\nEach cell is the median of all calls, the lowest and the highest median of a turn in brackets, and the multiple of \
             the floor. Below, it is the multiple of the plain handler, which writes the object into a file and computes its MD5.\n\n";
    table(&mut page, figures, &SubjectKind::STORES, &figures.objects);
    page += "\n| | ready, ms | a second after the start, MB | a second after 1,000 events of 6 MB, MB |\n| --- | ---: | ---: | ---: |\n";
    for name in &kinds {
        let Some(Process { ready_ms, idle_bytes, afterwards_bytes }) = figures.processes.get(*name)
        else {
            continue;
        };
        let afterwards = afterwards_bytes.map_or("did not answer".to_owned(), megabytes);
        let _ = writeln!(
            page,
            "| {name} | {ready_ms:.1} | {} | {afterwards} |",
            megabytes(*idle_bytes)
        );
    }
    let _ = writeln!(page, "\nThe program `hardcap` has {} MB.\n", megabytes(figures.binary_bytes));
    write_crowd(&mut page, figures.crowd);
    page += "![Time and memory by the size of the event](speed-sizes.svg)\n\n\
             ![Time and memory by the size of an object](speed-objects.svg)\n\n\
             ![Time and memory by the number of clients](speed-clients.svg)\n";
    page
}

/// Appends the sentences about a thousand functions.
#[expect(clippy::cast_precision_loss, reason = "a page has fewer digits")]
fn write_crowd(page: &mut String, crowd: Crowd) {
    let Crowd { functions, in_flight, declared_bytes, in_flight_bytes, .. } = crowd;
    let grown = in_flight_bytes.saturating_sub(declared_bytes);
    let of_each = grown as f64 / in_flight as f64 / 1e3;
    let (alone, beside) = (crowd.alone_ms, crowd.beside_ms);
    let _ = writeln!(
        page,
        "With {functions} functions declared, hardcap has {} MB. With {in_flight} requests in flight, each to a function of its own, it has {} MB: \
         {of_each:.0} KB for each. An invocation of another function takes {beside:.3} ms beside them, {alone:.3} ms without (×{:.2}).\n",
        megabytes(declared_bytes),
        megabytes(in_flight_bytes),
        beside / alone
    );
    let _ = writeln!(
        page,
        "A property test sends random texts of up to 1 KB to a function, one after the other, and compares what comes back: {:.0} cases a second.\n",
        crowd.cases_a_second
    );
}

/// Appends a table of loads by subject, and returns the names of its subjects. The first kind is the measure of the others.
fn table<'k>(
    page: &mut String,
    figures: &Figures,
    kinds: &'k [SubjectKind],
    loads: &[(String, BTreeMap<String, Outcome>)],
) -> Vec<&'k str> {
    let is_measured = |name: &&str| figures.versions.contains_key(*name);
    let names: Vec<&str> = kinds.iter().map(|kind| kind.name()).filter(is_measured).collect();
    let _ = writeln!(page, "| milliseconds | {} |", names.join(" | "));
    let _ = writeln!(page, "| --- |{}", " ---: |".repeat(names.len()));
    for (load, row) in loads {
        let floor = row.get(kinds[0].name()).and_then(|it| it.as_ref().ok());
        let cells: Vec<String> = names.iter().map(|name| cell(row.get(*name), floor)).collect();
        let _ = writeln!(page, "| {load} | {} |", cells.join(" | "));
    }
    names
}

fn cell(outcome: Option<&Result<Time, String>>, floor: Option<&Time>) -> String {
    match (outcome, floor) {
        (Some(Ok(time)), floor) => {
            let Time { median, lowest, highest } = time;
            let times =
                floor.map_or(String::new(), |floor| format!(" ×{:.2}", median / floor.median));
            format!("{median:.3} ({lowest:.3}–{highest:.3}){times}")
        }
        (Some(Err(_)), _) => "did not answer".to_owned(),
        (None, _) => "not measured".to_owned(),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a page has fewer digits")]
fn megabytes(bytes: u64) -> String {
    format!("{:.1}", bytes as f64 / 1e6)
}
