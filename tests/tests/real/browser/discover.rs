//! A page like Discover behind the proxy: 20 MB of hits under Kibana's headers and policy, through the redirect to S3.

use aws_sdk_s3::types::{CorsConfiguration, CorsRule};
use hardcap::Emulator;
use hardcap::config::{Bucket, Table};
use hardcap_limits::Date;
use hardcap_tests::client::{Call, Client};
use hardcap_tests::functions::proxy;
use hardcap_tests::search::sigv4::sha256_hex;
use hardcap_tests::search::{Index, Search, SearchConfig};
use serde_json::Value;

use super::chromium::Chromium;

const DOCUMENTS: u64 = 10_000;
const DOCUMENT_BYTES: usize = 1_950;

/// The proxy behind each kind of gateway, in front of an upstream with 20 MB in one index.
pub(crate) struct World {
    pub(crate) emulator: Emulator,
    /// The digest of all hits, asked of an upstream that nothing stands before.
    pub(crate) sha256: String,
    _search: Search,
}

/// A world whose proxy has these variables.
pub(crate) async fn world(variables: &[(&str, &str)]) -> World {
    // Prose would shrink so far that it went inline.
    let indices = vec![Index { noise: true, ..Index::new("logs", DOCUMENTS, DOCUMENT_BYTES) }];
    let config = SearchConfig { indices, ..SearchConfig::default() };
    let bare = Search::start(SearchConfig { verify: false, ..config.clone() }).await.unwrap();
    let all = format!("{}/logs/_search?size={DOCUMENTS}", bare.url());
    let all = Client::new().send(&Call::post(all, "{}")).await.unwrap();
    assert!(all.body.len() > 20_000_000, "{} bytes", all.body.len());

    let search = Search::start(config).await.unwrap();
    let mut function = proxy(&search.url(), "overflow");
    for (name, value) in variables {
        function.environment.insert((*name).to_owned(), (*value).to_owned());
    }
    let emulator = Emulator::builder()
        .limits(Date::CLASSIC)
        .function(function)
        .table(Table { ttl_attribute: Some("forget".to_owned()), ..Table::new("sessions", "pk") })
        .rest_api("Rest", &[("ANY", "/", "proxy"), ("ANY", "/{path+}", "proxy")])
        .http_api("Http", &[("ANY", "$default", "proxy")])
        .function_url("proxy")
        .bucket(Bucket { name: "overflow".to_owned(), ..Bucket::default() })
        .start()
        .await
        .unwrap();
    search.ask_for_keys_at(format!("{}/keys", emulator.control_url()));
    World { emulator, sha256: sha256_hex(&all.body), _search: search }
}

impl World {
    /// The rule of the bucket, for one origin.
    pub(crate) async fn admit(&self, origin: &str) {
        let rule = CorsRule::builder()
            .allowed_origins(origin)
            .allowed_methods("GET")
            .allowed_methods("HEAD")
            .allowed_headers("*")
            .build()
            .unwrap();
        let rules = CorsConfiguration::builder().cors_rules(rule).build().unwrap();
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(aws_sdk_s3::config::BehaviorVersion::latest())
            .region(aws_sdk_s3::config::Region::new("us-east-1"))
            .endpoint_url(self.emulator.aws_url())
            .force_path_style(true)
            .credentials_provider(aws_sdk_s3::config::Credentials::new(
                "test", "test", None, None, "t",
            ))
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .build();
        let s3 = aws_sdk_s3::Client::from_conf(config);
        s3.put_bucket_cors().bucket("overflow").cors_configuration(rules).send().await.unwrap();
    }

    /// Where each gateway listens.
    pub(crate) fn bases(&self) -> [&str; 3] {
        let all = [
            self.emulator.api_url("Rest").unwrap(),
            self.emulator.api_url("Http").unwrap(),
            self.emulator.function_url("proxy").unwrap(),
        ];
        all.map(|base| base.trim_end_matches('/'))
    }
}

pub(crate) fn page(base: &str, more: &str) -> String {
    format!("{base}/_dashboards/app/discover?index=logs&size={DOCUMENTS}{more}")
}

/// What the page has come to.
pub(crate) async fn result(browser: &Chromium) -> Value {
    browser.until("window.result").await;
    browser.run("return window.result").await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium: just test-all"]
async fn a_page_of_20_mb_of_hits_gets_every_byte_through_every_gateway() {
    Chromium::with(|browser| async move {
        let world = world(&[]).await;
        for base in world.bases() {
            world.admit(&hardcap_tests::browser::origin(base).unwrap()).await;
            browser.open(&page(base, "")).await;
            let result = result(&browser).await;
            assert_eq!(result["sha256"], world.sha256, "{result}");
            assert_eq!((&result["hits"], &result["redirected"]), (&DOCUMENTS.into(), &true.into()));
            assert!(
                result["url"].as_str().unwrap().starts_with(world.emulator.aws_url()),
                "{result}"
            );
            assert_eq!(result["type"], "application/json; charset=UTF-8", "Kibana parses by it");
        }
        browser.screenshot("discover").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium: just test-all"]
async fn a_page_of_a_foreign_origin_gets_none() {
    Chromium::with(|browser| async move {
        let world = world(&[]).await;
        let [_, own, foreign] = world.bases();
        world.admit(&hardcap_tests::browser::origin(own).unwrap()).await;
        // The page comes from one gateway and asks the other: to the browser that is another server.
        browser.open(&page(foreign, &format!("&from={own}"))).await;
        let told = result(&browser).await;
        assert_eq!(told["error"], "TypeError: Failed to fetch", "{told}");
        browser.screenshot("discover-foreign").await;

        // A page of the right server at another name of the same machine is foreign to the bucket.
        let elsewhere = foreign.replace("127.0.0.1", "localhost");
        browser.open(&page(&elsewhere, "")).await;
        let told = result(&browser).await;
        assert_eq!(told["error"], "TypeError: Failed to fetch", "{told}");

        browser.open(&page(own, "")).await;
        let told = result(&browser).await;
        assert_eq!(told["sha256"], world.sha256, "and its own page still gets it: {told}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium: just test-all"]
async fn a_large_script_is_refused_by_the_proxy_and_would_be_by_the_pages_policy() {
    Chromium::with(|browser| async move {
        let world = world(&[]).await;
        let [_, own, _] = world.bases();
        world.admit("*").await;
        browser.open(&page(own, "")).await;
        result(&browser).await;
        let load = |url: &str| {
            format!(
                "new Promise((done) => {{ const script = document.createElement('script'); script.src = '{url}'; script.onload = () => done('loaded'); script.onerror = () => done('failed'); document.head.append(script); }})"
            )
        };
        let shrinks = format!("{own}/_bytes/12000000?kind=ascii&seed=1&type=application%2Fjavascript");
        let fetched = format!("fetch('{shrinks}').then(async (answer) => [answer.status, answer.redirected, (await answer.arrayBuffer()).byteLength])");
        assert_eq!(browser.wait_for(&fetched).await, serde_json::json!([200, true, 12_000_000]));
        let noise = format!("{own}/_bytes/8000000?kind=incompressible&type=application%2Fjavascript");
        assert_eq!(browser.wait_for(&load(&noise)).await, "failed");
        let away = format!("{}/overflow/x.js", world.emulator.aws_url());
        let violated = format!(
            "new Promise((done) => {{ addEventListener('securitypolicyviolation', (event) => done(event.effectiveDirective)); {} }})",
            load(&away)
        );
        assert_eq!(browser.wait_for(&violated).await, "script-src-elem");
    })
    .await;
}
