//! The AWS port: one address for every AWS API, so that a client needs only `AWS_ENDPOINT_URL`.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use futures_util::future::BoxFuture;
use hardcap_limits::Millis;
use http::{HeaderMap, Request, Response};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use hardcap_services::cloudformation::CloudFormation;
use hardcap_services::cloudwatch_logs::CloudWatchLogs;

use crate::control;
use crate::messages::Messages;
use hardcap_core::caller;
use hardcap_core::config::{ACCOUNT_ID, Config};
use hardcap_core::context::Platform;
use hardcap_core::guard::{self, Endpoint, GuardRefusal};
use hardcap_core::serve::{self, RequestBody};
use hardcap_gateway::Backends;
use hardcap_lambda::{Lambda, invoke_api};
use hardcap_s3::S3;
use hardcap_services::dynamodb::DynamoDb;
use hardcap_services::elsewhere::Elsewhere;
use hardcap_services::secrets::Secrets;
use hardcap_services::ssm::Ssm;
use hardcap_services::strict::{self, Dialect};
use hardcap_services::sts;

/// The APIs behind one port. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Aws {
    platform: Platform,
    lambda: Router,
    control: Router,
    s3: S3,
    dynamodb: DynamoDb,
    ssm: Ssm,
    secrets: Secrets,
    messages: Messages,
    cloudformation: CloudFormation,
    logs: CloudWatchLogs,
    elsewhere: Elsewhere,
    strict: bool,
}

/// The services that an [`Aws`] routes requests to.
pub(crate) struct Services {
    pub(crate) lambda: Router,
    pub(crate) control: Router,
    pub(crate) s3: S3,
    pub(crate) dynamodb: DynamoDb,
    pub(crate) ssm: Ssm,
    pub(crate) secrets: Secrets,
    pub(crate) messages: Messages,
}

/// The API that a request is for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Service {
    Control,
    Lambda,
    S3,
    DynamoDb,
    Ssm,
    SecretsManager,
    Sts,
    /// SQS, in the query protocol or in JSON.
    Sqs(Protocol),
    Sns,
    EventBridge,
    CloudFormation,
    CloudWatchLogs,
    /// An API that hardcap does not have.
    Elsewhere,
}

/// The protocol of a call of SQS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    Json,
    Query,
}

impl Aws {
    /// The port's APIs.
    pub(crate) fn new(platform: &Platform, config: &Config, services: Services) -> Aws {
        let Services { lambda, control, s3, dynamodb, ssm, secrets, messages } = services;
        Aws {
            platform: platform.clone(),
            lambda,
            control,
            s3,
            dynamodb,
            ssm,
            secrets,
            messages,
            cloudformation: CloudFormation::new(platform, config),
            logs: CloudWatchLogs::new(platform, config),
            elsewhere: Elsewhere::default(),
            strict: config.strict_auth,
        }
    }

    /// Serves the port. Simple Invoke requests take a shorter path; a request whose signature must be verified is not simple.
    pub(crate) fn serve(
        self,
        listener: TcpListener,
        lambda: &Lambda,
        body_idle: Millis,
        (tasks, stop): (&TaskTracker, &CancellationToken),
    ) {
        let (lambda, trust) = (lambda.clone(), Arc::clone(&self.platform.trust));
        let is_strict = self.strict;
        let lean = move |connection| {
            let (lambda, trust) = (lambda.clone(), Arc::clone(&trust));
            async move {
                match is_strict {
                    true => Some(connection),
                    false => invoke_api::lean::serve(lambda, trust, connection).await,
                }
            }
        };
        let handle = move |request, _peer| {
            let aws = self.clone();
            async move { aws.handle(request).await }
        };
        let kind = serve::ListenerKind::Aws(body_idle);
        serve::serve_leanly(listener, stop.clone(), tasks, kind, lean, handle);
    }

    /// These APIs as the backends of gateways. `url` is the address of the port.
    pub(crate) fn backends(&self, url: &str) -> Backends {
        let host = url.split_once("://").map_or(url, |(_, host)| host).to_owned();
        let aws = self.clone();
        let handle = move |service: &str, request| -> BoxFuture<'static, Response<Body>> {
            let (aws, service) = (aws.clone(), named(service, &request));
            Box::pin(async move { aws.handle_for(service, request).await })
        };
        Backends { host, handle: Arc::new(handle) }
    }

    /// Routes a request to its API, if the guard admits it.
    pub(crate) async fn handle(&self, request: Request<RequestBody>) -> Response<Body> {
        let is_query_call = sts::is_query_call(&request);
        let query = request.uri().query().unwrap_or_default();
        let service = service(request.uri().path(), query, request.headers(), is_query_call);
        self.handle_for(service, request).await
    }

    async fn handle_for(&self, service: Service, request: Request<RequestBody>) -> Response<Body> {
        let is_query_call = sts::is_query_call(&request);
        let (head, body) = request.into_parts();
        let endpoint = endpoint(&service);
        let judged = guard::judge(&self.platform.trust, endpoint, &head);
        let answers_preflight =
            judged.as_ref().is_ok_and(|caller| guard::answers_preflight(caller, endpoint, &head));
        let preflight = answers_preflight.then(|| guard::preflight(&head));
        let request = Request::from_parts(head, body);
        let caller = match judged {
            Ok(caller) => caller,
            Err(refused) if endpoint == Endpoint::S3 => {
                return self.s3.refuse(&refused, request).await;
            }
            Err(refused) => return self.refuse(&service, is_query_call, &refused, request).await,
        };
        let mut response = match (preflight, &service) {
            (Some(headers), _) => {
                let mut response = Response::new(Body::empty());
                *response.headers_mut() = headers;
                response
            }
            // S3 verifies every signature itself, and has its own CORS rules.
            (None, Service::S3) => return self.s3.handle(&caller, request).await,
            (None, _) => self.verify_and_serve(service, is_query_call, request).await,
        };
        guard::expose(&caller, response.headers_mut());
        response
    }

    async fn verify_and_serve(
        &self,
        service: Service,
        is_query_call: bool,
        request: Request<RequestBody>,
    ) -> Response<Body> {
        let request = match dialect(&service).filter(|_| self.strict) {
            Some(dialect) => match strict::verified(&self.platform, request, dialect).await {
                Ok(request) => request,
                Err(refusal) => return refusal,
            },
            None => request.map(Body::new),
        };
        match service {
            Service::Control => route(&self.control, request).await,
            Service::Lambda => route(&self.lambda, request).await,
            Service::DynamoDb => self.dynamodb.handle(request).await,
            Service::Ssm => self.ssm.handle(request).await,
            Service::SecretsManager => self.secrets.handle(request).await,
            Service::Sts => sts::handle(&self.platform, request).await,
            Service::Sqs(_) => {
                let sender = caller::user(&self.platform, &request);
                self.messages.queues.handle(request, &sender).await
            }
            Service::Sns => self.messages.topics.handle(request).await,
            Service::EventBridge => self.messages.buses.handle(request).await,
            Service::CloudFormation => self.cloudformation.handle(request).await,
            Service::CloudWatchLogs => self.logs.handle(request).await,
            Service::Elsewhere => {
                self.elsewhere.handle(&self.platform, is_query_call, request).await
            }
            Service::S3 => unreachable!("S3 requests are served before"),
        }
    }

    /// Refuses a request in the format of the API that it is for.
    async fn refuse(
        &self,
        service: &Service,
        is_query_call: bool,
        refused: &GuardRefusal,
        request: Request<RequestBody>,
    ) -> Response<Body> {
        let text = refused.to_string();
        tracing::warn!(method = %request.method(), path = request.uri().path(), "{text}");
        let format = match service {
            Service::Elsewhere if is_query_call => Dialect::Query,
            Service::Elsewhere => Dialect::Json(""),
            Service::Control | Service::S3 => return control::refuse(&text),
            service => dialect(service).unwrap_or(Dialect::Rest),
        };
        strict::refuse(&self.platform, &text, format)
    }
}

/// The service that the URI of an integration names. Its path comes from a client, so it must not choose another one.
fn named(name: &str, request: &Request<RequestBody>) -> Service {
    match name {
        "dynamodb" => Service::DynamoDb,
        "events" => Service::EventBridge,
        "lambda" => Service::Lambda,
        "logs" => Service::CloudWatchLogs,
        "s3" => Service::S3,
        "secretsmanager" => Service::SecretsManager,
        "sns" => Service::Sns,
        "sqs" if request.headers().contains_key("x-amz-target") => Service::Sqs(Protocol::Json),
        "sqs" => Service::Sqs(Protocol::Query),
        _ => Service::Elsewhere,
    }
}

/// The guard's view of a service.
fn endpoint(service: &Service) -> Endpoint {
    match service {
        Service::Control => Endpoint::Control,
        Service::S3 => Endpoint::S3,
        Service::Lambda
        | Service::DynamoDb
        | Service::Ssm
        | Service::SecretsManager
        | Service::Sts
        | Service::Sqs(_)
        | Service::Sns
        | Service::EventBridge
        | Service::CloudFormation
        | Service::CloudWatchLogs
        | Service::Elsewhere => Endpoint::Api,
    }
}

/// The error format of a service that accepts any key; `None` if its requests are unsigned, or it verifies signatures itself.
fn dialect(service: &Service) -> Option<Dialect> {
    match service {
        Service::DynamoDb => Some(Dialect::Json("com.amazon.coral.service#")),
        Service::Ssm | Service::SecretsManager | Service::CloudWatchLogs | Service::EventBridge => {
            Some(Dialect::Json(""))
        }
        Service::Lambda => Some(Dialect::Rest),
        Service::Sqs(Protocol::Json) => Some(Dialect::Json("com.amazon.coral.service#")),
        Service::Sqs(Protocol::Query) | Service::Sns | Service::Sts | Service::CloudFormation => {
            Some(Dialect::Query)
        }
        Service::Control | Service::S3 | Service::Elsewhere => None,
    }
}

async fn route(router: &Router, request: Request<Body>) -> Response<Body> {
    match router.clone().oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

/// Determines the service by the path, then by `X-Amz-Target`, then by the signature's service.
///
/// Lambda's paths begin with the date of their API version. They hide only the keys below `functions/` of a bucket with the name
/// of such a date.
fn service(path: &str, query: &str, headers: &HeaderMap, is_query_call: bool) -> Service {
    let mut segments = path.trim_start_matches('/').split('/');
    match (segments.next().unwrap_or_default(), segments.next()) {
        ("_hardcap", _) => return Service::Control,
        (
            version,
            Some(
                "functions"
                | "account-settings"
                | "event-source-mappings"
                | "tags"
                | "layers"
                | "code-signing-configs",
            ),
        ) if is_api_version(version) => {
            return Service::Lambda;
        }
        _ => {}
    }
    if let Some(target) = headers.get("x-amz-target") {
        return of_target(&String::from_utf8_lossy(target.as_bytes()));
    }
    let scope = caller::credential(headers, query);
    match scope.as_deref().and_then(|scope| scope.split('/').nth(3)) {
        Some("sts") => Service::Sts,
        Some("dynamodb") => Service::DynamoDb,
        Some("cloudformation") => Service::CloudFormation,
        Some("sqs") => Service::Sqs(Protocol::Query),
        Some("sns") => Service::Sns,
        None if is_queue(path) && is_query_call => Service::Sqs(Protocol::Query),
        Some("s3" | "lambda" | "ssm" | "secretsmanager" | "") => Service::S3,
        None if is_query_call => Service::Sts,
        None => Service::S3,
        Some(_) => Service::Elsewhere,
    }
}

/// Whether a path is that of a queue's URL: `/ACCOUNT/NAME`. A call of the query protocol may have no signature.
fn is_queue(path: &str) -> bool {
    path.strip_prefix('/').and_then(|path| path.strip_prefix(ACCOUNT_ID)).is_some()
}

fn of_target(target: &str) -> Service {
    match target.split('.').next().unwrap_or_default() {
        "DynamoDB_20120810" | "DynamoDBStreams_20120810" => Service::DynamoDb,
        "AmazonSSM" => Service::Ssm,
        "secretsmanager" => Service::SecretsManager,
        "Logs_20140328" => Service::CloudWatchLogs,
        "AmazonSQS" => Service::Sqs(Protocol::Json),
        "AWSEvents" => Service::EventBridge,
        _ => Service::Elsewhere,
    }
}

fn is_api_version(segment: &str) -> bool {
    segment.len() == 10
        && segment.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn each_path_has_its_service() {
        for (path, expected) in [
            ("/2015-03-31/functions/echo/invocations", Service::Lambda),
            ("/2021-11-15/functions/echo/response-streaming-invocations", Service::Lambda),
            ("/_hardcap/health", Service::Control),
            ("/", Service::S3),
            ("/bucket/key", Service::S3),
            ("/2015-03-31", Service::S3),
            ("/2015-03-3x/functions/f", Service::S3),
            ("/bucket/_hardcap/health", Service::S3),
        ] {
            assert_eq!(service(path, "", &HeaderMap::new(), false), expected, "{path}");
        }
    }

    #[test]
    fn each_target_has_its_service() {
        for (target, expected) in [
            ("DynamoDB_20120810.PutItem", Service::DynamoDb),
            ("DynamoDBStreams_20120810.ListStreams", Service::DynamoDb),
            ("AmazonSSM.GetParameter", Service::Ssm),
            ("secretsmanager.GetSecretValue", Service::SecretsManager),
            ("Logs_20140328.FilterLogEvents", Service::CloudWatchLogs),
            ("AmazonSQS.SendMessage", Service::Sqs(Protocol::Json)),
            ("AWSEvents.PutEvents", Service::EventBridge),
            ("Kinesis_20131202.PutRecord", Service::Elsewhere),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert("x-amz-target", HeaderValue::from_static(target));
            assert_eq!(service("/", "", &headers, false), expected, "{target}");
        }
    }

    #[test]
    fn without_path_and_target_the_signature_names_the_service() {
        for (scope, expected) in [
            ("s3", Service::S3),
            ("sts", Service::Sts),
            ("cloudformation", Service::CloudFormation),
            ("sqs", Service::Sqs(Protocol::Query)),
            ("sns", Service::Sns),
            ("apigateway", Service::Elsewhere),
        ] {
            let mut headers = HeaderMap::new();
            let signed = format!(
                "AWS4-HMAC-SHA256 Credential=test/20261123/us-east-1/{scope}/aws4_request, SignedHeaders=host, Signature=0"
            );
            headers.insert(http::header::AUTHORIZATION, HeaderValue::from_str(&signed).unwrap());
            assert_eq!(service("/", "", &headers, true), expected, "{scope}");
        }
        assert_eq!(service("/", "Action=GetCallerIdentity", &HeaderMap::new(), true), Service::Sts);
        let queue = service("/000000000000/orders", "", &HeaderMap::new(), true);
        assert_eq!(queue, Service::Sqs(Protocol::Query));
        assert_eq!(service("/000000000000/orders", "", &HeaderMap::new(), false), Service::S3);
    }
}
