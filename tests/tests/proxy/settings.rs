//! Settings that are kept in Parameter Store and Secrets Manager, read by the real proxy, changed while it runs.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hardcap::Emulator;
use hardcap::config::{Bucket, Parameter, ParameterKind, Secret};
use hardcap_limits::Date;
use hardcap_tests::client::{Answer, Call, Client};
use hardcap_tests::functions::proxy;
use serde_json::{Value, json};
use wiremock::matchers::{any, header};
use wiremock::{Mock, MockServer, ResponseTemplate};

struct Stage {
    emulator: Emulator,
    upstream: MockServer,
    client: Client,
}

async fn stage(variables: &[(&str, &str)], kept: &[(&str, &str)]) -> Stage {
    let upstream = MockServer::start().await;
    let mut function = proxy(&upstream.uri(), "answers");
    for (name, value) in [("UPSTREAM_SERVICE", "none")].iter().chain(variables) {
        function.environment.insert((*name).to_owned(), (*value).to_owned());
    }
    let mut builder = Emulator::builder()
        .limits(Date::CLASSIC)
        .function(function)
        .function_url("proxy")
        .bucket(Bucket { name: "answers".to_owned(), ..Bucket::default() });
    for (name, value) in kept {
        builder = if name.starts_with('/') {
            let kind = ParameterKind::SecureString;
            builder.parameter(Parameter { kind, ..Parameter::new(name, value) })
        } else {
            builder.secret(Secret::new(name, value))
        };
    }
    Stage { emulator: builder.start().await.unwrap(), upstream, client: Client::new() }
}

impl Stage {
    /// From now on the upstream lets in who has this password, and nobody else.
    async fn upstream_wants(&self, user_and_password: &str) {
        self.upstream.reset().await;
        let basic = format!("Basic {}", STANDARD.encode(user_and_password));
        Mock::given(header("authorization", basic.as_str()))
            .respond_with(ResponseTemplate::new(200))
            .with_priority(1)
            .mount(&self.upstream)
            .await;
        Mock::given(any()).respond_with(ResponseTemplate::new(401)).mount(&self.upstream).await;
    }

    async fn get(&self) -> Answer {
        let url =
            format!("{}/x", self.emulator.function_url("proxy").unwrap().trim_end_matches('/'));
        // What a client says of itself is never what the upstream hears.
        let call = Call::get(url).header("authorization", "Basic Y2xpZW50OmNsaWVudA==");
        self.client.send(&call).await.unwrap()
    }

    async fn asked(&self) -> usize {
        self.upstream.received_requests().await.unwrap().len()
    }

    async fn aws(&self, target: &str, body: Value) {
        let call = Call::post(format!("{}/", self.emulator.aws_url()), body.to_string())
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", target);
        let answer = self.client.send(&call).await.unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    /// The password changes at both ends while the proxy runs.
    async fn rotates(&self, old: &str, new: &str, rotate: (&str, Value)) {
        self.upstream_wants(old).await;
        for expected in 1..=2 {
            assert_eq!(self.get().await.status, 200);
            assert_eq!(self.asked().await, expected);
        }
        self.aws(rotate.0, rotate.1).await;
        assert_eq!(self.get().await.status, 200, "the old one is kept as long as it is good");
        self.upstream_wants(new).await;
        assert_eq!(self.get().await.status, 200);
        assert_eq!(self.asked().await, 2, "refused once, and sent again with the new one");
        assert_eq!(self.get().await.status, 200);
        assert_eq!(self.asked().await, 3, "and from then on with the new one");
        self.upstream_wants("someone:else").await;
        let refused = self.get().await;
        assert_eq!(refused.status, 401, "{refused:?}");
        assert_eq!(self.asked().await, 1, "the same password is not sent twice");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn e2_a_secret_is_rotated_in_the_middle_of_a_run() {
    let first = r#"{"username":"proxy","password":"first"}"#;
    let stage = stage(&[("UPSTREAM_BASIC_AUTH", "secret:upstream")], &[("upstream", first)]).await;
    let second = r#"{"username":"proxy","password":"second"}"#;
    let rotate =
        json!({ "SecretId": "upstream", "SecretString": second, "ClientRequestToken": "second" });
    let put = ("secretsmanager.PutSecretValue", rotate);
    stage.rotates("proxy:first", "proxy:second", put).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e2_a_parameter_is_rotated_in_the_middle_of_a_run() {
    let variables = [("UPSTREAM_BASIC_AUTH", "ssm:/proxy/auth")];
    let stage = stage(&variables, &[("/proxy/auth", "proxy:first")]).await;
    let rotate = json!({ "Name": "/proxy/auth", "Value": "proxy:second", "Overwrite": true });
    stage.rotates("proxy:first", "proxy:second", ("AmazonSSM.PutParameter", rotate)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e3_a_value_in_three_parameters_and_one_in_a_member_of_a_secret_arrive_whole() {
    let first = format!("proxy:{}", "a".repeat(4_090));
    let (second, third) = ("b".repeat(4_096), "c".repeat(4_096));
    let parts =
        [("/proxy/auth/10", third.as_str()), ("/proxy/auth/1", &first), ("/proxy/auth/2", &second)];
    let whole = format!("{first}{second}{third}");
    let by_path = stage(&[("UPSTREAM_BASIC_AUTH", "ssm:/proxy/auth/")], &parts).await;
    by_path.upstream_wants(&whole).await;
    assert_eq!(by_path.get().await.status, 200);

    let secret = json!({ "other": "x", "basic": whole }).to_string();
    let member = stage(&[("UPSTREAM_BASIC_AUTH", "secret:all#basic")], &[("all", &secret)]).await;
    member.upstream_wants(&whole).await;
    assert_eq!(member.get().await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn e3_a_list_that_no_environment_would_hold_is_read_from_three_parameters() {
    // More than 4,096 bytes of origins, cut where a parameter ends and not where an origin does.
    let origins: Vec<String> = (0..400).map(|n| format!("https://kibana-{n:03}.example")).collect();
    let all = origins.join(",");
    let parts: Vec<&str> =
        (0..all.len()).step_by(4_096).map(|at| &all[at..all.len().min(at + 4_096)]).collect();
    assert_eq!(parts.len(), 3, "{} bytes", all.len());
    let kept = [
        ("/proxy/origins/1", parts[0]),
        ("/proxy/origins/2", parts[1]),
        ("/proxy/origins/3", parts[2]),
    ];
    let stage = stage(&[("ALLOWED_ORIGINS", "ssm:/proxy/origins/")], &kept).await;
    for origin in [&origins[0], &origins[146], &origins[399]] {
        let url = format!(
            "{}/_proxy/ping",
            stage.emulator.function_url("proxy").unwrap().trim_end_matches('/')
        );
        let answer = stage.client.send(&Call::get(url).header("origin", origin)).await.unwrap();
        let allowed = answer.header("access-control-allow-origin");
        assert_eq!((answer.status.as_u16(), allowed), (200, Some(origin.as_str())), "{answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn e1_without_a_value_nothing_is_sent_and_the_setting_is_named() {
    let stage = stage(&[("UPSTREAM_BASIC_AUTH", "ssm:/proxy/auth")], &[]).await;
    stage.upstream_wants("proxy:first").await;
    let answer = stage.get().await;
    assert_eq!(answer.status, 503, "{answer:?}");
    let problem = answer.json();
    assert_eq!(problem["type"], "urn:hardcap:problem:setting-unavailable", "{problem}");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("ssm:/proxy/auth: ParameterNotFound"), "{detail}");
    assert_eq!(stage.asked().await, 0);
    let put = json!({ "Name": "/proxy/auth", "Value": "proxy:first", "Type": "SecureString" });
    stage.aws("AmazonSSM.PutParameter", put).await;
    assert_eq!(stage.get().await.status, 200, "as soon as it is there");
}
