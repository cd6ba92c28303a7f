//! YAML and TOML as one tree whose nodes have a position, and errors with a position in a file.

pub mod diagnostic;
pub(crate) mod toml;
pub(crate) mod tree;
