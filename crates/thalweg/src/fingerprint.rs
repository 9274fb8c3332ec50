//! By which a model recognizes the rows that it was trained on: a Bloom filter (Bloom 1970) of
//! salted hashes of rows, inputs and targets together, as the network sees them.
//!
//! With n rows in m = 16·n bits of which each sets k = 8, a row that was not trained on is taken for
//! one that was with probability (1 − e^(−k·n/m))^k = 0.06 %. There are at most 2^19 bits (64 KiB):
//! of more than 32,768 rows, those with the smallest hashes are kept. Whoever has a row can ask for
//! it; no row can be read back, since a bit stands for as many rows as there are hashes that set it.

use serde::{Deserialize, Serialize};
use thalweg_core::dataset::{DatasetRef, TargetsRef};
use thalweg_data::Note;

use crate::rows::RunRows;
use crate::text::{count, figure};

const BITS_PER_ROW: u64 = 16;
const MOST_BITS: u64 = 1 << 19;
const HASHES: u64 = 8;
/// Rows of each part that the salt is made of.
const SALTING: usize = 1024;

/// See the module's text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// Makes the hashes those of this model: a hash of some training rows.
    salt: u64,
    /// Rows whose hash is at most this are kept.
    kept: u64,
    /// The bits, in hexadecimal digits.
    bits: String,
    /// Validation and test rows, and how many of them are equal to a training row.
    others: [usize; 2],
}

/// Rows that are among the training rows, as far as the filter tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Found {
    /// Rows that would have been kept.
    asked: usize,
    /// Those of them that are in the filter.
    found: usize,
}

impl Fingerprint {
    /// Of the rows that the model of a run was trained on: all of them after a refit.
    pub(crate) fn of(rows: &RunRows, has_refit: bool) -> Self {
        let [trained, others] = rows.trained_and_others(has_refit);
        Self::new(&trained, &others)
    }

    /// Of some rows, and of others that may be equal to some by chance.
    pub(crate) fn new(trained: &[DatasetRef], others: &[DatasetRef]) -> Self {
        let salt = (trained.iter())
            .flat_map(|part| {
                let rows = part.features.rows();
                let some = rows.div_ceil(SALTING).max(1);
                (0..rows).step_by(some).map(|row| hash(*part, row, 0))
            })
            .fold(0, u64::wrapping_add);
        let all: Vec<u64> = trained
            .iter()
            .flat_map(|part| hashes(*part, salt))
            .collect();
        let count = all.len() as u64;
        let bits = (BITS_PER_ROW * count).clamp(64, MOST_BITS);
        let kept = match BITS_PER_ROW * count <= MOST_BITS {
            true => u64::MAX,
            false => u64::MAX / (BITS_PER_ROW * count) * MOST_BITS,
        };
        let mut filter = vec![0u8; bits.div_ceil(8) as usize];
        for hash in all.into_iter().filter(|hash| *hash <= kept) {
            for bit in places(hash, 8 * filter.len() as u64) {
                filter[(bit / 8) as usize] |= 1 << (bit % 8);
            }
        }
        let mut fingerprint = Self {
            salt,
            kept,
            bits: filter.iter().map(|byte| format!("{byte:02x}")).collect(),
            others: [0, 0],
        };
        for part in others {
            let Found { asked, found } = fingerprint.find(*part);
            fingerprint.others = [fingerprint.others[0] + asked, fingerprint.others[1] + found];
        }
        fingerprint
    }

    /// The probability that a row that was not trained on is taken for one that was.
    pub fn false_alarm_rate(&self) -> f64 {
        let filter = self.filter();
        let ones: u32 = filter.iter().map(|byte| byte.count_ones()).sum();
        (f64::from(ones) / (8 * filter.len()).max(1) as f64).powi(HASHES as i32)
    }

    /// A warning if more of these rows are training rows than rows that are equal by chance, as
    /// validation and test rows were, and false alarms explain.
    pub fn warning(&self, rows: DatasetRef) -> Option<Note> {
        let Found { asked, found } = self.find(rows);
        let rate = self.false_alarm_rate();
        let [others, equal] = self.others.map(|count| count as f64);
        let by_chance = match others {
            0.0 => rate,
            _ => rate + (equal + 1.0) / (others + 2.0),
        };
        let expected = by_chance * asked as f64;
        if (found as f64) < 1.0 + expected + 4.0 * expected.sqrt() {
            return None;
        }
        let of = count(asked, "row");
        let all = match asked == rows.features.rows() {
            true => String::new(),
            false => format!(" looked at of {}", count(rows.features.rows(), "row")),
        };
        let chance = match expected.round() {
            0.0 => String::new(),
            about => format!(", where chance explains {about:.0}"),
        };
        Some(Note::warning(format!(
            "{found} of {of}{all} are rows that the model was trained on{chance}, so these scores show memory too (a \
             new row is taken for one of them with probability {})",
            figure(rate)
        )))
    }

    fn find(&self, rows: DatasetRef) -> Found {
        let filter = self.filter();
        let size = 8 * filter.len() as u64;
        let is_set = |bit: u64| filter[(bit / 8) as usize] & 1 << (bit % 8) != 0;
        let (mut asked, mut found) = (0, 0);
        for hash in hashes(rows, self.salt).filter(|hash| *hash <= self.kept && size > 0) {
            asked += 1;
            found += usize::from(places(hash, size).all(is_set));
        }
        Found { asked, found }
    }

    fn filter(&self) -> Vec<u8> {
        let digits = self.bits.as_bytes().chunks_exact(2);
        let byte = |pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
        digits.map(|pair| byte(pair).unwrap_or(0)).collect()
    }
}

/// The bits of a hash: double hashing (Kirsch, Mitzenmacher 2008).
fn places(hash: u64, size: u64) -> impl Iterator<Item = u64> {
    let (first, step) = (mix(hash ^ 0x5bf0_3635), mix(hash ^ 0x9c30_d539) | 1);
    (0..HASHES).map(move |i| first.wrapping_add(i.wrapping_mul(step)) % size)
}

/// A hash of each row.
fn hashes(rows: DatasetRef<'_>, salt: u64) -> impl Iterator<Item = u64> {
    (0..rows.features.rows()).map(move |row| hash(rows, row, salt))
}

/// A hash of the inputs and targets of a row.
fn hash(rows: DatasetRef, row: usize, salt: u64) -> u64 {
    // 0 and −0 are the same.
    let number = |hash: u64, x: f64| mix(hash ^ (x + 0.0).to_bits());
    let inputs = rows.features.row(row).fold(mix(salt), number);
    match rows.targets {
        TargetsRef::Classes(classes) => mix(inputs ^ u64::from(classes[row])),
        TargetsRef::Values { width, values } => {
            let targets = &values[row * width..][..width];
            targets.iter().copied().fold(inputs, number)
        }
    }
}

/// The finalizer of SplitMix64 (Steele, Lea, Flood 2014).
fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use thalweg_core::dataset::FeaturesRef;

    use super::*;

    /// Rows of two numbers that are all different from `first` on.
    fn numbers(first: u32, rows: u32) -> (Vec<f32>, Vec<f64>) {
        let x = (first..first + rows).flat_map(|i| [i as f32, (i as f32).sin()]);
        (x.collect(), (0..rows).map(|i| f64::from(i % 7)).collect())
    }

    fn fingerprint(x: &[f32], y: &[f64]) -> Fingerprint {
        Fingerprint::new(&[view(x, y)], &[])
    }

    fn view<'a>(x: &'a [f32], y: &'a [f64]) -> DatasetRef<'a> {
        DatasetRef {
            features: FeaturesRef::f32(2, x),
            targets: y.into(),
            weights: None,
        }
    }

    #[test]
    fn every_row_is_recognized_and_others_as_seldom_as_stated() {
        for rows in [100, 20_000, 100_000] {
            let (x, y) = numbers(0, rows);
            let own = fingerprint(&x, &y);
            let Found { asked, found } = own.find(view(&x, &y));
            assert_eq!(asked, found);
            let least = (rows as usize).min(30_000);
            assert!((least..=rows as usize).contains(&asked), "{asked}");
            assert!(own.bits.len() <= 2 * 65_536);

            let (x, y) = numbers(1_000_000, 200_000);
            let Found { asked, found } = own.find(view(&x, &y));
            let rate = own.false_alarm_rate();
            assert!(rate < 1e-3, "{rate}");
            let expected = rate * asked as f64;
            // Four standard deviations of a Poisson number.
            let far = (found as f64 - expected).abs();
            assert!(far < 4.0 * expected.sqrt() + 1.0, "{found} for {expected}");
            assert_eq!(own.warning(view(&x, &y)), None);
        }
    }

    #[test]
    fn some_training_rows_among_new_ones_are_told() {
        let (x, y) = numbers(0, 500);
        let own = fingerprint(&x, &y);
        let (mut other, mut z) = numbers(1000, 100);
        other.splice(..20, x[..20].iter().copied());
        z.splice(..10, y[..10].iter().copied());
        let told = own.warning(view(&other, &z)).unwrap().text;
        assert!(told.starts_with("10 of 100 rows are rows that"), "{told}");
        // The same inputs with another target are another row.
        let changed: Vec<f64> = y.iter().map(|y| y + 1.0).collect();
        assert_eq!(own.warning(view(&x, &changed)), None);
    }
}
