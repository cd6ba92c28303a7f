//! The embedded engine: its database, its thread, and the forwarding of requests to it.

use std::net::{Ipv4Addr, SocketAddr};

use axum::body::Body;
use bytes::Bytes;
use dynoxide::types::MAX_ITEM_SIZE;
use dynoxide::{Database, DynoxideError, Item};
use http::request::Parts;
use http::{Request, Response, Uri};
use http_body_util::Full;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::json;
use tokio::net::{TcpListener, TcpSocket};
use tokio_util::sync::CancellationToken;

use super::error::DynamoDbError;
use super::items::{self, Update};
use super::tables;
use super::ttl::{input, shown};
use hardcap_core::config::{Config, Table};
use hardcap_core::context::Platform;

/// The limit of the engine itself. The limit of a run can be lower, but not higher.
pub(super) const ITEM_MAX: hardcap_limits::Bytes = hardcap_limits::Bytes(MAX_ITEM_SIZE as u64);
/// The engine's limit for the actions of a transaction. The limit of a run can be lower, but not higher.
pub(super) const ACTIONS_MAX: hardcap_limits::Count = hardcap_limits::Count(100);
/// The name of the database's file in the data directory.
const FILE: &str = "dynamodb.sqlite";
/// The engine evaluates expressions recursively, and an expression of 4 KB can have 4,096 parentheses or 1,000 `NOT`s. Only the used part
/// of a stack is memory.
const STACK: usize = 256 << 20;
const WAITING_CONNECTIONS_MAX: u32 = 1024;
/// Ports above 1023 that no browser connects to: the Fetch standard's "bad ports" (section "Port blocking", as of
/// 2024), those that Chromium and Firefox have both blocked since before 2015.
const BLOCKED_PORTS: [u16; 9] = [6667, 6665, 6666, 6668, 6669, 6000, 4045, 3659, 2049];

/// The HTTP client for the engine or another endpoint.
pub(super) type Client = hyper_util::client::legacy::Client<HttpConnector, Full<Bytes>>;

pub(super) fn client() -> Client {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build(connector)
}

/// Sends an unchanged request to another address, so that its signature stays valid.
///
/// # Errors
///
/// [`DynamoDbError::NoResponse`]
pub(super) async fn forward(
    client: &Client,
    address: &Uri,
    head: Parts,
    body: Bytes,
) -> Result<Response<Body>, DynamoDbError> {
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = head.method;
    *request.uri_mut() = address.clone();
    *request.headers_mut() = head.headers;
    let response = client.request(request).await;
    let response = response
        .map_err(|error| DynamoDbError::NoResponse { address: address.to_string(), error })?;
    Ok(response.map(Body::new))
}

/// A running engine. Its thread ends with the emulator.
#[derive(Clone)]
pub(super) struct Engine {
    /// `http://127.X.Y.Z:PORT`
    pub(super) address: String,
    pub(super) database: Database,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Engine {
    /// Opens the database, creates the missing tables of the configuration, and starts the engine.
    ///
    /// The engine does not yield during an operation, so it has a thread of its own.
    ///
    /// # Errors
    ///
    /// [`DynamoDbError`] if the file, a table, the port or the thread fails.
    pub(super) async fn start(
        platform: &Platform,
        config: &Config,
        stop: CancellationToken,
    ) -> Result<Engine, DynamoDbError> {
        let (directory, configured) = (config.data.clone(), config.tables.clone());
        let opened = tokio::task::spawn_blocking(move || open(directory, &configured)).await;
        let database = opened??;
        let (listener, address) = listen().map_err(DynamoDbError::Listen)?;
        tracing::debug!(%address, region = %platform.region, "the embedded DynamoDB is open");
        let served = database.clone();
        std::thread::Builder::new()
            .name("dynamodb".to_owned())
            .stack_size(STACK)
            .spawn(move || serve(listener, served, stop))
            .map_err(DynamoDbError::Thread)?;
        Ok(Engine { address: format!("http://{address}"), database })
    }

    /// The stored size of the item that an update changed.
    pub(super) fn size_of(&self, update: &Update) -> Option<hardcap_limits::Bytes> {
        stored(&self.database, update).ok().flatten().as_ref().map(items::size)
    }

    /// The size of the item after an update, determined on a copy; `None` if the update would fail.
    pub(super) fn predict(&self, update: &Update) -> Option<hardcap_limits::Bytes> {
        let tried = with_stack(|| try_out(&self.database, update).ok().flatten()).flatten();
        tried.as_ref().map(items::size)
    }
}

/// Evaluates expressions outside of the engine's thread. `None` if there can be no thread.
pub(super) fn with_stack<T: Send>(run: impl FnOnce() -> T + Send) -> Option<T> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("dynamodb-expression".to_owned());
        thread.stack_size(STACK).spawn_scoped(scope, run).ok()?.join().ok()
    })
}

fn open(
    directory: Option<std::path::PathBuf>,
    configured: &[Table],
) -> Result<Database, DynamoDbError> {
    let failed = |place: String| {
        move |error: DynoxideError| DynamoDbError::Open { place, error: error.into() }
    };
    let database = match directory {
        None => Database::memory().map_err(failed("DynamoDB in memory".to_owned()))?,
        Some(directory) => {
            let file = directory.join(FILE);
            let file = file.display().to_string();
            std::fs::create_dir_all(&directory)
                .map_err(|error| DynamoDbError::Folder { file: file.clone(), error })?;
            Database::new(&file).map_err(failed(file.clone()))?
        }
    };
    provide(&database, configured)?;
    Ok(database)
}

fn provide(database: &Database, configured: &[Table]) -> Result<(), DynamoDbError> {
    for table in configured {
        create(database, table).map_err(|error| DynamoDbError::Table {
            name: table.name.clone(),
            error: error.into(),
        })?;
    }
    Ok(())
}

/// Deletes every table, and creates those of the configuration again.
///
/// # Errors
///
/// [`DynamoDbError`] of the table that fails.
pub(super) fn reset(database: &Database, configured: &[Table]) -> Result<(), DynamoDbError> {
    // A page of the list has at most 100 names, and each round deletes what it lists.
    loop {
        let listed = input(json!({})).and_then(|request| database.list_tables(request));
        let listed = listed.and_then(|listed| shown(&listed));
        let listed = listed.map_err(|error| DynamoDbError::List(error.into()))?;
        let names: Vec<&str> = listed["TableNames"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(serde_json::Value::as_str)
            .collect();
        if names.is_empty() {
            return provide(database, configured);
        }
        for name in names {
            delete(database, name).map_err(|error| DynamoDbError::Table {
                name: name.to_owned(),
                error: error.into(),
            })?;
        }
    }
}

fn delete(database: &Database, name: &str) -> Result<(), DynoxideError> {
    // Deletion protection is for calls of an application, not for a reset.
    let unprotected = json!({ "TableName": name, "DeletionProtectionEnabled": false });
    let described = database.describe_table(input(json!({ "TableName": name }))?)?;
    if shown(&described)?["Table"]["DeletionProtectionEnabled"] == true {
        database.update_table(input(unprotected)?)?;
    }
    database.delete_table(input(json!({ "TableName": name }))?)?;
    Ok(())
}

fn create(database: &Database, table: &Table) -> Result<(), DynoxideError> {
    match database.create_table(input(tables::definition(table))?) {
        Ok(_) => {}
        // An earlier run created it.
        Err(DynoxideError::ResourceInUseException(_)) => return Ok(()),
        Err(error) => return Err(error),
    }
    if let Some(request) = tables::time_to_live(table) {
        database.update_time_to_live(input(request)?)?;
    }
    Ok(())
}

/// A listener that web pages cannot reach, because the engine responds to every page and supports only TCP sockets: on a port
/// that browsers do not connect to, and at a random address if the kernel has all of 127.0.0.0/8, as Linux does.
fn listen() -> std::io::Result<(std::net::TcpListener, SocketAddr)> {
    let [a, b, c, ..] = *uuid::Uuid::new_v4().as_bytes();
    let hidden = Ipv4Addr::new(127, a | 1, b, c | 1);
    let mut refused = None;
    for host in [hidden, Ipv4Addr::LOCALHOST] {
        for port in BLOCKED_PORTS {
            match listen_at(SocketAddr::from((host, port))) {
                Ok(listening) => return Ok(listening),
                Err(error) => refused = Some(error),
            }
        }
    }
    Err(refused.unwrap_or_else(|| std::io::ErrorKind::AddrInUse.into()))
}

/// Connections inherit TCP_NODELAY from their listener, so they do not wait for a delayed acknowledgement.
fn listen_at(address: SocketAddr) -> std::io::Result<(std::net::TcpListener, SocketAddr)> {
    let socket = TcpSocket::new_v4()?;
    socket.set_nodelay(true)?;
    socket.bind(address)?;
    let listener = socket.listen(WAITING_CONNECTIONS_MAX)?.into_std()?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

fn serve(listener: std::net::TcpListener, database: Database, stop: CancellationToken) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let served = runtime.map_err(|error| error.to_string()).and_then(|runtime| {
        runtime.block_on(async {
            let listener = TcpListener::from_std(listener).map_err(|error| error.to_string())?;
            dynoxide::server::serve_with_shutdown(listener, database, stop.cancelled_owned()).await
        })
    });
    if let Err(error) = served {
        tracing::error!(%error, "the embedded DynamoDB ended");
    }
}

fn stored(database: &Database, update: &Update) -> Result<Option<Item>, DynoxideError> {
    let request = json!({
        "TableName": update.table_name,
        "Key": shown(&update.key)?,
        "ConsistentRead": true,
    });
    Ok(database.get_item(input(request)?)?.item)
}

fn try_out(database: &Database, update: &Update) -> Result<Option<Item>, DynoxideError> {
    let described =
        shown(&database.describe_table(input(json!({ "TableName": update.table_name }))?)?)?;
    let schema = &described["Table"]["KeySchema"];
    let is_key = |definition: &&serde_json::Value| {
        let keys = schema.as_array().into_iter().flatten();
        keys.into_iter().any(|key| key["AttributeName"] == definition["AttributeName"])
    };
    let definitions = described["Table"]["AttributeDefinitions"].as_array();
    let definitions: Vec<_> = definitions.into_iter().flatten().filter(is_key).collect();
    let copy = Database::memory()?;
    copy.create_table(input(json!({
        "TableName": update.table_name,
        "KeySchema": schema,
        "AttributeDefinitions": definitions,
        "BillingMode": "PAY_PER_REQUEST",
    }))?)?;
    if let Some(item) = stored(database, update)? {
        copy.put_item(input(json!({ "TableName": update.table_name, "Item": shown(&item)? }))?)?;
    }
    let request = serde_json::from_slice(&update.body)
        .map_err(|error| DynoxideError::SerializationException(error.to_string()))?;
    copy.update_item(request)?;
    stored(&copy, update)
}
