//! Searches: pages by `from`, by `search_after` with a point in time, and by scroll.

use std::io;

use bytes::Bytes;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::Index;
use super::cursor::{Cursor, TooManyCursors};
use super::reply::{Parts, Reply};
use super::service::{ClientRequest, Service};

/// `index.max_result_window`.
const RESULT_WINDOW: u64 = 10_000;
/// The total is exact up to this number, unless `track_total_hits` is set.
const TOTAL_EXACT_MAX: u64 = 10_000;
/// Larger responses are generated while they are sent.
const WHOLE_MAX: u64 = 1024 * 1024;
/// The approximate size of a part of hits, in bytes.
const PART_BYTES: usize = 64 * 1024;

/// A page of hits.
#[derive(Clone, Debug)]
pub(super) struct Page {
    index: Index,
    name: String,
    /// The positions of the first hit and after the last.
    from: u64,
    to: u64,
    descending: bool,
    sorted: bool,
    track_total: bool,
    /// `"_scroll_id":"…",` or `"pit_id":"…",`
    cursor: String,
}

/// `GET|POST /{index}/_search`
pub(super) fn search(service: &Service, request: &ClientRequest, name: &str) -> Reply {
    let body = match json_body(&request.body) {
        Ok(body) => body,
        Err(reply) => return reply,
    };
    match page(service, name, &Wanted::of(request, body)) {
        Ok(page) => page.reply(),
        Err(reply) => reply,
    }
}

/// The parameters of a search; those of the query take precedence.
pub(super) struct Wanted {
    body: Value,
    query: Vec<(String, String)>,
}

impl Wanted {
    fn of(request: &ClientRequest, body: Value) -> Wanted {
        Wanted { body, query: request.query() }
    }

    /// A search of `_msearch`, which has no query string.
    pub(super) fn of_body(body: Value) -> Wanted {
        Wanted { body, query: Vec::new() }
    }

    fn parameter(&self, name: &str) -> Option<Value> {
        let query = self.query.iter().find(|(other, _)| other == name);
        query.map(|(_, value)| json!(value)).or_else(|| self.body.get(name).cloned())
    }

    fn number(&self, name: &str) -> Result<Option<u64>, Reply> {
        let Some(value) = self.parameter(name) else {
            return Ok(None);
        };
        number(&value).map(Some).ok_or_else(|| {
            let reason = format!("Failed to parse int parameter [{name}] with value [{value}]");
            Reply::illegal_argument(&reason)
        })
    }

    fn is(&self, name: &str) -> bool {
        self.parameter(name).is_some_and(|value| value == json!(true) || value == json!("true"))
    }

    /// Whether the sort, which is always by number, is descending.
    fn descending(&self) -> bool {
        let sort = self.parameter("sort").map(|sort| sort.to_string()).unwrap_or_default();
        sort.contains("desc")
    }
}

fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

/// Finds the hits of a search.
pub(super) fn page(service: &Service, name: &str, wanted: &Wanted) -> Result<Page, Reply> {
    let size = wanted.number("size")?.unwrap_or(10);
    let from = wanted.number("from")?.unwrap_or(0);
    if from.saturating_add(size) > RESULT_WINDOW {
        return Err(Reply::illegal_argument(&format!(
            "Result window is too large, from + size must be less than or equal to: [{RESULT_WINDOW}] but was [{}]. See the scroll api for a more efficient way to request large data sets. This limit can be set by changing the [index.max_result_window] index level setting.",
            from.saturating_add(size)
        )));
    }
    let pit = wanted.body.pointer("/pit/id").and_then(Value::as_str);
    let (index, name) = match pit {
        Some(id) => {
            let cursor = service.cursors.find(id).ok_or_else(|| missing_context(id))?;
            (cursor.index, cursor.name)
        }
        None => service.index(name)?.unwrap_or((Index::new("", 0, 0), String::new())),
    };
    let descending = wanted.descending();
    let start = match wanted.body.get("search_after").and_then(|after| after.get(0)) {
        Some(after) => {
            let after = number(after).ok_or_else(|| {
                Reply::illegal_argument(&format!("Failed to parse search_after value [{after}]"))
            })?;
            if descending { index.documents.saturating_sub(after) } else { after.saturating_add(1) }
        }
        None => from,
    };
    let start = start.min(index.documents);
    let end = start.saturating_add(size).min(index.documents);
    let mut cursor = pit.map(|id| format!("\"pit_id\":{},", json!(id))).unwrap_or_default();
    if wanted.parameter("scroll").is_some() {
        let open = Cursor { index: index.clone(), name: name.clone(), size, next: end, descending };
        let id = service.cursors.open(open).map_err(|error| too_many(&error))?;
        cursor = format!("\"_scroll_id\":{},", json!(id));
    }
    Ok(Page {
        index,
        name,
        from: start,
        to: end,
        descending,
        sorted: wanted.parameter("sort").is_some() || pit.is_some(),
        track_total: wanted.is("track_total_hits"),
        cursor,
    })
}

impl Page {
    fn reply(self) -> Reply {
        let bytes = (self.to - self.from).saturating_mul(self.index.document_bytes as u64 + 100);
        let content_type = "application/json; charset=UTF-8";
        let parts = self.parts("");
        if bytes > WHOLE_MAX {
            return Reply::parts(StatusCode::OK, content_type, None, parts);
        }
        let whole: Vec<u8> = parts.filter_map(io::Result::ok).flatten().collect();
        Reply::whole(StatusCode::OK, content_type, whole)
    }

    /// The JSON of the response; `more` is inserted before its last brace.
    pub(super) fn parts(self, more: &'static str) -> Parts {
        let documents = self.index.documents;
        let (total, relation) = if self.track_total || documents <= TOTAL_EXACT_MAX {
            (documents, "eq")
        } else {
            (TOTAL_EXACT_MAX, "gte")
        };
        let max_score = if self.sorted || self.from == self.to { "null" } else { "1.0" };
        let head = format!(
            "{{{}\"took\":1,\"timed_out\":false,\"_shards\":{{\"total\":1,\"successful\":1,\"skipped\":0,\"failed\":0}},\"hits\":{{\"total\":{{\"value\":{total},\"relation\":\"{relation}\"}},\"max_score\":{max_score},\"hits\":[",
            self.cursor
        );
        let tail = format!("]}}{more}}}");
        let first = self.from;
        let hits = (first..self.to).map(move |position| {
            let comma = if position == first { "" } else { "," };
            format!("{comma}{}", self.hit(position))
        });
        Box::new(Together(std::iter::once(head).chain(hits).chain(std::iter::once(tail))))
    }

    fn hit(&self, position: u64) -> String {
        let number = if self.descending { self.index.documents - 1 - position } else { position };
        let (score, sort) = if self.sorted {
            ("null", format!(",\"sort\":[{number}]"))
        } else {
            ("1.0", String::new())
        };
        format!(
            "{{\"_index\":{},\"_id\":\"{number}\",\"_score\":{score},\"_source\":{}{sort}}}",
            json!(self.name),
            self.index.source(number)
        )
    }
}

/// Joins texts into parts of a reasonable size.
struct Together<I>(I);

impl<I: Iterator<Item = String>> Iterator for Together<I> {
    type Item = io::Result<Bytes>;

    fn next(&mut self) -> Option<io::Result<Bytes>> {
        let mut part = self.0.next()?;
        while part.len() < PART_BYTES {
            match self.0.next() {
                Some(text) => part.push_str(&text),
                None => break,
            }
        }
        Some(Ok(part.into()))
    }
}

/// `GET|POST|DELETE /_search/scroll`
pub(super) fn scroll(service: &Service, request: &ClientRequest) -> Reply {
    let body = match json_body(&request.body) {
        Ok(body) => body,
        Err(reply) => return reply,
    };
    let in_path = request.segments().get(2).cloned();
    let ids = ids(&body, "scroll_id", request.parameter("scroll_id").or(in_path));
    if request.method == Method::DELETE {
        let freed = match ids.as_slice() {
            [all] if all == "_all" => service.cursors.close_all(),
            ids => service.cursors.close(ids),
        };
        let status = if freed == 0 { StatusCode::NOT_FOUND } else { StatusCode::OK };
        return Reply::json(status, &json!({"succeeded": true, "num_freed": freed}));
    }
    let Some(id) = ids.first() else {
        return Reply::illegal_argument("scrollId is missing");
    };
    let Some(cursor) = service.cursors.advance(id) else {
        return missing_context(id);
    };
    let to = cursor.next.saturating_add(cursor.size).min(cursor.index.documents);
    Page {
        from: cursor.next,
        to,
        index: cursor.index,
        name: cursor.name,
        descending: cursor.descending,
        sorted: false,
        track_total: false,
        cursor: format!("\"_scroll_id\":{},", json!(id)),
    }
    .reply()
}

/// `POST /{index}/_pit` of Elasticsearch, `POST /{index}/_search/point_in_time` of OpenSearch.
pub(super) fn open_point_in_time(service: &Service, name: &str) -> Reply {
    let (index, name) = match service.index(name) {
        Ok(found) => found.unwrap_or((Index::new("", 0, 0), String::new())),
        Err(reply) => return reply,
    };
    let cursor = Cursor { index, name, size: 0, next: 0, descending: false };
    match service.cursors.open(cursor) {
        Ok(id) => Reply::json(
            StatusCode::OK,
            &json!({
                "id": id, "pit_id": id,
                "_shards": {"total": 1, "successful": 1, "skipped": 0, "failed": 0},
            }),
        ),
        Err(error) => too_many(&error),
    }
}

/// `DELETE /_pit` of Elasticsearch, `DELETE /_search/point_in_time` of OpenSearch.
pub(super) fn close_point_in_time(service: &Service, request: &ClientRequest) -> Reply {
    if request.method != Method::DELETE {
        return Reply::illegal_argument("a point in time is closed with DELETE");
    }
    let body = match json_body(&request.body) {
        Ok(body) => body,
        Err(reply) => return reply,
    };
    if request.segments().last().is_some_and(|last| last == "_all") {
        let freed = service.cursors.close_all();
        return Reply::json(StatusCode::OK, &json!({"succeeded": true, "num_freed": freed}));
    }
    let mut ids_of = ids(&body, "pit_id", None);
    ids_of.extend(ids(&body, "id", None));
    let freed = service.cursors.close(&ids_of);
    let status = if freed == 0 { StatusCode::NOT_FOUND } else { StatusCode::OK };
    let pits: Vec<Value> =
        ids_of.iter().map(|id| json!({"pit_id": id, "successful": freed > 0})).collect();
    Reply::json(status, &json!({"succeeded": freed > 0, "num_freed": freed, "pits": pits}))
}

/// `GET /{index}/_count`
pub(super) fn count(service: &Service, name: &str) -> Reply {
    match service.index(name) {
        Ok(found) => Reply::json(
            StatusCode::OK,
            &json!({
                "count": found.map_or(0, |(index, _)| index.documents),
                "_shards": {"total": 1, "successful": 1, "skipped": 0, "failed": 0},
            }),
        ),
        Err(reply) => reply,
    }
}

/// `GET /{index}/_doc/{id}`
pub(super) fn document(service: &Service, name: &str, id: &str) -> Reply {
    let found = match service.index(name) {
        Ok(found) => found,
        Err(reply) => return reply,
    };
    let Some((index, name)) = found else {
        return Reply::illegal_argument("one index is needed, a wildcard matched none");
    };
    match id.parse::<u64>().ok().filter(|number| *number < index.documents) {
        Some(number) => {
            let document = format!(
                "{{\"_index\":{},\"_id\":{},\"_version\":1,\"found\":true,\"_source\":{}}}",
                json!(name),
                json!(id),
                index.source(number)
            );
            Reply::whole(StatusCode::OK, "application/json; charset=UTF-8", document)
        }
        None => {
            let missing = json!({"_index": name, "_id": id, "found": false});
            Reply::json(StatusCode::NOT_FOUND, &missing)
        }
    }
}

/// `HEAD /{index}`
pub(super) fn exists(service: &Service, name: &str) -> Reply {
    match service.index(name) {
        Ok(_) => Reply::whole(StatusCode::OK, "application/json; charset=UTF-8", "{}"),
        Err(reply) => reply,
    }
}

/// The body as JSON; an empty body is an empty object.
pub(super) fn json_body(body: &[u8]) -> Result<Value, Reply> {
    if body.trim_ascii().is_empty() {
        return Ok(json!({}));
    }
    serde_json::from_slice(body).map_err(|error| {
        let reason = format!("Failed to parse the request body: {error}");
        Reply::error(StatusCode::BAD_REQUEST, "parsing_exception", &reason)
    })
}

fn ids(body: &Value, name: &str, other: Option<String>) -> Vec<String> {
    match body.get(name) {
        Some(Value::String(id)) => vec![id.clone()],
        Some(Value::Array(ids)) => {
            ids.iter().filter_map(Value::as_str).map(str::to_owned).collect()
        }
        _ => other.into_iter().collect(),
    }
}

fn too_many(error: &TooManyCursors) -> Reply {
    Reply::error(StatusCode::TOO_MANY_REQUESTS, "too_many_scroll_contexts", &error.to_string())
}

fn missing_context(id: &str) -> Reply {
    let reason = format!("No search context found for id [{id}]");
    Reply::error(StatusCode::NOT_FOUND, "search_context_missing_exception", &reason)
}
