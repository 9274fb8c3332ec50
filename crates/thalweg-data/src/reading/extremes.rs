//! Numbers that stand for "missing".

use super::numbers::Hints;
use super::stored::{ReadAs, Reading};
use crate::table::number_text;
use crate::text::whole;

/// The least numbers of a column, and the largest.
#[derive(Debug, Clone)]
pub(crate) struct Extremes {
    least: f64,
    /// Rows that have it.
    count: usize,
    /// The least and the largest of the others, and the rows of these.
    low: f64,
    high: f64,
    others: usize,
}

impl Default for Extremes {
    fn default() -> Self {
        Self {
            least: f64::INFINITY,
            count: 0,
            low: f64::INFINITY,
            high: f64::NEG_INFINITY,
            others: 0,
        }
    }
}

/// The numbers that may stand for "missing".
const MARKERS: [f64; 5] = [-99.0, -999.0, -9999.0, -99999.0, -999_999.0];

impl Extremes {
    /// Those of a column whose least number may stand for "missing".
    pub fn of(numbers: &[f64]) -> Option<Self> {
        // Eight at once, as a vector has them.
        let less = |a: f64, b: f64| if b < a { b } else { a };
        let mut least = [f64::INFINITY; 8];
        let (eights, rest) = numbers.as_chunks::<8>();
        for eight in eights {
            least = std::array::from_fn(|i| less(least[i], eight[i]));
        }
        let least = least.iter().chain(rest).copied().fold(f64::INFINITY, less);
        let mut extremes = Self::default();
        MARKERS.contains(&least).then(|| {
            extremes.add(numbers);
            extremes
        })
    }

    /// Adds numbers, NaN where missing.
    pub fn add(&mut self, numbers: &[f64]) {
        for &x in numbers.iter().filter(|x| !x.is_nan()) {
            if x < self.least {
                if self.count > 0 {
                    (self.low, self.high) = (self.least, self.high.max(self.least));
                    self.others += self.count;
                }
                (self.least, self.count) = (x, 1);
            } else if x == self.least {
                self.count += 1;
            } else {
                (self.low, self.high) = (self.low.min(x), self.high.max(x));
                self.others += 1;
            }
        }
    }
}

/// A number that stands for "missing": -99, -999, … more than once, far below all others.
pub(super) fn marker(extremes: &Extremes, hints: Hints<'_>) -> Option<(f64, Reading)> {
    let Extremes {
        least,
        count,
        low,
        high,
        others,
    } = *extremes;
    if !MARKERS.contains(&least) {
        return None;
    }
    let rows = count + others;
    let far = low >= 0.0 || low - least > 2.0 * (high - low);
    let cell = number_text(least);
    if count <= 1 || 2 * count >= rows || !far || low >= high || hints.kept.contains(&cell) {
        return None;
    }
    let [low, high] = [low, high].map(number_text);
    let [count, rows] = [count, rows].map(whole);
    let why = format!("{cell} in {count} of {rows} cells is far below the others, {low} to {high}");
    let reading = Reading {
        missing: vec![cell],
        ..Reading::of(ReadAs::Numbers, why)
    };
    Some((least, reading))
}
