//! Calls to services of AWS that hardcap does not have: the service by its name, the operation, and the line about the call.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Body;
use futures_util::future::BoxFuture;
use http::request::Parts;
use http::{Request, Response};

use super::json_api::{self, ApiError};
use super::sts;
use hardcap_core::caller;
use hardcap_core::context::Platform;
use hardcap_core::serve;

/// The maximum size of a form whose operation is read.
const FORM_MAX: usize = 1024 * 1024;
/// The maximum number of lines about such calls in a run.
const TOLD_MAX: usize = 100;
/// The maximum length of a name that the client has sent, in characters.
const NAME_MAX: usize = 128;

/// Services whose SDK is not called like the service in signatures: the name in signatures, the start of the path of services that share one,
/// the SDK's id, and the usual name. Origin: `signingName` and `serviceId` of the service models in botocore 1.43.
const SERVICES: [(&str, &str, &str, &str); 29] = [
    ("aoss", "", "OpenSearchServerless", "OpenSearch Serverless"),
    ("apigateway", "", "API Gateway", "API Gateway"),
    ("appconfig", "/configuration", "AppConfigData", "AppConfig"),
    ("appconfig", "", "AppConfig", "AppConfig"),
    ("appsync", "", "AppSync", "AppSync"),
    ("autoscaling", "", "Auto Scaling", "Auto Scaling"),
    ("bedrock", "/agents/", "Bedrock Agent Runtime", "Bedrock agents"),
    ("bedrock", "/knowledgebases/", "Bedrock Agent Runtime", "Bedrock knowledge bases"),
    ("bedrock", "/model/", "Bedrock Runtime", "Bedrock"),
    ("cognito-idp", "", "Cognito Identity Provider", "Cognito user pools"),
    ("config", "", "Config Service", "AWS Config"),
    ("elasticfilesystem", "", "EFS", "EFS"),
    ("es", "", "OpenSearch", "OpenSearch"),
    ("events", "", "EventBridge", "EventBridge"),
    ("execute-api", "", "ApiGatewayManagementApi", "API Gateway's connections"),
    ("geo", "", "Location", "Location"),
    ("iot", "", "IoT", "IoT"),
    ("iotdata", "", "IoT Data Plane", "IoT"),
    ("mobiletargeting", "", "Pinpoint", "Pinpoint"),
    ("monitoring", "", "CloudWatch", "CloudWatch"),
    ("rds-data", "", "RDS Data", "the RDS Data API"),
    ("route53", "", "Route 53", "Route 53"),
    ("s3vectors", "", "S3Vectors", "S3 Vectors"),
    ("sagemaker", "/endpoints/", "SageMaker Runtime", "SageMaker"),
    ("scheduler", "", "Scheduler", "EventBridge Scheduler"),
    ("ses", "/v2/email/", "SESv2", "SES"),
    ("states", "", "SFN", "Step Functions"),
    ("wafv2", "", "WAFV2", "WAF"),
    ("xray", "", "XRay", "X-Ray"),
];

/// Services whose calls have no signature, by the prefix of their `X-Amz-Target` (`targetPrefix` of the same models).
const UNSIGNED: [(&str, &str); 2] = [
    ("AWSCognitoIdentityProviderService", "cognito-idp"),
    ("AWSCognitoIdentityService", "cognito-identity"),
];

/// The log lines about calls to services that hardcap does not emulate. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Elsewhere {
    told: Arc<Mutex<BTreeSet<String>>>,
}

/// A call to a service that hardcap does not have.
struct Call {
    /// `the function …`, or `a client`.
    caller: String,
    operation: String,
    service: String,
    /// The variable that gives the service's SDK another endpoint.
    variable: String,
}

impl Elsewhere {
    /// Refuses a call, in XML if it is a form, else in JSON. `is_query_call`: [`sts::is_query_call`].
    pub fn handle<'a>(
        &'a self,
        platform: &'a Platform,
        is_query_call: bool,
        request: Request<Body>,
    ) -> BoxFuture<'a, Response<Body>> {
        Box::pin(async move {
            let is_form = is_query_call || sts::is_form(&request);
            let (head, body) = request.into_parts();
            let body = serve::read_at_most(body, FORM_MAX).await.unwrap_or_default();
            let form = if is_form { String::from_utf8_lossy(&body) } else { "".into() };
            let text = self.refuse(platform, &head, &form);
            if is_form {
                return sts::error(&platform.context(), 400, "InvalidAction", &text);
            }
            let request = Request::from_parts(head, Body::empty());
            json_api::serve_call(platform, request, "message", move |_| {
                Err(ApiError::Exception("UnknownOperationException", Some(text)))
            })
            .await
        })
    }

    /// Logs a call, once for each function and operation, and returns the text for the caller. `form` is the body of a query call.
    fn refuse(&self, platform: &Platform, head: &Parts, form: &str) -> String {
        let call = Call::of(platform, head, form);
        let line = call.line();
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() < TOLD_MAX && told.insert(line.clone()) {
            tracing::warn!("{line}");
        }
        call.refusal()
    }
}

impl Call {
    fn of(platform: &Platform, head: &Parts, form: &str) -> Call {
        let (service, variable) = service(head);
        let key = caller::access_key(&head.headers, head.uri.query().unwrap_or_default());
        let function = key.and_then(|key| platform.keyring.find(&key)?.function);
        Call {
            caller: function.map_or("a client".to_owned(), |name| format!("the function `{name}`")),
            operation: shown(&operation(head, form)),
            service: shown(&service),
            variable: shown(&variable),
        }
    }

    fn line(&self) -> String {
        let Call { caller, operation, service, variable } = self;
        format!(
            "{caller} called {operation} of {service}, which hardcap does not emulate; {variable} in its environment names another \
             emulator"
        )
    }

    fn refusal(&self) -> String {
        let Call { operation, service, variable, .. } = self;
        format!(
            "hardcap does not emulate {service} ({operation}); it has Lambda, S3, DynamoDB, SSM parameters, Secrets Manager, SQS, SNS, \
             EventBridge, STS, and what can be read of CloudFormation and CloudWatch Logs. {variable} in the environment of the function or client \
             names another emulator."
        )
    }
}

/// The usual name of the service that a call is for, and the variable that gives its SDK another endpoint: `AWS_ENDPOINT_URL_` and the
/// SDK's id of the service (AWS SDKs and Tools reference guide, "Service-specific endpoints").
fn service(head: &Parts) -> (String, String) {
    let (path, query) = (head.uri.path(), head.uri.query().unwrap_or_default());
    let target = target(head).map(|(prefix, _)| prefix);
    let scope = caller::credential(&head.headers, query);
    let signed = scope.as_deref().and_then(|scope| scope.split('/').nth(3));
    let unsigned = UNSIGNED.iter().find(|(prefix, _)| target.as_deref() == Some(prefix));
    let name = signed.or(unsigned.map(|(_, name)| *name)).or(target.as_deref()).unwrap_or_default();
    let known = SERVICES.iter().find(|(of, start, ..)| *of == name && path.starts_with(start));
    let (id, usual) = match known {
        Some((_, _, id, usual)) => ((*id).to_owned(), (*usual).to_owned()),
        None => (name.to_owned(), capitalized(name)),
    };
    (usual, format!("AWS_ENDPOINT_URL_{}", id.replace([' ', '-'], "_").to_ascii_uppercase()))
}

/// `SQS`, `Kinesis`: names of up to three letters are abbreviations.
fn capitalized(name: &str) -> String {
    let capitals = if name.len() <= 3 { name.len() } else { 1 };
    match name.split_at_checked(capitals) {
        Some((first, rest)) => first.to_ascii_uppercase() + rest,
        None => name.to_owned(),
    }
}

/// A name that the client has sent, for a log line: its first characters, without any that would end or colour the line.
fn shown(name: &str) -> String {
    let mut shown = String::new();
    for c in name.chars().take(NAME_MAX) {
        match c {
            ' '..='~' => shown.push(c),
            _ => shown.extend(c.escape_default()),
        }
    }
    shown
}

/// The operation: after the dot of `X-Amz-Target`, `Action` of a query call, the end of an RPC path, else method and path.
fn operation(head: &Parts, form: &str) -> String {
    let path = head.uri.path();
    let query = head.uri.query().unwrap_or_default();
    let action = || caller::value(form, "Action").or_else(|| caller::value(query, "Action"));
    let rpc = || path.strip_prefix("/service/")?.split_once("/operation/");
    if let Some((_, operation)) = target(head) {
        operation
    } else if let Some(action) = action() {
        action.to_owned()
    } else if let Some((_, operation)) = rpc() {
        operation.to_owned()
    } else {
        format!("{} {path}", head.method)
    }
}

/// The two parts of `X-Amz-Target`: `AmazonSQS.SendMessage`.
fn target(head: &Parts) -> Option<(String, String)> {
    let target = String::from_utf8_lossy(head.headers.get("x-amz-target")?.as_bytes()).into_owned();
    let (prefix, operation) = target.rsplit_once('.')?;
    Some((prefix.to_owned(), operation.to_owned()))
}

#[cfg(test)]
mod tests {
    use hardcap_core::clock::EpochMillis;
    use hardcap_core::keyring::Keyring;
    use hardcap_limits::Limits;
    use http::Request;

    use super::*;

    fn head(path: &str, signed: &str, target: &str) -> Parts {
        let mut request = Request::post(path);
        if !signed.is_empty() {
            let scope = format!(
                "AWS4-HMAC-SHA256 Credential=test/20261130/us-east-1/{signed}/aws4_request"
            );
            request = request.header("authorization", scope);
        }
        if !target.is_empty() {
            request = request.header("x-amz-target", target);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn a_name_that_a_client_invents_is_short_and_does_not_end_or_colour_the_line() {
        let platform = Platform::new("us-east-1", Limits::classic(), Keyring::default());
        for (signed, target, form) in [
            ("sqs", "", "Action=Send\nWARN hardcap has ended\r\x1b[31m&Version=1".to_owned()),
            ("sqs", "", format!("Action={}", "\u{1f4a5}".repeat(100_000))),
            ("sqs", "", format!("Action={}", "a".repeat(100_000))),
            (&"s".repeat(5_000), "", String::new()),
            ("", &format!("AmazonSQS.{}", "b".repeat(5_000)), String::new()),
        ] {
            let call = Call::of(&platform, &head("/", signed, target), &form);
            for text in [call.line(), call.refusal()] {
                assert!(text.chars().all(|c| matches!(c, ' '..='~')), "{text:?}");
                assert!(text.len() < 3_000, "{} bytes", text.len());
            }
        }
        assert_eq!(shown("GET /v2/email\n"), "GET /v2/email\\n");
    }

    #[test]
    fn each_service_has_its_usual_name_and_the_variable_of_its_sdk() {
        for (path, signed, target, name, variable) in [
            ("/", "sqs", "AmazonSQS.SendMessage", "SQS", "SQS"),
            ("/", "sns", "", "SNS", "SNS"),
            ("/", "kinesis", "Kinesis_20131202.PutRecord", "Kinesis", "KINESIS"),
            ("/", "events", "AWSEvents.PutEvents", "EventBridge", "EVENTBRIDGE"),
            ("/", "states", "AWSStepFunctions.StartExecution", "Step Functions", "SFN"),
            ("/", "monitoring", "", "CloudWatch", "CLOUDWATCH"),
            ("/", "rds-data", "", "the RDS Data API", "RDS_DATA"),
            ("/model/m/invoke", "bedrock", "", "Bedrock", "BEDROCK_RUNTIME"),
            ("/foundation-models", "bedrock", "", "Bedrock", "BEDROCK"),
            (
                "/",
                "",
                "AWSCognitoIdentityProviderService.InitiateAuth",
                "Cognito user pools",
                "COGNITO_IDENTITY_PROVIDER",
            ),
            ("/", "", "Other_2030.Do", "Other_2030", "OTHER_2030"),
            ("/", "", "", "", ""),
        ] {
            let expected = (name.to_owned(), format!("AWS_ENDPOINT_URL_{variable}"));
            assert_eq!(service(&head(path, signed, target)), expected, "{path} {signed} {target}");
        }
    }

    #[test]
    fn the_line_names_the_function_whose_key_has_signed_the_call() {
        let keyring = Keyring::new(&[]);
        let limits = Limits::classic();
        let platform = Platform::new("us-east-1", limits, keyring.clone());
        let key = keyring.issue_for(EpochMillis(1_796_000_000_000), "orders").access_key_id;
        let mut head = head("/", "states", "AWSStepFunctions.StartExecution");
        assert!(Call::of(&platform, &head, "").line().starts_with("a client called "));
        let signed = format!(
            "AWS4-HMAC-SHA256 Credential={key}/20261130/us-east-1/states/aws4_request, SignedHeaders=host"
        );
        head.headers.insert("authorization", signed.parse().unwrap());
        assert_eq!(
            Call::of(&platform, &head, "").line(),
            "the function `orders` called StartExecution of Step Functions, which hardcap does not emulate; \
             AWS_ENDPOINT_URL_SFN in its environment names another emulator"
        );
    }

    #[test]
    fn the_operation_of_a_call_is_read_in_each_protocol() {
        for (path, target, form, expected) in [
            ("/", "AmazonSQS.SendMessage", "", "SendMessage"),
            (
                "/",
                "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.LookupEvents",
                "",
                "LookupEvents",
            ),
            ("/", "", "Version=1&Action=Publish", "Publish"),
            ("/?Action=ListTopics", "", "", "ListTopics"),
            (
                "/service/GraniteServiceVersion20100801/operation/PutMetricData",
                "",
                "",
                "PutMetricData",
            ),
            ("/model/m/invoke", "", "", "POST /model/m/invoke"),
        ] {
            assert_eq!(operation(&head(path, "sqs", target), form), expected, "{path} {target}");
        }
    }
}
