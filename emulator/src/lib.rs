//! hardcap emulates AWS Lambda and API Gateway with their limits enforced, byte for byte, around real functions.
//!
//! [`Emulator::builder`] describes an emulator, and [`Builder::start`] starts it: on free ports, with data in memory and the
//! newest limits. Dropping it stops it and every process that it started.
//!
//! ```
//! use hardcap::Emulator;
//! use hardcap::config::Function;
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let emulator = Emulator::builder()
//!     .function(Function::new("orders", ["target/debug/orders"]))
//!     .rest_api("Api", &[("ANY", "/{proxy+}", "orders")])
//!     .start()
//!     .await?;
//! assert!(emulator.api_url("Api")?.starts_with("http://127.0.0.1:"));
//! # Ok(())
//! # }
//! ```
//!
//! | module | what it has |
//! | --- | --- |
//! | [`config`] | what an emulator runs: functions, APIs, buckets, tables, parameters, secrets, queues |
//! | [`limits`] | the limits of each day, and the units of their numbers |
//! | [`faults`] | faults to inject |
//! | [`invoke`] | the results of [`Emulator::invoke`] and its errors |
//! | [`record`] | what happened, one record for each observation |
//! | [`report`] | the records of a run summed by limit; the gate of a CI run; the run as a file |
//!
//! `emulator/examples` has programs to start from, `docs/rust.md` the guide.

pub mod invoke;
pub mod report;

mod aws;
mod builder;
mod control;
mod control_plane;
mod emulator;
mod function_urls;
mod functions;
mod messages;
mod notifications;
mod sockets;
mod tries;

pub use hardcap_core::addresses::Addresses;
pub use hardcap_core::clock::{Clock, EpochMillis, Stopwatch};
pub use hardcap_core::config;
pub use hardcap_limits as limits;

pub use builder::Builder;
pub use emulator::{Emulator, StartError, UnknownName};

/// Fault injection: faults are given to [`Builder::fault`], and recorded under their own names.
///
/// A [`FaultKind`](faults::FaultKind) is the effect; a [`Fault`](faults::Fault) adds its probability and its count. Runs
/// with the same [`Builder::fault_seed`] inject the same faults at the same occasions. `docs/faults.md` describes each kind.
pub mod faults {
    pub use hardcap_core::faults::{
        Delay, Drop, Duplicate, Fail, Fault, FaultConfig, FaultError, FaultKind, InjectedError,
        Kill, Phase, Reorder, Service, Slow, SlowColdStart, Throttle,
    };
}

/// Records: what happened to each request, and sums over all of them.
///
/// [`Emulator::recorder`] has the newest 10,000 records; [`Emulator::totals`] sums over the whole run.
pub mod record {
    pub use hardcap_core::record::{
        Condition, EventTotals, Followed, LimitUse, Observation, Record, Recorder, RowName, Run,
        Totals,
    };
}

// The modules and functions below belong to the program `hardcap` and to the tests of this repository. They are public because
// those are crates of their own. They are not part of the library's API and may change with any version.

#[doc(hidden)]
pub use hardcap_gateway::{fuzz, route};
#[doc(hidden)]
pub use tries::tries;
