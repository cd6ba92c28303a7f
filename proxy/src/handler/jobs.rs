//! Requests about jobs, and requests that become one.

use http::HeaderMap;

use super::{Exchange, Proxy, bodyless};
use crate::answer::Answer;
use crate::delivery::{self, Delivery};
use crate::error::Failure;
use crate::event::Request;
use crate::handler::job_api::{Asking, Came, Jobs, Preference, Route, head_of, mark, owner};
use crate::headers::Lines;
use crate::job::{Refusal, Row};
use crate::line::AccessLine;
use crate::path::Target;
use crate::session::Visitor;

impl Proxy {
    /// The jobs, where there are any.
    pub(super) async fn jobs(&self) -> Option<&Jobs> {
        match (self.jobs.get(), &self.config.jobs) {
            (Some(jobs), _) => Some(jobs),
            (None, Some(config)) => {
                let made = Jobs::of(config, &self.config.overflow);
                Some(self.jobs.get_or_init(|| made).await)
            }
            (None, None) => None,
        }
    }

    /// Answers a request to a route of jobs.
    pub(super) async fn about_jobs(
        &self,
        request: &Request,
        visitor: &Visitor,
        cors: &Lines,
        route: &Route,
    ) -> Result<Answer, Failure> {
        let asking = self.asking(request, visitor, cors);
        let jobs = self.jobs().await.ok_or(Refusal::NotConfigured)?;
        jobs.answer(&asking, route, &self.aws.get().await.store).await
    }

    /// Has a request done as a job, and answers it at once when the job is quick.
    pub(super) async fn as_job(
        &self,
        exchange: &Exchange<'_>,
        jobs: &Jobs,
        target: Target,
        preference: Preference,
        line: &mut AccessLine,
    ) -> Result<Answer, Failure> {
        let asking = self.asking(exchange.request, &exchange.visitor, exchange.cors);
        let outgoing = exchange.outgoing(target)?;
        let came = jobs.forward(&asking, &outgoing, preference, exchange.deadline.at).await?;
        let row = match came {
            Came::Later(accepted) => return Ok(accepted),
            Came::Done(row) => row,
        };
        let (status, headers) = head_of(&row)?;
        let (mut answer, delivery) =
            self.job_answer(exchange, jobs, &row, (status, &headers)).await?;
        mark(&mut answer.headers, preference, &row);
        line.delivery = Some(delivery);
        Ok(answer)
    }

    async fn job_answer(
        &self,
        exchange: &Exchange<'_>,
        jobs: &Jobs,
        row: &Row,
        (status, headers): (u16, &HeaderMap),
    ) -> Result<(Answer, Delivery), Failure> {
        let head = self.head(exchange, status, headers)?;
        exchange.envelope.admit_headers(head.status, &head.headers)?;
        if delivery::is_bodyless(&exchange.request.method, head.status) {
            return Ok((bodyless(exchange, head, headers), Delivery::InlineText));
        }
        let form = exchange.asked.form(head.status, self.config.overflow.redirect_assets);
        let store = &self.aws.get().await.store;
        let asking = self.asking(exchange.request, &exchange.visitor, exchange.cors);
        jobs.deliver(&asking, row, (head, &form, exchange.envelope), store).await
    }

    fn asking<'a>(
        &'a self,
        request: &'a Request,
        visitor: &Visitor,
        cors: &'a Lines,
    ) -> Asking<'a> {
        let public = self.public(request);
        Asking { request, owner: owner(visitor), public, cors }
    }
}
