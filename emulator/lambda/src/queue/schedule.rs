//! Rules that invoke a function at a fixed rate of the emulator's clock.

use bytes::Bytes;
use hardcap_limits::Millis;
use serde_json::json;

use super::Queue;
use hardcap_core::clock::EpochMillis;
use hardcap_core::config::{ACCOUNT_ID, Schedule};

/// A rule and its function.
#[derive(Debug)]
pub(super) struct Rule {
    function: String,
    arn: String,
    region: String,
    rate: Millis,
    input: Option<String>,
}

impl Rule {
    pub(super) fn new(function: &str, schedule: &Schedule, region: &str) -> Rule {
        Rule {
            function: function.to_owned(),
            arn: format!("arn:aws:events:{region}:{ACCOUNT_ID}:rule/{}", schedule.name),
            region: region.to_owned(),
            rate: schedule.rate,
            input: schedule.input.clone(),
        }
    }

    /// Sends an event at each multiple of the rate after the start, until the emulator stops.
    ///
    /// If the clock is advanced over several of them, one event is sent.
    pub(super) async fn run(self, queue: Queue) {
        let clock = queue.shared.platform.clock.clone();
        let start = clock.now();
        loop {
            let due = next_after(start, self.rate, clock.now());
            tokio::select! {
                () = queue.shared.stop.cancelled() => return,
                () = clock.sleep_until(due) => {}
            }
            let ctx = queue.shared.platform.context();
            let event = self.event(&ctx.request_id, due);
            if let Err(error) = queue.accept(&ctx, &self.function, event, false).await {
                tracing::warn!(rule = self.arn, %error, "a scheduled event was not accepted");
            }
        }
    }

    /// EventBridge's scheduled event, in the form of its user guide.
    fn event(&self, id: &str, at: EpochMillis) -> Bytes {
        if let Some(input) = &self.input {
            return Bytes::from(input.clone());
        }
        let format =
            time::macros::format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
        let time = at.to_utc().format(format).expect("every point in time has such a form");
        let event = json!({
            "version": "0",
            "id": id,
            "detail-type": "Scheduled Event",
            "source": "aws.events",
            "account": ACCOUNT_ID,
            "time": time,
            "region": self.region,
            "resources": [self.arn],
            "detail": {},
        });
        Bytes::from(event.to_string())
    }
}

fn next_after(start: EpochMillis, rate: Millis, now: EpochMillis) -> EpochMillis {
    let periods = now.since(start).0 / rate.0.max(1) + 1;
    start.plus(Millis(rate.0.max(1).saturating_mul(periods)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_event_is_at_a_multiple_of_the_rate_and_in_the_future() {
        let start = EpochMillis(1_000);
        for (now, expected) in
            [(1_000, 61_000), (60_999, 61_000), (61_000, 121_000), (900_000, 901_000)]
        {
            let next = next_after(start, Millis(60_000), EpochMillis(now));
            assert_eq!(next, EpochMillis(expected), "{now}");
        }
    }
}
