//! Row numbers in a uniformly random order.
//!
//! Fisher–Yates exchanges each number with one anywhere, which of many rows is on its way from memory for longer than all
//! else takes. So many rows are first dealt into piles, each row into one at random, and then every pile is shuffled by itself,
//! in a cache and on any thread. One pile after the other is a uniformly random order as well (Rao 1961, Sandelius
//! 1962).

use std::thread;

use crate::kernels::gather::prefetch;
use crate::random::{Purpose, Sequence, Stream};

/// As many rows as stay in a cache are one pile.
const FEW: usize = 1 << 20;
/// Piles of more rows; one byte chooses among them.
const PILES: usize = 1 << 8;
/// Rows of a pile that are asked for ahead: the next cache line.
const AHEAD: usize = 16;

/// Fills `order` with the numbers below its length, in an order that is a function of seed and epoch, whatever the
/// number of threads. What is random beside it comes from the sequence that it returns.
pub(crate) fn shuffle(seed: u64, epoch: usize, threads: usize, order: &mut [u32]) -> Sequence {
    let stream = |pile: usize| {
        let substream = (pile as u64) << 32 | epoch as u64;
        Stream::new(seed, Purpose::Shuffle, substream).sequence()
    };
    if order.len() <= FEW {
        order
            .iter_mut()
            .zip(0..)
            .for_each(|(place, row)| *place = row);
        let mut random = stream(0);
        random.shuffle(order);
        return random;
    }
    let rows = order.len() as u32;
    let mut sizes = [0; PILES];
    deal(stream(0), rows, |_, pile| sizes[pile] += 1);
    let mut ends = [0; PILES];
    for pile in 1..PILES {
        ends[pile] = ends[pile - 1] + sizes[pile - 1];
    }
    let after = deal(stream(0), rows, |row, pile| {
        let place = ends[pile];
        order[place] = row;
        prefetch(order.get(place + AHEAD..=place + AHEAD).unwrap_or_default());
        ends[pile] += 1;
    });
    let mut rest = order;
    let mut piles: Vec<(usize, &mut [u32])> = Vec::with_capacity(PILES);
    for (pile, size) in sizes.into_iter().enumerate() {
        let (own, others) = rest.split_at_mut(size);
        piles.push((pile + 1, own));
        rest = others;
    }
    let shuffle_all = |piles: &mut [(usize, &mut [u32])]| {
        for (number, pile) in piles {
            stream(*number).shuffle(pile);
        }
    };
    let (own, others) = piles.split_at_mut(PILES / threads.max(1));
    thread::scope(|scope| {
        for part in others.chunks_mut(PILES.div_ceil(threads.max(1))) {
            scope.spawn(|| shuffle_all(part));
        }
        shuffle_all(own);
    });
    after
}

/// Tells for each of so many rows into which pile it comes, and returns what is left of the random numbers.
fn deal(mut random: Sequence, rows: u32, mut tell: impl FnMut(u32, usize)) -> Sequence {
    for first in (0..rows).step_by(4) {
        let piles = random.next_u32().to_le_bytes();
        for (row, pile) in (first..rows).zip(piles) {
            tell(row, usize::from(pile));
        }
    }
    random
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
    /// likely as every other, so 330 is five deviations away. Neighbours in the order are a second such table.
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
