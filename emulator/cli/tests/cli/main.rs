//! The program `hardcap` from outside.

mod program;
mod stderr;
