//! SNS: topics, their subscriptions, and the messages that are published to them.
//!
//! `form` reads calls of the query protocol and writes XML, `operations` answers them, `store` has the topics, and `publish`
//! delivers. Queues and functions get messages; other protocols are accepted and named in a log line. [`Topics`] is the service.

mod error;
mod fifo;
mod filter;
mod form;
mod input;
mod message;
mod operations;
mod publish;
mod store;
mod subscription;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Body;
use futures_util::future::BoxFuture;
use hardcap_core::config::{self, Config};
use hardcap_core::context::{Context, Platform};
use hardcap_core::record::Observation;
use hardcap_core::serve;
use http::{HeaderValue, Request, Response, StatusCode, header};

pub use self::error::SnsError;
pub use self::fifo::Published;
pub use self::message::NewNotification;

use self::fifo::Fifo;
use self::form::{Form, Format};
use self::store::Store;
use crate::functions::FunctionsSlot;
use crate::queue::Queues;

/// The maximum size of a call, far above that of a form with the largest message.
const BODY_MAX: usize = 4 * 1024 * 1024;

/// All topics. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Topics {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    platform: Platform,
    store: Mutex<Store>,
    fifo: Mutex<Fifo>,
    queues: Queues,
    functions: FunctionsSlot,
    /// The topics of the template.
    template: Vec<config::Topic>,
}

/// The error of the configured topics, or of the folder that keeps them.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// AWS would refuse a configured topic or subscription.
    #[error("the topic `{name}`: {error}")]
    Refused {
        /// The topic's name.
        name: String,
        /// The refusal.
        error: SnsError,
    },
    /// The folder cannot be read or written.
    #[error("the topics: {0}")]
    Disk(#[from] std::io::Error),
}

/// Checks a topic of a configuration with its subscriptions, without a service.
///
/// # Errors
///
/// AWS's refusal.
pub fn refusal(topic: &config::Topic) -> Result<(), SnsError> {
    Store::open(config::DEFAULT_REGION, None)?.provide(topic)
}

impl Topics {
    /// Opens the topics of the configuration and of earlier runs.
    ///
    /// # Errors
    ///
    /// [`OpenError`] if AWS would refuse a topic, or the data directory cannot be used.
    pub fn open(
        platform: &Platform,
        config: &Config,
        queues: &Queues,
        functions: &FunctionsSlot,
    ) -> Result<Topics, OpenError> {
        let folder: Option<PathBuf> = config.data.as_deref().map(|data| data.join("sns"));
        let store = Store::open(&platform.region, folder.as_deref())?;
        let shared = Shared {
            platform: platform.clone(),
            store: Mutex::new(store),
            fifo: Mutex::default(),
            queues: queues.clone(),
            functions: functions.clone(),
            template: config.topics.clone(),
        };
        let topics = Topics { shared: Arc::new(shared) };
        topics.provide()?;
        Ok(topics)
    }

    fn provide(&self) -> Result<(), OpenError> {
        let mut store = self.shared.store();
        for topic in &self.shared.template {
            store
                .provide(topic)
                .map_err(|error| OpenError::Refused { name: topic.name.clone(), error })?;
        }
        Ok(())
    }

    /// Whether a topic exists.
    #[must_use]
    pub fn has(&self, topic: &str) -> bool {
        self.shared.store().get(topic).is_some()
    }

    /// Removes every topic and subscription, and creates those of the configuration again.
    ///
    /// # Errors
    ///
    /// If the disk fails.
    pub fn reset(&self) -> Result<(), OpenError> {
        self.shared.fifo().clear();
        self.shared.store().clear()?;
        self.provide()
    }

    /// Answers a call.
    pub fn handle(&self, request: Request<Body>) -> BoxFuture<'_, Response<Body>> {
        Box::pin(async move {
            let mut ctx = self.shared.platform.context();
            let (head, body) = request.into_parts();
            if let Some(trace) = head.headers.get("x-amzn-trace-id").and_then(|it| it.to_str().ok())
            {
                ctx.trace = trace.into();
            }
            let format =
                if crate::accepts_json(&head.headers) { Format::Json } else { Format::Xml };
            let Some(body) = serve::read_at_most(body, BODY_MAX).await else {
                let text =
                    form::error(format, "Sender", "RequestEntityTooLarge", "", &ctx.request_id);
                return respond(&ctx, format, 413, text);
            };
            let form = Form::parse(head.uri.query().unwrap_or_default(), &body);
            let action = form.get("Action").unwrap_or_default().to_owned();
            match operations::run(self, &ctx, &action, form).await {
                Ok(result) => {
                    let text = form::response(format, &action, result, &ctx.request_id);
                    respond(&ctx, format, 200, text)
                }
                Err(error) => {
                    let (status, code, message) = error.parts();
                    let party = if status < 500 { "Sender" } else { "Receiver" };
                    if let SnsError::Bug(cause) = error {
                        tracing::error!(request_id = %ctx.request_id, %cause, "hardcap failed");
                        ctx.record(Observation::Bug { cause });
                    }
                    let text = form::error(format, party, code, &message, &ctx.request_id);
                    respond(&ctx, format, status, text)
                }
            }
        })
    }

    /// Runs work on the store, on a thread that may wait for the disk.
    async fn on_store<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Store) -> Result<T, SnsError> + Send + 'static,
    ) -> Result<T, SnsError> {
        let shared = Arc::clone(&self.shared);
        let done = tokio::task::spawn_blocking(move || work(&mut shared.store())).await;
        done.unwrap_or_else(|error| Err(SnsError::Bug(error.to_string())))
    }
}

impl Shared {
    fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fifo(&self) -> MutexGuard<'_, Fifo> {
        self.fifo.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Logs a subscription to which hardcap delivers nothing.
fn tell_of_protocol(topic: &str, protocol: &str) {
    if !matches!(protocol, "sqs" | "lambda") {
        tracing::warn!(
            "the topic `{topic}` has a subscription of the protocol {protocol}, to which hardcap delivers nothing; it delivers to sqs \
             and lambda"
        );
    }
}

fn respond(ctx: &Context, format: Format, status: u16, body: String) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
    let headers = response.headers_mut();
    let content_type = match format {
        Format::Xml => "text/xml",
        Format::Json => "application/json",
    };
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    if let Ok(id) = HeaderValue::from_str(&ctx.request_id) {
        headers.insert("x-amzn-requestid", id);
    }
    response
}
