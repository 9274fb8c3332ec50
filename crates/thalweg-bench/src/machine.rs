//! The limits of the machine, measured: multiply-adds in registers, and reads of memory.

use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use thalweg_core::precision::Dtype;
use thalweg_core::{Isa, probe};

/// How long measurements take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// For results.
    Full,
    /// To check that everything runs.
    Quick,
}

/// The peak rates of all threads together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// Threads that worked.
    pub threads: usize,
    /// 10⁹ operations a second in single precision.
    pub f32_gflops: f64,
    /// 10⁹ operations a second in double precision.
    pub f64_gflops: f64,
    /// 10⁹ operations a second of products of bf16 numbers; 0 where they are no instruction.
    pub bf16_gflops: f64,
    /// 10⁹ bytes a second read from memory.
    pub gigabytes: f64,
}

impl Limits {
    /// Measures them, with the instruction set that the engine uses; the best of a few runs each.
    pub fn measure(threads: usize, clock: Clock) -> Self {
        let isa = Isa::detect();
        Self {
            threads,
            f32_gflops: gflops(threads, clock, |n| probe::multiply_adds::<f32>(isa, n)),
            f64_gflops: gflops(threads, clock, |n| probe::multiply_adds::<f64>(isa, n)),
            bf16_gflops: gflops(threads, clock, |n| probe::bf16_dots(isa, n)),
            gigabytes: gigabytes(isa, threads, clock),
        }
    }

    /// The arithmetic peak of a precision, in 10⁹ operations a second.
    pub fn gflops(&self, dtype: Dtype) -> f64 {
        match dtype {
            Dtype::F32 => self.f32_gflops,
            Dtype::F64 => self.f64_gflops,
            // Without an instruction, pairs go through multiply-adds.
            Dtype::Bf16 => self.bf16_gflops.max(self.f32_gflops),
        }
    }
}

/// The processor's name, where the system has it.
pub fn processor() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    name.map_or("unknown processor".to_owned(), |(_, name)| {
        name.trim().to_owned()
    })
}

/// Threads spin this long before they start, so that the scheduler moves them to cores of their own.
const SPIN: Duration = Duration::from_millis(10);

/// Runs `work` on `threads` threads at the same time, each with operands of its own, and returns the amount a
/// second: the sum of what they return, by the time from the first start to the last end.
pub fn together<P>(
    threads: usize,
    prepare: impl Fn() -> P + Sync,
    work: impl Fn(&mut P) -> usize + Sync,
) -> f64 {
    let waiting = AtomicUsize::new(threads);
    let timed = || {
        let mut prepared = prepare();
        let awake = Instant::now();
        while awake.elapsed() < SPIN {
            std::hint::spin_loop();
        }
        waiting.fetch_sub(1, Ordering::AcqRel);
        while waiting.load(Ordering::Acquire) > 0 {
            std::thread::yield_now();
        }
        let start = Instant::now();
        let amount = work(&mut prepared);
        (start, Instant::now(), amount)
    };
    let runs: Vec<_> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(timed)).collect();
        workers
            .into_iter()
            .filter_map(|worker| worker.join().ok())
            .collect()
    });
    let start = runs.iter().map(|&(start, ..)| start).min();
    let end = runs.iter().map(|&(_, end, _)| end).max();
    let amount: usize = runs.iter().map(|&(.., amount)| amount).sum();
    match (start, end) {
        (Some(start), Some(end)) => amount as f64 / (end - start).as_secs_f64(),
        _ => f64::NAN,
    }
}

/// The best of some runs, in 10⁹.
fn best(repeats: usize, measure: impl Fn() -> f64) -> f64 {
    (0..repeats).map(|_| measure() / 1e9).fold(0.0, f64::max)
}

/// `work` does so many iterations and returns its operations.
fn gflops(threads: usize, clock: Clock, work: impl Fn(usize) -> usize + Sync) -> f64 {
    let (iterations, repeats) = match clock {
        Clock::Full => (20_000_000, 8),
        Clock::Quick => (200_000, 2),
    };
    let work = |(): &mut ()| work(iterations);
    best(repeats, || together(threads, || (), work))
}

/// Every thread reads memory of its own, together more than caches hold.
fn gigabytes(isa: Isa, threads: usize, clock: Clock) -> f64 {
    let (bytes, repeats) = match clock {
        Clock::Full => (512 << 20, 5),
        Clock::Quick => (64 << 20, 2),
    };
    let words = (bytes / 8 / threads).max(1);
    // Written, so that there is memory behind it.
    let memory = || vec![black_box(1u64); words];
    let read = |memory: &mut Vec<u64>| {
        black_box(probe::read(isa, black_box(memory)));
        8 * words
    };
    best(repeats, || together(threads, memory, read))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_threads_work_and_their_amounts_add_up() {
        let next = AtomicUsize::new(1);
        let prepare = || next.fetch_add(1, Ordering::Relaxed);
        let rate = together(3, prepare, |amount| {
            std::thread::sleep(Duration::from_millis(20));
            *amount
        });
        // 1 + 2 + 3 in 20 ms at least.
        assert!(rate > 0.0 && rate <= 300.0, "{rate}");
    }
}
