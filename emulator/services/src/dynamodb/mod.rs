//! DynamoDB: the embedded engine, or another endpoint that receives every request unchanged.

mod arns;
mod conditions;
mod engine;
mod error;
mod items;
mod key_conditions;
mod operands;
mod pages;
mod refusals;
mod rewrite;
mod tables;
mod tokens;
mod ttl;

use std::borrow::Cow;
use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use hardcap_limits::{Count, Exceeded, Party};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use serde_json::json;
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

pub use error::DynamoDbError;
use hardcap_core::config::Config;
use hardcap_core::context::{Context, Platform};
use hardcap_core::faults::{self, InjectedError, Service};
use hardcap_core::record::Observation;
use hardcap_core::serve;

use engine::{Client, Engine};
use items::{Update, Written};
use operands::Refusal;

/// DynamoDB's largest batch is 16 MB "over the network". Its response to a larger request is not published.
const BODY_MAX: usize = 1 << 24;
/// The subject of injected faults.
const SUBJECT: &str = "dynamodb";
const VALIDATION_EXCEPTION: &str = "com.amazon.coral.validate#ValidationException";
const CONTENT_TYPE: &str = "application/x-amz-json-1.0";
/// The engine refuses unsigned calls. Without strict authentication an unsigned call gets this signature, which is not verified.
const UNSIGNED: &str = "AWS4-HMAC-SHA256 Credential=unsigned/20120810/us-east-1/dynamodb/aws4_request, \
                        SignedHeaders=host, Signature=unsigned";

/// The service. Cheap to clone.
#[derive(Clone, Debug)]
pub struct DynamoDb {
    platform: Platform,
    config: Arc<Config>,
    client: Client,
    engine: Arc<OnceCell<Engine>>,
    stop: CancellationToken,
}

impl DynamoDb {
    /// Validates the tables of the configuration. The engine starts with the first request, so that an emulator without requests
    /// to DynamoDB stays small.
    ///
    /// # Errors
    ///
    /// [`DynamoDbError::InvalidTable`] for a table that DynamoDB would refuse.
    pub fn new(
        platform: &Platform,
        config: &Config,
        stop: CancellationToken,
    ) -> Result<DynamoDb, DynamoDbError> {
        for table in &config.tables {
            table
                .validate()
                .map_err(|error| DynamoDbError::InvalidTable { name: table.name.clone(), error })?;
        }
        Ok(DynamoDb {
            platform: platform.clone(),
            config: Arc::new(config.clone()),
            client: engine::client(),
            engine: Arc::default(),
            stop,
        })
    }

    /// Responds to a request with `X-Amz-Target: DynamoDB_20120810.*`.
    pub fn handle(&self, request: Request<Body>) -> BoxFuture<'_, Response<Body>> {
        Box::pin(async move {
            let mut ctx = self.platform.context();
            ctx.request_id = request_id().into();
            faults::slow_down(&ctx, Service::DynamoDb, SUBJECT).await;
            let (head, body) = request.into_parts();
            let Some(body) = serve::read_at_most(body, BODY_MAX).await else {
                let refusal =
                    json!({ "__type": "com.amazon.coral.service#RequestEntityTooLargeException" });
                return respond(&ctx, 413, refusal.to_string());
            };
            if let Some(failure) = faults::injected_error(&ctx, Service::DynamoDb, SUBJECT) {
                return injected(&ctx, failure);
            }
            match self.respond(&ctx, head, body).await {
                Ok(response) => response,
                Err(CallError::Refused(exceeded, what)) => refuse(&ctx, &exceeded, &what),
                Err(CallError::Failed(error)) => {
                    let cause = error.to_string();
                    tracing::error!(request_id = %ctx.request_id, %cause, "DynamoDB failed");
                    ctx.record(Observation::Bug { cause });
                    let body = json!({ "__type": "com.amazon.coral.service#InternalServerError", "message": "Internal server error" });
                    respond(&ctx, 500, body.to_string())
                }
            }
        })
    }

    async fn respond(
        &self,
        ctx: &Context,
        head: Parts,
        body: Bytes,
    ) -> Result<Response<Body>, CallError> {
        if let Some(endpoint) = &self.config.dynamodb_endpoint {
            let address = address(endpoint, &head)?;
            return Ok(engine::forward(&self.client, &address, head, body).await?);
        }
        let engine = self.engine().await?;
        let operation = operation(&head);
        if let Some(message) = invalid(ctx, engine, &operation, &body)? {
            let message = refusals::of_day(&message, ctx.limits.date());
            let refusal = json!({ "__type": VALIDATION_EXCEPTION, "message": message });
            return Ok(respond(ctx, 400, refusal.to_string()));
        }
        admit_actions(ctx, &operation, &body)?;
        let written = items::written(&head.headers, &body);
        admit(ctx, &written, engine)?;
        let address = address(&engine.address, &head)?;
        let mut head = signed(head);
        let body = arns::for_engine(&operation, &self.platform.region, &mut head.headers, body);
        let body = tables::for_engine(&operation, &mut head.headers, body);
        let response = engine::forward(&self.client, &address, head, body.clone()).await?;
        let response = self.in_aws_terms(ctx, engine, &operation, &body, response).await?;
        let response = match written {
            Written::Update(update) => updated(ctx, engine, &update, response).await?,
            Written::Items(_) | Written::Nothing => response,
        };
        Ok(with_emulators_headers(ctx, response))
    }

    /// The engine's response with the region of the run in its ARNs, with the name of an operation that the engine lacks, and with
    /// the counts and the texts of AWS.
    async fn in_aws_terms(
        &self,
        ctx: &Context,
        engine: &Engine,
        operation: &str,
        request: &[u8],
        response: Response<Body>,
    ) -> Result<Response<Body>, CallError> {
        let is_refused = response.status() == StatusCode::BAD_REQUEST;
        let is_page = response.status().is_success() && pages::has(operation);
        if !is_refused && !is_page && !arns::has(operation) {
            return Ok(response);
        }
        let (mut head, body) = response.into_parts();
        let body = serve::read_at_most(body, BODY_MAX).await.ok_or(DynamoDbError::Truncated)?;
        if is_refused && body.as_ref() == UNKNOWN_OPERATION {
            let message =
                format!("hardcap does not emulate the operation `{operation}` of DynamoDB");
            let refusal = json!({ "__type": "com.amazon.coral.service#UnknownOperationException", "message": message });
            return Ok(respond(ctx, 400, refusal.to_string()));
        }
        let headers = &mut head.headers;
        let body = if is_page {
            pages::for_client(&engine.database, operation, request, headers, body)
        } else if is_refused {
            refusals::for_client(operation, ctx.limits.date(), request, headers, body)
        } else {
            body
        };
        let body = arns::for_client(operation, &self.platform.region, headers, body);
        Ok(Response::from_parts(head, Body::from(body)))
    }

    /// Deletes the items that have expired by the emulator's clock, and returns their number. Until then they can be read, as on
    /// AWS. Does nothing before the first request.
    pub fn run_time_to_live(&self) -> BoxFuture<'_, usize> {
        Box::pin(async move {
            let (Some(engine), now) = (self.engine.get(), self.platform.clock.now()) else {
                return 0;
            };
            let database = engine.database.clone();
            let swept = tokio::task::spawn_blocking(move || ttl::sweep(&database, now)).await;
            match swept.map_err(DynamoDbError::from).and_then(|swept| swept) {
                Ok(deleted) => deleted,
                Err(error) => {
                    let cause = error.to_string();
                    tracing::error!(%cause, "expired items could not be deleted");
                    self.platform.recorder.record("", Observation::Bug { cause });
                    0
                }
            }
        })
    }

    /// Returns to the tables of the configuration, all empty. Another endpoint keeps its tables.
    ///
    /// # Errors
    ///
    /// [`DynamoDbError`] if the engine cannot be started or a table cannot be deleted or created.
    pub fn reset(&self) -> BoxFuture<'_, Result<(), DynamoDbError>> {
        Box::pin(async move {
            if self.config.dynamodb_endpoint.is_some() {
                return Ok(());
            }
            let engine = match self.engine.get() {
                Some(engine) => engine,
                // Nothing was stored in memory before the first request.
                None if self.config.data.is_none() => return Ok(()),
                None => self.engine().await?,
            };
            let (database, config) = (engine.database.clone(), self.config.clone());
            let reset = move || engine::reset(&database, &config.tables);
            tokio::task::spawn_blocking(reset).await?
        })
    }

    async fn engine(&self) -> Result<&Engine, DynamoDbError> {
        let start = || Engine::start(&self.platform, &self.config, self.stop.clone());
        self.engine.get_or_try_init(start).await
    }
}

/// The error of a call that the engine did not respond to.
enum CallError {
    /// A limit is exceeded; the `{value}` of its text.
    Refused(Exceeded, Cow<'static, str>),
    /// hardcap failed.
    Failed(DynamoDbError),
}

impl From<DynamoDbError> for CallError {
    fn from(error: DynamoDbError) -> CallError {
        CallError::Failed(error)
    }
}

/// The message of AWS for a request that the engine would accept.
fn invalid(
    ctx: &Context,
    engine: &Engine,
    operation: &str,
    request: &[u8],
) -> Result<Option<String>, CallError> {
    if operation == "UpdateTimeToLive" {
        return Ok(ttl::refusal(&engine.database, request));
    }
    let limits = &ctx.limits;
    let (limit, beginning, count) = match operands::refusal(operation, request, limits) {
        None => return Ok(None),
        Some(Refusal::Message(message)) => return Ok(Some(message)),
        Some(Refusal::ValuesOfIn(beginning, values)) => {
            (&limits.dynamodb_in_values, beginning, values)
        }
        Some(Refusal::Operators(beginning, operators)) => {
            (&limits.dynamodb_operators, beginning, operators)
        }
    };
    let beginning = refusals::of_day(&beginning, limits.date()).to_owned();
    let admitted = ctx.admit(limit, count);
    admitted.map_err(|exceeded| CallError::Refused(exceeded, beginning.into()))?;
    Ok(None)
}

/// Compares the number of actions of a transaction with the limit. As with items, the engine enforces AWS's newest number.
fn admit_actions(ctx: &Context, operation: &str, request: &[u8]) -> Result<(), CallError> {
    let Some(actions) = items::actions(operation, request) else { return Ok(()) };
    let limit = &ctx.limits.dynamodb_transaction;
    let count = Count(actions.number());
    match ctx.admit(limit, count) {
        Err(exceeded) if limit.max < engine::ACTIONS_MAX => {
            Err(CallError::Refused(exceeded, actions.shown().into()))
        }
        _ => Ok(()),
    }
}

/// Compares the sizes of the written items with the limit.
///
/// The engine enforces AWS's number itself, because it knows which of several errors of a request AWS names. Only a lower number
/// is enforced here.
fn admit(ctx: &Context, written: &Written, engine: &Engine) -> Result<(), CallError> {
    let limit = &ctx.limits.dynamodb_item;
    let lowered = limit.max < engine::ITEM_MAX;
    match written {
        Written::Items(sizes) => {
            for size in sizes {
                match ctx.admit(limit, *size) {
                    Err(exceeded) if lowered => {
                        return Err(CallError::Refused(exceeded, items::ITEM.into()));
                    }
                    _ => {}
                }
            }
        }
        Written::Update(update) if lowered => match engine.predict(update) {
            Some(size) if size > limit.max => {
                ctx.admit(limit, size)
                    .map_err(|exceeded| CallError::Refused(exceeded, items::UPDATED_ITEM.into()))?;
            }
            _ => {}
        },
        Written::Update(_) | Written::Nothing => {}
    }
    Ok(())
}

/// Records the size of an updated item: the stored size, or one byte over the limit if the engine refused it.
async fn updated(
    ctx: &Context,
    engine: &Engine,
    update: &Update,
    response: Response<Body>,
) -> Result<Response<Body>, CallError> {
    let limit = &ctx.limits.dynamodb_item;
    if response.status().is_success() {
        if let Some(size) = engine.size_of(update) {
            let _ = ctx.admit(limit, size);
        }
        return Ok(response);
    }
    let (head, body) = response.into_parts();
    let body = serve::read_at_most(body, BODY_MAX).await.ok_or(DynamoDbError::Truncated)?;
    if String::from_utf8_lossy(&body).contains(items::UPDATED_ITEM) {
        let _ = ctx.admit(limit, hardcap_limits::Bytes(limit.max.0.saturating_add(1)));
    }
    Ok(Response::from_parts(head, Body::from(body)))
}

/// The target of a request: its path and query on another host.
fn address(endpoint: &str, head: &Parts) -> Result<http::Uri, DynamoDbError> {
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    let address = format!("{}{path}", endpoint.trim_end_matches('/'));
    address.parse().map_err(|error| DynamoDbError::Address { address, error })
}

/// The operation that `X-Amz-Target` names.
fn operation(head: &Parts) -> String {
    let target = head.headers.get("x-amz-target").and_then(|target| target.to_str().ok());
    let name = target.and_then(|target| target.rsplit('.').next()).unwrap_or_default();
    name.to_owned()
}

/// The engine's response to an operation that it lacks.
const UNKNOWN_OPERATION: &[u8] =
    br#"{"__type":"com.amazon.coral.service#UnknownOperationException"}"#;

/// A request id in DynamoDB's format: 52 capital letters and digits.
fn request_id() -> String {
    let random = || uuid::Uuid::new_v4().simple().to_string().to_ascii_uppercase();
    format!("{}{}", random(), &random()[..20])
}

/// Adds a signature that the engine accepts to an unsigned call, and removes the origin: the engine would let every page read
/// its response.
fn signed(mut head: Parts) -> Parts {
    head.headers.remove(header::ORIGIN);
    let in_query = head.uri.query().is_some_and(|query| query.contains("X-Amz-Algorithm"));
    if !in_query && !head.headers.contains_key(header::AUTHORIZATION) {
        head.headers.insert(header::AUTHORIZATION, HeaderValue::from_static(UNSIGNED));
        head.headers.insert("x-amz-date", HeaderValue::from_static("20120810T000000Z"));
    }
    head
}

/// The engine's response with the emulator's request id, and without the engine's version.
fn with_emulators_headers(ctx: &Context, mut response: Response<Body>) -> Response<Body> {
    let headers = response.headers_mut();
    headers.remove("x-dynoxide-version");
    add_headers(ctx, headers);
    response
}

fn add_headers(ctx: &Context, headers: &mut HeaderMap) {
    headers.insert(header::SERVER, HeaderValue::from_static("Server"));
    if let Ok(id) = HeaderValue::from_str(&ctx.request_id) {
        headers.insert("x-amzn-requestid", id);
    }
}

/// The response of an injected fault. Both as captured: aws/aws-sdk-js#3891, 2021-09-16, and Sleavely/dynamo-plus#16,
/// 2020-05-27, for the failure; Apache Hadoop's guide to troubleshooting S3Guard, 2018, for the throttle.
fn injected(ctx: &Context, failure: InjectedError) -> Response<Body> {
    let (status, error_type, message) = match failure {
        InjectedError::Internal => {
            (500, "com.amazonaws.dynamodb.v20120810#InternalServerError", "Internal server error")
        }
        InjectedError::Throttle => (
            400,
            "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException",
            "The level of configured provisioned throughput for the table was exceeded. Consider increasing your \
             provisioning level with the UpdateTable API.",
        ),
    };
    respond(ctx, status, json!({ "__type": error_type, "message": message }).to_string())
}

fn refuse(ctx: &Context, exceeded: &Exceeded, what: &str) -> Response<Body> {
    match exceeded.refusal_with(Party::Invoker, &[("value", what)]) {
        Some(refusal) => respond(ctx, refusal.status, refusal.body),
        None => respond(ctx, 400, exceeded.to_string()),
    }
}

fn respond(ctx: &Context, status: u16, body: String) -> Response<Body> {
    let checksum = crc32fast::hash(body.as_bytes());
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
    headers.insert("x-amz-crc32", HeaderValue::from(checksum));
    add_headers(ctx, headers);
    response
}
