//! By which a model recognizes the rows that it was trained on: a Bloom filter (Bloom 1970) of
//! salted hashes of rows, inputs and targets together, as the network sees them.
//!
//! With n rows in m = 16·n bits of which each sets k = 8, a row that was not trained on is taken for
//! one that was with probability (1 − e^(−k·n/m))^k = 0.06 %. There are at most 2^19 bits (64 KiB):
//! of more than 32,768 rows, those are kept whose hash is in the lower half, quarter, … of all. Whoever
//! has a row can ask for it; no row can be read back, since a bit stands for as many rows as there are
//! hashes that set it.
//!
//! A run that goes on from a model carries its filters on beside its own, at most 2^20 bits and 32
//! filters in all; their false alarms add up. A filter has segments by the leading bits of hashes, so
//! that the filters of before are thinned to make room by leaving segments out.

use std::iter::once;

use serde::{Deserialize, Serialize};
use thalweg_core::dataset::{DatasetRef, TargetsRef, ValuesRef};
use thalweg_data::Note;

use crate::text::{count, figure};

const BITS_PER_ROW: u64 = 16;
/// Bits of the filter of a run, and of all filters.
const MOST_BITS: u64 = 1 << 19;
const MOST_BITS_OF_ALL: u64 = 1 << 20;
const MOST_FILTERS: usize = 32;
/// Rows of a segment, at least.
const SEGMENT: u64 = 64;
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
    /// The rows of the run.
    #[serde(flatten)]
    own: Filter,
    /// Validation and test rows, and how many of them are equal to a training row.
    others: [usize; 2],
    /// The rows of the runs before, the latest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    before: Vec<Filter>,
}

/// The bits of some rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Filter {
    /// Parts of equal size, by the leading bits of the hashes that are kept; a power of 2.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    segments: usize,
    /// In hexadecimal digits in a file.
    #[serde(with = "hexadecimal")]
    bits: Vec<u8>,
}

/// Rows that are among the training rows, as far as the filter tells.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// All of them.
    rows: usize,
    /// Those that would have been kept.
    asked: usize,
    /// Those of them that are in the filter.
    found: usize,
}

impl Found {
    /// Adds what was found among other rows.
    pub fn add(&mut self, other: Self) {
        self.rows += other.rows;
        self.asked += other.asked;
        self.found += other.found;
    }
}

impl Fingerprint {
    /// Of some rows, and of others that may be equal to some by chance; what was `before` is carried on.
    pub(crate) fn new(
        trained: &[DatasetRef],
        others: &[DatasetRef],
        before: Option<&Self>,
    ) -> Self {
        let salt = before.map_or_else(|| salt(trained), |before| before.salt);
        let all: Vec<u64> = (trained.iter())
            .flat_map(|part| hashes(*part, salt))
            .collect();
        let mut filters: Vec<Filter> = (before.into_iter())
            .flat_map(|before| once(&before.own).chain(&before.before).cloned())
            .take(MOST_FILTERS - 1)
            .collect();
        let mut level = before.map_or(0, Self::level);
        let own = |level: u32| BITS_PER_ROW * (all.len() as u64 >> level);
        while own(level) > MOST_BITS {
            level += 1;
            filters.iter_mut().for_each(Filter::halve);
        }
        let bits = |filters: &[Filter]| filters.iter().map(Filter::size).sum::<u64>();
        while own(level) + bits(&filters) > MOST_BITS_OF_ALL {
            match filters.iter().any(|filter| filter.segments > 1) {
                true => {
                    level += 1;
                    filters.iter_mut().for_each(Filter::halve);
                }
                false => drop(filters.pop()),
            }
        }
        let kept = u64::MAX >> level;
        let mut fingerprint = Self {
            salt,
            kept,
            own: Filter::new(
                all.into_iter().filter(|hash| *hash <= kept).collect(),
                level,
            ),
            others: [0, 0],
            before: filters,
        };
        let own = [&fingerprint.own];
        let found = others.iter().map(|part| fingerprint.find(*part, &own));
        let [asked, found] = found.fold([0, 0], |[asked, found], part| {
            [asked + part.asked, found + part.found]
        });
        fingerprint.others = [asked, found];
        fingerprint
    }

    /// How often the range of the hashes was halved.
    fn level(&self) -> u32 {
        // Files of earlier versions have numbers that no halving gives.
        let is_between = self.kept & self.kept.wrapping_add(1) != 0;
        self.kept.leading_zeros() + u32::from(is_between)
    }

    fn filters(&self) -> Vec<&Filter> {
        once(&self.own).chain(&self.before).collect()
    }

    /// The probability that a row that was not trained on is taken for one that was.
    pub fn false_alarm_rate(&self) -> f64 {
        let passes = (self.filters().into_iter()).map(|filter| 1.0 - filter.false_alarm_rate());
        1.0 - passes.product::<f64>()
    }

    /// A warning if more of these rows are training rows than rows that are equal by chance, as
    /// validation and test rows were, and false alarms explain.
    pub fn warning(&self, rows: DatasetRef) -> Option<Note> {
        self.warning_of(self.look_for(rows), "the model")
    }

    /// Looks for rows among the training rows of the run and of those before.
    pub(crate) fn look_for(&self, rows: DatasetRef) -> Found {
        self.find(rows, &self.filters())
    }

    /// The warning on what was found among the training rows of a model that is called so.
    pub(crate) fn warning_of(&self, found: Found, model: &str) -> Option<Note> {
        let Found { rows, asked, found } = found;
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
        let all = match asked == rows {
            true => String::new(),
            false => format!(" looked at of {}", count(rows, "row")),
        };
        let chance = match expected.round() {
            0.0 => String::new(),
            about => format!(", where chance explains {}", figure(about)),
        };
        let found = figure(found as f64);
        Some(Note::warning(format!(
            "{found} of {of}{all} are rows that {model} was trained on{chance}, so these scores show memory too (a \
             new row is taken for one of them with probability {})",
            figure(rate)
        )))
    }

    fn find(&self, rows: DatasetRef, filters: &[&Filter]) -> Found {
        let level = self.level();
        let mut found = Found {
            rows: rows.features.rows(),
            ..Found::default()
        };
        for hash in hashes(rows, self.salt).filter(|hash| *hash <= self.kept) {
            found.asked += 1;
            found.found += usize::from(filters.iter().any(|filter| filter.has(hash, level)));
        }
        found
    }
}

impl Filter {
    /// Of hashes whose first `level` bits are 0.
    fn new(hashes: Vec<u64>, level: u32) -> Self {
        let rows = hashes.len() as u64;
        let segments = 1 << (rows / SEGMENT).max(1).ilog2();
        let bytes = (BITS_PER_ROW * rows).div_ceil(8 * segments).max(8);
        let mut filter = Self {
            segments: segments as usize,
            bits: vec![0; (segments * bytes) as usize],
        };
        for hash in hashes {
            for bit in filter.places(hash, level) {
                filter.bits[(bit / 8) as usize] |= 1 << (bit % 8);
            }
        }
        filter
    }

    /// Its bits.
    fn size(&self) -> u64 {
        8 * self.bits.len() as u64
    }

    /// Leaves out the upper half of the range of hashes; what has one segment stays as it is.
    fn halve(&mut self) {
        if self.segments > 1 {
            self.segments /= 2;
            self.bits.truncate(self.bits.len() / 2);
        }
    }

    fn has(&self, hash: u64, level: u32) -> bool {
        let byte = |bit: u64| self.bits.get((bit / 8) as usize);
        let is_set = |bit: u64| byte(bit).is_some_and(|byte| byte & 1 << (bit % 8) != 0);
        self.places(hash, level).all(is_set)
    }

    fn false_alarm_rate(&self) -> f64 {
        let segments = self.segments.max(1);
        let segment = (self.bits.len() / segments).max(1);
        let of_segment = |bits: &[u8]| {
            let ones: u32 = bits.iter().map(|byte| byte.count_ones()).sum();
            (f64::from(ones) / (8 * segment) as f64).powi(HASHES as i32)
        };
        let rates = self.bits.chunks(segment).map(of_segment);
        rates.sum::<f64>() / segments as f64
    }

    /// The bits of a hash, within its segment: double hashing (Kirsch, Mitzenmacher 2008).
    fn places(&self, hash: u64, level: u32) -> impl Iterator<Item = u64> + use<> {
        let segments = (self.segments as u64).max(1);
        // The leading bits after those that are 0: of one segment there are none.
        let segment = ((hash << level) >> 1) >> (63 - segments.ilog2());
        let size = (self.size() / segments).max(1);
        let (first, step) = (mix(hash ^ 0x5bf0_3635), mix(hash ^ 0x9c30_d539) | 1);
        let place = move |i: u64| first.wrapping_add(i.wrapping_mul(step)) % size;
        (0..HASHES).map(move |i| segment * size + place(i))
    }
}

fn one() -> usize {
    1
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_one(segments: &usize) -> bool {
    *segments == 1
}

/// Bytes as text.
mod hexadecimal {
    use serde::de::{Deserialize, Deserializer, Error};
    use serde::ser::Serializer;

    pub fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        serializer.serialize_str(&text)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        let byte = |pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
        let bytes = text.as_bytes().chunks(2).map(byte).collect::<Option<_>>();
        bytes.ok_or_else(|| Error::custom("bits that are no hexadecimal digits"))
    }
}

/// A hash of some training rows.
fn salt(trained: &[DatasetRef]) -> u64 {
    let of_part = |part: &DatasetRef| {
        let (part, rows) = (*part, part.features.rows());
        let some = rows.div_ceil(SALTING).max(1);
        let hashes = (0..rows).step_by(some).map(|row| hash(part, row, 0));
        hashes.fold(0, u64::wrapping_add)
    };
    trained.iter().map(of_part).fold(0, u64::wrapping_add)
}

/// A hash of each row.
fn hashes(rows: DatasetRef<'_>, salt: u64) -> impl Iterator<Item = u64> {
    (0..rows.features.rows()).map(move |row| hash(rows, row, salt))
}

/// A hash of the inputs and targets of a row.
fn hash(rows: DatasetRef, row: usize, salt: u64) -> u64 {
    // 0 and −0 are the same.
    let number = |hash: u64, x: f64| mix(hash ^ (x + 0.0).to_bits());
    let inputs = match rows.features.values {
        ValuesRef::Sparse(all) => all.entries(row).fold(mix(salt), |hash, (column, x)| {
            number(mix(hash ^ column as u64), x)
        }),
        _ => rows.features.row(row).fold(mix(salt), number),
    };
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
        Fingerprint::new(&[view(x, y)], &[], None)
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
            let Found { asked, found, .. } = own.find(view(&x, &y), &own.filters());
            assert_eq!(asked, found);
            let least = (rows as usize).min(16_000);
            assert!((least..=rows as usize).contains(&asked), "{asked}");
            assert!(
                own.own.size() <= MOST_BITS + MOST_BITS / 64,
                "{}",
                own.own.size()
            );

            let (x, y) = numbers(1_000_000, 200_000);
            let Found { asked, found, .. } = own.find(view(&x, &y), &own.filters());
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

    /// Every run has rows of its own; the fingerprint of the last one.
    fn chain(runs: &[u32]) -> Fingerprint {
        let mut last = None;
        for (run, rows) in runs.iter().enumerate() {
            let (x, y) = numbers(1_000_000 * run as u32, *rows);
            last = Some(Fingerprint::new(&[view(&x, &y)], &[], last.as_ref()));
        }
        last.unwrap()
    }

    #[test]
    fn the_rows_of_all_runs_are_recognized_in_bounded_room_with_the_rate_that_is_stated() {
        for runs in [
            &[200, 50][..],
            &[100_000, 30_000, 500],
            &[40, 150_000],
            &[20_000; 12],
        ] {
            let last = chain(runs);
            let size: u64 = last.filters().iter().map(|filter| filter.size()).sum();
            assert!(
                size <= MOST_BITS_OF_ALL + MOST_BITS_OF_ALL / 32,
                "{runs:?}: {size}"
            );
            for (run, rows) in runs.iter().enumerate() {
                let (x, y) = numbers(1_000_000 * run as u32, *rows);
                let Found { asked, found, .. } = last.find(view(&x, &y), &last.filters());
                assert_eq!(asked, found, "{runs:?}: run {run}");
                let share = asked as f64 / f64::from(*rows);
                let kept = 0.5f64.powi(last.level() as i32);
                let error = 4.0 * (kept * (1.0 - kept) / f64::from(*rows)).sqrt();
                assert!(
                    (share - kept).abs() <= error,
                    "{runs:?}: run {run}: {share}"
                );
            }
            let (x, y) = numbers(900_000_000, 200_000);
            let Found { asked, found, .. } = last.find(view(&x, &y), &last.filters());
            let rate = last.false_alarm_rate();
            assert!(rate < 1e-3 * runs.len() as f64, "{rate}");
            let expected = rate * asked as f64;
            let far = (found as f64 - expected).abs();
            assert!(
                far < 4.0 * expected.sqrt() + 1.0,
                "{runs:?}: {found} for {expected}"
            );
        }
    }

    #[test]
    fn a_fingerprint_of_before_segments_is_read_and_carried_on() {
        let (x, y) = numbers(0, 50);
        let own = fingerprint(&x, &y);
        assert_eq!(own.own.segments, 1);
        let text = serde_json::to_value(&own).unwrap();
        let mut names: Vec<&String> = text.as_object().unwrap().keys().collect();
        names.sort();
        assert_eq!(names, ["bits", "kept", "others", "salt"]);
        let read: Fingerprint = serde_json::from_value(text).unwrap();
        assert_eq!(read, own);
        let (more, z) = numbers(1_000_000, 100_000);
        let next = Fingerprint::new(&[view(&more, &z)], &[], Some(&read));
        let Found { asked, found, .. } = next.find(view(&x, &y), &next.filters());
        assert_eq!(asked, found);
        assert!(asked > 0);
        let again: Fingerprint =
            serde_json::from_value(serde_json::to_value(&next).unwrap()).unwrap();
        assert_eq!(again, next);
        let odd = r#"{"salt": 1, "kept": 2, "bits": "0g", "others": [0, 0]}"#;
        assert!(serde_json::from_str::<Fingerprint>(odd).is_err());
    }
}
