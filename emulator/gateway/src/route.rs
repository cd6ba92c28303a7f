//! The routes of an API, and the one that matches a request.
//!
//! Static segments have precedence over parameters, parameters over a greedy one, a method over `ANY`. A REST API chooses the
//! resource first and then its method. On an HTTP API the method is part of the route, so a less specific path matches if the
//! more specific one does not have the method.

use std::cmp::Ordering;

use hardcap_limits::Millis;

use hardcap_core::config::{Access, PayloadFormat, ResponseTransferMode, Route};
use hardcap_core::percent;

/// The methods that API Gateway knows, and `ANY` stands for (official: API Gateway developer guide, "Set up a proxy integration with
/// a proxy resource"; AWS's CDK has the same seven for REST APIs, HTTP APIs and function URLs).
const METHODS: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];

/// Whether API Gateway knows a method. Methods are case-sensitive (RFC 9110, section 9.1).
pub fn is_known(method: &str) -> bool {
    METHODS.contains(&method)
}

/// All routes of an API, compiled.
#[derive(Debug)]
pub struct Table {
    kind: RoutingKind,
    routes: Vec<Compiled>,
}

/// The kind of API, which decides how paths are matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoutingKind {
    /// A slash at the end of the path is ignored, parameters stay percent-encoded, and there is no `$default`.
    Rest,
    /// A slash at the end of the path is significant; parameters are decoded, and sorted by name.
    Http,
}

/// A route, with its path split into segments.
#[derive(Debug)]
pub struct Compiled {
    /// `GET` or `ANY`.
    pub method: String,
    /// `/items/{id}`, or `$default`.
    pub path: String,
    /// The function.
    pub function: String,
    /// The shape of its event.
    pub payload_format: PayloadFormat,
    /// The route's timeout.
    pub timeout: Option<Millis>,
    /// Whether the response is buffered or streamed.
    pub response_transfer_mode: ResponseTransferMode,
    /// Whether the integration calls Lambda with POST.
    pub calls_with_post: bool,
    /// The access control.
    pub access: Access,
    /// The position of the route in the configuration.
    pub position: usize,
    segments: Vec<Segment>,
}

/// A part of a path between slashes, in the order of precedence.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Segment {
    Static(String),
    Parameter(String),
    Greedy(String),
}

/// A route that matched.
#[derive(Debug)]
pub struct Matched<'t> {
    /// The route.
    pub route: &'t Compiled,
    /// The values of the path's parameters.
    pub path_parameters: Vec<(String, String)>,
}

impl Compiled {
    /// `GET /items/{id}`, or `$default`.
    pub fn key(&self) -> String {
        if self.is_default() { self.path.clone() } else { format!("{} {}", self.method, self.path) }
    }

    fn is_default(&self) -> bool {
        self.path == "$default"
    }

    fn takes(&self, method: &str) -> bool {
        let takes_all = self.method == "ANY" || self.is_default();
        self.method == method || (takes_all && is_known(method))
    }

    /// Sorts more specific routes first.
    fn compare(&self, other: &Compiled) -> Ordering {
        let ranks = |route: &Compiled| route.segments.iter().map(Segment::rank).collect::<Vec<_>>();
        (self.is_default(), ranks(self), self.method == "ANY").cmp(&(
            other.is_default(),
            ranks(other),
            other.method == "ANY",
        ))
    }
}

impl Segment {
    fn of(part: &str) -> Segment {
        let Some(name) = part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) else {
            return Segment::Static(part.to_owned());
        };
        match name.strip_suffix('+') {
            Some(name) => Segment::Greedy(name.to_owned()),
            None => Segment::Parameter(name.to_owned()),
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Segment::Static(_) => 0,
            Segment::Parameter(_) => 1,
            Segment::Greedy(_) => 2,
        }
    }
}

impl Table {
    /// The keys of all routes, the most specific first.
    pub fn keys(&self) -> Vec<String> {
        self.routes.iter().map(Compiled::key).collect()
    }

    /// Compiles the routes of an API.
    pub fn new(kind: RoutingKind, routes: &[Route]) -> Table {
        let mut routes: Vec<Compiled> = routes
            .iter()
            .enumerate()
            .map(|(position, route)| Compiled {
                method: route.method.to_ascii_uppercase(),
                path: route.path.clone(),
                function: route.function.clone(),
                payload_format: route.payload_format,
                timeout: route.timeout,
                response_transfer_mode: route.response_transfer_mode,
                calls_with_post: route.calls_with_post,
                access: route.access.clone(),
                position,
                segments: parts(&route.path).map(Segment::of).collect(),
            })
            .collect();
        routes.sort_by(Compiled::compare);
        Table { kind, routes }
    }

    /// The most specific route that matches. `path` is percent-encoded and without the stage.
    pub fn find(&self, method: &str, path: &str) -> Option<Matched<'_>> {
        let path = match self.kind {
            RoutingKind::Rest => path.trim_end_matches('/'),
            RoutingKind::Http => path,
        };
        let matching = self.routes.iter().filter_map(|route| {
            let path_parameters = self.parameters(route, path)?;
            Some(Matched { route, path_parameters })
        });
        match self.kind {
            RoutingKind::Http => matching.into_iter().find(|matched| matched.route.takes(method)),
            RoutingKind::Rest => {
                let mut matching = matching.peekable();
                let resource = matching.peek()?.route.path.clone();
                matching
                    .take_while(|matched| matched.route.path == resource)
                    .find(|matched| matched.route.takes(method))
            }
        }
    }

    fn parameters(&self, route: &Compiled, path: &str) -> Option<Vec<(String, String)>> {
        if route.is_default() {
            return (self.kind == RoutingKind::Http).then(Vec::new);
        }
        let mut values = captured(&route.segments, path)?;
        if self.kind == RoutingKind::Http {
            for (_, value) in &mut values {
                *value = percent::decode(value);
            }
            // Recorded on 2025-04-14: an HTTP API lists them by name, a REST API in the order of the path.
            values.sort();
        }
        Some(values)
    }
}

/// The values of the parameters, if the path matches the segments.
fn captured(segments: &[Segment], path: &str) -> Option<Vec<(String, String)>> {
    let mut values = Vec::new();
    let mut rest = Some(path.strip_prefix('/').unwrap_or(path)).filter(|rest| !rest.is_empty());
    for segment in segments {
        let left = rest?;
        let (part, after) = match left.split_once('/') {
            Some((part, after)) => (part, Some(after)),
            None => (left, None),
        };
        match segment {
            Segment::Static(text) => {
                if part != text && percent::decode(part) != *text {
                    return None;
                }
                rest = after;
            }
            Segment::Parameter(name) => {
                if part.is_empty() {
                    return None;
                }
                values.push((name.clone(), part.to_owned()));
                rest = after;
            }
            Segment::Greedy(name) => {
                values.push((name.clone(), left.to_owned()));
                rest = None;
            }
        }
    }
    rest.is_none().then_some(values)
}

fn parts(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|part| !part.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(kind: RoutingKind, routes: &[&str]) -> Table {
        let routes: Vec<Route> = routes
            .iter()
            .map(|key| {
                let (method, path) = key.split_once(' ').unwrap_or(("ANY", key));
                Route::to_function(method, path, key, PayloadFormat::V1)
            })
            .collect();
        Table::new(kind, &routes)
    }

    #[track_caller]
    fn check(table: &Table, request: &str, expected: Option<(&str, &[(&str, &str)])>) {
        let (method, path) = request.split_once(' ').unwrap();
        let found = table.find(method, path);
        let found = found.as_ref().map(|matched| {
            let parameters: Vec<(&str, &str)> = matched
                .path_parameters
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str()))
                .collect();
            (matched.route.function.as_str(), parameters)
        });
        let expected = expected.map(|(key, parameters)| (key, parameters.to_vec()));
        assert_eq!(found, expected, "{request}");
    }

    #[test]
    fn static_segments_precede_parameters_and_parameters_precede_greedy_ones() {
        for kind in [RoutingKind::Rest, RoutingKind::Http] {
            let routes = ["ANY /{all+}", "GET /pets/{id}", "GET /pets/dog", "GET /pets/{rest+}"];
            let table = table(kind, &routes);
            check(&table, "GET /pets/dog", Some(("GET /pets/dog", &[])));
            check(&table, "GET /pets/cat", Some(("GET /pets/{id}", &[("id", "cat")])));
            check(&table, "GET /pets/cat/1", Some(("GET /pets/{rest+}", &[("rest", "cat/1")])));
            check(&table, "GET /x/y/z", Some(("ANY /{all+}", &[("all", "x/y/z")])));
        }
    }

    #[test]
    fn a_method_precedes_any() {
        for kind in [RoutingKind::Rest, RoutingKind::Http] {
            let table = table(kind, &["ANY /a", "GET /a"]);
            check(&table, "GET /a", Some(("GET /a", &[])));
            check(&table, "PUT /a", Some(("ANY /a", &[])));
        }
    }

    #[test]
    fn any_and_the_default_route_take_the_seven_methods_of_api_gateway_only() {
        for kind in [RoutingKind::Rest, RoutingKind::Http] {
            let table = table(kind, &["ANY /a", "$default"]);
            for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"] {
                check(&table, &format!("{method} /a"), Some(("ANY /a", &[])));
            }
            for method in ["TRACE", "CONNECT", "FOO!", "PROPFIND", "get"] {
                check(&table, &format!("{method} /a"), None);
                check(&table, &format!("{method} /b"), None);
            }
        }
    }

    #[test]
    fn a_rest_resource_without_the_method_does_not_fall_back_and_an_http_route_does() {
        let routes = ["GET /a", "ANY /{all+}"];
        check(&table(RoutingKind::Rest, &routes), "PUT /a", None);
        let expected: &[(&str, &str)] = &[("all", "a")];
        check(&table(RoutingKind::Http, &routes), "PUT /a", Some(("ANY /{all+}", expected)));
    }

    #[test]
    fn a_greedy_route_does_not_match_the_root() {
        for kind in [RoutingKind::Rest, RoutingKind::Http] {
            check(&table(kind, &["ANY /{proxy+}"]), "GET /", None);
            check(&table(kind, &["ANY /", "ANY /{proxy+}"]), "GET /", Some(("ANY /", &[])));
        }
    }

    #[test]
    fn the_default_route_matches_all_other_requests_on_an_http_api_only() {
        let routes = ["GET /a", "$default"];
        check(&table(RoutingKind::Http, &routes), "GET /a", Some(("GET /a", &[])));
        check(&table(RoutingKind::Http, &routes), "PUT /a", Some(("$default", &[])));
        check(&table(RoutingKind::Http, &routes), "GET /", Some(("$default", &[])));
        check(&table(RoutingKind::Rest, &routes), "GET /", None);
    }

    #[test]
    fn parameters_stay_encoded_on_rest_and_are_decoded_and_sorted_on_http() {
        let routes = ["GET /u/{username}/o/{orderName}"];
        let path = "GET /u/J%20Doe/o/Summer%20Sale";
        let encoded: &[(&str, &str)] = &[("username", "J%20Doe"), ("orderName", "Summer%20Sale")];
        check(&table(RoutingKind::Rest, &routes), path, Some((routes[0], encoded)));
        let decoded: &[(&str, &str)] = &[("orderName", "Summer Sale"), ("username", "J Doe")];
        check(&table(RoutingKind::Http, &routes), path, Some((routes[0], decoded)));
    }

    #[test]
    fn a_slash_at_the_end_is_significant_on_an_http_api_only() {
        let greedy = ["ANY /{proxy+}"];
        let without: &[(&str, &str)] = &[("proxy", "test-path")];
        check(&table(RoutingKind::Rest, &greedy), "GET /test-path/", Some((greedy[0], without)));
        let with: &[(&str, &str)] = &[("proxy", "test-path/")];
        check(&table(RoutingKind::Http, &greedy), "GET /test-path/", Some((greedy[0], with)));
        check(&table(RoutingKind::Rest, &["GET /a"]), "GET /a/", Some(("GET /a", &[])));
        check(&table(RoutingKind::Http, &["GET /a"]), "GET /a/", None);
    }

    #[test]
    fn an_encoded_slash_does_not_end_a_segment() {
        let expected: &[(&str, &str)] = &[("id", "a%2Fb")];
        check(
            &table(RoutingKind::Rest, &["GET /{id}"]),
            "GET /a%2Fb",
            Some(("GET /{id}", expected)),
        );
    }
}
