//! Lambda and its gateways from outside: real sockets, real processes, every limit at its edge.

mod authorizers;
mod extensions;
mod faults;
mod gateway;
mod guard;
mod headline;
mod integrations;
mod lambda;
mod queue;
mod runtime_api_model;
mod signed_urls;
mod streaming;
