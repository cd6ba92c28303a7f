//! Decodes the input into text that can be searched and printed. Pure.

/// An input, decoded.
#[derive(Clone, Debug)]
pub(crate) struct Input {
    /// The bytes without a byte order mark and surrounding blanks, which are measured.
    pub(crate) bytes: Vec<u8>,
    /// The text without escape sequences and other control characters; every line ends in `\n`.
    pub(crate) text: String,
}

impl Input {
    pub(crate) fn new(bytes: &[u8]) -> Input {
        let decoded = decode(bytes);
        let bytes = decoded.trim().as_bytes().to_vec();
        let text = clean(&decoded);
        let text = if is_csv_export(&text) { unquoted(&text) } else { text };
        Input { bytes, text }
    }
}

/// Whether a text is an export of log lines as CSV: `timestamp,message` of the console of CloudWatch Logs, `@timestamp,@message` of
/// Logs Insights.
pub(crate) fn is_csv_export(text: &str) -> bool {
    let header = text.trim_start().lines().next().unwrap_or_default();
    let mut names = header.split(',').map(|name| name.trim().trim_matches('"'));
    header.contains(',') && names.any(|name| matches!(name, "message" | "@message"))
}

/// A CSV without the quotes of its fields (RFC 4180). Line breaks stay, so lines keep their numbers.
fn unquoted(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let (mut is_quoted, mut is_start) = (false, true);
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '"' if is_start => (is_quoted, is_start) = (true, false),
            '"' if is_quoted && rest.next_if_eq(&'"').is_none() => is_quoted = false,
            c => {
                is_start = !is_quoted && matches!(c, ',' | '\n');
                plain.push(c);
            }
        }
    }
    plain
}

/// Decodes UTF-8, and UTF-16 with a byte order mark, such as a redirect in `PowerShell` writes.
fn decode(bytes: &[u8]) -> String {
    let wide = |rest: &[u8], unit: fn([u8; 2]) -> u16| {
        let units = rest.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
        char::decode_utf16(units).map(|one| one.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
    };
    match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        [0xff, 0xfe, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => wide(rest, u16::from_be_bytes),
        _ => String::from_utf8_lossy(bytes).into_owned(),
    }
}

/// Removes escape sequences and control characters, and makes every line end in `\n`.
pub(crate) fn clean(text: &str) -> String {
    let mut cleaned = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\x1b' => skip_escape(&mut rest),
            '\u{9b}' => skip_control_sequence(&mut rest),
            '\r' => {
                rest.next_if_eq(&'\n');
                cleaned.push('\n');
            }
            '\n' | '\t' => cleaned.push(c),
            c if c.is_control() || is_direction(c) => {}
            c => cleaned.push(c),
        }
    }
    cleaned
}

/// Characters that change the order in which a terminal shows a text.
fn is_direction(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

fn skip_escape(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    match rest.next_if(|c| !c.is_whitespace()) {
        Some('[') => skip_control_sequence(rest),
        // A command to the terminal, such as its title; it ends in BEL or in ESC \. One that does not end is dropped to the
        // end of its line.
        Some(']' | 'P' | '_' | '^' | 'X') => {
            while let Some(c) = rest.next_if(|c| *c != '\n') {
                if c == '\x07' {
                    break;
                }
                if c == '\x1b' {
                    rest.next_if_eq(&'\\');
                    break;
                }
            }
        }
        _ => {}
    }
}

/// Parameters, then one final character.
fn skip_control_sequence(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    while rest.next_if(|c| matches!(c, '\x20'..='\x3f')).is_some() {}
    rest.next_if(|c| matches!(c, '\x40'..='\x7e'));
}

/// A text on one line of a terminal, cut after `most` characters.
pub(crate) fn shown(text: &str, most: usize) -> String {
    let line = clean(text).split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(most) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_never_reach_the_text() {
        let pasted = "\x1b[31mred\x1b[0m \x1b]0;title\x07plain \u{9b}1mbold\x1b(B\x07\u{202e}end";
        assert_eq!(clean(pasted), "red plain boldBend");
        assert_eq!(clean("a\r\nb\rc\td\x1b"), "a\nb\nc\td");
    }

    #[test]
    fn a_byte_order_mark_decides_the_encoding() {
        let wide: Vec<u8> = [0xff, 0xfe]
            .into_iter()
            .chain("{\"a\":1}\r\n".encode_utf16().flat_map(u16::to_le_bytes))
            .collect();
        assert_eq!(Input::new(&wide).bytes, b"{\"a\":1}");
        assert_eq!(Input::new(b"\xef\xbb\xbf {} \n").bytes, b"{}");
        assert_eq!(Input::new(b"\xfe\xff\0a\0").text, "a");
        assert_eq!(Input::new(b"\xff\xff").text, "\u{fffd}\u{fffd}");
    }

    #[test]
    fn the_fields_of_a_csv_of_log_lines_have_no_quotes_and_keep_their_lines() {
        let csv = "timestamp,message\n1,\"{\"\"a\"\": \"\"b,c\"\"}\nnext\"\n2,plain \"word\"\n";
        let expected = "timestamp,message\n1,{\"a\": \"b,c\"}\nnext\n2,plain \"word\"\n";
        assert_eq!(Input::new(csv.as_bytes()).text, expected);
        let other = "a,\"b\"\"c\"\n";
        assert_eq!(Input::new(other.as_bytes()).text, other);
    }

    #[test]
    fn a_shown_text_has_one_line_and_a_bound() {
        assert_eq!(shown("a\n  b\x1b[2J\tc", 9), "a b c");
        assert_eq!(shown("äöüß", 2), "äö…");
    }
}
