//! Example commands for a run, for the terminal and for the live page. Pure.

use hardcap_core::config::{Api, Config, FunctionUrl, Try};

/// The configured commands; by default one request for each API and function URL.
#[must_use]
pub fn tries(config: &Config) -> Vec<Try> {
    if config.tries.is_empty() { own_tries(config) } else { config.tries.clone() }
}

/// One request for each API and function URL; an invocation if there is none.
fn own_tries(config: &Config) -> Vec<Try> {
    let api = |api: &Api| {
        let route = api.routes.first()?;
        let path = if route.path == "$default" { "/" } else { &route.path };
        // A parameter can have any value, such as its name.
        let path = path.replace(['{', '}', '+'], "");
        let method = match route.method.as_str() {
            "ANY" | "GET" => String::new(),
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
