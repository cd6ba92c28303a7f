//! One call of each service, and what its refusal looks like.

use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use hardcap::Emulator;
use hardcap::config::{Bucket, Table};
use hardcap_limits::Date;
use hardcap_tests::client::{Answer, Call, Client};
use hardcap_tests::functions::guest;
use http::Method;

/// What a request shows of the page that it comes from.
pub(crate) type Shown = &'static [(&'static str, &'static str)];

/// An emulator with one of everything.
pub(crate) fn builder() -> hardcap::Builder {
    Emulator::builder()
        .limits(Date::CLASSIC)
        .function(guest("echo"))
        .bucket(Bucket { name: "bucket".to_owned(), ..Bucket::default() })
        .table(Table::new("table", "pk"))
}

/// The format of a service's errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RefusalFormat {
    Lambda,
    S3,
    Json(&'static str),
    Query,
    Control,
}

impl RefusalFormat {
    /// The text of a 403 in this format.
    #[track_caller]
    pub(crate) fn refusal(self, answer: &Answer) -> String {
        assert_eq!(answer.status, 403, "{answer:?}");
        assert_eq!(answer.header("access-control-allow-origin"), None, "{answer:?}");
        let kind = answer.header("content-type").unwrap_or_default();
        let element = |name: &str| {
            let (_, rest) = answer.text().split_once(&format!("<{name}>")).unwrap();
            rest.split_once(&format!("</{name}>")).unwrap().0.to_owned()
        };
        match self {
            RefusalFormat::Lambda => {
                assert_eq!(kind, "application/json", "{answer:?}");
                assert_eq!(answer.header("x-amzn-errortype"), Some("AccessDeniedException"));
                answer.json()["message"].as_str().unwrap().to_owned()
            }
            RefusalFormat::Json(version) => {
                assert_eq!(kind, format!("application/x-amz-json-{version}"), "{answer:?}");
                let body = answer.json();
                let code = body["__type"].as_str().unwrap();
                assert!(code.ends_with("AccessDeniedException"), "{answer:?}");
                body["message"].as_str().unwrap().to_owned()
            }
            RefusalFormat::S3 => {
                assert_eq!((kind, element("Code").as_str()), ("application/xml", "AccessDenied"));
                assert!(answer.header("x-amz-request-id").is_some(), "{answer:?}");
                element("Message")
            }
            RefusalFormat::Query => {
                assert_eq!((kind, element("Code").as_str()), ("text/xml", "AccessDenied"));
                element("Message")
            }
            RefusalFormat::Control => answer.json()["error"].as_str().unwrap().to_owned(),
        }
    }
}

/// A call of every service that a page could send without a preflight, and some that need one.
pub(crate) fn all(emulator: &Emulator) -> Vec<(RefusalFormat, Call)> {
    let (aws, control) = (emulator.aws_url(), emulator.control_url());
    let text = |path: &str, body: &str| {
        Call::post(format!("{aws}{path}"), body.to_owned()).header("content-type", "text/plain")
    };
    let target = |version: &str, target: &str| {
        Call::post(format!("{aws}/"), "{}")
            .header("content-type", format!("application/x-amz-json-{version}"))
            .header("x-amz-target", target)
    };
    let form = |body: &str| {
        let kind = "application/x-www-form-urlencoded";
        Call::post(format!("{aws}/"), body.to_owned()).header("content-type", kind)
    };
    let credential = "AWS4-HMAC-SHA256 Credential=test/20261129/us-east-1/sns/aws4_request, SignedHeaders=host, Signature=0";
    let new = r#"{"FunctionName":"pwn","Runtime":"provided.al2023","Handler":"x","Role":"arn:aws:iam::000000000000:role/x","Code":{"ZipFile":""}}"#;
    let at = |method: Method, path: &str| Call::new(method, format!("{aws}{path}"));
    let own = |method: Method, path: &str| Call::new(method, format!("{control}{path}"));
    vec![
        (RefusalFormat::Lambda, text("/2015-03-31/functions", new)),
        (RefusalFormat::Lambda, text("/2015-03-31/functions/echo/invocations", "{}")),
        (
            RefusalFormat::Lambda,
            text("/2021-11-15/functions/echo/response-streaming-invocations", "{}"),
        ),
        (RefusalFormat::Lambda, at(Method::GET, "/2015-03-31/functions/")),
        (RefusalFormat::Lambda, at(Method::DELETE, "/2015-03-31/functions/echo")),
        (RefusalFormat::Lambda, at(Method::OPTIONS, "/2015-03-31/functions/echo")),
        (RefusalFormat::Json("1.0"), target("1.0", "DynamoDB_20120810.ListTables")),
        (RefusalFormat::Json("1.0"), target("1.0", "DynamoDBStreams_20120810.ListStreams")),
        (RefusalFormat::Json("1.1"), target("1.1", "AmazonSSM.DescribeParameters")),
        (RefusalFormat::Json("1.1"), target("1.1", "secretsmanager.ListSecrets")),
        (RefusalFormat::Json("1.0"), target("1.0", "AmazonSQS.ListQueues")),
        (RefusalFormat::Json("1.1"), target("1.1", "Kinesis_20131202.ListStreams")),
        (RefusalFormat::Query, at(Method::GET, "/000000000000/q?Action=ReceiveMessage")),
        (RefusalFormat::Query, form("Action=GetCallerIdentity&Version=2011-06-15")),
        (RefusalFormat::Query, at(Method::GET, "/?Action=GetCallerIdentity&Version=2011-06-15")),
        (RefusalFormat::Query, form("Action=ListTopics").header("authorization", credential)),
        (RefusalFormat::Control, own(Method::GET, "/")),
        (RefusalFormat::Control, own(Method::GET, "/health")),
        (RefusalFormat::Control, own(Method::GET, "/records")),
        (RefusalFormat::Control, own(Method::GET, "/keys/test")),
        (RefusalFormat::Control, own(Method::POST, "/reset")),
        (
            RefusalFormat::Control,
            own(Method::PUT, "/limits/lambda_sync_response").body(r#"{"max":1}"#),
        ),
        (RefusalFormat::Control, own(Method::GET, "/nothing")),
        (RefusalFormat::S3, at(Method::GET, "/")),
        (RefusalFormat::S3, at(Method::GET, "/bucket/key")),
        (RefusalFormat::S3, at(Method::PUT, "/bucket/key").body("x")),
        (RefusalFormat::S3, at(Method::DELETE, "/bucket/key")),
    ]
}

/// A call with what shows its page.
pub(crate) fn from_page(call: &Call, shown: &[(&str, &str)]) -> Call {
    shown.iter().fold(call.clone(), |call, (name, value)| call.header(*name, value))
}

pub(crate) async fn send(call: &Call) -> Answer {
    Client::new().send(call).await.unwrap_or_else(|error| panic!("{call:?}: {error}"))
}

/// Nothing was created, changed or run.
pub(crate) async fn nothing_happened(emulator: &Emulator) {
    assert_eq!(emulator.totals().invocations, 0, "a function ran");
    let functions = send(&Call::get(format!("{}/functions", emulator.control_url()))).await.json();
    let names: Vec<_> = functions["functions"].as_array().unwrap().iter().collect();
    assert_eq!((names.len(), &names[0]["name"]), (1, &"echo".into()), "{names:?}");
    let limits = send(&Call::get(format!("{}/limits", emulator.control_url()))).await.json();
    for row in limits["rows"].as_array().unwrap() {
        assert_eq!(row["max"], row["aws"], "{row}");
    }
    let keys = sdk(emulator, "test", "test").list_objects_v2().bucket("bucket").send().await;
    assert_eq!(keys.unwrap().key_count(), Some(0), "an object was stored");
}

/// AWS's own client of S3.
pub(crate) fn sdk(emulator: &Emulator, id: &str, secret: &str) -> aws_sdk_s3::Client {
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(Credentials::new(id, secret, None, None, "test"))
        .endpoint_url(emulator.aws_url())
        .force_path_style(true)
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .region(Region::new("us-east-1"))
        .build();
    aws_sdk_s3::Client::from_conf(config)
}
