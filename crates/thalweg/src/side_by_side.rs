//! Several pieces of work at the same time, each on its share of the threads.

use std::panic::resume_unwind;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::error::Result;

/// What `work` makes of 0, …, `count` − 1, in this order. Each call gets a number and how many
/// threads it may use: one where there are as many pieces as threads. After a piece that gives none
/// no other is begun.
///
/// # Errors
/// That of the first piece that fails.
pub(crate) fn side_by_side<T: Send>(
    count: usize,
    threads: usize,
    work: impl Fn(usize, usize) -> Result<Option<T>> + Sync,
) -> Result<Vec<Option<T>>> {
    let workers = threads.min(count).max(1);
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let all = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                return;
            }
            let result = work(number, (threads / workers).max(1));
            if !matches!(result, Ok(Some(_))) {
                next.store(count, Ordering::Relaxed);
            }
            let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
            done.push((number, result));
        }
    };
    if workers == 1 {
        all();
    } else {
        thread::scope(|scope| {
            let handles: Vec<_> = (0..workers).map(|_| scope.spawn(all)).collect();
            for handle in handles {
                if let Err(panic) = handle.join() {
                    resume_unwind(panic);
                }
            }
        });
    }
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(number, _)| *number);
    let mut all: Vec<Option<T>> = (0..count).map(|_| None).collect();
    for (number, result) in done {
        all[number] = result?;
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::running;

    #[test]
    fn results_come_in_order_and_each_piece_has_its_share_of_the_threads() {
        for threads in [1, 2, 7, 20] {
            let pieces = side_by_side(7, threads, |number, share| Ok(Some((number, share))));
            let share = match threads {
                20 => 2,
                _ => 1,
            };
            let expected: Vec<_> = (0..7).map(|number| Some((number, share))).collect();
            assert_eq!(pieces.unwrap(), expected);
        }
    }

    #[test]
    fn the_first_failure_ends_all() {
        let calls = AtomicUsize::new(0);
        let result = side_by_side(1000, 2, |number, _| {
            calls.fetch_add(1, Ordering::Relaxed);
            match number {
                3 => Err(running("third".to_owned())),
                _ => Ok(Some(number)),
            }
        });
        assert_eq!(result.unwrap_err().to_string(), "third");
        assert!(calls.into_inner() < 1000);
        let stopped = side_by_side(5, 1, |number, _| Ok((number < 2).then_some(number)));
        assert_eq!(stopped.unwrap(), [Some(0), Some(1), None, None, None]);
    }
}
