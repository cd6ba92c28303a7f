//! Recognizes the type of an input, and extracts its messages: lines of a log, strings of a document, strings in strings. Pure.

use serde_json::Value;

use super::input::Input;
use super::kind::{self, InputKind};

/// The maximum length of a message. Longer strings are content.
const MESSAGE_MAX: usize = 250_000;
/// The approximate size of the pieces in which a text is searched, in bytes.
const PIECE: usize = 1 << 20;
/// The maximum number of documents of a log; the others are searched as text.
const DOCUMENTS_MAX: usize = 20_000;
/// The maximum depth of JSON in strings.
const NESTED_MAX: usize = 6;
/// The maximum number of attempts to read a JSON document that spans lines.
const SPANNING_MAX: usize = 32;

/// A parsed input.
#[derive(Debug)]
pub(crate) struct Recognized {
    pub(crate) kind: InputKind,
    /// The JSON documents in it: the whole input, or its lines.
    pub(crate) documents: Vec<Document>,
    /// The texts that may contain a known text.
    pub(crate) messages: Vec<Message>,
}

/// One JSON document.
#[derive(Debug)]
pub(crate) struct Document {
    /// Its first line, from 1; `None` if it is the whole input.
    pub(crate) line: Option<usize>,
    pub(crate) json: Value,
}

/// A piece of text.
#[derive(Debug, Default)]
pub(crate) struct Message {
    /// Its first line, from 1; `None` inside a single document.
    pub(crate) line: Option<usize>,
    pub(crate) text: String,
    /// The record that it is a part of; [`TEXT`] for lines, which are records of their own.
    pub(crate) record: usize,
    /// Whether it is a string of a document in a text, and so a part of the lines that are searched too.
    pub(crate) is_inner: bool,
    /// Whether the last word may be incomplete: the input ends without the end of a line.
    pub(crate) is_cut: bool,
}

/// The record of the lines of a text.
pub(crate) const TEXT: usize = 0;

/// Counts lines up to increasing offsets.
#[derive(Debug)]
pub(crate) struct Lines<'t> {
    text: &'t str,
    at: usize,
    line: usize,
}

impl<'t> Lines<'t> {
    /// Counts from the first line of `text`.
    pub(crate) fn new(text: &'t str, first: usize) -> Lines<'t> {
        Lines { text, at: 0, line: first }
    }

    /// The line of an offset. Offsets must not decrease.
    pub(crate) fn of(&mut self, at: usize) -> usize {
        if let Some(passed) = self.text.as_bytes().get(self.at..at) {
            self.line += passed.iter().filter(|byte| **byte == b'\n').count();
            self.at = at;
        }
        self.line
    }
}

/// Recognizes an input.
pub(crate) fn recognize(input: &Input) -> Recognized {
    let text = input.text.trim();
    if text.is_empty() {
        return Recognized { kind: InputKind::Empty, documents: Vec::new(), messages: Vec::new() };
    }
    if let Ok(json) = serde_json::from_str::<Value>(text)
        && (json.is_object() || json.is_array() || json.is_string())
    {
        return of_document(json);
    }
    let documents = embedded(&input.text);
    let kind = of_text(&input.text, &documents);
    // The whole text, because sentences can continue on the next line.
    let mut messages = pieces(&input.text);
    let mut inner = Strings::new(true);
    for document in &documents {
        inner.begin_record(document.line);
        inner.nested(&document.json, 0);
    }
    messages.append(&mut inner.messages);
    Recognized { kind, documents, messages }
}

/// A text in pieces of whole lines, because a log can have gigabytes.
fn pieces(text: &str) -> Vec<Message> {
    let (mut messages, mut rest, mut line) = (Vec::new(), text, 1);
    while !rest.is_empty() {
        let most = rest.ceil_char_boundary(PIECE);
        let end = if most == rest.len() {
            most
        } else {
            rest[..most].rfind('\n').map_or(most, |at| at + 1)
        };
        let (piece, after) = rest.split_at(end);
        let is_cut = !piece.ends_with('\n');
        messages.push(Message {
            line: Some(line),
            text: piece.to_owned(),
            is_cut,
            ..Message::default()
        });
        line += piece.matches('\n').count();
        rest = after;
    }
    messages
}

fn of_document(json: Value) -> Recognized {
    // A single quoted string is a document with one level of quotes too many.
    if let Value::String(inner) = &json
        && let Ok(json) = serde_json::from_str::<Value>(inner)
        && (json.is_object() || json.is_array())
    {
        return of_document(json);
    }
    let json = super::packed::of_subscription(&json).unwrap_or(json);
    let kind = kind::of_json(&json);
    let mut strings = Strings::new(false);
    match &json {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                strings.begin_record(Some(index + 1));
                strings.all(item, 0);
            }
        }
        _ => {
            strings.begin_record(None);
            strings.all(&json, 0);
        }
    }
    let mut documents = inner_documents(&json);
    documents.insert(0, Document { line: None, json });
    Recognized { kind, documents, messages: strings.messages }
}

/// Documents in the strings of an export of logs, or in the items of a list.
fn inner_documents(json: &Value) -> Vec<Document> {
    let mut found = Vec::new();
    if let Value::Array(items) = json {
        let objects = items.iter().enumerate().filter(|(_, item)| item.is_object());
        found.extend(objects.map(|(at, item)| Document { line: Some(at + 1), json: item.clone() }));
    }
    let mut strings = Strings::new(false);
    strings.all(json, 0);
    let inner = strings.messages.iter().filter_map(|message| parsed(&message.text));
    found.extend(inner.map(|json| Document { line: None, json }));
    found
}

/// Collects the strings of documents as messages.
struct Strings {
    line: Option<usize>,
    /// The record of the next string: a document, or an object in a list.
    record: usize,
    /// The last record.
    records: usize,
    is_inner: bool,
    messages: Vec<Message>,
}

impl Strings {
    fn new(is_inner: bool) -> Strings {
        Strings { line: None, record: TEXT, records: TEXT, is_inner, messages: Vec::new() }
    }

    fn begin_record(&mut self, line: Option<usize>) {
        self.records += 1;
        (self.line, self.record) = (line, self.records);
    }

    /// All strings of a document, and the strings inside strings that are JSON.
    fn all(&mut self, json: &Value, depth: usize) {
        match json {
            Value::String(text) if text.len() <= MESSAGE_MAX => {
                self.messages.push(Message {
                    line: self.line,
                    text: super::input::clean(text),
                    record: self.record,
                    is_inner: self.is_inner,
                    is_cut: false,
                });
                if depth < NESTED_MAX
                    && let Some(inner) = parsed(text)
                {
                    self.all(&inner, depth + 1);
                }
            }
            Value::Array(items) => {
                let outer = self.record;
                for item in items {
                    if item.is_object() {
                        self.begin_record(self.line);
                    }
                    self.all(item, depth);
                }
                self.record = outer;
            }
            Value::Object(members) => members.values().for_each(|member| self.all(member, depth)),
            _ => {}
        }
    }

    /// Only the strings inside strings that are JSON: the outer strings are in the text that is searched already.
    fn nested(&mut self, json: &Value, depth: usize) {
        match json {
            Value::String(text) if depth < NESTED_MAX && text.len() <= MESSAGE_MAX => {
                if let Some(inner) = parsed(text) {
                    self.all(&inner, depth + 1);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.nested(item, depth)),
            Value::Object(members) => {
                members.values().for_each(|member| self.nested(member, depth));
            }
            _ => {}
        }
    }
}

fn parsed(text: &str) -> Option<Value> {
    let text = text.trim();
    let is_document = text.starts_with('{') && text.ends_with('}')
        || text.starts_with('[') && text.ends_with(']');
    let json = is_document.then(|| serde_json::from_str(text).ok())?;
    json.filter(|json: &Value| {
        json.is_object() || json.as_array().is_some_and(|all| all.iter().any(Value::is_object))
    })
}

/// JSON documents inside a text: a line that is one or ends in one, and one that begins with a line and continues on the next.
fn embedded(text: &str) -> Vec<Document> {
    let mut found = Vec::new();
    let (mut attempts, mut skip_until, mut at) = (0, 0, 0);
    for (number, line) in text.split('\n').enumerate() {
        let start = at;
        at += line.len() + 1;
        if start < skip_until || found.len() >= DOCUMENTS_MAX {
            continue;
        }
        let Some(open) = line.find(['{', '[']) else { continue };
        let here = line[open..].trim_end();
        if let Some(json) = line_document(here) {
            found.push(Document { line: Some(number + 1), json });
        } else if attempts < SPANNING_MAX && (line[..open].trim().is_empty() || here.len() == 1) {
            attempts += 1;
            let mut stream =
                serde_json::Deserializer::from_str(&text[start + open..]).into_iter::<Value>();
            if let Some(Ok(json)) = stream.next()
                && json.is_object()
            {
                skip_until = start + open + stream.byte_offset();
                found.push(Document { line: Some(number + 1), json });
            }
        }
    }
    found
}

/// The document at the end of a line; the text before it can have brackets too.
fn line_document(line: &str) -> Option<Value> {
    let end = line.rfind(['}', ']'])? + 1;
    let opens = line.match_indices('{').map(|(at, _)| at).take(4);
    opens.filter(|at| *at < end).find_map(|at| parsed(&line[at..end]))
}

fn of_text(text: &str, documents: &[Document]) -> InputKind {
    let head: String = text.chars().take(64 * 1024).collect();
    let lower = head.to_ascii_lowercase();
    let has = |word: &str| lower.contains(word);
    if is_curl(&head) {
        return InputKind::CurlTranscript;
    }
    if has("<errorresponse") && has("<code>") {
        return InputKind::QueryError;
    }
    if has("<error>") && has("<code>") {
        return InputKind::S3Error;
    }
    if has("<html") || has("<!doctype html") || has("generated by cloudfront") {
        return InputKind::HtmlPage;
    }
    if is_sdk_exception(&lower) {
        return InputKind::SdkException;
    }
    if has("aws::lambda::function")
        || has("update_failed")
        || has("create_failed")
        || has("rollback_in_progress")
    {
        return InputKind::DeployLog;
    }
    if has("endpoint request uri")
        || has("execution failed due to")
        || has("method completed with status")
        || has("gateway response type: ")
    {
        return InputKind::GatewayLog;
    }
    if super::input::is_csv_export(&head)
        || head.lines().next().is_some_and(|line| line.contains("@timestamp") && line.contains(','))
        || has("aws logs tail")
    {
        return InputKind::LogExport;
    }
    if has("entity content is too long")
        || has("es_rejected_execution")
        || has("circuit_breaking_exception")
    {
        return InputKind::SearchError;
    }
    if head.lines().any(|line| is_common_log(line) || super::access::is_of_load_balancer(line))
        || has("x-edge-result-type")
    {
        return InputKind::AccessLog;
    }
    of_lines(&lower, documents)
}

fn of_lines(lower: &str, documents: &[Document]) -> InputKind {
    let kinds: Vec<InputKind> =
        documents.iter().map(|document| kind::of_json(&document.json)).collect();
    let lines = lower.lines().filter(|line| !line.trim().is_empty()).count();
    // The documents are the text when there is one on every other line.
    if kinds.len() * 2 > lines
        || (lines > 0 && lower.trim_start().starts_with('{') && !kinds.is_empty())
    {
        let known = kinds.iter().copied().find(|kind| kind.is_known());
        return known.unwrap_or(InputKind::JsonLog);
    }
    let is_log = [
        "requestid:",
        "report requestid",
        "init_report",
        "error",
        "warn",
        "info",
        "exception",
        "traceback",
        "failed",
    ];
    if is_log.iter().any(|word| lower.contains(word)) {
        InputKind::TextLog
    } else {
        InputKind::Text
    }
}

fn is_curl(text: &str) -> bool {
    let mark = |line: &str, mark: &str| line.trim_start().starts_with(mark);
    let sent = text.lines().any(|line| {
        line.split_once("> ")
            .is_some_and(|(before, rest)| before.len() < 200 && rest.contains(" HTTP/"))
    });
    let came = text.lines().any(|line| line.contains("< HTTP/"));
    let head = text.lines().any(|line| mark(line, "HTTP/1.1 ") || mark(line, "HTTP/2 "));
    came || (head && (sent || text.lines().count() > 1))
}

fn is_sdk_exception(lower: &str) -> bool {
    let words = [
        "botocore.exceptions.",
        "an error occurred (",
        "software.amazon.awssdk",
        "com.amazonaws.services",
        "amazonserviceexception",
        "operation error lambda",
        "https response error statuscode",
        "$metadata",
        "amazon.lambda.model",
        "\"$fault\"",
        "$fault:",
        "status code: 413, request id",
        "node_modules/aws-sdk",
        "aws\\lambda\\exception",
        "serviceerror(serviceerror",
        "errormetadata {",
        "dispatchfailure(",
    ];
    words.iter().any(|word| lower.contains(word))
}

/// `192.0.2.1 - - [29/Nov/2026:15:00:00 +0000] "GET /a HTTP/1.1" 502 36 id`
pub(crate) fn is_common_log(line: &str) -> bool {
    let Some((before, rest)) = line.split_once('[') else { return false };
    let Some((_, request)) = rest.split_once("] \"") else { return false };
    before.split_whitespace().count() <= 4 && request.contains("HTTP/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(text: &str) -> InputKind {
        recognize(&Input::new(text.as_bytes())).kind
    }

    #[test]
    fn texts_have_their_types() {
        let cases = [
            ("", InputKind::Empty),
            ("all is well", InputKind::Text),
            (
                "> GET / HTTP/2\n> Host: h\n>\n< HTTP/2 502\n<\n{\"message\": \"x\"}",
                InputKind::CurlTranscript,
            ),
            ("<?xml version=\"1.0\"?><Error><Code>SlowDown</Code></Error>", InputKind::S3Error),
            (
                "<ErrorResponse><Error><Type>Sender</Type><Code>Throttling</Code></Error></ErrorResponse>",
                InputKind::QueryError,
            ),
            ("<html><center>nginx</center></html>", InputKind::HtmlPage),
            (
                "botocore.exceptions.ClientError: An error occurred (X) when",
                InputKind::SdkException,
            ),
            (
                "192.0.2.1 - - [29/Nov/2026:15:00:00 +0000] \"GET /a HTTP/1.1\" 502 36 id",
                InputKind::AccessLog,
            ),
            ("@timestamp,@message\n2026,x", InputKind::LogExport),
            (
                "{\"type\":\"platform.start\"}\n{\"type\":\"platform.report\"}",
                InputKind::PlatformEvents,
            ),
            ("START RequestId: 1 Version: $LATEST\nEND RequestId: 1", InputKind::TextLog),
        ];
        for (text, expected) in cases {
            assert_eq!(kind(text), expected, "{text}");
        }
    }

    #[test]
    fn strings_in_strings_are_messages() {
        let inner = serde_json::json!({"errorMessage": "deep"}).to_string();
        let middle = serde_json::json!({"Cause": inner}).to_string();
        let outer = serde_json::json!({"message": middle}).to_string();
        let found = recognize(&Input::new(outer.as_bytes()));
        assert!(found.messages.iter().any(|message| message.text == "deep"), "{found:?}");
        let line = format!("2026-01-01 ERROR {outer}");
        let found = recognize(&Input::new(line.as_bytes()));
        assert!(found.messages.iter().any(|message| message.text == "deep"), "{found:?}");
    }

    #[test]
    fn a_document_that_spans_lines_is_found_in_a_log() {
        let text = "START\nERROR {\n  \"errorType\": \"Error\",\n  \"errorMessage\": \"x\"\n}\nEND";
        let found = recognize(&Input::new(text.as_bytes()));
        assert_eq!(found.documents.len(), 1, "{found:?}");
        assert_eq!(found.documents[0].line, Some(2));
    }
}
