//! The small services of AWS that an application calls beside Lambda and S3: DynamoDB, parameters, secrets, and what
//! deployment tools read.
//!
//! [`json_api`] is the JSON protocol that most of them share. [`elsewhere`] refuses calls to services that are not among them.

pub(crate) mod cloudformation;
pub(crate) mod cloudwatch_logs;
pub(crate) mod dynamodb;
pub(crate) mod elsewhere;
pub(crate) mod json_api;
pub(crate) mod secrets;
pub(crate) mod ssm;
pub(crate) mod sts;
