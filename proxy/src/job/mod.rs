//! Jobs: work that takes longer than a request may, done once, across as many invocations as it needs.
//!
//! A [`Job`] is a value that takes steps. The [`Engine`] runs it in *generations*, one invocation of the job function
//! each. When the time of an invocation comes to its end, the value is written down and the function invokes itself, with
//! the state in the event when all of it fits and in the bucket otherwise. A row in a table says which generation is to
//! run; every change of it is conditional, so that events which come twice, late or never do no harm. A sweeper begins
//! again what was lost. A job ends exactly once.
//!
//! # A job of one's own
//!
//! ```
//! use hardcap_proxy::job::{Context, Job, Output, Step, StepError};
//! use serde::{Deserialize, Serialize};
//!
//! /// Sums numbers, a thousand at a step.
//! #[derive(Default, Serialize, Deserialize)]
//! struct Sum {
//!     next: u64,
//!     sum: u64,
//! }
//!
//! impl Job for Sum {
//!     const KIND: &'static str = "sum";
//!     type Input = u64;
//!     type Tools = ();
//!
//!     async fn step(&mut self, context: &Context<'_, Self>) -> Result<Step, StepError> {
//!         let end = (self.next + 1000).min(*context.input);
//!         self.sum += (self.next..end).sum::<u64>();
//!         self.next = end;
//!         if end < *context.input {
//!             return Ok(Step::Continue);
//!         }
//!         let text = self.sum.to_string();
//!         let headers = vec![("content-type".to_owned(), "text/plain".to_owned())];
//!         Ok(Step::Complete(Output::put(context, headers, text.into()).await?))
//!     }
//! }
//! ```
//!
//! `examples/job.rs` runs one, from its creation to its result.
//!
//! # What is where
//!
//! `row.rs` is the state machine, pure; `engine.rs`, `create.rs`, `run.rs` and `sweep.rs` act on it through the traits of
//! `ports.rs`, which `memory.rs` implements; `event.rs` is what travels. `export.rs` is a kind of job.

pub mod export;
pub mod memory;
pub mod ports;
pub mod search;

mod create;
mod engine;
mod event;
mod hashing;
mod lines;
mod outcome;
mod row;
mod run;
mod settings;
mod state;
mod sweep;
mod work;

pub use create::{CreateError, Key, NewJob, row_key};
pub use engine::Engine;
pub use event::{Carried, Digest, Event, payload};
pub use outcome::{DETAIL_MAX, Output, Problem, Progress};
pub use row::{Accepted, Row};
pub use run::Ran;
pub use settings::Settings;
pub use state::{Asked, Claim, Decision, Ending, Leftovers, Setback, State};
pub use sweep::Swept;
pub use work::{Context, Job, Results, Step, StepError};
