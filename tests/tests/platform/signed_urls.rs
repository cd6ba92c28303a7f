//! Function URLs with `AuthType: AWS_IAM`, from outside: requests that AWS's own code signs.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign,
};
use aws_sigv4::sign::v4;
use hardcap::{Clock, Emulator};
use hardcap_limits::{Date, Millis};
use hardcap_tests::client::{Answer, Call, Client, Origin};
use hardcap_tests::functions::guest;
use hardcap_tests::process::binary;
use serde_json::{Value, json};

use hardcap::config::Function;

type Headers = Vec<(String, Vec<u8>)>;
type Parameters = Vec<(String, String)>;

const UNKNOWN_KEY: &str = r#"{"message":"The security token included in the request is invalid."}"#;
const WRONG_SIGNATURE: &str = r#"{"message":"The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details."}"#;

/// The claims of a signature.
#[derive(Clone, Copy)]
struct Signer {
    key: &'static str,
    secret: &'static str,
    service: &'static str,
    seconds_ago: u64,
    payload: Option<&'static str>,
}

const SIGNER: Signer =
    Signer { key: "test", secret: "test", service: "lambda", seconds_ago: 0, payload: None };

impl Signer {
    /// Adds a signature to the headers.
    fn sign(&self, mut call: Call) -> Call {
        let (headers, _) = self.instructions(&call, SigningSettings::default());
        call.headers.extend(headers);
        call
    }

    /// Adds a signature that is valid for a minute to the query.
    fn presign(&self, mut call: Call) -> Call {
        let mut settings = SigningSettings::default();
        settings.signature_location = SignatureLocation::QueryParams;
        settings.expires_in = Some(Duration::from_secs(60));
        let (_, parameters) = self.instructions(&call, settings);
        let parameters =
            form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
        let joint = if call.url.contains('?') { '&' } else { '?' };
        call.url = format!("{}{joint}{parameters}", call.url);
        call
    }

    /// The headers and the query parameters of a signature.
    fn instructions(&self, call: &Call, settings: SigningSettings) -> (Headers, Parameters) {
        let identity = Credentials::new(self.key, self.secret, None, None, "test").into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region("us-east-1")
            .name(self.service)
            .time(self.time())
            .settings(settings)
            .build()
            .expect("complete parameters")
            .into();
        let body = match self.payload {
            Some(hash) => SignableBody::Precomputed(hash.to_owned()),
            None => SignableBody::Bytes(&call.body),
        };
        let host = Origin::of(&call.url).expect("a URL").0.to_string();
        let headers = [("host", host.as_str())].into_iter();
        let request = SignableRequest::new(call.method.as_str(), &call.url, headers, body)
            .expect("a request");
        let (instructions, _) = sign(request, &params).expect("a signature").into_parts();
        let headers = instructions
            .headers()
            .map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()))
            .collect();
        let parameters = instructions
            .params()
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.to_string()))
            .collect();
        (headers, parameters)
    }

    fn time(&self) -> SystemTime {
        let now = UNIX_EPOCH + Duration::from_millis(Clock::default().wall().0);
        now - Duration::from_secs(self.seconds_ago)
    }
}

/// The URL of a function that shows its event, and the URL of one that streams. Both require signatures.
async fn start() -> Emulator {
    let program = binary(env!("CARGO_PKG_NAME"), "mirror");
    let mut shown = Function::new("shown", [program.into_os_string(), "event".into()]);
    shown.timeout = Millis(30_000);
    Emulator::builder()
        .limits(Date::LATEST)
        .function(shown)
        .function(guest("stream"))
        .function_url("shown")
        .streaming_function_url("stream")
        .configure(|config| {
            config.function_urls.iter_mut().for_each(|url| url.only_signed = true);
        })
        .start()
        .await
        .expect("an emulator on free ports")
}

/// The URLs of both functions, without a slash at the end.
fn urls(emulator: &Emulator) -> [String; 2] {
    ["shown", "stream"].map(|function| {
        emulator.function_url(function).expect("it is configured").trim_end_matches('/').to_owned()
    })
}

/// A body that both functions accept.
fn wish() -> String {
    json!({"prelude": {"statusCode": 200}, "first": "well"}).to_string()
}

async fn send(call: &Call) -> Answer {
    Client::new().send(call).await.expect("an answer")
}

#[track_caller]
fn is_refused(answer: &Answer, kind: &str, body: &str) {
    assert_eq!(
        (answer.status.as_u16(), answer.header("x-amzn-errortype"), answer.text()),
        (403, Some(kind), body),
        "{answer:?}"
    );
    assert_eq!(answer.header("content-type"), Some("application/json"), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_url_with_aws_iam_accepts_a_signature_in_the_headers_and_in_the_query() {
    let emulator = start().await;
    for url in urls(&emulator) {
        let call = Call::post(format!("{url}/a%20b/c?z=1&y=%2F"), wish());
        let signed = send(&SIGNER.sign(call.clone())).await;
        assert_eq!(signed.status, 200, "{signed:?}");
        let presigned = send(&SIGNER.presign(call)).await;
        assert_eq!(presigned.status, 200, "{presigned:?}");
    }
    assert_eq!(emulator.totals().invocations, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_url_with_aws_iam_refuses_a_wrong_signature_and_does_not_invoke() {
    let emulator = start().await;
    let (unknown, wrong) = ("UnrecognizedClientException", "InvalidSignatureException");
    let other_service =
        r#"{"message":"Credential should be scoped to correct service: 'lambda'."}"#;
    for url in urls(&emulator) {
        for (signer, kind, body) in [
            (Signer { key: "AKIANOBODY", ..SIGNER }, unknown, UNKNOWN_KEY),
            (Signer { secret: "zzz", ..SIGNER }, wrong, WRONG_SIGNATURE),
            (Signer { service: "execute-api", ..SIGNER }, wrong, other_service),
            (Signer { payload: Some("UNSIGNED-PAYLOAD"), ..SIGNER }, wrong, WRONG_SIGNATURE),
        ] {
            let call = Call::post(format!("{url}/a?b=1"), wish());
            is_refused(&send(&signer.sign(call.clone())).await, kind, body);
            is_refused(&send(&signer.presign(call)).await, kind, body);
        }
        let old = Signer { seconds_ago: 301, ..SIGNER };
        for late in [old.sign(Call::post(&url, wish())), old.presign(Call::post(&url, wish()))] {
            let answer = send(&late).await;
            assert_eq!(
                (answer.status.as_u16(), answer.header("x-amzn-errortype")),
                (403, Some(wrong))
            );
            assert!(answer.text().starts_with(r#"{"message":"Signature expired: "#), "{answer:?}");
        }
        let mut altered = SIGNER.sign(Call::post(&url, wish()));
        altered.body = "{}".into();
        is_refused(&send(&altered).await, wrong, WRONG_SIGNATURE);
        let mut altered = SIGNER.presign(Call::get(format!("{url}/?b=1")));
        altered.url = altered.url.replace("?b=1", "?b=2");
        is_refused(&send(&altered).await, wrong, WRONG_SIGNATURE);
    }
    assert_eq!(emulator.totals().invocations, 0);
}

/// Official: Lambda developer guide, "Invoking Lambda function URLs".
#[tokio::test(flavor = "multi_thread")]
async fn the_event_of_a_signed_function_url_names_the_signer() {
    let emulator = start().await;
    let [url, _] = urls(&emulator);
    let context: Value = send(&SIGNER.sign(Call::get(&url))).await.json()["requestContext"].clone();
    assert_eq!(context["accountId"], "000000000000");
    assert_eq!(
        context["authorizer"],
        json!({"iam": {
            "accessKey": "test",
            "accountId": "000000000000",
            "callerId": "AIDATEST",
            "cognitoIdentity": null,
            "principalOrgId": null,
            "userArn": "arn:aws:iam::000000000000:user/test",
            "userId": "AIDATEST",
        }})
    );
}
