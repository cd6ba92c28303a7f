//! `GatewayResponses`: customized responses of a REST API for requests that end without a function's response.

use std::str::FromStr;

use indexmap::IndexMap;

/// The types of gateway response that AWS knows (API reference of API Gateway, `GatewayResponse`, read 2026-11-26).
pub const RESPONSE_TYPES: [&str; 21] = [
    "ACCESS_DENIED",
    "API_CONFIGURATION_ERROR",
    "AUTHORIZER_CONFIGURATION_ERROR",
    "AUTHORIZER_FAILURE",
    "BAD_REQUEST_BODY",
    "BAD_REQUEST_PARAMETERS",
    "DEFAULT_4XX",
    "DEFAULT_5XX",
    "EXPIRED_TOKEN",
    "INTEGRATION_FAILURE",
    "INTEGRATION_TIMEOUT",
    "INVALID_API_KEY",
    "INVALID_SIGNATURE",
    "MISSING_AUTHENTICATION_TOKEN",
    "QUOTA_EXCEEDED",
    "REQUEST_TOO_LARGE",
    "RESOURCE_NOT_FOUND",
    "THROTTLED",
    "UNAUTHORIZED",
    "UNSUPPORTED_MEDIA_TYPE",
    "WAF_FILTERED",
];

/// Gateway responses by their type, one of [`RESPONSE_TYPES`].
pub type GatewayResponses = IndexMap<String, GatewayResponse>;

/// One gateway response. A missing member keeps the gateway's default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GatewayResponse {
    /// The status.
    pub status: Option<u16>,
    /// Header names and the source of each value.
    pub headers: Vec<(String, Mapping)>,
    /// Bodies by media type. Only `$context.…` and `$stageVariables.…` are replaced: these are not VTL templates.
    pub templates: IndexMap<String, String>,
}

/// The source of a header's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mapping {
    /// A text, written between single quotes.
    Static(String),
    /// `method.request.header.NAME`.
    Header(String),
    /// `method.request.querystring.NAME`.
    QueryString(String),
    /// `method.request.path.NAME`.
    Path(String),
    /// `context.NAME`.
    Context(String),
    /// `stageVariables.NAME`.
    StageVariable(String),
}

/// A mapping expression that API Gateway refuses with `Invalid mapping expression specified`.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a mapping expression")]
pub struct InvalidMapping(String);

impl InvalidMapping {
    pub(super) fn new(text: &str) -> InvalidMapping {
        InvalidMapping(text.to_owned())
    }
}

impl FromStr for Mapping {
    type Err = InvalidMapping;

    fn from_str(text: &str) -> Result<Mapping, InvalidMapping> {
        let invalid = || InvalidMapping(text.to_owned());
        if let Some(text) = text.strip_prefix('\'').and_then(|text| text.strip_suffix('\'')) {
            return Ok(Mapping::Static(text.to_owned()));
        }
        let of_request = text.strip_prefix("method.request.");
        let (source, name) = of_request.unwrap_or(text).split_once('.').ok_or_else(invalid)?;
        let mapping = match source {
            "header" if of_request.is_some() => Mapping::Header,
            "querystring" if of_request.is_some() => Mapping::QueryString,
            "path" if of_request.is_some() => Mapping::Path,
            "context" if of_request.is_none() => Mapping::Context,
            "stageVariables" if of_request.is_none() => Mapping::StageVariable,
            _ => return Err(invalid()),
        };
        if name.is_empty() { Err(invalid()) } else { Ok(mapping(name.to_owned())) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapping_is_a_text_in_quotes_or_a_part_of_the_request() {
        let mapped = |text: &str| text.parse::<Mapping>().map_err(|error| error.to_string());
        assert_eq!(mapped("'*'"), Ok(Mapping::Static("*".to_owned())));
        assert_eq!(mapped("''"), Ok(Mapping::Static(String::new())));
        let origin = Mapping::Header("origin".to_owned());
        assert_eq!(mapped("method.request.header.origin"), Ok(origin));
        assert_eq!(mapped("context.requestId"), Ok(Mapping::Context("requestId".to_owned())));
        for wrong in
            ["*", "'", "https://a.example", "method.request.header.", "method.request.body"]
        {
            assert_eq!(mapped(wrong), Err(format!("`{wrong}` is not a mapping expression")));
        }
    }
}
