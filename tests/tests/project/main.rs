//! The repository itself: its rules, its book, the corpora of reports and of fuzz inputs.

#[path = "../../src/fuzz/mod.rs"]
pub mod fuzz;

mod book;
mod fuzz_corpus;
mod reports;
mod tidy;
