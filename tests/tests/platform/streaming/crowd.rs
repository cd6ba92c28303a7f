//! Many streams at once: read, left, and cut by the end of their processes.

use std::sync::Arc;

use hardcap_tests::client::{Call, Client};
use serde_json::json;
use tokio::task::JoinSet;

use super::{Signal, StreamEvent, Streaming, first_bytes, next, on, read};

#[tokio::test(flavor = "multi_thread")]
async fn of_many_streams_at_once_each_has_its_own_bytes_and_one_end() {
    let streaming = Arc::new(Streaming::start(on("current")).await);
    let mut streams = JoinSet::new();
    for at in 0..24_usize {
        let streaming = Arc::clone(&streaming);
        streams.spawn(async move {
            let event = json!({"first": format!("stream {at:02}"), "size": 200_000 + at});
            let mut output = streaming.open(&event).await;
            let first = first_bytes(&mut output, 9).await;
            assert_eq!(&first[..9], format!("stream {at:02}").as_bytes());
            if at % 3 == 0 {
                // Leaves in the middle.
                return;
            }
            let rest = read(&mut output).await;
            assert_eq!(first.len() + rest.bytes.len(), 9 + 200_000 + at);
        });
    }
    streams.join_all().await;
    streaming.until(|totals| totals.invocations == 24).await;
    let mut lengths: Vec<u64> =
        streaming.streamed().into_iter().map(|(length, _)| length).collect();
    lengths.sort_unstable();
    assert_eq!(lengths, (0..24).map(|at| 200_009 + at).collect::<Vec<u64>>());
    assert!(streaming.emulator.totals().faults.is_empty());
    streaming.is_healthy().await;
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_is_killed_ends_its_stream_and_no_other() {
    let streaming = Streaming::start(on("current")).await;
    let (victim, other) = (Signal::new().await, Signal::new().await);
    let event = |signal: &Signal| json!({"first": "first", "wait_for": signal.address, "size": 5});
    let mut ended = streaming.open(&event(&victim)).await;
    let mut goes_on = streaming.open(&event(&other)).await;
    first_bytes(&mut ended, 5).await;
    first_bytes(&mut goes_on, 5).await;
    let waiting = victim.waiting().await;
    kill_holders(waiting.peer_addr().expect("it is connected").port());
    // The connection that it waited on is closed with it, and so it got no byte to go on.
    drop(waiting);
    let last = next(&mut ended).await;
    assert!(matches!(last, Some(StreamEvent::InvokeComplete(_))), "{last:?}");
    other.give().await;
    assert_eq!(read(&mut goes_on).await.text(), "xxxxx");
    streaming.until(|totals| totals.invocations == 2).await;
    assert_eq!(streaming.emulator.totals().faults["Runtime.ExitError"], 1);
    streaming.is_healthy().await;
}

/// Kills the process that has this port on its side of a connection.
#[cfg(target_os = "linux")]
fn kill_holders(port: u16) {
    use rustix::process::{Pid, Signal, kill_process};
    let table = std::fs::read_to_string("/proc/net/tcp").expect("the kernel tells");
    let local = format!(":{port:04X}");
    let mut connections =
        table.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
    // A connection that has ended and only waits has no inode.
    let connection = connections
        .find(|fields| fields[1].ends_with(&local) && fields[9] != "0")
        .expect("a connection");
    let inode = connection[9];
    let socket = format!("socket:[{inode}]");
    let holders =
        std::fs::read_dir("/proc").expect("the kernel tells").flatten().filter(|process| {
            let files =
                std::fs::read_dir(process.path().join("fd")).into_iter().flatten().flatten();
            files.into_iter().any(|file| {
                std::fs::read_link(file.path()).is_ok_and(|link| link.to_string_lossy() == socket)
            })
        });
    let ids: Vec<i32> =
        holders.filter_map(|process| process.file_name().to_string_lossy().parse().ok()).collect();
    let [id] = ids[..] else { panic!("{ids:?} hold {socket}") };
    kill_process(Pid::from_raw(id).expect("a process id"), Signal::KILL).expect("it runs");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_without_a_reader_does_not_delay_the_shutdown() {
    let streaming = Streaming::start(on("current").set("lambda_stream_burst", 1_000_000_000)).await;
    let mut output = streaming.open(&json!({"first": "first", "size": 100_000_000})).await;
    first_bytes(&mut output, 5).await;
    streaming.emulator.stop().await;
    drop(output);
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_is_answered_and_ends_nothing() {
    let streaming = Streaming::start(on("current")).await;
    let base = streaming.emulator.aws_url();
    let client = Client::new();
    for (path, body, status) in [
        ("/2021-11-15/functions/stream/response-streaming-invocations?Qualifier=7", "{}", 404),
        ("/2021-11-15/functions/%00/response-streaming-invocations", "{}", 400),
        ("/2021-11-15/functions/stream/response-streaming-invocations", "\u{0}", 400),
        ("/2021-11-15/functions/stream/response-streaming-invocations", "[[[[", 400),
    ] {
        let answer = client.send(&Call::post(format!("{base}{path}"), body)).await.unwrap();
        assert_eq!(answer.status, status, "{path}: {answer:?}");
    }
    let path = "/2021-11-15/functions/stream/response-streaming-invocations";
    let call = Call::post(format!("{base}{path}"), "{}").header("x-amz-client-context", "%%%");
    assert_eq!(client.send(&call).await.unwrap().status, 400);
    streaming.is_healthy().await;
    assert_eq!(streaming.emulator.totals().bugs, 0);
}
