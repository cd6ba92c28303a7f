//! Buffers for large bodies, used again: new memory of some megabytes costs more than the copy into it, because the kernel
//! clears every page.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;

/// The size from which a body is large.
const LARGE: usize = 256 * 1024;
/// The largest buffer that is kept, and the number of kept ones: one for an event and one for a response.
const KEPT_BYTES: usize = 8 * 1024 * 1024;
const KEPT: usize = 2;

static BUFFERS: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

/// An empty buffer with room for so many bytes.
pub(super) fn take(bytes: usize) -> Vec<u8> {
    if bytes >= LARGE {
        let mut kept = BUFFERS.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = kept.iter().position(|buffer| buffer.capacity() >= bytes) {
            return kept.swap_remove(at);
        }
        // One that is too small is freed now, so that the room of all of them stays bounded.
        kept.pop();
    }
    Vec::with_capacity(bytes)
}

/// A copy of a body.
pub(super) fn copy(body: &[u8]) -> Bytes {
    if body.len() < LARGE {
        return Bytes::copy_from_slice(body);
    }
    let mut buffer = take(body.len());
    buffer.extend_from_slice(body);
    freeze(buffer)
}

/// A body. A large buffer is kept for the next one after its last use.
pub(super) fn freeze(buffer: Vec<u8>) -> Bytes {
    match buffer.capacity() {
        LARGE..=KEPT_BYTES => Bytes::from_owner(Pooled(buffer)),
        _ => Bytes::from(buffer),
    }
}

struct Pooled(Vec<u8>);

impl AsRef<[u8]> for Pooled {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Pooled {
    fn drop(&mut self) {
        let mut buffer = std::mem::take(&mut self.0);
        buffer.clear();
        let mut kept = BUFFERS.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < KEPT {
            kept.push(buffer);
        }
    }
}
