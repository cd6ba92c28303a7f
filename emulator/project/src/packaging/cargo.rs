//! The metadata of a cargo workspace, and the messages of a build.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{Binary, PackagingError};
use hardcap_core::tool::Tool;

/// The used part of `cargo metadata`.
#[derive(Clone, Debug, Deserialize)]
pub struct Workspace {
    /// The packages of the workspace.
    pub packages: Vec<CargoPackage>,
    /// The target folder.
    pub target_directory: PathBuf,
    /// The folder of the workspace.
    pub workspace_root: PathBuf,
    /// The ids of the packages that a command in the folder of the workspace builds.
    #[serde(default)]
    pub workspace_default_members: Vec<String>,
}

/// A package of a workspace.
#[derive(Clone, Debug, Deserialize)]
pub struct CargoPackage {
    /// The name of the package.
    pub name: String,
    /// The id of the package.
    #[serde(default)]
    pub id: String,
    /// The path of its Cargo.toml.
    pub manifest_path: PathBuf,
    /// Its targets.
    pub targets: Vec<CargoTarget>,
}

/// A target of a package: a program, a library, a test.
#[derive(Clone, Debug, Deserialize)]
pub struct CargoTarget {
    /// The name of the target.
    pub name: String,
    /// `bin`, `lib` and so on.
    pub kind: Vec<String>,
}

/// One line of `--message-format json`.
#[derive(Debug, Deserialize)]
pub struct Message {
    /// `compiler-artifact`, `compiler-message` and so on.
    pub reason: String,
    /// The target of the message.
    pub target: Option<CargoTarget>,
    /// The id of the package of the message.
    pub package_id: Option<String>,
    /// The program that was built.
    pub executable: Option<PathBuf>,
}

impl Workspace {
    /// Reads the metadata of the workspace of a folder.
    ///
    /// # Errors
    ///
    /// [`PackagingError`] if cargo cannot be run, or the folder is not a package.
    pub async fn of(folder: &Path) -> Result<Workspace, PackagingError> {
        let workspace = Workspace::seen_from(folder).await?;
        if workspace.workspace_root == folder {
            return Ok(workspace);
        }
        // In the folder of a package, cargo builds this package by default. The programs are built in the folder of the workspace.
        let root = workspace.workspace_root;
        Workspace::seen_from(&root).await
    }

    async fn seen_from(folder: &Path) -> Result<Workspace, PackagingError> {
        let arguments = ["metadata", "--no-deps", "--format-version", "1"];
        let output = Tool::new("cargo", arguments, folder).finish().await.map_err(|error| {
            PackagingError::new(
                format!("cargo cannot be run, and {} needs it: {error}", folder.display()),
                "install Rust (https://rustup.rs), or name a built program in hardcap.toml",
            )
        })?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(PackagingError::new(
                format!("cargo cannot read the project in {}: {}", folder.display(), said.trim()),
                "`CodeUri` must be the folder of a Cargo package",
            ));
        }
        serde_json::from_slice(&output.stdout).map_err(|error| {
            PackagingError::new(
                format!("cargo metadata cannot be read: {error}"),
                "use a newer cargo",
            )
        })
    }

    /// Whether this folder belongs to the workspace.
    pub fn holds(&self, folder: &Path) -> bool {
        folder == self.workspace_root || self.packages.iter().any(|package| package.is_in(folder))
    }

    /// Whether a command in the folder of the workspace builds this package.
    pub fn builds_by_default(&self, package: &str) -> bool {
        let ids = &self.workspace_default_members;
        self.packages.iter().any(|it| it.name == package && ids.contains(&it.id))
    }

    /// The package and the binary that are meant.
    pub fn binary(&self, wanted: &Binary) -> Result<(&str, &str), PackagingError> {
        let packages: Vec<&CargoPackage> = match &wanted.package {
            Some(name) => self.packages.iter().filter(|package| package.name == *name).collect(),
            None => {
                let here = self.packages.iter().filter(|package| package.is_in(&wanted.folder));
                let here: Vec<_> = here.collect();
                if here.is_empty() { self.packages.iter().collect() } else { here }
            }
        };
        let bins: Vec<(&str, &str)> = packages
            .iter()
            .flat_map(|package| package.bins().map(|bin| (package.name.as_str(), bin)))
            .collect();
        let named =
            |(_, bin): &&(&str, &str)| wanted.bin.as_deref().is_none_or(|name| name == *bin);
        let mut found = bins.iter().filter(named);
        match (found.next(), found.next()) {
            (Some(only), None) => Ok(*only),
            (first, _) => {
                let names: Vec<&str> = bins.iter().map(|(_, bin)| *bin).collect();
                let what = match (first, &wanted.bin) {
                    (None, Some(name)) => {
                        format!("{} has no binary `{name}`", wanted.folder.display())
                    }
                    (None, None) => format!("{} has no binary", wanted.folder.display()),
                    _ => format!("{} has more than one binary that fits", wanted.folder.display()),
                };
                let help = format!(
                    "name one of [{}] in `Metadata: BuildProperties: Binary`, or its package in `Package`",
                    names.join(", ")
                );
                Err(PackagingError::new(what, help))
            }
        }
    }
}

impl CargoPackage {
    fn is_in(&self, folder: &Path) -> bool {
        self.manifest_path.parent() == Some(folder)
    }

    fn bins(&self) -> impl Iterator<Item = &str> {
        self.targets.iter().filter(|target| target.is_bin()).map(|target| target.name.as_str())
    }
}

impl CargoTarget {
    /// Whether it is a program.
    pub fn is_bin(&self) -> bool {
        self.kind.iter().any(|kind| kind == "bin")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_packages_that_are_built_by_default_do_not_depend_on_the_folder_of_the_function() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        let workspace = Workspace::of(folder).await.unwrap();
        assert!(workspace.holds(folder), "{workspace:?}");
        for package in ["hardcap-project", "hardcap-cli", "hardcap-proxy"] {
            assert!(workspace.builds_by_default(package), "{package}: {workspace:?}");
        }
    }

    fn workspace() -> Workspace {
        let json = r#"{"workspace_root": "/w", "target_directory": "/t", "packages": [
            {"name": "one", "manifest_path": "/w/one/Cargo.toml", "targets": [{"name": "one", "kind": ["bin"]}, {"name": "one", "kind": ["lib"]}]},
            {"name": "two", "manifest_path": "/w/two/Cargo.toml", "targets": [{"name": "a", "kind": ["bin"]}, {"name": "b", "kind": ["bin"]}]}
        ]}"#;
        serde_json::from_str(json).expect("it is JSON")
    }

    fn wanted(folder: &str, package: Option<&str>, bin: Option<&str>) -> Binary {
        Binary {
            folder: folder.into(),
            package: package.map(str::to_owned),
            bin: bin.map(str::to_owned),
            for_lambda: true,
        }
    }

    #[test]
    fn a_binary_is_found_by_its_folder_its_package_or_its_name() {
        let workspace = workspace();
        for (folder, package, bin, found) in [
            ("/w/one", None, None, ("one", "one")),
            ("/w/two", None, Some("b"), ("two", "b")),
            ("/w", None, Some("a"), ("two", "a")),
            ("/w", Some("one"), None, ("one", "one")),
        ] {
            assert_eq!(workspace.binary(&wanted(folder, package, bin)), Ok(found));
        }
    }

    #[test]
    fn a_binary_that_is_not_there_or_not_the_only_one_is_refused_with_the_names_that_are() {
        let workspace = workspace();
        let said = |folder, bin| {
            workspace
                .binary(&wanted(folder, None, bin))
                .expect_err("it cannot be found")
                .to_string()
        };
        assert_eq!(
            said("/w/two", None),
            "/w/two has more than one binary that fits\n  = help: name one of [a, b] in `Metadata: BuildProperties: Binary`, or its package in `Package`"
        );
        assert_eq!(
            said("/w/one", Some("c")),
            "/w/one has no binary `c`\n  = help: name one of [one] in `Metadata: BuildProperties: Binary`, or its package in `Package`"
        );
    }
}
