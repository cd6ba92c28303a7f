//! The template that is deployed: what it says is what the programs need and what the bucket has to do.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::time::Duration;

use hardcap::Emulator;
use hardcap::config::Config;
use hardcap_limits::{Limits, Millis};
use hardcap_project::settings::Settings;
use hardcap_project::template::{self, Loaded};
use hardcap_tests::client::{Answer, Call, Client};
use http::Method;

const DAY: u64 = 86_400_000;

fn text() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../template.yaml");
    std::fs::read_to_string(path).unwrap()
}

fn loaded(parameters: &[(&str, &str)]) -> Loaded {
    let mut settings = Settings::default();
    for (name, value) in [("UpstreamUrl", "https://search.example")].iter().chain(parameters) {
        settings.parameters.insert((*name).to_owned(), (*value).to_owned());
    }
    template::load(&text(), Path::new("template.yaml"), &settings, Limits::classic()).unwrap()
}

/// What the programs make of the variables that the template gives them.
fn environment_is_accepted(loaded: &Loaded) {
    assert_eq!(loaded.config.functions.len(), 3, "proxy, job and sweeper");
    for function in &loaded.config.functions {
        let lookup = |name: &str| match name {
            "AWS_REGION" => Some("us-east-1".to_owned()),
            "AWS_LAMBDA_FUNCTION_NAME" => Some(function.name.clone()),
            name => function.environment.get(name).cloned(),
        };
        let read = hardcap_proxy::config::Config::read(&lookup);
        let config = read.unwrap_or_else(|mistakes| panic!("{}: {mistakes}", function.name));
        assert!(config.jobs.is_some(), "{} knows of jobs", function.name);
    }
}

/// An emulator with the bucket of the template alone.
async fn bucket() -> (Emulator, String) {
    let mut config = Config::empty(Limits::classic());
    config.buckets = loaded(&[]).config.buckets;
    let name = config.buckets[0].name.clone();
    (Emulator::start(config).await.unwrap(), name)
}

#[test]
fn the_programs_accept_the_variables_that_the_template_gives_them() {
    let signing = loaded(&[("AllowedOrigin", "https://kibana.example"), ("Access", "open")]);
    environment_is_accepted(&signing);
    let without_effect: Vec<_> = signing.warnings.iter().map(|w| w.message.as_str()).collect();
    assert_eq!(without_effect, [""; 0], "all that is deployed is emulated");
    assert!(signing.config.secrets.is_empty(), "a secret costs, so there is none unasked");

    let with_password = loaded(&[("UpstreamAuth", "basic")]);
    environment_is_accepted(&with_password);
    let secret = &with_password.config.secrets[0];
    let arn = secret.arn("us-east-1");
    for function in &with_password.config.functions {
        let reference = function.environment.get("UPSTREAM_BASIC_AUTH");
        assert_eq!(reference, Some(&format!("secret:{arn}")), "{}", function.name);
    }
}

#[test]
fn the_table_that_the_pages_name_is_the_one_that_hardcap_makes() {
    let tables = loaded(&[]).config.tables;
    let table = tables.iter().find(|table| table.name.contains("Sessions")).unwrap();
    let named = format!("--table {} --endpoint-url http://127.0.0.1:4566", table.name);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for page in ["README.md", "docs/proxy.md", "proxy/src/programs/admin.rs"] {
        let text = std::fs::read_to_string(root.join(page)).unwrap();
        assert!(text.contains(&named), "{page} does not say {named}");
    }
}

#[test]
fn p6_no_statement_allows_more_of_the_bucket_than_a_prefix_and_nothing_goes_in_the_clear() {
    let text = text();
    // A statement ends where the next one begins, and at the latest with its resource.
    let pieces = text.split("- Effect: ").skip(1);
    let statements: Vec<&str> = pieces.filter_map(|piece| piece.split("\n\n").next()).collect();
    for statement in statements.iter().filter(|statement| statement.starts_with("Allow")) {
        let whole = statement.contains("s3:") && statement.contains("${OverflowBucket.Arn}/*");
        assert!(!whole, "an Allow for every key: {statement}");
        assert!(!statement.contains("s3:*") && !statement.contains("Acl"), "{statement}");
    }
    for needed in
        ["'aws:SecureTransport': 'false'", "BucketOwnerEnforced", "BlockPublicPolicy: true"]
    {
        assert!(text.contains(needed), "{needed}");
    }
}

#[test]
fn k3_uploads_and_jobs_are_kept_longer_than_any_job_may_take() {
    let longest = hardcap_proxy::job::JobSettings::new(0).age_max + Duration::from_secs(6 * 3600);
    let days = longest.as_secs().div_ceil(86_400);
    let buckets = loaded(&[]).config.buckets;
    for prefix in ["jobs/", "uploads/"] {
        let rule = buckets[0].lifecycle.iter().find(|rule| rule.prefix == prefix);
        let kept = rule.and_then(|rule| rule.expiration_days).map(u64::from).expect(prefix);
        assert!(kept > days, "{prefix}: {kept} days, and a job may take {days}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn k2_an_upload_outlives_its_job_and_not_the_week() {
    let (emulator, name) = bucket().await;
    let signed = aws_sdk_s3::Config::builder()
        .behavior_version(aws_sdk_s3::config::BehaviorVersion::latest())
        .credentials_provider(aws_sdk_s3::config::Credentials::new("test", "test", None, None, "t"))
        .endpoint_url(emulator.aws_url())
        .force_path_style(true)
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .region(aws_sdk_s3::config::Region::new("us-east-1"))
        .build();
    let s3 = aws_sdk_s3::Client::from_conf(signed);
    let key = "uploads/1/body";
    s3.put_object().bucket(&name).key(key).send().await.unwrap();
    emulator.clock().advance(Millis(2 * DAY)).await;
    let kept = s3.head_object().bucket(&name).key(key).send().await;
    assert!(kept.is_ok(), "{kept:?}");
    // Three days, rounded up to the next midnight: on the fifth it is gone.
    emulator.clock().advance(Millis(3 * DAY)).await;
    let gone = s3.head_object().bucket(&name).key(key).send().await;
    assert!(gone.is_err(), "{gone:?}");
}

async fn preflight(url: &str, headers: &str) -> Answer {
    let call = Call::new(Method::OPTIONS, url)
        .header("origin", "https://kibana.example")
        .header("access-control-request-method", "PUT")
        .header("access-control-request-headers", headers);
    Client::new().send(&call).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn x2_a_page_may_put_an_upload_with_the_headers_of_its_link() {
    let (emulator, name) = bucket().await;
    let url = format!("{}/{name}/uploads/1/body", emulator.aws_url());
    let asked = "content-type,if-none-match,x-amz-checksum-sha256";
    let answer = preflight(&url, asked).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    assert_eq!(answer.header("access-control-allow-credentials"), None, "the link is enough");
    let refused = preflight(&url, "x-amz-acl").await;
    assert_eq!(refused.status, 403, "{refused:?}");
}
