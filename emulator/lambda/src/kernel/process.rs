//! The processes of functions: the only module that starts them.

use std::ffi::{CString, OsString};
use std::io;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::Child;
use tokio::sync::{mpsc, oneshot};

use super::isolation::NamespacePlan;
use super::memory::PageFaults;
use super::output::Output;

/// The program to start.
#[derive(Debug)]
pub(crate) struct Program {
    /// The program and its arguments. A relative path is resolved in the folder, a bare name in `PATH`.
    pub(crate) command: Vec<OsString>,
    pub(crate) folder: PathBuf,
    /// All environment variables.
    pub(crate) environment: Vec<(OsString, OsString)>,
}

/// What restricts a process, from its start on.
#[derive(Debug)]
pub(super) struct Restrictions {
    /// The isolation; `None` for none.
    pub(super) plan: Option<NamespacePlan>,
    pub(super) limits: ProcessLimits,
    /// The files of its control group.
    pub(super) entrances: Vec<CString>,
}

/// The kernel's limits for a process.
#[derive(Clone, Copy, Debug)]
pub(super) struct ProcessLimits {
    pub(super) file_descriptors: u64,
    /// The number of processes and threads together.
    pub(super) processes: u64,
    /// Whether a control group counts the processes, so that this limit is not needed.
    pub(super) counted: bool,
}

/// A running program.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) child: Child,
    pub(crate) group: ProcessGroup,
    pub(crate) output: Output,
}

/// A process and its descendants, as long as they stay in its process group.
#[derive(Debug)]
pub(crate) struct ProcessGroup {
    leader: Pid,
    ended: AtomicBool,
    page_faults: PageFaults,
}

impl ProcessGroup {
    /// The process id of the program.
    pub(crate) fn pid(&self) -> u32 {
        self.leader.as_raw_nonzero().get().unsigned_abs()
    }

    /// The page faults of the program; `None` if they are unknown.
    pub(crate) fn page_faults(&self) -> Option<u64> {
        self.page_faults.count()
    }

    /// Kills all of them.
    pub(crate) fn kill(&self) {
        self.signal(Signal::KILL);
    }

    /// Sends SIGTERM to all of them.
    pub(crate) fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Stops all of them until [`ProcessGroup::thaw`].
    pub(crate) fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// Continues all of them.
    pub(crate) fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        if !self.ended.load(Ordering::Acquire) {
            // An error means that all of them have ended.
            let _ = kill_process_group(self.leader, signal);
        }
    }

    /// Kills the remaining processes. Afterwards the id may belong to another process.
    pub(crate) fn end(&self) {
        self.kill();
        self.ended.store(true, Ordering::Release);
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        self.end();
    }
}

/// The exit of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// With status 0.
    Clean,
    /// With another exit status.
    Status(i32),
    /// By a signal.
    Signal(i32),
}

impl Exit {
    /// Killed with SIGKILL, by the kernel or by hardcap.
    pub(crate) const KILLED: Exit = Exit::Signal(9);

    pub(crate) fn of(status: ExitStatus) -> Exit {
        match (status.code(), status.signal()) {
            (Some(0), _) => Exit::Clean,
            (Some(code), _) => Exit::Status(code),
            (None, signal) => Exit::Signal(signal.unwrap_or(0)),
        }
    }

    /// The exit of a container, by that of Docker's client: the status 128 + N stands for the signal N.
    pub(crate) fn of_container(status: ExitStatus) -> Exit {
        match Exit::of(status) {
            Exit::Status(code @ 129..=192) => Exit::Signal(code - 128),
            other => other,
        }
    }

    /// AWS's text. Recorded on 2025-11-24: the clean exit and `exit status 127`. Reported by users: `signal: killed` and
    /// `signal: segmentation fault`. The other signals have the names of Go, in which AWS's supervisor is written.
    pub(crate) fn message(self) -> String {
        match self {
            Exit::Clean => "Runtime exited without providing a reason".to_owned(),
            Exit::Status(code) => format!("Runtime exited with error: exit status {code}"),
            Exit::Signal(signal) => {
                format!("Runtime exited with error: signal: {}", signal_name(signal))
            }
        }
    }

    /// The text for an extension. Captured for the clean exit (elastic/apm-aws-lambda#145, 2022-03-10): `exit code 0`. The
    /// others are those of AWS's own server.
    pub(crate) fn of_extension(self) -> String {
        match self {
            Exit::Clean => "exit code 0".to_owned(),
            Exit::Status(code) => format!("exit status {code}"),
            Exit::Signal(signal) => format!("signal: {}", signal_name(signal)),
        }
    }
}

fn signal_name(signal: i32) -> String {
    let name = match signal {
        1 => "hangup",
        2 => "interrupt",
        3 => "quit",
        4 => "illegal instruction",
        5 => "trace/breakpoint trap",
        6 => "aborted",
        7 => "bus error",
        8 => "floating point exception",
        9 => "killed",
        10 => "user defined signal 1",
        11 => "segmentation fault",
        12 => "user defined signal 2",
        13 => "broken pipe",
        14 => "alarm clock",
        15 => "terminated",
        other => return format!("signal {other}"),
    };
    name.to_owned()
}

/// Starts processes, all from one thread that lives as long as they may.
///
/// The kernel ends the processes when the *thread* that started them ends. So they never outlive the emulator, but a worker
/// thread of the runtime, which may end earlier, must not start them. The thread also keeps fork and exec away from the
/// requests.
#[derive(Debug, Default)]
pub(crate) struct Launcher {
    orders: std::sync::OnceLock<Option<mpsc::Sender<Order>>>,
}

#[derive(Debug)]
struct Order {
    program: Program,
    restrictions: Restrictions,
    runtime: tokio::runtime::Handle,
    done: oneshot::Sender<io::Result<Process>>,
}

/// The capacity of the queue of starts. Each request queues one.
const ORDERS_WAITING: usize = 64;

impl Launcher {
    /// Starts a program.
    ///
    /// # Errors
    ///
    /// The error of fork or exec: the program is missing, not executable, or not for this machine.
    pub(super) async fn launch(
        &self,
        program: Program,
        restrictions: Restrictions,
    ) -> io::Result<Process> {
        let no_thread = || io::Error::other("the thread that starts processes has ended");
        let (done, started) = oneshot::channel();
        let runtime = tokio::runtime::Handle::current();
        let order = Order { program, restrictions, runtime, done };
        let orders = self.orders.get_or_init(start_thread).as_ref().ok_or_else(no_thread)?;
        orders.send(order).await.map_err(|_| no_thread())?;
        started.await.map_err(|_| no_thread())?
    }
}

fn start_thread() -> Option<mpsc::Sender<Order>> {
    let (orders, received) = mpsc::channel(ORDERS_WAITING);
    let thread = std::thread::Builder::new().name("launcher".to_owned());
    thread.spawn(move || run_orders(received)).ok().map(|_| orders)
}

fn run_orders(mut orders: mpsc::Receiver<Order>) {
    while let Some(order) = orders.blocking_recv() {
        let _runtime = order.runtime.enter();
        // If the caller has gone, dropping the process ends it.
        let _ = order.done.send(spawn(order.program, order.restrictions));
    }
}

fn spawn(program: Program, restrictions: Restrictions) -> io::Result<Process> {
    let mut parts = program.command.iter();
    let first = parts.next().ok_or_else(|| io::Error::other("the command is empty"))?;
    let (reader, writer) = io::pipe()?;
    #[expect(clippy::disallowed_methods, reason = "the only place that starts processes")]
    let mut command = std::process::Command::new(first);
    command
        .args(parts)
        .env_clear()
        .envs(program.environment)
        .current_dir(&program.folder)
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(writer.try_clone()?)
        .stderr(writer);
    before_exec(&mut command, restrictions);
    let child = tokio::process::Command::from(command).kill_on_drop(true).spawn()?;
    let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    let leader = pid.ok_or_else(|| io::Error::other("a process without an id"))?;
    let page_faults = PageFaults::of(leader.as_raw_nonzero().get().unsigned_abs());
    let group = ProcessGroup { leader, ended: AtomicBool::new(false), page_faults };
    Ok(Process { child, group, output: Output::new(reader.into())? })
}

#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "system calls between fork and exec have no safe form")]
fn before_exec(command: &mut std::process::Command, restrictions: Restrictions) {
    use rustix::process::{Resource, getpid};
    let Restrictions { mut plan, limits, entrances } = restrictions;
    let emulator = getpid();
    let identity = super::isolation::Identity::current();
    let counts_processes =
        limits.counted || super::isolation::counts_processes(&identity, plan.is_some());
    let prepare = move || {
        // Before the namespaces, in which the groups may be invisible.
        entrances.iter().try_for_each(|entrance| super::control_group::join(entrance))?;
        if let Some(plan) = &mut plan {
            super::isolation::apply(plan, &identity)?;
        }
        set_limit(Resource::Nofile, limits.file_descriptors)?;
        if counts_processes {
            set_limit(Resource::Nproc, limits.processes)?;
        }
        // After the namespaces, which would reset it.
        hardcap_core::tool::end_with(emulator)
    };
    // SAFETY: between fork and exec the closure makes only system calls on data that was allocated before.
    unsafe { command.pre_exec(prepare) };
}

/// Sets a limit of the calling process. Where hardcap's own hard limit is lower and the kernel does not permit a higher one,
/// that limit stays.
#[cfg(target_os = "linux")]
fn set_limit(resource: rustix::process::Resource, number: u64) -> rustix::io::Result<()> {
    use rustix::process::{Rlimit, getrlimit, setrlimit};
    let at_most = |number| Rlimit { current: Some(number), maximum: Some(number) };
    match (setrlimit(resource, at_most(number)), getrlimit(resource).maximum) {
        (Err(rustix::io::Errno::PERM), Some(own)) if own < number => {
            setrlimit(resource, at_most(own))
        }
        (set, _) => set,
    }
}

/// Without namespaces `/tmp` is the machine's. Without a death signal a `kill -9` of the emulator leaves processes running.
#[cfg(not(target_os = "linux"))]
fn before_exec(_command: &mut std::process::Command, _restrictions: Restrictions) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_an_exit_is_that_of_aws() {
        for (exit, message) in [
            (Exit::Clean, "Runtime exited without providing a reason"),
            (Exit::Status(127), "Runtime exited with error: exit status 127"),
            (Exit::Signal(9), "Runtime exited with error: signal: killed"),
            (Exit::Signal(11), "Runtime exited with error: signal: segmentation fault"),
            (Exit::Signal(6), "Runtime exited with error: signal: aborted"),
            (Exit::Signal(64), "Runtime exited with error: signal: signal 64"),
        ] {
            assert_eq!(exit.message(), message);
        }
    }

    #[test]
    fn the_exit_of_a_container_above_128_is_that_of_a_signal() {
        let of = |status: i32| Exit::of_container(ExitStatus::from_raw(status << 8));
        assert_eq!(of(0), Exit::Clean);
        assert_eq!([1, 127, 128, 193].map(of), [1, 127, 128, 193].map(Exit::Status));
        assert_eq!([129, 137, 139, 192].map(of), [1, 9, 11, 64].map(Exit::Signal));
        assert_eq!(Exit::of_container(ExitStatus::from_raw(9)), Exit::KILLED, "the client itself");
    }
}
