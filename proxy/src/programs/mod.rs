//! The programs other than the function `proxy`: the functions of jobs, and the operator's command line.
//!
//! Each starts the runtime itself and returns when the program ends. The library compiles them, once: a future that is polled in
//! a program would be compiled, with everything inside it, for each program.

pub mod admin;
pub mod jobs;
