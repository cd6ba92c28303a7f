//! The extensions of one sandbox: registrations, subscribed events and states. Without processes and sockets.
//!
//! States and texts are those of AWS's own server (source of the Runtime Interface Emulator, read 2026-01-02).

mod refusal;

use std::fmt::Write as _;

use hardcap_limits::{Count, Date, Exceeded, Limit};
use serde::Serialize;
use tokio::sync::oneshot;
use uuid::Uuid;

pub(super) use self::refusal::ExtensionRefusal;

/// The kinds of extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ExtensionKind {
    /// External: a process of its own, started before the runtime and named by its file.
    External,
    /// Internal: in the runtime's process, or in one that the runtime started.
    Internal,
}

/// The state of an extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ExtensionState {
    /// The process runs.
    Started,
    /// It has registered and not yet requested an event.
    Registered,
    /// It waits for an event.
    Ready,
    /// It is processing an event.
    Running,
    /// It has reported an init error.
    InitError,
    /// It has reported an exit error.
    ExitError,
    /// Its process could not be started.
    LaunchError,
}

impl ExtensionState {
    fn name(self) -> &'static str {
        match self {
            ExtensionState::Started => "Started",
            ExtensionState::Registered => "Registered",
            ExtensionState::Ready => "Ready",
            ExtensionState::Running => "Running",
            ExtensionState::InitError => "InitError",
            ExtensionState::ExitError => "ExitError",
            ExtensionState::LaunchError => "LaunchError",
        }
    }
}

/// An event type to which an extension can subscribe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ExtensionEventType {
    Invoke,
    Shutdown,
}

impl ExtensionEventType {
    fn name(self) -> &'static str {
        match self {
            ExtensionEventType::Invoke => "INVOKE",
            ExtensionEventType::Shutdown => "SHUTDOWN",
        }
    }
}

/// The event that an extension receives.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "eventType")]
pub(super) enum ExtensionEvent {
    #[serde(rename = "INVOKE", rename_all = "camelCase")]
    Invoke { deadline_ms: u64, request_id: String, invoked_function_arn: String, tracing: Tracing },
    #[serde(rename = "SHUTDOWN", rename_all = "camelCase")]
    Shutdown { deadline_ms: u64, shutdown_reason: &'static str },
}

/// The tracing data of an invocation.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Tracing {
    r#type: &'static str,
    value: String,
}

impl Tracing {
    pub(super) fn of(header: &str) -> Tracing {
        Tracing { r#type: "X-Amzn-Trace-Id", value: header.to_owned() }
    }
}

#[derive(Debug)]
struct Extension {
    name: String,
    id: Uuid,
    kind: ExtensionKind,
    stage: ExtensionState,
    topics: Vec<ExtensionEventType>,
    error_type: Option<String>,
    /// The pending request for an event.
    waiting: Option<oneshot::Sender<ExtensionEvent>>,
    /// An event that could not be delivered because the connection was closed.
    undelivered: Option<ExtensionEvent>,
}

impl Extension {
    fn new(name: &str, kind: ExtensionKind, stage: ExtensionState) -> Extension {
        Extension {
            name: name.to_owned(),
            id: Uuid::new_v4(),
            kind,
            stage,
            topics: Vec::new(),
            error_type: None,
            waiting: None,
            undelivered: None,
        }
    }

    fn emit(&mut self, notice: ExtensionEvent) {
        self.stage = ExtensionState::Running;
        self.undelivered = match self.waiting.take() {
            Some(waiting) => waiting.send(notice).err(),
            None => Some(notice),
        };
    }

    fn refused(&self, to: ExtensionState, extension: &str) -> ExtensionRefusal {
        ExtensionRefusal::Transition { from: self.stage, to, extension: extension.to_owned() }
    }
}

/// All extensions of a sandbox.
#[derive(Debug, Default)]
pub(super) struct Extensions {
    all: Vec<Extension>,
    /// Whether registration is closed for internal extensions.
    closed: bool,
}

impl Extensions {
    /// Registers that a process is about to be started as an extension with this name.
    ///
    /// # Errors
    ///
    /// [`Exceeded`] if there are too many.
    pub(super) fn expect(&mut self, name: &str, limit: &Limit<Count>) -> Result<(), Exceeded> {
        let admitted = limit.admit(Count(self.all.len() as u64 + 1));
        let stage =
            if admitted.is_ok() { ExtensionState::Started } else { ExtensionState::LaunchError };
        self.all.push(Extension::new(name, ExtensionKind::External, stage));
        if admitted.is_err() {
            self.mark(name, ExtensionState::LaunchError, "TooManyExtensions");
        }
        admitted
    }

    /// Notes that the process with this name could not be started.
    pub(super) fn not_launched(&mut self, name: &str, error_type: &str) {
        self.mark(name, ExtensionState::LaunchError, error_type);
    }

    fn mark(&mut self, name: &str, stage: ExtensionState, error_type: &str) {
        if let Some(extension) = self.all.iter_mut().find(|it| it.name == name) {
            extension.stage = stage;
            extension.error_type = Some(error_type.to_owned());
        }
    }

    /// `POST /extension/register`. A name without a started process is that of an internal extension.
    pub(super) fn register(
        &mut self,
        name: &str,
        events: &[String],
        limit: &Limit<Count>,
    ) -> Result<Uuid, ExtensionRefusal> {
        if name.is_empty() {
            return Err(ExtensionRefusal::NameEmpty);
        }
        let known =
            self.all.iter().position(|it| it.kind == ExtensionKind::External && it.name == name);
        let kind = if known.is_some() { ExtensionKind::External } else { ExtensionKind::Internal };
        let topics = events.iter().map(|event| topic(event, kind)).collect::<Result<_, _>>()?;
        let at = match known {
            Some(at) if self.all[at].stage != ExtensionState::Started => {
                return Err(self.all[at].refused(ExtensionState::Registered, name));
            }
            Some(at) => at,
            None if self.closed => return Err(ExtensionRefusal::Closed),
            None => {
                limit.admit(Count(self.all.len() as u64 + 1)).map_err(ExtensionRefusal::TooMany)?;
                if self.all.iter().any(|it| it.name == name) {
                    return Err(ExtensionRefusal::NameTaken);
                }
                self.all.push(Extension::new(
                    name,
                    ExtensionKind::Internal,
                    ExtensionState::Started,
                ));
                self.all.len() - 1
            }
        };
        self.all[at].topics = topics;
        self.all[at].stage = ExtensionState::Registered;
        Ok(self.all[at].id)
    }

    /// `GET /extension/event/next`: the channel on which the next event arrives.
    pub(super) fn next(
        &mut self,
        id: Uuid,
    ) -> Result<oneshot::Receiver<ExtensionEvent>, ExtensionRefusal> {
        let extension = self.find(id)?;
        let lost = extension.waiting.as_ref().is_some_and(oneshot::Sender::is_closed);
        match extension.stage {
            ExtensionState::Registered | ExtensionState::Running => {}
            // The connection was closed while it waited.
            ExtensionState::Ready if lost => {}
            ExtensionState::Started
            | ExtensionState::Ready
            | ExtensionState::InitError
            | ExtensionState::ExitError
            | ExtensionState::LaunchError => {
                return Err(extension.refused(ExtensionState::Ready, &id.to_string()));
            }
        }
        let (waiting, event) = oneshot::channel();
        if let Some(notice) = extension.undelivered.take() {
            extension.undelivered = waiting.send(notice).err();
        } else {
            extension.stage = ExtensionState::Ready;
            extension.waiting = Some(waiting);
        }
        Ok(event)
    }

    /// `POST /extension/init/error` and `POST /extension/exit/error`. The first error counts.
    pub(super) fn fail(
        &mut self,
        id: Uuid,
        to: ExtensionState,
        error_type: String,
    ) -> Result<(), ExtensionRefusal> {
        let extension = self.find(id)?;
        let legal = match to {
            ExtensionState::InitError => extension.stage == ExtensionState::Registered,
            _ => matches!(
                extension.stage,
                ExtensionState::Registered | ExtensionState::Ready | ExtensionState::Running
            ),
        };
        if extension.stage == to {
            return Ok(());
        }
        if !legal {
            return Err(extension.refused(to, &id.to_string()));
        }
        extension.stage = to;
        extension.error_type = Some(error_type);
        extension.waiting = None;
        Ok(())
    }

    /// Closes the registration at the end of init.
    pub(super) fn close(&mut self) {
        self.closed = true;
    }

    /// Whether a started process has not registered yet.
    pub(super) fn is_registering(&self) -> bool {
        self.all.iter().any(|it| it.stage == ExtensionState::Started)
    }

    /// Whether all extensions wait for their next event.
    pub(super) fn are_ready(&self) -> bool {
        self.all.iter().all(|it| it.stage == ExtensionState::Ready)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(super) fn has_external(&self) -> bool {
        self.all.iter().any(|it| it.kind == ExtensionKind::External)
    }

    /// The name of the extension with this identifier.
    pub(super) fn name(&self, id: Uuid) -> Result<&str, ExtensionRefusal> {
        let found = self.all.iter().find(|it| it.id == id && it.stage != ExtensionState::Started);
        found.map(|it| it.name.as_str()).ok_or(ExtensionRefusal::IdentifierUnknown(id))
    }

    /// The name, the state and the events of each extension.
    pub(super) fn states(&self) -> impl Iterator<Item = (&str, &'static str, Vec<&'static str>)> {
        let state = |it: &'_ Extension| it.topics.iter().map(|topic| topic.name()).collect();
        self.all.iter().map(move |it| (it.name.as_str(), it.stage.name(), state(it)))
    }

    /// Sends an INVOKE event to all subscribers.
    pub(super) fn invoke(&mut self, notice: impl Fn() -> ExtensionEvent) {
        for extension in
            self.all.iter_mut().filter(|it| it.topics.contains(&ExtensionEventType::Invoke))
        {
            extension.emit(notice());
        }
    }

    /// Sends a SHUTDOWN event to all subscribed processes, and returns the names of the other processes.
    pub(super) fn shut_down(&mut self, notice: impl Fn() -> ExtensionEvent) -> Vec<String> {
        let mut others = Vec::new();
        for extension in self.all.iter_mut().filter(|it| it.kind == ExtensionKind::External) {
            if extension.topics.contains(&ExtensionEventType::Shutdown) {
                extension.emit(notice());
            } else {
                others.push(extension.name.clone());
            }
        }
        others
    }

    /// The error type after the end of a process: the first reported error, else a crash.
    pub(super) fn fatal(&self) -> &'static str {
        let reported = self.all.iter().find_map(|it| match it.stage {
            ExtensionState::InitError => Some("Extension.InitError"),
            ExtensionState::ExitError => Some("Extension.ExitError"),
            ExtensionState::LaunchError => Some("Extension.LaunchError"),
            ExtensionState::Started
            | ExtensionState::Registered
            | ExtensionState::Ready
            | ExtensionState::Running => None,
        });
        reported.unwrap_or("Extension.Crash")
    }

    /// The platform's log lines at the end of init: `EXTENSION\tName: a\tState: Ready\tEvents: [INVOKE, SHUTDOWN]`.
    ///
    /// Captures of 2022-03 and 2023-02 have no space after the comma; those since 2024-06-26 have one.
    pub(super) fn lines(&self, date: Date) -> Vec<String> {
        let comma = if Date::new(2024, 6, 26) <= date { ", " } else { "," };
        let line = |it: &Extension| {
            let topics: Vec<_> = it.topics.iter().map(|topic| topic.name()).collect();
            let mut line = format!(
                "EXTENSION\tName: {}\tState: {}\tEvents: [{}]",
                it.name,
                it.stage.name(),
                topics.join(comma)
            );
            if let Some(error_type) = &it.error_type {
                let _ = write!(line, "\tError Type: {error_type}");
            }
            line
        };
        self.all.iter().map(line).collect()
    }

    fn find(&mut self, id: Uuid) -> Result<&mut Extension, ExtensionRefusal> {
        let found =
            self.all.iter_mut().find(|it| it.id == id && it.stage != ExtensionState::Started);
        found.ok_or(ExtensionRefusal::IdentifierUnknown(id))
    }
}

fn topic(event: &str, kind: ExtensionKind) -> Result<ExtensionEventType, ExtensionRefusal> {
    match (event, kind) {
        ("INVOKE", _) => Ok(ExtensionEventType::Invoke),
        ("SHUTDOWN", ExtensionKind::External) => Ok(ExtensionEventType::Shutdown),
        ("SHUTDOWN", ExtensionKind::Internal) => Err(ExtensionRefusal::EventType {
            event: event.to_owned(),
            why: "ShutdownEventNotSupportedForInternalExtension",
        }),
        _ => Err(ExtensionRefusal::EventType {
            event: event.to_owned(),
            why: "ErrorInvalidEventType",
        }),
    }
}

#[cfg(test)]
mod tests {
    use hardcap_limits::Limits;

    use super::*;

    fn limit() -> Limit<Count> {
        Limits::classic().lambda_extensions
    }

    fn registered(extensions: &mut Extensions, name: &str, events: &[&str]) -> Uuid {
        let events: Vec<_> = events.iter().map(|&event| event.to_owned()).collect();
        extensions.register(name, &events, &limit()).expect("it may register")
    }

    fn end() -> ExtensionEvent {
        ExtensionEvent::Shutdown { deadline_ms: 1, shutdown_reason: "spindown" }
    }

    #[test]
    fn a_process_registers_with_its_file_name_and_all_other_names_are_internal() {
        let mut extensions = Extensions::default();
        extensions.expect("agent", &limit()).unwrap();
        assert!(extensions.is_registering());
        registered(&mut extensions, "agent", &["INVOKE", "SHUTDOWN"]);
        assert!(!extensions.is_registering() && !extensions.are_ready());
        let refused = extensions.register("other", &["SHUTDOWN".to_owned()], &limit());
        assert_eq!(
            refused.unwrap_err().texts(),
            (
                "Extension.InvalidEventType",
                "SHUTDOWN: ShutdownEventNotSupportedForInternalExtension".to_owned()
            )
        );
    }

    #[test]
    fn an_extension_is_ready_while_it_waits_and_running_while_it_has_an_event() {
        let mut extensions = Extensions::default();
        let invoked = registered(&mut extensions, "invoked", &["INVOKE"]);
        let silent = registered(&mut extensions, "silent", &[]);
        let mut event = extensions.next(invoked).unwrap();
        let _silent = extensions.next(silent).unwrap();
        assert!(extensions.are_ready());
        extensions.invoke(end);
        assert!(event.try_recv().is_ok());
        assert!(!extensions.are_ready(), "one has an event");
        let _event = extensions.next(invoked).unwrap();
        assert!(extensions.are_ready());
    }

    #[test]
    fn a_second_request_for_an_event_is_refused_unless_the_first_connection_is_closed() {
        let mut extensions = Extensions::default();
        let id = registered(&mut extensions, "a", &["INVOKE"]);
        let first = extensions.next(id).unwrap();
        assert_eq!(
            extensions.next(id).unwrap_err().texts().1,
            format!(
                "State transition from Ready to Ready failed for extension {id}. \
                 Error: State transition is not allowed"
            )
        );
        drop(first);
        let second = extensions.next(id).unwrap();
        drop(second);
        extensions.invoke(end);
        let mut third = extensions.next(id).unwrap();
        assert!(third.try_recv().is_ok(), "the event that was not received is passed again");
    }

    #[test]
    fn the_eleventh_extension_and_every_one_after_init_are_refused() {
        let mut extensions = Extensions::default();
        for number in 0..10 {
            registered(&mut extensions, &format!("e{number}"), &[]);
        }
        let refused = extensions.register("e10", &[], &limit()).unwrap_err();
        assert_eq!(
            refused.texts(),
            ("Extension.TooManyExtensions", "Extension limit (10) reached".to_owned())
        );
        let mut extensions = Extensions::default();
        extensions.close();
        let refused = extensions.register("late", &[], &limit()).unwrap_err();
        assert_eq!(refused.texts().0, "Extension.RegistrationClosed");
    }

    #[test]
    fn the_first_reported_error_is_the_fatal_one() {
        let mut extensions = Extensions::default();
        assert_eq!(extensions.fatal(), "Extension.Crash");
        let id = registered(&mut extensions, "a", &["INVOKE"]);
        extensions.fail(id, ExtensionState::InitError, "Extension.NoKey".to_owned()).unwrap();
        extensions.fail(id, ExtensionState::InitError, "Extension.Again".to_owned()).unwrap();
        assert!(extensions.next(id).is_err());
        assert_eq!(extensions.fatal(), "Extension.InitError");
        assert_eq!(
            extensions.lines(Date::new(2025, 1, 1)),
            ["EXTENSION\tName: a\tState: InitError\tEvents: [INVOKE]\tError Type: Extension.NoKey"]
        );
    }

    #[test]
    fn events_are_the_documents_of_the_extensions_api() {
        let invoke = ExtensionEvent::Invoke {
            deadline_ms: 596_532,
            request_id: "3da1f2dc".into(),
            invoked_function_arn: "arn:aws:lambda".into(),
            tracing: Tracing::of("Root=1"),
        };
        assert_eq!(
            serde_json::to_string(&invoke).unwrap(),
            r#"{"eventType":"INVOKE","deadlineMs":596532,"requestId":"3da1f2dc","invokedFunctionArn":"arn:aws:lambda","tracing":{"type":"X-Amzn-Trace-Id","value":"Root=1"}}"#
        );
        assert_eq!(
            serde_json::to_string(&end()).unwrap(),
            r#"{"eventType":"SHUTDOWN","deadlineMs":1,"shutdownReason":"spindown"}"#
        );
    }
}
