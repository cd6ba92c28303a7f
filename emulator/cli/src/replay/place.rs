//! The local target of a captured request: its API, its path, its function. Pure.

use http::Uri;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::Exchange;
use hardcap::route::{self, Table};
use hardcap_core::addresses::Addresses;
use hardcap_core::config::{Api, ApiKind, Config};

/// The target of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The API's or function URL's logical id.
    pub logical_id: String,
    /// The URL.
    pub url: String,
    /// Other APIs and function URLs with the same route, if the capture does not decide between them.
    pub others: Vec<String>,
}

/// The kind of API that responded to a captured request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Front {
    Rest,
    Http,
    FunctionUrl,
}

/// The kind of the API by the headers of the response: a REST API has `x-amz-apigw-id`, an HTTP API `apigw-requestid`.
fn front_of(exchange: &Exchange, uri: &Uri) -> Option<Front> {
    let has = |name: &str| {
        exchange.response_headers.iter().any(|(one, _)| one.eq_ignore_ascii_case(name))
    };
    let host = uri.host().unwrap_or_default();
    if has("x-amz-apigw-id") {
        Some(Front::Rest)
    } else if has("apigw-requestid") {
        Some(Front::Http)
    } else if host.contains(".lambda-url.") {
        Some(Front::FunctionUrl)
    } else {
        None
    }
}

/// An event or a request without a target.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlaceError {
    /// The URL of the request is invalid.
    #[error("its URL cannot be sent: {0}")]
    InvalidUrl(String),
    /// The wanted API does not have the route.
    #[error("the API or function URL `{0}` has no route for it")]
    NotThere(String),
    /// No API has the route.
    #[error("no API and no function URL of the template has a route for it")]
    NoRoute,
    /// The wanted function does not exist.
    #[error("there is no function `{wanted}`; the functions are: {known}")]
    NoFunction {
        /// Its name.
        wanted: String,
        /// The logical ids of the functions.
        known: String,
    },
    /// Several functions are possible.
    #[error("the template has no function for its route; name the function with --function: {0}")]
    Ambiguous(String),
}

/// The API or function URL of this template for a captured request.
///
/// A URL of production has its stage in the path, unless a domain name is mapped to it; both are tried. Of several APIs, one of the
/// kind that responded in production is chosen.
///
/// # Errors
///
/// [`PlaceError`] if there is none, or if it is not `wanted`.
pub fn place_exchange(
    exchange: &Exchange,
    config: &Config,
    addresses: &Addresses,
    wanted: Option<&str>,
) -> Result<Place, PlaceError> {
    let uri: Uri = encoded(&exchange.url)
        .parse()
        .map_err(|error: http::uri::InvalidUri| PlaceError::InvalidUrl(error.to_string()))?;
    let kind = front_of(exchange, &uri);
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let is_wanted = |logical_id: &str| wanted.is_none_or(|wanted| wanted == logical_id);
    let mut found: Vec<(Front, Place)> = Vec::new();
    for api in config.apis.iter().filter(|api| is_wanted(&api.logical_id)) {
        let Some(base) = addresses.apis.get(&api.logical_id) else { continue };
        let staged = uri.path().strip_prefix(&format!("/{}", api.stage));
        let staged = staged.filter(|rest| rest.is_empty() || rest.starts_with('/'));
        let paths = [staged, Some(uri.path())];
        if let Some(path) = paths.into_iter().flatten().find(|path| has_route(api, exchange, path))
        {
            let url = format!("{}{path}{query}", base.trim_end_matches('/'));
            let kind = match api.kind {
                ApiKind::Rest { .. } => Front::Rest,
                ApiKind::Http { .. } => Front::Http,
            };
            found.push((
                kind,
                Place { logical_id: api.logical_id.clone(), url, others: Vec::new() },
            ));
        }
    }
    let urls = config.function_urls.iter().filter(|url| is_wanted(&url.logical_id));
    // A function URL has every route, so it is chosen only by its name or its host, or if no API has the route.
    if found.is_empty() || kind == Some(Front::FunctionUrl) {
        found.extend(urls.filter_map(|url| {
            let address = addresses.function_urls.get(&url.logical_id)?;
            let address = format!("{}{}{query}", address.trim_end_matches('/'), uri.path());
            let place =
                Place { logical_id: url.logical_id.clone(), url: address, others: Vec::new() };
            Some((Front::FunctionUrl, place))
        }));
    }
    choose(found, kind).ok_or_else(|| match wanted {
        Some(wanted) => PlaceError::NotThere(wanted.to_owned()),
        None => PlaceError::NoRoute,
    })
}

/// The target of the kind that responded in production, otherwise the first.
fn choose(mut found: Vec<(Front, Place)>, kind: Option<Front>) -> Option<Place> {
    if found.iter().any(|(one, _)| Some(*one) == kind) {
        found.retain(|(one, _)| Some(*one) == kind);
    }
    let mut places = found.into_iter().map(|(_, place)| place);
    let first = places.next()?;
    let others = places.map(|place| place.logical_id).collect();
    Some(Place { others, ..first })
}

/// The characters that browsers leave unencoded in a URL and that a request line does not accept.
const NOT_IN_REQUEST_LINES: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// A URL with encoded characters that browsers keep and a request line cannot have.
fn encoded(url: &str) -> String {
    utf8_percent_encode(url, NOT_IN_REQUEST_LINES).to_string()
}

fn has_route(api: &Api, exchange: &Exchange, path: &str) -> bool {
    let kind = match api.kind {
        ApiKind::Rest { .. } => route::RoutingKind::Rest,
        ApiKind::Http { .. } => route::RoutingKind::Http,
    };
    let path = if path.is_empty() { "/" } else { path };
    Table::new(kind, &api.routes).find(&exchange.method, path).is_some()
}

/// The function for a captured event: that of its route, or the only one.
///
/// # Errors
///
/// [`PlaceError`] if there is none, or if there are several.
pub fn place_event(
    event: &serde_json::Value,
    config: &Config,
    wanted: Option<&str>,
) -> Result<String, PlaceError> {
    let ids: Vec<&str> = config.functions.iter().map(|one| one.logical_id.as_str()).collect();
    if let Some(wanted) = wanted {
        let mut functions = config.functions.iter();
        let found = functions.find(|one| one.logical_id == wanted || one.name == wanted);
        return found.map(|function| function.name.clone()).ok_or_else(|| PlaceError::NoFunction {
            wanted: wanted.to_owned(),
            known: ids.join(", "),
        });
    }
    let text = |pointer: &str| event.pointer(pointer).and_then(serde_json::Value::as_str);
    let (method, path) = match (text("/routeKey"), text("/httpMethod"), text("/resource")) {
        (Some(key), _, _) => key.split_once(' ').unwrap_or(("ANY", key)),
        (None, Some(method), Some(resource)) => (method, resource),
        _ => ("", ""),
    };
    let mut routes = config.apis.iter().flat_map(|api| &api.routes);
    let found = routes.find(|route| {
        route.path == path && (route.method == method || route.method == "ANY" || method == "ANY")
    });
    match (found, config.functions.as_slice()) {
        (Some(route), _) => Ok(route.function.clone()),
        (None, [only]) => Ok(only.name.clone()),
        _ => Err(PlaceError::Ambiguous(ids.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use hardcap_limits::Limits;
    use serde_json::json;

    use super::*;
    use hardcap_core::config::Function;

    fn config() -> (Config, Addresses) {
        let mut config = Config::empty(Limits::classic());
        let rest = ApiKind::Rest { binary_media_types: Vec::new(), minimum_compression_size: None };
        config.apis = vec![
            Api::new("Rest", rest, "dev", &[("GET", "/giant", "giant")]),
            Api::new(
                "Http",
                ApiKind::Http { cors: None },
                "$default",
                &[("ANY", "/a/{b+}", "all")],
            ),
        ];
        config.functions = ["giant", "all"].map(|name| Function::new(name, [""; 0])).into();
        let mut addresses = Addresses::default();
        addresses.apis.insert("Rest".to_owned(), "http://127.0.0.1:1/dev".to_owned());
        addresses.apis.insert("Http".to_owned(), "http://127.0.0.1:2".to_owned());
        (config, addresses)
    }

    fn exchange(method: &str, url: &str) -> Exchange {
        Exchange {
            entry: 1,
            method: method.to_owned(),
            url: url.to_owned(),
            headers: Vec::new(),
            body: Bytes::new(),
            notes: Vec::new(),
            status: None,
            response_headers: Vec::new(),
        }
    }

    #[test]
    fn a_url_of_production_finds_its_route_with_its_stage_or_without() {
        let (config, addresses) = config();
        let placed = |method, url, wanted| {
            place_exchange(&exchange(method, url), &config, &addresses, wanted)
                .map(|place| place.url)
        };
        let giant = Ok("http://127.0.0.1:1/dev/giant?size=3".to_owned());
        assert_eq!(
            placed("GET", "https://x.execute-api.eu.amazonaws.com/dev/giant?size=3", None),
            giant
        );
        assert_eq!(placed("GET", "https://api.example.com/giant?size=3", None), giant);
        let all = Ok("http://127.0.0.1:2/a/b%2Fc".to_owned());
        assert_eq!(placed("PUT", "https://api.example.com/a/b%2Fc", None), all);
        assert!(placed("POST", "https://api.example.com/giant", None).is_err());
        assert!(placed("GET", "https://api.example.com/giant", Some("Http")).is_err());
    }

    #[test]
    fn the_headers_of_the_response_choose_between_apis_that_have_the_route() {
        let (mut config, addresses) = config();
        config.apis[0] =
            Api::new("Rest", config.apis[0].kind.clone(), "dev", &[("ANY", "/a/{b+}", "giant")]);
        let mut request = exchange("GET", "https://api.example.com/a/b c|d");
        let placed = |request: &Exchange| {
            place_exchange(request, &config, &addresses, None).expect("a place")
        };
        let first = placed(&request);
        assert_eq!((first.logical_id.as_str(), first.others), ("Rest", vec!["Http".to_owned()]));
        assert_eq!(first.url, "http://127.0.0.1:1/dev/a/b%20c%7Cd");
        request.response_headers = vec![("Apigw-Requestid".to_owned(), "x".to_owned())];
        let http = placed(&request);
        assert_eq!((http.logical_id.as_str(), http.others.len()), ("Http", 0));
        request.response_headers = vec![("x-amz-apigw-id".to_owned(), "x".to_owned())];
        assert_eq!(placed(&request).logical_id, "Rest");
    }

    #[test]
    fn an_event_finds_its_function_by_its_route() {
        let (config, _) = config();
        let v1 = json!({"httpMethod": "GET", "resource": "/giant", "requestContext": {}});
        assert_eq!(place_event(&v1, &config, None).as_deref(), Ok("giant"));
        let v2 = json!({"routeKey": "POST /a/{b+}", "requestContext": {}});
        assert_eq!(place_event(&v2, &config, None).as_deref(), Ok("all"));
        assert_eq!(place_event(&v2, &config, Some("giant")).as_deref(), Ok("giant"));
        let other = json!({"routeKey": "GET /other", "requestContext": {}});
        assert!(
            place_event(&other, &config, None)
                .is_err_and(|said| said.to_string().contains("giant, all"))
        );
        assert!(place_event(&other, &config, Some("x")).is_err());
    }
}
