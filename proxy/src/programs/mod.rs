//! The programs other than the function `proxy`: the functions of jobs, and the operator's command line.

pub mod admin;
pub mod jobs;
