//! Generates Rust from the checked rows: one static per row, `ROWS`, and `Limits` with one typed field per row.

use crate::check::{CheckedData, CheckedError, CheckedNumber, CheckedRow, CheckedText, Day};
use crate::entry::{Status, Unit};

/// The text of the file that `src/table.rs` includes.
pub(crate) fn table(data: &CheckedData) -> String {
    let rows = data.rows.as_slice();
    let statics = each(rows, static_of);
    let names = each(rows, |row| format!("&row::{},", row.name));
    let failures = each(&data.failures, failure);
    let limits = limits(rows);
    format!(
        r"/// The rows as statics, named like the rows.
#[allow(non_upper_case_globals)]
mod row {{
    use crate::date::Date;
    use crate::quantity::Unit;
    use crate::row::{{Confidence, Dated, KnownError, Party, Proof, RefusalText, Row, Scope}};

    pub(super) static KNOWN_ERRORS: &[KnownError] = &[
{failures}];

{statics}}}

/// All rows, in the order of the table.
pub static ROWS: &[&Row] = &[
{names}];

/// Errors that are not limits, with the texts by which they are recognized.
pub static KNOWN_ERRORS: &[KnownError] = row::KNOWN_ERRORS;

{limits}"
    )
}

fn limits(rows: &[CheckedRow]) -> String {
    let fields = each(rows, |row| {
        let doc = doc_comment(row);
        format!("{doc}pub {}: Limit<{}>,", row.name, quantity(row.unit))
    });
    let of_the_day = each(rows, |CheckedRow { name, unit, .. }| {
        let max = format!("{}(row::{name}.value_at(date))", quantity(*unit));
        format!("{name}: Limit {{ row: &row::{name}, max: {max}, date }},")
    });
    let set = each(rows, |CheckedRow { name, unit, .. }| {
        format!("{name:?} => self.{name}.max = {}(value),", quantity(*unit))
    });
    let in_force = each(rows, |row| format!("(self.{0}.row, self.{0}.max.0),", row.name));
    format!(
        r"/// The limits of one run: the numbers of a day and the overrides of the run.
#[derive(Clone, Debug)]
pub struct Limits {{
date: Date,
{fields}}}

#[allow(clippy::too_many_lines)]
impl Limits {{
    /// The numbers and texts of a day.
    #[must_use]
    pub fn at(date: Date) -> Limits {{
        Limits {{
date,
{of_the_day}}}
    }}

    /// Overrides the number of the row named `name`, in the row's unit.
    ///
    /// # Errors
    ///
    /// [`UnknownRow`] if the table has no row of that name. It suggests the most similar name.
    pub fn set(&mut self, name: &str, value: u64) -> Result<(), UnknownRow> {{
        match name {{
{set}_ => return Err(UnknownRow::new(name)),
        }}
        Ok(())
    }}

    /// The number in force of every row, in the order of the table.
    pub fn in_force(&self) -> impl Iterator<Item = (&'static Row, u64)> {{
        [
{in_force}].into_iter()
    }}
}}
"
    )
}

fn static_of(row: &CheckedRow) -> String {
    let CheckedRow {
        name, unit, service, measured, stated, confidence, status, reason, tests, ..
    } = row;
    let doc = row.doc.trim();
    let proof = match status {
        Status::Tested => "Tested".to_owned(),
        other => format!("{other:?}({reason:?})"),
    };
    let history = each(&row.numbers, dated);
    let refusals = each(&row.texts, refusal);
    format!(
        r"pub(super) static {name}: Row = Row {{
    name: {name:?},
    doc: {doc:?},
    unit: Unit::{unit:?},
    scope: Scope::{service:?},
    measured: {measured:?},
    history: &[{history}],
    stated: {stated:?},
    refusals: &[{refusals}],
    confidence: Confidence::{confidence:?},
    proof: Proof::{proof},
    tests: &{tests:?},
}};"
    )
}

fn failure(failure: &CheckedError) -> String {
    let CheckedError { service, name, doc, texts } = failure;
    let (doc, refusals) = (doc.trim(), each(texts, refusal));
    format!(
        "KnownError {{ name: {name:?}, doc: {doc:?}, scope: Scope::{service:?}, refusals: &[{refusals}] }},"
    )
}

fn dated(number: &CheckedNumber) -> String {
    let CheckedNumber { since, value, source } = number;
    format!("Dated {{ since: {}, value: {value}, source: {source:?} }},", date(*since))
}

fn refusal(text: &CheckedText) -> String {
    let CheckedText { to, status, code, content_type, body, confidence, source, .. } = text;
    let (since, alternative) = (date(text.since), text.alternative);
    let until = text.until.map_or("None".to_owned(), |day| format!("Some({})", date(day)));
    format!(
        "RefusalText {{ to: Party::{to:?}, since: {since}, until: {until}, alternative: {alternative}, status: {status}, error_type: {code:?}, \
         content_type: {content_type:?}, body: {body:?}, confidence: Confidence::{confidence:?}, \
         source: {source:?} }},"
    )
}

/// The doc comment of a row.
fn doc_comment(row: &CheckedRow) -> String {
    let lines = row.doc.trim().lines();
    lines.map(|line| format!("/// {line}\n")).collect()
}

fn quantity(unit: Unit) -> &'static str {
    match unit {
        Unit::Bytes => "Bytes",
        Unit::Milliseconds => "Millis",
        Unit::Megabytes => "Megabytes",
        Unit::Count => "Count",
    }
}

fn date((year, month, day): Day) -> String {
    match year {
        0 => "Date::EARLIEST".to_owned(),
        _ => format!("Date::new({year}, {month}, {day})"),
    }
}

fn each<T>(of: &[T], line: impl Fn(&T) -> String) -> String {
    of.iter().map(|one| line(one) + "\n").collect()
}
