//! The services that pass messages on, together: opened before Lambda's queue of events, started when the functions are there.

use std::sync::Arc;

use hardcap_core::config::Config;
use hardcap_core::context::Platform;
use hardcap_lambda::Lambda;
use hardcap_lambda::queue::{Queue, Targets};
use hardcap_messages::bus::Buses;
use hardcap_messages::mapping::Mappings;
use hardcap_messages::queue::Queues;
use hardcap_messages::topic::Topics;
use hardcap_messages::{Functions, FunctionsSlot, bus, queue, topic};
use hardcap_s3::S3;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::functions::LambdaFunctions;

/// The services. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Messages {
    pub(crate) queues: Queues,
    pub(crate) topics: Topics,
    pub(crate) buses: Buses,
    pub(crate) mappings: Mappings,
    functions: FunctionsSlot,
}

/// The error of opening the services.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MessagesError {
    /// A queue is refused, or the folder of the queues cannot be used.
    #[error(transparent)]
    Queues(#[from] queue::OpenError),
    /// A topic is refused, or the folder of the topics cannot be used.
    #[error(transparent)]
    Topics(#[from] topic::OpenError),
    /// A bus or a rule is refused, or the folder of the buses cannot be used.
    #[error(transparent)]
    Buses(#[from] bus::OpenError),
    /// The folder of the mappings cannot be used.
    #[error("the event source mappings: {0}")]
    Mappings(#[source] std::io::Error),
}

impl Messages {
    /// Opens the services with what earlier runs have kept.
    ///
    /// # Errors
    ///
    /// [`MessagesError`] if AWS would refuse a resource, or the data directory cannot be used.
    pub(crate) fn open(
        platform: &Platform,
        config: &Config,
        (tasks, stop): (&TaskTracker, &CancellationToken),
    ) -> Result<Messages, MessagesError> {
        let functions = FunctionsSlot::default();
        let queues = Queues::open(platform, config, stop)?;
        let topics = Topics::open(platform, config, &queues, &functions)?;
        let buses = Buses::open(platform, config, (&queues, &topics), &functions)?;
        let mappings = Mappings::open(platform, config, (&queues, &functions), (tasks, stop));
        let mappings = mappings.map_err(MessagesError::Mappings)?;
        Ok(Messages { queues, topics, buses, mappings, functions })
    }

    /// What Lambda sends records and dead letters to.
    pub(crate) fn targets<'a>(&'a self, s3: &'a S3) -> Targets<'a> {
        Targets { s3, queues: &self.queues, topics: &self.topics, buses: &self.buses }
    }

    /// The functions; `None` before the start and after the stop.
    pub(crate) fn functions(&self) -> Option<Arc<dyn Functions>> {
        self.functions.get()
    }

    /// Removes all messages and what the API has created, and creates what the configuration has.
    ///
    /// # Errors
    ///
    /// If the disk fails.
    pub(crate) async fn reset(&self) -> Result<(), MessagesError> {
        self.queues.reset().await?;
        self.topics.reset()?;
        Ok(self.buses.reset()?)
    }

    /// Gives the services the functions, and starts what invokes them.
    pub(crate) fn start(
        &self,
        config: &Config,
        (lambda, queue): (&Lambda, &Queue),
        (tasks, stop): (&TaskTracker, &CancellationToken),
    ) {
        let functions = LambdaFunctions { lambda: lambda.clone(), queue: queue.clone() };
        self.functions.set(Arc::new(functions));
        // The services hold each other, so the slot is cleared when the emulator stops.
        let (stopped, slot) = (stop.clone(), self.functions.clone());
        tasks.spawn(async move {
            stopped.cancelled().await;
            slot.clear();
        });
        self.mappings.start(config);
        self.buses.start(tasks, stop);
    }
}
