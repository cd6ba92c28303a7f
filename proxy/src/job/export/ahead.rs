//! Reading the next part while another is stored.

use std::fmt;
use std::pin::pin;
use std::sync::{Mutex, PoisonError};

use futures_util::future::{BoxFuture, Either, select};

use super::lines::PartBuffer;
use super::reading::SearchReader;
use crate::job::search::SearchError;

type Filled = Result<(PartBuffer, SearchReader), SearchError>;

/// The read of the next part, if there is one: pending or finished.
#[derive(Default)]
pub(super) struct ReadAhead(
    // A job is `Sync` and a future need not be. The mutex is never locked; it is accessed through `&mut`.
    Mutex<Option<BoxFuture<'static, Filled>>>,
);

impl ReadAhead {
    /// A read that starts when it is polled.
    pub(super) fn of(reading: impl Future<Output = Filled> + Send + 'static) -> ReadAhead {
        ReadAhead(Mutex::new(Some(Box::pin(reading))))
    }

    /// Takes the read, to wait for it.
    pub(super) fn take(&mut self) -> Option<BoxFuture<'static, Filled>> {
        self.0.get_mut().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Polls the read while `work` runs.
    pub(super) async fn during<T>(&mut self, work: impl Future<Output = T> + Send) -> T {
        let Some(reading) = self.take() else {
            return work.await;
        };
        match select(pin!(work), reading).await {
            Either::Left((done, reading)) => {
                *self = ReadAhead::of(reading);
                done
            }
            Either::Right((filled, work)) => {
                *self = ReadAhead::of(std::future::ready(filled));
                work.await
            }
        }
    }
}

impl fmt::Debug for ReadAhead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ahead(…)")
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use tokio::sync::oneshot::channel;

    use super::*;

    fn lost() -> Filled {
        Err(SearchError::Lost)
    }

    #[tokio::test]
    async fn the_next_part_is_read_only_while_this_one_is_stored() {
        let (begun, heard) = channel();
        let mut ahead = ReadAhead::of(async move {
            begun.send(()).expect("the receiver exists");
            pending().await
        });
        // The upload ends once the read has begun, which never ends.
        ahead.during(async { heard.await.expect("the read runs during the upload") }).await;
        assert!(ahead.take().is_some(), "the read can be continued");
    }

    #[tokio::test]
    async fn a_finished_read_waits_for_the_upload() {
        let (stored, heard) = channel();
        let mut ahead = ReadAhead::of(async move {
            stored.send(7).expect("the receiver exists");
            lost()
        });
        assert_eq!(ahead.during(heard).await, Ok(7));
        let read = ahead.take().expect("the read has finished").await;
        assert_eq!(read.err(), Some(SearchError::Lost));
    }

    #[tokio::test]
    async fn without_a_read_the_part_is_only_stored() {
        let mut ahead = ReadAhead::default();
        assert_eq!(ahead.during(ready(7)).await, 7);
        assert!(ahead.take().is_none());
    }
}
