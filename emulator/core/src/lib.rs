//! What every service of the emulator shares.
//!
//! It promises one clock ([`clock`]), one snapshot of limits and faults a request ([`context`]), one place that reads bodies and
//! serves sockets ([`serve`]), bounded records ([`record`]) and one description of what an emulator runs ([`config`]). It never
//! knows a service: nothing here names Lambda's, S3's or a gateway's code.
//!
//! Start reading at [`context::Context`]: every step of a request gets one.

pub mod addresses;
pub mod clock;
pub mod config;
pub mod console;
pub mod context;
pub mod descriptors;
pub mod durable;
pub mod faults;
pub mod guard;
pub mod head;
pub mod keyring;
pub mod logbook;
pub mod pace;
pub mod paths;
pub mod percent;
pub mod record;
pub mod serve;
pub mod sigv4;
pub mod tool;
pub mod uri;
