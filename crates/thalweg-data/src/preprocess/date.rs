//! Dates to network inputs: the days since 1970, scaled as any number, and circles for what comes
//! back: sin 2πkp and cos 2πkp of the position p in the week (k = 1, 2, 3: with a bias, any
//! value for each weekday), in the year and in the day (k = 1, 2).

use std::f64::consts::TAU;

use serde::{Deserialize, Serialize};

use super::element::Element;
use super::left_out::LeftOut;
use super::numeric::{Numeric, NumericFit};
use crate::reading::day_of_year;

const DAY: f64 = 86_400.0;
/// With fewer days the year says no more than the days.
const DAYS_FOR_YEAR: f64 = 180.0;
const DAYS_FOR_WEEK: f64 = 7.0;

/// What the inputs of a column of dates are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DateParts {
    /// The days since 1970, with their fraction.
    pub days: Numeric,
    /// Whether the day of the week is among the inputs.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub week: bool,
    /// Whether the day of the year is.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub year: bool,
    /// Whether the time of day is.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub day: bool,
}

/// The name of a circle, how many waves it has, and the position in it of a date.
type Circle = (&'static str, u32, fn(f64) -> f64);

impl DateParts {
    /// Each circle that is used.
    fn circles(&self) -> impl Iterator<Item = Circle> {
        let all: [(bool, Circle); 3] = [
            (self.week, ("weekday", 3, in_week)),
            (self.year, ("year", 2, in_year)),
            (self.day, ("hour", 2, in_day)),
        ];
        all.into_iter()
            .filter_map(|(used, circle)| used.then_some(circle))
    }

    /// Number of network inputs.
    pub fn width(&self) -> usize {
        let waves: u32 = self.circles().map(|(_, waves, _)| waves).sum();
        self.days.width() + 2 * waves as usize
    }

    /// The names of the circles' inputs.
    pub(super) fn names(&self) -> Vec<String> {
        let of = |(name, waves, _)| {
            (1..=waves).flat_map(move |k| [format!("{name} sin {k}"), format!("{name} cos {k}")])
        };
        self.circles().flat_map(of).collect()
    }

    /// Writes the inputs of a date, NaN where it is missing.
    pub(super) fn write<T: Element>(&self, output: &mut [T], seconds: f64) {
        let days = seconds / DAY;
        output[0] = T::from_f64(self.days.apply(days));
        if self.days.indicator && days.is_nan() {
            output[1] = T::from_f64(1.0);
        }
        if days.is_nan() {
            return;
        }
        let mut outputs = output[self.days.width()..].iter_mut();
        for (_, waves, position) in self.circles() {
            let angle = TAU * position(seconds);
            for k in 1..=waves {
                let (sin, cos) = (f64::from(k) * angle).sin_cos();
                for (value, output) in [sin, cos].into_iter().zip(outputs.by_ref()) {
                    *output = T::from_f64(value);
                }
            }
        }
    }
}

/// Monday is 0; 1970 began on a Thursday.
fn in_week(seconds: f64) -> f64 {
    ((seconds / DAY).floor() + 3.0).rem_euclid(7.0) / 7.0
}

fn in_year(seconds: f64) -> f64 {
    let (day, days) = day_of_year(seconds);
    f64::from(day) / f64::from(days)
}

fn in_day(seconds: f64) -> f64 {
    seconds.rem_euclid(DAY) / DAY
}

/// Fits dates block by block.
#[derive(Debug)]
pub(super) struct DateFit {
    days: NumericFit,
    first: f64,
    /// Whether more than one day of the week, and more than one time of day, was there.
    weekdays: bool,
    times: bool,
}

impl DateFit {
    /// `days` fits the days since 1970.
    pub fn new(days: NumericFit) -> Self {
        Self {
            days,
            first: f64::NAN,
            weekdays: false,
            times: false,
        }
    }

    /// Adds the dates of a block, in seconds, with their weights where they have some.
    pub fn add(&mut self, seconds: impl Iterator<Item = f64> + Clone, weights: Option<&[f32]>) {
        for one in seconds.clone().filter(|one| !one.is_nan()) {
            if self.first.is_nan() {
                self.first = one;
            }
            self.weekdays |= in_week(one) != in_week(self.first);
            self.times |= in_day(one) != in_day(self.first);
        }
        self.days
            .add_weighted(seconds.map(|one| one / DAY), weights);
    }

    /// Ends a pass over all blocks; whether another one is needed.
    pub fn end_pass(&mut self) -> bool {
        self.days.end_pass()
    }

    pub fn finish(self) -> Result<DateParts, LeftOut> {
        let span = self.days.most - self.days.least;
        Ok(DateParts {
            week: self.weekdays && span >= DAYS_FOR_WEEK,
            year: span >= DAYS_FOR_YEAR,
            day: self.times,
            days: self.days.finish()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preprocess::Scaling;

    #[test]
    fn circles_are_those_of_weekday_year_and_hour() {
        let numeric = NumericFit::of([0.0, 1.0].into_iter(), Scaling::None)
            .finish()
            .unwrap();
        let parts = DateParts {
            days: numeric,
            week: true,
            year: true,
            day: true,
        };
        assert_eq!(parts.width(), 1 + 6 + 4 + 4);
        assert_eq!(parts.names().len(), 14);
        let mut inputs = vec![0.0; 15];
        // Thursday, 2 July 2020, 18:00; day 183 of 366 counted from 0.
        parts.write(&mut inputs, 1_593_712_800.0);
        let wave = |k: f64, p: f64| [(TAU * k * p).sin(), (TAU * k * p).cos()];
        let week = [
            wave(1.0, 3.0 / 7.0),
            wave(2.0, 3.0 / 7.0),
            wave(3.0, 3.0 / 7.0),
        ];
        let year = [wave(1.0, 0.5), wave(2.0, 0.5)];
        let day = [wave(1.0, 0.75), wave(2.0, 0.75)];
        let expected = [vec![18_445.75], [&week[..], &year, &day].concat().concat()].concat();
        for (found, expected) in inputs.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-9, "{found} is not {expected}");
        }
    }
}
