//! A project as it lies on the disk: a SAM or CloudFormation template, `hardcap.toml`, and the programs of its functions.
//!
//! The crate promises: what it reads becomes a [`Config`](hardcap_core::config::Config) that an emulator runs, or an error with a place
//! in a file. It never starts a function. It starts other programs only in [`packaging`]: cargo and package managers for what is
//! missing, and interpreters that are asked for their version.
//!
//! Start reading at [`template::load`]. [`source`] has the tree of YAML and TOML with the position of each node, [`settings`] is
//! `hardcap.toml`, [`packaging`] finds and builds programs, [`rules`] are the rules of `hardcap check`.
//!
//! It is a crate of its own, because nothing of it runs while requests are served: a build in release does not optimize it.

pub mod packaging;
pub mod rules;
pub mod settings;
pub mod source;
pub mod template;
