//! Integrations other than Lambda proxy.
//!
//! A custom integration of a REST API has three steps, each in its own file: [`custom::Custom::request`] makes the request to the
//! backend, [`call`] sends it, [`custom::Custom::response`] makes the client's response of the answer. The route of an HTTP API
//! calls one [`action`] of a service.

mod action;
mod call;
mod content;
mod custom;
mod expression;
mod mock;
mod prefix;
mod response;

use bytes::Bytes;
use hardcap_limits::Bytes as ByteCount;
use hardcap_velocity::InvalidIntegration;
use http::{HeaderMap, StatusCode};

pub use call::Backends;
use custom::Custom;
use hardcap_core::config::{Api, Integration, Route, ServiceAction};
use hardcap_core::context::Context;
use hardcap_core::payloads::Part;

use super::event::RequestInfo;
use super::frontend::RequestTarget;
use super::refusal::GatewayError;
use super::request::ClientRequest;
use super::response::ProxyResponse;
use super::values::Values;
use super::{Gateway, HttpResponse, complete};

/// An integration that is ready to run: its templates and patterns are parsed.
#[derive(Debug)]
pub(super) enum Prepared {
    /// A custom integration.
    Custom(Custom),
    /// An action of a service.
    Action(ServiceAction),
    /// A template or a pattern is invalid. AWS accepts such an integration and fails at each request: UNCONFIRMED. `hardcap check`
    /// names it.
    Invalid(InvalidIntegration),
}

/// Parses the templates and patterns of the routes of an API: one result for each route, in their order.
pub(super) fn prepare(api: &Api) -> Vec<Option<Prepared>> {
    let prepared = |route: &Route| match &route.integration {
        Integration::Proxy => None,
        Integration::Custom(custom) => {
            Some(Custom::parse(custom).map_or_else(Prepared::Invalid, Prepared::Custom))
        }
        Integration::Action(action) => Some(Prepared::Action(action.clone())),
    };
    api.routes.iter().map(prepared).collect()
}

/// The answer of a backend.
#[derive(Debug)]
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Gateway {
    /// Runs the integration of a route, and responds with what it makes of the backend's answer.
    pub(super) async fn integrate(
        &self,
        ctx: &Context,
        info: &RequestInfo,
        prepared: &Prepared,
        target: &RequestTarget,
        received: &ClientRequest,
    ) -> Result<HttpResponse, GatewayError> {
        let values = Values::new(target.shape, &self.facts, info, received, &target.route);
        let response = match prepared {
            Prepared::Custom(custom) => {
                self.integrate_custom(ctx, custom, target, values, received).await?
            }
            Prepared::Action(action) => {
                self.integrate_action(ctx, action, target, &values, received).await?
            }
            Prepared::Invalid(cause) => {
                return Err(GatewayError::IntegrationFailed(cause.to_string()));
            }
        };
        ctx.keep(Part::ResponseBody, &response.body);
        // Recorded 2024-08-07: the response of a mock integration has no trace id; 2024-12-11: that of a service has one.
        let is_mock = matches!(prepared, Prepared::Custom(custom) if custom.is_mock());
        let trace = if is_mock { None } else { Some(&*ctx.trace) };
        Ok(complete(self.frontend.kind(), response, info, trace))
    }

    async fn integrate_custom(
        &self,
        ctx: &Context,
        custom: &Custom,
        target: &RequestTarget,
        mut values: Values,
        received: &ClientRequest,
    ) -> Result<ProxyResponse, GatewayError> {
        let call = custom.request(ctx, &mut values, &received.body)?;
        let answer = match call {
            custom::Call::Mock(answer) => answer,
            custom::Call::Service(request) => {
                if custom.calls_lambda() && !request.is_asynchronous() {
                    // The client gets the text of the limit, as with Lambda proxy: UNCONFIRMED for custom integrations.
                    self.lambda.refuse_event(ctx, ByteCount::of(&request.body))?;
                }
                self.call(ctx, request, target, &ctx.limits.rest_response).await?
            }
        };
        custom.response(ctx, &mut values, answer)
    }

    async fn integrate_action(
        &self,
        ctx: &Context,
        action: &ServiceAction,
        target: &RequestTarget,
        values: &Values,
        received: &ClientRequest,
    ) -> Result<ProxyResponse, GatewayError> {
        let request = action::request(ctx, action, values, &received.body)?;
        let answer = self.call(ctx, request, target, &ctx.limits.http_response).await?;
        Ok(action::response(answer))
    }
}
