//! Objects that the emulator stores on behalf of other services.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use s3s::crypto::{Checksum as _, Md5};

use super::notify::{self, Change};
use super::refusal::Refusal;
use super::store::{Attributes, Object};
use super::{ObjectError, S3};

impl S3 {
    /// Stores a JSON object, like an AWS service with its own role.
    ///
    /// # Errors
    ///
    /// [`ObjectError`] if the bucket does not exist or the disk fails.
    pub fn deliver<'a>(
        &'a self,
        bucket: &'a str,
        key: &'a str,
        body: Bytes,
    ) -> BoxFuture<'a, Result<(), ObjectError>> {
        Box::pin(async move { Ok(self.store_json(bucket, key, body).await?) })
    }

    async fn store_json(&self, bucket: &str, key: &str, body: Bytes) -> Result<(), Refusal> {
        let bucket = self.store.bucket(bucket)?;
        let mut md5 = Md5::new();
        md5.update(&body);
        let etag = hex::encode(md5.finalize());
        let mut writer = bucket.writer();
        writer.write(body).await.map_err(|error| Refusal::bug(&error))?;
        let blob = writer.finish().await.map_err(|error| Refusal::bug(&error))?;
        let content_type = ("content-type".to_owned(), "application/json".to_owned());
        let object = Object {
            key: Arc::from(key),
            modified: self.platform.clock.now(),
            attributes: Attributes { headers: vec![content_type], ..Attributes::default() },
            etag,
            checksum: None,
            tags: Vec::new(),
            upload: None,
            body: vec![blob],
        };
        let notifications = self.notifier.of_service(&bucket, Change::Put, &object);
        bucket.put(object, |_| Ok(())).await?;
        notify::send(notifications).await;
        Ok(())
    }
}
