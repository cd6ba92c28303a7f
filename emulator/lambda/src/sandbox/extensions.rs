//! The extensions of a sandbox: their requests, the end of a sandbox with an extension, and their shutdown.

use std::sync::Arc;

use hardcap_limits::Millis;
use tokio::process::Child;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::super::extension::{ExtensionEvent, ExtensionRefusal, ExtensionState};
use super::super::init::{InitError, InitOutcome};
use super::super::kernel::{Exit, Output, ProcessGroup, Rest};
use super::super::launch::Launch;
use super::super::log::Writer;
use super::super::outcome::InvocationEnd;
use super::{Inner, Sandbox, Shutdown};

/// The runtime's share of the shutdown time in percent: that of AWS's own server. The extensions get the rest.
const RUNTIME_SHARE: u64 = 30;

/// The reason for the shutdown in a SHUTDOWN event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ShutdownReason {
    Spindown,
    Timeout,
    Failure,
}

impl ShutdownReason {
    fn word(self) -> &'static str {
        match self {
            ShutdownReason::Spindown => "spindown",
            ShutdownReason::Timeout => "timeout",
            ShutdownReason::Failure => "failure",
        }
    }
}

/// The process of an external extension.
#[derive(Debug)]
pub(crate) struct ExternalExtension {
    pub(super) name: String,
    pub(super) group: ProcessGroup,
    pub(super) output: Output,
}

impl Sandbox {
    // --- Requests of extensions ---

    pub(crate) fn register(&self, name: &str, events: &[String]) -> Result<Uuid, ExtensionRefusal> {
        let limits = self.function.resources.platform.limits();
        let registered =
            self.lock().extensions.register(name, events, &limits.lambda_extensions)?;
        // The runtime starts when all extensions have registered.
        self.wake.notify_one();
        Ok(registered)
    }

    pub(crate) fn extension_next(
        self: &Arc<Self>,
        id: Uuid,
    ) -> Result<oneshot::Receiver<ExtensionEvent>, ExtensionRefusal> {
        let mut inner = self.lock();
        let event = inner.extensions.next(id)?;
        self.arrive(inner);
        Ok(event)
    }

    /// The name of a registered extension.
    pub(crate) fn extension_name(&self, id: Uuid) -> Result<String, ExtensionRefusal> {
        self.lock().extensions.name(id).map(str::to_owned)
    }

    pub(crate) fn extension_failed(
        &self,
        id: Uuid,
        stage: ExtensionState,
        error_type: String,
    ) -> Result<(), ExtensionRefusal> {
        self.lock().extensions.fail(id, stage, error_type)
    }

    // --- Processes of extensions ---

    /// Announces the process of an extension. False if there are too many.
    pub(crate) fn expect_extension(&self, name: &str) -> bool {
        let limits = self.function.resources.platform.limits();
        self.lock().extensions.expect(name, &limits.lambda_extensions).is_ok()
    }

    pub(crate) fn extension_not_launched(&self, name: &str, error_type: &str) {
        self.lock().extensions.not_launched(name, error_type);
    }

    /// Supervises the process of an extension until it ends.
    pub(crate) fn extension_runs(
        self: &Arc<Self>,
        name: &str,
        mut child: Child,
        (group, output): (ProcessGroup, Output),
    ) {
        let external = Arc::new(ExternalExtension { name: name.to_owned(), group, output });
        self.externals().push(Arc::clone(&external));
        let sandbox = Arc::clone(self);
        self.external_tasks.spawn(async move {
            let written = |piece: &[u8]| sandbox.written(Writer::Extension, piece);
            let mut writes = true;
            let status = loop {
                tokio::select! {
                    status = child.wait() => break status,
                    rest = external.output.follow(written), if writes => {
                        writes = rest != Rest::Never;
                    }
                }
            };
            external.group.end();
            external.output.drain(written);
            sandbox.extension_ended(status.map_or(Exit::Signal(0), Exit::of));
        });
        if self.is_dead() {
            self.kill();
        }
    }

    /// Whether a running extension has not registered yet.
    pub(crate) fn is_registering(&self) -> bool {
        self.lock().extensions.is_registering()
    }

    /// An extension has ended. Unless the sandbox is being ended, this ends it: AWS treats it as a crash even with exit status
    /// 0.
    fn extension_ended(&self, exit: Exit) {
        let mut inner = self.lock();
        if inner.shutdown.is_some() || inner.machine.state() == super::SandboxState::Dead {
            return;
        }
        let error_type = inner.extensions.fatal();
        self.die(&mut inner);
        let (run, initialized) = (inner.run.take(), inner.initialized.take());
        if initialized.is_some() {
            self.log_extensions(&inner);
            self.emit_init_failed(error_type);
        }
        let home = inner.home.take();
        drop(inner);
        self.end(ShutdownReason::Failure);
        self.function.keep_resources(home);
        let message = exit.of_extension();
        if let Some(run) = run {
            self.conclude(run, |_| InvocationEnd::Extension { error_type, message });
        } else if let Some(initialized) = initialized {
            let failure = InitError::Extension { error_type, message };
            let _ = initialized.send(InitOutcome::Failed(failure));
        }
    }

    // --- Shutdown ---

    /// Ends the sandbox: at once without extensions, else with SIGTERM to the runtime first.
    pub(super) fn end(&self, reason: ShutdownReason) {
        let mut inner = self.lock();
        let limits = self.function.resources.platform.limits();
        let limit = match (inner.extensions.is_empty(), inner.extensions.has_external()) {
            (true, _) => limits.lambda_shutdown,
            (false, false) => limits.lambda_shutdown_internal,
            (false, true) => limits.lambda_shutdown_external,
        };
        if limit.max == Millis(0) {
            drop(inner);
            self.kill();
        } else if inner.shutdown.is_none() {
            let since = self.clock.stopwatch();
            inner.shutdown = Some(Shutdown { reason, since, allowed: limit.max });
            inner.frozen = false;
            self.thaw();
            if let Some(running) = self.runtime.get() {
                running.group.terminate();
            }
        }
        self.wake.notify_one();
    }

    /// The remaining time of the runtime of a sandbox that is being ended.
    pub(super) fn runtime_may_take(&self, inner: &Inner) -> Option<Millis> {
        let shutdown = inner.shutdown?;
        let share = shutdown.allowed.0 * RUNTIME_SHARE / 100;
        Some(Millis(share.saturating_sub(shutdown.since.elapsed_millis().0)))
    }

    /// Sends SHUTDOWN to the extensions, waits for their time, and ends the rest.
    pub(crate) async fn wind_down(&self, launch: Launch) {
        let left = {
            let mut inner = self.lock();
            // If the runtime ended by itself, the extensions get the whole time.
            let allowed = self.function.resources.platform.limits().lambda_shutdown_external.max;
            let since = self.clock.stopwatch();
            let shutdown = *inner.shutdown.get_or_insert(Shutdown {
                reason: ShutdownReason::Failure,
                since,
                allowed,
            });
            let left = shutdown.allowed.0.saturating_sub(shutdown.since.elapsed_millis().0);
            let deadline_ms = self.clock.wall().plus(Millis(left)).0;
            let reason = shutdown.reason.word();
            let others = inner
                .extensions
                .shut_down(|| ExtensionEvent::Shutdown { deadline_ms, shutdown_reason: reason });
            drop(inner);
            for external in self.externals().iter().filter(|it| others.contains(&it.name)) {
                external.group.kill();
            }
            left
        };
        self.telemetry.end();
        self.external_tasks.close();
        if self.clock.timeout(Millis(left), self.external_tasks.wait()).await.is_none() {
            self.kill();
            self.external_tasks.wait().await;
        }
        launch.end(&self.clock).await;
        self.serving.cancel();
    }
}
