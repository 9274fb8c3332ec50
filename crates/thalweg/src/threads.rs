//! How many threads a run or a model uses; no result depends on it.

/// The threads to use: as many as wanted, else all of the machine's.
pub fn threads_or_all(threads: Option<usize>) -> usize {
    threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, |n| n.get().min(1024)))
}
