//! A deployed function: its sandboxes, the idle ones among them, and the resources that one sandbox leaves to the next.

use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hardcap_limits::{Limit, Limits, Megabytes, Millis};
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::concurrency::Executions;
use super::file_systems::FileSystems;
use super::kernel::{Isolation, Launcher, Mount, View};
use super::lineage::Passed;
use super::log::{Log, ShownLines};
use super::package::PackageFolder;
use super::sandbox::{Sandbox, ShutdownReason};
use super::system_log::Start;
use super::{Job, init};
use hardcap_core::clock::Stopwatch;
use hardcap_core::config::Function;
use hardcap_core::context::{Context, Platform};

/// The time that an invocation waits for a sandbox that has responded and is about to request its next event, before another
/// one is started. On AWS the response reaches its invoker later than the runtime's next request reaches Lambda, so a
/// sequential client always gets the same sandbox.
const SETTLING: Millis = Millis(100);
/// The time that an invocation without timeouts has. Its deadline must fit into the timers of every language: those of Node
/// have 31 bits of milliseconds.
const WITHOUT_TIMEOUTS: Millis = Millis(7 * 24 * 60 * 60 * 1000);
/// The maximum number of kept folders and log streams.
const HOMES_MAX: usize = 64;

/// The resources that all functions share.
#[derive(Debug)]
pub(super) struct SharedResources {
    pub(super) platform: Platform,
    pub(super) aws_endpoint: String,
    pub(super) launcher: Launcher,
    pub(super) tasks: TaskTracker,
    pub(super) sandboxes: TaskTracker,
    /// One permit per sandbox that the file descriptors of this process allow.
    pub(super) room: Arc<Semaphore>,
    /// Notified when a sandbox needs room: an idle sandbox ends then.
    pub(super) crowded: Notify,
    /// The maximum idle time of a sandbox.
    pub(super) idle: Millis,
    pub(super) file_systems: FileSystems,
    pub(super) stop: CancellationToken,
}

/// A function and its sandboxes.
#[derive(Debug)]
pub(super) struct Deployed {
    pub(super) function: Arc<Function>,
    pub(super) arn: http::HeaderValue,
    /// The function in the lineage of a trace header.
    pub(super) passed: Passed,
    /// The absolute path of the task root.
    pub(super) task_root: PathBuf,
    /// The folders of its file systems, each with its place.
    mounts: Vec<Mount>,
    pub(super) executions: Arc<Executions>,
    pub(super) resources: Arc<SharedResources>,
    /// What the logs of its sandboxes show on standard error.
    shown: Arc<ShownLines>,
    /// Keeps the package's files as long as a sandbox runs from them.
    _package: Option<Arc<PackageFolder>>,
    pool: Mutex<Pool>,
}

#[derive(Debug, Default)]
struct Pool {
    last_id: u64,
    /// Cold starts under way.
    starting: usize,
    /// The emulator is stopping: nothing is kept.
    closed: bool,
    /// The function was replaced: running invocations finish, and nothing is kept.
    retired: bool,
    all: HashMap<u64, Arc<Sandbox>>,
    /// The idle sandboxes; the most recently used one is last.
    idle: Vec<Arc<Sandbox>>,
    /// Sandboxes that have responded and not yet requested the next event.
    settling: usize,
    /// Jobs for those sandboxes, at most one for each; the oldest first.
    waiting: VecDeque<Waiting>,
    /// Whether a task watches the waiting jobs.
    is_watched: bool,
    homes: Vec<SandboxResources>,
}

#[derive(Debug)]
struct Waiting {
    job: Box<Job>,
    since: Stopwatch,
}

impl Pool {
    /// Whether there is a sandbox, or one is being started.
    fn is_occupied(&self) -> bool {
        self.starting > 0 || !self.all.is_empty()
    }

    /// One sandbox fewer will request an event soon. Returns the jobs without a sandbox; all jobs of a function with a
    /// debugger wait for its only sandbox.
    fn settled(&mut self, has_debugger: bool) -> VecDeque<Waiting> {
        self.settling = self.settling.saturating_sub(1);
        if has_debugger {
            return VecDeque::new();
        }
        self.waiting.split_off(self.settling.min(self.waiting.len()))
    }
}

/// The resources that outlive a process: AWS keeps both when it replaces one.
#[derive(Debug)]
pub(super) struct SandboxResources {
    pub(super) log: Arc<Log>,
    pub(super) log_stream: String,
    pub(super) isolation: Arc<Isolation>,
}

/// The function with absolute paths of its layers, because its processes have another working directory.
fn with_absolute_layers(function: Arc<Function>) -> Arc<Function> {
    if function.layers.iter().all(|layer| layer.is_absolute()) {
        return function;
    }
    let mut function = Arc::unwrap_or_clone(function);
    for layer in &mut function.layers {
        if let Ok(absolute) = std::path::absolute(&*layer) {
            *layer = absolute;
        }
    }
    Arc::new(function)
}

impl Deployed {
    pub(super) fn new(
        function: Arc<Function>,
        executions: Arc<Executions>,
        package: Option<Arc<PackageFolder>>,
        resources: &Arc<SharedResources>,
    ) -> Deployed {
        let arn = function.arn(&resources.platform.region);
        let function = with_absolute_layers(function);
        let task_root =
            std::path::absolute(&function.task_root).unwrap_or_else(|_| function.task_root.clone());
        Deployed {
            passed: Passed::function(&arn),
            arn: http::HeaderValue::try_from(arn)
                .unwrap_or_else(|_| http::HeaderValue::from_static("arn:aws:lambda")),
            task_root,
            mounts: resources.file_systems.mounts(&function),
            executions,
            resources: Arc::clone(resources),
            shown: Arc::default(),
            _package: package,
            pool: Mutex::default(),
            function,
        }
    }

    /// Assigns a job to the most recently used sandbox, so that the others can expire. Without an idle one, it waits for a
    /// sandbox that is about to be idle, or starts a new one, even if the invoker leaves.
    pub(super) fn enqueue(self: &Arc<Self>, mut job: Box<Job>) {
        loop {
            let mut pool = self.lock();
            if let Some(sandbox) = pool.idle.pop() {
                drop(pool);
                // A sandbox that has ended returns the job.
                match sandbox.begin(job, None) {
                    Ok(()) => return,
                    Err(back) => job = back,
                }
            } else if self.function.debugger.is_some() && pool.is_occupied() {
                let since = job.ctx.clock.stopwatch();
                pool.waiting.push_back(Waiting { job, since });
                return;
            } else if pool.waiting.len() < pool.settling {
                let since = job.ctx.clock.stopwatch();
                pool.waiting.push_back(Waiting { job, since });
                if !std::mem::replace(&mut pool.is_watched, true) {
                    let function = Arc::clone(self);
                    self.resources.tasks.spawn(async move { function.watch_waiting().await });
                }
                return;
            } else {
                return self.start_in(pool, job);
            }
        }
    }

    /// Starts a sandbox for a job.
    fn start_for(self: &Arc<Self>, job: Box<Job>) {
        self.start_in(self.lock(), job);
    }

    fn start_in(self: &Arc<Self>, mut pool: MutexGuard<'_, Pool>, job: Box<Job>) {
        pool.starting += 1;
        drop(pool);
        let function = Arc::clone(self);
        self.resources.tasks.spawn(async move {
            init::cold_start(&function, job).await;
            function.start_ended();
        });
    }

    /// Starts the sandbox of a function with a debugger before its first invocation, so that the debugger can attach.
    pub(super) fn warm_up(self: &Arc<Self>) {
        self.lock().starting += 1;
        let function = Arc::clone(self);
        self.resources.tasks.spawn(async move {
            init::warm_up(&function).await;
            function.start_ended();
        });
    }

    /// A cold start has ended, with or without a sandbox.
    fn start_ended(self: &Arc<Self>) {
        let mut pool = self.lock();
        pool.starting = pool.starting.saturating_sub(1);
        self.start_waiting(pool);
    }

    /// Starts a sandbox for the oldest waiting job of a function with a debugger if its sandbox has ended.
    fn start_waiting(self: &Arc<Self>, mut pool: MutexGuard<'_, Pool>) {
        if self.function.debugger.is_none() || pool.is_occupied() {
            return;
        }
        if let Some(Waiting { job, .. }) = pool.waiting.pop_front() {
            self.start_in(pool, job);
        }
    }

    /// The limit of the time of an invocation.
    pub(super) fn timeout(&self, limits: &Limits) -> Limit<Millis> {
        self.unless_off(limits.lambda_timeout.lowered_to(self.function.timeout))
    }

    /// The limit of the time of an init.
    pub(super) fn init_timeout(&self, limits: &Limits) -> Limit<Millis> {
        self.unless_off(limits.lambda_init)
    }

    fn unless_off(&self, limit: Limit<Millis>) -> Limit<Millis> {
        if self.function.has_timeouts { limit } else { Limit { max: WITHOUT_TIMEOUTS, ..limit } }
    }

    /// Compares a time with its limit for a request. Without timeouts there is nothing to record.
    pub(super) fn admit_time(&self, ctx: &Context, limit: &Limit<Millis>, observed: Millis) {
        if self.function.has_timeouts {
            let _ = ctx.admit(limit, observed);
        }
    }

    /// Starts a sandbox for every job that has waited too long.
    async fn watch_waiting(self: Arc<Self>) {
        let clock = self.resources.platform.clock.clone();
        loop {
            let oldest = {
                let mut pool = self.lock();
                let Some(oldest) = pool.waiting.front() else {
                    pool.is_watched = false;
                    return;
                };
                let waited = oldest.since.elapsed_millis();
                if waited < SETTLING { Err(waited) } else { Ok(pool.waiting.pop_front()) }
            };
            match oldest {
                Ok(late) => late.into_iter().for_each(|late| self.start_for(late.job)),
                Err(waited) => {
                    let left = Millis(SETTLING.0 - waited.0);
                    clock.timeout(left, std::future::pending::<()>()).await;
                }
            }
        }
    }

    /// The number of a new sandbox.
    pub(super) fn next_id(&self) -> u64 {
        let mut pool = self.lock();
        pool.last_id += 1;
        pool.last_id
    }

    /// Adds a sandbox whose process was started.
    pub(super) fn started(&self, sandbox: &Arc<Sandbox>) {
        let mut pool = self.lock();
        if pool.closed {
            return sandbox.kill();
        }
        pool.all.insert(sandbox.id, Arc::clone(sandbox));
    }

    /// A sandbox requests an event: it gets a waiting job, or becomes idle.
    pub(super) fn idle(self: &Arc<Self>, sandbox: &Arc<Sandbox>, had_answered: bool) {
        let mut pool = self.lock();
        if pool.closed {
            return;
        }
        let next = pool.waiting.pop_front();
        let retired = pool.retired;
        if next.is_none() && !retired {
            pool.idle.push(Arc::clone(sandbox));
        }
        let has_debugger = self.function.debugger.is_some();
        let forlorn = if had_answered { pool.settled(has_debugger) } else { VecDeque::new() };
        drop(pool);
        match next.map(|next| sandbox.begin(next.job, None)) {
            Some(Err(back)) => self.start_for(back),
            Some(Ok(())) => {}
            None if retired => sandbox.abandon(ShutdownReason::Spindown),
            None => {}
        }
        forlorn.into_iter().for_each(|waiting| self.start_for(waiting.job));
    }

    /// A sandbox has responded and will request the next event soon.
    pub(super) fn settling(&self) {
        self.lock().settling += 1;
    }

    /// A sandbox that had responded has ended instead.
    pub(super) fn lost(self: &Arc<Self>) {
        let forlorn = self.lock().settled(self.function.debugger.is_some());
        forlorn.into_iter().for_each(|waiting| self.start_for(waiting.job));
    }

    /// A sandbox's process has ended.
    pub(super) fn ended(self: &Arc<Self>, id: u64) {
        let mut pool = self.lock();
        pool.all.remove(&id);
        pool.idle.retain(|sandbox| sandbox.id != id);
        self.start_waiting(pool);
    }

    /// Keeps the resources of a sandbox for the next one.
    pub(super) fn keep_resources(&self, home: Option<SandboxResources>) {
        let mut pool = self.lock();
        if pool.homes.len() < HOMES_MAX && !pool.closed && !pool.retired {
            pool.homes.extend(home);
        }
    }

    /// The resources of an ended sandbox, or new ones.
    pub(super) fn home(&self) -> SandboxResources {
        let left_behind = self.lock().homes.pop();
        left_behind.unwrap_or_else(|| self.new_home())
    }

    /// The view of the machine for its sandboxes.
    pub(super) fn view(&self) -> View<'_> {
        let function = &self.function;
        let limits = self.resources.platform.limits();
        let asked = function.ephemeral_storage_mb.map(|mb| Megabytes(u64::from(mb)));
        let asked = asked.unwrap_or(limits.lambda_tmp_min.max);
        let paths = function.layers.iter().chain(&function.extensions).map(|path| path.as_os_str());
        let needed = (function.command.iter().map(std::ffi::OsString::as_os_str))
            .chain(function.environment.values().map(AsRef::as_ref))
            .chain([self.task_root.as_os_str()])
            .chain(paths);
        View {
            task_root: &self.task_root,
            layers: &function.layers,
            mounts: &self.mounts,
            needed: needed.collect(),
            tmp_mb: limits.lambda_tmp.lowered_to(asked).max.0,
        }
    }

    /// Retires the function after a change or a deletion: idle sandboxes end now, the others after their invocation.
    pub(super) fn retire(&self) {
        let mut pool = self.lock();
        pool.retired = true;
        let idle = std::mem::take(&mut pool.idle);
        let homes = std::mem::take(&mut pool.homes);
        drop(pool);
        drop(homes);
        for sandbox in idle {
            sandbox.abandon(ShutdownReason::Spindown);
        }
    }

    /// Ends every sandbox now, and releases the sandboxes and the kept folders. Sandboxes and functions refer to each other, so
    /// they would not be dropped otherwise.
    pub(super) fn end_all(&self) {
        let pool = std::mem::replace(&mut *self.lock(), Pool { closed: true, ..Pool::default() });
        for sandbox in pool.all.values() {
            sandbox.kill();
        }
    }

    /// The content of the first log line of an invocation.
    pub(super) fn start<'a>(&'a self, ctx: &'a Context) -> Start<'a> {
        Start {
            request_id: &ctx.request_id,
            version: self.function.version(),
            arn: self.arn.to_str().unwrap_or_default(),
            date: ctx.limits.date(),
        }
    }

    fn new_home(&self) -> SandboxResources {
        let platform = &self.resources.platform;
        let now = platform.clock.now().to_utc().date();
        let random = uuid::Uuid::new_v4().simple();
        let (year, month, day) = (now.year(), u8::from(now.month()), now.day());
        let log_stream =
            format!("{year:04}/{month:02}/{day:02}/[{}]{random}", self.function.version());
        let log = Log::new(&self.function.name, &log_stream, platform.log_buffer.clone());
        SandboxResources {
            log: Arc::new(
                log.in_format(&self.function.logging, &platform.clock)
                    .without_layers(&self.function.absent_layers)
                    .shown_within(&self.shown),
            ),
            log_stream,
            isolation: Arc::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
