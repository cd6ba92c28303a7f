//! JSON in one pass, with vector instructions for the content of strings. It accepts less than JSON: the caller parses a text that is
//! not accepted here with `serde_json`, which decides and names the error. Pure.

/// The length of the blocks in which the content of a string is skipped. The compiler makes vector instructions of a loop over
/// a block.
const BLOCK: usize = 32;
/// The deepest nesting that is accepted here.
const DEPTH_MAX: u32 = 64;

/// Whether these bytes are JSON in ASCII, without numbers of an unusual form. `false` decides nothing.
#[must_use]
pub fn is_plain(text: &[u8]) -> bool {
    let mut rest = Text { bytes: text, at: 0 };
    rest.value(DEPTH_MAX).is_some() && rest.is_at_end()
}

/// The members of an object, in their order: names without quotes, values as they are written. `None` if the text is not such JSON,
/// is not an object, or has a name with an escape.
///
/// ```
/// use hardcap_core::plain_json::members;
///
/// assert_eq!(members(br#"{"statusCode": 200, "body": "a"}"#), Some(vec![("statusCode", "200"), ("body", "\"a\"")]));
/// assert_eq!(members(b"[200]"), None);
/// ```
#[must_use]
pub fn members(text: &[u8]) -> Option<Vec<(&str, &str)>> {
    let mut rest = Text { bytes: text, at: 0 };
    rest.skip_space();
    if rest.peek()? != b'{' {
        return None;
    }
    let mut members = Vec::new();
    rest.members(b'}', |text| {
        let name = text.name()?;
        text.skip_space();
        let start = text.at;
        text.value(DEPTH_MAX)?;
        members.push((name, std::str::from_utf8(&text.bytes[start..text.at]).ok()?));
        Some(())
    })?;
    rest.is_at_end().then_some(members)
}

struct Text<'t> {
    bytes: &'t [u8],
    at: usize,
}

/// Whether a byte of a string is neither its end, nor an escape, nor forbidden, nor part of a longer character.
#[inline]
fn is_content(byte: u8) -> bool {
    (byte >= b' ') & (byte != b'"') & (byte != b'\\') & (byte < 0x80)
}

impl<'t> Text<'t> {
    /// Whether only white space is left.
    fn is_at_end(&mut self) -> bool {
        self.skip_space();
        self.at == self.bytes.len()
    }

    /// The name of a member, without escapes, and the colon behind it.
    fn name(&mut self) -> Option<&'t str> {
        self.skip_space();
        let start = self.at;
        self.string()?;
        let name = std::str::from_utf8(&self.bytes[start + 1..self.at - 1]).ok()?;
        self.skip_space();
        self.take(b':')?;
        (!name.contains('\\')).then_some(name)
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn value(&mut self, depth: u32) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        self.skip_space();
        match self.peek()? {
            b'"' => self.string(),
            b'{' => self.members(b'}', |text| {
                text.skip_space();
                text.string()?;
                text.skip_space();
                text.take(b':')?;
                text.value(depth)
            }),
            b'[' => self.members(b']', |text| text.value(depth)),
            b't' => self.word(b"true"),
            b'f' => self.word(b"false"),
            b'n' => self.word(b"null"),
            _ => self.number(),
        }
    }

    fn members(&mut self, end: u8, mut member: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.at += 1;
        self.skip_space();
        if self.take(end).is_some() {
            return Some(());
        }
        loop {
            member(self)?;
            self.skip_space();
            if self.take(end).is_some() {
                return Some(());
            }
            self.take(b',')?;
        }
    }

    fn string(&mut self) -> Option<()> {
        self.take(b'"')?;
        loop {
            let rest = &self.bytes[self.at..];
            let plain = |block: &[u8]| block.iter().fold(true, |all, byte| all & is_content(*byte));
            let mut skipped = rest.iter().take(BLOCK).take_while(|byte| is_content(**byte)).count();
            if skipped == BLOCK {
                while rest.get(skipped..skipped + BLOCK).is_some_and(plain) {
                    skipped += BLOCK;
                }
                skipped += rest[skipped..].iter().take_while(|byte| is_content(**byte)).count();
            }
            self.at += skipped;
            match *rest.get(skipped)? {
                b'"' => {
                    self.at += 1;
                    return Some(());
                }
                b'\\' => self.escape()?,
                _ => return None,
            }
        }
    }

    /// An escape; those of UTF-16 are not accepted here.
    fn escape(&mut self) -> Option<()> {
        let escaped = *self.bytes.get(self.at + 1)?;
        matches!(escaped, b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't')
            .then(|| self.at += 2)
    }

    fn word(&mut self, word: &[u8]) -> Option<()> {
        self.bytes[self.at..].starts_with(word).then(|| self.at += word.len())
    }

    /// A number without an exponent.
    fn number(&mut self) -> Option<()> {
        let _ = self.take(b'-');
        let starts_with_zero = self.peek() == Some(b'0');
        let whole = self.digits();
        if whole == 0 || (starts_with_zero && whole > 1) {
            return None;
        }
        if self.take(b'.').is_some() && self.digits() == 0 {
            return None;
        }
        (!matches!(self.peek(), Some(b'e' | b'E'))).then_some(())
    }

    fn digits(&mut self) -> usize {
        let digits = self.bytes[self.at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += digits;
        digits
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::de::IgnoredAny;

    use super::*;

    proptest! {
        #[test]
        fn whatever_is_accepted_is_json(text in "[\\[\\]{}:,\"\\\\ 0-9eE.ntrufalsx\\-\u{e9}\n]{0,40}") {
            if is_plain(text.as_bytes()) {
                prop_assert!(serde_json::from_str::<IgnoredAny>(&text).is_ok(), "{}", text);
            }
        }

        #[test]
        fn a_document_with_one_changed_byte_is_accepted_only_if_it_is_json(
            at in 0_usize..200, byte in any::<u8>(),
        ) {
            let mut text = DOCUMENT.as_bytes().to_vec();
            let at = at % text.len();
            text[at] = byte;
            if is_plain(&text) {
                prop_assert!(serde_json::from_slice::<IgnoredAny>(&text).is_ok());
                prop_assert!(std::str::from_utf8(&text).is_ok());
            }
        }
    }

    const DOCUMENT: &str = r#"{"a": [1, -2.50, true, false, null, {}, []], "long enough for a block of thirty-two bytes": "\n\"and more of it", "z" : {"b":"0"}}"#;

    #[test]
    fn usual_documents_are_accepted() {
        for text in [DOCUMENT, "{}", " [ ] ", "\"\"", "0", "-1.5", "null", "[[[[]]]]"] {
            assert!(is_plain(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn members_are_what_stands_between_their_separators() {
        let text = br#" {"a" : [1, {"b": "}"}] , "": "" ,"c":-0.5,"a":null } "#;
        let expected = [("a", r#"[1, {"b": "}"}]"#), ("", "\"\""), ("c", "-0.5"), ("a", "null")];
        assert_eq!(members(text).as_deref(), Some(&expected[..]));
        assert_eq!(members(b"{}"), Some(Vec::new()));
        for text in
            ["", "[]", "\"a\"", r#"{"\u0061":1}"#, r#"{"a\n":1}"#, "{} {}", r#"{"a":1"#, r#"{"a"}"#]
        {
            assert_eq!(members(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn unusual_ones_are_left_to_the_parser() {
        let deep = "[".repeat(100_000);
        for text in ["", "\"\u{e9}\"", "1e5", "01", "-", "1.", "{} {}", "[1,]", "\"\\x\"", &deep] {
            assert!(!is_plain(text.as_bytes()), "{:.20}", text);
        }
    }
}
