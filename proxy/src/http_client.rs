//! Connections to the upstream and to services without an SDK: HTTP/1.1, with TLS for `https`.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::TokioExecutor;

/// The maximum number of header lines in a response; hyper's default is 100.
const HEADER_LINES_MAX: usize = 1000;

/// An error of an outgoing body. Its cause is found by type.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
/// An outgoing body.
pub type OutgoingBody = UnsyncBoxBody<Bytes, BoxError>;

/// The machine's root certificates cannot be loaded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the machine's root certificates cannot be loaded: {0}")]
pub struct NoRoots(String);

/// A client with a connection pool.
#[derive(Debug)]
pub enum HttpClient {
    /// For `http`.
    Plain(Client<HttpConnector, OutgoingBody>),
    /// For `https`.
    Tls(Client<HttpsConnector<HttpConnector>, OutgoingBody>),
}

impl HttpClient {
    /// A client for an address.
    ///
    /// # Errors
    ///
    /// [`NoRoots`] if the machine has no root certificates.
    pub fn new(address: &Uri, connect_timeout: Duration) -> Result<HttpClient, NoRoots> {
        let mut tcp = HttpConnector::new();
        tcp.set_nodelay(true);
        tcp.enforce_http(false);
        tcp.set_connect_timeout(Some(connect_timeout));
        let mut builder = Client::builder(TokioExecutor::new());
        builder.http1_max_headers(HEADER_LINES_MAX).set_host(false);
        if address.scheme_str() == Some("http") {
            return Ok(HttpClient::Plain(builder.build(tcp)));
        }
        let roots = HttpsConnectorBuilder::new().with_native_roots();
        let roots = roots.map_err(|error| NoRoots(error.to_string()))?;
        let tls = roots.https_only().enable_http1().wrap_connector(tcp);
        Ok(HttpClient::Tls(builder.build(tls)))
    }

    /// Sends a request.
    ///
    /// # Errors
    ///
    /// Those of the connection.
    pub async fn request(
        &self,
        request: Request<OutgoingBody>,
    ) -> Result<Response<Incoming>, Error> {
        match self {
            HttpClient::Plain(client) => client.request(request).await,
            HttpClient::Tls(client) => client.request(request).await,
        }
    }
}
