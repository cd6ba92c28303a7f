//! EventBridge: buses, rules and their targets.
//!
//! [`crate::pattern`] decides which event a rule selects. `operations` answers calls, `store` has the buses, `input` makes what a
//! target gets of an event, and `deliver` sends it. [`Buses`] is the service.

mod deliver;
mod error;
mod event;
mod input;
mod operations;
mod rule;
mod schedule;
mod sizes;
mod store;
mod way;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use axum::body::Body;
use futures_util::future::BoxFuture;
use hardcap_core::clock::EpochMillis;
use hardcap_core::config::{self, Config};
use hardcap_core::context::{Context, Platform};
use hardcap_core::record::Observation;
use hardcap_core::serve;
use hardcap_limits::Limits;
use http::{HeaderValue, Request, Response, StatusCode, header};
use serde_json::{Map, Value, json};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use self::error::EventsError;
pub use self::event::Entry;

use self::event::Event;
use self::store::{DEFAULT, Store};
use self::way::Way;
use crate::functions::FunctionsSlot;
use crate::queue::Queues;
use crate::topic::Topics;

/// The maximum size of a call: far above that of the largest events, whose details are escaped JSON.
const BODY_MAX: usize = 16 * 1024 * 1024;

/// All buses. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Buses {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    platform: Platform,
    store: Mutex<Store>,
    queues: Queues,
    topics: Topics,
    functions: FunctionsSlot,
    /// Notified when a schedule may have changed.
    wake: Notify,
    /// Ends the way of events when the emulator stops. Empty before the start.
    stop: OnceLock<CancellationToken>,
    /// The buses and rules of the template.
    template: (Vec<String>, Vec<config::BusRule>),
}

/// The error of the configured buses and rules, or of the folder that keeps them.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// AWS would refuse a configured bus or rule.
    #[error("the {kind} `{name}`: {error}")]
    Refused {
        /// `event bus` or `rule`.
        kind: &'static str,
        /// Its name.
        name: String,
        /// The refusal.
        error: EventsError,
    },
    /// The folder cannot be read or written.
    #[error("the event buses: {0}")]
    Disk(#[from] std::io::Error),
}

/// Checks a rule of a configuration with its targets, without a service.
///
/// # Errors
///
/// AWS's refusal.
pub fn refusal(rule: &config::BusRule, limits: &Limits) -> Result<(), EventsError> {
    let mut store = Store::open(config::DEFAULT_REGION, None)?;
    let now = EpochMillis(0);
    store.provide_bus(&rule.bus, now)?;
    store.provide_rule(rule, limits, now)
}

/// Whether EventBridge accepts an expression for the schedule of a rule.
#[must_use]
pub fn is_schedule(expression: &str) -> bool {
    schedule::Schedule::parse(expression).is_some()
}

impl Buses {
    /// Opens the buses of the configuration and of earlier runs.
    ///
    /// # Errors
    ///
    /// [`OpenError`] if AWS would refuse a bus or a rule, or the data directory cannot be used.
    pub fn open(
        platform: &Platform,
        config: &Config,
        (queues, topics): (&Queues, &Topics),
        functions: &FunctionsSlot,
    ) -> Result<Buses, OpenError> {
        let folder: Option<PathBuf> = config.data.as_deref().map(|data| data.join("events"));
        let store = Store::open(&platform.region, folder.as_deref())?;
        let shared = Shared {
            platform: platform.clone(),
            store: Mutex::new(store),
            queues: queues.clone(),
            topics: topics.clone(),
            functions: functions.clone(),
            wake: Notify::new(),
            stop: OnceLock::new(),
            template: (config.buses.clone(), config.rules.clone()),
        };
        let buses = Buses { shared: Arc::new(shared) };
        buses.provide()?;
        Ok(buses)
    }

    fn provide(&self) -> Result<(), OpenError> {
        let platform = &self.shared.platform;
        let (limits, now) = (platform.limits(), platform.clock.now());
        let (buses, rules) = &self.shared.template;
        let mut store = self.shared.store();
        for name in buses {
            store.provide_bus(name, now).map_err(|error| OpenError::Refused {
                kind: "event bus",
                name: name.clone(),
                error,
            })?;
        }
        for rule in rules {
            store.provide_rule(rule, &limits, now).map_err(|error| {
                let name = rule.rule.get("Name").and_then(Value::as_str).unwrap_or_default();
                OpenError::Refused { kind: "rule", name: name.to_owned(), error }
            })?;
        }
        Ok(())
    }

    /// Sends the events of schedules, until the emulator stops.
    pub fn start(&self, tasks: &TaskTracker, stop: &CancellationToken) {
        let (buses, stop) = (self.clone(), stop.clone());
        let stop = self.shared.stop.get_or_init(|| stop).clone();
        tasks.spawn(async move {
            let clock = buses.shared.platform.clock.clone();
            let mut last = clock.now();
            loop {
                let mut woken = std::pin::pin!(buses.shared.wake.notified());
                woken.as_mut().enable();
                let now = clock.now();
                let (due, next) = buses.shared.store().due(last, now);
                last = now;
                for (rule, at) in due {
                    let ctx = buses.shared.platform.context();
                    let region = &buses.shared.platform.region;
                    let event = Event::of_schedule(region, rule.arn.clone(), at);
                    buses.send_all(&ctx, &rule, &event, &mut Way::from(DEFAULT)).await;
                }
                let until_due = async {
                    match next {
                        Some(at) => clock.sleep_until(at).await,
                        None => std::future::pending().await,
                    }
                };
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = woken => {}
                    () = until_due => {}
                }
            }
        });
    }

    /// Whether a bus exists.
    #[must_use]
    pub fn has(&self, bus: &str) -> bool {
        self.shared.store().bus(bus).is_ok()
    }

    /// Sends an event of a service of AWS to a bus, such as the record of an invocation.
    ///
    /// # Errors
    ///
    /// The refusal of an event that is larger than a request may be.
    pub fn send_record<'a>(
        &'a self,
        ctx: &'a Context,
        bus: &'a str,
        (source, detail_type): (&'a str, &'a str),
        resources: Vec<String>,
        detail: Map<String, Value>,
    ) -> BoxFuture<'a, Result<(), EventsError>> {
        Box::pin(async move {
            let entry = Entry {
                source: Some(source.to_owned()),
                detail_type: Some(detail_type.to_owned()),
                detail: Some(Value::Object(detail.clone()).to_string()),
                resources: Some(resources.clone()),
                ..Entry::default()
            };
            operations::admit_size(ctx, &[entry])?;
            let kind = (source.to_owned(), detail_type.to_owned());
            let region = &self.shared.platform.region;
            let event = Event::new(region, kind, resources, detail, ctx.clock.now());
            self.route(ctx, bus, &event, &mut Way::from(bus)).await;
            Ok(())
        })
    }

    /// Removes every bus and rule, and creates those of the configuration again.
    ///
    /// # Errors
    ///
    /// If the disk fails.
    pub fn reset(&self) -> Result<(), OpenError> {
        self.shared.store().clear()?;
        let provided = self.provide();
        self.shared.wake.notify_one();
        provided
    }

    /// Answers a call of the JSON protocol.
    pub fn handle(&self, request: Request<Body>) -> BoxFuture<'_, Response<Body>> {
        Box::pin(async move {
            let mut ctx = self.shared.platform.context();
            let (head, body) = request.into_parts();
            let text = |name: &str| head.headers.get(name).and_then(|it| it.to_str().ok());
            if let Some(trace) = text("x-amzn-trace-id") {
                ctx.trace = trace.into();
            }
            let target = text("x-amz-target").unwrap_or_default();
            let operation =
                target.split_once('.').map_or("", |(_, operation)| operation).to_owned();
            let Some(body) = serve::read_at_most(body, BODY_MAX).await else {
                return respond(&ctx, 413, &json!({ "__type": "RequestEntityTooLargeException" }));
            };
            match operations::run(self, &ctx, &operation, &body).await {
                Ok(output) => respond(&ctx, 200, &output),
                Err(error) => {
                    let (status, kind, message) = error.parts();
                    if let EventsError::Bug(cause) = error {
                        tracing::error!(request_id = %ctx.request_id, %cause, "hardcap failed");
                        ctx.record(Observation::Bug { cause });
                    }
                    respond(&ctx, status, &json!({ "__type": kind, "message": message }))
                }
            }
        })
    }

    /// Runs work on the store, on a thread that may wait for the disk.
    async fn on_store<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Store) -> Result<T, EventsError> + Send + 'static,
    ) -> Result<T, EventsError> {
        self.on_thread(move |shared| work(&mut shared.store())).await
    }

    /// Runs work on a thread that may wait.
    async fn on_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Shared) -> Result<T, EventsError> + Send + 'static,
    ) -> Result<T, EventsError> {
        let shared = Arc::clone(&self.shared);
        let done = tokio::task::spawn_blocking(move || work(&shared)).await;
        done.unwrap_or_else(|error| Err(EventsError::Bug(error.to_string())))
    }
}

impl Shared {
    fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_stopped(&self) -> bool {
        self.stop.get().is_some_and(CancellationToken::is_cancelled)
    }
}

fn respond(ctx: &Context, status: u16, body: &Value) -> Response<Body> {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.1"));
    if let Ok(id) = HeaderValue::from_str(&ctx.request_id) {
        headers.insert("x-amzn-requestid", id);
    }
    response
}
