//! Objects that the emulator reads on behalf of other services.

use std::io;

use bytes::Bytes;
use futures_util::Stream;

use super::S3;
use super::refusal::Refusal;
use super::store;

/// An object that a service reads with its own role.
#[derive(Debug)]
pub struct Fetched<S> {
    /// The length in bytes.
    pub length: u64,
    /// The bytes.
    pub body: S,
}

/// Why there is no such object: the code and the message of S3.
#[derive(Debug)]
pub struct NotFetched {
    /// The code of S3's error, `NoSuchKey`.
    pub code: String,
    /// The message of S3's error.
    pub message: String,
}

impl From<Refusal> for NotFetched {
    fn from(refusal: Refusal) -> NotFetched {
        NotFetched { code: refusal.code.into_owned(), message: refusal.message.into_owned() }
    }
}

impl S3 {
    /// Reads an object.
    ///
    /// # Errors
    ///
    /// [`S3Error`] if the bucket or the object does not exist.
    pub fn fetch(
        &self,
        bucket: &str,
        key: &str,
    ) -> Result<Fetched<impl Stream<Item = io::Result<Bytes>> + Send + use<>>, NotFetched> {
        let object = self.store.bucket(bucket)?.get(key);
        let object = object.ok_or_else(Refusal::no_such_key)?;
        let length = object.length();
        Ok(Fetched { length, body: store::read(object.slices(0, length)) })
    }
}
