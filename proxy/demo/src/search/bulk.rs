//! `_bulk` and `_msearch`: bodies of lines, each of which ends in a line break, including the last.

use std::io::{self, Read as _};

use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};

use super::pages::{self, Wanted};
use super::reply::{Parts, Reply};
use super::service::{ClientRequest, Service};
use super::sigv4;

/// The maximum size of a decompressed body, in bytes.
const DECOMPRESSED_MAX: u64 = 256 << 20;

/// `POST /_bulk`: counts and reports the actions; nothing is stored.
pub(super) fn bulk(request: &ClientRequest) -> Reply {
    let lines = match lines(request, "bulk") {
        Ok(lines) => lines,
        Err(reply) => return reply,
    };
    let mut items = Vec::new();
    let mut lines = lines.split(|byte| *byte == b'\n').enumerate();
    while let Some((at, line)) = lines.next() {
        if line.trim_ascii().is_empty() {
            continue;
        }
        let Some((action, meta)) = action(line) else {
            return Reply::illegal_argument(&format!(
                "Malformed action/metadata line [{}], expected START_OBJECT",
                at + 1
            ));
        };
        if action != "delete" && lines.next().is_none_or(|(_, source)| source.is_empty()) {
            return Reply::illegal_argument(&format!(
                "the [{action}] of line [{}] has no source behind it",
                at + 1
            ));
        }
        let number = items.len().to_string();
        let (result, status) = match action.as_str() {
            "update" => ("updated", 200),
            "delete" => ("deleted", 200),
            _ => ("created", 201),
        };
        items.push(json!({action: {
            "_index": meta.get("_index").cloned().unwrap_or_else(|| json!(request.segments()[0])),
            "_id": meta.get("_id").cloned().unwrap_or_else(|| json!(number)),
            "_version": 1, "result": result, "status": status,
        }}));
    }
    Reply::json(
        StatusCode::OK,
        &json!({
            "took": 1, "errors": false,
            "received": {
                "items": items.len(), "bytes": request.body.len(),
                "sha256": sigv4::sha256_hex(&request.body),
            },
            "items": items,
        }),
    )
}

/// `POST /_msearch`: every second line is a search.
pub(super) fn msearch(service: &Service, request: &ClientRequest) -> Reply {
    let lines = match lines(request, "msearch") {
        Ok(lines) => lines,
        Err(reply) => return reply,
    };
    let lines: Vec<&[u8]> = lines.split(|byte| *byte == b'\n').collect();
    let mut parts: Parts = text("{\"took\":1,\"responses\":[");
    // One more, empty line follows the last line break.
    for (at, pair) in lines[..lines.len() - 1].chunks(2).enumerate() {
        let response = match one_search(service, request, pair) {
            Ok(response) => response,
            Err(reply) => reply.parts,
        };
        let comma = text(if at == 0 { "" } else { "," });
        parts = Box::new(parts.chain(comma).chain(response));
    }
    let parts = Box::new(parts.chain(text("]}")));
    Reply::parts(StatusCode::OK, "application/json; charset=UTF-8", None, parts)
}

fn one_search(service: &Service, request: &ClientRequest, pair: &[&[u8]]) -> Result<Parts, Reply> {
    let [header, search] = pair else {
        return Err(Reply::illegal_argument("a header has no search behind it"));
    };
    let header = pages::json_body(header)?;
    let in_path = request.segments();
    let name = match header.get("index") {
        Some(Value::String(name)) => name.as_str(),
        Some(Value::Array(names)) => names.first().and_then(Value::as_str).unwrap_or("_all"),
        _ if in_path.len() == 2 => in_path[0].as_str(),
        _ => "_all",
    };
    let wanted = Wanted::of_body(pages::json_body(search)?);
    Ok(pages::page(service, name, &wanted)?.parts(",\"status\":200"))
}

fn text(text: &'static str) -> Parts {
    let part = (!text.is_empty()).then(|| Ok(Bytes::from_static(text.as_bytes())));
    Box::new(part.into_iter())
}

/// The body, decompressed if it is encoded, if its last line ends.
fn lines(request: &ClientRequest, what: &str) -> Result<Bytes, Reply> {
    let body = match request.header("content-encoding") {
        Some(b"gzip") => decompressed(&request.body).map_err(|error| {
            Reply::illegal_argument(&format!("the body is not the gzip that it claims: {error}"))
        })?,
        _ => request.body.clone(),
    };
    if body.ends_with(b"\n") {
        return Ok(body);
    }
    let reason = format!("The {what} request must be terminated by a newline [\\n]");
    Err(Reply::illegal_argument(&reason))
}

fn decompressed(body: &[u8]) -> io::Result<Bytes> {
    let mut plain = Vec::new();
    flate2::read::MultiGzDecoder::new(body).take(DECOMPRESSED_MAX).read_to_end(&mut plain)?;
    Ok(plain.into())
}

fn action(line: &[u8]) -> Option<(String, Value)> {
    let line: Value = serde_json::from_slice(line).ok()?;
    let (action, meta) = line.as_object()?.iter().next()?;
    let known = ["index", "create", "update", "delete"].contains(&action.as_str());
    known.then(|| (action.clone(), meta.clone()))
}
