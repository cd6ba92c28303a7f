//! What a process writes to its standard output and error, which are one pipe so that their order is kept.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::{Mutex, PoisonError};

use tokio::net::unix::pipe::Receiver;

/// The reading end of the pipe.
///
/// It is read when it has something, and once more when an invocation ends: what a function wrote before it answered is in
/// the pipe by then, and belongs to that invocation.
#[derive(Debug)]
pub(super) struct Output {
    pipe: Receiver,
    reading: Mutex<()>,
}

/// How much one call reads at most, so that a process which never stops writing does not keep the reader for ever.
const READ_MAX: usize = 1024 * 1024;
const PIECE: usize = 16 * 1024;

/// Whether there can be more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rest {
    /// Nothing just now, or not yet.
    Later,
    /// Every writer has closed it.
    Never,
}

impl Output {
    /// Takes over the reading end of a pipe; needs a runtime.
    pub(super) fn new(pipe: OwnedFd) -> io::Result<Output> {
        Ok(Output { pipe: Receiver::from_owned_fd(pipe)?, reading: Mutex::new(()) })
    }

    /// Hands on what has been written so far, without waiting.
    pub(super) fn drain(&self, take: impl Fn(&[u8])) {
        // Past the runtime, which may not have noticed yet that there is something.
        self.read_all(take, |piece| Ok(rustix::io::read(self.pipe.as_fd(), piece)?));
    }

    /// Waits until something is written, and hands it on.
    pub(super) async fn follow(&self, take: impl Fn(&[u8])) -> Rest {
        match self.pipe.readable().await {
            // Through the runtime, which so learns that there is nothing more.
            Ok(()) => self.read_all(take, |piece| self.pipe.try_read(piece)),
            Err(_) => Rest::Never,
        }
    }

    fn read_all(
        &self,
        take: impl Fn(&[u8]),
        mut read: impl FnMut(&mut [u8]) -> io::Result<usize>,
    ) -> Rest {
        // Two readers at once would mix up the order of the lines.
        let _reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        let mut piece = [0; PIECE];
        for _ in 0..READ_MAX / PIECE {
            match read(&mut piece) {
                Ok(0) => return Rest::Never,
                Ok(length) => take(&piece[..length]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Rest::Later,
                Err(_) => return Rest::Never,
            }
        }
        Rest::Later
    }
}
