//! What each kind of client gets through each kind of gateway from the real proxy, with S3 as strict as it is.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod agents;
mod browsers;
mod deployed;
mod libraries;
mod links;
mod people;
mod real;
mod refusals;

use aws_sdk_s3::types::{CorsConfiguration, CorsRule};
use hardcap::Emulator;
use hardcap::config::{Api, ApiKind, Bucket, LifecycleRule, Table};
use hardcap_limits::Date;
use hardcap_tests::client::Client;
use hardcap_tests::content::{Content, ContentKind};
use hardcap_tests::functions::proxy;
use hardcap_tests::search::{Search, SearchConfig};

/// A kind of gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gateway {
    Rest,
    Http,
    Url,
}

const GATEWAYS: [Gateway; 3] = [Gateway::Rest, Gateway::Http, Gateway::Url];

/// What fits, and what does not.
const SMALL: Content = Content { kind: ContentKind::Json, size: 100_000, seed: 7 };
const LARGE: Content = Content { kind: ContentKind::Incompressible, size: 5_000_000, seed: 7 };

/// A page of another origin than any of the servers here; nobody has to listen there.
const APPLICATION: &str = "http://app.localhost:8080";

/// The real proxy behind each kind of gateway, an upstream that verifies signatures, and a bucket.
struct World {
    emulator: Emulator,
    search: Search,
    client: Client,
}

impl World {
    /// A world whose proxy has these variables, and whose bucket admits these origins.
    async fn start(variables: &[(&str, &str)], origins: &[&str]) -> World {
        World::before(SearchConfig::default(), variables, origins).await
    }

    /// The same in front of an upstream of one's own.
    async fn before(upstream: SearchConfig, variables: &[(&str, &str)], origins: &[&str]) -> World {
        let search = Search::start(upstream).await.unwrap();
        let mut function = proxy(&search.url(), "overflow");
        for (name, value) in variables {
            function.environment.insert((*name).to_owned(), (*value).to_owned());
        }
        let a_day = LifecycleRule {
            prefix: "overflow/".to_owned(),
            expiration_days: Some(1),
            abort_incomplete_multipart_days: Some(1),
        };
        let name = "overflow".to_owned();
        let bucket = Bucket { name, lifecycle: vec![a_day], ..Bucket::default() };
        let bare = ApiKind::Rest { binary_media_types: Vec::new(), minimum_compression_size: None };
        let emulator = Emulator::builder()
            .limits(Date::CLASSIC)
            .function(function)
            .api(Api::new("Bare", bare, "dev", &[("ANY", "/{path+}", "proxy")]))
            .rest_api("Rest", &[("ANY", "/", "proxy"), ("ANY", "/{path+}", "proxy")])
            .http_api("Http", &[("ANY", "$default", "proxy")])
            .function_url("proxy")
            .bucket(bucket)
            .table(Table {
                ttl_attribute: Some("forget".to_owned()),
                ..Table::new("sessions", "pk")
            })
            .start()
            .await
            .unwrap();
        search.ask_for_keys_at(format!("{}/keys", emulator.control_url()));
        let world = World { emulator, search, client: Client::new() };
        if !origins.is_empty() {
            world.admit(origins).await;
        }
        world
    }

    /// Gives the bucket the rule that `template.yaml` gives it, for these origins.
    async fn admit(&self, origins: &[&str]) {
        let rule = CorsRule::builder()
            .set_allowed_origins(Some(origins.iter().map(|o| (*o).to_owned()).collect()))
            .allowed_methods("GET")
            .allowed_methods("HEAD")
            .allowed_headers("*")
            .expose_headers("ETag")
            .expose_headers("Content-Range")
            .max_age_seconds(3600)
            .build()
            .unwrap();
        let rules = CorsConfiguration::builder().cors_rules(rule).build().unwrap();
        let put = s3(&self.emulator).put_bucket_cors().bucket("overflow").cors_configuration(rules);
        put.send().await.unwrap();
    }

    /// Where a gateway listens, without a slash at the end.
    fn base(&self, gateway: Gateway) -> &str {
        let base = match gateway {
            Gateway::Rest => self.emulator.api_url("Rest").unwrap(),
            Gateway::Http => self.emulator.api_url("Http").unwrap(),
            Gateway::Url => self.emulator.function_url("proxy").unwrap(),
        };
        base.trim_end_matches('/')
    }

    fn url(&self, gateway: Gateway, content: Content) -> String {
        format!("{}{}", self.base(gateway), content.path())
    }

    /// The URL of what the proxy says about itself: `https://…/_proxy/overflow/1` as well as `/prod/_proxy/overflow/1`.
    fn own(&self, gateway: Gateway, address: &str) -> String {
        let path = address.find("/_proxy/").map(|at| &address[at..]).unwrap();
        format!("{}{path}", self.base(gateway))
    }

    fn is_of_bucket(&self, url: &str) -> bool {
        url.starts_with(self.emulator.aws_url())
    }
}

/// An S3 client with the keys of local clouds.
fn s3(emulator: &Emulator) -> aws_sdk_s3::Client {
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(aws_sdk_s3::config::BehaviorVersion::latest())
        .region(aws_sdk_s3::config::Region::new("us-east-1"))
        .endpoint_url(emulator.aws_url())
        .force_path_style(true)
        .credentials_provider(aws_sdk_s3::config::Credentials::new("test", "test", None, None, "t"))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    aws_sdk_s3::Client::from_conf(config)
}
