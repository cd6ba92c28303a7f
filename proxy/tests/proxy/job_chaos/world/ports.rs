//! The ports in memory, with faults before, during and after each call.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use hardcap_proxy::job::ports::{
    Blobs, Change, Clock, DuePage, Invoker, ObjectHeaders, OpenUpload, Part, PortError, PortFuture,
    Ports, Rows, TableItem, Written,
};
use hardcap_proxy::job::{Row, row_key};

use super::tasks::wait;
use super::{Life, Mishap, World};

/// The ports of one run of a function.
#[derive(Clone)]
struct Chaos {
    world: Arc<World>,
    life: Arc<Life>,
}

pub(crate) fn ports(world: &Arc<World>, life: &Arc<Life>) -> Ports {
    let chaos = Arc::new(Chaos { world: Arc::clone(world), life: Arc::clone(life) });
    Ports { rows: chaos.clone(), blobs: chaos.clone(), invoker: chaos.clone(), clock: chaos }
}

impl Chaos {
    /// A call with its faults. It takes some milliseconds, in which other tasks run.
    async fn call<T>(
        &self,
        call: impl Future<Output = Result<T, PortError>>,
    ) -> Result<T, PortError> {
        let pause = self.world.roll(|seeded_rng| seeded_rng.below(20));
        wait(Duration::from_millis(pause)).await;
        let broken = || PortError::Unavailable("the connection broke".to_owned());
        match self.world.mishap() {
            Mishap::None => {}
            Mishap::Kill => {
                // Half of the killed calls have taken effect.
                if self.world.roll(|seeded_rng| seeded_rng.one_in(2)) {
                    let _ = call.await;
                }
                self.life.end().await
            }
            Mishap::FailBefore => {
                self.world.count(|counts| counts.faults += 1);
                return Err(broken());
            }
            Mishap::FailAfter => {
                self.world.count(|counts| counts.faults += 1);
                let _ = call.await;
                return Err(broken());
            }
            Mishap::Delay(span) => {
                self.world.count(|counts| counts.delays += 1);
                wait(span).await;
            }
        }
        let answer = call.await;
        let pause = self.world.roll(|seeded_rng| seeded_rng.below(20));
        wait(Duration::from_millis(pause)).await;
        answer
    }
}

impl Rows for Chaos {
    fn read<'a>(&'a self, key: &'a str) -> PortFuture<'a, Option<TableItem>> {
        Box::pin(self.call(self.world.rows.read(key)))
    }

    fn write(&self, changes: Vec<Change>) -> PortFuture<'_, Written> {
        Box::pin(self.call(async move {
            let written = self.world.rows.write(changes.clone()).await?;
            let jobs = changes.iter().filter(|change| change.key.starts_with(&row_key("")));
            for change in jobs.filter(|_| written == Written::Yes) {
                let row: Row = serde_json::from_str(&change.document).expect("a row");
                if row.state.is_terminal() {
                    self.world.ended(&row);
                }
            }
            Ok(written)
        }))
    }

    fn due(&self, now: u64, from: Option<String>) -> PortFuture<'_, DuePage> {
        Box::pin(self.call(self.world.rows.due(now, from)))
    }
}

impl Blobs for Chaos {
    fn put<'a>(
        &'a self,
        key: &'a str,
        described: &'a ObjectHeaders,
        bytes: Bytes,
    ) -> PortFuture<'a, ()> {
        Box::pin(self.call(async move {
            self.world.blobs.put(key, described, bytes).await?;
            self.world.made(key);
            Ok(())
        }))
    }

    fn get<'a>(&'a self, key: &'a str) -> PortFuture<'a, Bytes> {
        Box::pin(self.call(self.world.blobs.get(key)))
    }

    fn size<'a>(&'a self, key: &'a str) -> PortFuture<'a, Option<u64>> {
        Box::pin(self.call(self.world.blobs.size(key)))
    }

    fn begin<'a>(&'a self, key: &'a str, described: &'a ObjectHeaders) -> PortFuture<'a, String> {
        Box::pin(self.call(self.world.blobs.begin(key, described)))
    }

    fn part<'a>(
        &'a self,
        upload: &'a OpenUpload,
        number: i32,
        bytes: Bytes,
    ) -> PortFuture<'a, Part> {
        Box::pin(self.call(self.world.blobs.part(upload, number, bytes)))
    }

    fn complete<'a>(&'a self, upload: &'a OpenUpload, parts: &'a [Part]) -> PortFuture<'a, ()> {
        Box::pin(self.call(async move {
            self.world.blobs.complete(upload, parts).await?;
            self.world.made(&upload.key);
            Ok(())
        }))
    }

    fn abort<'a>(&'a self, upload: &'a OpenUpload) -> PortFuture<'a, ()> {
        Box::pin(self.call(self.world.blobs.abort(upload)))
    }

    fn list<'a>(&'a self, prefix: &'a str) -> PortFuture<'a, Vec<String>> {
        Box::pin(self.call(self.world.blobs.list(prefix)))
    }

    fn uploads<'a>(&'a self, prefix: &'a str) -> PortFuture<'a, Vec<OpenUpload>> {
        Box::pin(self.call(self.world.blobs.uploads(prefix)))
    }

    fn delete<'a>(&'a self, key: &'a str) -> PortFuture<'a, ()> {
        Box::pin(self.call(self.world.blobs.delete(key)))
    }
}

impl Invoker for Chaos {
    fn invoke(&self, payload: Bytes) -> PortFuture<'_, ()> {
        Box::pin(self.call(async move {
            // A little less than the engine's setting, because Lambda's own limit decides.
            if payload.len() > 1_450 {
                return Err(PortError::TooLarge(format!("{} bytes", payload.len())));
            }
            self.world.accept(payload);
            Ok(())
        }))
    }
}

impl Clock for Chaos {
    fn now(&self) -> u64 {
        self.world.now()
    }

    fn wait(&self, span: Duration) -> BoxFuture<'_, ()> {
        Box::pin(wait(span))
    }

    fn unique(&self) -> String {
        self.world
            .roll(|seeded_rng| format!("{:016x}{:016x}", seeded_rng.next(), seeded_rng.next()))
    }
}
