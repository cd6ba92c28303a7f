//! Objects that the emulator reads on behalf of other services.

use std::io;

use bytes::Bytes;
use futures_util::Stream;

use super::S3;
use super::refusal::Refusal;
use super::store;

/// An object that a service reads with its own role.
#[derive(Debug)]
pub struct FetchedObject<S> {
    /// The length in bytes.
    pub length: u64,
    /// The bytes.
    pub body: S,
}

/// The error of reading or storing an object on behalf of a service: S3's code and message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct ObjectError {
    /// The code, such as `NoSuchKey`.
    pub code: String,
    /// The message.
    pub message: String,
}

impl From<Refusal> for ObjectError {
    fn from(refusal: Refusal) -> ObjectError {
        ObjectError { code: refusal.code.into_owned(), message: refusal.message.into_owned() }
    }
}

impl S3 {
    /// Reads an object.
    ///
    /// # Errors
    ///
    /// [`ObjectError`] if the bucket or the object does not exist.
    pub fn fetch(
        &self,
        bucket: &str,
        key: &str,
    ) -> Result<FetchedObject<impl Stream<Item = io::Result<Bytes>> + Send + use<>>, ObjectError>
    {
        let object = self.store.bucket(bucket)?.get(key);
        let object = object.ok_or_else(Refusal::no_such_key)?;
        let length = object.length();
        Ok(FetchedObject { length, body: store::read(object.slices(0, length)) })
    }
}
