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
}

/// Formats `6291556` as `6,291,556`.
pub(crate) fn grouped(number: u64) -> String {
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
