//! Numbers with their unit in the type, so that bytes are never compared with milliseconds.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Bytes(pub u64);

/// A span of time in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Millis(pub u64);

/// A number of Lambda's megabytes, as in `MemorySize` and `EphemeralStorage`: 1,048,576 bytes each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Megabytes(pub u64);

/// A number of items: characters, layers, concurrent executions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Count(pub u64);

impl Bytes {
    /// The length of a buffer.
    #[must_use]
    pub const fn of(buffer: &[u8]) -> Bytes {
        Bytes(buffer.len() as u64)
    }
}

/// The unit of a row's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// [`Bytes`]
    Bytes,
    /// [`Millis`]
    Milliseconds,
    /// [`Megabytes`]
    Megabytes,
    /// [`Count`]
    Count,
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Unit::Bytes => "bytes",
            Unit::Milliseconds => "ms",
            Unit::Megabytes => "MB",
            Unit::Count => "",
        })
    }
}

impl Unit {
    /// Formats a number with thousands separators and its unit: `6,291,556 bytes`.
    #[must_use]
    pub fn of(self, number: u64) -> String {
        match self {
            Unit::Count => grouped(number),
            unit => format!("{} {unit}", grouped(number)),
        }
    }

    /// As [`Unit::of`], with `B` for bytes, for columns of a table: `6,291,556 B`.
    #[must_use]
    pub fn abbreviated(self, number: u64) -> String {
        match self {
            Unit::Bytes => format!("{} B", grouped(number)),
            unit => unit.of(number),
        }
    }
}

/// A text that is not a number of a unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidNumber {
    text: String,
    unit: Unit,
}

impl fmt::Display for InvalidNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let InvalidNumber { text, unit } = self;
        let of = match unit {
            Unit::Bytes => " of bytes, such as 1000000, 256KB or 6MB",
            Unit::Milliseconds => " of milliseconds, such as 5000, 29s or 15min",
            Unit::Megabytes => " of MB, such as 512 or 10GB",
            Unit::Count => "",
        };
        write!(f, "`{text}` is not a whole number{of}")
    }
}

impl std::error::Error for InvalidNumber {}

impl Unit {
    /// Parses a number of this unit, with or without a larger unit behind it. Sizes are counted as AWS counts its limits:
    /// 1 KB is 1,024 bytes. `_` and `,` may separate digits.
    ///
    /// ```
    /// use hardcap_limits::Unit;
    ///
    /// assert_eq!(Unit::Bytes.parse("6MB"), Ok(6_291_456));
    /// assert_eq!(Unit::Bytes.parse("6_291_456"), Ok(6_291_456));
    /// assert_eq!(Unit::Milliseconds.parse("29 s"), Ok(29_000));
    /// assert_eq!(Unit::Count.parse("1,000"), Ok(1_000));
    /// assert!(Unit::Count.parse("6MB").is_err());
    /// ```
    ///
    /// # Errors
    ///
    /// [`InvalidNumber`] for a text that is not such a number, and for a number above 2^64 - 1.
    pub fn parse(self, text: &str) -> Result<u64, InvalidNumber> {
        let invalid = || InvalidNumber { text: text.to_owned(), unit: self };
        let ends = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
        let (number, suffix) = text.split_at(ends);
        let number: u64 = number.trim().replace(['_', ','], "").parse().map_err(|_| invalid())?;
        let factor = self.factor(&suffix.trim().to_ascii_lowercase()).ok_or_else(invalid)?;
        number.checked_mul(factor).ok_or_else(invalid)
    }

    fn factor(self, suffix: &str) -> Option<u64> {
        const K: u64 = 1024;
        match (self, suffix) {
            (_, "")
            | (Unit::Bytes, "b" | "byte" | "bytes")
            | (Unit::Milliseconds, "ms")
            | (Unit::Megabytes, "mb" | "mib") => Some(1),
            (Unit::Bytes, "kb" | "kib") | (Unit::Megabytes, "gb" | "gib") => Some(K),
            (Unit::Bytes, "mb" | "mib") => Some(K * K),
            (Unit::Bytes, "gb" | "gib") => Some(K * K * K),
            (Unit::Milliseconds, "s") => Some(1_000),
            (Unit::Milliseconds, "min" | "m") => Some(60_000),
            (Unit::Milliseconds, "h") => Some(3_600_000),
            _ => None,
        }
    }
}

/// Formats a number with thousands separators.
///
/// ```
/// assert_eq!(hardcap_limits::grouped(6_291_556), "6,291,556");
/// ```
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number with its unit in the type.
pub trait Quantity: Copy + Ord {
    /// The unit of the type.
    const UNIT: Unit;
    /// Converts a bare number.
    fn from_number(number: u64) -> Self;
    /// Returns the bare number.
    fn number(self) -> u64;
}

macro_rules! quantity {
    ($($name:ident = $unit:ident),+) => {$(
        impl Quantity for $name {
            const UNIT: Unit = Unit::$unit;
            fn from_number(number: u64) -> Self {
                $name(number)
            }
            fn number(self) -> u64 {
                self.0
            }
        }
    )+};
}
quantity!(Bytes = Bytes, Millis = Milliseconds, Megabytes = Megabytes, Count = Count);
