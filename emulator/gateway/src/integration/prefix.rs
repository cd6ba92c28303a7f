//! The part of a JSON text that its first bytes tell.

/// The first bytes of a JSON text, without the value or the name that they cut, and with all objects and lists closed.
///
/// AWS truncates a body and then selects a part of it. What lies before the cut is selected, and what the cut divides is not:
/// UNCONFIRMED.
pub(super) fn closed(cut: &[u8]) -> Vec<u8> {
    let mut open: Vec<u8> = Vec::new();
    let mut in_string = false;
    let mut is_escaped = false;
    // The end of the last part after which the text can be closed, and what is open there.
    let mut complete = (0, Vec::new());
    for (at, &byte) in cut.iter().enumerate() {
        if in_string {
            match byte {
                _ if is_escaped => is_escaped = false,
                b'\\' => is_escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'{' => {
                open.push(b'}');
                complete = (at + 1, open.clone());
            }
            b'[' => {
                open.push(b']');
                complete = (at + 1, open.clone());
            }
            b'}' | b']' => {
                open.pop();
                complete = (at + 1, open.clone());
            }
            b',' => complete = (at, open.clone()),
            _ => {}
        }
    }
    let (end, open) = complete;
    let mut text = cut[..end].to_vec();
    text.extend(open.into_iter().rev());
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_cut_divides_is_left_out_and_the_rest_is_json() {
        for (cut, expected) in [
            (r#"{"a":1,"b":"lon"#, r#"{"a":1}"#),
            (r#"{"a":[1,2,{"b":3},4"#, r#"{"a":[1,2,{"b":3}]}"#),
            (r#"{"a":{"b":1},"#, r#"{"a":{"b":1}}"#),
            (r#"{"a,[{\"":1,"b"#, r#"{"a,[{\"":1}"#),
            (r#"{"a"#, "{}"),
            ("[", "[]"),
            (r#""text"#, ""),
            ("", ""),
        ] {
            assert_eq!(String::from_utf8(closed(cut.as_bytes())).unwrap(), expected, "{cut}");
        }
    }

    #[test]
    fn every_cut_of_a_json_text_is_closed_to_json_or_nothing() {
        let whole = r#"{"a":[1,{"b":"x\"}]"},[[]],null],"c":{"d":{}},"e":-1.5e3}"#;
        for end in 0..whole.len() {
            let text = closed(&whole.as_bytes()[..end]);
            let read = serde_json::from_slice::<serde_json::Value>(&text);
            assert!(text.is_empty() || read.is_ok(), "{}", String::from_utf8_lossy(&text));
        }
    }
}
