//! The sweeper: processes due rows, restarts lost generations, and deletes the objects of ended jobs.
//!
//! Several sweepers may run concurrently: only the one that writes a row acts on it.

use serde::Deserialize;

use super::engine::{Engine, InvokeOutcome, VersionedRow, held};
use super::event::JobEvent;
use super::outcome::JobError;
use super::ports::{EpochMillis, PortError};
use super::state::{JobEnd, JobState, Leftovers};

/// The result of a sweep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SweepReport {
    /// Generations that were invoked again.
    pub revived: u64,
    /// Jobs that were ended.
    pub ended: u64,
    /// Ended jobs whose objects were deleted.
    pub cleared: u64,
    /// Jobs that could not be processed; the next sweep tries again.
    pub failed: u64,
    /// Whether time ran out before all due jobs were processed.
    pub cut_short: bool,
}

/// The record that Lambda sends to the on-failure destination, as far as it is needed.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct FailedEvent {
    request_context: FailedContext,
    request_payload: JobEvent,
}

#[derive(Debug, Deserialize)]
struct FailedContext {
    #[serde(default)]
    condition: String,
}

/// Conditions that are not about recursion. AWS's name for the condition of a stopped recursion is unconfirmed, so every other
/// condition counts as one.
const OTHERS: [&str; 3] = ["EventAgeExceeded", "RetriesExhausted", "ZeroReservedConcurrency"];

impl Engine {
    /// Processes all due jobs, until `deadline`.
    ///
    /// # Errors
    ///
    /// [`PortError`] if the table cannot be read.
    pub async fn sweep(&self, deadline: EpochMillis) -> Result<SweepReport, PortError> {
        let mut swept = SweepReport::default();
        let mut from = None;
        loop {
            let now = self.now();
            let page = self.with_retries(|| self.ports.rows.due(now, from.clone())).await?;
            for item in &page.items {
                if self.now() >= deadline {
                    swept.cut_short = true;
                    return Ok(swept);
                }
                // An error with one job does not block the others.
                if let Err(error) = self.process(item, &mut swept).await {
                    tracing::warn!(key = item.key, "a job is left to the next sweep: {error}");
                    swept.failed += 1;
                }
            }
            from = page.next;
            if from.is_none() {
                return Ok(swept);
            }
        }
    }

    async fn process(
        &self,
        item: &super::ports::TableItem,
        swept: &mut SweepReport,
    ) -> Result<(), PortError> {
        let held = held(item)?;
        if held.row.state.is_terminal() {
            return self.clear_ended(held, swept).await;
        }
        let Some(next) = held.row.revive(self.now(), &self.settings) else {
            return Ok(());
        };
        if next.state.is_terminal() {
            swept.ended += u64::from(self.end(&held, next).await?.is_some());
            return Ok(());
        }
        let Some(revived) = self.commit(&held, next).await? else {
            return Ok(());
        };
        match self.deliver(revived, None).await? {
            InvokeOutcome::Accepted => swept.revived += 1,
            InvokeOutcome::Later(_) => swept.failed += 1,
            InvokeOutcome::Never => swept.ended += 1,
        }
        Ok(())
    }

    async fn clear_ended(
        &self,
        held: VersionedRow,
        swept: &mut SweepReport,
    ) -> Result<(), PortError> {
        let now = self.now();
        if held.row.due(&self.settings).is_none_or(|due| due > now) {
            return Ok(());
        }
        let keeps_result = held.row.result.is_some() && !self.is_gone(&held.row);
        let until = if keeps_result { Leftovers::Result } else { Leftovers::None };
        self.clear(&held.row, until).await?;
        if let Some(cleared) = held.row.swept(until) {
            swept.cleared += u64::from(self.commit(&held, cleared).await?.is_some());
        }
        Ok(())
    }

    /// Processes the record of an event that Lambda dropped. `false` if it is not a job's.
    ///
    /// If the generation never ran and the condition is not a transient one, Lambda has stopped the recursion.
    ///
    /// # Errors
    ///
    /// [`PortError`].
    pub async fn event_failed(&self, record: &[u8]) -> Result<bool, PortError> {
        let Ok(failed) = serde_json::from_slice::<FailedEvent>(record) else {
            return Ok(false);
        };
        let event = failed.request_payload;
        let condition = failed.request_context.condition;
        loop {
            let Some(held) = self.read(&event.job).await? else {
                return Ok(false);
            };
            let waits = held.row.state == JobState::Queued
                && held.row.generation == event.generation
                && held.row.attempts == 0;
            if !waits || OTHERS.contains(&condition.as_str()) {
                return Ok(true);
            }
            let why = format!("the event ended with the condition `{condition}`.");
            let problem = JobError::recursion(event.generation, &why);
            // The record may arrive before the run that handed the generation over has written the row.
            if self.finish(&held, JobEnd::Failed(problem)).await?.is_some() {
                return Ok(true);
            }
        }
    }
}
