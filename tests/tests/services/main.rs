//! The other APIs of AWS, as the SDKs see them: S3, Lambda's control plane, DynamoDB, parameters, secrets and queues.

mod control_plane;
mod data;
mod queues;
mod s3;
