//! Whole numbers as defined by JSON Schema: `7.0` is one, and some clients send it.

use serde::de::Error;
use serde::{Deserialize, Deserializer};
use serde_json::Number;

/// A whole number of 0 or more.
pub(crate) fn required<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    whole(&Number::deserialize(from)?)
}

/// A whole number of 0 or more, or null.
pub(crate) fn optional<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    let number = Option::<Number>::deserialize(from)?;
    number.map(|number| whole(&number)).transpose()
}

fn whole<E: Error>(number: &Number) -> Result<u64, E> {
    let text = number.to_string();
    let digits = text.strip_suffix(".0").unwrap_or(&text);
    digits.parse().map_err(|_| E::custom(format!("{text} is not a whole number of 0 or more")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_with_a_fraction_of_zero_is_a_whole_number() {
        let read = |text: &str| required(&mut serde_json::Deserializer::from_str(text)).ok();
        assert_eq!(read("0"), Some(0));
        assert_eq!(read("7.0"), Some(7));
        assert_eq!(read("1045958053.0"), Some(1_045_958_053));
        assert_eq!(read("18446744073709551615"), Some(u64::MAX));
        for other in ["7.5", "-1", "-1.0", "1e300", "\"7\"", "null", "true"] {
            assert_eq!(read(other), None, "{other}");
        }
        let optional = |text: &str| optional(&mut serde_json::Deserializer::from_str(text)).ok();
        assert_eq!(optional("null"), Some(None));
        assert_eq!(optional("3.0"), Some(Some(3)));
    }
}
