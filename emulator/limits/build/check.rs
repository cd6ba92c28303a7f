//! Reads the data files and checks the rules that entries obey. Pure: texts in, rows or mistakes out.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;

use toml::Spanned;
use toml::value::Datetime;

use crate::entry::{
    Confidence, Entry, Failure, Number, Party, Service, ServiceFile, Status, Text, Unit,
};

/// The names in braces that a text may have. `max`, `observed`, `max_seconds` and `max_whole_seconds` come from the numbers; the
/// code that renders the text gives the others.
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

/// A year, a month and a day, as they are ordered.
pub(crate) type Day = (u16, u8, u8);

/// The day of a fact whose beginning is not known.
pub(crate) const EARLIEST: Day = (0, 1, 1);

/// An entry that obeys the rules, with its sources resolved.
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

/// A failure that obeys the rules.
#[derive(Debug)]
pub(crate) struct CheckedFailure {
    pub(crate) service: Service,
    pub(crate) name: String,
    pub(crate) doc: String,
    pub(crate) texts: Vec<CheckedText>,
}

/// The entries of all files.
#[derive(Debug, Default)]
pub(crate) struct CheckedData {
    pub(crate) rows: Vec<CheckedRow>,
    pub(crate) failures: Vec<CheckedFailure>,
}

/// What is wrong with a data file, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mistake {
    pub(crate) file: String,
    pub(crate) line: usize,
    pub(crate) message: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.message)
    }
}

/// The entries of all files, in the order of the files, or everything that is wrong with them.
///
/// `shared` is the file of sources that entries refer to as `@name`.
pub(crate) fn read(shared: &DataFile, files: &[DataFile]) -> Result<CheckedData, Vec<Mistake>> {
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
    // A file that cannot be read may hold the only entry that refers to a source.
    if every_file_is_read {
        checker.unused_sources(shared);
    }
    if checker.mistakes.is_empty() { Ok(data) } else { Err(checker.mistakes) }
}

#[derive(Default)]
struct Checker {
    sources: BTreeMap<Spanned<String>, String>,
    used_sources: BTreeSet<String>,
    /// Where each name was used first.
    names: BTreeMap<String, String>,
    mistakes: Vec<Mistake>,
}

impl Checker {
    fn mistake(&mut self, file: &DataFile, span: Range<usize>, message: impl Into<String>) {
        let line = line_of(&file.text, span.start);
        self.mistakes.push(Mistake { file: file.name.clone(), line, message: message.into() });
    }

    fn syntax(&mut self, file: &DataFile, error: &toml::de::Error) {
        let message = error.message().lines().collect::<Vec<_>>().join(": ");
        self.mistake(file, error.span().unwrap_or_default(), message);
    }

    fn row(&mut self, file: &DataFile, service: Service, entry: Entry) -> CheckedRow {
        self.name(file, &entry.name);
        self.doc(file, &entry.doc);
        for (key, text) in [("measured", &entry.measured), ("stated", &entry.stated)] {
            if text.get_ref().trim().is_empty() {
                self.mistake(file, text.span(), format!("`{key}` is empty"));
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

    fn failure(&mut self, file: &DataFile, service: Service, entry: Failure) -> CheckedFailure {
        self.name(file, &entry.name);
        self.doc(file, &entry.doc);
        let texts = self.texts(file, &entry.texts, &[], false);
        let (name, doc) = (entry.name.into_inner(), entry.doc.into_inner());
        CheckedFailure { service, name, doc, texts }
    }

    fn doc(&mut self, file: &DataFile, doc: &Spanned<String>) {
        if !doc.get_ref().trim_end().ends_with('.') {
            self.mistake(file, doc.span(), "`doc` is not a sentence: it must end with a full stop");
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
            self.mistake(file, name.span(), message);
        }
        let place = format!("{}:{}", file.name, line_of(&file.text, name.span().start));
        if let Some(first) = self.names.get(text).cloned() {
            self.mistake(
                file,
                name.span(),
                format!("a limit called `{text}` is already at {first}"),
            );
        } else {
            self.names.insert(text.clone(), place);
        }
    }

    fn reason(&mut self, file: &DataFile, entry: &Entry) -> String {
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
        self.mistake(file, place, message);
        String::new()
    }

    /// The names of the tests. That they exist is checked by a test, because a build script should not read the whole workspace.
    fn tests(&mut self, file: &DataFile, entry: &Entry) -> Vec<String> {
        let is_tested = *entry.status.get_ref() == Status::Tested;
        match &entry.tests {
            None if is_tested => {
                let message =
                    "a limit that is tested needs `tests`: the names of the tests that cross it";
                self.mistake(file, entry.status.span(), message);
            }
            Some(tests) if is_tested && tests.is_empty() => {
                self.mistake(
                    file,
                    entry.status.span(),
                    "`tests` is empty: name the tests that cross the limit",
                );
            }
            Some(tests) if !is_tested => {
                let place = tests.first().map_or(entry.status.span(), Spanned::span);
                self.mistake(file, place, "`tests` is only for a limit that is tested");
            }
            _ => {}
        }
        for test in entry.tests.iter().flatten() {
            let name = test.get_ref();
            let is_name =
                !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            if !is_name {
                self.mistake(
                    file,
                    test.span(),
                    format!("`{name}` is not the name of a test function"),
                );
            }
        }
        entry.tests.iter().flatten().map(|test| test.get_ref().clone()).collect()
    }

    fn numbers(&mut self, file: &DataFile, entry: &Entry) -> Vec<CheckedNumber> {
        if entry.numbers.is_empty() {
            self.mistake(file, entry.name.span(), "a limit needs at least one `[[limit.number]]`");
        }
        let mut numbers: Vec<CheckedNumber> = Vec::new();
        for Number { since, value, source } in &entry.numbers {
            let day = self.day(file, since.as_ref());
            if let Some(last) = numbers.last().filter(|last| last.since >= day) {
                let message = format!(
                    "the numbers of `{}` are not in the order of their days: this one is of {}, the one \
                     before it of {}",
                    entry.name.get_ref(),
                    shown(day),
                    shown(last.since)
                );
                let place = since.as_ref().map_or(value.span(), Spanned::span);
                self.mistake(file, place, message);
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
                self.mistake(file, content_type.span(), "a line of a log has no `content_type`");
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

    /// The first day of a text and, where it has one, the first day without it.
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
                "the texts for one party are not in the order of their days: this one is of {}, the one \
                 before it of {}; a second text of the same days is `alternative = true`",
                shown(since),
                shown(last.since)
            );
            self.mistake(file, place, message);
        }
        let until = text.until.as_ref().map(|day| (self.day(file, Some(day)), day.span()));
        if let Some((day, place)) = until.clone().filter(|(day, _)| *day <= since) {
            let message =
                format!("the text ends on {}, before it begins on {}", shown(day), shown(since));
            self.mistake(file, place, message);
        }
        (since, until.map(|(day, _)| day))
    }

    fn status(&mut self, file: &DataFile, text: &Text) -> u16 {
        match &text.status {
            Some(status) if text.to.get_ref().is_log() => {
                self.mistake(file, status.span(), "a line of a log has no `status`");
            }
            Some(status) if !(200..600).contains(status.get_ref()) => {
                let message = format!("{} is not a status of HTTP", status.get_ref());
                self.mistake(file, status.span(), message);
            }
            None if !text.to.get_ref().is_log() => {
                self.mistake(
                    file,
                    text.to.span(),
                    "this party gets a response: its `status` is missing",
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
            self.mistake(file, text.body.span(), "a text needs a `body`, or at least a `code`");
        }
        if body.is_empty() && is_shown {
            let message = "the `body` is empty: a limit that is tested shows its text";
            self.mistake(file, text.body.span(), message);
        }
        for piece in body.split('{').skip(1) {
            let name = piece.split('}').next().unwrap_or_default();
            // A brace that opens no name is JSON's own.
            let json = name.is_empty() || name.starts_with('"');
            if !json && !PLACEHOLDERS.contains(&name) {
                let known = PLACEHOLDERS.join("}, {");
                let message =
                    format!("`{{{name}}}` is not a known placeholder: use one of {{{known}}}");
                self.mistake(file, text.body.span(), message);
            }
        }
        for number in numbers.iter().map(|number| number.value.get_ref().to_string()) {
            if number.len() > 2 && body.contains(&number) {
                let message = format!(
                    "the text holds the number {number} itself, so it would be wrong under `--set`: \
                     write {{max}}"
                );
                self.mistake(file, text.body.span(), message);
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
                let message = format!("`{other}` is not a day: write it as 2022-04-22");
                self.mistake(file, day.span(), message);
                EARLIEST
            }
        }
    }

    fn source(&mut self, file: &DataFile, source: &Spanned<String>) -> String {
        let text = source.get_ref();
        if text.trim().is_empty() {
            self.mistake(
                file,
                source.span(),
                "`source` is empty: name a document or an address, and its day",
            );
        }
        let Some(name) = text.strip_prefix('@') else { return text.clone() };
        let found = self.sources.iter().find(|(known, _)| known.get_ref() == name);
        let Some(found) = found.map(|(_, text)| text.clone()) else {
            let message = format!("sources.toml has no source called `{name}`");
            self.mistake(file, source.span(), message);
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
            self.mistake(shared, name.span(), message);
        }
    }
}

fn shown((year, month, day): Day) -> String {
    if (year, month, day) == EARLIEST {
        return "the beginning".to_owned();
    }
    format!("{year:04}-{month:02}-{day:02}")
}

/// The line of a byte, from 1.
fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}
