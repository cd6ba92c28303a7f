//! The program `hardcap`, as a library of its own so that tests and fuzzers reach its pure parts.
//!
//! [`command`] has one file a command. [`check`], [`explain`], [`probe`] and [`replay`] are pure: values in, values out.
//!
//! Start reading at [`command::main`].

pub mod check;
pub mod command;
pub mod explain;
pub mod probe;
pub mod replay;

mod client;
mod companion;
mod output;
