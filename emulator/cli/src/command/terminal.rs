//! Messages on standard error, the progress of a build, and results on standard output.

use std::io::{IsTerminal as _, Read as _, Write as _};
use std::path::Path;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;

use super::Failure;
use crate::check::{Finding, Severity};
use crate::output::{self, Level, Source};
use hardcap_project::packaging::build::Progress;

/// A message on standard error.
pub(super) fn say(message: &str) {
    output::write(Level::Info, Source::Hardcap, message, message, []);
}

/// A message for programs that has members; people read `text`.
pub(super) fn event(
    text: &str,
    message: &str,
    members: impl IntoIterator<Item = (&'static str, Value)>,
) {
    output::write(Level::Info, Source::Hardcap, text, message, members);
}

/// The reason why the program fails.
pub(super) fn error(message: &str) {
    let text = format!("{}: {message}", colored("error", "31"));
    output::write(Level::Error, Source::Hardcap, &text, message, []);
}

/// A problem that does not end the program.
pub(super) fn warning(message: &str) {
    let text = format!("{}: {message}", colored("warning", "33"));
    output::write(Level::Warn, Source::Hardcap, &text, message, []);
}

/// A finding about the template, as `check` prints it.
pub(super) fn finding(finding: &Finding) {
    let shown = finding.to_string();
    let text = match shown.split_once('[') {
        Some((severity, rest)) => format!("{}[{rest}", colored(severity, "33")),
        None => shown,
    };
    let level = match finding.severity {
        Severity::Note => Level::Info,
        Severity::Warning => Level::Warn,
        Severity::Error => Level::Error,
    };
    let members = [
        ("rule", finding.code.into()),
        ("resource", finding.resource.clone().into()),
        ("place", finding.place.clone().into()),
    ];
    output::write(level, Source::Check, &text, &finding.message, members);
}

fn colored(word: &str, color: &str) -> String {
    match output::colors(&std::io::stderr()) {
        true => format!("\x1b[1;{color}m{word}\x1b[0m"),
        false => word.to_owned(),
    }
}

/// Prints a result on standard output, and returns whether it is still read. A reader that stops reading, such as `head`, is not an
/// error.
pub(super) fn print(text: &str) -> Result<bool, Failure> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(Failure::new(format!("cannot write standard output: {error}"))),
    }
}

/// The name of a file in a message; `-` is standard input.
pub(super) fn name(file: &Path) -> String {
    match file == Path::new("-") {
        true => "standard input".to_owned(),
        false => file.display().to_string(),
    }
}

/// The content of a file; that of standard input without a file or for `-`. On a terminal, a message asks for the text.
pub(super) fn read(file: Option<&Path>) -> Result<Vec<u8>, Failure> {
    if let Some(path) = file.filter(|path| *path != Path::new("-")) {
        let failed = |error| Failure::new(format!("{} cannot be read: {error}", path.display()));
        return std::fs::read(path).map_err(failed);
    }
    if std::io::stdin().is_terminal() {
        say("paste the text, and end it with Ctrl-D on a line of its own");
    }
    let mut bytes = Vec::new();
    let read = std::io::stdin().read_to_end(&mut bytes);
    read.map_err(|error| Failure::new(format!("standard input cannot be read: {error}")))?;
    Ok(bytes)
}

/// Does work of some seconds. A terminal shows a moving line with its name and the elapsed time.
pub(super) fn with_progress<T>(name: &'static str, work: impl FnOnce() -> T) -> T {
    if !std::io::stderr().is_terminal() || output::is_json() {
        return work();
    }
    let bar = moving_line("{spinner} {wide_msg} {elapsed}");
    bar.set_message(name);
    let done = work();
    bar.finish_and_clear();
    done
}

fn moving_line(template: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(template);
    let bar = ProgressBar::new_spinner();
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

/// The progress of a build: one moving line on a terminal, the lines of cargo elsewhere.
pub(super) enum BuildProgress {
    Moving(ProgressBar),
    Plain,
    Silent,
}

impl BuildProgress {
    pub(super) fn new(quiet: bool) -> BuildProgress {
        match (quiet, std::io::stderr().is_terminal() && !output::is_json()) {
            (true, _) => BuildProgress::Silent,
            (false, false) => BuildProgress::Plain,
            (false, true) => {
                BuildProgress::Moving(moving_line("{spinner} building {wide_msg} {elapsed}"))
            }
        }
    }

    /// Clears the moving line.
    pub(super) fn done(&self) {
        if let BuildProgress::Moving(bar) = self {
            bar.finish_and_clear();
        }
    }
}

impl Progress for BuildProgress {
    fn line(&mut self, line: &str) {
        let step = line.trim_start();
        let is_step =
            ["Compiling ", "Finished ", "Fresh ", "Blocking ", "Locking ", "Downloading "]
                .iter()
                .any(|word| step.starts_with(word));
        match self {
            BuildProgress::Moving(bar) if is_step => bar.set_message(step.to_owned()),
            BuildProgress::Moving(bar) => bar.println(line),
            BuildProgress::Plain => output::write(Level::Info, Source::Build, line, line, []),
            BuildProgress::Silent => {}
        }
    }
}
