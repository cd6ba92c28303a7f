//! Schedules of rules: `rate(5 minutes)` and `cron(0 12 * * ? *)`, in UTC. Pure.

use hardcap_core::clock::EpochMillis;
use hardcap_limits::Millis;
use time::{Date, Month, OffsetDateTime, Time, Weekday};

const MONTHS: [&str; 12] =
    ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const DAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
const YEARS: (u32, u32) = (1970, 2199);

/// When a rule sends an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Schedule {
    /// At each multiple of this span after the rule was made.
    Rate(Millis),
    Cron(Box<Cron>),
}

/// A cron expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cron {
    minutes: Vec<u32>,
    hours: Vec<u32>,
    months: Vec<u32>,
    years: Vec<u32>,
    day: Day,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Day {
    OfMonth(Vec<u32>),
    /// `L`
    LastOfMonth,
    /// `LW`
    LastWeekday,
    /// `15W`: the weekday nearest to the 15th, in the same month.
    NearestWeekday(u32),
    OfWeek(Vec<u32>),
    /// `6L`: the last Friday of the month.
    LastOfWeek(u32),
    /// `6#3`: the third Friday of the month.
    NumberedOfWeek(u32, u32),
}

impl Schedule {
    /// Reads an expression; `None` if EventBridge does not accept it.
    pub(super) fn parse(expression: &str) -> Option<Schedule> {
        let inner = |name: &str| expression.strip_prefix(name)?.strip_suffix(')');
        match inner("rate(") {
            Some(rate) => parse_rate(rate).map(Schedule::Rate),
            None => Cron::parse(inner("cron(")?).map(|cron| Schedule::Cron(Box::new(cron))),
        }
    }

    /// The first point in time after `now`; `None` if the schedule has ended before the year 2200.
    pub(super) fn next_after(&self, since: EpochMillis, now: EpochMillis) -> Option<EpochMillis> {
        match self {
            Schedule::Rate(rate) => {
                let periods = now.since(since).0 / rate.0.max(1) + 1;
                Some(since.plus(Millis(rate.0.max(1).saturating_mul(periods))))
            }
            Schedule::Cron(cron) => cron.next_after(now.to_utc()).map(|at| {
                EpochMillis(u64::try_from(at.unix_timestamp()).unwrap_or(0).saturating_mul(1_000))
            }),
        }
    }
}

/// `1 minute`, `5 hours`: one in the singular, more in the plural.
fn parse_rate(rate: &str) -> Option<Millis> {
    let (value, unit) = rate.split_once(' ')?;
    let value: u64 = value.parse().ok().filter(|value| *value > 0)?;
    let minutes = match (unit, value) {
        ("minute", 1) | ("minutes", 2..) => 1,
        ("hour", 1) | ("hours", 2..) => 60,
        ("day", 1) | ("days", 2..) => 24 * 60,
        _ => return None,
    };
    Some(Millis(value.checked_mul(minutes * 60_000)?))
}

impl Cron {
    fn parse(text: &str) -> Option<Cron> {
        // UNCONFIRMED: commas between the fields. `sfn-log-export` of aws-samples/serverless-patterns is deployed with them.
        let fields = text.split(' ').filter(|field| !field.is_empty());
        let fields: Vec<&str> =
            fields.map(|field| field.strip_suffix(',').unwrap_or(field)).collect();
        let [minutes, hours, of_month, months, of_week, years] = fields[..] else { return None };
        Some(Cron {
            minutes: numbers(minutes, (0, 59), &[], 0)?,
            hours: numbers(hours, (0, 23), &[], 0)?,
            months: numbers(months, (1, 12), &MONTHS, 1)?,
            years: numbers(years, YEARS, &[], 0)?,
            day: match (of_month, of_week) {
                (of_month, "?") => day_of_month(of_month)?,
                ("?", of_week) => day_of_week(of_week)?,
                // One of both must be `?`.
                _ => return None,
            },
        })
    }

    fn next_after(&self, now: OffsetDateTime) -> Option<OffsetDateTime> {
        let mut date = now.date();
        let mut earliest = (u32::from(now.hour()), u32::from(now.minute()) + 1);
        loop {
            let year = u32::try_from(date.year()).ok()?;
            if !self.years.contains(&year) {
                let next = *self.years.iter().find(|it| **it > year)?;
                date =
                    Date::from_calendar_date(i32::try_from(next).ok()?, Month::January, 1).ok()?;
                earliest = (0, 0);
                continue;
            }
            if self.months.contains(&u32::from(u8::from(date.month())))
                && self.day.is_on(date)
                && let Some((hour, minute)) = self.time_from(earliest)
            {
                let time = Time::from_hms(u8::try_from(hour).ok()?, u8::try_from(minute).ok()?, 0);
                return Some(date.with_time(time.ok()?).assume_utc());
            }
            date = date.next_day()?;
            earliest = (0, 0);
        }
    }

    fn time_from(&self, (hour, minute): (u32, u32)) -> Option<(u32, u32)> {
        let first = |least: u32| self.minutes.iter().copied().find(|it| *it >= least);
        self.hours
            .iter()
            .filter(|it| **it >= hour)
            .find_map(|at| first(if *at == hour { minute } else { 0 }).map(|minute| (*at, minute)))
    }
}

impl Day {
    fn is_on(&self, date: Date) -> bool {
        let day = u32::from(date.day());
        let last = u32::from(date.month().length(date.year()));
        match self {
            Day::OfMonth(days) => days.contains(&day),
            Day::LastOfMonth => day == last,
            Day::LastWeekday => nearest_weekday(date, last) == Some(day),
            Day::NearestWeekday(wanted) => {
                *wanted <= last && nearest_weekday(date, *wanted) == Some(day)
            }
            Day::OfWeek(days) => days.contains(&of_week(date)),
            Day::LastOfWeek(wanted) => of_week(date) == *wanted && day + 7 > last,
            Day::NumberedOfWeek(wanted, number) => {
                of_week(date) == *wanted && day.div_ceil(7) == *number
            }
        }
    }
}

/// 1 for Sunday.
fn of_week(date: Date) -> u32 {
    u32::from(date.weekday().number_days_from_sunday()) + 1
}

/// The weekday nearest to a day, in the month of `date`.
fn nearest_weekday(date: Date, day: u32) -> Option<u32> {
    let last = u32::from(date.month().length(date.year()));
    let wanted = date.replace_day(u8::try_from(day).ok()?).ok()?;
    Some(match wanted.weekday() {
        Weekday::Saturday if day == 1 => 3,
        Weekday::Saturday => day - 1,
        Weekday::Sunday if day == last => day - 2,
        Weekday::Sunday => day + 1,
        _ => day,
    })
}

fn day_of_month(field: &str) -> Option<Day> {
    match field {
        "L" => Some(Day::LastOfMonth),
        "LW" => Some(Day::LastWeekday),
        _ => match field.strip_suffix('W') {
            Some(day) => number(day, (1, 31), &[], 0).map(Day::NearestWeekday),
            None => numbers(field, (1, 31), &[], 0).map(Day::OfMonth),
        },
    }
}

fn day_of_week(field: &str) -> Option<Day> {
    let day = |text: &str| number(text, (1, 7), &DAYS, 1);
    if field == "L" {
        return Some(Day::OfWeek(vec![7]));
    }
    if let Some(wanted) = field.strip_suffix('L') {
        return day(wanted).map(Day::LastOfWeek);
    }
    match field.split_once('#') {
        Some((wanted, count)) => {
            Some(Day::NumberedOfWeek(day(wanted)?, number(count, (1, 5), &[], 0)?))
        }
        None => numbers(field, (1, 7), &DAYS, 1).map(Day::OfWeek),
    }
}

/// The numbers of a field in their order: `*`, `5`, `1-5`, `0/15`, `1-10/2`, and lists of these with commas.
fn numbers(field: &str, range: (u32, u32), names: &[&str], first: u32) -> Option<Vec<u32>> {
    let mut all = Vec::new();
    for part in field.split(',') {
        let (span, step) = match part.split_once('/') {
            Some((span, step)) => (span, step.parse().ok().filter(|step| *step > 0)?),
            None => (part, 1),
        };
        let (from, to) = match span.split_once('-') {
            _ if span == "*" => range,
            Some((from, to)) => {
                (number(from, range, names, first)?, number(to, range, names, first)?)
            }
            None => {
                let from = number(span, range, names, first)?;
                (from, if part.contains('/') { range.1 } else { from })
            }
        };
        if from <= to {
            all.extend((from..=to).step_by(step));
        } else {
            // `FRI-MON` goes over the end.
            all.extend((from..=range.1).chain(range.0..=to).step_by(step));
        }
    }
    all.sort_unstable();
    all.dedup();
    Some(all)
}

fn number(text: &str, (least, most): (u32, u32), names: &[&str], first: u32) -> Option<u32> {
    let named = names.iter().position(|name| name.eq_ignore_ascii_case(text));
    let value = match named {
        Some(at) => u32::try_from(at).ok()? + first,
        None if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok()?,
        None => return None,
    };
    (least..=most).contains(&value).then_some(value)
}

#[cfg(test)]
mod tests {
    use time::format_description::well_known::Rfc3339;

    use super::*;

    fn next(expression: &str, after: &str) -> Option<String> {
        let now = OffsetDateTime::parse(after, &Rfc3339).unwrap();
        let now = EpochMillis(u64::try_from(now.unix_timestamp()).unwrap() * 1_000);
        let next =
            Schedule::parse(expression).expect(expression).next_after(EpochMillis(0), now)?;
        Some(next.to_utc().format(&Rfc3339).unwrap())
    }

    #[test]
    fn a_cron_expression_gives_the_next_point_in_time() {
        for (expression, after, expected) in [
            ("cron(0 12 * * ? *)", "2026-11-30T11:59:59Z", "2026-11-30T12:00:00Z"),
            ("cron(0 12 * * ? *)", "2026-11-30T12:00:00Z", "2026-12-01T12:00:00Z"),
            ("cron(5, 0, 1, *, ?, *)", "2026-11-30T12:00:00Z", "2026-12-01T00:05:00Z"),
            ("cron(5,35 14 * * ? *)", "2026-11-30T14:05:30Z", "2026-11-30T14:35:00Z"),
            ("cron(0/15 * * * ? *)", "2026-12-31T23:50:00Z", "2027-01-01T00:00:00Z"),
            ("cron(0 18 ? * MON-FRI *)", "2026-12-04T18:00:00Z", "2026-12-07T18:00:00Z"),
            ("cron(0 8 1 * ? *)", "2026-11-30T00:00:00Z", "2026-12-01T08:00:00Z"),
            ("cron(0 2 ? * SAT#3 *)", "2026-12-01T00:00:00Z", "2026-12-19T02:00:00Z"),
            ("cron(15 10 ? * 6L *)", "2026-12-01T00:00:00Z", "2026-12-25T10:15:00Z"),
            ("cron(0 0 L * ? *)", "2027-02-01T00:00:00Z", "2027-02-28T00:00:00Z"),
            ("cron(0 0 LW * ? *)", "2027-02-01T00:00:00Z", "2027-02-26T00:00:00Z"),
            ("cron(0 0 1W * ? *)", "2027-04-30T00:00:00Z", "2027-05-03T00:00:00Z"),
            ("cron(0 0 29 2 ? *)", "2026-11-30T00:00:00Z", "2028-02-29T00:00:00Z"),
            ("cron(0/5 5 ? JAN 1-5 2028)", "2026-11-30T00:00:00Z", "2028-01-02T05:00:00Z"),
            ("cron(0 0 ? * FRI-SUN *)", "2026-11-30T00:00:00Z", "2026-12-04T00:00:00Z"),
        ] {
            assert_eq!(next(expression, after).as_deref(), Some(expected), "{expression}");
        }
        assert_eq!(next("cron(15 10 ? * 6L 2002-2005)", "2026-11-30T00:00:00Z"), None);
        assert_eq!(next("cron(0 0 30 2 ? *)", "2026-11-30T00:00:00Z"), None);
    }

    #[test]
    fn a_rate_gives_multiples_after_the_start() {
        let rate = Schedule::parse("rate(5 minutes)").unwrap();
        let next = |now| rate.next_after(EpochMillis(1_000), EpochMillis(now)).unwrap().0;
        assert_eq!([next(1_000), next(300_999), next(301_000)], [301_000, 301_000, 601_000]);
    }

    /// The expressions of LocalStack's tests on AWS, `test_events_schedule.py`.
    #[test]
    fn what_aws_refuses_is_refused() {
        for expression in [
            "rate(10 seconds)",
            "rate(10 years)",
            "rate(1 minutes)",
            "rate(1 hours)",
            "rate(1 days)",
            "rate(10 minute)",
            "rate(10 hour)",
            "rate(10 day)",
            "rate()",
            "rate(10)",
            "rate(10 minutess)",
            "rate(foo minutes)",
            "rate(0 minutes)",
            "rate(-10 minutes)",
            "rate(10 MINUTES)",
            "rate( 10 minutes )",
            " rate(10 minutes)",
            "cron(0 1 * * * *)",
            "cron(7 20 * * NOT *)",
            "cron(INVALID)",
            "cron(5,, 0 1 * ? *)",
            "cron(, 0 1 * ? *)",
            "cron(0 dummy ? * MON-FRI *)",
            "cron(71 8 1 * ? *)",
            "cron(0 0 ? * ? * *)",
            "cron(0/0 * * * ? *)",
            "",
        ] {
            assert_eq!(Schedule::parse(expression), None, "{expression}");
        }
        for expression in [
            "rate(1 minute)",
            "rate(2 days)",
            "cron(* * ? * SAT#3 *)",
            "cron(0/30 0-2 ? * MON-FRI *)",
        ] {
            assert!(Schedule::parse(expression).is_some(), "{expression}");
        }
    }
}
