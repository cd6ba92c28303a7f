//! `--watch`: changed functions are built and reloaded, and everything else continues.

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
use hardcap_core::config::{Config, Function};
use hardcap_project::packaging::Package;

/// A run whose sources are watched.
pub(super) struct Edits {
    template: Option<PathBuf>,
    watch: Watch,
    /// The configuration of the last reload.
    config: Config,
    /// The running functions, by name.
    deployed: HashMap<String, Deployed>,
}

/// A running function.
struct Deployed {
    function: Function,
    /// The time at which its program was built.
    built: Option<SystemTime>,
}

impl Edits {
    /// The running functions of a watched project.
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

    /// Reloads changed functions until a signal arrives.
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
            // A signal drops the build, and with it its processes.
            let reloaded = tokio::select! {
                _ = signals.next() => return,
                reloaded = self.reload(started, options, &changed) => reloaded,
            };
            match reloaded {
                Ok(ids) if ids.is_empty() => {}
                Ok(ids) => terminal::say(&format!("reloaded: {}", ids.join(", "))),
                Err(Failure(message)) => {
                    terminal::error(&message);
                    terminal::say("the previous version continues");
                }
            }
        }
    }

    /// Builds and reloads the changed functions, and returns their logical ids. If the project cannot be read or built, nothing is
    /// changed.
    async fn reload(
        &mut self,
        started: &Started,
        options: &UpOptions,
        changed: &BTreeSet<PathBuf>,
    ) -> Result<Vec<String>, Failure> {
        let project = Project::open(self.template.clone(), &options.limits, &options.template)?;
        self.watch.follow(&project)?;
        let functions = functions(&project, &started.addresses, options).await?;
        // A template is often in the folder of a function, but is not a part of it.
        let files: BTreeSet<PathBuf> =
            project.files.iter().map(|file| watch::place(file)).collect();
        let edited: Vec<&Path> = changed.difference(&files).map(PathBuf::as_path).collect();
        let mut reloaded = Vec::new();
        for (function, package) in functions.into_iter().zip(&project.loaded.packages) {
            if !self.is_changed(&function, package, &edited) {
                continue;
            }
            let (id, name, built) =
                (function.logical_id.clone(), function.name.clone(), built(&function));
            started.emulator.deploy(function.clone()).await.map_err(|exceeded| {
                Failure::new(format!("`{id}` reserves more concurrency than is left: {exceeded}"))
            })?;
            self.deployed.insert(name, Deployed { function, built });
            reloaded.push(id);
        }
        for what in needs_a_new_run(&self.config, &project.loaded.config) {
            terminal::warning(&format!("{what}: restart hardcap to apply it"));
        }
        self.config = project.loaded.config;
        Ok(reloaded)
    }

    /// Whether a function differs from the running one. A compiled program differs if its file is newer, an image if Docker has another
    /// one; any file in the folder of an interpreted function may be a part of it.
    fn is_changed(&self, function: &Function, package: &Package, edited: &[&Path]) -> bool {
        let Some(before) = self.deployed.get(&function.name) else { return true };
        let root = watch::sources(package);
        let is_interpreted = function.image.is_none() && !root.join("Cargo.toml").exists();
        before.function != *function
            || before.built != built(function)
            || (is_interpreted && edited.iter().any(|path| path.starts_with(&root)))
    }
}

/// The time at which the program of a function was built, if its command begins with a file.
fn built(function: &Function) -> Option<SystemTime> {
    std::fs::metadata(function.command.first()?).ok()?.modified().ok()
}

/// The changes of the templates that only a restart applies.
fn needs_a_new_run(old: &Config, new: &Config) -> Vec<String> {
    let has = |config: &Config, name: &str| config.functions.iter().any(|it| it.name == name);
    let gone = old.functions.iter().filter(|function| !has(new, &function.name));
    let gone = gone.map(|function| {
        format!(
            "the function `{}` is no longer in the template, but continues",
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
