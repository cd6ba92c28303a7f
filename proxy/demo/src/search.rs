//! An upstream like Elasticsearch and OpenSearch. It computes every signature from the request line as received, and serves
//! documents and bodies of any size that both ends can compute.
//!
//! ```no_run
//! use hardcap_demo::search::{Search, SearchConfig};
//!
//! # async fn example() -> std::io::Result<()> {
//! let search = Search::start(SearchConfig::default().key("test", "test")).await?;
//! println!("{}", search.url());
//! for request in search.received() {
//!     println!("{} {} -> {}", request.method, request.target, request.status);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Queries are not evaluated (every document matches), and writes are not stored.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use hardcap_limits::Millis;
use http::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

pub mod authorization;
pub mod sigv4;

mod bulk;
mod cursor;
mod discover;
mod exact;
mod index;
mod keys;
mod pages;
mod received;
mod reply;
mod service;

pub use authorization::Key;
pub use index::{Index, IndexError};
pub use received::{RECEIVED_MAX, Received};

use service::Service;

/// hyper's limits, far above those of AWS.
const HEADERS_MAX: usize = 10_000;
const HEAD_BUFFER_BYTES: usize = 4 * 1024 * 1024;

/// The product that the upstream imitates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Flavor {
    /// OpenSearch 2, on Amazon OpenSearch Service.
    #[default]
    OpenSearch,
    /// Elasticsearch 7.10, whose clients require `X-Elastic-Product`.
    Elasticsearch,
}

/// The configuration of the upstream.
#[derive(Clone, Debug)]
pub struct SearchConfig {
    /// The port on 127.0.0.1; 0 for any free one.
    pub port: u16,
    /// The region of the signatures.
    pub region: String,
    /// The service of the signatures: `es` or `aoss`.
    pub service: String,
    /// The product that the upstream imitates.
    pub flavor: Flavor,
    /// Whether signatures are verified.
    pub verify: bool,
    /// The known keys, by id.
    pub keys: HashMap<String, Key>,
    /// The endpoint for other keys: `GET URL/{access_key_id}` returns `{"secret": "…"}` or 404.
    pub keys_url: Option<String>,
    /// The seconds by which the upstream's clock is ahead; negative if it is behind.
    pub clock_ahead_seconds: i64,
    /// Whether to simulate a load balancer that drops and changes the connection's headers, as that of OpenSearch Serverless does. A
    /// signature over one of these headers is then invalid.
    pub behind_balancer: bool,
    /// The duration of every search, to simulate a large one on a small cluster.
    pub search_takes: Millis,
    /// The indices.
    pub indices: Vec<Index>,
}

impl Default for SearchConfig {
    /// OpenSearch in `us-east-1` without keys, with small, wide and many documents.
    fn default() -> SearchConfig {
        SearchConfig {
            port: 0,
            region: "us-east-1".to_owned(),
            service: "es".to_owned(),
            flavor: Flavor::OpenSearch,
            verify: true,
            keys: HashMap::new(),
            keys_url: None,
            clock_ahead_seconds: 0,
            behind_balancer: false,
            search_takes: Millis(0),
            indices: vec![
                Index::new("logs", 10_000, 400),
                // Discover requests 500 documents of 9 kB, which is about the limit of a Lambda response.
                Index::new("wide", 10_000, 9_000),
                Index::new("events", 1_000_000, 1_000),
                Index::new("logstash-*", 2_000, 600),
            ],
        }
    }
}

impl SearchConfig {
    /// Adds a key pair that is valid with any session token.
    #[must_use]
    pub fn key(mut self, access_key_id: &str, secret_access_key: &str) -> SearchConfig {
        let key = Key { secret_access_key: secret_access_key.to_owned(), session_token: None };
        self.keys.insert(access_key_id.to_owned(), key);
        self
    }

    /// Accepts all requests.
    #[must_use]
    pub fn without_verification(mut self) -> SearchConfig {
        self.verify = false;
        self
    }
}

/// A running upstream. Dropping it closes its port and every connection.
#[derive(Debug)]
#[must_use = "the upstream stops when this is dropped"]
pub struct Search {
    address: SocketAddr,
    service: Arc<Service>,
    accepting: JoinHandle<()>,
}

impl Search {
    /// Starts the upstream and returns once it listens.
    ///
    /// # Errors
    ///
    /// If the port is in use.
    pub async fn start(config: SearchConfig) -> io::Result<Search> {
        let wanted = SocketAddr::from((Ipv4Addr::LOCALHOST, config.port));
        let listener = TcpListener::bind(wanted).await.map_err(|error| {
            io::Error::new(error.kind(), format!("search cannot listen on {wanted}: {error}"))
        })?;
        let address = listener.local_addr()?;
        let service = Arc::new(Service::new(config));
        let accepting = tokio::spawn(accept(listener, Arc::clone(&service)));
        Ok(Search { address, service, accepting })
    }

    /// `http://127.0.0.1:PORT`
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Sets the endpoint for keys, as [`SearchConfig::keys_url`] does, for an emulator that is started later.
    pub fn ask_for_keys_at(&self, url: impl Into<String>) {
        self.service.keys.ask_at(url.into());
    }

    /// The last [`RECEIVED_MAX`] requests as received, including refused ones, oldest first.
    #[must_use]
    pub fn received(&self) -> Vec<Received> {
        self.service.received.newest()
    }

    /// Clears the received requests.
    pub fn forget_received(&self) {
        self.service.received.clear();
    }

    /// Waits until the upstream stops.
    ///
    /// # Errors
    ///
    /// If it stopped by a panic.
    pub async fn wait(mut self) -> io::Result<()> {
        (&mut self.accepting).await.map_err(io::Error::other)
    }
}

impl Drop for Search {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Accepts connections until the task is aborted, which also drops them.
async fn accept(listener: TcpListener, service: Arc<Service>) {
    let mut connections = JoinSet::new();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                connections.spawn(serve(stream, Arc::clone(&service)));
            }
            // Out of file descriptors, or the peer has disconnected; the next connection may succeed.
            Err(_) => tokio::task::yield_now().await,
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn serve(stream: TcpStream, service: Arc<Service>) {
    let _ = stream.set_nodelay(true);
    let handle = hyper::service::service_fn(move |request: Request<Incoming>| {
        let service = Arc::clone(&service);
        async move { Ok::<_, std::convert::Infallible>(service.handle(request).await) }
    });
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new()).max_headers(HEADERS_MAX).max_buf_size(HEAD_BUFFER_BYTES);
    // A broken connection is ignored here; the peer notices it.
    let _ = http.serve_connection(TokioIo::new(stream), handle).await;
}
