//! The S3 of hardcap, and a plain PUT into it.

use std::io;

use bytes::Bytes;
use hardcap::Emulator;
use hardcap::config::Bucket;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use crate::sign;

/// The bucket of answers that overflow.
pub(crate) const BUCKET: &str = "answers";

/// An emulator with this bucket.
pub(crate) struct Store {
    emulator: Emulator,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl Store {
    pub(crate) async fn start() -> io::Result<Store> {
        let bucket = Bucket { name: BUCKET.to_owned(), ..Bucket::default() };
        let emulator = Emulator::builder().bucket(bucket).start().await;
        let emulator = emulator.map_err(io::Error::other)?;
        let mut tcp = HttpConnector::new();
        tcp.set_nodelay(true);
        Ok(Store { emulator, client: Client::builder(TokioExecutor::new()).build(tcp) })
    }

    pub(crate) fn url(&self) -> &str {
        self.emulator.aws_url()
    }

    /// Puts an object with a signature that does not contain its payload, as the SDKs sign a stream.
    pub(crate) async fn put(&self, body: Bytes) -> io::Result<()> {
        let path = format!("/{BUCKET}/plain");
        let address = self.url().trim_start_matches("http://").parse().map_err(io::Error::other)?;
        let mut put = Request::put(format!("{}{path}", self.url()));
        let signature = sign::headers("PUT", &path, address);
        for (name, value) in signature.lines().filter_map(|line| line.split_once(": ")) {
            put = put.header(name, value);
        }
        let put = put.body(Full::new(body)).map_err(io::Error::other)?;
        let response = self.client.request(put).await.map_err(io::Error::other)?;
        let status = response.status();
        let body = response.into_body().collect().await.map_err(io::Error::other)?.to_bytes();
        match status {
            StatusCode::OK => Ok(()),
            status => Err(io::Error::other(format!("{status}: {}", body.escape_ascii()))),
        }
    }

    pub(crate) async fn stop(self) {
        self.emulator.stop().await;
    }
}
