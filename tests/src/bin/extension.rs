//! An external extension under test. The variable `EXTENSION` of its function is a script: a list of steps, JSON.
//!
//! It speaks the Extensions API by hand, so that it can do what no real extension does. What it hears goes to its log.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::exit;
use std::time::Duration;

use serde::Deserialize;

/// One step of a script; a script begins again with its last step.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Step {
    /// Registers for these events.
    Register(Vec<String>),
    /// Waits for an event.
    Next,
    /// Waits for this many milliseconds.
    Sleep(u64),
    /// Reports an error of init with this type.
    InitError(String),
    /// Reports that it will end, with this type.
    ExitError(String),
    /// Writes this to its log.
    Print(String),
    /// Ends with this status.
    Exit(i32),
    /// Subscribes at this path to these types, with the members of the variable `SUBSCRIPTION` besides, and writes each batch
    /// that comes to the file `BATCHES`, one a line. It takes none while there is a file `STALL`, and refuses the first if
    /// there is a variable `REFUSE`.
    Subscribe(String, Vec<String>),
    /// Writes its process id to the file `TOLD`, waits for the end, and writes what it is told of it; takes this many
    /// milliseconds for its end, and writes that it came to it.
    Linger(u64),
    /// Plays AWS's Lambda Web Adapter: takes the function's invocations and makes HTTP requests of them, to this port.
    Adapt(u16),
}

fn main() -> io::Result<()> {
    let name = std::env::args().next().unwrap_or_default();
    let name = Path::new(&name).file_name().unwrap_or_default().to_string_lossy().into_owned();
    let script = variable("EXTENSION").unwrap_or_default();
    let steps: Vec<Step> = serde_json::from_str(&script).map_err(io::Error::other)?;
    let mut id = String::new();
    let mut at = 0;
    loop {
        let Some(step) = steps.get(at).or(steps.last()) else { return Ok(()) };
        at += 1;
        match step {
            Step::Register(events) => {
                let body = serde_json::json!({ "events": events }).to_string();
                let header = format!("Lambda-Extension-Name: {name}");
                let heard = call("POST", "2020-01-01/extension/register", &header, &body)?;
                id = heard.header("lambda-extension-identifier");
                say(&name, &heard);
            }
            Step::Next => {
                let heard = next(&id)?;
                say(&name, &heard);
                if heard.body.contains("SHUTDOWN") {
                    exit(0);
                }
            }
            Step::Sleep(millis) => pause(*millis),
            Step::InitError(error) => fail(&name, "init", &id, error)?,
            Step::ExitError(error) => fail(&name, "exit", &id, error)?,
            Step::Print(line) => out(line),
            Step::Exit(status) => exit(*status),
            Step::Subscribe(path, types) => subscribe(&name, &id, path, types)?,
            Step::Linger(millis) => linger(&id, *millis)?,
            Step::Adapt(port) => adapt(&id, *port)?,
        }
    }
}

fn next(id: &str) -> io::Result<Heard> {
    let header = format!("Lambda-Extension-Identifier: {id}");
    call("GET", "2020-01-01/extension/event/next", &header, "")
}

fn linger(id: &str, millis: u64) -> io::Result<()> {
    let file = variable("TOLD").ok_or_else(|| io::Error::other("no TOLD"))?;
    let mut told = std::fs::File::create(file)?;
    writeln!(told, "{}", std::process::id())?;
    writeln!(told, "{}", next(id)?.body)?;
    pause(millis);
    writeln!(told, "came to its end")?;
    exit(0)
}

fn fail(name: &str, phase: &str, id: &str, error: &str) -> io::Result<()> {
    let headers = format!(
        "Lambda-Extension-Identifier: {id}\r\nLambda-Extension-Function-Error-Type: {error}"
    );
    let path = format!("2020-01-01/extension/{phase}/error");
    let body = r#"{"errorMessage":"asked for","errorType":"asked for","stackTrace":[]}"#;
    say(name, &call("POST", &path, &headers, body)?);
    Ok(())
}

fn subscribe(name: &str, id: &str, path: &str, types: &[String]) -> io::Result<()> {
    let listener = std::net::TcpListener::bind("0.0.0.0:0")?;
    let uri = format!("http://sandbox.localdomain:{}/batch", listener.local_addr()?.port());
    let file = variable("BATCHES").ok_or_else(|| io::Error::other("no BATCHES"))?;
    let mut body = serde_json::json!({
        "types": types,
        "buffering": { "timeoutMs": 25 },
        "destination": { "protocol": "HTTP", "URI": uri },
    });
    let more = variable("SUBSCRIPTION").unwrap_or_else(|| "{}".to_owned());
    let more: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&more)?;
    for (name, value) in more {
        match (&mut body[&name], value) {
            (serde_json::Value::Object(object), serde_json::Value::Object(more)) => {
                object.extend(more);
            }
            (member, value) => *member = value,
        }
    }
    if body["destination"]["protocol"] == "TCP" {
        std::thread::spawn(move || listen_to_lines(&listener, &file));
    } else {
        std::thread::spawn(move || listen(&listener, &file));
    }
    let header = format!("Lambda-Extension-Identifier: {id}");
    say(name, &call("PUT", path, &header, &body.to_string())?);
    Ok(())
}

/// Takes batches, one connection after the other, and requests on each as they come.
fn listen(listener: &std::net::TcpListener, file: &str) -> io::Result<()> {
    let mut batches = std::fs::OpenOptions::new().append(true).create(true).open(file)?;
    let mut refuses = variable("REFUSE").is_some();
    for stream in listener.incoming() {
        let mut stream = BufReader::new(stream?);
        while let Some(batch) = read_request(&mut stream)? {
            while variable("STALL").is_some_and(|file| Path::new(&file).exists()) {
                pause(5);
            }
            if std::mem::take(&mut refuses) {
                let refusal = b"HTTP/1.1 500 Oh\r\ncontent-length: 0\r\n\r\n";
                stream.get_mut().write_all(refusal)?;
                continue;
            }
            writeln!(batches, "{batch}")?;
            stream.get_mut().write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")?;
        }
    }
    Ok(())
}

/// Takes events, one a line, and writes each as a batch of its own.
fn listen_to_lines(listener: &std::net::TcpListener, file: &str) -> io::Result<()> {
    let mut batches = std::fs::OpenOptions::new().append(true).create(true).open(file)?;
    for stream in listener.incoming() {
        for line in BufReader::new(stream?).lines() {
            writeln!(batches, "[{}]", line?)?;
        }
    }
    Ok(())
}

fn read_request(stream: &mut BufReader<TcpStream>) -> io::Result<Option<String>> {
    let (mut line, mut length) = (String::new(), 0);
    if stream.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    while line != "\r\n" {
        if let Some(given) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = given.trim().parse().map_err(io::Error::other)?;
        }
        line.clear();
        stream.read_line(&mut line)?;
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    String::from_utf8(body).map(Some).map_err(io::Error::other)
}

/// What the adapter does: it waits for its own next event on one thread, and on the other it waits until the web server
/// answers, and then speaks the Runtime API in the function's place.
fn adapt(id: &str, port: u16) -> io::Result<()> {
    let id = id.to_owned();
    std::thread::spawn(move || next(&id));
    while exchange(&format!("127.0.0.1:{port}"), "GET", "", "", "").is_err() {
        pause(10);
    }
    loop {
        let event = call("GET", "2018-06-01/runtime/invocation/next", "x: y", "")?;
        let request = event.header("lambda-runtime-aws-request-id");
        let document: serde_json::Value =
            serde_json::from_str(&event.body).map_err(io::Error::other)?;
        let path = document["rawPath"].as_str().unwrap_or("/events").trim_start_matches('/');
        let body = document["body"].as_str().unwrap_or_default();
        let answer = exchange(&format!("127.0.0.1:{port}"), "POST", path, "x: y", body)?;
        let status: u16 = answer.status.parse().map_err(io::Error::other)?;
        let envelope = serde_json::json!({
            "statusCode": status,
            "headers": { "content-type": answer.header("content-type") },
            "body": answer.body,
        });
        let path = format!("2018-06-01/runtime/invocation/{request}/response");
        call("POST", &path, "x: y", &envelope.to_string())?;
    }
}

/// An answer.
struct Heard {
    status: String,
    headers: Vec<(String, String)>,
    body: String,
}

impl Heard {
    fn header(&self, name: &str) -> String {
        let found = self.headers.iter().find(|(given, _)| given.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    }
}

fn call(method: &str, path: &str, header: &str, body: &str) -> io::Result<Heard> {
    let address =
        variable("AWS_LAMBDA_RUNTIME_API").ok_or_else(|| io::Error::other("no Runtime API"))?;
    exchange(&address, method, path, header, body)
}

fn exchange(
    address: &str,
    method: &str,
    path: &str,
    headers: &str,
    body: &str,
) -> io::Result<Heard> {
    let mut stream = TcpStream::connect(address)?;
    let headers = if headers.is_empty() { String::new() } else { format!("{headers}\r\n") };
    let message = format!(
        "{method} /{path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{headers}content-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(message.as_bytes())?;
    let mut answer = BufReader::new(stream);
    let mut line = String::new();
    answer.read_line(&mut line)?;
    let status = line.split(' ').nth(1).unwrap_or("nothing").to_owned();
    let mut headers = Vec::new();
    loop {
        let mut header = String::new();
        if answer.read_line(&mut header)? == 0 || header == "\r\n" {
            break;
        }
        if let Some((name, value)) = header.split_once(':') {
            headers.push((name.to_owned(), value.trim().to_owned()));
        }
    }
    let mut body = String::new();
    answer.read_to_string(&mut body)?;
    Ok(Heard { status, headers, body })
}

#[expect(clippy::disallowed_methods, reason = "an extension is a program of its own")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[expect(clippy::disallowed_methods, reason = "an extension that waits is what is tested")]
fn pause(millis: u64) {
    std::thread::sleep(Duration::from_millis(millis));
}

fn say(name: &str, heard: &Heard) {
    out(&format!("{name} heard {} {}", heard.status, heard.body));
}

#[expect(clippy::print_stdout, reason = "what an extension prints is the function's log")]
fn out(line: &str) {
    println!("{line}");
}
