//! `hardcap init`: writes the first files of a project. Existing files are not changed.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::{Failure, project, terminal};

/// The folder of the project.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
In a folder with a template, it writes a hardcap.toml in which every line is a comment. In a folder
without one, it also writes a template and a function in shell, which runs immediately and needs
curl. Files that exist are left alone.

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
    let has_template = project::NAMES.iter().any(|name| folder.join(name).exists());
    let files: &[File] = if has_template { &EXISTING } else { &NEW };
    for file in files {
        let path = folder.join(file.path);
        let said = if write(&path, file)? { "wrote" } else { "kept " };
        let shown = path.strip_prefix(".").unwrap_or(&path);
        terminal::say(&format!("{said} {}", shown.display()));
    }
    let next = match folder == Path::new(".") {
        true => "hardcap".to_owned(),
        false => format!("cd {} && hardcap", folder.display()),
    };
    terminal::say(&format!("next: {next}"));
    Ok(ExitCode::SUCCESS)
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
