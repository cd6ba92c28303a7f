//! One request, from the event to the envelope, one step a line.

mod again;
pub mod job_api;
mod jobs;
mod logins;
mod uploads;
mod visitors;

use std::time::Duration;

use hardcap_limits::envelope::Payload;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue};
use tokio::sync::OnceCell;

use crate::announce;
use crate::answer::{Answer, Body, Head};
use crate::aws::LazyAws;
use crate::body::{Gathered, UpstreamBody};
use crate::claim::Claim;
use crate::clock::{self, Instant};
use crate::compress;
use crate::config::Config;
use crate::cors;
use crate::deadline::{self, Deadline};
use crate::delivery::{self, Asked, Delivery, Envelope};
use crate::digest;
use crate::error::Failure;
use crate::event::Request;
use crate::handler::job_api::{Jobs, Preference, owner};
use crate::headers::{self, Lines, Named};
use crate::key;
use crate::line::AccessLine;
use crate::location::{self, Foreign};
use crate::path::Target;
use crate::respond;
use crate::session::{Sessions, Visitor};
use crate::store::Entry;
use crate::upload::RequestBody;
use crate::upstream::{Outgoing, Response, Upstream};

/// Compressing pays only when this much time is left; S3 takes a body as it is.
const TIME_TO_COMPRESS: Duration = Duration::from_secs(3);

/// The proxy: what it was told, and what it talks to.
#[derive(Debug)]
pub struct Proxy {
    config: Config,
    upstream: Upstream,
    aws: LazyAws,
    jobs: OnceCell<Jobs>,
    sessions: OnceCell<Sessions>,
}

/// What one request carries through all steps.
struct Exchange<'a> {
    request: &'a Request,
    visitor: Visitor,
    asked: Asked,
    body: RequestBody,
    cors: &'a Lines,
    extra: &'a headers::Extra,
    envelope: Envelope,
    deadline: Deadline,
}

impl Exchange<'_> {
    /// The request as it leaves.
    fn outgoing(&self, target: Target) -> Result<Outgoing, Failure> {
        let user = self.visitor.user();
        let user = user.map(|user| Named { name: &user.name, group: user.role.name() });
        let mut headers =
            headers::for_upstream(self.request, self.asked.accepts_gzip, user, self.extra)?;
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
    /// A proxy that makes its connections when it needs them.
    #[must_use]
    pub fn new(config: Config) -> Proxy {
        let aws = LazyAws::new(config.overflow.clone());
        Proxy::with_aws(config, aws)
    }

    /// A proxy with an S3 client and credentials that were made elsewhere.
    #[must_use]
    pub fn with_aws(config: Config, aws: LazyAws) -> Proxy {
        let upstream = Upstream::new(config.upstream.clone());
        Proxy { upstream, aws, config, jobs: OnceCell::new(), sessions: OnceCell::new() }
    }

    /// The same with jobs that were made elsewhere.
    #[must_use]
    pub fn with_jobs(self, jobs: Jobs) -> Proxy {
        Proxy { jobs: OnceCell::new_with(Some(jobs)), ..self }
    }

    /// The same with sessions that were made elsewhere.
    #[must_use]
    pub fn with_sessions(self, sessions: Sessions) -> Proxy {
        Proxy { sessions: OnceCell::new_with(Some(sessions)), ..self }
    }

    /// Answers a request with the JSON that is posted. `lambda` is what remains of the function's own timeout.
    pub async fn handle(&self, request: Request, lambda: Duration) -> Vec<u8> {
        let start = clock::instant();
        let envelope = self.envelope(&request);
        let cors = cors::headers(&request, &self.config.allowed_origins);
        let mut line = AccessLine::new(start, &request);
        let deadline = self.deadline(start, &request, lambda);
        let work = self.answer(&request, &cors, envelope, deadline, &mut line);
        let mut answer = work.await.unwrap_or_else(|failure| {
            line.delivery = Some(Delivery::Refused);
            line.failure = Some(failure.to_string());
            respond::problem(&failure, &cors)
        });
        respond::suit(&mut answer, &request);
        let posted = answer.to_json(envelope.payload);
        line.write(&answer, envelope, posted.len() as u64, &self.config.metrics);
        posted
    }

    fn envelope(&self, request: &Request) -> Envelope {
        let payload = if request.door.answers_v2() { Payload::V2 } else { Payload::V1 };
        Envelope { payload, max: self.config.limits.lambda_sync_response.max.0 }
    }

    fn deadline(&self, start: Instant, request: &Request, lambda: Duration) -> Deadline {
        let usual = deadline::gateway_timeout(request.door, &self.config.limits);
        Deadline::new(start, lambda, self.config.gateway_timeout.or(usual))
    }

    async fn answer(
        &self,
        request: &Request,
        cors: &Lines,
        envelope: Envelope,
        deadline: Deadline,
        line: &mut AccessLine,
    ) -> Result<Answer, Failure> {
        if let Some(preflight) = cors::preflight(request, &self.config.allowed_origins) {
            return Ok(preflight);
        }
        let target = Target::of(request)?;
        let arrival = self.arrival(request, cors);
        if let Some(route) = target.own_route() {
            return self.own(&arrival, &target, &route, line).await;
        }
        let Some(visitor) = self.visitor(&arrival, line).await? else {
            return Ok(arrival.turn_away(&target)?);
        };
        self.permit(&arrival, &visitor, &target)?;
        if is_websocket(request) {
            return Err(Failure::WebSocket);
        }
        let asked = Asked::of(request, &self.config.clients)?;
        let body = clock::before(deadline.at, self.body(request, &visitor)).await;
        let body = body.map_err(|clock::Late| Failure::Deadline(deadline.budget))??;
        let extra = &self.config.upstream_headers;
        let exchange = Exchange { request, visitor, asked, body, cors, extra, envelope, deadline };
        let preference = Preference::of(request);
        if preference.respond_async
            && let Some(jobs) = self.jobs().await
        {
            return self.as_job(&exchange, jobs, target, preference, line).await;
        }
        let response = self.forward(&exchange, target, line).await?;
        self.deliver(&exchange, response, line).await
    }

    /// Sends the request on, and waits for the head of the answer.
    async fn forward(
        &self,
        exchange: &Exchange<'_>,
        target: Target,
        line: &mut AccessLine,
    ) -> Result<Response, Failure> {
        let start = clock::instant();
        let outgoing = exchange.outgoing(target)?;
        let sent = async {
            let aws = self.aws.get().await;
            self.upstream.send(&outgoing, &aws.credentials).await
        };
        let response = clock::before(exchange.deadline.at, sent).await;
        line.upstream_ms = Some(clock::millis_since(start));
        Ok(response.map_err(|clock::Late| Failure::Deadline(exchange.deadline.budget))??)
    }

    /// Chooses how the answer travels, and sends it there.
    async fn deliver(
        &self,
        exchange: &Exchange<'_>,
        response: Response,
        line: &mut AccessLine,
    ) -> Result<Answer, Failure> {
        let Response { status, headers, body } = response;
        let head = self.head(exchange, status.as_u16(), &headers)?;
        exchange.envelope.admit_headers(head.status, &head.headers)?;
        if delivery::is_bodyless(&exchange.request.method, head.status) {
            line.delivery = Some(Delivery::InlineText);
            return Ok(bodyless(exchange, head, &headers));
        }
        let gathered = match self.gather(exchange, &head, body).await? {
            Gathered::Whole(bytes) => match self.inline(exchange, &head, &bytes).await? {
                Some((answer, delivery)) => {
                    line.delivery = Some(delivery);
                    return Ok(answer);
                }
                None => Gathered::Whole(bytes),
            },
            more @ Gathered::More(_) => more,
        };
        self.overflow(exchange, &head, gathered, line).await
    }

    /// The status and the headers that the client gets.
    fn head(
        &self,
        exchange: &Exchange<'_>,
        status: u16,
        headers: &HeaderMap,
    ) -> Result<Head, Failure> {
        let mut lines = headers::for_client(headers);
        let public = self.public(exchange.request);
        for (name, value) in &mut lines {
            if name == "location" || name == "content-location" {
                let asked = Target::of(exchange.request)?.path_and_query();
                *value = location::public(value, self.upstream.url(), &asked, public)
                    .map_err(|Foreign(location)| Failure::ForeignRedirect(location))?;
            }
        }
        for (name, value) in exchange.cors {
            if name == "vary" {
                headers::vary(&mut lines, value);
            } else {
                lines.push((name.clone(), value.clone()));
            }
        }
        if exchange.visitor.user().is_some() {
            // Without the cookie there is another answer, and a cache in between must not mix them up.
            headers::vary(&mut lines, "Cookie");
            headers::make_private(&mut lines);
        }
        Ok(Head { status, headers: lines })
    }

    /// Reads what might go inline; what certainly cannot is left to be streamed.
    async fn gather(
        &self,
        exchange: &Exchange<'_>,
        head: &Head,
        body: UpstreamBody,
    ) -> Result<Gathered, Failure> {
        let largest = exchange.envelope.max.min(self.inline_max());
        let largest = usize::try_from(largest).unwrap_or(usize::MAX);
        let compress = exchange.asked.accepts_gzip && compress::is_compressible(&head.headers);
        let bound = if compress { largest.max(compress::INPUT_MAX) } else { largest };
        let gathered = clock::before(exchange.deadline.at, body.gather(bound)).await;
        Ok(gathered.map_err(|clock::Late| Failure::Deadline(exchange.deadline.budget))??)
    }

    /// The longest body that goes inline when it fits.
    fn inline_max(&self) -> u64 {
        self.config.overflow.above.unwrap_or(u64::MAX)
    }

    async fn inline(
        &self,
        exchange: &Exchange<'_>,
        head: &Head,
        body: &bytes::Bytes,
    ) -> Result<Option<(Answer, Delivery)>, Failure> {
        if body.len() as u64 > self.inline_max() {
            return Ok(None);
        }
        let head = &*digest::stated(exchange.request, head, body);
        if let Some(fits) = delivery::inline(head, body, exchange.envelope) {
            return Ok(Some(fits));
        }
        let worth_it = exchange.asked.accepts_gzip
            && compress::is_compressible(&head.headers)
            && exchange.deadline.left(clock::instant()) > TIME_TO_COMPRESS;
        if !worth_it {
            return Ok(None);
        }
        let (head, body, envelope) = (head.clone(), body.clone(), exchange.envelope);
        let packing =
            tokio::task::spawn_blocking(move || delivery::inline_gzip(&head, &body, envelope));
        let packed = clock::before(exchange.deadline.at, packing).await;
        let packed = packed.map_err(|clock::Late| Failure::Deadline(exchange.deadline.budget))?;
        let packed = packed.expect("compressing does not panic, and nobody cancels it");
        Ok(packed.map(|answer| (answer, Delivery::InlineGzip)))
    }

    /// Stores the body, and tells the client where it is.
    async fn overflow(
        &self,
        exchange: &Exchange<'_>,
        head: &Head,
        body: Gathered,
        line: &mut AccessLine,
    ) -> Result<Answer, Failure> {
        let start = clock::instant();
        let max = self.config.max_body;
        if matches!(&body, Gathered::Whole(bytes) if bytes.len() as u64 > max) {
            return Err(Failure::BodyTooLarge(max));
        }
        let form = exchange.asked.form(head.status, self.config.overflow.redirect_assets);
        let owner = owner(&exchange.visitor);
        let key = key::new_key(&self.config.overflow.prefix, &exchange.request.path);
        let claim = Claim::of_key(&key, &owner.0).expect("the key was just made");
        let deadline = exchange.deadline;
        let entry = Entry { claim: &claim, headers: &head.headers, max, deadline };
        let store = &self.aws.get().await.store;
        let stored = store.put(entry, body).await;
        line.s3_ms = Some(clock::millis_since(start));
        let stored = stored?;
        let link = clock::before(deadline.at, store.link(&stored.key)).await;
        let link = link.map_err(|clock::Late| Failure::Deadline(deadline.budget))??;
        let renew = again::address(self.public(exchange.request), &claim);
        let (answer, delivery) = announce::announce(&form, head, &stored, &link, &renew);
        exchange.envelope.admit_headers(answer.status, &answer.headers)?;
        line.delivery = Some(delivery);
        Ok(answer)
    }
}

/// An answer without a body. The length of what a GET would give belongs to the answer of a HEAD.
fn bodyless(exchange: &Exchange<'_>, mut head: Head, headers: &HeaderMap) -> Answer {
    let length = headers.get("content-length").and_then(|value| value.to_str().ok());
    if let Some(length) = length.filter(|_| exchange.request.method == http::Method::HEAD) {
        headers::set(&mut head.headers, "content-length", length);
    }
    Answer { status: head.status, headers: head.headers, body: Body::Empty }
}

fn is_websocket(request: &Request) -> bool {
    let upgrade = request.header("upgrade").unwrap_or_default().to_ascii_lowercase();
    upgrade.contains("websocket") || request.header("sec-websocket-key").is_some()
}
