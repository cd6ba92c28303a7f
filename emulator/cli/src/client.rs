//! The HTTP client of the commands: for deployed URLs and for a running hardcap.

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client as Legacy, Error as RequestError};
use hyper_util::rt::TokioExecutor;

/// A request without a whole response.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    /// There was no response.
    #[error("{}", with_causes(.0))]
    Request(#[from] RequestError),
    /// The body of the response broke off.
    #[error("{}", with_causes(.0))]
    Body(#[from] hyper::Error),
}

/// A text that is not the address of an HTTP request.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InvalidUrl {
    /// It is not a URL.
    #[error(transparent)]
    Syntax(#[from] http::uri::InvalidUri),
    /// It is relative, or of another protocol.
    #[error("it does not begin with http:// or https:// and a host")]
    NotHttp,
}

/// The address of an HTTP request.
///
/// # Errors
///
/// [`InvalidUrl`] if it is not a URL of http or https.
pub(crate) fn http_url(text: &str) -> Result<Uri, InvalidUrl> {
    let scheme = text.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    if !matches!(scheme.as_deref(), Some("http" | "https")) {
        return Err(InvalidUrl::NotHttp);
    }
    let uri: Uri = text.parse()?;
    if uri.host().is_some_and(|host| !host.is_empty()) { Ok(uri) } else { Err(InvalidUrl::NotHttp) }
}

/// A client that keeps connections open between requests.
#[derive(Clone, Debug)]
pub(crate) struct Client(Legacy<HttpsConnector<HttpConnector>, Full<Bytes>>);

/// A response with its whole body.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Response {
    /// The value of a header, if it is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl Client {
    /// # Errors
    ///
    /// The error of reading the certificates of the system.
    pub(crate) fn new() -> Result<Client, std::io::Error> {
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_native_roots()?
            .https_or_http()
            .enable_http1()
            .build();
        Ok(Client(Legacy::builder(TokioExecutor::new()).build(connector)))
    }

    /// Sends a request and reads the whole response. Any status is a response.
    ///
    /// # Errors
    ///
    /// [`ClientError`] if there is no whole response.
    pub(crate) async fn send(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response, ClientError> {
        let (head, body) = self.begin(request).await?.into_parts();
        let body = body.collect().await?;
        Ok(Response { status: head.status, headers: head.headers, body: body.to_bytes() })
    }

    /// Sends a request and returns the response with its unread body.
    ///
    /// # Errors
    ///
    /// [`ClientError`] if there is no response.
    pub(crate) async fn begin(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<http::Response<Incoming>, ClientError> {
        Ok(self.0.request(request).await?)
    }
}

/// An error with its causes: "connection error" alone has no information.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_the_scheme_http_or_https_and_a_host() {
        for url in ["http://127.0.0.1:3000/a?b=c", "https://example.com", "HTTP://h/"] {
            assert!(http_url(url).is_ok(), "{url}");
        }
        for url in ["", "h", "localhost:3000", "/a", "ftp://h/a", "http://", "http:///a", "a b"] {
            assert!(http_url(url).is_err(), "{url}");
        }
    }
}
