//! An upstream on a raw socket, which can send a wrong length, stop, and hang. It stores the received requests.

use std::future::Future;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// A received request, as text.
#[derive(Clone, Debug, Default)]
pub struct Received {
    pub line: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Received {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

#[derive(Debug)]
pub struct RawUpstream {
    pub url: String,
    received: Arc<Mutex<Vec<Received>>>,
}

impl RawUpstream {
    /// Responds to the n-th request, from 0, with `answer(n, request, socket)`, and closes the connection.
    pub async fn start<F, A>(answer: F) -> RawUpstream
    where
        F: Fn(usize, Received, TcpStream) -> A + Send + Sync + 'static,
        A: Future<Output = ()> + Send,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let url = format!("http://{}", listener.local_addr().expect("it is bound"));
        let received = Arc::new(Mutex::new(Vec::new()));
        let upstream = RawUpstream { url, received: Arc::clone(&received) };
        let answer = Arc::new(answer);
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let (received, answer) = (Arc::clone(&received), Arc::clone(&answer));
                tokio::spawn(async move {
                    let Some(request) = read(&mut socket).await else { return };
                    let number = {
                        let mut all = received.lock().expect("no test panicked with the lock");
                        all.push(request.clone());
                        all.len() - 1
                    };
                    answer(number, request, socket).await;
                });
            }
        });
        upstream
    }

    /// Responds to every request with these bytes.
    pub async fn saying(bytes: impl Into<Vec<u8>>) -> RawUpstream {
        let bytes = Arc::new(bytes.into());
        RawUpstream::start(move |_, _, mut socket| {
            let bytes = Arc::clone(&bytes);
            async move {
                // A client that needs no more may have disconnected.
                let _ = socket.write_all(&bytes).await;
            }
        })
        .await
    }

    pub fn received(&self) -> Vec<Received> {
        self.received.lock().expect("no test panicked with the lock").clone()
    }
}

async fn read(socket: &mut TcpStream) -> Option<Received> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 8192];
    let head_end = loop {
        let read = socket.read(&mut buffer).await.ok()?;
        if read == 0 {
            return None;
        }
        bytes.extend_from_slice(&buffer[..read]);
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at;
        }
    };
    let head = String::from_utf8_lossy(&bytes[..head_end]).into_owned();
    let mut lines = head.split("\r\n");
    let line = lines.next()?.to_owned();
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let mut received = Received { line, headers, body: bytes[head_end + 4..].to_vec() };
    let length: usize =
        received.header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    while received.body.len() < length {
        let read = socket.read(&mut buffer).await.ok()?;
        if read == 0 {
            return None;
        }
        received.body.extend_from_slice(&buffer[..read]);
    }
    Some(received)
}

/// A whole response.
pub fn answer(status: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut bytes = head(status, headers, body.len()).into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// The head of a response that declares this length.
pub fn head(status: &str, headers: &[(&str, &str)], length: usize) -> String {
    let lines: String = headers.iter().map(|(n, v)| format!("{n}: {v}\r\n")).collect();
    format!("HTTP/1.1 {status}\r\n{lines}content-length: {length}\r\n\r\n")
}
