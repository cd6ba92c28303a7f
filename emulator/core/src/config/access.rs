//! Access control of an API's route: authorization, API keys and required parameters, as templates declare them.

use hardcap_limits::Millis;

use crate::config::PayloadFormat;

/// The access control of a route. The default requires nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// The authorization of the caller.
    pub authorization: Authorization,
    /// Whether `x-api-key` must contain an API key of a usage plan. REST APIs only.
    pub api_key_required: bool,
    /// The headers that a request validator requires.
    pub required_headers: Vec<String>,
    /// The query parameters that a request validator requires.
    pub required_query: Vec<String>,
    /// The scopes of which a token must have at least one. Empty: none is required.
    pub scopes: Vec<String>,
}

/// The authorization of a route's callers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Authorization {
    /// No authorization.
    #[default]
    None,
    /// `AWS_IAM`: the request must be signed with a known key. Policies are not evaluated.
    Iam,
    /// The authorizer of this name decides.
    Authorizer(String),
}

/// An authorizer of an API: a Lambda function, or the rules for a JSON Web Token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorizer {
    /// The name that routes refer to.
    pub name: String,
    /// The [`crate::config::Function::name`] of the authorizer's function.
    pub function: String,
    /// The format of the authorizer's event and response.
    pub kind: AuthorizerKind,
    /// The parts of a request that identify its caller. A missing part is a 401.
    pub identity: Vec<IdentitySource>,
    /// The regular expression of a [`AuthorizerKind::Token`]. A token that does not match it is a 401; of a Cognito authorizer, a
    /// token whose `aud` does not match it.
    pub validation: Option<String>,
    /// The time for which a decision is cached; zero for no caching.
    pub ttl: Millis,
    /// The rules for a token of a JWT or Cognito authorizer, which has no function.
    pub jwt: Option<JwtRules>,
}

/// The rules for a JSON Web Token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JwtRules {
    /// `iss`.
    pub issuer: String,
    /// One of these is `aud`, or `client_id` of a token without `aud`. Empty: every audience.
    pub audience: Vec<String>,
    /// The scopes of routes that name none.
    pub scopes: Vec<String>,
    /// The public keys of the issuer.
    pub keys: Vec<JwtKey>,
}

/// An RSA public key of an issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JwtKey {
    /// The identifier that the header of a token names.
    pub kid: Option<String>,
    /// The modulus, big-endian.
    pub modulus: Vec<u8>,
    /// The exponent, big-endian.
    pub exponent: Vec<u8>,
}

/// The kinds of Lambda authorizers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthorizerKind {
    /// `TOKEN` of a REST API: the event has one header, the response is a policy.
    Token,
    /// `REQUEST` of a REST API: the event has the request without its body, the response is a policy.
    Request,
    /// `REQUEST` of an HTTP API.
    Http {
        /// The payload format of its event.
        format: PayloadFormat,
        /// Whether its response is `{"isAuthorized": …}` instead of a policy.
        simple: bool,
    },
}

/// A part of a request that identifies its caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdentitySource {
    /// A header.
    Header(String),
    /// A query parameter.
    Query(String),
    /// A stage variable.
    StageVariable(String),
    /// A value of the request context.
    Context(String),
}

impl IdentitySource {
    /// Parses `method.request.header.NAME` of a REST API or `$request.header.NAME` of an HTTP API, and the other sources of
    /// both.
    #[must_use]
    pub fn parse(text: &str) -> Option<IdentitySource> {
        let text = text.trim();
        let text = text.strip_prefix("method.").or_else(|| text.strip_prefix('$')).unwrap_or(text);
        let (source, name) = match text.strip_prefix("request.") {
            Some(rest) => rest.split_once('.')?,
            None => text.split_once('.')?,
        };
        let name = name.to_owned();
        if name.is_empty() {
            return None;
        }
        match source {
            "header" => Some(IdentitySource::Header(name)),
            "querystring" => Some(IdentitySource::Query(name)),
            "stageVariables" => Some(IdentitySource::StageVariable(name)),
            "context" => Some(IdentitySource::Context(name)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identity_sources_of_both_kinds_of_api_are_read() {
        for (text, expected) in [
            ("method.request.header.Auth", Some(IdentitySource::Header("Auth".to_owned()))),
            ("$request.header.auth", Some(IdentitySource::Header("auth".to_owned()))),
            (" method.request.querystring.q", Some(IdentitySource::Query("q".to_owned()))),
            ("stageVariables.v", Some(IdentitySource::StageVariable("v".to_owned()))),
            ("$stageVariables.v", Some(IdentitySource::StageVariable("v".to_owned()))),
            ("context.httpMethod", Some(IdentitySource::Context("httpMethod".to_owned()))),
            ("method.request.header.", None),
            ("method.request.body.x", None),
            ("Authorization", None),
        ] {
            assert_eq!(IdentitySource::parse(text), expected, "{text}");
        }
    }
}
