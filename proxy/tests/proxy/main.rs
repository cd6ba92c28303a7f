//! The proxy from outside: what reaches the upstream, what reaches the client, sessions and jobs.

mod delivery;
mod job_chaos;
mod job_engine;
mod jobs;
mod links;
mod peers;
mod requests;
mod sessions;
mod support;
