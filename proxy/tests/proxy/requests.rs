//! Tests of requests to the upstream: their content, retries, and the responses to errors.

use std::time::Duration;

use crate::support::bucket::Bucket;
use crate::support::upstream::{RawUpstream, answer, head};
use crate::support::{Reply, ask, ask_within, config, event, get, proxy, s3};
use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use hardcap_proxy::handler::Proxy;

const ORIGIN: &str = "https://kibana.example";

async fn over(upstream: &str, changes: &[(&str, &str)]) -> Proxy {
    let bucket = Bucket::keeping().await;
    proxy(config(upstream, changes), s3(&bucket.url))
}

async fn ok() -> RawUpstream {
    RawUpstream::saying(answer("200 OK", &[("content-type", "text/plain")], b"ok")).await
}

fn check_problem(reply: &Reply, status: u16, kind: &str) {
    let text = String::from_utf8_lossy(&reply.body).into_owned();
    assert_eq!(reply.status, status, "{text}");
    assert_eq!(reply.header("content-type"), Some("application/problem+json"), "{text}");
    assert_eq!(reply.json()["type"], format!("urn:hardcap:problem:{kind}"), "{text}");
    assert_eq!(reply.json()["status"], status);
    assert!(reply.json()["detail"].as_str().is_some_and(|detail| detail.len() > 20), "{text}");
}

#[tokio::test]
async fn every_status_and_method_is_passed_on_unchanged() {
    let server = MockServer::start().await;
    for status in
        [200, 201, 202, 203, 204, 206, 300, 304, 400, 401, 403, 404, 409, 418, 429, 500, 503, 599]
    {
        for method in ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"] {
            server.reset().await;
            let reply =
                ResponseTemplate::new(status).insert_header("x-tag", "t").set_body_bytes("body");
            Mock::given(any()).respond_with(reply).expect(1).mount(&server).await;
            let proxy = over(&server.uri(), &[]).await;
            let reply = ask(&proxy, &event(method, "/a", &[])).await;
            assert_eq!(reply.status, status, "{method}");
            assert_eq!(reply.header("x-tag"), Some("t"), "{method} {status}");
            let bodyless = method == "HEAD" || [204, 304].contains(&status);
            assert_eq!(reply.body, if bodyless { &b""[..] } else { b"body" }, "{method} {status}");
            server.verify().await;
        }
    }
}

#[tokio::test]
async fn s2_the_request_line_is_the_requested_and_signed_one() {
    let upstream = ok().await;
    let base = format!("{}/base/", upstream.url);
    let proxy = over(&base, &[]).await;
    for (path, line) in [
        ("/*,-x/_search?q=a+b&v", "GET /base/*,-x/_search?q=a%20b&v HTTP/1.1"),
        ("/a b/é", "GET /base/a%20b/%C3%A9 HTTP/1.1"),
        ("/", "GET /base/ HTTP/1.1"),
    ] {
        assert_eq!(get(&proxy, path, &[]).await.status, 200);
        let last = upstream.received().pop().unwrap();
        assert_eq!(last.line, line);
        let authorization = last.header("authorization").expect("it is signed");
        let signed = "SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token,";
        assert!(authorization.contains(signed), "{authorization}");
        assert!(authorization.contains("/eu-west-1/es/aws4_request"), "{authorization}");
        let host = upstream.url.strip_prefix("http://");
        assert_eq!(last.header("host"), host);
    }
}

#[tokio::test]
async fn an_upstream_without_a_scope_gets_no_signature() {
    let upstream = ok().await;
    let proxy = over(&upstream.url, &[("UPSTREAM_SERVICE", "none")]).await;
    get(&proxy, "/", &[("authorization", "Basic x")]).await;
    let received = &upstream.received()[0];
    assert_eq!((received.header("authorization"), received.header("x-amz-date")), (None, None));
}

#[tokio::test]
async fn s11_nothing_in_a_request_changes_the_target() {
    let upstream = ok().await;
    let proxy = over(&upstream.url, &[]).await;
    for (path, headers) in [
        ("/", &[("host", "evil.example")][..]),
        ("/", &[("x-forwarded-host", "evil.example"), ("forwarded", "host=evil.example")]),
        ("/@evil.example/", &[]),
        ("/http://evil.example", &[]),
        ("/a?url=http://169.254.169.254/", &[]),
    ] {
        get(&proxy, path, headers).await;
    }
    for received in upstream.received() {
        assert_eq!(received.header("host"), upstream.url.strip_prefix("http://"));
        assert_eq!(received.header("x-forwarded-host"), None);
        assert_eq!(received.header("forwarded"), None);
    }
    for path in ["http://evil.example/", "//evil.example/"] {
        check_problem(&get(&proxy, path, &[]).await, 400, "bad-target");
    }
}

#[tokio::test]
async fn a_bad_target_is_refused_before_anything_is_sent() {
    let upstream = ok().await;
    let proxy = over(&upstream.url, &[]).await;
    for path in ["/a/../b", "/a\\b", "/a//b", "/a%2Fb", "/?q=%FF", "/?q=%zz"] {
        check_problem(&get(&proxy, path, &[]).await, 400, "bad-target");
    }
    check_problem(&get(&proxy, "/", &[("x-bad", "a\nb")]).await, 400, "bad-header");
    assert!(upstream.received().is_empty());
}

#[tokio::test]
async fn a3_cookies_of_two_users_do_not_mix() {
    let upstream = RawUpstream::start(|number, request, mut socket| async move {
        let sent = request.header("cookie").unwrap_or("none").to_owned();
        let cookie = format!("user={number}; Domain=es.example");
        let reply = answer("200 OK", &[("set-cookie", &cookie), ("x-sent", &sent)], b"");
        let _ = socket.write_all(&reply).await;
    })
    .await;
    let proxy = over(&upstream.url, &[]).await;
    let first = get(&proxy, "/", &[]).await;
    assert_eq!(
        (first.header("set-cookie"), first.header("x-sent")),
        (Some("user=0"), Some("none"))
    );
    let mut with_cookie = event("GET", "/", &[]);
    with_cookie["cookies"] = json!(["user=0", "b=2"]);
    assert_eq!(ask(&proxy, &with_cookie).await.header("x-sent"), Some("user=0; b=2"));
    assert_eq!(get(&proxy, "/", &[]).await.header("x-sent"), Some("none"), "nothing is kept");
}

#[tokio::test]
async fn s9_only_idempotent_requests_are_repeated_after_a_broken_connection() {
    for (method, tries) in
        [("GET", 2), ("HEAD", 2), ("PUT", 2), ("DELETE", 2), ("POST", 1), ("PATCH", 1)]
    {
        let upstream = RawUpstream::start(|_, _, socket| async move { drop(socket) }).await;
        let proxy = over(&upstream.url, &[]).await;
        let reply = ask(&proxy, &event(method, "/", &[])).await;
        assert_eq!(reply.status, 502, "{method}");
        assert_eq!(upstream.received().len(), tries, "{method}");
    }
}

#[tokio::test]
async fn s8_a_second_try_sends_the_same_bytes() {
    let upstream = RawUpstream::start(|number, _, mut socket| async move {
        if number == 1 {
            let _ = socket.write_all(&answer("200 OK", &[], b"ok")).await;
        }
    })
    .await;
    let proxy = over(&upstream.url, &[]).await;
    let mut put = event("PUT", "/a", &[]);
    put["body"] = json!("the body");
    assert_eq!(ask(&proxy, &put).await.status, 200);
    let received = upstream.received();
    assert_eq!(received.len(), 2);
    assert_eq!(received[0].body, received[1].body);
    assert_eq!(
        received[0].header("x-amz-content-sha256"),
        received[1].header("x-amz-content-sha256")
    );
}

#[tokio::test]
async fn s9_an_unreachable_upstream_is_a_502_for_every_method() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let proxy = over(&url, &[]).await;
    for method in ["GET", "POST"] {
        check_problem(&ask(&proxy, &event(method, "/", &[])).await, 502, "upstream-unreachable");
    }
}

#[tokio::test]
async fn an_upstream_that_does_not_speak_http_is_a_502() {
    let upstream = RawUpstream::saying("SSH-2.0-OpenSSH_9.2\r\n").await;
    let proxy = over(&upstream.url, &[]).await;
    check_problem(&ask(&proxy, &event("POST", "/", &[])).await, 502, "upstream-broken");
}

#[tokio::test]
async fn a_status_that_gateways_do_not_pass_on_is_a_502_with_a_reason() {
    for status in ["101 Switching Protocols", "999 Odd"] {
        let upstream = RawUpstream::saying(answer(status, &[("upgrade", "x")], b"")).await;
        let proxy = over(&upstream.url, &[]).await;
        check_problem(&ask(&proxy, &event("GET", "/", &[])).await, 502, "upstream-broken");
    }
}

#[tokio::test]
async fn s10_a_wrong_clock_is_corrected_once() {
    let late = || {
        let body = br#"{"message":"Signature expired: 20261123T090000Z is now earlier than 20261123T091000Z (20261123T091500Z - 5 min.)"}"#;
        let headers = [("date", "Fri, 01 Jan 2038 00:00:00 GMT")];
        answer("403 Forbidden", &headers, body)
    };
    let upstream = RawUpstream::start(move |_, request, mut socket| async move {
        let corrected = request.header("x-amz-date").unwrap_or_default().starts_with("2038010");
        let reply = if corrected { answer("200 OK", &[], b"ok") } else { late() };
        let _ = socket.write_all(&reply).await;
    })
    .await;
    let proxy = over(&upstream.url, &[]).await;
    let reply = ask(&proxy, &event("POST", "/", &[])).await;
    assert_eq!(
        (reply.status, reply.body.as_slice(), upstream.received().len()),
        (200, &b"ok"[..], 2)
    );
    assert_eq!(get(&proxy, "/", &[]).await.status, 200);
    assert_eq!(upstream.received().len(), 3, "what was learned is kept");

    let stubborn = RawUpstream::saying(late()).await;
    let proxy = over(&stubborn.url, &[]).await;
    let reply = get(&proxy, "/", &[]).await;
    assert_eq!((reply.status, stubborn.received().len()), (403, 2));
    assert!(
        String::from_utf8_lossy(&reply.body).contains("Signature expired"),
        "it comes back whole"
    );
}

#[tokio::test]
async fn a_403_for_another_reason_is_passed_on() {
    let upstream = RawUpstream::saying(answer("403 Forbidden", &[], b"{\"Message\":\"no\"}")).await;
    let proxy = over(&upstream.url, &[]).await;
    let reply = get(&proxy, "/", &[]).await;
    assert_eq!((reply.status, reply.body.as_slice()), (403, &b"{\"Message\":\"no\"}"[..]));
    assert_eq!(upstream.received().len(), 1);
}

#[tokio::test]
async fn z10_a_slow_upstream_is_a_504_before_the_gateway_gives_up() {
    let hanging = || {
        RawUpstream::start(|_, _, socket| async move {
            std::future::pending::<()>().await;
            drop(socket);
        })
    };
    let upstream = hanging().await;
    let proxy = over(&upstream.url, &[("GATEWAY_TIMEOUT_MS", "400")]).await;
    let start = tokio::time::Instant::now();
    let reply = get(&proxy, "/", &[]).await;
    check_problem(&reply, 504, "deadline");
    assert!(start.elapsed() < Duration::from_millis(400), "{:?}", start.elapsed());
    assert!(reply.json()["detail"].as_str().unwrap().contains("job"));

    let upstream = hanging().await;
    let proxy = over(&upstream.url, &[]).await;
    let reply = ask_within(&proxy, &event("GET", "/", &[]), Duration::from_millis(400)).await;
    check_problem(&reply, 504, "deadline");
}

#[tokio::test]
async fn z10_a_slow_bucket_is_a_504_too() {
    let body = vec![0xff; 9_000_000];
    let upstream = RawUpstream::saying(answer("200 OK", &[], &body)).await;
    let hanging = RawUpstream::start(|_, _, socket| async move {
        std::future::pending::<()>().await;
        drop(socket);
    })
    .await;
    let proxy = proxy(config(&upstream.url, &[("GATEWAY_TIMEOUT_MS", "1500")]), s3(&hanging.url));
    let start = tokio::time::Instant::now();
    check_problem(&get(&proxy, "/", &[]).await, 504, "deadline");
    assert!(start.elapsed() < Duration::from_millis(1500), "{:?}", start.elapsed());
}

#[tokio::test]
async fn an_upstream_that_stops_in_the_middle_is_a_504() {
    let upstream = RawUpstream::start(|_, _, mut socket| async move {
        let _ = socket.write_all(head("200 OK", &[], 1000).as_bytes()).await;
        let _ = socket.write_all(b"some").await;
        std::future::pending::<()>().await;
    })
    .await;
    let proxy = over(&upstream.url, &[("UPSTREAM_IDLE_TIMEOUT_MS", "100")]).await;
    check_problem(&get(&proxy, "/", &[]).await, 504, "upstream-stalled");
}

#[tokio::test]
async fn r7_redirects_are_rewritten_and_not_followed() {
    let upstream = RawUpstream::start(|_, request, mut socket| async move {
        let host = request.header("host").unwrap_or_default();
        let location = format!("https://{host}/_dashboards/app?x=1");
        let _ =
            socket.write_all(&answer("302 SearchFuture", &[("location", &location)], b"")).await;
    })
    .await;
    let proxy = over(&upstream.url, &[("PUBLIC_URL", "https://public.example/prod/")]).await;
    let reply = get(&proxy, "/", &[]).await;
    assert_eq!(reply.status, 302);
    assert_eq!(reply.header("location"), Some("https://public.example/prod/_dashboards/app?x=1"));
    assert_eq!(upstream.received().len(), 1);

    let away = answer("302 SearchFuture", &[("location", "https://evil.example/")], b"");
    let upstream = RawUpstream::saying(away).await;
    let proxy = over(&upstream.url, &[]).await;
    check_problem(&get(&proxy, "/", &[]).await, 502, "foreign-redirect");
}

#[tokio::test]
async fn r8_the_proxys_own_paths_never_reach_the_upstream() {
    let upstream = ok().await;
    let proxy = over(&upstream.url, &[]).await;
    assert_eq!(get(&proxy, "/_proxy/ping", &[]).await.json()["status"], "ok");
    assert_eq!(ask(&proxy, &event("HEAD", "/_proxy/ping", &[])).await.status, 200);
    let refused = ask(&proxy, &event("POST", "/_proxy/ping", &[])).await;
    check_problem(&refused, 405, "method-not-allowed");
    assert_eq!(refused.header("allow"), Some("GET, HEAD"));
    for path in [
        "/_proxy",
        "/_proxy/",
        "/_proxy/overflow",
        "/_proxy/overflow/1/2",
        "/_proxy/ping/x",
        "/_proxy/login/x",
    ] {
        check_problem(&get(&proxy, path, &[]).await, 404, "no-such-route");
    }
    assert!(upstream.received().is_empty());
}

#[tokio::test]
async fn a_closed_proxy_responds_only_to_ping() {
    let upstream = ok().await;
    let proxy = over(&upstream.url, &[("ACCESS", "")]).await;
    check_problem(&get(&proxy, "/", &[]).await, 403, "closed");
    assert_eq!(get(&proxy, "/_proxy/ping", &[]).await.status, 200);
    assert!(upstream.received().is_empty());
}

#[tokio::test]
async fn a_websocket_is_refused_with_a_reason() {
    let upstream = ok().await;
    let proxy = over(&upstream.url, &[]).await;
    for headers in [[("upgrade", "WebSocket")], [("sec-websocket-key", "x")]] {
        check_problem(&get(&proxy, "/", &headers).await, 501, "no-websocket");
    }
    assert!(upstream.received().is_empty());
}

#[tokio::test]
async fn x1_a_preflight_never_reaches_the_upstream() {
    let upstream = ok().await;
    let proxy = over(&upstream.url, &[("ALLOWED_ORIGINS", ORIGIN), ("ACCESS", "")]).await;
    let asked = [("origin", ORIGIN), ("access-control-request-method", "POST")];
    let reply = ask(&proxy, &event("OPTIONS", "/_search", &asked)).await;
    assert_eq!((reply.status, reply.header("access-control-allow-origin")), (204, Some(ORIGIN)));
    assert!(upstream.received().is_empty());
}

#[tokio::test]
async fn x4_every_response_and_error_has_cors_headers_for_an_allowed_origin() {
    let upstream = RawUpstream::start(|_, request, mut socket| async move {
        let cors = ("access-control-allow-origin", "*");
        let reply = match request.line.split(' ').nth(1) {
            Some("/broken") => head("200 OK", &[], 10).into_bytes(),
            Some("/large") => answer("200 OK", &[cors], &vec![0xff; 5_000_000]),
            Some("/away") => {
                answer("302 SearchFuture", &[("location", "https://evil.example")], b"")
            }
            _ => answer("200 OK", &[cors, ("vary", "Accept")], b"ok"),
        };
        let _ = socket.write_all(&reply).await;
    })
    .await;
    for access in ["open", ""] {
        let changes = [("ALLOWED_ORIGINS", ORIGIN), ("ACCESS", access)];
        let proxy = over(&upstream.url, &changes).await;
        for path in ["/", "/large", "/broken", "/away", "/a/../b", "/_proxy/ping", "/_proxy/x"] {
            let reply = get(&proxy, path, &[("origin", ORIGIN)]).await;
            let granted: Vec<_> = reply
                .headers
                .iter()
                .filter(|(name, _)| name == "access-control-allow-origin")
                .collect();
            assert_eq!(granted.len(), 1, "{path}: {granted:?}");
            assert_eq!(granted[0].1, ORIGIN, "{path}");
            assert!(reply.header("vary").unwrap().contains("Origin"), "{path}");
            let foreign = get(&proxy, path, &[("origin", "https://evil.example")]).await;
            assert_eq!(foreign.header("access-control-allow-origin"), None, "{path}");
        }
    }
}
