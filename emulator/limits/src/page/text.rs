//! The table for a terminal: one line per row, and a second one if the number depends on the day.

use std::fmt::Write as _;

use crate::date::Date;
use crate::row::{Proof, RefusalText, Row};
use crate::table::Limits;

/// Renders the table in aligned columns, at most 120 wide: name, number in force, confidence, proof, and the status and code of
/// its first error.
#[must_use]
pub fn text(limits: &Limits) -> String {
    let mut page = format!("Limits of {}.\n\n", day(limits.date()));
    let columns = ["limit", "in force", "known", "proof", "error above it"];
    line(&mut page, format_args!("{}", aligned(columns)));
    let mut scope = None;
    for (row, in_force) in limits.in_force() {
        if scope != Some(row.scope) {
            scope = Some(row.scope);
            line(&mut page, format_args!("\n{}", row.scope));
        }
        let (number, known) = (row.unit.abbreviated(in_force), row.confidence.to_string());
        let shown = shown(row, limits.date());
        let columns = aligned([row.name, &number, &known, proof(row.proof), &shown]);
        line(&mut page, format_args!("{columns}"));
        if let Some(remark) = remark(row, in_force, limits.date()) {
            line(&mut page, format_args!("  {:<27} {remark}", ""));
        }
    }
    page
}

/// The numbers that differ from those of `other`, usually [`Limits::current`], for the first line of a run:
/// `lambda_async_request 262,144 bytes (current: 1,048,576 bytes)`, separated by commas. Empty if all are equal.
#[must_use]
pub fn differences(limits: &Limits, other: &Limits) -> String {
    let different: Vec<String> = limits
        .differences(other)
        .map(|(row, here, there)| {
            let (here, there) = (row.unit.of(here), row.unit.of(there));
            format!("{} {here} ({}: {there})", row.name, day(other.date()))
        })
        .collect();
    different.join(", ")
}

/// The rows whose number differs between two days, one a line, with the number of each.
#[must_use]
pub fn diff(before: &Limits, after: &Limits) -> String {
    let mut page = format!("{} to {}\n\n", day(before.date()), day(after.date()));
    let mut count = 0;
    for (row, here, there) in before.differences(after) {
        count += 1;
        let (here, there) = (row.unit.abbreviated(here), row.unit.abbreviated(there));
        line(&mut page, format_args!("  {:<27} {here:>22}  {there:>22}", row.name));
    }
    if count == 0 {
        line(&mut page, format_args!("  No number differs."));
    }
    page
}

/// One row with all that is known of it: its number in force, its history, what is measured, and the error of each party.
#[must_use]
pub fn row(limits: &Limits, row: &Row) -> String {
    let in_force =
        limits.in_force().find_map(|(one, value)| (one.name == row.name).then_some(value));
    let in_force = in_force.unwrap_or_else(|| row.value_at(limits.date()));
    let mut page = format!("{}: {} ({})\n\n", row.name, row.unit.of(in_force), day(limits.date()));
    for paragraph in row.doc.lines() {
        line(&mut page, format_args!("{}", paragraph.trim()));
    }
    line(&mut page, format_args!("\nMeasured: {}.", row.measured));
    line(&mut page, format_args!("Stated by AWS as: {}.", row.stated));
    line(&mut page, format_args!("Known: {}. Proof: {}.", row.confidence, row.proof));
    line(&mut page, format_args!("\nNumbers:"));
    for dated in row.history {
        let since = match dated.since == Date::EARLIEST {
            true => "from the beginning".to_owned(),
            false => format!("since {}", dated.since),
        };
        let number = row.unit.of(dated.value);
        line(&mut page, format_args!("  {number}  {since}  ({})", dated.source));
    }
    for refusal in row.refusals {
        let RefusalText { to, status, error_type, body, source, .. } = refusal;
        let status = if *status == 0 { String::new() } else { format!(" {status}") };
        line(&mut page, format_args!("\nThe {to}:{status} {error_type} ({source})"));
        for text in body.lines() {
            line(&mut page, format_args!("  {text}"));
        }
    }
    page
}

fn aligned([name, number, known, proof, shown]: [&str; 5]) -> String {
    let columns = format!("  {name:<27} {number:>20}  {known:<11}  {proof:<7}  {shown}");
    columns.trim_end().to_owned()
}

fn proof(proof: Proof) -> &'static str {
    match proof {
        Proof::NotEmulated(_) => "none",
        other => other.word(),
    }
}

/// The status and code of the first error: `413 RequestEntityTooLargeException`; codes of SQS without their common beginning.
fn shown(row: &Row, date: Date) -> String {
    let answered = |refusal: &&RefusalText| refusal.status != 0;
    let Some(first) = row.refusals.iter().find(answered) else {
        return String::new();
    };
    let of_the_day = row.refusal_at(first.to, date).unwrap_or(first);
    let code = of_the_day.error_type.trim_start_matches("AWS.SimpleQueueService.");
    format!("{} {code}", of_the_day.status).trim_end().to_owned()
}

/// The difference between this number and the number of another day.
fn remark(row: &Row, in_force: u64, date: Date) -> Option<String> {
    let of_the_day = row.value_at(date);
    let newest = row.value_at(Date::LATEST);
    let mut remarks = Vec::new();
    if in_force != of_the_day {
        remarks.push(format!("set by this run; AWS has {}", row.unit.of(of_the_day)));
    }
    if date < row.began() {
        remarks.push(format!("did not exist before {}", row.began()));
    } else if newest != of_the_day {
        remarks.push(format!("{} since {}", row.unit.of(newest), row.dated_at(Date::LATEST).since));
    }
    (!remarks.is_empty()).then(|| format!("({})", remarks.join("; ")))
}

/// `2022-04-22 (classic)`
fn day(date: Date) -> String {
    if date == Date::CLASSIC { format!("{date} (classic)") } else { date.to_string() }
}

fn line(page: &mut String, what: std::fmt::Arguments<'_>) {
    writeln!(page, "{what}").expect("a String takes any text");
}
