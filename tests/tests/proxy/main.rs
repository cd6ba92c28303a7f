//! The real proxy and its jobs in front of the emulator: clients, sessions, uploads, settings, and the upstream `search`.

mod clients;
mod deployment;
mod jobs;
mod properties;
mod search;
mod sessions;
mod settings;
mod uploads;
