//! The tokens of DynamoDB's expressions. Pure.

/// Splits an expression into names, placeholders, numbers and operators. Characters that no expression has become tokens too: the
/// engine refuses them.
pub(super) fn tokens(expression: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = expression.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = match rest.find(|letter| !is_of_word(letter)) {
            Some(0) if ["<>", "<=", ">="].iter().any(|operator| rest.starts_with(operator)) => 2,
            Some(0) => first.len_utf8(),
            Some(length) => length,
            None => rest.len(),
        };
        let (token, after) = rest.split_at(length);
        tokens.push(token);
        rest = after.trim_start();
    }
    tokens
}

fn is_of_word(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '_' | '#' | ':')
}

/// Whether a token is a keyword, which can be written in any case.
pub(super) fn is_keyword(token: &str, keyword: &str) -> bool {
    token.eq_ignore_ascii_case(keyword)
}

/// Whether a token is a placeholder of a value.
pub(super) fn is_value(token: &str) -> bool {
    token.starts_with(':')
}

/// The tokens between separators that are outside of parentheses and brackets.
pub(super) fn split<'t, 'e>(
    tokens: &'t [&'e str],
    mut is_separator: impl FnMut(&str) -> bool,
) -> Vec<&'t [&'e str]> {
    let mut depth = 0_usize;
    tokens
        .split(|token| {
            match *token {
                "(" | "[" => depth += 1,
                ")" | "]" => depth = depth.saturating_sub(1),
                _ => {}
            }
            depth == 0 && is_separator(token)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_is_split_at_spaces_and_operators() {
        let expected =
            ["#a", ".", "b", "[", "0", "]", "<>", ":v", "AND", "(", "c", ">=", ":w", ")"];
        assert_eq!(tokens(" #a.b[0]<>:v AND (c>= :w) "), expected);
        assert!(tokens("  ").is_empty());
        assert_eq!(tokens("a = é"), ["a", "=", "é"]);
    }

    #[test]
    fn a_separator_in_parentheses_does_not_split() {
        let tokens = tokens("a, f(b, c), d");
        let parts = split(&tokens, |token| token == ",");
        assert_eq!(parts, [&["a"][..], &["f", "(", "b", ",", "c", ")"], &["d"]]);
    }
}
