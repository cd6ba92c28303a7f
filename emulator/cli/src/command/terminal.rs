//! What people see: messages, and the progress of a build. Colours only where there is a terminal.

use std::io::{IsTerminal as _, Read as _, Write as _};
use std::path::Path;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::Failure;
use crate::check::Finding;
use hardcap::packaging::build::Progress;
use hardcap_core::console;

/// A line on standard error.
pub(super) fn say(line: &str) {
    console::write(format!("{line}\n").as_bytes());
}

/// Why the program fails.
pub(super) fn error(message: &str) {
    say(&format!("{}: {message}", colored("error", "31")));
}

/// What deserves a word.
pub(super) fn warning(message: &str) {
    say(&format!("{}: {message}", colored("warning", "33")));
}

/// What was found in the template, as `check` prints it.
pub(super) fn finding(finding: &Finding) {
    let text = finding.to_string();
    match text.split_once('[') {
        Some((severity, rest)) => say(&format!("{}[{rest}", colored(severity, "33"))),
        None => say(&text),
    }
}

fn colored(word: &str, color: &str) -> String {
    if colors() { format!("\x1b[1;{color}m{word}\x1b[0m") } else { word.to_owned() }
}

/// Whether standard error shows colours, and nobody asked for none.
pub(super) fn colors() -> bool {
    #[expect(clippy::disallowed_methods, reason = "the terminal's own settings are read here")]
    let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    !unwanted && std::io::stderr().is_terminal()
}

/// Machine-readable output. Whoever stops reading it, as `head` does, is no error.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::new(format!("standard output cannot be written: {error}")))
        }
        _ => Ok(()),
    }
}

/// What a file holds; standard input without one or for `-`.
pub(super) fn read(file: Option<&Path>) -> Result<Vec<u8>, Failure> {
    if let Some(path) = file.filter(|path| *path != Path::new("-")) {
        let failed = |error| Failure::new(format!("{} cannot be read: {error}", path.display()));
        return std::fs::read(path).map_err(failed);
    }
    let mut bytes = Vec::new();
    let read = std::io::stdin().read_to_end(&mut bytes);
    read.map_err(|error| Failure::new(format!("standard input cannot be read: {error}")))?;
    Ok(bytes)
}

/// A build's progress: a line that moves on a terminal, cargo's own lines elsewhere.
pub(super) enum BuildProgress {
    Moving(ProgressBar),
    Plain,
    Silent,
}

impl BuildProgress {
    pub(super) fn new(quiet: bool) -> BuildProgress {
        match (quiet, std::io::stderr().is_terminal()) {
            (true, _) => BuildProgress::Silent,
            (false, false) => BuildProgress::Plain,
            (false, true) => {
                let style = ProgressStyle::with_template("{spinner} building {wide_msg} {elapsed}");
                let bar = ProgressBar::new_spinner();
                bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
                bar.enable_steady_tick(Duration::from_millis(100));
                BuildProgress::Moving(bar)
            }
        }
    }

    /// Clears the line that moves.
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
            BuildProgress::Plain => say(line),
            BuildProgress::Silent => {}
        }
    }
}
