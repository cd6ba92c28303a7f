//! What functions have logged: all that is kept, or that and every line from now on.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::Stream;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use super::Control;
use hardcap_core::log_buffer::LogLine;

/// Whose lines are asked for.
#[derive(Deserialize)]
pub(super) struct Whose {
    /// A function's name; without it, all of them.
    function: Option<String>,
    /// A request's id: only its lines. A stream does not have it.
    request: Option<String>,
}

impl Whose {
    fn wants(&self, line: &LogLine) -> bool {
        self.function.as_ref().is_none_or(|function| *function == line.function)
    }
}

pub(super) async fn logs(
    State(control): State<Control>,
    Query(whose): Query<Whose>,
) -> Json<Value> {
    let log_buffer = &control.platform.log_buffer;
    let mut lines = match &whose.request {
        Some(request_id) => log_buffer.of_request(request_id),
        None => log_buffer.lines(),
    };
    lines.retain(|line| whose.wants(line));
    let lines: Vec<&LogLine> = lines.iter().map(AsRef::as_ref).collect();
    Json(json!({ "lines": lines }))
}

/// As server-sent events; a watcher that is too slow is told how many lines it missed.
pub(super) async fn live(
    State(control): State<Control>,
    Query(whose): Query<Whose>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let (kept, live) = control.platform.log_buffer.watch();
    let following = Following { whose, kept, live };
    let stream = futures_util::stream::unfold(following, |mut following| async move {
        Some((Ok(following.next().await?), following))
    });
    Sse::new(stream).keep_alive(KeepAlive::default())
}

struct Following {
    whose: Whose,
    kept: VecDeque<Arc<LogLine>>,
    live: Receiver<Arc<LogLine>>,
}

impl Following {
    async fn next(&mut self) -> Option<Event> {
        loop {
            let line = match self.kept.pop_front() {
                Some(line) => line,
                None => match self.live.recv().await {
                    Ok(line) => line,
                    Err(RecvError::Lagged(missed)) => {
                        return Some(Event::default().event("missed").data(missed.to_string()));
                    }
                    Err(RecvError::Closed) => return None,
                },
            };
            if self.whose.wants(&line) {
                return Event::default().event("line").json_data(&*line).ok();
            }
        }
    }
}
