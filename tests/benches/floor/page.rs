//! The figures as the measured part of `docs/speed.md`, between its two markers.

use std::fmt::Write as _;
use std::io;
use std::path::Path;

use crate::chart;
use crate::measure::{Figures, Process, Time};
use crate::subject::Kind;

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
    for kind in Kind::ALL.iter().filter(|kind| !figures.versions.contains_key(kind.name())) {
        let _ = writeln!(page, "Missing in this run: {}.\n", kind.name());
    }
    let kinds: Vec<&str> = (Kind::ALL.iter().map(|kind| kind.name()))
        .filter(|name| figures.versions.contains_key(*name))
        .collect();
    let _ = writeln!(page, "| milliseconds | {} |", kinds.join(" | "));
    let _ = writeln!(page, "| --- |{}", " ---: |".repeat(kinds.len()));
    for (load, row) in &figures.loads {
        let floor = row.get(Kind::Floor.name()).and_then(|it| it.as_ref().ok());
        let cells: Vec<String> = kinds.iter().map(|name| cell(row.get(*name), floor)).collect();
        let _ = writeln!(page, "| {load} | {} |", cells.join(" | "));
    }
    page += "\nEach cell is the median of all calls, the lowest and the highest median of a turn in brackets, and the multiple of \
             the floor.\n\n| | ready, ms | idle, MB | a second after 1,000 events of 6 MB, MB |\n| --- | ---: | ---: | ---: |\n";
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
    page += "![Time and memory by the size of the event](speed-sizes.svg)\n\n\
             ![Time and memory by the number of clients](speed-clients.svg)\n";
    page
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
        (None, _) => "missing".to_owned(),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a page has fewer digits")]
fn megabytes(bytes: u64) -> String {
    format!("{:.1}", bytes as f64 / 1e6)
}
