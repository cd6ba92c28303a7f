//! The start of a sandbox's processes: their environment, isolation and resource limits.

use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::container::{Container, ContainerError, ContainerLimits};
use super::environment::{self, EnvironmentInputs, Variables};
use super::function::Deployed;
use super::kernel::{
    Confinement, Extent, Isolation, Process, Program, SandboxLimits, TASK_ROOT, in_layers,
};
use hardcap_core::clock::Clock;
use hardcap_core::descriptors::{self, Shortage};

/// The memory that a debugger may use in addition to the function's, in MB.
const DEBUGGER_MB: u64 = 2_048;

/// The number of times that the start of a program that is open for writing is repeated.
const BUSY_ATTEMPTS: u32 = 100;
/// The pause before such a repetition.
const BUSY_PAUSE: Duration = Duration::from_millis(10);

/// The parameters for all processes of one sandbox.
#[derive(Debug)]
pub(super) struct Launch {
    /// The variables of a process whose code is in `/var/task`.
    inside: Variables,
    /// The variables of a process whose code is in its real folder.
    outside: Variables,
    confinement: Confinement,
    /// The container of an image. Docker's client is then the process of the sandbox.
    container: Option<Arc<Container>>,
}

/// The error of starting a process.
#[derive(Debug)]
pub(super) enum LaunchError {
    /// The program or its folder is invalid: a function error, in AWS's words.
    Program { message: String, kind: io::ErrorKind },
    /// The machine lacks a resource, named in the message: an error of hardcap.
    Shortage(Shortage),
}

/// The kind of process in a sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Runtime,
    Extension,
}

impl Launch {
    /// # Errors
    ///
    /// [`LaunchError::Shortage`] if the machine lacks a resource for a control group, [`LaunchError::Program`] if Docker does not
    /// create the container of an image.
    pub(super) async fn new(
        function: &Deployed,
        facts: &EnvironmentInputs<'_>,
        isolation: Arc<Isolation>,
    ) -> Result<Launch, LaunchError> {
        let limits = function.resources.platform.limits();
        let of_debugger = function.function.debugger.as_ref().map_or(0, |_| DEBUGGER_MB);
        let megabytes =
            u64::from(function.function.memory_mb) + function.view().tmp_mb + of_debugger;
        let limits = SandboxLimits {
            bytes: megabytes << 20,
            processes: limits.lambda_processes.max.0,
            file_descriptors: limits.lambda_file_descriptors.max.0,
        };
        let confinement = Confinement::new(isolation, limits).map_err(LaunchError::Shortage)?;
        let inside = environment::variables(facts, Path::new(TASK_ROOT));
        let container = created(function, &inside, limits).await?.map(Arc::new);
        let outside = environment::variables(facts, &function.task_root);
        Ok(Launch { inside, outside, confinement, container })
    }

    /// The container of an image.
    pub(super) fn container(&self) -> Option<Arc<Container>> {
        self.container.clone()
    }

    /// Whether the kernel has killed a process because the sandbox's total memory exceeded the limit.
    pub(super) async fn was_out_of_memory(&self) -> bool {
        match &self.container {
            Some(container) => container.was_out_of_memory().await,
            None => self.confinement.was_out_of_memory(),
        }
    }

    /// Ends all remaining processes.
    pub(super) async fn end(self, clock: &Clock) {
        self.confinement.end(clock).await;
        if let Some(container) = self.container {
            container.remove().await;
        }
    }

    /// Starts the runtime.
    pub(super) async fn runtime(&self, function: &Deployed) -> Result<Process, LaunchError> {
        if let Some(container) = &self.container {
            return self.attached(function, container).await;
        }
        self.start(function, Part::Runtime, function.function.start_command()).await
    }

    /// Starts an external extension.
    pub(super) async fn extension(
        &self,
        function: &Deployed,
        program: &Path,
    ) -> Result<Process, LaunchError> {
        self.start(function, Part::Extension, &[program.as_os_str().to_owned()]).await
    }

    /// Starts a process with as much isolation as the kernel permits.
    async fn start(
        &self,
        function: &Deployed,
        part: Part,
        command: &[OsString],
    ) -> Result<Process, LaunchError> {
        if let Some(why) = &function.function.no_program {
            let (message, kind) = (why.clone(), io::ErrorKind::NotFound);
            return Err(LaunchError::Program { message, kind });
        }
        if !function.task_root.is_dir() {
            let root = function.task_root.display();
            let message = format!("chdir {root}: no such directory");
            return Err(LaunchError::Program { message, kind: io::ErrorKind::NotFound });
        }
        let mut extent = Extent::permitted();
        let mut refused: Option<io::Error> = None;
        let mut busy_attempts = 0;
        loop {
            let error = match self.attempt(function, part, command, extent).await {
                Ok(process) => {
                    match refused {
                        None => extent.prove(),
                        Some(why) => extent.reduce_permitted(&why),
                    }
                    return Ok(process);
                }
                Err(error) => error,
            };
            // A program that is still open for writing, such as by a build, or by a process that was forked while it was
            // unpacked.
            if error.kind() == io::ErrorKind::ExecutableFileBusy && busy_attempts < BUSY_ATTEMPTS {
                busy_attempts += 1;
                Clock::default().pause(BUSY_PAUSE).await;
                continue;
            }
            // A shortage is neither an error of the program nor a reason for less isolation.
            if let Some(shortage) = descriptors::shortage(&error) {
                return Err(LaunchError::Shortage(shortage));
            }
            // The error may come from the mounts or from the program, so the start is retried with less isolation.
            match extent.reduced() {
                Some(reduced) => extent = reduced,
                None => {
                    let message = fork_exec_error(command, &error);
                    return Err(LaunchError::Program { message, kind: error.kind() });
                }
            }
            refused.get_or_insert(error);
        }
    }

    /// Starts a container. Docker's client has the variables of hardcap, and the limits of the sandbox.
    async fn attached(
        &self,
        function: &Deployed,
        container: &Container,
    ) -> Result<Process, LaunchError> {
        let command = container.start_command();
        let environment = environment::of_hardcap();
        let program = Program { command: command.clone(), folder: "/".into(), environment };
        let launcher = &function.resources.launcher;
        let view = function.view();
        let started = self.confinement.start(launcher, program, &view, Extent::Nothing).await;
        started.map_err(|error| match descriptors::shortage(&error) {
            Some(shortage) => LaunchError::Shortage(shortage),
            None => LaunchError::Program {
                message: fork_exec_error(&command, &error),
                kind: error.kind(),
            },
        })
    }

    async fn attempt(
        &self,
        function: &Deployed,
        part: Part,
        command: &[OsString],
        extent: Extent,
    ) -> io::Result<Process> {
        let variables = if extent == Extent::Whole { &self.inside } else { &self.outside };
        let (environment, command) = match part {
            Part::Runtime => {
                let (root, layers) = if extent == Extent::Whole {
                    (Path::new(TASK_ROOT), &[][..])
                } else {
                    (function.task_root.as_path(), function.function.layers.as_slice())
                };
                let runtime = &function.function.runtime;
                let variables = environment::of_runtime(variables, runtime, root, layers);
                (variables, wrapped(function, command, extent))
            }
            Part::Extension => (environment::of_extension(variables), command.to_vec()),
        };
        let program = Program { command, folder: function.task_root.clone(), environment };
        let launcher = &function.resources.launcher;
        self.confinement.start(launcher, program, &function.view(), extent).await
    }
}

/// The container of a function that is an image, which does not run yet.
async fn created(
    function: &Deployed,
    variables: &Variables,
    limits: SandboxLimits,
) -> Result<Option<Container>, LaunchError> {
    let Some(image) = &function.function.image else { return Ok(None) };
    let limits = ContainerLimits {
        memory_mb: function.function.memory_mb.into(),
        tmp_mb: function.view().tmp_mb,
        processes: limits.processes,
        file_descriptors: limits.file_descriptors,
    };
    let variables = environment::of_image(variables, &function.function);
    let created = Container::create(image, &function.function.name, limits, &variables).await;
    let failed = |error: ContainerError| LaunchError::Program {
        message: error.to_string(),
        kind: io::ErrorKind::Other,
    };
    created.map(Some).map_err(failed)
}

/// `AWS_LAMBDA_EXEC_WRAPPER` is started instead of a managed runtime and gets the runtime's command as its arguments.
///
/// Started by a shell, as in AWS's runtimes: the exit status 127 of a missing wrapper was recorded on 2025-11-24.
fn wrapped(function: &Deployed, command: &[OsString], extent: Extent) -> Vec<OsString> {
    let function = &function.function;
    let wrapper = function.environment.get("AWS_LAMBDA_EXEC_WRAPPER");
    let Some(wrapper) = wrapper.filter(|_| !function.runtime.starts_with("provided")) else {
        return command.to_vec();
    };
    let shell = ["/bin/sh", "-c", r#"exec "$0" "$@""#].map(OsString::from);
    let wrapper = in_layers(wrapper.as_ref(), &function.layers, extent);
    shell.into_iter().chain([wrapper]).chain(command.iter().cloned()).collect()
}

/// `fork/exec /var/task/bootstrap: no such file or directory`: the words of AWS's supervisor, captured in 2023 to 2025.
fn fork_exec_error(command: &[OsString], error: &std::io::Error) -> String {
    use rustix::io::Errno;
    let program = command.first().map(|it| it.to_string_lossy().into_owned());
    let words = match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::NOENT) => "no such file or directory".to_owned(),
        Some(Errno::ACCESS) => "permission denied".to_owned(),
        Some(Errno::NOEXEC) => "exec format error".to_owned(),
        _ => error.to_string(),
    };
    format!("fork/exec {}: {words}", program.unwrap_or_default())
}
