//! `hardcap completions` and `hardcap man`: files for packages, generated from the definition of the command line.

use std::path::Path;
use std::process::ExitCode;

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::terminal::{print, say};
use super::{Arguments, Failure};

pub(super) fn completions(shell: Shell) -> Result<ExitCode, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "hardcap", &mut script);
    print(&String::from_utf8_lossy(&script))?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn man(folder: &Path) -> Result<ExitCode, Failure> {
    let failed = |error| Failure::new(format!("cannot write {}: {error}", folder.display()));
    std::fs::create_dir_all(folder).map_err(failed)?;
    clap_mangen::generate_to(Arguments::command(), folder).map_err(failed)?;
    say(&format!("wrote the pages of hardcap and its commands into {}", folder.display()));
    Ok(ExitCode::SUCCESS)
}
