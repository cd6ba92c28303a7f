//! The processes of functions: the only place that starts one.

use std::ffi::{CString, OsString};
use std::io;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::Child;
use tokio::sync::{mpsc, oneshot};

use super::isolation::Plan;
use super::output::Output;

/// What is to be started.
#[derive(Debug)]
pub(super) struct Program {
    /// The program and its arguments; a relative program is looked for in the folder, a bare name in `PATH`.
    pub(super) command: Vec<OsString>,
    pub(super) folder: PathBuf,
    pub(super) environment: Vec<(OsString, OsString)>,
    /// What it sees of the machine; all of it when `None`.
    pub(super) plan: Option<Plan>,
    pub(super) limits: ResourceLimits,
    /// Of its control group.
    pub(super) entrances: Vec<CString>,
}

/// What a process may use of the kernel's tables.
#[derive(Clone, Copy, Debug)]
pub(super) struct ResourceLimits {
    pub(super) file_descriptors: u64,
    /// Processes and threads together.
    pub(super) processes: u64,
    /// A control group counts the processes, so nobody else needs to.
    pub(super) counted: bool,
}

/// A program that runs.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) child: Child,
    pub(super) group: Group,
    pub(super) output: Output,
}

/// A process and its descendants, as long as these stay in its process group.
#[derive(Debug)]
pub(super) struct Group {
    leader: Pid,
    ended: AtomicBool,
}

impl Group {
    /// The process id of the program.
    pub(super) fn pid(&self) -> u32 {
        self.leader.as_raw_nonzero().get().unsigned_abs()
    }

    /// Ends all of them at once.
    pub(super) fn kill(&self) {
        self.signal(Signal::KILL);
    }

    /// Asks all of them to end.
    pub(super) fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Stops all of them where they are, until [`Group::thaw`].
    pub(super) fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets all of them go on.
    pub(super) fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        if !self.ended.load(Ordering::Acquire) {
            // It fails when all of them have ended already.
            let _ = kill_process_group(self.leader, signal);
        }
    }

    /// Ends what the program leaves behind; after that its id may belong to someone else.
    pub(super) fn end(&self) {
        self.kill();
        self.ended.store(true, Ordering::Release);
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.end();
    }
}

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exit {
    /// With status 0.
    Clean,
    /// With another status.
    Status(i32),
    /// By a signal.
    Signal(i32),
}

impl Exit {
    /// By the kernel, or by hardcap in its place: SIGKILL.
    pub(super) const KILLED: Exit = Exit::Signal(9);

    pub(super) fn of(status: ExitStatus) -> Exit {
        match (status.code(), status.signal()) {
            (Some(0), _) => Exit::Clean,
            (Some(code), _) => Exit::Status(code),
            (None, signal) => Exit::Signal(signal.unwrap_or(0)),
        }
    }

    /// AWS's words. Recorded on 2025-11-24: the clean exit and `exit status 127`. Reported by users: `signal: killed` and
    /// `signal: segmentation fault`. The other signals are the names that Go prints, in which AWS's supervisor is written.
    pub(super) fn message(self) -> String {
        match self {
            Exit::Clean => "Runtime exited without providing a reason".to_owned(),
            Exit::Status(code) => format!("Runtime exited with error: exit status {code}"),
            Exit::Signal(signal) => {
                format!("Runtime exited with error: signal: {}", signal_name(signal))
            }
        }
    }

    /// The same of an extension. Captured for the clean exit (elastic/apm-aws-lambda#145, 2022-03-10): `exit code 0`; the
    /// others as AWS's own server forms them.
    pub(super) fn of_extension(self) -> String {
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
/// The kernel ends them when the *thread* that started them ends: so they never outlive the emulator, however it ends, and
/// a worker thread that the runtime retires must not be the one. It also keeps fork and exec away from the requests.
#[derive(Debug, Default)]
pub(super) struct Launcher {
    orders: std::sync::OnceLock<Option<mpsc::Sender<Order>>>,
}

#[derive(Debug)]
struct Order {
    program: Program,
    runtime: tokio::runtime::Handle,
    done: oneshot::Sender<io::Result<Process>>,
}

/// Starts that wait for the thread; each is asked for by one request.
const ORDERS_WAITING: usize = 64;

impl Launcher {
    /// Starts a program.
    ///
    /// # Errors
    ///
    /// Those of fork and exec: the program is missing, not executable, or not for this machine.
    pub(super) async fn launch(&self, program: Program) -> io::Result<Process> {
        let no_thread = || io::Error::other("there is no thread to start processes from");
        let (done, started) = oneshot::channel();
        let order = Order { program, runtime: tokio::runtime::Handle::current(), done };
        let orders = self.orders.get_or_init(start_thread).as_ref().ok_or_else(no_thread)?;
        orders.send(order).await.map_err(|_| no_thread())?;
        started.await.map_err(|_| no_thread())?
    }
}

fn start_thread() -> Option<mpsc::Sender<Order>> {
    let (orders, received) = mpsc::channel(ORDERS_WAITING);
    let thread = std::thread::Builder::new().name("launcher".to_owned());
    thread.spawn(move || carry_out(received)).ok().map(|_| orders)
}

fn carry_out(mut orders: mpsc::Receiver<Order>) {
    while let Some(order) = orders.blocking_recv() {
        let _runtime = order.runtime.enter();
        // The one who asked may have gone: the process then ends as it is dropped.
        let _ = order.done.send(spawn(order.program));
    }
}

fn spawn(program: Program) -> io::Result<Process> {
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
    before_exec(&mut command, program.plan, program.limits, program.entrances);
    let child = tokio::process::Command::from(command).kill_on_drop(true).spawn()?;
    let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    let leader = pid.ok_or_else(|| io::Error::other("a process without an id"))?;
    let group = Group { leader, ended: AtomicBool::new(false) };
    Ok(Process { child, group, output: Output::new(reader.into())? })
}

#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "what a process does to itself before exec has no safe form")]
fn before_exec(
    command: &mut std::process::Command,
    mut plan: Option<Plan>,
    limits: ResourceLimits,
    entrances: Vec<CString>,
) {
    use rustix::process::{Resource, getpid};
    let emulator = getpid();
    let identity = super::isolation::Identity::current();
    let counts_processes =
        limits.counted || super::isolation::counts_processes(&identity, plan.is_some());
    let prepare = move || {
        // Before the namespaces, in which the groups may not be seen.
        entrances.iter().try_for_each(|entrance| super::control_group::join(entrance))?;
        if let Some(plan) = &mut plan {
            super::isolation::carry_out(plan, &identity)?;
        }
        set_limit(Resource::Nofile, limits.file_descriptors)?;
        if counts_processes {
            set_limit(Resource::Nproc, limits.processes)?;
        }
        // After the namespaces, which would reset it.
        hardcap_core::tool::end_with(emulator)
    };
    // SAFETY: between fork and exec the closure makes system calls only. What it needs was allocated before.
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

/// Without namespaces `/tmp` is the machine's, and without a death signal a `kill -9` of the emulator leaves processes behind.
#[cfg(not(target_os = "linux"))]
fn before_exec(
    _command: &mut std::process::Command,
    _plan: Option<Plan>,
    _limits: ResourceLimits,
    _entrances: Vec<CString>,
) {
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_an_exit_in_awss_words() {
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
}
