//! Numbers of patterns and events. AWS compares a number as a double, if the double is exactly the decimal number that was written.

use serde_json::Number;

/// The double of a decimal number, if it has one that is written with the same digits.
pub(super) fn comparable(text: &str) -> Option<f64> {
    let double: f64 = text.parse().ok()?;
    (double.is_finite() && digits(text) == digits(&format!("{double:e}"))).then_some(double)
}

/// As [`comparable`], for a number of an event.
pub(super) fn comparable_number(number: &Number) -> Option<f64> {
    match number.is_f64() {
        // The text that was written is gone; a double is what remains of it.
        true => number.as_f64(),
        false => comparable(&number.to_string()),
    }
}

/// The sign, the digits without zeros at either end, and the power of ten of the last digit.
fn digits(text: &str) -> (bool, String, i64) {
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let exponent: i64 = exponent.trim_start_matches('+').parse().unwrap_or(i64::MAX / 2);
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{fraction}");
    let digits = all.trim_end_matches('0');
    let dropped = i64::try_from(all.len() - digits.len()).unwrap_or(0);
    let power = exponent - i64::try_from(fraction.len()).unwrap_or(0) + dropped;
    match digits.trim_start_matches('0') {
        "" => (false, String::new(), 0),
        digits => (negative, digits.to_owned(), power),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_comparable_if_its_double_has_the_same_digits() {
        for (text, expected) in [
            ("0", Some(0.0)),
            ("-0.0", Some(0.0)),
            ("5", Some(5.0)),
            ("5.00", Some(5.0)),
            ("3.018e2", Some(301.8)),
            ("0.1", Some(0.1)),
            ("1e300", Some(1e300)),
            ("9007199254740993", None),
            ("1234567890123456789", None),
            ("0.12345678901234567890", None),
            ("1e999", None),
        ] {
            assert_eq!(comparable(text), expected, "{text}");
        }
    }
}
