//! Lengths of time: `26:30:00`, `-0:15`, `1 days 02:03:04`, and `3:25.7` of minutes and seconds.

use super::evidence::Evidence;
use super::markers::{MOST_MARKERS, are_markers};
use super::numbers::Found;
use super::stored::{ReadAs, Reading};
use crate::error::quote;
use crate::table::number_text;

const DAY: f64 = 86_400.0;
/// With fewer different texts, lengths could be anything.
const LEAST_LEVELS: usize = 2;

/// How two numbers beside a colon are meant, in all cells of a column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Form {
    /// Hours and minutes.
    Hours,
    /// Minutes and seconds, which some cell shows by a fraction.
    Minutes,
}

impl Form {
    const ALL: [Self; 2] = [Self::Hours, Self::Minutes];

    /// The mark of a column of lengths, which are numbers of seconds.
    fn mark(self) -> &'static str {
        match self {
            Self::Hours => "h:mm:ss",
            Self::Minutes => "m:ss",
        }
    }

    /// That of a column with these marks.
    pub fn of(marks: &[String]) -> Option<Self> {
        (Self::ALL.into_iter()).find(|form| marks.iter().any(|mark| mark == form.mark()))
    }

    /// The seconds of `26:30:00`, `26:30`, `-0:15:00.5`, `1 day, 2:03:04`.
    pub fn read(self, text: &str) -> Option<f64> {
        let text = text.trim();
        let unsigned = text.strip_prefix('-').unwrap_or(text);
        if unsigned == "0" {
            return Some(0.0);
        }
        let (days, clock) = match unsigned.split_once("day") {
            Some((days, rest)) => {
                let rest = rest.strip_prefix('s').unwrap_or(rest);
                let clock = rest.strip_prefix(',').unwrap_or(rest);
                (whole(days.trim_end())?, clock.trim_start())
            }
            None => (0.0, unsigned),
        };
        let (first, rest) = clock.split_once(':')?;
        let (hours, minutes, seconds) = match (rest.split_once(':'), self) {
            (Some((minutes, seconds)), _) => (first, minutes, seconds),
            (None, Self::Hours) => (first, rest, "00"),
            (None, Self::Minutes) => ("0", first, rest),
        };
        let (second, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
        let is_below_60 = |text: &str| text.len() == 2 && text < "60";
        if (rest.contains(':') || self == Self::Hours) && !is_below_60(minutes)
            || !is_below_60(second)
        {
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
}

/// The seconds of each text, if all but those that mean "missing" are lengths of time; `kept` do not
/// mean that. Where no cell can only be a length they are times of day; clocks do not write `0:05:30`, either,
/// in all cells.
pub(super) fn look(evidence: &Evidence<'_>, kept: &[String]) -> Option<Found> {
    let found = asked(evidence, kept)?;
    let form = Form::of(&found.reading.marks)?;
    let cells = || (evidence.levels.iter().zip(&found.values)).filter(|(_, x)| !x.is_nan());
    let is_clear = |(text, seconds): (&String, &f64)| {
        form == Form::Minutes || !(0.0..=DAY).contains(seconds) || text.contains("day")
    };
    let is_unpadded = |(text, _): (&String, &f64)| {
        text.find(':') == Some(1) && text.bytes().filter(|byte| *byte == b':').count() == 2
    };
    (cells().any(is_clear) || cells().all(is_unpadded)).then_some(found)
}

/// The same, where times of day are lengths, too.
pub(super) fn asked(evidence: &Evidence<'_>, kept: &[String]) -> Option<Found> {
    Form::ALL
        .into_iter()
        .find_map(|form| of_form(evidence, kept, form))
}

fn of_form(evidence: &Evidence<'_>, kept: &[String], form: Form) -> Option<Found> {
    let levels = evidence.levels;
    let (mut values, mut markers) = (Vec::with_capacity(levels.len()), Vec::new());
    for (i, text) in levels.iter().enumerate() {
        let seconds = form.read(text);
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
    let longest = lengths.max_by(|&a, &b| f64::total_cmp(&values[a].abs(), &values[b].abs()))?;
    let [rows, all] = [rows, evidence.rows()].map(crate::text::whole);
    let why = format!(
        "{} is {} seconds; {rows} of {all} cells are so",
        quote(&levels[longest]),
        number_text(values[longest])
    );
    let reading = Reading {
        marks: vec![form.mark().to_owned()],
        missing: markers.iter().map(|&i| levels[i].clone()).collect(),
        ..Reading::of(ReadAs::Numbers, why)
    };
    Some(Found { values, reading })
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
            assert_eq!(Form::Hours.read(text), Some(seconds), "{text}");
        }
        for (text, seconds) in [("3:25.7", 205.7), ("100:05", 6005.0), ("1:00:05.5", 3605.5)] {
            assert_eq!(Form::Minutes.read(text), Some(seconds), "{text}");
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
            "3:25.7",
        ] {
            assert_eq!(Form::Hours.read(text), None, "{text}");
        }
    }

    #[test]
    fn a_column_is_one_of_lengths_if_one_cell_can_only_be_one() {
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
        assert!(look(&["9:00:00", "12:00:00"]).is_none() && look(&["9:00", "8:00"]).is_none());
        assert!(look(&["0:05:30", "2:00:10"]).is_some());
        let first = |texts: &[&str]| look(texts).map(|found| found.values[0]);
        // Only lengths have a sign, days, or fractions behind minutes.
        assert_eq!(first(&["9:00", "-0:30"]), Some(32_400.0));
        assert_eq!(first(&["0 days 00:05:00", "0 days 00:07:00"]), Some(300.0));
        assert_eq!(first(&["1:30", "1:23.456"]), Some(90.0));
        assert!(look(&["9:00:00", "30:00:00", "x y"]).is_none());
    }
}
