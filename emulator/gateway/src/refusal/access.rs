//! The responses of each gateway for requests that are not authorized.

use hardcap_limits::RenderedRefusal;
use serde_json::json;

use super::{GatewayError, HTTP_FAILURE, NOT_SIGNED};
use crate::authorize::TokenRefusal;
use crate::frontend::GatewayKind;

/// `www-authenticate` of an HTTP API. Official for an audience (developer guide, "Troubleshooting issues with HTTP API JWT
/// authorizers"); UNCONFIRMED for the descriptions of the other refusals.
pub(super) fn challenge(kind: GatewayKind, error: &GatewayError) -> Option<String> {
    let GatewayError::TokenRefused(refusal) = error else { return None };
    (kind == GatewayKind::Http).then(|| {
        let error = match refusal {
            TokenRefusal::Scopes => "insufficient_scope",
            _ => "invalid_token",
        };
        format!("Bearer scope=\"\" error=\"{error}\" error_description=\"{refusal}\"")
    })
}

/// Official (developer guide, "Troubleshooting issues with HTTP API JWT authorizers"): 401 for a token, 403 for its scopes. The
/// text of an expired token is that of many reports of REST APIs with a Cognito authorizer.
pub(super) fn token_refused(kind: GatewayKind, refusal: &TokenRefusal) -> RenderedRefusal {
    match (refusal, kind) {
        (TokenRefusal::Expired, GatewayKind::Rest) => {
            let text = message("The incoming token has expired");
            rendered(kind, 401, "UnauthorizedException", text)
        }
        (TokenRefusal::Scopes, GatewayKind::Http | GatewayKind::Url) => forbidden(kind),
        _ => unauthorized(kind),
    }
}

/// Seen in many reports of both kinds of API, such as awsdocs/amazon-api-gateway-developer-guide#152 (2022-04-28).
pub(super) fn unauthorized(kind: GatewayKind) -> RenderedRefusal {
    rendered(kind, 401, "UnauthorizedException", message("Unauthorized"))
}

/// A REST API's capital letter and both texts: many reports; the end of the longer text since 2025, seen on 2026-09-18.
pub(super) fn denied(kind: GatewayKind, explicitly: bool) -> RenderedRefusal {
    if kind != GatewayKind::Rest {
        return forbidden(kind);
    }
    let why = if explicitly { " with an explicit deny in an identity-based policy" } else { "" };
    let text = format!("User is not authorized to access this resource{why}");
    rendered(kind, 403, "AccessDeniedException", json!({ "Message": text }).to_string())
}

/// `{"message":null}`: auth0-samples/jwt-rsa-aws-custom-authorizer#6 (2018-10-16).
pub(super) fn authorizer_failed(kind: GatewayKind) -> RenderedRefusal {
    authorizer(kind, "AuthorizerFailureException")
}

/// The type: serverless/examples#305 (2018-10-09).
pub(super) fn authorizer_misconfigured(kind: GatewayKind) -> RenderedRefusal {
    authorizer(kind, "AuthorizerConfigurationException")
}

fn authorizer(kind: GatewayKind, error_type: &'static str) -> RenderedRefusal {
    let body = match kind {
        GatewayKind::Rest => json!({ "message": null }).to_string(),
        GatewayKind::Http | GatewayKind::Url => HTTP_FAILURE.to_owned(),
    };
    rendered(kind, 500, error_type, body)
}

pub(super) fn no_signature(kind: GatewayKind) -> RenderedRefusal {
    if kind == GatewayKind::Url {
        return NOT_SIGNED.rendered();
    }
    let text = "Missing Authentication Token";
    bad_signature(kind, "MissingAuthenticationTokenException", text)
}

/// A function URL answers as Lambda's API does. Observed: the JSON of a wrong signature (RJPearson94/terraform-aws-open-next#48,
/// 2025-03-03), the text and the status of an unknown key (jamesmbourne/aws4-axios#1553, 2024-07-07), the type in the header
/// (erlcloud/erlcloud#690, 2021-03-02, Lambda's API). UNCONFIRMED on a function URL: the type, and the other texts.
pub(super) fn bad_signature(kind: GatewayKind, code: &'static str, text: &str) -> RenderedRefusal {
    match kind {
        GatewayKind::Rest | GatewayKind::Url => with_type(403, code, message(text)),
        GatewayKind::Http => forbidden(kind),
    }
}

/// Official (developer guide, gateway responses: INVALID_API_KEY) and many reports.
pub(super) fn no_api_key(kind: GatewayKind) -> RenderedRefusal {
    forbidden(kind)
}

/// Many reports of `Missing required request parameters: [x]`.
pub(super) fn missing_parameters(kind: GatewayKind, names: &str) -> RenderedRefusal {
    let text = format!("Missing required request parameters: [{names}]");
    rendered(kind, 400, "BadRequestException", message(&text))
}

fn forbidden(kind: GatewayKind) -> RenderedRefusal {
    rendered(kind, 403, "ForbiddenException", message("Forbidden"))
}

fn message(text: &str) -> String {
    json!({ "message": text }).to_string()
}

/// A REST API alone names the error's type in each of these refusals.
fn rendered(
    kind: GatewayKind,
    status: u16,
    error_type: &'static str,
    body: String,
) -> RenderedRefusal {
    with_type(status, if kind == GatewayKind::Rest { error_type } else { "" }, body)
}

fn with_type(status: u16, error_type: &'static str, body: String) -> RenderedRefusal {
    RenderedRefusal { status, error_type, content_type: "application/json", body }
}
