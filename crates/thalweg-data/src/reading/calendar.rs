//! Seconds since 1970 and the calendar: Howard Hinnant's `days_from_civil` and `civil_from_days`
//! (<https://howardhinnant.github.io/date_algorithms.html>).

/// Seconds of a day.
pub const DAY: f64 = 86_400.0;

/// Microseconds of a day.
const DAY_MICROS: i64 = 86_400_000_000;

/// The point in time of a whole number of units since 1970, of which a second has so many; rounded, but not to the next
/// second.
pub(crate) fn seconds_of(units: i64, per_second: i64) -> f64 {
    let next = units.div_euclid(per_second) + 1;
    below(units as f64 / per_second as f64, next as f64)
}

/// A time of a day since 1970, which rounding does not make one of the next.
pub(super) fn on_day(days: i64, time: f64) -> f64 {
    let start = days as f64 * DAY;
    match (0.0..DAY).contains(&time) {
        true => below(start + time, start + DAY),
        false => start + time,
    }
}

fn below(x: f64, end: f64) -> f64 {
    if x < end { x } else { end.next_down() }
}

/// The day since 1970 and its microseconds, rounded, but not to the next day.
fn day_and_micros(seconds: f64) -> (i64, i64) {
    let days = (seconds / DAY).floor();
    let micros = ((seconds - days * DAY) * 1e6).round() as i64;
    (days as i64, micros.min(DAY_MICROS - 1))
}

/// Microseconds since 1970, rounded, but not to the next day.
pub(crate) fn micros(seconds: f64) -> i64 {
    let (days, of_day) = day_and_micros(seconds);
    days.saturating_mul(DAY_MICROS).saturating_add(of_day)
}

/// A date as ISO 8601, with the time where it is not midnight.
pub(crate) fn date_text(seconds: f64) -> String {
    let (day, micros) = day_and_micros(seconds);
    let (year, month, day) = civil(day);
    let date = format!("{year:04}-{month:02}-{day:02}");
    match micros {
        0 => date,
        time => format!("{date} {}", clock(time)),
    }
}

/// A time of day, with as many digits of the second as a microsecond has.
fn time_text(seconds: f64) -> String {
    clock(day_and_micros(seconds).1)
}

fn clock(micros: i64) -> String {
    let (whole, fraction) = (micros / 1_000_000, micros % 1_000_000);
    let clock = format!(
        "{:02}:{:02}:{:02}",
        whole / 3600,
        whole / 60 % 60,
        whole % 60
    );
    match fraction {
        0 => clock,
        _ => format!("{clock}.{fraction:06}")
            .trim_end_matches('0')
            .to_owned(),
    }
}

/// How the points in time of a column are written: as times of day where all are of the first day.
pub(crate) fn writer_of(times: &[f64]) -> fn(f64) -> String {
    let mut known = times.iter().filter(|time| !time.is_nan());
    let are_times = known.clone().any(|&time| time != 0.0);
    match are_times && known.all(|time| (0.0..DAY).contains(time)) {
        true => time_text,
        false => date_text,
    }
}

/// The day of the year of a point in time, counted from 0, and the days of that year.
pub(crate) fn day_of_year(seconds: f64) -> (u32, u32) {
    let day = (seconds / DAY).floor() as i64;
    let (year, ..) = civil(day);
    let starts = |year| days(year, 1, 1).unwrap_or_default();
    let (start, next) = (starts(year), starts(year + 1));
    ((day - start) as u32, (next - start) as u32)
}

/// Days since 1970-01-01 of a day of the Gregorian calendar.
pub fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=last).contains(&day) {
        return None;
    }
    let year = year - i64::from(month <= 2);
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
}

/// Year, month and day of a day since 1970-01-01.
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_time_becomes_one_of_the_next_day() {
        // The last microseconds of 9999, of which f64 holds one in 30, and the last 400 ns of a day.
        for (seconds, text) in [
            (
                seconds_of(253_402_300_799_999_999, 1_000_000),
                "9999-12-31 23:59:59.999969",
            ),
            (
                on_day(2_932_896, 86_399.999_999),
                "9999-12-31 23:59:59.999969",
            ),
            (86_399.999_999_6, "1970-01-01 23:59:59.999999"),
            (-0.000_000_4, "1969-12-31 23:59:59.999999"),
            (seconds_of(-1, 1_000_000_000), "1969-12-31 23:59:59.999999"),
            (
                seconds_of(1_700_000_000_123_456_789, 1_000_000_000),
                "2023-11-14 22:13:20.123457",
            ),
            (on_day(1, DAY), "1970-01-03"),
        ] {
            assert_eq!(date_text(seconds), text);
        }
        assert_eq!(time_text(86_399.999_999_6), "23:59:59.999999");
        assert_eq!(micros(1.5), 1_500_000);
    }

    #[test]
    fn days_are_those_of_the_calendar_and_back() {
        // python: (datetime.date(y, m, d) - datetime.date(1970, 1, 1)).days
        for ((y, m, d), n) in [
            ((1970, 1, 1), 0),
            ((2000, 2, 29), 11016),
            ((2022, 12, 31), 19357),
            ((1900, 3, 1), -25508),
            ((1582, 10, 15), -141427),
        ] {
            assert_eq!(days(y, m, d), Some(n));
            assert_eq!(civil(n), (y, m, d));
        }
        assert_eq!((days(2023, 2, 29), days(2023, 13, 1)), (None, None));
    }
}
