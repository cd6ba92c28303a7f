//! Tasks in virtual time, on one thread: when all of them wait, the clock advances to the first end of a wait.
//!
//! So half a day takes milliseconds, and every schedule is deterministic.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

type Task = Pin<Box<dyn Future<Output = ()>>>;

thread_local! {
    static NOW: Cell<u64> = const { Cell::new(0) };
    static TIMERS: RefCell<BTreeMap<(u64, u64), Waker>> = const { RefCell::new(BTreeMap::new()) };
    static TIMERS_MADE: Cell<u64> = const { Cell::new(0) };
    static SPAWNED: RefCell<Vec<Task>> = const { RefCell::new(Vec::new()) };
}

/// Milliseconds since the start of the simulation.
pub(crate) fn now() -> u64 {
    NOW.get()
}

/// Adds a task.
pub(crate) fn spawn(task: impl Future<Output = ()> + 'static) {
    SPAWNED.with_borrow_mut(|spawned| spawned.push(Box::pin(task)));
}

/// A wait in virtual time.
pub(crate) struct Wait {
    at: u64,
    number: Option<u64>,
}

/// Waits.
pub(crate) fn wait(span: Duration) -> Wait {
    let span = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    Wait { at: now().saturating_add(span), number: None }
}

impl Future for Wait {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if now() >= self.at {
            return Poll::Ready(());
        }
        let number = *self.number.get_or_insert_with(|| {
            TIMERS_MADE.set(TIMERS_MADE.get() + 1);
            TIMERS_MADE.get()
        });
        let waker = context.waker().clone();
        TIMERS.with_borrow_mut(|timers| timers.insert((self.at, number), waker));
        Poll::Pending
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            TIMERS.with_borrow_mut(|timers| timers.remove(&(self.at, number)));
        }
    }
}

struct Ready {
    task: usize,
    queue: Arc<Mutex<VecDeque<usize>>>,
}

impl Wake for Ready {
    fn wake(self: Arc<Ready>) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if !queue.contains(&self.task) {
            queue.push_back(self.task);
        }
    }
}

/// Runs a task and its spawned tasks until it ends; the others are dropped then.
pub(crate) fn run<T: 'static>(main: impl Future<Output = T> + 'static) -> T {
    NOW.set(0);
    TIMERS.take();
    SPAWNED.take();
    let ended = Rc::new(RefCell::new(None));
    let to = Rc::clone(&ended);
    spawn(async move {
        let end = main.await;
        to.replace(Some(end));
    });
    let queue = Arc::new(Mutex::new(VecDeque::new()));
    let mut tasks: Vec<Option<Task>> = Vec::new();
    loop {
        for task in SPAWNED.take() {
            queue.lock().unwrap_or_else(PoisonError::into_inner).push_back(tasks.len());
            tasks.push(Some(task));
        }
        let ready = queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let Some(number) = ready else {
            let first = TIMERS.with_borrow_mut(|timers| timers.pop_first());
            let ((at, _), waker) = first.expect("the main task waits for nothing: a deadlock");
            NOW.set(at);
            waker.wake();
            continue;
        };
        let waker = Waker::from(Arc::new(Ready { task: number, queue: Arc::clone(&queue) }));
        if let Some(task) = &mut tasks[number]
            && task.as_mut().poll(&mut Context::from_waker(&waker)).is_ready()
        {
            tasks[number] = None;
        }
        if let Some(end) = ended.take() {
            return end;
        }
    }
}
