//! Example commands for a run, for the terminal and for the live page. Pure.

use hardcap_core::config::{Api, Authorization, Config, FunctionUrl, Route, Try};
use hardcap_core::keyring::PUBLISHED_KEY;

/// The configured commands; by default one request for each API and function URL.
#[must_use]
pub fn tries(config: &Config) -> Vec<Try> {
    if config.tries.is_empty() { own_tries(config) } else { config.tries.clone() }
}

/// One request for each API and function URL; an invocation if there is none.
fn own_tries(config: &Config) -> Vec<Try> {
    let mut tries: Vec<Try> = config.apis.iter().filter_map(|api| of_api(config, api)).collect();
    tries.extend(config.function_urls.iter().map(|url| of_url(config, url)));
    if let (Some(function), true) = (config.functions.first(), tries.is_empty()) {
        tries.push(Try {
            about: format!("call {}", function.name),
            command: format!(
                "curl -d '{{}}' '${{hardcap:aws}}/2015-03-31/functions/{}/invocations'",
                function.name
            ),
        });
    }
    tries
}

/// A request for the first route of an API with what the route requires: a signature, an API key, a body, headers, a query.
fn of_api(config: &Config, api: &Api) -> Option<Try> {
    let calls_function = |route: &&Route| route.calls_function();
    let route = api.routes.iter().find(calls_function).or(api.routes.first())?;
    let path = if route.path == "$default" { "/" } else { &route.path };
    // A parameter can have any value, such as its name.
    let path = path.replace(['{', '}', '+'], "");
    let mut options = match route.method.as_str() {
        "ANY" | "GET" => String::new(),
        // Functions behind these methods usually parse the body, and fail without one.
        "POST" | "PUT" | "PATCH" => {
            format!("-X {} -H 'content-type: application/json' -d '{{}}' ", route.method)
        }
        method => format!("-X {method} "),
    };
    if route.access.authorization == Authorization::Iam {
        options += &signed(config, "execute-api");
    }
    if let (true, Some(key)) = (route.access.api_key_required, api.api_keys.first()) {
        options += &format!("-H 'x-api-key: {key}' ");
    }
    for name in &route.access.required_headers {
        options += &format!("-H '{name}: {name}' ");
    }
    let query: Vec<_> = route.access.required_query.iter().map(|it| format!("{it}={it}")).collect();
    let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
    let command = format!("curl -i {options}'${{hardcap:api:{}}}{path}{query}'", api.logical_id);
    let of = if route.calls_function() { &route.function } else { &route.path };
    Some(Try { about: format!("{of} of {}", api.logical_id), command })
}

fn of_url(config: &Config, url: &FunctionUrl) -> Try {
    let options = if url.only_signed { signed(config, "lambda") } else { String::new() };
    Try {
        about: format!("the URL of {}", url.function),
        command: format!("curl -i {options}'${{hardcap:url:{}}}/'", url.logical_id),
    }
}

/// The options of curl that sign a request with the published key pair.
fn signed(config: &Config, service: &str) -> String {
    format!("--aws-sigv4 aws:amz:{}:{service} --user {PUBLISHED_KEY}:test ", config.region)
}

#[cfg(test)]
mod tests {
    use hardcap_core::config::ApiKind;
    use hardcap_limits::Limits;

    use super::*;

    #[test]
    fn a_request_that_usually_has_a_body_has_an_empty_object() {
        for (method, command) in [
            ("GET", "curl -i '${hardcap:api:Api}/items/id'"),
            ("ANY", "curl -i '${hardcap:api:Api}/items/id'"),
            ("DELETE", "curl -i -X DELETE '${hardcap:api:Api}/items/id'"),
            (
                "POST",
                "curl -i -X POST -H 'content-type: application/json' -d '{}' '${hardcap:api:Api}/items/id'",
            ),
        ] {
            let routes = [(method, "/items/{id}", "F")];
            let api = Api::new("Api", ApiKind::Http { cors: None }, "$default", &routes);
            let config = Config { apis: vec![api], ..Config::empty(Limits::classic()) };
            assert_eq!(tries(&config)[0].command, command, "{method}");
        }
    }

    #[test]
    fn a_request_has_what_its_route_requires() {
        let mut api =
            Api::new("Api", ApiKind::Http { cors: None }, "$default", &[("GET", "/a", "F")]);
        api.api_keys = vec!["k".to_owned()];
        let access = &mut api.routes[0].access;
        access.authorization = Authorization::Iam;
        access.api_key_required = true;
        access.required_headers = vec!["h".to_owned()];
        access.required_query = vec!["q".to_owned(), "r".to_owned()];
        let url = FunctionUrl {
            logical_id: "FUrl".to_owned(),
            function: "F".to_owned(),
            only_signed: true,
            ..FunctionUrl::default()
        };
        let config = Config {
            apis: vec![api],
            function_urls: vec![url],
            ..Config::empty(Limits::classic())
        };
        let commands: Vec<String> = tries(&config).into_iter().map(|it| it.command).collect();
        assert_eq!(
            commands,
            [
                "curl -i --aws-sigv4 aws:amz:us-east-1:execute-api --user test:test -H 'x-api-key: k' -H 'h: h' \
                 '${hardcap:api:Api}/a?q=q&r=r'",
                "curl -i --aws-sigv4 aws:amz:us-east-1:lambda --user test:test '${hardcap:url:FUrl}/'",
            ]
        );
    }
}
