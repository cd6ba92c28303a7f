//! The other APIs of AWS, as the SDKs see them: S3, Lambda's control plane, DynamoDB, parameters and secrets.

mod control_plane;
mod data;
mod s3;
