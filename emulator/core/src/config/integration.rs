//! Integrations of a route that are not Lambda proxy: custom integrations of a REST API, and actions of services on an HTTP API.
//!
//! Sources: developer guide of API Gateway, "Set up REST API integrations", "Data mapping reference" and "Integration subtype
//! reference", read 2026-11-30.

use std::str::FromStr;

use indexmap::IndexMap;

use super::gateway_responses::{InvalidMapping, Mapping};

/// What a route does with a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Integration {
    /// Lambda proxy: the function of the route gets the request as an event, and describes the response.
    #[default]
    Proxy,
    /// The route calls a service, or answers itself, and mapping templates transform the request and the response.
    Custom(Box<CustomIntegration>),
    /// The route of an HTTP API calls an action of a service (`IntegrationSubtype`).
    Action(ServiceAction),
}

impl Integration {
    /// The texts in which addresses are filled in: mapping templates, texts of parameters, parameters of actions.
    pub(super) fn placeholders_mut(&mut self) -> Vec<&mut String> {
        match self {
            Integration::Proxy => Vec::new(),
            Integration::Custom(custom) => {
                let responses = custom.responses.iter_mut();
                let templates = responses.flat_map(|response| response.templates.values_mut());
                let parameters = custom.request_parameters.iter_mut();
                let texts = parameters.filter_map(|parameter| match &mut parameter.value {
                    RequestMapping::Part(Mapping::Static(text)) => Some(text),
                    _ => None,
                });
                custom.request_templates.values_mut().chain(templates).chain(texts).collect()
            }
            Integration::Action(action) => action.parameters.values_mut().collect(),
        }
    }
}

/// A custom integration of a REST API: type `AWS` or `MOCK`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomIntegration {
    /// What is called.
    pub backend: Backend,
    /// Headers, parameters of the query and parts of the path of the request to the backend.
    pub request_parameters: Vec<RequestParameter>,
    /// Mapping templates by the media type of the client's request, or `$default`.
    pub request_templates: IndexMap<String, String>,
    /// What happens to a body without a mapping template.
    pub passthrough: Passthrough,
    /// The conversion of the client's body.
    pub content_handling: Option<ContentHandling>,
    /// The responses, of which the first whose pattern matches applies.
    pub responses: Vec<IntegrationResponse>,
}

impl CustomIntegration {
    /// A mock integration that has the same response, without a body, for every request.
    #[must_use]
    pub fn mock(response: IntegrationResponse) -> CustomIntegration {
        let template = ("application/json".to_owned(), r#"{"statusCode": 200}"#.to_owned());
        CustomIntegration {
            backend: Backend::Mock,
            request_parameters: Vec::new(),
            request_templates: IndexMap::from([template]),
            passthrough: Passthrough::WhenNoMatch,
            content_handling: None,
            responses: vec![response],
        }
    }
}

/// The backend of a custom integration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Backend {
    /// None: the request template gives the status code that selects the response.
    Mock,
    /// A service of AWS, Lambda among them.
    Service {
        /// The name in signatures and ARNs, such as `sqs`, `dynamodb` or `lambda`.
        service: String,
        /// The method of the call. `None`: that of the client's request.
        method: Option<String>,
        /// What is called.
        call: ServiceCall,
    },
}

/// The part of an integration's URI after the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServiceCall {
    /// `path/…`: the path of the service's API, with `{name}` for parts that parameters give.
    Path(String),
    /// `action/…`: the name of an operation.
    Action(String),
}

/// The service and the call in the URI of an integration:
/// `arn:aws:apigateway:REGION:SERVICE:path/…` or `arn:aws:apigateway:REGION:SERVICE:action/…`.
///
/// ```
/// use hardcap_core::config::{ServiceCall, service_call};
///
/// let uri = "arn:aws:apigateway:us-east-1:dynamodb:action/PutItem";
/// let put = ServiceCall::Action("PutItem".to_owned());
/// assert_eq!(service_call(uri), Some(("dynamodb".to_owned(), put)));
/// assert_eq!(service_call("https://example.com"), None);
/// ```
#[must_use]
pub fn service_call(uri: &str) -> Option<(String, ServiceCall)> {
    let mut parts = uri.splitn(6, ':');
    let (arn, _partition, of) = (parts.next()?, parts.next()?, parts.next()?);
    if arn != "arn" || of != "apigateway" {
        return None;
    }
    let (_region, service) = (parts.next()?, parts.next()?);
    let (kind, rest) = parts.next()?.split_once('/')?;
    // `bucket.s3` names a host of the service; the path of such a call begins with the name.
    let (subdomain, service) = match service.rsplit_once('.') {
        Some((subdomain, service)) => (Some(subdomain), service),
        None => (None, service),
    };
    let call = match (kind, subdomain) {
        ("path", None) => ServiceCall::Path(format!("/{}", rest.trim_start_matches('/'))),
        ("path", Some(name)) => {
            ServiceCall::Path(format!("/{name}/{}", rest.trim_start_matches('/')))
        }
        ("action", _) => ServiceCall::Action(rest.to_owned()),
        _ => return None,
    };
    Some((service.to_owned(), call))
}

/// A parameter of the request to a backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestParameter {
    /// Where the value goes.
    pub place: ParameterPlace,
    /// The name of the header, of the parameter, or of the part of the path.
    pub name: String,
    /// The source of the value.
    pub value: RequestMapping,
}

/// A place of a parameter of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterPlace {
    /// A header.
    Header,
    /// A parameter of the query.
    QueryString,
    /// A part of the path: `{name}` in the URI.
    Path,
}

impl RequestParameter {
    /// Reads a member of `RequestParameters`, such as `integration.request.header.Content-Type`.
    ///
    /// # Errors
    ///
    /// [`InvalidMapping`] for a key or a value that API Gateway refuses.
    pub fn read(key: &str, value: &str) -> Result<RequestParameter, InvalidMapping> {
        let invalid = || InvalidMapping::new(key);
        let rest = key.strip_prefix("integration.request.").ok_or_else(invalid)?;
        let (place, name) = rest.split_once('.').ok_or_else(invalid)?;
        let place = match place {
            "header" => ParameterPlace::Header,
            "querystring" => ParameterPlace::QueryString,
            "path" => ParameterPlace::Path,
            _ => return Err(invalid()),
        };
        Ok(RequestParameter { place, name: name.to_owned(), value: value.parse()? })
    }
}

/// The source of a value of a request to a backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestMapping {
    /// A text, one part of the client's request, or a variable.
    Part(Mapping),
    /// `method.request.multivalueheader.NAME`: all values, joined by commas.
    MultiValueHeader(String),
    /// `method.request.multivaluequerystring.NAME`: all values.
    MultiValueQueryString(String),
    /// `method.request.body`, or `method.request.body.PATH` with a JSONPath without `$.`.
    Body(Option<String>),
}

impl FromStr for RequestMapping {
    type Err = InvalidMapping;

    fn from_str(text: &str) -> Result<RequestMapping, InvalidMapping> {
        let Some(rest) = text.strip_prefix("method.request.") else {
            return Ok(RequestMapping::Part(text.parse()?));
        };
        match rest.split_once('.') {
            None if rest == "body" => Ok(RequestMapping::Body(None)),
            Some(("body", path)) => Ok(RequestMapping::Body(Some(path.to_owned()))),
            Some(("multivalueheader", name)) => {
                Ok(RequestMapping::MultiValueHeader(name.to_owned()))
            }
            Some(("multivaluequerystring", name)) => {
                Ok(RequestMapping::MultiValueQueryString(name.to_owned()))
            }
            _ => Ok(RequestMapping::Part(text.parse()?)),
        }
    }
}

/// What happens to a body whose media type has no mapping template.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Passthrough {
    /// It is passed on.
    #[default]
    WhenNoMatch,
    /// It is passed on if the integration has no templates at all, and refused with 415 otherwise.
    WhenNoTemplates,
    /// It is refused with 415.
    Never,
}

/// The conversion of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentHandling {
    /// To text: a binary body becomes base64.
    ToText,
    /// To binary: a text is decoded as base64.
    ToBinary,
}

/// A response of a custom integration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IntegrationResponse {
    /// The regular expression that the status of the backend, or the error message of a function, must match as a whole. `None`:
    /// the default response.
    pub pattern: Option<String>,
    /// The status that the client gets.
    pub status: u16,
    /// Names of headers and the source of each value.
    pub headers: Vec<(String, ResponseMapping)>,
    /// Mapping templates by media type.
    pub templates: IndexMap<String, String>,
    /// The conversion of the backend's body.
    pub content_handling: Option<ContentHandling>,
}

/// The source of a header of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResponseMapping {
    /// A text between single quotes.
    Static(String),
    /// `integration.response.header.NAME`, or `…multivalueheader.NAME`.
    Header(String),
    /// `integration.response.body`, or `integration.response.body.PATH` with a JSONPath without `$.`.
    Body(Option<String>),
    /// `context.NAME`.
    Context(String),
    /// `stageVariables.NAME`.
    StageVariable(String),
}

impl FromStr for ResponseMapping {
    type Err = InvalidMapping;

    fn from_str(text: &str) -> Result<ResponseMapping, InvalidMapping> {
        let invalid = || InvalidMapping::new(text);
        if let Some(rest) = text.strip_prefix("integration.response.") {
            return match rest.split_once('.') {
                None if rest == "body" => Ok(ResponseMapping::Body(None)),
                Some(("body", path)) => Ok(ResponseMapping::Body(Some(path.to_owned()))),
                Some(("header" | "multivalueheader", name)) if !name.is_empty() => {
                    Ok(ResponseMapping::Header(name.to_owned()))
                }
                _ => Err(invalid()),
            };
        }
        match text.parse()? {
            Mapping::Static(text) => Ok(ResponseMapping::Static(text)),
            Mapping::Context(name) => Ok(ResponseMapping::Context(name)),
            Mapping::StageVariable(name) => Ok(ResponseMapping::StageVariable(name)),
            Mapping::Header(_) | Mapping::QueryString(_) | Mapping::Path(_) => Err(invalid()),
        }
    }
}

/// An action that a route of an HTTP API calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceAction {
    /// The action.
    pub subtype: ActionSubtype,
    /// The names of the action's parameters and their values, which may contain `$request.…`, `$context.…` and
    /// `$stageVariables.…`.
    pub parameters: IndexMap<String, String>,
}

/// The actions that hardcap emulates. AWS also has those of AppConfig, Kinesis and Step Functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActionSubtype {
    /// `EventBridge-PutEvents`
    PutEvents,
    /// `SQS-SendMessage`
    SendMessage,
    /// `SQS-ReceiveMessage`
    ReceiveMessage,
    /// `SQS-DeleteMessage`
    DeleteMessage,
    /// `SQS-PurgeQueue`
    PurgeQueue,
}

impl ActionSubtype {
    /// The subtype of a name, which may have the version 1.0 at its end.
    #[must_use]
    pub fn named(name: &str) -> Option<ActionSubtype> {
        match name.strip_suffix("-1.0").unwrap_or(name) {
            "EventBridge-PutEvents" => Some(ActionSubtype::PutEvents),
            "SQS-SendMessage" => Some(ActionSubtype::SendMessage),
            "SQS-ReceiveMessage" => Some(ActionSubtype::ReceiveMessage),
            "SQS-DeleteMessage" => Some(ActionSubtype::DeleteMessage),
            "SQS-PurgeQueue" => Some(ActionSubtype::PurgeQueue),
            _ => None,
        }
    }

    /// The parameters that the action requires.
    #[must_use]
    pub fn required(self) -> &'static [&'static str] {
        match self {
            ActionSubtype::PutEvents => &["Detail", "DetailType", "Source"],
            ActionSubtype::SendMessage => &["QueueUrl", "MessageBody"],
            ActionSubtype::ReceiveMessage | ActionSubtype::PurgeQueue => &["QueueUrl"],
            ActionSubtype::DeleteMessage => &["ReceiptHandle", "QueueUrl"],
        }
    }

    /// The parameters that the action may have.
    #[must_use]
    pub fn optional(self) -> &'static [&'static str] {
        match self {
            ActionSubtype::PutEvents => {
                &["Time", "EventBusName", "Resources", "Region", "TraceHeader"]
            }
            ActionSubtype::SendMessage => &[
                "DelaySeconds",
                "MessageAttributes",
                "MessageDeduplicationId",
                "MessageGroupId",
                "MessageSystemAttributes",
                "Region",
            ],
            ActionSubtype::ReceiveMessage => &[
                "AttributeNames",
                "MaxNumberOfMessages",
                "MessageAttributeNames",
                "ReceiveRequestAttemptId",
                "VisibilityTimeout",
                "WaitTimeSeconds",
                "Region",
            ],
            ActionSubtype::DeleteMessage | ActionSubtype::PurgeQueue => &["Region"],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_uri_of_an_integration_names_a_path_or_an_action_of_a_service() {
        let path = |path: &str| ServiceCall::Path(path.to_owned());
        let read = |uri: &str| service_call(uri);
        assert_eq!(
            read("arn:aws:apigateway:us-east-1:sqs:path/000000000000/jobs"),
            Some(("sqs".to_owned(), path("/000000000000/jobs")))
        );
        let invoke = "2015-03-31/functions/arn:aws:lambda:us-east-1:1:function:f/invocations";
        assert_eq!(
            read(&format!("arn:aws:apigateway:us-east-1:lambda:path/{invoke}")),
            Some(("lambda".to_owned(), path(&format!("/{invoke}"))))
        );
        assert_eq!(
            read("arn:aws:apigateway:eu-west-1:uploads.s3:path/{key}"),
            Some(("s3".to_owned(), path("/uploads/{key}")))
        );
        assert_eq!(read("arn:aws:apigateway:us-east-1:sqs:queue/x"), None);
        assert_eq!(read("arn:aws:lambda:us-east-1:1:function:f"), None);
    }

    #[test]
    fn a_request_parameter_has_a_place_and_a_source() {
        let read = |key: &str, value: &str| RequestParameter::read(key, value).ok();
        let header = read("integration.request.header.Content-Type", "'text/plain'").unwrap();
        assert_eq!(header.place, ParameterPlace::Header);
        assert_eq!(header.value, RequestMapping::Part(Mapping::Static("text/plain".to_owned())));
        let body = read("integration.request.querystring.id", "method.request.body.order.id");
        assert_eq!(body.unwrap().value, RequestMapping::Body(Some("order.id".to_owned())));
        assert!(read("method.request.header.a", "'b'").is_none());
        assert!(read("integration.request.cookie.a", "'b'").is_none());
        assert!(read("integration.request.header.a", "text/plain").is_none());
    }

    #[test]
    fn the_header_of_a_response_comes_from_the_response_and_not_from_the_request() {
        let read = |text: &str| text.parse::<ResponseMapping>().ok();
        let etag = ResponseMapping::Header("ETag".to_owned());
        assert_eq!(read("integration.response.header.ETag"), Some(etag));
        let location = ResponseMapping::Body(Some("redirect.url".to_owned()));
        assert_eq!(read("integration.response.body.redirect.url"), Some(location));
        assert_eq!(read("'*'"), Some(ResponseMapping::Static("*".to_owned())));
        assert_eq!(read("method.request.header.Origin"), None);
    }
}
