//! The state machine of a sandbox: the legal calls of the Runtime API in each state. Pure: without processes and sockets.

use std::sync::Arc;

/// The state of a sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SandboxState {
    /// The process runs and has not requested an event yet.
    Init,
    /// It waits for an event.
    Idle,
    /// It has an event and has not responded.
    Busy,
    /// Its response is being received.
    Streaming,
    /// It has responded and not yet requested the next event.
    Draining,
    /// It has ended or is being ended. Further calls are ignored.
    Dead,
}

impl SandboxState {
    /// The name in the text of a refused transition.
    ///
    /// The format of that text is official; AWS's names of the states are unconfirmed.
    pub(super) fn name(self) -> &'static str {
        match self {
            SandboxState::Init => "Started",
            SandboxState::Idle => "Ready",
            SandboxState::Busy => "Running",
            SandboxState::Streaming => "InvocationResponse",
            SandboxState::Draining => "ResponseSent",
            SandboxState::Dead => "Terminated",
        }
    }
}

/// A call of a runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RuntimeCall {
    /// `GET …/invocation/next`
    Next,
    /// `POST …/invocation/{id}/response`
    Response,
    /// `POST …/invocation/{id}/error`
    Error,
    /// `POST …/init/error`
    InitError,
}

impl RuntimeCall {
    /// The name in the text of a refused transition; unconfirmed like the names of states.
    pub(super) fn name(self) -> &'static str {
        match self {
            RuntimeCall::Next => "Ready",
            RuntimeCall::Response => "InvocationResponse",
            RuntimeCall::Error => "InvocationErrorResponse",
            RuntimeCall::InitError => "InitError",
        }
    }
}

/// The reason of a refused call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IllegalCall {
    /// The call is illegal in this state: 403.
    Transition {
        /// The state.
        from: SandboxState,
        /// The call.
        call: RuntimeCall,
    },
    /// It names another request than the current one: 400.
    RequestId,
    /// It names another invocation of the current request: 410.
    InvocationId,
}

/// The meaning of a request for the next event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NextRequest {
    /// The first request: init has ended.
    First,
    /// The sandbox is idle again.
    Free,
    /// It already waits: its connection was closed, or it uses two connections.
    Again,
    /// It requests its event again, because the response with it was lost.
    Repeat,
}

/// The state and the current invocation.
#[derive(Debug)]
pub(super) struct StateMachine {
    state: SandboxState,
    request_id: Option<Arc<str>>,
}

impl StateMachine {
    /// A sandbox whose process has just started.
    pub(super) fn new() -> StateMachine {
        StateMachine { state: SandboxState::Init, request_id: None }
    }

    pub(super) fn state(&self) -> SandboxState {
        self.state
    }

    /// The runtime requests an event.
    pub(super) fn next(&mut self) -> Result<NextRequest, IllegalCall> {
        let asked = match self.state {
            SandboxState::Init => NextRequest::First,
            SandboxState::Draining => NextRequest::Free,
            SandboxState::Idle => NextRequest::Again,
            SandboxState::Busy => return Ok(NextRequest::Repeat),
            SandboxState::Streaming | SandboxState::Dead => {
                return Err(self.illegal(RuntimeCall::Next));
            }
        };
        self.state = SandboxState::Idle;
        Ok(asked)
    }

    /// Takes an invocation; false if the sandbox is not idle.
    pub(super) fn begin(&mut self, request_id: Arc<str>) -> bool {
        if self.state != SandboxState::Idle {
            return false;
        }
        self.state = SandboxState::Busy;
        self.request_id = Some(request_id);
        true
    }

    /// Whether the runtime may respond: called before its body is read, and decided again by [`StateMachine::finish`].
    ///
    /// The state is checked before the id, as in AWS's own server: a second response is 403 with any id.
    pub(super) fn may_answer(
        &self,
        request_id: &str,
        call: RuntimeCall,
    ) -> Result<(), IllegalCall> {
        if self.state != SandboxState::Busy {
            return Err(self.illegal(call));
        }
        if self.request_id.as_deref() != Some(request_id) {
            return Err(IllegalCall::RequestId);
        }
        Ok(())
    }

    /// The response is complete. Of several concurrent ones exactly one gets `Ok`.
    pub(super) fn finish(
        &mut self,
        request_id: &str,
        call: RuntimeCall,
    ) -> Result<(), IllegalCall> {
        self.may_answer(request_id, call)?;
        self.state = SandboxState::Draining;
        self.request_id = None;
        Ok(())
    }

    /// A streamed response begins. Of several concurrent ones exactly one gets `Ok`.
    pub(super) fn open(&mut self, request_id: &str) -> Result<(), IllegalCall> {
        self.may_answer(request_id, RuntimeCall::Response)?;
        self.state = SandboxState::Streaming;
        Ok(())
    }

    /// The current streamed response has ended.
    pub(super) fn close(&mut self) -> Result<(), IllegalCall> {
        if self.state != SandboxState::Streaming {
            return Err(self.illegal(RuntimeCall::Response));
        }
        self.state = SandboxState::Draining;
        self.request_id = None;
        Ok(())
    }

    /// The runtime reports an init error. It gets no event afterwards.
    pub(super) fn init_failed(&mut self) -> Result<(), IllegalCall> {
        if self.state != SandboxState::Init {
            return Err(self.illegal(RuntimeCall::InitError));
        }
        self.state = SandboxState::Dead;
        Ok(())
    }

    /// Ends the sandbox in any state; returns the previous state.
    pub(super) fn die(&mut self) -> SandboxState {
        self.request_id = None;
        std::mem::replace(&mut self.state, SandboxState::Dead)
    }

    fn illegal(&self, call: RuntimeCall) -> IllegalCall {
        IllegalCall::Transition { from: self.state, call }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATES: [SandboxState; 6] = [
        SandboxState::Init,
        SandboxState::Idle,
        SandboxState::Busy,
        SandboxState::Streaming,
        SandboxState::Draining,
        SandboxState::Dead,
    ];
    const CALLS: [RuntimeCall; 4] =
        [RuntimeCall::Next, RuntimeCall::Response, RuntimeCall::Error, RuntimeCall::InitError];

    fn in_state(state: SandboxState) -> StateMachine {
        let mut machine = StateMachine::new();
        if state == SandboxState::Init {
            return machine;
        }
        machine.next().expect("init ends with the first request for an event");
        if state == SandboxState::Idle {
            return machine;
        }
        assert!(machine.begin("a".into()));
        if state == SandboxState::Busy {
            return machine;
        }
        machine.open("a").expect("it is busy with this request");
        if state == SandboxState::Streaming {
            return machine;
        }
        machine.close().expect("its answer is under way");
        if state == SandboxState::Draining {
            return machine;
        }
        machine.die();
        machine
    }

    fn perform(machine: &mut StateMachine, call: RuntimeCall, id: &str) -> Result<(), IllegalCall> {
        match call {
            RuntimeCall::Next => machine.next().map(|_| ()),
            RuntimeCall::InitError => machine.init_failed(),
            RuntimeCall::Response | RuntimeCall::Error => machine.finish(id, call),
        }
    }

    #[test]
    fn each_state_allows_exactly_its_calls_of_the_runtime_api() {
        let legal = |state: SandboxState, call: RuntimeCall| match call {
            RuntimeCall::Next => !matches!(state, SandboxState::Streaming | SandboxState::Dead),
            RuntimeCall::Response | RuntimeCall::Error => state == SandboxState::Busy,
            RuntimeCall::InitError => state == SandboxState::Init,
        };
        for state in STATES {
            for call in CALLS {
                let mut machine = in_state(state);
                let verdict = perform(&mut machine, call, "a");
                let expected = if legal(state, call) {
                    Ok(())
                } else {
                    Err(IllegalCall::Transition { from: state, call })
                };
                assert_eq!(verdict, expected, "{call:?} in {state:?}");
            }
        }
    }

    #[test]
    fn a_state_and_a_call_have_the_names_of_a_refused_transition() {
        assert_eq!(
            STATES.map(SandboxState::name),
            ["Started", "Ready", "Running", "InvocationResponse", "ResponseSent", "Terminated"]
        );
        assert_eq!(
            CALLS.map(RuntimeCall::name),
            ["Ready", "InvocationResponse", "InvocationErrorResponse", "InitError"]
        );
    }

    #[test]
    fn the_end_returns_the_state_before_and_leaves_no_way_back() {
        for state in STATES {
            let mut machine = in_state(state);
            assert_eq!(machine.die(), state);
            assert_eq!((machine.state(), machine.request_id.is_none()), (SandboxState::Dead, true));
        }
    }

    #[test]
    fn the_first_request_for_an_event_is_distinguished_from_later_ones() {
        let mut machine = StateMachine::new();
        assert_eq!(machine.next(), Ok(NextRequest::First));
        assert_eq!(machine.next(), Ok(NextRequest::Again));
        assert!(machine.begin("a".into()));
        assert_eq!(
            machine.next(),
            Ok(NextRequest::Repeat),
            "a lost event is handed over once more"
        );
        assert_eq!(machine.state(), SandboxState::Busy);
        machine.finish("a", RuntimeCall::Error).unwrap();
        assert_eq!(machine.next(), Ok(NextRequest::Free));
    }

    #[test]
    fn the_right_id_is_accepted_after_a_wrong_one() {
        let mut machine = in_state(SandboxState::Busy);
        assert_eq!(machine.finish("b", RuntimeCall::Response), Err(IllegalCall::RequestId));
        assert_eq!(machine.finish("a", RuntimeCall::Response), Ok(()));
    }

    #[test]
    fn a_second_response_is_refused_by_state_with_any_id() {
        for id in ["a", "b"] {
            let refused = in_state(SandboxState::Draining).finish(id, RuntimeCall::Error);
            let expected =
                IllegalCall::Transition { from: SandboxState::Draining, call: RuntimeCall::Error };
            assert_eq!(refused, Err(expected));
        }
    }

    #[test]
    fn only_an_idle_sandbox_takes_an_invocation() {
        for state in STATES.into_iter().filter(|state| *state != SandboxState::Idle) {
            assert!(!in_state(state).begin("b".into()), "{state:?}");
        }
        assert!(in_state(SandboxState::Idle).begin("b".into()));
    }

    #[test]
    fn a_second_response_is_refused_during_a_stream() {
        let mut machine = in_state(SandboxState::Busy);
        assert_eq!(machine.open("b"), Err(IllegalCall::RequestId));
        assert_eq!(machine.open("a"), Ok(()));
        let refused = |call| Err(IllegalCall::Transition { from: SandboxState::Streaming, call });
        assert_eq!(machine.open("a"), refused(RuntimeCall::Response));
        assert_eq!(machine.finish("a", RuntimeCall::Error), refused(RuntimeCall::Error));
        assert_eq!(machine.close(), Ok(()));
        let ended =
            IllegalCall::Transition { from: SandboxState::Draining, call: RuntimeCall::Response };
        assert_eq!(machine.close(), Err(ended));
    }

    #[test]
    fn every_order_of_calls_gives_a_legal_state_and_at_most_one_response_per_event() {
        // All sequences of six steps: the four calls, a new invocation, the end, the begin and the end of a stream.
        for mut sequence in 0..8_u32.pow(6) {
            let mut machine = StateMachine::new();
            let (mut begun, mut answered) = (0, 0);
            for _ in 0..6 {
                match sequence % 8 {
                    4 => begun += u32::from(machine.begin("a".into())),
                    5 => {
                        machine.die();
                    }
                    6 => {
                        let _ = machine.open("a");
                    }
                    7 => answered += u32::from(machine.close().is_ok()),
                    call => {
                        let call = CALLS[call as usize];
                        let done = perform(&mut machine, call, "a").is_ok();
                        let answer = matches!(call, RuntimeCall::Response | RuntimeCall::Error);
                        answered += u32::from(done && answer);
                    }
                }
                assert!(answered <= begun);
                let owes = matches!(machine.state(), SandboxState::Busy | SandboxState::Streaming);
                assert_eq!(machine.request_id.is_some(), owes);
                sequence /= 8;
            }
        }
    }
}
