//! The name that somebody probably meant.

/// The known name nearest to `written`, when it is near enough to be a slip of the hand: a third of its letters.
pub fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let letters = written.chars().count();
    // The distance takes the product of both lengths; nobody slips over names as long as this.
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

/// How many letters have to be changed, added or removed, in any case of letters.
pub fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.to_lowercase().chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (taken, from) in left.to_lowercase().chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = taken + 1;
        for (at, to) in right.iter().enumerate() {
            let change = diagonal + usize::from(from != *to);
            diagonal = row[at + 1];
            row[at + 1] = change.min(diagonal + 1).min(row[at] + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 4] = ["Timeout", "MemorySize", "Runtime", "Handler"];

    #[test]
    fn a_slip_of_the_hand_is_recognized() {
        assert_eq!(nearest("Timeot", KNOWN), Some("Timeout"));
        assert_eq!(nearest("memorysize", KNOWN), Some("MemorySize"));
        assert_eq!(nearest("Handlre", KNOWN), Some("Handler"));
    }

    #[test]
    fn another_word_is_nobody_s_slip() {
        for word in ["", "Tags", "Banana", "x", &"Timeout".repeat(100)] {
            assert_eq!(nearest(word, KNOWN), None, "{word}");
        }
    }
}
