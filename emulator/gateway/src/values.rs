//! The values of a request and of its API, as mappings, mapping templates and gateway responses name them.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;

use super::event::{ApiFacts, GatewayEvent, RequestInfo, RouteContext, Shape};
use super::request::ClientRequest;
use hardcap_core::config::Mapping;
use hardcap_core::percent;

/// The values of one request.
pub(crate) struct Values {
    /// The API.
    pub(crate) api: Arc<ApiFacts>,
    /// The request, without its body.
    pub(crate) request: ClientRequest,
    /// The parameters of the query, decoded, in order.
    pub(crate) query: Vec<(String, String)>,
    /// The parameters of the path.
    pub(crate) path: Vec<(String, String)>,
    /// `$context`: an object with the members of `requestContext` of payload format 1.0.
    pub(crate) context: Value,
}

impl Values {
    /// The values of a request for a route; without one, the route is empty.
    pub(crate) fn new(
        shape: Shape,
        api: &Arc<ApiFacts>,
        info: &RequestInfo,
        request: &ClientRequest,
        route: &RouteContext,
    ) -> Values {
        let request = ClientRequest { body: Bytes::new(), ..request.clone() };
        // The context of an HTTP API has the members of format 1.0, whatever the format of the route's events.
        let shape = if shape == Shape::Rest { shape } else { Shape::HttpV1 };
        let event = GatewayEvent::new(shape, api, route.clone(), info.clone(), request.clone());
        let mut context = event.context();
        if let (Shape::HttpV1, Some(members)) = (shape, context.as_object_mut()) {
            members.insert("routeKey".to_owned(), route.route_key.clone().into());
        }
        let separators: &[char] = if shape == Shape::Rest { &['&', ';'] } else { &['&'] };
        Values {
            api: Arc::clone(api),
            query: percent::query_pairs(&request.query, separators),
            path: route.path_parameters.clone(),
            request,
            context,
        }
    }

    /// The value of a mapping; `None` if the request does not have it.
    pub(crate) fn mapped(&self, mapping: &Mapping) -> Option<String> {
        match mapping {
            Mapping::Static(text) => Some(text.clone()),
            Mapping::Header(name) => self.request.header(name).map(str::to_owned),
            Mapping::QueryString(name) => named(&self.query, name),
            Mapping::Path(name) => named(&self.path, name),
            Mapping::Context(name) => self.of_context(name),
            Mapping::StageVariable(name) => self.api.stage_variables.get(name).cloned(),
        }
    }

    /// A variable of the context by its name with dots, such as `identity.sourceIp`. An object or a list is JSON.
    pub(crate) fn of_context(&self, name: &str) -> Option<String> {
        text_of(name.split('.').try_fold(&self.context, |value, part| value.get(part))?)
    }

    /// All values of a header, joined by commas.
    pub(crate) fn all_of_header(&self, name: &str) -> Option<String> {
        let headers = self.request.headers.iter();
        let values = headers.filter(|(known, _)| known.eq_ignore_ascii_case(name));
        joined(values.map(|(_, value)| value.as_str()))
    }

    /// All values of a parameter of the query.
    pub(crate) fn all_of_query(&self, name: &str) -> Vec<&str> {
        let values = self.query.iter().filter(|(known, _)| known == name);
        values.map(|(_, value)| value.as_str()).collect()
    }
}

/// A value as the text of a header or a parameter: a string without quotes, anything else as JSON; `None` for null.
pub(crate) fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        value => Some(value.to_string()),
    }
}

fn named(pairs: &[(String, String)], name: &str) -> Option<String> {
    pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
}

pub(crate) fn joined<'v>(values: impl Iterator<Item = &'v str>) -> Option<String> {
    let values: Vec<&str> = values.collect();
    (!values.is_empty()).then(|| values.join(","))
}
