//! Several processes, or several engines of one, that train one network: each takes its part of
//! every batch, and sums are taken over all of them between gradient and update.
//!
//! A [`Collective`] is one process's end: its rank, how many there are, and a sum over all ranks.
//! All of them call its methods in the same order. [`threads`] makes one for engines in threads of
//! one process.
//!
//! Sums go along a balanced binary tree, x₀ + x₁ for two and (x₀ + x₁) + (x₂ + x₃) for four ranks.
//! A batch whose rows are cut into groups ([`crate::spec::Batches::groups`]) is summed along the
//! tree of its groups, of which the tree of ranks is the top; so one rank and several end in the
//! same bits.

use std::io;
use std::ops::{AddAssign, Range};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use crate::error::{Error, Result};

/// One process's end of a group of processes.
pub trait Collective: Send {
    /// This process, from 0.
    fn rank(&self) -> usize;

    /// How many processes there are: a power of two.
    fn size(&self) -> usize;

    /// Replaces every value by its sum over all ranks, each sum along the same balanced binary
    /// tree: the same bits on every rank.
    ///
    /// # Errors
    /// If a rank has left, another contributes another number of values, or cannot be reached.
    fn all_reduce_f32(&mut self, values: &mut [f32]) -> Result<()>;

    /// The same in double precision.
    ///
    /// # Errors
    /// As [`Collective::all_reduce_f32`].
    fn all_reduce_f64(&mut self, values: &mut [f64]) -> Result<()>;

    /// Takes part in no further sum; ranks that wait stop with an error. Called when a step panics.
    fn leave(&mut self) {}
}

/// A scalar whose sums over ranks can be taken.
pub(crate) trait AllReduce: Sized {
    /// See [`Collective::all_reduce_f32`].
    fn all_reduce(collective: &mut dyn Collective, values: &mut [Self]) -> Result<()>;
}

impl AllReduce for f32 {
    fn all_reduce(collective: &mut dyn Collective, values: &mut [Self]) -> Result<()> {
        collective.all_reduce_f32(values)
    }
}

impl AllReduce for f64 {
    fn all_reduce(collective: &mut dyn Collective, values: &mut [Self]) -> Result<()> {
        collective.all_reduce_f64(values)
    }
}

/// The part number `index` of so many `rows` that are cut into `parts`: the halves of halves, each
/// rounded down on the left. Ranks take the parts of a batch so, and groups those of a rank.
pub fn part(rows: usize, mut index: usize, mut parts: usize) -> Range<usize> {
    let (mut start, mut length) = (0, rows);
    while parts > 1 {
        let left = parts / 2;
        let cut = length * left / parts;
        if index < left {
            (length, parts) = (cut, left);
        } else {
            (start, length) = (start + cut, length - cut);
            (index, parts) = (index - left, parts - left);
        }
    }
    start..start + length
}

/// The only process.
#[derive(Debug, Clone, Copy)]
pub struct Alone;

impl Collective for Alone {
    fn rank(&self) -> usize {
        0
    }

    fn size(&self) -> usize {
        1
    }

    fn all_reduce_f32(&mut self, _: &mut [f32]) -> Result<()> {
        Ok(())
    }

    fn all_reduce_f64(&mut self, _: &mut [f64]) -> Result<()> {
        Ok(())
    }
}

/// The ends of a group of so many threads of this process, one for the engine of each thread.
///
/// # Errors
/// If `size` is not a power of two.
pub fn threads(size: usize) -> Result<Vec<Threads>> {
    if !size.is_power_of_two() {
        return Err(Error::invalid(
            "collective",
            format!("{size} ranks"),
            "a power of two",
        ));
    }
    let shared = Arc::new(Shared::default());
    Ok((0..size)
        .map(|rank| Threads {
            rank,
            size,
            shared: Arc::clone(&shared),
        })
        .collect())
}

/// One of the ends that [`threads`] makes. When it is dropped, its rank leaves: sums of the others
/// are errors.
#[derive(Debug)]
pub struct Threads {
    rank: usize,
    size: usize,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    exchange: Mutex<Exchange>,
    changed: Condvar,
}

/// Values on their way between ranks.
#[derive(Debug, Default)]
struct Exchange {
    /// Of each rank, in single and in double precision; after a sum that of rank 0 has it.
    singles: Vec<Vec<f32>>,
    doubles: Vec<Vec<f64>>,
    /// Ranks that have contributed their values, and those that have yet to take the sum.
    contributed: usize,
    taken: usize,
    /// Whether the values fit each other.
    fits: bool,
    /// A rank that has left.
    left: Option<usize>,
}

impl Exchange {
    /// Whether all ranks take part.
    fn check(&self) -> Result<()> {
        let Some(rank) = self.left else {
            return Ok(());
        };
        let message = format!("rank {rank} left the collective; all ranks must take part");
        Err(io::Error::new(io::ErrorKind::ConnectionAborted, message).into())
    }
}

impl Threads {
    /// Waits until `done`.
    fn wait<'a>(
        &self,
        mut exchange: MutexGuard<'a, Exchange>,
        done: impl Fn(&Exchange) -> bool,
    ) -> Result<MutexGuard<'a, Exchange>> {
        while !done(&exchange) {
            exchange.check()?;
            exchange =
                (self.shared.changed.wait(exchange)).unwrap_or_else(|lock| lock.into_inner());
        }
        Ok(exchange)
    }

    fn sum<T: Copy + AddAssign>(
        &self,
        values: &mut [T],
        slots: fn(&mut Exchange) -> &mut Vec<Vec<T>>,
    ) -> Result<()> {
        let lock = self.shared.exchange.lock();
        let exchange = lock.unwrap_or_else(|lock| lock.into_inner());
        // Until everyone has taken the sum before this one.
        let mut exchange = self.wait(exchange, |exchange| exchange.taken == 0)?;
        exchange.check()?;
        let slots_here = slots(&mut exchange);
        slots_here.resize_with(self.size, Vec::new);
        slots_here[self.rank].clear();
        slots_here[self.rank].extend_from_slice(values);
        exchange.contributed += 1;
        if exchange.contributed == self.size {
            let all = slots(&mut exchange);
            let fits = all.iter().all(|slot| slot.len() == values.len());
            if fits {
                add_up(all);
            }
            exchange.fits = fits;
            exchange.taken = self.size;
            exchange.contributed = 0;
            self.shared.changed.notify_all();
        }
        let mut exchange = self.wait(exchange, |exchange| exchange.taken > 0)?;
        let fits = exchange.fits;
        if fits {
            values.copy_from_slice(&slots(&mut exchange)[0]);
        }
        exchange.taken -= 1;
        if exchange.taken == 0 {
            slots(&mut exchange).iter_mut().for_each(Vec::clear);
            self.shared.changed.notify_all();
        }
        match fits {
            true => Ok(()),
            false => {
                let found = "another number of values on another rank";
                Err(Error::invalid(
                    "collective",
                    found,
                    "the same network on all",
                ))
            }
        }
    }
}

/// Leaves the sum of all in the first, along a balanced binary tree.
fn add_up<T: Copy + AddAssign>(all: &mut [Vec<T>]) {
    if all.len() > 1 {
        let (left, right) = all.split_at_mut(all.len() / 2);
        add_up(left);
        add_up(right);
        for (sum, value) in left[0].iter_mut().zip(&right[0]) {
            *sum += *value;
        }
    }
}

impl Collective for Threads {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.size
    }

    fn all_reduce_f32(&mut self, values: &mut [f32]) -> Result<()> {
        self.sum(values, |exchange| &mut exchange.singles)
    }

    fn all_reduce_f64(&mut self, values: &mut [f64]) -> Result<()> {
        self.sum(values, |exchange| &mut exchange.doubles)
    }

    fn leave(&mut self) {
        let lock = self.shared.exchange.lock();
        let mut exchange = lock.unwrap_or_else(|lock| lock.into_inner());
        exchange.left = Some(self.rank);
        self.shared.changed.notify_all();
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.leave();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_the_rows_in_order_and_those_of_parts_are_those_of_all() {
        for rows in 0..70 {
            for parts in [1, 2, 3, 4, 6, 8, 12] {
                let all: Vec<_> = (0..parts).map(|index| part(rows, index, parts)).collect();
                assert!((0..rows).eq(all.iter().cloned().flatten()));
                let most = all.iter().map(|part| part.len()).max().unwrap();
                assert!(most <= rows.div_ceil(parts), "{rows} rows, {parts} parts");
                for ranks in [2, 4].into_iter().filter(|ranks| parts % ranks == 0) {
                    let inner = parts / ranks;
                    for (index, expected) in all.iter().enumerate() {
                        let rank = part(rows, index / inner, ranks);
                        let group = part(rank.len(), index % inner, inner);
                        let group = rank.start + group.start..rank.start + group.end;
                        assert_eq!(
                            group, *expected,
                            "{rows} rows, {parts} parts, {ranks} ranks"
                        );
                    }
                }
            }
        }
    }

    /// Runs a job on every rank, in threads, and gives what each returns.
    fn on_all<R: Send>(size: usize, job: impl Fn(Threads) -> R + Sync) -> Vec<R> {
        let job = &job;
        std::thread::scope(|scope| {
            let ends = threads(size).unwrap().into_iter();
            let handles: Vec<_> = ends.map(|end| scope.spawn(move || job(end))).collect();
            handles
                .into_iter()
                .map(|handle| handle.join().unwrap())
                .collect()
        })
    }

    #[test]
    fn sums_go_along_a_tree_and_are_the_same_on_all_ranks() {
        // 1 + 2⁻²⁴ + 2⁻²⁴ is 1 from the left, and more along a tree whose right half is the small
        // ones.
        let values = [1.0f32, 0.0, 2.0f32.powi(-24), 2.0f32.powi(-24)];
        let tree = (values[0] + values[1]) + (values[2] + values[3]);
        assert_ne!(tree, values.iter().sum::<f32>());
        for sums in on_all(4, |mut end| {
            let mut sums = [values[end.rank()], 1.0];
            (0..50).for_each(|_| {
                sums = [values[end.rank()], end.rank() as f32];
                end.all_reduce_f32(&mut sums).unwrap();
            });
            let mut doubles = [0.5 * end.rank() as f64];
            end.all_reduce_f64(&mut doubles).unwrap();
            assert_eq!(doubles, [3.0]);
            sums
        }) {
            assert_eq!(sums, [tree, 6.0]);
        }
    }

    #[test]
    fn no_rank_waits_for_one_that_has_left_and_lengths_must_agree() {
        let errors = on_all(2, |mut end| match end.rank() {
            0 => None,
            // Now and in every later sum.
            _ => Some([(); 3].map(|()| end.all_reduce_f64(&mut [1.0]).unwrap_err().to_string())),
        });
        let message = "rank 0 left the collective; all ranks must take part".to_owned();
        assert_eq!(errors, [None, Some([(); 3].map(|()| message.clone()))]);
        let errors = on_all(2, |mut end| {
            let mut values = vec![1.0; 1 + end.rank()];
            let error = end.all_reduce_f64(&mut values).unwrap_err().to_string();
            // What follows works again.
            end.all_reduce_f64(&mut values[..1]).unwrap();
            error
        });
        assert!(
            errors
                .iter()
                .all(|error| error.contains("another number of values"))
        );
        assert!(threads(3).is_err() && threads(0).is_err());
    }
}
