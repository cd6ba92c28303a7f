//! The days by which limits are dated.

use std::fmt;
use std::str::FromStr;

/// A day such as `2022-04-22`. Ordered chronologically.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date {
    year: u16,
    month: u8,
    day: u8,
}

impl Date {
    /// A day before all known facts: the start of every history.
    pub const EARLIEST: Date = Date { year: 0, month: 1, day: 1 };
    /// A day after all known facts: the meaning of `current`.
    pub const LATEST: Date = Date { year: 9999, month: 12, day: 31 };
    /// The day `classic`, 2022-04-22, whose numbers many documents still quote.
    pub const CLASSIC: Date = Date::new(2022, 4, 22);

    /// Whether this day is `other` or before it: `<=` for constants.
    #[must_use]
    pub const fn not_after(self, other: Date) -> bool {
        self.ordinal() <= other.ordinal()
    }

    const fn ordinal(self) -> u32 {
        self.year as u32 * 10_000 + self.month as u32 * 100 + self.day as u32
    }

    /// A valid day; for constants.
    ///
    /// # Panics
    ///
    /// If the day does not exist. In a constant this is a compiler error.
    #[must_use]
    pub const fn new(year: u16, month: u8, day: u8) -> Date {
        assert!(month >= 1 && month <= 12, "a month is a number from 1 to 12");
        assert!(day >= 1 && day <= days_in_month(year, month), "the month does not have this day");
        Date { year, month, day }
    }
}

const fn days_in_month(year: u16, month: u8) -> u8 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// A text that is not a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidDate {
    text: String,
}

impl fmt::Display for InvalidDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is not a date for limits: use `classic`, `current` or a day such as 2018-01-01",
            self.text
        )
    }
}

impl std::error::Error for InvalidDate {}

impl FromStr for Date {
    type Err = InvalidDate;

    /// Parses `classic`, `current` or `YYYY-MM-DD`.
    fn from_str(text: &str) -> Result<Date, InvalidDate> {
        match text {
            "classic" => return Ok(Date::CLASSIC),
            "current" => return Ok(Date::LATEST),
            _ => {}
        }
        parse_day(text).ok_or_else(|| InvalidDate { text: text.to_owned() })
    }
}

fn parse_day(text: &str) -> Option<Date> {
    let bytes = text.as_bytes();
    let shape = bytes.len() == 10 && bytes[4] == b'-' && bytes[7] == b'-';
    let digits = bytes.iter().enumerate().all(|(at, b)| at == 4 || at == 7 || b.is_ascii_digit());
    if !shape || !digits {
        return None;
    }
    let year = text[0..4].parse().ok()?;
    let month = text[5..7].parse().ok()?;
    let day = text[8..10].parse().ok()?;
    let real = (1..=12).contains(&month) && (1..=days_in_month(year, month)).contains(&day);
    real.then_some(Date { year, month, day })
}

impl fmt::Display for Date {
    /// `2022-04-22`, or `current` for [`Date::LATEST`].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Date::LATEST {
            return f.write_str("current");
        }
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

impl fmt::Debug for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl serde::Serialize for Date {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_names_and_any_day_are_parsed() {
        assert_eq!("classic".parse(), Ok(Date::new(2022, 4, 22)));
        assert_eq!("current".parse(), Ok(Date::LATEST));
        assert_eq!("2024-02-29".parse(), Ok(Date::new(2024, 2, 29)));
    }

    #[test]
    fn nonexistent_days_and_other_spellings_are_errors() {
        for text in
            ["", "2023-02-29", "2022-13-01", "2022-4-22", "22-04-2022", "2022-04-22x", "+022-04-22"]
        {
            assert!(text.parse::<Date>().is_err(), "{text} was accepted");
        }
        for text in ["2022/04/22", "2022-04/22", "2022-00-01", "2022-04-00", "Classic"] {
            assert!(text.parse::<Date>().is_err(), "{text} was accepted");
        }
    }

    #[test]
    fn a_month_has_the_days_of_the_calendar() {
        for (last, next) in [
            ("2023-01-31", "2023-01-32"),
            ("2023-02-28", "2023-02-29"),
            ("2024-02-29", "2024-02-30"),
            ("2000-02-29", "2000-02-30"),
            ("2100-02-28", "2100-02-29"),
            ("2023-04-30", "2023-04-31"),
            ("2023-06-30", "2023-06-31"),
            ("2023-09-30", "2023-09-31"),
            ("2023-11-30", "2023-11-31"),
            ("2023-12-31", "2023-12-32"),
        ] {
            assert!(last.parse::<Date>().is_ok(), "{last} was refused");
            assert!(next.parse::<Date>().is_err(), "{next} was accepted");
        }
    }

    #[test]
    fn days_are_in_the_order_of_the_calendar() {
        let days = [
            Date::EARLIEST,
            Date::new(2021, 12, 31),
            Date::new(2022, 1, 1),
            Date::new(2022, 1, 31),
            Date::new(2022, 2, 1),
            Date::new(2022, 11, 2),
            Date::new(2022, 12, 1),
            Date::LATEST,
        ];
        for (at, day) in days.into_iter().enumerate() {
            for (other_at, other) in days.into_iter().enumerate() {
                assert_eq!(day.not_after(other), at <= other_at, "{day} and {other}");
                assert_eq!(day <= other, at <= other_at, "{day} and {other}");
            }
        }
    }

    #[test]
    fn a_text_that_names_no_day_is_repeated_with_what_to_write() {
        assert_eq!(
            "today".parse::<Date>().unwrap_err().to_string(),
            "`today` is not a date for limits: use `classic`, `current` or a day such as 2018-01-01"
        );
    }

    #[test]
    fn a_day_is_displayed_as_it_is_written() {
        assert_eq!(Date::CLASSIC.to_string(), "2022-04-22");
        assert_eq!(Date::LATEST.to_string(), "current");
        assert_eq!(format!("{:?}", Date::new(987, 6, 5)), "0987-06-05");
    }
}
