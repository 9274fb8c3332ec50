//! Gathering rows that lie far apart.

/// Bytes that are asked for ahead of the row being copied.
const AHEAD: usize = 4096;

/// Copies the rows `row(0)`, `row(1)`, … of `width` values each to places `stride` apart, converting each
/// value.
///
/// # Panics
/// If a row is not in `from`.
pub fn rows<S: Copy, T>(
    from: &[S],
    width: usize,
    row: impl Fn(usize) -> usize,
    to: &mut [T],
    stride: usize,
    convert: impl Fn(S) -> T,
) {
    let count = to.len() / stride;
    let ahead = AHEAD.div_ceil(width * size_of::<S>()).max(1);
    let find = |position| &from[row(position) * width..][..width];
    for position in 0..ahead.min(count) {
        prefetch(find(position));
    }
    for (position, to) in to.chunks_exact_mut(stride).enumerate() {
        if position + ahead < count {
            prefetch(find(position + ahead));
        }
        for (to, from) in to.iter_mut().zip(find(position)) {
            *to = convert(*from);
        }
    }
}

/// Asks for a slice to be brought into the cache. A hint: nothing depends on it.
#[inline(always)]
fn prefetch<S>(slice: &[S]) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        let start = slice.as_ptr().cast::<i8>();
        for offset in (0..size_of_val(slice)).step_by(64) {
            // SAFETY: a prefetch reads nothing that the program sees, and the address is in the slice.
            unsafe { _mm_prefetch(start.add(offset), _MM_HINT_T0) };
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = slice;
}
