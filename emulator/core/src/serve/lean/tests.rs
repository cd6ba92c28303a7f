//! Connections that are served without hyper at first, over real sockets.

use axum::body::Body as SentBody;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_util::task::TaskTracker;

use super::super::{LOOPBACK, ListenerKind, RequestBody, bind, serve_leanly};
use super::*;

/// Serves every POST to `/lean` without hyper and every other request with it. The response is the body and who has read it.
async fn start(tasks: &TaskTracker) -> (SocketAddr, CancellationToken) {
    let (listener, address) = bind(LOOPBACK, 0).await.unwrap();
    let stop = CancellationToken::new();
    let kind = ListenerKind::Aws(Millis(2_000));
    serve_leanly(listener, stop.clone(), tasks, kind, lean, |request, _| by_hyper(request));
    (address, stop)
}

async fn lean(mut connection: LeanConnection) -> Option<LeanConnection> {
    loop {
        let taken = |head: &LeanHead<'_>| (head.target == "/lean").then_some(head.length);
        let length = match connection.next(taken).await {
            Arrival::Request(length) => length,
            Arrival::End => return None,
            Arrival::Other => return Some(connection),
        };
        let mut seen = 0;
        let Some(body) = connection.body(length, |piece| seen += piece.len()).await else {
            return Some(connection);
        };
        assert_eq!(seen, body.len());
        let headers = |out: &mut Vec<u8>| line(out, "by", b"lean");
        connection.respond(StatusCode::OK, headers, &body).await.ok()?;
    }
}

async fn by_hyper(request: Request<RequestBody>) -> Response<SentBody> {
    let (status, body) = match request.into_body().collect().await {
        Ok(body) => (StatusCode::OK, body.to_bytes()),
        Err(_) => (StatusCode::BAD_REQUEST, Bytes::new()),
    };
    let mut response = Response::new(SentBody::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert("by", http::HeaderValue::from_static("hyper"));
    response
}

fn post(target: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!("POST {target} HTTP/1.1\r\nhost: x\r\nContent-Length: {length}\r\n\r\n");
    [head.as_bytes(), body].concat()
}

/// Writes bytes in pieces and returns everything that is sent back.
async fn exchange(address: SocketAddr, sent: &[u8], piece: usize) -> String {
    let stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let (mut reader, mut writer) = stream.into_split();
    let mut received = Vec::new();
    let write = async {
        for piece in sent.chunks(piece) {
            writer.write_all(piece).await.unwrap();
            tokio::task::yield_now().await;
        }
        writer.shutdown().await.unwrap();
    };
    let (_, read) = tokio::join!(write, reader.read_to_end(&mut received));
    read.unwrap();
    String::from_utf8(received).unwrap()
}

/// The status, the reader and the body of each response.
fn responses(mut text: &str) -> Vec<(u16, String, String)> {
    let mut found = Vec::new();
    while let Some((head, rest)) = text.split_once("\r\n\r\n") {
        let value = |name: &str| {
            let mut lines = head.lines().filter_map(|line| line.split_once(": "));
            lines.find(|(other, _)| *other == name).map(|(_, value)| value.to_owned())
        };
        let length: usize = value("content-length").unwrap().parse().unwrap();
        assert!(value("date").is_some(), "{head}");
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        found.push((status, value("by").unwrap(), rest[..length].to_owned()));
        text = &rest[length..];
    }
    found
}

#[tokio::test]
async fn requests_are_answered_in_their_order_however_their_bytes_arrive() {
    let tasks = TaskTracker::new();
    let (address, _stop) = start(&tasks).await;
    let large = "l".repeat(300_000);
    let chunked =
        "POST /lean HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n3\r\ntwo\r\n0\r\n\r\n";
    let sent = [
        post("/lean", b"one"),
        post("/lean", b""),
        post("/lean", large.as_bytes()),
        chunked.into(),
        post("/lean", b"last"),
    ]
    .concat();
    for piece in [7, 50, 1_000, sent.len()] {
        let all = responses(&exchange(address, &sent, piece).await);
        let bodies: Vec<&str> = all.iter().map(|(_, _, body)| body.as_str()).collect();
        assert!(bodies == ["one", "", &large, "two", "last"], "pieces of {piece} bytes");
        assert!(all.iter().all(|(status, ..)| *status == 200));
        let readers: Vec<&str> = all.iter().map(|(_, by, _)| by.as_str()).collect();
        if piece == sent.len() {
            assert_eq!(readers, ["lean", "lean", "lean", "hyper", "hyper"]);
        }
    }
}

#[tokio::test]
async fn a_request_that_is_not_simple_is_read_by_hyper() {
    let tasks = TaskTracker::new();
    let (address, _stop) = start(&tasks).await;
    let expecting = "POST /lean HTTP/1.1\r\nhost: x\r\nexpect: x\r\ncontent-length: 2\r\n\r\nab";
    let old = "POST /lean HTTP/1.0\r\ncontent-length: 2\r\n\r\nab";
    let closing =
        "POST /lean HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 2\r\n\r\nab";
    let other = "POST /other HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\nab";
    for sent in [expecting, old, closing, other] {
        let all = responses(&exchange(address, sent.as_bytes(), sent.len()).await);
        assert_eq!(all, [(200, "hyper".to_owned(), "ab".to_owned())], "{sent}");
    }
}

#[tokio::test]
async fn a_body_that_is_cut_short_is_an_error_of_hyper() {
    let tasks = TaskTracker::new();
    let (address, _stop) = start(&tasks).await;
    let whole = post("/lean", &[b'x'; 20_000]);
    for kept in [whole.len() - 1, whole.len() - 19_000] {
        let all = responses(&exchange(address, &whole[..kept], kept).await);
        assert_eq!(all, [(400, "hyper".to_owned(), String::new())]);
    }
}

#[tokio::test]
async fn a_stop_ends_a_connection_that_waits() {
    let tasks = TaskTracker::new();
    let (address, stop) = start(&tasks).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(&post("/lean", b"x")).await.unwrap();
    let mut received = [0; 1_024];
    assert!(stream.read(&mut received).await.unwrap() > 0);
    stop.cancel();
    assert_eq!(stream.read(&mut received).await.unwrap(), 0);
    tasks.close();
    tasks.wait().await;
}
