//! References: `$name`, `${name}`, `$!name`, with properties, methods and indexes.

use super::Parser;
use crate::SyntaxError;
use crate::tree::{Expression, Reference, Step};

impl Parser<'_> {
    /// A reference at a `$`; `None` if none begins here. Then the position may have moved.
    pub(super) fn reference(&mut self) -> Result<Option<Reference>, SyntaxError> {
        if !self.eat("$") {
            return Ok(None);
        }
        self.eat("!");
        let is_braced = self.eat("{");
        let Some(name) = self.name() else { return Ok(None) };
        let name = name.to_owned();
        let mut steps = Vec::new();
        loop {
            let start = self.at;
            if self.eat("[") {
                steps.push(Step::Index(self.deeper(Parser::expression)?));
                self.space();
                self.expect("]")?;
                continue;
            }
            if !self.eat(".") {
                break;
            }
            // A dot that no name follows is text.
            let Some(name) = self.name().map(str::to_owned) else {
                self.at = start;
                break;
            };
            if self.next() == Some('(') {
                steps.push(Step::Method(name, self.deeper(Parser::arguments)?));
            } else {
                steps.push(Step::Property(name));
            }
        }
        if is_braced && !self.eat("}") {
            return Ok(None);
        }
        Ok(Some(Reference { name, steps }))
    }

    /// The arguments of a method: separated by commas.
    fn arguments(&mut self) -> Result<Vec<Expression>, SyntaxError> {
        self.expect("(")?;
        let mut arguments = Vec::new();
        self.space();
        if self.eat(")") {
            return Ok(arguments);
        }
        loop {
            arguments.push(self.expression()?);
            self.space();
            if self.eat(")") {
                return Ok(arguments);
            }
            self.expect(",")?;
        }
    }
}
