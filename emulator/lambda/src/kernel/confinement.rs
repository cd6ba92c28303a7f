//! What confines the processes of one sandbox: its file system, its control group and its limits.

use std::io;
use std::sync::Arc;

use super::control_group::{ControlGroup, GroupLimits};
use super::isolation::{Extent, Isolation, NamespacePlan, View};
use super::process::{Launcher, Process, ProcessLimits, Program, Restrictions};
use hardcap_core::clock::Clock;
use hardcap_core::descriptors::Shortage;

/// The limits of one sandbox.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SandboxLimits {
    /// The memory of all processes together, in bytes, including the files in `/tmp`: AWS stores them on disk, but here they
    /// are in memory and counted by the kernel.
    pub(crate) bytes: u64,
    /// The number of all processes and threads together.
    pub(crate) processes: u64,
    /// The number of open files of each process.
    pub(crate) file_descriptors: u64,
}

/// What confines the processes of one sandbox.
#[derive(Debug)]
pub(crate) struct Confinement {
    isolation: Arc<Isolation>,
    limits: ProcessLimits,
    /// `None` if the machine permits no control groups.
    group: Option<ControlGroup>,
}

impl Confinement {
    /// Creates the control group of a sandbox, if the machine permits one.
    ///
    /// # Errors
    ///
    /// [`Shortage`] if the machine lacks a resource.
    pub(crate) fn new(
        isolation: Arc<Isolation>,
        limits: SandboxLimits,
    ) -> Result<Confinement, Shortage> {
        let SandboxLimits { bytes, processes, file_descriptors } = limits;
        let group = ControlGroup::make(GroupLimits { bytes, processes })?;
        let counted = group.as_ref().is_some_and(ControlGroup::counts_processes);
        let limits = ProcessLimits { file_descriptors, processes, counted };
        Ok(Confinement { isolation, limits, group })
    }

    /// Starts a program with this extent of isolation. The first one creates the namespace of the sandbox, the others enter it.
    ///
    /// # Errors
    ///
    /// The error of the mounts, of fork or of exec: the kernel does not permit the extent, or the program is missing, not
    /// executable, or not for this machine.
    pub(crate) async fn start(
        &self,
        launcher: &Launcher,
        program: Program,
        view: &View<'_>,
        extent: Extent,
    ) -> io::Result<Process> {
        let plan = self.isolation.plan(extent, view)?;
        let makes = matches!(plan, Some(NamespacePlan::Make(_)));
        let entrances = self.group.as_ref().map(ControlGroup::entrances).unwrap_or_default();
        let restrictions = Restrictions { plan, limits: self.limits, entrances };
        let process = launcher.launch(program, restrictions).await?;
        if makes {
            self.isolation.keep(extent, process.group.pid());
        }
        Ok(process)
    }

    /// Whether the kernel has killed a process because the sandbox's total memory exceeded the limit.
    pub(crate) fn was_out_of_memory(&self) -> bool {
        self.group.as_ref().is_some_and(ControlGroup::was_out_of_memory)
    }

    /// Ends all remaining processes.
    pub(crate) async fn end(self, clock: &Clock) {
        if let Some(group) = self.group {
            group.end(clock).await;
        }
    }
}
