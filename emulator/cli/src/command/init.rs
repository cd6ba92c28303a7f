//! `hardcap init`: writes the first files of a project. Existing files are not changed.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::{Failure, discover, terminal};

/// The folder of the project.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
In a folder with a template or with a project of SAM, CDK, the Serverless Framework or Chalice, it
writes a hardcap.toml in which every line is a comment. In another folder, it also writes a template
and a function in shell, which runs immediately and needs curl. Files that exist are not changed.

Examples:
  hardcap init && hardcap
  hardcap init new-project")]
pub(super) struct InitOptions {
    /// The folder; created if it does not exist
    #[arg(default_value = ".")]
    folder: PathBuf,
}

/// A file to write.
struct File {
    path: &'static str,
    text: &'static str,
    executable: bool,
}

const fn text(path: &'static str, text: &'static str) -> File {
    File { path, text, executable: false }
}

const NEW: [File; 3] = [
    text("template.yaml", include_str!("init/template.yaml")),
    text("hardcap.toml", include_str!("init/hardcap.toml")),
    File { path: "hello/bootstrap", text: include_str!("init/bootstrap"), executable: true },
];

const EXISTING: [File; 1] = [text("hardcap.toml", include_str!("init/existing.toml"))];

pub(super) fn init(options: &InitOptions) -> Result<ExitCode, Failure> {
    let folder = &options.folder;
    if folder.exists() && !folder.is_dir() {
        return Err(Failure::new(format!(
            "{} is not a folder\n  = help: name the folder of the project, or nothing for this one",
            folder.display()
        )));
    }
    let files: &[File] = if discover::has_project(folder) { &EXISTING } else { &NEW };
    for file in files {
        let path = folder.join(file.path);
        let said = if write(&path, file)? { "wrote" } else { "kept " };
        let shown = path.strip_prefix(".").unwrap_or(&path);
        terminal::say(&format!("{said} {}", shown.display()));
    }
    let next = match folder == Path::new(".") {
        true => "hardcap".to_owned(),
        false => format!("cd {} && hardcap", shell_word(&folder.to_string_lossy())),
    };
    terminal::say(&format!("next: {next}"));
    Ok(ExitCode::SUCCESS)
}

/// A text as one word of a shell.
fn shell_word(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@%".contains(c);
    if text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// `false` if the file exists already.
fn write(path: &Path, file: &File) -> Result<bool, Failure> {
    let failed = |error| Failure::new(format!("cannot write {}: {error}", path.display()));
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    let mode = if file.executable { 0o755 } else { 0o644 };
    match OpenOptions::new().write(true).create_new(true).mode(mode).open(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        opened => {
            let mut opened = opened.map_err(failed)?;
            opened.write_all(file.text.as_bytes()).map_err(failed)?;
            Ok(true)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::shell_word;

    #[test]
    fn a_path_with_blanks_or_quotes_is_one_word_of_a_shell() {
        for (path, word) in [
            ("new-project", "new-project"),
            ("../a/b_c.d", "../a/b_c.d"),
            ("my app", "'my app'"),
            ("it's", r"'it'\''s'"),
            ("päth", "'päth'"),
        ] {
            assert_eq!(shell_word(path), word);
        }
    }
}
