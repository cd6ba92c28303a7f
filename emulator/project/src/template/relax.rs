//! Flow collections and quoted scalars whose lines are indented less than YAML 1.2 requires, as PyYAML reads them.
//!
//! AWS SAM CLI and cfn-lint parse templates with PyYAML, which ignores indentation inside `[…]`, `{…}` and quotes.
//! YAML 1.2 does not, and the parser follows YAML 1.2. People paste JSON into YAML, so its closing bracket often stands
//! at the indentation of its parent. This module indents such lines and records by how many columns.

use std::iter::repeat_n;

/// A text whose lines are moved to the right.
pub(super) struct Relaxed {
    pub(super) text: String,
    /// The number of columns by which each line is moved.
    pub(super) shifts: Vec<usize>,
}

/// The state of the reader at the start of a line.
#[derive(Default)]
struct Reader {
    /// The number of open flow collections.
    depth: usize,
    /// The quotation mark that is open.
    quote: Option<char>,
    /// Inside a scalar without quotes: brackets and quotation marks in it are text.
    plain: bool,
    /// The indentation of the line that began a block scalar (`|` or `>`).
    block_scalar: Option<usize>,
    /// The number of columns by which the lines of the open flow collection or quoted scalar are moved.
    shift: usize,
}

/// Indents every line that continues a flow collection or a quoted scalar.
pub(super) fn indent(text: &str) -> Relaxed {
    let mut reader = Reader::default();
    let mut relaxed = Relaxed { text: String::with_capacity(text.len() * 2), shifts: Vec::new() };
    for line in text.split_inclusive('\n') {
        let shift = reader.shift_of(line);
        relaxed.text.extend(repeat_n(' ', shift));
        relaxed.text.push_str(line);
        relaxed.shifts.push(shift);
    }
    relaxed
}

impl Reader {
    /// Reads a line, and returns the number of columns by which it is to be moved.
    fn shift_of(&mut self, line: &str) -> usize {
        let indentation = line.len() - line.trim_start_matches(' ').len();
        if line.trim().is_empty() {
            return 0;
        }
        if let Some(parent) = self.block_scalar {
            if indentation > parent {
                return 0;
            }
            self.block_scalar = None;
        }
        let continues = self.depth > 0 || self.quote.is_some();
        let shift = if continues { self.shift } else { 0 };
        self.read(line, indentation);
        shift
    }

    fn read(&mut self, line: &str, indentation: usize) {
        if self.depth == 0 && self.quote.is_none() {
            self.plain = false;
        }
        let mut before = ' ';
        let mut characters = line.char_indices().peekable();
        while let Some((at, character)) = characters.next() {
            let next = characters.peek().map_or(' ', |(_, next)| *next);
            match (self.quote, character) {
                (Some('"'), '\\') => drop(characters.next()),
                (Some('\''), '\'') if next == '\'' => drop(characters.next()),
                (Some(quote), character) => {
                    if character == quote {
                        self.quote = None;
                    }
                }
                (None, '#') if before.is_whitespace() => return,
                (None, character) if character.is_whitespace() => {}
                (None, ']' | '}') if self.depth > 0 => {
                    self.depth -= 1;
                    self.plain = false;
                }
                (None, ',') if self.depth > 0 => self.plain = false,
                (None, ':') if next.is_whitespace() || self.depth > 0 => self.plain = false,
                (None, _) if self.plain => {}
                (None, '"' | '\'') => self.open(Some(character), at),
                (None, '[' | '{') => self.open(None, at),
                (None, '-' | '?') if next.is_whitespace() => {}
                (None, '|' | '>') if self.depth == 0 && is_header(&line[at + 1..]) => {
                    self.block_scalar = Some(indentation);
                    return;
                }
                (None, '!' | '&' | '*') => {
                    while characters.next_if(|(_, c)| !c.is_whitespace()).is_some() {}
                }
                (None, _) => self.plain = true,
            }
            before = character;
        }
    }

    fn open(&mut self, quote: Option<char>, column: usize) {
        if self.depth == 0 {
            self.shift = column + 1;
        }
        match quote {
            Some(_) => self.quote = quote,
            None => self.depth += 1,
        }
    }
}

/// Whether the text after `|` or `>` is the rest of a block scalar's first line.
fn is_header(rest: &str) -> bool {
    let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '+' || c == '-').trim();
    rest.is_empty() || rest.starts_with('#')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn shifts(text: &str, expected: &[usize]) {
        assert_eq!(indent(text).shifts, expected, "{text}");
    }

    #[test]
    fn lines_of_flow_collections_and_quotes_are_moved_behind_their_first_character() {
        shifts("a: {\n  b: c\n}\nd: e\n", &[0, 4, 4, 0]);
        shifts("a:\n  - [{\n  x: 1\n  }]\nb: 1", &[0, 0, 5, 5, 0]);
        shifts("a: \"b\nc \\\" d\n\"\nd: e", &[0, 4, 4, 0]);
        shifts("a: 'b\n'' c'\nd: e", &[0, 4, 0]);
    }

    #[test]
    fn brackets_and_quotes_inside_of_texts_comments_and_block_scalars_open_nothing() {
        for text in [
            "a: it's {here [\nb: c\n",
            "a: b # {\nc: d\n",
            "a: |\n  {\n  [ \"\nb: c\n",
            "a: >-\n  'x\nb: c\n",
            "- |\n  {\n- b\n",
            "a: \"{\"\nb: c\n",
            "a: !Sub x{\nb: c\n",
        ] {
            assert!(indent(text).shifts.iter().all(|shift| *shift == 0), "{text}");
        }
    }
}
