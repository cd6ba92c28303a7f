//! A `/tmp` of its own for each sandbox, by a mount namespace, where the kernel permits one.

use std::collections::BTreeSet;
use std::ffi::{CString, OsStr};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

use tempfile::TempDir;

/// The folder that a sandbox sees as `/tmp`. It outlives the process, as AWS keeps it when it replaces one.
#[derive(Debug)]
pub(super) struct PrivateTmp {
    folder: TempDir,
}

/// What the new process has to mount, with everything allocated before it is forked.
#[derive(Debug)]
pub(super) struct Plan {
    /// `(what, where)`: entries of the real `/tmp` that the function needs, then the folder over `/tmp`.
    pub(super) binds: Vec<(CString, CString)>,
    /// The folder to enter again, since the path to it may lead through the new mount now.
    pub(super) enter: CString,
}

impl PrivateTmp {
    /// A new, empty one.
    pub(super) fn new() -> io::Result<PrivateTmp> {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::Builder::new().prefix("hardcap-tmp-").tempdir()?;
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o1777))?;
        Ok(PrivateTmp { folder })
    }

    /// Prepares the mounts of a process that is started in `enter`.
    ///
    /// An entry of the real `/tmp` that one of `needed` leads through stays visible: a program or a task root may be there.
    pub(super) fn plan<'a>(
        &self,
        enter: &Path,
        needed: impl Iterator<Item = &'a OsStr>,
    ) -> io::Result<Plan> {
        let mut binds = Vec::new();
        for entry in entries_of_tmp(needed) {
            let inside = self.folder.path().join(entry.strip_prefix("/tmp").unwrap_or(&entry));
            if entry.is_dir() {
                std::fs::create_dir_all(&inside)?;
            } else if entry.is_file() {
                std::fs::File::create(&inside)?;
            } else {
                continue;
            }
            binds.push((c_string(&entry)?, c_string(&inside)?));
        }
        binds.push((c_string(self.folder.path())?, c_string(Path::new("/tmp"))?));
        Ok(Plan { binds, enter: c_string(enter)? })
    }
}

/// The entries of `/tmp` that these paths, or lists of paths as in `PATH`, lead through: `/tmp/app/bin` is in `/tmp/app`.
fn entries_of_tmp<'a>(paths: impl Iterator<Item = &'a OsStr>) -> BTreeSet<PathBuf> {
    let mut entries = BTreeSet::new();
    for list in paths {
        for path in list.as_bytes().split(|&byte| byte == b':') {
            let path = Path::new(OsStr::from_bytes(path));
            let Ok(inside) = path.strip_prefix("/tmp") else { continue };
            if let Some(Component::Normal(first)) = inside.components().next() {
                entries.insert(Path::new("/tmp").join(first));
            }
        }
    }
    entries
}

fn c_string(path: &Path) -> io::Result<CString> {
    CString::new(path.as_os_str().as_bytes())
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "a path holds a zero byte"))
}

/// Makes the mounts, in the new process between fork and exec: only system calls, nothing is allocated.
#[cfg(target_os = "linux")]
pub(super) fn mount(plan: &Plan, identity: &Identity) -> io::Result<()> {
    use rustix::mount::{MountPropagationFlags, mount_bind_recursive, mount_change};
    enter_namespace(identity)?;
    // Without this the mounts below would be seen by the whole machine.
    mount_change(c"/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)?;
    for (what, over) in &plan.binds {
        mount_bind_recursive(what.as_c_str(), over.as_c_str())?;
    }
    rustix::process::chdir(plan.enter.as_c_str())?;
    Ok(())
}

/// Who the emulator is: only root may make a mount namespace alone, others need a user namespace around it.
#[cfg(target_os = "linux")]
#[derive(Debug)]
pub(super) struct Identity {
    user_maps: Option<[(&'static std::ffi::CStr, Vec<u8>); 3]>,
}

#[cfg(target_os = "linux")]
impl Identity {
    pub(super) fn current() -> Identity {
        let (user, group) = (rustix::process::geteuid(), rustix::process::getegid());
        let same = |id: u32| format!("{id} {id} 1").into_bytes();
        let user_maps = (!user.is_root()).then(|| {
            [
                (c"/proc/self/setgroups", b"deny".to_vec()),
                (c"/proc/self/uid_map", same(user.as_raw())),
                (c"/proc/self/gid_map", same(group.as_raw())),
            ]
        });
        Identity { user_maps }
    }
}

#[cfg(target_os = "linux")]
#[expect(
    unsafe_code,
    reason = "leaving a namespace is unsafe only where file descriptors are shared"
)]
fn enter_namespace(identity: &Identity) -> io::Result<()> {
    use rustix::fs::{Mode, OFlags};
    use rustix::thread::{UnshareFlags, unshare_unsafe};
    let mut flags = UnshareFlags::NEWNS;
    if identity.user_maps.is_some() {
        flags |= UnshareFlags::NEWUSER;
    }
    // SAFETY: the table of file descriptors is not unshared.
    unsafe { unshare_unsafe(flags)? };
    for (file, text) in identity.user_maps.iter().flatten() {
        let file = rustix::fs::open(*file, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
        rustix::io::write(&file, text)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_entries_of_tmp_that_a_function_needs() {
        let needed =
            ["/tmp/app/bin/guest", "/usr/bin:/tmp/venv/bin", "/tmp", "relative/tmp/x", "a:b"];
        let entries = entries_of_tmp(needed.iter().map(OsStr::new));
        let expected: Vec<&Path> = vec![Path::new("/tmp/app"), Path::new("/tmp/venv")];
        assert_eq!(entries.iter().map(PathBuf::as_path).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn the_folder_goes_over_tmp_last_and_is_gone_with_its_owner() {
        let kept = tempfile::tempdir_in("/tmp").unwrap();
        let tmp = PrivateTmp::new().unwrap();
        let folder = tmp.folder.path().to_owned();
        let plan = tmp.plan(Path::new("/"), [kept.path().as_os_str()].into_iter()).unwrap();
        let targets: Vec<_> =
            plan.binds.iter().map(|(_, target)| target.to_str().unwrap()).collect();
        assert_eq!(targets.len(), 2);
        assert_eq!(targets[1], "/tmp");
        assert!(Path::new(targets[0]).is_dir(), "the place to mount on exists");
        drop(tmp);
        assert!(!folder.exists());
    }
}
