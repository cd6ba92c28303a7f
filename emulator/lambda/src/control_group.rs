//! Control groups: what one sandbox may use of memory and processes, counted and held by the kernel, whoever the user is.
//!
//! A process never leaves its group, whatever it does: so the end of the group is the end of all that a function started,
//! also of what left its process group. Both versions are used, for machines have either, or both at once. All groups of
//! this process are in one folder, `hardcap-` and its process id; [`guard`] removes it when this process has ended, however
//! it did. Where nothing may be made in the groups' file system, a sandbox has none, and the log says so once.

#[cfg(target_os = "linux")]
mod guard;
mod place;

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
use self::place::Place;
use hardcap_core::clock::Clock;
use hardcap_core::descriptors;

/// What the processes of one sandbox may use together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Memory, and with it the files in `/tmp`: that is a disk on AWS and memory here, and the kernel counts it in.
    pub(super) bytes: u64,
    /// Processes and threads together.
    pub(super) processes: u64,
}

/// The group of one sandbox: a folder in each hierarchy of the machine.
#[derive(Debug)]
pub(super) struct ControlGroup {
    folders: Vec<PathBuf>,
}

/// Where this process makes its groups.
#[derive(Debug)]
struct Home {
    places: Vec<Place>,
    last: AtomicU64,
    /// When it closes, the guard looks after what is left. It reads what is written here, and ignores it.
    alive: Mutex<OwnedFd>,
}

/// How long a killed process may take to be gone. One that the kernel holds longer is left to the guard.
const GONE_WITHIN: Millis = Millis(5_000);
const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// `None` where the machine permits none. Not set by a shortage, which may pass.
static HOME: OnceLock<Option<Home>> = OnceLock::new();

impl ControlGroup {
    /// Makes a group; `None` where the machine does not permit one.
    ///
    /// # Errors
    ///
    /// What the machine lacks at this moment.
    pub(super) fn make(bounds: Bounds) -> Result<Option<ControlGroup>, String> {
        let Some(home) = home()? else { return Ok(None) };
        home.see_to_guard();
        let name = home.last.fetch_add(1, Ordering::Relaxed).to_string();
        let mut group = ControlGroup { folders: Vec::new() };
        for place in &home.places {
            match place.make_group(&name, bounds) {
                Ok(folder) => group.folders.push(folder),
                Err(error) => {
                    if let Some(shortage) = descriptors::shortage(&error) {
                        return Err(shortage);
                    }
                    tracing::warn!("a sandbox has no control group in {place}: {error}");
                    return Ok(None);
                }
            }
        }
        Ok(Some(group))
    }

    /// The files in which a process writes `0` to join.
    pub(super) fn entrances(&self) -> Vec<CString> {
        let entrance = |folder: &PathBuf| place::c_string(&folder.join("cgroup.procs"));
        self.folders.iter().filter_map(|folder| entrance(folder).ok()).collect()
    }

    /// Whether the kernel counts its processes.
    pub(super) fn counts_processes(&self) -> bool {
        self.folders.iter().any(|folder| folder.join("pids.max").exists())
    }

    /// Whether the kernel has killed one of its processes for the memory that all of them used.
    pub(super) fn was_out_of_memory(&self) -> bool {
        ["memory.events", "memory.oom_control"].iter().any(|file| {
            let read = |folder: &PathBuf| std::fs::read_to_string(folder.join(file)).ok();
            self.folders.iter().filter_map(read).any(|text| place::kills(&text) > 0)
        })
    }

    /// Ends every process in it, and removes it when they are gone.
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
    /// One whose end nobody waits for: what still runs is killed, and the guard removes the rest.
    fn drop(&mut self) {
        self.folders.retain(|folder| !is_removed(folder));
    }
}

#[cfg(target_os = "linux")]
fn is_removed(folder: &Path) -> bool {
    place::c_string(folder).is_ok_and(|folder| guard::is_removed(&folder))
}

#[cfg(not(target_os = "linux"))]
fn is_removed(_folder: &Path) -> bool {
    true
}

/// Ends what still runs in a group, and removes it, should that take a moment.
#[cfg(target_os = "linux")]
fn remove(folder: &Path) {
    if let Ok(folder) = place::c_string(folder) {
        guard::remove(&folder);
    }
}

#[cfg(not(target_os = "linux"))]
fn remove(_folder: &Path) {}

/// Where this process makes its groups; made by the first call.
fn home() -> Result<Option<&'static Home>, String> {
    static MAKING: Mutex<()> = Mutex::new(());
    let _one_at_a_time = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
    if HOME.get().is_none() {
        let made = match Home::make() {
            Ok(home) => Some(home),
            Err(error) => {
                if let Some(shortage) = descriptors::shortage(&error) {
                    return Err(shortage);
                }
                tracing::info!(
                    "sandboxes have no control groups, because this user may not make them here: {error}. Memory is \
                     looked at ten times a second, and a process that leaves its process group does not end with its \
                     sandbox"
                );
                None
            }
        };
        let _ = HOME.set(made);
    }
    Ok(HOME.get().and_then(Option::as_ref))
}

/// Starts another guard where the last one was killed: without one, the groups would stay when this process ends.
pub(super) fn see_to_guard() {
    if let Some(Some(home)) = HOME.get() {
        home.see_to_guard();
    }
}

impl Home {
    #[cfg(target_os = "linux")]
    fn see_to_guard(&self) {
        let mut alive = self.alive.lock().unwrap_or_else(PoisonError::into_inner);
        // The guard is the only reader of the pipe. A full pipe has a reader.
        if rustix::io::write(&*alive, b"?") != Err(rustix::io::Errno::PIPE) {
            return;
        }
        match guard::start(&self.places) {
            Ok(another) => *alive = another,
            Err(error) => tracing::warn!("the guard of the control groups was killed: {error}"),
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn see_to_guard(&self) {}

    #[cfg(target_os = "linux")]
    fn make() -> io::Result<Home> {
        let places = place::find(
            &std::fs::read_to_string("/proc/self/cgroup")?,
            &std::fs::read_to_string("/proc/self/mountinfo")?,
        );
        places.iter().for_each(Place::sweep);
        let mut made: Vec<Place> = Vec::new();
        let mut refused = io::Error::other("the kernel offers none");
        for place in places {
            match place.make_home() {
                Ok(place) => made.push(place),
                Err(error) => refused = error,
            }
        }
        if made.is_empty() {
            return Err(refused);
        }
        match guard::start(&made) {
            Ok(alive) => {
                Ok(Home { places: made, last: AtomicU64::new(1), alive: Mutex::new(alive) })
            }
            Err(error) => {
                made.iter().for_each(Place::remove_home);
                Err(error)
            }
        }
    }

    /// Only Linux has them.
    #[cfg(not(target_os = "linux"))]
    fn make() -> io::Result<Home> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
