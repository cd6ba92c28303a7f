//! What a sandbox asks of the kernel: processes, namespaces, control groups and the memory that processes use.
//!
//! This module has all unsafe code of the crate and all system calls that need privileges. [`process`] starts programs, from one
//! thread. Each has the file system of its sandbox ([`isolation`]) and the limits of its sandbox ([`control_group`]).

mod control_group;
mod isolation;
pub(crate) mod memory;
mod output;
mod process;

pub(crate) use control_group::{ControlGroup, GroupLimits, ensure_guard};
pub(crate) use isolation::{Extent, Isolation, NamespacePlan, TASK_ROOT, View, in_layers};
pub(crate) use output::{Output, Rest};
pub(crate) use process::{Exit, Launcher, Process, ProcessGroup, Program, ResourceLimits};
