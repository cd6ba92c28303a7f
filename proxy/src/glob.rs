//! Globs: `*` matches any number of characters.

/// Whether a glob matches a text.
pub(crate) fn matches(glob: &str, text: &str) -> bool {
    let Some((first, rest)) = glob.split_once('*') else {
        return glob == text;
    };
    let Some(mut text) = text.strip_prefix(first) else {
        return false;
    };
    let mut pieces: Vec<&str> = rest.split('*').collect();
    let last = pieces.pop().unwrap_or_default();
    for piece in pieces {
        match text.find(piece) {
            Some(at) => text = &text[at + piece.len()..],
            None => return false,
        }
    }
    text.ends_with(last)
}

/// Whether two globs have a match in common.
pub(crate) fn overlap(one: &str, other: &str) -> bool {
    // `reach[i][j]`: whether the rests `one[i..]` and `other[j..]` have a match in common.
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let (rows, columns) = (one.len(), other.len());
    let mut reach = vec![vec![false; columns + 1]; rows + 1];
    for i in (0..=rows).rev() {
        for j in (0..=columns).rev() {
            reach[i][j] = match (one.get(i), other.get(j)) {
                (None, None) => true,
                (Some('*'), _) => reach[i + 1][j] || (j < columns && reach[i][j + 1]),
                (_, Some('*')) => reach[i][j + 1] || (i < rows && reach[i + 1][j]),
                (Some(a), Some(b)) => a == b && reach[i + 1][j + 1],
                (Some(_), None) | (None, Some(_)) => false,
            };
        }
    }
    reach[0][0]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_star_matches_any_characters() {
        for (glob, text, expected) in [
            ("a", "a", true),
            ("a", "ab", false),
            ("*", "", true),
            ("*", "abc", true),
            ("a*", "abc", true),
            ("a*c", "abc", true),
            ("a*c", "ab", false),
            ("a*a", "a", false),
            ("*b*", "abc", true),
            ("*b*b*", "ab", false),
            ("a*b*c", "axbxc", true),
            ("a*b*c", "axxc", false),
            ("é*", "été", true),
        ] {
            assert_eq!(matches(glob, text), expected, "{glob} {text}");
        }
    }

    #[test]
    fn two_globs_overlap_if_a_text_matches_both() {
        for (one, other, expected) in [
            ("secret-*", "sec*", true),
            ("secret-*", "*", true),
            ("secret-*", "*-1", true),
            ("secret-*", "secret", false),
            ("secret-*", "logs-*", false),
            ("*a", "b*", true),
            ("a*b", "a*c", false),
            ("a*b", "*c*", true),
            ("", "*", true),
            ("", "", true),
            ("", "a", false),
            ("**", "x", true),
            ("é*", "*é", true),
        ] {
            assert_eq!(overlap(one, other), expected, "{one} {other}");
            assert_eq!(overlap(other, one), expected, "{other} {one}");
        }
    }

    proptest! {
        #[test]
        fn a_glob_overlaps_a_plain_text_exactly_when_it_matches_it(
            glob in "[ab*]{0,8}", text in "[ab]{0,8}",
        ) {
            prop_assert_eq!(overlap(&glob, &text), matches(&glob, &text));
        }

        #[test]
        fn two_globs_that_match_one_text_overlap(
            one in "[ab*]{0,6}", other in "[ab*]{0,6}", text in "[ab]{0,6}",
        ) {
            if matches(&one, &text) && matches(&other, &text) {
                prop_assert!(overlap(&one, &other));
            }
        }
    }
}
