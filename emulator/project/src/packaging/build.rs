//! The build of missing programs: one run of cargo for each workspace, so that cargo compiles them in parallel.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};

use super::cargo::{Message, Workspace};
use super::{Binary, PackagingError};
use hardcap_core::tool::{self, Tool};

/// Receives the output of a build, line by line.
pub trait Progress {
    /// A line of cargo's: `Compiling serde v1.0`, or an error.
    fn line(&mut self, line: &str);
}

/// Finds the program of each binary, and builds it unless `no_build`. The paths are in the order of `wanted`.
pub async fn build(
    wanted: &[Binary],
    no_build: bool,
    progress: &mut dyn Progress,
) -> Result<Vec<PathBuf>, PackagingError> {
    let mut workspaces: Vec<(Workspace, Vec<Job>)> = Vec::new();
    for (at, binary) in wanted.iter().enumerate() {
        let known = workspaces.iter().position(|(workspace, _)| workspace.holds(&binary.folder));
        let known = match known {
            Some(known) => known,
            None => {
                workspaces.push((Workspace::of(&binary.folder).await?, Vec::new()));
                workspaces.len() - 1
            }
        };
        let (workspace, jobs) = &mut workspaces[known];
        let (package, bin) = workspace.binary(binary)?;
        let (package, bin) = (package.to_owned(), bin.to_owned());
        let in_root = binary.folder == workspace.workspace_root;
        jobs.push(Job { at, package, bin, in_root, for_lambda: binary.for_lambda });
    }
    let mut programs = vec![PathBuf::new(); wanted.len()];
    let lambda = tool::find("cargo-lambda");
    for (workspace, jobs) in &workspaces {
        if no_build {
            for job in jobs {
                programs[job.at] = built_before(workspace, job)?;
            }
            continue;
        }
        let (lambda_jobs, cargo_jobs): (Vec<&Job>, Vec<&Job>) =
            jobs.iter().partition(|job| job.for_lambda && lambda.is_some());
        if !cargo_jobs.is_empty() {
            let tool = cargo(workspace, &cargo_jobs);
            let built = run(&tool, progress).await?;
            for job in cargo_jobs {
                programs[job.at] = artefact(&built, job)?;
            }
        }
        if let (Some(lambda), false) = (&lambda, lambda_jobs.is_empty()) {
            let folder = workspace.target_directory.join("lambda");
            run(&cargo_lambda(lambda, workspace, &lambda_jobs, &folder), progress).await?;
            for job in lambda_jobs {
                programs[job.at] = folder.join(&job.bin).join("bootstrap");
            }
        }
    }
    Ok(programs)
}

/// The maximum number of kept lines of a failed build, from the first error on.
const ERROR_LINES: usize = 100;

/// One binary to build, and its index among the wanted ones.
#[derive(Debug)]
struct Job {
    at: usize,
    package: String,
    bin: String,
    /// Whether it is built in the folder of the workspace.
    in_root: bool,
    for_lambda: bool,
}

/// The arguments that select the binaries.
///
/// In the folder of a workspace they name no package: cargo selects all, as it does for AWS SAM CLI, which builds there with
/// `--bin` alone. The features of dependencies are then those of the whole workspace, so that nothing is compiled a second time
/// that a `cargo build` in this folder has compiled.
fn selection(workspace: &Workspace, jobs: &[&Job]) -> Vec<OsString> {
    let selects_all = jobs.iter().any(|job| job.in_root)
        && jobs.iter().all(|job| workspace.builds_by_default(&job.package));
    let mut arguments = Vec::new();
    for job in jobs {
        if !selects_all {
            arguments.extend(["--package", &job.package].map(OsString::from));
        }
        arguments.extend(["--bin", &job.bin].map(OsString::from));
    }
    arguments
}

fn cargo(workspace: &Workspace, jobs: &[&Job]) -> Tool {
    let mut tool = Tool::new("cargo", ["build", "--release"], &workspace.workspace_root);
    tool.arguments.push("--message-format=json-render-diagnostics".into());
    tool.arguments.extend(selection(workspace, jobs));
    tool
}

fn cargo_lambda(program: &Path, workspace: &Workspace, jobs: &[&Job], folder: &Path) -> Tool {
    let arguments = ["lambda", "build", "--release", "--message-format=json-render-diagnostics"];
    let mut tool = Tool::new(program, arguments, &workspace.workspace_root);
    // It moves its programs away from the paths in its messages, so the target folder is given.
    tool.arguments.extend(["--lambda-dir".into(), folder.as_os_str().to_owned()]);
    tool.arguments.extend(selection(workspace, jobs));
    tool
}

/// Runs a build. Returns the executables by package and binary.
async fn run(tool: &Tool, progress: &mut dyn Progress) -> Result<Vec<Message>, PackagingError> {
    let name = Path::new(&tool.program).display().to_string();
    let could_not = |error: std::io::Error| {
        PackagingError::new(
            format!("{name} cannot be run: {error}"),
            "install Rust, or use --no-build",
        )
    };
    let mut running = tool.start().map_err(could_not)?;
    let mut artefacts = lines(running.child.stdout.take());
    let mut said = lines(running.child.stderr.take());
    let mut built = Vec::new();
    let mut errors: Vec<String> = Vec::new();
    let (mut more_artefacts, mut more_said) = (true, true);
    while more_artefacts || more_said {
        tokio::select! {
            line = artefacts.next_line(), if more_artefacts => match line.map_err(could_not)? {
                Some(line) => built.extend(executable(&line)),
                None => more_artefacts = false,
            },
            line = said.next_line(), if more_said => match line.map_err(could_not)? {
                Some(line) => {
                    progress.line(&line);
                    if errors.len() < ERROR_LINES && (line.starts_with("error") || !errors.is_empty()) {
                        errors.push(line);
                    }
                }
                None => more_said = false,
            },
        }
    }
    let status = running.child.wait().await.map_err(could_not)?;
    if status.success() {
        return Ok(built);
    }
    Err(PackagingError::new(
        format!("the build failed ({status}) in {}\n{}", tool.folder.display(), errors.join("\n")),
        "correct the errors of the compiler, or start the programs of the last build with --no-build",
    ))
}

type Lines = tokio::io::Lines<BufReader<Box<dyn AsyncRead + Unpin + Send>>>;

fn lines(pipe: Option<impl AsyncRead + Unpin + Send + 'static>) -> Lines {
    let pipe: Box<dyn AsyncRead + Unpin + Send> = match pipe {
        Some(pipe) => Box::new(pipe),
        None => Box::new(tokio::io::empty()),
    };
    BufReader::new(pipe).lines()
}

/// The message about an executable, if the line is one.
fn executable(line: &str) -> Option<Message> {
    let message: Message = serde_json::from_str(line).ok()?;
    (message.reason == "compiler-artifact" && message.executable.is_some()).then_some(message)
}

fn artefact(built: &[Message], job: &Job) -> Result<PathBuf, PackagingError> {
    let mut by_bin: HashMap<&str, &PathBuf> = HashMap::new();
    for message in built {
        let (Some(target), Some(path)) = (&message.target, &message.executable) else { continue };
        let of_package = message.package_id.as_ref().is_some_and(|id| id.contains(&job.package));
        if target.is_bin() && (of_package || !by_bin.contains_key(target.name.as_str())) {
            by_bin.insert(&target.name, path);
        }
    }
    by_bin.get(job.bin.as_str()).map(|path| (*path).clone()).ok_or_else(|| {
        PackagingError::new(
            format!("cargo built no executable for `{}` of {}", job.bin, job.package),
            "run `cargo build --release` by hand to see why",
        )
    })
}

/// The program of an earlier build, the newest first: cargo's own or that of `cargo lambda`.
fn built_before(workspace: &Workspace, job: &Job) -> Result<PathBuf, PackagingError> {
    let target = &workspace.target_directory;
    let places = [
        target.join("release").join(&job.bin),
        target.join("lambda").join(&job.bin).join("bootstrap"),
    ];
    let modified = |path: &PathBuf| path.metadata().and_then(|data| data.modified()).ok();
    let found = places.into_iter().filter(|path| tool::is_executable(path)).max_by_key(modified);
    found.ok_or_else(|| {
        PackagingError::new(
            format!("`{}` of {} has not been built", job.bin, job.package),
            format!(
                "start once without --no-build, or run cargo build --release -p {} --bin {}",
                job.package, job.bin
            ),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_named_unless_cargo_selects_them_in_the_folder_of_the_workspace() {
        let workspace: Workspace = serde_json::from_str(
            r#"{"workspace_root": "/w", "target_directory": "/t", "workspace_default_members": ["id:one", "id:two"], "packages": [
                {"name": "one", "id": "id:one", "manifest_path": "/w/one/Cargo.toml", "targets": []},
                {"name": "two", "id": "id:two", "manifest_path": "/w/two/Cargo.toml", "targets": []},
                {"name": "left-out", "id": "id:left-out", "manifest_path": "/w/left-out/Cargo.toml", "targets": []}
            ]}"#,
        )
        .expect("it is JSON");
        let selected = |wanted: &[(&str, &str, bool)]| {
            let jobs: Vec<Job> = wanted
                .iter()
                .map(|(package, bin, in_root)| Job {
                    at: 0,
                    package: (*package).to_owned(),
                    bin: (*bin).to_owned(),
                    in_root: *in_root,
                    for_lambda: true,
                })
                .collect();
            let words = selection(&workspace, &jobs.iter().collect::<Vec<_>>());
            words.join(std::ffi::OsStr::new(" ")).into_string().expect("it is text")
        };
        assert_eq!(selected(&[("one", "a", true), ("two", "b", false)]), "--bin a --bin b");
        assert_eq!(selected(&[("one", "a", false)]), "--package one --bin a");
        let with_another = selected(&[("one", "a", true), ("left-out", "c", true)]);
        assert_eq!(with_another, "--package one --bin a --package left-out --bin c");
    }
}
