//! Seconds since 1970 and the calendar: Howard Hinnant's `days_from_civil` and `civil_from_days`
//! (<https://howardhinnant.github.io/date_algorithms.html>).

/// Seconds of a day.
pub const DAY: f64 = 86_400.0;

/// A date as ISO 8601, with the time where it is not midnight.
pub(crate) fn date_text(seconds: f64) -> String {
    let days = (seconds / DAY).floor();
    let (year, month, day) = civil(days as i64);
    let date = format!("{year:04}-{month:02}-{day:02}");
    match seconds - days * DAY {
        0.0 => date,
        time => format!("{date} {}", time_text(time)),
    }
}

/// A time of day, with as many digits of the second as a microsecond has.
fn time_text(seconds: f64) -> String {
    let micros = (seconds * 1e6).round() as i64;
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
