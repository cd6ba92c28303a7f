//! An upstream shaped like Elasticsearch and OpenSearch, which believes nothing: it computes every signature anew from
//! the request line as it came, and serves documents and bodies of any size that both ends can compute.
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
//! What is not here: queries are not evaluated (every document matches), and nothing is ever written.

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

mod answer;
mod bulk;
mod cursor;
mod discover;
mod exact;
mod index;
mod keys;
mod pages;
mod received;
mod service;

pub use authorization::Key;
pub use index::Index;
pub use received::{RECEIVED_MAX, Received};

use service::Service;

/// hyper's own caps, far above what any limit of AWS lets through.
const HEADERS_MAX: usize = 10_000;
const HEAD_BUFFER_BYTES: usize = 4 * 1024 * 1024;

/// Whose answers it imitates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Flavor {
    /// OpenSearch 2, on Amazon OpenSearch Service.
    #[default]
    OpenSearch,
    /// Elasticsearch 7.10, whose clients demand `X-Elastic-Product`.
    Elasticsearch,
}

/// What is served, and to whom.
#[derive(Clone, Debug)]
pub struct SearchConfig {
    /// The port of 127.0.0.1, 0 for any free one.
    pub port: u16,
    /// The region that signatures must be for.
    pub region: String,
    /// The service that signatures must be for: `es` or `aoss`.
    pub service: String,
    /// Whose answers it imitates.
    pub flavor: Flavor,
    /// Whether signatures are verified.
    pub verify: bool,
    /// The keys known from the start, by their id.
    pub keys: HashMap<String, Key>,
    /// Where other keys are asked for: `GET URL/{access_key_id}` answers `{"secret": "…"}`, or 404.
    pub keys_url: Option<String>,
    /// How many seconds the receiver's clock is ahead of the real one; negative for behind.
    pub clock_ahead_seconds: i64,
    /// Whether a balancer stands in front of it that drops and changes the headers which belong to a connection, as those
    /// of OpenSearch Serverless do: a signature over one of them does not hold.
    pub behind_balancer: bool,
    /// How long every search takes; as a large one on a small cluster does.
    pub search_takes: Millis,
    /// The indices.
    pub indices: Vec<Index>,
}

impl Default for SearchConfig {
    /// OpenSearch in `us-east-1` that knows no key yet, with small, wide and many documents.
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
                // What Discover asks for: 500 documents of 9 kB, which is just about what a Lambda can answer.
                Index::new("wide", 10_000, 9_000),
                Index::new("events", 1_000_000, 1_000),
                Index::new("logstash-*", 2_000, 600),
            ],
        }
    }
}

impl SearchConfig {
    /// One more key pair, for any session token.
    #[must_use]
    pub fn key(mut self, access_key_id: &str, secret_access_key: &str) -> SearchConfig {
        let key = Key { secret_access_key: secret_access_key.to_owned(), session_token: None };
        self.keys.insert(access_key_id.to_owned(), key);
        self
    }

    /// Lets everybody in.
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
    /// Starts, and returns when it listens.
    ///
    /// # Errors
    ///
    /// When the port is taken.
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

    /// Asks for keys here from now on: what [`SearchConfig::keys_url`] says, for an emulator that is started later.
    pub fn ask_for_keys_at(&self, url: impl Into<String>) {
        self.service.keys.ask_at(url.into());
    }

    /// The last [`RECEIVED_MAX`] requests as they came, refused ones too, oldest first.
    #[must_use]
    pub fn received(&self) -> Vec<Received> {
        self.service.received.newest()
    }

    /// Forgets what was received so far.
    pub fn forget_received(&self) {
        self.service.received.clear();
    }

    /// Waits for as long as it runs.
    ///
    /// # Errors
    ///
    /// When it stopped by a panic.
    pub async fn wait(mut self) -> io::Result<()> {
        (&mut self.accepting).await.map_err(io::Error::other)
    }
}

impl Drop for Search {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Accepts until it is aborted, which drops the connections with it.
async fn accept(listener: TcpListener, service: Arc<Service>) {
    let mut connections = JoinSet::new();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                connections.spawn(serve(stream, Arc::clone(&service)));
            }
            // Out of file descriptors, or the peer was gone before it was greeted: the next one may succeed.
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
    // A broken connection is the peer's to notice.
    let _ = http.serve_connection(TokioIo::new(stream), handle).await;
}
