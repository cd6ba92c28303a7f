//! The handlers of the control routes. An error is `{"error": …}` with a matching status.

use std::convert::Infallible;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{Html, IntoResponse, Response};
use futures_util::Stream;
use hardcap_limits::{Limits, Millis};
use http::{HeaderValue, Method, StatusCode, Uri, header};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::broadcast::error::RecvError;

use super::Control;
use super::request::{BodyError, Name, Parameters, body};
use crate::messages::MessagesError;
use crate::report::{Report, SavedRun, to_html};
use hardcap_core::record::{Followed, Recorder};
use hardcap_services::dynamodb::DynamoDbError;
use hardcap_services::json_api::ResourceError;

/// An error of the control API: a status and a text.
pub(crate) struct ControlError(StatusCode, String);

impl ControlError {
    pub(super) fn new(status: StatusCode, text: String) -> ControlError {
        ControlError(status, text)
    }
}

impl From<BodyError> for ControlError {
    fn from(error: BodyError) -> ControlError {
        ControlError(StatusCode::BAD_REQUEST, format!("the body is invalid: {error}"))
    }
}

impl IntoResponse for ControlError {
    fn into_response(self) -> Response {
        (self.0, Json(json!({ "error": self.1 }))).into_response()
    }
}

/// The policy of every response that is not a page: it loads nothing.
const NOTHING: &str =
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// The policy of the HTML report: its own styles, and no script.
const OWN_STYLES: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; \
                          frame-ancestors 'none'";

/// Adds headers that hide responses from other pages and from caches.
pub(super) fn shield(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(NOTHING));
    let shields = [
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("referrer-policy", "no-referrer"),
        ("x-content-type-options", "nosniff"),
        ("cache-control", "no-store"),
    ];
    for (name, value) in shields {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

pub(crate) async fn health(State(control): State<Control>) -> Json<Value> {
    let addresses = &control.addresses;
    Json(json!({
        "status": "ok",
        "version": env!("CARGO_PKG_VERSION"),
        "run": control.platform.recorder.run(),
        "limits": control.platform.limits().date(),
        "aws": addresses.aws,
        "control": addresses.control,
        "apis": addresses.apis,
        "function_urls": addresses.function_urls,
    }))
}

pub(crate) async fn limits(State(control): State<Control>) -> Json<Value> {
    let limits = control.platform.limits();
    let date = limits.date();
    let rows: Vec<Value> = limits
        .in_force()
        .map(|(row, max)| {
            let aws = row.value_at(date);
            json!({ "name": row.name, "unit": row.unit, "max": max, "aws": aws, "facts": row })
        })
        .collect();
    Json(json!({ "date": date, "rows": rows }))
}

/// The body of `PUT /_hardcap/limits/{name}`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewLimit {
    /// In the row's unit.
    max: u64,
}

pub(crate) async fn set_limit(
    State(control): State<Control>,
    Name(name): Name,
    posted: Bytes,
) -> Result<Json<Value>, ControlError> {
    let new: NewLimit = body(&posted)?;
    change_limit(&control, &name, Some(new.max))
}

pub(crate) async fn unset_limit(
    State(control): State<Control>,
    Name(name): Name,
) -> Result<Json<Value>, ControlError> {
    change_limit(&control, &name, None)
}

/// Takes effect with the next request. Requests under way keep their limits.
fn change_limit(
    control: &Control,
    name: &str,
    max: Option<u64>,
) -> Result<Json<Value>, ControlError> {
    let mut limits = Limits::clone(&control.platform.limits());
    let aws = Limits::row(name).map_or(0, |row| row.value_at(limits.date()));
    let max = max.unwrap_or(aws);
    limits
        .set(name, max)
        .map_err(|error| ControlError(StatusCode::NOT_FOUND, error.to_string()))?;
    control.platform.set_limits(limits);
    Ok(Json(json!({ "name": name, "max": max, "aws": aws })))
}

/// The run so far, as `--records` writes it.
pub(crate) async fn records(State(control): State<Control>) -> Json<SavedRun> {
    Json(SavedRun::new(&control.platform.limits(), &control.platform.recorder))
}

/// The query of `GET /_hardcap/records/live`.
#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct LiveQuery {
    /// Whether the stream begins with an event `run` that has the run and all kept records. The event is repeated after a reset
    /// and after a gap.
    kept: bool,
}

/// Every record from now on as server-sent events. A slow client gets an event `missed` with the number of missed records.
pub(crate) async fn records_live(
    State(control): State<Control>,
    Parameters(query): Parameters<LiveQuery>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let recorder = control.platform.recorder.clone();
    let followed = recorder.follow();
    let watch = Watch { recorder, followed, wants_kept: query.kept, is_new: query.kept };
    let stream = futures_util::stream::unfold(watch, |mut watch| async move {
        Some((Ok(watch.next().await?), watch))
    });
    Sse::new(stream).keep_alive(KeepAlive::default())
}

struct Watch {
    recorder: Recorder,
    followed: Followed,
    wants_kept: bool,
    /// Whether the event `run` has to be sent first.
    is_new: bool,
}

impl Watch {
    async fn next(&mut self) -> Option<Event> {
        if std::mem::take(&mut self.is_new) {
            return self.run();
        }
        let received = tokio::select! {
            biased;
            changed = self.followed.runs.changed(), if self.wants_kept => {
                changed.ok()?;
                return self.begin_again();
            }
            received = self.followed.live.recv() => received,
        };
        match received {
            Ok(record) => Event::default().event("record").json_data(&record).ok(),
            Err(RecvError::Lagged(_)) if self.wants_kept => self.begin_again(),
            Err(RecvError::Lagged(missed)) => {
                Some(Event::default().event("missed").data(missed.to_string()))
            }
            Err(RecvError::Closed) => None,
        }
    }

    fn begin_again(&mut self) -> Option<Event> {
        self.followed = self.recorder.follow();
        self.run()
    }

    fn run(&mut self) -> Option<Event> {
        let kept = std::mem::take(&mut self.followed.kept);
        let run = json!({ "run": self.followed.run, "records": kept });
        Event::default().event("run").json_data(run).ok()
    }
}

/// The query of `GET /_hardcap/report`.
#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ReportQuery {
    format: ReportFormat,
}

/// The format of a report.
#[derive(Clone, Copy, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
enum ReportFormat {
    #[default]
    Json,
    Table,
    Html,
}

pub(crate) async fn report(
    State(control): State<Control>,
    Parameters(query): Parameters<ReportQuery>,
) -> Response {
    let totals = control.platform.recorder.totals();
    let report = Report::new(&control.platform.limits(), &totals);
    match query.format {
        ReportFormat::Json => Json(report).into_response(),
        ReportFormat::Table => {
            let headers = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
            (headers, report.to_table()).into_response()
        }
        ReportFormat::Html => {
            let saved = SavedRun::new(&control.platform.limits(), &control.platform.recorder);
            let policy = [(header::CONTENT_SECURITY_POLICY, OWN_STYLES)];
            (policy, Html(to_html(&saved, &report, &[]))).into_response()
        }
    }
}

/// The functions: those of the configuration, and those that were created through Lambda's API.
pub(crate) async fn functions(State(control): State<Control>) -> Json<Value> {
    let region = &control.config.region;
    let declared = |name: &str| control.config.functions.iter().any(|it| it.name == name);
    let functions: Vec<Value> = control
        .lambda
        .functions()
        .iter()
        .map(|function| {
            json!({
                "logical_id": function.logical_id,
                "name": function.name,
                "arn": function.arn(region),
                "runtime": function.runtime,
                "memory_mb": function.memory_mb,
                "timeout_ms": function.timeout,
                "reserved_concurrency": function.reserved_concurrency,
                "created": !declared(&function.name),
            })
        })
        .collect();
    Json(json!({ "functions": functions }))
}

/// Asynchronous events: the pending ones, sums over the ended ones, and the dead letters.
pub(crate) async fn queue(State(control): State<Control>) -> Json<Value> {
    Json(control.queue.status())
}

pub(crate) async fn clock(State(control): State<Control>) -> Json<Value> {
    Json(json!({ "now_ms": control.platform.clock.now() }))
}

/// The body of `POST /_hardcap/clock/advance`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Advance {
    /// The span in milliseconds.
    millis: u64,
}

/// The largest advance in one call, in milliseconds: ten years.
const ADVANCE_MAX: u64 = 10 * 365 * 24 * 60 * 60 * 1000;
/// The time that the clock cannot pass, 9999-12-31, in milliseconds since 1970: later dates have no text in AWS's formats.
const END_OF_TIME: u64 = 253_402_214_400_000;

/// Advances the clock: links, keys and items expire, and lifecycle rules run.
pub(crate) async fn advance_clock(
    State(control): State<Control>,
    posted: Bytes,
) -> Result<Json<Value>, ControlError> {
    let advance: Advance = body(&posted)?;
    let now = control.platform.clock.now().0;
    if advance.millis > ADVANCE_MAX || now.saturating_add(advance.millis) > END_OF_TIME {
        let text = format!(
            "`millis` is at most {ADVANCE_MAX} (ten years), and the clock does not pass 9999-12-31"
        );
        return Err(ControlError(StatusCode::BAD_REQUEST, text));
    }
    control.advance_clock(Millis(advance.millis)).await;
    Ok(clock(State(control)).await)
}

/// The secret of a key, for a companion service that verifies signatures.
pub(crate) async fn key(
    State(control): State<Control>,
    Name(access_key_id): Name,
) -> Result<Json<Value>, ControlError> {
    let unknown = || {
        let text = format!("there is no key `{access_key_id}`; a key of a sandbox ends with it");
        ControlError(StatusCode::NOT_FOUND, text)
    };
    let key = control.platform.keyring.find(&access_key_id).ok_or_else(unknown)?;
    Ok(Json(json!({ "secret": key.secret_access_key, "session_token": key.session_token })))
}

/// Example commands for this run, with its addresses.
pub(crate) async fn tries(State(control): State<Control>) -> Json<Value> {
    let tries = crate::tries::tries(&control.config);
    let tries = tries
        .iter()
        .map(|one| json!({ "about": one.about, "command": control.addresses.fill(&one.command) }));
    Json(json!({ "tries": tries.collect::<Vec<_>>() }))
}

/// The query of `POST /_hardcap/reset`.
#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ResetQuery {
    /// Whether buckets, tables, parameters, secrets, pending events and dead letters are reset too.
    data: bool,
}

/// Removes all records and log lines, and returns to the limits and faults of the configuration; with `data=true` also to its
/// data. Functions stay.
pub(crate) async fn reset(
    State(control): State<Control>,
    Parameters(query): Parameters<ResetQuery>,
) -> Result<Json<Value>, ControlError> {
    control.platform.set_limits(control.config.limits.clone());
    super::faults::reset(&control);
    if query.data {
        let failed = |error| {
            let text = format!("the data cannot be reset: {error}");
            ControlError(StatusCode::INTERNAL_SERVER_ERROR, text)
        };
        reset_data(&control).await.map_err(failed)?;
    }
    control.platform.log_buffer.clear();
    control.platform.recorder.reset();
    Ok(Json(json!({ "status": "ok", "run": control.platform.recorder.run() })))
}

/// The error of a reset of the data, by store.
#[derive(Debug, thiserror::Error)]
enum ResetError {
    #[error("the queue of asynchronous events: {0}")]
    Queue(std::io::Error),
    #[error(transparent)]
    Messages(#[from] MessagesError),
    #[error("S3: {0}")]
    S3(hardcap_s3::ObjectError),
    #[error(transparent)]
    DynamoDb(#[from] DynamoDbError),
    #[error(transparent)]
    Resource(#[from] ResourceError),
    #[error(transparent)]
    Task(#[from] tokio::task::JoinError),
}

async fn reset_data(control: &Control) -> Result<(), ResetError> {
    control.queue.clear().await.map_err(ResetError::Queue)?;
    control.messages.reset().await?;
    control.s3.reset(&control.config.buckets).await.map_err(ResetError::S3)?;
    control.dynamodb.reset().await?;
    let control = control.clone();
    let reset = move || -> Result<(), ResourceError> {
        control.ssm.reset(&control.config)?;
        control.secrets.reset(&control.config)
    };
    Ok(tokio::task::spawn_blocking(reset).await??)
}

pub(crate) async fn wrong_method(method: Method, uri: Uri) -> ControlError {
    let text = format!(
        "{} does not accept {method}; the header `allow` lists the accepted methods",
        uri.path()
    );
    ControlError(StatusCode::METHOD_NOT_ALLOWED, text)
}

pub(crate) async fn unknown() -> ControlError {
    let routes: Vec<&str> = super::routes().into_iter().map(|(path, _)| path).collect();
    let text = format!("the control API has no such route; it has: {}", routes.join(", "));
    ControlError(StatusCode::NOT_FOUND, text)
}
