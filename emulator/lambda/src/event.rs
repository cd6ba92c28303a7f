//! JSON validation of events, with AWS's error text. Pure.

use hardcap_core::plain_json;
use serde::de::IgnoredAny;

use crate::stop::InvokeError;

/// Accepts JSON, and an empty body.
///
/// # Errors
///
/// [`InvokeError::InvalidEvent`] with AWS's text.
pub fn must_be_json(event: &[u8]) -> Result<(), InvokeError> {
    if event.is_empty() || plain_json::is_plain(event) {
        return Ok(());
    }
    let error = match std::str::from_utf8(event) {
        Err(error) => invalid_utf8(event, error.valid_up_to()),
        Ok(text) => match serde_json::from_str::<IgnoredAny>(text) {
            Ok(_) => return Ok(()),
            Err(error) => syntax(text, &error),
        },
    };
    let message = format!(
        "Could not parse request body into json: Could not parse payload into json: {}\n at [Source: REDACTED \
         (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: {}, column: {}]",
        error.what, error.line, error.column
    );
    Err(InvokeError::InvalidEvent { message })
}

struct SyntaxError {
    what: String,
    line: usize,
    column: usize,
}

/// An invalid UTF-8 byte. At the start of a value AWS reports an unexpected character, inside a string an invalid start byte:
/// both were recorded on 2025-11-24, the first for the byte 0x99, the second for 0x87.
fn invalid_utf8(event: &[u8], at: usize) -> SyntaxError {
    let byte = event[at];
    let (line, column) = position(&event[..at]);
    let what = if event[..at].iter().all(u8::is_ascii_whitespace) && byte < 0xc0 {
        unexpected(char::from(byte))
    } else {
        format!("Invalid UTF-8 start byte {byte:#x}")
    };
    SyntaxError { what, line, column }
}

/// A JSON syntax error. Recorded for a character that cannot start a value; the text for other errors is unconfirmed.
fn syntax(text: &str, error: &serde_json::Error) -> SyntaxError {
    if error.is_eof() {
        let what = "Unexpected end-of-input".to_owned();
        return SyntaxError { what, line: error.line(), column: error.column() + 1 };
    }
    let at = offset(text.as_bytes(), error.line(), error.column());
    let found = text.get(at..).and_then(|rest| rest.chars().next()).unwrap_or('\0');
    SyntaxError { what: unexpected(found), line: error.line(), column: error.column() }
}

fn unexpected(found: char) -> String {
    let code = u32::from(found);
    let shown = if found.is_control() {
        format!("(CTRL-CHAR, code {code})")
    } else {
        format!("'{found}' (code {code})")
    };
    format!(
        "Unexpected character ({shown}): expected a valid value (JSON String, Number, Array, Object or token 'null', \
         'true' or 'false')"
    )
}

/// Line and column, from 1, after these bytes.
fn position(before: &[u8]) -> (usize, usize) {
    let line_start = before.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
    let line = 1 + before.iter().filter(|&&byte| byte == b'\n').count();
    (line, 1 + before.len() - line_start)
}

/// The offset of a line and column, from 1.
fn offset(text: &[u8], line: usize, column: usize) -> usize {
    let ends = text.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
    let start = std::iter::once(0).chain(ends).nth(line.saturating_sub(1)).unwrap_or(0);
    start + column.saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(event: &[u8]) -> String {
        match must_be_json(event) {
            Err(InvokeError::InvalidEvent { message }) => message,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_kind_of_json_and_an_empty_body_are_accepted() {
        for event in
            ["", "{}", "[]", "\"text\"", "3", "null", " {\"a\": [1, 2.5e3]}\n", "\"\u{fc}\""]
        {
            assert!(must_be_json(event.as_bytes()).is_ok(), "{event}");
        }
    }

    #[test]
    fn a_byte_that_starts_no_value_is_refused_with_the_text_recorded_on_2025_11_24() {
        assert_eq!(
            refusal(b"\x99\x00"),
            "Could not parse request body into json: Could not parse payload into json: Unexpected character \
             ((CTRL-CHAR, code 153)): expected a valid value (JSON String, Number, Array, Object or token 'null', 'true' \
             or 'false')\n at [Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: 1, \
             column: 1]"
        );
    }

    #[test]
    fn invalid_utf_8_is_refused_with_its_byte() {
        let message = refusal(b"{\"a\": \"\x87\"}");
        assert!(message.contains("Invalid UTF-8 start byte 0x87\n at"), "{message}");
        assert!(message.ends_with("line: 1, column: 8]"), "{message}");
    }

    #[test]
    fn the_refusal_names_the_character_and_its_position() {
        let message = refusal(b"{\n  \"a\": hello}");
        assert!(message.contains("Unexpected character ('h' (code 104))"), "{message}");
        assert!(message.ends_with("line: 2, column: 8]"), "{message}");
    }

    #[test]
    fn truncated_json_and_multiple_values_are_refused() {
        for event in
            [&b"{\"a\":"[..], b"\"open", b"{} {}", b"[1,]", b"nul", b"\xff", b"01", b"\n\n\xe2\x82"]
        {
            assert!(refusal(event).contains("line: "), "{event:?}");
        }
    }
}
