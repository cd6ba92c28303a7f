//! Why a request has no answer of a function, and the one place that tells its client.
//!
//! Texts of limits come from their rows. The texts here are those that no limit causes.

mod access;
mod customized;

use hardcap_limits::{Exceeded, Limits, Party, RenderedRefusal};
use http::{HeaderName, HeaderValue, Response, StatusCode, header};

use super::answer::Malformed;
use super::authorize::TokenRefusal;
use super::event::Moment;
pub(crate) use customized::{Source, customize};
use hardcap_lambda::FunctionError;
use hardcap_lambda::stop::InvokeError;

/// Why a request ended without an answer of a function.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Ending {
    /// Refused on the way to a function, or hardcap failed.
    #[error(transparent)]
    InvokeError(#[from] InvokeError),
    /// The function failed.
    #[error("Lambda execution failed due to customer function error: {}", why(.0))]
    FunctionError(FunctionError),
    /// The function's answer is not one.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// There is no such stage.
    #[error("no such stage")]
    NoStage,
    /// There is no such route, or not for this method.
    #[error("no such route")]
    NoRoute,
    /// A function URL takes signed requests only.
    #[error("the request is not signed, as `AuthType: AWS_IAM` wants it")]
    NotSigned,
    /// The policy of the function lets nobody invoke the URL without a signature.
    #[error(
        "no statement of the function's policy lets everyone invoke this URL; add one with AddPermission: \
         lambda:InvokeFunctionUrl for the principal `*`"
    )]
    NotPublic,
    /// An identity source of the authorizer is missing, or the authorizer said so.
    #[error("unauthorized: an identity source is missing, or the authorizer refused the token")]
    Unauthorized,
    /// The token of a JWT or Cognito authorizer is refused.
    #[error("{0}")]
    TokenRefused(TokenRefusal),
    /// The authorizer does not allow this method.
    #[error("the authorizer does not allow this method")]
    Denied {
        /// Whether it denies the method, and does not only not allow it.
        explicitly: bool,
    },
    /// The authorizer's function failed.
    #[error("{0}")]
    AuthorizerFailed(String),
    /// The authorizer's response is not one.
    #[error("{0}")]
    AuthorizerMisconfigured(String),
    /// The route asks for a signature, and there is none.
    #[error("the request is not signed, as `AWS_IAM` wants it")]
    NoSignature,
    /// The signature is wrong.
    #[error("{text}")]
    BadSignature {
        /// AWS's name of the error.
        code: &'static str,
        /// What is wrong with it.
        text: String,
    },
    /// The route asks for an API key, and the request has none that is known.
    #[error("the header x-api-key has no API key of this API's usage plans")]
    NoApiKey,
    /// A request validator asks for parameters that are missing: their names.
    #[error("required parameters are missing: {0}")]
    MissingParameters(String),
    /// The route's integration calls Lambda with a method that Lambda does not take.
    #[error("the integration's method is not POST, with which alone Lambda can be called")]
    NotCallable,
    /// The gateway does not take this request: what it holds says the text.
    #[error("{0}")]
    BadRequest(&'static str),
    /// The target is longer than any that hardcap can take, whatever the limits of the run.
    #[error("the request target is too long")]
    UriTooLong,
    /// The client went away, or broke HTTP.
    #[error("{0}")]
    CutShort(String),
    /// The client stopped in the middle of its body.
    #[error("{0}")]
    BodyTimeout(String),
}

impl Ending {
    /// The limit that was crossed, where one was.
    pub(crate) fn exceeded(&self) -> Option<&Exceeded> {
        match self {
            Ending::InvokeError(InvokeError::Refused(exceeded))
            | Ending::FunctionError(
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

impl From<Exceeded> for Ending {
    fn from(exceeded: Exceeded) -> Ending {
        Ending::InvokeError(InvokeError::Refused(exceeded))
    }
}

/// A text that no limit causes.
struct Text {
    status: u16,
    error_type: &'static str,
    body: &'static str,
}

/// What each gateway says: where it is recorded stands behind each text.
struct Texts {
    /// The function failed, or its answer is not one.
    fault: Text,
    /// The gateway itself, or what it needs, failed.
    failure: Text,
    no_stage: Text,
    no_route: Text,
    bad_request: Text,
    uri_too_long: Text,
}

const REST_FAILURE: &str = r#"{"message": "Internal server error"}"#;
const HTTP_FAILURE: &str = r#"{"message":"Internal Server Error"}"#;

/// UNCONFIRMED: only seen when a run has raised the limits that AWS has.
const URI_TOO_LONG: Text = text(414, "", r#"{"message":"Request URI too long"}"#);

/// UNCONFIRMED: how long AWS waits for a body and what it answers then is not documented.
const BODY_TIMEOUT: Text = text(408, "", r#"{"message":"Request Timeout"}"#);

/// Recorded 2025-11-24.
const NOT_SIGNED: Text = text(
    403,
    "AccessDeniedException",
    r#"{"Message":"Forbidden. For troubleshooting Function URL authorization issues, see: https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"}"#,
);

const REST: Texts = Texts {
    // 36 bytes, recorded 2024-11-15 and 2025-04-14.
    fault: text(502, "InternalServerErrorException", REST_FAILURE),
    // Recorded 2025-05-20 for an integration that may not be called.
    failure: text(500, "InternalServerErrorException", REST_FAILURE),
    // UNCONFIRMED: believed from reports.
    no_stage: text(403, "ForbiddenException", r#"{"message":"Forbidden"}"#),
    // Recorded 2024-07-23.
    no_route: text(
        403,
        "MissingAuthenticationTokenException",
        r#"{"message":"Missing Authentication Token"}"#,
    ),
    // UNCONFIRMED: that such a request is refused is documented, its text is not.
    bad_request: text(400, "BadRequestException", r#"{"message": "Bad Request"}"#),
    uri_too_long: URI_TOO_LONG,
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
    uri_too_long: URI_TOO_LONG,
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
    uri_too_long: URI_TOO_LONG,
};

const fn text(status: u16, error_type: &'static str, body: &'static str) -> Text {
    Text { status, error_type, body }
}

/// The response that the client of `party` gets instead of an answer.
pub(crate) fn render(
    party: Party,
    ending: &Ending,
    limits: &Limits,
    moment: &Moment,
    trace: &str,
) -> Response<String> {
    let refusal = wording(party, ending, limits);
    let mut response = Response::new(refusal.body);
    *response.status_mut() =
        StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(refusal.content_type));
    // Recorded 2021-09-12: what is refused in front of an API is plain text and has none of the API's headers.
    if !refusal.content_type.starts_with("application/json") {
        return response;
    }
    if !refusal.error_type.is_empty() {
        let name = HeaderName::from_static("x-amzn-errortype");
        headers.insert(name, HeaderValue::from_static(refusal.error_type));
    }
    if let Some(challenge) = access::challenge(party, ending) {
        insert(headers, "www-authenticate", &challenge);
    }
    identify(party, headers, moment);
    // Recorded: on a timeout (2025-05-20), and not on a malformed answer (2024-11-15).
    if party == Party::RestClient && refusal.status == StatusCode::GATEWAY_TIMEOUT.as_u16() {
        insert(headers, "x-amzn-trace-id", trace);
    }
    response
}

/// The headers by which a gateway names a request.
pub(crate) fn identify(party: Party, headers: &mut http::HeaderMap, moment: &Moment) {
    match party {
        Party::HttpClient => insert(headers, "apigw-requestid", &moment.extended_request_id),
        Party::RestClient => {
            insert(headers, "x-amzn-requestid", &moment.request_id);
            insert(headers, "x-amz-apigw-id", &moment.extended_request_id);
        }
        _ => insert(headers, "x-amzn-requestid", &moment.request_id),
    }
}

/// Replaces a header; a value that HTTP does not allow is left out.
pub(crate) fn insert(headers: &mut http::HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(HeaderName::from_static(name), value);
    }
}

fn wording(party: Party, ending: &Ending, limits: &Limits) -> RenderedRefusal {
    if let Some(refused) = access::wording(party, ending) {
        return refused;
    }
    let texts = match party {
        Party::RestClient => &REST,
        Party::HttpClient => &HTTP,
        _ => &URL,
    };
    let of_row = match ending {
        Ending::InvokeError(InvokeError::Throttled(throttle)) => {
            // Only the words are taken from the row: Lambda has measured and recorded.
            let row = Limits::row("lambda_concurrency");
            let throttled =
                row.map(|row| Exceeded { row, observed: 0, max: 0, date: limits.date() });
            throttled.and_then(|it| it.refusal_with(party, &[("reason", &throttle.to_string())]))
        }
        ending => ending.exceeded().and_then(|exceeded| exceeded.refusal(party)),
    };
    of_row.unwrap_or_else(|| {
        let text = match ending {
            Ending::FunctionError(_) | Ending::Malformed(_) => &texts.fault,
            Ending::InvokeError(_) | Ending::NotCallable => &texts.failure,
            Ending::UriTooLong => &texts.uri_too_long,
            Ending::NotSigned | Ending::NotPublic => &NOT_SIGNED,
            Ending::BodyTimeout(_) => &BODY_TIMEOUT,
            Ending::NoStage => &texts.no_stage,
            Ending::NoRoute => &texts.no_route,
            Ending::BadRequest(_) | Ending::CutShort(_) => &texts.bad_request,
            // `access` has words for all of these.
            Ending::Unauthorized
            | Ending::TokenRefused(_)
            | Ending::Denied { .. }
            | Ending::AuthorizerFailed(_)
            | Ending::AuthorizerMisconfigured(_)
            | Ending::NoSignature
            | Ending::BadSignature { .. }
            | Ending::NoApiKey
            | Ending::MissingParameters(_) => &texts.failure,
        };
        RenderedRefusal {
            status: text.status,
            error_type: text.error_type,
            content_type: "application/json",
            body: text.body.to_owned(),
        }
    })
}

#[cfg(test)]
mod tests;
