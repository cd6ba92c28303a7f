//! The function under test. Its first argument (else `_HANDLER`) says how it behaves; the event says the rest.
//!
//! `script` plays the runtime by hand, so that it can do what no real runtime does; everything else is a handler under
//! `lambda_runtime`, as users write them.

mod stream;

use std::collections::BTreeMap;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::exit;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lambda_runtime::streaming::{Body, Response, channel};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let mode = std::env::args().nth(1).or_else(|| variable("_HANDLER")).unwrap_or_default();
    match mode.as_str() {
        "script" => script(),
        "stream" => stream::serve(),
        "rust-stream" => lambda_runtime::run(service_fn(stream_in_rust)).await,
        "never-poll" => sleep_for_ever(),
        "web" => web(),
        "tell-address" => tell_address(),
        "exit-in-init" => exit(number_argument(2).unwrap_or(1)),
        "init-error" => {
            post("init/error", &[], br#"{"errorMessage":"no such module","errorType":"Runtime.ImportModuleError","requestId":"","stackTrace":[]}"#)?;
            exit(1)
        }
        "slow-init" => {
            pause(u64::try_from(number_argument(2).unwrap_or(0))?);
            lambda_runtime::run(service_fn(echo)).await
        }
        "echo" => lambda_runtime::run(service_fn(echo)).await,
        "records" => lambda_runtime::run(service_fn(records)).await,
        "authorizer" => lambda_runtime::run(service_fn(authorize)).await,
        "giant" => lambda_runtime::run(service_fn(giant)).await,
        _ => lambda_runtime::run(service_fn(behave)).await,
    }
}

/// Writes the address of its Runtime API to the file `TOLD`, for a test that plays the runtime itself.
fn tell_address() -> Result<(), Error> {
    let told = variable("TOLD").ok_or("no TOLD")?;
    let part = format!("{told}.{}", std::process::id());
    std::fs::write(&part, variable("AWS_LAMBDA_RUNTIME_API").unwrap_or_default())?;
    std::fs::rename(part, told)?;
    sleep_for_ever()
}

/// A web server that knows nothing of Lambda: it listens on `PORT`, and says what it got.
fn web() -> Result<(), Error> {
    let port: u16 = variable("PORT").ok_or("no PORT")?.parse()?;
    for stream in std::net::TcpListener::bind(("127.0.0.1", port))?.incoming() {
        let mut request = BufReader::new(stream?);
        let (mut line, mut length) = (String::new(), 0);
        request.read_line(&mut line)?;
        let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        loop {
            line.clear();
            if request.read_line(&mut line)? == 0 || line == "\r\n" {
                break;
            }
            if let Some(given) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = given.trim().parse()?;
            }
        }
        let mut body = vec![0; length];
        request.read_exact(&mut body)?;
        let text = format!("{path} got {}", String::from_utf8_lossy(&body));
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nconnection: close";
        let answer = format!("{head}\r\ncontent-length: {}\r\n\r\n{text}", text.len());
        request.get_mut().write_all(answer.as_bytes())?;
    }
    Ok(())
}

/// Returns the event, byte for byte.
async fn echo(event: LambdaEvent<Box<RawValue>>) -> Result<Box<RawValue>, Error> {
    Ok(event.payload)
}

/// Takes the messages of a queue: fails if one says `fail`, and reports those that say `poison`.
async fn records(event: LambdaEvent<Value>) -> Result<Value, Error> {
    let records = event.payload["Records"].as_array().cloned().unwrap_or_default();
    if records.iter().any(|record| record["body"] == "fail") {
        return Err("a message says that this fails".into());
    }
    let poison = records.iter().filter(|record| record["body"] == "poison");
    let failures = poison.map(|record| json!({ "itemIdentifier": record["messageId"] }));
    Ok(json!({ "batchItemFailures": failures.collect::<Vec<_>>() }))
}

/// What Zappa up to 0.45.1 made of a Flask application that returns `"x" * size`, as Python's `json.dumps` wrote it.
async fn giant(event: LambdaEvent<Value>) -> Result<Box<RawValue>, Error> {
    let size = &event.payload["queryStringParameters"]["size"];
    let size: usize = size.as_str().ok_or("the query has no `size`")?.parse()?;
    let body = STANDARD.encode(vec![b'x'; size]);
    let envelope = format!(
        "{{\"body\": \"{body}\", \"isBase64Encoded\": \"true\", \"statusCode\": 200, \"headers\": \
         {{\"Content-Type\": \"text/html; charset=utf-8\", \"Content-Length\": \"{size}\"}}}}"
    );
    Ok(RawValue::from_string(envelope)?)
}

/// Decides who may call, by the token: `deny` is denied, `unauthorized` and `crash` fail, `broken` is not a decision, `one` may
/// call the method that it asks for, and every other token may call all. Tells how often it was asked.
async fn authorize(event: LambdaEvent<Value>) -> Result<Value, Error> {
    static CALLS: AtomicU64 = AtomicU64::new(0);
    let calls = CALLS.fetch_add(1, Ordering::Relaxed) + 1;
    let event = event.payload;
    let token = event["authorizationToken"].as_str().or(event["identitySource"][0].as_str());
    let effect = match token.unwrap_or_default() {
        "unauthorized" => return Err("Unauthorized".into()),
        "crash" => return Err("it does not know".into()),
        "broken" => return Ok(json!({})),
        "slow" => sleep_for_ever(),
        "deny" => "Deny",
        _ => "Allow",
    };
    let context = json!({ "calls": calls });
    if event["version"] == "2.0" {
        return Ok(json!({ "isAuthorized": effect == "Allow", "context": context }));
    }
    let resource = if token == Some("one") { event["methodArn"].clone() } else { "*".into() };
    let statement =
        json!({ "Effect": effect, "Action": "execute-api:Invoke", "Resource": resource });
    let policy = json!({ "Version": "2012-10-17", "Statement": [statement] });
    Ok(json!({ "principalId": "me", "policyDocument": policy, "context": context }))
}

/// Streams as a user of `lambda_runtime` does: a line for each number below `pieces`.
async fn stream_in_rust(event: LambdaEvent<Value>) -> Result<Response<Body>, Error> {
    let (mut sender, body) = channel();
    let pieces = event.payload["pieces"].as_u64().unwrap_or(0);
    tokio::spawn(async move {
        for piece in 0..pieces {
            sender.send_data(format!("piece {piece}\n").into()).await?;
        }
        Ok::<_, Error>(())
    });
    Ok(Response::from(body))
}

/// What an event may ask for, in this order.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Wish {
    /// Prints this line.
    print: Option<String>,
    /// Allocates and fills this many MB, and keeps them.
    leak_mb: usize,
    /// Waits this many milliseconds.
    millis: u64,
    /// Waits for ever.
    hang: bool,
    /// Starts a process that outlives the invocation, and returns its id.
    child: bool,
    /// Starts a process that leaves its session and outlives the invocation, and returns its id.
    deserter: bool,
    /// Starts threads until it cannot, and returns how many there are and the error.
    threads: bool,
    /// Writes this file, and returns what it held before.
    file: Option<String>,
    /// Writes so many MB to this file, and returns how many it could and the error that ended it.
    fill: Option<(String, usize)>,
    /// Opens files until it cannot, and returns how many are open and the error.
    open_files: bool,
    /// Returns its process id and its folder.
    place: bool,
    /// Returns the environment.
    env: bool,
    /// Returns the deadline, in milliseconds since 1970.
    deadline: bool,
    /// Returns the client context.
    client_context: bool,
    /// Ends with this status.
    exit: Option<i32>,
    /// Ends itself with this signal.
    signal: Option<i32>,
    /// Panics.
    panic: bool,
    /// Fails with this message.
    error: Option<String>,
    /// Returns what cannot be written as JSON.
    unserializable: bool,
    /// Invokes itself in this way with the same event, and returns what comes back.
    again: Option<String>,
    /// Returns a JSON string of this many bytes, quotes included.
    size: Option<usize>,
}

/// What a wish is answered with.
#[derive(Serialize)]
#[serde(untagged)]
enum Granted {
    Json(Box<RawValue>),
    /// JSON has no keys that are lists.
    Unserializable(BTreeMap<[u8; 1], u8>),
}

async fn behave(event: LambdaEvent<Wish>) -> Result<Granted, Error> {
    let LambdaEvent { payload: wish, context } = event;
    if let Some(line) = wish.print {
        out(&line);
    }
    std::mem::forget(vec![1_u8; wish.leak_mb * 1024 * 1024]);
    pause(wish.millis);
    if wish.hang {
        sleep_for_ever();
    }
    if let Some(status) = wish.exit {
        exit(status);
    }
    if let Some(signal) = wish.signal {
        end_by_signal(signal);
    }
    assert!(!wish.panic, "the event asked for a panic");
    if let Some(message) = wish.error {
        return Err(message.into());
    }
    if wish.unserializable {
        return Ok(Granted::Unserializable(BTreeMap::from([([0], 0)])));
    }
    let answer = if wish.child {
        Value::from(start_child()?)
    } else if wish.deserter {
        start_deserter()?
    } else if wish.threads {
        start_threads()?
    } else if let Some(file) = wish.file {
        let before = std::fs::read_to_string(&file).unwrap_or_default();
        // What cannot be written, such as a file of the kernel, is only read.
        let _ = std::fs::write(&file, "written");
        Value::from(before)
    } else if let Some((file, mb)) = wish.fill {
        fill(&file, mb)?
    } else if wish.open_files {
        open_files()?
    } else if wish.place {
        serde_json::json!([std::process::id(), std::env::current_dir()?])
    } else if wish.env {
        serde_json::to_value(std::env::vars().collect::<BTreeMap<_, _>>())?
    } else if wish.deadline {
        Value::from(context.deadline)
    } else if let Some(kind) = wish.again {
        return Ok(Granted::Json(RawValue::from_string(invoke_itself(&kind)?)?));
    } else if wish.client_context {
        serde_json::to_value(context.client_context)?
    } else {
        Value::from("x".repeat(wish.size.unwrap_or(2).saturating_sub(2)))
    };
    Ok(Granted::Json(RawValue::from_string(answer.to_string())?))
}

fn fill(file: &str, mb: usize) -> io::Result<Value> {
    let mut file = std::fs::File::create(file)?;
    for written in 0..mb {
        if let Err(error) = file.write_all(&[1; 1024 * 1024]) {
            return Ok(serde_json::json!([written, error.raw_os_error()]));
        }
    }
    Ok(serde_json::json!([mb, null]))
}

fn start_threads() -> io::Result<Value> {
    let barrier = std::sync::Arc::new(std::sync::RwLock::new(()));
    let held = barrier.write().map_err(|_| io::Error::other("nobody else holds it"))?;
    let mut threads = Vec::new();
    let error = loop {
        let barrier = std::sync::Arc::clone(&barrier);
        let thread = std::thread::Builder::new().stack_size(16 * 1024);
        match thread.spawn(move || drop(barrier.read())) {
            Ok(thread) => threads.push(thread),
            Err(error) => break error.raw_os_error(),
        }
    };
    let running = std::fs::read_dir("/proc/self/task")?.count();
    drop(held);
    for thread in threads {
        let _ = thread.join();
    }
    Ok(serde_json::json!([running, error]))
}

fn open_files() -> io::Result<Value> {
    let mut files = Vec::new();
    loop {
        match std::fs::File::open("/dev/null") {
            Ok(file) => files.push(file),
            Err(error) => {
                // One is needed to count them all.
                files.pop();
                let open = std::fs::read_dir("/proc/self/fd")?.count();
                return Ok(serde_json::json!([open, error.raw_os_error()]));
            }
        }
    }
}

/// One step of a script.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Step {
    /// Posts to `response`, `error`, or any path; `{id}` is the request id, and `{invocation}` in a header the invocation's.
    /// The body is the text, or so many bytes.
    Post {
        to: String,
        #[serde(default)]
        body: String,
        #[serde(default)]
        size: usize,
        #[serde(default)]
        headers: Vec<String>,
    },
    /// Declares a body of 100 bytes, sends 10, and closes its half of the connection.
    Truncated,
    /// Posts a chunked body with these trailers.
    Streamed {
        chunks: Vec<String>,
        trailers: Vec<String>,
    },
    /// Begins a streamed answer, waits for a byte from this address, takes these steps, and ends the answer.
    WhileStreaming {
        wait_for: String,
        steps: Vec<Step>,
    },
    /// Answers with what the Runtime API has said to every step before, as a JSON list.
    Tell,
    Exit(i32),
    Hang,
    Sleep(u64),
}

/// Does what each event says, and goes on whatever the Runtime API answers.
fn script() -> ! {
    let mut heard: Vec<String> = Vec::new();
    loop {
        let next = exchange(&request("GET", "invocation/next", &[], b""), false)
            .expect("the Runtime API answers");
        let ids = Ids {
            request: next.request_id.unwrap_or_default(),
            invocation: next.invocation_id.unwrap_or_default(),
        };
        let steps: Vec<Step> = match serde_json::from_slice(&next.body) {
            Ok(steps) => steps,
            Err(error) => {
                out(&format!("not a script: {error}"));
                vec![Step::Tell]
            }
        };
        take(steps, &ids, &mut heard);
    }
}

/// What the invocation that a script takes part in is called.
struct Ids {
    request: String,
    invocation: String,
}

fn take(steps: Vec<Step>, ids: &Ids, heard: &mut Vec<String>) {
    for step in steps {
        match perform(step, ids, heard) {
            Ok(Some(answer)) => heard.push(answer),
            Ok(None) => {}
            Err(error) => heard.push(format!("failed: {error}")),
        }
    }
}

fn perform(step: Step, ids: &Ids, heard: &mut Vec<String>) -> io::Result<Option<String>> {
    let id = &ids.request;
    let path = |to: &str| match to {
        "response" | "error" => format!("invocation/{id}/{to}"),
        other => other.replace("{id}", id),
    };
    match step {
        Step::Post { to, body, size, headers } => {
            let body = if size > 0 { "x".repeat(size) } else { body };
            let own = |header: &String| header.replace("{invocation}", &ids.invocation);
            let headers: Vec<String> = headers.iter().map(own).collect();
            post(&path(&to), &headers, body.as_bytes()).map(Some)
        }
        Step::Truncated => {
            let head = format!(
                "POST /2018-06-01/runtime/{} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 100\r\n\r\n0123456789",
                path("response")
            );
            exchange(head.as_bytes(), true).map(|heard| Some(heard.line()))
        }
        Step::Streamed { chunks, trailers } => {
            let mut message = format!(
                "POST /2018-06-01/runtime/{} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
                 lambda-runtime-function-response-mode: streaming\r\ntransfer-encoding: chunked\r\n\r\n",
                path("response")
            );
            for chunk in chunks {
                message += &format!("{:x}\r\n{chunk}\r\n", chunk.len());
            }
            message += "0\r\n";
            for trailer in trailers {
                message += &format!("{trailer}\r\n");
            }
            message += "\r\n";
            exchange(message.as_bytes(), false).map(|heard| Some(heard.line()))
        }
        Step::WhileStreaming { wait_for, steps } => {
            let mut answer = connect()?;
            write!(
                answer,
                "POST /2018-06-01/runtime/{} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
                 lambda-runtime-function-response-mode: streaming\r\ntransfer-encoding: chunked\r\n\r\n\
                 5\r\nbegun\r\n",
                path("response")
            )?;
            stream::wait_for(Some(&wait_for))?;
            take(steps, ids, heard);
            answer.write_all(b"a\r\n and ended\r\n0\r\n\r\n")?;
            listen(answer).map(|heard| Some(heard.line()))
        }
        Step::Tell => {
            let told = serde_json::to_vec(&std::mem::take(heard))?;
            post(&path("response"), &[], &told).map(|_| None)
        }
        Step::Exit(status) => exit(status),
        Step::Hang => sleep_for_ever(),
        Step::Sleep(millis) => {
            pause(millis);
            Ok(None)
        }
    }
}

/// Invokes this function again, with the header that an AWS SDK adds inside of Lambda; gives its answer, or its error.
fn invoke_itself(kind: &str) -> Result<String, Error> {
    let given = |name: &str| variable(name).ok_or_else(|| Error::from(format!("no {name}")));
    let endpoint = given("AWS_ENDPOINT_URL")?;
    let event = serde_json::json!({ "again": kind }).to_string();
    let message = format!(
        "POST /2015-03-31/functions/{}/invocations HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
         x-amzn-trace-id: {}\r\nx-amz-invocation-type: {kind}\r\ncontent-length: {}\r\n\r\n{event}",
        given("AWS_LAMBDA_FUNCTION_NAME")?,
        given("_X_AMZN_TRACE_ID")?,
        event.len()
    );
    let mut stream = TcpStream::connect(endpoint.trim_start_matches("http://"))?;
    stream.write_all(message.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or("no head")?;
    let status = head.split(' ').nth(1).unwrap_or_default();
    let error = head.lines().find_map(|line| line.strip_prefix("x-amzn-errortype: "));
    Ok(match error {
        Some(error) => Value::from(format!("{status} {error}")).to_string(),
        None if body.is_empty() => Value::from(status).to_string(),
        None => body.to_owned(),
    })
}

/// An answer of the Runtime API.
struct Heard {
    status: String,
    request_id: Option<String>,
    invocation_id: Option<String>,
    body: Vec<u8>,
}

impl Heard {
    /// `202 {"status":"OK"}`
    fn line(&self) -> String {
        format!("{} {}", self.status, String::from_utf8_lossy(&self.body))
    }
}

fn post(path: &str, headers: &[String], body: &[u8]) -> io::Result<String> {
    exchange(&request("POST", path, headers, body), false).map(|heard| heard.line())
}

fn request(method: &str, path: &str, headers: &[String], body: &[u8]) -> Vec<u8> {
    let mut message =
        format!("{method} /2018-06-01/runtime/{path} HTTP/1.1\r\nhost: localhost\r\n");
    message += &format!("connection: close\r\ncontent-length: {}\r\n", body.len());
    for header in headers {
        message += &format!("{header}\r\n");
    }
    let mut message = (message + "\r\n").into_bytes();
    message.extend_from_slice(body);
    message
}

/// Sends a message on a connection of its own and reads the answer.
fn exchange(message: &[u8], half_close: bool) -> io::Result<Heard> {
    let mut stream = connect()?;
    stream.write_all(message)?;
    if half_close {
        stream.shutdown(std::net::Shutdown::Write)?;
    }
    listen(stream)
}

/// A connection of its own to the Runtime API.
fn connect() -> io::Result<TcpStream> {
    let address =
        variable("AWS_LAMBDA_RUNTIME_API").ok_or_else(|| io::Error::other("no Runtime API"))?;
    TcpStream::connect(address)
}

/// Reads the answer to what was sent.
fn listen(stream: TcpStream) -> io::Result<Heard> {
    let mut answer = BufReader::new(stream);
    let mut line = String::new();
    answer.read_line(&mut line)?;
    let status = line.split(' ').nth(1).unwrap_or("nothing").to_owned();
    let (mut request_id, mut invocation_id) = (None, None);
    loop {
        let mut header = String::new();
        if answer.read_line(&mut header)? == 0 || header == "\r\n" {
            break;
        }
        let (name, value) = header.split_once(':').unwrap_or((&header, ""));
        if name.eq_ignore_ascii_case("lambda-runtime-aws-request-id") {
            request_id = Some(value.trim().to_owned());
        } else if name.eq_ignore_ascii_case("lambda-runtime-invocation-id") {
            invocation_id = Some(value.trim().to_owned());
        }
    }
    let mut body = Vec::new();
    answer.read_to_end(&mut body)?;
    Ok(Heard { status, request_id, invocation_id, body })
}

#[expect(clippy::disallowed_methods, reason = "a function is a program of its own")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn number_argument(at: usize) -> Option<i32> {
    std::env::args().nth(at)?.parse().ok()
}

#[expect(clippy::disallowed_methods, reason = "a function that waits is what is tested")]
fn pause(millis: u64) {
    std::thread::sleep(Duration::from_millis(millis));
}

fn sleep_for_ever() -> ! {
    loop {
        pause(60_000);
    }
}

#[expect(clippy::disallowed_methods, reason = "a function that starts a process is what is tested")]
fn start_child() -> io::Result<u32> {
    Ok(std::process::Command::new("sleep").arg("600").spawn()?.id())
}

#[expect(clippy::disallowed_methods, reason = "a function that starts processes is what is tested")]
fn start_deserter() -> io::Result<Value> {
    let script = "setsid sleep 600 > /dev/null 2>&1 & echo $!";
    let output = std::process::Command::new("sh").args(["-c", script]).output()?;
    Ok(serde_json::from_slice(&output.stdout)?)
}

#[expect(clippy::disallowed_methods, reason = "the shell can send what this program cannot")]
fn end_by_signal(signal: i32) {
    let own = std::process::id().to_string();
    loop {
        // Rust's handler of a segmentation fault lets the first one pass when nothing has really faulted.
        let kill = std::process::Command::new("kill").args([&format!("-{signal}"), &own]).status();
        out(&format!("kill: {kill:?}"));
    }
}

#[expect(clippy::print_stdout, reason = "what a function prints is its log")]
fn out(line: &str) {
    println!("{line}");
}
