//! Lengths of time of which some are longer than a day: `26:30:00`, `1 days 02:03:04`.

use super::evidence::Evidence;
use super::markers::{MOST_MARKERS, are_markers};
use super::numbers::Found;
use super::stored::{ReadAs, Reading};
use crate::error::quote;
use crate::table::number_text;

/// The mark of a column of lengths of time, which are numbers of seconds.
pub(super) const MARK: &str = "h:mm:ss";
const DAY: f64 = 86_400.0;
/// With fewer different texts, lengths could be anything.
const LEAST_LEVELS: usize = 2;

/// The seconds of each text, if all but those that mean "missing" are lengths of time; `kept` do not
/// mean that. Where none is longer than a day they are times of day, which are looked for before.
pub(super) fn look(evidence: &Evidence<'_>, kept: &[String]) -> Option<Found> {
    let levels = evidence.levels;
    let (mut values, mut markers) = (Vec::with_capacity(levels.len()), Vec::new());
    for (i, text) in levels.iter().enumerate() {
        let seconds = read(text);
        if seconds.is_none() {
            // Most columns are no lengths, which their first cells show.
            if markers.len() == MOST_MARKERS || kept.contains(text) {
                return None;
            }
            markers.push(i);
        }
        values.push(seconds.unwrap_or(f64::NAN));
    }
    let count = levels.len() - markers.len();
    let rows = evidence.rows_where(|i| !markers.contains(&i));
    let is_read = count >= LEAST_LEVELS && 2 * rows > evidence.rows();
    if !is_read || !are_markers(evidence, &markers, count) {
        return None;
    }
    let lengths = (0..levels.len()).filter(|&i| !values[i].is_nan());
    let longest = lengths.max_by(|&a, &b| f64::total_cmp(&values[a].abs(), &values[b].abs()));
    let longest = longest.filter(|&i| values[i].abs() > DAY)?;
    let all = evidence.rows();
    let why = format!(
        "{} is {} seconds; {rows} of {all} cells are so",
        quote(&levels[longest]),
        number_text(values[longest])
    );
    let reading = Reading {
        marks: vec![MARK.to_owned()],
        missing: markers.iter().map(|&i| levels[i].clone()).collect(),
        ..Reading::of(ReadAs::Numbers, why)
    };
    Some(Found { values, reading })
}

/// The seconds of `26:30:00`, `26:30` (hours and minutes), `-0:15:00.5`, `1 day, 2:03:04`.
pub(super) fn read(text: &str) -> Option<f64> {
    let text = text.trim();
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (days, clock) = match unsigned.split_once("day") {
        Some((days, rest)) => {
            let rest = rest.strip_prefix('s').unwrap_or(rest);
            let clock = rest.strip_prefix(',').unwrap_or(rest);
            (whole(days.trim_end())?, clock.trim_start())
        }
        None => (0.0, unsigned),
    };
    let (hours, rest) = clock.split_once(':')?;
    let (minutes, seconds) = rest.split_once(':').unwrap_or((rest, "00"));
    let (second, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
    let is_below_60 = |text: &str| text.len() == 2 && text < "60";
    if !is_below_60(minutes) || !is_below_60(second) {
        return None;
    }
    whole(fraction)?;
    let seconds = whole(second)? + format!("0.{fraction}").parse::<f64>().ok()?;
    let all = DAY * days + 3600.0 * whole(hours)? + 60.0 * whole(minutes)? + seconds;
    Some(if unsigned.len() < text.len() {
        -all
    } else {
        all
    })
}

fn whole(digits: &str) -> Option<f64> {
    let are_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
    let number: u32 = digits.parse().ok().filter(|_| are_digits)?;
    Some(f64::from(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_are_seconds() {
        for (text, seconds) in [
            ("26:30:00", 95_400.0),
            ("0:00:07.25", 7.25),
            ("-1:00:00", -3600.0),
            ("100:05", 360_300.0),
            ("1 days 02:03:04", 93_784.0),
            ("3 day, 0:00:01", 259_201.0),
        ] {
            assert_eq!(read(text), Some(seconds), "{text}");
        }
        for text in [
            "12",
            "1:5:00",
            "1:60:00",
            "1:00:60",
            "a:00",
            ":30",
            "1:00:00 PM",
            "1 day",
            "+1:00",
            "1:00:00:00",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn a_column_is_one_of_lengths_if_one_is_longer_than_a_day() {
        let look = |texts: &[&str]| {
            let levels: Vec<String> = texts.iter().map(|&text| text.to_owned()).collect();
            look(&Evidence::counted(&levels, vec![3; levels.len()]), &[])
        };
        let found = look(&["9:00:00", "-", "30:00:00"]).unwrap();
        assert_eq!((found.values[0], found.values[2]), (32_400.0, 108_000.0));
        assert!(found.values[1].is_nan() && found.reading.missing == ["-"]);
        assert_eq!(
            found.reading.why,
            "\"30:00:00\" is 108000 seconds; 6 of 9 cells are so"
        );
        assert!(look(&["9:00:00", "12:00:00"]).is_none());
        assert!(look(&["9:00:00", "30:00:00", "x y"]).is_none());
    }
}
