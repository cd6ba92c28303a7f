//! What the control plane answers: members as AWS spells them, and refusals with AWS's types.

use axum::body::Body;
use hardcap_limits::{Exceeded, Party};
use http::{HeaderValue, Response, StatusCode, header};
use serde_json::{Value, json};

use hardcap_core::context::Context;
use hardcap_lambda::refusal;
use hardcap_lambda::rules::DeploymentRefusal;

/// Why a request changed nothing.
#[derive(Debug)]
pub(super) enum Problem {
    /// As AWS answers.
    Refused(DeploymentRefusal),
    /// hardcap failed.
    Bug(String),
}

impl From<DeploymentRefusal> for Problem {
    fn from(refusal: DeploymentRefusal) -> Problem {
        Problem::Refused(refusal)
    }
}

impl From<std::io::Error> for Problem {
    fn from(error: std::io::Error) -> Problem {
        Problem::Bug(format!("the functions' folder: {error}"))
    }
}

/// `Message` is how this error alone is spelt.
pub(super) fn not_found(message: impl Into<String>) -> Problem {
    told(404, "ResourceNotFoundException", &json!({ "Type": "User", "Message": message.into() }))
}

/// Something is there already.
pub(super) fn conflict(message: impl Into<String>) -> Problem {
    told(409, "ResourceConflictException", &json!({ "Type": "User", "message": message.into() }))
}

/// A value that Lambda itself refuses.
pub(super) fn invalid(message: impl AsRef<str>) -> Problem {
    DeploymentRefusal::invalid_value("", message.as_ref()).into()
}

/// A member that AWS's frame refuses.
pub(super) fn constraint(message: impl AsRef<str>) -> Problem {
    DeploymentRefusal::constraint("", message.as_ref()).into()
}

/// What AWS's frame says of a member, told whole.
pub(super) fn validation(message: impl Into<String>) -> Problem {
    told(400, "ValidationException", &json!({ "message": message.into() }))
}

/// A member that must be there.
pub(super) fn missing(member: &str) -> Problem {
    constraint(format!(
        "Value null at '{member}' failed to satisfy constraint: Member must not be null"
    ))
}

/// A member of a closed set, with the set in the order of the recording.
pub(super) fn not_one_of(member: &str, value: &str, set: &str) -> Problem {
    constraint(format!(
        "Value '{value}' at '{member}' failed to satisfy constraint: Member must satisfy enum value set: [{set}]"
    ))
}

/// The function changed since the caller looked at it.
pub(super) fn precondition_failed() -> Problem {
    let message = "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to \
                   retrieve the latest Revision Id";
    told(412, "PreconditionFailedException", &json!({ "Type": "User", "message": message }))
}

/// The policy changed since the caller looked at it. Recorded on 2025-11-25.
pub(super) fn policy_changed() -> Problem {
    let message = "The Revision Id provided does not match the latest Revision Id. Call the GetPolicy API to retrieve the \
                   latest Revision Id";
    told(412, "PreconditionFailedException", &json!({ "Type": "User", "message": message }))
}

/// The policy would be longer than Lambda allows.
pub(super) fn policy_too_long(message: impl Into<String>) -> Problem {
    let body = json!({ "Type": "User", "message": message.into() });
    told(400, "PolicyLengthExceededException", &body)
}

/// A body that is no JSON, or has a member of another type.
pub(super) fn unreadable(error: &serde_json::Error) -> Problem {
    let message = format!("Could not parse request body into json: {error}");
    told(400, "InvalidRequestContentException", &json!({ "Type": "User", "message": message }))
}

/// What AWS has and hardcap has not: its status tells clients not to try again.
pub(super) fn not_built(what: &str, way_out: &str) -> Problem {
    let message = format!("hardcap does not emulate {what}: {way_out}");
    told(501, "NotImplementedException", &json!({ "Type": "Service", "message": message }))
}

/// Another account's function: recorded on 2024-03-27, without a word.
pub(super) fn access_denied() -> Problem {
    told(403, "AccessDeniedException", &json!({ "Message": null }))
}

/// A limit of the table, in the words of its row.
pub(super) fn over_limit(exceeded: &Exceeded, names: &[(&str, &str)]) -> Problem {
    match exceeded.refusal_with(Party::Invoker, names) {
        Some(shown) => Problem::Refused(DeploymentRefusal {
            code: "",
            status: shown.status,
            error_type: shown.error_type,
            body: shown.body,
        }),
        None => Problem::Bug(format!("no text for {exceeded}")),
    }
}

fn told(status: u16, error_type: &'static str, body: &Value) -> Problem {
    Problem::Refused(DeploymentRefusal { code: "", status, error_type, body: body.to_string() })
}

/// What a request came to: a status with a body, or without one.
#[derive(Debug)]
pub(super) enum Done {
    /// With these members.
    Ok(Value),
    /// The same, for what was not there before.
    Created(Value),
    /// Nothing is to be said.
    NoContent,
}

/// What any operation returns.
pub(super) type Outcome = Result<Done, Problem>;

/// Puts an outcome on the wire.
pub(super) fn render(ctx: &Context, outcome: Outcome) -> Response<Body> {
    let (status, body) = match outcome {
        Ok(Done::Ok(body)) => (StatusCode::OK, body.to_string()),
        Ok(Done::Created(body)) => (StatusCode::CREATED, body.to_string()),
        Ok(Done::NoContent) => (StatusCode::NO_CONTENT, String::new()),
        Err(Problem::Refused(refused)) => return refusal::render_refusal(ctx, refused),
        Err(Problem::Bug(cause)) => return refusal::bug(ctx, &cause),
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Ok(id) = HeaderValue::try_from(&*ctx.request_id) {
        headers.insert("x-amzn-requestid", id);
    }
    response
}
