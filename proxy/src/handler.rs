//! The path of a request from the event to the envelope, one step a line.

mod access;
pub mod job_api;
mod jobs;
mod logins;
mod renew;
mod uploads;

use std::time::Duration;

use hardcap_limits::envelope::Payload;
use http::header::{CONTENT_LENGTH, CONTENT_LOCATION, CONTENT_TYPE, LOCATION, VARY};
use http::{HeaderMap, HeaderValue};
use tokio::sync::OnceCell;

use crate::access_log::AccessLog;
use crate::announce;
use crate::aws::LazyAws;
use crate::body::{Gathered, UpstreamBody};
use crate::clock::{self, Instant};
use crate::compress;
use crate::config::Config;
use crate::cors;
use crate::deadline::{self, Deadline};
use crate::delivery::{self, Delivery, Envelope, OverflowForm, OverflowOptions};
use crate::digest;
use crate::error::ProxyError;
use crate::event::Request;
use crate::handler::job_api::{Jobs, Preference, owner};
use crate::headers::{self, UserHeaders};
use crate::key;
use crate::location::{self, ForeignLocation};
use crate::overflow_id::OverflowId;
use crate::path::Target;
use crate::respond;
use crate::response::{Body, Head, Response};
use crate::session::{Principal, Sessions};
use crate::store::StoreRequest;
use crate::upload::RequestBody;
use crate::upstream::{Outgoing, Upstream, UpstreamResponse};

/// A response is compressed only if this much time is left. S3 takes a body as it is.
const TIME_TO_COMPRESS: Duration = Duration::from_secs(3);

/// The proxy: its configuration and its clients.
#[derive(Debug)]
pub struct Proxy {
    config: Config,
    upstream: Upstream,
    aws: LazyAws,
    jobs: OnceCell<Jobs>,
    sessions: OnceCell<Sessions>,
}

/// The state of one request, shared by all steps.
struct Exchange<'a> {
    request: &'a Request,
    principal: Principal,
    options: OverflowOptions,
    body: RequestBody,
    cors: &'a HeaderMap,
    extra: &'a headers::ExtraHeaders,
    envelope: Envelope,
    deadline: Deadline,
}

impl Exchange<'_> {
    /// The request as it is sent to the upstream.
    fn outgoing(&self, target: Target) -> Result<Outgoing, ProxyError> {
        let user = self.principal.user();
        let user = user.map(|user| UserHeaders { name: &user.name, group: user.role.name() });
        let mut headers =
            headers::for_upstream(self.request, self.options.accepts_gzip, user, self.extra)?;
        if let RequestBody::Uploaded(source) = &self.body
            && let Ok(promised) = HeaderValue::from_str(&source.media_type)
        {
            headers.insert(CONTENT_TYPE, promised);
        }
        let method = self.request.method.clone();
        Ok(Outgoing { method, target, headers, body: self.body.clone() })
    }
}

impl Proxy {
    /// A proxy that connects on first use.
    #[must_use]
    pub fn new(config: Config) -> Proxy {
        let aws = LazyAws::new(config.overflow.clone());
        Proxy::with_aws(config, aws)
    }

    /// A proxy with the caller's S3 client and credentials.
    #[must_use]
    pub fn with_aws(config: Config, aws: LazyAws) -> Proxy {
        let upstream = Upstream::new(config.upstream.clone());
        Proxy { upstream, aws, config, jobs: OnceCell::new(), sessions: OnceCell::new() }
    }

    /// The proxy with the caller's jobs.
    #[must_use]
    pub fn with_jobs(self, jobs: Jobs) -> Proxy {
        Proxy { jobs: OnceCell::new_with(Some(jobs)), ..self }
    }

    /// The proxy with the caller's sessions.
    #[must_use]
    pub fn with_sessions(self, sessions: Sessions) -> Proxy {
        Proxy { sessions: OnceCell::new_with(Some(sessions)), ..self }
    }

    /// Handles a request and returns the JSON to post. `lambda` is the rest of the function's timeout.
    pub async fn handle(&self, request: Request, lambda: Duration) -> Vec<u8> {
        let start = clock::instant();
        let envelope = self.envelope(&request);
        let cors = cors::headers(&request, &self.config.allowed_origins);
        let mut line = AccessLog::new(start, &request);
        let deadline = self.deadline(start, &request, lambda);
        let work = self.respond(&request, &cors, envelope, deadline, &mut line);
        let mut response = work.await.unwrap_or_else(|failure| {
            line.delivery = Some(Delivery::Refused);
            line.failure = Some(failure.to_string());
            respond::problem(&failure, &cors)
        });
        respond::suit(&mut response, &request);
        let posted = response.to_json(envelope.payload);
        line.write(&response, envelope, posted.len() as u64, &self.config.metrics);
        posted
    }

    fn envelope(&self, request: &Request) -> Envelope {
        let payload = if request.api.responds_v2() { Payload::V2 } else { Payload::V1 };
        Envelope { payload, max: self.config.limits.lambda_sync_response.max.0 }
    }

    fn deadline(&self, start: Instant, request: &Request, lambda: Duration) -> Deadline {
        let usual = deadline::gateway_timeout(request.api, &self.config.limits);
        Deadline::new(start, lambda, self.config.gateway_timeout.or(usual))
    }

    async fn respond(
        &self,
        request: &Request,
        cors: &HeaderMap,
        envelope: Envelope,
        deadline: Deadline,
        line: &mut AccessLog,
    ) -> Result<Response, ProxyError> {
        if let Some(preflight) = cors::preflight(request, &self.config.allowed_origins) {
            return Ok(preflight);
        }
        let target = Target::of(request)?;
        let client = self.client(request, cors);
        if let Some(route) = target.own_route() {
            return self.own(&client, &target, &route, line).await;
        }
        let Some(principal) = self.principal(&client, line).await? else {
            return Ok(client.unauthenticated(&target)?);
        };
        self.permit(&client, &principal, &target)?;
        if is_websocket(request) {
            return Err(ProxyError::WebSocket);
        }
        let options = OverflowOptions::of(request, &self.config.clients)?;
        let body = clock::before(deadline.at, self.body(request, &principal)).await;
        let body = body.map_err(|clock::Late| ProxyError::Deadline(deadline.budget))??;
        let extra = &self.config.upstream_headers;
        let exchange =
            Exchange { request, principal, options, body, cors, extra, envelope, deadline };
        let preference = Preference::of(request);
        if preference.respond_async
            && let Some(jobs) = self.jobs().await
        {
            return self.as_job(&exchange, jobs, target, preference, line).await;
        }
        let response = self.forward(&exchange, target, line).await?;
        self.deliver(&exchange, response, line).await
    }

    /// Sends the request to the upstream and waits for the head of the response.
    async fn forward(
        &self,
        exchange: &Exchange<'_>,
        target: Target,
        line: &mut AccessLog,
    ) -> Result<UpstreamResponse, ProxyError> {
        let start = clock::instant();
        let outgoing = exchange.outgoing(target)?;
        let sent = async {
            let aws = self.aws.get().await;
            self.upstream.send(&outgoing, &aws.credentials).await
        };
        let response = clock::before(exchange.deadline.at, sent).await;
        line.upstream_ms = Some(clock::millis_since(start));
        Ok(response.map_err(|clock::Late| ProxyError::Deadline(exchange.deadline.budget))??)
    }

    /// Chooses how the response is delivered, and delivers it.
    async fn deliver(
        &self,
        exchange: &Exchange<'_>,
        response: UpstreamResponse,
        line: &mut AccessLog,
    ) -> Result<Response, ProxyError> {
        let UpstreamResponse { status, headers, body } = response;
        let head = self.head(exchange, status.as_u16(), &headers)?;
        exchange.envelope.admit_headers(head.status, &head.headers)?;
        if delivery::is_bodyless(&exchange.request.method, head.status) {
            line.delivery = Some(Delivery::InlineText);
            return Ok(bodyless(exchange, head, &headers));
        }
        let gathered = match self.gather(exchange, &head, body).await? {
            Gathered::Whole(bytes) => match self.inline(exchange, &head, &bytes).await? {
                Some((response, delivery)) => {
                    line.delivery = Some(delivery);
                    return Ok(response);
                }
                None => Gathered::Whole(bytes),
            },
            more @ Gathered::More(_) => more,
        };
        self.overflow(exchange, &head, gathered, line).await
    }

    /// The status and the headers for the client.
    fn head(
        &self,
        exchange: &Exchange<'_>,
        status: u16,
        headers: &HeaderMap,
    ) -> Result<Head, ProxyError> {
        let mut kept = headers::for_client(headers);
        let public = self.public(exchange.request);
        for name in [LOCATION, CONTENT_LOCATION] {
            let values: Vec<HeaderValue> = kept.get_all(&name).iter().cloned().collect();
            kept.remove(&name);
            for value in values {
                let asked = Target::of(exchange.request)?.path_and_query();
                let value = headers::text_of(&value);
                let led = location::public(&value, self.upstream.url(), &asked, public)
                    .map_err(|ForeignLocation(location)| ProxyError::ForeignRedirect(location))?;
                headers::append(&mut kept, name.clone(), &led);
            }
        }
        for (name, value) in exchange.cors {
            if *name == VARY {
                headers::vary(&mut kept, &headers::text_of(value));
            } else {
                kept.append(name, value.clone());
            }
        }
        if exchange.principal.user().is_some() {
            // The response depends on the cookie, so a cache must distinguish requests by it.
            headers::vary(&mut kept, "Cookie");
            headers::make_private(&mut kept);
        }
        Ok(Head { status, headers: kept })
    }

    /// Reads the body if it might fit inline; otherwise leaves it to be streamed.
    async fn gather(
        &self,
        exchange: &Exchange<'_>,
        head: &Head,
        body: UpstreamBody,
    ) -> Result<Gathered, ProxyError> {
        let largest = exchange.envelope.max.min(self.inline_max());
        let largest = usize::try_from(largest).unwrap_or(usize::MAX);
        let compress = exchange.options.accepts_gzip && compress::is_compressible(&head.headers);
        let bound = if compress { largest.max(compress::INPUT_MAX) } else { largest };
        let gathered = clock::before(exchange.deadline.at, body.gather(bound)).await;
        Ok(gathered.map_err(|clock::Late| ProxyError::Deadline(exchange.deadline.budget))??)
    }

    /// The largest body that is delivered inline, in bytes, if it fits.
    fn inline_max(&self) -> u64 {
        self.config.overflow.above.unwrap_or(u64::MAX)
    }

    async fn inline(
        &self,
        exchange: &Exchange<'_>,
        head: &Head,
        body: &bytes::Bytes,
    ) -> Result<Option<(Response, Delivery)>, ProxyError> {
        if body.len() as u64 > self.inline_max() {
            return Ok(None);
        }
        let head = &*digest::stated(exchange.request, head, body);
        if let Some(fits) = delivery::inline(head, body, exchange.envelope) {
            return Ok(Some(fits));
        }
        let worth_it = exchange.options.accepts_gzip
            && compress::is_compressible(&head.headers)
            && exchange.deadline.left(clock::instant()) > TIME_TO_COMPRESS;
        if !worth_it {
            return Ok(None);
        }
        let (head, body, envelope) = (head.clone(), body.clone(), exchange.envelope);
        let packing =
            tokio::task::spawn_blocking(move || delivery::inline_gzip(&head, &body, envelope));
        let packed = clock::before(exchange.deadline.at, packing).await;
        let packed =
            packed.map_err(|clock::Late| ProxyError::Deadline(exchange.deadline.budget))?;
        let packed = packed.expect("compressing does not panic and is not cancelled");
        Ok(packed.map(|response| (response, Delivery::InlineGzip)))
    }

    /// Stores the body and responds with its location.
    async fn overflow(
        &self,
        exchange: &Exchange<'_>,
        head: &Head,
        body: Gathered,
        line: &mut AccessLog,
    ) -> Result<Response, ProxyError> {
        let start = clock::instant();
        let max = self.config.max_body;
        if matches!(&body, Gathered::Whole(bytes) if bytes.len() as u64 > max) {
            return Err(ProxyError::BodyTooLarge(max));
        }
        let form = exchange.options.form(head.status, self.config.overflow.redirect_assets);
        let owner = owner(&exchange.principal);
        let key = key::new_key(&self.config.overflow.prefix, &exchange.request.path);
        let overflow_id = OverflowId::of_key(&key, &owner.0).expect("the key has a UUID");
        let deadline = exchange.deadline;
        let entry = StoreRequest {
            overflow_id: &overflow_id,
            headers: &head.headers,
            max,
            deadline,
            // A client that follows a redirect does not read the document, which has the digest.
            needs_sha256: form != OverflowForm::Redirect || digest::is_wanted(exchange.request),
        };
        let store = &self.aws.get().await.store;
        let stored = store.put(entry, body).await;
        line.s3_ms = Some(clock::millis_since(start));
        let stored = stored?;
        let link = clock::before(deadline.at, store.link(&stored.key)).await;
        let link = link.map_err(|clock::Late| ProxyError::Deadline(deadline.budget))??;
        let renew = renew::address(self.public(exchange.request), &overflow_id);
        let (response, delivery) = announce::announce(&form, head, &stored, &link, &renew);
        exchange.envelope.admit_headers(response.status, &response.headers)?;
        line.delivery = Some(delivery);
        Ok(response)
    }
}

/// A response without a body. In a response to HEAD, `Content-Length` is that of the GET.
fn bodyless(exchange: &Exchange<'_>, mut head: Head, headers: &HeaderMap) -> Response {
    let length = headers.get(CONTENT_LENGTH).filter(|value| value.to_str().is_ok());
    if let Some(length) = length.filter(|_| exchange.request.method == http::Method::HEAD) {
        head.headers.insert(CONTENT_LENGTH, length.clone());
    }
    Response { status: head.status, headers: head.headers, body: Body::Empty }
}

fn is_websocket(request: &Request) -> bool {
    let upgrade = request.header("upgrade").unwrap_or_default().to_ascii_lowercase();
    upgrade.contains("websocket") || request.header("sec-websocket-key").is_some()
}
