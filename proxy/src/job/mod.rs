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
//! # Which test holds off which trap
//!
//! | trap | tests |
//! | --- | --- |
//! | H1 202 only after a durable accept | `tests/proxy/job_engine`: `h1_*`; `tests/proxy/job_chaos`: `j2_j4_h1_*` |
//! | H2 what is told of a job | `runs`: `h2_*`; `tests/proxy/jobs.rs`: `h2_*`, `a_slow_job_*`, `a_failed_job_*`; `row::tests`: `j7_*` |
//! | H3 results are what was sent | `tests/proxy/jobs.rs`: `h3_*`, `a_quick_job_*`; `export::tests`; `large` |
//! | H4 ids belong to owners | `tests/proxy/job_engine`: `h4_*` |
//! | J1 recursion is cut off | `tests/proxy/job_engine`: `j1_*`; `runs`: `j1_*`, `an_export_of_forty_generations_*`; `real_time`: `forty_generations_*` |
//! | J2 duplicates, order, loss | `tests/proxy/job_chaos`: `j2_*`; `tests/proxy/job_engine`: `j2_*`; `row::tests`: `j2_*` |
//! | J3 steps longer than the time | `tests/proxy/job_engine`: `j3_*`; `real_time`: `j3_*`, `a_job_longer_than_*` |
//! | J4 writing and invoking are two things | `tests/proxy/job_chaos`: `j2_j4_*` |
//! | J5 oversize is permanent | `tests/proxy/job_engine`: `j5_*` |
//! | J6 inline or by reference, and forgeries | `event::tests`: `j6_*`; `tests/proxy/job_engine`: `j6_*`; `runs`: `j6_*`, `an_export_whose_parts_*` |
//! | J7 states only move on | `row::tests`: `j7_*` |
//! | J8 bounds | `row::tests`: `j8_*`; `tests/proxy/job_engine`: `j8_*`; `tests/proxy/jobs.rs`: `j8_*` |
//! | J9 one request, one job | `tests/proxy/job_engine`: `j9_*`; `tests/proxy/jobs.rs`: `j9_*` |
//! | J11 nothing but the signature in a link | `tests/tests/proxy/uploads.rs`: `j11_*` |
//! | J13 small rows, lazy expiry | `outcome::j13_*`; `tests/proxy/job_engine`: `j13_*`; `tests/proxy/jobs.rs`: `h2_*` |
//! | J14 no secret in an event | `tests/proxy/job_engine`: `j14_*`; `tests/proxy/jobs.rs`: `j14_*` |
//!
//! `runs`, `real_time` and `large` run whole jobs in real functions, and lie in the package that tests both sides.
//! J10 and J12 are about uploads; the crate has their tests.

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
pub use event::{EventState, Digest, JobEvent, payload};
pub use outcome::{DETAIL_MAX, Output, JobError, Progress};
pub use refusal::JobRefusal;
pub use row::{NewRow, Row};
pub use run::RunOutcome;
pub use settings::JobSettings;
pub use state::{GenerationRef, Lease, Decision, JobEnd, Leftovers, Setback, JobState};
pub use sweep::SweepReport;
pub use work::{Context, Job, Results, Step, StepError};
