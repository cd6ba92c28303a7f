//! Requests that end without a function's response, and the only place that renders them for clients.
//!
//! Texts of limits are in their rows. The texts here belong to no limit.

mod access;
mod customized;

use hardcap_limits::{Exceeded, Limits, RenderedRefusal};
use http::{HeaderName, HeaderValue, Response, StatusCode, header};

use super::authorize::{InvalidDecision, TokenRefusal};
use super::event::RequestInfo;
use super::frontend::GatewayKind;
use super::response::MalformedResponse;
pub(crate) use customized::customize;
use hardcap_lambda::FunctionError;
use hardcap_lambda::stop::InvokeError;

/// The error of a request that ended without a function's response.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GatewayError {
    /// Lambda refused the invocation, or hardcap failed.
    #[error(transparent)]
    InvokeError(#[from] InvokeError),
    /// The function failed.
    #[error("Lambda execution failed due to customer function error: {}", why(.0))]
    FunctionError(FunctionError),
    /// The function's response is not a valid proxy response.
    #[error(transparent)]
    MalformedResponse(#[from] MalformedResponse),
    /// The API has no such stage.
    #[error("no such stage")]
    NoStage,
    /// The API has no such route, or not with this method.
    #[error("no such route")]
    NoRoute,
    /// The gateway does not know the method.
    #[error(
        "API Gateway does not support the method; it supports GET, POST, PUT, PATCH, DELETE, HEAD and OPTIONS"
    )]
    UnknownMethod,
    /// The policy of the function permits no unsigned request to invoke the URL.
    #[error(
        "no statement of the function's policy permits everyone to invoke this URL; add one with AddPermission: \
         lambda:InvokeFunctionUrl for the principal `*`"
    )]
    NotPublic,
    /// An identity source of the authorizer is missing, or the authorizer refused the token.
    #[error("unauthorized: an identity source is missing, or the authorizer refused the token")]
    Unauthorized,
    /// The token of a JWT or Cognito authorizer is refused.
    #[error("{0}")]
    TokenRefused(TokenRefusal),
    /// The authorizer does not allow this method.
    #[error("the authorizer does not allow this method")]
    Denied {
        /// Whether the policy denies the method, instead of not allowing it.
        explicitly: bool,
    },
    /// The authorizer's function failed.
    #[error("{0}")]
    AuthorizerFailed(String),
    /// The route names an authorizer that the API does not have.
    #[error("the API has no authorizer `{0}`")]
    NoAuthorizer(String),
    /// The authorizer's response is invalid.
    #[error(transparent)]
    InvalidDecision(#[from] InvalidDecision),
    /// The route or the function URL requires a signature, and the request has none.
    #[error("the request is not signed, and the authorization is `AWS_IAM`")]
    NoSignature,
    /// The signature is invalid.
    #[error("{text}")]
    BadSignature {
        /// AWS's error code.
        code: &'static str,
        /// AWS's error text.
        text: String,
    },
    /// The route requires an API key, and the request has no known one.
    #[error("the header x-api-key has no API key of this API's usage plans")]
    NoApiKey,
    /// Parameters that a request validator requires are missing: their names.
    #[error("required parameters are missing: {0}")]
    MissingParameters(String),
    /// The route's integration calls Lambda with a method that Lambda does not accept.
    #[error("the integration's method is not POST, the only method that Lambda accepts")]
    NotCallable,
    /// A custom integration is not possible as it is configured: the reason.
    #[error("Execution failed due to configuration error: {0}")]
    IntegrationFailed(String),
    /// The media type of the body has no mapping template, and the integration passes no other body on: the media type.
    #[error("the integration has no mapping template for a body of `{0}`, and does not pass it on")]
    UnsupportedMediaType(String),
    /// A parameter of an action has no value in this request.
    #[error(
        "Unable to resolve property {name} from source {source_text}. Please make sure that the request to API Gateway \
         contains all the necessary fields specified in request parameters."
    )]
    UnresolvedParameter {
        /// The parameter.
        name: String,
        /// Its value as it is configured.
        source_text: String,
    },
    /// The gateway refuses the request, for this reason.
    #[error("{0}")]
    BadRequest(&'static str),
    /// The target is longer than hardcap supports under any limits.
    #[error("the request target is too long")]
    UriTooLong,
    /// The client closed the connection, or violated HTTP.
    #[error("{0}")]
    CutShort(String),
    /// The client stopped sending its body.
    #[error("{0}")]
    BodyTimeout(String),
}

impl GatewayError {
    /// The exceeded limit, if a limit is the cause.
    pub(crate) fn exceeded(&self) -> Option<&Exceeded> {
        match self {
            GatewayError::InvokeError(InvokeError::Refused(exceeded))
            | GatewayError::FunctionError(
                FunctionError::TimedOut(exceeded) | FunctionError::ResponseTooLarge(exceeded),
            ) => Some(exceeded),
            _ => None,
        }
    }
}

fn why(fault: &FunctionError) -> String {
    match fault {
        FunctionError::Reported { error_type, message } => format!("{error_type}: {message}"),
        FunctionError::TimedOut(exceeded) | FunctionError::ResponseTooLarge(exceeded) => {
            exceeded.to_string()
        }
        FunctionError::Exited { message, .. } => message.clone(),
    }
}

impl From<Exceeded> for GatewayError {
    fn from(exceeded: Exceeded) -> GatewayError {
        GatewayError::InvokeError(InvokeError::Refused(exceeded))
    }
}

/// A response that belongs to no limit.
struct ErrorResponse {
    status: u16,
    error_type: &'static str,
    body: &'static str,
}

/// The responses of one gateway. The comment of each text names its source.
struct Texts {
    /// The function failed, or its response is invalid.
    fault: ErrorResponse,
    /// The gateway failed, or a service that it needs.
    failure: ErrorResponse,
    no_stage: ErrorResponse,
    no_route: ErrorResponse,
    bad_request: ErrorResponse,
}

const REST_FAILURE: &str = r#"{"message": "Internal server error"}"#;
const HTTP_FAILURE: &str = r#"{"message":"Internal Server Error"}"#;

/// UNCONFIRMED: it occurs only if a run has raised AWS's limits.
const URI_TOO_LONG: ErrorResponse = text(414, "", r#"{"message":"Request URI too long"}"#);

/// UNCONFIRMED: AWS does not document how long it waits for a body, and its response.
const BODY_TIMEOUT: ErrorResponse = text(408, "", r#"{"message":"Request Timeout"}"#);

/// Official (developer guide, "Gateway response types": UNSUPPORTED_MEDIA_TYPE, status 415). The text and the type are those of
/// many reports.
const UNSUPPORTED_MEDIA_TYPE: ErrorResponse =
    text(415, "BadRequestException", r#"{"message":"Unsupported Media Type"}"#);

/// Recorded 2025-11-24.
const NOT_SIGNED: ErrorResponse = text(
    403,
    "AccessDeniedException",
    r#"{"Message":"Forbidden. For troubleshooting Function URL authorization issues, see: https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"}"#,
);

const REST: Texts = Texts {
    // 36 bytes, recorded 2024-11-15 and 2025-04-14.
    fault: text(502, "InternalServerErrorException", REST_FAILURE),
    // Recorded 2025-05-20 for an integration that may not be called.
    failure: text(500, "InternalServerErrorException", REST_FAILURE),
    // UNCONFIRMED: from reports.
    no_stage: text(403, "ForbiddenException", r#"{"message":"Forbidden"}"#),
    // Recorded 2024-07-23.
    no_route: text(
        403,
        "MissingAuthenticationTokenException",
        r#"{"message":"Missing Authentication Token"}"#,
    ),
    // UNCONFIRMED: the refusal is documented, its text is not.
    bad_request: text(400, "BadRequestException", r#"{"message": "Bad Request"}"#),
};

const HTTP: Texts = Texts {
    // 35 bytes, recorded 2025-04-14.
    fault: text(500, "", HTTP_FAILURE),
    failure: text(500, "", HTTP_FAILURE),
    // Official documentation and many reports.
    no_stage: text(404, "", r#"{"message":"Not Found"}"#),
    no_route: text(404, "", r#"{"message":"Not Found"}"#),
    // UNCONFIRMED.
    bad_request: text(400, "", r#"{"message":"Bad Request"}"#),
};

const URL: Texts = Texts {
    // Recorded 2025-11-24 for a function that raises.
    fault: text(502, "", "Internal Server Error"),
    // UNCONFIRMED.
    failure: text(500, "", "Internal Server Error"),
    // Recorded 2025-11-24 for an address that never existed.
    no_stage: text(403, "AccessDeniedException", r#"{"Message":null}"#),
    no_route: text(403, "AccessDeniedException", r#"{"Message":null}"#),
    // UNCONFIRMED.
    bad_request: text(400, "", r#"{"message":"Bad Request"}"#),
};

impl ErrorResponse {
    fn rendered(&self) -> RenderedRefusal {
        RenderedRefusal {
            status: self.status,
            error_type: self.error_type,
            content_type: "application/json",
            body: self.body.to_owned(),
        }
    }
}

const fn text(status: u16, error_type: &'static str, body: &'static str) -> ErrorResponse {
    ErrorResponse { status, error_type, body }
}

/// Renders an error as the response for the client of this kind of gateway.
pub(crate) fn render(
    kind: GatewayKind,
    error: &GatewayError,
    limits: &Limits,
    info: &RequestInfo,
    trace: &str,
) -> Response<String> {
    let refusal = wording(kind, error, limits);
    let mut response = Response::new(refusal.body);
    *response.status_mut() =
        StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(refusal.content_type));
    // Recorded 2021-09-12: a refusal in front of an API is plain text and has none of the API's headers.
    if !refusal.content_type.starts_with("application/json") {
        return response;
    }
    if !refusal.error_type.is_empty() {
        let name = HeaderName::from_static("x-amzn-errortype");
        headers.insert(name, HeaderValue::from_static(refusal.error_type));
    }
    if let Some(challenge) = access::challenge(kind, error) {
        insert(headers, "www-authenticate", &challenge);
    }
    identify(kind, headers, info);
    // Recorded: on a timeout (2025-05-20), and not on a malformed response (2024-11-15).
    if kind == GatewayKind::Rest && refusal.status == StatusCode::GATEWAY_TIMEOUT.as_u16() {
        insert(headers, "x-amzn-trace-id", trace);
    }
    response
}

/// Adds the gateway's request ids.
pub(crate) fn identify(kind: GatewayKind, headers: &mut http::HeaderMap, info: &RequestInfo) {
    match kind {
        GatewayKind::Http => insert(headers, "apigw-requestid", &info.extended_request_id),
        GatewayKind::Rest => {
            insert(headers, "x-amzn-requestid", &info.request_id);
            insert(headers, "x-amz-apigw-id", &info.extended_request_id);
        }
        GatewayKind::Url => insert(headers, "x-amzn-requestid", &info.request_id),
    }
}

/// Sets a header. A value that HTTP does not allow is omitted.
pub(crate) fn insert(headers: &mut http::HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(HeaderName::from_static(name), value);
    }
}

/// One arm for each error, so that a new one cannot get the text of another by accident.
fn wording(kind: GatewayKind, error: &GatewayError, limits: &Limits) -> RenderedRefusal {
    let texts = match kind {
        GatewayKind::Rest => &REST,
        GatewayKind::Http => &HTTP,
        GatewayKind::Url => &URL,
    };
    match error {
        GatewayError::InvokeError(InvokeError::Refused(exceeded)) => {
            exceeded.refusal(kind.party()).unwrap_or_else(|| texts.failure.rendered())
        }
        GatewayError::FunctionError(
            FunctionError::TimedOut(exceeded) | FunctionError::ResponseTooLarge(exceeded),
        ) => exceeded.refusal(kind.party()).unwrap_or_else(|| texts.fault.rendered()),
        GatewayError::InvokeError(InvokeError::Throttled(reason)) => {
            // Only the text is taken from the row: Lambda has measured and recorded.
            let row = Limits::row("lambda_concurrency");
            let throttled =
                row.map(|row| Exceeded { row, observed: 0, max: 0, date: limits.date() });
            let reason = reason.to_string();
            throttled
                .and_then(|it| it.refusal_with(kind.party(), &[("reason", &reason)]))
                .unwrap_or_else(|| texts.failure.rendered())
        }
        GatewayError::FunctionError(
            FunctionError::Reported { .. } | FunctionError::Exited { .. },
        )
        | GatewayError::MalformedResponse(_) => texts.fault.rendered(),
        GatewayError::InvokeError(
            InvokeError::FunctionNotFound { .. }
            | InvokeError::InvalidEvent { .. }
            | InvokeError::Shortage(_)
            | InvokeError::Bug(_),
        )
        | GatewayError::NotCallable
        | GatewayError::IntegrationFailed(_) => texts.failure.rendered(),
        GatewayError::UnsupportedMediaType(_) => UNSUPPORTED_MEDIA_TYPE.rendered(),
        GatewayError::UriTooLong => URI_TOO_LONG.rendered(),
        GatewayError::NotPublic => NOT_SIGNED.rendered(),
        GatewayError::BodyTimeout(_) => BODY_TIMEOUT.rendered(),
        GatewayError::NoStage => texts.no_stage.rendered(),
        // UNCONFIRMED for a method that no route can have: the response of each gateway.
        GatewayError::NoRoute | GatewayError::UnknownMethod => texts.no_route.rendered(),
        GatewayError::BadRequest(_)
        | GatewayError::CutShort(_)
        | GatewayError::UnresolvedParameter { .. } => texts.bad_request.rendered(),
        GatewayError::Unauthorized => access::unauthorized(kind),
        GatewayError::TokenRefused(refusal) => access::token_refused(kind, refusal),
        GatewayError::Denied { explicitly } => access::denied(kind, *explicitly),
        GatewayError::AuthorizerFailed(_) => access::authorizer_failed(kind),
        GatewayError::NoAuthorizer(_) | GatewayError::InvalidDecision(_) => {
            access::authorizer_misconfigured(kind)
        }
        GatewayError::NoSignature => access::no_signature(kind),
        GatewayError::BadSignature { code, text } => access::bad_signature(kind, code, text),
        GatewayError::NoApiKey => access::no_api_key(kind),
        GatewayError::MissingParameters(names) => access::missing_parameters(kind, names),
    }
}

#[cfg(test)]
mod tests;
