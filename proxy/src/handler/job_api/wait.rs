//! Requests to the upstream that run as jobs. A job that ends in time is answered directly.

use std::time::Duration;

use http::{HeaderMap, HeaderName};

use super::routes::JobRequest;
use super::{Jobs, Preference, idempotency_key};
use crate::announce;
use crate::clock;
use crate::delivery::{self, Delivery, Envelope};
use crate::digest;
use crate::error::ProxyError;
use crate::headers;
use crate::job::forward::{Forward, Request as Forwarded};
use crate::job::{Digest, JobRefusal, JobState, Key, NewJob, Output, Row};
use crate::response::{Head, Response};
use crate::store::{ResponseStore, StoredResponse};
use crate::upstream::Outgoing;

/// The header that confirms a preference.
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");
/// The first and the longest interval at which the row of a job is polled.
const FIRST_LOOK: Duration = Duration::from_millis(50);
const LAST_LOOK: Duration = Duration::from_secs(1);

/// The outcome of a request that may be answered later.
pub(crate) enum ForwardOutcome {
    /// 202.
    Later(Response),
    /// The job is complete.
    Done(Box<Row>),
}

impl Jobs {
    /// Creates a job for a request and waits for it as long as the client prefers, but not beyond `deadline`.
    pub(crate) async fn forward(
        &self,
        job_request: &JobRequest<'_>,
        outgoing: &Outgoing,
        preference: Preference,
        deadline: clock::Instant,
    ) -> Result<ForwardOutcome, ProxyError> {
        let input = Forwarded::of(outgoing);
        let fingerprint = input.fingerprint();
        let key = idempotency_key(job_request.request)?;
        let key = key.map(|name| Key { name, fingerprint: &fingerprint });
        let new = NewJob { owner: &job_request.owner.0, input: &input, key };
        let row = self.engine.create::<Forward>(new).await.map_err(JobRefusal::from)?;
        // The preferred wait may exceed the range of `Instant`.
        let until = clock::instant().checked_add(preference.wait.unwrap_or_default());
        let row = self.watch(row, until.map_or(deadline, |until| until.min(deadline))).await?;
        let ended = row.state.is_terminal();
        match row.state {
            JobState::Complete => Ok(ForwardOutcome::Done(Box::new(row))),
            _ if ended => {
                let Row { id, state, error: problem, .. } = row;
                Err(JobRefusal::Ended { id, state, problem }.into())
            }
            _ => {
                let mut applied = HeaderMap::new();
                headers::set(&mut applied, PREFERENCE_APPLIED, &preference.applied());
                Ok(ForwardOutcome::Later(self.accepted(job_request, &row, &applied)))
            }
        }
    }

    async fn watch(&self, mut row: Row, until: clock::Instant) -> Result<Row, JobRefusal> {
        let mut look = FIRST_LOOK;
        while !row.state.is_terminal() {
            let left = until.saturating_duration_since(clock::instant());
            if left.is_zero() {
                break;
            }
            clock::wait(look.min(left)).await;
            look = (look * 2).min(LAST_LOOK);
            let there = self.engine.find(&row.owner, &row.id).await?;
            row = there.ok_or_else(|| JobRefusal::Unknown(row.id.clone()))?;
        }
        Ok(row)
    }

    /// The result of a job as the response to the request: inline if it fits, otherwise through a link.
    pub(crate) async fn deliver(
        &self,
        job_request: &JobRequest<'_>,
        row: &Row,
        (head, form, envelope): (Head, &delivery::OverflowForm, Envelope),
        store: &ResponseStore,
    ) -> Result<(Response, Delivery), ProxyError> {
        let output = result_of(row)?;
        let key = self.engine.result_key(row).unwrap_or_default();
        let mut excerpt = bytes::Bytes::new();
        if output.bytes <= envelope.max {
            let stored = self.engine.ports.blobs.get(&key).await.map_err(JobRefusal::from)?;
            if Digest::of(&stored).sha256 != output.sha256 {
                return Err(JobRefusal::Changed(row.id.clone()).into());
            }
            let stated = digest::stated(job_request.request, &head, &stored);
            if let Some(fits) = delivery::inline(&stated, &stored, envelope) {
                return Ok(fits);
            }
            excerpt = stored.slice(..stored.len().min(1024));
        }
        let link = self.link(store, &key).await?;
        let stored = StoredResponse {
            key,
            size: output.bytes,
            sha256: Some(output.sha256.clone()),
            excerpt,
        };
        let renew = job_request.address(row);
        Ok(announce::announce(form, &head, &stored, &link, &renew))
    }
}

/// The status and headers of the upstream's response that a job stored.
pub(crate) fn head_of(row: &Row) -> Result<(u16, HeaderMap), ProxyError> {
    let output = result_of(row)?;
    Ok((output.status, output.headers.clone()))
}

/// Adds `Preference-Applied` and the id of the job.
pub(crate) fn mark(headers: &mut HeaderMap, preference: Preference, row: &Row) {
    headers::append(headers, PREFERENCE_APPLIED, &preference.applied());
    headers::append(headers, HeaderName::from_static("x-job-id"), &row.id);
}

fn result_of(row: &Row) -> Result<&Output, ProxyError> {
    row.result.as_ref().ok_or_else(|| JobRefusal::Changed(row.id.clone()).into())
}
