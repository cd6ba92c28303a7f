//! Every service against every kind of page.

use hardcap::Emulator;
use hardcap_tests::client::{Call, RawConnection};
use http::Method;

use super::calls::{RefusalFormat, all, builder, from_page, nothing_happened, send};

/// Pages, and what a refusal says of them.
const PAGES: &[(&[(&str, &str)], &str)] = &[
    (&[("origin", "https://evil.example")], "--allow-origin https://evil.example"),
    (&[("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")], "evil.example"),
    (&[("origin", "null")], "cannot be allowed"),
    (&[("origin", "http://localhost:3000")], "--allow-origin http://localhost:3000"),
    (&[("origin", "http://127.0.0.1:9"), ("sec-fetch-site", "same-site")], "http://127.0.0.1:9"),
    (&[("origin", "chrome-extension://abcdefgh")], "chrome-extension://abcdefgh"),
    (&[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors")], "cross-site"),
    (&[("sec-fetch-site", "same-site"), ("sec-fetch-dest", "image")], "same-site"),
    (
        &[
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-mode", "navigate"),
            ("sec-fetch-dest", "document"),
        ],
        "cross-site",
    ),
    (&[("sec-fetch-site", "same-origin")], "own origin"),
    (&[("origin", "https://evil.example"), ("upgrade", "websocket")], "evil.example"),
];

const HOSTS: &[&str] = &[
    "rebound.evil.example:4566",
    "127.0.0.1.evil.example",
    "localhost.evil.example",
    "hardcap",
    "host.docker.internal",
    "0.0.0.0:4566",
    "192.0.2.7",
];

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_refused_by_every_service_in_its_own_format_and_nothing_happens() {
    let emulator = builder().start().await.unwrap();
    for (format, call) in all(&emulator) {
        for (page, said) in PAGES {
            let answer = send(&from_page(&call, page)).await;
            let text = format.refusal(&answer);
            assert!(text.contains(said) && text.contains("--allow-origin"), "{page:?} {answer:?}");
        }
    }
    nothing_happened(&emulator).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_not_this_machine_is_refused_by_every_service_in_its_own_format() {
    let emulator = builder().start().await.unwrap();
    for (format, call) in all(&emulator) {
        for host in HOSTS {
            let answer = send(&from_page(&call, &[("host", host)])).await;
            let text = format.refusal(&answer);
            assert!(text.contains("--allow-host") && text.contains(host), "{host} {answer:?}");
        }
    }
    nothing_happened(&emulator).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_of_the_own_origin_is_refused_by_its_origin_too() {
    let emulator = builder().start().await.unwrap();
    for (format, call) in all(&emulator) {
        let page = [("origin", emulator.aws_url()), ("sec-fetch-site", "same-origin")];
        let text = format.refusal(&send(&from_page(&call, &page)).await);
        assert!(text.contains("own origin"), "{text}");
    }
    nothing_happened(&emulator).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn methods_that_no_service_has_are_refused_from_pages_as_well() {
    let emulator = builder().start().await.unwrap();
    let methods = ["PATCH", "TRACE", "PROPFIND", "OPTIONS", "HEAD"];
    for method in methods {
        for path in ["/2015-03-31/functions/echo/invocations", "/_hardcap/reset"] {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let call = Call::new(method, format!("{}{path}", emulator.aws_url()));
            let answer = send(&call.header("origin", "https://evil.example")).await;
            assert_eq!(answer.status, 403, "{path} {answer:?}");
        }
    }
    nothing_happened(&emulator).await;
}

async fn raw(emulator: &Emulator, head: &str) -> String {
    let mut connection = RawConnection::open(emulator.aws_url()).await.unwrap();
    connection.write(head).await.unwrap();
    String::from_utf8_lossy(&connection.read_to_end().await.unwrap()).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_names_two_hosts_is_refused_and_one_that_names_none_is_not_a_browsers() {
    let emulator = builder().start().await.unwrap();
    for (head, status) in [
        (
            "GET /_hardcap/health HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
            "403",
        ),
        (
            "GET http://evil.example/_hardcap/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
            "403",
        ),
        ("GET /_hardcap/health HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n", "403"),
        ("GET /_hardcap/health HTTP/1.0\r\n\r\n", "200"),
        ("GET /_hardcap/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", "200"),
    ] {
        let answer = raw(&emulator, head).await;
        assert_eq!(answer.split(' ').nth(1), Some(status), "{head:?}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_body_of_a_page_is_refused_with_an_answer() {
    let emulator = builder().start().await.unwrap();
    let url = format!("{}/2015-03-31/functions", emulator.aws_url());
    let call = Call::post(url, vec![b'x'; 5_000_000]).header("origin", "https://evil.example");
    assert!(RefusalFormat::Lambda.refusal(&send(&call).await).contains("evil.example"));
    nothing_happened(&emulator).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_dashboard_gives_its_token_to_a_window_alone_and_no_frame_shows_it() {
    let emulator = builder().start().await.unwrap();
    let page = format!("{}/", emulator.control_url());
    let typed = [("sec-fetch-site", "none"), ("sec-fetch-mode", "navigate")];
    let answer = send(&from_page(&Call::get(&page), &typed)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(answer.header("content-security-policy").unwrap().contains("frame-ancestors 'none'"));
    assert_eq!(answer.header("cross-origin-opener-policy"), Some("same-origin"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let (_, rest) = answer.text().split_once("name=\"token\" content=\"").unwrap();
    let token = rest.split_once('"').unwrap().0;
    assert_eq!(token.len(), 32, "{token}");

    let own = ("sec-fetch-site", "same-origin");
    let reset = Call::post(format!("{}/reset", emulator.control_url()), "");
    for (headers, status) in [
        (&[own, ("x-hardcap-token", token)][..], 200),
        (&[own, ("origin", emulator.aws_url()), ("x-hardcap-token", token)], 200),
        (&[own], 403),
        (&[own, ("x-hardcap-token", "0")], 403),
        (&[("origin", "https://evil.example"), ("x-hardcap-token", token)], 403),
        (&[], 200),
    ] {
        let answer = send(&from_page(&reset, headers)).await;
        assert_eq!(answer.status, status, "{headers:?}: {answer:?}");
    }
    let own_page = send(&from_page(&Call::get(&page), &[own])).await;
    assert!(!own_page.text().contains(token), "the token leaks: {own_page:?}");
}
