//! Times as people write them: milliseconds since 1970, a date, or how long ago.

use std::{ops::RangeInclusive, str::FromStr, time::Duration};

use protocol::Timestamp;

/// What can be written.
pub(super) const EXAMPLES: &str = "milliseconds since 1970, a date such as 2026-01-31 or 2026-01-31T12:30:00Z, \
     or how long ago, such as 90s, 10m, 2h or 1d";

/// A time, by the calendar or before now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Time {
    At(Timestamp),
    Ago(Duration),
}

impl Time {
    /// The time as a record has it.
    pub(super) fn at(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(time) => time,
            Self::Ago(ago) => {
                let ago = i64::try_from(ago.as_millis()).unwrap_or(i64::MAX);
                Timestamp(now.0.saturating_sub(ago).max(0))
            }
        }
    }
}

impl FromStr for Time {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let millis = || text.parse().ok().filter(|millis: &i64| *millis >= 0);
        let at = || millis().or_else(|| date_and_time(text)).map(|at| Self::At(Timestamp(at)));
        let ago = || number_and_unit(text).map(Self::Ago);
        at().or_else(ago).ok_or_else(|| format!("write {EXAMPLES}"))
    }
}

/// How long: such as 500ms, 30s or 5m.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let error = "write a number and its unit, such as 500ms, 30s or 5m";
    number_and_unit(text).ok_or_else(|| error.to_owned())
}

fn number_and_unit(text: &str) -> Option<Duration> {
    let units = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(units);
    let millis: u64 = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60 * 1000,
        "h" => 60 * 60 * 1000,
        "d" => 24 * 60 * 60 * 1000,
        _ => return None,
    };
    Some(Duration::from_millis(number.parse::<u64>().ok()?.checked_mul(millis)?))
}

/// Milliseconds since 1970 of a date of RFC 3339; what is left out is zero, and the zone UTC.
fn date_and_time(text: &str) -> Option<i64> {
    let (date, time) = match text.find(['T', 't', ' ']) {
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (text, "00:00"),
    };
    let (time, offset_minutes) = without_zone(time)?;
    let minutes = days(date)? * 24 * 60 - offset_minutes;
    Some(minutes * 60 * 1000 + millis_of_day(time)?)
}

/// Days from 1970 to a date such as 2026-01-31.
fn days(date: &str) -> Option<i64> {
    const DAYS_BEFORE_MONTH: [i64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    let mut parts = date.split('-');
    let year = number(parts.next()?, 4, 1970..=9999)?;
    let month = number(parts.next()?, 2, 1..=12)?;
    let day = number(parts.next()?, 2, 1..=31)?;
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days_in_month = match month {
        2 => 28 + i64::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    if parts.next().is_some() || day > days_in_month {
        return None;
    }
    let leap_days_until = |year: i64| year / 4 - year / 100 + year / 400;
    let leap_days = leap_days_until(year - 1) - leap_days_until(1969);
    let before_month = DAYS_BEFORE_MONTH[usize::try_from(month - 1).ok()?];
    let leap_day = i64::from(is_leap && month > 2);
    Some((year - 1970) * 365 + leap_days + before_month + leap_day + day - 1)
}

/// A time as RFC 3339 has it, in UTC.
pub(super) fn rfc3339(millis: i64) -> String {
    const DAY: i64 = 24 * 60 * 60 * 1000;
    let (year, month, day) = date(millis.div_euclid(DAY));
    let of_day = millis.rem_euclid(DAY);
    let (seconds, millis) = (of_day / 1000, of_day % 1000);
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hours:02}:{minutes:02}:{seconds:02}.{millis:03}Z")
}

/// Year, month and day that are so many days after 1970 began.
fn date(days: i64) -> (i64, i64, i64) {
    // Counted from the 1st of March of year 0, a leap day is the last of its year.
    const DAYS_OF_400_YEARS: i64 = 146_097;
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(DAYS_OF_400_YEARS), days.rem_euclid(DAYS_OF_400_YEARS));
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // Months of 31 and 30 days, in turn but for every fifth.
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month, day)
}

/// Takes the zone off a time, as minutes east of Greenwich.
fn without_zone(time: &str) -> Option<(&str, i64)> {
    if let Some(time) = time.strip_suffix(['Z', 'z']) {
        return Some((time, 0));
    }
    let Some(at) = time.find(['+', '-']) else { return Some((time, 0)) };
    let (hours, minutes) = time[at + 1..].split_once(':')?;
    let minutes = number(hours, 2, 0..=23)? * 60 + number(minutes, 2, 0..=59)?;
    Some((&time[..at], if time[at..].starts_with('-') { -minutes } else { minutes }))
}

/// Milliseconds of 12:30, 12:30:59 or 12:30:59.999.
fn millis_of_day(time: &str) -> Option<i64> {
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let mut parts = time.split(':');
    let hours = number(parts.next()?, 2, 0..=23)?;
    let minutes = number(parts.next()?, 2, 0..=59)?;
    let seconds = parts.next().map_or(Some(0), |seconds| number(seconds, 2, 0..=59))?;
    if parts.next().is_some() || fraction.len() > 9 {
        return None;
    }
    let nanos = number(&format!("{fraction:0<9}"), 9, 0..=999_999_999)?;
    Some(((hours * 60 + minutes) * 60 + seconds) * 1000 + nanos / 1_000_000)
}

/// A number of so many digits.
fn number(text: &str, digits: usize, within: RangeInclusive<i64>) -> Option<i64> {
    let is_number = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok())?.filter(|number| within.contains(number))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn millis(text: &str) -> Option<i64> {
        match text.parse() {
            Ok(Time::At(at)) => Some(at.0),
            _ => None,
        }
    }

    #[test]
    fn times_are_absolute_or_ago() {
        let now = Timestamp(1_700_000_000_000);
        let at = |text: &str| text.parse::<Time>().map(|time| time.at(now).0);
        assert_eq!(at("1600000000000"), Ok(1_600_000_000_000));
        assert_eq!(at("0"), Ok(0));
        assert_eq!(at("90s"), Ok(now.0 - 90_000));
        assert_eq!(at("250ms"), Ok(now.0 - 250));
        assert_eq!(at("2d"), Ok(now.0 - 172_800_000));
        assert_eq!(at("99999999d"), Ok(0));
        for text in ["", "x", "-5", "-5m", "5w", "ü", "s", "5 m", "99999999999999999999d"] {
            assert!(at(text).is_err(), "{text}");
        }
    }

    #[test]
    fn durations_have_a_unit() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("5m"), Ok(Duration::from_secs(300)));
        for text in ["", "5", "-5s", "5 s", "2026-01-31", "s"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn dates_are_utc_unless_they_say_otherwise() {
        assert_eq!(millis("1970-01-01"), Some(0));
        assert_eq!(millis("2000-02-29"), Some(951_782_400_000));
        assert_eq!(millis("2000-03-01"), Some(951_868_800_000));
        assert_eq!(millis("2026-01-31T12:30:00Z"), Some(1_769_862_600_000));
        assert_eq!(millis("2026-01-31 12:30"), Some(1_769_862_600_000));
        assert_eq!(millis("2026-01-31T13:30+01:00"), Some(1_769_862_600_000));
        assert_eq!(millis("2026-01-31t07:30:00.5-05:00"), Some(1_769_862_600_500));
        let none =
            ["2026-02-29", "2100-02-29", "2026-13-01", "2026-1-1", "2026-01-31T", "1969-12-31"];
        for text in none.into_iter().chain(["2026-01-31T24:00", "2026-01-31T1:00", "26-01-31"]) {
            assert_eq!(millis(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(millis in 0_i64..253_402_300_800_000) {
            prop_assert_eq!(date_and_time(&rfc3339(millis)), Some(millis));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[0-9T:.Zz+ smhdü-]*|.*") {
            let _ = text.parse::<Time>();
        }

        #[test]
        fn days_follow_each_other(year in 1970..9999, month in 1..=12, day in 1..=28) {
            let (date, next) = (format!("{year}-{month:02}-{day:02}"), format!("{year}-{month:02}-{:02}", day + 1));
            if let Some(next) = days(&next) {
                prop_assert_eq!(days(&date).map(|day| day + 1), Some(next));
            } else {
                let first = if month == 12 { format!("{}-01-01", year + 1) } else { format!("{year}-{:02}-01", month + 1) };
                prop_assert_eq!(days(&date).map(|day| day + 1), days(&first));
            }
        }
    }
}
