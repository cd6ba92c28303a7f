//! A bucket on a real socket with the operations that the proxy uses. It counts and digests uploads, and keeps them only
//! if configured.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;

#[derive(Clone, Debug, Default)]
pub struct Object {
    pub headers: HeaderMap,
    pub length: u64,
    pub sha256: String,
    pub bytes: Vec<u8>,
}

#[derive(Debug, Default)]
struct State {
    operations: Vec<String>,
    objects: BTreeMap<String, Object>,
    uploads: BTreeMap<String, (HeaderMap, BTreeMap<u32, Vec<u8>>)>,
    /// The digests and lengths of uploads that are not kept, in order of arrival.
    digest: Option<Sha256>,
    length: u64,
    /// The `Date` of responses, if it is not the current time.
    date: Option<String>,
}

#[derive(Debug)]
pub struct Bucket {
    pub url: String,
    state: Arc<Mutex<State>>,
}

impl Bucket {
    pub async fn keeping() -> Bucket {
        Bucket::start(true).await
    }

    /// Stores only the lengths of uploads, for bodies that do not fit into memory.
    pub async fn counting() -> Bucket {
        Bucket::start(false).await
    }

    async fn start(keeps: bool) -> Bucket {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let url = format!("http://{}", listener.local_addr().expect("it is bound"));
        let state = Arc::new(Mutex::new(State::default()));
        let bucket = Bucket { url, state: Arc::clone(&state) };
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let state = Arc::clone(&state);
                let serve = service_fn(move |request| serve(Arc::clone(&state), keeps, request));
                let connection = hyper::server::conn::http1::Builder::new();
                tokio::spawn(connection.serve_connection(TokioIo::new(socket), serve));
            }
        });
        bucket
    }

    /// Sets the `Date` of responses.
    pub fn says_it_is(&self, date: &str) {
        self.state.lock().expect("no test panicked with the lock").date = Some(date.to_owned());
    }

    /// An empty object with one header.
    pub fn put(&self, path: &str, name: &'static str, value: &str) {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().expect("it is a header value"));
        let object = Object { headers, ..Object::default() };
        self.state
            .lock()
            .expect("no test panicked with the lock")
            .objects
            .insert(path.to_owned(), object);
    }

    /// Deletes all objects, as a lifecycle does.
    pub fn expire(&self) {
        self.state.lock().expect("no test panicked with the lock").objects.clear();
    }

    pub fn operations(&self) -> Vec<String> {
        self.state.lock().expect("no test panicked with the lock").operations.clone()
    }

    pub fn objects(&self) -> BTreeMap<String, Object> {
        self.state.lock().expect("no test panicked with the lock").objects.clone()
    }

    /// The only object, and its key.
    pub fn only(&self) -> (String, Object) {
        let objects = self.objects();
        assert_eq!(objects.len(), 1, "{:?}", self.operations());
        objects.into_iter().next().expect("there is one")
    }

    pub fn counted(&self) -> u64 {
        self.state.lock().expect("no test panicked with the lock").length
    }

    pub fn uploads_open(&self) -> usize {
        self.state.lock().expect("no test panicked with the lock").uploads.len()
    }
}

async fn serve(
    state: Arc<Mutex<State>>,
    keeps: bool,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let query = head.uri.query().unwrap_or_default().to_owned();
    let key = head.uri.path().to_owned();
    let (kept, length) = read(body, keeps).await;
    let mut state = state.lock().expect("no test panicked with the lock");
    let has = |name: &str| query.split('&').any(|part| part.split('=').next() == Some(name));
    let number = query.split('&').find_map(|part| part.strip_prefix("partNumber="));
    let mut answer = Response::builder().header("etag", "\"e\"");
    if let Some(date) = &state.date {
        answer = answer.header("date", date);
    }
    if head.method == Method::HEAD {
        state.operations.push("HeadObject".to_owned());
        return Ok(about(answer, state.objects.get(&key)));
    }
    let (operation, xml) = match (head.method.clone(), has("uploads"), has("uploadId")) {
        (Method::POST, true, _) => {
            state.uploads.insert(key, (head.headers, BTreeMap::new()));
            (
                "CreateMultipartUpload",
                "<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>",
            )
        }
        (Method::PUT, _, true) => {
            state.length += length;
            let number = number.and_then(|text| text.parse().ok()).expect("a part has a number");
            let upload = state.uploads.get_mut(&key).expect("it was created");
            upload.1.insert(number, kept);
            ("UploadPart", "")
        }
        (Method::POST, _, true) => {
            let (headers, parts) = state.uploads.remove(&key).expect("it was created");
            let bytes = parts.into_values().flatten().collect();
            store(&mut state, key, headers, bytes);
            (
                "CompleteMultipartUpload",
                "<CompleteMultipartUploadResult><ETag>e-1</ETag></CompleteMultipartUploadResult>",
            )
        }
        (Method::DELETE, _, true) => {
            state.uploads.remove(&key);
            ("AbortMultipartUpload", "")
        }
        (Method::PUT, ..) => {
            store(&mut state, key, head.headers, kept);
            ("PutObject", "")
        }
        (method, ..) => panic!("the bucket does not know {method} {}", head.uri),
    };
    state.operations.push(operation.to_owned());
    let status =
        if operation.starts_with("Abort") { StatusCode::NO_CONTENT } else { StatusCode::OK };
    Ok(answer.status(status).body(Full::from(xml)).expect("it is an answer"))
}

async fn read(mut body: Incoming, keeps: bool) -> (Vec<u8>, u64) {
    let (mut kept, mut length) = (Vec::new(), 0);
    while let Some(Ok(frame)) = body.frame().await {
        if let Ok(data) = frame.into_data() {
            length += data.len() as u64;
            if keeps {
                kept.extend_from_slice(&data);
            }
        }
    }
    (kept, length)
}

fn about(mut answer: http::response::Builder, object: Option<&Object>) -> Response<Full<Bytes>> {
    let Some(object) = object else {
        return answer
            .status(StatusCode::NOT_FOUND)
            .body(Full::default())
            .expect("it is an answer");
    };
    for (name, value) in &object.headers {
        if name.as_str().starts_with("x-amz-meta-") {
            answer = answer.header(name, value);
        }
    }
    let length = object.length.to_string();
    answer.header("content-length", length).body(Full::default()).expect("it is an answer")
}

fn store(state: &mut State, key: String, headers: HeaderMap, bytes: Vec<u8>) {
    let object = Object {
        headers,
        length: bytes.len() as u64,
        sha256: hex::encode(Sha256::digest(&bytes)),
        bytes,
    };
    state.objects.insert(key, object);
}
