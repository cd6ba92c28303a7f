//! Percent-decoding and query strings, as the gateways decode them.

use percent_encoding::percent_decode_str;

/// Decodes `%XX`. A `%` without two hexadecimal digits stays unchanged, and bytes that are not UTF-8 become U+FFFD.
pub fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// Decodes a form value: `+` is a space too. Recorded from a REST API on 2024-08-02 (`plus=test+alias` arrives as `test
/// alias`).
pub fn decode_form(text: &str) -> String {
    decode(&text.replace('+', " "))
}

/// The decoded parameters of a raw query, in order. A name without `=` has an empty value.
///
/// `separators` is `&` for HTTP APIs and function URLs; a REST API also splits at `;` (known issue of API Gateway).
pub fn query_pairs(raw: &str, separators: &[char]) -> Vec<(String, String)> {
    raw.split(separators)
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode_form(name), decode_form(value))
        })
        .collect()
}

/// The query of decoded parameters, as a client of AWS encodes it.
pub fn encode_query<'p>(pairs: impl Iterator<Item = (&'p str, &'p str)>) -> String {
    let encoded = |text: &str| crate::uri::encode(text.as_bytes(), false);
    let pairs: Vec<String> =
        pairs.map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
    pairs.join("&")
}

/// Groups values by name, with the names in order of appearance.
pub fn grouped(pairs: &[(String, String)]) -> Vec<(&str, Vec<&str>)> {
    let mut groups: indexmap::IndexMap<&str, Vec<&str>> = indexmap::IndexMap::new();
    for (name, value) in pairs {
        groups.entry(name).or_default().push(value);
    }
    groups.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_signs_without_two_digits_stay_as_they_are() {
        assert_eq!(decode("a%2Fb"), "a/b");
        assert_eq!(decode("100%"), "100%");
        assert_eq!(decode("%4"), "%4");
        assert_eq!(decode("%zz%+f"), "%zz%+f");
        assert_eq!(decode("%E2%98%95"), "☕");
    }

    #[test]
    fn bytes_that_are_not_utf8_become_the_replacement_character() {
        assert_eq!(decode("%FFa"), "\u{fffd}a");
    }

    #[test]
    fn a_plus_is_a_space_in_queries_only() {
        assert_eq!(decode("a+b"), "a+b");
        assert_eq!(decode_form("a+b%2Bc"), "a b+c");
    }

    #[test]
    fn queries_keep_order_repeats_and_bare_names() {
        let pairs = query_pairs("v&a=1&a=2&&=x&b=c=d", &['&']);
        let expected = [("v", ""), ("a", "1"), ("a", "2"), ("", "x"), ("b", "c=d")];
        assert_eq!(pairs, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn a_semicolon_splits_only_if_it_is_a_separator() {
        assert_eq!(query_pairs("a=1;b=2", &['&']).len(), 1);
        assert_eq!(query_pairs("a=1;b=2", &['&', ';']).len(), 2);
    }
}
