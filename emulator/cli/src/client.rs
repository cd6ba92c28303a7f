//! The HTTP client of the commands: for deployed URLs and for a hardcap that runs elsewhere.

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client as Legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

/// Keeps connections open between requests.
#[derive(Clone, Debug)]
pub(crate) struct Client(Legacy<HttpsConnector<HttpConnector>, Full<Bytes>>);

/// What came back, whole.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    /// A header's value, when it is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl Client {
    /// # Errors
    ///
    /// When the certificates of the system cannot be read.
    pub(crate) fn new() -> Result<Client, std::io::Error> {
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_native_roots()?
            .https_or_http()
            .enable_http1()
            .build();
        Ok(Client(Legacy::builder(TokioExecutor::new()).build(connector)))
    }

    /// Sends a request and reads all of the answer, whatever its status.
    ///
    /// # Errors
    ///
    /// A sentence, when there was no whole answer.
    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> Result<Answer, String> {
        let (head, body) = self.begin(request).await?.into_parts();
        let body = body.collect().await.map_err(|error| with_causes(&error))?;
        Ok(Answer { status: head.status, headers: head.headers, body: body.to_bytes() })
    }

    /// Sends a request, and leaves the body of the answer to be read as it comes.
    ///
    /// # Errors
    ///
    /// A sentence, when there was no answer.
    pub(crate) async fn begin(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<http::Response<Incoming>, String> {
        self.0.request(request).await.map_err(|error| with_causes(&error))
    }
}

/// An error with what caused it, for "connection error" alone tells nobody anything.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
