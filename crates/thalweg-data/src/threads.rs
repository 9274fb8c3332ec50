//! The same for many items, on all threads of the machine.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// With fewer rows starting a thread takes longer than going over them.
const ROWS: usize = 10_000;

/// How many threads the process may use.
pub fn available() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// How many threads go over so many rows.
pub fn for_rows(rows: usize) -> usize {
    if rows < ROWS { 1 } else { available() }
}

/// What `make` makes of each item, in their order, on so many threads; a panic in one is one here.
pub fn map<I: Send, R: Send>(
    threads: usize,
    items: impl Iterator<Item = I> + Send,
    make: impl Fn(I) -> R + Sync,
) -> Vec<R> {
    let (items, made) = (Mutex::new(items.enumerate()), Mutex::new(Vec::new()));
    let work = || {
        let next = || lock(&items).next();
        while let Some((i, item)) = next() {
            let one = make(item);
            lock(&made).push((i, one));
        }
    };
    std::thread::scope(|scope| {
        (1..threads).for_each(|_| drop(scope.spawn(work)));
        work();
    });
    let mut made = made.into_inner().unwrap_or_else(PoisonError::into_inner);
    made.sort_by_key(|(i, _)| *i);
    made.into_iter().map(|(_, one)| one).collect()
}

/// Holds what a thread that panicked held, too: all panics end in one of the caller.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_is_made_stands_in_the_order_of_the_items() {
        for threads in [1, 3, 20] {
            let squares = super::map(threads, 0..1000, |i| i * i);
            assert!(
                squares.into_iter().eq((0..1000).map(|i| i * i)),
                "{threads}"
            );
        }
    }
}
