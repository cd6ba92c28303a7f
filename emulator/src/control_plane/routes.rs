//! The routes of the control plane: every method and path in one list.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::response::IntoResponse as _;
use http::{Request, Response};
use serde_json::json;

use super::answer::{Done, LISTED, Outcome, Problem, not_built, render};
use super::events::How;
use super::request::{Parameters, named};
use super::{
    ControlPlane, Shared, account, aliases, concurrency, events, functions, list, mappings, policy,
    tags, update, urls, versions,
};
use hardcap_core::context::Context;
use hardcap_core::percent;

/// Operations of a function that hardcap does not implement: the last part of the path, and the name.
const NOT_BUILT: [(&str, &str); 4] = [
    ("provisioned-concurrency", "provisioned concurrency"),
    ("code-signing-config", "code signing"),
    ("runtime-management-config", "the choice of a runtime's version"),
    ("function-scaling-config", "managed instances"),
];

impl ControlPlane {
    /// Handles all requests of Lambda's API that this router does not.
    pub(crate) fn serve_rest_of(&self, router: Router) -> Router {
        let plane = self.clone();
        let serve = move |request: Request<Body>| {
            let plane = plane.clone();
            async move { plane.handle(request).await }
        };
        router.fallback(serve.clone()).method_not_allowed_fallback(serve)
    }

    async fn handle(self, request: Request<Body>) -> Response<Body> {
        let shared = Arc::clone(&self.shared);
        let ctx = shared.platform.context();
        let segments: Vec<String> =
            request.uri().path().trim_matches('/').split('/').map(percent::decode).collect();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        if let ("GET", ["2015-03-31", "functions", name, "code"]) =
            (request.method().as_str(), &segments[..])
        {
            let package = functions::package(&shared, name).await;
            return package.unwrap_or_else(|problem| render(&ctx, Err(problem)));
        }
        let outcome = run(&shared, &ctx, &segments, request).await;
        render(&ctx, outcome).into_response()
    }
}

async fn run(
    shared: &Arc<Shared>,
    ctx: &Context,
    segments: &[&str],
    request: Request<Body>,
) -> Outcome {
    let query = request.uri().query().unwrap_or_default().to_owned();
    let parameters = Parameters::read(&query);
    let method = request.method().clone();
    match (method.as_str(), segments) {
        ("POST", ["2015-03-31", "functions"]) => functions::create(shared, ctx, request).await,
        ("GET", ["2015-03-31", "functions"]) => list::functions(shared, &parameters),
        ("GET", ["2016-08-19", "account-settings"]) => account::settings(shared, ctx),
        ("GET", ["2017-03-31", "tags", arn]) => tags::list(shared, arn),
        ("POST", ["2017-03-31", "tags", arn]) => tags::tag(shared, arn, request).await,
        ("DELETE", ["2017-03-31", "tags", arn]) => tags::untag(shared, arn, &query).await,
        (method, ["2015-03-31", "event-source-mappings", rest @ ..]) => {
            of_mappings(shared, (method, &query), rest, request).await
        }
        (method, [version, "functions", name, rest @ ..]) => {
            let call = Call { ctx, method, version, name, parameters };
            of_function(shared, call, rest, request).await
        }
        (method, _) => {
            let what = format!("`{method} /{}` of Lambda's API", segments.join("/"));
            Err(not_built(&what, LISTED))
        }
    }
}

/// The event source mappings.
async fn of_mappings(
    shared: &Shared,
    (method, query): (&str, &str),
    rest: &[&str],
    request: Request<Body>,
) -> Outcome {
    match (method, rest) {
        // The SDKs for some languages write a slash at the end.
        ("POST", [] | [""]) => mappings::create(shared, request).await,
        ("GET", [] | [""]) => mappings::list(shared, query),
        ("GET", [uuid]) => mappings::get(shared, uuid),
        ("PUT", [uuid]) => mappings::update(shared, uuid, request).await,
        ("DELETE", [uuid]) => mappings::delete(shared, uuid),
        (method, rest) => {
            let what = format!("`{method} …/{}` of Lambda's API", rest.join("/"));
            Err(not_built(&what, LISTED))
        }
    }
}

/// A call that names a function.
struct Call<'a> {
    ctx: &'a Context,
    method: &'a str,
    version: &'a str,
    name: &'a str,
    parameters: Parameters,
}

async fn of_function(
    shared: &Arc<Shared>,
    call: Call<'_>,
    rest: &[&str],
    request: Request<Body>,
) -> Outcome {
    let Call { ctx, method, version, name, parameters } = &call;
    match (*method, *version, rest) {
        ("GET", "2015-03-31", []) => functions::get(shared, name, parameters),
        ("DELETE", "2015-03-31", []) => functions::delete(shared, name, parameters).await,
        ("GET", "2015-03-31", ["configuration"]) => {
            functions::get_configuration(shared, name, parameters)
        }
        ("PUT", "2015-03-31", ["configuration"]) => {
            update::configuration(shared, ctx, name, request).await
        }
        ("PUT", "2015-03-31", ["code"]) => update::code(shared, ctx, name, request).await,
        ("GET", "2015-03-31", ["versions"]) => list::versions(shared, name, parameters),
        ("POST", "2015-03-31", ["versions"]) => versions::create(shared, ctx, name, request).await,
        (_, "2015-03-31", ["aliases", ..]) => of_aliases(shared, &call, rest, request).await,
        ("PUT", "2017-10-31", ["concurrency"]) => {
            concurrency::put(shared, ctx, name, request).await
        }
        ("DELETE", "2017-10-31", ["concurrency"]) => concurrency::delete(shared, ctx, name).await,
        ("GET", "2019-09-30", ["concurrency"]) => concurrency::get(shared, name),
        ("PUT", "2024-08-31", ["recursion-config"]) => {
            concurrency::put_recursion(shared, name, request).await
        }
        ("GET", "2024-08-31", ["recursion-config"]) => concurrency::get_recursion(shared, name),
        (_, "2019-09-25", ["event-invoke-config", ..]) | (_, "2021-10-31", ["url" | "urls"]) => {
            of_front(shared, &call, rest, request).await
        }
        // Deployment tools request it. The response for a function without one is empty, recorded on 2023-11-20.
        ("GET", "2020-06-30", ["code-signing-config"]) => {
            shared.find(&named(name, None, &shared.platform.region)?)?;
            Ok(Done::Ok(json!({})))
        }
        ("POST", "2015-03-31", ["policy"]) => {
            policy::add(shared, (name, parameters), request).await
        }
        ("GET", "2015-03-31", ["policy"]) => policy::get(shared, name, parameters),
        ("DELETE", "2015-03-31", ["policy", id]) => {
            policy::remove(shared, (name, parameters), id).await
        }
        _ => Err(not_built_for(&call, rest)),
    }
}

/// The response to an operation of a function that hardcap does not implement.
fn not_built_for(call: &Call<'_>, rest: &[&str]) -> Problem {
    let Call { method, version, name, parameters, .. } = call;
    let last = rest.first().copied().unwrap_or_default();
    let known = NOT_BUILT.iter().find(|(segment, _)| *segment == last);
    let what = known.map_or_else(
        || format!("`{method} /{version}/functions/…/{}` of Lambda's API", rest.join("/")),
        |(_, what)| (*what).to_owned(),
    );
    let qualifier = parameters.qualifier.as_ref().map(|qualifier| format!(":{qualifier}"));
    let function = format!("{name}{}", qualifier.unwrap_or_default());
    not_built(&format!("{what}, here of the function `{function}`"), LISTED)
}

/// The aliases of a function.
async fn of_aliases(
    shared: &Shared,
    call: &Call<'_>,
    rest: &[&str],
    request: Request<Body>,
) -> Outcome {
    let Call { method, name, parameters, .. } = call;
    match (*method, rest) {
        ("POST", [_]) => aliases::create(shared, name, request).await,
        ("GET", [_]) => aliases::list(shared, name, parameters),
        ("GET", [_, alias]) => aliases::get(shared, name, alias),
        ("PUT", [_, alias]) => aliases::update(shared, name, alias, request).await,
        ("DELETE", [_, alias]) => aliases::delete(shared, name, alias).await,
        (method, rest) => {
            let what = format!("`{method} …/{}` of Lambda's API", rest.join("/"));
            Err(not_built(&what, LISTED))
        }
    }
}

/// The sources of invocations: asynchronous events, and the function's URL.
async fn of_front(
    shared: &Shared,
    call: &Call<'_>,
    rest: &[&str],
    request: Request<Body>,
) -> Outcome {
    let Call { ctx, method, name, parameters, .. } = call;
    let of = (*name, parameters);
    match (*method, rest) {
        ("PUT", ["event-invoke-config"]) => {
            events::set(shared, ctx, of, request, How::Replace).await
        }
        ("POST", ["event-invoke-config"]) => {
            events::set(shared, ctx, of, request, How::Merge).await
        }
        ("GET", ["event-invoke-config"]) => events::get(shared, name, parameters),
        ("DELETE", ["event-invoke-config"]) => events::delete(shared, name, parameters).await,
        ("GET", ["event-invoke-config", "list"]) => events::list(shared, name),
        ("POST", ["url"]) => urls::create(shared, ctx, of, request).await,
        ("PUT", ["url"]) => urls::update(shared, ctx, of, request).await,
        ("GET", ["url"]) => urls::get(shared, name, parameters),
        ("DELETE", ["url"]) => urls::delete(shared, name, parameters).await,
        ("GET", ["urls"]) => urls::list(shared, name),
        (method, rest) => {
            let what = format!("`{method} …/{}` of Lambda's API", rest.join("/"));
            Err(not_built(&what, LISTED))
        }
    }
}
