//! Uploads by form.

use std::future::Future;
use std::sync::LazyLock;
use std::task::{Context, Poll, Waker};

use hardcap_core::context::Platform;
use hardcap_core::keyring::Keyring;
use hardcap_limits::Limits;
use hardcap_s3::fuzz;

use super::input::{Input, pieces};

static PLATFORM: LazyLock<Platform> =
    LazyLock::new(|| Platform::new("us-east-1", Limits::current(), Keyring::new(&[])));
const NAMES: [&str; 6] = ["key", "Policy", "acl", "Content-Type", "x-amz-meta-a", "\u{e9}"];
const BOUNDARY: &str = "AaB03x";

/// A form that was written is read as it was written, and any bytes are read alike in whatever pieces they come.
pub fn form(data: &[u8]) {
    let mut input = Input::new(data);
    let mode = input.byte();
    let size = usize::from(input.byte()) + 1;
    if mode & 1 == 1 {
        written(&mut input, size);
        return;
    }
    let body = input.rest();
    let read = |size| now(fuzz::form(&PLATFORM, BOUNDARY, pieces(body, size)));
    let whole = read(body.len());
    assert_eq!(whole, read(size), "in pieces of {size}: {:?}", String::from_utf8_lossy(body));
    if let Ok((fields, file)) = whole {
        let bytes: usize = fields.iter().map(|(_, value)| value.chars().count()).sum();
        assert!(file.len() <= body.len() && bytes <= body.len() * 4, "{fields:?}");
    }
}

fn written(input: &mut Input<'_>, size: usize) {
    let mut body = String::new();
    let mut expected: Vec<(String, String)> = Vec::new();
    for _ in 0..input.below(6) {
        let name = *input.choose(&NAMES);
        let value = input.text(30);
        if value.contains("\r\n--") || value.contains("${filename}") || value.ends_with('\r') {
            continue;
        }
        body.push_str(&format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
        ));
        let name = name.to_ascii_lowercase();
        // Of several fields of one name the first counts.
        let first =
            expected.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone());
        expected.push((name, first.unwrap_or(value)));
    }
    let file = input.rest();
    if file.windows(4).any(|window| window == b"\r\n--") || file.ends_with(b"\r") {
        return;
    }
    body.push_str(&format!(
        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\r\n"
    ));
    let mut wire = body.into_bytes();
    wire.extend_from_slice(file);
    wire.extend_from_slice(format!("\r\n--{BOUNDARY}--\r\n").as_bytes());
    let read = now(fuzz::form(&PLATFORM, BOUNDARY, pieces(&wire, size)));
    let (fields, got) =
        read.unwrap_or_else(|code| panic!("{code}: {:?}", String::from_utf8_lossy(&wire)));
    assert_eq!(fields, expected);
    assert_eq!(got, file);
}

/// The result of a future that never has to wait for long.
pub(super) fn now<F: Future>(future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..100_000 {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
    }
    panic!("it does not end");
}
