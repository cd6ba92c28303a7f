//! Diagnostics: errors and warnings with a position in a file.

use std::fmt;
use std::path::{Path, PathBuf};

use indexmap::IndexSet;

/// A position in a file. Line and column begin at 1. The column counts characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// A file and its content, from which errors show a line.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// The path in errors.
    pub path: &'a Path,
    /// The content.
    pub text: &'a str,
}

impl Source<'_> {
    /// The position of a byte of the text.
    pub fn position(&self, offset: usize) -> Position {
        let before = self.text.get(..offset).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Position {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }

    /// The error for a diagnostic of this file.
    pub fn error(&self, mut diagnostic: Diagnostic) -> TemplateError {
        let further = std::mem::take(&mut diagnostic.also);
        let mut error = self.one_error(diagnostic);
        for diagnostic in further {
            let mut other = self.error(diagnostic);
            let its = std::mem::take(&mut other.also);
            error.also.push(other);
            error.also.extend(its);
        }
        error
    }

    fn one_error(&self, diagnostic: Diagnostic) -> TemplateError {
        if let Some(error) = diagnostic.elsewhere {
            return *error;
        }
        let line = self.text.lines().nth(diagnostic.at.line.saturating_sub(1)).unwrap_or_default();
        TemplateError {
            path: self.path.to_owned(),
            position: diagnostic.at,
            message: diagnostic.message,
            help: diagnostic.help,
            excerpt: Box::new(Excerpt::of(line, diagnostic.at.column)),
            also: Vec::new(),
        }
    }

    /// The warning for a diagnostic of this file.
    pub fn warning(&self, diagnostic: Diagnostic) -> Warning {
        Warning {
            path: self.path.to_owned(),
            position: diagnostic.at,
            message: diagnostic.message,
            help: diagnostic.help,
            rule: diagnostic.rule,
        }
    }
}

/// An error or a warning at a position of a file. [`Source`] adds the path.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Diagnostic {
    /// The position.
    pub at: Position,
    /// The error, in one sentence without a full stop.
    pub message: String,
    /// The remedy.
    pub help: Option<String>,
    /// The rule of `hardcap check`, for a warning.
    pub rule: &'static str,
    /// The error itself, if it is in another file that this place refers to.
    pub elsewhere: Option<Box<TemplateError>>,
    /// Further errors of the same file.
    pub also: Vec<Diagnostic>,
}

impl Diagnostic {
    /// A diagnostic without advice.
    pub fn new(at: Position, message: impl Into<String>) -> Diagnostic {
        Diagnostic {
            at,
            message: message.into(),
            help: None,
            rule: "template",
            elsewhere: None,
            also: Vec::new(),
        }
    }

    /// One diagnostic for several errors. Of several with the same message, only the first is kept.
    pub(crate) fn several(
        mut first: Diagnostic,
        others: impl IntoIterator<Item = Diagnostic>,
    ) -> Diagnostic {
        let mut further = std::mem::take(&mut first.also);
        for mut error in others {
            let also = std::mem::take(&mut error.also);
            further.push(error);
            further.extend(also);
        }
        let text =
            |it: &Diagnostic| (it.message.clone(), it.elsewhere.as_ref().map(ToString::to_string));
        let mut told = IndexSet::from([text(&first)]);
        further.retain(|error| told.insert(text(error)));
        Diagnostic { also: further, ..first }
    }

    /// # Errors
    ///
    /// All errors as one, if there are any.
    pub(crate) fn all(errors: Vec<Diagnostic>) -> Result<(), Diagnostic> {
        let mut errors = errors.into_iter();
        errors.next().map_or(Ok(()), |first| Err(Diagnostic::several(first, errors)))
    }

    /// An error in a file that this place refers to.
    pub fn in_another_file(at: Position, error: TemplateError) -> Diagnostic {
        Diagnostic { elsewhere: Some(Box::new(error)), ..Diagnostic::new(at, "") }
    }

    /// Sets the rule of `hardcap check` of a warning.
    #[must_use]
    pub fn rule(mut self, rule: &'static str) -> Diagnostic {
        self.rule = rule;
        self
    }

    /// Adds the remedy.
    pub fn help(mut self, help: impl Into<String>) -> Diagnostic {
        self.help = Some(help.into());
        self
    }

    /// Adds the nearest known name, if there is one.
    pub fn nearest<'a>(
        mut self,
        written: &str,
        known: impl IntoIterator<Item = &'a str>,
    ) -> Diagnostic {
        if let Some(name) = hardcap_core::nearest::nearest(written, known) {
            self.help = Some(format!("did you mean `{name}`?"));
        }
        self
    }
}

/// The maximum number of characters that an error shows of a line. A minified template has one line.
const SHOWN_MAX: usize = 160;

/// An error in a template or in `hardcap.toml`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub struct TemplateError {
    /// The file.
    pub path: PathBuf,
    /// The position in it.
    pub position: Position,
    /// The error, in one sentence without a full stop.
    pub message: String,
    /// The remedy.
    pub help: Option<String>,
    /// The part of the line that is shown.
    excerpt: Box<Excerpt>,
    /// Further errors that were found in the same run.
    pub also: Vec<TemplateError>,
}

/// The part of a line around a position.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Excerpt {
    /// `…` stands for what is left out before and behind.
    text: String,
    /// The characters before the position.
    before: usize,
}

impl Excerpt {
    /// The part of a line around a column, which begins at 1.
    fn of(line: &str, column: usize) -> Excerpt {
        let line = line.trim_end();
        let before = column.saturating_sub(1);
        let skipped = if line.chars().nth(SHOWN_MAX).is_none() {
            0
        } else {
            before.saturating_sub(SHOWN_MAX / 2)
        };
        let mut rest = line.chars().skip(skipped);
        let mut text = if skipped == 0 { String::new() } else { "…".to_owned() };
        text.extend(rest.by_ref().take(SHOWN_MAX));
        if rest.next().is_some() {
            text.push('…');
        }
        Excerpt { text, before: before - skipped + usize::from(skipped > 0) }
    }
}

impl fmt::Display for TemplateError {
    /// The message, the position, the line with a mark under the position, and what to do; then the further errors.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n  --> {}:{}", self.message, self.path.display(), self.position)?;
        let Excerpt { text, before } = &*self.excerpt;
        if !text.trim().is_empty() {
            let number = self.position.line.to_string();
            let margin = " ".repeat(number.len());
            // Tabs stay tabs, so the mark stands under its character on every terminal.
            let indent: String =
                text.chars().take(*before).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
            write!(f, "\n {margin} |\n {number} | {text}\n {margin} | {indent}^")?;
        }
        if let Some(help) = &self.help {
            write!(f, "\n  = help: {help}")?;
        }
        for other in &self.also {
            write!(f, "\nerror: {other}")?;
        }
        Ok(())
    }
}

/// A warning: a property without an effect here, or with another effect than on AWS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The file.
    pub path: PathBuf,
    /// The position in it.
    pub position: Position,
    /// The finding, and its effect.
    pub message: String,
    /// The remedy, if it is known.
    pub help: Option<String>,
    /// Its rule of `hardcap check`.
    pub rule: &'static str,
}

impl fmt::Display for Warning {
    /// `template.yaml:12:5: message; help`, on one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path.display(), self.position, self.message)?;
        match &self.help {
            Some(help) => write!(f, "; {help}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_shows_the_line_and_marks_the_column() {
        let source =
            Source { path: Path::new("template.yaml"), text: "Resources:\n\tTimeout: ten\n" };
        let diagnostic = Diagnostic::new(Position { line: 2, column: 11 }, "`ten` is not a number")
            .help("write seconds");
        assert_eq!(
            source.error(diagnostic).to_string(),
            "`ten` is not a number\n  --> template.yaml:2:11\n   |\n 2 | \tTimeout: ten\n   | \t         ^\n  = help: write seconds"
        );
    }

    #[test]
    fn an_error_in_a_long_line_shows_the_part_around_its_column() {
        let text = format!("{}here{}", "a".repeat(5_000_000), "b".repeat(1_000));
        let source = Source { path: Path::new("t.json"), text: &text };
        let at = Position { line: 1, column: 5_000_001 };
        let expected = format!(
            "`here` is not allowed\n  --> t.json:1:5000001\n   |\n 1 | …{}here{}…\n   | {}^",
            "a".repeat(80),
            "b".repeat(76),
            " ".repeat(81)
        );
        assert_eq!(
            source.error(Diagnostic::new(at, "`here` is not allowed")).to_string(),
            expected
        );
        let at = Position { line: 1, column: 1 };
        let error = source.error(Diagnostic::new(at, "an error")).to_string();
        let expected =
            format!("an error\n  --> t.json:1:1\n   |\n 1 | {}…\n   | ^", "a".repeat(160));
        assert_eq!(error, expected);
    }

    #[test]
    fn an_error_beyond_the_end_of_the_text_is_shown_without_a_line() {
        let source = Source { path: Path::new("a.yaml"), text: "" };
        let error = source.error(Diagnostic::new(Position { line: 9, column: 9 }, "ended early"));
        assert_eq!(error.to_string(), "ended early\n  --> a.yaml:9:9");
    }

    #[test]
    fn a_byte_offset_becomes_a_line_and_a_column_of_characters() {
        let source = Source { path: Path::new("a"), text: "ä = 1\nüb = 2" };
        let offset = source.text.find('b').expect("it is there");
        assert_eq!(source.position(offset), Position { line: 2, column: 2 });
        assert_eq!(source.position(10_000), Position { line: 2, column: 7 });
    }
}
