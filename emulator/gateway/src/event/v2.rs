//! Payload format 2.0: of an HTTP API and a function URL. Empty members are absent.

use hardcap_limits::envelope::{Object, Sink, object};

use super::{Body, GatewayEvent, Shape, headers};
use hardcap_core::percent;

pub(super) fn describe(event: &GatewayEvent, sink: &mut dyn Sink) {
    let path = raw_path(event);
    object(sink, |root| {
        root.string("version", "2.0");
        root.string("routeKey", &event.route.route_key);
        root.string("rawPath", &path);
        root.string("rawQueryString", &event.request.query);
        let cookies = headers::cookies(&event.request);
        if !cookies.is_empty() {
            root.strings("cookies", cookies);
        }
        root.object("headers", |headers| {
            for (name, values) in &event.headers {
                headers.string(name, &values.join(","));
            }
        });
        if !event.query.is_empty() {
            root.object("queryStringParameters", |parameters| {
                for (name, values) in percent::grouped(&event.query) {
                    parameters.string(name, &values.join(","));
                }
            });
        }
        root.object("requestContext", |context| request_context(event, &path, context));
        if !matches!(event.body, Body::None) {
            event.body.describe(root);
        }
        describe_map(root, "pathParameters", &event.route.path_parameters);
        root.raw("isBase64Encoded", event.body.is_base64());
        if !event.api.stage_variables.is_empty() {
            root.object("stageVariables", |variables| {
                for (name, value) in &event.api.stage_variables {
                    variables.string(name, value);
                }
            });
        }
    });
}

fn describe_map(root: &mut Object<'_>, name: &str, pairs: &[(String, String)]) {
    if pairs.is_empty() {
        return;
    }
    root.object(name, |map| pairs.iter().for_each(|(name, value)| map.string(name, value)));
}

/// The path is decoded on both. An HTTP API then ends it at an encoded `?` (reports of several frameworks); a function URL
/// merges slashes (recorded on 2025-11-24: `//pa2%25Fth/1` arrives as `/pa2%Fth/1`).
fn raw_path(event: &GatewayEvent) -> String {
    let decoded = percent::decode(&event.request.path);
    if event.shape == Shape::HttpV2 {
        return match decoded.split_once('?') {
            Some((path, _)) => path.to_owned(),
            None => decoded,
        };
    }
    let mut path = String::with_capacity(decoded.len());
    for letter in decoded.chars() {
        if !(letter == '/' && path.ends_with('/')) {
            path.push(letter);
        }
    }
    path
}

fn request_context(event: &GatewayEvent, path: &str, context: &mut Object<'_>) {
    let info = &event.info;
    let account = event.route.caller.as_ref().map(|caller| &caller.account);
    context.string("accountId", account.unwrap_or(&event.api.account_id));
    context.string("apiId", &event.api.api_id);
    // Official (developer guide, payload format 2.0): each kind of authorizer has a member of its own.
    match (&event.route.authorizer, &event.route.caller) {
        (Some(authorizer), _) => context.raw("authorizer", authorizer),
        (None, Some(caller)) => context.object("authorizer", |authorizer| {
            authorizer.object("iam", |iam| {
                iam.string("accessKey", &caller.access_key);
                iam.string("accountId", &caller.account);
                iam.string("callerId", &caller.user);
                iam.raw("cognitoIdentity", "null");
                iam.raw("principalOrgId", "null");
                iam.string("userArn", &caller.arn);
                iam.string("userId", &caller.user);
            });
        }),
        (None, None) => {}
    }
    context.string("domainName", event.host());
    context.string("domainPrefix", event.domain_prefix());
    context.object("http", |http| {
        http.string("method", &event.request.method);
        http.string("path", path);
        http.string("protocol", event.request.protocol);
        http.string("sourceIp", &event.request.source_ip);
        http.string("userAgent", event.request.header("user-agent").unwrap_or_default());
    });
    let request_id = match event.shape {
        Shape::Url => &info.request_id,
        Shape::Rest | Shape::HttpV1 | Shape::HttpV2 => &info.extended_request_id,
    };
    context.string("requestId", request_id);
    context.string("routeKey", &event.route.route_key);
    context.string("stage", &event.api.stage);
    context.string("time", &event.request_time());
    context.raw("timeEpoch", &info.arrived.0.to_string());
}
