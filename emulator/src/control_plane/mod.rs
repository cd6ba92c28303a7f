//! Lambda's control plane: functions that are created, changed and deleted while the emulator runs.
//!
//! An operation checks all of its request before it changes anything, so a refused change changes nothing. Changes are made one
//! at a time. [`Lambda`] has what runs. This module has the properties that only the API returns.

mod account;
mod aliases;
mod answer;
mod code;
mod concurrency;
mod configuration;
mod entry;
mod events;
mod functions;
mod list;
mod mappings;
mod policy;
mod program;
mod request;
mod routes;
mod storage;
mod tags;
mod update;
mod urls;
mod versions;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use hardcap_limits::Exceeded;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::answer::Problem;
use self::entry::{About, FunctionEntry, Saved, Status, Url};
use self::request::function_not_found;
use self::storage::Storage;
use crate::function_urls::FunctionUrls;
use hardcap_core::config::{Config, Function, FunctionUrl};
use hardcap_core::context::Platform;
use hardcap_core::function_name::{FunctionName, LATEST, unqualified};
use hardcap_lambda::Lambda;
use hardcap_lambda::package::PackageFolder;
use hardcap_messages::mapping::Mappings;
use hardcap_s3::S3;

/// The error of opening or starting the control plane.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ControlPlaneError {
    /// The folder of the functions cannot be created or read.
    #[error("the functions' folder: {0}")]
    Storage(#[source] std::io::Error),
    /// No port is free for the URL of a function that an earlier run created.
    #[error("the URL of the function `{function}` cannot be served: {cause}")]
    FunctionUrl {
        /// The name of the function.
        function: String,
        /// Why its port cannot be bound.
        #[source]
        cause: std::io::Error,
    },
}

/// The control plane. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct ControlPlane {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    platform: Platform,
    lambda: Lambda,
    s3: S3,
    mappings: Mappings,
    urls: FunctionUrls,
    aws_url: String,
    python: Option<PathBuf>,
    /// Whether AWS's runtime client may be installed for a Python that does not have it.
    installs: bool,
    storage: Storage,
    entries: RwLock<BTreeMap<String, FunctionEntry>>,
    /// Functions of the template whose changes are lost at the next start, and which no line has named yet.
    unannounced: Mutex<BTreeSet<String>>,
    /// The functions whose code or configuration is being changed, each with the number of its change and what ends it.
    updating: Mutex<BTreeMap<String, (u64, CancellationToken)>>,
    /// The lock of changes.
    turn: tokio::sync::Mutex<()>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

/// The other services that the control plane uses.
pub(crate) struct Parts<'a> {
    pub(crate) lambda: &'a Lambda,
    pub(crate) s3: &'a S3,
    pub(crate) mappings: &'a Mappings,
    pub(crate) urls: FunctionUrls,
    pub(crate) aws_url: &'a str,
    pub(crate) tasks: &'a TaskTracker,
    pub(crate) stop: &'a CancellationToken,
}

impl ControlPlane {
    /// Registers the functions of a configuration, and deploys those that an earlier run stored in `config.data`.
    ///
    /// # Errors
    ///
    /// [`ControlPlaneError::Storage`] if the folder of the functions cannot be used.
    pub(crate) async fn open(
        platform: &Platform,
        config: &Config,
        parts: Parts<'_>,
    ) -> Result<ControlPlane, ControlPlaneError> {
        let storage = Storage::open(config.data.as_deref()).map_err(ControlPlaneError::Storage)?;
        let saved = storage.read().map_err(ControlPlaneError::Storage)?;
        let shared = Arc::new(Shared {
            platform: platform.clone(),
            lambda: parts.lambda.clone(),
            s3: parts.s3.clone(),
            mappings: parts.mappings.clone(),
            urls: parts.urls,
            aws_url: parts.aws_url.to_owned(),
            python: config.python.clone(),
            installs: config.installs_runtimes,
            storage,
            entries: RwLock::default(),
            unannounced: Mutex::new(config.functions.iter().map(|it| it.name.clone()).collect()),
            updating: Mutex::default(),
            turn: tokio::sync::Mutex::new(()),
            tasks: parts.tasks.clone(),
            stop: parts.stop.clone(),
        });
        for function in &config.functions {
            let about = About::of_template(function, platform.clock.now());
            let function = Arc::new(function.clone());
            let versions = BTreeMap::new();
            let status = Status::Settled;
            let entry = FunctionEntry { function, about, package: None, versions, status };
            shared.know(shared.deployed(entry));
        }
        for saved in saved {
            shared.restore(saved).await;
        }
        Ok(ControlPlane { shared })
    }

    /// Adds a function of the configuration, or replaces the one of its name. Properties that were set through the API and that a
    /// template cannot have are kept.
    ///
    /// # Errors
    ///
    /// [`Exceeded`] if it reserves more executions than are left. Then nothing is changed.
    pub(crate) async fn deploy(&self, function: Function) -> Result<(), Exceeded> {
        let shared = &self.shared;
        let _turn = shared.turn.lock().await;
        let mut about = About::of_template(&function, shared.platform.clock.now());
        let mut versions = BTreeMap::new();
        if let Some(before) = shared.entry(&function.name) {
            let wanted = function.reserved_concurrency;
            if before.function.reserved_concurrency != wanted {
                shared.lambda.reserve(&shared.platform.context(), &function.name, wanted)?;
            }
            about.url = before.about.url;
            about.tags = before.about.tags;
            about.policy = before.about.policy;
            about.last_version = before.about.last_version;
            about.aliases = before.about.aliases;
            versions = before.versions;
        }
        shared.lambda.deploy(function.clone(), None);
        let (function, status) = (Arc::new(function), Status::Settled);
        let entry = FunctionEntry { function, about, package: None, versions, status };
        shared.know(shared.deployed(entry));
        Ok(())
    }

    /// Serves the function URLs of an earlier run.
    ///
    /// # Errors
    ///
    /// [`ControlPlaneError::FunctionUrl`] if no port is free.
    pub(crate) async fn start(&self) -> Result<(), ControlPlaneError> {
        for entry in self.shared.entries().into_iter().filter(|entry| entry.package.is_some()) {
            let function = entry.function.name.clone();
            let entry = self.shared.reopen_url(entry).await;
            self.shared
                .know(entry.map_err(|cause| ControlPlaneError::FunctionUrl { function, cause })?);
        }
        Ok(())
    }

    /// Serves a function URL of the configuration, whose port is bound.
    pub(crate) fn serve_url(&self, listener: TcpListener, port: u16, url: &FunctionUrl) {
        self.shared.urls.open(listener, url);
        let now = self.shared.platform.clock.now();
        if let Some(mut entry) = self.shared.entry(unqualified(&url.function)) {
            entry.about.url = Some(Url::of_template(url, port, now));
            self.shared.know(entry);
        }
    }
}

impl Shared {
    async fn restore(&self, saved: Saved) {
        let (mut function, about, saved_versions) = saved.restored();
        let name = function.name.clone();
        if self.entry(&name).is_some() {
            tracing::warn!(
                function = name,
                "the function of the template replaces the one that Lambda's API changed in an earlier run; the files of \
                 that run are kept"
            );
            return;
        }
        let Some(package) = self.provided(&mut function, &about).await else { return };
        self.lambda.deploy(function.clone(), Some(Arc::clone(&package)));
        let mut versions = BTreeMap::new();
        for (number, (mut function, about)) in saved_versions {
            let Some(package) = self.provided(&mut function, &about).await else { continue };
            self.lambda.deploy(function.clone(), Some(Arc::clone(&package)));
            let (function, package) = (Arc::new(function), Some(package));
            let (none, status) = (BTreeMap::new(), Status::Settled);
            versions
                .insert(number, FunctionEntry { function, about, package, versions: none, status });
        }
        for (alias, to) in &about.aliases {
            self.lambda.point_alias(&name, alias, to.target());
        }
        self.know(FunctionEntry {
            function: Arc::new(function),
            about,
            package: Some(package),
            versions,
            status: Status::Settled,
        });
    }

    /// Adds the program to a function of an earlier run. `None` if it has no package.
    async fn provided(&self, function: &mut Function, about: &About) -> Option<Arc<PackageFolder>> {
        let package = self.storage.package(&function.name, about.code.folder.as_deref()?);
        program::provide(function, &storage::code_of(&package), self).await;
        Some(package)
    }

    fn entry(&self, name: &str) -> Option<FunctionEntry> {
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        entries.get(name).cloned()
    }

    /// The function that a request names, without a qualifier or with `$LATEST`.
    fn find(&self, named: &FunctionName) -> Result<FunctionEntry, Problem> {
        let is_latest = named.qualifier.as_deref().is_none_or(|qualifier| qualifier == LATEST);
        let is_known = is_latest && named.is_local(&self.platform.region);
        let entry = self.entry(&named.function).filter(|_| is_known);
        entry.ok_or_else(|| function_not_found(named))
    }

    /// The function or the version that a request names; an alias names the version that it points to.
    fn find_qualified(&self, named: &FunctionName) -> Result<FunctionEntry, Problem> {
        let Some(qualifier) = named.qualifier.as_deref() else { return self.find(named) };
        let entry = self.entry(&named.function).filter(|_| named.is_local(&self.platform.region));
        let found = entry.and_then(|entry| entry.qualified(qualifier));
        found.ok_or_else(|| function_not_found(named))
    }

    fn know(&self, entry: FunctionEntry) {
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        entries.insert(entry.function.name.clone(), entry);
    }

    /// All functions, by name.
    fn entries(&self) -> Vec<FunctionEntry> {
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        entries.values().cloned().collect()
    }

    fn forget(&self, name: &str) {
        self.entries.write().unwrap_or_else(PoisonError::into_inner).remove(name);
    }

    /// Logs once for each function of the template that its changes last until the end of the run. At the next start the template
    /// applies again.
    fn announce_precedence(&self, name: &str) {
        let mut unannounced = self.unannounced.lock().unwrap_or_else(PoisonError::into_inner);
        if unannounced.remove(name) && self.storage.is_durable() {
            tracing::info!(
                function = name,
                "the template defines this function: changes through Lambda's API last until the emulator ends"
            );
        }
    }

    /// Stores a changed function. Its sandboxes are not affected.
    async fn configure(&self, entry: FunctionEntry) -> Result<(), Problem> {
        self.announce_precedence(&entry.function.name);
        self.storage.save(&entry).await?;
        self.lambda.configure((*entry.function).clone());
        self.know(entry);
        Ok(())
    }
}
