//! Jobs: work that takes longer than a request may, done once, in as many invocations as it needs.
//!
//! A [`Job`] is a value that runs step by step. The [`Engine`] runs it in *generations*, each one invocation of the job function.
//! When the time of an invocation ends, the value is serialized and the function invokes itself, with the state in the event if
//! it fits and in the bucket otherwise. A row in a table names the current generation. Every change of the row is conditional, so
//! that duplicate, late and lost events do no harm. A sweeper restarts lost generations. A job ends exactly once.
//!
//! # A new kind of job
//!
//! ```
//! use hardcap_proxy::job::{Context, Job, Output, Step, StepError};
//! use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
//! use serde::{Deserialize, Serialize};
//!
//! /// Sums numbers, a thousand in each step.
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
//!         let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("text/plain"))]);
//!         Ok(Step::Complete(Output::put(context, headers, text.into()).await?))
//!     }
//! }
//! ```
//!
//! `examples/job.rs` runs this job from its creation to its result.
//!
//! # Files
//!
//! `row.rs` is the state machine, as pure functions. `engine.rs`, `create.rs`, `run.rs` and `sweep.rs` apply it through the traits
//! of `ports.rs`, which `aws/` and `memory.rs` implement. `event.rs` is the event. `forward.rs` and `export.rs` are the proxy's
//! two kinds of job, `handler::job_api` is their HTTP interface, and `programs::jobs` has the Lambda functions.
//!
//! `docs/failure-modes.md` lists known failure modes of jobs and their tests.

pub mod aws;
pub mod export;
pub mod forward;
pub mod memory;
pub mod ports;
pub mod search;
pub mod settings;

mod create;
mod engine;
mod event;
mod hashing;
mod log;
mod outcome;
mod refusal;
mod row;
mod run;
mod state;
mod sweep;
mod work;

pub use create::{CreateError, Key, NewJob, row_key};
pub use engine::Engine;
pub use event::{Digest, EventState, JobEvent, payload};
pub use outcome::{DETAIL_MAX, JobError, Output, Progress};
pub use refusal::JobRefusal;
pub use row::{NewRow, Row};
pub use run::RunOutcome;
pub use settings::JobSettings;
pub use state::{Decision, GenerationRef, JobEnd, JobState, Lease, Leftovers, Setback};
pub use sweep::SweepReport;
pub use work::{Context, Job, Results, Step, StepError};
