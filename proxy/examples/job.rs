//! A job of one's own, from its creation to its result: a sum that takes more steps than one invocation has time for.

use std::sync::Arc;

use hardcap_limits::Limits;
use hardcap_proxy::job::memory::{MemoryBlobs, MemoryQueue, MemoryRows};
use hardcap_proxy::job::ports::{Clock as _, Ports, SystemClock};
use hardcap_proxy::job::{Context, Engine, Job, JobSettings, NewJob, Output, Step, StepError};
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use serde::{Deserialize, Serialize};

#[derive(Default, Serialize, Deserialize)]
struct Sum {
    next: u64,
    sum: u64,
}

impl Job for Sum {
    const KIND: &'static str = "sum";
    type Input = u64;
    type Tools = ();

    async fn step(&mut self, context: &Context<'_, Self>) -> Result<Step, StepError> {
        let end = (self.next + 1000).min(*context.input);
        self.sum += (self.next..end).sum::<u64>();
        self.next = end;
        if end < *context.input {
            return Ok(Step::Continue);
        }
        let headers =
            HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("text/plain"))]);
        let text = self.sum.to_string().into();
        Ok(Step::Complete(Output::put(context, headers, text).await?))
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let event_max = Limits::classic().lambda_async_request.max.0;
    let (blobs, queue) = (Arc::new(MemoryBlobs::default()), Arc::new(MemoryQueue::new(event_max)));
    let rows = Arc::new(MemoryRows::default());
    let clock = Arc::new(SystemClock);
    let ports = Ports { rows, blobs: blobs.clone(), invoker: queue.clone(), clock };
    let engine = Engine::new(ports, JobSettings::new(event_max)).with::<Sum>(());

    let row = engine.create::<Sum>(NewJob { owner: "me", input: &10_000, key: None }).await?;
    while let Some(event) = queue.take() {
        // Lambda would do this, with fifteen minutes; two milliseconds make several generations.
        engine.run(&event, SystemClock.now() + 2).await?;
    }
    let row = engine.find("me", &row.id).await?.ok_or("it is there")?;
    let key = engine.result_key(&row).ok_or("it is complete")?;
    let (_, sum) = blobs.object(&key).ok_or("it is stored")?;
    assert_eq!(sum, "49995000");
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_example_runs_to_its_end() {
        super::main().expect("it ends with the sum");
    }
}
