//! Calls, as fast as they are answered, and how long each took.

use std::io;
use std::rc::Rc;
use std::time::Duration;

use hardcap::Clock;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::task::LocalSet;

use crate::function;
use crate::subject::Target;
use crate::wire::Wire;

/// What is called 1 KB.
pub(crate) const SMALL_BYTES: usize = 1_024;
/// What is called 6 MB: as much as both directions take, in round numbers.
pub(crate) const LARGE_BYTES: usize = 6_000_000;

/// So many calls by so many clients at once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    pub(crate) name: &'static str,
    pub(crate) clients: usize,
    /// The calls of each client.
    pub(crate) calls: usize,
    /// The size of each event.
    pub(crate) event: usize,
    /// The size of each response.
    pub(crate) response: usize,
}

impl Load {
    /// One call of the smallest kind.
    pub(crate) const SMALL: Load =
        Load { name: "", clients: 1, calls: 1, event: SMALL_BYTES, response: SMALL_BYTES };

    /// Makes the calls, each client on its own connection, all on this thread; how long each took, in no order.
    pub(crate) async fn run(self, target: &Target) -> io::Result<Vec<Duration>> {
        let request: Rc<[u8]> = target.request(&function::event(self.event, self.response)).into();
        let clients = async {
            let clients: Vec<_> = (0..self.clients)
                .map(|_| {
                    let (request, target) = (Rc::clone(&request), target.clone());
                    tokio::task::spawn_local(async move { self.client(&target, &request).await })
                })
                .collect();
            let mut took = Vec::with_capacity(self.clients * self.calls);
            for client in clients {
                took.extend(client.await??);
            }
            Ok(took)
        };
        LocalSet::new().run_until(clients).await
    }

    async fn client(self, target: &Target, request: &[u8]) -> io::Result<Vec<Duration>> {
        let stream = TcpStream::connect(target.address).await?;
        stream.set_nodelay(true)?;
        let mut wire = Wire::new(stream);
        let clock = Clock::default();
        let mut took = Vec::with_capacity(self.calls);
        for _ in 0..self.calls {
            let watch = clock.stopwatch();
            wire.stream.write_all(request).await?;
            wire.receive().await?;
            took.push(watch.elapsed());
            let (head, body) = (wire.received.head(), wire.received.body());
            if !head.starts_with(b"HTTP/1.1 200") || body.len() != self.response {
                let body = &body[..body.len().min(1_000)];
                let (head, body) = (head.escape_ascii(), body.escape_ascii());
                let wanted = self.response;
                let said = format!("{}: not {wanted} bytes: {head}{body}", target.name);
                return Err(io::Error::other(said));
            }
        }
        Ok(took)
    }
}
