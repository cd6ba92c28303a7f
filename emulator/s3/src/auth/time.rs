//! Points in time in the formats of signatures.

use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

/// A point in time, in whole seconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Time(OffsetDateTime);

impl Time {
    /// Parses `20260221T101112Z`.
    pub(super) fn parse(text: &str) -> Option<Time> {
        let format = format_description!("[year][month][day]T[hour][minute][second]Z");
        PrimitiveDateTime::parse(text, format).ok().map(|time| Time(time.assume_utc()))
    }

    /// Parses `Sat, 21 Feb 2026 10:11:12 GMT`.
    pub(super) fn parse_http(text: &str) -> Option<Time> {
        let format = format_description!(
            "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
        );
        PrimitiveDateTime::parse(text, format).ok().map(|time| Time(time.assume_utc()))
    }

    /// Seconds since 1970.
    pub(super) fn seconds(&self) -> i64 {
        self.0.unix_timestamp()
    }

    /// `20260221`
    pub(super) fn format_day(&self) -> String {
        let (year, month, day) = self.0.to_calendar_date();
        format!("{year:04}{:02}{day:02}", u8::from(month))
    }

    /// `20260221T101112Z`
    pub(super) fn format_long(&self) -> String {
        let (hour, minute, second) = self.0.to_hms();
        format!("{}T{hour:02}{minute:02}{second:02}Z", self.format_day())
    }
}

/// `2026-02-21T10:11:12Z`, the format of error elements.
pub(crate) fn format_iso(seconds: i64) -> String {
    let time = OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let (year, month, day) = time.to_calendar_date();
    let (hour, minute, second) = time.to_hms();
    format!("{year:04}-{:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z", u8::from(month))
}
