//! The program `hardcap` from outside.

mod first_use;
mod program;
mod snapshots;
mod stderr;
