//! Container images: the name of an image, whether Docker has it, and its build.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use hardcap_core::config::{CONTAINER_LABEL, Image};
use hardcap_core::tool::Tool;
use indexmap::IndexMap;
use rustix::process::{Pid, test_kill_process};
use serde::Deserialize;
use tokio::process::Child;

use super::machine::Machine;
use super::source::asset_manifests;
use super::{Means, Package, PackagingError, Resolved, absolute};

/// The maximum number of lines that are shown of a failed build, the last ones.
const BUILD_LINES: usize = 20;

/// A container image as a template names it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageSource {
    /// `ImageUri`. After `sam build` it is the tag of an image on this machine.
    pub uri: Option<String>,
    /// How the image is built, if the template says it.
    pub build: Option<ImageBuild>,
    /// `ImageConfig: EntryPoint`; empty for the one of the image.
    pub entry_point: Vec<String>,
    /// `ImageConfig: Command`; empty for the one of the image.
    pub command: Vec<String>,
    /// `ImageConfig: WorkingDirectory`.
    pub working_directory: Option<String>,
}

/// The build of an image: what `sam build` reads in `Metadata`, or an asset of CDK.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageBuild {
    /// The name of the built image, the same as that of `sam build` or of CDK.
    pub name: String,
    /// The folder of the build context.
    pub context: PathBuf,
    /// The Dockerfile, relative to the context.
    pub dockerfile: Option<String>,
    /// The values of `ARG`.
    pub arguments: IndexMap<String, String>,
    /// The stage that is built.
    pub target: Option<String>,
    /// Further options of `docker build`.
    pub options: Vec<String>,
}

impl ImageSource {
    /// Finds the asset of CDK, and the absolute path of the build context.
    pub(super) fn open(&mut self, folder: &Path) {
        if self.build.is_none() {
            self.build = self.uri.as_deref().and_then(|uri| asset(folder, uri));
        }
        if let Some(build) = &mut self.build {
            build.context = absolute(&build.context);
        }
    }

    /// Its names, of which the first one that Docker has is used.
    fn names(&self) -> impl Iterator<Item = &str> {
        self.uri.as_deref().into_iter().chain(self.build.as_ref().map(|build| build.name.as_str()))
    }

    /// The command that gets or builds the image.
    fn way(&self) -> String {
        match (&self.build, &self.uri) {
            (Some(build), _) => format!("`{}`", build.command_line()),
            // A name without a registry is that of a local build.
            (None, Some(uri)) if !uri.contains('/') => "`sam build`".to_owned(),
            (None, Some(uri)) => format!("`docker pull {uri}`"),
            (None, None) => "write `DockerContext` and `Dockerfile` into its `Metadata`".to_owned(),
        }
    }
}

impl ImageBuild {
    /// The arguments of `docker`.
    fn docker_arguments(&self) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = ["build", "--tag", &self.name].map(Into::into).into();
        if let Some(dockerfile) = &self.dockerfile {
            arguments.extend(["--file".into(), self.context.join(dockerfile).into()]);
        }
        if let Some(target) = &self.target {
            arguments.extend(["--target".into(), target.into()]);
        }
        for (name, value) in &self.arguments {
            arguments.extend(["--build-arg".into(), format!("{name}={value}").into()]);
        }
        arguments.extend(self.options.iter().map(OsString::from));
        arguments.push((&self.context).into());
        arguments
    }

    fn command_line(&self) -> String {
        let arguments = self.docker_arguments();
        let arguments: Vec<_> = arguments.iter().map(|it| it.to_string_lossy()).collect();
        format!("docker {}", arguments.join(" "))
    }
}

/// The error for a function whose image does not run here, with the reason.
pub(super) fn missing(source: &ImageSource, id: &str, why: &str) -> PackagingError {
    let what = match source.names().next() {
        Some(name) => format!("the function `{id}` is a container image: {name}"),
        None => format!("the function `{id}` is a container image"),
    };
    let command = format!("[functions.{id}] command = [\"…\"]");
    let other = format!("name the program in it that polls the Runtime API: {command}");
    PackagingError::new(what, format!("{why}, or {other} in hardcap.toml"))
}

/// Finds the image of a function, or builds it. An image that Docker has is not built again.
///
/// # Errors
///
/// [`PackagingError`] if it does not run here: Docker cannot be used, the image is missing and has no build, or the build fails.
pub(super) async fn resolve(
    source: &ImageSource,
    package: &Package,
    machine: &mut Machine,
    means: &Means<'_>,
) -> Result<Resolved, PackagingError> {
    let id = &package.logical_id;
    let docker = machine.docker().await.map_err(|why| missing(source, id, &why.to_string()))?;
    let resolved = |image| Resolved { image, ..Resolved::of(Vec::new()) };
    for name in source.names() {
        if let Some(image) = inspect(&docker, name, source).await {
            return Ok(resolved(Some(image)));
        }
    }
    let absent = |why: &str| missing(source, id, &format!("{why}: {}", source.way()));
    let Some(build) = &source.build else {
        return Err(absent("it is not on this machine"));
    };
    if means.offline || means.no_build {
        let option = if means.no_build { "--no-build" } else { "--offline" };
        return Err(absent(&format!("it is not on this machine, and is not built with {option}")));
    }
    // `sam build` does not rewrite `DockerContext` for the folder of its own template.
    if !build.context.is_dir() {
        let folder = build.context.display();
        let why = format!(
            "it is not on this machine, and the folder {folder} of its build does not exist: `sam build`"
        );
        return Err(missing(source, id, &why));
    }
    if means.only_looks {
        return Ok(resolved(None));
    }
    (means.tell)(&format!(
        "building the image {} of the function `{id}`: {}",
        build.name,
        build.command_line()
    ));
    self::build(&docker, build).await.map_err(|said| {
        let what =
            format!("the image {} of the function `{id}` cannot be built\n{said}", build.name);
        PackagingError::new(what, format!("correct what Docker says: `{}`", build.command_line()))
    })?;
    let image = inspect(&docker, &build.name, source).await;
    image.map(|image| resolved(Some(image))).ok_or_else(|| absent("Docker has built another image"))
}

/// What Docker said last of a build that failed.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct BuildFailed(String);

async fn build(docker: &Path, build: &ImageBuild) -> Result<(), BuildFailed> {
    let tool = Tool::new(docker, build.docker_arguments(), Path::new("/"));
    let output = tool.finish().await.map_err(|error| BuildFailed(error.to_string()))?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    let lines: Vec<&str> = said.lines().filter(|line| !line.trim().is_empty()).collect();
    Err(BuildFailed(lines[lines.len().saturating_sub(BUILD_LINES)..].join("\n")))
}

/// The used part of `docker image inspect`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inspected {
    id: String,
    size: u64,
    config: Option<InspectedConfig>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct InspectedConfig {
    entrypoint: Option<Vec<String>>,
    cmd: Option<Vec<String>>,
}

/// The image of this name with the configuration of the function; `None` if Docker does not have it.
async fn inspect(docker: &Path, name: &str, source: &ImageSource) -> Option<Image> {
    let tool = Tool::new(docker, ["image", "inspect", name], Path::new("/"));
    let output = tool.output().await.ok().filter(|output| output.status.success())?;
    let [inspected] = serde_json::from_slice::<[Inspected; 1]>(&output.stdout).ok()?;
    Some(configured(docker, name, inspected, source))
}

/// `ImageConfig` replaces each part by itself: the arguments of the image stay with another entry point, as in `sam local`
/// (aws-sam-cli, `lambda_container.py`, read on 2026-11-30).
fn configured(docker: &Path, name: &str, inspected: Inspected, source: &ImageSource) -> Image {
    let own = inspected.config.unwrap_or_default();
    let first = |configured: &[String], own: Option<Vec<String>>| match configured {
        [] => own.unwrap_or_default(),
        configured => configured.to_vec(),
    };
    Image {
        docker: docker.to_owned(),
        name: name.to_owned(),
        id: inspected.id,
        bytes: inspected.size,
        entry_point: first(&source.entry_point, own.entrypoint),
        command: first(&source.command, own.cmd),
        working_directory: source.working_directory.clone(),
    }
}

/// The image asset of CDK whose tag is that of the URI. A folder that CDK has built is an image `cdkasset-ID` (cdk-assets,
/// `buildDirectoryAsset`, read on 2026-11-30).
pub(super) fn asset(folder: &Path, uri: &str) -> Option<ImageBuild> {
    let (_, tag) = uri.rsplit('/').next()?.split_once(':')?;
    asset_manifests(folder).find_map(|manifest| {
        let mut assets = manifest.docker_images.into_iter();
        let (id, asset) = assets.find(|(_, asset)| {
            asset.destinations.values().any(|destination| destination.image_tag == tag)
        })?;
        Some(ImageBuild {
            name: format!("cdkasset-{}:latest", id.to_lowercase()),
            context: folder.join(asset.source.directory?),
            dockerfile: asset.source.docker_file,
            arguments: asset.source.docker_build_args,
            target: asset.source.docker_build_target,
            options: Vec::new(),
        })
    })
}

/// An image in CDK's asset manifest.
#[derive(Deserialize)]
pub(super) struct DockerAsset {
    source: DockerAssetSource,
    #[serde(default)]
    destinations: IndexMap<String, DockerDestination>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DockerAssetSource {
    directory: Option<PathBuf>,
    docker_file: Option<String>,
    #[serde(default)]
    docker_build_args: IndexMap<String, String>,
    docker_build_target: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DockerDestination {
    image_tag: String,
}

/// Removes the containers of this hardcap when its standard input ends.
const REMOVE_AT_THE_END: &str = r#"cat > /dev/null
left=$("$0" ps --all --quiet --filter "label=$1")
[ -z "$left" ] || exec "$0" rm --force --volumes $left"#;

/// The process that removes what is left after the end of this hardcap.
static REMOVER: OnceLock<Option<Child>> = OnceLock::new();

/// Makes sure that no container outlives its hardcap for long. A hardcap that ends as it should removes its containers itself; after
/// any other end, such as a `kill -9`, a process does that, which is started here. What neither has removed is removed now.
pub async fn keep_tidy(machine: &mut Machine) {
    let Ok(docker) = machine.docker().await else { return };
    REMOVER.get_or_init(|| {
        let label = format!("{CONTAINER_LABEL}={}", std::process::id());
        let arguments: [&OsStr; 4] =
            ["-c".as_ref(), REMOVE_AT_THE_END.as_ref(), docker.as_ref(), label.as_ref()];
        let remover = Tool::new("/bin/sh", arguments, Path::new("/")).start_beyond_hardcap();
        if let Err(error) = &remover {
            tracing::warn!(
                "containers stay after a kill -9 of hardcap, until its next start: {error}"
            );
        }
        remover.ok()
    });
    remove_leftovers(&docker).await;
}

/// Removes the containers of every hardcap that has ended without removing them.
async fn remove_leftovers(docker: &Path) {
    let filter = format!("label={CONTAINER_LABEL}");
    let format = format!("{{{{.ID}}}} {{{{.Label \"{CONTAINER_LABEL}\"}}}}");
    let arguments = ["ps", "--all", "--no-trunc", "--filter", &filter, "--format", &format];
    let listed = Tool::new(docker, arguments, Path::new("/")).output().await;
    let listed = listed.map(|output| output.stdout).unwrap_or_default();
    let left = left_behind(&String::from_utf8_lossy(&listed), is_running);
    if !left.is_empty() {
        let arguments = ["rm", "--force", "--volumes"].map(str::to_owned).into_iter().chain(left);
        // A container that cannot be removed now is removed at the next start.
        let _ = Tool::new(docker, arguments, Path::new("/")).output().await;
    }
}

/// The containers whose hardcap does not run, from lines `CONTAINER PROCESS`.
fn left_behind(listed: &str, is_running: impl Fn(i32) -> bool) -> Vec<String> {
    let containers = listed.lines().filter_map(|line| line.split_once(' '));
    let left = containers.filter(|(_, process)| process.parse().is_ok_and(|it| !is_running(it)));
    left.map(|(container, _)| container.to_owned()).collect()
}

fn is_running(process: i32) -> bool {
    let process = Pid::from_raw(process);
    process.is_some_and(|it| test_kill_process(it) != Err(rustix::io::Errno::SRCH))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(ToString::to_string).collect()
    }

    fn of_sam() -> ImageBuild {
        ImageBuild {
            name: "hello:v1".to_owned(),
            context: "/app/hello".into(),
            dockerfile: Some("docker/Dockerfile".to_owned()),
            arguments: IndexMap::from([("STAGE".to_owned(), "dev".to_owned())]),
            target: Some("lambda".to_owned()),
            options: texts(&["--network=host"]),
        }
    }

    #[test]
    fn a_build_has_the_options_of_the_template() {
        assert_eq!(
            of_sam().command_line(),
            "docker build --tag hello:v1 --file /app/hello/docker/Dockerfile --target lambda --build-arg STAGE=dev \
             --network=host /app/hello"
        );
        let plain = ImageBuild {
            name: "hello:latest".to_owned(),
            context: "/a".into(),
            ..ImageBuild::default()
        };
        assert_eq!(plain.command_line(), "docker build --tag hello:latest /a");
    }

    #[test]
    fn an_image_that_is_not_here_is_named_with_the_command_that_gets_it() {
        let uri = |uri: &str| ImageSource { uri: Some(uri.to_owned()), ..ImageSource::default() };
        let built = ImageSource { build: Some(of_sam()), ..ImageSource::default() };
        for (source, way) in [
            (
                uri("1.dkr.ecr.us-east-1.amazonaws.com/x:1"),
                "`docker pull 1.dkr.ecr.us-east-1.amazonaws.com/x:1`",
            ),
            (uri("hello:latest"), "`sam build`"),
            (ImageSource::default(), "write `DockerContext` and `Dockerfile` into its `Metadata`"),
            (built, "`docker build --tag hello:v1 "),
        ] {
            assert!(source.way().starts_with(way), "{}", source.way());
        }
        let error = missing(&uri("hello:latest"), "F", "Docker is not installed here: install it");
        assert_eq!(
            error.to_string(),
            "the function `F` is a container image: hello:latest\n  = help: Docker is not installed here: install it, or name the program in it \
             that polls the Runtime API: [functions.F] command = [\"…\"] in hardcap.toml"
        );
    }

    #[test]
    fn the_uri_comes_before_the_image_that_would_be_built() {
        let source = ImageSource {
            uri: Some("hello:debug".to_owned()),
            build: Some(of_sam()),
            ..ImageSource::default()
        };
        assert_eq!(source.names().collect::<Vec<_>>(), ["hello:debug", "hello:v1"]);
    }

    #[test]
    fn each_part_of_the_image_config_replaces_that_part_of_the_image_alone() {
        let json = r#"[{"Id": "sha256:1", "Size": 7, "Os": "linux", "Config": {"Entrypoint": ["/entry", "-x"], "Cmd": ["app.handler"]}}]"#;
        let parts = |source: &ImageSource| {
            let [inspected] = serde_json::from_str::<[Inspected; 1]>(json).unwrap();
            let image = configured(Path::new("/docker"), "hello:latest", inspected, source);
            assert_eq!((image.id.as_str(), image.bytes), ("sha256:1", 7));
            (image.entry_point, image.command, image.working_directory)
        };
        let own = ImageSource::default();
        assert_eq!(parts(&own), (texts(&["/entry", "-x"]), texts(&["app.handler"]), None));
        let entry = ImageSource { entry_point: texts(&["/other"]), ..ImageSource::default() };
        assert_eq!(parts(&entry), (texts(&["/other"]), texts(&["app.handler"]), None));
        let rest = ImageSource {
            command: texts(&["b.handler"]),
            working_directory: Some("/srv".to_owned()),
            ..ImageSource::default()
        };
        let folder = Some("/srv".to_owned());
        assert_eq!(parts(&rest), (texts(&["/entry", "-x"]), texts(&["b.handler"]), folder));
    }

    #[test]
    fn an_image_without_a_configuration_has_no_command() {
        let json = r#"[{"Id": "sha256:1", "Size": 7, "Config": {"Entrypoint": null}}]"#;
        let [inspected] = serde_json::from_str::<[Inspected; 1]>(json).unwrap();
        let image = configured(Path::new("/docker"), "x", inspected, &ImageSource::default());
        assert_eq!((image.entry_point, image.command), (Vec::new(), Vec::new()));
    }

    #[test]
    fn an_asset_of_cdk_is_found_by_the_tag_of_its_uri() {
        let folder = tempfile::tempdir().unwrap();
        let manifest = r#"{"version": "36.0.0", "files": {}, "dockerImages": {"4E5F": {
            "displayName": "Image",
            "source": {"directory": "asset.4e5f", "dockerFile": "Dockerfile.lambda", "dockerBuildArgs": {"A": "1"}, "dockerBuildTarget": "t"},
            "destinations": {"current": {"repositoryName": "cdk-assets", "imageTag": "4e5f"}}}}}"#;
        std::fs::write(folder.path().join("Stack.assets.json"), manifest).unwrap();
        let uri = "1.dkr.ecr.us-east-1.amazonaws.com:443/cdk-assets:4e5f";
        let build = asset(folder.path(), uri).unwrap();
        let context = folder.path().join("asset.4e5f");
        assert_eq!(
            build.command_line(),
            format!(
                "docker build --tag cdkasset-4e5f:latest --file {0}/Dockerfile.lambda --target t --build-arg A=1 {0}",
                context.display()
            )
        );
        assert_eq!(asset(folder.path(), "x/cdk-assets:other"), None);
        assert_eq!(asset(folder.path(), "x/cdk-assets"), None);
    }

    #[test]
    fn only_containers_of_a_hardcap_that_has_ended_are_left_behind() {
        let listed = "aa 10\nbb 20\ncc \ndd x\n";
        assert_eq!(left_behind(listed, |process| process == 10), ["bb"]);
        assert!(is_running(std::process::id().try_into().unwrap()));
        assert!(!is_running(i32::MAX));
    }
}
