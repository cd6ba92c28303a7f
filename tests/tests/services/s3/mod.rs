//! S3 as its clients see it: the SDK, and requests signed by hand where the SDK would not send what is to be refused.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod bodies;
mod conditions_model;
mod cors;
mod durable;
mod fixtures;
mod forms;
mod keys;
mod lifecycle;
mod lifecycle_model;
mod multipart;
mod notifications;
mod objects;
mod properties;
mod recorded;
mod refusals;
mod regions;
mod tools;
mod vocabulary;
