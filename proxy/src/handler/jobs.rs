//! Requests about jobs, and requests that run as jobs.

use http::HeaderMap;

use super::{Exchange, Proxy, bodyless};
use crate::access_log::AccessLog;
use crate::delivery::{self, Delivery};
use crate::error::ProxyError;
use crate::event::Request;
use crate::handler::job_api::{
    ForwardOutcome, JobRequest, Jobs, Preference, Route, head_of, mark, owner,
};
use crate::job::{JobRefusal, Row};
use crate::path::Target;
use crate::response::Response;
use crate::session::Principal;

impl Proxy {
    /// The jobs, if they are configured.
    pub(super) async fn jobs(&self) -> Option<&Jobs> {
        match (self.jobs.get(), &self.config.jobs) {
            (Some(jobs), _) => Some(jobs),
            (None, Some(config)) => {
                let made = Jobs::of(config, &self.config.overflow, &self.config.metrics);
                Some(self.jobs.get_or_init(|| made).await)
            }
            (None, None) => None,
        }
    }

    /// Handles a request to a route of jobs.
    pub(super) async fn about_jobs(
        &self,
        request: &Request,
        principal: &Principal,
        cors: &HeaderMap,
        route: &Route,
    ) -> Result<Response, ProxyError> {
        let job_request = self.job_request(request, principal, cors);
        let jobs = self.jobs().await.ok_or(JobRefusal::NotConfigured)?;
        jobs.respond(&job_request, route, &self.aws.get().await.store).await
    }

    /// Runs a request as a job; responds directly if the job ends in time.
    pub(super) async fn as_job(
        &self,
        exchange: &Exchange<'_>,
        jobs: &Jobs,
        target: Target,
        preference: Preference,
        line: &mut AccessLog,
    ) -> Result<Response, ProxyError> {
        let job_request = self.job_request(exchange.request, &exchange.principal, exchange.cors);
        let outgoing = exchange.outgoing(target)?;
        let came = jobs.forward(&job_request, &outgoing, preference, exchange.deadline.at).await?;
        let row = match came {
            ForwardOutcome::Later(accepted) => return Ok(accepted),
            ForwardOutcome::Done(row) => row,
        };
        let (status, headers) = head_of(&row)?;
        let (mut response, delivery) =
            self.job_response(exchange, jobs, &row, (status, &headers)).await?;
        mark(&mut response.headers, preference, &row);
        line.delivery = Some(delivery);
        Ok(response)
    }

    async fn job_response(
        &self,
        exchange: &Exchange<'_>,
        jobs: &Jobs,
        row: &Row,
        (status, headers): (u16, &HeaderMap),
    ) -> Result<(Response, Delivery), ProxyError> {
        let head = self.head(exchange, status, headers)?;
        exchange.envelope.admit_headers(head.status, &head.headers)?;
        if delivery::is_bodyless(&exchange.request.method, head.status) {
            return Ok((bodyless(exchange, head, headers), Delivery::InlineText));
        }
        let form = exchange.options.form(head.status, self.config.overflow.redirect_assets);
        let store = &self.aws.get().await.store;
        let job_request = self.job_request(exchange.request, &exchange.principal, exchange.cors);
        jobs.deliver(&job_request, row, (head, &form, exchange.envelope), store).await
    }

    fn job_request<'a>(
        &'a self,
        request: &'a Request,
        principal: &Principal,
        cors: &'a HeaderMap,
    ) -> JobRequest<'a> {
        let public = self.public(request);
        JobRequest { request, owner: owner(principal), public, cors }
    }
}
