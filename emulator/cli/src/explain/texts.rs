//! All recognized texts, those of the table of limits and the others, and the causes of each occurrence. Pure.

use std::sync::LazyLock;

use hardcap_limits::{Limits, ROWS, RefusalText, Row};

use super::clues::Clues;
use super::known::{Causes, Claim, KNOWN, Known, Rank};
use super::pattern::{Hit, Patterns};

/// The origin of a pattern.
enum Source {
    Known(&'static Known),
    /// All rows with this text.
    Table(Vec<(&'static Row, &'static RefusalText)>),
}

/// The maximum number of texts around another one.
const OVERLAPPING: usize = 8;

struct Texts {
    patterns: Patterns,
    sources: Vec<Source>,
}

static TEXTS: LazyLock<Texts> = LazyLock::new(|| {
    let mut words: Vec<&'static str> = KNOWN.iter().map(|known| known.words).collect();
    let mut sources: Vec<Source> = KNOWN.iter().map(Source::Known).collect();
    let listed: Vec<String> = KNOWN.iter().map(|known| letters(known.words)).collect();
    for row in ROWS {
        for refusal in row.refusals {
            let text = words_of(refusal);
            if is_listed(text, &listed) {
                continue;
            }
            let same = words.iter().position(|one| squeezed(one) == squeezed(text));
            match same.map(|at| &mut sources[at]) {
                _ if text.is_empty() => {}
                // The text is in the list above, which ranks it.
                Some(Source::Known(_)) => {}
                Some(Source::Table(rows)) => rows.push((row, refusal)),
                None => {
                    words.push(text);
                    sources.push(Source::Table(vec![(row, refusal)]));
                }
            }
        }
    }
    Texts { patterns: Patterns::new(&words), sources }
});

/// A text without blanks in lower case; placeholders can have other names.
fn squeezed(text: &str) -> String {
    let parts = text.split('{').map(|part| part.split_once('}').map_or(part, |(_, rest)| rest));
    let text = parts.collect::<Vec<_>>().join("{}");
    text.split_whitespace().collect::<String>().to_ascii_lowercase()
}

/// As [`squeezed`], without numbers and placeholders.
fn letters(text: &str) -> String {
    squeezed(text).chars().filter(|c| !c.is_ascii_digit() && !matches!(c, '{' | '}')).collect()
}

/// Whether a text contains one of the list, regardless of numbers: the list ranks it.
fn is_listed(text: &str, listed: &[String]) -> bool {
    let text = letters(text);
    listed.iter().any(|known| known.len() > 5 && text.contains(known.as_str()))
}

/// The part of a refusal that logs and messages quote: the longest sentence of a JSON body, otherwise the error type.
fn words_of(refusal: &'static RefusalText) -> &'static str {
    // These codes have many other causes too.
    const COMMON: [&str; 4] = [
        "InvalidRequestContentException",
        "ValidationException",
        "TooManyRequestsException",
        "BadRequestException",
    ];
    match refusal.body {
        // A field of the REPORT line, which is read separately.
        body if body.starts_with("Status: ") => "",
        "" if COMMON.contains(&refusal.error_type) => "",
        "" => refusal.error_type,
        body if body.starts_with("{\"") => {
            let strings = body.split('"').skip(1).step_by(2);
            strings.filter(|text| text.contains(' ')).max_by_key(|text| text.len()).unwrap_or(body)
        }
        body => body,
    }
}

/// An occurrence of a known text, with its possible causes.
#[derive(Clone, Debug)]
pub(crate) struct Occurrence {
    pub(crate) hit: Hit,
    pub(crate) claims: Vec<Claim>,
    /// The source of the text and its confidence.
    pub(crate) source: String,
    /// Whether the text is general: another text in the same input has more information.
    pub(crate) is_general: bool,
}

/// All known texts inside a text, without those that are a part of a longer one.
pub(crate) fn find(text: &str, clues: &Clues, limits: &Limits) -> Vec<Occurrence> {
    let hits = TEXTS.patterns.find(text);
    let mut kept: Vec<Hit> = Vec::new();
    // They are sorted by their start, the longest first.
    for hit in hits {
        let inside = |other: &Hit| other.start <= hit.start && hit.end <= other.end;
        let recent = kept.len().saturating_sub(OVERLAPPING);
        match kept[recent..].iter().rposition(inside).map(|at| recent + at) {
            Some(at) if (kept[at].start, kept[at].end) == (hit.start, hit.end) => {
                if TEXTS.patterns.words(hit.pattern) > TEXTS.patterns.words(kept[at].pattern) {
                    kept[at] = hit;
                }
            }
            Some(_) => {}
            None => kept.push(hit),
        }
    }
    kept.into_iter().filter_map(|hit| occurrence(hit, text, clues, limits)).collect()
}

fn occurrence(hit: Hit, text: &str, clues: &Clues, limits: &Limits) -> Option<Occurrence> {
    let certain =
        |cause| Claim { cause, rank: Rank::Certain, why: "the text names it", decided_by: "" };
    let mut is_general = false;
    let (mut claims, source) = match &TEXTS.sources[hit.pattern] {
        Source::Known(known) => match known.causes {
            Causes::One(cause) => (vec![certain(cause)], known.source.to_owned()),
            Causes::Ranked(rank) => {
                let claims = rank(clues);
                is_general = claims.iter().all(|claim| claim.cause == "function_error");
                (claims, known.source.to_owned())
            }
        },
        Source::Table(rows) => of_rows(rows, limits),
    };
    // A limit that did not exist on the date cannot be the cause.
    claims.retain(|claim| Limits::row(claim.cause).is_none_or(|row| row.began() <= limits.date()));
    let exact = text.get(hit.start..hit.end).unwrap_or_default();
    if exact.starts_with("Internal Server Error")
        && !matches!(clues.front, Some(super::clues::Front::Rest))
    {
        // Only a REST API has this text in lower case, and only it distinguishes 500 and 502.
        claims.retain(|claim| claim.cause != "integration_configuration");
    }
    // Codes of many services end in this word; only the sentence is that of a usage plan.
    if exact.eq_ignore_ascii_case("LimitExceeded") {
        return None;
    }
    (!claims.is_empty()).then_some(Occurrence { hit, claims, source, is_general })
}

fn of_rows(rows: &[(&'static Row, &'static RefusalText)], limits: &Limits) -> (Vec<Claim>, String) {
    let (row, refusal) = rows[0];
    let source = format!("{} ({})", refusal.source, refusal.confidence);
    if rows.iter().all(|(other, _)| other.name == row.name) {
        return (
            vec![Claim {
                cause: row.name,
                rank: Rank::Certain,
                why: "the text names it",
                decided_by: "",
            }],
            source,
        );
    }
    let mut claims: Vec<Claim> = Vec::new();
    for (row, _) in rows.iter().filter(|(row, _)| row.began() <= limits.date()) {
        if claims.iter().all(|claim| claim.cause != row.name) {
            claims.push(Claim {
                cause: row.name,
                rank: Rank::Possible,
                why: "it is refused with this text",
                decided_by: row.measured,
            });
        }
    }
    if let [only] = claims.as_mut_slice() {
        only.rank = Rank::Certain;
    }
    (claims, source)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn causes(text: &str) -> Vec<&'static str> {
        let found = find(text, &Clues::default(), &Limits::current());
        found.iter().flat_map(|one| one.claims.iter().map(|claim| claim.cause)).collect()
    }

    #[test]
    fn recognizes_every_refusal_of_the_table_in_the_middle_of_a_log() {
        let listed: Vec<String> = KNOWN.iter().map(|known| letters(known.words)).collect();
        let mut missed = Vec::new();
        for row in ROWS {
            for refusal in row.refusals.iter().filter(|refusal| !words_of(refusal).is_empty()) {
                let mut body =
                    if refusal.body.is_empty() { refusal.error_type } else { refusal.body }
                        .to_owned();
                while let Some(open) = body.find("{max").or_else(|| body.find("{observed")) {
                    let length = body[open..].find('}').expect("a placeholder ends");
                    body.replace_range(open..=open + length, "1234");
                }
                for name in ["request_id", "timestamp", "environment", "arn", "variables"] {
                    body = body.replace(&format!("{{{name}}}"), "some-value");
                }
                let text = format!("2022-04-22 ERROR {body} and more");
                let found = causes(&text);
                let is_right = found.contains(&row.name)
                    || (is_listed(words_of(refusal), &listed) && !found.is_empty());
                if !is_right {
                    missed.push(format!("{}: {text}: {:?}", row.name, causes(&text)));
                }
            }
        }
        assert!(missed.is_empty(), "not recognized:\n{}", missed.join("\n"));
    }

    #[test]
    fn every_cause_of_the_list_is_a_row_or_another_cause() {
        let silent = Clues::default();
        for known in KNOWN {
            let claims = match known.causes {
                Causes::One(cause) => vec![cause],
                Causes::Ranked(rank) => rank(&silent).iter().map(|claim| claim.cause).collect(),
            };
            assert!(!claims.is_empty(), "{}", known.words);
            for cause in claims {
                assert!(
                    Limits::row(cause).is_some() || super::super::cause::other(cause).is_some(),
                    "{}: {cause} is neither a row nor another cause",
                    known.words
                );
            }
        }
    }

    #[test]
    fn the_operation_in_the_text_decides_which_request_was_too_large() {
        for (operation, row) in [
            ("InvokeFunction", "lambda_sync_request"),
            ("CreateFunction", "lambda_create_request"),
            ("UpdateFunctionCode", "lambda_create_request"),
            ("UpdateFunctionConfiguration", "lambda_environment_request"),
        ] {
            let text =
                format!("Request must be smaller than 1234 bytes for the {operation} operation");
            assert_eq!(causes(&text), [row], "{text}");
        }
    }

    #[test]
    fn recognizes_nothing_in_an_ordinary_line() {
        for text in [
            "",
            "GET /items 200 12 ms",
            "service available",
            "this is not possible",
            "An error occurred (LimitExceeded) when calling the CreateRole operation",
            "LimitExceededException: Too many rules",
            "RequestLimitExceeded",
        ] {
            assert_eq!(causes(text), [""; 0], "{text}");
        }
    }
}
