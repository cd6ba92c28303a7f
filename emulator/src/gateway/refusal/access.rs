//! What a client is told that may not call, in the words of its gateway.

use hardcap_limits::{Party, RenderedRefusal};
use serde_json::json;

use super::{Ending, HTTP_FAILURE};
use crate::gateway::authorize::TokenRefusal;

/// `www-authenticate` of an HTTP API. Official for an audience (developer guide, "Troubleshooting issues with HTTP API JWT
/// authorizers"); UNCONFIRMED for the descriptions of the other refusals.
pub(super) fn challenge(party: Party, ending: &Ending) -> Option<String> {
    let Ending::TokenRefused(refusal) = ending else { return None };
    (party == Party::HttpClient).then(|| {
        let error = match refusal {
            TokenRefusal::Scopes => "insufficient_scope",
            _ => "invalid_token",
        };
        format!("Bearer scope=\"\" error=\"{error}\" error_description=\"{refusal}\"")
    })
}

/// The refusal of a request that was not let through; `None` for every other ending.
pub(super) fn wording(party: Party, ending: &Ending) -> Option<RenderedRefusal> {
    let is_rest = party == Party::RestClient;
    let message = |text: &str| json!({ "message": text }).to_string();
    let (status, error_type, body) = match ending {
        // Seen in many reports of both kinds of API, such as awsdocs/amazon-api-gateway-developer-guide#152 (2022-04-28).
        Ending::Unauthorized => (401, "UnauthorizedException", message("Unauthorized")),
        // The text of an expired token is that of many reports of REST APIs with a Cognito authorizer.
        Ending::TokenRefused(TokenRefusal::Expired) if is_rest => {
            (401, "UnauthorizedException", message("The incoming token has expired"))
        }
        // Official (developer guide, "Troubleshooting issues with HTTP API JWT authorizers"): 401 for a token, 403 for its scopes.
        Ending::TokenRefused(TokenRefusal::Scopes) if !is_rest => (403, "", message("Forbidden")),
        Ending::TokenRefused(_) => (401, "UnauthorizedException", message("Unauthorized")),
        Ending::Denied { .. } if !is_rest => (403, "", message("Forbidden")),
        // The capital letter and both texts: many reports; with the last words since 2025, seen on 2026-09-18.
        Ending::Denied { explicitly } => {
            let why =
                if *explicitly { " with an explicit deny in an identity-based policy" } else { "" };
            let text = format!("User is not authorized to access this resource{why}");
            (403, "AccessDeniedException", json!({ "Message": text }).to_string())
        }
        Ending::AuthorizerFailed(_) | Ending::AuthorizerMisconfigured(_) if !is_rest => {
            (500, "", HTTP_FAILURE.to_owned())
        }
        // `{"message":null}`: auth0-samples/jwt-rsa-aws-custom-authorizer#6 (2018-10-16); the second type:
        // serverless/examples#305 (2018-10-09).
        Ending::AuthorizerFailed(_) => {
            (500, "AuthorizerFailureException", json!({ "message": null }).to_string())
        }
        Ending::AuthorizerMisconfigured(_) => {
            (500, "AuthorizerConfigurationException", json!({ "message": null }).to_string())
        }
        Ending::NoSignature | Ending::BadSignature { .. } if !is_rest => {
            (403, "", message("Forbidden"))
        }
        Ending::NoSignature => {
            let text = "Missing Authentication Token";
            (403, "MissingAuthenticationTokenException", message(text))
        }
        Ending::BadSignature { code, text } => (403, *code, message(text)),
        // Official (developer guide, gateway responses: INVALID_API_KEY) and many reports.
        Ending::NoApiKey => (403, "ForbiddenException", message("Forbidden")),
        // Many reports of `Missing required request parameters: [x]`.
        Ending::MissingParameters(names) => {
            let text = format!("Missing required request parameters: [{names}]");
            (400, "BadRequestException", message(&text))
        }
        _ => return None,
    };
    Some(RenderedRefusal {
        status,
        error_type: if is_rest { error_type } else { "" },
        content_type: "application/json",
        body,
    })
}
