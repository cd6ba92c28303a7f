//! The part that is read while another is stored.

use std::fmt;
use std::pin::pin;
use std::sync::{Mutex, PoisonError};

use futures_util::future::{BoxFuture, Either, select};

use super::lines::Lot;
use super::reading::Reading;
use crate::job::search::SearchError;

type Filled = Result<(Lot, Reading), SearchError>;

/// What is read ahead, if anything is: under way, or there already.
#[derive(Default)]
pub(super) struct Ahead(
    // A job is `Sync`, and a future need not be: nobody locks this, it is only ever reached through `&mut`.
    Mutex<Option<BoxFuture<'static, Filled>>>,
);

impl Ahead {
    /// Reads ahead, as soon as somebody waits.
    pub(super) fn of(reading: impl Future<Output = Filled> + Send + 'static) -> Ahead {
        Ahead(Mutex::new(Some(Box::pin(reading))))
    }

    /// What is read ahead; whoever takes it has to wait for it.
    pub(super) fn take(&mut self) -> Option<BoxFuture<'static, Filled>> {
        self.0.get_mut().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Reads on for as long as `work` takes.
    pub(super) async fn beside<T>(&mut self, work: impl Future<Output = T> + Send) -> T {
        let Some(reading) = self.take() else {
            return work.await;
        };
        match select(pin!(work), reading).await {
            Either::Left((done, reading)) => {
                *self = Ahead::of(reading);
                done
            }
            Either::Right((filled, work)) => {
                *self = Ahead::of(std::future::ready(filled));
                work.await
            }
        }
    }
}

impl fmt::Debug for Ahead {
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
    async fn the_next_part_is_read_while_this_one_is_stored_and_no_longer() {
        let (begun, heard) = channel();
        let mut ahead = Ahead::of(async move {
            begun.send(()).expect("somebody hears it");
            pending().await
        });
        // The one ends when the other has begun, which never ends.
        ahead.beside(async { heard.await.expect("it is read meanwhile") }).await;
        assert!(ahead.take().is_some(), "and read on by whoever needs it");
    }

    #[tokio::test]
    async fn what_was_read_first_waits_for_what_is_stored() {
        let (stored, heard) = channel();
        let mut ahead = Ahead::of(async move {
            stored.send(7).expect("somebody hears it");
            lost()
        });
        assert_eq!(ahead.beside(heard).await, Ok(7));
        let read = ahead.take().expect("it was read").await;
        assert_eq!(read.err(), Some(SearchError::Lost));
    }

    #[tokio::test]
    async fn with_nothing_to_read_the_part_is_only_stored() {
        let mut ahead = Ahead::default();
        assert_eq!(ahead.beside(ready(7)).await, 7);
        assert!(ahead.take().is_none());
    }
}
