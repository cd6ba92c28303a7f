//! What must hold for every size, kind of body, path and query, through every kind of gateway and the real proxy.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use hardcap_limits::Date;
use std::io::Read as _;

use hardcap::Emulator;
use hardcap::config::Bucket;
use hardcap_tests::arbitrary;
use hardcap_tests::client::{Call, Client, Fetched};
use hardcap_tests::content::{Content, ContentKind};
use hardcap_tests::functions::{guest, proxy};
use hardcap_tests::search::sigv4::{percent_decode, sha256_hex, split_target};
use hardcap_tests::search::{Search, SearchConfig};
use http::StatusCode;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, FileFailurePersistence, TestRunner};
use tokio::runtime::Runtime;

/// The largest answer of a function, as AWS says it in its refusal.
const ANSWER_MAX: u64 = 6_291_556;
/// The largest event of a function, as AWS says it in its refusal.
const EVENT_MAX: u64 = 6_291_456;
/// What the proxy must deliver: every size up to 32 MiB.
const SIZE_MAX: u64 = 33_554_432;

/// The real proxy behind each kind of gateway, and an upstream that verifies what it is sent.
struct World {
    emulator: Emulator,
    search: Search,
    client: Client,
}

/// A kind of gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gateway {
    Rest,
    Http,
    Url,
}

const GATEWAYS: [Gateway; 3] = [Gateway::Rest, Gateway::Http, Gateway::Url];

impl World {
    async fn start() -> World {
        let search = Search::start(SearchConfig::default()).await.unwrap();
        let emulator = Emulator::builder()
            .limits(Date::CLASSIC)
            .function(proxy(&search.url(), "overflow"))
            .function(guest("echo"))
            .function(guest("bloat"))
            .rest_api("Rest", &[("ANY", "/", "proxy"), ("ANY", "/{path+}", "proxy")])
            .http_api("Http", &[("ANY", "$default", "proxy")])
            .function_url("proxy")
            .bucket(Bucket { name: "overflow".to_owned(), ..Bucket::default() })
            .start()
            .await
            .unwrap();
        search.ask_for_keys_at(format!("{}/keys", emulator.control_url()));
        World { emulator, search, client: Client::new() }
    }

    /// A URL of the proxy behind a gateway.
    fn url(&self, gateway: Gateway, target: &str) -> String {
        let base = match gateway {
            Gateway::Rest => self.emulator.api_url("Rest").unwrap(),
            Gateway::Http => self.emulator.api_url("Http").unwrap(),
            Gateway::Url => self.emulator.function_url("proxy").unwrap(),
        };
        format!("{base}{target}")
    }

    fn invoke(&self, function: &str, event: impl Into<bytes::Bytes>) -> Call {
        let path = format!("/2015-03-31/functions/{function}/invocations");
        Call::post(format!("{}{path}", self.emulator.aws_url()), event)
    }

    async fn fetch(&self, call: &Call) -> Fetched {
        self.client.fetch(call).await.unwrap()
    }

    /// A body through a gateway and the proxy, wherever it was delivered, is the one that was asked for.
    async fn delivers(&self, gateway: Gateway, content: Content, gzip: bool) -> Delivery {
        let mut call = Call::get(self.url(gateway, &content.path()));
        if gzip {
            call = call.header("accept-encoding", "gzip");
        }
        let fetched = self.fetch(&call).await;
        let answer = &fetched.answer;
        assert_eq!(answer.status, StatusCode::OK, "{gateway:?} {content:?}: {answer:?}");
        assert_eq!(answer.header("content-type"), Some(content.kind.content_type()), "{content:?}");
        let body = match answer.header("content-encoding") {
            Some("gzip") if gzip => unpacked(&answer.body),
            None => answer.body.clone(),
            other => panic!("{other:?} was not asked for: {answer:?}"),
        };
        assert_eq!(body.len() as u64, content.size, "{gateway:?} {content:?}");
        assert!(sha256_hex(&body) == hex::encode(content.digest()), "{gateway:?} {content:?}");
        match fetched.redirects.as_slice() {
            [] => Delivery::Inline,
            [redirect] => {
                assert_eq!(redirect.status, StatusCode::SEE_OTHER);
                Delivery::Redirect
            }
            several => panic!("{several:?}"),
        }
    }

    /// After whatever happened, a small request is answered.
    async fn is_healthy(&self, gateway: Gateway) {
        let content = Content { kind: ContentKind::Json, size: 100, seed: 1 };
        assert_eq!(self.delivers(gateway, content, false).await, Delivery::Inline);
    }

    /// How many bytes were measured at most, of those that a row let through.
    fn highest_admitted(&self, row: &str) -> u64 {
        self.emulator.totals().limits.get(row).map_or(0, |seen| seen.highest_admitted)
    }

    /// Rows that refused something, and how often.
    fn refused(&self) -> Vec<(&'static str, u64)> {
        let limits = self.emulator.totals().limits;
        let refused = limits.into_iter().filter(|(_, seen)| seen.refused > 0);
        refused.map(|(row, seen)| (row.as_str(), seen.refused)).collect()
    }
}

/// How a body came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Delivery {
    Inline,
    Redirect,
}

fn unpacked(body: &[u8]) -> bytes::Bytes {
    let mut plain = Vec::new();
    flate2::read::MultiGzDecoder::new(body).read_to_end(&mut plain).unwrap();
    plain.into()
}

fn runner(cases: u32) -> TestRunner {
    let regressions = FileFailurePersistence::Direct("proptest-regressions/properties.txt");
    TestRunner::new(Config {
        failure_persistence: Some(Box::new(regressions)),
        ..Config::with_cases(cases)
    })
}

#[test]
fn every_body_of_every_size_arrives_as_it_was() {
    let runtime = Runtime::new().unwrap();
    let world = runtime.block_on(World::start());
    // Around the largest that fit as base64 and as text, where compression begins, and where the gateways end.
    let edges = [1_024, 4_718_400, 4_718_559, 6_291_300, 6_291_556, 10_485_760, 20_971_520];
    let drawn = (select(&GATEWAYS), arbitrary::content(&edges, SIZE_MAX), any::<bool>());
    let arrives = |(gateway, content, gzip)| {
        runtime.block_on(world.delivers(gateway, content, gzip));
        Ok(())
    };
    runner(96).run(&drawn, arrives).unwrap();
    assert_eq!(world.refused(), [], "something was refused on the way, whatever the client saw");
    assert_eq!(world.emulator.totals().bugs, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn at_the_largest_size_that_fits_one_byte_more_overflows() {
    for gateway in GATEWAYS {
        for (kind, bytes, characters) in
            [(ContentKind::Ascii, 1, 1), (ContentKind::Incompressible, 3, 4)]
        {
            let world = World::start().await;
            let content = |size| Content { kind, size, seed: 4 };
            // A length of as many digits as at the edge, so that the rest of the envelope is the same.
            let known = 4_000_000;
            assert_eq!(world.delivers(gateway, content(known), false).await, Delivery::Inline);
            let posted = world.highest_admitted("lambda_sync_response");
            let largest =
                known.next_multiple_of(bytes) + (ANSWER_MAX - posted) / characters * bytes;
            assert_eq!(world.delivers(gateway, content(largest), false).await, Delivery::Inline);
            let highest = world.highest_admitted("lambda_sync_response");
            assert!(
                (ANSWER_MAX - characters + 1..=ANSWER_MAX).contains(&highest),
                "{gateway:?} {kind}: {highest} posted at {largest}"
            );
            assert_eq!(
                world.delivers(gateway, content(largest + 1), false).await,
                Delivery::Redirect
            );
            assert_eq!(world.refused(), [], "{gateway:?} {kind}");
            world.is_healthy(gateway).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn at_the_largest_request_that_fits_one_byte_more_is_refused_by_that_row_alone() {
    for gateway in GATEWAYS {
        let world = World::start().await;
        let content = |size| Content { kind: ContentKind::Incompressible, size, seed: 6 };
        let upload = |size| {
            let call = Call::post(world.url(gateway, "/_bytes/0"), content(size).bytes())
                .header("content-type", "application/octet-stream");
            if size % 2 == 0 { call } else { call.header("expect", "100-continue") }
        };
        let arrived = |size: u64| {
            let received = world.search.received().pop().unwrap();
            assert_eq!(received.body_bytes, size, "{gateway:?}");
            assert_eq!(received.body_sha256, hex::encode(content(size).digest()), "{gateway:?}");
        };
        let known = 4_000_000;
        assert_eq!(world.fetch(&upload(known)).await.answer.status, 200);
        arrived(known);
        let event = world.highest_admitted("lambda_sync_request");
        let largest = known.next_multiple_of(3) + (EVENT_MAX - event) / 4 * 3;
        let answer = world.fetch(&upload(largest)).await.answer;
        assert_eq!(answer.status, 200, "{gateway:?} {largest}: {answer:?}");
        arrived(largest);
        assert!(world.highest_admitted("lambda_sync_request") > EVENT_MAX - 4, "{gateway:?}");
        assert_eq!(world.refused(), [], "{gateway:?}");

        world.search.forget_received();
        let over = world.fetch(&upload(largest + 1)).await.answer;
        assert_eq!(over.status, StatusCode::PAYLOAD_TOO_LARGE, "{gateway:?}: {over:?}");
        assert_eq!(world.search.received(), [], "{gateway:?}");
        assert_eq!(world.refused(), [("lambda_sync_request", 1)], "{gateway:?}");
        world.is_healthy(gateway).await;
    }
}

#[test]
fn an_invocation_is_refused_above_the_limits_and_nowhere_below() {
    let runtime = Runtime::new().unwrap();
    let world = runtime.block_on(World::start());
    let drawn = arbitrary::size_around(&[EVENT_MAX, ANSWER_MAX], 12_000_000);
    let events = |size: u64| {
        runtime.block_on(async {
            let event = format!("\"{}\"", "e".repeat(usize::try_from(size.max(2)).unwrap() - 2));
            let call = world.invoke("echo", event.clone());
            // Plain, with an `Expect` that is not waited for, and with one that is.
            let answer = match size % 3 {
                0 => world.fetch(&call).await.answer,
                1 => world.fetch(&call.header("expect", "100-continue")).await.answer,
                _ => call.send_when_asked().await.unwrap().answer,
            };
            if size <= EVENT_MAX {
                assert_eq!(answer.status, StatusCode::OK, "{size}: {answer:?}");
                assert!(answer.body == event, "{size} bytes came back as others");
            } else {
                assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE, "{size}: {answer:?}");
                let small = world.fetch(&world.invoke("echo", "{}")).await.answer;
                assert_eq!((small.status, small.text()), (StatusCode::OK, "{}"));
            }
        });
        Ok(())
    };
    runner(64).run(&drawn, events).unwrap();
    let answers = |size: u64| {
        runtime.block_on(async {
            let size = size.max(2);
            let event = format!("{{\"size\":{size}}}");
            let answer = world.fetch(&world.invoke("bloat", event)).await.answer;
            assert_eq!(answer.status, StatusCode::OK, "{size}: {answer:?}");
            let fault = answer.header("x-amz-function-error");
            if size <= ANSWER_MAX {
                assert_eq!((fault, answer.body.len() as u64), (None, size));
            } else {
                assert_eq!(fault, Some("Unhandled"), "{size}: {answer:?}");
                let error = answer.json()["errorType"].clone();
                assert_eq!(error, "Function.ResponseSizeTooLarge");
                let small = world.fetch(&world.invoke("bloat", "{\"size\":2}")).await.answer;
                assert_eq!(small.text(), "\"\"");
            }
        });
        Ok(())
    };
    runner(64).run(&drawn, answers).unwrap();
    let rows: Vec<&str> = world.refused().into_iter().map(|(row, _)| row).collect();
    assert_eq!(rows, ["lambda_sync_request", "lambda_sync_response"]);
}

#[test]
fn every_path_and_query_reaches_the_upstream_and_its_signature_holds() {
    let runtime = Runtime::new().unwrap();
    let world = runtime.block_on(World::start());
    let drawn = (select(&GATEWAYS), arbitrary::path(), arbitrary::query());
    let reaches = |(gateway, path, query): (Gateway, String, String)| {
        let target = if query.is_empty() { path } else { format!("{path}?{query}") };
        runtime.block_on(async {
            world.search.forget_received();
            let answer = world.fetch(&Call::get(world.url(gateway, &target))).await.answer;
            let received = world.search.received();
            let [received] = received.as_slice() else {
                // HTTP APIs and function URLs decode paths: what then has two meanings is refused by name.
                assert_ne!(gateway, Gateway::Rest, "{target}: {answer:?}");
                assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{target}: {answer:?}");
                assert!(answer.text().contains("kind of API decodes"), "{target}: {answer:?}");
                return;
            };
            assert_eq!(received.refusal, None, "{gateway:?} {target}: {answer:?}");
            let (path, query) = split_target(&target);
            let (came, queried) = split_target(&received.target);
            assert_eq!(percent_decode(came), percent_decode(path), "{gateway:?} {target}");
            if gateway == Gateway::Rest {
                assert_eq!(came, path);
            }
            assert_eq!(pairs(queried), pairs(query), "{gateway:?} {target} as {}", received.target);
        });
        Ok(())
    };
    runner(200).run(&drawn, reaches).unwrap();
}

/// The parameters of a query, decoded, in no order; a bare key has an empty value.
fn pairs(query: Option<&str>) -> Vec<(Vec<u8>, Vec<u8>)> {
    let query = query.unwrap_or_default();
    let mut pairs: Vec<_> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (percent_decode(name), percent_decode(value)))
        .collect();
    pairs.sort();
    pairs
}
