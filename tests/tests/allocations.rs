//! The allocations of an invocation. Alone in its process, because every allocation of the process counts.
//!
//! A bound is about 15 % above what was measured when it was written: 71. Seconds depend on the machine, these numbers do not.

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};

use hardcap::Emulator;
use hardcap_tests::functions::guest;

/// The system's allocator, with a count of its calls.
struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

#[expect(unsafe_code, reason = "an allocator has no safe form")]
// SAFETY: every call is passed on unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        unsafe { System.realloc(memory, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Sends a request and reads its response, without an allocation.
fn call(stream: &mut TcpStream, request: &[u8], buffer: &mut [u8]) {
    stream.write_all(request).expect("hardcap reads");
    let mut filled = 0;
    loop {
        let read = stream.read(&mut buffer[filled..]).expect("hardcap responds");
        assert!(read > 0, "{}", buffer[..filled].escape_ascii());
        filled += read;
        let response = &buffer[..filled];
        let head = response.windows(4).position(|it| it == b"\r\n\r\n").map(|at| at + 4);
        if head.is_some_and(|head| filled >= head + 1_024) {
            let is_ok = response.starts_with(b"HTTP/1.1 200");
            assert!(is_ok, "{}", response.escape_ascii());
            return;
        }
    }
}

/// The allocations of a warm invocation of 1 KB, on average.
fn of_an_invocation() -> u64 {
    const CALLS: u64 = 1_000;
    let runtime = tokio::runtime::Runtime::new().expect("threads");
    let emulator = runtime.block_on(
        Emulator::builder().limits(hardcap_limits::Date::CLASSIC).function(guest("echo")).start(),
    );
    let emulator = emulator.expect("an emulator on free ports");
    let address = emulator.aws_url().strip_prefix("http://").expect("a URL").to_owned();
    let event = format!("\"{}\"", "x".repeat(1_022));
    let request = format!(
        "POST /2015-03-31/functions/echo/invocations HTTP/1.1\r\nhost: {address}\r\ncontent-length: 1024\r\n\r\n{event}"
    );
    let mut stream = TcpStream::connect(&address).expect("hardcap listens");
    let mut buffer = [0; 8 * 1024];
    for _ in 0..100 {
        call(&mut stream, request.as_bytes(), &mut buffer);
    }
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    for _ in 0..CALLS {
        call(&mut stream, request.as_bytes(), &mut buffer);
    }
    let counted = ALLOCATIONS.load(Ordering::Relaxed) - before;
    runtime.block_on(emulator.stop());
    counted / CALLS
}

#[test]
fn a_warm_invocation_of_1_kb_makes_at_most_82_allocations() {
    let allocations = of_an_invocation();
    assert!(allocations <= 82, "{allocations} allocations an invocation");
}
