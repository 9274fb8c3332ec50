//! The machine's fp32 peak: independent multiply-adds in registers, on as many threads as asked.
//!
//! Twelve accumulators hide the latency of a fused multiply-add (4 cycles × 2 a cycle = 8 in flight). The
//! product of the loop converges to a fixed point, so no number becomes infinite or subnormal.

use std::hint::black_box;
use std::sync::Barrier;
use std::time::Instant;

use crate::Result;

const ACCUMULATORS: usize = 12;
const ITERATIONS: usize = 20_000_000;
const REPEATS: usize = 5;

/// Prints the peak of `threads` threads together in GFLOP/s, the best of a few runs.
pub fn print(threads: &str) -> Result<()> {
    let threads: usize = threads
        .parse()
        .map_err(|_| format!("bench-peak: `{threads}` is no number"))?;
    let best = (0..REPEATS).map(|_| measure(threads)).fold(0.0, f64::max);
    println!("{best}");
    Ok(())
}

/// From the first thread's start to the last one's end: the caller's clock would miss a late wake-up.
fn measure(threads: usize) -> f64 {
    let barrier = Barrier::new(threads);
    let work = || {
        barrier.wait();
        let start = Instant::now();
        let flops = multiply_adds(black_box(0.5), black_box(0.25));
        (start, Instant::now(), flops)
    };
    let runs: Vec<_> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers
            .into_iter()
            .filter_map(|worker| worker.join().ok())
            .collect()
    });
    let start = runs.iter().map(|&(start, ..)| start).min();
    let end = runs.iter().map(|&(_, end, _)| end).max();
    let flops: usize = runs.iter().map(|&(.., flops)| flops).sum();
    match (start, end) {
        (Some(start), Some(end)) => flops as f64 / (end - start).as_secs_f64() / 1e9,
        _ => 0.0,
    }
}

/// Runs the loop with the widest registers there are; returns the number of operations.
fn multiply_adds(a: f32, b: f32) -> usize {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f") {
            // SAFETY: the CPU has AVX-512F.
            return unsafe { multiply_adds_avx512(a, b) };
        }
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            // SAFETY: the CPU has AVX2 and FMA.
            return unsafe { multiply_adds_avx2(a, b) };
        }
    }
    portable::<4>(a, b)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn multiply_adds_avx512(a: f32, b: f32) -> usize {
    use std::arch::x86_64::{_mm512_fmadd_ps, _mm512_set1_ps};
    let (a, b) = (_mm512_set1_ps(a), _mm512_set1_ps(b));
    let mut x = [_mm512_set1_ps(1.0); ACCUMULATORS];
    for _ in 0..ITERATIONS {
        for x in &mut x {
            *x = _mm512_fmadd_ps(*x, a, b);
        }
    }
    black_box(x);
    2 * 16 * ACCUMULATORS * ITERATIONS
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn multiply_adds_avx2(a: f32, b: f32) -> usize {
    use std::arch::x86_64::{_mm256_fmadd_ps, _mm256_set1_ps};
    let (a, b) = (_mm256_set1_ps(a), _mm256_set1_ps(b));
    let mut x = [_mm256_set1_ps(1.0); ACCUMULATORS];
    for _ in 0..ITERATIONS {
        for x in &mut x {
            *x = _mm256_fmadd_ps(*x, a, b);
        }
    }
    black_box(x);
    2 * 8 * ACCUMULATORS * ITERATIONS
}

/// Plain code that compilers vectorize to `WIDTH` lanes where the target has them.
fn portable<const WIDTH: usize>(a: f32, b: f32) -> usize {
    let mut x = [[1.0f32; WIDTH]; ACCUMULATORS];
    for _ in 0..ITERATIONS {
        for lane in x.iter_mut().flatten() {
            *lane = *lane * a + b;
        }
    }
    black_box(x);
    2 * WIDTH * ACCUMULATORS * ITERATIONS
}
