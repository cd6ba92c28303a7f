//! DynamoDB: the embedded one, or another's endpoint that is handed every request unchanged.

mod arns;
mod engine;
mod items;
mod tables;
mod ttl;

use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use hardcap_limits::{Exceeded, Party};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use serde_json::json;
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

use hardcap_core::config::Config;
use hardcap_core::context::{Context, Platform};
use hardcap_core::faults::{self, InjectedError, Service};
use hardcap_core::record::What;
use hardcap_core::serve;
pub(crate) use tables::check as check_table;

use engine::{Client, Engine};
use items::{Update, Written};

/// DynamoDB's largest batch is 16 MB "over the network"; what it answers to a larger request is not published.
const BODY_MAX: usize = 1 << 24;
/// What faults of DynamoDB are about.
const SUBJECT: &str = "dynamodb";
const CONTENT_TYPE: &str = "application/x-amz-json-1.0";
/// The engine refuses calls without a signature; where none is asked for, a call that has none gets this one, which
/// names nobody and is not verified.
const UNSIGNED: &str = "AWS4-HMAC-SHA256 Credential=unsigned/20120810/us-east-1/dynamodb/aws4_request, \
                        SignedHeaders=host, Signature=unsigned";

/// The service. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct DynamoDb {
    platform: Platform,
    config: Arc<Config>,
    client: Client,
    engine: Arc<OnceCell<Engine>>,
    stop: CancellationToken,
}

impl DynamoDb {
    /// Opens nothing yet: the engine starts with the first request, so that an emulator nobody asks for a table stays
    /// small. The tables of the configuration are checked at once.
    ///
    /// # Errors
    ///
    /// A sentence that names the table and what is wrong with it.
    pub(crate) fn new(
        platform: &Platform,
        config: &Config,
        stop: CancellationToken,
    ) -> Result<DynamoDb, String> {
        for table in &config.tables {
            tables::check(table).map_err(|fault| format!("table `{}`: {fault}", table.name))?;
        }
        Ok(DynamoDb {
            platform: platform.clone(),
            config: Arc::new(config.clone()),
            client: engine::client(),
            engine: Arc::default(),
            stop,
        })
    }

    /// Answers a request with `X-Amz-Target: DynamoDB_20120810.*`.
    pub(crate) async fn handle(&self, request: Request<Body>) -> Response<Body> {
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
        match self.answer(&ctx, head, body).await {
            Ok(response) => response,
            Err(Failed::Refused(exceeded, what)) => refuse(&ctx, &exceeded, what),
            Err(Failed::Bug(cause)) => {
                tracing::error!(request_id = %ctx.request_id, %cause, "DynamoDB failed");
                ctx.record(What::Bug { cause });
                let body = json!({ "__type": "com.amazon.coral.service#InternalServerError", "message": "Internal server error" });
                respond(&ctx, 500, body.to_string())
            }
        }
    }

    async fn answer(
        &self,
        ctx: &Context,
        head: Parts,
        body: Bytes,
    ) -> Result<Response<Body>, Failed> {
        if let Some(endpoint) = &self.config.dynamodb_endpoint {
            let address = address(endpoint, &head)?;
            return engine::forward(&self.client, &address, head, body).await.map_err(Failed::Bug);
        }
        let engine = self.engine().await.map_err(Failed::Bug)?;
        let written = items::written(&head.headers, &body);
        admit(ctx, &written, engine)?;
        let address = address(&engine.address, &head)?;
        let operation = operation(&head);
        let mut head = signed(head);
        let body = arns::for_engine(&operation, &self.platform.region, &mut head.headers, body);
        let response =
            engine::forward(&self.client, &address, head, body).await.map_err(Failed::Bug)?;
        let response = self.in_aws_terms(ctx, &operation, response).await?;
        let response = match written {
            Written::Update(update) => updated(ctx, engine, &update, response).await?,
            Written::Items(_) | Written::Nothing => response,
        };
        Ok(dressed(ctx, response))
    }

    /// The engine's answer with the region of the run in its ARNs, and with the name of an operation that the engine lacks.
    async fn in_aws_terms(
        &self,
        ctx: &Context,
        operation: &str,
        response: Response<Body>,
    ) -> Result<Response<Body>, Failed> {
        let is_refused = response.status() == StatusCode::BAD_REQUEST;
        if !is_refused && !arns::has(operation) {
            return Ok(response);
        }
        let (mut head, body) = response.into_parts();
        let body = serve::read_at_most(body, BODY_MAX)
            .await
            .ok_or_else(|| Failed::Bug("the embedded DynamoDB cut an answer short".to_owned()))?;
        if is_refused && body.as_ref() == UNKNOWN_OPERATION {
            let message =
                format!("hardcap does not emulate the operation `{operation}` of DynamoDB");
            let told = json!({ "__type": "com.amazon.coral.service#UnknownOperationException", "message": message });
            return Ok(respond(ctx, 400, told.to_string()));
        }
        let body = arns::for_client(operation, &self.platform.region, &mut head.headers, body);
        Ok(Response::from_parts(head, Body::from(body)))
    }

    /// Deletes the items whose time to live is over by the emulator's clock, and returns how many there were. Until then
    /// they can be read, as AWS permits. Does nothing before the first request.
    pub(crate) async fn run_time_to_live(&self) -> usize {
        let (Some(engine), now) = (self.engine.get(), self.platform.clock.now()) else { return 0 };
        let database = engine.database.clone();
        let swept = tokio::task::spawn_blocking(move || ttl::sweep(&database, now)).await;
        match swept.map_err(|error| error.to_string()).and_then(|swept| swept) {
            Ok(deleted) => deleted,
            Err(cause) => {
                tracing::error!(%cause, "time to live could not be applied");
                self.platform.recorder.record("", What::Bug { cause });
                0
            }
        }
    }

    /// Returns to the tables of the configuration, all empty. Another's endpoint keeps its tables.
    ///
    /// # Errors
    ///
    /// A sentence that names the table.
    pub(crate) async fn reset(&self) -> Result<(), String> {
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
        tokio::task::spawn_blocking(reset).await.map_err(|error| error.to_string())?
    }

    async fn engine(&self) -> Result<&Engine, String> {
        let start = || Engine::start(&self.platform, &self.config, self.stop.clone());
        self.engine.get_or_try_init(start).await
    }
}

/// Why the embedded DynamoDB has no answer of its own.
enum Failed {
    /// An item is too large; the words before `has exceeded`.
    Refused(Exceeded, &'static str),
    Bug(String),
}

/// Compares what is to be written with the row.
///
/// Up to the engine's own number, which is AWS's, a refusal is left to the engine: it knows which of several faults of a
/// request AWS names. Below it, the refusal is made here.
fn admit(ctx: &Context, written: &Written, engine: &Engine) -> Result<(), Failed> {
    let limit = &ctx.limits.dynamodb_item;
    let lowered = limit.max < engine::ITEM_MAX;
    match written {
        Written::Items(sizes) => {
            for size in sizes {
                match ctx.admit(limit, *size) {
                    Err(exceeded) if lowered => return Err(Failed::Refused(exceeded, items::ITEM)),
                    _ => {}
                }
            }
        }
        Written::Update(update) if lowered => match engine.predict(update) {
            Some(size) if size > limit.max => {
                ctx.admit(limit, size)
                    .map_err(|exceeded| Failed::Refused(exceeded, items::UPDATED_ITEM))?;
            }
            _ => {}
        },
        Written::Update(_) | Written::Nothing => {}
    }
    Ok(())
}

/// Records how large an update made its item: what is stored now, or one byte too many when the engine refused.
async fn updated(
    ctx: &Context,
    engine: &Engine,
    update: &Update,
    response: Response<Body>,
) -> Result<Response<Body>, Failed> {
    let limit = &ctx.limits.dynamodb_item;
    if response.status().is_success() {
        if let Some(size) = engine.size_of(update) {
            let _ = ctx.admit(limit, size);
        }
        return Ok(response);
    }
    let (head, body) = response.into_parts();
    let body = serve::read_at_most(body, BODY_MAX)
        .await
        .ok_or_else(|| Failed::Bug("the embedded DynamoDB cut an answer short".to_owned()))?;
    if String::from_utf8_lossy(&body).contains(items::UPDATED_ITEM) {
        let _ = ctx.admit(limit, hardcap_limits::Bytes(limit.max.0.saturating_add(1)));
    }
    Ok(Response::from_parts(head, Body::from(body)))
}

/// The address that a request goes to: its own path and query on another host.
fn address(endpoint: &str, head: &Parts) -> Result<http::Uri, Failed> {
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    let address = format!("{}{path}", endpoint.trim_end_matches('/'));
    address.parse().map_err(|error| Failed::Bug(format!("`{address}` is no address: {error}")))
}

/// The operation that `X-Amz-Target` names.
fn operation(head: &Parts) -> String {
    let target = head.headers.get("x-amz-target").and_then(|target| target.to_str().ok());
    let name = target.and_then(|target| target.rsplit('.').next()).unwrap_or_default();
    name.to_owned()
}

/// The engine's answer to an operation that it lacks.
const UNKNOWN_OPERATION: &[u8] =
    br#"{"__type":"com.amazon.coral.service#UnknownOperationException"}"#;

/// 52 capital letters and digits, as DynamoDB's request ids are.
fn request_id() -> String {
    let random = || uuid::Uuid::new_v4().simple().to_string().to_ascii_uppercase();
    format!("{}{}", random(), &random()[..20])
}

/// Gives a call that is not signed a signature that the engine's own check accepts, and keeps the caller's origin from the
/// engine, which would open its answer to every page.
fn signed(mut head: Parts) -> Parts {
    head.headers.remove(header::ORIGIN);
    let in_query = head.uri.query().is_some_and(|query| query.contains("X-Amz-Algorithm"));
    if !in_query && !head.headers.contains_key(header::AUTHORIZATION) {
        head.headers.insert(header::AUTHORIZATION, HeaderValue::from_static(UNSIGNED));
        head.headers.insert("x-amz-date", HeaderValue::from_static("20120810T000000Z"));
    }
    head
}

/// The engine's answer under the emulator's request id, without the engine's own name.
fn dressed(ctx: &Context, mut response: Response<Body>) -> Response<Body> {
    let headers = response.headers_mut();
    headers.remove("x-dynoxide-version");
    dress(ctx, headers);
    response
}

fn dress(ctx: &Context, headers: &mut HeaderMap) {
    headers.insert(header::SERVER, HeaderValue::from_static("Server"));
    if let Ok(id) = HeaderValue::from_str(&ctx.request_id) {
        headers.insert("x-amzn-requestid", id);
    }
}

/// What a fault that was asked for answers. Both as captured: aws/aws-sdk-js#3891, 2021-09-16, and Sleavely/dynamo-plus#16,
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
    dress(ctx, headers);
    response
}
