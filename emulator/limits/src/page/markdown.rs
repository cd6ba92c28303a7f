//! The table as the document `docs/limits.md`.

use std::fmt::Write as _;

use crate::date::Date;
use crate::row::{Dated, KnownError, RefusalText, Row, Scope};
use crate::table::{KNOWN_ERRORS, Limits, ROWS};

const INTRODUCTION: &str = "\
# The limits

This page is rendered from the data files in `emulator/limits/data/`; a test keeps it fresh. `hardcap limits` prints the
same table for any day, `--set NAME=NUMBER` enforces another number for a run.

Every limit is inclusive: the number itself is accepted. A row states which bytes or which span of time is compared with it,
how the number changed, which response each party receives above it, and the confidence in each fact:

- **validated**: recorded from AWS by a test that stores the answer, or a full capture;
- **official**: AWS documentation, an AWS SDK model, or source published by AWS;
- **observed**: reported by a user who quotes the text;
- **derived**: concluded by arithmetic or from code;
- **unconfirmed**: assumed. Do not rely on it.

The proof says whether hardcap enforces the row: **tested** (a test crosses the limit from outside: at the number, one above it, and a
healthy request afterwards), **pending** with what is missing, or **not emulated** with the reason.

In the texts, names in braces are placeholders: `{max}` is the limit and `{observed}` the measured number.
";

const KNOWN_ERRORS_INTRODUCTION: &str = "
## Errors that are not limits

`hardcap explain` also recognizes the texts of these errors.
";

/// Renders the whole table as markdown, services in the order of the table. `limits` determines the day of the first column.
#[must_use]
pub fn markdown(limits: &Limits) -> String {
    let mut page = INTRODUCTION.to_owned();
    for scope in scopes() {
        let rows: Vec<_> = limits.in_force().filter(|(row, _)| row.scope == scope).collect();
        summary(&mut page, scope, &rows, limits.date());
        for (row, _) in rows {
            section(&mut page, row);
        }
    }
    page.push_str(KNOWN_ERRORS_INTRODUCTION);
    for failure in KNOWN_ERRORS {
        failed(&mut page, failure);
    }
    page
}

/// Renders the section of one row as markdown.
#[must_use]
pub fn markdown_of(row: &Row) -> String {
    let mut page = String::new();
    section(&mut page, row);
    page.trim_start().to_owned()
}

fn scopes() -> Vec<Scope> {
    let mut scopes: Vec<Scope> = ROWS.iter().map(|row| row.scope).collect();
    scopes.dedup();
    scopes
}

fn summary(page: &mut String, scope: Scope, rows: &[(&Row, u64)], date: Date) {
    add(page, format_args!("\n## {scope}\n"));
    let days = if date == Date::LATEST { "current" } else { &format!("{date} | current") };
    let aligned = days.split('|').map(|_| "---:").collect::<Vec<_>>().join(" | ");
    add(page, format_args!("| limit | {days} | as AWS writes it | known | proof |"));
    add(page, format_args!("| --- | {aligned} | --- | --- | --- |"));
    for (row, in_force) in rows {
        let mut number = if date < row.began() { "–".to_owned() } else { row.unit.of(*in_force) };
        if date != Date::LATEST {
            number = format!("{number} | {}", row.unit.of(row.value_at(Date::LATEST)));
        }
        let Row { name, stated, confidence, proof, .. } = row;
        let proof = proof.word();
        add(
            page,
            format_args!("| [`{name}`](#{name}) | {number} | {stated} | {confidence} | {proof} |"),
        );
    }
}

fn section(page: &mut String, row: &Row) {
    add(page, format_args!("\n### {}\n", row.name));
    for line in row.doc.lines() {
        add(page, format_args!("{}", line.trim()));
    }
    add(page, format_args!("\n- Measured: {}.", row.measured));
    for dated in row.history {
        history(page, row, dated);
    }
    add(page, format_args!("- Known: {}. Proof: {}{}.", row.confidence, row.proof, by(row.tests)));
    for refusal in row.refusals {
        seen(page, refusal);
    }
}

/// ` by `name`, `name``, or nothing.
fn by(tests: &[&str]) -> String {
    let names: Vec<String> = tests.iter().map(|name| format!("`{name}`")).collect();
    if names.is_empty() { String::new() } else { format!(" by {}", names.join(", ")) }
}

fn failed(page: &mut String, failure: &KnownError) {
    add(page, format_args!("\n### {}\n", failure.name));
    for line in failure.doc.lines() {
        add(page, format_args!("{}", line.trim()));
    }
    for refusal in failure.refusals {
        seen(page, refusal);
    }
}

fn history(page: &mut String, row: &Row, dated: &Dated) {
    let number = row.unit.of(dated.value);
    let since = since(dated.since);
    add(page, format_args!("- **{number}**{since} ({}).", dated.source));
}

fn seen(page: &mut String, refusal: &RefusalText) {
    let RefusalText { to, status, error_type, content_type, body, confidence, source, .. } =
        refusal;
    let since = since(refusal.since);
    let until = refusal.until.map(|day| format!(" until {day}")).unwrap_or_default();
    let also = if refusal.alternative { ", also" } else { "" };
    let mut head = format!("\nThe {to}{since}{until}{also}");
    if *status != 0 {
        let _ = write!(head, ", {status}");
    }
    if !error_type.is_empty() {
        let _ = write!(head, " `{error_type}`");
    }
    if !matches!(*content_type, "" | "application/json") {
        let _ = write!(head, " `{content_type}`");
    }
    add(page, format_args!("{head} ({confidence}; {source})"));
    if body.is_empty() {
        add(page, format_args!("with an unknown text."));
    } else {
        // Editors would not preserve a CRLF in the middle of the page.
        let body = body.replace('\r', "");
        add(page, format_args!("\n```text\n{}\n```", body.trim_end()));
    }
}

/// ` since 2018-11-16`, or nothing if the beginning is unknown.
fn since(date: Date) -> String {
    if date == Date::EARLIEST { String::new() } else { format!(" since {date}") }
}

fn add(page: &mut String, what: std::fmt::Arguments<'_>) {
    writeln!(page, "{what}").expect("a String takes any text");
}
