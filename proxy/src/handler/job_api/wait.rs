//! A request to the upstream that is done as a job: answered at once when it is quick enough for the client.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::routes::Asking;
use super::{Jobs, Preference, idempotency_key};
use crate::announce;
use crate::answer::{Answer, Head};
use crate::clock;
use crate::delivery::{self, Delivery, Envelope};
use crate::digest;
use crate::error::Failure;
use crate::headers::Lines;
use crate::job::forward::{Forward, Request as Forwarded};
use crate::job::{Digest, Key, NewJob, Output, Refusal, Row, State};
use crate::store::{Store, Stored};
use crate::upstream::Outgoing;

/// Between two looks at a job that nobody reports: the first, and the longest.
const FIRST_LOOK: Duration = Duration::from_millis(50);
const LAST_LOOK: Duration = Duration::from_secs(1);

/// What came of a request that may be answered later.
pub(crate) enum Came {
    /// 202.
    Later(Answer),
    /// The job was quick.
    Done(Box<Row>),
}

impl Jobs {
    /// Takes a request on as a job, and waits for it as long as the client prefers, but not beyond `deadline`.
    pub(crate) async fn forward(
        &self,
        asking: &Asking<'_>,
        outgoing: &Outgoing,
        preference: Preference,
        deadline: clock::Instant,
    ) -> Result<Came, Failure> {
        let input = Forwarded::of(outgoing);
        let fingerprint = input.fingerprint();
        let key = idempotency_key(asking.request)?;
        let key = key.map(|name| Key { name, fingerprint: &fingerprint });
        let new = NewJob { owner: &asking.owner.0, input: &input, key };
        let row = self.engine.create::<Forward>(new).await.map_err(Refusal::from)?;
        // A client may prefer to wait for longer than there are points in time.
        let until = clock::instant().checked_add(preference.wait.unwrap_or_default());
        let row = self.watch(row, until.map_or(deadline, |until| until.min(deadline))).await?;
        let ended = row.state.is_terminal();
        match row.state {
            State::Complete => Ok(Came::Done(Box::new(row))),
            _ if ended => {
                let Row { id, state, error: problem, .. } = row;
                Err(Refusal::Ended { id, state, problem }.into())
            }
            _ => {
                let applied = ("preference-applied".to_owned(), preference.applied());
                Ok(Came::Later(self.accepted(asking, &row, vec![applied])))
            }
        }
    }

    async fn watch(&self, mut row: Row, until: clock::Instant) -> Result<Row, Refusal> {
        let mut look = FIRST_LOOK;
        while !row.state.is_terminal() {
            let left = until.saturating_duration_since(clock::instant());
            if left.is_zero() {
                break;
            }
            clock::wait(look.min(left)).await;
            look = (look * 2).min(LAST_LOOK);
            let there = self.engine.find(&row.owner, &row.id).await?;
            row = there.ok_or_else(|| Refusal::Unknown(row.id.clone()))?;
        }
        Ok(row)
    }

    /// The result of a job as the answer it stands for: inline when it fits, through its link when not.
    pub(crate) async fn deliver(
        &self,
        asking: &Asking<'_>,
        row: &Row,
        (head, form, envelope): (Head, &delivery::Form, Envelope),
        store: &Store,
    ) -> Result<(Answer, Delivery), Failure> {
        let output = result_of(row)?;
        let key = self.engine.result_key(row).unwrap_or_default();
        let mut excerpt = bytes::Bytes::new();
        if output.bytes <= envelope.max {
            let stored = self.engine.ports.blobs.get(&key).await.map_err(Refusal::from)?;
            if Digest::of(&stored).sha256 != output.sha256 {
                return Err(Refusal::Changed(row.id.clone()).into());
            }
            let stated = digest::stated(asking.request, &head, &stored);
            if let Some(fits) = delivery::inline(&stated, &stored, envelope) {
                return Ok(fits);
            }
            excerpt = stored.slice(..stored.len().min(1024));
        }
        let link = self.link(store, &key).await?;
        let stored =
            Stored { key, size: output.bytes, sha256: Some(output.sha256.clone()), excerpt };
        let renew = asking.address(row);
        Ok(announce::announce(form, &head, &stored, &link, &renew))
    }
}

/// The head of the answer that a job got.
pub(crate) fn head_of(row: &Row) -> Result<(u16, HeaderMap), Failure> {
    let output = result_of(row)?;
    let mut headers = HeaderMap::with_capacity(output.headers.len());
    for (name, value) in &output.headers {
        let bytes: Option<Vec<u8>> = value.chars().map(|c| u8::try_from(c).ok()).collect();
        let name = HeaderName::from_bytes(name.as_bytes());
        let value = bytes.and_then(|bytes| HeaderValue::from_bytes(&bytes).ok());
        if let (Ok(name), Some(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    Ok((output.status, headers))
}

/// Says that the preference was honoured, and which job it was.
pub(crate) fn mark(lines: &mut Lines, preference: Preference, row: &Row) {
    lines.push(("preference-applied".to_owned(), preference.applied()));
    lines.push(("x-job-id".to_owned(), row.id.clone()));
}

fn result_of(row: &Row) -> Result<&Output, Failure> {
    row.result.as_ref().ok_or_else(|| Refusal::Changed(row.id.clone()).into())
}
