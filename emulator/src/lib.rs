//! hardcap emulates AWS Lambda and API Gateway with their limits enforced, byte for byte, around real functions.
//!
//! [`Emulator::builder`] starts one inside a test. The program `hardcap` reads a template with [`template::load`] and starts what
//! it describes with [`Emulator::start`]. Read `ARCHITECTURE.md` for the map.

pub mod packaging;
pub mod report;
pub mod rules;
pub mod settings;
pub mod source;
pub mod template;

mod aws;
mod cloudformation;
mod cloudwatch_logs;

mod builder;
mod control;
mod control_plane;
mod dynamodb;
mod emulator;
mod function_urls;
#[doc(hidden)]
pub mod fuzz;
mod gateway;
mod json_api;
mod secrets;
mod sockets;
mod ssm;
mod strict;
mod sts;
mod tries;

pub use hardcap_core::addresses::Addresses;
pub use hardcap_core::clock::{Clock, EpochMillis, Stopwatch};
pub use hardcap_core::record::{
    Condition, EventTotals, Followed, LimitUse, Record, Recorder, RowName, Run, Totals, What,
};
pub use hardcap_core::{config, faults};

pub use builder::Builder;
pub use emulator::{Emulator, StartError};
pub use gateway::route;
pub use report::saved::{Saved, SavedError};
pub use tries::tries;
