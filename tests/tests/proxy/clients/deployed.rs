//! What `template.yaml` says of the bucket and of who may use it, evaluated as IAM and browsers do.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hardcap::config::{ApiKind, BucketCorsRule, Config};
use hardcap_limits::Limits;
use hardcap_project::settings::Settings;
use hardcap_tests::browser::{Browser, Credentials, Page, Request};
use hardcap_tests::client::Call;
use hardcap_tests::content::{Content, ContentKind};
use hardcap_tests::template;
use serde_json::Value;

use super::{APPLICATION, Gateway, LARGE, World};

const TEMPLATE: &str = include_str!("../../../../template.yaml");
const BUCKET: &str = "arn:aws:s3:::answers";

pub(crate) fn loaded(parameters: &[(&str, &str)]) -> Config {
    let path = std::path::Path::new("template.yaml");
    let mut settings = Settings::default();
    for (name, value) in [("UpstreamUrl", "https://search.example")].iter().chain(parameters) {
        settings.parameters.insert((*name).to_owned(), (*value).to_owned());
    }
    hardcap_project::template::load(TEMPLATE, path, &settings, Limits::classic()).unwrap().config
}

/// The policies of a function: SAM's own, or those of the role that it names.
fn statements(function: &str) -> Vec<Value> {
    let template = template::read(TEMPLATE);
    let properties = &template["Resources"][function]["Properties"];
    let policies = match properties["Role"]["Fn::GetAtt"].as_str() {
        Some(role) => {
            let role = role.trim_end_matches(".Arn");
            template["Resources"][role]["Properties"]["Policies"].clone()
        }
        None => properties["Policies"].clone(),
    };
    let documents = policies.as_array().unwrap().iter().map(|policy| {
        if policy["PolicyDocument"].is_null() { policy } else { &policy["PolicyDocument"] }.clone()
    });
    let statements =
        documents.flat_map(|document| document["Statement"].as_array().unwrap().clone());
    statements.map(|statement| with_conditions(&statement).clone()).collect()
}

/// What is there when every condition of the template holds.
fn with_conditions(value: &Value) -> &Value {
    if value["Fn::If"].is_array() { &value["Fn::If"][1] } else { value }
}

fn list(value: &Value) -> Vec<String> {
    let value = with_conditions(value);
    let one = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => {
            let sub = other["Fn::Sub"].as_str().unwrap_or_default().to_owned();
            let arn = other["Fn::GetAtt"].as_str().map(|name| format!("${{{name}}}"));
            arn.unwrap_or(sub).replace("${OverflowBucket.Arn}", BUCKET)
        }
    };
    value.as_array().map_or_else(|| vec![one(value)], |items| items.iter().map(one).collect())
}

/// `*` stands for any number of characters, as in IAM.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, rest)) => text
            .strip_prefix(start)
            .is_some_and(|left| (0..=left.len()).any(|at| matches(rest, &left[at..]))),
    }
}

/// Whether a function may do something to a key of the bucket, or to the bucket where the key is empty.
fn may(function: &str, action: &str, resource: &str) -> bool {
    statements(function).iter().any(|statement| {
        assert_eq!(statement["Effect"], "Allow", "a denial would have to be evaluated too");
        list(&statement["Action"]).iter().any(|pattern| matches(pattern, action))
            && list(&statement["Resource"]).iter().any(|pattern| matches(pattern, resource))
    })
}

#[test]
fn p6_the_proxy_may_write_and_read_its_prefixes_and_nothing_else_of_s3() {
    let key = |key: &str| format!("{BUCKET}/{key}");
    for action in ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"] {
        assert!(may("ProxyFunction", action, &key("overflow/1.csv")), "{action}");
        assert!(may("JobFunction", action, &key("jobs/1/result")), "{action}");
        assert!(!may("ProxyFunction", action, &key("other/1")), "{action}");
        assert!(!may("JobFunction", action, &key("overflow/1.csv")), "{action}");
        assert!(!may("SweeperFunction", action, &key("overflow/1.csv")), "{action}");
        assert!(!may("ProxyFunction", action, "arn:aws:s3:::answers2/overflow/1"), "{action}");
    }
    for function in ["ProxyFunction", "JobFunction", "SweeperFunction"] {
        for action in [
            "s3:PutObjectAcl",
            "s3:PutBucketPolicy",
            "s3:PutBucketCORS",
            "s3:PutLifecycleConfiguration",
            "s3:DeleteBucket",
            "s3:ListAllMyBuckets",
            "s3:GetObjectVersion",
            "iam:PassRole",
        ] {
            for resource in [BUCKET, &key("overflow/1"), &key("jobs/1"), "*"] {
                assert!(!may(function, action, resource), "{function} {action} {resource}");
            }
        }
    }
}

#[test]
fn p6_the_bucket_is_closed_to_the_public_and_to_what_is_not_encrypted_on_its_way() {
    let template = template::read(TEMPLATE);
    let bucket = &template["Resources"]["OverflowBucket"]["Properties"];
    let block = bucket["PublicAccessBlockConfiguration"].as_object().unwrap();
    assert_eq!(block.len(), 4);
    assert!(block.values().all(|value| *value == true), "{block:?}");
    assert!(bucket["AccessControl"].is_null(), "no access lists");
    let policy = &template["Resources"]["OverflowBucketPolicy"]["Properties"]["PolicyDocument"];
    let [statement] = policy["Statement"].as_array().unwrap().as_slice() else {
        panic!("{policy}")
    };
    assert_eq!((&statement["Effect"], &statement["Principal"]), (&"Deny".into(), &"*".into()));
    assert_eq!(statement["Condition"]["Bool"]["aws:SecureTransport"], "false");
    assert_eq!(list(&statement["Resource"]), [BUCKET.to_owned(), format!("{BUCKET}/*")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn p6_an_access_list_is_refused_by_a_bucket_that_has_none() {
    let world = World::start(&[], &[]).await;
    let put = super::s3(&world.emulator).put_object().bucket("overflow").key("overflow/1");
    let put = put.acl(aws_sdk_s3::types::ObjectCannedAcl::PublicRead);
    let error = put.body(Vec::new().into()).send().await.unwrap_err().into_service_error();
    assert_eq!(error.meta().code(), Some("AccessControlListNotSupported"), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn x2_the_rule_that_is_deployed_admits_the_proxys_own_page_and_one_of_another_origin() {
    let config = loaded(&[]);
    let BucketCorsRule {
        allowed_origins, allowed_methods, allowed_headers, expose_headers, ..
    } = &config.buckets[0].cors[0];
    assert_eq!(
        (allowed_methods.join(" "), allowed_headers.join(" ")),
        ("GET HEAD".into(), "*".into())
    );
    for name in ["ETag", "Content-Length", "Content-Encoding", "Content-Range"] {
        assert!(expose_headers.iter().any(|known| known == name), "{name}");
    }
    let origins: Vec<&str> = allowed_origins.iter().map(String::as_str).collect();
    let world = World::start(&[("ALLOWED_ORIGINS", APPLICATION)], &origins).await;
    for page in [Page::of(world.base(Gateway::Url)), Page::of(APPLICATION)] {
        let request = Request::get(world.url(Gateway::Url, LARGE)).header("osd-version", "2.19.0");
        let fetched = Browser::new().fetch(&page, request).await;
        let response = fetched.outcome.unwrap_or_else(|error| panic!("{page:?}: {error}"));
        assert_eq!(response.body.len() as u64, LARGE.size, "{page:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn x2_with_a_public_origin_a_page_of_the_proxy_may_send_credentials() {
    let world = World::start(&[("ALLOWED_ORIGINS", APPLICATION)], &[]).await;
    let page = Page::of(world.base(Gateway::Url));
    let config = loaded(&[("PublicOrigin", &page.origin)]);
    let reads =
        config.buckets[0].cors.iter().filter(|rule| rule.allowed_methods.join(" ") == "GET HEAD");
    let origins: Vec<_> = reads.map(|rule| rule.allowed_origins.join(" ")).collect();
    assert_eq!(origins, [&page.origin, "*"], "the first rule that matches decides");
    let request = || Request::get(world.url(Gateway::Url, LARGE)).credentials(Credentials::Include);
    world.admit(&[&page.origin]).await;
    let response =
        Browser::new().fetch(&page, request()).await.outcome.expect("the rule names the origin");
    assert_eq!(response.body.len() as u64, LARGE.size);
    world.admit(&["*"]).await;
    let refused = Browser::new().fetch(&page, request()).await.outcome;
    assert!(refused.is_err(), "a browser does not accept `*` with credentials");
}

#[test]
fn k2_k3_nothing_ends_before_a_day_and_what_jobs_keep_outlives_the_longest_job_and_its_retries() {
    let config = loaded(&[]);
    let rules = &config.buckets[0].lifecycle;
    for prefix in ["overflow/", "jobs/"] {
        let rule = rules.iter().find(|rule| rule.prefix == prefix).expect(prefix);
        assert!(rule.expiration_days >= Some(1) && rule.abort_incomplete_multipart_days >= Some(1));
    }
    // A job lasts a day at most (JOB_AGE_MAX), an event waits 6 hours at most, and a result is kept for another day.
    let jobs = rules.iter().find(|rule| rule.prefix == "jobs/").unwrap();
    let hours = u64::from(jobs.expiration_days.unwrap()) * 24;
    assert!(hours > 24 + 6 + 24, "{hours}");
    for function in &config.functions {
        let age = function.events.maximum_event_age.map_or(6, |age| age.0 / 3_600_000);
        assert!(age <= 6, "{}: {age} hours", function.name);
    }
}

/// B2: answers in base64 reach a client as they are meant only where the API takes every media type for binary.
#[tokio::test(flavor = "multi_thread")]
async fn b2_without_binary_media_types_a_rest_api_passes_base64_on_as_text() {
    let rest = loaded(&[]).apis.into_iter().find_map(|api| match api.kind {
        ApiKind::Rest { binary_media_types, .. } => Some(binary_media_types),
        ApiKind::Http { .. } => None,
    });
    assert_eq!(rest.unwrap(), ["*/*"], "what is deployed takes everything for binary");

    let world = World::start(&[], &[]).await;
    let noise = Content { kind: ContentKind::Incompressible, size: 1_000, seed: 1 };
    let through = |base: &str| Call::get(format!("{base}{}", noise.path()));
    let whole = world.client.send(&through(world.base(Gateway::Rest))).await.unwrap();
    assert_eq!(whole.sha256(), noise.digest());
    let text = world.client.send(&through(world.emulator.api_url("Bare").unwrap())).await.unwrap();
    assert_eq!(text.status, 200);
    assert_eq!(text.text(), BASE64.encode(noise.bytes()));
}
