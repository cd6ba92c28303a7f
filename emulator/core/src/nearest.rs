//! The correction of misspelled names.

/// The known name nearest to `written`, if at most a third of its letters differ.
pub fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let letters = written.chars().count();
    // The time is the product of both lengths. No known name has 100 letters.
    if letters == 0 || letters > 100 {
        return None;
    }
    known
        .into_iter()
        .map(|name| (distance(written, name), name))
        .filter(|(distance, name)| *distance <= letters.max(name.len()) / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// The number of letters to change, add or remove. Upper and lower case are equal.
pub fn distance(left: &str, right: &str) -> usize {
    strsim::levenshtein(&left.to_lowercase(), &right.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 4] = ["Timeout", "MemorySize", "Runtime", "Handler"];

    #[test]
    fn a_misspelled_name_is_recognized() {
        assert_eq!(nearest("Timeot", KNOWN), Some("Timeout"));
        assert_eq!(nearest("memorysize", KNOWN), Some("MemorySize"));
        assert_eq!(nearest("Handlre", KNOWN), Some("Handler"));
    }

    #[test]
    fn a_different_word_has_no_nearest_name() {
        for word in ["", "Tags", "Banana", "x", &"Timeout".repeat(100)] {
            assert_eq!(nearest(word, KNOWN), None, "{word}");
        }
    }
}
