//! The other APIs of AWS, as the SDKs see them: S3, Lambda's control plane, DynamoDB, parameters, secrets, queues, topics and event buses.

mod buses;
mod control_plane;
mod data;
mod queues;
mod s3;
mod topics;
