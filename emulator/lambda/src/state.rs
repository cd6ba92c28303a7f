//! The state machine of a sandbox: which calls of the Runtime API are legal when. Pure: it holds no process and no socket.

use std::sync::Arc;

/// Where a sandbox is between its start and its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// The process runs, and has not asked for an event yet.
    Init,
    /// It waits for an event.
    Idle,
    /// It has an event and owes an answer.
    Busy,
    /// Its answer is under way.
    Streaming,
    /// It has answered, and has not asked for the next event yet.
    Draining,
    /// It has ended, or is about to: nothing it says counts any more.
    Dead,
}

impl State {
    /// The name in the text of a refused transition.
    ///
    /// The form of that text is official, the names that AWS puts in it are unconfirmed.
    pub(super) fn name(self) -> &'static str {
        match self {
            State::Init => "Started",
            State::Idle => "Ready",
            State::Busy => "Running",
            State::Streaming => "InvocationResponse",
            State::Draining => "ResponseSent",
            State::Dead => "Terminated",
        }
    }
}

/// A call that a runtime makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    /// `GET …/invocation/next`
    Next,
    /// `POST …/invocation/{id}/response`
    Response,
    /// `POST …/invocation/{id}/error`
    Error,
    /// `POST …/init/error`
    InitError,
}

impl Call {
    /// The name in the text of a refused transition; unconfirmed like [`State::name`].
    pub(super) fn name(self) -> &'static str {
        match self {
            Call::Next => "Ready",
            Call::Response => "InvocationResponse",
            Call::Error => "InvocationErrorResponse",
            Call::InitError => "InitError",
        }
    }
}

/// Why a call is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Illegal {
    /// It makes no sense in this state: 403.
    Transition {
        /// The state.
        from: State,
        /// The call.
        call: Call,
    },
    /// It names another request than the one under way: 400.
    RequestId,
    /// It names another invocation of that request: 410.
    InvocationId,
}

/// What a request for the next event means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// The first one: init is over.
    First,
    /// The sandbox is free again.
    Free,
    /// It waits already; its connection broke, or it asks on two.
    Again,
    /// It has an event and asks for it once more, because the answer that carried it was lost.
    Repeat,
}

/// The state, and the invocation that it is about.
#[derive(Debug)]
pub(super) struct Machine {
    state: State,
    request_id: Option<Arc<str>>,
}

impl Machine {
    /// A sandbox whose process has just started.
    pub(super) fn new() -> Machine {
        Machine { state: State::Init, request_id: None }
    }

    pub(super) fn state(&self) -> State {
        self.state
    }

    /// The runtime asks for an event.
    pub(super) fn next(&mut self) -> Result<Asked, Illegal> {
        let asked = match self.state {
            State::Init => Asked::First,
            State::Draining => Asked::Free,
            State::Idle => Asked::Again,
            State::Busy => return Ok(Asked::Repeat),
            State::Streaming | State::Dead => return Err(self.illegal(Call::Next)),
        };
        self.state = State::Idle;
        Ok(asked)
    }

    /// Takes an invocation; false when the sandbox is not waiting for one.
    pub(super) fn begin(&mut self, request_id: Arc<str>) -> bool {
        if self.state != State::Idle {
            return false;
        }
        self.state = State::Busy;
        self.request_id = Some(request_id);
        true
    }

    /// Whether the runtime may answer: asked before its body is read, and decided again by [`Machine::finish`].
    ///
    /// The state is judged before the id, as AWS's own server does: a second answer is 403, whatever id it names.
    pub(super) fn may_answer(&self, request_id: &str, call: Call) -> Result<(), Illegal> {
        if self.state != State::Busy {
            return Err(self.illegal(call));
        }
        if self.request_id.as_deref() != Some(request_id) {
            return Err(Illegal::RequestId);
        }
        Ok(())
    }

    /// The answer is there. Of several that come at once exactly one gets `Ok`.
    pub(super) fn finish(&mut self, request_id: &str, call: Call) -> Result<(), Illegal> {
        self.may_answer(request_id, call)?;
        self.state = State::Draining;
        self.request_id = None;
        Ok(())
    }

    /// An answer begins that is handed on as it comes. Of several that begin at once exactly one gets `Ok`.
    pub(super) fn open(&mut self, request_id: &str) -> Result<(), Illegal> {
        self.may_answer(request_id, Call::Response)?;
        self.state = State::Streaming;
        Ok(())
    }

    /// The answer that was under way has ended.
    pub(super) fn close(&mut self) -> Result<(), Illegal> {
        if self.state != State::Streaming {
            return Err(self.illegal(Call::Response));
        }
        self.state = State::Draining;
        self.request_id = None;
        Ok(())
    }

    /// The runtime says that its init failed. It gets no event after that.
    pub(super) fn init_failed(&mut self) -> Result<(), Illegal> {
        if self.state != State::Init {
            return Err(self.illegal(Call::InitError));
        }
        self.state = State::Dead;
        Ok(())
    }

    /// The end, from whatever state; returns the state it was in.
    pub(super) fn die(&mut self) -> State {
        self.request_id = None;
        std::mem::replace(&mut self.state, State::Dead)
    }

    fn illegal(&self, call: Call) -> Illegal {
        Illegal::Transition { from: self.state, call }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATES: [State; 6] =
        [State::Init, State::Idle, State::Busy, State::Streaming, State::Draining, State::Dead];
    const CALLS: [Call; 4] = [Call::Next, Call::Response, Call::Error, Call::InitError];

    fn in_state(state: State) -> Machine {
        let mut machine = Machine::new();
        if state == State::Init {
            return machine;
        }
        machine.next().expect("init ends with the first request for an event");
        if state == State::Idle {
            return machine;
        }
        assert!(machine.begin("a".into()));
        if state == State::Busy {
            return machine;
        }
        machine.open("a").expect("it is busy with this request");
        if state == State::Streaming {
            return machine;
        }
        machine.close().expect("its answer is under way");
        if state == State::Draining {
            return machine;
        }
        machine.die();
        machine
    }

    fn perform(machine: &mut Machine, call: Call, id: &str) -> Result<(), Illegal> {
        match call {
            Call::Next => machine.next().map(|_| ()),
            Call::InitError => machine.init_failed(),
            Call::Response | Call::Error => machine.finish(id, call),
        }
    }

    #[test]
    fn allows_exactly_the_calls_of_the_runtime_api_in_each_state() {
        let legal = |state: State, call: Call| match call {
            Call::Next => !matches!(state, State::Streaming | State::Dead),
            Call::Response | Call::Error => state == State::Busy,
            Call::InitError => state == State::Init,
        };
        for state in STATES {
            for call in CALLS {
                let mut machine = in_state(state);
                let verdict = perform(&mut machine, call, "a");
                let expected = if legal(state, call) {
                    Ok(())
                } else {
                    Err(Illegal::Transition { from: state, call })
                };
                assert_eq!(verdict, expected, "{call:?} in {state:?}");
            }
        }
    }

    #[test]
    fn a_state_and_a_call_have_the_names_of_a_refused_transition() {
        assert_eq!(
            STATES.map(State::name),
            ["Started", "Ready", "Running", "InvocationResponse", "ResponseSent", "Terminated"]
        );
        assert_eq!(
            CALLS.map(Call::name),
            ["Ready", "InvocationResponse", "InvocationErrorResponse", "InitError"]
        );
    }

    #[test]
    fn the_end_returns_the_state_before_and_leaves_no_way_back() {
        for state in STATES {
            let mut machine = in_state(state);
            assert_eq!(machine.die(), state);
            assert_eq!((machine.state(), machine.request_id.is_none()), (State::Dead, true));
        }
    }

    #[test]
    fn tells_the_first_request_for_an_event_from_the_others() {
        let mut machine = Machine::new();
        assert_eq!(machine.next(), Ok(Asked::First));
        assert_eq!(machine.next(), Ok(Asked::Again));
        assert!(machine.begin("a".into()));
        assert_eq!(machine.next(), Ok(Asked::Repeat), "a lost event is handed over once more");
        assert_eq!(machine.state(), State::Busy);
        machine.finish("a", Call::Error).unwrap();
        assert_eq!(machine.next(), Ok(Asked::Free));
    }

    #[test]
    fn refuses_a_wrong_id_and_still_takes_the_right_one() {
        let mut machine = in_state(State::Busy);
        assert_eq!(machine.finish("b", Call::Response), Err(Illegal::RequestId));
        assert_eq!(machine.finish("a", Call::Response), Ok(()));
    }

    #[test]
    fn a_second_answer_is_a_wrong_state_whatever_its_id() {
        for id in ["a", "b"] {
            let refused = in_state(State::Draining).finish(id, Call::Error);
            let expected = Illegal::Transition { from: State::Draining, call: Call::Error };
            assert_eq!(refused, Err(expected));
        }
    }

    #[test]
    fn takes_one_invocation_at_a_time_and_only_when_it_waits() {
        for state in STATES.into_iter().filter(|state| *state != State::Idle) {
            assert!(!in_state(state).begin("b".into()), "{state:?}");
        }
        assert!(in_state(State::Idle).begin("b".into()));
    }

    #[test]
    fn an_answer_under_way_is_the_only_one() {
        let mut machine = in_state(State::Busy);
        assert_eq!(machine.open("b"), Err(Illegal::RequestId));
        assert_eq!(machine.open("a"), Ok(()));
        let refused = |call| Err(Illegal::Transition { from: State::Streaming, call });
        assert_eq!(machine.open("a"), refused(Call::Response));
        assert_eq!(machine.finish("a", Call::Error), refused(Call::Error));
        assert_eq!(machine.close(), Ok(()));
        let ended = Illegal::Transition { from: State::Draining, call: Call::Response };
        assert_eq!(machine.close(), Err(ended));
    }

    #[test]
    fn every_order_of_calls_leaves_a_legal_state_and_at_most_one_answer_an_event() {
        // Every sequence of six steps out of: the four calls, a new invocation, the end, a stream's begin and its end.
        for mut sequence in 0..8_u32.pow(6) {
            let mut machine = Machine::new();
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
                        let answer = matches!(call, Call::Response | Call::Error);
                        answered += u32::from(done && answer);
                    }
                }
                assert!(answered <= begun);
                let owes = matches!(machine.state(), State::Busy | State::Streaming);
                assert_eq!(machine.request_id.is_some(), owes);
                sequence /= 8;
            }
        }
    }
}
