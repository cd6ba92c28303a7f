//! Values without operators: texts, numbers, lists, maps, ranges and references.

use num_bigint::BigInt;

use super::directive::word;
use super::{Parser, nested};
use crate::SyntaxError;
use crate::tree::Expression;

/// The operators that are words.
pub(super) fn is_keyword(word: &str) -> bool {
    matches!(word, "and" | "or" | "not" | "eq" | "ne" | "lt" | "le" | "gt" | "ge")
}

/// The maximum number of digits of a number.
const DIGITS_MAX: usize = 1_000;

impl Parser<'_> {
    /// A literal or a reference.
    pub(super) fn value(&mut self) -> Result<Expression, SyntaxError> {
        let start = self.at;
        match self.next() {
            Some('$') => {
                for (text, is_true) in [("$true", true), ("$false", false)] {
                    let after = self.rest().strip_prefix(text);
                    let is_word = after.is_some_and(|after| {
                        !after
                            .starts_with(|c: char| c.is_ascii_alphanumeric() || "_-.[".contains(c))
                    });
                    if is_word {
                        self.at += text.len();
                        return Ok(Expression::Bool(is_true));
                    }
                }
                match self.deeper(Parser::reference)? {
                    Some(reference) => Ok(Expression::Reference(reference)),
                    None => Err(self.error_at(start, "a reference is expected after `$`")),
                }
            }
            Some('"' | '\'') => self.quoted(),
            Some('[') => self.deeper(Parser::list),
            Some('{') => self.deeper(Parser::map),
            Some('-' | '.' | '0'..='9') => self.number(),
            _ => match word(self.rest()) {
                Some(word @ ("true" | "false")) => {
                    self.at += word.len();
                    Ok(Expression::Bool(word == "true"))
                }
                _ => Err(self.error("a value is expected")),
            },
        }
    }

    /// A text in quotes. A doubled quote is one quote, and a backslash is a character. In double quotes it is a template if it has
    /// a `$` or a `#`.
    fn quoted(&mut self) -> Result<Expression, SyntaxError> {
        let start = self.at;
        let Some(quote) = self.next() else { return Err(self.error("a text is expected")) };
        self.at += 1;
        let mut content = String::new();
        loop {
            let rest = self.rest();
            let Some(end) = rest.find(quote) else {
                return Err(self.error_at(start, &format!("the text is not closed with {quote}")));
            };
            content.push_str(&rest[..end]);
            self.at += end + 1;
            if self.next() != Some(quote) {
                break;
            }
            self.at += 1;
            content.push(quote);
        }
        if quote == '\'' {
            return Ok(Expression::Text(content));
        }
        let Some(content) = unescaped(&content) else {
            return Err(self.error_at(start, "`\\u` needs four hexadecimal digits"));
        };
        if !self.text[start..self.at].contains(['$', '#']) {
            return Ok(Expression::Text(content));
        }
        // As Velocity does, so that a reference at the end is complete.
        let is_padded = !content.contains("##");
        let padded = if is_padded { content + " " } else { content };
        let levels = self.levels;
        let nodes = nested(&padded, levels + 1).map_err(|error| {
            self.error_at(start, &format!("the text in quotes is not a template: {}", error.what))
        })?;
        Ok(Expression::Interpolated { nodes, is_padded })
    }

    /// `[1, 2]` or `[1..2]`
    fn list(&mut self) -> Result<Expression, SyntaxError> {
        self.expect("[")?;
        let mut items = Vec::new();
        if self.eat("]") {
            return Ok(Expression::List(items));
        }
        loop {
            self.space();
            items.push(self.value()?);
            self.space();
            let is_range = match &items[..] {
                [Expression::Reference(_) | Expression::Integer(_)] => self.eat(".."),
                _ => false,
            };
            if is_range {
                self.space();
                let last = self.value()?;
                if !matches!(last, Expression::Reference(_) | Expression::Integer(_)) {
                    return Err(self.error("a range ends with an integer or a reference"));
                }
                self.space();
                self.expect("]")?;
                let first = items.remove(0);
                return Ok(Expression::Range(Box::new(first), Box::new(last)));
            }
            if self.eat("]") {
                return Ok(Expression::List(items));
            }
            self.expect(",")?;
        }
    }

    /// `{"a": 1}`
    fn map(&mut self) -> Result<Expression, SyntaxError> {
        self.expect("{")?;
        let mut members = Vec::new();
        self.space();
        if self.eat("}") {
            return Ok(Expression::Map(members));
        }
        loop {
            self.space();
            let key = self.value()?;
            self.space();
            self.expect(":")?;
            self.space();
            members.push((key, self.value()?));
            self.space();
            if self.eat("}") {
                return Ok(Expression::Map(members));
            }
            self.expect(",")?;
        }
    }

    fn number(&mut self) -> Result<Expression, SyntaxError> {
        let start = self.at;
        let rest = self.rest();
        let digits = |text: &str| text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let mut length = usize::from(rest.starts_with('-'));
        let whole = digits(&rest[length..]);
        length += whole;
        let mut is_float = false;
        // `1..5` is a range, and `1.5`, `1.` and `.5` are numbers.
        let after = &rest[length..];
        if after.starts_with('.') && !after.starts_with("..") {
            let fraction = digits(&after[1..]);
            if whole + fraction > 0 {
                is_float = true;
                length += 1 + fraction;
            }
        }
        if let Some(exponent) = rest[length..].strip_prefix(['e', 'E']) {
            let sign = usize::from(exponent.starts_with(['+', '-']));
            let power = digits(&exponent[sign..]);
            if power > 0 && length > 0 {
                is_float = true;
                length += 1 + sign + power;
            }
        }
        let text = &rest[..length];
        let number = match (is_float, length > DIGITS_MAX) {
            (_, true) => None,
            (true, _) => text.parse().map(Expression::Float).ok(),
            (false, _) => text.parse::<BigInt>().map(Expression::Integer).ok(),
        };
        self.at += length;
        number.ok_or_else(|| self.error_at(start, "a value is expected"))
    }
}

/// The text with the characters of `\u0041`; `None` if a `\u` has no four digits.
fn unescaped(text: &str) -> Option<String> {
    let mut parts = text.split("\\u");
    let mut units: Vec<u16> = parts.next().unwrap_or_default().encode_utf16().collect();
    for part in parts {
        let digits =
            part.get(..4).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))?;
        units.push(u16::from_str_radix(digits, 16).ok()?);
        units.extend(part[4..].encode_utf16());
    }
    Some(String::from_utf16_lossy(&units))
}
