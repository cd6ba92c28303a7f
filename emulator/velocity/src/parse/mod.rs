//! From a text to a tree.
//!
//! White space follows the grammar of Velocity 1.7: a line end after `)` of a directive, after `#else` and after `#end` is not
//! rendered, nor are spaces before `#set`.

mod expression;
mod reference;

use crate::SyntaxError;
use crate::tree::{Macro, Node, Shown};

/// The maximum number of levels of directives, parentheses and texts in quotes.
const LEVELS_MAX: usize = 100;

/// Parses a whole template.
pub(crate) fn template(text: &str) -> Result<Vec<Node>, SyntaxError> {
    let mut parser = Parser { text, at: 0, levels: 0 };
    let (nodes, end) = parser.nodes()?;
    match end {
        Ending::Text => Ok(nodes),
        Ending::Else | Ending::ElseIf => Err(parser.error("#else without #if")),
        Ending::End => Err(parser.error("#end without a directive that it ends")),
    }
}

/// A text that is being parsed, and the position in it.
struct Parser<'t> {
    text: &'t str,
    at: usize,
    levels: usize,
}

/// What ends a sequence of nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// The text.
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
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    /// Passes spaces and one line end after them, if there is one.
    fn line_end(&mut self) {
        let rest = self.rest().trim_start_matches([' ', '\t']);
        let after = rest.strip_prefix("\r\n").or_else(|| rest.strip_prefix(['\n', '\r']));
        if let Some(after) = after {
            self.at = self.text.len() - after.len();
        }
    }

    /// Passes a name: a letter or `_`, then letters, digits, `_` and `-`.
    fn name(&mut self) -> Option<&'t str> {
        let rest = self.rest();
        let starts = |c: char| c.is_ascii_alphabetic() || c == '_';
        if !rest.starts_with(starts) {
            return None;
        }
        let within = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        let name = &rest[..rest.find(|c| !within(c)).unwrap_or(rest.len())];
        self.at += name.len();
        Some(name)
    }

    fn error(&self, what: &str) -> SyntaxError {
        let before = &self.text[..self.at];
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
        if self.levels == LEVELS_MAX {
            return Err(self.error(&format!("more than {LEVELS_MAX} levels")));
        }
        self.levels += 1;
        let result = parse(self);
        self.levels -= 1;
        result
    }

    /// The nodes up to a directive that ends them, which is passed.
    fn nodes(&mut self) -> Result<(Vec<Node>, Ending), SyntaxError> {
        let mut nodes = Vec::new();
        let mut text = String::new();
        loop {
            let rest = self.rest();
            let special = rest.find(['$', '#']).unwrap_or(rest.len());
            text.push_str(&rest[..special]);
            self.at += special;
            match self.next() {
                None => {
                    push(&mut nodes, text);
                    return Ok((nodes, Ending::Text));
                }
                Some('$') => {
                    let backslashes = trailing_backslashes(&text);
                    match self.shown(backslashes)? {
                        Some(shown) => {
                            text.truncate(text.len() - backslashes);
                            push(&mut nodes, std::mem::take(&mut text));
                            nodes.push(Node::Reference(shown));
                        }
                        None => {
                            text.push('$');
                            self.at += 1;
                        }
                    }
                }
                Some(_) => {
                    if let Some(end) = self.directive(&mut nodes, &mut text)? {
                        push(&mut nodes, text);
                        return Ok((nodes, end));
                    }
                }
            }
        }
    }

    /// A reference in a text; `None` if the `$` is only a character.
    fn shown(&mut self, backslashes: usize) -> Result<Option<Shown>, SyntaxError> {
        let start = self.at;
        let Some(reference) = self.deeper(Parser::reference)? else {
            self.at = start;
            return Ok(None);
        };
        let source = self.text[start..self.at].to_owned();
        Ok(Some(Shown { reference, source, backslashes }))
    }

    /// What follows a `#`: a comment, a directive, the end of the nodes, or only the character.
    fn directive(
        &mut self,
        nodes: &mut Vec<Node>,
        text: &mut String,
    ) -> Result<Option<Ending>, SyntaxError> {
        let start = self.at;
        if self.eat("##") {
            let rest = self.rest();
            self.at += rest.find('\n').map_or(rest.len(), |at| at + 1);
            return Ok(None);
        }
        if self.eat("#*") {
            let rest = self.rest();
            let Some(end) = rest.find("*#") else {
                return Err(self.error("the comment is not closed with `*#`"));
            };
            self.at += end + 2;
            return Ok(None);
        }
        if self.eat("#[[") {
            let rest = self.rest();
            let Some(end) = rest.find("]]#") else {
                return Err(self.error("the literal text is not closed with `]]#`"));
            };
            text.push_str(&rest[..end]);
            self.at += end + 3;
            return Ok(None);
        }
        if trailing_backslashes(text) % 2 == 1 {
            text.pop();
            text.push('#');
            self.at += 1;
            return Ok(None);
        }
        self.at += 1;
        let is_braced = self.eat("{");
        let name = self.name().unwrap_or_default();
        // `#else` and `#end` may be followed by text, as in `#elseyes`.
        let name = match ["elseif", "else", "end"].iter().find(|known| name.starts_with(**known)) {
            Some(known) if !is_braced => {
                self.at -= name.len() - known.len();
                known
            }
            _ => name,
        };
        let is_closed = !is_braced || self.eat("}");
        let node = match name {
            "else" if is_closed => {
                self.line_end();
                return Ok(Some(Ending::Else));
            }
            "elseif" if is_closed => return Ok(Some(Ending::ElseIf)),
            "end" if is_closed => {
                self.line_end();
                return Ok(Some(Ending::End));
            }
            "stop" if is_closed => Node::Stop,
            "break" if is_closed => Node::Break,
            "set" | "if" | "foreach" | "macro" | "define" if is_closed && self.opens() => {
                if name == "set" {
                    text.truncate(text.trim_end_matches([' ', '\t']).len());
                }
                self.deeper(|parser| match name {
                    "set" => parser.set(),
                    "if" => parser.branches(),
                    "foreach" => parser.foreach(),
                    "macro" => parser.macro_(),
                    _ => parser.define(),
                })?
            }
            name if is_closed && !name.is_empty() && self.rest().starts_with('(') => {
                let arguments = self.deeper(Parser::call)?;
                let source = self.text[start..self.at].to_owned();
                self.line_end();
                Node::Call(name.to_owned(), arguments, source)
            }
            _ => {
                text.push('#');
                self.at = start + 1;
                return Ok(None);
            }
        };
        push(nodes, std::mem::take(text));
        nodes.push(node);
        Ok(None)
    }

    /// Whether an opening parenthesis follows, perhaps after spaces; passes it.
    fn opens(&mut self) -> bool {
        let rest = self.rest().trim_start_matches([' ', '\t']);
        let opens = rest.starts_with('(');
        if opens {
            self.at = self.text.len() - rest.len() + 1;
        }
        opens
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
        match self.nodes()? {
            (nodes, Ending::End) => Ok(nodes),
            (_, Ending::Text) => Err(self.error("#end is missing")),
            (_, Ending::Else | Ending::ElseIf) => Err(self.error("#else without #if")),
        }
    }

    fn set(&mut self) -> Result<Node, SyntaxError> {
        self.space();
        let Some(reference) = self.reference()? else {
            return Err(self.error("#set needs a reference, such as `$name`"));
        };
        self.space();
        self.expect("=")?;
        let value = self.expression()?;
        self.close()?;
        Ok(Node::Set(reference, value))
    }

    fn branches(&mut self) -> Result<Node, SyntaxError> {
        let mut branches = Vec::new();
        loop {
            let condition = self.expression()?;
            self.close()?;
            let (nodes, end) = self.nodes()?;
            branches.push((condition, nodes));
            match end {
                Ending::End => return Ok(Node::If(branches, Vec::new())),
                Ending::Else => return Ok(Node::If(branches, self.body()?)),
                Ending::ElseIf if self.opens() => {}
                Ending::ElseIf => return Err(self.error("`(` is expected after #elseif")),
                Ending::Text => return Err(self.error("#end is missing")),
            }
        }
    }

    fn foreach(&mut self) -> Result<Node, SyntaxError> {
        let item = self.variable("#foreach")?;
        self.space();
        self.expect("in")?;
        let items = self.expression()?;
        self.close()?;
        Ok(Node::Foreach { item, items, body: self.body()? })
    }

    fn macro_(&mut self) -> Result<Node, SyntaxError> {
        self.space();
        let Some(name) = self.name() else {
            return Err(self.error("#macro needs a name"));
        };
        let mut parameters = Vec::new();
        loop {
            self.space();
            if self.next() == Some(')') {
                break;
            }
            parameters.push(self.variable("#macro")?);
            self.space();
            self.eat(",");
        }
        self.close()?;
        Ok(Node::Macro(name.to_owned(), Macro { parameters, body: self.body()? }))
    }

    fn define(&mut self) -> Result<Node, SyntaxError> {
        let name = self.variable("#define")?;
        self.close()?;
        Ok(Node::Define(name, self.body()?))
    }

    /// `$name`, `${name}` or `$!name`
    fn variable(&mut self, of: &str) -> Result<String, SyntaxError> {
        self.space();
        match self.reference()? {
            Some(reference) if reference.steps.is_empty() => Ok(reference.name),
            _ => Err(self.error(&format!("{of} needs a variable, such as `$name`"))),
        }
    }

    /// The arguments of a macro: separated by commas or spaces.
    fn call(&mut self) -> Result<Vec<crate::tree::Expression>, SyntaxError> {
        self.expect("(")?;
        let mut arguments = Vec::new();
        loop {
            self.space();
            if self.eat(")") {
                return Ok(arguments);
            }
            arguments.push(self.operand()?);
            self.space();
            self.eat(",");
        }
    }
}

fn push(nodes: &mut Vec<Node>, text: String) {
    if !text.is_empty() {
        nodes.push(Node::Text(text));
    }
}

fn trailing_backslashes(text: &str) -> usize {
    text.len() - text.trim_end_matches('\\').len()
}
