//! The responses of the control plane: members as AWS spells them, and refusals with AWS's types.

use axum::body::Body;
use hardcap_limits::{Exceeded, Party};
use http::{HeaderValue, Response, StatusCode, header};
use serde_json::{Value, json};

use hardcap_core::context::Context;
use hardcap_lambda::refusal;
use hardcap_lambda::rules::DeploymentRefusal;

/// The failure of a request. It changed nothing.
#[derive(Debug)]
pub(super) enum Problem {
    /// A refusal of AWS.
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

/// A resource that does not exist. No other error has its text in a member `Message`.
pub(super) fn not_found(message: impl Into<String>) -> Problem {
    problem(404, "ResourceNotFoundException", &json!({ "Type": "User", "Message": message.into() }))
}

/// A resource that exists already.
pub(super) fn conflict(message: impl Into<String>) -> Problem {
    problem(409, "ResourceConflictException", &json!({ "Type": "User", "message": message.into() }))
}

/// A value that Lambda refuses.
pub(super) fn invalid(message: impl AsRef<str>) -> Problem {
    DeploymentRefusal::invalid_value("", message.as_ref()).into()
}

/// A member that AWS's request validation refuses.
pub(super) fn constraint(message: impl AsRef<str>) -> Problem {
    DeploymentRefusal::constraint("", message.as_ref()).into()
}

/// A refusal of AWS's request validation with this text.
pub(super) fn validation(message: impl Into<String>) -> Problem {
    problem(400, "ValidationException", &json!({ "message": message.into() }))
}

/// A required member that is missing.
pub(super) fn missing(member: &str) -> Problem {
    constraint(format!(
        "Value null at '{member}' failed to satisfy constraint: Member must not be null"
    ))
}

/// A member that must be one of a set, with the set in the order of the recording.
pub(super) fn not_one_of(member: &str, value: &str, set: &str) -> Problem {
    DeploymentRefusal::not_one_of(member, value, set).into()
}

/// The revision id of the request is not that of the function.
pub(super) fn precondition_failed() -> Problem {
    let message = "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to \
                   retrieve the latest Revision Id";
    problem(412, "PreconditionFailedException", &json!({ "Type": "User", "message": message }))
}

/// The revision id of the request is not that of the policy. Recorded on 2025-11-25.
pub(super) fn policy_changed() -> Problem {
    let message = "The Revision Id provided does not match the latest Revision Id. Call the GetPolicy API to retrieve the \
                   latest Revision Id";
    problem(412, "PreconditionFailedException", &json!({ "Type": "User", "message": message }))
}

/// The policy would be longer than Lambda permits.
pub(super) fn policy_too_long(message: impl Into<String>) -> Problem {
    let body = json!({ "Type": "User", "message": message.into() });
    problem(400, "PolicyLengthExceededException", &body)
}

/// A body that is not JSON, or has a member of another type.
pub(super) fn unreadable(error: &serde_json::Error) -> Problem {
    let message = format!("Could not parse request body into json: {error}");
    problem(400, "InvalidRequestContentException", &json!({ "Type": "User", "message": message }))
}

/// What a caller can do about an operation that hardcap does not implement.
pub(super) const LISTED: &str = "docs/differences.md lists what is not emulated";

/// A feature that hardcap does not implement. Clients do not retry this status.
pub(super) fn not_built(what: &str, way_out: &str) -> Problem {
    let message = format!("hardcap does not emulate {what}: {way_out}");
    problem(501, "NotImplementedException", &json!({ "Type": "Service", "message": message }))
}

/// A function of another account: recorded on 2024-03-27, without a text.
pub(super) fn access_denied() -> Problem {
    problem(403, "AccessDeniedException", &json!({ "Message": null }))
}

/// An exceeded limit, with the text of its row.
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

fn problem(status: u16, error_type: &'static str, body: &Value) -> Problem {
    Problem::Refused(DeploymentRefusal { code: "", status, error_type, body: body.to_string() })
}

/// The response to a successful request: a status with or without a body.
#[derive(Debug)]
pub(super) enum Done {
    /// 200 with these members.
    Ok(Value),
    /// 201 with these members, for a new resource.
    Created(Value),
    /// 202 with these members, for a change that takes effect later.
    Accepted(Value),
    /// 204 without a body.
    NoContent,
}

/// The result of an operation.
pub(super) type Outcome = Result<Done, Problem>;

/// Renders a result as a response.
pub(super) fn render(ctx: &Context, outcome: Outcome) -> Response<Body> {
    let (status, body) = match outcome {
        Ok(Done::Ok(body)) => (StatusCode::OK, body.to_string()),
        Ok(Done::Created(body)) => (StatusCode::CREATED, body.to_string()),
        Ok(Done::Accepted(body)) => (StatusCode::ACCEPTED, body.to_string()),
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
