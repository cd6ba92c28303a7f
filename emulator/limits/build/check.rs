//! Parses the data files and checks the rules that entries obey. Pure: texts in, rows or diagnostics out.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;

use toml::Spanned;
use toml::value::Datetime;

use crate::entry::{
    Confidence, KnownError, Number, Party, RowEntry, Service, ServiceFile, Status, Text, Unit,
};

/// The placeholders that a text may contain. `max`, `observed`, `max_seconds` and `max_whole_seconds` are derived from the
/// numbers; the code that renders the text supplies the others.
const PLACEHOLDERS: &[&str] = &[
    "max",
    "observed",
    "max_seconds",
    "max_whole_seconds",
    "min",
    "upper",
    "request_id",
    "timestamp",
    "duration",
    "reason",
    "variables",
    "operation",
    "value",
    "arn",
    "connection_id",
    "keys",
    "path",
    "status",
];

/// A data file: its name, for messages, and its text.
#[derive(Clone, Debug)]
pub(crate) struct DataFile {
    pub(crate) name: String,
    pub(crate) text: String,
}

/// A year, a month and a day; ordered chronologically.
pub(crate) type Day = (u16, u8, u8);

/// The day of a fact whose beginning is unknown.
pub(crate) const EARLIEST: Day = (0, 1, 1);

/// A valid entry with resolved sources.
#[derive(Debug)]
pub(crate) struct CheckedRow {
    pub(crate) service: Service,
    pub(crate) name: String,
    pub(crate) doc: String,
    pub(crate) unit: Unit,
    pub(crate) measured: String,
    pub(crate) stated: String,
    pub(crate) confidence: Confidence,
    pub(crate) status: Status,
    pub(crate) reason: String,
    pub(crate) tests: Vec<String>,
    pub(crate) numbers: Vec<CheckedNumber>,
    pub(crate) texts: Vec<CheckedText>,
}

/// A number of a [`CheckedRow`].
#[derive(Debug)]
pub(crate) struct CheckedNumber {
    pub(crate) since: Day,
    pub(crate) value: u64,
    pub(crate) source: String,
}

/// A text of a [`CheckedRow`].
#[derive(Debug)]
pub(crate) struct CheckedText {
    pub(crate) to: Party,
    pub(crate) since: Day,
    pub(crate) until: Option<Day>,
    pub(crate) alternative: bool,
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) content_type: String,
    pub(crate) body: String,
    pub(crate) confidence: Confidence,
    pub(crate) source: String,
}

/// A valid error that is not a limit.
#[derive(Debug)]
pub(crate) struct CheckedError {
    pub(crate) service: Service,
    pub(crate) name: String,
    pub(crate) doc: String,
    pub(crate) texts: Vec<CheckedText>,
}

/// The entries of all files.
#[derive(Debug, Default)]
pub(crate) struct CheckedData {
    pub(crate) rows: Vec<CheckedRow>,
    pub(crate) failures: Vec<CheckedError>,
}

/// An error in a data file and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Diagnostic {
    pub(crate) file: String,
    pub(crate) line: usize,
    pub(crate) message: String,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.message)
    }
}

/// Returns the entries of all files in the order of the files, or all diagnostics.
///
/// `shared` is the file of sources that entries refer to as `@name`.
pub(crate) fn read(shared: &DataFile, files: &[DataFile]) -> Result<CheckedData, Vec<Diagnostic>> {
    let mut checker = Checker::default();
    match toml::from_str(&shared.text) {
        Ok(sources) => checker.sources = sources,
        Err(error) => checker.syntax(shared, &error),
    }
    let mut data = CheckedData::default();
    let mut every_file_is_read = true;
    for file in files {
        match toml::from_str::<ServiceFile>(&file.text) {
            Ok(parsed) => {
                let service = parsed.service;
                let limits = parsed.limits.into_iter();
                data.rows.extend(limits.map(|entry| checker.row(file, service, entry)));
                let failures = parsed.failures.into_iter();
                data.failures.extend(failures.map(|entry| checker.failure(file, service, entry)));
            }
            Err(error) => {
                every_file_is_read = false;
                checker.syntax(file, &error);
            }
        }
    }
    // The unreadable file may contain the only entry that refers to a source.
    if every_file_is_read {
        checker.unused_sources(shared);
    }
    if checker.diagnostics.is_empty() { Ok(data) } else { Err(checker.diagnostics) }
}

#[derive(Default)]
struct Checker {
    sources: BTreeMap<Spanned<String>, String>,
    used_sources: BTreeSet<String>,
    /// The place where each name was used first.
    names: BTreeMap<String, String>,
    diagnostics: Vec<Diagnostic>,
}

impl Checker {
    fn diagnose(&mut self, file: &DataFile, span: Range<usize>, message: impl Into<String>) {
        let line = line_of(&file.text, span.start);
        self.diagnostics.push(Diagnostic {
            file: file.name.clone(),
            line,
            message: message.into(),
        });
    }

    fn syntax(&mut self, file: &DataFile, error: &toml::de::Error) {
        let message = error.message().lines().collect::<Vec<_>>().join(": ");
        self.diagnose(file, error.span().unwrap_or_default(), message);
    }

    fn row(&mut self, file: &DataFile, service: Service, entry: RowEntry) -> CheckedRow {
        self.name(file, &entry.name);
        self.doc(file, &entry.doc);
        for (key, text) in [("measured", &entry.measured), ("stated", &entry.stated)] {
            if text.get_ref().trim().is_empty() {
                self.diagnose(file, text.span(), format!("`{key}` is empty"));
            }
        }
        let reason = self.reason(file, &entry);
        let tests = self.tests(file, &entry);
        let numbers = self.numbers(file, &entry);
        let is_tested = *entry.status.get_ref() == Status::Tested;
        let texts = self.texts(file, &entry.texts, &entry.numbers, is_tested);
        CheckedRow {
            service,
            name: entry.name.into_inner(),
            doc: entry.doc.into_inner(),
            unit: entry.unit,
            measured: entry.measured.into_inner(),
            stated: entry.stated.into_inner(),
            confidence: entry.confidence,
            status: entry.status.into_inner(),
            reason,
            tests,
            numbers,
            texts,
        }
    }

    fn failure(&mut self, file: &DataFile, service: Service, entry: KnownError) -> CheckedError {
        self.name(file, &entry.name);
        self.doc(file, &entry.doc);
        let texts = self.texts(file, &entry.texts, &[], false);
        let (name, doc) = (entry.name.into_inner(), entry.doc.into_inner());
        CheckedError { service, name, doc, texts }
    }

    fn doc(&mut self, file: &DataFile, doc: &Spanned<String>) {
        if !doc.get_ref().trim_end().ends_with('.') {
            self.diagnose(
                file,
                doc.span(),
                "`doc` is not a sentence: it must end with a full stop",
            );
        }
    }

    fn name(&mut self, file: &DataFile, name: &Spanned<String>) {
        let text = name.get_ref();
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        let starts_well = text.starts_with(|c: char| c.is_ascii_lowercase());
        if !starts_well || !text.contains('_') || !text.chars().all(allowed) {
            let message = format!(
                "`{text}` is not a name of a limit: write its service and the limit in lower-case \
                 letters, digits and underscores, such as `lambda_timeout`"
            );
            self.diagnose(file, name.span(), message);
        }
        let place = format!("{}:{}", file.name, line_of(&file.text, name.span().start));
        if let Some(first) = self.names.get(text).cloned() {
            self.diagnose(
                file,
                name.span(),
                format!("the name `{text}` is already used at {first}"),
            );
        } else {
            self.names.insert(text.clone(), place);
        }
    }

    fn reason(&mut self, file: &DataFile, entry: &RowEntry) -> String {
        let given = entry.reason.as_ref().map(|reason| reason.get_ref().as_str());
        let message = match (entry.status.get_ref(), given) {
            (Status::Tested, Some(_)) => "`reason` is only for a limit that is not tested",
            (Status::Pending, None | Some("")) => {
                "a pending limit needs a `reason`: what is missing"
            }
            (Status::NotEmulated, None | Some("")) => {
                "a limit that is not emulated needs a `reason`: why hardcap does not enforce it"
            }
            _ => return given.unwrap_or_default().to_owned(),
        };
        let place = entry.reason.as_ref().map_or(entry.status.span(), Spanned::span);
        self.diagnose(file, place, message);
        String::new()
    }

    /// The names of the tests. A test checks that they exist, because a build script should not read the whole workspace.
    fn tests(&mut self, file: &DataFile, entry: &RowEntry) -> Vec<String> {
        let is_tested = *entry.status.get_ref() == Status::Tested;
        match &entry.tests {
            None if is_tested => {
                let message = "a tested limit needs `tests`: the names of the tests that cross it";
                self.diagnose(file, entry.status.span(), message);
            }
            Some(tests) if is_tested && tests.is_empty() => {
                self.diagnose(
                    file,
                    entry.status.span(),
                    "`tests` is empty: name the tests that cross the limit",
                );
            }
            Some(tests) if !is_tested => {
                let place = tests.first().map_or(entry.status.span(), Spanned::span);
                self.diagnose(file, place, "`tests` is only for a tested limit");
            }
            _ => {}
        }
        for test in entry.tests.iter().flatten() {
            let name = test.get_ref();
            let is_name =
                !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            if !is_name {
                self.diagnose(
                    file,
                    test.span(),
                    format!("`{name}` is not the name of a test function"),
                );
            }
        }
        entry.tests.iter().flatten().map(|test| test.get_ref().clone()).collect()
    }

    fn numbers(&mut self, file: &DataFile, entry: &RowEntry) -> Vec<CheckedNumber> {
        if entry.numbers.is_empty() {
            self.diagnose(file, entry.name.span(), "a limit needs at least one `[[limit.number]]`");
        }
        let mut numbers: Vec<CheckedNumber> = Vec::new();
        for Number { since, value, source } in &entry.numbers {
            let day = self.day(file, since.as_ref());
            if let Some(last) = numbers.last().filter(|last| last.since >= day) {
                let message = format!(
                    "the numbers of `{}` are not in chronological order: {} follows {}",
                    entry.name.get_ref(),
                    shown(day),
                    shown(last.since)
                );
                let place = since.as_ref().map_or(value.span(), Spanned::span);
                self.diagnose(file, place, message);
            }
            let source = self.source(file, source);
            numbers.push(CheckedNumber { since: day, value: *value.get_ref(), source });
        }
        numbers
    }

    fn texts(
        &mut self,
        file: &DataFile,
        texts: &[Text],
        numbers: &[Number],
        is_tested: bool,
    ) -> Vec<CheckedText> {
        let mut checked: Vec<CheckedText> = Vec::new();
        for text in texts {
            self.body(file, text, numbers, is_tested && !text.alternative);
            let to = *text.to.get_ref();
            let (since, until) = self.days(file, text, &checked);
            if let Some(content_type) = text.content_type.as_ref().filter(|_| to.is_log()) {
                self.diagnose(file, content_type.span(), "a log line has no `content_type`");
            }
            let usual_type = if to.is_log() { "" } else { "application/json" };
            let content_type = text.content_type.as_ref().map(|given| given.get_ref().as_str());
            checked.push(CheckedText {
                to,
                since,
                until,
                alternative: text.alternative,
                status: self.status(file, text),
                code: text.code.clone(),
                content_type: content_type.unwrap_or(usual_type).to_owned(),
                body: text.body.get_ref().clone(),
                confidence: text.confidence,
                source: self.source(file, &text.source),
            });
        }
        checked
    }

    /// The first day of a text, and the first day without it if it has ended.
    fn days(
        &mut self,
        file: &DataFile,
        text: &Text,
        earlier: &[CheckedText],
    ) -> (Day, Option<Day>) {
        let since = self.day(file, text.since.as_ref());
        let place = text.since.as_ref().map_or(text.to.span(), Spanned::span);
        let rendered = |other: &&CheckedText| other.to == *text.to.get_ref() && !other.alternative;
        let last = earlier.iter().rev().find(rendered).filter(|_| !text.alternative);
        if let Some(last) = last.filter(|last| last.since >= since) {
            let message = format!(
                "the texts for one party are not in chronological order: {} follows {}; mark a \
                 second text for the same days with `alternative = true`",
                shown(since),
                shown(last.since)
            );
            self.diagnose(file, place, message);
        }
        let until = text.until.as_ref().map(|day| (self.day(file, Some(day)), day.span()));
        if let Some((day, place)) = until.clone().filter(|(day, _)| *day <= since) {
            let message =
                format!("the text ends on {}, before it begins on {}", shown(day), shown(since));
            self.diagnose(file, place, message);
        }
        (since, until.map(|(day, _)| day))
    }

    fn status(&mut self, file: &DataFile, text: &Text) -> u16 {
        match &text.status {
            Some(status) if text.to.get_ref().is_log() => {
                self.diagnose(file, status.span(), "a log line has no `status`");
            }
            Some(status) if !(200..600).contains(status.get_ref()) => {
                let message = format!("{} is not an HTTP status", status.get_ref());
                self.diagnose(file, status.span(), message);
            }
            None if !text.to.get_ref().is_log() => {
                self.diagnose(
                    file,
                    text.to.span(),
                    "`status` is missing: this party receives a response",
                );
            }
            Some(status) => return *status.get_ref(),
            None => {}
        }
        0
    }

    fn body(&mut self, file: &DataFile, text: &Text, numbers: &[Number], is_shown: bool) {
        let body = text.body.get_ref();
        if body.is_empty() && text.code.is_empty() {
            self.diagnose(file, text.body.span(), "a text needs a `body`, or at least a `code`");
        }
        if body.is_empty() && is_shown {
            let message = "`body` is empty: a tested limit needs its text";
            self.diagnose(file, text.body.span(), message);
        }
        for piece in body.split('{').skip(1) {
            let name = piece.split('}').next().unwrap_or_default();
            // A brace before an empty name or a quote belongs to JSON.
            let json = name.is_empty() || name.starts_with('"');
            if !json && !PLACEHOLDERS.contains(&name) {
                let known = PLACEHOLDERS.join("}, {");
                let message =
                    format!("`{{{name}}}` is not a known placeholder: use one of {{{known}}}");
                self.diagnose(file, text.body.span(), message);
            }
        }
        for number in numbers.iter().map(|number| number.value.get_ref().to_string()) {
            if number.len() > 2 && body.contains(&number) {
                let message = format!(
                    "the text contains the number {number}, which `--set` would make wrong: write \
                     {{max}}"
                );
                self.diagnose(file, text.body.span(), message);
            }
        }
    }

    fn day(&mut self, file: &DataFile, day: Option<&Spanned<Datetime>>) -> Day {
        let Some(day) = day else { return EARLIEST };
        match day.get_ref() {
            Datetime { date: Some(date), time: None, offset: None } => {
                (date.year, date.month, date.day)
            }
            other => {
                let message = format!("`{other}` is not a date: write it like 2022-04-22");
                self.diagnose(file, day.span(), message);
                EARLIEST
            }
        }
    }

    fn source(&mut self, file: &DataFile, source: &Spanned<String>) -> String {
        let text = source.get_ref();
        if text.trim().is_empty() {
            self.diagnose(
                file,
                source.span(),
                "`source` is empty: name a document or an address, and its day",
            );
        }
        let Some(name) = text.strip_prefix('@') else { return text.clone() };
        let found = self.sources.iter().find(|(known, _)| known.get_ref() == name);
        let Some(found) = found.map(|(_, text)| text.clone()) else {
            let message = format!("sources.toml has no source named `{name}`");
            self.diagnose(file, source.span(), message);
            return String::new();
        };
        self.used_sources.insert(name.to_owned());
        found
    }

    fn unused_sources(&mut self, shared: &DataFile) {
        let unused: Vec<_> = self
            .sources
            .keys()
            .filter(|name| !self.used_sources.contains(name.get_ref()))
            .cloned()
            .collect();
        for name in unused {
            let message = format!("no entry refers to the source `{}`", name.get_ref());
            self.diagnose(shared, name.span(), message);
        }
    }
}

fn shown((year, month, day): Day) -> String {
    if (year, month, day) == EARLIEST {
        return "the beginning".to_owned();
    }
    format!("{year:04}-{month:02}-{day:02}")
}

/// The line number of a byte, from 1.
fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}
