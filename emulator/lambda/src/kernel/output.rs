//! The standard output and error of a process: one pipe, so that their order is kept.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::{Mutex, PoisonError};

use rustix::buffer::spare_capacity;
use tokio::net::unix::pipe::Receiver;

/// The reading end of the pipe.
///
/// It is read when data is available, and again at the end of an invocation: everything that a function wrote before its
/// response is in the pipe by then, and belongs to that invocation.
#[derive(Debug)]
pub(crate) struct Output {
    pipe: Receiver,
    reading: Mutex<()>,
}

/// The maximum size of one read, so that a process that never stops writing does not occupy the reader forever.
const READ_MAX: usize = 1024 * 1024;
const PIECE: usize = 16 * 1024;

/// Whether more output can follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rest {
    /// No output at the moment.
    Later,
    /// Every writer has closed the pipe.
    Never,
}

impl Output {
    /// Takes over the reading end of a pipe. Must be called within a runtime.
    pub(crate) fn new(pipe: OwnedFd) -> io::Result<Output> {
        Ok(Output { pipe: Receiver::from_owned_fd(pipe)?, reading: Mutex::new(()) })
    }

    /// Passes on all available output, without waiting.
    pub(crate) fn drain(&self, take: impl Fn(&[u8])) {
        // Reads directly, because tokio may not know yet that data is available.
        self.read_all(take, |piece| {
            Ok(rustix::io::read(self.pipe.as_fd(), spare_capacity(piece))?)
        });
    }

    /// Waits for output and passes it on.
    pub(crate) async fn follow(&self, take: impl Fn(&[u8])) -> Rest {
        match self.pipe.readable().await {
            // Reads through tokio, so that it clears its readiness.
            Ok(()) => self.read_all(take, |piece| self.pipe.try_read_buf(piece)),
            Err(_) => Rest::Never,
        }
    }

    fn read_all(
        &self,
        take: impl Fn(&[u8]),
        mut read: impl FnMut(&mut Vec<u8>) -> io::Result<usize>,
    ) -> Rest {
        // Two concurrent readers would mix the lines.
        let _reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        let mut piece = Vec::with_capacity(PIECE);
        for _ in 0..READ_MAX / PIECE {
            piece.clear();
            match read(&mut piece) {
                Ok(0) => return Rest::Never,
                Ok(_) => take(&piece),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Rest::Later,
                Err(_) => return Rest::Never,
            }
        }
        Rest::Later
    }
}
