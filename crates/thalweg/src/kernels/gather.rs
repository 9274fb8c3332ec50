//! Gathering rows that lie far apart.

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
    for (position, to) in to.chunks_exact_mut(stride).enumerate() {
        for (to, from) in to.iter_mut().zip(&from[row(position) * width..][..width]) {
            *to = convert(*from);
        }
    }
}

/// [`rows`] of a single value each, without gaps.
///
/// # Panics
/// If a row is not in `from`.
pub fn column<S: Copy, T>(
    from: &[S],
    row: impl Fn(usize) -> usize,
    to: &mut [T],
    convert: impl Fn(S) -> T,
) {
    for (position, to) in to.iter_mut().enumerate() {
        *to = convert(from[row(position)]);
    }
}

/// Asks for rows that will be gathered soon to be brought near. A hint: no result depends on it.
///
/// # Panics
/// If a row is not in `from`.
pub fn prefetch<S>(from: &[S], width: usize, rows: impl Iterator<Item = usize>) {
    #[cfg(target_arch = "x86_64")]
    for row in rows {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        let row = &from[row * width..][..width];
        let start = row.as_ptr().cast::<i8>();
        for offset in (0..size_of_val(row)).step_by(LINE) {
            // SAFETY: a prefetch reads nothing that the program sees, and the address is in the row.
            unsafe { _mm_prefetch(start.add(offset), _MM_HINT_T0) };
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (from, width, rows);
}

/// Bytes that come at once.
#[cfg(target_arch = "x86_64")]
const LINE: usize = 64;
