//! The proxy as a function: its process, and the least Runtime API that gives it events.

use std::convert::Infallible;
use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;

use bytes::Bytes;
use hardcap_tests::process::{self, Process};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc};

use crate::sign;
use crate::store::BUCKET;
use crate::world::World;

/// Far beyond any event of this program.
const DEADLINE_MS: &str = "4000000000000";

/// A running proxy.
#[derive(Debug)]
pub(crate) struct Function {
    process: Process,
    events: mpsc::Sender<Bytes>,
    answers: Mutex<mpsc::Receiver<Bytes>>,
}

/// What the Runtime API takes from, and gives to.
struct Ends {
    events: Mutex<mpsc::Receiver<Bytes>>,
    answers: mpsc::Sender<Bytes>,
}

impl Function {
    /// Starts the release program, which asks for its first event at once. Its bucket is at the address `s3`.
    pub(crate) async fn start(world: &World, s3: &str) -> io::Result<Function> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?.to_string();
        let (events, taken) = mpsc::channel(1);
        let (given, answers) = mpsc::channel(1);
        let ends = Arc::new(Ends { events: Mutex::new(taken), answers: given });
        tokio::spawn(serve(listener, ends));
        let variables = [
            ("AWS_LAMBDA_RUNTIME_API", address.as_str()),
            ("AWS_LAMBDA_FUNCTION_NAME", "proxy"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", sign::ACCESS_KEY_ID),
            ("AWS_SECRET_ACCESS_KEY", sign::SECRET),
            ("AWS_ENDPOINT_URL", s3),
            ("UPSTREAM_URL", world.url()),
            ("OVERFLOW_BUCKET", BUCKET),
            ("ACCESS", "open"),
            // Its log is not read.
            ("RUST_LOG", "off"),
        ];
        let none: [&str; 0] = [];
        let process = Process::start(&process::beside("proxy"), none, &variables)?;
        Ok(Function { process, events, answers: Mutex::new(answers) })
    }

    /// Hands an event over, and waits until its answer is posted.
    pub(crate) async fn invoke(&self, event: Bytes) -> io::Result<Bytes> {
        let gone = || io::Error::other("the proxy is gone");
        self.events.send(event).await.map_err(|_| gone())?;
        self.answers.lock().await.recv().await.ok_or_else(gone)
    }

    /// The most memory that it has had, in bytes.
    pub(crate) fn peak(&self) -> io::Result<u64> {
        let id = self.process.id().ok_or_else(|| io::Error::other("it has ended"))?;
        let status = std::fs::read_to_string(format!("/proc/{id}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok())
            .map(|kilobytes| kilobytes * 1024)
            .ok_or_else(|| io::Error::other(format!("no VmHWM in {status}")))
    }

    /// Ends it, and waits until it has ended.
    pub(crate) async fn stop(self) -> io::Result<()> {
        self.process.stop().await.map(drop)
    }
}

/// A GET through a function URL, from a client that takes no gzip and follows redirects.
pub(crate) fn event(path: &str) -> Bytes {
    let event = json!({
        "version": "2.0",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {
            "host": "abc.lambda-url.us-east-1.on.aws",
            "accept": "*/*",
            "user-agent": "curl/8.5.0",
        },
        "requestContext": {
            "domainName": "abc.lambda-url.us-east-1.on.aws",
            "http": { "method": "GET", "sourceIp": "192.0.2.9" },
            "stage": "$default",
        },
        "isBase64Encoded": false,
    });
    event.to_string().into()
}

async fn serve(listener: TcpListener, ends: Arc<Ends>) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let ends = Arc::clone(&ends);
        let handle = hyper::service::service_fn(move |request| answer(Arc::clone(&ends), request));
        let http = hyper::server::conn::http1::Builder::new();
        tokio::spawn(http.serve_connection(TokioIo::new(stream), handle));
    }
}

async fn answer(
    ends: Arc<Ends>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    if request.method() != Method::GET {
        let body = request.into_body().collect().await.map(|body| body.to_bytes());
        // The receiver may have been dropped.
        let _ = ends.answers.send(body.unwrap_or_default()).await;
        return Ok(status(StatusCode::ACCEPTED));
    }
    let Some(event) = ends.events.lock().await.recv().await else {
        return Ok(status(StatusCode::GONE));
    };
    let response = Response::builder()
        .header("lambda-runtime-aws-request-id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd")
        .header("lambda-runtime-deadline-ms", DEADLINE_MS)
        .header(
            "lambda-runtime-invoked-function-arn",
            "arn:aws:lambda:us-east-1:000000000000:function:proxy",
        );
    Ok(response.body(Full::new(event)).unwrap_or_else(|_| status(StatusCode::GONE)))
}

fn status(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}
