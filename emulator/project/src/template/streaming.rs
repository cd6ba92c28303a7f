//! Warnings of responses that a template configures as streamed and that are buffered here or on AWS.

use hardcap_limits::{Limits, Row};

use super::connect::PendingRoute;
use super::diagnostic::{Diagnostic, Position};
use super::scope::Scope;
use hardcap_core::config::{ApiKind, Config, FunctionUrl, InvokeMode, ResponseTransferMode};
use hardcap_core::function_name::unqualified;

/// Warns of each response that is buffered although the template configures it as streamed.
pub(super) fn warn(scope: &Scope<'_>, config: &Config, routes: &[PendingRoute]) {
    let too_early = |row: &str| {
        let row = Limits::row(row)?;
        (row.began() > config.limits.date()).then_some(row)
    };
    if let Some(row) = too_early("lambda_stream_response") {
        for url in &config.function_urls {
            if url.invoke_mode == InvokeMode::ResponseStream {
                let what = format!("`{}` has `InvokeMode: RESPONSE_STREAM`", url.logical_id);
                scope.warn(buffered(place(scope, config, url), &what, row));
            }
        }
    }
    let rest = too_early("rest_stream_timeout");
    for PendingRoute { api, at, route, .. } in routes {
        if route.response_transfer_mode == ResponseTransferMode::Buffered {
            continue;
        }
        let what = format!("{} {} has `ResponseTransferMode: STREAM`", route.method, route.path);
        let owner = config
            .apis
            .iter()
            .find(|known| known.logical_id == *api || scope.api_id(&known.logical_id) == *api);
        if owner.is_some_and(|api| matches!(api.kind, ApiKind::Http { .. })) {
            let message =
                format!("{what}, which HTTP APIs do not have: its responses are buffered");
            scope.warn(Diagnostic::new(*at, message).help("use a REST API, or a function URL"));
        } else if let Some(row) = rest {
            scope.warn(buffered(*at, &what, row));
        }
    }
}

/// Warns of a streamed response with the URI of an ordinary invocation. API Gateway streams only from
/// `/2021-11-15/functions/ARN/response-streaming-invocations` (AWS, API Gateway developer guide, Lambda response streaming,
/// 2025-11-19).
pub(super) fn check_uri(scope: &Scope<'_>, at: Position, mode: ResponseTransferMode, uri: &str) {
    if mode == ResponseTransferMode::Stream && uri.ends_with("/invocations") {
        let message = "an integration that streams has the URI of an ordinary invocation: AWS does not stream it";
        scope.warn(Diagnostic::new(at, message).help(
            "its URI ends with `lambda:path/2021-11-15/functions/${F.Arn}/response-streaming-invocations`",
        ));
    }
}

/// The position of a function URL: its own, or that of its function.
fn place(scope: &Scope<'_>, config: &Config, url: &FunctionUrl) -> Position {
    let owner =
        config.functions.iter().find(|function| function.name == unqualified(&url.function));
    let owner = owner.and_then(|function| scope.resource(&function.logical_id));
    scope.resource(&url.logical_id).or(owner).map_or(Position::default(), |entry| entry.at)
}

fn buffered(at: Position, what: &str, row: &Row) -> Diagnostic {
    let since = row.began();
    let message =
        format!("{what}, which AWS has since {since}: in this run its responses are buffered");
    Diagnostic::new(at, message)
        .help(format!("run with `--limits current`, or with any day from {since} on"))
}
