//! Finds the refusals of the table inside a text: a log line, an error message, a captured response. Pure.

use hardcap_limits::{Date, ROWS, Refusal, Row};

/// A refusal of the table that a text contains.
#[derive(Clone, Debug)]
pub struct Match {
    /// The limit.
    pub row: &'static Row,
    /// The text that was found, with the day since which it is shown and its confidence.
    pub refusal: &'static Refusal,
    /// What was measured, when the text says it.
    pub observed: Option<u64>,
    /// The limit, when the text says it.
    pub max: Option<u64>,
    /// The words that were recognized, as they stand in the input.
    pub quote: String,
}

/// Every refusal that the text contains. A text that several limits share, as `Internal server error`, yields them all.
#[must_use]
pub fn find(text: &str) -> Vec<Match> {
    let mut found: Vec<Match> = Vec::new();
    for row in ROWS {
        for refusal in row.refusals {
            let Some(matched) = match_template(words(refusal), text) else { continue };
            let (observed, max) = (matched.number("observed"), matched.number("max"));
            let quote = matched.quote.to_owned();
            let known =
                found.iter().any(|earlier| earlier.row.name == row.name && earlier.quote == quote);
            if !known {
                found.push(Match { row, refusal, observed, max, quote });
            }
        }
    }
    // A text that is part of a longer one which was found too says nothing of its own.
    let quotes: Vec<String> = found.iter().map(|one| one.quote.clone()).collect();
    found.retain(|one| {
        !quotes.iter().any(|other| other.len() > one.quote.len() && other.contains(&one.quote))
    });
    found.sort_by_key(|one| {
        std::cmp::Reverse((one.quote.len(), one.refusal.since != Date::EARLIEST))
    });
    found
}

/// The words that logs and messages quote of a refusal: the longest sentence of a JSON body, else the error type.
fn words(refusal: &'static Refusal) -> &'static str {
    match refusal.body {
        "" => refusal.error_type,
        body if body.starts_with("{\"") => {
            let strings = body.split('"').skip(1).step_by(2);
            strings.filter(|text| text.contains(' ')).max_by_key(|text| text.len()).unwrap_or(body)
        }
        body => body,
    }
}

struct Matched<'t> {
    quote: &'t str,
    values: Vec<(&'static str, &'t str)>,
}

impl Matched<'_> {
    fn number(&self, name: &str) -> Option<u64> {
        let (_, value) = self.values.iter().find(|(placeholder, _)| *placeholder == name)?;
        value.parse().ok()
    }
}

/// Finds a template's words in a text, in order, and what stands at its placeholders.
fn match_template<'t>(template: &'static str, text: &'t str) -> Option<Matched<'t>> {
    let pieces = pieces(template);
    let anchor =
        pieces.iter().position(|piece| matches!(piece, Piece::Words(words) if words.len() >= 4))?;
    let Piece::Words(first) = pieces[anchor] else { return None };
    text.match_indices(first).find_map(|(at, _)| match pieces[..anchor] {
        [Piece::Placeholder(_)] => follow(&pieces, text, start_of_value(&text[..at])?),
        // What stands before may be a time and an id, which say nothing of the limit.
        _ => follow(&pieces[anchor..], text, at),
    })
}

#[derive(Clone, Copy, Debug)]
enum Piece {
    Words(&'static str),
    Placeholder(&'static str),
}

fn pieces(template: &'static str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut rest = template;
    while let Some(open) = rest.find('{') {
        let Some(length) = rest[open..].find('}') else { break };
        if open > 0 {
            pieces.push(Piece::Words(&rest[..open]));
        }
        pieces.push(Piece::Placeholder(&rest[open + 1..open + length]));
        rest = &rest[open + length + 1..];
    }
    if !rest.is_empty() {
        pieces.push(Piece::Words(rest));
    }
    pieces
}

/// Where the value that ends a text begins: a number or an id, without blanks.
fn start_of_value(text: &str) -> Option<usize> {
    let value = text.rsplit(|c: char| c.is_whitespace() || c == '"' || c == '(').next()?;
    (!value.is_empty()).then_some(text.len() - value.len())
}

fn follow<'t>(pieces: &[Piece], text: &'t str, start: usize) -> Option<Matched<'t>> {
    let mut at = start;
    let mut values = Vec::new();
    for (index, piece) in pieces.iter().enumerate() {
        match piece {
            Piece::Words(words) => {
                at += text[at..].strip_prefix(words).map(|_| words.len())?;
            }
            Piece::Placeholder(name) => {
                let rest = &text[at..];
                let length = match pieces.get(index + 1) {
                    Some(Piece::Words(next)) => rest.find(next)?,
                    _ => rest.find(|c: char| c.is_whitespace() || c == '"').unwrap_or(rest.len()),
                };
                let value = &rest[..length];
                if value.is_empty() || value.contains('\n') {
                    return None;
                }
                values.push((*name, value));
                at += length;
            }
        }
    }
    Some(Matched { quote: &text[start..at], values })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recognizes_a_limit_in_the_log_of_a_runtime() {
        let line = "LAMBDA_RUNTIME Failed to post handler success response. Http response code: 413. \
            {\"errorMessage\":\"Exceeded maximum allowed payload size (6291556 bytes).\",\"errorType\":\"RequestEntityTooLarge\"}";
        let found = find(line);
        assert!(!found.is_empty(), "nothing was recognized");
        assert_eq!(found[0].row.name, "lambda_sync_response");
        assert_eq!(found[0].max, Some(6_291_556));
    }

    #[test]
    fn recognizes_every_refusal_of_the_table_in_the_middle_of_a_log() {
        let mut missed = Vec::new();
        for row in ROWS {
            for refusal in row.refusals {
                let mut body =
                    if refusal.body.is_empty() { refusal.error_type } else { refusal.body }
                        .to_owned();
                while let Some(open) = body.find("{max").or_else(|| body.find("{observed")) {
                    let length = body[open..].find('}').expect("a placeholder ends");
                    body.replace_range(open..=open + length, "1234");
                }
                for name in ["request_id", "timestamp", "environment", "arn"] {
                    body = body.replace(&format!("{{{name}}}"), "some-value");
                }
                let text = format!("2022-04-22 ERROR {body} and more");
                if !find(&text).iter().any(|one| one.row.name == row.name) {
                    missed.push(format!("{}: {}", row.name, refusal.body));
                }
            }
        }
        assert!(missed.is_empty(), "not recognized:\n{}", missed.join("\n"));
    }

    #[test]
    fn recognizes_nothing_in_an_ordinary_line() {
        assert!(find("GET /items 200 12 ms").is_empty());
        assert!(find("").is_empty());
    }
}
