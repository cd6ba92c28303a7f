//! What a sandbox asks of the kernel: processes, namespaces, control groups and the memory that processes use.
//!
//! This module has all unsafe code of the crate and all system calls that need privileges. Its interface:
//!
//! - [`Confinement`] is the control group, the limits and the file system of one sandbox, and starts its processes.
//! - [`Launcher`] has the thread that starts them. [`Process`] is one that runs: its group, its output, its [`Exit`].
//! - [`Extent`] says how much of the file system is the sandbox's own. A caller whose start failed tries a smaller one.
//! - [`ensure_guard`] keeps the process alive that removes the control groups after a `kill -9` of the emulator.
//! - [`memory`] counts what the processes use.
//!
//! No system has to permit anything of it: where namespaces or control groups are missing, there is less isolation, and the log
//! says so once.

mod confinement;
mod control_group;
mod isolation;
pub(crate) mod memory;
mod output;
mod process;
#[cfg(all(test, target_os = "linux"))]
mod tests;

pub(crate) use confinement::{Confinement, SandboxLimits};
pub(crate) use control_group::ensure_guard;
pub(crate) use isolation::{Extent, Isolation, Mount, TASK_ROOT, View, in_layers};
pub(crate) use output::{Output, Rest};
pub(crate) use process::{Exit, Launcher, Process, ProcessGroup, Program};
