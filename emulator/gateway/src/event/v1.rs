//! Payload format 1.0: of a REST API, and of an HTTP API that configures it.

use hardcap_limits::envelope::{Object, Sink, object};

use super::{GatewayEvent, Shape};
use hardcap_core::percent;

pub(super) fn describe_rest(event: &GatewayEvent, sink: &mut dyn Sink) {
    object(sink, |root| {
        describe_request(event, root);
        describe_parameters(event, root);
        root.object("requestContext", |context| rest_context(event, context));
        event.body.describe(root);
        root.raw("isBase64Encoded", event.body.is_base64());
    });
}

pub(super) fn describe_http(event: &GatewayEvent, sink: &mut dyn Sink) {
    object(sink, |root| {
        root.string("version", "1.0");
        describe_request(event, root);
        root.object("requestContext", |context| http_context(event, context));
        describe_parameters(event, root);
        event.body.describe(root);
        root.raw("isBase64Encoded", event.body.is_base64());
    });
}

/// The member `requestContext` alone.
pub(super) fn describe_context(event: &GatewayEvent, sink: &mut dyn Sink) {
    object(sink, |context| match event.shape {
        Shape::Rest => rest_context(event, context),
        Shape::HttpV1 | Shape::HttpV2 | Shape::Url => http_context(event, context),
    });
}

fn describe_request(event: &GatewayEvent, root: &mut Object<'_>) {
    root.string("resource", &event.route.resource);
    root.string("path", &event.route.path);
    root.string("httpMethod", &event.request.method);
    root.object("headers", |headers| {
        for (name, values) in &event.headers {
            headers.string(name, values.last().map_or("", String::as_str));
        }
    });
    root.object("multiValueHeaders", |headers| {
        for (name, values) in &event.headers {
            headers.strings(name, values.iter().map(String::as_str));
        }
    });
    let query = percent::grouped(&event.query);
    if query.is_empty() {
        root.raw("queryStringParameters", "null");
        root.raw("multiValueQueryStringParameters", "null");
        return;
    }
    root.object("queryStringParameters", |parameters| {
        for (name, values) in &query {
            parameters.string(name, values.last().copied().unwrap_or_default());
        }
    });
    root.object("multiValueQueryStringParameters", |parameters| {
        for (name, values) in &query {
            parameters.strings(name, values.iter().copied());
        }
    });
}

fn describe_parameters(event: &GatewayEvent, root: &mut Object<'_>) {
    root.map_or_null("pathParameters", texts(&event.route.path_parameters));
    let variables = &event.api.stage_variables;
    root.map_or_null(
        "stageVariables",
        variables.iter().map(|(name, value)| (name.as_str(), value.as_str())),
    );
}

fn texts(pairs: &[(String, String)]) -> impl Iterator<Item = (&str, &str)> {
    pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()))
}

fn rest_context(event: &GatewayEvent, context: &mut Object<'_>) {
    let info = &event.info;
    context.string("resourceId", &event.route.resource_id);
    // UNCONFIRMED: the position of this member.
    if let Some(authorizer) = &event.route.authorizer {
        context.raw("authorizer", authorizer);
    }
    context.string("resourcePath", &event.route.resource);
    context.string("httpMethod", &event.request.method);
    context.string("extendedRequestId", &info.extended_request_id);
    context.string("requestTime", &event.request_time());
    // Recorded on 2024-08-02: with the stage, and unchanged.
    context.string("path", &event.request.path);
    context.string("accountId", &event.api.account_id);
    context.string("protocol", event.request.protocol);
    context.string("stage", &event.api.stage);
    context.string("domainPrefix", event.domain_prefix());
    context.raw("requestTimeEpoch", &info.arrived.0.to_string());
    context.string("requestId", &info.request_id);
    context.object("identity", |identity| {
        let caller = event.route.caller.as_ref();
        identity.raw("cognitoIdentityPoolId", "null");
        identity.string_or_null("accountId", caller.map(|caller| caller.account.as_str()));
        identity.raw("cognitoIdentityId", "null");
        identity.string_or_null("caller", caller.map(|caller| caller.user.as_str()));
        if let Some(key) = &event.route.api_key {
            identity.string("apiKey", key);
        }
        identity.string("sourceIp", &event.request.source_ip);
        identity.raw("principalOrgId", "null");
        identity.string_or_null("accessKey", caller.map(|caller| caller.access_key.as_str()));
        identity.raw("cognitoAuthenticationType", "null");
        identity.raw("cognitoAuthenticationProvider", "null");
        identity.string_or_null("userArn", caller.map(|caller| caller.arn.as_str()));
        identity.string_or_null("userAgent", event.request.header("user-agent"));
        identity.string_or_null("user", caller.map(|caller| caller.user.as_str()));
    });
    context.string("domainName", event.host());
    context.string("deploymentId", &event.api.deployment_id);
    context.string("apiId", &event.api.api_id);
}

fn http_context(event: &GatewayEvent, context: &mut Object<'_>) {
    let info = &event.info;
    context.string("accountId", &event.api.account_id);
    context.string("apiId", &event.api.api_id);
    if let Some(authorizer) = &event.route.authorizer {
        context.raw("authorizer", authorizer);
    }
    context.string("domainName", event.host());
    context.string("domainPrefix", event.domain_prefix());
    context.string("extendedRequestId", &info.extended_request_id);
    context.string("httpMethod", &event.request.method);
    context.object("identity", |identity| {
        for name in [
            "accessKey",
            "accountId",
            "caller",
            "cognitoAuthenticationProvider",
            "cognitoAuthenticationType",
            "cognitoIdentityId",
            "cognitoIdentityPoolId",
            "principalOrgId",
        ] {
            identity.raw(name, "null");
        }
        identity.string("sourceIp", &event.request.source_ip);
        identity.raw("user", "null");
        // Recorded on 2025-04-14: empty where a REST API has null.
        identity.string("userAgent", event.request.header("user-agent").unwrap_or_default());
        identity.raw("userArn", "null");
    });
    // Recorded on 2025-04-14: decoded here, and unchanged outside of the context.
    context.string("path", &percent::decode(&event.route.path));
    context.string("protocol", event.request.protocol);
    context.string("requestId", &info.extended_request_id);
    context.string("requestTime", &event.request_time());
    context.raw("requestTimeEpoch", &info.arrived.0.to_string());
    context.string("resourceId", &event.route.route_key);
    context.string("resourcePath", &event.route.resource);
    context.string("stage", &event.api.stage);
}
