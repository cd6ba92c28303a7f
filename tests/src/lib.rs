//! The vocabulary of hardcap's tests: an emulator, the functions in it, an upstream behind them, and a client.
//!
//! ```no_run
//! use hardcap::Emulator;
//! use hardcap_tests::{client::Client, functions::guest};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let emulator = Emulator::builder().function(guest("echo")).function_url("echo").start().await?;
//! let answer = Client::new().get(emulator.function_url("echo")?).await?;
//! assert_eq!(answer.status, 200);
//! # Ok(())
//! # }
//! ```
//!
//! Each test starts its own: everything listens on free ports when `start` returns, and ends when it is dropped.

pub mod functions;

pub mod agents;
pub mod browser;
pub mod client;
pub mod eventually;
pub mod export;
pub mod lambda;

pub mod arbitrary;
pub mod json_schema;
pub mod template;

pub mod installed;
pub mod process;
pub mod property;

/// What the shipped application has, too: the upstream, and bodies of any size.
pub use hardcap_demo::{content, search};
