//! Who may call a route of an API: what templates say about authorization, API keys and required parameters.

use hardcap_limits::Millis;

use crate::config::PayloadFormat;

/// What a request must bring before its route answers. The default asks for nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// Who may call.
    pub authorization: Authorization,
    /// Whether an API key of a usage plan must be in `x-api-key`: of a REST API only.
    pub api_key_required: bool,
    /// The headers that a request validator asks for.
    pub required_headers: Vec<String>,
    /// The query parameters that a request validator asks for.
    pub required_query: Vec<String>,
}

/// Who may call a route.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Authorization {
    /// Everyone.
    #[default]
    None,
    /// Whoever signs with a key that is known: `AWS_IAM`. Policies are not evaluated.
    Iam,
    /// Whom the authorizer of this name lets through.
    Authorizer(String),
}

/// A Lambda authorizer of an API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorizer {
    /// The name by which routes refer to it.
    pub name: String,
    /// The [`crate::config::Function::name`] that decides.
    pub function: String,
    /// What the function is asked, and what it answers.
    pub kind: AuthorizerKind,
    /// The parts of a request that identify its caller. One that is missing is a 401.
    pub identity: Vec<IdentitySource>,
    /// How long a decision is kept; not at all when zero.
    pub ttl: Millis,
}

/// The kinds of Lambda authorizers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthorizerKind {
    /// `TOKEN` of a REST API: it gets one header, and answers with a policy.
    Token,
    /// `REQUEST` of a REST API: it gets the request without its body, and answers with a policy.
    Request,
    /// `REQUEST` of an HTTP API.
    Http {
        /// The form of its event.
        format: PayloadFormat,
        /// Whether it answers `{"isAuthorized": …}` instead of a policy.
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
    /// A variable of the stage.
    StageVariable(String),
    /// A value of the request's context.
    Context(String),
}

impl IdentitySource {
    /// Reads `method.request.header.NAME` of a REST API or `$request.header.NAME` of an HTTP API, and the others of both.
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

/// A response that a gateway gives without a function, such as that of a mock integration to a preflight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FixedResponse {
    /// The status.
    pub status: u16,
    /// Names and values of headers.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
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
