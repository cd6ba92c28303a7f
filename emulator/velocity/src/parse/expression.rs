//! Expressions, by precedence: `||`, `&&`, equality, comparison, sums, products, negation, values.

use super::Parser;
use crate::SyntaxError;
use crate::tree::{Expression, Operator};

/// The operators of each precedence, the weakest first. A word must be a whole word.
const PRECEDENCES: [&[(&str, Operator)]; 6] = [
    &[("||", Operator::Or), ("or", Operator::Or)],
    &[("&&", Operator::And), ("and", Operator::And)],
    &[
        ("==", Operator::Equal),
        ("eq", Operator::Equal),
        ("!=", Operator::NotEqual),
        ("ne", Operator::NotEqual),
    ],
    &[
        ("<=", Operator::LessOrEqual),
        ("le", Operator::LessOrEqual),
        ("<", Operator::Less),
        ("lt", Operator::Less),
        (">=", Operator::GreaterOrEqual),
        ("ge", Operator::GreaterOrEqual),
        (">", Operator::Greater),
        ("gt", Operator::Greater),
    ],
    &[("+", Operator::Plus), ("-", Operator::Minus)],
    &[("*", Operator::Times), ("/", Operator::Divide), ("%", Operator::Remainder)],
];

impl Parser<'_> {
    pub(super) fn expression(&mut self) -> Result<Expression, SyntaxError> {
        self.deeper(|parser| parser.of_precedence(0))
    }

    fn of_precedence(&mut self, precedence: usize) -> Result<Expression, SyntaxError> {
        let Some(operators) = PRECEDENCES.get(precedence) else { return self.negation() };
        let first = self.of_precedence(precedence + 1)?;
        let mut operations = Vec::new();
        loop {
            self.space();
            let found = operators.iter().find(|(text, _)| self.has_operator(text));
            let Some((text, operator)) = found else { break };
            self.at += text.len();
            operations.push((*operator, self.of_precedence(precedence + 1)?));
        }
        Ok(match operations.is_empty() {
            true => first,
            false => Expression::Operations(Box::new(first), operations),
        })
    }

    fn has_operator(&self, text: &str) -> bool {
        let Some(after) = self.rest().strip_prefix(text) else { return false };
        if text == "-" {
            // `1 -2` are two numbers for Velocity.
            let digits = after.strip_prefix('.').unwrap_or(after);
            return !digits.starts_with(|c: char| c.is_ascii_digit());
        }
        let is_word = text.starts_with(|c: char| c.is_ascii_alphabetic());
        !(is_word
            && after.starts_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '@')))
    }

    fn negation(&mut self) -> Result<Expression, SyntaxError> {
        self.space();
        if self.has_operator("not") {
            self.at += "not".len();
        } else if self.rest().starts_with("!=") || !self.eat("!") {
            return self.operand();
        }
        let negated = self.deeper(Parser::negation)?;
        Ok(Expression::Not(Box::new(negated)))
    }

    /// A value, or an expression in parentheses.
    fn operand(&mut self) -> Result<Expression, SyntaxError> {
        if !self.eat("(") {
            return self.value();
        }
        let inner = self.expression()?;
        self.space();
        self.expect(")")?;
        Ok(inner)
    }
}
