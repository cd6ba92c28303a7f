//! The programs beside the function `proxy`: the functions of jobs, and what an operator runs at a terminal.

pub mod admin;
pub mod jobs;
