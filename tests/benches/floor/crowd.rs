//! Many functions and many requests at once, and many small cases of a property test, with hardcap alone.
//!
//! A function that is held opens a connection to the gate of this bench and responds when the gate closes it. So all requests are in
//! flight together when the gate has accepted as many connections, and nothing waits for a time.

use std::fmt::Write as _;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream as BlockingStream};
use std::time::Duration;

use hardcap::Clock;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde::{Deserialize, Serialize};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};

use crate::function;
use crate::load::{Load, SMALL_BYTES};
use crate::measure::median;
use crate::subject::{self, Target};
use crate::wire::{Wire, content_length};

/// The functions of the template that are held.
const FUNCTIONS: usize = 1_000;
/// The requests in flight: one less than AWS's 1,000 concurrent executions of an account, because another function is measured.
const IN_FLIGHT: usize = FUNCTIONS - 1;
const OTHERS: Load = Load { calls: 2_000, ..Load::SMALL };
const CASES: u32 = 5_000;
/// The largest body of a case.
const BODY_MAX: usize = 1_000;

/// What was measured. Memory is that of the process `hardcap`, in bytes.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Crowd {
    pub(crate) functions: usize,
    pub(crate) in_flight: usize,
    /// With the functions declared, before their first request.
    pub(crate) declared_bytes: u64,
    /// With all requests in flight.
    pub(crate) in_flight_bytes: u64,
    /// The median of another function's invocation without and with the requests in flight.
    pub(crate) alone_ms: f64,
    pub(crate) beside_ms: f64,
    /// Cases of a property a second: a random body goes to a function and comes back unchanged.
    pub(crate) cases_a_second: f64,
}

/// Measures all of it.
pub(crate) async fn measure() -> io::Result<Crowd> {
    let subject = subject::hardcap(&functions()).await?;
    let alone = OTHERS.run(&subject.target).await?;
    let declared_bytes = subject.resident()?;
    let gate = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await?;
    let event = function::held(gate.local_addr()?);
    let mut calls = Vec::new();
    for number in 0..IN_FLIGHT {
        let target = subject.target.of_function(&format!("held{number}"));
        let stream = TcpStream::connect(target.address).await?;
        let mut wire = Wire::new(stream);
        wire.stream.write_all(&target.invoke(&event)).await?;
        calls.push(wire);
    }
    let mut held = Vec::new();
    while held.len() < IN_FLIGHT {
        held.push(gate.accept().await?.0);
    }
    let in_flight_bytes = subject.resident()?;
    let beside = OTHERS.run(&subject.target).await?;
    drop(held);
    for mut wire in calls {
        wire.receive().await?;
        if !wire.received.head().starts_with(b"HTTP/1.1 200") {
            return Err(io::Error::other(wire.received.head().escape_ascii().to_string()));
        }
    }
    let target = subject.target.of_function("echo");
    let cases = tokio::task::spawn_blocking(move || cases(&target)).await??;
    subject.stop().await?;
    Ok(Crowd {
        functions: FUNCTIONS,
        in_flight: IN_FLIGHT,
        declared_bytes,
        in_flight_bytes,
        alone_ms: median(&alone),
        beside_ms: median(&beside),
        cases_a_second: f64::from(CASES) / cases.as_secs_f64(),
    })
}

/// The functions as a part of a template and of `hardcap.toml`.
fn functions() -> (String, String) {
    let (mut template, mut settings) = (String::new(), String::new());
    let program = std::env::current_exe().unwrap_or_default();
    let mut declare = |id: &str, name: &str, mode: &str| {
        let _ = write!(
            template,
            "  {id}:\n    Type: AWS::Serverless::Function\n    Properties:\n      FunctionName: {name}\n      \
             Runtime: provided.al2023\n      Handler: bootstrap\n      CodeUri: .\n      Timeout: 900\n"
        );
        let program = program.display();
        let _ = writeln!(
            settings,
            "[functions.{id}]\ncommand = [\"{program}\", \"function\", \"{mode}\"]"
        );
    };
    declare("Echo", "echo", "echo");
    for number in 0..FUNCTIONS {
        declare(&format!("Held{number}"), &format!("held{number}"), "held");
    }
    (template, settings)
}

/// A property test against the running program: every body arrives intact.
fn cases(target: &Target) -> io::Result<Duration> {
    let stream = BlockingStream::connect(target.address)?;
    stream.set_nodelay(true)?;
    let stream = std::cell::RefCell::new(stream);
    let watch = Clock::default().stopwatch();
    let mut runner =
        TestRunner::new(Config { cases: CASES, failure_persistence: None, ..Config::default() });
    let body = proptest::collection::vec(any::<char>(), 0..BODY_MAX / 4);
    let run = runner.run(&body, |characters| {
        let body = serde_json::json!(String::from_iter(characters)).to_string();
        let came_back = exchange(&mut stream.borrow_mut(), &target.invoke(body.as_bytes()));
        let came_back = came_back.map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(String::from_utf8_lossy(&came_back), body);
        Ok(())
    });
    run.map_err(|error| io::Error::other(error.to_string()))?;
    Ok(watch.elapsed())
}

/// Sends a request, and returns the body of the response.
fn exchange(stream: &mut BlockingStream, request: &[u8]) -> io::Result<Vec<u8>> {
    stream.write_all(request)?;
    let (mut received, mut piece) = (Vec::new(), [0; 8 * SMALL_BYTES]);
    loop {
        let read = stream.read(&mut piece)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        received.extend_from_slice(&piece[..read]);
        if let Some(at) = memchr::memmem::find(&received, b"\r\n\r\n") {
            let (head, body) = received.split_at(at + 4);
            if body.len() >= content_length(head) {
                return match head.starts_with(b"HTTP/1.1 200") {
                    true => Ok(body.to_vec()),
                    false => Err(io::Error::other(head.escape_ascii().to_string())),
                };
            }
        }
    }
}

/// Waits until the gate closes the connection.
pub(crate) fn wait_at(gate: SocketAddr) -> io::Result<()> {
    let mut stream = BlockingStream::connect(gate)?;
    stream.read_to_end(&mut Vec::new()).map(|_| ())
}
