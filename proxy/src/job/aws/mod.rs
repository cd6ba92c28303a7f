//! The ports, implemented on AWS.

mod blobs;
mod failures;
mod invoker;
mod rows;

use std::sync::Arc;

use super::ports::{Ports, SystemClock};
use super::settings::JobResources;
use crate::aws;
use crate::store::OverflowConfig;

pub use blobs::S3Blobs;
pub use invoker::LambdaInvoker;
pub use rows::DynamoRows;

/// The ports of a function, created from its environment.
pub async fn ports(place: &JobResources, overflow: &OverflowConfig) -> Ports {
    let shared = aws::shared(&overflow.region).await;
    let s3 = aws_sdk_s3::config::Builder::from(&shared)
        .force_path_style(overflow.force_path_style)
        .request_checksum_calculation(aws_sdk_s3::config::RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(aws_sdk_s3::config::ResponseChecksumValidation::WhenRequired)
        .build();
    let s3 = aws_sdk_s3::Client::from_conf(s3);
    let dynamodb = aws_sdk_dynamodb::Client::new(&shared);
    let lambda = aws_sdk_lambda::Client::new(&shared);
    Ports {
        rows: Arc::new(DynamoRows::new(dynamodb, &place.table)),
        blobs: Arc::new(S3Blobs::new(s3, &overflow.bucket, &place.prefix)),
        invoker: Arc::new(LambdaInvoker::new(lambda, &place.function)),
        clock: Arc::new(SystemClock),
    }
}

#[cfg(test)]
mod tests;
