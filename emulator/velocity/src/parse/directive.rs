//! Directives: `#set`, `#if`, `#foreach` and the others.
//!
//! API Gateway does not have `#macro`, `#evaluate`, `#include` and `#parse`: a macro is not defined, and calls are text (LocalStack's
//! recordings of AWS, 2023-08-13). UNCONFIRMED for `#include` and `#parse`, which no recording has.

use super::literal::is_keyword;
use super::{Parser, SPACES, Stop};
use crate::SyntaxError;
use crate::tree::{Expression, Node};

/// A `#` with a word after it, perhaps in braces.
#[derive(Debug)]
pub(super) struct Directive<'t> {
    /// The word.
    pub(super) name: &'t str,
    /// The length in bytes, with `#` and braces.
    pub(super) length: usize,
}

/// The directives that a backslash escapes.
const KNOWN: [&str; 11] = [
    "if", "elseif", "else", "end", "set", "foreach", "define", "macro", "literal", "stop", "break",
];

impl<'t> Directive<'t> {
    /// The word at the start of a text.
    pub(super) fn at(text: &'t str) -> Option<Directive<'t>> {
        let after = text.strip_prefix('#')?;
        if let Some(inner) = after.strip_prefix('{') {
            let name = word(inner)?;
            let is_closed = inner[name.len()..].starts_with('}') && !name.starts_with('@');
            return is_closed.then_some(Directive { name, length: name.len() + 3 });
        }
        let name = word(after)?;
        Some(Directive { name, length: name.len() + 1 })
    }

    /// The length of `#set(`, if the text begins with it.
    pub(super) fn set_length(text: &str) -> Option<usize> {
        let after = text.strip_prefix("#set").or_else(|| text.strip_prefix("#{set}"))?;
        let inner = after.trim_start_matches(' ').strip_prefix('(')?;
        Some(text.len() - inner.len())
    }

    pub(super) fn is_known(&self) -> bool {
        KNOWN.contains(&self.name)
    }

    /// Whether the directive is one of the grammar itself.
    pub(super) fn is_control(&self) -> bool {
        matches!(self.name, "if" | "elseif" | "else" | "end")
    }

    /// Whether two backslashes before the directive are one. Velocity does not recognize each spelling.
    pub(super) fn is_unescaped_here(&self, text: &str) -> bool {
        self.name != "set" && (self.is_control() || !text.starts_with("#{"))
    }
}

/// A word at the start of a text.
pub(super) fn word(text: &str) -> Option<&str> {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '_' | '@')).then(|| {
        let within = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '@');
        &text[..text.find(|c| !within(c)).unwrap_or(text.len())]
    })
}

/// An argument of a directive.
enum Argument {
    Word,
    Value(Expression),
}

impl<'t> Parser<'t> {
    /// The directive of a name, after which the position is; nothing if the name is not a directive.
    pub(super) fn directive(&mut self, name: &str) -> Result<Option<Node>, SyntaxError> {
        match name {
            "if" => self.branches().map(Some),
            "foreach" => self.foreach().map(Some),
            "define" => self.define().map(Some),
            "macro" => self.macro_().map(Some),
            "literal" => self.literal().map(Some),
            "stop" | "break" => {
                let at = self.at;
                let arguments =
                    if self.opens() { self.arguments_of_directive()? } else { Vec::new() };
                let has_word = arguments.iter().any(|it| matches!(it, Argument::Word));
                if has_word || (name == "break" && !arguments.is_empty()) {
                    return Err(self.error_at(at, &format!("#{name} has no arguments")));
                }
                Ok(Some(if name == "stop" { Node::Stop } else { Node::Break }))
            }
            name => self.call(name.starts_with('@')).map(|()| None),
        }
    }

    /// Passes the arguments of a word that is not a directive, if it has any, and its body.
    pub(super) fn call(&mut self, has_body: bool) -> Result<(), SyntaxError> {
        if self.opens() {
            self.arguments_of_directive()?;
            if has_body {
                self.body()?;
            }
        }
        Ok(())
    }

    /// Whether an opening parenthesis follows, perhaps after white space; passes it.
    fn opens(&mut self) -> bool {
        let rest = self.rest().trim_start_matches(SPACES);
        let opens = rest.starts_with('(');
        if opens {
            self.at = self.text.len() - rest.len() + 1;
        }
        opens
    }

    fn must_open(&mut self, of: &str) -> Result<(), SyntaxError> {
        match self.opens() {
            true => Ok(()),
            false => Err(self.error(&format!("`(` is expected after #{of}"))),
        }
    }

    /// Passes the closing parenthesis of a directive, and the line end after it.
    fn close(&mut self) -> Result<(), SyntaxError> {
        self.space();
        self.expect(")")?;
        self.line_end();
        Ok(())
    }

    /// The nodes of a block up to its `#end`.
    fn body(&mut self) -> Result<Vec<Node>, SyntaxError> {
        let start = self.at;
        match self.nodes()? {
            (nodes, Stop::End) => Ok(nodes),
            (_, Stop::Text) => Err(self.error_at(start, "#end is missing")),
            (_, Stop::Else | Stop::ElseIf) => Err(self.error("#else without #if")),
        }
    }

    /// `#set(`, after which the position is, up to `)`.
    pub(super) fn set(&mut self) -> Result<Node, SyntaxError> {
        self.space();
        self.at = self.text.len() - self.rest().trim_start_matches('\\').len();
        let start = self.at;
        let reference = match self.next() {
            Some('$') => self.reference()?,
            _ => None,
        };
        let Some(mut reference) = reference else {
            return Err(self.error_at(start, "#set needs a reference, such as `$name`"));
        };
        if reference.steps.is_empty() {
            // Velocity 1.7 sets a variable of the name `{`, `!{` or `!a`, which no reference reads.
            let image = &self.text[start + 1..self.at];
            let name = &image[..image.find('{').map_or(image.len(), |at| at + 1)];
            name.clone_into(&mut reference.name);
        }
        self.space();
        if self.rest().starts_with("==") {
            return Err(self.error("`=` is expected"));
        }
        self.expect("=")?;
        let value = self.expression()?;
        self.close()?;
        Ok(Node::Set(reference, value))
    }

    fn branches(&mut self) -> Result<Node, SyntaxError> {
        let start = self.at;
        self.must_open("if")?;
        let mut branches = Vec::new();
        loop {
            let condition = self.expression()?;
            self.close()?;
            let (nodes, end) = self.nodes()?;
            branches.push((condition, nodes));
            match end {
                Stop::End => return Ok(Node::If(branches, Vec::new())),
                Stop::Else => return Ok(Node::If(branches, self.body()?)),
                Stop::ElseIf => self.must_open("elseif")?,
                Stop::Text => return Err(self.error_at(start, "#end is missing")),
            }
        }
    }

    fn foreach(&mut self) -> Result<Node, SyntaxError> {
        let start = self.at;
        self.must_open("foreach")?;
        let mut arguments = self.arguments_of_directive()?;
        let words = arguments.iter().enumerate();
        let has_wrong_word =
            words.filter(|(at, _)| *at != 1).any(|(_, it)| matches!(it, Argument::Word));
        let body = self.body()?;
        let Some(Argument::Value(Expression::Reference(item))) = arguments.first() else {
            return Err(self.error_at(start, "#foreach needs a variable, such as `$name`"));
        };
        let item = item.name.clone();
        if has_wrong_word || arguments.len() < 2 {
            return Err(self.error_at(start, "#foreach is `#foreach($item in $items)`"));
        }
        match (arguments.len(), arguments.pop()) {
            (3, Some(Argument::Value(items))) => Ok(Node::Foreach { item, items, body }),
            // Velocity takes another argument for the items or for the body.
            _ => Ok(Node::Text(String::new())),
        }
    }

    /// A macro, which API Gateway does not define.
    fn macro_(&mut self) -> Result<Node, SyntaxError> {
        let start = self.at;
        self.must_open("macro")?;
        self.space();
        let name = word(self.rest()).unwrap_or_default();
        let arguments = self.arguments_of_directive()?;
        let is_valid = match arguments.split_first() {
            Some((Argument::Word, parameters)) => {
                parameters.iter().all(|it| matches!(it, Argument::Value(Expression::Reference(_))))
            }
            _ => false,
        };
        if !is_valid {
            return Err(self.error_at(start, "#macro is `#macro(name $parameter)`"));
        }
        self.body()?;
        self.macros.insert(name);
        Ok(Node::Text(String::new()))
    }

    fn define(&mut self) -> Result<Node, SyntaxError> {
        let start = self.at;
        self.must_open("define")?;
        let mut arguments = self.arguments_of_directive()?;
        let body = self.body()?;
        match (arguments.len(), arguments.pop()) {
            (1, Some(Argument::Value(Expression::Reference(reference)))) => {
                Ok(Node::Define(reference.name, body))
            }
            _ => Err(self.error_at(start, "#define needs a variable, such as `$name`")),
        }
    }

    /// `#literal() … #end`, whose body is text.
    fn literal(&mut self) -> Result<Node, SyntaxError> {
        self.must_open("literal")?;
        if !self.arguments_of_directive()?.is_empty() {
            return Err(self.error("#literal has no arguments"));
        }
        let start = self.at;
        self.body()?;
        let source = &self.text[start..self.at];
        let end = source.rfind("#end").or_else(|| source.rfind("#{end}")).unwrap_or(source.len());
        Ok(Node::Text(source[..end].to_owned()))
    }

    /// The arguments after `(`, separated by commas or white space, up to `)` and the line end after it.
    fn arguments_of_directive(&mut self) -> Result<Vec<Argument>, SyntaxError> {
        let mut arguments = Vec::new();
        loop {
            self.space();
            if self.next() == Some(')') {
                self.close()?;
                return Ok(arguments);
            }
            if self.eat(",") {
                self.space();
            }
            arguments.push(self.deeper(Parser::argument_of_directive)?);
        }
    }

    fn argument_of_directive(&mut self) -> Result<Argument, SyntaxError> {
        if let Some(word) = word(self.rest()).filter(|word| !matches!(*word, "true" | "false")) {
            if is_keyword(word) {
                return Err(self.error(&format!("`{word}` is an operator")));
            }
            self.at += word.len();
            return Ok(Argument::Word);
        }
        self.value().map(Argument::Value)
    }
}
