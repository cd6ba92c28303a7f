//! Example commands for a run, for the terminal and for the live page. Pure.

use hardcap_core::config::{Api, Config, FunctionUrl, Route, Try};

/// The configured commands; by default one request for each API and function URL.
#[must_use]
pub fn tries(config: &Config) -> Vec<Try> {
    if config.tries.is_empty() { own_tries(config) } else { config.tries.clone() }
}

/// One request for each API and function URL; an invocation if there is none.
fn own_tries(config: &Config) -> Vec<Try> {
    let api = |api: &Api| {
        let answers = |route: &&Route| route.fixed.is_none();
        let route = api.routes.iter().find(answers).or(api.routes.first())?;
        let path = if route.path == "$default" { "/" } else { &route.path };
        // A parameter can have any value, such as its name.
        let path = path.replace(['{', '}', '+'], "");
        let method = match route.method.as_str() {
            "ANY" | "GET" => String::new(),
            // Functions behind these methods usually parse the body, and fail without one.
            "POST" | "PUT" | "PATCH" => {
                format!("-X {} -H 'content-type: application/json' -d '{{}}' ", route.method)
            }
            method => format!("-X {method} "),
        };
        let command = format!("curl -i {method}'${{hardcap:api:{}}}{path}'", api.logical_id);
        Some(Try { about: format!("{} of {}", route.function, api.logical_id), command })
    };
    let url = |url: &FunctionUrl| Try {
        about: format!("the URL of {}", url.function),
        command: format!("curl -i '${{hardcap:url:{}}}/'", url.logical_id),
    };
    let mut tries: Vec<Try> = config.apis.iter().filter_map(api).collect();
    tries.extend(config.function_urls.iter().map(url));
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
}
