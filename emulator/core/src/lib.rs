//! The parts of the emulator that all services share.
//!
//! This crate provides one clock ([`clock`]), one snapshot of limits and faults per request ([`context`]), one module that
//! reads bodies and serves sockets ([`serve`]), bounded records ([`record`]) and the specification of a run ([`config`]). It
//! contains no code of a service: Lambda, S3 and the gateways are in crates above it.
//!
//! Start reading at [`context::Context`]: every step of a request gets one.

pub mod account;
pub mod addresses;
pub mod caller;
pub mod clock;
pub mod code_pages;
pub mod config;
pub mod console;
pub mod context;
pub mod descriptors;
pub mod durable;
pub mod faults;
pub mod function_name;
pub mod guard;
pub mod head;
pub mod keyring;
pub mod log_buffer;
pub mod nearest;
pub mod paths;
pub mod payloads;
pub mod percent;
pub mod plain_json;
pub mod record;
pub mod scratch;
pub mod serve;
pub mod sigv4;
pub mod strict;
pub mod token_bucket;
pub mod tool;
pub mod uri;
