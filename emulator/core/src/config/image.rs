//! The container image of a function.

use std::path::PathBuf;

/// The label of every container of hardcap. Its value is the process id of the hardcap that the container belongs to.
pub const CONTAINER_LABEL: &str = "hardcap";

/// An image that is on this machine, and how a container of it starts: `ImageConfig` of the function, else what the image says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Docker's client.
    pub docker: PathBuf,
    /// The name, for messages: `hello:latest`.
    pub name: String,
    /// The id of its content. A new build of the same name has another one.
    pub id: String,
    /// Its size, with all layers and not compressed, in bytes.
    pub bytes: u64,
    /// The program and its first arguments. Empty: `command` alone is started.
    pub entry_point: Vec<String>,
    /// The arguments after those of `entry_point`.
    pub command: Vec<String>,
    /// The working directory; `None` for the one of the image.
    pub working_directory: Option<String>,
}
