//! The source files of a run, and their changes.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use hardcap_limits::Millis;
use notify::event::{EventKind, ModifyKind};
use notify::{RecursiveMode, Watcher as _};
use tokio::sync::Notify;

use super::Failure;
use super::options::UpOptions;
use super::project::Project;
use hardcap_core::clock::Clock;
use hardcap_core::paths::folder_of;
use hardcap_project::packaging::{Package, absolute};
use hardcap_project::settings::Program;

/// The time without changes after which a change is complete: editors and compilers write many files at a time.
const QUIET: Millis = Millis(200);
/// Folders that tools write, which are not sources.
const NOT_SOURCES: [&str; 4] = ["target", "node_modules", "__pycache__", "venv"];

/// Watches the templates, hardcap.toml, the folders of all functions, and programs that hardcap does not build.
pub(super) struct Watch {
    watcher: notify::RecommendedWatcher,
    changes: Arc<Changes>,
    sources: Sources,
    /// The folders that the system watches.
    folders: BTreeSet<PathBuf>,
    /// The files that this run writes.
    written: Vec<PathBuf>,
    clock: Clock,
}

/// The source files of a project.
#[derive(Debug, Default)]
struct Sources {
    /// Single files.
    files: BTreeSet<PathBuf>,
    /// Folders with their sources.
    roots: BTreeSet<PathBuf>,
}

/// The changes since the last request for them.
#[derive(Debug, Default)]
struct Changes {
    paths: Mutex<BTreeSet<PathBuf>>,
    changed: Notify,
}

impl Watch {
    pub(super) fn new(project: &Project, options: &UpOptions) -> Result<Watch, Failure> {
        let changes = Arc::<Changes>::default();
        let into = Arc::clone(&changes);
        let watcher =
            notify::recommended_watcher(move |event: notify::Result<notify::Event>| match event {
                Ok(event) if is_change(event.kind) => into.add(event.paths),
                Ok(_) => {}
                Err(error) => tracing::warn!(%error, "a change may have been missed"),
            });
        let written = [&options.data, &options.ready_file, &options.records];
        let mut watch = Watch {
            watcher: watcher.map_err(|error| failed(&error))?,
            changes,
            sources: Sources::default(),
            folders: BTreeSet::new(),
            written: written.into_iter().flatten().map(|path| place(path)).collect(),
            clock: Clock::default(),
        };
        watch.follow(project)?;
        Ok(watch)
    }

    /// Watches the current source files of a project.
    pub(super) fn follow(&mut self, project: &Project) -> Result<(), Failure> {
        self.sources = Sources::of(project);
        let beside: Vec<PathBuf> =
            self.sources.files.iter().map(|file| folder_of(file).to_owned()).collect();
        for folder in beside {
            self.add(&folder, false)?;
        }
        for root in self.sources.roots.clone() {
            self.add(&root, true)?;
        }
        Ok(())
    }

    fn add(&mut self, folder: &Path, deep: bool) -> Result<(), Failure> {
        if self.folders.insert(folder.to_owned()) {
            let watching = self.watcher.watch(folder, RecursiveMode::NonRecursive);
            watching.map_err(|error| failed(&error))?;
        }
        let Ok(entries) = folder.read_dir() else { return Ok(()) };
        for entry in entries.flatten().filter(|_| deep) {
            // Links are not followed, so the recursion ends.
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if is_folder && is_source(entry.path().file_name()) {
                self.add(&entry.path(), true)?;
            }
        }
        Ok(())
    }

    /// Waits until a change is complete, and returns the changed paths. No change is lost if the future is dropped.
    pub(super) async fn changed(&mut self) -> BTreeSet<PathBuf> {
        loop {
            self.changes.changed.notified().await;
            while self.clock.timeout(QUIET, self.changes.changed.notified()).await.is_some() {}
            let mut changed = self.changes.take();
            changed.retain(|path| {
                self.sources.have(path) && !self.written.iter().any(|own| path.starts_with(own))
            });
            for folder in changed.iter().filter(|path| path.is_dir()) {
                // The system stops watching a removed folder and does not watch a new one.
                self.folders.retain(|known| !known.starts_with(folder));
                if let Err(Failure(message)) = self.add(folder, true) {
                    tracing::warn!(folder = %folder.display(), message, "a new folder is not watched");
                }
            }
            if !changed.is_empty() {
                return changed;
            }
        }
    }
}

impl Sources {
    fn of(project: &Project) -> Sources {
        let programs = project.loaded.packages.iter().filter_map(program);
        Sources {
            files: project.files.iter().map(|file| place(file)).chain(programs).collect(),
            roots: project.loaded.packages.iter().map(sources).collect(),
        }
    }

    /// Whether a path is a source file.
    fn have(&self, path: &Path) -> bool {
        let lies_in = |root: &PathBuf| {
            path.strip_prefix(root).is_ok_and(|below| {
                below.components().all(|part| match part {
                    Component::Normal(name) => is_source(Some(name)),
                    _ => true,
                })
            })
        };
        self.files.contains(path) || self.roots.iter().any(lies_in)
    }
}

impl Changes {
    fn add(&self, paths: Vec<PathBuf>) {
        self.paths.lock().unwrap_or_else(PoisonError::into_inner).extend(paths);
        self.changed.notify_one();
    }

    fn take(&self) -> BTreeSet<PathBuf> {
        std::mem::take(&mut *self.paths.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Whether an event is a change: reading a file and setting its times are not.
fn is_change(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(_) | EventKind::Modify(ModifyKind::Metadata(_)) => false,
        EventKind::Any
        | EventKind::Create(_)
        | EventKind::Modify(_)
        | EventKind::Remove(_)
        | EventKind::Other => true,
    }
}

/// Whether a name is that of a source. Names with a dot at the beginning belong to tools: `.git`, the swap file of an editor. A log may be
/// that of this run.
fn is_source(name: Option<&std::ffi::OsStr>) -> bool {
    let name = name.unwrap_or_default().to_string_lossy();
    let is_tools = name.starts_with('.') || name.ends_with('~') || name.ends_with(".log");
    !is_tools && !NOT_SOURCES.contains(&&*name)
}

/// The source folder of a function: the whole workspace of a Rust program.
pub(super) fn sources(package: &Package) -> PathBuf {
    let folder = package.task_root();
    let is_rust = folder.join("Cargo.toml").exists();
    let workspace = folder.ancestors().find(|above| above.join("Cargo.lock").exists());
    workspace.filter(|_| is_rust).map_or(folder.clone(), Path::to_owned)
}

/// The program that hardcap.toml names by a path, which hardcap does not build.
fn program(package: &Package) -> Option<PathBuf> {
    match &package.program {
        Some(Program::Command(words)) => {
            let program = words.first().filter(|program| program.contains('/'))?;
            Some(place(&package.project.join(program)))
        }
        Some(Program::Cargo { .. }) | None => None,
    }
}

/// The path of a file, which need not exist, in the form that the system reports.
pub(super) fn place(file: &Path) -> PathBuf {
    let folder = absolute(folder_of(file));
    file.file_name().map_or(folder.clone(), |name| folder.join(name))
}

fn failed(error: &notify::Error) -> Failure {
    Failure::new(format!(
        "changes cannot be watched: {error}\n  = help: run without --watch, or raise fs.inotify.max_user_watches"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_files_are_not_part_of_a_project() {
        let sources = Sources {
            files: ["/p/template.yaml", "/p/target/release/api"].map(PathBuf::from).into(),
            roots: ["/p/api", "/p/target/lambda/job"].map(PathBuf::from).into(),
        };
        for (path, is_source) in [
            ("/p/template.yaml", true),
            ("/p/notes.txt", false),
            ("/p/api/src/main.rs", true),
            ("/p/api/src/.main.rs.swp", false),
            ("/p/api/main.py~", false),
            ("/p/api/target", false),
            ("/p/api/target/release/api.d", false),
            ("/p/api/node_modules/left-pad/index.js", false),
            ("/p/api/.git/HEAD", false),
            ("/p/api/up.log", false),
            ("/p/target/release/api", true),
            ("/p/target/release/other", false),
            ("/p/target/lambda/job/bootstrap", true),
        ] {
            assert_eq!(sources.have(Path::new(path)), is_source, "{path}");
        }
    }
}
