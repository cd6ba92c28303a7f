//! Text files that people write, and errors with a place in them: YAML and TOML as one tree whose nodes know their position.

pub mod mistake;
pub mod nearest;
pub(crate) mod toml;
pub(crate) mod tree;
