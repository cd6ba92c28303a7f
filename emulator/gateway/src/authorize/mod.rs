//! Access control of routes: signatures, Lambda authorizers, API keys and required parameters.
//!
//! Official (API Gateway developer guide, "Control and manage access to REST APIs" and "... HTTP APIs"): an identity
//! source that is missing is a 401 without a call of the authorizer; decisions are cached by authorizer and identity, and a
//! cached policy is evaluated for each method. UNCONFIRMED: the order of the checks if several fail.

mod jwt;
mod policy;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use hardcap_limits::envelope::{Object, object};
use http::request::Parts;
use serde_json::Value;

use super::Gateway;
use super::event::{Caller, GatewayEvent, RequestInfo, Shape};
use super::frontend::{Frontend, RequestTarget};
use super::refusal::GatewayError;
use super::request::ClientRequest;
use hardcap_core::caller;
use hardcap_core::clock::EpochMillis;
use hardcap_core::config::PayloadFormat;
use hardcap_core::config::{
    ACCOUNT_ID, Access, Authorization, Authorizer, AuthorizerKind, IdentitySource, JwtRules,
};
use hardcap_core::context::Context;
use hardcap_core::percent;
use hardcap_core::strict;
use hardcap_lambda::stop::InvokeError;
use hardcap_lambda::{self as lambda, Envelope as _, FunctionError, Invocation};
use hardcap_velocity::SelectionPattern;
pub(super) use jwt::TokenRefusal;
pub(super) use policy::InvalidDecision;
use policy::{Decision, Effect};

/// The maximum number of cached decisions.
const KEPT_MAX: usize = 1_000;

/// The authorizers of an API, and their cached decisions.
#[derive(Debug, Default)]
pub(super) struct Guard {
    authorizers: Vec<Authorizer>,
    /// The validation expressions of the tokens of authorizers, by the name of the authorizer.
    validations: HashMap<String, SelectionPattern>,
    api_keys: Vec<String>,
    decisions: Mutex<HashMap<Identity, (EpochMillis, Arc<Decision>)>>,
}

/// The name of an authorizer, and the values of its identity sources.
type Identity = (String, Vec<String>);

impl Guard {
    pub(super) fn new(authorizers: &[Authorizer], api_keys: &[String]) -> Guard {
        Guard {
            authorizers: authorizers.to_vec(),
            validations: authorizers.iter().filter_map(validation).collect(),
            api_keys: api_keys.to_vec(),
            decisions: Mutex::default(),
        }
    }

    fn kept(&self, identity: &Identity, now: EpochMillis) -> Option<Arc<Decision>> {
        let decisions = self.decisions.lock().unwrap_or_else(PoisonError::into_inner);
        let (until, decision) = decisions.get(identity)?;
        (*until > now).then(|| Arc::clone(decision))
    }

    fn keep(&self, identity: Identity, until: EpochMillis, now: EpochMillis, it: &Arc<Decision>) {
        let mut decisions = self.decisions.lock().unwrap_or_else(PoisonError::into_inner);
        if decisions.len() >= KEPT_MAX {
            decisions.retain(|_, (until, _)| *until > now);
        }
        if decisions.len() < KEPT_MAX {
            decisions.insert(identity, (until, Arc::clone(it)));
        }
    }
}

/// The validation expression of an authorizer's tokens. One that is not a regular expression here is not enforced: the template
/// warns of it.
fn validation(authorizer: &Authorizer) -> Option<(String, SelectionPattern)> {
    let pattern = SelectionPattern::at_start(authorizer.validation.as_deref()?).ok()?;
    Some((authorizer.name.clone(), pattern))
}

impl Gateway {
    /// Admits a request to its route, and adds the caller to `target` for the event.
    pub(super) async fn authorize(
        &self,
        ctx: &Context,
        info: &RequestInfo,
        head: &Parts,
        target: &mut RequestTarget,
        received: &ClientRequest,
    ) -> Result<(), GatewayError> {
        if target.access == Access::default() {
            return Ok(());
        }
        match target.access.authorization.clone() {
            Authorization::None => {}
            Authorization::Iam => {
                let service = self.frontend.kind().signed_service();
                let key = strict::signer(head, &received.body, &self.platform, service)
                    .map_err(|denied| self.unsigned(&denied))?;
                target.route.caller = Some(self.caller(&key));
            }
            Authorization::Authorizer(name) => {
                let authorizer = self.guard.authorizers.iter().find(|one| one.name == name);
                let Some(authorizer) = authorizer else {
                    return Err(GatewayError::NoAuthorizer(name.clone()));
                };
                let member = match &authorizer.jwt {
                    Some(rules) => self.admit_token(ctx, (authorizer, rules), target, received)?,
                    None => self.ask(ctx, info, authorizer, target, received).await?,
                };
                target.route.authorizer = Some(member);
            }
        }
        if target.access.api_key_required {
            let key = received.header("x-api-key").unwrap_or_default();
            if !self.guard.api_keys.iter().any(|known| known == key) {
                return Err(GatewayError::NoApiKey);
            }
            target.route.api_key = Some(key.to_owned());
        }
        missing_parameters(&target.access, received)
    }

    fn unsigned(&self, denied: &strict::Denied) -> GatewayError {
        match denied.code {
            "MissingAuthenticationTokenException" => GatewayError::NoSignature,
            code => GatewayError::BadSignature { code, text: denied.text.clone() },
        }
    }

    fn caller(&self, key: &str) -> Caller {
        let function = self.platform.keyring.find(key).and_then(|key| key.function);
        let (arn, user) = caller::identity(key, function.as_deref());
        Caller { access_key: key.to_owned(), arn, user, account: ACCOUNT_ID.to_owned() }
    }

    /// Verifies the token of a JWT or Cognito authorizer. Returns its claims for the event, as JSON.
    fn admit_token(
        &self,
        ctx: &Context,
        (authorizer, rules): (&Authorizer, &JwtRules),
        target: &RequestTarget,
        received: &ClientRequest,
    ) -> Result<String, GatewayError> {
        let values = self.identity(authorizer, target, received)?;
        let token = values.first().map_or("", String::as_str);
        let scopes = &target.access.scopes;
        let verified = jwt::verify(token, rules, scopes, ctx.clock.now()).and_then(|claims| {
            if matches!(self.frontend, Frontend::Rest { .. }) {
                let pattern = self.guard.validations.get(&authorizer.name);
                let is_known = |aud: &str| pattern.is_none_or(|pattern| pattern.is_match(aud));
                jwt::check_cognito(&claims, scopes, is_known)?;
            }
            Ok(claims)
        });
        let claims = verified.map_err(|refusal| {
            tracing::info!(authorizer = authorizer.name, %refusal, "a token is refused");
            GatewayError::TokenRefused(refusal)
        })?;
        Ok(jwt::event_member(&claims, scopes, target.shape))
    }

    /// Invokes an authorizer, or uses its cached decision. Returns the decision for the event, as JSON.
    async fn ask(
        &self,
        ctx: &Context,
        info: &RequestInfo,
        authorizer: &Authorizer,
        target: &RequestTarget,
        received: &ClientRequest,
    ) -> Result<String, GatewayError> {
        let is_rest = matches!(self.frontend, Frontend::Rest { .. });
        let values = self.identity(authorizer, target, received)?;
        let arn = self.method_arn(target, received);
        let now = ctx.clock.now();
        let identity = (authorizer.name.clone(), values.clone());
        // A decision without an identity has no key for the cache.
        let keeps = authorizer.ttl.0 > 0 && !values.is_empty();
        let watch = ctx.clock.stopwatch();
        let decision = match self.guard.kept(&identity, now).filter(|_| keeps) {
            Some(decision) => decision,
            None => {
                let event = self.event_for(info, authorizer, target, received, (&values, &arn));
                let payload = self.decide(ctx, authorizer, target, event).await?;
                let simple = matches!(authorizer.kind, AuthorizerKind::Http { simple: true, .. });
                let decision = Arc::new(Decision::read(&payload, simple, !is_rest)?);
                if keeps {
                    self.guard.keep(identity, now.plus(authorizer.ttl), now, &decision);
                }
                decision
            }
        };
        match decision.effect(&arn) {
            Effect::Allow => {
                Ok(event_member(&decision, &authorizer.kind, watch.elapsed_millis().0))
            }
            Effect::ImplicitDeny => Err(GatewayError::Denied { explicitly: false }),
            Effect::ExplicitDeny => Err(GatewayError::Denied { explicitly: true }),
        }
    }

    /// The values of the identity sources. One that is missing or empty is a 401, and so is a token that does not match the validation
    /// expression of a Lambda authorizer.
    fn identity(
        &self,
        authorizer: &Authorizer,
        target: &RequestTarget,
        received: &ClientRequest,
    ) -> Result<Vec<String>, GatewayError> {
        let query = percent::query_pairs(&received.query, &['&']);
        let value = |source: &IdentitySource| match source {
            IdentitySource::Header(name) => received.header(name).map(str::to_owned),
            IdentitySource::Query(name) => {
                query.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
            }
            IdentitySource::StageVariable(name) => self.facts.stage_variables.get(name).cloned(),
            IdentitySource::Context(name) => match name.as_str() {
                "httpMethod" | "http.method" => Some(received.method.clone()),
                "path" => Some(received.path.clone()),
                "http.path" => Some(target.route.path.clone()),
                "resourcePath" => Some(target.route.resource.clone()),
                "routeKey" => Some(target.route.route_key.clone()),
                "identity.sourceIp" | "http.sourceIp" => Some(received.source_ip.clone()),
                "stage" => Some(self.facts.stage.clone()),
                "apiId" => Some(self.facts.api_id.clone()),
                _ => None,
            },
        };
        let values = authorizer.identity.iter().map(value);
        let values: Vec<String> = values
            .map(|value| value.filter(|value| !value.is_empty()).ok_or(GatewayError::Unauthorized))
            .collect::<Result<_, _>>()?;
        // Official (API reference of API Gateway, `Authorizer`): a 401 without a call of the function.
        let pattern = self.guard.validations.get(&authorizer.name);
        let pattern = pattern.filter(|_| authorizer.jwt.is_none());
        match pattern.is_none_or(|pattern| values.iter().all(|value| pattern.is_match(value))) {
            true => Ok(values),
            false => Err(GatewayError::Unauthorized),
        }
    }

    /// `arn:aws:execute-api:REGION:ACCOUNT:API/STAGE/METHOD/PATH`
    fn method_arn(&self, target: &RequestTarget, received: &ClientRequest) -> String {
        let stage = &self.facts.stage;
        let path = match target.route.path.strip_prefix(&format!("/{stage}")) {
            Some(inside) if matches!(self.frontend, Frontend::Http(_)) => inside,
            _ => &target.route.path,
        };
        format!(
            "arn:aws:execute-api:{}:{ACCOUNT_ID}:{}/{stage}/{}/{}",
            self.platform.region,
            self.facts.api_id,
            received.method,
            path.trim_start_matches('/')
        )
    }

    /// The event of an authorizer: the route's own event without its body, with the ARN and the identity in front.
    fn event_for(
        &self,
        info: &RequestInfo,
        authorizer: &Authorizer,
        target: &RequestTarget,
        received: &ClientRequest,
        (values, arn): (&[String], &str),
    ) -> Vec<u8> {
        let mut start = Vec::new();
        let (shape, version) = match authorizer.kind {
            AuthorizerKind::Token => {
                object(&mut start, |root: &mut Object<'_>| {
                    root.string("type", "TOKEN");
                    root.string("methodArn", arn);
                    root.string("authorizationToken", values.first().map_or("", String::as_str));
                });
                return start;
            }
            AuthorizerKind::Request => (Shape::Rest, ""),
            AuthorizerKind::Http { format: PayloadFormat::V1, .. } => {
                (Shape::HttpV1, "\"version\":\"1.0\",")
            }
            AuthorizerKind::Http { format: PayloadFormat::V2, .. } => {
                (Shape::HttpV2, "\"version\":\"2.0\",")
            }
        };
        object(&mut start, |root: &mut Object<'_>| match shape {
            Shape::HttpV2 => {
                root.string("version", "2.0");
                root.string("type", "REQUEST");
                root.string("routeArn", arn);
                root.strings("identitySource", values.iter().map(String::as_str));
            }
            Shape::HttpV1 => {
                root.string("version", "1.0");
                root.string("type", "REQUEST");
                root.string("methodArn", arn);
                root.string("identitySource", &values.join(","));
                root.string("authorizationToken", &values.join(","));
            }
            _ => {
                root.string("type", "REQUEST");
                root.string("methodArn", arn);
            }
        });
        let without_body = ClientRequest { body: Bytes::new(), ..received.clone() };
        let route = target.route.clone();
        let event = GatewayEvent::new(shape, &self.facts, route, info.clone(), without_body);
        let mut described = Vec::new();
        event.describe(&mut described);
        let described = String::from_utf8_lossy(&described);
        // Quotation marks inside texts are escaped, so this matches only members.
        let rest = described.replacen(",\"body\":null", "", 1).replacen(
            ",\"isBase64Encoded\":false",
            "",
            1,
        );
        let rest = rest.strip_prefix('{').unwrap_or(&rest);
        start.pop();
        start.push(b',');
        start.extend_from_slice(rest.strip_prefix(version).unwrap_or(rest).as_bytes());
        start
    }

    /// Invokes the authorizer's function.
    async fn decide(
        &self,
        ctx: &Context,
        authorizer: &Authorizer,
        target: &RequestTarget,
        event: Vec<u8>,
    ) -> Result<Bytes, GatewayError> {
        let invocation = Invocation {
            function: authorizer.function.clone(),
            event: lambda::InvocationEvent::Posted(Bytes::from(event)),
            version: None,
            client_context: None,
        };
        // An invocation of its own, under the limits and faults of the request.
        let own = Context { request_id: uuid::Uuid::new_v4().to_string().into(), ..ctx.clone() };
        let failed = |why: String| GatewayError::AuthorizerFailed(why);
        // Official: an HTTP API has a timeout for authorizers; a REST API uses that of its integrations.
        let wait = match self.frontend {
            Frontend::Rest { .. } => target.wait,
            _ => Some(own.limits.http_authorizer_timeout),
        };
        let wait = self.wait_for(&authorizer.function, wait);
        let reply = self
            .in_time(&own, wait, self.lambda.invoke(&own, invocation))
            .await
            .map_err(|error| failed(error.to_string()))?;
        match reply {
            Ok(reply) => match reply.function_error {
                None => Ok(reply.payload),
                // Official: a function error with exactly this text denies the request.
                Some(FunctionError::Reported { message, .. }) if message == "Unauthorized" => {
                    Err(GatewayError::Unauthorized)
                }
                Some(_) => Err(failed(format!("the authorizer `{}` failed", authorizer.name))),
            },
            Err(InvokeError::Bug(cause)) => Err(GatewayError::InvokeError(InvokeError::Bug(cause))),
            Err(stop) => Err(failed(stop.to_string())),
        }
    }
}

/// The member of an event that describes a decision.
fn event_member(decision: &Decision, kind: &AuthorizerKind, millis: u64) -> String {
    let mut context = decision.context.clone();
    let mut member = serde_json::Map::new();
    let texts = matches!(kind, AuthorizerKind::Token | AuthorizerKind::Request);
    if let Some(principal) = &decision.principal
        && !matches!(kind, AuthorizerKind::Http { format: PayloadFormat::V2, .. })
    {
        member.insert("principalId".to_owned(), Value::from(principal.as_str()));
    }
    if texts {
        // A REST API passes numbers and booleans as texts.
        for value in context.values_mut() {
            if !value.is_string() && !value.is_null() {
                *value = Value::from(value.to_string());
            }
        }
    }
    member.append(&mut context);
    if texts {
        member.insert("integrationLatency".to_owned(), Value::from(millis));
    }
    match kind {
        AuthorizerKind::Http { format: PayloadFormat::V2, .. } => {
            serde_json::json!({ "lambda": member }).to_string()
        }
        _ => Value::Object(member).to_string(),
    }
}

/// The parameters that a request validator requires and the request does not have.
fn missing_parameters(access: &Access, received: &ClientRequest) -> Result<(), GatewayError> {
    let query = percent::query_pairs(&received.query, &['&', ';']);
    let headers = access.required_headers.iter().filter(|name| received.header(name).is_none());
    let queries = access
        .required_query
        .iter()
        .filter(|name| !query.iter().any(|(known, value)| known == *name && !value.is_empty()));
    let missing: Vec<&str> = queries.chain(headers).map(String::as_str).collect();
    if missing.is_empty() {
        Ok(())
    } else {
        Err(GatewayError::MissingParameters(missing.join(", ")))
    }
}
