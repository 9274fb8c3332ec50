//! Rows drawn at random of any number of rows that come piece by piece: those with the smallest random keys. Of few
//! rows these are all, and they stay in their order.

use thalweg_core::dataset::Dataset;
use thalweg_core::random::{Purpose, Stream};
use thalweg_data::prepare::append;

use crate::rows::selected;

/// Beyond the substreams from which folds, shares and members are drawn.
const SUBSTREAM: u64 = 1 << 28;

/// See the module's text.
pub(crate) struct Sample {
    keys_of: Stream,
    rows: Option<Dataset>,
    keys: Vec<u64>,
    /// Rows so far.
    pub seen: usize,
}

impl Sample {
    /// None yet.
    pub fn new(seed: u64) -> Self {
        Self {
            keys_of: Stream::new(seed, Purpose::Split, SUBSTREAM),
            rows: None,
            keys: Vec::new(),
            seen: 0,
        }
    }

    /// Adds rows.
    pub fn add(&mut self, rows: Dataset) {
        let (most, count) = (most(rows.features.width), rows.rows());
        self.keys.extend((self.seen..self.seen + count).map(|row| {
            let [low, high, ..] = self.keys_of.block(row as u64);
            u64::from(high) << 32 | u64::from(low)
        }));
        self.seen += count;
        append(&mut self.rows, rows);
        if self.keys.len() > 2 * most {
            self.thin(most);
        }
    }

    /// The rows that are drawn; none if there were none.
    pub fn rows(mut self) -> Option<Dataset> {
        let width = self.rows.as_ref()?.features.width;
        self.thin(most(width));
        self.rows
    }

    fn thin(&mut self, most: usize) {
        let Some(rows) = self.rows.as_mut().filter(|_| self.keys.len() > most) else {
            return;
        };
        let mut sorted = self.keys.clone();
        let (_, largest, _) = sorted.select_nth_unstable(most - 1);
        let kept: Vec<usize> = (0..self.keys.len())
            .filter(|row| self.keys[*row] <= *largest)
            .collect();
        *rows = selected(rows.view(), &kept);
        self.keys = kept.into_iter().map(|row| self.keys[row]).collect();
    }
}

/// Rows of so many values that are drawn: about 4 million values.
fn most(width: usize) -> usize {
    ((1 << 22) / width.max(1)).clamp(1 << 14, 1 << 18)
}

#[cfg(test)]
mod tests {
    use thalweg_core::dataset::{Features, Targets, Values};

    use super::*;

    fn piece(first: usize, rows: usize) -> Dataset {
        Dataset {
            features: Features {
                width: 1024,
                values: Values::U8 {
                    bytes: vec![0; 1024 * rows],
                    scale: 1.0,
                    offset: 0.0,
                },
            },
            targets: Targets::Values {
                width: 1,
                values: (first..first + rows).map(|row| row as f64).collect(),
            },
            weights: None,
        }
    }

    fn drawn(rows: usize, size: usize) -> Vec<f64> {
        let mut sample = Sample::new(3);
        for first in (0..rows).step_by(size) {
            sample.add(piece(first, size.min(rows - first)));
        }
        assert_eq!(sample.seen, rows);
        match sample.rows().unwrap().targets {
            Targets::Values { values, .. } => values,
            Targets::Classes(_) => Vec::new(),
        }
    }

    #[test]
    fn few_rows_are_all_and_many_are_drawn_alike_whatever_the_pieces() {
        assert_eq!(drawn(5, 2), [0.0, 1.0, 2.0, 3.0, 4.0]);
        let many = drawn(70_000, 7_000);
        assert_eq!(many, drawn(70_000, 20_000));
        assert!(many.len() == 1 << 14 && many.is_sorted());
        // Mean of uniform numbers, within four deviations.
        let mean = many.iter().sum::<f64>() / many.len() as f64;
        let deviation = 70_000.0 / (12.0 * many.len() as f64).sqrt();
        assert!((mean - 35_000.0).abs() < 4.0 * deviation, "{mean}");
    }
}
