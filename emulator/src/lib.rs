//! hardcap emulates AWS Lambda and API Gateway with their limits enforced, byte for byte, around real functions.

pub mod config;

pub(crate) mod context;
pub(crate) mod keyring;
pub(crate) mod lambda;
pub(crate) mod serve;
pub(crate) mod stop;

mod clock;
mod record;

pub use clock::{Clock, EpochMillis, Stopwatch};
pub use record::{Record, Recorder, Seen, Totals, What};
