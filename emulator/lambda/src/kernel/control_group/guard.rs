//! The guard: a process that waits for the end of this one, and then removes its control groups.
//!
//! It is a fork without exec, because no separate program may be installed. It leaves this process's session, so that a signal
//! from the terminal does not end both, and it has its own group in each folder.

use std::ffi::{CStr, CString};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt as _;

use rustix::fs::{AtFlags, CWD, Mode, OFlags, RawDir, fcntl_setfl, openat, unlinkat};
use rustix::io::{Errno, read, write};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, Signal, getpid, kill_process, setsid};
use rustix::thread::{Timespec, nanosleep, set_name};

use super::hierarchy::{GUARD, Hierarchy, c_string};

/// A folder as the guard needs it, allocated before the fork.
#[derive(Debug)]
struct GuardedFolder {
    home: CString,
    entrance: CString,
    /// The original group of this process, to which the guard returns at the end.
    exit: CString,
}

/// The number of attempts, 10 ms apart, to remove a group whose process the kernel still holds.
const ATTEMPTS: u32 = 1_000;

/// Starts the guard. It begins to clean up when the returned pipe closes.
///
/// # Errors
///
/// If the guard cannot join its groups: then functions could not join theirs either.
pub(super) fn start(hierarchies: &[Hierarchy]) -> io::Result<OwnedFd> {
    let post = |hierarchy: &Hierarchy| {
        Ok(GuardedFolder {
            home: c_string(&hierarchy.folder)?,
            entrance: c_string(&hierarchy.folder.join(GUARD).join("cgroup.procs"))?,
            exit: c_string(&hierarchy.own.join("cgroup.procs"))?,
        })
    };
    let posts: Vec<GuardedFolder> = hierarchies.iter().map(post).collect::<io::Result<_>>()?;
    let (ended, alive) = pipe_with(PipeFlags::CLOEXEC)?;
    // The two ends are separate open files: only the writer is non-blocking.
    fcntl_setfl(&alive, OFlags::NONBLOCK)?;
    #[expect(clippy::disallowed_methods, reason = "a fork that becomes no other program")]
    let mut command = std::process::Command::new("guard");
    let keep_watch = move || {
        posts.iter().try_for_each(|post| join(&post.entrance))?;
        setsid()?;
        set_name(c"sandbox-guard")?;
        close_all_but(ended.as_fd())?;
        while matches!(read(&ended, &mut [0_u8]), Ok(1..) | Err(Errno::INTR)) {}
        posts.iter().for_each(clear);
        // The guard must not return: it is a copy of a program that has ended.
        loop {
            let _ = kill_process(getpid(), Signal::KILL);
        }
    };
    #[expect(unsafe_code, reason = "a process that stays what it was forked as has no safe form")]
    // SAFETY: the closure makes only system calls on data that was allocated before.
    unsafe {
        command.pre_exec(keep_watch)
    };
    // Returns after the guard has closed its unneeded files. The guard is not waited for: it outlives this process.
    drop(command.spawn()?);
    Ok(alive)
}

/// Makes the calling process a member of a group.
pub(crate) fn join(entrance: &CStr) -> io::Result<()> {
    let entrance = openat(CWD, entrance, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
    write(&entrance, b"0")?;
    Ok(())
}

#[expect(unsafe_code, reason = "no other code uses the files of a fork")]
fn close_all_but(kept: BorrowedFd<'_>) -> io::Result<()> {
    let open = folder(CWD, c"/proc/self/fd")?;
    let mut buffer = [MaybeUninit::uninit(); 8192];
    let mut entries = RawDir::new(open.as_fd(), &mut buffer);
    while let Some(entry) = entries.next() {
        let Some(number) = number(entry?.file_name().to_bytes()) else { continue };
        if number != kept.as_raw_fd() && number != open.as_raw_fd() {
            // SAFETY: the threads that used it do not exist in this process.
            unsafe { rustix::io::close(number) };
        }
    }
    Ok(())
}

fn number(digits: &[u8]) -> Option<RawFd> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn folder(at: impl AsFd, path: &CStr) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(openat(at, path, flags, Mode::empty())?)
}

/// Kills everything that remains in a folder of groups, and removes it.
fn clear(post: &GuardedFolder) {
    for _ in 0..ATTEMPTS {
        let Ok(home) = folder(CWD, &post.home) else { return };
        if is_cleared(home.as_fd()).is_ok_and(|cleared| cleared) {
            break;
        }
        pause();
    }
    let _ = join(&post.exit);
    let Ok(home) = folder(CWD, &post.home) else { return };
    for _ in 0..ATTEMPTS {
        let _ = unlinkat(&home, GUARD, AtFlags::REMOVEDIR);
        if unlinkat(CWD, &post.home, AtFlags::REMOVEDIR) != Err(Errno::BUSY) {
            return;
        }
        pause();
    }
}

/// Whether the guard's group is the only one left.
fn is_cleared(home: BorrowedFd<'_>) -> io::Result<bool> {
    let mut buffer = [MaybeUninit::uninit(); 8192];
    let mut entries = RawDir::new(home, &mut buffer);
    let mut cleared = true;
    while let Some(entry) = entries.next() {
        let entry = entry?;
        let name = entry.file_name();
        // Groups have numbers as names; all other entries are the kernel's files.
        if number(name.to_bytes()).is_some() {
            cleared &= is_removed_from(home, name);
        }
    }
    Ok(cleared)
}

/// Kills the remaining processes of a group, and removes it if it is empty.
pub(super) fn is_removed(group: &CStr) -> bool {
    is_removed_from(CWD, group)
}

/// As [`is_removed`], with retries for the time that killed processes usually take to disappear.
pub(super) fn remove(group: &CStr) {
    for _ in 0..20 {
        if is_removed(group) {
            return;
        }
        pause();
    }
}

fn is_removed_from(at: impl AsFd, group: &CStr) -> bool {
    match unlinkat(&at, group, AtFlags::REMOVEDIR) {
        Ok(()) | Err(Errno::NOENT) => true,
        Err(_) => {
            if let Ok(group) = folder(at, group) {
                end(&group);
            }
            false
        }
    }
}

/// Kills every process of a group: with `cgroup.kill` if the kernel has it, else one by one.
fn end(group: &OwnedFd) {
    let file = |name: &CStr, flags| openat(group, name, flags | OFlags::CLOEXEC, Mode::empty());
    if file(c"cgroup.kill", OFlags::WRONLY).is_ok_and(|kill| write(&kill, b"1").is_ok()) {
        return;
    }
    // A fork bomb could otherwise create processes faster than they are killed.
    let _ = file(c"pids.max", OFlags::WRONLY).map(|most| write(&most, b"0"));
    let Ok(members) = file(c"cgroup.procs", OFlags::RDONLY) else { return };
    let mut buffer = [0; 4096];
    let mut process: i32 = 0;
    while let Ok(length @ 1..) = read(&members, &mut buffer) {
        for &byte in &buffer[..length] {
            if byte.is_ascii_digit() {
                process = process.wrapping_mul(10).wrapping_add(i32::from(byte - b'0'));
            } else if let Some(pid) = Pid::from_raw(std::mem::take(&mut process)) {
                let _ = kill_process(pid, Signal::KILL);
            }
        }
    }
}

fn pause() {
    let _ = nanosleep(&Timespec { tv_sec: 0, tv_nsec: 10_000_000 });
}
