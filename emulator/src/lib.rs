//! hardcap emulates AWS Lambda and API Gateway with their limits enforced, byte for byte, around real functions.
//!
//! [`Emulator::builder`] starts one inside a test; the program `hardcap` starts one from a template. Read
//! `ARCHITECTURE.md` for the map.

pub mod check;
pub mod cli;
mod companion;
pub mod config;
mod emulator;
pub mod packaging;
pub mod settings;
mod stored;
pub mod template;
mod tool;
mod transfer;

mod aws;
mod client;
pub(crate) mod context;
mod control;
mod control_plane;
mod dynamodb;
mod function_urls;
mod gateway;
mod gateway_responses;
pub(crate) mod head;
pub(crate) mod json_api;
pub(crate) mod keyring;
pub(crate) mod lambda;
mod logbook;
pub(crate) mod pace;
mod queue;
mod s3;
pub(crate) mod secrets;
pub(crate) mod serve;
pub(crate) mod sigv4;
mod sockets;
mod ssm;
pub(crate) mod stop;
mod strict;
mod sts;

mod addresses;
mod clock;
pub mod explain;
pub mod faults;
pub mod gate;
pub(crate) mod percent;
pub mod probe;
mod record;
pub mod replay;
pub mod report;
mod saved;
pub(crate) mod source;
pub(crate) mod uri;
mod invoke_api;

pub use addresses::Addresses;
pub use clock::{Clock, EpochMillis, Stopwatch};
pub use emulator::{Builder, Emulator, StartError};
pub use record::{Condition, Events, Record, Recorder, RowName, Seen, Totals, What};
pub use saved::{Saved, SavedError};
