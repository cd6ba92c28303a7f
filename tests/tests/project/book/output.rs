//! What a page shows of an output, compared with an output.

/// Whether an output is what a page shows. A line `…` stands for any number of lines, `…` in a line for any text.
pub(crate) fn is_shown(shown: &str, output: &str) -> bool {
    let lines = |text: &str| -> Vec<String> {
        text.trim_end().lines().map(|line| line.trim_end().to_owned()).collect()
    };
    lines_match(&lines(shown), &lines(output))
}

fn lines_match(shown: &[String], output: &[String]) -> bool {
    match shown.split_first() {
        None => output.is_empty(),
        Some((line, rest)) if line.trim() == "…" => {
            (0..=output.len()).any(|skipped| lines_match(rest, &output[skipped..]))
        }
        Some((line, rest)) => match output.split_first() {
            Some((first, others)) => line_matches(line, first) && lines_match(rest, others),
            None => false,
        },
    }
}

fn line_matches(shown: &str, line: &str) -> bool {
    let mut parts = shown.split('…');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = line.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.len() >= last.len() && rest.ends_with(last)
}

#[test]
fn an_output_is_compared_with_what_is_shown_of_it() {
    for (shown, output) in [
        ("a\nb", "a\nb\n"),
        ("a  \n…\nd", "a\nb\nc\nd"),
        ("…", ""),
        ("id … of …", "id 17 of 20"),
        ("…b", "ab"),
    ] {
        assert!(is_shown(shown, output), "{shown:?} {output:?}");
    }
    for (shown, output) in [
        ("a", "a\nb"),
        ("a\nb", "a"),
        ("…\nd", "a\nb"),
        ("id … of 3", "id 17 of 20"),
        ("ab…ab", "ab"),
    ] {
        assert!(!is_shown(shown, output), "{shown:?} {output:?}");
    }
}
