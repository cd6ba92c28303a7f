//! SQS: queues and their messages.
//!
//! `line` is the order of one queue's messages, pure. `store` has all queues, moves what was received too often to dead-letter
//! queues, and keeps everything on disk if the run has a data directory. `call` reads requests of both protocols, `operations`
//! answers them, and `respond` writes responses. [`Queues`] is the service.

pub mod attribute;
mod call;
mod disk;
mod error;
mod input;
mod line;
mod message;
#[cfg(test)]
mod model;
mod number;
mod operations;
mod receipt;
mod respond;
mod send;
mod settings;
mod store;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Body;
use futures_util::future::BoxFuture;
use hardcap_core::config::Config;
use hardcap_core::context::{Context, Platform};
use hardcap_limits::{Count, Millis, Party};
use http::{Request, Response};
use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use tokio_util::sync::CancellationToken;

pub use self::error::SqsError;
pub use self::message::{NewMessage, Sent};

pub use self::settings::VISIBILITY;
pub use self::store::refusal;

pub(crate) use self::line::Want;
pub(crate) use self::message::Received;
use self::store::{Receipts, Store};

/// All queues. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Queues {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    platform: Platform,
    store: Mutex<Store>,
    /// Whether changes are written to disk.
    is_durable: bool,
    /// The queues of the template.
    template: Vec<hardcap_core::config::Queue>,
    /// Notified when a queue is created.
    created: Notify,
    stop: CancellationToken,
}

/// The error of the configured queues, or of the folder that keeps them.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// AWS would refuse a configured queue.
    #[error("the queue `{name}`: {error}")]
    Refused {
        /// The queue's name.
        name: String,
        /// The refusal.
        error: SqsError,
    },
    /// The folder cannot be read or written.
    #[error("the queues: {0}")]
    Disk(#[from] std::io::Error),
}

impl Queues {
    /// Opens the queues of the configuration and of earlier runs.
    ///
    /// # Errors
    ///
    /// [`OpenError`] if AWS would refuse a queue, or the data directory cannot be used.
    pub fn open(
        platform: &Platform,
        config: &Config,
        stop: &CancellationToken,
    ) -> Result<Queues, OpenError> {
        let folder: Option<PathBuf> = config.data.as_deref().map(|data| data.join("sqs"));
        let store = Store::open(&platform.region, folder.as_deref())?;
        let shared = Shared {
            platform: platform.clone(),
            store: Mutex::new(store),
            is_durable: folder.is_some(),
            template: config.queues.clone(),
            created: Notify::new(),
            stop: stop.clone(),
        };
        let queues = Queues { shared: Arc::new(shared) };
        queues.provide()?;
        Ok(queues)
    }

    /// Creates the queues of the configuration.
    fn provide(&self) -> Result<(), OpenError> {
        let platform = &self.shared.platform;
        let (limits, now) = (platform.limits(), platform.clock.now());
        let mut store = self.shared.store();
        for queue in &self.shared.template {
            store
                .provide(queue, &limits, now)
                .map_err(|error| OpenError::Refused { name: queue.name.clone(), error })?;
        }
        Ok(())
    }

    /// Answers a request of either protocol. `sender` is the id of the caller, which its messages show.
    pub fn handle<'a>(
        &'a self,
        request: Request<Body>,
        sender: &'a str,
    ) -> BoxFuture<'a, Response<Body>> {
        Box::pin(async move { operations::handle(self, request, sender).await })
    }

    /// Sends a message of another service, by the same rules as `SendMessage`.
    ///
    /// # Errors
    ///
    /// AWS's refusal: the queue does not exist, or the message is too large or invalid.
    pub fn send<'a>(
        &'a self,
        ctx: &'a Context,
        queue: &'a str,
        new: NewMessage,
    ) -> BoxFuture<'a, Result<Sent, SqsError>> {
        Box::pin(async move {
            let (ctx, name) = (ctx.clone(), queue.to_owned());
            self.on_store(move |store| store.admit_and_send(&ctx, &name, new)).await
        })
    }

    /// Whether a queue exists.
    #[must_use]
    pub fn has(&self, queue: &str) -> bool {
        self.shared.store().find(queue).is_ok()
    }

    /// Removes every queue and message, and creates the queues of the configuration again.
    ///
    /// # Errors
    ///
    /// If the disk fails.
    pub fn reset(&self) -> BoxFuture<'_, Result<(), OpenError>> {
        Box::pin(async move {
            let cleared = self.on_store(|store| Ok(store.clear()?)).await;
            cleared.map_err(|error| OpenError::Disk(std::io::Error::other(error.to_string())))?;
            self.provide()
        })
    }

    /// Receives messages, and waits for the first ones for at most `wait` of the emulator's clock.
    pub(crate) async fn receive(
        &self,
        ctx: &Context,
        queue: &str,
        want: Want,
        wait: Millis,
    ) -> Result<Vec<Received>, SqsError> {
        let clock = &self.shared.platform.clock;
        let end = clock.now().plus(wait);
        loop {
            // Without a disk a turn may never wait, so it yields to other tasks by itself.
            tokio::task::consume_budget().await;
            let wake = Arc::clone(&self.shared.store().find(queue)?.wake);
            let mut woken = std::pin::pin!(wake.notified());
            // Registers first, so that a message between the look and the wait is not missed.
            woken.as_mut().enable();
            let (call, name) = (ctx.clone(), queue.to_owned());
            let receipts = self.on_store(move |store| store.receive(&call, &name, want)).await?;
            let Receipts { received, next, full, moved_here } = receipts;
            // What was moved to the same queue is received by the next call.
            if !received.is_empty() || moved_here {
                return Ok(received);
            }
            if clock.now() >= end {
                // AWS refuses a short poll of a standard queue. Other polls end without a message.
                if let Some((limit, observed)) = full.filter(|_| wait.0 == 0)
                    && let Err(exceeded) = ctx.admit(&limit, Count(observed))
                    && exceeded.refusal(Party::Invoker).is_some()
                {
                    return Err(exceeded.into());
                }
                return Ok(received);
            }
            let due = next.map_or(end, |next| next.min(end));
            tokio::select! {
                biased;
                () = self.shared.stop.cancelled() => return Ok(received),
                () = woken => {}
                () = clock.sleep_until(due) => {}
            }
        }
    }

    /// Waits until a queue is created.
    pub(crate) fn created(&self) -> Notified<'_> {
        self.shared.created.notified()
    }

    /// Deletes a message by its handle.
    pub(crate) async fn delete(&self, queue: &str, handle: &str) -> Result<(), SqsError> {
        let (name, handle) = (queue.to_owned(), handle.to_owned());
        let now = self.shared.platform.clock.now();
        self.on_store(move |store| store.delete_message(&name, &handle, now)).await
    }

    /// Makes a received message visible after `seconds`.
    pub(crate) async fn change_visibility(
        &self,
        queue: &str,
        handle: &str,
        seconds: u64,
    ) -> Result<(), SqsError> {
        let (name, handle) = (queue.to_owned(), handle.to_owned());
        let platform = &self.shared.platform;
        let (limits, now) = (platform.limits(), platform.clock.now());
        self.on_store(move |store| store.change_visibility(&name, &handle, seconds, (&limits, now)))
            .await
    }

    /// The visibility timeout of a queue.
    pub(crate) fn visibility(&self, queue: &str) -> Result<Millis, SqsError> {
        let mut store = self.shared.store();
        Ok(Millis(store.find(queue)?.record.settings.visibility() * 1000))
    }

    /// Runs work on the store, on a thread that may wait for the disk if there is one.
    async fn on_store<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Store) -> Result<T, SqsError> + Send + 'static,
    ) -> Result<T, SqsError> {
        let shared = Arc::clone(&self.shared);
        if !shared.is_durable {
            return work(&mut shared.store());
        }
        let done = tokio::task::spawn_blocking(move || work(&mut shared.store())).await;
        done.unwrap_or_else(|error| Err(SqsError::Bug(error.to_string())))
    }
}

impl Shared {
    fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
