//! Pages: of the proxy's own origin, as Kibana is, and of another; under the rule of the bucket, and under their own policy.

use hardcap_tests::browser::cors::Tainting;
use hardcap_tests::browser::{
    Browser, Credentials, Destination, Fetched, NetworkError, Page, Request, Response,
};
use hardcap_tests::client::Call;
use hardcap_tests::content::{Content, ContentKind};
use hardcap_tests::search::sigv4::sha256_hex;
use http::Method;

use super::{APPLICATION, GATEWAYS, Gateway, LARGE, SMALL, World};

/// What Kibana's own `fetch` sets on every request.
fn as_kibana(request: Request) -> Request {
    request
        .header("content-type", "application/json")
        .header("kbn-version", "8.9.0")
        .header("x-elastic-internal-origin", "Kibana")
}

#[track_caller]
fn arrived(fetched: &Fetched, content: Content) -> &Response {
    let response = fetched.outcome.as_ref().unwrap_or_else(|error| {
        panic!("{error}; sent: {:?}", fetched.sent.iter().map(line).collect::<Vec<_>>())
    });
    assert_eq!(response.status, 200, "{}", String::from_utf8_lossy(&response.body));
    assert!(sha256_hex(&response.body) == hex::encode(content.digest()), "other bytes came");
    response
}

fn line((call, status): &(Call, u16)) -> String {
    format!("{} {} → {status}", call.method, call.url.split('?').next().unwrap_or_default())
}

fn header<'a>(call: &'a Call, name: &str) -> Option<&'a str> {
    let found = call.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    found.and_then(|(_, value)| std::str::from_utf8(value).ok())
}

/// The requests of one fetch that reached the bucket.
fn at_bucket<'a>(world: &World, fetched: &'a Fetched) -> Vec<&'a Call> {
    let calls = fetched.sent.iter().map(|(call, _)| call);
    calls.filter(|call| world.is_of_bucket(&call.url)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn x2_a_page_of_the_proxys_origin_gets_every_size_under_an_exact_rule() {
    let world = World::start(&[], &[]).await;
    for gateway in GATEWAYS {
        let page = Page::of(world.base(gateway));
        world.admit(&[&page.origin]).await;
        for content in [SMALL, LARGE] {
            let fetched = Browser::new()
                .fetch(&page, as_kibana(Request::get(world.url(gateway, content))))
                .await;
            let response = arrived(&fetched, content);
            assert_eq!(response.header("content-type"), Some(content.kind.content_type()));
            let calls = at_bucket(&world, &fetched);
            if content == SMALL {
                assert!(calls.is_empty() && response.tainting == Tainting::Basic, "{gateway:?}");
                continue;
            }
            let [preflight, get] = calls.as_slice() else { panic!("{calls:?}") };
            assert_eq!(preflight.method, Method::OPTIONS, "Kibana's headers are asked about first");
            assert_eq!((&get.method, get.body.len()), (&Method::GET, 0));
            assert_eq!(header(get, "origin"), Some(page.origin.as_str()), "it is not tainted");
            assert_eq!(
                header(get, "kbn-version"),
                Some("8.9.0"),
                "it goes on to S3, which bears it"
            );
            assert_eq!((response.tainting, response.redirected), (Tainting::Cors, true));
            assert!(response.header("etag").is_some(), "exposed by the rule");
            assert_eq!(response.header("x-amz-request-id"), None, "and this is not");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn x2_a_page_of_a_foreign_origin_gets_nothing() {
    let world = World::start(&[("ALLOWED_ORIGINS", "https://kibana.example")], &[]).await;
    world.admit(&["https://kibana.example"]).await;
    let page = Page::of("http://evil.localhost:666/");
    for gateway in GATEWAYS {
        let before = world.search.received().len();
        let asked =
            Browser::new().fetch(&page, as_kibana(Request::get(world.url(gateway, LARGE)))).await;
        let error = asked.outcome.expect_err("it is not allowed");
        assert!(matches!(error, NetworkError::Preflight { .. }), "{gateway:?}: {error}");
        assert_eq!(world.search.received().len(), before, "the upstream was not asked");

        // Without headers of its own it needs no permission to ask, but gets none to read.
        let plain = Browser::new().fetch(&page, Request::get(world.url(gateway, SMALL))).await;
        let error = plain.outcome.expect_err("it is not allowed");
        assert!(matches!(error, NetworkError::Cors { .. }), "{gateway:?}: {error}");

        // Even with the link itself.
        let own = Page::of(world.base(gateway));
        let link = Request::get(world.url(gateway, LARGE)).header("x-overflow", "link");
        let told = Browser::new().fetch(&own, link).await.outcome.unwrap();
        let told: serde_json::Value = serde_json::from_slice(&told.body).unwrap();
        let stolen = Request::get(told["location"].as_str().unwrap());
        let error = Browser::new().fetch(&page, stolen).await.outcome.expect_err("not allowed");
        assert!(matches!(error, NetworkError::Cors { .. }), "{gateway:?}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn x3_a_page_of_another_origin_is_admitted_by_s3_only_with_a_rule_for_all() {
    let world = World::start(&[("ALLOWED_ORIGINS", APPLICATION)], &[APPLICATION]).await;
    let page = Page::of(APPLICATION);
    let ask = |gateway, credentials| {
        as_kibana(Request::get(world.url(gateway, LARGE))).credentials(credentials)
    };
    for gateway in GATEWAYS {
        let small =
            Browser::new().fetch(&page, as_kibana(Request::get(world.url(gateway, SMALL)))).await;
        assert_eq!(arrived(&small, SMALL).tainting, Tainting::Cors);
        let exact = Browser::new().fetch(&page, ask(gateway, Credentials::SameOrigin)).await;
        let preflight = at_bucket(&world, &exact)[0];
        assert_eq!(header(preflight, "origin"), Some("null"), "{gateway:?}");
        let error = exact.outcome.expect_err("the rule does not admit null");
        assert!(matches!(error, NetworkError::Preflight { .. }), "{gateway:?}: {error}");
    }
    world.admit(&["*"]).await;
    for gateway in GATEWAYS {
        let any = Browser::new().fetch(&page, ask(gateway, Credentials::SameOrigin)).await;
        arrived(&any, LARGE);
        let with_cookies = Browser::new().fetch(&page, ask(gateway, Credentials::Include)).await;
        let error = with_cookies.outcome.expect_err("`*` is not for credentials");
        assert!(matches!(error, NetworkError::Preflight { .. }), "{gateway:?}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn x3_a_page_of_another_origin_that_requests_the_link_keeps_its_origin() {
    let world = World::start(&[("ALLOWED_ORIGINS", APPLICATION)], &[APPLICATION]).await;
    let page = Page::of(APPLICATION);
    for gateway in GATEWAYS {
        let browser = Browser::new();
        let asked = Request::get(world.url(gateway, LARGE))
            .header("x-overflow", "link")
            .credentials(Credentials::Include);
        let told = browser.fetch(&page, asked).await.outcome.unwrap();
        assert_eq!(told.header("content-type"), Some("application/vnd.hardcap.overflow+json"));
        let told: serde_json::Value = serde_json::from_slice(&told.body).unwrap();
        let location = told["location"].as_str().unwrap();
        let fetched = browser.fetch(&page, Request::get(location)).await;
        arrived(&fetched, LARGE);
        assert_eq!(header(at_bucket(&world, &fetched)[0], "origin"), Some(APPLICATION));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn r1_every_method_becomes_exactly_one_get_without_body_at_s3() {
    let world = World::start(&[], &["*"]).await;
    for gateway in GATEWAYS {
        let page = Page::of(world.base(gateway));
        for method in [Method::GET, Method::POST, Method::PUT, Method::DELETE, Method::PATCH] {
            let mut request = Request::new(method.clone(), world.url(gateway, LARGE));
            if method != Method::GET {
                request = request.header("content-type", "application/json").body("{\"a\":1}");
            }
            let fetched = Browser::new().fetch(&page, request.header("osd-xsrf", "true")).await;
            arrived(&fetched, LARGE);
            let calls = at_bucket(&world, &fetched);
            let gets: Vec<_> = calls.iter().filter(|call| call.method == Method::GET).collect();
            assert_eq!(
                (calls.len(), gets.len()),
                (2, 1),
                "{gateway:?} {method}: and one preflight"
            );
            assert!(
                gets[0].body.is_empty() && header(gets[0], "content-type").is_none()
                    || method == Method::GET
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn r2_a_head_is_answered_by_the_proxy_itself() {
    let world = World::start(&[], &["*"]).await;
    for gateway in GATEWAYS {
        let page = Page::of(world.base(gateway));
        let request = as_kibana(Request::new(Method::HEAD, world.url(gateway, LARGE)));
        let fetched = Browser::new().fetch(&page, request).await;
        let response = fetched.outcome.as_ref().unwrap();
        assert_eq!((response.status, response.redirected), (200, false), "{gateway:?}");
        assert!(at_bucket(&world, &fetched).is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn r6_a_condition_that_s3_would_take_for_its_own_is_a_named_failure_with_the_link() {
    let world = World::start(&[], &["*"]).await;
    let page = Page::of(world.base(Gateway::Url));
    for (name, value) in [
        ("if-unmodified-since", "Sun, 06 Nov 1994 08:49:37 GMT"),
        ("if-match", "\"x\""),
        ("x-amz-user-agent", "aws-sdk-js/3"),
    ] {
        let request = Request::get(world.url(Gateway::Url, LARGE)).header(name, value);
        let fetched = Browser::new().fetch(&page, request).await;
        let response = fetched.outcome.as_ref().unwrap();
        assert_eq!((response.status, response.redirected), (406, false), "{name}");
        let told: serde_json::Value = serde_json::from_slice(&response.body).unwrap();
        assert!(told["detail"].as_str().unwrap().contains(name), "{told}");
        let there =
            Browser::new().fetch(&page, Request::get(told["location"].as_str().unwrap())).await;
        arrived(&there, LARGE);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a3_cookies_of_the_proxy_never_reach_s3() {
    let world = World::start(&[], &["*"]).await;
    // The bucket is on the same host: cookies do not know ports, so only the mode of the request keeps them from it.
    let page = Page::of(world.base(Gateway::Rest));
    let browser = Browser::new();
    let set = format!(
        "{}/_bytes/10?kind=ascii&header=set-cookie:ticket%3Dsecret",
        world.base(Gateway::Rest)
    );
    browser.fetch(&page, Request::get(set)).await.outcome.unwrap();
    let fetched = browser.fetch(&page, Request::get(world.url(Gateway::Rest, LARGE))).await;
    arrived(&fetched, LARGE);
    assert_eq!(header(&fetched.sent[0].0, "cookie"), Some("ticket=secret"));
    assert_eq!(header(at_bucket(&world, &fetched)[0], "cookie"), None);
}

/// What Kibana and OpenSearch Dashboards send with their pages.
const KIBANA_POLICY: &str =
    "script-src 'self'; worker-src blob: 'self'; style-src 'unsafe-inline' 'self'";

#[tokio::test(flavor = "multi_thread")]
async fn x6_a_large_script_comes_compressed_from_the_page_itself() {
    let world = World::start(&[], &["*"]).await;
    // 12 MB of text that shrinks, as a bundle of Dashboards does.
    let bundle = Content { kind: ContentKind::Zeros, size: 12_000_000, seed: 1 };
    for gateway in GATEWAYS {
        let page = Page::of(world.base(gateway)).with_policy(KIBANA_POLICY);
        let url = format!("{}&type=application%2Fjavascript", world.url(gateway, bundle));
        let part = Request::part(Destination::Script, url);
        let fetched = Browser::new().fetch(&page, part).await;
        arrived(&fetched, bundle);
        assert!(at_bucket(&world, &fetched).is_empty(), "{gateway:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn x6_a_script_that_does_not_shrink_is_refused_in_words_and_not_by_the_browser() {
    let world = World::start(&[], &["*"]).await;
    let page = Page::of(world.base(Gateway::Http)).with_policy(KIBANA_POLICY);
    for destination in [Destination::Script, Destination::Style, Destination::Worker] {
        let part = Request::part(destination, world.url(Gateway::Http, LARGE));
        let fetched = Browser::new().fetch(&page, part).await;
        let response = fetched.outcome.as_ref().unwrap();
        assert_eq!((response.status, response.redirected), (406, false), "{destination:?}");
    }

    // Where it is told to redirect all the same, this is what comes of it.
    let world = World::start(&[("OVERFLOW_REDIRECT_ASSETS", "true")], &["*"]).await;
    let page = Page::of(world.base(Gateway::Http)).with_policy(KIBANA_POLICY);
    let part = Request::part(Destination::Script, world.url(Gateway::Http, LARGE));
    let error = Browser::new().fetch(&page, part).await.outcome.expect_err("the policy forbids it");
    assert!(
        matches!(&error, NetworkError::Policy { directive, .. } if directive == "script-src"),
        "{error}"
    );
    let free = Page::of(world.base(Gateway::Http));
    let part = Request::part(Destination::Script, world.url(Gateway::Http, LARGE));
    let response = Browser::new().fetch(&free, part).await.outcome.unwrap();
    assert_eq!(response.tainting, Tainting::Opaque, "a page without a policy may run it");
}

#[tokio::test(flavor = "multi_thread")]
async fn x4_a_script_can_read_every_error_of_the_proxy() {
    let variables = [("ALLOWED_ORIGINS", APPLICATION), ("MAX_BODY_BYTES", "1000000")];
    let world = World::start(&variables, &["*"]).await;
    let page = Page::of(APPLICATION);
    for gateway in GATEWAYS {
        let base = world.base(gateway);
        let large = world.url(gateway, LARGE);
        for (url, status) in [
            (large, 502),
            (format!("{base}/_proxy/nothing"), 404),
            (format!("{base}/_proxy/overflow/x"), 404),
            (format!("{base}/a%5Cb"), 400),
        ] {
            let fetched = Browser::new().fetch(&page, as_kibana(Request::get(&url))).await;
            let response =
                fetched.outcome.unwrap_or_else(|error| panic!("{gateway:?} {url}: {error}"));
            assert_eq!(response.status, status, "{gateway:?} {url}");
            assert_eq!(response.header("content-type"), Some("application/problem+json"));
        }
    }
}
