//! The table of limits and the arithmetic of envelopes.

// The modules of the build script are compiled into this program, because Cargo runs no tests of a build script.
#[path = "../../build/check.rs"]
#[expect(dead_code, reason = "the test looks at diagnostics, the build script at rows")]
mod check;
#[path = "../../build/entry.rs"]
mod entry;

mod data;
mod envelope;
mod page;
mod refusals;
mod schema;
mod table;
