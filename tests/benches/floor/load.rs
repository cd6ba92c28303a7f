//! Calls, as fast as they are answered, and how long each took.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use hardcap::Clock;
use hardcap_tests::client::{Call, Client};

use crate::function;
use crate::subject::Subject;

/// What is called 1 KB.
pub(crate) const SMALL_BYTES: usize = 1_024;
/// What is called 6 MB: as much as both directions take, in round numbers.
pub(crate) const LARGE_BYTES: usize = 6_000_000;

/// So many calls by so many clients at once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    pub(crate) name: &'static str,
    pub(crate) clients: usize,
    /// Of all clients together.
    pub(crate) calls: usize,
    /// The size of each event.
    pub(crate) event: usize,
    /// The size of each answer.
    pub(crate) answer: usize,
}

impl Load {
    /// One call of the smallest kind.
    pub(crate) fn small() -> Load {
        Load { name: "", clients: 1, calls: 1, event: SMALL_BYTES, answer: SMALL_BYTES }
    }

    /// Makes the calls; how long each took, in no order.
    pub(crate) async fn run(self, subject: &Subject) -> io::Result<Vec<Duration>> {
        let client = Arc::new(Client::new());
        let call = Call::post(&subject.invoke_url, function::event(self.event, self.answer));
        let clients: Vec<_> = (0..self.clients)
            .map(|_| tokio::spawn(one(self, Arc::clone(&client), call.clone())))
            .collect();
        let mut took = Vec::new();
        for client in clients {
            took.extend(client.await??);
        }
        Ok(took)
    }
}

async fn one(load: Load, client: Arc<Client>, call: Call) -> io::Result<Vec<Duration>> {
    let clock = Clock::default();
    let mut took = Vec::new();
    for _ in 0..load.calls / load.clients {
        let watch = clock.stopwatch();
        let answer = client.send(&call).await?;
        took.push(watch.elapsed());
        if answer.status != http::StatusCode::OK || answer.body.len() != load.answer {
            return Err(io::Error::other(format!("not {} bytes: {answer:?}", load.answer)));
        }
    }
    Ok(took)
}
