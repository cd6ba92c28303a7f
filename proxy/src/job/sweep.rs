//! The sweeper: it looks at what is due, begins again what was lost, and clears away what ended jobs left.
//!
//! Any number of sweepers may run at a time: whoever writes a row first acts on it.

use serde::Deserialize;

use super::engine::{Delivered, Engine, Held, held};
use super::event::Event;
use super::outcome::Problem;
use super::ports::{EpochMillis, PortError};
use super::state::{Ending, Leftovers, State};

/// What a sweep has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Generations that were invoked again.
    pub revived: u64,
    /// Jobs that were ended.
    pub ended: u64,
    /// Ended jobs that were cleared.
    pub cleared: u64,
    /// Jobs that could not be seen to; the next sweep tries again.
    pub failed: u64,
    /// Whether time ran out before all was looked at.
    pub cut_short: bool,
}

/// What Lambda sends to the destination of events that failed, as far as it is read.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct FailedEvent {
    request_context: FailedContext,
    request_payload: Event,
}

#[derive(Debug, Deserialize)]
struct FailedContext {
    #[serde(default)]
    condition: String,
}

/// Conditions that have nothing to do with a chain. What AWS calls a chain that it cut is unconfirmed, so it is known by
/// being none of these.
const OTHERS: [&str; 3] = ["EventAgeExceeded", "RetriesExhausted", "ZeroReservedConcurrency"];

impl Engine {
    /// Looks at everything that is due, until `deadline`.
    ///
    /// # Errors
    ///
    /// [`PortError`] when not even the table can be read.
    pub async fn sweep(&self, deadline: EpochMillis) -> Result<Swept, PortError> {
        let mut swept = Swept::default();
        let mut from = None;
        loop {
            let now = self.now();
            let page = self.again(|| self.ports.rows.due(now, from.clone())).await?;
            for item in &page.items {
                if self.now() >= deadline {
                    swept.cut_short = true;
                    return Ok(swept);
                }
                // One job that cannot be seen to does not keep the others waiting.
                if let Err(error) = self.see_to(item, &mut swept).await {
                    tracing::warn!(key = item.key, "left to the next sweep: {error}");
                    swept.failed += 1;
                }
            }
            from = page.next;
            if from.is_none() {
                return Ok(swept);
            }
        }
    }

    async fn see_to(&self, item: &super::ports::Item, swept: &mut Swept) -> Result<(), PortError> {
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
            Delivered::Accepted => swept.revived += 1,
            Delivered::Later(_) => swept.failed += 1,
            Delivered::Never => swept.ended += 1,
        }
        Ok(())
    }

    async fn clear_ended(&self, held: Held, swept: &mut Swept) -> Result<(), PortError> {
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

    /// Hears of an event that Lambda gave up: the record it sends to a destination. `false` when it is none of ours.
    ///
    /// Of a generation that never ran, and for none of the reasons that pass, Lambda has cut the chain.
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
            let waits = held.row.state == State::Queued
                && held.row.generation == event.generation
                && held.row.attempts == 0;
            if !waits || OTHERS.contains(&condition.as_str()) {
                return Ok(true);
            }
            let why = format!("the event ended with the condition `{condition}`.");
            let problem = Problem::recursion(event.generation, &why);
            // The record may be faster than the run that handed the generation over, which then wrote the row meanwhile.
            if self.finish(&held, Ending::Failed(problem)).await?.is_some() {
                return Ok(true);
            }
        }
    }
}
