//! Row numbers in a uniformly random order.
//!
//! Fisher–Yates swaps each number with one anywhere: with many rows, each swap misses the caches. Many rows are first
//! scattered into buckets, each row into one at random, and every bucket is then shuffled by itself, in a cache. The
//! buckets one after the other are a uniformly random order as well (Rao 1961, Sandelius 1962). Ranges of rows are
//! scattered, and buckets shuffled, by any thread: each range and each bucket has a random sequence of its own.

use std::ops::Range;
use std::thread;

use crate::kernels::gather::prefetch_value;
use crate::random::{Purpose, Sequence, Stream};

/// Up to so many rows stay in a cache: they are one bucket, shuffled by one thread.
const FEW: usize = 1 << 17;
/// Buckets of more rows; one byte chooses among them.
const BUCKETS: usize = 1 << 8;
/// Ranges of rows that are scattered independently.
const RANGES: usize = 1 << 4;
/// Rows of a bucket that are prefetched: the next cache line.
const AHEAD: usize = 16;

/// Fills `order` with the numbers below its length, in an order that is a function of seed and epoch, whatever the
/// number of threads. Returns the sequence that further random numbers of the epoch come from.
pub(crate) fn shuffle(seed: u64, epoch: usize, threads: usize, order: &mut [u32]) -> Sequence {
    let stream = |number: usize| {
        let substream = (number as u64) << 32 | epoch as u64;
        Stream::new(seed, Purpose::Shuffle, substream).sequence()
    };
    let mut random = stream(0);
    if order.len() <= FEW {
        order
            .iter_mut()
            .zip(0..)
            .for_each(|(place, row)| *place = row);
        random.shuffle(order);
        return random;
    }
    let of_range = |number: usize| stream(1 + BUCKETS + number);
    let bound = |range: usize| (order.len() * range / RANGES) as u32;
    let bounds: [u32; RANGES + 1] = std::array::from_fn(bound);

    let mut sizes = [[0; BUCKETS]; RANGES];
    each(threads, sizes.iter_mut().enumerate(), |(number, sizes)| {
        let rows = bounds[number]..bounds[number + 1];
        scatter(of_range(number), rows, |_, bucket| sizes[bucket] += 1);
    });
    // The part of every bucket that each range fills.
    let mut parts: [Vec<&mut [u32]>; RANGES] = std::array::from_fn(|_| Vec::with_capacity(BUCKETS));
    let mut rest = &mut *order;
    for bucket in 0..BUCKETS {
        for (parts, sizes) in parts.iter_mut().zip(&sizes) {
            let (own, others) = rest.split_at_mut(sizes[bucket]);
            parts.push(own);
            rest = others;
        }
    }
    each(threads, parts.iter_mut().enumerate(), |(number, parts)| {
        let rows = bounds[number]..bounds[number + 1];
        let mut ends = [0; BUCKETS];
        scatter(of_range(number), rows, |row, bucket| {
            let (part, place) = (&mut *parts[bucket], ends[bucket]);
            part[place] = row;
            if let Some(ahead) = part.get(place + AHEAD) {
                prefetch_value(ahead);
            }
            ends[bucket] += 1;
        });
    });
    let mut rest = order;
    let mut buckets: Vec<&mut [u32]> = Vec::with_capacity(BUCKETS);
    for bucket in 0..BUCKETS {
        let size = sizes.iter().map(|sizes| sizes[bucket]).sum();
        let (own, others) = rest.split_at_mut(size);
        buckets.push(own);
        rest = others;
    }
    each(
        threads,
        buckets.into_iter().enumerate(),
        |(number, bucket)| {
            stream(1 + number).shuffle(bucket);
        },
    );
    random
}

/// Runs the job on every piece of work, on up to so many threads.
fn each<W: Send>(threads: usize, work: impl Iterator<Item = W>, job: impl Fn(W) + Sync) {
    let mut shares: Vec<Vec<W>> = (0..threads.max(1)).map(|_| Vec::new()).collect();
    let count = shares.len();
    for (index, piece) in work.enumerate() {
        shares[index % count].push(piece);
    }
    let own = shares.swap_remove(0);
    let job = &job;
    thread::scope(|scope| {
        for share in shares.into_iter().filter(|share| !share.is_empty()) {
            scope.spawn(move || share.into_iter().for_each(job));
        }
        own.into_iter().for_each(job);
    });
}

/// Calls `put` with each of these rows and the bucket that it goes into.
fn scatter(mut random: Sequence, rows: Range<u32>, mut put: impl FnMut(u32, usize)) {
    for first in rows.clone().step_by(4) {
        let buckets = random.next_u32().to_le_bytes();
        for (row, bucket) in (first..rows.end).zip(buckets) {
            put(row, usize::from(bucket));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shuffled(seed: u64, epoch: usize, threads: usize, rows: usize) -> Vec<u32> {
        let mut order = vec![u32::MAX; rows];
        shuffle(seed, epoch, threads, &mut order);
        order
    }

    #[test]
    fn an_order_has_every_row_once_and_does_not_depend_on_threads() {
        for rows in [0, 1, 2, 1000, FEW, FEW + 1, 2 * FEW + 2] {
            let order = shuffled(3, 1, 1, rows);
            let mut sorted = order.clone();
            sorted.sort_unstable();
            assert!(sorted.iter().zip(0..).all(|(row, number)| *row == number));
            for threads in [2, 3, 300] {
                assert_eq!(shuffled(3, 1, threads, rows), order);
            }
            if rows > 2 {
                assert_ne!(shuffled(3, 2, 1, rows), order);
                assert_ne!(shuffled(4, 1, 1, rows), order);
            }
        }
    }

    /// χ² of a table of places and rows with 15² degrees of freedom, of few rows and of many: 225 ± 21 if every order is as
    /// likely as every other, so 330 is five deviations away.
    /// Neighbours in the order are a second such table.
    #[test]
    fn every_row_may_come_anywhere_after_any_other() {
        const CELLS: usize = 16;
        for rows in [FEW, 2 * FEW] {
            let order = shuffled(7, 0, 2, rows);
            let cell = |row: usize| row * CELLS / rows;
            let mut of_places = [[0.0; CELLS]; CELLS];
            let mut of_neighbours = [[0.0; CELLS]; CELLS];
            for (place, row) in order.iter().enumerate() {
                of_places[cell(place)][cell(*row as usize)] += 1.0;
            }
            for pair in order.windows(2) {
                of_neighbours[cell(pair[0] as usize)][cell(pair[1] as usize)] += 1.0;
            }
            for table in [of_places, of_neighbours] {
                let expected = rows as f64 / (CELLS * CELLS) as f64;
                let terms = table
                    .iter()
                    .flatten()
                    .map(|n: &f64| (n - expected).powi(2) / expected);
                let chi_squared: f64 = terms.sum();
                assert!(
                    (120.0..330.0).contains(&chi_squared),
                    "{rows} rows: {chi_squared}"
                );
            }
        }
    }
}
