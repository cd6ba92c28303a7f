//! Finds known texts inside other texts that may be broken into lines, escaped or indented. Pure.
//!
//! Both texts are compared without blanks and regardless of case, so a sentence that a terminal or a table broke in two is found
//! too. A placeholder such as `{max}` stands for a value.

use aho_corasick::{AhoCorasick, MatchKind};

/// The longest value of a placeholder between two words, in bytes.
const VALUE_MAX: usize = 400;
/// The longest value of `{variables}`, which echoes an environment.
const VARIABLES_MAX: usize = 64 * 1024;

/// A text without blanks, with the offset of each byte in the original.
struct Squeezed<'t> {
    original: &'t str,
    text: Vec<u8>,
    at: Vec<usize>,
}

/// One occurrence of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hit {
    /// The index of the pattern.
    pub(crate) pattern: usize,
    /// The offset of its beginning in the text, in bytes.
    pub(crate) start: usize,
    /// The offset of its end.
    pub(crate) end: usize,
    /// The values of the placeholders.
    pub(crate) values: Vec<(&'static str, String)>,
    /// Whether the last value ends with the text: its rest may be missing.
    pub(crate) is_open: bool,
}

impl Hit {
    /// The value of a placeholder as a whole number; thousands may be separated by commas.
    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        number(self.value(name)?)
    }

    /// The value of a placeholder in seconds, as milliseconds.
    pub(crate) fn seconds(&self, name: &str) -> Option<u64> {
        millis_of_seconds(self.value(name)?)
    }

    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.values.iter().find(|(placeholder, _)| *placeholder == name).map(|(_, v)| v.as_str())
    }
}

/// `6,291,556` and `6291556` as a number.
pub(crate) fn number(text: &str) -> Option<u64> {
    let digits: String = text.chars().filter(|c| !matches!(c, ',' | '_' | '\'')).collect();
    digits.parse().ok()
}

/// `18.02` seconds as 18,020 milliseconds.
pub(crate) fn millis_of_seconds(text: &str) -> Option<u64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let part: String = part.chars().chain("000".chars()).take(3).collect();
    number(whole)?.checked_mul(1000)?.checked_add(part.parse().ok()?)
}

#[derive(Clone, Debug)]
enum Piece {
    Words(Vec<u8>),
    Placeholder(&'static str),
}

#[derive(Debug)]
struct Pattern {
    pieces: Vec<Piece>,
    /// The longest words, which the search starts with.
    anchor: usize,
}

/// Many patterns for one search.
#[derive(Debug)]
pub(crate) struct Patterns {
    patterns: Vec<Pattern>,
    anchors: AhoCorasick,
}

impl Patterns {
    /// Compiles the patterns; one without words never matches.
    pub(crate) fn new(sources: &[&'static str]) -> Patterns {
        let patterns: Vec<Pattern> = sources.iter().map(|source| Pattern::new(source)).collect();
        let anchors = patterns.iter().map(|pattern| match pattern.pieces.get(pattern.anchor) {
            Some(Piece::Words(words)) => words.clone(),
            _ => b"\0".to_vec(),
        });
        // The anchors are a few kilobytes, far below every bound of an automaton, so this cannot fail.
        let anchors = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .build(anchors)
            .unwrap_or_else(|error| unreachable!("the known texts are small: {error}"));
        Patterns { patterns, anchors }
    }

    /// All occurrences, in the order of the text.
    pub(crate) fn find(&self, text: &str) -> Vec<Hit> {
        let squeezed = Squeezed::new(text);
        let mut hits: Vec<Hit> = Vec::new();
        for found in self.anchors.find_overlapping_iter(&squeezed.text) {
            let index = found.pattern().as_usize();
            hits.extend(self.patterns[index].matched(&squeezed, found.start(), index));
        }
        hits.sort_by_key(|hit| (hit.start, std::cmp::Reverse(hit.end), hit.pattern));
        hits.dedup();
        hits
    }

    /// The number of characters in the words of a pattern, which is a measure of its precision.
    pub(crate) fn words(&self, pattern: usize) -> usize {
        let pieces = self.patterns[pattern].pieces.iter();
        pieces.map(|piece| if let Piece::Words(words) = piece { words.len() } else { 0 }).sum()
    }
}

impl Pattern {
    fn new(source: &'static str) -> Pattern {
        let mut pieces = Vec::new();
        let mut rest = source;
        while let Some(open) = rest.find('{') {
            let Some(length) = rest[open..].find('}') else { break };
            pieces.extend(words(&rest[..open]));
            pieces.push(Piece::Placeholder(&rest[open + 1..open + length]));
            rest = &rest[open + length + 1..];
        }
        pieces.extend(words(rest));
        // Times and ids before the words have no information about a limit; one value before them may.
        while let [Piece::Placeholder(_), Piece::Placeholder(_), ..] = pieces.as_slice() {
            pieces.remove(0);
        }
        if matches!(pieces.first(), Some(Piece::Placeholder(name)) if !is_number(name)) {
            pieces.remove(0);
        }
        let length = |piece: &Piece| if let Piece::Words(words) = piece { words.len() } else { 0 };
        let anchor = (0..pieces.len()).max_by_key(|at| length(&pieces[*at])).unwrap_or(0);
        Pattern { pieces, anchor }
    }

    fn matched(&self, text: &Squeezed<'_>, anchor: usize, pattern: usize) -> Option<Hit> {
        let mut values = Vec::new();
        let (start, from, first) = match self.pieces.as_slice() {
            [Piece::Placeholder(name), Piece::Words(_), ..] if self.anchor == 1 => {
                let (start, value) = text.value_before(anchor)?;
                values.push((*name, value.to_owned()));
                (start, anchor, 1)
            }
            [Piece::Words(words), ..] => {
                let at = if self.anchor == 0 { anchor } else { text.rfind(words, anchor)? };
                if !text.is_boundary(at) {
                    return None;
                }
                (text.at[at], at, 0)
            }
            _ => return None,
        };
        let end = self.follow(text, from, first, &mut values)?;
        let is_open = !self.ends_in_words() && end == text.original.len();
        Some(Hit { pattern, start, end, values, is_open })
    }

    /// Matches the pieces from `from` on, and returns the end of the match in the original.
    fn follow(
        &self,
        text: &Squeezed<'_>,
        from: usize,
        first: usize,
        values: &mut Vec<(&'static str, String)>,
    ) -> Option<usize> {
        let mut at = from;
        for (index, piece) in self.pieces.iter().enumerate().skip(first) {
            match piece {
                Piece::Words(words) => {
                    at += text.text[at..].starts_with(words).then_some(words.len())?;
                }
                Piece::Placeholder(name) => {
                    let length = match self.pieces.get(index + 1) {
                        Some(Piece::Words(next)) => text.find(next, at, longest(name))? - at,
                        _ => text.value_after(at, name),
                    };
                    if length == 0 || (is_number(name) && length > VALUE_MAX) {
                        return None;
                    }
                    let value = String::from_utf8_lossy(&text.text[at..at + length]);
                    values.push((*name, value.into_owned()));
                    at += length;
                }
            }
        }
        (!self.ends_in_words() || text.is_boundary(at)).then(|| text.end_of(at))
    }

    fn ends_in_words(&self) -> bool {
        matches!(self.pieces.last(), Some(Piece::Words(_)))
    }
}

fn is_number(name: &str) -> bool {
    name.starts_with("max") || name.starts_with("observed")
}

fn longest(name: &str) -> usize {
    if name == "variables" { VARIABLES_MAX } else { VALUE_MAX }
}

fn words(text: &str) -> Option<Piece> {
    let words: Vec<u8> =
        text.bytes().filter(|b| !b.is_ascii_whitespace()).map(|b| b.to_ascii_lowercase()).collect();
    (!words.is_empty()).then_some(Piece::Words(words))
}

impl<'t> Squeezed<'t> {
    fn new(original: &'t str) -> Squeezed<'t> {
        let bytes = original.as_bytes();
        let mut squeezed = Squeezed {
            original,
            text: Vec::with_capacity(bytes.len()),
            at: Vec::with_capacity(bytes.len()),
        };
        let mut at = 0;
        while at < bytes.len() {
            let (skipped, byte) = one(&bytes[at..]);
            if let Some(byte) = byte {
                squeezed.text.push(byte.to_ascii_lowercase());
                squeezed.at.push(at);
            }
            at += skipped;
        }
        squeezed
    }

    /// The next beginning of words, at most `most` bytes further on.
    fn find(&self, words: &[u8], from: usize, most: usize) -> Option<usize> {
        let end = (from + most + words.len()).min(self.text.len());
        let window = self.text.get(from..end)?;
        window.windows(words.len()).position(|window| window == words).map(|at| from + at)
    }

    /// The last words before an offset.
    fn rfind(&self, words: &[u8], before: usize) -> Option<usize> {
        let from = before.saturating_sub(VALUE_MAX + words.len());
        let window = self.text.get(from..before)?;
        window.windows(words.len()).rposition(|window| window == words).map(|at| from + at)
    }

    /// The number or word that ends before an offset, and its beginning in the original.
    fn value_before(&self, at: usize) -> Option<(usize, &'t str)> {
        let end = self.original[..self.at[at]].trim_end().len();
        let before = &self.original[..end];
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, ',' | '.' | '_');
        let value = before.rsplit(|c| !is_part(c)).next()?;
        (!value.is_empty() && value.len() <= VALUE_MAX).then(|| (end - value.len(), value))
    }

    /// The length of a value at the end of a pattern: up to the next blank or quote of the original.
    fn value_after(&self, at: usize, name: &str) -> usize {
        if name == "variables" {
            return self.object_after(at);
        }
        let mut length = 0;
        while let Some(byte) = self.text.get(at + length) {
            let is_gap = length > 0 && self.at[at + length] != self.at[at + length - 1] + 1;
            if is_gap
                || matches!(byte, b'"' | b'\'' | b',' | b')' | b'<' | b'}')
                || length >= VALUE_MAX
            {
                break;
            }
            length += 1;
        }
        length
    }

    /// The length of the JSON object that begins here; that of the rest if it does not end.
    fn object_after(&self, at: usize) -> usize {
        let mut depth = 0_usize;
        let rest = &self.text[at..(at + VARIABLES_MAX).min(self.text.len())];
        for (length, byte) in rest.iter().enumerate() {
            match byte {
                b'{' => depth += 1,
                b'}' if depth <= 1 => return length + 1,
                b'}' => depth -= 1,
                _ => {}
            }
        }
        rest.len()
    }

    /// Whether this is the boundary of a word.
    fn is_boundary(&self, at: usize) -> bool {
        if at == 0 || at >= self.text.len() || self.at[at] != self.at[at - 1] + 1 {
            return true;
        }
        !(self.text[at - 1].is_ascii_alphanumeric() && self.text[at].is_ascii_alphanumeric())
    }

    /// The end of the byte before `at` in the original.
    fn end_of(&self, at: usize) -> usize {
        let end = at.checked_sub(1).and_then(|last| self.at.get(last)).map_or(0, |last| last + 1);
        (end..=self.original.len()).find(|end| self.original.is_char_boundary(*end)).unwrap_or(end)
    }
}

/// The bytes of the original for one byte of the squeezed text; none for blanks and the escapes of blanks.
fn one(bytes: &[u8]) -> (usize, Option<u8>) {
    match bytes {
        [first, ..] if first.is_ascii_whitespace() => (1, None),
        // It may be escaped several times.
        [b'\\', ..] => {
            let slashes = bytes.iter().take_while(|byte| **byte == b'\\').count();
            match bytes.get(slashes) {
                Some(b'n' | b'r' | b't') => (slashes + 1, None),
                Some(b'"' | b'\'') => (slashes, None),
                _ => (slashes, Some(b'\\')),
            }
        }
        [b'&', b'q', b'u', b'o', b't', b';', ..] => (6, Some(b'"')),
        [b'&', b'#', b'3', b'9', b';', ..] => (5, Some(b'\'')),
        // A non-breaking space, as copied from web pages.
        [0xc2, 0xa0, ..] => (2, None),
        [first, ..] => (1, Some(*first)),
        [] => (1, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAYLOAD: &str =
        "{observed} byte payload is too large for the Event invocation type (limit {max} bytes)";
    const TIMEOUT: &str = "{timestamp} {request_id} Task timed out after {max_seconds} seconds";
    const MEASURED: &str = "exceeded the 4KB limit. String measured: {variables}";

    fn only(pattern: &'static str, text: &str) -> Hit {
        let mut hits = Patterns::new(&[pattern]).find(text);
        assert_eq!(hits.len(), 1, "{text}: {hits:?}");
        hits.remove(0)
    }

    #[test]
    fn a_sentence_is_found_wherever_it_was_broken() {
        for text in [
            "5 264496 byte payload is too large for the Event invocation type (limit 262144 bytes)",
            "RequestEntityTooLargeException: 264496 byte payload is too large for the Event invocation type (\nlimit 262144 bytes)",
            "264,496 byte pay\n   load is too\\n large for the EVENT invocation type (limit 262144\\\\n bytes)",
        ] {
            let hit = only(PAYLOAD, text);
            assert_eq!(
                (hit.number("observed"), hit.number("max")),
                (Some(264_496), Some(262_144)),
                "{text}"
            );
        }
    }

    #[test]
    fn seconds_are_read_with_their_fraction() {
        let hit = only(TIMEOUT, "2018-05-17T06:46:28.161Z 1111 Task timed out after 18.02 seconds");
        assert_eq!(hit.seconds("max_seconds"), Some(18_020));
        assert_eq!(millis_of_seconds("900"), Some(900_000));
        assert_eq!(millis_of_seconds("1.5"), Some(1_500));
        assert_eq!(millis_of_seconds("x"), None);
    }

    #[test]
    fn an_echoed_environment_is_taken_whole() {
        let text = r#"exceeded the 4KB limit. String measured: {\"A\":\"{x}\",\"B\":\"y z\"} (Service: Lambda)"#;
        assert_eq!(only(MEASURED, text).value("variables"), Some(r#"{"a":"{x}","b":"yz"}"#));
        assert!(only(MEASURED, "exceeded the 4KB limit. String measured: {\"A\":\"xxx").end >= 50);
    }

    #[test]
    fn a_word_is_not_cut_in_two() {
        assert!(Patterns::new(&["EMFILE"]).find("SYSTEMFILES").is_empty());
        assert_eq!(Patterns::new(&["EMFILE"]).find("code: 'EMFILE',\\nEMFILE").len(), 2);
    }

    #[test]
    fn nothing_is_found_in_nothing() {
        let patterns = Patterns::new(&[PAYLOAD, TIMEOUT, "{a} {b}", ""]);
        for text in
            ["", " ", "\0", "\\", "byte payload is too large for the Event invocation type (limit"]
        {
            assert_eq!(patterns.find(text), [], "{text:?}");
        }
    }
}
