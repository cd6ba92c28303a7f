//! A function as it runs: its sandboxes, which of them are free, and what one that ended leaves to the next.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hardcap_limits::Millis;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::concurrency::{Account, Executions};
use super::log::Log;
use super::private_tmp::PrivateTmp;
use super::process::Launcher;
use super::sandbox::Sandbox;
use super::{Job, init};
use crate::config::Function;
use crate::context::Platform;

/// How long an invocation waits for a sandbox that has answered and will ask for the next event any moment, before it
/// starts another one. On AWS the answer takes longer to its invoker than the runtime to its next request, so a client that
/// sends one request after the other always meets the same sandbox.
const SETTLING: Millis = Millis(100);
/// Folders and log streams that are kept for the next sandbox, at most.
const HOMES_MAX: usize = 64;

/// What all functions share.
#[derive(Debug)]
pub(super) struct Surroundings {
    pub(super) platform: Platform,
    pub(super) aws_endpoint: String,
    pub(super) launcher: Launcher,
    pub(super) tasks: TaskTracker,
    pub(super) sandboxes: TaskTracker,
    pub(super) stop: CancellationToken,
}

/// A function and its sandboxes.
#[derive(Debug)]
pub(super) struct Deployed {
    pub(super) function: Function,
    pub(super) arn: http::HeaderValue,
    /// The task root as an absolute path.
    pub(super) task_root: PathBuf,
    pub(super) executions: Arc<Executions>,
    pub(super) surroundings: Arc<Surroundings>,
    pool: Mutex<Pool>,
    /// Sandboxes that have answered and not asked for the next event yet.
    settling: AtomicUsize,
    settled: Notify,
}

#[derive(Debug, Default)]
struct Pool {
    last_id: u64,
    /// The emulator is being stopped: nothing is kept any more.
    closed: bool,
    all: HashMap<u64, Arc<Sandbox>>,
    /// The most recently used last.
    idle: Vec<Arc<Sandbox>>,
    homes: Vec<Home>,
}

/// What outlives a process: AWS keeps both when it replaces one.
#[derive(Debug)]
pub(super) struct Home {
    pub(super) log: Arc<Log>,
    pub(super) log_stream: String,
    /// `None` where the kernel does not permit one.
    pub(super) tmp: Option<PrivateTmp>,
}

impl Deployed {
    pub(super) fn new(
        function: Function,
        account: &Arc<Account>,
        surroundings: &Arc<Surroundings>,
    ) -> Deployed {
        let arn = function.arn(&surroundings.platform.region);
        let task_root =
            std::path::absolute(&function.task_root).unwrap_or_else(|_| function.task_root.clone());
        Deployed {
            arn: http::HeaderValue::try_from(arn)
                .unwrap_or_else(|_| http::HeaderValue::from_static("arn:aws:lambda")),
            task_root,
            executions: Executions::new(Arc::clone(account), function.reserved_concurrency),
            surroundings: Arc::clone(surroundings),
            pool: Mutex::default(),
            settling: AtomicUsize::new(0),
            settled: Notify::new(),
            function,
        }
    }

    /// Hands a job to the sandbox that was used last, so that others can grow old; gives it back when none is idle.
    pub(super) fn hand_to_idle(&self, mut job: Box<Job>) -> Result<(), Box<Job>> {
        loop {
            let Some(sandbox) = self.lock().idle.pop() else { return Err(job) };
            // One that has ended meanwhile gives the job back.
            match sandbox.begin(job, None) {
                Ok(()) => return Ok(()),
                Err(back) => job = back,
            }
        }
    }

    /// Finds a sandbox for a job that no idle one took: one that is about to be idle, or a new one.
    pub(super) async fn place(self: &Arc<Self>, mut job: Box<Job>) {
        let clock = job.ctx.clock.clone();
        let waited = clock.stopwatch();
        while self.settling.load(Ordering::Acquire) > 0 {
            let left = SETTLING.0.saturating_sub(waited.elapsed_millis().0);
            if left == 0 || clock.timeout(Millis(left), self.settled.notified()).await.is_none() {
                break;
            }
            match self.hand_to_idle(job) {
                Ok(()) => return,
                Err(back) => job = back,
            }
        }
        // It may have become idle between the two looks.
        if let Err(job) = self.hand_to_idle(job) {
            init::cold_start(self, job).await;
        }
    }

    /// A number for a new sandbox.
    pub(super) fn next_id(&self) -> u64 {
        let mut pool = self.lock();
        pool.last_id += 1;
        pool.last_id
    }

    /// A sandbox's process runs.
    pub(super) fn started(&self, sandbox: &Arc<Sandbox>) {
        let mut pool = self.lock();
        if pool.closed {
            return sandbox.kill();
        }
        pool.all.insert(sandbox.id, Arc::clone(sandbox));
    }

    /// A sandbox waits for an event.
    pub(super) fn idle(&self, sandbox: Arc<Sandbox>) {
        let mut pool = self.lock();
        if pool.closed {
            return;
        }
        pool.idle.push(sandbox);
        drop(pool);
        self.settled.notify_one();
    }

    /// A sandbox has answered.
    pub(super) fn settling(&self) {
        self.settling.fetch_add(1, Ordering::AcqRel);
    }

    /// A sandbox that had answered asks for the next event, or has ended.
    pub(super) fn settled(&self) {
        self.settling.fetch_sub(1, Ordering::AcqRel);
        self.settled.notify_one();
    }

    /// A sandbox's process has ended.
    pub(super) fn ended(&self, id: u64) {
        let mut pool = self.lock();
        pool.all.remove(&id);
        pool.idle.retain(|sandbox| sandbox.id != id);
    }

    /// Keeps what a sandbox leaves to the next one.
    pub(super) fn leave(&self, home: Option<Home>) {
        let mut pool = self.lock();
        if pool.homes.len() < HOMES_MAX && !pool.closed {
            pool.homes.extend(home);
        }
    }

    /// What a sandbox that ended left behind, or something new.
    pub(super) fn home(&self) -> Home {
        let left_behind = self.lock().homes.pop();
        left_behind.unwrap_or_else(|| self.new_home())
    }

    /// Paths that the function needs although they may be under `/tmp`.
    pub(super) fn paths(&self) -> impl Iterator<Item = &OsStr> {
        let command = self.function.command.iter().map(std::ffi::OsString::as_os_str);
        let environment = self.function.environment.values().map(AsRef::as_ref);
        command.chain(environment).chain([self.task_root.as_os_str()])
    }

    /// Ends every sandbox at once, and lets go of them and of the folders that are kept: nothing else would, for a sandbox
    /// knows its function and the function its sandboxes.
    pub(super) fn end_all(&self) {
        let pool = std::mem::replace(&mut *self.lock(), Pool { closed: true, ..Pool::default() });
        for sandbox in pool.all.values() {
            sandbox.kill();
        }
    }

    fn new_home(&self) -> Home {
        let now = self.surroundings.platform.clock.now().to_utc().date();
        let random = uuid::Uuid::new_v4().simple();
        let (year, month, day) = (now.year(), u8::from(now.month()), now.day());
        Home {
            log: Arc::new(Log::new(&self.function.name)),
            log_stream: format!("{year:04}/{month:02}/{day:02}/[$LATEST]{random}"),
            tmp: init::private_tmp(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
