//! The local target of a captured request: its API or function URL, and its path. Pure.

use http::Uri;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::Exchange;
use hardcap::route::{RoutingKind, Table};
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

/// The kinds of target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TargetKind {
    Rest,
    Http,
    FunctionUrl,
}

/// The part of production that responded to a captured request, as far as the capture tells.
#[derive(Clone, Copy, Debug)]
struct Responder {
    /// The kinds of target that it can have been.
    kinds: &'static [TargetKind],
    /// Its name for people.
    name: &'static str,
    /// Whether the host is API Gateway's own, where the path begins with the stage.
    has_stage: bool,
}

impl Responder {
    /// Official (API Gateway and Lambda developer guides): the hosts. The headers: those of recorded responses. A REST API has
    /// `x-amz-apigw-id`, an HTTP API `apigw-requestid` and no `x-amzn-requestid`.
    fn of(exchange: &Exchange, uri: &Uri) -> Responder {
        use TargetKind::{FunctionUrl, Http, Rest};
        let has = |name: &str| super::header(&exchange.response_headers, name).is_some();
        let host = uri.host().unwrap_or_default().to_ascii_lowercase();
        let has_stage = host.contains(".execute-api.");
        let (kinds, name): (&[TargetKind], _) = if host.contains(".lambda-url.") {
            (&[FunctionUrl], "a function URL")
        } else if host.contains(".elb.amazonaws.com") {
            (&[], "a load balancer")
        } else if host.contains(".amazonaws.com") && !has_stage {
            (&[], "another service of AWS")
        } else if has("x-amz-apigw-id") {
            (&[Rest], "a REST API")
        } else if has("apigw-requestid") {
            (&[Http], "an HTTP API")
        } else if has_stage {
            (&[Rest, Http], "an API of API Gateway")
        } else if has("x-amzn-requestid") {
            (&[Rest, FunctionUrl], "a REST API or a function URL")
        } else {
            (&[Rest, Http, FunctionUrl], "an unknown host")
        };
        Responder { kinds, name, has_stage }
    }
}

/// A request without a target.
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
    /// No target of the kind that responded has the route, and others do.
    #[error(
        "{responder} responded to it, and only targets of another kind have a route for it: {others}; --api chooses one of them"
    )]
    OtherKind {
        /// The kind that responded, in words.
        responder: &'static str,
        /// The logical ids of the others.
        others: String,
    },
}

/// The API or function URL of this template for a captured request.
///
/// Only a target of the kind that responded in production is chosen, unless it is `wanted`. An API is preferred to a function URL,
/// which takes every path.
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
    let responder = Responder::of(exchange, &uri);
    let targets = targets(exchange, &uri, responder, config, addresses);
    if let Some(wanted) = wanted {
        let mut targets = targets.into_iter().map(|(_, place)| place);
        let found = targets.find(|place| place.logical_id == wanted);
        return found.ok_or_else(|| PlaceError::NotThere(wanted.to_owned()));
    }
    let (same, others): (Vec<_>, Vec<_>) =
        targets.into_iter().partition(|(kind, _)| responder.kinds.contains(kind));
    let mut same = same.into_iter().map(|(_, place)| place);
    match same.next() {
        Some(first) => Ok(Place { others: same.map(|place| place.logical_id).collect(), ..first }),
        None if others.is_empty() => Err(PlaceError::NoRoute),
        None => {
            let others: Vec<_> = others.into_iter().map(|(_, place)| place.logical_id).collect();
            Err(PlaceError::OtherKind { responder: responder.name, others: others.join(", ") })
        }
    }
}

/// Every target that has a route for a request: APIs, then function URLs.
fn targets(
    exchange: &Exchange,
    uri: &Uri,
    responder: Responder,
    config: &Config,
    addresses: &Addresses,
) -> Vec<(TargetKind, Place)> {
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let place = |logical_id: &str, base: &str, path: &str| Place {
        logical_id: logical_id.to_owned(),
        url: format!("{}{path}{query}", base.trim_end_matches('/')),
        others: Vec::new(),
    };
    let apis = config.apis.iter().filter_map(|api| {
        let base = addresses.apis.get(&api.logical_id)?;
        let mut paths = paths(api, uri.path(), responder.has_stage).into_iter();
        let path = paths.find(|path| has_route(api, exchange, path))?;
        Some((kind_of(api), place(&api.logical_id, base, path)))
    });
    let urls = config.function_urls.iter().filter_map(|url| {
        let base = addresses.function_urls.get(&url.logical_id)?;
        Some((TargetKind::FunctionUrl, place(&url.logical_id, base, uri.path())))
    });
    apis.chain(urls).collect()
}

fn kind_of(api: &Api) -> TargetKind {
    match api.kind {
        ApiKind::Rest { .. } => TargetKind::Rest,
        ApiKind::Http { .. } => TargetKind::Http,
    }
}

/// The paths inside an API that a path of production can mean, the most probable one first.
///
/// At API Gateway's own host, the first segment is the stage, which may have another name there. Only an HTTP API can have a stage
/// without a segment: `$default`. At a domain name, the stage is in the path only by chance.
fn paths<'p>(api: &Api, path: &'p str, has_stage: bool) -> Vec<&'p str> {
    let inside = path.strip_prefix('/').map(|rest| match rest.find('/') {
        Some(end) => rest.split_at(end),
        None => (rest, ""),
    });
    let any_stage = inside.map(|(_, inside)| inside);
    let same_stage = inside.filter(|(stage, _)| *stage == api.stage).map(|(_, inside)| inside);
    let candidates = match (has_stage, kind_of(api)) {
        (false, _) => [same_stage, Some(path), None],
        (true, TargetKind::Http) if api.stage == "$default" => [same_stage, Some(path), any_stage],
        (true, TargetKind::Http) => [any_stage, Some(path), None],
        (true, _) => [any_stage, None, None],
    };
    candidates.into_iter().flatten().collect()
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
        ApiKind::Rest { .. } => RoutingKind::Rest,
        ApiKind::Http { .. } => RoutingKind::Http,
    };
    let path = if path.is_empty() { "/" } else { path };
    Table::new(kind, &api.routes).find(&exchange.method, path).is_some()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use hardcap_limits::Limits;

    use super::*;
    use hardcap_core::config::FunctionUrl;

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

    /// The templates' function URL, which takes every path.
    fn with_function_url() -> (Config, Addresses) {
        let (mut config, mut addresses) = config();
        config.function_urls.push(FunctionUrl {
            logical_id: "Url".to_owned(),
            function: "other".to_owned(),
            ..FunctionUrl::default()
        });
        addresses.function_urls.insert("Url".to_owned(), "http://127.0.0.1:3/".to_owned());
        (config, addresses)
    }

    /// The URL of the target, with the others, or the reason why there is none.
    fn placed(
        (config, addresses): &(Config, Addresses),
        (method, url): (&str, &str),
        header: &str,
    ) -> String {
        let mut request = exchange(method, url);
        if !header.is_empty() {
            request.response_headers.push((header.to_owned(), "x".to_owned()));
        }
        match place_exchange(&request, config, addresses, None) {
            Ok(place) if place.others.is_empty() => place.url,
            Ok(place) => format!("{} or {}", place.url, place.others.join(", ")),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn the_stage_at_the_host_of_api_gateway_may_have_any_name() {
        let here = config();
        let host = "https://x.execute-api.us-east-1.amazonaws.com";
        for (method, path, expected) in [
            ("GET", "/Prod/giant?size=3", "http://127.0.0.1:1/dev/giant?size=3"),
            ("GET", "/dev/giant", "http://127.0.0.1:1/dev/giant"),
            ("PUT", "/a/b%2Fc", "http://127.0.0.1:2/a/b%2Fc"),
            ("PUT", "/$default/a/b", "http://127.0.0.1:2/a/b"),
            ("PUT", "/prod/a/b", "http://127.0.0.1:2/a/b"),
            ("GET", "/giant", "no API and no function URL of the template has a route for it"),
        ] {
            assert_eq!(placed(&here, (method, &format!("{host}{path}")), ""), expected, "{path}");
        }
        let mut here = here;
        here.0.apis[1].stage = "live".to_owned();
        here.1.apis.insert("Http".to_owned(), "http://127.0.0.1:2/live".to_owned());
        for path in ["/prod/a/b", "/live/a/b", "/a/b"] {
            let at = placed(&here, ("PUT", &format!("{host}{path}")), "");
            assert_eq!(at, "http://127.0.0.1:2/live/a/b", "{path}");
        }
    }

    #[test]
    fn the_host_and_the_headers_exclude_targets_of_another_kind() {
        let here = with_function_url();
        let rest = "http://127.0.0.1:1/dev/giant";
        let url = "http://127.0.0.1:3/giant";
        let get =
            |host: &str, header: &str| placed(&here, ("GET", &format!("https://{host}")), header);
        assert_eq!(get("x.execute-api.us-east-1.amazonaws.com/prod/giant", "x-amz-apigw-id"), rest);
        assert_eq!(get("X.Execute-Api.us-east-1.amazonaws.com/prod/giant", ""), rest);
        assert_eq!(get("x.lambda-url.us-east-1.on.aws/giant", "x-amzn-requestid"), url);
        assert_eq!(get("api.example.com/giant", "X-Amz-Apigw-Id"), rest);
        assert_eq!(get("api.example.com/giant", "x-amzn-requestid"), format!("{rest} or Url"));
        assert_eq!(get("api.example.com/giant", ""), format!("{rest} or Url"));
        assert_eq!(get("api.example.com/other", ""), "http://127.0.0.1:3/other");
        for (host, header, responder) in [
            ("api.example.com/other", "x-amz-apigw-id", "a REST API"),
            ("api.example.com/other", "apigw-requestid", "an HTTP API"),
            ("x.execute-api.us-east-1.amazonaws.com/prod/other", "", "an API of API Gateway"),
            ("x-1.us-east-1.elb.amazonaws.com/other", "", "a load balancer"),
            ("bucket.s3.us-east-1.amazonaws.com/other", "", "another service of AWS"),
        ] {
            let expected = format!(
                "{responder} responded to it, and only targets of another kind have a route for it: Url; --api chooses one of them"
            );
            assert_eq!(get(host, header), expected, "{host}");
        }
    }

    #[test]
    fn a_wanted_target_gets_a_request_that_another_kind_responded_to() {
        let (config, addresses) = with_function_url();
        let request = exchange("GET", "https://x-1.us-east-1.elb.amazonaws.com/giant");
        for (wanted, url) in
            [("Rest", "http://127.0.0.1:1/dev/giant"), ("Url", "http://127.0.0.1:3/giant")]
        {
            let place = place_exchange(&request, &config, &addresses, Some(wanted));
            assert_eq!(place.map(|place| place.url).as_deref(), Ok(url));
        }
    }
}
