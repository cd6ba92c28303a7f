//! Log lines of functions: the kept ones, or those and all later ones.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::Stream;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use super::Control;
use super::request::Parameters;
use hardcap_core::log_buffer::LogLine;

/// The query for kept lines.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LinesQuery {
    /// The name of a function; without it, the lines of all functions.
    function: Option<String>,
    /// The id of a request: only its lines.
    request: Option<String>,
}

/// The query for a stream of lines.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LiveQuery {
    /// As in [`LinesQuery`].
    function: Option<String>,
}

fn is_of(function: Option<&String>, line: &LogLine) -> bool {
    function.is_none_or(|function| *function == line.function)
}

pub(super) async fn logs(
    State(control): State<Control>,
    Parameters(query): Parameters<LinesQuery>,
) -> Json<Value> {
    let log_buffer = &control.platform.log_buffer;
    let mut lines = match &query.request {
        Some(request_id) => log_buffer.of_request(request_id),
        None => log_buffer.lines(),
    };
    lines.retain(|line| is_of(query.function.as_ref(), line));
    let lines: Vec<&LogLine> = lines.iter().map(AsRef::as_ref).collect();
    Json(json!({ "lines": lines }))
}

/// The lines as server-sent events. A slow client gets an event `missed` with the number of missed lines.
pub(super) async fn live(
    State(control): State<Control>,
    Parameters(query): Parameters<LiveQuery>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let (kept, live) = control.platform.log_buffer.watch();
    let following = Following { function: query.function, kept, live };
    let stream = futures_util::stream::unfold(following, |mut following| async move {
        Some((Ok(following.next().await?), following))
    });
    Sse::new(stream).keep_alive(KeepAlive::default())
}

struct Following {
    function: Option<String>,
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
            if is_of(self.function.as_ref(), &line) {
                return Event::default().event("line").json_data(&*line).ok();
            }
        }
    }
}
