//! Which route of an API answers a path.

use hardcap::route::{RoutingKind, Table};
use hardcap_core::config::{PayloadFormat, Route};
use hardcap_core::percent;

use super::input::Input;

const PARTS: [&str; 10] = ["a", "b", "{x}", "{y}", "{rest+}", "a b", "items", "{x", "", "%61"];
const METHODS: [&str; 4] = ["GET", "ANY", "POST", "get"];

/// A path that matches is the path of its route with the parameters in their places.
pub fn route(data: &[u8]) {
    let mut input = Input::new(data);
    let kind = *input.choose(&[RoutingKind::Rest, RoutingKind::Http]);
    let mut routes = Vec::new();
    for _ in 0..=input.below(6) {
        let method = *input.choose(&METHODS);
        let parts: Vec<&str> = (0..input.below(4)).map(|_| *input.choose(&PARTS)).collect();
        let path = if input.below(16) == 15 {
            "$default".to_owned()
        } else {
            format!("/{}", parts.join("/"))
        };
        let function = format!("f{}", routes.len());
        routes.push(Route::to_function(method, &path, &function, PayloadFormat::V1));
    }
    let method = *input.choose(&["GET", "POST", "DELETE"]);
    let path = format!("/{}", String::from_utf8_lossy(input.rest()));
    let table = Table::new(kind, &routes);
    let Some(found) = table.find(method, &path) else { return };
    let key = found.route.key();
    assert!(
        ["ANY", method].contains(&found.route.method.as_str()) || key == "$default",
        "{method} {key}"
    );
    let value = |name: &str| {
        found
            .path_parameters
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    };
    if key == "$default" {
        assert_eq!(kind, RoutingKind::Http, "a REST API has no default route");
        return;
    }
    let parts = found.route.path.split('/').filter(|part| !part.is_empty());
    // Two parameters of one name hold one value each, and only the first is found here.
    let names: Vec<&str> = parts.clone().filter(|part| part.starts_with('{')).collect();
    if names.iter().enumerate().any(|(at, name)| names[..at].contains(name)) {
        return;
    }
    let built: Vec<String> = parts
        .map(|part| match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
            None => percent::decode(part),
            Some(name) => {
                let value = value(name.trim_end_matches('+'))
                    .unwrap_or_else(|| panic!("{key} without {name}"));
                // An HTTP API has decoded it.
                if kind == RoutingKind::Http { value.to_owned() } else { percent::decode(value) }
            }
        })
        .collect();
    let asked = match kind {
        RoutingKind::Rest => path.trim_end_matches('/'),
        RoutingKind::Http => &path,
    };
    let asked = percent::decode(asked.strip_prefix('/').unwrap_or(asked));
    // A static part of a route is compared as it is written, or decoded.
    let written = found.route.path.contains('%');
    assert!(
        written || built.join("/") == asked,
        "{key} took {path:?} with {:?}",
        found.path_parameters
    );
}
