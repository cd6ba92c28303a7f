//! From a text to a tree, with the tokens and the grammar of Velocity 1.7. LocalStack's recordings of templates on AWS (2023-08 to
//! 2025-05) agree with it.
//!
//! White space: a line end after `)` of a directive, after `#else` and after `#end` is not rendered. Spaces before `#set` are not
//! rendered either, unless other text than spaces is before them.

mod directive;
mod expression;
mod literal;
mod reference;
mod text;

use std::collections::HashSet;

use crate::SyntaxError;
use crate::tree::Node;

/// The maximum number of levels of directives, parentheses and texts in quotes.
const LEVELS_MAX: usize = 100;

/// Parses a whole template.
pub(crate) fn template(text: &str) -> Result<Vec<Node>, SyntaxError> {
    nested(text, 0)
}

/// Parses a template in a template: a text in double quotes.
fn nested(text: &str, levels: usize) -> Result<Vec<Node>, SyntaxError> {
    let mut parser = Parser { text, at: 0, levels, macros: HashSet::new() };
    let start = parser.at;
    let (nodes, end) = parser.nodes()?;
    match end {
        Stop::Text => Ok(nodes),
        Stop::Else | Stop::ElseIf => Err(parser.error_at(start, "#else without #if")),
        Stop::End => Err(parser.error_at(start, "#end without a directive that it ends")),
    }
}

/// A text that is being parsed, and the position in it.
struct Parser<'t> {
    text: &'t str,
    at: usize,
    levels: usize,
    /// The names of macros, which backslashes escape.
    macros: HashSet<&'t str>,
}

/// What ends a sequence of nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    /// The end of the text.
    Text,
    /// `#else`
    Else,
    /// `#elseif`
    ElseIf,
    /// `#end`
    End,
}

impl<'t> Parser<'t> {
    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn next(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Passes a text if it is next.
    fn eat(&mut self, expected: &str) -> bool {
        let is_next = self.rest().starts_with(expected);
        self.at += if is_next { expected.len() } else { 0 };
        is_next
    }

    fn expect(&mut self, expected: &str) -> Result<(), SyntaxError> {
        match self.eat(expected) {
            true => Ok(()),
            false => Err(self.error(&format!("`{expected}` is expected"))),
        }
    }

    /// Passes white space, line ends among it.
    fn space(&mut self) {
        self.at = self.text.len() - self.rest().trim_start_matches(SPACES).len();
    }

    /// Passes spaces and one line end after them, if there is one.
    fn line_end(&mut self) {
        let rest = self.rest().trim_start_matches([' ', '\t']);
        let after = rest.strip_prefix("\r\n").or_else(|| rest.strip_prefix(['\n', '\r']));
        if let Some(after) = after {
            self.at = self.text.len() - after.len();
        }
    }

    fn error(&self, what: &str) -> SyntaxError {
        self.error_at(self.at, what)
    }

    fn error_at(&self, at: usize, what: &str) -> SyntaxError {
        let before = &self.text[..at];
        let line = before.matches('\n').count() + 1;
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        let column = before[start..].chars().count() + 1;
        SyntaxError { line, column, what: what.to_owned() }
    }

    /// Parses one level deeper.
    fn deeper<T>(
        &mut self,
        parse: impl FnOnce(&mut Self) -> Result<T, SyntaxError>,
    ) -> Result<T, SyntaxError> {
        if self.levels >= LEVELS_MAX {
            return Err(self.error(&format!("more than {LEVELS_MAX} levels")));
        }
        self.levels += 1;
        let result = parse(self);
        self.levels -= 1;
        result
    }
}

/// White space within directives.
const SPACES: [char; 4] = [' ', '\t', '\n', '\r'];
