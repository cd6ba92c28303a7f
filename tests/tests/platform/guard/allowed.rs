//! What must pass: ordinary clients, and what is named.

use hardcap_tests::client::Call;
use http::Method;

use super::calls::{Shown, all, builder, from_page, send};

const PROGRAMS: &[Shown] = &[
    &[],
    &[("host", "localhost:4566")],
    &[("host", "127.0.0.1")],
    &[("host", "127.1.2.3:1")],
    &[("host", "[::1]:4566")],
    &[("host", "LOCALHOST:4566")],
    // The fetch of Node.
    &[("sec-fetch-mode", "cors"), ("user-agent", "node")],
    // A person types the address.
    &[("sec-fetch-site", "none"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")],
];

#[tokio::test(flavor = "multi_thread")]
async fn programs_and_people_pass_at_every_service() {
    let emulator = builder().start().await.unwrap();
    for (_, call) in all(&emulator) {
        let plain = send(&call).await.status;
        for program in PROGRAMS {
            let answer = send(&from_page(&call, program)).await;
            assert!(!answer.text().contains("hardcap refused this request"), "{answer:?}");
            // What the first call created or deleted is there, or gone, for the next one.
            let repeated = [200, 202, 204, 404, 409].contains(&answer.status.as_u16());
            assert!(answer.status == plain || repeated, "{program:?} {plain} {answer:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_whose_origin_is_named_passes_everywhere_and_may_read_the_answer() {
    const TRUSTED: &str = "http://localhost:5173";
    let emulator = builder().allow_origin(TRUSTED).start().await.unwrap();
    let invoke = format!("{}/2015-03-31/functions/echo/invocations", emulator.aws_url());
    let call = Call::post(&invoke, "{}").header("origin", TRUSTED);
    let answer = send(&call.clone().header("sec-fetch-site", "same-site")).await;
    assert_eq!((answer.status.as_u16(), answer.text()), (200, "{}"), "{answer:?}");
    assert_eq!(answer.header("access-control-allow-origin"), Some(TRUSTED));
    assert_eq!(answer.header("vary"), Some("Origin"));
    for (path, wanted) in [
        ("/2015-03-31/functions/echo/invocations", "authorization,content-type"),
        ("/", "authorization,content-type,x-amz-target,x-amz-date"),
        ("/_hardcap/reset", "content-type"),
    ] {
        let url = format!("{}{path}", emulator.aws_url());
        let preflight = Call::new(Method::OPTIONS, url)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", wanted);
        let answer = send(&preflight.clone().header("origin", TRUSTED)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.header("access-control-allow-origin"), Some(TRUSTED));
        assert_eq!(answer.header("access-control-allow-headers"), Some(wanted));
        assert_eq!(answer.header("access-control-allow-methods"), Some("POST"));
        let stranger = send(&preflight.header("origin", "http://localhost:51730")).await;
        assert_eq!(stranger.status, 403, "{stranger:?}");
    }
    let image = Call::get(format!("{}/health", emulator.control_url()))
        .header("sec-fetch-site", "same-site")
        .header("referer", format!("{TRUSTED}/page"));
    assert_eq!(send(&image).await.status, 200);
    let other = send(&Call::post(&invoke, "{}").header("origin", "http://localhost:5174")).await;
    assert_eq!(other.status, 403, "{other:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_named_passes_and_no_other() {
    let emulator = builder().allow_host("hardcap").allow_host("192.0.2.7").start().await.unwrap();
    let health = Call::get(format!("{}/health", emulator.control_url()));
    for (host, status) in [
        ("hardcap:4566", 200),
        ("HARDCAP", 200),
        ("192.0.2.7:80", 200),
        ("hardcap.evil.example", 403),
        ("192.0.2.8", 403),
    ] {
        let answer = send(&health.clone().header("host", host)).await;
        assert_eq!(answer.status, status, "{host}: {answer:?}");
    }
}

#[tokio::test]
async fn an_invalid_trusted_origin_or_host_stops_the_start() {
    let error = builder().allow_origin("*").start().await.unwrap_err().to_string();
    assert!(error.contains("it would let every web page run code"), "{error}");
    let error = builder().allow_host("http://hardcap").start().await.unwrap_err().to_string();
    assert!(error.contains("no scheme"), "{error}");
}
