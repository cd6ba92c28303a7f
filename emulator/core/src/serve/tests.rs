//! Bodies and pipelined requests over real connections.

use std::sync::{Arc, Mutex};

use hardcap_limits::Limits;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;
use crate::head::SentHead;

/// A request as the service received it: the names and values of the head as sent, and the body.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    target_bytes: Option<u64>,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

type Log = Arc<Mutex<Vec<Seen>>>;

/// Starts a gateway surface that reads bodies of up to `max` bytes and logs each request.
async fn start(
    max: u64,
    idle: Millis,
    tasks: &TaskTracker,
) -> (SocketAddr, Log, CancellationToken) {
    let (listener, address) = bind(LOOPBACK, 0).await.unwrap();
    let (log, stop) = (Log::default(), CancellationToken::new());
    let seen = Arc::clone(&log);
    let mut limits = Limits::classic();
    limits.set("rest_request_body", max).unwrap();
    let limit = limits.rest_request_body;
    serve(listener, stop.clone(), tasks, ListenerKind::Gateway(idle), move |request, _| {
        let seen = Arc::clone(&seen);
        async move { note(request, &limit, &seen).await }
    });
    (address, log, stop)
}

async fn note(
    request: Request<RequestBody>,
    limit: &Limit<hardcap_limits::Bytes>,
    seen: &Mutex<Vec<Seen>>,
) -> Response<SentBody> {
    let (head, body) = request.into_parts();
    let sent = head.extensions.get::<SentHead>().cloned();
    let read = read_body(&head.headers, body, limit).await;
    let (status, body) = match read {
        Ok(body) => (200, body),
        Err(ReadError::TooLarge(_)) => (413, Bytes::new()),
        Err(ReadError::Idle(_)) => (408, Bytes::new()),
        Err(ReadError::CutShort(_)) => (400, Bytes::new()),
    };
    if status == 200 {
        let text = |value: Vec<u8>| String::from_utf8(value).unwrap();
        let headers = sent.iter().flat_map(|sent| sent.headers.clone());
        seen.lock().unwrap().push(Seen {
            target_bytes: sent.as_ref().map(|sent| sent.target_bytes),
            headers: headers.map(|(name, value)| (name, text(value))).collect(),
            body: body.to_vec(),
        });
    }
    let mut response = Response::new(SentBody::from(body));
    *response.status_mut() = http::StatusCode::from_u16(status).unwrap();
    response
}

#[derive(Clone, Copy, Debug)]
enum Coding {
    None,
    Length,
    Chunked,
}

/// A request: its bytes on the wire, and what the service must receive.
fn request() -> impl Strategy<Value = (Vec<u8>, Seen)> {
    let name = "[xX]-[a-zA-Z]{1,8}";
    let fields = prop::collection::vec((name, "[a-z;,=]{0,6}"), 0..4);
    let coding = prop::sample::select(&[Coding::None, Coding::Length, Coding::Chunked][..]);
    let chunks = prop::collection::vec(piece(), 1..4);
    let path = prop_oneof![9 => "/[a-z]{0,9}", 1 => Just(format!("/{}", "p".repeat(69_999)))];
    (path, fields, coding, chunks, any::<bool>(), any::<bool>()).prop_map(
        |(path, mut fields, coding, chunks, expect, trailer)| {
            if expect {
                fields.push(("EXPECT".to_owned(), "100-continue".to_owned()));
            }
            let body: Vec<u8> = chunks.concat();
            let (mut framed, mut expected) = (Vec::new(), body.clone());
            match coding {
                Coding::None => expected.clear(),
                Coding::Length => {
                    fields.insert(0, ("content-LENGTH".to_owned(), body.len().to_string()));
                    framed = body;
                }
                Coding::Chunked => {
                    fields.push(("Transfer-Encoding".to_owned(), "chunked".to_owned()));
                    for chunk in chunks.iter().filter(|chunk| !chunk.is_empty()) {
                        framed.extend(format!("{:X};GET=/\r\n", chunk.len()).bytes());
                        framed.extend(chunk);
                        framed.extend(b"\r\n");
                    }
                    framed.extend(if trailer {
                        &b"0\r\nX-T: GET / HTTP/1.1\r\n\r\n"[..]
                    } else {
                        b"0\r\n\r\n"
                    });
                }
            }
            let mut bytes = format!("POST {path} HTTP/1.1\r\n").into_bytes();
            for (name, value) in &fields {
                bytes.extend(format!("{name}: {value} \r\n").bytes());
            }
            bytes.extend(b"\r\n");
            bytes.extend(framed);
            let target_bytes = Some(path.len() as u64);
            (bytes, Seen { target_bytes, headers: fields, body: expected })
        },
    )
}

/// A piece of a body: text that looks like a head, a long target or an end, among plain bytes.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(b"GET / HTTP/1.1\r\nX-Evil: 1\r\n\r\n".to_vec()),
        Just(b"\r\n\r\n".to_vec()),
        Just(b"0\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n".to_vec()),
        (60_000_usize..70_000).prop_map(|length| [b"POST /".to_vec(), vec![b'a'; length]].concat()),
        prop::collection::vec(any::<u8>(), 0..300),
    ]
}

#[test]
fn pipelined_requests_of_every_framing_arrive_intact_with_their_names_as_sent() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let tasks = TaskTracker::new();
    let (address, log, stop) = runtime.block_on(start(10_000_000, BODY_IDLE, &tasks));
    let drawn =
        (prop::collection::vec(request(), 1..6), prop::collection::vec(1_usize..100_000, 1..8));
    let config = Config { cases: 150, failure_persistence: None, ..Config::default() };
    let sent = |(requests, cuts): (Vec<(Vec<u8>, Seen)>, Vec<usize>)| {
        log.lock().unwrap().clear();
        let bytes: Vec<u8> = requests.iter().flat_map(|(bytes, _)| bytes.clone()).collect();
        let answers = runtime.block_on(async {
            let stream = TcpStream::connect(address).await.unwrap();
            stream.set_nodelay(true).unwrap();
            let (mut reader, mut writer) = stream.into_split();
            let write = async move {
                let (mut rest, mut cuts) = (bytes.as_slice(), cuts.iter().cycle());
                while !rest.is_empty() {
                    let cut = (*cuts.next().unwrap()).min(rest.len());
                    writer.write_all(&rest[..cut]).await.unwrap();
                    rest = &rest[cut..];
                    tokio::task::yield_now().await;
                }
                writer.shutdown().await.unwrap();
            };
            let mut answers = Vec::new();
            tokio::join!(write, async { reader.read_to_end(&mut answers).await.unwrap() });
            answers
        });
        let expected: Vec<Seen> = requests.into_iter().map(|(_, seen)| seen).collect();
        let seen = log.lock().unwrap().clone();
        prop_assert_eq!(seen.len(), expected.len(), "{}", answers.escape_ascii());
        for (seen, expected) in seen.iter().zip(&expected) {
            prop_assert_eq!(seen, expected);
        }
        Ok(())
    };
    TestRunner::new(config).run(&drawn, sent).unwrap();
    stop.cancel();
}

/// Writes `bytes` and reads until the server closes.
async fn exchange(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn a_stalled_body_is_refused_after_the_idle_timeout_and_a_slow_one_is_read() {
    let tasks = TaskTracker::new();
    let (address, log, stop) = start(1_000, Millis(300), &tasks).await;
    for head in [
        "Content-Length: 10",
        "Transfer-Encoding: chunked",
        "Expect: 100-continue\r\nContent-Length: 9",
    ] {
        let request = format!("POST / HTTP/1.1\r\n{head}\r\n\r\n");
        let answer = exchange(address, request.as_bytes()).await;
        assert!(answer.contains("HTTP/1.1 408 "), "{head}: {answer}");
        assert!(answer.contains("connection: close"), "{head}: {answer}");
    }
    assert_eq!(*log.lock().unwrap(), []);
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"POST / HTTP/1.1\r\nContent-Length: 8\r\n\r\n").await.unwrap();
    for _ in 0..8 {
        Clock::default().pause(std::time::Duration::from_millis(100)).await;
        stream.write_all(b"x").await.unwrap();
    }
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer.escape_ascii().to_string(), "HTTP/1.1 200");
    stop.cancel();
}

#[tokio::test]
async fn a_client_that_sends_a_body_over_the_limit_receives_the_refusal() {
    let tasks = TaskTracker::new();
    let (address, _, stop) = start(1_000, BODY_IDLE, &tasks).await;
    let watch = Clock::default().stopwatch();
    for length in ["1001", "9223372036854775808"] {
        for expect in ["", "Expect: 100-continue\r\n"] {
            let request = format!("POST / HTTP/1.1\r\n{expect}Content-Length: {length}\r\n\r\n");
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut status = [0; 12];
            stream.read_exact(&mut status).await.unwrap();
            assert_eq!(status.escape_ascii().to_string(), "HTTP/1.1 413", "{request}");
        }
    }
    assert!(watch.elapsed() < std::time::Duration::from_secs(10), "{:?}", watch.elapsed());
    // This client reads only after it has sent everything: the kernel's buffers are far smaller than this body.
    let length = 40_000_000;
    let mut request = format!("POST / HTTP/1.1\r\nContent-Length: {length}\r\n\r\n").into_bytes();
    request.resize(request.len() + length, b'x');
    let answer = exchange(address, &request).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    stop.cancel();
}
