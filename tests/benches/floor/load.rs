//! Calls, as fast as they are answered, and how long each took.

use std::io;
use std::net::SocketAddr;
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

/// What a call does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// Invokes the function with an event.
    Invoke,
    /// Posts a body to a REST API, whose function responds with another one.
    Rest,
    /// Puts an object into the bucket.
    Put,
    /// Gets an object from the bucket.
    Get,
}

/// So many calls by so many clients at once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    pub(crate) name: &'static str,
    pub(crate) work: Work,
    pub(crate) clients: usize,
    /// The calls of each client.
    pub(crate) calls: usize,
    /// The size of what each call sends: an event, or an object.
    pub(crate) event: usize,
    /// The size of what each call receives: a response, or an object.
    pub(crate) response: usize,
}

impl Load {
    /// One call of the smallest kind.
    pub(crate) const SMALL: Load = Load {
        name: "",
        work: Work::Invoke,
        clients: 1,
        calls: 1,
        event: SMALL_BYTES,
        response: SMALL_BYTES,
    };

    /// Calls that send or receive so many bytes, or both.
    pub(crate) const fn object(name: &'static str, work: Work, bytes: usize, calls: usize) -> Load {
        let (event, response) = match work {
            Work::Invoke | Work::Rest => (bytes, bytes),
            Work::Put => (bytes, 0),
            Work::Get => (0, bytes),
        };
        Load { name, work, clients: 1, calls, event, response }
    }

    /// The whole request of each call.
    fn request(self, target: &Target) -> Vec<u8> {
        match self.work {
            Work::Invoke => target.invoke(&function::event(self.event, self.response)),
            Work::Rest => target.rest(&object(self.event)),
            Work::Put => target.object("PUT", &object(self.event)),
            Work::Get => target.object("GET", &[]),
        }
    }

    /// Makes the calls, each client on its own connection, all on this thread; how long each took, in no order.
    pub(crate) async fn run(self, target: &Target) -> io::Result<Vec<Duration>> {
        let request: Rc<[u8]> = self.request(target).into();
        let clients = async {
            if self.work == Work::Get {
                let put = Load::object("", Work::Put, self.response, 1);
                put.client(target, &put.request(target)).await?;
            }
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
        let mut wire = connect(target.address(self.work)).await?;
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
            // moto ends each connection. A new one is not part of the next call.
            if memchr::memmem::find(head, b"onnection: close").is_some() {
                wire = connect(target.address(self.work)).await?;
            }
        }
        Ok(took)
    }
}

async fn connect(address: SocketAddr) -> io::Result<Wire> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(Wire::new(stream))
}

/// An object of so many bytes.
fn object(bytes: usize) -> Vec<u8> {
    b"0123456789abcdef".iter().copied().cycle().take(bytes).collect()
}
