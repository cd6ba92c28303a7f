//! A runtime that streams, played by hand: each event says what it posts, what it waits for, and how it ends.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::process::exit;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// What an event may ask for, in this order. A request to a gateway says it in its body, or only the size in its query.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Wish {
    /// The content type; none when it is not given.
    content_type: Option<String>,
    /// Posts as a runtime does that knows nothing of streams.
    whole: bool,
    /// The metadata of an HTTP answer, with the delimiter behind it.
    prelude: Option<Box<RawValue>>,
    /// A text.
    first: String,
    /// Connects to this address, and waits until one byte comes from there.
    wait_for: Option<String>,
    /// So many times `x`.
    size: u64,
    /// A second wait, after which the body ends.
    then_wait_for: Option<String>,
    end: End,
}

/// How the body ends.
#[derive(Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum End {
    /// As it should.
    #[default]
    Well,
    /// With these trailers behind it.
    Trailers(Vec<String>),
    /// The connection is closed in the middle, and the process lives on.
    Broken,
    /// The process ends.
    Exit(i32),
    /// Nothing more comes.
    Hang,
}

const PRELUDE_TYPE: &str = "application/vnd.awslambda.http-integration-response";
const PIECE: usize = 64 * 1024;

pub(crate) fn serve() -> ! {
    loop {
        let next = super::exchange(&super::request("GET", "invocation/next", &[], b""), false)
            .expect("the Runtime API answers");
        let id = next.request_id.unwrap_or_default();
        let wish = wish(&next.body).unwrap_or_else(|error| panic!("not a wish: {error}"));
        match answer(wish, &id) {
            Ok(heard) => super::out(&format!("heard: {heard}")),
            Err(error) => super::out(&format!("failed: {error}")),
        }
    }
}

fn wish(event: &[u8]) -> serde_json::Result<Wish> {
    let event: Value = serde_json::from_slice(event)?;
    if event.get("requestContext").is_none() {
        return serde_json::from_str(&event.to_string());
    }
    if let Some(size) = event["queryStringParameters"]["size"].as_str() {
        let prelude = RawValue::from_string(r#"{"statusCode":200}"#.to_owned())?;
        let size = size.parse().unwrap_or(0);
        return Ok(Wish { prelude: Some(prelude), size, ..Wish::default() });
    }
    let body = event["body"].as_str().unwrap_or("{}");
    if event["isBase64Encoded"] == true {
        use base64::Engine as _;
        let bytes = base64::engine::general_purpose::STANDARD.decode(body).unwrap_or_default();
        return serde_json::from_slice(&bytes);
    }
    serde_json::from_str(body)
}

/// Posts the answer, and returns what the Runtime API said to it.
fn answer(wish: Wish, id: &str) -> io::Result<String> {
    let mut to = super::connect()?;
    to.write_all(head(&wish, id).as_bytes())?;
    if let Some(prelude) = &wish.prelude {
        chunk(&mut to, prelude.get().as_bytes())?;
        chunk(&mut to, &[0; 8])?;
    }
    chunk(&mut to, wish.first.as_bytes())?;
    wait_for(wish.wait_for.as_deref())?;
    let piece = vec![b'x'; PIECE];
    let mut left = wish.size;
    while left > 0 {
        let length = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
        chunk(&mut to, &piece[..length])?;
        left -= length as u64;
    }
    wait_for(wish.then_wait_for.as_deref())?;
    end(&mut to, wish.end)?;
    super::listen(to).map(|heard| heard.line())
}

fn head(wish: &Wish, id: &str) -> String {
    let mut head = format!(
        "POST /2018-06-01/runtime/invocation/{id}/response HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
         transfer-encoding: chunked\r\n"
    );
    let prelude = wish.prelude.as_ref().map(|_| PRELUDE_TYPE);
    if let Some(content_type) = wish.content_type.as_deref().or(prelude) {
        head += &format!("content-type: {content_type}\r\n");
    }
    if !wish.whole {
        head += "lambda-runtime-function-response-mode: streaming\r\n\
                 trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\r\n";
    }
    head + "\r\n"
}

fn chunk(to: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
    if bytes.is_empty() {
        return Ok(());
    }
    write!(to, "{:x}\r\n", bytes.len())?;
    to.write_all(bytes)?;
    to.write_all(b"\r\n")
}

pub(crate) fn wait_for(address: Option<&str>) -> io::Result<()> {
    let Some(address) = address else { return Ok(()) };
    TcpStream::connect(address)?.read_exact(&mut [0])
}

fn end(to: &mut TcpStream, end: End) -> io::Result<()> {
    match end {
        End::Well => to.write_all(b"0\r\n\r\n"),
        End::Trailers(trailers) => {
            let trailers: String = trailers.iter().map(|line| format!("{line}\r\n")).collect();
            to.write_all(format!("0\r\n{trailers}\r\n").as_bytes())
        }
        End::Broken => to.shutdown(Shutdown::Write),
        End::Exit(status) => exit(status),
        End::Hang => super::sleep_for_ever(),
    }
}
