//! Rows: gathering scattered rows, and clearing.
//!
//! Rows come in the order of a shuffle, so nothing but the list of their numbers says where the
//! next one lies. While a row is copied, the one at the same position of a later block is asked
//! for, so that requests to memory are spread over the copying.

use super::isa::{Isa, Kernel};
use super::simd::{Arch, Scalar};
use crate::shape::ROW_MULTIPLE;

/// Bytes that come at once.
#[cfg(target_arch = "x86_64")]
const LINE: usize = 64;

/// Copies rows of `width` values each to places `stride` apart, converting each value.
pub struct Gather<'a, S, T, R, C> {
    /// Row-major values.
    pub from: &'a [S],
    /// Values a row.
    pub width: usize,
    /// The numbers of the rows.
    pub rows: R,
    /// The numbers of the rows that will be gathered next, if any: they are prefetched.
    pub next: &'a [u32],
    /// Where the rows go, and how far apart.
    pub to: &'a mut [T],
    /// See `to`.
    pub stride: usize,
    /// What becomes of a value.
    pub convert: C,
}

impl<S: Copy, T, R: Iterator<Item = usize>, C: Fn(S) -> T> Gather<'_, S, T, R, C> {
    /// Gathers as many rows as `to` has room for.
    ///
    /// # Panics
    /// If a row is not in `from`.
    pub fn run(self, isa: Isa) {
        isa.run(self);
    }
}

impl<S: Copy, T, R: Iterator<Item = usize>, C: Fn(S) -> T> Kernel for Gather<'_, S, T, R, C> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arch>(self) {
        let (from, width, convert) = (self.from, self.width, self.convert);
        let mut next = self.next.iter();
        if width == 1 && self.stride == 1 {
            for (to, row) in self.to.iter_mut().zip(self.rows) {
                if let Some(next) = next.next() {
                    prefetch(
                        from.get(*next as usize..=*next as usize)
                            .unwrap_or_default(),
                    );
                }
                *to = convert(from[row]);
            }
            return;
        }
        for (to, row) in self.to.chunks_exact_mut(self.stride).zip(self.rows) {
            if let Some(next) = next.next() {
                let next = *next as usize * width;
                prefetch(from.get(next..next + width).unwrap_or_default());
            }
            let from = &from[row * width..][..width];
            convert_row(from, &mut to[..width], &convert);
        }
    }
}

/// Converts a short row in pieces of fixed sizes, which become vector instructions and not a call.
/// The last piece may overlap the one before it. A long one is a loop, in which narrow numbers fill
/// vectors as well.
#[inline(always)]
fn convert_row<S: Copy, T>(from: &[S], to: &mut [T], convert: impl Fn(S) -> T) {
    if from.len() > LONG
        || !convert_pieces::<16, S, T>(from, to, &convert)
            && !convert_pieces::<4, S, T>(from, to, &convert)
    {
        for (to, from) in to.iter_mut().zip(from) {
            *to = convert(*from);
        }
    }
}

/// Rows of more values than this are long.
const LONG: usize = 128;

/// Converts pieces of N values; none if there is less than one.
#[inline(always)]
fn convert_pieces<const N: usize, S: Copy, T>(
    from: &[S],
    to: &mut [T],
    convert: impl Fn(S) -> T,
) -> bool {
    let (Some(last), Some(last_to)) = (from.last_chunk::<N>(), to.last_chunk_mut::<N>()) else {
        return false;
    };
    *last_to = last.map(&convert);
    for (to, from) in (to.as_chunks_mut::<N>().0.iter_mut()).zip(from.as_chunks::<N>().0) {
        *to = from.map(&convert);
    }
    true
}

/// 0 into rows, `stride` apart, of which `width` values each will be written, if they have padding;
/// one line without a call.
#[inline(always)]
pub fn clear<T: Scalar>(rows: &mut [T], stride: usize, width: usize) {
    if stride == width {
        return;
    }
    match rows.as_chunks_mut::<ROW_MULTIPLE>() {
        ([line], []) => *line = [T::ZERO; _],
        _ => rows.fill(T::ZERO),
    }
}

/// Prefetches a row into the second-level cache: close enough, and more of such requests can be
/// on their way than the first one takes. A hint: no result depends on it.
#[inline(always)]
pub fn prefetch<S>(row: &[S]) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        let start = row.as_ptr().cast::<i8>();
        let bytes = size_of_val(row);
        let mut offset = 0;
        while offset < bytes {
            // SAFETY: a prefetch reads nothing that the program sees, and the address is in the row.
            unsafe { _mm_prefetch(start.add(offset), _MM_HINT_T1) };
            offset += LINE;
        }
        // A row that does not begin on a line may end on one more. Which do differs from row to
        // row, and guessing it wrong would cost more than to ask for the same line twice.
        // SAFETY: as above; of an empty row this is the byte before, which is not read either.
        unsafe { _mm_prefetch(start.wrapping_add(bytes).wrapping_sub(1), _MM_HINT_T1) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = row;
}

/// Asks for a value that will be wanted soon, by way of nothing but the first-level cache.
#[inline(always)]
pub fn prefetch_value<S>(value: &S) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch reads nothing that the program sees.
        unsafe { _mm_prefetch(std::ptr::from_ref(value).cast(), _MM_HINT_T0) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = value;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_arrive_in_the_order_that_was_asked_for_on_every_path() {
        for isa in Isa::available() {
            for width in [1, 3, 16, 30, 128, 131] {
                let from: Vec<u8> = (0..10 * width).map(|i| (i % 251) as u8).collect();
                let order = [7, 0, 9, 9, 2];
                let stride = width + 5;
                let mut to = vec![-1.0f32; order.len() * stride];
                Gather {
                    from: &from,
                    width,
                    rows: order.iter().map(|row| *row as usize),
                    next: &order[1..],
                    to: &mut to,
                    stride,
                    convert: |byte| f32::from(byte) + 0.5,
                }
                .run(isa);
                for (row, to) in order.iter().zip(to.chunks_exact(stride)) {
                    let row = *row as usize;
                    for (j, value) in to[..width].iter().enumerate() {
                        assert_eq!(*value, f32::from(from[row * width + j]) + 0.5);
                    }
                    assert!(to[width..].iter().all(|padding| *padding == -1.0));
                }
            }
        }
    }
}
