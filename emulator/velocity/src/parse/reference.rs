//! References: `$name`, `${name}`, `$!name`, with properties, methods and indexes.

use super::{Parser, SPACES};
use crate::SyntaxError;
use crate::tree::{Expression, Reference, Step};

/// A reference, and how it ends.
pub(super) struct Parsed {
    pub(super) reference: Reference,
    pub(super) end: ReferenceEnd,
}

/// How a reference ends, which decides what Velocity reads after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReferenceEnd {
    /// With `}`.
    Brace,
    /// With a property.
    Property,
    /// With an index of a property.
    PropertyIndex,
    /// With a name, a method, or an index of these.
    Other,
}

impl<'t> Parser<'t> {
    /// A reference at a `$` in a directive; `None` if none begins here. Then the position may have moved.
    pub(super) fn reference(&mut self) -> Result<Option<Reference>, SyntaxError> {
        if !self.eat("$") {
            return Ok(None);
        }
        self.eat("!");
        Ok(self.reference_after_dollar()?.map(|parsed| parsed.reference))
    }

    /// A reference after `$` or `$!`; `None` if none begins here. Then the position has not moved.
    pub(super) fn reference_after_dollar(&mut self) -> Result<Option<Parsed>, SyntaxError> {
        let start = self.at;
        let is_braced = self.eat("{");
        let Some(name) = self.identifier() else {
            self.at = start;
            return Ok(None);
        };
        if matches!(name, "true" | "false") {
            return Err(self.error_at(start, &format!("`${name}` is not a reference")));
        }
        let name = name.to_owned();
        let mut steps = Vec::new();
        let mut end = ReferenceEnd::Other;
        loop {
            if self.eat("[") {
                steps.push(Step::Index(self.deeper(Parser::index)?));
                if end == ReferenceEnd::Property {
                    end = ReferenceEnd::PropertyIndex;
                }
                continue;
            }
            // A dot that no letter follows is text.
            let rest = self.rest();
            if !rest.starts_with('.') || !rest[1..].starts_with(|c: char| c.is_ascii_alphabetic()) {
                break;
            }
            self.at += 1;
            let name = self.identifier().unwrap_or_default();
            if matches!(name, "true" | "false") {
                return Err(self.error(&format!("`{name}` is not a property")));
            }
            // A text that ends with `(` has no method.
            if self.rest().len() > 1 && self.eat("(") {
                let arguments = self.deeper(Parser::arguments)?;
                steps.push(Step::Method(name.to_owned(), arguments));
                end = ReferenceEnd::Other;
            } else {
                steps.push(Step::Property(name.to_owned()));
                end = ReferenceEnd::Property;
            }
        }
        if is_braced {
            self.expect("}")?;
            end = ReferenceEnd::Brace;
        }
        Ok(Some(Parsed { reference: Reference { name, steps }, end }))
    }

    /// Passes a name: a letter or `_`, then letters, digits, `_` and `-`.
    pub(super) fn identifier(&mut self) -> Option<&'t str> {
        let rest = self.rest();
        if !rest.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
            return None;
        }
        let within = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        let name = &rest[..rest.find(|c| !within(c)).unwrap_or(rest.len())];
        self.at += name.len();
        Some(name)
    }

    /// What is between `[` and `]`: a text, an integer, `true`, `false` or a reference.
    fn index(&mut self) -> Result<Expression, SyntaxError> {
        self.space();
        let start = self.at;
        let is_allowed = self.rest().starts_with(|c: char| c != '[' && c != '{');
        let index = self.value()?;
        if !is_allowed || matches!(index, Expression::Float(_)) {
            return Err(self.error_at(start, "an index is a text, an integer or a reference"));
        }
        self.space();
        self.expect("]")?;
        Ok(index)
    }

    /// The arguments of a method, separated by commas, up to `)`.
    fn arguments(&mut self) -> Result<Vec<Expression>, SyntaxError> {
        let mut arguments = Vec::new();
        if self.eat(")") {
            return Ok(arguments);
        }
        loop {
            self.space();
            arguments.push(self.argument()?);
            self.space();
            if self.eat(")") {
                return Ok(arguments);
            }
            self.expect(",")?;
        }
    }

    /// An argument of a method. A bare word has no value, such as `null`.
    fn argument(&mut self) -> Result<Expression, SyntaxError> {
        let start = self.at;
        match self.identifier() {
            None | Some("true" | "false") => {
                self.at = start;
                self.value()
            }
            Some(_) if self.rest().trim_start_matches(SPACES).starts_with([',', ')']) => {
                Ok(Expression::Null)
            }
            Some(word) => Err(self.error_at(start, &format!("`{word}` is not a value"))),
        }
    }
}
