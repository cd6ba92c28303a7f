//! The file systems that functions mount below `/mnt`: a folder of this machine for each access point.

use std::io;
use std::path::PathBuf;
use std::sync::OnceLock;

use super::kernel::Mount;
use hardcap_core::config::{FileSystem, Function};
use hardcap_core::scratch::ScratchFolder;

/// The folders of a run: below `--data`, or in a temporary folder that is created for the first of them.
#[derive(Debug, Default)]
pub(super) struct FileSystems {
    data: Option<PathBuf>,
    scratch: OnceLock<ScratchFolder>,
}

impl FileSystems {
    pub(super) fn new(data: Option<PathBuf>) -> FileSystems {
        FileSystems { data, scratch: OnceLock::new() }
    }

    /// The folders of a function's file systems, with their places. One that cannot be created is left out, and a line names it.
    pub(super) fn mounts(&self, function: &Function) -> Vec<Mount> {
        let mut mounts: Vec<Mount> = Vec::new();
        for system in &function.file_systems {
            let place = PathBuf::from(&system.mount_path);
            match self.folder(system) {
                Ok(_) if mounts.iter().any(|mount| mount.place == place) => {}
                Ok(folder) => mounts.push(Mount { folder, place }),
                Err(error) => tracing::warn!(
                    function = function.name,
                    "the file system at {} is not mounted: {error}",
                    system.mount_path
                ),
            }
        }
        mounts
    }

    /// The folder of an access point, created if it is missing.
    fn folder(&self, system: &FileSystem) -> io::Result<PathBuf> {
        let root = match (&self.data, self.scratch.get()) {
            (Some(data), _) => data.join("file-systems"),
            (None, Some(scratch)) => scratch.path().to_owned(),
            (None, None) => {
                let scratch = ScratchFolder::new("hardcap-file-systems-")?;
                self.scratch.get_or_init(|| scratch).path().to_owned()
            }
        };
        let folder = root.join(name(&system.access_point));
        std::fs::create_dir_all(&folder)?;
        // A sandbox has another working directory.
        folder.canonicalize()
    }
}

/// The name of an access point's folder: the last part of its ARN, without characters that paths may not have.
fn name(access_point: &str) -> String {
    let last = access_point.rsplit([':', '/']).next().unwrap_or_default();
    let mut name = last.replace(|c: char| !c.is_ascii_alphanumeric(), "-");
    name.truncate(128);
    if name.is_empty() { "file-system".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POINT: &str = "arn:aws:elasticfilesystem:us-east-1:000000000000:access-point/fsap-1";

    fn function(places: &[(&str, &str)]) -> Function {
        let system = |(access_point, mount_path): &(&str, &str)| FileSystem {
            access_point: (*access_point).to_owned(),
            mount_path: (*mount_path).to_owned(),
        };
        let file_systems = places.iter().map(system).collect();
        Function { file_systems, ..Function::new("f", ["f"]) }
    }

    #[test]
    fn functions_with_the_same_access_point_share_a_folder_and_others_do_not() {
        let systems = FileSystems::default();
        let one = systems.mounts(&function(&[(POINT, "/mnt/a")]));
        let two = systems
            .mounts(&function(&[(POINT, "/mnt/b"), ("arn:aws:x:::access-point/2", "/mnt/c")]));
        assert_eq!(one[0].folder, two[0].folder);
        assert_ne!(two[0].folder, two[1].folder);
        assert_eq!(two[1].place, PathBuf::from("/mnt/c"));
        assert!(two[1].folder.is_dir());
        assert_eq!(systems.mounts(&function(&[(POINT, "/mnt/a"), ("other", "/mnt/a")])).len(), 1);
    }

    #[test]
    fn the_folder_is_below_that_of_the_data_and_its_name_is_not_a_path() {
        let data = tempfile::tempdir().unwrap();
        let systems = FileSystems::new(Some(data.path().to_owned()));
        let mounts = systems.mounts(&function(&[("a:../..", "/mnt/a"), ("", "/mnt/b")]));
        let root = data.path().canonicalize().unwrap().join("file-systems");
        assert_eq!(mounts[0].folder, root.join("--"));
        assert_eq!(mounts[1].folder, root.join("file-system"));
    }
}
