//! Indices and their documents, which are computed from their numbers.

use std::fmt::Write as _;
use std::num::ParseIntError;

use time::UtcDateTime;
use time::macros::format_description;

/// The time of the first document, 2017-10-01, in milliseconds since 1970; each further one is a second later.
const FIRST_TIMESTAMP: u64 = 1_506_816_000_000;
/// The filler of documents: letters and characters that JSON escapes.
const FILLER: &str =
    "The request took longer than expected; GET /index.html \\\"HTTP/1.1\\\" 200\\tupstream ok\\n";

/// A text that is not an index.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IndexError {
    /// A part is missing.
    #[error("{0:?} is not NAME:DOCUMENTS:BYTES, like logs:10000:400")]
    Form(String),
    /// A part is not a number.
    #[error("{0} of {1:?}: {2}")]
    Number(&'static str, String, ParseIntError),
}

/// The name of an index that does not exist.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct UnknownIndex(pub(super) String);

/// An index: the number of its documents and their size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    /// The name. With `*` at the end it matches one index a day: `logstash-*` matches `logstash-2017.10.01`.
    pub name: String,
    /// The number of documents.
    pub documents: u64,
    /// The size of each `_source` in bytes; at least that of its fields.
    pub document_bytes: usize,
    /// Whether messages are noise, which is hardly compressible, instead of prose.
    pub noise: bool,
}

impl Index {
    /// An index of documents of one size.
    #[must_use]
    pub fn new(name: &str, documents: u64, document_bytes: usize) -> Index {
        Index { name: name.to_owned(), documents, document_bytes, noise: false }
    }

    /// `NAME:DOCUMENTS:BYTES`
    ///
    /// # Errors
    ///
    /// [`IndexError`] if a part is missing or is not a number.
    pub fn parse(text: &str) -> Result<Index, IndexError> {
        let parts: Vec<&str> = text.split(':').collect();
        let [name, documents, bytes] = parts.as_slice() else {
            return Err(IndexError::Form(text.to_owned()));
        };
        let number = |part, error| IndexError::Number(part, text.to_owned(), error);
        let documents = documents.parse().map_err(|error| number("documents", error))?;
        let document_bytes = bytes.parse().map_err(|error| number("bytes", error))?;
        Ok(Index::new(name, documents, document_bytes))
    }

    /// The `_source` of a document: JSON of exactly [`Index::document_bytes`] bytes.
    #[must_use]
    pub fn source(&self, number: u64) -> String {
        const LEVELS: [&str; 4] = ["info", "warn", "error", "debug"];
        let mixed = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mut source = format!(
            "{{\"@timestamp\":{},\"seq\":{number},\"level\":\"{}\",\"host\":\"web-{:02}\",\"message\":\"",
            FIRST_TIMESTAMP + number * 1_000,
            LEVELS[(mixed >> 62) as usize],
            (mixed >> 32) % 100,
        );
        let end = "\"}";
        if self.noise {
            let length = self.document_bytes.saturating_sub(end.len()).max(source.len());
            fill_with_noise(&mut source, length, mixed | 1);
        }
        // Whole fillers first, so that no escape is incomplete; then letters.
        while source.len() + FILLER.len() + end.len() <= self.document_bytes {
            source.push_str(FILLER);
        }
        let missing = self.document_bytes.saturating_sub(source.len() + end.len());
        source.extend(std::iter::repeat_n('x', missing));
        source.push_str(end);
        source
    }

    /// Whether a name without wildcards means this index.
    fn has(&self, name: &str) -> bool {
        match self.name.strip_suffix('*') {
            Some(prefix) => name.strip_prefix(prefix).is_some_and(is_day),
            None => self.name == name,
        }
    }
}

/// Fills a text up to a length with words in an order that depends on the seed.
fn fill_with_noise(text: &mut String, length: usize, seed: u64) {
    let mut state = seed;
    while text.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let _ = write!(text, "{state:016x}");
    }
    text.truncate(length);
}

/// The index that the first segment of a path names, with its name there; `Err` has the unknown name.
///
/// If several match, the first is returned, because all documents are alike.
pub(super) fn find(
    indices: &[Index],
    expression: &str,
    now: UtcDateTime,
) -> Result<Option<(Index, String)>, UnknownIndex> {
    let mut found = None;
    for name in expression.split(',').filter(|name| !name.starts_with('-')) {
        let name = if name == "_all" { "*".to_owned() } else { date_math(name, now) };
        let index = if name.contains('*') {
            indices
                .iter()
                .find(|index| matches(&name, &index.name))
                .map(|index| (index.clone(), index.name.replace('*', &day(now))))
        } else {
            let index = indices.iter().find(|index| index.has(&name));
            let index = index.ok_or_else(|| UnknownIndex(name.clone()))?;
            Some((index.clone(), name))
        };
        found = found.or(index);
    }
    Ok(found)
}

/// Resolves date math: `<logstash-{now/d}>` is `logstash-` and the day; other names are unchanged.
fn date_math(name: &str, now: UtcDateTime) -> String {
    let inside = name.strip_prefix('<').and_then(|name| name.strip_suffix('>'));
    match inside.and_then(|inside| inside.split_once('{')) {
        Some((prefix, math)) if math.starts_with("now") => format!("{prefix}{}", day(now)),
        _ => name.to_owned(),
    }
}

fn day(now: UtcDateTime) -> String {
    now.format(format_description!("[year].[month].[day]"))
        .expect("the format contains only parts of a date")
}

fn is_day(text: &str) -> bool {
    text.len() == 10
        && text.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'.',
            _ => byte.is_ascii_digit(),
        })
}

/// Whether a pattern with stars matches a name. A star in the name is an ordinary character.
fn matches(pattern: &str, name: &str) -> bool {
    let parts: Vec<&str> = pattern.split('*').collect();
    let (first, last) = (parts[0], parts[parts.len() - 1]);
    let Some(mut rest) = name.strip_prefix(first) else {
        return false;
    };
    for part in &parts[1..parts.len() - 1] {
        match rest.split_once(part) {
            Some((_, behind)) => rest = behind,
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_json_of_exactly_its_size() {
        for size in (150..400).chain([9_000, 1_000_000]) {
            for (index, number) in [
                (Index::new("logs", 10, size), 0),
                (Index { noise: true, ..Index::new("logs", 10, size) }, 7),
            ] {
                let source = index.source(number);
                assert_eq!(source.len(), size, "{source}");
                serde_json::from_str::<serde_json::Value>(&source).unwrap();
            }
            let index = Index::new("logs", 10, size);
            for number in [0, 9, 999_999_999] {
                let source = index.source(number);
                assert_eq!(source.len(), size, "{source}");
                let value: serde_json::Value = serde_json::from_str(&source).unwrap();
                assert_eq!(value["seq"], number);
            }
        }
    }

    #[test]
    fn names_wildcards_and_dates_find_their_index() {
        let indices = [Index::new("logs", 1, 200), Index::new("logstash-*", 2, 200)];
        let now = time::macros::utc_datetime!(2017-10-31 12:00);
        let name = |expression: &str| {
            find(&indices, expression, now).map(|found| found.map(|(_, name)| name))
        };
        assert_eq!(name("logs"), Ok(Some("logs".to_owned())));
        assert_eq!(name("lo*,-x"), Ok(Some("logs".to_owned())));
        assert_eq!(name("_all"), Ok(Some("logs".to_owned())));
        assert_eq!(name("logstash-2016.01.02"), Ok(Some("logstash-2016.01.02".to_owned())));
        assert_eq!(name("<logstash-{now/d}>"), Ok(Some("logstash-2017.10.31".to_owned())));
        assert_eq!(name("nothing-*"), Ok(None));
        assert_eq!(name("logs,missing"), Err(UnknownIndex("missing".to_owned())));
    }
}
