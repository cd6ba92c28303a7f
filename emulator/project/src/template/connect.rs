//! Adds routes, preflights, authorizers and keys to their APIs, after all resources were read.

use super::access::{Guards, RouteAuth};
use super::diagnostic::{Diagnostic, Position};
use super::preflights::{self, SamCors};
use super::publishing;
use super::scope::Scope;
use hardcap_core::config::{Access, Api, Backend, Config, Integration, Route};
use hardcap_core::function_name::unqualified;

/// A route that is added to its API after all resources were read.
pub(super) struct PendingRoute {
    /// The logical id or the id of the API.
    pub(super) api: String,
    pub(super) at: Position,
    pub(super) route: Route,
    pub(super) from: From,
    pub(super) auth: RouteAuth,
}

/// The kind of declaration of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum From {
    /// An event of a function. AWS SAM adds a route for it only if the API has no definition of its own.
    Event,
    /// An operation of a definition, or a resource of its own.
    Definition,
}

/// The operations of definitions.
#[derive(Clone, Copy)]
pub(super) struct Definitions<'p> {
    /// The logical ids of the APIs with a definition.
    pub(super) of: &'p [String],
    /// API, method and path of every operation.
    pub(super) operations: &'p [(String, String, String)],
}

impl Definitions<'_> {
    /// Whether the definition of an API has an operation for a method and a path.
    fn has(self, api: &str, method: &str, path: &str) -> bool {
        self.operations
            .iter()
            .any(|(of, known, at)| of == api && at == path && (known == method || known == "ANY"))
    }
}

/// Adds every route to its API.
pub(super) fn connect(
    scope: &Scope<'_>,
    config: &mut Config,
    (mut routes, definitions): (Vec<PendingRoute>, Definitions<'_>),
    guards: &Guards,
) -> Result<(), Diagnostic> {
    let elsewhere = scope.functions_elsewhere();
    let functions = config.functions.iter().map(|function| &function.name).chain(&elsewhere);
    let functions: Vec<&str> = functions.map(String::as_str).collect();
    // The operations of definitions come before events.
    routes.sort_by_key(|pending| pending.from == From::Event);
    for pending in routes {
        let Some(api) = config.apis.iter_mut().find(|api| {
            api.logical_id == pending.api || scope.api_id(&api.logical_id) == pending.api
        }) else {
            let message = format!(
                "this route belongs to the API `{}`, which is not in this template: it is left out",
                pending.api
            );
            scope.warn(
                Diagnostic::new(pending.at, message)
                    .help("refer to it with `!Ref` and its logical id"),
            );
            continue;
        };
        if has_function(scope, &pending, &functions)? {
            publishing::check(scope, pending.at, &pending.route.function, &config.functions);
            place(scope, api, pending, definitions, guards)?;
        }
    }
    Ok(())
}

/// Whether a route answers itself, as a preflight does.
fn is_preflight(route: &Route) -> bool {
    matches!(&route.integration, Integration::Custom(custom) if custom.backend == Backend::Mock)
}

/// Whether the function of a route is in the template. An unknown function is a warning, because it may be of another stack;
/// a name that looks misspelled is an error.
fn has_function(
    scope: &Scope<'_>,
    pending: &PendingRoute,
    functions: &[&str],
) -> Result<bool, Diagnostic> {
    let function = unqualified(&pending.route.function);
    if !pending.route.calls_function() || functions.contains(&function) {
        return Ok(true);
    }
    let message =
        format!("this route goes to the function `{function}`, which is not in this template");
    let diagnostic =
        Diagnostic::new(pending.at, message).nearest(function, functions.iter().copied());
    if diagnostic.help.is_some() {
        return Err(diagnostic);
    }
    scope.warn(Diagnostic { message: diagnostic.message + ": it is left out", ..diagnostic });
    Ok(false)
}

/// Adds a route to its API. An event of a function adds no route to an API with a definition.
fn place(
    scope: &Scope<'_>,
    api: &mut Api,
    mut pending: PendingRoute,
    definitions: Definitions<'_>,
    guards: &Guards,
) -> Result<(), Diagnostic> {
    let Route { method, path, .. } = &pending.route;
    let defined = definitions.of.contains(&api.logical_id);
    let merges = definitions.has(&api.logical_id, method, path);
    let twin = api.routes.iter().position(|route| route.method == *method && route.path == *path);
    match (pending.from, twin) {
        (From::Event, Some(_)) if defined => Ok(()),
        (From::Event, None) if defined && merges => Ok(()),
        (From::Event, None) if defined => {
            let message = format!(
                "the definition of `{}` has no operation {method} {path}, and AWS SAM adds none for an event: a request gets the response for an unknown route",
                api.logical_id
            );
            scope.warn(Diagnostic::new(pending.at, message));
            Ok(())
        }
        // With `MergeDefinitions`, AWS SAM merges an event into the operation that the definition has for it.
        (From::Event, Some(at)) if merges && api.routes[at].function == pending.route.function => {
            if pending.auth.authorizer.is_some() {
                let access = guards.access(scope, api, &pending.auth, false);
                let given = &mut api.routes[at].access;
                *given = Access {
                    required_headers: std::mem::take(&mut given.required_headers),
                    required_query: std::mem::take(&mut given.required_query),
                    ..access
                };
            }
            Ok(())
        }
        (_, Some(first)) => {
            let message = format!(
                "{method} {path} of `{}` already goes to {}",
                api.logical_id,
                destination(&api.routes[first])
            );
            Err(Diagnostic::new(pending.at, message)
                .help("change the method or the path of one of them"))
        }
        (_, None) => {
            let is_preflight = is_preflight(&pending.route);
            let given = std::mem::take(&mut pending.route.access);
            let access = guards.access(scope, api, &pending.auth, is_preflight);
            pending.route.access = Access {
                required_headers: given.required_headers,
                required_query: given.required_query,
                ..access
            };
            api.routes.push(pending.route);
            Ok(())
        }
    }
}

/// What a route calls, for messages.
fn destination(route: &Route) -> String {
    match &route.integration {
        Integration::Custom(custom) if custom.backend == Backend::Mock => {
            "a mock integration".to_owned()
        }
        _ if route.calls_function() => format!("`{}`", route.function),
        Integration::Proxy | Integration::Custom(_) | Integration::Action(_) => {
            "a service".to_owned()
        }
    }
}

/// Adds the preflights of SAM's `Cors`, the authorizers and the keys to every API.
pub(super) fn guard(
    scope: &Scope<'_>,
    apis: &mut [Api],
    cors: &[(String, SamCors)],
    guards: &Guards,
) {
    for api in apis {
        if let Some((_, cors)) = cors.iter().find(|(id, _)| *id == api.logical_id) {
            for mut route in preflights::of(api, cors) {
                route.access = guards.access(scope, api, &RouteAuth::default(), true);
                api.routes.push(route);
            }
        }
        (api.authorizers, api.api_keys) = guards.of(scope, api);
        if api.api_keys.is_empty() && api.routes.iter().any(|it| it.access.api_key_required) {
            let at = scope.resource(&api.logical_id).map_or(Position::default(), |entry| entry.at);
            let message = format!(
                "`{}` requires API keys, and no usage plan of this template has one for it: every such request gets a 403, as on AWS",
                api.logical_id
            );
            scope.warn(Diagnostic::new(at, message));
        }
    }
}
