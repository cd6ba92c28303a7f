//! The sandbox of a container image: one container, through Docker's client.
//!
//! The container is created with all its limits, and `docker start --attach` is the process of the sandbox: its
//! output is the function's, and it ends with the exit status of the function. A signal ends the client alone, so the container is
//! removed at the end of every sandbox. Docker does not remove it by itself (`--rm`), because only a container that is still there
//! can say whether it was out of memory.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use hardcap_limits::Millis;

use super::environment::Variables;
use super::kernel::memory::{self, Usage};
use hardcap_core::clock::Clock;
use hardcap_core::config::{CONTAINER_LABEL, Image};
use hardcap_core::tool::Tool;

/// The time within which Docker must respond.
const WITHIN: Millis = Millis(60_000);

/// The limits of a container.
#[derive(Clone, Copy, Debug)]
pub(super) struct ContainerLimits {
    /// The memory of the function in MB.
    pub(super) memory_mb: u64,
    /// The size of `/tmp` in MB.
    pub(super) tmp_mb: u64,
    /// The number of all processes and threads together.
    pub(super) processes: u64,
    /// The number of open files of each process.
    pub(super) file_descriptors: u64,
}

/// Docker did not create a container.
#[derive(Debug, thiserror::Error)]
#[error("docker create {image}: {why}")]
pub(super) struct ContainerError {
    /// The name of the image.
    image: String,
    /// Docker's message, such as that the image has been removed.
    why: String,
}

/// A container that was created.
#[derive(Debug)]
pub(super) struct Container {
    docker: PathBuf,
    id: String,
}

impl Container {
    /// Creates the container of a function, which does not run yet.
    ///
    /// # Errors
    ///
    /// [`ContainerError`] with Docker's message.
    pub(super) async fn create(
        image: &Image,
        function: &str,
        limits: ContainerLimits,
        variables: &Variables,
    ) -> Result<Container, ContainerError> {
        let name = format!("hardcap-{function}-{}", uuid::Uuid::new_v4().simple());
        let (file, long) = variables_for_docker(variables);
        let arguments = create_arguments(image, &name, limits, long);
        let tool = Tool::new(&image.docker, arguments, Path::new("/"));
        let created = Clock::default().timeout(WITHIN, tool.output_for(&file)).await;
        let failed = |why: &str| ContainerError { image: image.name.clone(), why: why.to_owned() };
        match created {
            None => Err(failed("Docker does not respond")),
            Some(Err(error)) => Err(failed(&error.to_string())),
            Some(Ok(output)) if output.status.success() => {
                let id = String::from_utf8_lossy(&output.stdout).trim().to_owned();
                Ok(Container { docker: image.docker.clone(), id })
            }
            Some(Ok(output)) => Err(failed(String::from_utf8_lossy(&output.stderr).trim())),
        }
    }

    /// The command that starts the container. Its process ends with the container.
    pub(super) fn start_command(&self) -> Vec<OsString> {
        let docker = self.docker.clone().into_os_string();
        [docker, "start".into(), "--attach".into(), (&self.id).into()].into()
    }

    /// The memory of its processes; `None` if this machine does not show them, because Docker runs in a virtual machine.
    pub(super) fn usage(&self) -> Option<Usage> {
        let processes = group_folders(&self.id)
            .into_iter()
            .find_map(|folder| std::fs::read_to_string(folder.join("cgroup.procs")).ok())?;
        let processes = processes.lines().filter_map(|process| process.parse().ok());
        let usages = processes.filter_map(memory::of_process);
        usages.reduce(|sum, one| Usage {
            resident: sum.resident + one.resident,
            peak: sum.peak + one.peak,
        })
    }

    /// Whether the kernel ended the container because it used all of its memory.
    pub(super) async fn was_out_of_memory(&self) -> bool {
        let arguments = ["inspect", "--format", "{{.State.OOMKilled}}", &self.id];
        self.ask(&arguments).await.is_some_and(|said| said.trim() == "true")
    }

    /// Ends and removes the container.
    pub(super) async fn remove(&self) {
        if self.ask(&["rm", "--force", "--volumes", &self.id]).await.is_none() {
            tracing::warn!(
                "the container {} may not have been removed: docker rm --force {}",
                self.id,
                self.id
            );
        }
    }

    /// The output of a command of Docker; `None` if it fails.
    async fn ask(&self, arguments: &[&str]) -> Option<String> {
        let tool = Tool::new(&self.docker, arguments, Path::new("/"));
        let output = Clock::default().timeout(WITHIN, tool.output()).await?.ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

/// The folders of the control group that a container may have: Docker with its own driver, versions one and two, and with
/// systemd's.
fn group_folders(id: &str) -> [PathBuf; 3] {
    let root = Path::new("/sys/fs/cgroup");
    [
        root.join("memory/docker").join(id),
        root.join("docker").join(id),
        root.join("system.slice").join(format!("docker-{id}.scope")),
    ]
}

/// The variables as a file of Docker's, and those that such a file cannot have, because their value has more than one line. In
/// a file, other users of the machine do not see them among the arguments of the client.
fn variables_for_docker(variables: &Variables) -> (Vec<u8>, Vec<OsString>) {
    let mut file = Vec::new();
    let mut long = Vec::new();
    for (name, value) in variables {
        let mut line = name.clone();
        line.push("=");
        line.push(value);
        if line.as_encoded_bytes().iter().any(|byte| matches!(byte, b'\n' | b'\r')) {
            long.push(line);
        } else {
            file.extend_from_slice(line.as_encoded_bytes());
            file.push(b'\n');
        }
    }
    (file, long)
}

/// The arguments of `docker create`. The variables of the function are read from standard input, except the `long` ones.
///
/// - A process that is not the first one of the container (`--init`) ends by signals as on AWS.
/// - The file system is read-only except `/tmp`, and the function has no privileges, as on AWS (Lambda developer guide, "Create a
///   Lambda function using a container image": "must be able to run on a read-only file system", "least-privileged permissions").
/// - The network is the machine's, because the Runtime API and the AWS APIs listen on its loopback interface.
/// - The files in `/tmp` are in memory here and counted by the kernel, so their size is added to the function's memory. Where
///   the processes can be measured, the function's own limit is enforced on them.
fn create_arguments(
    image: &Image,
    name: &str,
    limits: ContainerLimits,
    long: Vec<OsString>,
) -> Vec<OsString> {
    let ContainerLimits { memory_mb, tmp_mb, processes, file_descriptors } = limits;
    let of_tmp = if cfg!(target_os = "linux") { tmp_mb } else { 0 };
    let memory = format!("{}m", memory_mb + of_tmp);
    let mut arguments: Vec<OsString> = Vec::new();
    let mut add = |option: &str, value: &str| {
        arguments.extend([option.into(), value.into()]);
    };
    add("create", "--init");
    add("--pull", "never");
    add("--name", name);
    add("--label", &format!("{CONTAINER_LABEL}={}", std::process::id()));
    add("--network", "host");
    for host in ["sandbox.localdomain", "sandbox"] {
        add("--add-host", &format!("{host}:127.0.0.1"));
    }
    add("--tmpfs", &format!("/tmp:rw,exec,nosuid,nodev,mode=1777,size={tmp_mb}m"));
    add("--memory", &memory);
    add("--memory-swap", &memory);
    add("--pids-limit", &processes.to_string());
    add("--ulimit", &format!("nofile={file_descriptors}:{file_descriptors}"));
    add("--cap-drop", "ALL");
    add("--security-opt", "no-new-privileges");
    add("--log-driver", "none");
    add("--env-file", "/dev/stdin");
    if let Some(folder) = &image.working_directory {
        add("--workdir", folder);
    }
    let mut entry_point = image.entry_point.iter();
    if let Some(program) = entry_point.next() {
        add("--entrypoint", program);
    }
    for variable in long {
        arguments.extend(["--env".into(), variable]);
    }
    arguments.extend(["--read-only", "--no-healthcheck"].map(OsString::from));
    arguments.push((&image.id).into());
    arguments.extend(entry_point.chain(&image.command).map(OsString::from));
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: ContainerLimits =
        ContainerLimits { memory_mb: 128, tmp_mb: 512, processes: 1_024, file_descriptors: 1_024 };

    fn image() -> Image {
        Image {
            docker: "/usr/bin/docker".into(),
            name: "hello:latest".to_owned(),
            id: "sha256:0123".to_owned(),
            bytes: 0,
            entry_point: Vec::new(),
            command: Vec::new(),
            working_directory: None,
        }
    }

    fn line(image: &Image, long: Vec<OsString>) -> String {
        let arguments = create_arguments(image, "hardcap-hello-1", LIMITS, long);
        let arguments: Vec<_> = arguments.iter().map(|it| it.to_string_lossy()).collect();
        arguments.join(" ")
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_container_has_the_limits_of_a_sandbox_and_no_more_rights() {
        let expected = format!(
            "create --init --pull never --name hardcap-hello-1 --label hardcap={} --network host \
             --add-host sandbox.localdomain:127.0.0.1 --add-host sandbox:127.0.0.1 \
             --tmpfs /tmp:rw,exec,nosuid,nodev,mode=1777,size=512m --memory 640m --memory-swap 640m --pids-limit 1024 \
             --ulimit nofile=1024:1024 --cap-drop ALL --security-opt no-new-privileges --log-driver none \
             --env-file /dev/stdin --read-only --no-healthcheck sha256:0123",
            std::process::id()
        );
        assert_eq!(line(&image(), Vec::new()), expected);
    }

    #[test]
    fn the_entry_point_is_an_option_and_its_arguments_follow_the_image() {
        let image = Image {
            entry_point: ["/lambda-entrypoint.sh".to_owned(), "-x".to_owned()].into(),
            command: ["app.handler".to_owned()].into(),
            working_directory: Some("/var/task".to_owned()),
            ..image()
        };
        let line = line(&image, vec!["A=one\ntwo".into()]);
        let end = "--env-file /dev/stdin --workdir /var/task --entrypoint /lambda-entrypoint.sh --env A=one\ntwo --read-only \
                   --no-healthcheck sha256:0123 -x app.handler";
        assert!(line.ends_with(end), "{line}");
    }

    #[test]
    fn a_variable_of_one_line_is_in_the_file_and_a_longer_one_is_an_argument() {
        let variables = vec![
            ("EMPTY".into(), "".into()),
            ("QUOTED".into(), " 'a' # \"b\" ".into()),
            ("LINES".into(), "a\nb".into()),
        ];
        let (file, long) = variables_for_docker(&variables);
        assert_eq!(String::from_utf8(file).unwrap(), "EMPTY=\nQUOTED= 'a' # \"b\" \n");
        assert_eq!(long, ["LINES=a\nb"]);
    }
}
