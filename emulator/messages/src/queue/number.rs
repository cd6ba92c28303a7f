//! The values of message attributes of the type `Number`. Pure.

/// The most digits (SQS developer guide, message attribute data types).
const DIGITS_MAX: usize = 38;
/// The power of ten of the smallest number except 0 (the same page).
const POWER_MIN: i64 = -128;
/// The power of ten of the largest number (the same page).
const POWER_MAX: i64 = 126;

/// Whether a text is a decimal number of the size and precision that SQS keeps.
pub(super) fn is_number(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()),
        None => (unsigned, Some(0)),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = [whole, fraction].concat();
    let Some(exponent) = exponent else { return false };
    if all.is_empty() || !all.bytes().all(|byte| byte.is_ascii_digit()) {
        return false;
    }
    // Zeros at either end are no part of the number: AWS removes them.
    let Some(leading) = all.bytes().position(|byte| byte != b'0') else { return true };
    let digits = all[leading..].trim_end_matches('0');
    // The power of ten of the first digit. A message is far shorter than any number of 64 bits.
    let place = whole.len().cast_signed() - leading.cast_signed() - 1;
    let power = i64::try_from(place).unwrap_or(i64::MAX).saturating_add(i64::from(exponent));
    let fits = power < POWER_MAX || (power == POWER_MAX && digits == "1");
    digits.len() <= DIGITS_MAX && power >= POWER_MIN && fits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_a_decimal_of_at_most_38_digits_between_the_smallest_and_the_largest_power() {
        let digits = |count: usize| "9".repeat(count);
        for text in [
            "0", "-0.0", "0e999", "7", "+7", "-7.50", ".5", "5.", "1e3", "1E+3", "1e-3", "1e126",
            "-1e126", "9.9e125", "1e-128", "0.1e-127", "1000e123",
        ] {
            assert!(is_number(text), "{text}");
        }
        assert!(is_number(&digits(38)));
        assert!(is_number(&format!("000{}.000", digits(38))));
        assert!(is_number(&format!("1{}", "0".repeat(126))));
        for text in [
            "",
            "+",
            "-",
            ".",
            "e5",
            "1e",
            "1e+",
            "inf",
            "-inf",
            "infinity",
            "nan",
            "NaN",
            "0x10",
            "1_000",
            "1,5",
            " 1",
            "1 ",
            "--1",
            "+-1",
            "1.2.3",
            "1e2.5",
            "1e400",
            "1.1e126",
            "1e127",
            "9e-129",
            "1e99999999999",
            "1e-99999999999",
            "٣",
        ] {
            assert!(!is_number(text), "{text}");
        }
        assert!(!is_number(&digits(39)));
        assert!(!is_number(&format!("0.{}", digits(39))));
        assert!(!is_number(&digits(5_000)));
        assert!(!is_number(&format!("1{}", "0".repeat(127))));
    }
}
