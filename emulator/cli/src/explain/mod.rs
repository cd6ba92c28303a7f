//! `hardcap explain`: a log line, a captured response, an event, into which limit, by how much, and what to do. Pure.

mod document;
mod texts;

use hardcap_limits::Limits;
use serde_json::{Value, json};

pub use document::{Document, Kind};
pub use texts::{Match, find};

use hardcap::report::grouped;

/// What is known of an input.
#[derive(Clone, Debug)]
pub struct Explained {
    /// The refusals that it quotes, the most telling first.
    pub matches: Vec<Match>,
    /// What it is, when it is JSON that can be measured.
    pub document: Option<Document>,
    /// Whether the document is over its limit.
    pub over: bool,
}

impl Explained {
    /// Explains a text under the limits of a day.
    #[must_use]
    pub fn new(text: &str, limits: &Limits) -> Explained {
        let document = Document::read(text);
        let over =
            document.as_ref().is_some_and(|document| document.bytes > document.against(limits).1);
        Explained { matches: find(text), document, over }
    }

    /// Whether anything at all was recognized.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.matches.is_empty() && self.document.is_none()
    }

    /// For people.
    #[must_use]
    pub fn to_text(&self, limits: &Limits) -> String {
        let mut lines = Vec::new();
        for same in self.matches.chunk_by(|one, next| one.quote == next.quote) {
            match same {
                [one] => lines.extend(told(one)),
                several => lines.extend(told_apart(several, limits)),
            }
        }
        if let Some(document) = &self.document {
            lines.push(document.describe(limits));
            if let Some(advice) = advice(document.against(limits).0).filter(|_| self.over) {
                lines.push(format!("  do: {advice}"));
            }
        }
        if lines.is_empty() {
            lines.push(
                "nothing here is a refusal of the table; `hardcap limits` lists the texts it knows"
                    .to_owned(),
            );
        }
        lines.join("\n")
    }

    /// For machines.
    #[must_use]
    pub fn to_json(&self, limits: &Limits) -> Value {
        let matches: Vec<Value> = self
            .matches
            .iter()
            .map(|one| {
                json!({
                    "row": one.row.name,
                    "quote": one.quote,
                    "observed": one.observed,
                    "max": one.max,
                    "since": one.refusal.since,
                    "confidence": one.refusal.confidence,
                    "source": one.refusal.source,
                    "advice": advice(one.row.name),
                })
            })
            .collect();
        let document = self.document.as_ref().map(|document| {
            let (row, max) = document.against(limits);
            json!({ "kind": document.kind.to_string(), "bytes": document.bytes, "row": row, "max": max, "over": self.over })
        });
        json!({ "matches": matches, "document": document })
    }
}

/// A text that one limit alone is refused with.
fn told(one: &Match) -> Vec<String> {
    let mut paragraphs = paragraphs(one.row.doc);
    let first = if paragraphs.is_empty() { String::new() } else { paragraphs.remove(0) };
    let mut lines = vec![format!("“{}”", shortened(&one.quote))];
    lines.push(format!("  {}: {first}", one.row.name));
    lines.extend(paragraphs.into_iter().map(|more| format!("  {more}")));
    lines.push(format!("  measured: {}", one.row.measured));
    if let (Some(observed), Some(max)) = (one.observed, one.max) {
        lines.push(format!(
            "  {} of at most {}, {} over",
            grouped(observed),
            grouped(max),
            grouped(observed.saturating_sub(max))
        ));
    }
    lines.extend(advice(one.row.name).map(|advice| format!("  do: {advice}")));
    lines
}

/// A text that says too little: each limit that is refused with it, a line each.
fn told_apart(several: &[Match], limits: &Limits) -> Vec<String> {
    let quote = shortened(&several[0].quote);
    let mut lines =
        vec![format!("“{quote}” alone does not say which limit it was; the function's log does:")];
    for one in several {
        let in_force = limits.in_force().find(|(row, _)| row.name == one.row.name);
        let max = in_force.map(|(row, max)| format!(" (at most {})", row.unit.of(max)));
        let about = paragraphs(one.row.doc).into_iter().next().unwrap_or_default();
        lines.push(format!("  {}{}: {about}", one.row.name, max.unwrap_or_default()));
    }
    lines
}

/// The paragraphs of a row's text, each in one line.
fn paragraphs(doc: &str) -> Vec<String> {
    let line = |paragraph: &str| paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
    let trimmed: Vec<&str> = doc.lines().map(str::trim).collect();
    trimmed
        .split(|line| line.is_empty())
        .map(|lines| line(&lines.join(" ")))
        .filter(|text| !text.is_empty())
        .collect()
}

fn shortened(quote: &str) -> String {
    const SHOWN: usize = 160;
    match quote.char_indices().nth(SHOWN) {
        Some((at, _)) => format!("{}…", &quote[..at]),
        None => quote.to_owned(),
    }
}

/// What helps against a limit.
#[must_use]
pub fn advice(row: &str) -> Option<&'static str> {
    Some(match row {
        "lambda_sync_response" | "rest_response" => {
            "put the body into S3 and answer 303 to a presigned link (what hardcap's proxy does), compress it, \
             or stream it; headers, quotes and base64 count, so measure the serialized answer"
        }
        "lambda_sync_request" | "rest_request_body" | "http_request_body" => {
            "upload to S3 by a presigned PUT and send the key; base64 adds a third and headers count twice on REST"
        }
        "lambda_async_request" => "put the state into S3 and pass a reference to it",
        "lambda_environment" | "lambda_environment_request" => {
            "move values to SSM Parameter Store or Secrets Manager and keep their names in the environment"
        }
        "lambda_timeout" => {
            "raise the timeout up to 900 s, or split the work: checkpoint and invoke itself again"
        }
        "rest_timeout" | "http_timeout" => {
            "answer 202 with a status endpoint and work asynchronously; the function went on running"
        }
        "lambda_init" => "load less before the first event, or load it lazily",
        "lambda_concurrency" => "ask for a higher quota, reserve less elsewhere, or queue",
        "rest_headers" | "http_headers" => "shrink cookies and tokens, or send them in the body",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_which_limit_and_what_to_do() {
        let limits = Limits::classic();
        let line = "Exceeded maximum allowed payload size (6291556 bytes).";
        let text = Explained::new(line, &limits).to_text(&limits);
        assert!(text.contains("lambda_sync_response"), "{text}");
        assert!(text.contains("do: put the body into S3"), "{text}");
    }

    #[test]
    fn a_text_of_several_limits_names_each_in_a_line() {
        let limits = Limits::classic();
        let text =
            Explained::new(r#"{"message": "Internal server error"}"#, &limits).to_text(&limits);
        assert!(text.contains("does not say which limit it was"), "{text}");
        assert!(text.contains("\n  lambda_sync_response (at most 6,291,556 bytes): "), "{text}");
        assert_eq!(text.matches("Internal server error").count(), 1, "{text}");
    }

    #[test]
    fn a_row_is_told_in_whole_paragraphs() {
        let doc = " One\n two.\n\n Three.\n";
        assert_eq!(paragraphs(doc), ["One two.", "Three."]);
    }

    #[test]
    fn admits_that_it_knows_nothing() {
        let limits = Limits::classic();
        let explained = Explained::new("all is well", &limits);
        assert!(explained.is_empty());
        assert!(explained.to_text(&limits).starts_with("nothing here is a refusal"));
    }
}
