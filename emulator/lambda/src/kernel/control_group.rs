//! Control groups: the kernel counts and limits the memory and the processes of each sandbox, independent of the user.
//!
//! A process cannot leave its group, so ending the group ends everything that a function has started, including processes that
//! left their process group. Both versions are supported, because machines have either or both. All groups of this process are
//! in one folder, `hardcap-` and its process id; the [`guard`] removes it after this process has ended in any way. If no group
//! can be created, sandboxes have none, and the log says so once.

#[cfg(target_os = "linux")]
mod guard;
mod hierarchy;

use std::ffi::CString;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use hardcap_limits::Millis;

#[cfg(target_os = "linux")]
pub(super) use self::guard::join;
use self::hierarchy::Hierarchy;
use hardcap_core::clock::Clock;
use hardcap_core::descriptors::{self, Shortage};

/// The limits of all processes of one sandbox together.
#[derive(Clone, Copy, Debug)]
pub(super) struct GroupLimits {
    /// Memory, including the files in `/tmp`.
    pub(super) bytes: u64,
    /// Processes and threads together.
    pub(super) processes: u64,
}

/// The group of one sandbox: a folder in each hierarchy of the machine.
#[derive(Debug)]
pub(super) struct ControlGroup {
    folders: Vec<PathBuf>,
}

/// The folder for the groups of this process.
#[derive(Debug)]
struct GroupFolders {
    hierarchies: Vec<Hierarchy>,
    last: AtomicU64,
    /// When this pipe closes, the guard removes what is left. It reads the pipe to notice that, and ignores the content.
    alive: Mutex<OwnedFd>,
}

/// The time for a killed process to disappear. A process that the kernel holds longer is left to the guard.
const GONE_WITHIN: Millis = Millis(5_000);
const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// `None` if the machine permits no groups. Not set by a shortage, which may pass.
static HOME: OnceLock<Option<GroupFolders>> = OnceLock::new();

impl ControlGroup {
    /// Creates a group; `None` if the machine does not permit one.
    ///
    /// # Errors
    ///
    /// [`Shortage`] if the machine lacks a resource.
    pub(super) fn make(bounds: GroupLimits) -> Result<Option<ControlGroup>, Shortage> {
        let Some(home) = home()? else { return Ok(None) };
        home.ensure_guard();
        let name = home.last.fetch_add(1, Ordering::Relaxed).to_string();
        let mut group = ControlGroup { folders: Vec::new() };
        for hierarchy in &home.hierarchies {
            match hierarchy.make_group(&name, bounds) {
                Ok(folder) => group.folders.push(folder),
                Err(error) => {
                    if let Some(shortage) = descriptors::shortage(&error) {
                        return Err(shortage);
                    }
                    tracing::warn!(
                        "cannot create a control group for a sandbox in {hierarchy}: {error}"
                    );
                    return Ok(None);
                }
            }
        }
        Ok(Some(group))
    }

    /// The files to which a process writes `0` to join.
    pub(super) fn entrances(&self) -> Vec<CString> {
        let entrance = |folder: &PathBuf| hierarchy::c_string(&folder.join("cgroup.procs"));
        self.folders.iter().filter_map(|folder| entrance(folder).ok()).collect()
    }

    /// Whether the kernel counts its processes.
    pub(super) fn counts_processes(&self) -> bool {
        self.folders.iter().any(|folder| folder.join("pids.max").exists())
    }

    /// Whether the kernel has killed one of its processes because their total memory exceeded the limit.
    pub(super) fn was_out_of_memory(&self) -> bool {
        ["memory.events", "memory.oom_control"].iter().any(|file| {
            let read = |folder: &PathBuf| std::fs::read_to_string(folder.join(file)).ok();
            self.folders.iter().filter_map(read).any(|text| hierarchy::kills(&text) > 0)
        })
    }

    /// Kills every process in it, and removes it when they have ended.
    pub(super) async fn end(mut self, clock: &Clock) {
        let stopwatch = clock.stopwatch();
        loop {
            self.folders.retain(|folder| !is_removed(folder));
            if self.folders.is_empty() || stopwatch.elapsed_millis() > GONE_WITHIN {
                return;
            }
            clock.pause(LOOK_AGAIN).await;
        }
    }
}

impl Drop for ControlGroup {
    /// A group that was not ended: its processes are killed, and the guard removes the rest.
    fn drop(&mut self) {
        self.folders.retain(|folder| !is_removed(folder));
    }
}

#[cfg(target_os = "linux")]
fn is_removed(folder: &Path) -> bool {
    hierarchy::c_string(folder).is_ok_and(|folder| guard::is_removed(&folder))
}

#[cfg(not(target_os = "linux"))]
fn is_removed(_folder: &Path) -> bool {
    true
}

/// Kills the remaining processes of a group and removes it, after a short wait if necessary.
#[cfg(target_os = "linux")]
fn remove(folder: &Path) {
    if let Ok(folder) = hierarchy::c_string(folder) {
        guard::remove(&folder);
    }
}

#[cfg(not(target_os = "linux"))]
fn remove(_folder: &Path) {}

/// The folder for the groups of this process, created by the first call.
fn home() -> Result<Option<&'static GroupFolders>, Shortage> {
    static MAKING: Mutex<()> = Mutex::new(());
    let _one_at_a_time = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
    if HOME.get().is_none() {
        let made = match GroupFolders::make() {
            Ok(home) => Some(home),
            Err(error) => {
                if let Some(shortage) = descriptors::shortage(&error) {
                    return Err(shortage);
                }
                tracing::info!(
                    "sandboxes have no control groups, because this user cannot create them here: {error}. Memory is \
                     sampled ten times per second, and a process that leaves its process group does not end with its \
                     sandbox"
                );
                None
            }
        };
        let _ = HOME.set(made);
    }
    Ok(HOME.get().and_then(Option::as_ref))
}

/// Replaces a guard that was killed. Without a guard, the groups would remain after this process.
pub(crate) fn ensure_guard() {
    if let Some(Some(home)) = HOME.get() {
        home.ensure_guard();
    }
}

impl GroupFolders {
    #[cfg(target_os = "linux")]
    fn ensure_guard(&self) {
        let mut alive = self.alive.lock().unwrap_or_else(PoisonError::into_inner);
        // The guard is the only reader of the pipe. A full pipe has a reader.
        if rustix::io::write(&*alive, b"?") != Err(rustix::io::Errno::PIPE) {
            return;
        }
        match guard::start(&self.hierarchies) {
            Ok(another) => *alive = another,
            Err(error) => tracing::warn!(
                "the guard of the control groups was killed and cannot be restarted: {error}"
            ),
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn ensure_guard(&self) {}

    #[cfg(target_os = "linux")]
    fn make() -> io::Result<GroupFolders> {
        let hierarchies = hierarchy::find(
            &std::fs::read_to_string("/proc/self/cgroup")?,
            &std::fs::read_to_string("/proc/self/mountinfo")?,
        );
        hierarchies.iter().for_each(Hierarchy::sweep);
        let mut made: Vec<Hierarchy> = Vec::new();
        let mut refused = io::Error::other("the kernel offers no control groups");
        for hierarchy in hierarchies {
            match hierarchy.make_home() {
                Ok(hierarchy) => made.push(hierarchy),
                Err(error) => refused = error,
            }
        }
        if made.is_empty() {
            return Err(refused);
        }
        match guard::start(&made) {
            Ok(alive) => Ok(GroupFolders {
                hierarchies: made,
                last: AtomicU64::new(1),
                alive: Mutex::new(alive),
            }),
            Err(error) => {
                made.iter().for_each(Hierarchy::remove_home);
                Err(error)
            }
        }
    }

    /// Only Linux has control groups.
    #[cfg(not(target_os = "linux"))]
    fn make() -> io::Result<GroupFolders> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
