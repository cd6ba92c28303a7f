//! Answers that are streamed: from a real process to whoever invoked, at the limit, one over, and in the middle.

mod api;
mod bounds;
mod crowd;
mod endings;
mod plain;
mod probe;
mod python;
mod rest;
mod url;

use aws_sdk_lambda::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_lambda::operation::invoke_with_response_stream::InvokeWithResponseStreamOutput;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{
    InvokeWithResponseStreamCompleteEvent as Complete,
    InvokeWithResponseStreamResponseEvent as StreamEvent, LogType,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hardcap::config::Function;
use hardcap::record::{Observation, Totals};
use hardcap::{Builder, Emulator};
use hardcap_limits::Millis;
use hardcap_tests::lambda::until;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};

/// A day with streams of 20 MB, and a last event that names errors.
const FIRST_DAY: &str = "2023-04-07";

/// The guest in one of its modes.
fn guest(mode: &str) -> Function {
    let mut function = Function::new(mode, [env!("CARGO_BIN_EXE_guest"), mode]);
    function.timeout = Millis(60_000);
    function
}

/// An emulator with the function `stream`, as of a day.
fn on(day: &str) -> Builder {
    let limits = day.parse().expect("a day of the calendar");
    Emulator::builder().limits(limits).function(guest("stream"))
}

/// An emulator, and AWS's SDK as its client.
struct Streaming {
    emulator: Emulator,
    sdk: aws_sdk_lambda::Client,
}

impl Streaming {
    async fn start(builder: Builder) -> Streaming {
        let emulator = builder.start().await.expect("an emulator on free ports");
        let config = aws_sdk_lambda::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .endpoint_url(emulator.aws_url())
            .build();
        Streaming { emulator, sdk: aws_sdk_lambda::Client::from_conf(config) }
    }

    async fn open(&self, event: &Value) -> InvokeWithResponseStreamOutput {
        self.open_function("stream", event).await
    }

    async fn open_function(&self, name: &str, event: &Value) -> InvokeWithResponseStreamOutput {
        let call = self.sdk.invoke_with_response_stream().function_name(name);
        let call = call.log_type(LogType::Tail).payload(Blob::new(event.to_string()));
        call.send().await.unwrap_or_else(|error| panic!("{error:?}"))
    }

    /// Invokes, and reads the stream to its end.
    async fn stream(&self, event: &Value) -> Streamed {
        let mut output = self.open(event).await;
        read(&mut output).await
    }

    /// A function that was cut off, or ended badly, must still serve.
    async fn is_healthy(&self) {
        let streamed = self.stream(&serde_json::json!({"first": "well"})).await;
        assert_eq!((streamed.text().as_str(), streamed.complete.error_code()), ("well", None));
    }

    /// Waits until the records say so.
    async fn until(&self, done: impl Fn(&Totals) -> bool) {
        until(&self.emulator, done).await;
    }

    /// What was recorded of the invocations that were streamed: bytes and error type.
    fn streamed(&self) -> Vec<(u64, Option<String>)> {
        let records = self.emulator.recorder().newest();
        let streamed = records.into_iter().filter_map(|record| match record.what {
            Observation::Invoked { answer, streamed: true, fault, .. } => Some((answer, fault)),
            _ => None,
        });
        streamed.collect()
    }
}

/// A stream that has been read to its end.
#[derive(Debug)]
struct Streamed {
    bytes: Vec<u8>,
    complete: Complete,
}

impl Streamed {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    fn log(&self) -> String {
        let encoded = self.complete.log_result().expect("the log was asked for");
        let decoded = STANDARD.decode(encoded).expect("the log is base64");
        String::from_utf8_lossy(&decoded).into_owned()
    }
}

async fn read(output: &mut InvokeWithResponseStreamOutput) -> Streamed {
    let mut bytes = Vec::new();
    let mut complete = None;
    while let Some(event) = next(output).await {
        assert!(complete.is_none(), "{event:?} behind the last event");
        match event {
            StreamEvent::PayloadChunk(chunk) => {
                bytes.extend_from_slice(chunk.payload().expect("a chunk has a payload").as_ref());
            }
            StreamEvent::InvokeComplete(end) => complete = Some(end),
            other => panic!("{other:?}"),
        }
    }
    Streamed { bytes, complete: complete.expect("a last event") }
}

async fn next(output: &mut InvokeWithResponseStreamOutput) -> Option<StreamEvent> {
    output.event_stream.recv().await.unwrap_or_else(|error| panic!("{error:?}"))
}

/// Reads until so many bytes have come.
async fn first_bytes(output: &mut InvokeWithResponseStreamOutput, wanted: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while bytes.len() < wanted {
        match next(output).await {
            Some(StreamEvent::PayloadChunk(chunk)) => {
                bytes.extend_from_slice(chunk.payload().expect("a chunk has a payload").as_ref());
            }
            other => panic!("{other:?} after {} bytes", bytes.len()),
        }
    }
    bytes
}

/// What a function waits for: it connects, and goes on when it is told to.
struct Signal {
    listener: TcpListener,
    address: String,
}

impl Signal {
    async fn new() -> Signal {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound").to_string();
        Signal { listener, address }
    }

    /// The function waits; until the socket is written to, or dropped.
    async fn waiting(&self) -> TcpStream {
        self.listener.accept().await.expect("the function connects").0
    }

    async fn give(&self) {
        use tokio::io::AsyncWriteExt as _;
        self.waiting().await.write_all(b"!").await.expect("the function waits for it");
    }
}
