//! Event source mappings: Lambda receives the messages of a queue and invokes a function with them.
//!
//! `event` writes the event, `failures` reads which messages failed, both pure; `run` is the loop of one mapping. [`Mappings`] has
//! all of them.

mod event;
mod failures;
mod filter;
mod rules;
mod run;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hardcap_core::clock::EpochMillis;
use hardcap_core::config::{Config, EventSourceMapping, queue_arn};
use hardcap_core::context::Platform;
use hardcap_core::durable::DurableMap;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use self::rules::{MappingError, refusal};

use self::rules::check;

use crate::FunctionsSlot;
use crate::queue::Queues;

/// The most mappings. The number is hardcap's.
const MAPPINGS_MAX: usize = 1_000;

/// All event source mappings. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Mappings {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    platform: Platform,
    queues: Queues,
    functions: FunctionsSlot,
    state: Mutex<State>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

#[derive(Debug)]
struct State {
    mappings: BTreeMap<String, Running>,
    /// The mappings that were created through Lambda's API.
    saved: DurableMap<Described>,
}

#[derive(Debug)]
struct Running {
    described: Described,
    stop: CancellationToken,
}

/// A mapping and the time of its last change.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Described {
    /// The mapping.
    pub mapping: EventSourceMapping,
    /// `LastModified`.
    pub modified: EpochMillis,
    /// Whether the template defines it.
    pub of_template: bool,
}

impl Mappings {
    /// Opens the mappings of earlier runs. None of them runs before [`Mappings::start`].
    ///
    /// # Errors
    ///
    /// If the data directory cannot be used. The message names the file.
    pub fn open(
        platform: &Platform,
        config: &Config,
        (queues, functions): (&Queues, &FunctionsSlot),
        (tasks, stop): (&TaskTracker, &CancellationToken),
    ) -> std::io::Result<Mappings> {
        let folder = config.data.as_deref().map(|data| data.join("event-source-mappings"));
        let saved = DurableMap::open(folder.as_deref())?;
        let shared = Shared {
            platform: platform.clone(),
            queues: queues.clone(),
            functions: functions.clone(),
            state: Mutex::new(State { mappings: BTreeMap::new(), saved }),
            tasks: tasks.clone(),
            stop: stop.clone(),
        };
        Ok(Mappings { shared: Arc::new(shared) })
    }

    /// Starts the mappings of earlier runs and those of the configuration. One that AWS would refuse is named in a log line and
    /// runs all the same: its queue may be created later.
    pub fn start(&self, config: &Config) {
        let limits = self.shared.platform.limits();
        for mapping in &config.mappings {
            let refused = check(mapping, &limits, &self.shared.queues, &self.shared.functions);
            if let Err(error) = refused {
                let (queue, function) = (&mapping.queue, &mapping.function);
                tracing::warn!(queue, function, "AWS refuses this event source mapping: {error}");
            }
        }
        let modified = self.shared.platform.clock.now();
        let mut state = self.shared.state();
        let saved: Vec<Described> = state.saved.iter().map(|(_, saved)| saved.clone()).collect();
        let given = config.mappings.iter().map(|mapping| Described {
            mapping: mapping.clone(),
            modified,
            of_template: true,
        });
        for described in saved.into_iter().chain(given) {
            self.run(&mut state, described);
        }
    }

    /// Creates a mapping.
    ///
    /// # Errors
    ///
    /// [`MappingError`] if AWS refuses it. Then nothing is changed.
    pub fn create(&self, mapping: EventSourceMapping) -> Result<Described, MappingError> {
        self.put(&mut self.shared.state(), mapping)
    }

    /// Changes a mapping; `None` if it does not exist. Messages that were received are processed as before. No other change of the
    /// mapping comes between.
    ///
    /// # Errors
    ///
    /// Those of `change`, and [`MappingError`] if AWS refuses the changed mapping. Then nothing is changed.
    pub fn update<E: From<MappingError>>(
        &self,
        uuid: &str,
        change: impl FnOnce(&mut EventSourceMapping) -> Result<(), E>,
    ) -> Result<Option<Described>, E> {
        let mut state = self.shared.state();
        let Some(running) = state.mappings.get(uuid) else { return Ok(None) };
        let mut mapping = running.described.mapping.clone();
        change(&mut mapping)?;
        Ok(Some(self.put(&mut state, mapping)?))
    }

    fn put(
        &self,
        state: &mut State,
        mapping: EventSourceMapping,
    ) -> Result<Described, MappingError> {
        let limits = self.shared.platform.limits();
        check(&mapping, &limits, &self.shared.queues, &self.shared.functions)?;
        let before = state.mappings.get(&mapping.uuid);
        let twin = |one: &Running| {
            let other = &one.described.mapping;
            other.uuid != mapping.uuid
                && other.queue == mapping.queue
                && other.function == mapping.function
        };
        if let Some(twin) = state.mappings.values().find(|one| twin(one)) {
            let EventSourceMapping { uuid, queue, function, .. } = &twin.described.mapping;
            let arn = queue_arn(&self.shared.platform.region, queue);
            return Err(MappingError::Exists(format!(
                "An event source mapping with SQS arn (\" {arn} \") and function (\" {function} \") already exists. Please \
                 update or delete the existing mapping with UUID {uuid}"
            )));
        }
        if before.is_none() && state.mappings.len() >= MAPPINGS_MAX {
            return Err(MappingError::Bug(format!(
                "hardcap has {MAPPINGS_MAX} mappings, the maximum"
            )));
        }
        let of_template = before.is_some_and(|before| before.described.of_template);
        let modified = self.shared.platform.clock.now();
        let described = Described { mapping, modified, of_template };
        if !of_template {
            state
                .saved
                .put(&described.mapping.uuid, described.clone())
                .map_err(|error| MappingError::Bug(error.to_string()))?;
        }
        self.run(state, described.clone());
        Ok(described)
    }

    /// Deletes a mapping; `None` if it does not exist.
    ///
    /// # Errors
    ///
    /// If the disk fails.
    pub fn remove(&self, uuid: &str) -> std::io::Result<Option<Described>> {
        let mut state = self.shared.state();
        state.saved.remove(uuid)?;
        let removed = state.mappings.remove(uuid);
        Ok(removed.map(|running| {
            running.stop.cancel();
            running.described
        }))
    }

    /// A mapping.
    #[must_use]
    pub fn get(&self, uuid: &str) -> Option<Described> {
        Some(self.shared.state().mappings.get(uuid)?.described.clone())
    }

    /// All mappings, ordered by UUID.
    #[must_use]
    pub fn list(&self) -> Vec<Described> {
        self.shared.state().mappings.values().map(|running| running.described.clone()).collect()
    }

    /// Starts a mapping in the place of the one with its UUID.
    fn run(&self, state: &mut State, described: Described) {
        let stop = self.shared.stop.child_token();
        if described.mapping.is_enabled {
            let source = run::Source {
                platform: self.shared.platform.clone(),
                queues: self.shared.queues.clone(),
                functions: self.shared.functions.clone(),
                mapping: described.mapping.clone(),
                tasks: self.shared.tasks.clone(),
                stop: stop.clone(),
            };
            self.shared.tasks.spawn(run::run(source));
        }
        let uuid = described.mapping.uuid.clone();
        if let Some(before) = state.mappings.insert(uuid, Running { described, stop }) {
            before.stop.cancel();
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use hardcap_core::keyring::Keyring;
    use hardcap_limits::Limits;

    use super::*;

    #[derive(Debug)]
    struct Refused;

    impl From<MappingError> for Refused {
        fn from(_: MappingError) -> Refused {
            Refused
        }
    }

    #[tokio::test]
    async fn a_mapping_that_was_deleted_does_not_come_back_by_an_update() {
        let platform = Platform::new("us-east-1", Limits::classic(), Keyring::default());
        let mut config = Config::empty(Limits::classic());
        config.queues = vec![hardcap_core::config::Queue::new("q")];
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let queues = Queues::open(&platform, &config, &stop).unwrap();
        let functions = FunctionsSlot::default();
        let mappings =
            Mappings::open(&platform, &config, (&queues, &functions), (&tasks, &stop)).unwrap();
        let mapping = EventSourceMapping { is_enabled: false, ..EventSourceMapping::new("q", "f") };
        let uuid = mapping.uuid.clone();
        mappings.create(mapping).unwrap();
        let resize = |size| {
            mappings.update(&uuid, |mapping| {
                mapping.batch_size = size;
                Ok::<_, Refused>(())
            })
        };
        assert_eq!(resize(7).unwrap().unwrap().mapping.batch_size, 7);
        resize(0).unwrap_err();
        assert_eq!(mappings.get(&uuid).unwrap().mapping.batch_size, 7);
        mappings.remove(&uuid).unwrap().unwrap();
        assert!(resize(8).unwrap().is_none());
        assert!(mappings.list().is_empty());
    }
}
