//! Text, and what interrupts it: references, directives, comments and backslashes.

use super::directive::Directive;
use super::reference::ReferenceEnd;
use super::{Parser, Stop};
use crate::SyntaxError;
use crate::tree::{Node, Shown};

/// The nodes that are complete, and the text after them.
#[derive(Debug, Default)]
pub(super) struct Nodes {
    nodes: Vec<Node>,
    text: String,
    /// The part of the text that is a token which only spaces may follow before `#set`.
    token_start: usize,
}

impl Nodes {
    /// Adds text as tokens of their own.
    fn text(&mut self, text: &str) {
        self.text.push_str(text);
        self.token_start = self.text.len();
    }

    fn push(&mut self, node: Node) {
        self.flush();
        self.nodes.push(node);
    }

    fn flush(&mut self) {
        self.token_start = 0;
        if !self.text.is_empty() {
            self.nodes.push(Node::Text(std::mem::take(&mut self.text)));
        }
    }

    /// Removes the spaces before `#set`, if their token has only spaces.
    fn trim_before_set(&mut self) {
        let token = &self.text[self.token_start..];
        if token.trim_start_matches([' ', '\t']).is_empty() {
            self.text.truncate(self.token_start);
        }
    }
}

impl Parser<'_> {
    /// The nodes up to a directive that ends them, which is passed.
    pub(super) fn nodes(&mut self) -> Result<(Vec<Node>, Stop), SyntaxError> {
        let mut nodes = Nodes::default();
        loop {
            let rest = self.rest();
            let special = rest.find(['$', '#', '\\']).unwrap_or(rest.len());
            nodes.text.push_str(&rest[..special]);
            self.at += special;
            let end = match self.next() {
                None => Some(Stop::Text),
                Some('\\') => {
                    self.backslashes(&mut nodes)?;
                    None
                }
                Some('$') => {
                    self.dollar(&mut nodes, 0)?;
                    None
                }
                Some(_) => self.hash(&mut nodes)?,
            };
            if let Some(end) = end {
                nodes.flush();
                return Ok((nodes.nodes, end));
            }
        }
    }

    /// Backslashes belong to a reference or to a directive that follows them; before other text they are text.
    fn backslashes(&mut self, nodes: &mut Nodes) -> Result<(), SyntaxError> {
        let rest = self.rest();
        let after = rest.trim_start_matches('\\');
        let count = rest.len() - after.len();
        if after.starts_with('$') {
            self.at += count;
            return self.dollar(nodes, count);
        }
        self.at += count;
        let Some(directive) = Directive::at(after) else {
            nodes.text(&rest[..count]);
            return Ok(());
        };
        let is_escaped = count % 2 == 1;
        // Two backslashes are one before a directive, and two before other words with `#`.
        let is_known = directive.is_known() || self.macros.contains(directive.name);
        let shown = match is_known && (is_escaped || directive.is_unescaped_here(after)) {
            true => count / 2,
            false => count,
        };
        nodes.text(&rest[..shown]);
        if is_escaped {
            nodes.text(&after[..directive.length]);
            self.at += directive.length;
        }
        Ok(())
    }

    /// A `$` in a text: a reference, or only a character.
    fn dollar(&mut self, nodes: &mut Nodes, backslashes: usize) -> Result<(), SyntaxError> {
        let start = self.at;
        // `$\!name`: Velocity looks for a variable whose name begins with the backslash. It cannot be set.
        let slashes = self.rest()[1..].len() - self.rest()[1..].trim_start_matches('\\').len();
        let is_slash_bang = slashes > 0 && self.rest()[1 + slashes..].starts_with('!');
        self.at += 1 + if is_slash_bang { slashes } else { 0 };
        let has_bang = self.eat("!");
        if let Some(parsed) = self.reference_after_dollar()? {
            if is_slash_bang {
                nodes.flush();
                return Ok(());
            }
            let source = self.text[start..self.at].to_owned();
            let end = parsed.end;
            nodes.push(Node::Reference(Shown { reference: parsed.reference, source, backslashes }));
            return self.after_reference(nodes, end);
        }
        self.lone_dollar(nodes, backslashes, has_bang)
    }

    /// What Velocity reads into a reference after it, because it is still in the state of references.
    fn after_reference(
        &mut self,
        nodes: &mut Nodes,
        mut end: ReferenceEnd,
    ) -> Result<(), SyntaxError> {
        loop {
            let rest = self.rest();
            let is_word = rest.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
            match end {
                ReferenceEnd::Brace => return Ok(()),
                // `$a.b##` has no comment: the first `#` is a part of what follows it.
                ReferenceEnd::Property | ReferenceEnd::PropertyIndex if rest.starts_with("##") => {
                    self.at += 1;
                    return self.merged_hash(nodes, "#");
                }
                ReferenceEnd::PropertyIndex if rest.starts_with('(') => {
                    return Err(self.error("`(` cannot follow an index of a property"));
                }
                _ if rest.starts_with('{') => {
                    // `{b}` after `$a` is a reference too, of which Velocity renders the brace.
                    match self.reference_after_dollar()? {
                        Some(parsed) => end = parsed.end,
                        None => {
                            self.at += 1;
                            end = ReferenceEnd::Brace;
                        }
                    }
                    nodes.text("{");
                }
                ReferenceEnd::PropertyIndex | ReferenceEnd::Other if is_word => {
                    // `b.c` after `$a[0]` is a reference too, of which Velocity renders the name.
                    let Some(parsed) = self.reference_after_dollar()? else { return Ok(()) };
                    nodes.text(&parsed.reference.name);
                    end = parsed.end;
                }
                _ => return Ok(()),
            }
        }
    }

    /// A `#`, at the position, with a character before it that Velocity takes for a part of the same token.
    fn merged_hash(&mut self, nodes: &mut Nodes, before: &str) -> Result<(), SyntaxError> {
        let rest = self.rest();
        if rest.len() == 1 {
            return Err(self.error("a text cannot end with `#`"));
        }
        let is_comment = rest.starts_with("##") && before == "#" || rest.starts_with("#*");
        if is_comment || rest.starts_with("#[[") || Directive::set_length(rest).is_some() {
            return Ok(());
        }
        let length = match Directive::at(rest) {
            // The character is lost before a directive of the grammar.
            Some(directive) if directive.is_control() => return Ok(()),
            Some(directive) => directive.length,
            None if rest.starts_with("##") => {
                nodes.text(before);
                return Ok(());
            }
            None => 1,
        };
        let start = self.at;
        self.at += length;
        if length > 1 {
            self.call(false)?;
        }
        nodes.text(&format!("{before}{}", &self.text[start..self.at]));
        Ok(())
    }

    /// A `$` without a reference, after which the position is.
    fn lone_dollar(
        &mut self,
        nodes: &mut Nodes,
        backslashes: usize,
        has_bang: bool,
    ) -> Result<(), SyntaxError> {
        let is_plain = backslashes == 0 && !has_bang;
        let rest = self.rest();
        match rest.chars().next() {
            None => return Err(self.error("a text cannot end with `$`")),
            // Velocity reads `$.a` and `$[` as text, and loses what is before the dot in `\$.a` and `$!.a`.
            Some('.') if !is_plain && rest[1..].starts_with(|c: char| c.is_ascii_alphabetic()) => {
                return Ok(());
            }
            Some('[' | '$') if has_bang && backslashes == 0 => {
                nodes.text("$!");
                return Ok(());
            }
            // The backslashes after a `$` or a `#` do not escape.
            Some('\\') if rest.trim_start_matches('\\').starts_with('$') => {
                nodes.text(if has_bang { "$!" } else { "$" });
                return self.unescaping(nodes);
            }
            Some('#') if is_plain => return self.merged_hash(nodes, "$"),
            Some('}') if has_bang && backslashes == 0 => {
                nodes.text("$!");
                return Ok(());
            }
            Some('{') => {
                let before = "\\".repeat(backslashes);
                let dollar = if has_bang { "$!{" } else { "${" };
                nodes.text(&format!("{before}{dollar}"));
                self.at += 1;
                return Ok(());
            }
            _ => {}
        }
        // The `$` is lost before `#set`.
        match self.is_before_set() {
            true => nodes.text(""),
            false => nodes.text(&format!("{}$", "\\".repeat(backslashes))),
        }
        Ok(())
    }

    /// A comment up to the end of the text. The end cannot be within a token.
    fn open_comment(&self, comment: &str) -> Result<Option<Stop>, SyntaxError> {
        match comment.ends_with(['$', '#']) || comment.ends_with("$!") || comment.ends_with("#*") {
            true => Err(self.error("a text cannot end with `$` or `#`")),
            false => Ok(None),
        }
    }

    /// Whether spaces and `#set(` follow.
    fn is_before_set(&self) -> bool {
        Directive::set_length(self.rest().trim_start_matches([' ', '\t'])).is_some()
    }

    /// Backslashes, if any, and a `$` after them, that they do not escape.
    fn unescaping(&mut self, nodes: &mut Nodes) -> Result<(), SyntaxError> {
        let rest = self.rest();
        let count = rest.len() - rest.trim_start_matches('\\').len();
        nodes.text(&rest[..count]);
        self.at += count;
        self.dollar(nodes, 0)
    }

    /// What follows a `#`: a comment, a directive, the end of the nodes, or only the character.
    fn hash(&mut self, nodes: &mut Nodes) -> Result<Option<Stop>, SyntaxError> {
        let start = self.at;
        let rest = self.rest();
        if let Some(comment) = rest.strip_prefix("##") {
            nodes.flush();
            let line = comment.find(['\n', '\r']);
            let end = line.unwrap_or(comment.len());
            self.at = self.text.len() - comment[end..].len();
            self.line_end();
            return if line.is_some() { Ok(None) } else { self.open_comment(comment) };
        }
        if let Some(comment) = rest.strip_prefix("#*") {
            nodes.flush();
            let end = comment_end(comment);
            self.at = self.text.len() - comment[end.unwrap_or(comment.len())..].len();
            return match end {
                Some(_) => Ok(None),
                None if comment.is_empty() => {
                    Err(self.error("the comment is not closed with `*#`"))
                }
                None => self.open_comment(comment),
            };
        }
        if let Some(literal) = rest.strip_prefix("#[[") {
            let Some(end) = literal.find("]]#") else {
                return Err(self.error("the literal text is not closed with `]]#`"));
            };
            nodes.text(&literal[..end]);
            self.at = self.text.len() - literal[end + 3..].len();
            return Ok(None);
        }
        if let Some(length) = Directive::set_length(rest) {
            nodes.trim_before_set();
            self.at += length;
            let node = self.deeper(Parser::set)?;
            nodes.push(node);
            return Ok(None);
        }
        let Some(directive) = Directive::at(rest) else {
            if rest.len() == 1 {
                return Err(self.error("a text cannot end with `#`"));
            }
            self.at += 1;
            nodes.text(if self.is_before_set() { "" } else { "#" });
            if self.rest().trim_start_matches('\\').starts_with('$') {
                self.unescaping(nodes)?;
            }
            return Ok(None);
        };
        self.at += directive.length;
        match directive.name {
            "end" => {
                self.line_end();
                return Ok(Some(Stop::End));
            }
            "else" => {
                self.line_end();
                return Ok(Some(Stop::Else));
            }
            "elseif" => return Ok(Some(Stop::ElseIf)),
            _ => {}
        }
        match self.deeper(|parser| parser.directive(directive.name))? {
            Some(node) => nodes.push(node),
            // A word that is not a directive, with its arguments.
            None => nodes.text(&self.text[start..self.at]),
        }
        Ok(None)
    }
}

/// The length of a comment with `*#`. The `*` of a `#*` within the comment does not end it.
fn comment_end(comment: &str) -> Option<usize> {
    let mut at = 0;
    loop {
        at += comment[at..].find(['*', '#'])?;
        match comment.as_bytes().get(at..at + 2)? {
            b"*#" => return Some(at + 2),
            b"#*" => at += 2,
            _ => at += 1,
        }
    }
}
