//! `--since`: a point in time, as people write it. Pure.

use std::str::FromStr;

use hardcap_limits::Unit;
use time::format_description::BorrowedFormatItem;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Date, OffsetDateTime, PrimitiveDateTime, Time};

use hardcap_core::clock::EpochMillis;

const DATES: [&[BorrowedFormatItem<'_>]; 4] = [
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond]"),
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]"),
    format_description!("[year]-[month]-[day]T[hour]:[minute]"),
    format_description!("[year]-[month]-[day]"),
];
const TIMES: [&[BorrowedFormatItem<'_>]; 3] = [
    format_description!("[hour]:[minute]:[second].[subsecond]"),
    format_description!("[hour]:[minute]:[second]"),
    format_description!("[hour]:[minute]"),
];
const DAY_MILLIS: u64 = 24 * 60 * 60 * 1000;

/// The beginning of the lines that are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Since {
    /// Milliseconds before now.
    Ago(u64),
    /// A point in time.
    At(EpochMillis),
    /// A time of the last 24 hours, in UTC.
    TimeOfDay(Time),
}

/// A text that is not a time.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is neither a span such as 30s, 5m, 2h or 1d nor a time such as 14:05, 2026-11-30T14:05 or 2026-11-30T14:05:00Z"
)]
pub(super) struct InvalidTime(String);

impl FromStr for Since {
    type Err = InvalidTime;

    fn from_str(text: &str) -> Result<Since, InvalidTime> {
        let trimmed = text.trim();
        let is_number = trimmed.bytes().all(|byte| byte.is_ascii_digit());
        if let Some(days) = trimmed.strip_suffix('d').and_then(|days| days.parse::<u64>().ok()) {
            return Ok(Since::Ago(days.saturating_mul(DAY_MILLIS)));
        }
        // A bare number could be seconds, milliseconds or an hour.
        if !is_number && let Ok(millis) = Unit::Milliseconds.parse(trimmed) {
            return Ok(Since::Ago(millis));
        }
        if let Ok(at) = OffsetDateTime::parse(trimmed, &Rfc3339) {
            return Ok(Since::At(epoch_millis(at)));
        }
        let dated = trimmed.replacen(' ', "T", 1);
        for format in DATES {
            let midnight = Date::parse(&dated, format).map(|date| date.with_time(Time::MIDNIGHT));
            if let Ok(at) = PrimitiveDateTime::parse(&dated, format).or(midnight) {
                return Ok(Since::At(epoch_millis(at.assume_utc())));
            }
        }
        let time = TIMES.iter().find_map(|format| Time::parse(trimmed, format).ok());
        time.map(Since::TimeOfDay).ok_or_else(|| InvalidTime(text.to_owned()))
    }
}

impl Since {
    /// The point in time, seen from `now`.
    pub(super) fn at(self, now: EpochMillis) -> EpochMillis {
        match self {
            Since::Ago(millis) => EpochMillis(now.0.saturating_sub(millis)),
            Since::At(at) => at,
            Since::TimeOfDay(time) => {
                let today = epoch_millis(now.to_utc().replace_time(time));
                // A time that is still to come was yesterday.
                if today <= now { today } else { EpochMillis(today.0.saturating_sub(DAY_MILLIS)) }
            }
        }
    }
}

fn epoch_millis(at: OffsetDateTime) -> EpochMillis {
    EpochMillis(u64::try_from(at.unix_timestamp_nanos() / 1_000_000).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-30T12:00:00Z
    const NOON: EpochMillis = EpochMillis(1_796_040_000_000);

    fn at(text: &str) -> String {
        let since: Since = text.parse().unwrap_or_else(|error| panic!("{error}"));
        since.at(NOON).to_utc().format(&Rfc3339).unwrap()
    }

    #[test]
    fn a_span_counts_back_from_now() {
        for (text, expected) in [
            ("500ms", "2026-11-30T11:59:59.5Z"),
            ("30s", "2026-11-30T11:59:30Z"),
            ("5m", "2026-11-30T11:55:00Z"),
            ("2h", "2026-11-30T10:00:00Z"),
            ("1d", "2026-11-29T12:00:00Z"),
        ] {
            assert_eq!(at(text), expected, "{text}");
        }
    }

    #[test]
    fn a_time_without_a_zone_is_utc_and_one_without_a_date_is_of_the_last_24_hours() {
        for (text, expected) in [
            ("2026-11-30T14:05:00+02:00", "2026-11-30T12:05:00Z"),
            ("2026-11-30T11:05", "2026-11-30T11:05:00Z"),
            ("2026-11-30 11:05:06.25", "2026-11-30T11:05:06.25Z"),
            ("2026-11-30", "2026-11-30T00:00:00Z"),
            ("11:05", "2026-11-30T11:05:00Z"),
            ("11:05:06.250", "2026-11-30T11:05:06.25Z"),
            ("12:01", "2026-11-29T12:01:00Z"),
        ] {
            assert_eq!(at(text), expected, "{text}");
        }
    }

    #[test]
    fn a_text_that_is_not_a_time_is_refused_with_examples() {
        for text in
            ["", "5", "soon", "-5m", "5 parsecs", "25:00", "2026-13-01", "99999999999999999999h"]
        {
            let error = text.parse::<Since>().expect_err(text);
            assert!(error.to_string().contains("such as 30s, 5m, 2h or 1d"), "{error}");
        }
        assert_eq!(
            "9999999999999999d".parse::<Since>().map(|since| since.at(NOON)),
            Ok(EpochMillis(0))
        );
    }
}
