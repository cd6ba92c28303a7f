//! A run that is changed while it goes on: what was edited is built and put in place, and everything else stays as it is.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::Failure;
use super::launch::{Started, functions};
use super::options::UpOptions;
use super::project::Project;
use super::terminal;
use super::up::Signals;
use super::watch::{self, Watch};
use hardcap::packaging::Package;
use hardcap_core::config::{Config, Function};

/// A run whose sources are watched.
pub(super) struct Edits {
    template: Option<PathBuf>,
    watch: Watch,
    /// What the templates said when they were last put in place.
    config: Config,
    /// The functions as they run, by name.
    deployed: HashMap<String, Deployed>,
}

/// A function as it was put in place.
struct Deployed {
    function: Function,
    /// When its program was built.
    built: Option<SystemTime>,
}

impl Edits {
    /// What runs of a project that is watched.
    pub(super) fn new(
        template: Option<PathBuf>,
        project: &Project,
        watch: Watch,
        started: &Started,
    ) -> Edits {
        let deployed = started.functions.iter().map(|function| {
            let built = built(function);
            (function.name.clone(), Deployed { function: function.clone(), built })
        });
        let (config, deployed) = (project.loaded.config.clone(), deployed.collect());
        Edits { template, watch, config, deployed }
    }

    /// Puts in place what is edited, until a signal comes.
    pub(super) async fn until_stopped(
        &mut self,
        started: &mut Started,
        options: &UpOptions,
        signals: &mut Signals,
    ) {
        loop {
            let changed = tokio::select! {
                _ = signals.next() => return,
                ended = started.companions.ended() => {
                    terminal::warning(&ended);
                    continue;
                }
                changed = self.watch.changed() => changed,
            };
            // A build that is under way when a signal comes is dropped, and ends with its processes.
            let reloaded = tokio::select! {
                _ = signals.next() => return,
                reloaded = self.reload(started, options, &changed) => reloaded,
            };
            match reloaded {
                Ok(ids) if ids.is_empty() => {}
                Ok(ids) => terminal::say(&format!("reloaded: {}", ids.join(", "))),
                Err(Failure(message)) => {
                    terminal::error(&message);
                    terminal::say("what ran before goes on");
                }
            }
        }
    }

    /// Builds what has changed and puts it in place; the logical ids of the functions that are new or other ones. Nothing is
    /// changed when it cannot be read or built.
    async fn reload(
        &mut self,
        started: &Started,
        options: &UpOptions,
        changed: &BTreeSet<PathBuf>,
    ) -> Result<Vec<String>, Failure> {
        let project = Project::open(self.template.clone(), &options.limits, &options.template)?;
        self.watch.follow(&project)?;
        let functions = functions(&project, &started.addresses, options).await?;
        // A template lies in the folder of a function often enough, and is no part of it.
        let files: BTreeSet<PathBuf> =
            project.files.iter().map(|file| watch::place(file)).collect();
        let edited: Vec<&Path> = changed.difference(&files).map(PathBuf::as_path).collect();
        let mut reloaded = Vec::new();
        for (function, package) in functions.into_iter().zip(&project.loaded.packages) {
            if !self.is_other(&function, package, &edited) {
                continue;
            }
            let (id, name, built) =
                (function.logical_id.clone(), function.name.clone(), built(&function));
            started.emulator.deploy(function.clone()).await.map_err(|exceeded| {
                Failure::new(format!("`{id}` reserves more than is left: {exceeded}"))
            })?;
            self.deployed.insert(name, Deployed { function, built });
            reloaded.push(id);
        }
        for what in needs_a_new_run(&self.config, &project.loaded.config) {
            terminal::warning(&format!("{what}: start hardcap anew to see it"));
        }
        self.config = project.loaded.config;
        Ok(reloaded)
    }

    /// Whether a function is not the one that runs. A program that was built is new when its file is; of what an interpreter
    /// runs, any file of its folder may be part.
    fn is_other(&self, function: &Function, package: &Package, edited: &[&Path]) -> bool {
        let Some(before) = self.deployed.get(&function.name) else { return true };
        let root = watch::sources(package);
        let is_interpreted = !root.join("Cargo.toml").exists();
        before.function != *function
            || before.built != built(function)
            || (is_interpreted && edited.iter().any(|path| path.starts_with(&root)))
    }
}

/// When the program of a function was built, as far as its command begins with a file.
fn built(function: &Function) -> Option<SystemTime> {
    std::fs::metadata(function.command.first()?).ok()?.modified().ok()
}

/// What has changed in the templates and only a new run can change.
fn needs_a_new_run(old: &Config, new: &Config) -> Vec<String> {
    let has = |config: &Config, name: &str| config.functions.iter().any(|it| it.name == name);
    let gone = old.functions.iter().filter(|function| !has(new, &function.name));
    let gone = gone.map(|function| {
        format!(
            "the function `{}` is not in the template any more, and goes on",
            function.logical_id
        )
    });
    let schedules = |config: &Config| {
        let all = config.functions.iter().map(|it| (it.name.clone(), it.schedules.clone()));
        all.filter(|(_, schedules)| !schedules.is_empty()).collect::<Vec<_>>()
    };
    let others = [
        ("APIs and their routes", old.apis != new.apis),
        ("function URLs", old.function_urls != new.function_urls),
        ("buckets", old.buckets != new.buckets),
        ("tables", old.tables != new.tables),
        ("parameters", old.parameters != new.parameters),
        ("secrets", old.secrets != new.secrets),
        ("schedules", schedules(old) != schedules(new)),
    ];
    let others = others.into_iter().filter(|(_, is_other)| *is_other);
    gone.chain(others.map(|(what, _)| format!("the template's {what} have changed"))).collect()
}
