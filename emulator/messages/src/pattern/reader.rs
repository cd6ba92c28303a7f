//! The tokens of a pattern's text, with the positions that AWS's errors name.
//!
//! AWS reads patterns with the Java library Jackson, whose errors name the place up to which it has read: behind a number or a word,
//! but directly behind the first quotation mark of a string that was not used yet. This reader stops at the same places.

use super::{PatternError, Place};

/// The deepest nesting of a pattern. UNCONFIRMED: AWS publishes no number.
const NESTING_MAX: usize = 200;
/// The number of characters of the text that an error repeats: `MAX_CONTENT_SNIPPET` of Jackson 2.
const SHOWN_MAX: usize = 500;
const CLOSING_QUOTE: &str = ": was expecting closing quote for a string value";
const VALUES: &str = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    StartObject,
    EndObject,
    StartArray,
    EndArray,
    Name,
    Text,
    Number,
    True,
    False,
    Null,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Container {
    Object,
    Array,
}

impl Container {
    fn name(self) -> &'static str {
        match self {
            Container::Object => "Object",
            Container::Array => "Array",
        }
    }
}

/// The reader of one text.
#[derive(Debug)]
pub(super) struct Reader<'t> {
    text: &'t str,
    /// The place of the next byte.
    at: usize,
    /// The containers that are open, each with the place behind its first character.
    open: Vec<(Container, usize)>,
    /// Whether the next member of the innermost container follows a comma.
    follows: bool,
    current: Option<Token>,
    /// The value behind a name, whose first character is read with the name.
    pending: Option<Token>,
    /// Whether the current value is a string of which only the first quotation mark was read.
    unread: bool,
    name: String,
    value: String,
}

impl<'t> Reader<'t> {
    pub(super) fn new(text: &'t str) -> Reader<'t> {
        Reader {
            text,
            at: 0,
            open: Vec::new(),
            follows: false,
            current: None,
            pending: None,
            unread: false,
            name: String::new(),
            value: String::new(),
        }
    }

    /// The next token.
    ///
    /// # Errors
    ///
    /// If the text is not JSON.
    pub(super) fn next(&mut self) -> Result<Token, PatternError> {
        let token = match self.pending.take() {
            Some(token) => token,
            None => self.advance()?,
        };
        match token {
            Token::StartObject | Token::StartArray => {
                if self.open.len() == NESTING_MAX {
                    let text = format!("The nesting is deeper than the maximum of {NESTING_MAX}");
                    return Err(self.syntax(&text, self.at));
                }
                let object = token == Token::StartObject;
                let container = if object { Container::Object } else { Container::Array };
                self.open.push((container, self.at));
                self.follows = false;
            }
            Token::EndObject | Token::EndArray => {
                self.open.pop();
                self.follows = true;
            }
            Token::Name => {}
            Token::Text | Token::Number | Token::True | Token::False | Token::Null => {
                self.follows = true;
            }
        }
        self.current = Some(token);
        Ok(token)
    }

    /// The text of the current token. It reads the rest of a string.
    ///
    /// # Errors
    ///
    /// If the string does not end, or has an invalid escape.
    pub(super) fn text(&mut self) -> Result<&str, PatternError> {
        self.read_string()?;
        Ok(match self.current {
            None => "",
            Some(Token::StartObject) => "{",
            Some(Token::EndObject) => "}",
            Some(Token::StartArray) => "[",
            Some(Token::EndArray) => "]",
            Some(Token::Name) => &self.name,
            Some(Token::Text | Token::Number) => &self.value,
            Some(Token::True) => "true",
            Some(Token::False) => "false",
            Some(Token::Null) => "null",
        })
    }

    /// The last name that was read.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// A rule that the pattern breaks at the current place.
    pub(super) fn error(&self, message: &str) -> PatternError {
        PatternError {
            message: message.to_owned(),
            place: Some(self.place(self.at)),
            is_syntax: false,
        }
    }

    /// A rule of JSON that the text breaks.
    fn syntax(&self, message: &str, at: usize) -> PatternError {
        PatternError { message: message.to_owned(), place: Some(self.place(at)), is_syntax: true }
    }

    fn place(&self, at: usize) -> Place {
        let before = self.text.get(..at).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let start = before.rfind('\n').map_or(0, |end| end + 1);
        let column = before[start..].encode_utf16().count() + 1;
        let units = self.text.encode_utf16().count();
        let source = match units > SHOWN_MAX {
            true => {
                let shown: Vec<u16> = self.text.encode_utf16().take(SHOWN_MAX).collect();
                let shown = String::from_utf16_lossy(&shown);
                format!("\"{shown}\"[truncated {} chars]", units - SHOWN_MAX)
            }
            false => format!("\"{}\"", self.text),
        };
        Place { source, line, column }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn advance(&mut self) -> Result<Token, PatternError> {
        self.read_string()?;
        self.skip_space();
        let container = self.open.last().map(|(container, _)| *container);
        match (self.peek(), container) {
            (None, _) => return Err(self.end_of_input()),
            (Some(b'}'), Some(Container::Object)) => {
                self.at += 1;
                return Ok(Token::EndObject);
            }
            (Some(b']'), Some(Container::Array)) => {
                self.at += 1;
                return Ok(Token::EndArray);
            }
            (Some(_), _) => {}
        }
        if self.follows {
            let of = container.map_or("Root", Container::name);
            self.expect(b',', &format!("was expecting comma to separate {of} entries"))?;
            self.skip_space();
        }
        match container {
            Some(Container::Object) => {
                self.expect(b'"', "was expecting double-quote to start field name")?;
                self.name = self.string("in field name", "name")?;
                self.skip_space();
                self.expect(b':', "was expecting a colon to separate field name and value")?;
                self.skip_space();
                self.pending = Some(self.value()?);
                Ok(Token::Name)
            }
            Some(Container::Array) | None => self.value(),
        }
    }

    /// Reads a value as far as Jackson does.
    fn value(&mut self) -> Result<Token, PatternError> {
        match self.peek() {
            None => Err(self.end_between_entries()),
            Some(b'"') => {
                self.at += 1;
                self.unread = true;
                Ok(Token::Text)
            }
            Some(b'{') => {
                self.at += 1;
                Ok(Token::StartObject)
            }
            Some(b'[') => {
                self.at += 1;
                Ok(Token::StartArray)
            }
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(byte) if byte.is_ascii_alphabetic() => self.word(),
            Some(_) => Err(self.unexpected(&format!("expected a valid value {VALUES}"))),
        }
    }

    fn number(&mut self) -> Result<Token, PatternError> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        let whole = self.digits();
        if whole == 0 {
            return Err(self
                .unexpected("expected digit (0-9) to follow minus sign, for valid numeric value"));
        }
        if whole > 1 && self.text.as_bytes()[self.at - whole] == b'0' {
            return Err(self.syntax("Invalid numeric value: Leading zeroes not allowed", self.at));
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            if self.digits() == 0 {
                return Err(self.unexpected("Decimal point not followed by a digit"));
            }
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            if self.digits() == 0 {
                return Err(self.unexpected("Exponent indicator not followed by a digit"));
            }
        }
        self.value = self.text[start..self.at].to_owned();
        Ok(Token::Number)
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        self.at - start
    }

    fn word(&mut self) -> Result<Token, PatternError> {
        let rest = &self.text[self.at..];
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '$');
        let word = &rest[..end.unwrap_or(rest.len())];
        self.at += word.len();
        match word {
            "true" => Ok(Token::True),
            "false" => Ok(Token::False),
            "null" => Ok(Token::Null),
            _ => {
                let text = format!("Unrecognized token '{word}': was expecting {VALUES}");
                Err(self.syntax(&text, self.at))
            }
        }
    }

    fn read_string(&mut self) -> Result<(), PatternError> {
        if std::mem::take(&mut self.unread) {
            self.value = self.string(CLOSING_QUOTE, "string value")?;
        }
        Ok(())
    }

    /// The rest of a string, whose first quotation mark was read. `serde_json` decodes the escapes.
    fn string(&mut self, unfinished: &str, part: &str) -> Result<String, PatternError> {
        let start = self.at - 1;
        loop {
            match self.peek() {
                None => {
                    let space = if unfinished.starts_with(':') { "" } else { " " };
                    let text = format!("Unexpected end-of-input{space}{unfinished}");
                    return Err(self.syntax(&text, self.text.len()));
                }
                Some(b'\\') => self.at += 2,
                Some(b'"') => break,
                Some(code @ ..b' ') => {
                    let text = format!(
                        "Illegal unquoted character ((CTRL-CHAR, code {code})): has to be escaped using backslash to be included in {part}"
                    );
                    return Err(self.syntax(&text, self.at));
                }
                Some(_) => self.at += 1,
            }
        }
        self.at += 1;
        let quoted = self.text.get(start..self.at).unwrap_or_default();
        serde_json::from_str(quoted)
            .map_err(|_| self.syntax("Unrecognized character escape in a string", self.at))
    }

    fn expect(&mut self, byte: u8, expected: &str) -> Result<(), PatternError> {
        match self.peek() {
            Some(next) if next == byte => {
                self.at += 1;
                Ok(())
            }
            Some(_) => Err(self.unexpected(expected)),
            None => Err(self.end_of_input()),
        }
    }

    fn unexpected(&self, expected: &str) -> PatternError {
        match self.text.get(self.at..).and_then(|rest| rest.chars().next()) {
            Some(c) => {
                let code = u32::from(c);
                let text = format!("Unexpected character ('{c}' (code {code})): {expected}");
                self.syntax(&text, self.at)
            }
            None => self.end_of_input(),
        }
    }

    /// The text ended where a comma or the end of a container could follow.
    fn end_of_input(&self) -> PatternError {
        let text = match self.open.last() {
            None => "Filter is not an object".to_owned(),
            Some((container, start)) => {
                let (name, Place { source, line, column }) =
                    (container.name(), self.place(start - 1));
                format!(
                    "Unexpected end-of-input: expected close marker for {name} (start marker at [Source: (String){source}; line: \
                     {line}, column: {column}])"
                )
            }
        };
        self.syntax(&text, self.text.len())
    }

    /// The text ended where a value had to follow.
    fn end_between_entries(&self) -> PatternError {
        match self.open.last() {
            None => self.end_of_input(),
            Some((container, _)) => {
                let text =
                    format!("Unexpected end-of-input within/between {} entries", container.name());
                self.syntax(&text, self.text.len())
            }
        }
    }
}
