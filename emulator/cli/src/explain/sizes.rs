//! The sizes in an error of S3: elements of its XML, or members of the error of an SDK. Pure.

/// The maximum distance of a size from the text of its error, in bytes.
const WINDOW: usize = 2_000;

/// The measured size and the limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sizes {
    pub(crate) observed: Option<u64>,
    pub(crate) max: Option<u64>,
}

impl Sizes {
    /// The sizes of the error whose code or message begins at an offset.
    pub(crate) fn after(text: &str, at: usize) -> Sizes {
        let rest = text.get(at..).unwrap_or_default();
        let rest = &rest[..rest.floor_char_boundary(WINDOW)];
        let error = rest.split("</Error>").next().unwrap_or(rest);
        Sizes {
            observed: value(error, "ProposedSize").or_else(|| value(error, "Size")),
            max: value(error, "MaxSizeAllowed").or_else(|| value(error, "MinSizeAllowed")),
        }
    }
}

/// The number in `<Name>12</Name>`, `Name: '12'` or `"Name": "12"`. A number at the end of the text may be incomplete.
fn value(text: &str, name: &str) -> Option<u64> {
    text.match_indices(name).find_map(|(at, _)| {
        let is_whole = !text[..at].ends_with(|c: char| c.is_ascii_alphanumeric());
        let rest = text[at + name.len()..].trim_start_matches(['"', '\'']);
        let rest = rest.strip_prefix(['>', ':']).filter(|_| is_whole)?;
        let rest = rest.trim_start_matches([' ', '"', '\'']);
        let end = rest.find(|c: char| !c.is_ascii_digit())?;
        rest[..end].parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_of_the_error_itself() {
        let known = Sizes { observed: Some(1025), max: Some(1024) };
        for text in [
            "<Code>KeyTooLongError</Code><Message>m</Message><Size>1025</Size><MaxSizeAllowed>1024</MaxSizeAllowed></Error>",
            "KeyTooLongError: m {\n  Size: '1025',\n  MaxSizeAllowed: '1024',\n",
            r#"{"Code": "KeyTooLongError", "Size": "1025", "MaxSizeAllowed": "1024"}"#,
            "<Code>EntityTooLarge</Code><ProposedSize>1025</ProposedSize><MaxSizeAllowed>1024</MaxSizeAllowed>",
        ] {
            assert_eq!(Sizes::after(text, 0), known, "{text}");
        }
        let other = "<Code>SlowDown</Code></Error>\n<Error><Size>1025</Size></Error>";
        assert_eq!(Sizes::after(other, 0), Sizes::default());
        assert_eq!(Sizes::after("<Code>KeyTooLongError</Code><Size>10", 0), Sizes::default());
    }
}
