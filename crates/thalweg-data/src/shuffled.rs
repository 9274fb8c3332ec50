//! A random order of rows, as an exact external shuffle needs it.
//!
//! Row i gets a key of 64 random bits, a function of (seed, i), and rows are sorted by (key, i). Were no
//! two keys equal, every order would have the same chance; of n rows some two are equal with a probability
//! below n² / 2⁶⁵, which bounds the distance from the uniform distribution (Rao 1961, Sandelius 1962, with
//! keys in the place of digits). Buckets are ranges of keys, so the order is the same whatever their number.

use thalweg_core::random::{Purpose, Stream};

/// The substream of the keys: no epoch has it.
const SUBSTREAM: u64 = u32::MAX as u64;

/// The keys of rows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Keys(Stream);

impl Keys {
    pub fn new(seed: u64) -> Self {
        Self(Stream::new(seed, Purpose::Shuffle, SUBSTREAM))
    }

    /// The key of a row.
    pub fn of(&self, row: u64) -> u64 {
        let [low, high, ..] = self.0.block(row);
        u64::from(high) << 32 | u64::from(low)
    }
}

/// The bucket of a key: ranges of keys of the same size, ascending.
pub(crate) fn bucket(key: u64, buckets: usize) -> usize {
    ((u128::from(key) * buckets as u128) >> 64) as usize
}

/// The rows in their order.
pub(crate) fn order(seed: u64, rows: usize) -> Vec<usize> {
    let keys = Keys::new(seed);
    let mut keyed: Vec<(u64, u32)> = (0..rows as u32)
        .map(|row| (keys.of(u64::from(row)), row))
        .collect();
    keyed.sort_unstable();
    keyed.into_iter().map(|(_, row)| row as usize).collect()
}

#[cfg(test)]
mod tests {
    use thalweg_core::order::RowOrder;
    use thalweg_core::spec::{Batches, TrainingSpec};

    use super::*;

    #[test]
    fn buckets_in_their_order_are_the_order_of_all_rows_whatever_their_number() {
        let keys = Keys::new(7);
        let expected = order(7, 1000);
        for buckets in [1, 2, 3, 64, 1000] {
            let mut all: Vec<Vec<(u64, usize)>> = vec![Vec::new(); buckets];
            for row in 0..1000 {
                let key = keys.of(row as u64);
                all[bucket(key, buckets)].push((key, row));
            }
            all.iter_mut().for_each(|rows| rows.sort_unstable());
            let rows: Vec<usize> = all.into_iter().flatten().map(|(_, row)| row).collect();
            assert_eq!(rows, expected, "{buckets} buckets");
        }
        assert_ne!(order(8, 1000), expected);
    }

    /// Parts of the rows, and of the places, that are counted.
    const CELLS: usize = 10;
    /// Of the cells of such a table, the sums of rows and columns are fixed.
    const FREEDOM: usize = (CELLS - 1) * (CELLS - 1);

    /// χ² of counts against equal expectations, as the standard score of its cube root (Wilson & Hilferty
    /// 1931): about standard normal.
    fn score(counts: &[f64], freedom: usize) -> f64 {
        let (cells, total) = (counts.len() as f64, counts.iter().sum::<f64>());
        let expected = total / cells;
        let chi2: f64 = counts
            .iter()
            .map(|count| (count - expected).powi(2) / expected)
            .sum();
        let (k, a) = (freedom as f64, 2.0 / (9.0 * freedom as f64));
        ((chi2 / k).cbrt() - (1.0 - a)) / a.sqrt()
    }

    #[test]
    fn rows_are_anywhere_with_the_same_chance_and_neighbours_do_not_stay_together() {
        const ROWS: usize = 200;
        let (mut places, mut steps) = (vec![0.0; CELLS * CELLS], vec![0.0; CELLS]);
        for seed in 0..500 {
            let order = order(seed, ROWS);
            for (position, row) in order.iter().enumerate() {
                places[position * CELLS / ROWS * CELLS + row * CELLS / ROWS] += 1.0;
            }
            // The distance from a row to the one behind it, around the circle of rows, is 1 to ROWS − 1.
            for pair in order.windows(2) {
                let step = (pair[1] + ROWS - pair[0]) % ROWS;
                if step < ROWS - 9 {
                    steps[(step - 1) * CELLS / (ROWS - 10)] += 1.0;
                }
            }
        }
        let (places, steps) = (score(&places, FREEDOM), score(&steps, CELLS - 1));
        assert!(places.abs() < 4.0, "{places}");
        assert!(steps.abs() < 4.0, "{steps}");
    }

    /// What a run on disk sees over some epochs: standard scores of χ² of position against row and of a row against
    /// the one before it, and how much more often rows of one block are neighbours than they were in a full shuffle.
    fn quality(blocks: usize, block: usize, epochs: usize, is_shuffled: bool) -> [f64; 3] {
        let rows = blocks * block;
        let file = match is_shuffled {
            true => order(3, rows),
            false => (0..rows).collect(),
        };
        let spec = TrainingSpec {
            batch_size: rows,
            shuffle: true,
            seed: 5,
            batches: Batches {
                block: Some(block),
                ..Batches::default()
            },
            ..TrainingSpec::default()
        };
        let mut epochs_of = RowOrder::new(&spec, rows, None, 1).unwrap();
        let cell = |number: usize| number * CELLS / rows;
        let (mut places, mut pairs) = (vec![0.0; CELLS * CELLS], vec![0.0; CELLS * CELLS]);
        let mut together = 0.0;
        for epoch in 0..epochs {
            let places_in_file: Vec<usize> = epochs_of.batch(epoch, 0).rows.iter().collect();
            for (position, at) in places_in_file.iter().enumerate() {
                places[cell(position) * CELLS + cell(file[*at])] += 1.0;
            }
            for pair in places_in_file.windows(2) {
                pairs[cell(file[pair[0]]) * CELLS + cell(file[pair[1]])] += 1.0;
                together += f64::from(u8::from(pair[0] / block == pair[1] / block));
            }
        }
        let in_full = (block - 1) as f64 / (rows - 1) as f64 * ((rows - 1) * epochs) as f64;
        [
            score(&places, FREEDOM),
            score(&pairs, FREEDOM),
            together / in_full,
        ]
    }

    #[test]
    fn epochs_from_disk_are_as_random_as_is_stated_for_any_number_of_blocks() {
        println!("blocks  p(position)  p(neighbours)  of one block");
        for blocks in [2, 3, 8, 9, 10, 30, 100, 300, 1000] {
            let [places, pairs, together] = quality(blocks, 100, 20, true);
            let p = |score: f64| 0.5 * libm::erfc(score / std::f64::consts::SQRT_2);
            println!(
                "{blocks:6}  {:11.2}  {:13.2}  {together:12.2}",
                p(places),
                p(pairs)
            );
            assert!(places.abs() < 3.5, "{blocks} blocks, position: {places}");
            assert!(pairs.abs() < 3.5, "{blocks} blocks, neighbours: {pairs}");
            // As many times as there are windows of eight blocks.
            let expected = blocks.div_ceil(8) as f64;
            assert!(
                (0.95 * expected..1.05 * expected).contains(&together),
                "{blocks} blocks: {together} for {expected}"
            );
        }
        // What the shuffle of the file is for.
        let [places, pairs, _] = quality(100, 100, 20, false);
        assert!(places > 10.0 && pairs > 10.0, "{places} {pairs}");
    }
}
