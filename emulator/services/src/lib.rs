//! The small services of AWS that an application calls beside Lambda, S3 and messages: DynamoDB, parameters, secrets, and what
//! deployment tools read.
//!
//! Each service answers the calls of its API with the shapes and errors of AWS, and keeps its state in memory or in a file of the
//! data folder. None knows another, and none knows which port or path a call came by: the router of the emulator decides that.
//!
//! Start reading at [`json_api`], the protocol that most of them share. [`elsewhere`] refuses calls to services that are not
//! among them, and [`strict`] refuses calls without a valid signature.

pub mod cloudformation;
pub mod cloudwatch_logs;
pub mod dynamodb;
pub mod elsewhere;
pub mod json_api;
pub mod secrets;
pub mod ssm;
pub mod strict;
pub mod sts;
