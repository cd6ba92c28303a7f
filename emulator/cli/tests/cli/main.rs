//! The program `hardcap` from outside.

mod program;
mod snapshots;
mod stderr;
