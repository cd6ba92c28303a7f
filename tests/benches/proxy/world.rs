//! The least upstream and the least bucket: one gives bytes that are made already, the other forgets what it gets.

use std::convert::Infallible;
use std::io;
use std::net::Ipv4Addr;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;

const PIECE: usize = 64 * 1024;
const DOCUMENT: &str = "{\"_index\":\"logs\",\"_id\":\"Nn0kXpEBx\",\"_score\":1.0,\"_source\":{\"message\":\"GET /a 200\"}}\n";

/// Upstream and bucket on one address, and the straight way to both.
#[derive(Debug)]
pub(crate) struct World {
    url: String,
    fetches: Client<HttpConnector, Full<Bytes>>,
    puts: Client<HttpConnector, Incoming>,
}

impl World {
    pub(crate) async fn start() -> io::Result<World> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let pieces = Pieces { binary: binary(), json: json() };
        tokio::spawn(serve(listener, pieces));
        let mut tcp = HttpConnector::new();
        tcp.set_nodelay(true);
        let fetches = Client::builder(TokioExecutor::new()).build(tcp.clone());
        let puts = Client::builder(TokioExecutor::new()).build(tcp);
        Ok(World { url, fetches, puts })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Fetches a body, whole; its length.
    pub(crate) async fn fetch(&self, path: &str) -> io::Result<usize> {
        let body = self.get(path).await?.collect().await.map_err(io::Error::other)?;
        Ok(body.to_bytes().len())
    }

    /// Puts a body as it is fetched; its length.
    pub(crate) async fn pass_on(&self, path: &str) -> io::Result<usize> {
        let body = self.get(path).await?;
        let length = body.size_hint().exact().and_then(|length| usize::try_from(length).ok());
        let put = Request::put(format!("{}/answers/straight", self.url)).body(body);
        let put = put.map_err(io::Error::other)?;
        let answer = self.puts.request(put).await.map_err(io::Error::other)?;
        answer.into_body().collect().await.map_err(io::Error::other)?;
        Ok(length.unwrap_or_default())
    }

    async fn get(&self, path: &str) -> io::Result<Incoming> {
        let get = Request::get(format!("{}{path}", self.url)).body(Full::default());
        let get = get.map_err(io::Error::other)?;
        Ok(self.fetches.request(get).await.map_err(io::Error::other)?.into_body())
    }
}

/// What bodies are made of.
#[derive(Clone)]
struct Pieces {
    binary: Bytes,
    json: Bytes,
}

/// Bytes of every value, in no order that text could have.
fn binary() -> Bytes {
    let mut state = 1_u32;
    let next = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    });
    next.take(PIECE).collect::<Vec<u8>>().into()
}

fn json() -> Bytes {
    DOCUMENT.bytes().cycle().take(PIECE).collect::<Vec<u8>>().into()
}

async fn serve(listener: TcpListener, pieces: Pieces) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let pieces = pieces.clone();
        let handle = hyper::service::service_fn(move |request| answer(pieces.clone(), request));
        let http = hyper::server::conn::http1::Builder::new();
        tokio::spawn(http.serve_connection(TokioIo::new(stream), handle));
    }
}

type Answer = Response<BoxBody<Bytes, Infallible>>;

async fn answer(pieces: Pieces, request: Request<Incoming>) -> Result<Answer, Infallible> {
    let path = request.uri().path().to_owned();
    let query = request.uri().query().unwrap_or_default().to_owned();
    let method = request.method().clone();
    let mut body = request.into_body();
    while let Some(Ok(_)) = body.frame().await {}
    let asked: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    Ok(match (&method, asked.as_slice()) {
        (&Method::GET, ["bytes", kind, size]) => {
            let left = size.parse().unwrap_or_default();
            let (piece, media_type) = match *kind {
                "json" => (pieces.json, "application/json"),
                _ => (pieces.binary, "application/octet-stream"),
            };
            let answer = Response::builder().header("content-type", media_type);
            answer.body(Repeated { piece, left }.boxed()).unwrap_or_else(|_| broken())
        }
        (&Method::POST, _) if query.starts_with("uploads") => xml(
            "<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>",
        ),
        (&Method::POST, _) => {
            xml("<CompleteMultipartUploadResult><ETag>e-1</ETag></CompleteMultipartUploadResult>")
        }
        _ => xml(""),
    })
}

fn xml(text: &'static str) -> Answer {
    let answer = Response::builder().header("etag", "\"e\"");
    answer.body(Full::from(text).boxed()).unwrap_or_else(|_| broken())
}

fn broken() -> Answer {
    let mut answer = Response::new(Full::default().boxed());
    *answer.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    answer
}

/// So many bytes of one piece, again and again.
struct Repeated {
    piece: Bytes,
    left: usize,
}

impl Body for Repeated {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let size = self.left.min(self.piece.len());
        self.left -= size;
        Poll::Ready(Some(Ok(Frame::data(self.piece.slice(..size)))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left as u64)
    }
}
