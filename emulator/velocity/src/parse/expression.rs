//! Expressions, by precedence: `||`, `&&`, equality, comparison, sums, products, negation, operands.

use super::{Parser, template};
use crate::SyntaxError;
use crate::tree::{Expression, Node, Operator};

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
        let mut left = self.of_precedence(precedence + 1)?;
        loop {
            self.space();
            let found = operators.iter().find(|(text, _)| self.has_operator(text));
            let Some((text, operator)) = found else { return Ok(left) };
            self.at += text.len();
            let right = self.of_precedence(precedence + 1)?;
            left = Expression::Binary(*operator, Box::new(left), Box::new(right));
        }
    }

    fn has_operator(&self, text: &str) -> bool {
        let Some(after) = self.rest().strip_prefix(text) else { return false };
        let is_word = text.starts_with(|c: char| c.is_ascii_alphabetic());
        !(is_word && after.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_'))
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

    /// A literal, a reference, or an expression in parentheses.
    pub(super) fn operand(&mut self) -> Result<Expression, SyntaxError> {
        self.space();
        match self.next() {
            Some('$') => match self.deeper(Parser::reference)? {
                Some(reference) => Ok(Expression::Reference(reference)),
                None => Err(self.error("a reference is expected after `$`")),
            },
            Some('"') => {
                let text = self.quoted('"')?;
                let levels = self.levels;
                let nodes = match text.contains(['$', '#']) {
                    true => self.deeper(|parser| parser.interpolated(&text, levels))?,
                    false => vec![Node::Text(text)],
                };
                Ok(Expression::Interpolated(nodes))
            }
            Some('\'') => self.quoted('\'').map(Expression::Text),
            Some('[') => self.deeper(Parser::list),
            Some('{') => self.deeper(Parser::map),
            Some('(') => {
                self.at += 1;
                let inner = self.expression()?;
                self.space();
                self.expect(")")?;
                Ok(inner)
            }
            Some('-') => {
                self.at += 1;
                let negative = self.deeper(Parser::operand)?;
                Ok(Expression::Negative(Box::new(negative)))
            }
            Some(c) if c.is_ascii_digit() => self.number(),
            _ => match self.name() {
                Some("true") => Ok(Expression::Bool(true)),
                Some("false") => Ok(Expression::Bool(false)),
                // `null` is not a literal of Velocity 1.7, but a name without a value is null.
                Some("null") => Ok(Expression::Reference(crate::tree::Reference {
                    name: "null".to_owned(),
                    steps: Vec::new(),
                })),
                _ => Err(self.error("an expression is expected")),
            },
        }
    }

    /// The content of a text in quotes. A doubled quote is one quote; a backslash stays, and the quote after it is content.
    fn quoted(&mut self, quote: char) -> Result<String, SyntaxError> {
        let start = self.at;
        self.at += 1;
        let mut content = String::new();
        loop {
            let rest = self.rest();
            let Some(at) = rest.find([quote, '\\']) else {
                self.at = start;
                return Err(self.error(&format!("the text is not closed with {quote}")));
            };
            content.push_str(&rest[..at]);
            self.at += at;
            if self.eat("\\") {
                content.push('\\');
                if quote == '"' && self.eat("\"") {
                    content.push('"');
                }
                continue;
            }
            self.at += 1;
            if self.next() != Some(quote) {
                return Ok(content);
            }
            self.at += 1;
            content.push(quote);
        }
    }

    /// A text in double quotes is a template.
    fn interpolated(&self, text: &str, levels: usize) -> Result<Vec<Node>, SyntaxError> {
        // A template in a template in a template: the levels add up.
        if levels > super::LEVELS_MAX / 2 {
            return Err(self.error("the texts in quotes are nested too deeply"));
        }
        // What is not a template by itself, such as "#if", is text.
        Ok(template(text).unwrap_or_else(|_| vec![Node::Text(text.to_owned())]))
    }

    fn list(&mut self) -> Result<Expression, SyntaxError> {
        self.expect("[")?;
        let mut items = Vec::new();
        loop {
            self.space();
            if self.eat("]") {
                return Ok(Expression::List(items));
            }
            items.push(self.expression()?);
            self.space();
            if items.len() == 1 && self.eat("..") {
                let last = self.expression()?;
                self.space();
                self.expect("]")?;
                let first = items.remove(0);
                return Ok(Expression::Range(Box::new(first), Box::new(last)));
            }
            if self.next() != Some(']') {
                self.expect(",")?;
            }
        }
    }

    fn map(&mut self) -> Result<Expression, SyntaxError> {
        self.expect("{")?;
        let mut members = Vec::new();
        loop {
            self.space();
            if self.eat("}") {
                return Ok(Expression::Map(members));
            }
            let key = self.expression()?;
            self.space();
            self.expect(":")?;
            members.push((key, self.expression()?));
            self.space();
            if self.next() != Some('}') {
                self.expect(",")?;
            }
        }
    }

    fn number(&mut self) -> Result<Expression, SyntaxError> {
        let rest = self.rest();
        let digits = |text: &str| text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let mut length = digits(rest);
        // `1..5` is a range, and `1.5` a number.
        let fraction = rest[length..].strip_prefix('.').map_or(0, digits);
        if fraction > 0 {
            length += 1 + fraction;
        }
        let text = &rest[..length];
        self.at += length;
        let number = match fraction {
            0 => text.parse().map(Expression::Integer).ok(),
            _ => text.parse().map(Expression::Float).ok(),
        };
        number.ok_or_else(|| self.error(&format!("`{text}` is not a number")))
    }
}
