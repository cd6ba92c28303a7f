//! Buffers for large bodies, used again: new memory of some megabytes costs more than the copy into it, because the kernel
//! clears every page.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;

/// The size from which a body is large.
const LARGE: usize = 200 * 1024;
/// The room of a buffer. Allocators map an allocation of this size by itself, so that only touched pages take memory and all of
/// them are returned when it is freed; a smaller one may stay in the allocator (glibc: above 32 MiB, always).
const ROOM: usize = 33 * 1024 * 1024;
/// The number of kept buffers: one for an event and one for a response.
const KEPT: usize = 2;

static BUFFERS: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

/// An empty buffer with room for so many bytes.
#[must_use]
pub fn take(bytes: usize) -> Vec<u8> {
    if !(LARGE..=ROOM).contains(&bytes) {
        return Vec::with_capacity(bytes);
    }
    let kept = BUFFERS.lock().unwrap_or_else(PoisonError::into_inner).pop();
    kept.unwrap_or_else(|| {
        let mut buffer = Vec::new();
        match buffer.try_reserve_exact(ROOM) {
            Ok(()) => buffer,
            // The system allows no more addresses than are used.
            Err(_) => Vec::with_capacity(bytes),
        }
    })
}

/// A copy of a body.
#[must_use]
pub fn copy(body: &[u8]) -> Bytes {
    if body.len() < LARGE {
        return Bytes::copy_from_slice(body);
    }
    let mut buffer = take(body.len());
    buffer.extend_from_slice(body);
    freeze(buffer)
}

/// A body. The buffer of a large one is kept for the next one after its last use.
#[must_use]
pub fn freeze(buffer: Vec<u8>) -> Bytes {
    if buffer.capacity() == ROOM { Bytes::from_owner(Pooled(buffer)) } else { Bytes::from(buffer) }
}

/// Frees the kept buffers.
pub fn release() {
    let mut buffers = BUFFERS.lock().unwrap_or_else(PoisonError::into_inner);
    let kept = std::mem::take(&mut *buffers);
    drop(buffers);
    drop(kept);
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
        let mut buffers = BUFFERS.lock().unwrap_or_else(PoisonError::into_inner);
        if buffers.len() < KEPT {
            buffers.push(buffer);
        }
    }
}
