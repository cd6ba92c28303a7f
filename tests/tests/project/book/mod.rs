//! The README and the book: links resolve, snippets do what the pages show, references are equal to the program.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod control_api;
mod output;
mod page;
mod pages;
mod rust;
mod schema;
mod snippets;
mod stage;
