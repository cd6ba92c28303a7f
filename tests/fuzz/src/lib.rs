//! The bodies of the fuzz targets, which `tests/src/fuzz` has.

#[path = "../../src/fuzz/mod.rs"]
pub mod fuzz;
