//! The hierarchies in which a process can create control groups, and the files that set limits.

use std::ffi::CString;
use std::fmt;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

use super::GroupLimits;

/// The name of the guard's group.
pub(super) const GUARD: &str = "guard";
const HOME: &str = "hardcap-";

/// The version of a hierarchy. It determines the names of the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    /// One hierarchy per controller.
    One,
    /// One hierarchy for all controllers.
    Two,
}

/// A hierarchy, and the folder in which groups are created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hierarchy {
    version: Version,
    /// The group of this process.
    pub(super) own: PathBuf,
    /// The folder in which the folder for groups is created, and later that folder.
    pub(super) folder: PathBuf,
    bounds_memory: bool,
    bounds_processes: bool,
}

impl fmt::Display for Hierarchy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.folder.display().fmt(f)
    }
}

/// The hierarchies that this process can use, from `/proc/self/cgroup` and `/proc/self/mountinfo`.
pub(super) fn find(own: &str, mounts: &str) -> Vec<Hierarchy> {
    mounts.lines().filter_map(|mount| of_mount(mount, own)).collect()
}

/// `36 35 98:0 ROOT POINT rw,relatime … - cgroup cgroup rw,memory`
fn of_mount(line: &str, own: &str) -> Option<Hierarchy> {
    let (mount, kind) = line.split_once(" - ")?;
    let mut kind = kind.split(' ');
    let version = match kind.next()? {
        "cgroup" => Version::One,
        "cgroup2" => Version::Two,
        _ => return None,
    };
    let controllers: Vec<&str> = kind.nth(1)?.split(',').collect();
    let mut fields = mount.split(' ').skip(3);
    let (root, point) = (fields.next()?, Path::new(fields.next()?));
    let path = own.lines().find_map(|line| path_in(line, version, &controllers))?;
    let inside = Path::new(path).strip_prefix(root).ok()?;
    // `/../x` is outside the visible part of the tree.
    if inside.components().any(|it| it == Component::ParentDir) {
        return None;
    }
    let own = if inside.as_os_str().is_empty() { point.to_owned() } else { point.join(inside) };
    let has = |controller| controllers.contains(&controller);
    match version {
        Version::One if !has("memory") && !has("pids") => None,
        Version::One => Some(Hierarchy {
            version,
            folder: own.clone(),
            own,
            bounds_memory: has("memory"),
            bounds_processes: has("pids"),
        }),
        Version::Two => Some(in_version_two(own, point)),
    }
}

/// `4:memory:/path` of version one, `0::/path` of version two.
fn path_in<'a>(line: &'a str, version: Version, controllers: &[&str]) -> Option<&'a str> {
    let mut parts = line.splitn(3, ':').skip(1);
    let (names, path) = (parts.next()?, parts.next()?);
    let is_it = match version {
        Version::One => !names.is_empty() && names.split(',').all(|it| controllers.contains(&it)),
        Version::Two => names.is_empty(),
    };
    is_it.then_some(path)
}

/// In version two a group with processes cannot delegate controllers, so the nearest ancestor that delegates them is used. If
/// there is none, groups still track processes.
fn in_version_two(own: PathBuf, point: &Path) -> Hierarchy {
    let handed_on = |folder: &Path| {
        let text = std::fs::read_to_string(folder.join("cgroup.subtree_control"));
        let text = text.unwrap_or_default();
        let has = |controller| text.split_ascii_whitespace().any(|it| it == controller);
        (has("memory"), has("pids"))
    };
    let may_write = |folder: &Path| {
        use rustix::fs::{Access, access};
        access(folder, Access::WRITE_OK).is_ok()
            && access(folder.join("cgroup.procs"), Access::WRITE_OK).is_ok()
    };
    let above = own.ancestors().take_while(|folder| folder.starts_with(point));
    let found = above
        .filter(|folder| may_write(folder) && handed_on(folder) == (true, true))
        .map(Path::to_owned)
        .next();
    let folder = found.unwrap_or_else(|| own.clone());
    let (bounds_memory, bounds_processes) = handed_on(&folder);
    Hierarchy { version: Version::Two, own, folder, bounds_memory, bounds_processes }
}

impl Hierarchy {
    /// Creates the folder for this process's groups.
    pub(super) fn make_home(mut self) -> io::Result<Hierarchy> {
        self.folder.push(format!("{HOME}{}", std::process::id()));
        std::fs::create_dir(&self.folder)?;
        if self.version == Version::Two && (self.bounds_memory || self.bounds_processes) {
            let on = std::fs::write(self.folder.join("cgroup.subtree_control"), "+memory +pids");
            (self.bounds_memory, self.bounds_processes) = (on.is_ok(), on.is_ok());
        }
        std::fs::create_dir(self.folder.join(GUARD)).inspect_err(|_| self.remove_home())?;
        Ok(self)
    }

    /// Creates a group with its limits and returns its folder.
    pub(super) fn make_group(&self, name: &str, bounds: GroupLimits) -> io::Result<PathBuf> {
        let folder = self.folder.join(name);
        std::fs::create_dir(&folder)?;
        let set = |file: &str, value: u64| std::fs::write(folder.join(file), value.to_string());
        let bounded = || {
            match self.version {
                Version::One if self.bounds_memory => {
                    set("memory.limit_in_bytes", bounds.bytes)?;
                    // Not every machine counts swap.
                    let _ = set("memory.memsw.limit_in_bytes", bounds.bytes);
                }
                Version::Two if self.bounds_memory => {
                    set("memory.max", bounds.bytes)?;
                    let _ = set("memory.swap.max", 0);
                }
                Version::One | Version::Two => {}
            }
            if self.bounds_processes { set("pids.max", bounds.processes) } else { Ok(()) }
        };
        bounded().inspect_err(|_| drop(std::fs::remove_dir(&folder)))?;
        Ok(folder)
    }

    /// Removes a folder that contains at most the guard's group.
    pub(super) fn remove_home(&self) {
        let _ = std::fs::remove_dir(self.folder.join(GUARD));
        let _ = std::fs::remove_dir(&self.folder);
    }

    /// Removes the folders of dead processes whose guard was killed too.
    pub(super) fn sweep(&self) {
        for entry in std::fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let Some(process) = name.to_str().and_then(|name| name.strip_prefix(HOME)) else {
                continue;
            };
            if process.parse::<u32>().is_ok() && !Path::new("/proc").join(process).exists() {
                let groups = std::fs::read_dir(entry.path()).into_iter().flatten().flatten();
                for group in groups.filter(|it| it.file_type().is_ok_and(|it| it.is_dir())) {
                    super::remove(&group.path());
                }
                let _ = std::fs::remove_dir(entry.path());
            }
        }
    }
}

/// The number of processes that the kernel has killed, from the line `oom_kill 1` of both versions.
pub(super) fn kills(text: &str) -> u64 {
    let number = text.lines().find_map(|line| line.strip_prefix("oom_kill "));
    number.and_then(|number| number.trim().parse().ok()).unwrap_or(0)
}

pub(super) fn c_string(path: &Path) -> io::Result<CString> {
    Ok(CString::new(path.as_os_str().as_bytes())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "\
25 30 0:22 / /sys rw,relatime - sysfs sysfs rw
31 25 0:26 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory
32 25 0:27 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct
33 25 0:28 /docker/abc /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids
34 25 0:29 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd";

    #[test]
    fn the_own_group_is_found_in_each_relevant_hierarchy() {
        let own = "9:name=systemd:/\n8:pids:/docker/abc/inner\n4:memory:/a/b\n1:cpu,cpuacct:/";
        let hierarchies = find(own, MOUNTS);
        let found: Vec<_> = hierarchies
            .iter()
            .map(|it| (it.own.to_str().unwrap(), it.bounds_memory, it.bounds_processes))
            .collect();
        assert_eq!(
            found,
            [
                ("/sys/fs/cgroup/memory/a/b", true, false),
                ("/sys/fs/cgroup/pids/inner", false, true)
            ]
        );
        assert!(find("", MOUNTS).is_empty());
        assert!(find("4:memory:/../../b", MOUNTS).is_empty(), "outside of its namespace");
        assert!(find(own, "36 35 0:1 / /x rw").is_empty(), "half a line is not a mount");
    }

    #[test]
    fn version_two_uses_the_nearest_ancestor_that_delegates_controllers() {
        let root = tempfile::tempdir().unwrap();
        let slice = root.path().join("user.slice");
        let own = slice.join("app.slice/terminal.scope");
        std::fs::create_dir_all(&own).unwrap();
        for (folder, on) in [
            (root.path(), "cpu memory pids"),
            (&slice, "memory pids"),
            (&slice.join("app.slice"), "pids"),
            (&own, ""),
        ] {
            std::fs::write(folder.join("cgroup.subtree_control"), on).unwrap();
            std::fs::write(folder.join("cgroup.procs"), "").unwrap();
        }
        let mounts = format!("36 35 0:1 / {} rw - cgroup2 cgroup2 rw", root.path().display());
        let hierarchies = find("0::/user.slice/app.slice/terminal.scope", &mounts);
        assert_eq!((&hierarchies[0].own, &hierarchies[0].folder), (&own, &slice));
        assert!(hierarchies[0].bounds_memory && hierarchies[0].bounds_processes);
        // If no ancestor delegates, the process's own group still tracks processes.
        for folder in [root.path(), &slice] {
            std::fs::write(folder.join("cgroup.subtree_control"), "").unwrap();
        }
        let hierarchies = find("0::/user.slice/app.slice/terminal.scope", &mounts);
        assert_eq!(hierarchies[0].folder, own);
        assert!(!hierarchies[0].bounds_memory && !hierarchies[0].bounds_processes);
    }

    #[test]
    fn the_limits_are_written_to_the_files_of_each_version() {
        let bounds = GroupLimits { bytes: 640 << 20, processes: 1024 };
        for (version, memory) in
            [(Version::One, "memory.limit_in_bytes"), (Version::Two, "memory.max")]
        {
            let root = tempfile::tempdir().unwrap();
            let (own, folder) = (root.path().to_owned(), root.path().to_owned());
            let hierarchy =
                Hierarchy { version, own, folder, bounds_memory: true, bounds_processes: true };
            let group = hierarchy.make_home().unwrap().make_group("1", bounds).unwrap();
            let read = |file| std::fs::read_to_string(group.join(file)).unwrap();
            assert_eq!((read(memory).as_str(), read("pids.max").as_str()), ("671088640", "1024"));
        }
    }

    #[test]
    fn the_number_of_killed_processes_is_parsed() {
        assert_eq!(kills("low 0\nhigh 0\nmax 12\noom 1\noom_kill 1\noom_group_kill 0\n"), 1);
        assert_eq!(kills("oom_kill_disable 0\nunder_oom 0\noom_kill 2\n"), 2);
        assert_eq!(kills(""), 0);
    }
}
