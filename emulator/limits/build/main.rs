//! Generates `$OUT_DIR/table.rs` from the data files in `data/`. An error in a file fails the build with its place.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs, io};

mod check;
mod entry;
mod generate;

use check::DataFile;

/// The sources that several entries share.
const SOURCES: &str = "sources.toml";

/// The other data files, in the order of the table.
const FILES: &[&str] = &[
    "lambda.toml",
    "lambda-function.toml",
    "lambda-events.toml",
    "rest-api.toml",
    "http-api.toml",
    "function-url.toml",
    "s3.toml",
    "alb.toml",
    "edge.toml",
    "websocket-api.toml",
    "dynamodb.toml",
    "ssm.toml",
    "secrets-manager.toml",
    "sqs.toml",
    "sns.toml",
    "eventbridge.toml",
    "step-functions.toml",
    "cloudformation.toml",
];

fn main() -> ExitCode {
    match build() {
        Ok(()) => ExitCode::SUCCESS,
        Err(messages) => {
            messages.iter().for_each(|message| directive(&format!("error={message}")));
            ExitCode::FAILURE
        }
    }
}

fn build() -> Result<(), Vec<String>> {
    let folder = Path::new(&variable("CARGO_MANIFEST_DIR")?).join("data");
    directive(&format!("rerun-if-changed={}", folder.display()));
    let unlisted = unlisted(&folder).map_err(|error| failed(&folder, &error))?;
    if !unlisted.is_empty() {
        return Err(unlisted);
    }
    let shared = read(&folder, SOURCES)?;
    let files: Vec<_> = FILES.iter().map(|name| read(&folder, name)).collect::<Result<_, _>>()?;
    let data = check::read(&shared, &files)
        .map_err(|diagnostics| diagnostics.iter().map(ToString::to_string).collect::<Vec<_>>())?;
    let table = PathBuf::from(variable("OUT_DIR")?).join("table.rs");
    fs::write(&table, generate::table(&data)).map_err(|error| failed(&table, &error))
}

/// One message for each file of the folder that is missing in [`FILES`].
fn unlisted(folder: &Path) -> io::Result<Vec<String>> {
    let mut messages = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.ends_with(".toml") && name != SOURCES && !FILES.contains(&name.as_str()) {
            messages.push(format!(
                "data/{name} is not in FILES of build/main.rs: add it in the order of the table"
            ));
        }
    }
    Ok(messages)
}

fn read(folder: &Path, name: &str) -> Result<DataFile, Vec<String>> {
    let path = folder.join(name);
    let text = fs::read_to_string(&path).map_err(|error| failed(&path, &error))?;
    Ok(DataFile { name: format!("emulator/limits/data/{name}"), text })
}

#[allow(clippy::disallowed_methods)]
fn variable(name: &str) -> Result<String, Vec<String>> {
    env::var(name).map_err(|error| vec![format!("{name}: {error}")])
}

fn failed(path: &Path, error: &io::Error) -> Vec<String> {
    vec![format!("{}: {error}", path.display())]
}

/// Prints an instruction for Cargo, which reads the standard output of build scripts.
#[allow(clippy::print_stdout)]
fn directive(text: &str) {
    println!("cargo::{text}");
}
