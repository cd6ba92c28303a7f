//! The isolation of a sandbox: its own `/tmp` with a fixed size, its code in `/var/task`, its layers in `/opt`.
//!
//! It uses a mount namespace, if the kernel permits one. The first process of a sandbox creates it, the others enter it, and
//! the emulator keeps it open between processes. So `/tmp` outlives a timeout, as on AWS, and disappears with the emulator,
//! because it is not on the machine's disk.

use std::collections::BTreeSet;
use std::ffi::{CString, OsStr, OsString};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, PoisonError};

/// The folder of a function's code.
pub(crate) const TASK_ROOT: &str = "/var/task";
/// The host names that AWS gives the sandbox's own address. Extensions listen on them.
const HOSTS: &str = "\n127.0.0.1 sandbox.localdomain sandbox\n";

/// The extent of isolation that the kernel permits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Extent {
    Nothing,
    /// `/tmp` alone.
    Tmp,
    /// `/tmp`, `/var/task`, `/opt`, and the sandbox's host names.
    Whole,
}

const ALL: [Extent; 3] = [Extent::Nothing, Extent::Tmp, Extent::Whole];

/// The largest extent that a sandbox of this run was started with. An error that occurs later is not the machine's.
static PROVEN: AtomicU8 = AtomicU8::new(0);
/// The extent that this machine permits. It only ever decreases.
static PERMITTED: AtomicU8 = AtomicU8::new(if cfg!(target_os = "linux") { 2 } else { 0 });

impl Extent {
    /// The largest extent that is not known to be refused.
    pub(crate) fn permitted() -> Extent {
        ALL[usize::from(PERMITTED.load(Ordering::Relaxed)).min(2)]
    }

    /// The next smaller extent.
    pub(crate) fn reduced(self) -> Option<Extent> {
        (self as usize).checked_sub(1).map(|at| ALL[at])
    }

    /// Notes that the machine permits this extent.
    pub(crate) fn prove(self) {
        PROVEN.fetch_max(self as u8, Ordering::Relaxed);
    }

    /// Notes that a sandbox was started with this extent after a larger one was refused. If the kernel will refuse it every
    /// time, later sandboxes use this extent, and the log says so once; else only this sandbox does.
    pub(crate) fn reduce_permitted(self, refused: &io::Error) {
        let why = refused;
        if !self.is_for_all(refused, PROVEN.load(Ordering::Relaxed)) {
            tracing::warn!("a sandbox is less isolated than the others ({self:?}): {why}");
            return;
        }
        if PERMITTED.fetch_min(self as u8, Ordering::Relaxed) <= self as u8 {
            return;
        }
        match self {
            Extent::Whole => {}
            Extent::Tmp => tracing::warn!(
                "functions run in their own folder instead of {TASK_ROOT}, because the kernel does not permit the mounts: {why}"
            ),
            Extent::Nothing => tracing::warn!(
                "sandboxes share the machine's /tmp without a size limit, because the kernel permits no private one: {why}"
            ),
        }
    }

    /// Whether a refused larger extent is the machine's limit, and not that of one function: its program, its code, its layers.
    fn is_for_all(self, refused: &io::Error, proven: u8) -> bool {
        is_permanent(refused) && proven <= self as u8
    }
}

/// Whether the kernel gives this error for the same mounts every time, because it lacks them or does not permit them.
fn is_permanent(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let errno = error.raw_os_error().map(Errno::from_raw_os_error);
    matches!(errno, Some(Errno::PERM | Errno::NOSYS | Errno::INVAL | Errno::ACCESS))
}

/// The view of the machine for a sandbox.
#[derive(Debug)]
pub(crate) struct View<'a> {
    pub(crate) task_root: &'a Path,
    /// The folders to merge into `/opt`, the last one on top.
    pub(crate) layers: &'a [PathBuf],
    /// Folders to mount below `/mnt`, writable.
    pub(crate) mounts: &'a [Mount],
    /// Paths, or lists of paths, that must stay visible even under `/tmp`.
    pub(crate) needed: Vec<&'a OsStr>,
    /// The size of `/tmp`.
    pub(crate) tmp_mb: u64,
}

/// A folder of this machine, and its place in a sandbox: `/mnt/NAME`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mount {
    pub(crate) folder: PathBuf,
    pub(crate) place: PathBuf,
}

/// The namespace of one sandbox, created by its first process.
#[derive(Debug, Default)]
pub(crate) struct Isolation {
    made: Mutex<Option<Made>>,
}

#[derive(Debug)]
struct Made {
    extent: Extent,
    user: Option<OwnedFd>,
    mount: OwnedFd,
}

/// The steps of a new process before exec, with all memory allocated before the fork.
#[derive(Debug)]
pub(super) enum NamespacePlan {
    Make(Make),
    Enter { user: Option<OwnedFd>, mount: OwnedFd, folder: CString },
}

/// The creation of a namespace.
#[derive(Debug)]
pub(super) struct Make {
    whole: bool,
    task_root: Tree,
    layers: Vec<Tree>,
    /// The folders below `/mnt`, each with the place that is created for it in the first `/tmp`.
    mounts: Vec<(Tree, CString)>,
    /// Entries of the real `/tmp` that stay visible.
    kept: Vec<Tree>,
    /// `lowerdir=…`, for `/opt`.
    opt: CString,
    hosts: Vec<u8>,
    tmp: CString,
    folder: CString,
}

/// A folder to mount elsewhere.
#[derive(Debug)]
struct Tree {
    from: CString,
    to: CString,
    is_folder: bool,
    opened: Option<OwnedFd>,
}

impl Tree {
    fn new(from: &Path, to: &Path) -> io::Result<Tree> {
        let (is_folder, from, to) = (from.is_dir(), c_string(from)?, c_string(to)?);
        Ok(Tree { from, to, is_folder, opened: None })
    }
}

impl Isolation {
    /// Prepares the steps of the next process.
    pub(super) fn plan(
        &self,
        extent: Extent,
        view: &View<'_>,
    ) -> io::Result<Option<NamespacePlan>> {
        let whole = match extent {
            Extent::Nothing => return Ok(None),
            Extent::Tmp => false,
            Extent::Whole => true,
        };
        let folder = c_string(if whole { Path::new(TASK_ROOT) } else { view.task_root })?;
        let made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(made) = made.as_ref().filter(|made| made.extent == extent) {
            let user = made.user.as_ref().map(OwnedFd::try_clone).transpose()?;
            let mount = made.mount.try_clone()?;
            return Ok(Some(NamespacePlan::Enter { user, mount, folder }));
        }
        let layer = |(number, layer): (usize, &PathBuf)| {
            Tree::new(layer, Path::new(&format!("/tmp/layer{number}")))
        };
        let names = (0..view.layers.len()).rev().map(|number| format!("/tmp/layer{number}"));
        let lower = names.chain(["/tmp/opt".to_owned()]).collect::<Vec<_>>().join(":");
        let mounted = |mount: &Mount| {
            let first =
                Path::new("/tmp").join(mount.place.strip_prefix("/").unwrap_or(&mount.place));
            Ok((Tree::new(&mount.folder, &mount.place)?, c_string(&first)?))
        };
        let kept = entries_of_tmp(view.needed.iter().copied());
        let mut hosts = std::fs::read("/etc/hosts").unwrap_or_default();
        hosts.extend_from_slice(HOSTS.as_bytes());
        Ok(Some(NamespacePlan::Make(Make {
            whole,
            task_root: Tree::new(view.task_root, Path::new(TASK_ROOT))?,
            layers: view.layers.iter().enumerate().map(layer).collect::<io::Result<_>>()?,
            mounts: view.mounts.iter().map(mounted).collect::<io::Result<_>>()?,
            kept: kept.iter().map(|entry| Tree::new(entry, entry)).collect::<io::Result<_>>()?,
            opt: CString::new(format!("lowerdir={lower}"))?,
            hosts,
            tmp: CString::new(format!("size={}m,mode=1777", view.tmp_mb))?,
            folder,
        })))
    }

    /// Keeps the namespace of a process open for later processes.
    #[cfg(target_os = "linux")]
    pub(super) fn keep(&self, extent: Extent, pid: u32) {
        use rustix::fs::{Mode, OFlags, open};
        let namespace = |kind: &str| {
            open(format!("/proc/{pid}/ns/{kind}"), OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
        };
        let has_user = Identity::current().user_maps.is_some();
        let user = has_user.then(|| namespace("user").ok()).flatten();
        // A process that has already ended leaves none. The next one creates its own.
        let Ok(mount) = namespace("mnt") else { return };
        if has_user == user.is_some() {
            let made = Made { extent, user, mount };
            *self.made.lock().unwrap_or_else(PoisonError::into_inner) = Some(made);
        }
    }

    /// This system has no namespaces.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn keep(&self, _extent: Extent, _pid: u32) {}
}

/// The entries of `/tmp` that contain these paths or lists of paths such as `PATH`: `/tmp/app/bin` is in `/tmp/app`.
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
    entries.retain(|entry| entry.is_dir() || entry.is_file());
    entries
}

fn c_string(path: &Path) -> io::Result<CString> {
    CString::new(path.as_os_str().as_bytes())
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "a path contains a zero byte"))
}

/// The path of a layer's file that is named like on AWS, `/opt/bootstrap`, if `/opt` is the machine's own.
pub(crate) fn in_layers(path: &OsStr, layers: &[PathBuf], extent: Extent) -> OsString {
    let inside = Path::new(path).strip_prefix("/opt").ok().filter(|_| extent != Extent::Whole);
    let found = inside.and_then(|inside| {
        layers.iter().rev().map(|layer| layer.join(inside)).find(|path| path.exists())
    });
    found.map_or_else(|| path.to_owned(), PathBuf::into_os_string)
}

#[cfg(target_os = "linux")]
pub(super) use self::linux::{Identity, apply, counts_processes};

/// The system calls in the new process between fork and exec. They allocate nothing.
#[cfg(target_os = "linux")]
mod linux {
    use std::ffi::CStr;
    use std::io;
    use std::os::fd::AsFd as _;

    use rustix::fs::{CWD, Mode, OFlags, mkdir, open};
    use rustix::mount::{
        MountFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags, mount, mount_bind,
        mount_change, mount_remount, move_mount, open_tree,
    };
    use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

    use super::{Make, NamespacePlan, Tree};

    /// Performs the planned steps.
    pub(crate) fn apply(plan: &mut NamespacePlan, identity: &Identity) -> io::Result<()> {
        match plan {
            NamespacePlan::Make(make) => self::make(make, identity),
            NamespacePlan::Enter { user, mount, folder } => {
                if let Some(user) = user {
                    move_into_link_name_space(user.as_fd(), Some(LinkNameSpaceType::User))?;
                }
                move_into_link_name_space(mount.as_fd(), Some(LinkNameSpaceType::Mount))?;
                Ok(rustix::process::chdir(folder.as_c_str())?)
            }
        }
    }

    fn make(make: &mut Make, identity: &Identity) -> io::Result<()> {
        enter_namespace(identity)?;
        // Otherwise the whole machine would see the mounts below.
        mount_change(c"/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)?;
        // Files under `/tmp` are opened before it is mounted over.
        make.kept.iter_mut().try_for_each(detach)?;
        if make.whole {
            detach(&mut make.task_root)?;
            make.layers.iter_mut().try_for_each(detach)?;
            make.mounts.iter_mut().try_for_each(|(tree, _)| detach(tree))?;
            lay_out(make)?;
        }
        let flags = MountFlags::NOSUID | MountFlags::NODEV;
        mount(c"tmpfs", c"/tmp", c"tmpfs", flags, make.tmp.as_c_str())?;
        for tree in &make.kept {
            attach(tree)?;
        }
        Ok(rustix::process::chdir(make.folder.as_c_str())?)
    }

    /// Mounts `/var/task`, `/opt`, the folders of `/mnt`, and `/etc/hosts`. Missing folders are created in a first `/tmp`, which the real one hides,
    /// and are overlaid with the existing ones.
    fn lay_out(make: &Make) -> io::Result<()> {
        let folder = Mode::RWXU | Mode::RGRP | Mode::XGRP | Mode::ROTH | Mode::XOTH;
        let flags = MountFlags::NOSUID | MountFlags::NODEV;
        mount(c"tmpfs", c"/tmp", c"tmpfs", flags, c"size=1m,mode=755")?;
        for path in [c"/tmp/var", c"/tmp/var/task", c"/tmp/opt"] {
            mkdir(path, folder)?;
        }
        let read_only = MountFlags::RDONLY | flags;
        mount(c"overlay", c"/var", c"overlay", read_only, c"lowerdir=/tmp/var:/var")?;
        attach_to(&make.task_root, make.task_root.to.as_c_str())?;
        // A user namespace may refuse this remount; then only file permissions protect the code.
        let _ = mount_remount(c"/var/task", MountFlags::RDONLY | MountFlags::BIND, c"");
        for layer in &make.layers {
            attach(layer)?;
        }
        if !make.layers.is_empty() {
            mount(c"overlay", c"/opt", c"overlay", read_only, make.opt.as_c_str())?;
        }
        if !make.mounts.is_empty() {
            mkdir(c"/tmp/mnt", folder)?;
            make.mounts.iter().try_for_each(|(_, first)| mkdir(first.as_c_str(), folder))?;
            mount(c"overlay", c"/mnt", c"overlay", read_only, c"lowerdir=/tmp/mnt:/mnt")?;
            make.mounts.iter().try_for_each(|(tree, _)| attach_to(tree, tree.to.as_c_str()))?;
        }
        let new = OFlags::WRONLY | OFlags::CREATE | OFlags::CLOEXEC;
        let hosts = open(c"/tmp/hosts", new, Mode::RUSR | Mode::WUSR | Mode::RGRP | Mode::ROTH)?;
        rustix::io::write(&hosts, &make.hosts)?;
        Ok(mount_bind(c"/tmp/hosts", c"/etc/hosts")?)
    }

    fn detach(tree: &mut Tree) -> io::Result<()> {
        let flags = OpenTreeFlags::OPEN_TREE_CLONE
            | OpenTreeFlags::OPEN_TREE_CLOEXEC
            | OpenTreeFlags::AT_RECURSIVE;
        tree.opened = Some(open_tree(CWD, tree.from.as_c_str(), flags)?);
        Ok(())
    }

    /// Mounts it at its place, which exists by now.
    fn attach(tree: &Tree) -> io::Result<()> {
        if tree.is_folder {
            mkdir(tree.to.as_c_str(), Mode::RWXU)?;
        } else {
            let new = OFlags::WRONLY | OFlags::CREATE | OFlags::CLOEXEC;
            open(tree.to.as_c_str(), new, Mode::RUSR | Mode::WUSR)?;
        }
        attach_to(tree, tree.to.as_c_str())
    }

    fn attach_to(tree: &Tree, place: &CStr) -> io::Result<()> {
        let Some(opened) = &tree.opened else { return Ok(()) };
        let whole = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
        Ok(move_mount(opened.as_fd(), c"", CWD, place, whole)?)
    }

    /// The identity of the emulator. Only root can create a mount namespace alone; other users need a user namespace around it.
    #[derive(Debug)]
    pub(crate) struct Identity {
        pub(super) user_maps: Option<[(&'static CStr, Vec<u8>); 3]>,
    }

    impl Identity {
        pub(crate) fn current() -> Identity {
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

    /// Whether a limit of processes applies to one sandbox alone.
    ///
    /// The kernel counts per user, and since Linux 5.14 also per user namespace, so each sandbox with one has its own count.
    /// The limit does not apply to root. Without a user namespace it would count all processes of the user on this machine.
    pub(crate) fn counts_processes(identity: &Identity, is_isolated: bool) -> bool {
        if identity.user_maps.is_none() {
            static SAID: std::sync::Once = std::sync::Once::new();
            SAID.call_once(|| {
                tracing::info!(
                    "hardcap runs as root, for whom the kernel does not limit the number of processes: functions may start more \
                     than on AWS"
                );
            });
            return true;
        }
        let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let mut numbers = release.split('.').map_while(|number| number.parse::<u32>().ok());
        let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
        is_isolated && version >= (5, 14)
    }

    #[expect(
        unsafe_code,
        reason = "leaving a namespace is unsafe only where file descriptors are shared"
    )]
    fn enter_namespace(identity: &Identity) -> io::Result<()> {
        use rustix::thread::{UnshareFlags, unshare_unsafe};
        let mut flags = UnshareFlags::NEWNS;
        if identity.user_maps.is_some() {
            flags |= UnshareFlags::NEWUSER;
        }
        // SAFETY: the table of file descriptors is not unshared.
        unsafe { unshare_unsafe(flags)? };
        for (file, text) in identity.user_maps.iter().flatten() {
            let file = open(*file, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
            rustix::io::write(&file, text)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_entries_of_tmp_that_a_function_needs_stay_visible() {
        let app = tempfile::tempdir_in("/tmp").unwrap();
        let program = app.path().join("bin/guest");
        let list =
            format!("/usr/bin:{}/venv/bin:/tmp/there-is-no-such-thing", app.path().display());
        let needed =
            [program.as_os_str(), OsStr::new(&list), OsStr::new("/tmp"), OsStr::new("tmp/x")];
        let entries = entries_of_tmp(needed.into_iter());
        assert_eq!(entries.iter().map(PathBuf::as_path).collect::<Vec<_>>(), [app.path()]);
    }

    #[test]
    fn a_file_of_a_layer_is_found_without_a_mounted_opt() {
        let (lower, upper) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for layer in [&lower, &upper] {
            std::fs::write(layer.path().join("bootstrap"), "").unwrap();
        }
        let layers = [lower.path().to_owned(), upper.path().to_owned()];
        let path = OsStr::new("/opt/bootstrap");
        assert_eq!(in_layers(path, &layers, Extent::Tmp), layers[1].join("bootstrap"));
        assert_eq!(in_layers(path, &layers, Extent::Whole), path);
        assert_eq!(in_layers(OsStr::new("/opt/none"), &layers, Extent::Tmp), "/opt/none");
    }

    #[test]
    fn only_permanent_errors_of_the_kernel_reduce_the_isolation_of_later_sandboxes() {
        use rustix::io::Errno;
        let permanent = [Errno::PERM, Errno::NOSYS, Errno::INVAL, Errno::ACCESS];
        let passing = [
            Errno::MFILE,
            Errno::NFILE,
            Errno::NOMEM,
            Errno::AGAIN,
            Errno::NOSPC,
            Errno::NOENT,
            Errno::NOEXEC,
            Errno::IO,
            Errno::INTR,
        ];
        assert!(permanent.into_iter().all(|errno| is_permanent(&errno.into())));
        assert!(!passing.into_iter().any(|errno| is_permanent(&errno.into())));
        assert!(!is_permanent(&io::Error::other("no number of the kernel")));
    }

    #[test]
    fn an_error_after_a_sandbox_with_more_isolation_concerns_one_function_alone() {
        let refused = io::Error::from(rustix::io::Errno::ACCESS);
        let whole = Extent::Whole as u8;
        assert!(Extent::Tmp.is_for_all(&refused, 0));
        assert!(Extent::Tmp.is_for_all(&refused, Extent::Tmp as u8));
        assert!(!Extent::Tmp.is_for_all(&refused, whole));
        assert!(!Extent::Nothing.is_for_all(&refused, Extent::Tmp as u8));
    }

    #[test]
    fn the_extent_decreases_until_there_is_no_isolation() {
        assert_eq!(Extent::Whole.reduced(), Some(Extent::Tmp));
        assert_eq!(Extent::Tmp.reduced(), Some(Extent::Nothing));
        assert_eq!(Extent::Nothing.reduced(), None);
    }
}
